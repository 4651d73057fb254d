/* Where a request goes: asks decide(), then serves here, passes on, holds, or refuses.
 *
 * Holding: while a cell has no home to go to, its requests wait here, bounded in count, bytes
 * and time, and are decided anew at each change of the world and every RETRY_NS. What the
 * residency class allows was computed by decide() and is checked again before bytes leave. */
#include "base/assert.h"
#include "edge/edge_private.h"

#include <stdio.h>

static const uint64_t RETRY_NS = 20000000;           /* held: decide again at least so often */
static const uint64_t BREAKER_NS = 250000000;        /* an edge that did not answer rests so long */
static const uint64_t WORLD_NS = 5000000;            /* regions are looked up at most so often */
static const uint64_t FORWARDED_HOLD_NS = 500000000; /* who passed it on holds the rest */

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
		                "try again "
		                "in a moment");
		return;
	}
	r->held = true;
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

/* --- passing on ------------------------------------------------------------------------ */

/* Nothing came back. May it be tried again? */
static void call_failed(struct request *r, enum err err) {
	struct edge *e = r->edge;
	metric_inc(e->forward_errors);
	if (err == ERR_UNAVAILABLE || err == ERR_OUTCOME_UNKNOWN) {
		e->breaker_until_ns[r->call_region] = io_now_ns(e->io) + BREAKER_NS;
		e->world_ns = 0;
	}
	bool nothing_happened = err == ERR_UNAVAILABLE || err == ERR_OVERLOADED;
	if (!nothing_happened && !r->repeatable) {
		respond_problem(
			r, ERR_OUTCOME_UNKNOWN,
			"the connection to the home region broke before it answered: the write may "
			"or may not have happened. Read to find out, or send it with an "
			"Idempotency-Key, which makes it safe to repeat");
		return;
	}
	route_again(r, ERR_UNAVAILABLE, "no region that may serve this could be reached in time");
}

static void call_done(struct http_call *call, enum err err, const struct http1_head *head,
                      struct slice body) {
	struct request *r = CONTAINER_OF(call, struct request, call);
	if (atomic_load(&r->edge->closing)) {
		respond_problem(r, ERR_OUTCOME_UNKNOWN, "this region is shutting down");
		return;
	}
	if (err) {
		call_failed(r, err);
		return;
	}
	bool again = false;
	for (int i = 0; i < head->header_count; i++)
		again |= slice_eq_nocase(head->headers[i].name, SLICE_LIT("holdfast-retry"));
	/* The other edge may say so of what it cannot know to be undone, too: a region that
	 * lost its lease answers 504 without it. */
	if (again || (head->status == 504 && r->repeatable)) {
		if (io_now_ns(r->edge->io) < r->deadline_ns) {
			route_again(r, ERR_UNAVAILABLE,
			            "the home region could not serve this in time");
			return;
		}
	}
	respond_relay(r, head, body);
}

static void forward(struct request *r, int region) {
	struct edge *e = r->edge;
	ASSERT(region >= 0 && region != e->here);
	ASSERT(r->decision.allowed & (1ull << region)); /* residency holds at every hop */
	uint64_t now = io_now_ns(e->io);
	if (now >= r->deadline_ns) {
		respond_problem(r, ERR_DEADLINE, "no region could serve this in time");
		return;
	}
	struct http_header *fields =
		arena_alloc(http_exchange_arena(r->x), sizeof(*fields) * (HTTP1_HEADERS_MAX + 2));
	if (!fields) {
		respond_problem(r, ERR_NO_MEMORY, "no memory for this request; try again later");
		return;
	}
	int n = 0;
	for (int i = 0; i < r->head->header_count; i++) {
		const struct http_header *h = &r->head->headers[i];
		if (h->id == FIELD_HOST || h->id == FIELD_EXPECT ||
		    !http1_header_forwards(r->head, h))
			continue;
		fields[n++] = *h;
	}
	fields[n++] = http_field("Holdfast-Forwarded", slice_str(e->here_name));
	const struct node_address *to = &e->options.config->regions[region].http;
	bool head =
		r->head->method == METHOD_HEAD; /* asked as GET: its length is then known here */
	r->call = (struct http_call){
		.host = to->host,
		.port = to->port,
		.method = head ? SLICE_LIT("GET") : r->head->method_text,
		.target = r->head->target,
		.fields = fields,
		.field_count = n,
		.body = http_exchange_body(r->x),
		.timeout_ns = r->deadline_ns - now,
		.done = call_done,
		.repeatable = r->repeatable,
	};
	r->call_region = region;
	metric_inc(e->forwards);
	http_call_start(e->client, &r->call);
}

void route_forward_home(struct request *r) {
	int home = r->edge->world_cells[r->cell].home;
	if (r->forwarded || home < 0 || home == r->edge->here)
		route_again(r, ERR_NOT_HOME, "the cell has no home now");
	else
		forward(r, home);
}

/* --- deciding ----------------------------------------------------------------------------- */

void route(struct request *r) {
	struct edge *e = r->edge;
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
	if (r->forwarded && r->attempts == 0) {
		uint64_t bound = io_now_ns(e->io) + FORWARDED_HOLD_NS;
		if (r->deadline_ns > bound) r->deadline_ns = bound;
		r->attempts = 1;
	}
	switch (r->decision.verdict) {
	case VERDICT_HERE:
		ASSERT(r->decision.allowed & (1ull << e->here));
		r->serve(r);
		return;
	case VERDICT_FORWARD: forward(r, r->decision.region); return;
	case VERDICT_HOLD:
		hold(r, ERR_UNAVAILABLE,
		     "the cell has no home now: a failover is under way or no copy may take over; "
		     "nothing "
		     "happened, try again");
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
