/* Where a request goes: asks decide(), then serves here, passes on (forward.c), holds, or
 * refuses.
 *
 * Holding: while a cell has no home to go to, its requests wait here, bounded in count, bytes
 * and time, and are decided anew at each change of the world and every RETRY_NS. */
#include "base/assert.h"
#include "edge/edge_private.h"

#include <stdio.h>

static const uint64_t RETRY_NS = 20000000; /* held: decide again at least so often */
static const uint64_t WORLD_NS = 5000000;  /* regions are looked up at most so often */

/* --- the world ------------------------------------------------------------------- */

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
	/* This node is home by coordination but may not act: as good as none. */
	if (s.home == e->here && (!s.is_home || now >= s.lease_until_ns)) w->promoting = true;
	for (int i = 0; i < c->replica_count; i++) w->lag_ms[i] = s.lag_ms[i];
	e->cells[cell].floor_epoch = s.epoch;
	e->cells[cell].floor_seq = s.is_home ? s.committed_seq : 0;
	int self = e->cells[cell].self_replica;
	if (self >= 0 && !s.is_home) w->lag_ms[self] = age_ms(now, s.fresh_at_ns);
}

/* --- holding ------------------------------------------------------------------------ */

static void unhold(struct request *r) {
	struct edge *e = r->edge;
	if (!r->held) return;
	list_remove(&e->held, &r->held_node);
	e->held_bytes -= r->held_bytes;
	metric_add(e->held_now, -1);
	r->held = false;
}

static void hold(struct request *r, enum err err, const char *why) {
	struct edge *e = r->edge;
	const struct node_config *c = e->options.config;
	uint64_t now = io_now_ns(e->io);
	if (e->draining) {
		respond_problem(r, ERR_UNAVAILABLE,
		                "this region is shutting down; try another one");
		return;
	}
	if (now >= r->deadline_ns) {
		metric_inc(e->held_expired);
		respond_problem(r, err, why);
		return;
	}
	size_t bytes = http_exchange_body(r->x).len + sizeof(*r) + 2048;
	if (e->held.count >= c->hold_requests || e->held_bytes + bytes > c->hold_bytes) {
		metric_inc(e->held_refused);
		respond_problem(r, ERR_OVERLOADED,
		                "too many requests are held here while the cell changes its home; "
		                "try again in a moment");
		return;
	}
	r->held = true;
	if (!r->held_since_ns) r->held_since_ns = now;
	r->held_bytes = bytes;
	r->try_at_ns = now + RETRY_NS;
	e->held_bytes += bytes;
	list_push_back(&e->held, &r->held_node);
	metric_add(e->held_now, 1);
	if (e->held.count == 1) io_timer_start(e->retry, RETRY_NS);
}

void route_again(struct request *r, enum err err, const char *why) {
	r->attempts++;
	hold(r, err, why);
}

static void retry_due(struct edge *e, bool all) {
	uint64_t now = io_now_ns(e->io);
	/* A request decided anew may be held again, at the end of the list: look at each once. */
	for (size_t left = e->held.count; left; left--) {
		struct request *r = CONTAINER_OF(list_first(&e->held), struct request, held_node);
		unhold(r);
		if (all || now >= r->try_at_ns) {
			route(r);
		} else {
			list_push_back(&e->held, &r->held_node);
			e->held_bytes += r->held_bytes;
			metric_add(e->held_now, 1);
			r->held = true;
		}
		if (list_empty(&e->held)) return;
	}
	io_timer_start(e->retry, RETRY_NS);
}

void route_wake(struct edge *e) {
	e->world_ns = 0;
	forward_wake(e);
	if (!list_empty(&e->held)) retry_due(e, true);
}

void route_drop_all(struct edge *e) {
	while (!list_empty(&e->held)) {
		struct request *r = CONTAINER_OF(list_first(&e->held), struct request, held_node);
		unhold(r);
		respond_problem(r, ERR_UNAVAILABLE,
		                "this region is shutting down; try another one");
	}
}

/* --- deciding ----------------------------------------------------------------------------- */

/* Who asked has gone. Another edge then asks elsewhere by now, and a write done here after that
 * one was answered could undo what came in between. */
static bool abandoned(const struct request *r) {
	if (http_exchange_aborted(r->x)) return true;
	return r->forwarded && http_exchange_half_closed(r->x);
}

void route(struct request *r) {
	struct edge *e = r->edge;
	if (abandoned(r)) {
		respond_problem(r, ERR_CLOSED, NULL);
		return;
	}
	world_update(e, r->cell);
	struct decide_request ask = {
		.tenant = r->tenant,
		.here = e->here,
		.write = r->write,
		.forwarded = r->forwarded,
		.consistency = r->consistency,
		.bounded_ms = r->bounded_ms,
		.domain = r->domain,
		.method = r->head->method_text,
		.path = r->head->path,
	};
	decide(e->policy, &e->world, &ask, &r->decision);
	metric_inc(e->verdicts[r->decision.verdict]);
	switch (r->decision.verdict) {
	case VERDICT_HERE:
		ASSERT(r->decision.allowed & (1ull << e->here));
		r->serve(r);
		return;
	case VERDICT_FORWARD: forward(r, r->decision.region); return;
	case VERDICT_HOLD:
		hold(r, ERR_UNAVAILABLE,
		     "the cell has no home now: a failover is under way or no copy may take over; "
		     "nothing happened, try again");
		return;
	case VERDICT_REFUSE:
		if (r->decision.refusal == ERR_MISDIRECTED)
			respond_misdirected(r, r->decision.region);
		else if (r->forwarded)
			hold(r, ERR_NOT_HOME, "this region is not the home of the data (any more)");
		else
			respond_problem(r, r->decision.refusal, "no region may serve this now");
		return;
	}
}

void route_timer(void *arg) {
	struct edge *e = arg;
	if (!list_empty(&e->held)) retry_due(e, false);
}
