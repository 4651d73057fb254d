/* One edge: its server, client and readers; takes requests in. */
#include "edge/edge_private.h"
#include "edge/mouth.h"

#include <stdio.h>
#include <stdlib.h>

enum { SCRATCH_MAX_BYTES = 1 << 20 };
static const uint64_t FORWARDED_HOLD_NS = 500000000;
static const uint64_t DRAIN_NS = 1000000000, DRAIN_TICK_NS = 5000000;

static void on_request(void *arg, struct http_exchange *x) {
	struct edge *e = arg;
	if (mouth_takes(e, x) || preferences_takes(e, x)) return;
	struct request *r = arena_alloc(http_exchange_arena(x), sizeof(*r));
	if (!r) {
		http_respond(x, 503, NULL, 0, slice_of(NULL, 0));
		return;
	}
	r->edge = e;
	r->x = x;
	r->head = http_exchange_head(x);
	list_push_back(&e->requests, &r->node);
	r->arrived_ns = io_loop_ns(e->io);
	r->deadline_ns = r->arrived_ns + e->options.config->hold_time_ms * 1000000;
	struct fault fault = {0};
	enum err err = request_read(r, &fault);
	if (r->forwarded) { /* who passed it on holds it for the rest of its time */
		uint64_t bound_ns = r->arrived_ns + FORWARDED_HOLD_NS;
		if (r->deadline_ns > bound_ns) r->deadline_ns = bound_ns;
	}
	if (err)
		respond_problem(r, err, fault.text);
	else
		route(r);
}

static void on_wake(struct io_post *post) {
	struct edge *e = CONTAINER_OF(post, struct edge, wake);
	atomic_store(&e->wake_posted, false);
	e->world.version++;
	route_wake(e);
}

void edge_wake(struct edge *e) {
	if (!atomic_exchange(&e->wake_posted, true)) io_post(e->io, &e->wake);
}

/* --- ending ---------------------------------------------------------------------- */

static void on_drain_tick(void *arg) {
	struct edge *e = arg;
	if (http_server_connections(e->server) == 0 || io_now_ns(e->io) >= e->drain_until_ns)
		io_stop(e->io);
	else
		io_timer_start(e->drain_timer, DRAIN_TICK_NS);
}

static void on_drain(struct io_post *post) {
	struct edge *e = CONTAINER_OF(post, struct edge, drain);
	e->draining = true;
	e->drain_until_ns = io_now_ns(e->io) + DRAIN_NS;
	http_server_drain(e->server);
	route_drop_all(e);
	on_drain_tick(e);
}

void edge_drain(struct edge *e) {
	io_post(e->io, &e->drain);
}

/* --- beginning -------------------------------------------------------------------- */

static int replica_of(const struct policy_cell *c, int region) {
	for (int i = 0; i < c->replica_count; i++)
		if (c->replicas[i] == region) return i;
	return -1;
}

static enum err edge_cells(struct edge *e) {
	const struct policy *p = e->policy;
	for (int i = 0; i < p->cell_count; i++) {
		struct edge_cell *c = &e->cells[i];
		c->self_replica = replica_of(&p->cells[i], e->here);
		c->name_hash = token_cell_hash(p->cells[i].name);
		struct store *s = host_store(e->options.host, i);
		if (!s) continue;
		c->reader = s->ops->reader_new(s);
		if (!c->reader) return ERR_NO_MEMORY;
	}
	return ERR_OK;
}

static enum err edge_ring(struct edge *e) {
	uint32_t stamp;
	io_random(e->io, &stamp, sizeof(stamp));
	return ring_init(&e->ring, e->options.config->decisions_kept, e->here, e->options.worker,
	                 stamp);
}

static enum err edge_tape(struct edge *e, struct fault *fault) {
	const struct edge_options *o = &e->options;
	const struct node_recording *r = &o->config->recording;
	if (!o->recordings) return ERR_OK;
	struct tape_options options = {.region = e->here_name,
	                               .worker = o->worker,
	                               .workers = o->workers,
	                               .files = o->files,
	                               .dir = o->recordings,
	                               .bytes_max = r->bytes_max,
	                               .file_bytes_max = r->file_bytes_max,
	                               .free_bytes_min = o->config->min_free_bytes,
	                               .registry = o->registry};
	recordable_init(&options.what, e->policy, e->here, r->one_of);
	options.what.headers = r->headers;
	options.what.header_count = r->header_count;
	return tape_new(e->io, &options, &e->tape, fault);
}

static void edge_metrics(struct edge *e, struct registry *r) {
	static const char *const verdicts[4] = {"here", "forward", "hold", "refuse"};
	for (int i = 0; i < 4; i++) {
		char labels[40];
		snprintf(labels, sizeof(labels), "verdict=\"%s\"", verdicts[i]);
		e->verdicts[i] = metric_counter(r, "holdfast_edge_decisions_total",
		                                "Decisions by verdict.", labels);
	}
	e->held_now = metric_gauge(r, "holdfast_edge_held", "Requests held now.", "");
	e->held_refused = metric_counter(r, "holdfast_edge_held_refused_total",
	                                 "Not held for want of room.", "");
	e->held_expired = metric_counter(r, "holdfast_edge_held_expired_total",
	                                 "Held until their deadline in vain.", "");
	e->held_time = metric_histogram(r, "holdfast_edge_held_seconds",
	                                "From being held first to the answer.", "");
	e->forwards = metric_counter(r, "holdfast_edge_forwards_total",
	                             "Requests passed on to other regions.", "");
	e->forward_errors = metric_counter(r, "holdfast_edge_forward_errors_total",
	                                   "Of those, without an answer.", "");
	e->reads = metric_counter(r, "holdfast_edge_reads_total",
	                          "Reads served from the copy here.", "");
	e->detours = metric_counter(r, "holdfast_edge_detours_total",
	                            "Reads answered by a cell's secondary source.", "");
	e->detour_errors = metric_counter(r, "holdfast_edge_detour_errors_total",
	                                  "Reads that it could not answer.", "");
	e->writes = metric_counter(r, "holdfast_edge_writes_total", "Writes proposed here.", "");
	mouth_metrics(e, r);
}

static enum err edge_listen(struct edge *e, struct fault *fault) {
	const struct node_config *c = e->options.config;
	const struct node_address *at = &c->regions[c->self].http;
	struct http_server_options options = {
		.limits = {.connections_max = c->connections_max,
	                   .head_max_bytes = c->head_max_bytes,
	                   .body_max_bytes = c->body_max_bytes,
	                   .unsent_max_bytes = c->unsent_max_bytes,
	                   .header_time_ms = c->header_time_ms,
	                   .idle_time_ms = c->idle_time_ms,
	                   .body_rate_floor_bytes = c->body_rate_floor_bytes},
		.on_request = on_request,
		.arg = e,
		.name = "http",
		.registry = e->options.registry,
	};
	return http_server_new(e->io, &options, at->host, at->port, &e->server, fault);
}

enum err edge_new(struct io *io, const struct edge_options *options, struct edge **out,
                  struct fault *fault) {
	const struct policy *p = options->policy;
	struct edge *e = calloc(1, sizeof(*e));
	if (!e) return fault_set(fault, ERR_NO_MEMORY, "no memory for an edge");
	e->io = io;
	e->options = *options;
	e->policy = p;
	e->here = options->config->self;
	e->here_name = p->regions[e->here].name;
	e->wake.fn = on_wake;
	e->drain.fn = on_drain;
	list_init(&e->requests);
	list_init(&e->held);
	list_init(&e->calls);
	arena_init(&e->scratch, SCRATCH_MAX_BYTES);
	e->cells = calloc((size_t)p->cell_count + 1, sizeof(*e->cells));
	e->world_regions = calloc((size_t)p->region_count, sizeof(*e->world_regions));
	e->world_cells = calloc((size_t)p->cell_count + 1, sizeof(*e->world_cells));
	e->breaker_until_ns = calloc((size_t)p->region_count, sizeof(uint64_t));
	e->regions = calloc((size_t)p->region_count, sizeof(*e->regions));
	e->world = (struct world){e->world_regions, e->world_cells, 0};
	e->retry = io_timer_new(io, route_timer, e);
	e->drain_timer = io_timer_new(io, on_drain_tick, e);
	e->client = http_client_new(io, &(struct http_client_options){0});
	edge_metrics(e, options->registry);
	enum err err = ERR_OK;
	if (!e->cells || !e->world_regions || !e->world_cells || !e->breaker_until_ns ||
	    !e->regions || !e->retry || !e->drain_timer || !e->client || edge_ring(e) != ERR_OK ||
	    edge_cells(e) != ERR_OK)
		err = fault_set(fault, ERR_NO_MEMORY, "no memory for an edge");
	else
		hop_init(e);
	if (!err) err = edge_tape(e, fault);
	if (!err) err = edge_listen(e, fault);
	if (err) {
		edge_free(e);
		return err;
	}
	*out = e;
	return ERR_OK;
}

void edge_free(struct edge *e) {
	if (!e) return;
	atomic_store(&e->closing, true);
	route_drop_all(e);
	http_client_free(e->client);
	http_server_free(e->server);
	io_timer_free(e->retry);
	io_timer_free(e->drain_timer);
	for (int i = 0; e->cells && i < e->policy->cell_count; i++) {
		struct store *s = host_store(e->options.host, i);
		if (e->cells[i].reader) s->ops->reader_free(e->cells[i].reader);
	}
	free(e->cells);
	free(e->world_regions);
	free(e->world_cells);
	free(e->breaker_until_ns);
	free(e->regions);
	ring_done(&e->ring);
	tape_free(e->tape);
	arena_done(&e->scratch);
	free(e);
}
