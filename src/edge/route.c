/* Where a request goes: asks decide(), then serves here, passes on (forward.c), holds, or
 * refuses.
 *
 * Holding: while a cell has no home to go to, its requests wait here, bounded in count, bytes
 * and time, and are decided anew at each change of the world and every RETRY_NS. */
#include "base/assert.h"
#include "edge/edge_private.h"

#include <stdio.h>

static const uint64_t RETRY_NS = 20000000; /* held: decide again at least so often */

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
	if (now + RETRY_NS >= r->deadline_ns) { /* no other try would come before */
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

/* How long it may take and what counts as fresh enough, where a rule says so. */
static void obey_rules(struct request *r) {
	const struct decision *d = &r->decision;
	r->consistency = d->consistency;
	r->bounded_ms = d->bounded_ms;
	uint64_t until_ns = r->deadline_ns;
	if (d->hold_ms && !r->forwarded) until_ns = r->arrived_ns + d->hold_ms * 1000000ull;
	uint64_t deadline_ns = r->arrived_ns + d->deadline_ms * 1000000ull;
	if (d->deadline_ms && until_ns > deadline_ns) until_ns = deadline_ns;
	r->deadline_ns = until_ns;
}

void route(struct request *r) {
	struct edge *e = r->edge;
	if (abandoned(r)) {
		respond_problem(r, ERR_CLOSED, NULL);
		return;
	}
	world_decide(e, &r->ask, &r->decision);
	r->decided = true;
	metric_inc(e->verdicts[r->decision.verdict]);
	obey_rules(r);
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
		if (r->forwarded && r->decision.refusal == ERR_UNAVAILABLE)
			hold(r, ERR_NOT_HOME, "this region is not the home of the data (any more)");
		else
			respond_refused(r);
		return;
	}
}

void route_timer(void *arg) {
	struct edge *e = arg;
	if (!list_empty(&e->held)) retry_due(e, false);
}
