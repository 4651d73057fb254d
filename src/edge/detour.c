/* The way round: when a read cannot be served by the cell's home nor by a copy that the consistency
 * asked for allows, the cell's secondary source is asked, if it has one that is for this tenant and
 * domain, inside what residency and rules allow.
 *
 * Every request is decided anew, so the primary is used again as soon as it can be. Only where it
 * hangs, and says nothing, would each request find out by waiting: then the cell counts as degraded
 * for a while, its reads go round at once, and one of them at a time tries the primary (half open).
 * The cluster's secret does not go with them: what proves an edge to an edge stays among edges. */
#include "edge/edge_private.h"

static const uint64_t REST_NS = 250000000;      /* a secondary source that did not answer */
static const uint64_t PATIENCE_NS = 1000000000; /* with a primary, where there is another way */
static const uint64_t DEGRADED_MIN_NS = 500000000, DEGRADED_MAX_NS = 5000000000;
enum { DETOURS_MAX = 256, FIELDS_MAX = 16 }; /* under way, a cell and worker */

static const struct policy_cell *cell_of(const struct request *r) {
	return &r->edge->policy->cells[r->cell];
}

static bool may(const struct request *r) {
	const struct policy_cell *c = cell_of(r);
	const struct policy_tenant *t = r->tenant;
	if (!c->secondary || r->write || r->forwarded || r->detour_refused) return false;
	if (r->consistency == CONSISTENCY_STRONG || t->explicit_failover) return false;
	return (r->decision.allowed & 1ull << c->secondary->region) &&
	       policy_secondary_has(c, r->tenant_index, r->domain);
}

/* --- the answer -------------------------------------------------------------------------------- */

/* A status that tells of the data, not of why there is none. */
static bool answers(int status) {
	return status == 200 || status == 304 || status == 404 || status == 409 || status == 412;
}

static void say_why(struct request *r) {
	struct decision *d = &r->decision;
	if (d->reason_count == DECISION_REASONS_MAX) return;
	d->reasons[d->reason_count++] = (struct decision_reason){
		.reason = REASON_SECONDARY, .region = (int8_t)cell_of(r)->secondary->region};
}

static void detour_done(struct http_call *call, enum err err, const struct http1_head *head,
                        struct slice body) {
	struct request *r = CONTAINER_OF(call, struct request, call);
	struct edge *e = r->edge;
	struct edge_cell *c = &e->cells[r->cell];
	c->detours--;
	if (atomic_load(&e->closing)) {
		respond_problem(r, ERR_UNAVAILABLE,
		                "this region is shutting down; try another one");
		return;
	}
	if (!err && answers(head->status)) {
		metric_inc(e->detours);
		say_why(r);
		respond_relay(r, head, body);
		return;
	}
	metric_inc(e->detour_errors);
	if (err)
		c->detour_rest_ns = io_now_ns(e->io) + REST_NS;
	else
		r->detour_refused =
			true; /* too old for what was asked: the primary may come back */
	route_again(r, ERR_UNAVAILABLE,
	            "no region can serve this now, nor can the cell's secondary source at this "
	            "consistency; eventual may be served");
}

/* --- asking --------------------------------------------------------------------------------------- */

static int fields(struct request *r, struct http_header out[FIELDS_MAX]) {
	int n = 0;
	for (int i = 0; i < r->head->header_count && n < FIELDS_MAX - 1; i++) {
		const struct http_header *h = &r->head->headers[i];
		if (forward_passes(h->id) && http1_header_forwards(r->head, h)) out[n++] = *h;
	}
	out[n++] = http_field("Holdfast-Consistency", hop_consistency(r, r->call_consistency));
	return n;
}

bool detour(struct request *r) {
	struct edge *e = r->edge;
	struct edge_cell *c = &e->cells[r->cell];
	uint64_t now = io_now_ns(e->io);
	if (!may(r) || e->draining || now >= r->deadline_ns) return false;
	if (now < c->detour_rest_ns || c->detours >= DETOURS_MAX) return false;
	struct http_header *list =
		arena_alloc(http_exchange_arena(r->x), FIELDS_MAX * sizeof *list);
	if (!list) return false;
	uint64_t left = r->deadline_ns - now;
	r->call = (struct http_call){
		.host = cell_of(r)->secondary->host,
		.port = cell_of(r)->secondary->port,
		.method = SLICE_LIT("GET"), /* of a HEAD too: its length is then known here */
		.target = r->head->target,
		.fields = list,
		.field_count = fields(r, list),
		.timeout_ns = left < PATIENCE_NS ? left : PATIENCE_NS,
		.done = detour_done,
		.repeatable = true,
	};
	c->detours++;
	http_call_start(e->client, &r->call);
	return true;
}

/* --- a primary that hangs ---------------------------------------------------------------------------- */

uint64_t detour_patience_ns(const struct request *r, uint64_t left_ns) {
	return may(r) && left_ns > PATIENCE_NS ? PATIENCE_NS : left_ns;
}

bool detour_first(struct request *r) {
	struct edge_cell *c = &r->edge->cells[r->cell];
	uint64_t now = io_now_ns(r->edge->io);
	if (!c->degraded_ns || !may(r)) return false;
	if (now < c->degraded_until_ns) return detour(r);
	c->degraded_until_ns = now + PATIENCE_NS + REST_NS; /* this one tries; others go on round */
	return false;
}

void detour_primary(struct request *r, bool answered) {
	struct edge_cell *c = &r->edge->cells[r->cell];
	if (answered) {
		c->degraded_ns = 0;
		return;
	}
	if (!may(r)) return;
	uint64_t next = 2 * c->degraded_ns;
	if (next < DEGRADED_MIN_NS) next = DEGRADED_MIN_NS;
	c->degraded_ns = next < DEGRADED_MAX_NS ? next : DEGRADED_MAX_NS;
	c->degraded_until_ns = io_now_ns(r->edge->io) + c->degraded_ns;
}
