/* What this edge believes of regions and cells, looked up as requests come. */
#include "edge/edge_private.h"

static const uint64_t WORLD_NS = 5000000; /* regions are looked up at most so often */

static void world_regions_update(struct edge *e, uint64_t now) {
	for (int i = 0; i < e->policy->region_count; i++) {
		struct world_region *w = &e->world_regions[i];
		bool up = i == e->here || host_region_up(e->options.host, i);
		w->state = up ? REGION_ACTIVE : REGION_DOWN;
		w->breaker_open = now < e->breaker_until_ns[i];
	}
	e->world_ns = now;
}

static uint32_t age_ms(uint64_t now, uint64_t then) {
	if (then == 0) return UINT32_MAX;
	if (then >= now) return 0;
	uint64_t ms = (now - then) / 1000000;
	return ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX;
}

static void world_update(struct edge *e, int cell) {
	uint64_t now = io_now_ns(e->io);
	if (now - e->world_ns > WORLD_NS) world_regions_update(e, now);
	struct host_cell_state s;
	host_cell_state(e->options.host, cell, &s);
	struct world_cell *w = &e->world_cells[cell];
	const struct policy_cell *c = &e->policy->cells[cell];
	w->home = s.home;
	w->epoch = s.epoch;
	w->promoting = s.promoting || !s.active;
	bool serving = s.is_home && now < s.lease_until_ns;
	/* This node is home by coordination but may not act: as good as none. */
	if (s.home == e->here && !serving) w->promoting = true;
	for (int i = 0; i < c->replica_count; i++) w->lag_ms[i] = s.lag_ms[i];
	e->cells[cell].floor_epoch = s.epoch;
	e->cells[cell].floor_seq = s.is_home ? s.committed_seq : 0;
	int self = e->cells[cell].self_replica;
	if (self >= 0 && !serving) w->lag_ms[self] = age_ms(now, s.fresh_at_ns);
}

void world_decide(struct edge *e, struct decide_request *ask, struct decision *out) {
	world_update(e, e->policy->tenants[ask->tenant].cell);
	arena_reset(&e->scratch);
	ask->scratch = &e->scratch;
	decide(e->policy, &e->world, ask, out);
}
