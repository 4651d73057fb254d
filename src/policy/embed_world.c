/* include/holdfast/decide.h: the world, told piece by piece by whoever embeds the engine. */
#include "policy/embed.h"

#include <stdlib.h>

enum { EMBED_SCRATCH_MAX = 1 << 20 };

struct holdfast_world *holdfast_world_new(const struct holdfast_policy *policy) {
	const struct policy *p = embed_policy(policy);
	struct holdfast_world *w = calloc(1, sizeof *w);
	if (!w) return NULL;
	w->policy = p;
	arena_init(&w->scratch, EMBED_SCRATCH_MAX);
	w->regions = calloc((size_t)p->region_count + 1, sizeof *w->regions);
	w->cells = calloc((size_t)p->cell_count + 1, sizeof *w->cells);
	if (!w->regions || !w->cells) {
		holdfast_world_free(w);
		return NULL;
	}
	for (int i = 0; i < p->cell_count; i++) {
		w->cells[i].home = p->cells[i].replicas[0];
		w->cells[i].epoch = 1;
		for (int j = 0; j < POLICY_REPLICAS_MAX; j++)
			w->cells[i].lag_ms[j] = w->cells[i].lag_age_ms[j] = UINT32_MAX;
	}
	w->world = (struct world){.regions = w->regions, .cells = w->cells};
	return w;
}

void holdfast_world_free(struct holdfast_world *w) {
	if (!w) return;
	free(w->regions);
	free(w->cells);
	arena_done(&w->scratch);
	free(w);
}

/* What is about to change; NULL: the policy has no such thing. */
static struct world_region *region_named(struct holdfast_world *w, const char *name) {
	int i = policy_find_region(w->policy, slice_str(name));
	if (i < 0) return NULL;
	w->world.version++;
	return &w->regions[i];
}

static struct world_cell *cell_named(struct holdfast_world *w, const char *name) {
	int i = policy_find_cell(w->policy, slice_str(name));
	if (i < 0) return NULL;
	w->world.version++;
	return &w->cells[i];
}

bool holdfast_world_region(struct holdfast_world *w, const char *region, enum holdfast_state state,
                           uint32_t age_ms) {
	struct world_region *r = region_named(w, region);
	if (!r) return false;
	r->state = state == HOLDFAST_DOWN       ? REGION_DOWN
	           : state == HOLDFAST_DRAINING ? REGION_DRAINING
	                                        : REGION_ACTIVE;
	r->state_age_ms = age_ms;
	return true;
}

bool holdfast_world_breaker(struct holdfast_world *w, const char *region, bool open,
                            uint32_t age_ms) {
	struct world_region *r = region_named(w, region);
	if (!r) return false;
	r->breaker_open = open;
	r->breaker_age_ms = age_ms;
	return true;
}

bool holdfast_world_capacity(struct holdfast_world *w, const char *region, bool over,
                             uint32_t age_ms) {
	struct world_region *r = region_named(w, region);
	if (!r) return false;
	r->over_capacity = over;
	r->capacity_age_ms = age_ms;
	return true;
}

bool holdfast_world_home(struct holdfast_world *w, const char *cell, const char *home,
                         uint64_t epoch, bool promoting) {
	int region = home ? policy_find_region(w->policy, slice_str(home)) : -1;
	struct world_cell *c = cell_named(w, cell);
	if (!c || (home && region < 0)) return false;
	c->home = region;
	c->epoch = epoch;
	c->promoting = promoting;
	return true;
}

bool holdfast_world_lag(struct holdfast_world *w, const char *cell, const char *region,
                        uint32_t lag_ms, uint32_t age_ms) {
	struct world_cell *c = cell_named(w, cell);
	if (!c) return false;
	const struct policy_cell *p = &w->policy->cells[c - w->cells];
	int index = policy_find_region(w->policy, slice_str(region));
	for (int i = 0; i < p->replica_count; i++) {
		if (p->replicas[i] != index) continue;
		c->lag_ms[i] = lag_ms;
		c->lag_age_ms[i] = age_ms;
		return true;
	}
	return false;
}
