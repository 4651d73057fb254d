/* Starts and ends a secondary source. */
#include "edge/secondary.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/log.h"
#include "edge/secondary_private.h"
#include "io/files.h"

static const uint64_t DRAIN_NS = 1000000000, DRAIN_TICK_NS = 5000000;

/* --- ending -------------------------------------------------------------------------------------- */

static void on_drain_tick(void *arg) {
	struct secondary *s = arg;
	if (http_server_connections(s->front.server) == 0 || io_now_ns(s->io) >= s->drain_until_ns)
		io_stop(s->io);
	else
		io_timer_start(s->drain_timer, DRAIN_TICK_NS);
}

static void on_drain(struct io_post *post) {
	struct secondary *s = CONTAINER_OF(post, struct secondary, drain);
	s->draining = true;
	s->drain_until_ns = io_now_ns(s->io) + DRAIN_NS;
	http_server_drain(s->front.server);
	on_drain_tick(s);
}

void secondary_drain(struct secondary *s) {
	io_post(s->io, &s->drain);
}

static void cell_free_all(struct secondary_cell *c) {
	if (!c) return;
	secondary_image_close(&c->serving);
	secondary_image_close(&c->fill);
	buf_done(&c->answer);
	free(c);
}

void secondary_free(struct secondary *s) {
	if (!s) return;
	int count = s->cells ? s->options.policy->cell_count : 0;
	s->draining = true;
	for (int i = 0; i < count; i++)
		if (s->cells[i]) secondary_pull_stop(s->cells[i]);
	io_lane_free(s->lane);
	http_server_free(s->front.server);
	http_server_free(s->admin);
	http_client_free(s->client);
	io_timer_free(s->drain_timer);
	for (int i = 0; i < count; i++) cell_free_all(s->cells[i]);
	free(s->cells);
	free(s->front.cells);
	free(s->front.regions);
	free(s->front.world_cells);
	free(s);
}

/* --- beginning ------------------------------------------------------------------------------------ */

static void cell_metrics(struct secondary_cell *c, struct registry *r) {
	char l[100];
	snprintf(l, sizeof l, "cell=\"%s\"", c->policy->name);
	c->staleness = metric_gauge(r, "holdfast_secondary_staleness_ms",
	                            "How old the data is that is served, as far as is known.", l);
	c->applied = metric_gauge(r, "holdfast_secondary_applied_seq",
	                          "Last record of the cell that is here.", l);
	c->answers = metric_counter(r, "holdfast_secondary_answers_total",
	                            "Answers of the cell's copies.", l);
	c->failures =
		metric_counter(r, "holdfast_secondary_failures_total",
	                       "Questions without a good answer, or that could not be kept.", l);
	c->fills = metric_counter(r, "holdfast_secondary_fills_total",
	                          "Images filled anew since the start.", l);
}

static uint64_t scope_of(const struct policy *p, const struct policy_secondary *own) {
	static const uint64_t seed[2] = {0x736563u, 0x73636f7065u};
	uint64_t sum = 0;
	for (int i = 0; i < own->tenant_count; i++) {
		const char *name = p->tenants[own->tenants[i]].name;
		sum += siphash13(seed, name, strlen(name));
	}
	sum = mix64(sum);
	for (int i = 0; i < own->domain_count; i++)
		sum += siphash13(seed, own->domains[i], strlen(own->domains[i]));
	return sum;
}

static enum err open_cell(struct secondary *s, int index, struct fault *fault) {
	const struct policy_cell *p = &s->options.policy->cells[index];
	if (!p->secondary || strcmp(p->secondary->name, s->options.config->secondary) != 0)
		return ERR_OK;
	struct secondary_cell *c = calloc(1, sizeof *c);
	if (!c) return fault_set(fault, ERR_NO_MEMORY, "no memory for cell '%s'", p->name);
	s->cells[index] = c;
	c->owner = s;
	c->policy = p;
	c->scope = scope_of(s->options.policy, p->secondary);
	snprintf(c->dir, sizeof c->dir, "%s/cells/%s", s->options.data, p->name);
	cell_metrics(c, s->options.registry);
	enum err err = secondary_images_open(c, fault);
	if (err) return err;
	if (secondary_pull_start(c) == ERR_OK) return ERR_OK;
	return fault_set(fault, ERR_NO_MEMORY, "no memory for cell '%s'", p->name);
}

static enum err open_data(struct secondary *s, struct fault *fault) {
	struct files *fs = files_posix();
	const char *dir = s->options.data;
	enum err err = fs->ops->mkdir(fs, dir);
	if (!err) err = mirror_lock(dir);
	if (err == ERR_EXISTS)
		return fault_set(fault, err, "%s: another process uses it: stop that one first",
		                 dir);
	if (err)
		return fault_set(fault, err, "%s: %s: make the directory or change `data`", dir,
		                 err_text(err));
	for (int i = 0; !err && i < s->options.policy->cell_count; i++)
		err = open_cell(s, i, fault);
	return err;
}

/* An edge without a host: it reads requests and writes answers, and never decides. */
static enum err open_front(struct secondary *s) {
	struct edge *e = &s->front;
	list_init(&e->requests);
	const struct policy *p = s->options.policy;
	e->io = s->io;
	e->options = (struct edge_options){
		.policy = p, .config = s->options.config, .registry = s->options.registry};
	e->policy = p;
	e->here = s->options.config->self;
	e->here_name = p->regions[e->here].name;
	e->cells = calloc((size_t)p->cell_count + 1, sizeof *e->cells);
	e->world_cells = calloc((size_t)p->cell_count + 1, sizeof *e->world_cells);
	e->regions = calloc((size_t)p->region_count, sizeof *e->regions);
	if (!e->cells || !e->world_cells || !e->regions) return ERR_NO_MEMORY;
	for (int i = 0; i < p->cell_count; i++) {
		e->cells[i].name_hash = token_cell_hash(p->cells[i].name);
		e->cells[i].self_replica = -1;
	}
	e->options.secret = s->options.secret;
	hop_init(e); /* nobody is taken for an edge of ours: they prove it by another secret */
	e->options.secret = slice_of(NULL, 0);
	return ERR_OK;
}

static const struct policy_secondary *own_policy(const struct secondary *s) {
	for (int i = 0; i < s->options.policy->cell_count; i++)
		if (s->cells[i]) return s->cells[i]->policy->secondary;
	return NULL;
}

static enum err listen_at(struct secondary *s, const char *name, const char *host, uint16_t port,
                          void (*on_request)(void *arg, struct http_exchange *x),
                          struct http_server **out, struct fault *fault) {
	const struct node_config *c = s->options.config;
	bool admin = s->front.server != NULL;
	struct http_server_options options = {
		.limits = {.connections_max = admin ? 64 : c->connections_max,
	                   .head_max_bytes = c->head_max_bytes,
	                   .body_max_bytes = admin ? 65536 : c->body_max_bytes,
	                   .unsent_max_bytes = admin ? 16 << 20 : c->unsent_max_bytes,
	                   .header_time_ms = c->header_time_ms,
	                   .idle_time_ms = c->idle_time_ms,
	                   .body_rate_floor_bytes = c->body_rate_floor_bytes},
		.on_request = on_request,
		.arg = s,
		.name = name,
		.registry = s->options.registry,
	};
	enum err err = io_tcp_check(host, port, fault);
	return err ? err : http_server_new(s->io, &options, host, port, out, fault);
}

static enum err open_ports(struct secondary *s, struct fault *fault) {
	const struct policy_secondary *own = own_policy(s);
	const struct node_address *admin = &s->options.config->secondary_admin;
	if (!own)
		return fault_set(fault, ERR_INVALID, "no cell of the policy is for '%s'",
		                 s->options.config->secondary);
	enum err err = listen_at(s, "http", own->host, own->port, secondary_request,
	                         &s->front.server, fault);
	return err ? err
	           : listen_at(s, "admin", admin->host, admin->port, secondary_admin_request,
	                       &s->admin, fault);
}

enum err secondary_new(struct io *io, const struct secondary_options *options,
                       struct secondary **out, struct fault *fault) {
	static const struct http_client_options client = {.connections_per_host = 16,
	                                                  .response_max_bytes = FEED_BYTES_MAX};
	struct secondary *s = calloc(1, sizeof *s);
	*out = NULL;
	if (!s) return fault_set(fault, ERR_NO_MEMORY, "no memory for a secondary source");
	s->io = io;
	s->options = *options;
	s->start_ns = io_now_ns(io);
	s->drain.fn = on_drain;
	snprintf(s->authorization, sizeof s->authorization, "Bearer " SLICE_FMT,
	         SLICE_ARG(options->secret));
	s->cells = calloc((size_t)options->policy->cell_count + 1, sizeof(void *));
	s->lane = io_lane_new(io, "mirror");
	s->client = http_client_new(io, &client);
	s->drain_timer = io_timer_new(io, on_drain_tick, s);
	s->reads = metric_counter(options->registry, "holdfast_secondary_reads_total",
	                          "Reads answered.", "");
	s->refused = metric_counter(options->registry, "holdfast_secondary_refused_total",
	                            "Requests that it may not or cannot answer.", "");
	enum err err = ERR_OK;
	if (!s->cells || !s->lane || !s->client || !s->drain_timer || open_front(s) != ERR_OK)
		err = fault_set(fault, ERR_NO_MEMORY, "no memory for a secondary source");
	if (!err) err = open_data(s, fault);
	if (!err) err = open_ports(s, fault);
	if (err)
		secondary_free(s);
	else
		*out = s;
	return err;
}
