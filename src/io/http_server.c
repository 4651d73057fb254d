/* Connections of the HTTP/1.1 server: accepting, reading, deadlines and limits.
 * Writes nothing but interim and error responses; the rest is http_exchange.c.
 *
 * A request's bytes stay where they are in conn->in from the moment its head is whole
 * until it has been responded to, because the head's slices point there; whatever arrives
 * meanwhile waits in conn->more. */
#include "base/assert.h"
#include "io/http_problem.h"
#include "io/http_server_private.h"

#include <stdio.h>
#include <stdlib.h>

enum {
	SPARE_EXCHANGES = 64,
	IN_KEEP_BYTES = 4096,     /* an idle connection keeps at most this much */
	MORE_PAUSE_BYTES = 65536, /* pipelined beyond this: stop reading */
	BODIES_MAX = 64,          /* memory for so many bodies of the greatest size, in all */
	EXCHANGE_ARENA_BYTES = 1 << 20,
	BODY_GRACE_MS = 5000,
};
static const uint64_t SWEEP_NS = 250000000;

static struct http_exchange *exchange_get(struct http_conn *c) {
	struct http_server *s = c->server;
	struct http_exchange *x = s->spare;
	if (x) {
		s->spare = x->next_spare;
		s->spare_count--;
	} else {
		x = malloc(sizeof(*x));
		if (!x) return NULL;
		buf_init(&x->body_mem, s->options.limits.body_max_bytes);
		arena_init(&x->arena, EXCHANGE_ARENA_BYTES);
	}
	s->body_bytes += x->body_mem.cap;
	x->conn = c;
	x->body = slice_of(NULL, 0);
	x->begun = x->chunked = false;
	http1_head_init(&x->head, HTTP1_REQUEST, s->options.limits.head_max_bytes);
	return x;
}

static void exchange_free(struct http_exchange *x) {
	buf_done(&x->body_mem);
	arena_done(&x->arena);
	free(x);
}

static void exchange_put(struct http_server *s, struct http_exchange *x) {
	if (!x) return;
	s->body_bytes -= x->body_mem.cap;
	buf_reset(&x->body_mem);
	if (x->body_mem.cap > MORE_PAUSE_BYTES) buf_shrink(&x->body_mem);
	arena_reset(&x->arena);
	if (s->spare_count >= SPARE_EXCHANGES || s->freed) {
		exchange_free(x);
		return;
	}
	x->next_spare = s->spare;
	s->spare = x;
	s->spare_count++;
}

static void server_release(struct http_server *s) {
	if (!s->freed || s->live) return;
	while (s->spare) {
		struct http_exchange *x = s->spare;
		s->spare = x->next_spare;
		exchange_free(x);
	}
	buf_done(&s->scratch);
	free(s);
}

static void conn_free(struct http_conn *c) {
	struct http_server *s = c->server;
	exchange_put(s, c->x);
	buf_done(&c->in);
	buf_done(&c->more);
	free(c);
	s->live--;
	server_release(s);
}

static void conn_unsent(struct http_conn *c, size_t bytes) {
	struct http_server *s = c->server;
	s->unsent_bytes += bytes - c->unsent;
	metric_add(s->unsent, (int64_t)bytes - (int64_t)c->unsent);
	c->unsent = bytes;
}

void conn_close(struct http_conn *c, bool flush) {
	if (c->state == CONN_GONE) return;
	conn_unsent(c, 0); /* what is flushed is little */
	c->state = CONN_GONE;
	io_conn_close(c->io, flush);
	c->io = NULL;
	list_remove(&c->server->conns, &c->node);
	metric_add(c->server->connections, -1);
	/* While its handler has the request, the bytes stay; conn_finished frees. */
	if (!c->owned && !c->dispatching) conn_free(c);
}

void conn_reject(struct http_conn *c, enum err code, const char *detail) {
	struct http_server *s = c->server;
	struct buf body;
	buf_init(&body, 4096);
	metric_inc(s->rejected);
	struct http_header type = http_field("Content-Type", slice_str(HTTP_PROBLEM_TYPE));
	if (http_problem_render(&body, code, detail, NULL) == ERR_OK) {
		struct http1_framing framing = {HTTP1_BODY_LENGTH, body.len, HTTP1_CLOSE};
		buf_reset(&s->scratch);
		if (http1_encode_response(&s->scratch, err_http_status(code), framing, &type, 1) ==
		    ERR_OK) {
			struct slice parts[2] = {buf_slice(&s->scratch), buf_slice(&body)};
			io_conn_set_limit(c->io, SIZE_MAX / 8); /* small, and the last */
			IGNORE(io_conn_write(c->io, parts, 2)); /* it is closed next, either way */
		}
	}
	buf_done(&body);
	conn_close(c, true);
}

static void reject_rule(struct http_conn *c, enum http1_rule rule, uint64_t offset) {
	char detail[256];
	snprintf(detail, sizeof(detail), "%s (at byte %llu; %s)", http1_rule_text(rule),
	         (unsigned long long)offset, http1_rule_source(rule));
	conn_reject(c, http1_rule_code(rule), detail);
}

/* --- reading -------------------------------------------------------------------- */

static void conn_dispatch(struct http_conn *c) {
	struct http_server *s = c->server;
	struct http_exchange *x = c->x;
	c->state = CONN_BUSY;
	c->owned = true;
	x->started_ns = io_now_ns(s->io);
	metric_inc(s->requests);
	if (!x->head.keep_alive) c->close_after = true;
	s->options.on_request(s->options.arg, x);
}

/* All bodies together are bounded too: they come before anybody knows whose they are. */
static enum err body_keep(struct http_exchange *x, struct slice data) {
	struct http_server *s = x->conn->server;
	size_t before = x->body_mem.cap;
	if (s->body_bytes > BODIES_MAX * s->options.limits.body_max_bytes) return ERR_OVERLOADED;
	enum err e = buf_append_slice(&x->body_mem, data);
	s->body_bytes += x->body_mem.cap - before;
	return e;
}

/* Feeds the body decoder; *used tells how much of `in` belonged to the body. */
static enum err body_take(struct http_exchange *x, struct slice in, size_t *used) {
	*used = 0;
	while (!x->decoder.done && *used < in.len) {
		struct slice data;
		size_t n = 0;
		enum err e = http1_body_next(&x->decoder, slice_of(in.ptr + *used, in.len - *used),
		                             &data, &n);
		if (e) return e;
		*used += n;
		if ((e = body_keep(x, data))) return e;
	}
	x->body = buf_slice(&x->body_mem);
	return ERR_OK;
}

static void reject_body(struct http_conn *c, enum err e) {
	const struct http1_body *b = &c->x->decoder;
	if (b->rule)
		reject_rule(c, b->rule, b->fault_offset);
	else
		conn_reject(c, e, "there is no memory for this body now; try again later");
}

/* A head is whole: sets the body up. True when the request is complete. */
static bool conn_head_done(struct http_conn *c, size_t head_bytes) {
	struct http_server *s = c->server;
	struct http_exchange *x = c->x;
	struct slice rest = slice_of(c->in.mem + c->in.start + head_bytes, c->in.len - head_bytes);
	c->used = head_bytes;
	if (x->head.body == HTTP1_BODY_NONE ||
	    (x->head.body == HTTP1_BODY_LENGTH && x->head.content_length <= rest.len &&
	     x->head.content_length <= s->options.limits.body_max_bytes)) {
		x->body = slice_of(rest.ptr, x->head.content_length);
		c->used += x->head.content_length;
		return true;
	}
	http1_body_init(&x->decoder, x->head.body, x->head.content_length,
	                s->options.limits.body_max_bytes);
	c->state = CONN_BODY;
	c->since_ns = io_loop_ns(s->io);
	c->body_received = rest.len;
	size_t used;
	enum err e = body_take(x, rest, &used);
	if (!e && x->head.body == HTTP1_BODY_LENGTH &&
	    x->head.content_length > s->options.limits.body_max_bytes) {
		x->decoder.rule = HTTP1_RULE_BODY_BYTES;
		e = ERR_TOO_LARGE;
	}
	if (e) {
		reject_body(c, e);
		return false;
	}
	c->used += used;
	if (x->decoder.done) return true;
	if (x->head.expect_continue && rest.len == 0) {
		struct slice interim = SLICE_LIT("HTTP/1.1 100 Continue\r\n\r\n");
		IGNORE(io_conn_write(c->io, &interim, 1)); /* a broken connection shows in on_end */
	}
	return false;
}

/* Reads on in conn->in. True when a request was dispatched. */
static bool conn_parse(struct http_conn *c) {
	struct http_server *s = c->server;
	if (c->in.len == 0) return false;
	if (!c->x && !(c->x = exchange_get(c))) {
		conn_reject(c, ERR_NO_MEMORY, "try again later");
		return false;
	}
	if (c->state == CONN_IDLE) {
		c->state = CONN_HEAD;
		c->since_ns = io_loop_ns(s->io);
	}
	size_t head_bytes;
	if (http1_head_parse(&c->x->head, buf_slice(&c->in), &head_bytes) != ERR_OK) {
		reject_rule(c, c->x->head.rule, c->x->head.fault_offset);
		return false;
	}
	if (head_bytes == 0 || !conn_head_done(c, head_bytes)) return false;
	conn_dispatch(c);
	return true;
}

/* Reads on, unless enough is here already or the client does not take its answers. */
static void conn_flow(struct http_conn *c) {
	size_t ahead = c->in.len - c->used + c->more.len;
	bool pause = c->choked || (c->state == CONN_BUSY && ahead > MORE_PAUSE_BYTES);
	if (pause == c->paused) return;
	c->paused = pause;
	if (pause)
		io_conn_pause(c->io);
	else
		io_conn_resume(c->io);
}

/* Handles requests for as long as whole ones are here and are answered at once. */
static void conn_advance(struct http_conn *c) {
	c->dispatching = true;
	while (!c->choked && (c->state == CONN_IDLE || c->state == CONN_HEAD) && conn_parse(c)) {}
	c->dispatching = false;
	if (c->state == CONN_GONE) {
		if (!c->owned) conn_free(c);
	} else if (c->peer_ended && !c->choked && c->state != CONN_BUSY) {
		conn_close(c, true);
	} else {
		conn_flow(c);
	}
}

static void conn_body_data(struct http_conn *c, struct slice data) {
	struct http_exchange *x = c->x;
	size_t used;
	c->body_received += data.len;
	enum err e = body_take(x, data, &used);
	if (e) {
		reject_body(c, e);
		return;
	}
	if (used < data.len && buf_append(&c->more, data.ptr + used, data.len - used) != ERR_OK) {
		conn_reject(c, ERR_TOO_LARGE, "too much was sent ahead");
		return;
	}
	if (!x->decoder.done) return;
	c->dispatching = true;
	conn_dispatch(c);
	conn_advance(c);
}

static void on_data(void *arg, struct slice data) {
	struct http_conn *c = arg;
	switch (c->state) {
	case CONN_IDLE:
	case CONN_HEAD:
		if (buf_append_slice(&c->in, data) != ERR_OK) {
			conn_reject(c, ERR_HEADERS, "too much was sent at once");
			return;
		}
		conn_advance(c);
		return;
	case CONN_BODY: conn_body_data(c, data); return;
	case CONN_BUSY:
		if (buf_append_slice(&c->more, data) != ERR_OK) {
			conn_close(c, false);
			return;
		}
		conn_flow(c);
		return;
	case CONN_GONE: return;
	}
}

static void on_end(void *arg, enum err why) {
	struct http_conn *c = arg;
	/* A client may end its side after its requests and still wait for the answers: for
	 * those that are not given yet, and for what of the last one is still on its way. */
	if (why == ERR_OK && (c->state == CONN_BUSY || c->choked)) {
		c->peer_ended = true;
		return;
	}
	conn_close(c, why == ERR_OK);
}

/* The client has taken all that it was sent. */
static void on_drain(void *arg) {
	struct http_conn *c = arg;
	if (!c->choked) return;
	c->choked = false;
	conn_unsent(c, 0);
	if (c->close_after)
		conn_close(c, true);
	else
		conn_advance(c);
}

void conn_finished(struct http_conn *c, int status) {
	struct http_server *s = c->server;
	ASSERT(status >= 200 && status < 600);
	metric_inc(s->by_class[status / 100]);
	histogram_record_us(s->duration, (io_now_ns(s->io) - c->x->started_ns) / 1000);
	exchange_put(s, c->x);
	c->x = NULL;
	c->owned = false;
	if (c->state == CONN_GONE) {
		if (!c->dispatching) conn_free(c);
		return;
	}
	c->state = CONN_IDLE;
	c->since_ns = io_loop_ns(s->io);
	size_t pending = io_conn_pending(c->io);
	/* A close bounds what is still on its way to a few seconds: a slow client gets its own time. */
	c->choked = pending > (c->close_after ? 0 : HTTP_CHOKED_BYTES);
	conn_unsent(c, c->choked ? pending : 0);
	if (c->close_after && !c->choked) {
		conn_close(c, true);
		return;
	}
	buf_consume(&c->in, c->used);
	c->used = 0;
	bool whole = buf_append_slice(&c->in, buf_slice(&c->more)) == ERR_OK;
	buf_reset(&c->more);
	if (c->more.cap) buf_shrink(&c->more);
	if (c->in.len == 0 && c->in.cap > IN_KEEP_BYTES) buf_shrink(&c->in);
	if (!whole) {
		conn_close(c, false);
		return;
	}
	if (!c->dispatching) conn_advance(c);
}

/* --- deadlines --------------------------------------------------------------------- */

static void conn_check(struct http_conn *c, uint64_t now) {
	const struct http_limits *l = &c->server->options.limits;
	if (c->choked && io_conn_pending(c->io) != c->unsent) {
		conn_unsent(c, io_conn_pending(c->io));
		c->since_ns = now;
	}
	uint64_t ms = now > c->since_ns ? (now - c->since_ns) / 1000000 : 0;
	if (c->state == CONN_IDLE && ms > l->idle_time_ms) {
		conn_close(c, false);
	} else if (c->state == CONN_HEAD && ms > l->header_time_ms) {
		conn_reject(c, ERR_TIMEOUT, "the request's head did not arrive in time");
	} else if (c->state == CONN_BODY && ms > BODY_GRACE_MS &&
	           c->body_received * 1000 < (ms - BODY_GRACE_MS) * l->body_rate_floor_bytes) {
		conn_reject(c, ERR_TIMEOUT, "the request's body arrives too slowly");
	}
}

static void on_sweep(void *arg) {
	struct http_server *s = arg;
	uint64_t now = io_loop_ns(s->io);
	LIST_EACH (&s->conns, n) conn_check(CONTAINER_OF(n, struct http_conn, node), now);
	io_timer_start(s->sweep, SWEEP_NS);
}

static void on_accept(void *arg, struct io_conn *io) {
	static const struct io_conn_handler handler = {on_data, on_end, on_drain};
	struct http_server *s = arg;
	struct http_conn *c = calloc(1, sizeof(*c));
	if (!c) {
		io_conn_close(io, false);
		return;
	}
	c->server = s;
	c->io = io;
	c->since_ns = io_loop_ns(s->io);
	size_t most = s->options.limits.head_max_bytes + MORE_PAUSE_BYTES;
	buf_init(&c->in, most * 4);
	buf_init(&c->more, most * 2);
	list_push_back(&s->conns, &c->node);
	s->live++;
	metric_add(s->connections, 1);
	io_conn_open(io, &handler, c);
	if (s->conns.count > s->options.limits.connections_max)
		conn_reject(c, ERR_OVERLOADED,
		            "too many connections to this region; try again later");
}

/* --- the server ---------------------------------------------------------------------- */

static void server_metrics(struct http_server *s, const char *name, struct registry *r) {
	static const char *const classes[6] = {"0xx", "1xx", "2xx", "3xx", "4xx", "5xx"};
	char labels[96];
	snprintf(labels, sizeof(labels), "server=\"%s\"", name);
	s->connections = metric_gauge(r, "holdfast_http_connections", "Open connections.", labels);
	s->unsent = metric_gauge(r, "holdfast_http_unsent_bytes",
	                         "Of answers that clients are slow to take.", labels);
	s->requests = metric_counter(r, "holdfast_http_requests_total", "Requests taken.", labels);
	s->rejected = metric_counter(r, "holdfast_http_rejected_total",
	                             "Malformed, slow or surplus requests closed here.", labels);
	s->duration = metric_histogram(r, "holdfast_http_request_seconds",
	                               "From a whole request to its response.", labels);
	for (int i = 0; i < 6; i++) {
		snprintf(labels, sizeof(labels), "server=\"%s\",class=\"%s\"", name, classes[i]);
		s->by_class[i] = metric_counter(r, "holdfast_http_responses_total",
		                                "Responses given, by class of status.", labels);
	}
}

enum err http_server_new(struct io *io, const struct http_server_options *options, const char *host,
                         uint16_t port, struct http_server **out, struct fault *fault) {
	struct http_server *s = calloc(1, sizeof(*s));
	if (!s) return fault_set(fault, ERR_NO_MEMORY, "no memory for a server");
	s->io = io;
	s->options = *options;
	list_init(&s->conns);
	buf_init(&s->scratch, 1 << 20);
	server_metrics(s, options->name, options->registry);
	s->sweep = io_timer_new(io, on_sweep, s);
	enum err e = s->sweep ? io_tcp_listen(io, host, port, on_accept, s, &s->listener, fault)
	                      : fault_set(fault, ERR_NO_MEMORY, "no memory for a timer");
	if (e) {
		http_server_free(s);
		return e;
	}
	io_timer_start(s->sweep, SWEEP_NS);
	*out = s;
	return ERR_OK;
}

uint16_t http_server_port(const struct http_server *s) {
	return io_listener_port(s->listener);
}

void http_server_drain(struct http_server *s) {
	if (s->listener) io_listener_close(s->listener);
	s->listener = NULL;
	LIST_EACH (&s->conns, n) {
		struct http_conn *c = CONTAINER_OF(n, struct http_conn, node);
		c->close_after = true;
		if (c->state == CONN_IDLE && !c->choked) conn_close(c, true);
	}
}

size_t http_server_connections(const struct http_server *s) {
	return s->conns.count;
}

void http_server_free(struct http_server *s) {
	if (!s) return;
	if (s->listener) io_listener_close(s->listener);
	s->listener = NULL;
	io_timer_free(s->sweep);
	LIST_EACH (&s->conns, n) conn_close(CONTAINER_OF(n, struct http_conn, node), false);
	s->freed = true;
	server_release(s);
}
