/* A recording decided again. */
#include "policy/replay.h"

#include <stdlib.h>

/* One policy and how the recording's numbers are its own; -1: it has no such thing. */
struct names_map {
	int32_t *to;
	uint32_t count, cap;
};
struct replay_side {
	const struct policy *policy;
	struct whatif world;
	int regions[POLICY_REGIONS_MAX];
	struct names_map tenants, cells;
	struct decision decision;
};

/* What a cell's replicas were: lags are told in their order. */
struct recorded_cell {
	int replicas[POLICY_REPLICAS_MAX], count;
};

static enum err map_add(struct names_map *m, int index) {
	if (m->count == m->cap) {
		uint32_t cap = m->cap ? m->cap * 2 : 256;
		int32_t *to = realloc(m->to, cap * sizeof *to);
		if (!to) return ERR_NO_MEMORY;
		m->to = to;
		m->cap = cap;
	}
	m->to[m->count++] = index;
	return ERR_OK;
}

static enum err side_new(const struct recording *rec, const struct policy *p,
                         struct replay_side **out) {
	struct replay_side *s = *out = calloc(1, sizeof *s);
	if (!s) return ERR_NO_MEMORY;
	s->policy = p;
	for (int i = 0; i < POLICY_REGIONS_MAX; i++)
		s->regions[i] = i < rec->region_count ? policy_find_region(p, rec->regions[i]) : -1;
	return whatif_init(&s->world, p);
}

static void side_free(struct replay_side *s) {
	if (!s) return;
	whatif_done(&s->world);
	free(s->tenants.to);
	free(s->cells.to);
	free(s);
}

enum err replay_new(struct slice bytes, const struct policy *policy, const struct policy *old,
                    struct replay **out) {
	struct replay *r = *out = calloc(1, sizeof *r);
	if (!r) return ERR_NO_MEMORY;
	enum err e = recording_open(&r->recording, bytes);
	if (e) return e;
	moves_init(&r->moves, r->recording.regions, r->recording.region_count, policy);
	r->record = calloc(1, sizeof *r->record);
	if (!r->record) return ERR_NO_MEMORY;
	e = side_new(&r->recording, policy, &r->fresh);
	if (!e && old) e = side_new(&r->recording, old, &r->before);
	return e;
}

void replay_free(struct replay *r) {
	if (!r) return;
	side_free(r->fresh);
	side_free(r->before);
	free(r->record);
	free(r);
}

size_t replay_position(const struct replay *r, size_t bytes) {
	return bytes - r->recording.rest.len;
}

/* --- the world --------------------------------------------------------------------------- */

static int home_of(const struct replay_side *s, const struct policy_cell *cell, int recorded_home) {
	if (recorded_home < 0) return -1;
	int home = s->regions[recorded_home];
	bool holds = home >= 0 && (cell->replica_set >> home & 1);
	return holds ? home : cell->replicas[0];
}

/* A cell's lags are told in the order of the replicas that it had. */
static void take_state(struct replay_side *s, const struct recorded *rec) {
	int index = s->cells.to[rec->index];
	if (index < 0) return;
	const struct policy_cell *cell = &s->policy->cells[index];
	struct world_cell *w = &s->world.cells[index];
	*w = (struct world_cell){.home = home_of(s, cell, rec->cell.home),
	                         .epoch = rec->cell.epoch,
	                         .promoting = rec->cell.promoting};
	for (int i = 0; i < cell->replica_count; i++) {
		for (int j = 0; j < rec->replica_count; j++) {
			if (s->regions[rec->replicas[j]] != cell->replicas[i]) continue;
			w->lag_ms[i] = rec->cell.lag_ms[j];
			w->lag_age_ms[i] = rec->cell.lag_age_ms[j];
		}
	}
}

static enum err take_names(struct replay_side *s, const struct recorded *rec) {
	switch (rec->kind) {
	case RECORDED_TENANT: return map_add(&s->tenants, policy_find_tenant(s->policy, rec->name));
	case RECORDED_CELL: return map_add(&s->cells, policy_find_cell(s->policy, rec->name));
	case RECORDED_REGION:
		if (s->regions[rec->index] >= 0)
			s->world.regions[s->regions[rec->index]] = rec->region;
		return ERR_OK;
	case RECORDED_STATE: take_state(s, rec); return ERR_OK;
	default: s->world.world.version = rec->version; return ERR_OK;
	}
}

/* --- decisions ----------------------------------------------------------------------------- */

static bool side_decide(struct replay_side *s, const struct recorded_decision *d) {
	struct decide_request q = d->request;
	q.tenant = s->tenants.to[d->tenant];
	q.here = s->regions[d->request.here];
	if (q.tenant < 0 || q.here < 0) return false;
	whatif_decide(&s->world, s->policy, &q, &s->decision, NULL);
	return true;
}

static int new_place(struct replay *r, const struct recorded_decision *d) {
	struct replay_side *s = r->fresh;
	if (!side_decide(s, d)) return r->moves.unknown;
	return moves_place(&r->moves, r->moves.new_places, s->decision.verdict, s->decision.region);
}

/* The old policy's regions are not the matrix's: it knows those of the recording. */
static int recorded_region(const struct replay_side *s, int region) {
	for (int i = 0; region >= 0 && i < POLICY_REGIONS_MAX; i++)
		if (s->regions[i] == region) return i;
	return -1;
}

static int old_place(struct replay *r, const struct recorded_decision *d) {
	struct replay_side *s = r->before;
	const int *places = r->moves.old_places;
	if (!s) return moves_place(&r->moves, places, (enum verdict)d->verdict, d->region);
	if (!side_decide(s, d)) return r->moves.unknown;
	bool served = s->decision.verdict == VERDICT_HERE || s->decision.verdict == VERDICT_FORWARD;
	int region = recorded_region(s, s->decision.region);
	if (served && region < 0) return r->moves.unknown;
	return moves_place(&r->moves, places, s->decision.verdict, region);
}

static void load_add(struct replay_load *l, uint64_t time_ms) {
	uint64_t second = time_ms / 1000;
	l->total++;
	l->in_second = second == l->second ? l->in_second + 1 : 1;
	l->second = second;
	if (l->in_second > l->peak) l->peak = l->in_second;
}

static struct replay_group *group_of(struct replay *r, const struct policy_tenant *t) {
	const char *residency = r->fresh->policy->residencies[t->residency].name;
	for (int i = 0; i < r->group_count; i++) {
		struct replay_group *g = &r->groups[i];
		if (g->residency == residency && strcmp(g->tier, t->tier) == 0) return g;
	}
	if (r->group_count == REPLAY_GROUPS_MAX) return &r->groups[REPLAY_GROUPS_MAX - 1];
	struct replay_group *g = &r->groups[r->group_count++];
	bool last = r->group_count == REPLAY_GROUPS_MAX;
	*g = last ? (struct replay_group){"(others)", ""}
	          : (struct replay_group){residency, t->tier};
	return g;
}

static void example_add(struct replay *r, const struct recorded_decision *d, int from, int to) {
	int tenant = r->fresh->tenants.to[d->tenant];
	if (r->example_count == REPLAY_EXAMPLES_MAX) return;
	r->examples[r->example_count++] = (struct replay_example){
		.tenant = tenant < 0 ? SLICE_LIT("(unknown)")
	                             : slice_str(r->fresh->policy->tenants[tenant].name),
		.method = d->request.method,
		.path = d->request.path,
		.here = d->request.here,
		.write = d->request.write,
		.from = from,
		.to = to};
}

static void count_decision(struct replay *r, const struct recorded_decision *d) {
	int from = old_place(r, d), to = new_place(r, d);
	uint64_t time_ms = d->request.time_ms;
	int tenant = r->fresh->tenants.to[d->tenant];
	r->decisions++;
	r->moves.counts[from][to]++;
	load_add(&r->old_load[from], time_ms);
	load_add(&r->new_load[to], time_ms);
	if (time_ms && (!r->first_ms || time_ms < r->first_ms)) r->first_ms = time_ms;
	if (time_ms > r->last_ms) r->last_ms = time_ms;
	if (tenant >= 0) {
		struct replay_group *g = group_of(r, &r->fresh->policy->tenants[tenant]);
		g->decisions++;
		g->moved += from != to;
	}
	if (from != to) example_add(r, d, from, to);
}

enum err replay_run(struct replay *r, int records, bool *done) {
	*done = false;
	for (int i = 0; i < records; i++) {
		enum err e = recording_next(&r->recording, r->record);
		*done = r->record->kind == RECORDED_END;
		if (e || *done) return e;
		if (r->record->kind == RECORDED_DECISION) {
			count_decision(r, &r->record->decision);
			continue;
		}
		e = take_names(r->fresh, r->record);
		if (!e && r->before) e = take_names(r->before, r->record);
		if (e) return e;
	}
	return ERR_OK;
}
