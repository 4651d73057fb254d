/* A world made up. */
#include "policy/whatif.h"

#include <stdlib.h>

enum { SCRATCH_MAX = 1 << 20 };

enum err whatif_init(struct whatif *w, const struct policy *p) {
	arena_init(&w->scratch, SCRATCH_MAX);
	w->cells = calloc((size_t)p->cell_count + 1, sizeof *w->cells);
	if (!w->cells) return ERR_NO_MEMORY;
	whatif_heal(w, p);
	return ERR_OK;
}

void whatif_done(struct whatif *w) {
	arena_done(&w->scratch);
	free(w->cells);
	w->cells = NULL;
}

void whatif_heal(struct whatif *w, const struct policy *p) {
	memset(w->regions, 0, sizeof w->regions);
	memset(w->cells, 0, (size_t)p->cell_count * sizeof *w->cells);
	for (int i = 0; i < p->cell_count; i++) {
		w->cells[i].home = p->cells[i].replicas[0];
		w->cells[i].epoch = 1;
	}
	w->world = (struct world){.regions = w->regions, .cells = w->cells, .version = 1};
}

static int count_alive(const struct policy_cell *c, region_set dead) {
	return __builtin_popcountll(c->replica_set & ~dead);
}

bool whatif_acknowledges(const struct policy_cell *c, region_set dead) {
	bool insists = c->mode == CELL_SYNC && c->on_partition == PARTITION_CONSISTENCY;
	return count_alive(c, dead) >= (insists ? c->copies : 1);
}

/* With n copies and k acknowledgements, n-k+1 of them have every acknowledged write between them. */
static int home_after(const struct policy_cell *c, region_set dead) {
	int need = c->mode == CELL_SYNC ? c->replica_count - c->copies + 1 : 1;
	if (!(dead >> c->replicas[0] & 1)) return c->replicas[0];
	if (count_alive(c, dead) < need) return -1;
	for (int i = 1; i < c->replica_count; i++)
		if (!(dead >> c->replicas[i] & 1)) return c->replicas[i];
	return -1;
}

void whatif_kill(struct whatif *w, const struct policy *p, region_set dead) {
	for (int i = 0; i < p->region_count; i++)
		if (dead >> i & 1) w->regions[i].state = REGION_DOWN;
	for (int i = 0; i < p->cell_count; i++) {
		int home = home_after(&p->cells[i], dead);
		if (home != w->cells[i].home) w->cells[i].epoch++;
		w->cells[i].home = home;
	}
}

void whatif_decide(struct whatif *w, const struct policy *p, const struct decide_request *q,
                   struct decision *out, uint64_t *hits) {
	struct decide_request with_room = *q;
	arena_reset(&w->scratch);
	with_room.scratch = &w->scratch;
	if (hits)
		decide_traced(p, &w->world, &with_room, out, hits);
	else
		decide(p, &w->world, &with_room, out);
}
