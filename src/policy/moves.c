/* A matrix of moves. */
#include "policy/moves.h"

static int place_named(struct moves *m, struct slice name) {
	for (int i = 0; i < m->count; i++)
		if (slice_eq(m->names[i], name)) return i;
	m->names[m->count] = name;
	return m->count++;
}

void moves_init(struct moves *m, const struct slice *old_regions, int old_count,
                const struct policy *new_policy) {
	memset(m, 0, sizeof *m);
	for (int i = 0; i < old_count; i++) m->old_places[i] = place_named(m, old_regions[i]);
	for (int i = 0; i < new_policy->region_count; i++)
		m->new_places[i] = place_named(m, slice_str(new_policy->regions[i].name));
	/* Names of regions have no parentheses. */
	m->hold = place_named(m, SLICE_LIT("(hold)"));
	m->refuse = place_named(m, SLICE_LIT("(refuse)"));
	m->unknown = place_named(m, SLICE_LIT("(unknown)"));
}

enum err moves_add_region(struct moves *m, struct slice name, int *place) {
	int at = *place = m->hold;
	for (int i = 0; i < at; i++)
		if (slice_eq(m->names[i], name)) *place = i;
	if (*place < at) return ERR_OK;
	if (m->count == MOVES_PLACES_MAX) return ERR_TOO_MANY;
	size_t moved = (size_t)(m->count - at);
	memmove(&m->names[at + 1], &m->names[at], moved * sizeof *m->names);
	m->names[at] = name;
	for (int i = 0; i < m->count; i++) {
		memmove(&m->counts[i][at + 1], &m->counts[i][at], moved * sizeof **m->counts);
		m->counts[i][at] = 0;
	}
	memmove(m->counts[at + 1], m->counts[at], moved * sizeof *m->counts);
	memset(m->counts[at], 0, sizeof *m->counts);
	m->count++;
	m->hold++;
	m->refuse++;
	m->unknown++;
	return ERR_OK;
}

int moves_place(const struct moves *m, const int *places, enum verdict verdict, int region) {
	if (verdict == VERDICT_HOLD) return m->hold;
	if (verdict == VERDICT_REFUSE || region < 0) return m->refuse;
	return places[region];
}

uint64_t moves_total(const struct moves *m) {
	uint64_t sum = 0;
	for (int i = 0; i < m->count; i++)
		for (int j = 0; j < m->count; j++) sum += m->counts[i][j];
	return sum;
}

uint64_t moves_moved(const struct moves *m) {
	uint64_t sum = moves_total(m);
	for (int i = 0; i < m->count; i++) sum -= m->counts[i][i];
	return sum;
}
