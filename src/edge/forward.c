/* Passing a request on to the region it belongs to, over pooled connections, and what to make
 * of the answer, or of none. What the residency class allows was computed by decide() and is
 * checked again before bytes leave. Nothing is written down here: bytes pass in memory. */
#include "base/assert.h"
#include "edge/edge_private.h"

static const uint64_t BREAKER_NS = 250000000; /* an edge that did not answer rests so long */

static void calls_remove(struct request *r) {
	list_remove(&r->edge->calls, &r->call_node);
}

/* A write that was sent and not answered may have happened. */
static void unanswered(struct request *r) {
	if (r->write) r->unknown = true;
}

/* Nothing came back. May it be tried again? */
static void call_failed(struct request *r, enum err err) {
	struct edge *e = r->edge;
	metric_inc(e->forward_errors);
	if (err == ERR_UNAVAILABLE || err == ERR_OUTCOME_UNKNOWN) {
		e->breaker_until_ns[r->call_region] = io_now_ns(e->io) + BREAKER_NS;
		e->world_ns = 0;
	}
	if (err == ERR_INVALID || err == ERR_TOO_LARGE || err == ERR_NO_MEMORY) {
		respond_problem(r, err, "the request cannot be passed on to its region");
		return;
	}
	if (err == ERR_DEADLINE) detour_primary(r, false);
	bool nothing_happened = err == ERR_UNAVAILABLE || err == ERR_OVERLOADED;
	if (!nothing_happened) unanswered(r);
	if (r->unknown && !r->repeatable) {
		respond_problem(r, ERR_OUTCOME_UNKNOWN,
		                "the home region did not answer: the write may or may not have "
		                "happened. Read to find out, or send it with an Idempotency-Key, "
		                "which makes it safe to repeat");
		return;
	}
	route_again(r, ERR_UNAVAILABLE, "no region that may serve this could be reached in time");
}

/* The other edge says that nothing happened and another try may help, or that it does not know
 * and the request bears a second time. */
static bool worth_another_try(const struct request *r, const struct http1_head *head) {
	if (io_now_ns(r->edge->io) >= r->deadline_ns) return false;
	if (head->status < 500) return false;
	for (int i = 0; i < head->header_count; i++)
		if (slice_eq_nocase(head->headers[i].name, SLICE_LIT(RETRY_FIELD)))
			return slice_is(head->headers[i].value, RETRY_SAFE);
	return head->status == 504 && r->repeatable;
}

static bool denies_it(const struct http1_head *head) {
	for (int i = 0; i < head->header_count; i++)
		if (slice_eq_nocase(head->headers[i].name, SLICE_LIT(RETRY_FIELD))) return true;
	return false;
}

static void call_done(struct http_call *call, enum err err, const struct http1_head *head,
                      struct slice body) {
	struct request *r = CONTAINER_OF(call, struct request, call);
	calls_remove(r);
	if (atomic_load(&r->edge->closing)) {
		unanswered(r);
		respond_problem(r, ERR_UNAVAILABLE,
		                "this region is shutting down; try another one");
		return;
	}
	if (err) {
		call_failed(r, err);
		return;
	}
	detour_primary(r, true);
	if (head->status == 504 && !denies_it(head)) unanswered(r);
	if (worth_another_try(r, head))
		route_again(r, ERR_UNAVAILABLE, "the home region could not serve this in time");
	else if (r->unknown &&
	         denies_it(head)) /* this attempt did nothing; an earlier one may have */
		respond_problem(r, ERR_OUTCOME_UNKNOWN, NULL);
	else
		respond_relay(r, head, body);
}

/* What the other edge looks at. Others end here: they would only take its room for a head. */
bool forward_passes(enum http_field id) {
	switch (id) {
	case FIELD_AUTHORIZATION:
	case FIELD_CONTENT_TYPE:
	case FIELD_IF_MATCH:
	case FIELD_IF_NONE_MATCH:
	case FIELD_IDEMPOTENCY_KEY:
	case FIELD_TRACEPARENT:
	case FIELD_TRACESTATE:
	case FIELD_USER_AGENT:
	case FIELD_X_REQUEST_ID:
	case FIELD_HOLDFAST_TOKEN:
	case FIELD_HOLDFAST_TTL: return true;
	default: return false;
	}
}

/* Made once; a later attempt sends the same. */
static bool call_fields(struct request *r) {
	if (r->call_fields) return true;
	int most = r->head->header_count + 3;
	if (r->write && !r->proposal.idem_key.len && !write_key_make(r)) return false;
	struct http_header *fields =
		arena_alloc(http_exchange_arena(r->x), (size_t)most * sizeof(*fields));
	if (!fields) return false;
	for (int i = 0; i < r->head->header_count; i++) {
		const struct http_header *h = &r->head->headers[i];
		if (forward_passes(h->id) && http1_header_forwards(r->head, h))
			fields[r->call_field_count++] = *h;
	}
	if (r->hop_key.len)
		fields[r->call_field_count++] = http_field("Idempotency-Key", r->hop_key);
	fields[r->call_field_count++] = http_field("Holdfast-Forwarded", slice_str(r->edge->hop));
	fields[r->call_field_count++] =
		http_field("Holdfast-Consistency", hop_consistency(r, r->call_consistency));
	r->call_fields = fields;
	return true;
}

void forward(struct request *r, int region) {
	struct edge *e = r->edge;
	ASSERT(region >= 0 && region != e->here);
	ASSERT(r->decision.allowed & (1ull << region)); /* residency holds at every hop */
	uint64_t now = io_now_ns(e->io);
	if (now >= r->deadline_ns) {
		respond_problem(r, ERR_DEADLINE, "no region could serve this in time");
		return;
	}
	if (!call_fields(r)) {
		respond_problem(r, ERR_NO_MEMORY, "no memory for this request; try again later");
		return;
	}
	const struct node_address *to = &e->options.config->regions[region].http;
	bool head = r->head->method == METHOD_HEAD; /* as GET: its length is then known here */
	r->call = (struct http_call){
		.host = to->host,
		.port = to->port,
		.method = head ? SLICE_LIT("GET") : r->head->method_text,
		.target = r->head->target,
		.fields = r->call_fields,
		.field_count = r->call_field_count,
		.body = http_exchange_body(r->x),
		.timeout_ns = detour_patience_ns(r, r->deadline_ns - now),
		.done = call_done,
		.repeatable = r->repeatable,
	};
	r->call_region = region;
	r->call_epoch = e->world_cells[r->cell].epoch;
	metric_inc(e->forwards);
	list_push_back(&e->calls, &r->call_node);
	http_call_start(e->client, &r->call);
}

void forward_home(struct request *r) {
	int home = r->edge->world_cells[r->cell].home;
	bool allowed = home >= 0 && (r->decision.allowed & (1ull << home));
	if (r->forwarded || !allowed || home == r->edge->here)
		route_again(r, ERR_NOT_HOME, "the cell has no home now");
	else
		forward(r, home);
}

/* A home that hangs answers nobody, and its connections do not break: when another has taken
 * over, those who wait for the old one go there, if they bear a second time. */
static bool waits_in_vain(const struct request *r) {
	struct edge *e = r->edge;
	struct host_cell_state s;
	if (!r->repeatable) return false;
	if (!host_region_up(e->options.host, r->call_region)) return true;
	host_cell_state(e->options.host, r->cell, &s);
	return s.epoch > r->call_epoch && s.active && s.home != r->call_region;
}

void forward_wake(struct edge *e) {
	/* One sent elsewhere goes to the end of the list: look at each once. */
	for (size_t left = e->calls.count; left && !list_empty(&e->calls); left--) {
		struct request *r =
			CONTAINER_OF(list_pop_front(&e->calls), struct request, call_node);
		list_push_back(&e->calls, &r->call_node);
		if (!waits_in_vain(r)) continue;
		http_call_cancel(e->client, &r->call);
		calls_remove(r);
		unanswered(r);
		metric_inc(e->forward_errors);
		r->attempts++;
		route(r);
	}
}
