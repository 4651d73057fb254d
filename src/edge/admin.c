/* The admin port: for people, probes and scrapers, never for tenants. Serves
 * /metrics, /livez, /readyz, /admin/v1/status, /admin/v1/quarantine/CELL[/ID],
 * /admin/v1/decisions/ID, and POST /admin/v1/cells/CELL/{move,failover}. */
#include "base/parse.h"
#include "edge/admin_private.h"
#include "edge/agent.h"
#include "io/http_problem.h"
#include "io/http_uri.h"

#include <stdio.h>
#include <stdlib.h>

#define DECISIONS_PATH "/admin/v1/decisions/"
#define CELLS_PATH "/admin/v1/cells"

void admin_problem(struct http_exchange *x, enum err code, const char *detail) {
	struct buf body;
	buf_init(&body, 8192);
	if (http_problem_render(&body, code, detail, NULL) != ERR_OK) buf_reset(&body);
	struct http_header type = http_field("Content-Type", SLICE_LIT(HTTP_PROBLEM_TYPE));
	http_respond(x, err_http_status(code), &type, 1, buf_slice(&body));
	buf_done(&body);
}

void admin_answer(struct http_exchange *x, int status, const char *type, struct slice body) {
	struct http_header field = http_field("Content-Type", slice_str(type));
	http_respond(x, status, &field, 1, body);
}

static void answer_metrics(struct admin *a, struct http_exchange *x) {
	struct buf body;
	buf_init(&body, 16 << 20);
	if (registry_render(a->options.registry, &body) != ERR_OK)
		admin_problem(x, ERR_NO_MEMORY, "no memory for the metrics; try again later");
	else
		admin_answer(x, 200, "text/plain; version=0.0.4; charset=utf-8", buf_slice(&body));
	buf_done(&body);
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
	if (h->method == METHOD_POST && slice_starts(h->path, SLICE_LIT(CELLS_PATH "/"))) {
		size_t skip = sizeof(CELLS_PATH) - 1;
		admin_cell(a, x, slice_of(h->path.ptr + skip, h->path.len - skip));
	} else if (h->method != METHOD_GET && h->method != METHOD_HEAD) {
		admin_problem(x, ERR_METHOD, "this takes GET; POST is for " CELLS_PATH "/CELL/move and …/failover");
	} else if (slice_is(h->path, "/livez")) {
		admin_answer(x, 200, "text/plain", SLICE_LIT("ok\n"));
	} else if (slice_is(h->path, "/readyz")) {
		char text[128];
		bool ready = admin_ready(a, &why);
		int n = ready ? snprintf(text, sizeof(text), "ready\n")
		              : snprintf(text, sizeof(text),
		                         "not ready: cell %s has no home that may act\n", why);
		admin_answer(x, ready ? 200 : 503, "text/plain", slice_of(text, (size_t)n));
	} else if (slice_is(h->path, "/metrics")) {
		answer_metrics(a, x);
	} else if (slice_is(h->path, "/admin/v1/status")) {
		admin_status(a, x, admin_ready(a, &why));
	} else if (slice_starts(h->path, SLICE_LIT("/admin/v1/quarantine"))) {
		admin_quarantine(a, x, slice_of(h->path.ptr + 20, h->path.len - 20));
	} else if (slice_starts(h->path, SLICE_LIT(DECISIONS_PATH))) {
		size_t skip = sizeof(DECISIONS_PATH) - 1;
		admin_decision(a, x, slice_of(h->path.ptr + skip, h->path.len - skip));
	} else {
		admin_problem(x, ERR_NOT_FOUND,
		              "there is /metrics, /livez, /readyz, /admin/v1/status, "
		              "/admin/v1/quarantine/CELL and " DECISIONS_PATH "ID");
	}
}

enum err admin_new(struct io *io, const struct admin_options *options, struct admin **out,
                   struct fault *fault) {
	struct admin *a = calloc(1, sizeof(*a));
	if (!a) return fault_set(fault, ERR_NO_MEMORY, "no memory for the admin port");
	a->io = io;
	a->options = *options;
	a->started_ns = io_now_ns(io);
	list_init(&a->queries);
	list_init(&a->moves);
	list_init(&a->accepts);
	a->lane = io_lane_new(io, "admin");
	if (!a->lane) {
		free(a);
		return fault_set(fault, ERR_NO_MEMORY, "no thread for the admin port");
	}
	const struct node_address *at = &options->config->regions[options->config->self].admin;
	struct http_server_options server = {
		.limits = {.connections_max = 256,
	                   .head_max_bytes = options->config->head_max_bytes,
	                   .body_max_bytes = 65536,
	                   .unsent_max_bytes = 16 << 20,
	                   .header_time_ms = options->config->header_time_ms,
	                   .idle_time_ms = options->config->idle_time_ms,
	                   .body_rate_floor_bytes = options->config->body_rate_floor_bytes},
		.on_request = on_request,
		.arg = a,
		.name = "admin",
		.registry = options->registry,
	};
	enum err e = http_server_new(io, &server, at->host, at->port, &a->server, fault);
	if (!e && options->config->agent_check.port)
		e = agent_new(io, options->config, options->host, &a->agent, fault);
	if (!e && options->dns_state && dns_new(io, a->lane, options, &a->dns) != ERR_OK)
		e = fault_set(fault, ERR_NO_MEMORY, "no memory for the state for DNS");
	if (e) {
		admin_free(a);
		return e;
	}
	*out = a;
	return ERR_OK;
}

void admin_changed(struct admin *a) {
	dns_changed(a->dns);
}

void admin_free(struct admin *a) {
	if (!a) return;
	io_lane_free(a->lane);
	admin_queries_end(a);
	admin_moves_end(a);
	admin_accepts_end(a);
	http_server_free(a->server);
	agent_free(a->agent);
	dns_free(a->dns);
	free(a);
}
