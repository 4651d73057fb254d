/* The admin port: for people, probes and scrapers, never for tenants. Serves
 * /metrics, /livez, /readyz, /admin/v1/status, /admin/v1/quarantine/CELL[/ID]. */
#include "base/parse.h"
#include "edge/admin_private.h"
#include "io/http_problem.h"
#include "io/http_uri.h"

#include <stdio.h>
#include <stdlib.h>

static void answer_problem(struct http_exchange *x, enum err code, const char *detail) {
	struct buf body;
	buf_init(&body, 8192);
	if (http_problem_render(&body, code, detail, NULL) != ERR_OK) buf_reset(&body);
	struct http_header type = http_field("Content-Type", SLICE_LIT(HTTP_PROBLEM_TYPE));
	http_respond(x, err_http_status(code), &type, 1, buf_slice(&body));
	buf_done(&body);
}

static void answer(struct http_exchange *x, int status, const char *type, struct slice body) {
	struct http_header field = http_field("Content-Type", slice_str(type));
	http_respond(x, status, &field, 1, body);
}

static void answer_metrics(struct admin *a, struct http_exchange *x) {
	struct buf body;
	buf_init(&body, 16 << 20);
	if (registry_render(a->options.registry, &body) != ERR_OK)
		answer_problem(x, ERR_NO_MEMORY, "no memory for the metrics; try again later");
	else
		answer(x, 200, "text/plain; version=0.0.4; charset=utf-8", buf_slice(&body));
	buf_done(&body);
}

/* --- quarantine -------------------------------------------------------------------- */

struct listing {
	struct buf body;
	int count;
	enum err err;
};

static void list_item(void *arg, const struct quarantine_item *q) {
	struct listing *l = arg;
	if (l->err) return;
	l->err =
		buf_printf(&l->body,
	                   "%s\n{\"id\":\"%s\",\"epoch\":%llu,\"first_seq\":%llu,\"last_seq\":%llu,"
	                   "\"count\":%llu,\"bytes\":%llu,\"time_ms\":%llu,\"why\":",
	                   l->count++ ? "," : "", q->id, (unsigned long long)q->epoch,
	                   (unsigned long long)q->first_seq, (unsigned long long)q->last_seq,
	                   (unsigned long long)q->count, (unsigned long long)q->bytes,
	                   (unsigned long long)q->time_ms);
	if (!l->err) l->err = http_json_string(&l->body, slice_str(q->why));
	if (!l->err) l->err = buf_append_str(&l->body, "}");
}

static void quarantine_answer_list(struct admin *a, struct http_exchange *x, const char *dir) {
	struct listing l = {.err = ERR_OK};
	buf_init(&l.body, 4 << 20);
	l.err = buf_append_str(&l.body, "{\"items\":[");
	enum err e = quarantine_list(a->options.files, dir, list_item, &l);
	if (e == ERR_NOT_FOUND) e = ERR_OK;
	if (!e) e = l.err;
	if (!e) e = buf_append_str(&l.body, "\n]}\n");
	if (e)
		answer_problem(x, e, "the quarantine area cannot be listed");
	else
		answer(x, 200, "application/json", buf_slice(&l.body));
	buf_done(&l.body);
}

static void quarantine_answer_item(struct admin *a, struct http_exchange *x, const char *dir,
                                   struct slice id) {
	char name[96];
	struct buf records, body;
	buf_init(&records, 256 << 20);
	buf_init(&body, 512 << 20);
	/* The id becomes a file name: letters, digits and '-' only. */
	bool valid = name_valid(id, sizeof(name) - 1);
	enum err e = valid ? ERR_OK : ERR_INVALID;
	if (valid) {
		memcpy(name, id.ptr, id.len);
		name[id.len] = 0;
		e = quarantine_read(a->options.files, dir, name, &records);
	}
	if (!e) e = quarantine_render(buf_slice(&records), &body);
	if (e)
		answer_problem(x, e, "there is no such item, or it cannot be read whole");
	else
		answer(x, 200, "application/x-ndjson", buf_slice(&body));
	buf_done(&records);
	buf_done(&body);
}

static void quarantine_answer(struct admin *a, struct http_exchange *x, struct slice rest) {
	struct slice cell, id = {0};
	if (!http_path_next(&rest, &cell) || cell.len == 0) {
		answer_problem(x, ERR_NOT_FOUND, "the path is /admin/v1/quarantine/CELL[/ID]");
		return;
	}
	int i = policy_find_cell(a->options.policy, cell);
	if (i < 0 || !a->options.store_dirs[i]) {
		answer_problem(x, ERR_NOT_FOUND, "this region holds no copy of such a cell");
		return;
	}
	if (http_path_next(&rest, &id) && id.len)
		quarantine_answer_item(a, x, a->options.store_dirs[i], id);
	else
		quarantine_answer_list(a, x, a->options.store_dirs[i]);
}

/* --- requests ------------------------------------------------------------------------ */

/* Ready: every cell has a home that may act, and no copy here is fenced. */
static bool admin_ready(const struct admin *a, const char **why) {
	for (int i = 0; i < a->options.policy->cell_count; i++) {
		struct host_cell_state s;
		host_cell_state(a->options.host, i, &s);
		*why = a->options.policy->cells[i].name;
		if (s.home < 0 || !s.active || s.fenced) return false;
		if (s.home == a->options.config->self && s.lease_until_ns <= io_now_ns(a->io))
			return false;
	}
	return true;
}

static void on_request(void *arg, struct http_exchange *x) {
	struct admin *a = arg;
	const struct http1_head *h = http_exchange_head(x);
	const char *why = "";
	if (h->method != METHOD_GET && h->method != METHOD_HEAD) {
		answer_problem(x, ERR_METHOD, "the admin port takes GET so far");
	} else if (slice_is(h->path, "/livez")) {
		answer(x, 200, "text/plain", SLICE_LIT("ok\n"));
	} else if (slice_is(h->path, "/readyz")) {
		char text[128];
		bool ready = admin_ready(a, &why);
		int n = ready ? snprintf(text, sizeof(text), "ready\n")
		              : snprintf(text, sizeof(text),
		                         "not ready: cell %s has no home that may act\n", why);
		answer(x, ready ? 200 : 503, "text/plain", slice_of(text, (size_t)n));
	} else if (slice_is(h->path, "/metrics")) {
		answer_metrics(a, x);
	} else if (slice_is(h->path, "/admin/v1/status")) {
		admin_status(a, x, admin_ready(a, &why));
	} else if (slice_starts(h->path, SLICE_LIT("/admin/v1/quarantine"))) {
		quarantine_answer(a, x, slice_of(h->path.ptr + 20, h->path.len - 20));
	} else {
		answer_problem(x, ERR_NOT_FOUND,
		               "there is /metrics, /livez, /readyz, /admin/v1/status and "
		               "/admin/v1/quarantine/CELL");
	}
}

enum err admin_new(struct io *io, const struct admin_options *options, struct admin **out,
                   struct fault *fault) {
	struct admin *a = calloc(1, sizeof(*a));
	if (!a) return fault_set(fault, ERR_NO_MEMORY, "no memory for the admin port");
	a->io = io;
	a->options = *options;
	a->started_ns = io_now_ns(io);
	const struct node_address *at = &options->config->regions[options->config->self].admin;
	struct http_server_options server = {
		.limits = {.connections_max = 256,
	                   .head_max_bytes = options->config->head_max_bytes,
	                   .body_max_bytes = 65536,
	                   .header_time_ms = options->config->header_time_ms,
	                   .idle_time_ms = options->config->idle_time_ms,
	                   .body_rate_floor_bytes = options->config->body_rate_floor_bytes},
		.on_request = on_request,
		.arg = a,
		.name = "admin",
		.registry = options->registry,
	};
	enum err e = http_server_new(io, &server, at->host, at->port, &a->server, fault);
	if (e) {
		free(a);
		return e;
	}
	*out = a;
	return ERR_OK;
}

void admin_free(struct admin *a) {
	if (!a) return;
	http_server_free(a->server);
	free(a);
}
