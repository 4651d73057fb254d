/* An HTTP server over the port, on both drivers, with a handler that does by path what a test
 * needs, and a raw connection to it that sends any bytes and looks at what comes back. */
#pragma once
#include "port.h"

#include <stdio.h>
#include <string.h>

#include "io/http_server.h"

enum { WEB_BIG_BYTES = 7 << 20 };
enum { WEB_KEPT_MAX = 16, WEB_BODY_MAX = 100000, WEB_HEAD_MAX = 2048, WEB_CONNECTIONS_MAX = 8 };

struct web {
	struct port *p;
	struct registry *registry;
	struct http_server *server;
	uint16_t port;
	int requests, aborted;
	struct http_exchange *kept[WEB_KEPT_MAX]; /* of /later, until web_answer */
	int kept_count;
	int stop_at_kept; /* 0: never */
};

static inline void web_respond_body(struct http_exchange *x, struct slice body) {
	struct http_header type = http_field("Content-Type", SLICE_LIT("text/plain"));
	http_respond(x, 200, &type, 1, body);
}

static inline void web_echo(struct http_exchange *x) {
	struct buf out;
	buf_init(&out, 2 * WEB_BODY_MAX);
	const struct http1_head *h = http_exchange_head(x);
	assert_int_equal(buf_append_slice(&out, h->method_text), ERR_OK);
	assert_int_equal(buf_append_str(&out, ":"), ERR_OK);
	assert_int_equal(buf_append_slice(&out, http_exchange_body(x)), ERR_OK);
	web_respond_body(x, buf_slice(&out));
	buf_done(&out);
}

static inline void web_stream(struct http_exchange *x) {
	http_respond_begin(x, 200, NULL, 0);
	IGNORE(http_respond_data(x, SLICE_LIT("one ")));
	IGNORE(http_respond_data(x, slice_of(NULL, 0))); /* must not end the body */
	IGNORE(http_respond_data(x, SLICE_LIT("two")));
	http_respond_end(x);
}

/* How often this connection asked for it: the memo is the connection's. */
static inline void web_memo(struct http_exchange *x) {
	char *memo = http_exchange_memo(x);
	char text[16];
	int n = snprintf(text, sizeof text, "memo %d", ++memo[0]);
	web_respond_body(x, slice_of(text, (size_t)n));
}

static inline void web_on_request(void *arg, struct http_exchange *x) {
	struct web *w = arg;
	struct slice path = http_exchange_head(x)->path;
	w->requests++;
	if (slice_is(path, "/later")) {
		assert_true(w->kept_count < WEB_KEPT_MAX);
		w->kept[w->kept_count++] = x;
		if (w->kept_count == w->stop_at_kept) port_stop(w->p);
	} else if (slice_is(path, "/stream")) {
		web_stream(x);
	} else if (slice_is(path, "/big")) {
		static const uint8_t big[WEB_BIG_BYTES];
		web_respond_body(x, slice_of(big, sizeof big));
	} else if (slice_is(path, "/memo")) {
		web_memo(x);
	} else if (slice_is(path, "/nothing")) {
		http_respond(x, 204, NULL, 0, slice_of(NULL, 0));
	} else if (slice_is(path, "/close")) {
		http_exchange_close_after(x);
		web_respond_body(x, SLICE_LIT("bye"));
	} else if (slice_is(path, "/inject")) {
		struct http_header bad = http_field("X-Bad", SLICE_LIT("a\r\nX-Split: b"));
		http_respond(x, 200, &bad, 1, SLICE_LIT("never"));
	} else {
		web_echo(x);
	}
}

static inline void web_open(struct web *w, void **state) {
	*w = (struct web){.p = *state, .registry = registry_new()};
	struct http_server_options options = {
		.limits = {.connections_max = WEB_CONNECTIONS_MAX,
	                   .head_max_bytes = WEB_HEAD_MAX,
	                   .body_max_bytes = WEB_BODY_MAX,
	                   .unsent_max_bytes = 100000,
	                   .header_time_ms = 300,
	                   .idle_time_ms = 1000,
	                   .body_rate_floor_bytes = 1000},
		.on_request = web_on_request,
		.arg = w,
		.name = "test",
		.registry = w->registry,
	};
	struct fault fault;
	assert_int_equal(http_server_new(w->p->server, &options, w->p->host, 0, &w->server, &fault),
	                 ERR_OK);
	w->port = http_server_port(w->server);
}

/* The oldest kept exchange gets its answer. */
static inline void web_answer(struct web *w) {
	assert_true(w->kept_count > 0);
	struct http_exchange *x = w->kept[0];
	memmove(w->kept, w->kept + 1, (size_t)--w->kept_count * sizeof(*w->kept));
	w->aborted += http_exchange_aborted(x);
	web_respond_body(x, SLICE_LIT("late"));
}

static inline void web_done(struct web *w) {
	http_server_free(w->server);
	while (w->kept_count) web_answer(w); /* stay valid until then */
	registry_free(w->registry);
}

static inline int64_t web_connections(const struct web *w) {
	return metric_get(metric_gauge(w->registry, "holdfast_http_connections",
	                               "Open connections.", "server=\"test\""));
}

/* --- a connection that sends whatever it likes ------------------------------------- */

struct raw {
	struct port *p;
	struct io_conn *conn;
	struct buf got;
	bool ended;
	const char *until;
};

static inline bool raw_has(struct raw *r, const char *text) {
	const char *got;
	assert_int_equal(buf_cstr(&r->got, &got), ERR_OK);
	return strstr(got, text) != NULL;
}

static inline void raw_data(void *arg, struct slice data) {
	struct raw *r = arg;
	assert_int_equal(buf_append_slice(&r->got, data), ERR_OK);
	if (r->until && raw_has(r, r->until)) port_stop(r->p);
}

static inline void raw_end(void *arg, enum err why) {
	struct raw *r = arg;
	r->ended = true;
	port_stop(r->p);
}

static inline void raw_connected(void *arg, struct io_conn *conn, enum err err) {
	static const struct io_conn_handler handler = {raw_data, raw_end, NULL};
	struct raw *r = arg;
	assert_int_equal(err, ERR_OK);
	r->conn = conn;
	io_conn_open(conn, &handler, r);
	port_stop(r->p);
}

static inline void raw_open(struct raw *r, struct web *w) {
	*r = (struct raw){.p = w->p};
	buf_init(&r->got, 8 << 20);
	assert_non_null(
		io_tcp_connect(w->p->client, w->p->host, w->port, 1000 * MS, raw_connected, r));
	port_run(w->p);
	assert_non_null(r->conn);
}

static inline void raw_send(struct raw *r, const char *text) {
	struct slice part = slice_str(text);
	assert_int_equal(io_conn_write(r->conn, &part, 1), ERR_OK);
}

/* Until `text` has arrived; fails if the server ends first. */
static inline void raw_expect(struct raw *r, const char *text) {
	r->until = text;
	while (!raw_has(r, text)) {
		if (r->ended) fail_msg("ended without '%s'; got: %s", text, (char *)r->got.mem);
		port_run(r->p);
	}
	r->until = NULL;
}

static inline void raw_expect_end(struct raw *r) {
	r->until = NULL;
	while (!r->ended) port_run(r->p);
}

static inline void raw_done(struct raw *r) {
	io_conn_close(r->conn, false);
	buf_done(&r->got);
}
