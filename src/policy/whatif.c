/* A world made up. */
#include "policy/whatif.h"

#include <stdlib.h>

enum err whatif_init(struct whatif *w, const struct policy *p) {
	w->cells = calloc((size_t)p->cell_count + 1, sizeof *w->cells);
	if (!w->cells) return ERR_NO_MEMORY;
	whatif_heal(w, p);
	return ERR_OK;
}

void whatif_done(struct whatif *w) {
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

static int first_alive(const struct policy_cell *c, region_set dead) {
	for (int i = 0; i < c->replica_count; i++)
		if (!(dead >> c->replicas[i] & 1)) return c->replicas[i];
	return -1;
}

void whatif_kill(struct whatif *w, const struct policy *p, region_set dead) {
	for (int i = 0; i < p->region_count; i++)
		if (dead >> i & 1) w->regions[i].state = REGION_DOWN;
	for (int i = 0; i < p->cell_count; i++) {
		int home = first_alive(&p->cells[i], dead);
		if (home != w->cells[i].home) w->cells[i].epoch++;
		w->cells[i].home = home;
	}
}
