/* See edge_pair.h. */
#include "edge_pair.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "base/log.h"
#include "coord/embedded.h"
#include "io/sim.h"
#include "store/memory.h"

static const uint64_t MS = 1000000;
static const char *const names[] = {"aa", "bb"};

static void report(void *arg, const struct policy_error *e) {
	fail_msg("%s:%d:%d: %s", e->file, e->line, e->column, e->text);
}

static void key_hash(const char *key, char hex[2 * SHA256_BYTES + 1]) {
	struct slice part = slice_str(key);
	uint8_t digest[SHA256_BYTES];
	sha256(&part, 1, digest);
	hex_encode(slice_of(digest, sizeof digest), hex);
}

static void policy_make(struct pair *w) {
	char hex[2 * SHA256_BYTES + 1], text[1024];
	key_hash(EDGE_KEY, hex);
	snprintf(text, sizeof text,
	         "regions:\n  aa: {jurisdiction: us, location: [1.0, 1.0]}\n  bb: {jurisdiction: "
	         "us, location: [2.0, 2.0]}\n"
	         "residency:\n  us: {regions: [aa, bb], transit: allow}\n"
	         "cells:\n  one: {replicas: [aa, bb], mode: sync, copies: 2, on_partition: "
	         "availability}\n"
	         "tenants:\n  one: {residency: us, cell: one, consistency: session, keys: "
	         "[\"sha256:%s\"]}\n",
	         hex);
	assert_int_equal(policy_load(slice_str(text), "policy", report, NULL, &w->policy), ERR_OK);
}

static void config_make(struct region *r) {
	char text[1024], proxy[2 * SHA256_BYTES + 1];
	key_hash(EDGE_PROXY_KEY, proxy);
	snprintf(text, sizeof text,
	         "cluster: test\nregion: %s\ndata: d\npolicy: p\ncoordination: {file: "
	         "c}\nsecret_file: s\n"
	         "hold: {requests: 100, bytes: 1MiB, time: 5s}\ndecisions: 64\n"
	         "decision_keys: [\"sha256:%s\"]\nregions:\n"
	         "  aa: {http: \"aa:101\", admin: \"aa:201\", replication: \"aa:301\"}\n"
	         "  bb: {http: \"bb:101\", admin: \"bb:201\", replication: \"bb:301\"}\n",
	         r->name, proxy);
	assert_int_equal(node_config_load(slice_str(text), "node", report, NULL, &r->config),
	                 ERR_OK);
}

static void on_change(void *arg) {
	struct region *r = arg;
	if (r->edge) edge_wake(r->edge);
}

static void region_open(struct pair *w, struct region *r, const char *name) {
	static const int replicas[] = {0, 1};
	static const uint16_t ports[] = {301, 301};
	struct host_cell_options cell = {.name = "one",
	                                 .replicas = replicas,
	                                 .replica_count = 2,
	                                 .sync = true,
	                                 .copies = 2,
	                                 .availability = true};
	struct fault fault = {0};
	r->world = w;
	r->name = name;
	r->io = sim_node(w->sim, name);
	r->registry = registry_new();
	r->disk = memory_disk_new(1);
	config_make(r);
	struct host_options o = {.cluster = "test",
	                         .regions = names,
	                         .region_count = 2,
	                         .self = r->config->self,
	                         .hosts = names,
	                         .ports = ports,
	                         .secret = SLICE_LIT("between us, for tests"),
	                         .cells = &cell,
	                         .cell_count = 1,
	                         .lease_length_ns = 600 * MS,
	                         .lease_renew_ns = 100 * MS,
	                         .registry = r->registry,
	                         .on_change = on_change,
	                         .arg = r};
	assert_int_equal(store_memory_open(r->io, r->disk, &cell.store), ERR_OK);
	assert_int_equal(coord_memory_open(w->coordination, r->io, name, MS, &o.coord), ERR_OK);
	if (host_new(r->io, &o, &r->host, &fault) != ERR_OK) fail_msg("%s", fault.text);
	struct edge_options e = {.policy = w->policy,
	                         .config = r->config,
	                         .host = r->host,
	                         .secret = o.secret,
	                         .registry = r->registry};
	if (edge_new(r->io, &e, &r->edge, &fault) != ERR_OK) fail_msg("%s", fault.text);
}

static void region_close(struct region *r) {
	edge_free(r->edge);
	host_free(r->host);
	node_config_free(r->config);
	registry_free(r->registry);
}

int pair_open(void **state) {
	const struct sim_options options = {.seed = 11,
	                                    .net_delay_min_ns = MS / 10,
	                                    .net_delay_max_ns = MS,
	                                    .job_delay_min_ns = MS / 10,
	                                    .job_delay_max_ns = MS};
	struct pair *w = calloc(1, sizeof *w);
	log_set_level(LOG_OFF);
	w->sim = sim_new(&options);
	w->coordination = coord_memory_new();
	policy_make(w);
	for (int i = 0; i < 2; i++) region_open(w, &w->regions[i], names[i]);
	w->client_io = sim_node(w->sim, "client");
	struct http_client_options c = {0};
	w->client = http_client_new(w->client_io, &c);
	*state = w;
	pair_wait_home(w, 0);
	sim_run_for(w->sim, 2000 * MS); /* the copy has joined */
	return 0;
}

int pair_close(void **state) {
	struct pair *w = *state;
	http_client_free(w->client);
	sim_run_for(w->sim, 100 * MS);
	for (int i = 0; i < 2; i++) region_close(&w->regions[i]);
	for (int i = 0; i < 2; i++) io_free(w->regions[i].io);
	io_free(w->client_io);
	sim_free(w->sim);
	for (int i = 0; i < 2; i++) memory_disk_free(w->regions[i].disk);
	coord_memory_free(w->coordination);
	policy_free(w->policy);
	free(w);
	return 0;
}

void pair_wait_home(struct pair *w, int region) {
	for (int i = 0; i < 1000; i++) {
		struct host_cell_state s;
		host_cell_state(w->regions[region].host, 0, &s);
		if (s.is_home && s.lease_until_ns > sim_now_ns(w->sim)) return;
		sim_run_for(w->sim, 10 * MS);
	}
	fail_msg("region %d did not become home", region);
}

/* --- asking --------------------------------------------------------------------------- */

static void keep(char *out, size_t cap, struct slice s) {
	snprintf(out, cap, SLICE_FMT, (int)(s.len < cap ? s.len : cap - 1), (const char *)s.ptr);
}

static void keep_named(struct ask *a, const struct http_header *h) {
	const struct {
		const char *name;
		char *to;
		size_t cap;
	} rows[] = {
		{"holdfast-retry", a->retry, sizeof a->retry},
		{"holdfast-decision", a->decision, sizeof a->decision},
		{"x-decision-id", a->decision, sizeof a->decision},
		{"x-region", a->x_region, sizeof a->x_region},
		{"x-region-reason", a->x_why, sizeof a->x_why},
		{"x-deny-status", a->x_deny, sizeof a->x_deny},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (slice_eq_nocase(h->name, slice_str(rows[i].name)))
			keep(rows[i].to, rows[i].cap, h->value);
}

static void on_answer(struct http_call *call, enum err err, const struct http1_head *head,
                      struct slice body) {
	struct ask *a = CONTAINER_OF(call, struct ask, call);
	a->done = true;
	a->err = err;
	if (err) return;
	a->status = head->status;
	a->body_bytes = body.len;
	if (body.len) keep(a->body, sizeof a->body, body);
	for (int i = 0; i < head->header_count; i++) {
		const struct http_header *h = &head->headers[i];
		if (h->id == FIELD_ETAG) keep(a->etag, sizeof a->etag, h->value);
		if (h->id == FIELD_HOLDFAST_TOKEN) keep(a->token, sizeof a->token, h->value);
		if (h->id == FIELD_HOLDFAST_REGION) keep(a->region, sizeof a->region, h->value);
		keep_named(a, h);
	}
}

void ask_field(struct ask *a, const char *name, const char *value) {
	a->fields[a->field_count++] =
		(struct http_header){.name = slice_str(name), .value = slice_str(value)};
}

void ask_start(struct pair *w, struct ask *a, int region, const char *method, const char *target,
               struct slice body) {
	if (!a->anonymous) ask_field(a, "Authorization", "Bearer " EDGE_KEY);
	a->done = false;
	a->call = (struct http_call){.host = names[region],
	                             .port = 101,
	                             .method = slice_str(method),
	                             .target = slice_str(target),
	                             .fields = a->fields,
	                             .field_count = a->field_count,
	                             .body = body,
	                             .timeout_ns = 20000 * MS,
	                             .done = on_answer};
	http_call_start(w->client, &a->call);
}

void ask_wait(struct pair *w, struct ask *a) {
	for (int i = 0; i < 25000 && !a->done; i++) sim_run_for(w->sim, MS);
	assert_true(a->done);
}

void ask_expect(struct pair *w, struct ask *a, int region, const char *method, const char *target,
                const char *body, int status) {
	ask_start(w, a, region, method, target, slice_str(body));
	ask_wait(w, a);
	if (a->err) fail_msg("%s %s: %s", method, target, err_name(a->err));
	if (a->status != status) fail_msg("%s %s: %d: %s", method, target, a->status, a->body);
}
