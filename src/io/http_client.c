/* Pooled HTTP/1.1 client: hosts, connections, queue and deadlines. One call at a time on
 * a connection (no pipelining: a broken connection then leaves one outcome unknown, not many). */
#include "io/http_client.h"
#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>

enum { FIELDS_MAX = HTTP1_HEADERS_MAX + 16 };
static const uint64_t TICK_NS = 10000000;

struct http_client {
	struct io *io;
	struct http_client_options options;
	struct list hosts;
	struct list calls; /* all not yet done */
	struct io_timer *tick;
	struct buf scratch;
	bool ticking;
};
struct http_client_host {
	struct list_node node;
	struct http_client *client;
	char name[256];
	uint16_t port;
	struct list idle;    /* connections, most recently used last */
	struct list busy;    /* connecting or with a call */
	struct list waiting; /* calls */
};
struct http_client_conn {
	struct list_node node;
	struct http_client_host *host;
	struct io_connect *connecting;
	struct io_conn *io;
	struct http_call *call;
	struct http1_head head;
	struct http1_body decoder;
	struct buf in, body;
	enum http1_body_kind body_kind;
	bool in_body, got_bytes, used_before;
	uint64_t idle_since_ns;
};

static void host_serve(struct http_client_host *h);
static void conn_fail(struct http_client_conn *c, enum err err);

/* --- ends of calls ---------------------------------------------------------------- */

static void call_detach(struct http_client *cl, struct http_call *call) {
	if (call->waiting) list_remove(&call->to->waiting, &call->wait);
	call->waiting = false;
	list_remove(&cl->calls, &call->node);
}

static void call_end(struct http_client *cl, struct http_call *call, enum err err,
                     const struct http1_head *head, struct slice body) {
	call_detach(cl, call);
	call->done(call, err, head, body);
}

/* Ends it at the next tick: `done` never runs inside http_call_start. */
static void call_fail_later(struct http_client *cl, struct http_call *call, enum err err) {
	call->err = err;
	io_timer_start(cl->tick, 0);
	cl->ticking = true;
}

/* --- connections -------------------------------------------------------------------- */

static void conn_free(struct http_client_conn *c, struct list *from) {
	list_remove(from, &c->node);
	if (c->connecting) io_connect_cancel(c->connecting);
	if (c->io) io_conn_close(c->io, false);
	buf_done(&c->in);
	buf_done(&c->body);
	free(c);
}

/* Sends the connection's call; a failed write shows in on_end. */
static void conn_send(struct http_client_conn *c) {
	struct http_client *cl = c->host->client;
	struct http_call *call = c->call;
	struct http_header fields[FIELDS_MAX];
	char host[280];
	snprintf(host, sizeof(host), "%s:%u", c->host->name, c->host->port);
	fields[0] = (struct http_header){.name = SLICE_LIT("Host"), .value = slice_str(host)};
	if (call->field_count)
		memcpy(fields + 1, call->fields, (size_t)call->field_count * sizeof(*fields));
	bool has_body =
		call->body.len || slice_is(call->method, "PUT") || slice_is(call->method, "POST");
	struct http1_framing framing = {has_body ? HTTP1_BODY_LENGTH : HTTP1_BODY_NONE,
	                                call->body.len, HTTP1_DEFAULT};
	buf_reset(&cl->scratch);
	http1_head_init(&c->head, HTTP1_RESPONSE, HTTP1_HEAD_BYTES_DEFAULT);
	c->in_body = c->got_bytes = false;
	enum err e = http1_encode_request(&cl->scratch, call->method, call->target, framing, fields,
	                                  call->field_count + 1);
	if (e) {
		/* The caller's fields cannot be sent: nothing left this process. */
		call->conn = NULL;
		c->call = NULL;
		list_remove(&c->host->busy, &c->node);
		list_push_back(&c->host->idle, &c->node);
		c->idle_since_ns = io_loop_ns(cl->io);
		call_fail_later(cl, call, ERR_INVALID);
		return;
	}
	struct slice parts[2] = {buf_slice(&cl->scratch), call->body};
	if (io_conn_write(c->io, parts, call->body.len ? 2 : 1) == ERR_OVERLOADED)
		call_fail_later(cl, call, ERR_TOO_LARGE);
}

/* The response is whole. */
static void conn_answered(struct http_client_conn *c) {
	struct http_client_host *h = c->host;
	struct http_call *call = c->call;
	bool reuse = c->head.keep_alive && c->body_kind != HTTP1_BODY_UNTIL_CLOSE;
	c->call = NULL;
	call->conn = NULL;
	call_end(h->client, call, ERR_OK, &c->head, buf_slice(&c->body));
	buf_reset(&c->in);
	buf_reset(&c->body);
	if (c->body.cap > 65536) buf_shrink(&c->body);
	if (!reuse) {
		conn_free(c, &h->busy);
	} else {
		c->used_before = true;
		c->idle_since_ns = io_loop_ns(h->client->io);
		list_remove(&h->busy, &c->node);
		list_push_back(&h->idle, &c->node);
	}
	host_serve(h);
}

/* Body bytes; false when the connection is gone. */
static bool conn_body(struct http_client_conn *c, struct slice in) {
	while (in.len && !c->decoder.done) {
		struct slice data;
		size_t used;
		enum err e = http1_body_next(&c->decoder, in, &data, &used);
		if (!e) e = buf_append_slice(&c->body, data);
		if (e) {
			conn_fail(c, ERR_BAD_GATEWAY);
			return false;
		}
		in = slice_of(in.ptr + used, in.len - used);
	}
	/* Bytes after the answer belong to nothing that we asked. */
	if (c->decoder.done && in.len) c->head.keep_alive = false;
	return true;
}

static bool conn_head(struct http_client_conn *c) {
	for (;;) {
		size_t used;
		struct slice in = buf_slice(&c->in);
		if (http1_head_parse(&c->head, in, &used) != ERR_OK) {
			conn_fail(c, ERR_BAD_GATEWAY);
			return false;
		}
		if (used == 0) return true;
		if (c->head.status < 200 && c->head.status != 101) { /* interim: skip */
			buf_consume(&c->in, used);
			http1_head_init(&c->head, HTTP1_RESPONSE, HTTP1_HEAD_BYTES_DEFAULT);
			if (c->in.len == 0) return true;
			continue;
		}
		enum http_method asked = http_method_find(c->call->method);
		c->body_kind = http1_response_body(&c->head, asked);
		http1_body_init(&c->decoder, c->body_kind, c->head.content_length,
		                c->host->client->options.response_max_bytes);
		c->in_body = true;
		return conn_body(c, slice_of(in.ptr + used, in.len - used));
	}
}

static void on_data(void *arg, struct slice data) {
	struct http_client_conn *c = arg;
	if (!c->call) { /* an idle connection that speaks is broken */
		conn_free(c, &c->host->idle);
		return;
	}
	c->got_bytes = true;
	if (c->in_body) {
		if (!conn_body(c, data)) return;
	} else {
		if (buf_append_slice(&c->in, data) != ERR_OK) {
			conn_fail(c, ERR_BAD_GATEWAY);
			return;
		}
		if (!conn_head(c)) return;
	}
	if (c->in_body && c->decoder.done) conn_answered(c);
}

static void on_end(void *arg, enum err why) {
	struct http_client_conn *c = arg;
	if (!c->call) {
		conn_free(c, &c->host->idle);
		return;
	}
	if (why == ERR_OK && c->in_body && http1_body_eof(&c->decoder) == ERR_OK) {
		c->head.keep_alive = false;
		conn_answered(c);
		return;
	}
	conn_fail(c, ERR_OUTCOME_UNKNOWN);
}

/* Ends the connection; its call is sent once more where that is safe, else ends with err. */
static void conn_fail(struct http_client_conn *c, enum err err) {
	struct http_client_host *h = c->host;
	struct http_call *call = c->call;
	bool again = call && err == ERR_OUTCOME_UNKNOWN && c->used_before && !c->got_bytes &&
	             call->repeatable && !call->repeated;
	conn_free(c, &h->busy);
	if (again) {
		call->repeated = true;
		call->conn = NULL;
		call->waiting = true;
		list_push_back(&h->waiting, &call->wait);
		/* What is pooled is as old as the one that broke. */
		while (!list_empty(&h->idle))
			conn_free(CONTAINER_OF(list_first(&h->idle), struct http_client_conn, node),
			          &h->idle);
	} else if (call) {
		call->conn = NULL;
		call_end(h->client, call, err, NULL, slice_of(NULL, 0));
	}
	host_serve(h);
}

static void on_connect(void *arg, struct io_conn *io, enum err err) {
	static const struct io_conn_handler handler = {on_data, on_end, NULL};
	struct http_client_conn *c = arg;
	struct http_client_host *h = c->host;
	c->connecting = NULL;
	if (err) {
		conn_free(c, &h->busy);
		/* Nothing of these was sent. With other connections alive, one pays, not all. */
		size_t ends = list_empty(&h->busy) && list_empty(&h->idle) ? h->waiting.count : 1;
		while (ends-- && !list_empty(&h->waiting)) {
			struct http_call *call =
				CONTAINER_OF(list_first(&h->waiting), struct http_call, wait);
			call_end(h->client, call, ERR_UNAVAILABLE, NULL, slice_of(NULL, 0));
		}
		host_serve(h);
		return;
	}
	c->io = io;
	io_conn_set_limit(io, h->client->options.response_max_bytes);
	io_conn_open(io, &handler, c);
	list_remove(&h->busy, &c->node);
	list_push_back(&h->idle, &c->node);
	c->idle_since_ns = io_loop_ns(h->client->io);
	host_serve(h);
}

static bool conn_new(struct http_client_host *h) {
	struct http_client *cl = h->client;
	struct http_client_conn *c = calloc(1, sizeof(*c));
	if (!c) return false;
	c->host = h;
	buf_init(&c->in, HTTP1_HEAD_BYTES_DEFAULT + (1 << 17));
	buf_init(&c->body, cl->options.response_max_bytes);
	c->connecting = io_tcp_connect(cl->io, h->name, h->port, cl->options.connect_timeout_ns,
	                               on_connect, c);
	if (!c->connecting) {
		free(c);
		return false;
	}
	list_push_back(&h->busy, &c->node);
	return true;
}

/* --- hosts ----------------------------------------------------------------------------- */

static size_t host_connecting(const struct http_client_host *h) {
	size_t n = 0;
	LIST_EACH (&h->busy, node)
		n += CONTAINER_OF(node, struct http_client_conn, node)->connecting != NULL;
	return n;
}

/* Gives idle connections to waiting calls, opens more where allowed. */
static void host_serve(struct http_client_host *h) {
	while (!list_empty(&h->waiting) && !list_empty(&h->idle)) {
		struct http_client_conn *c =
			CONTAINER_OF(h->idle.head.prev, struct http_client_conn, node);
		struct http_call *call =
			CONTAINER_OF(list_pop_front(&h->waiting), struct http_call, wait);
		list_remove(&h->idle, &c->node);
		list_push_back(&h->busy, &c->node);
		call->waiting = false;
		call->conn = c;
		c->call = call;
		conn_send(c);
	}
	if (list_empty(&h->waiting)) return;
	size_t most = (size_t)h->client->options.connections_per_host;
	for (size_t n = host_connecting(h); n < h->waiting.count; n++) {
		if (h->busy.count + h->idle.count >= most) return;
		if (!conn_new(h)) break;
	}
	if (list_empty(&h->busy)) /* nobody will come for them */
		LIST_EACH (&h->waiting, n)
			call_fail_later(h->client, CONTAINER_OF(n, struct http_call, wait),
			                ERR_UNAVAILABLE);
}

/* Hosts are those of the configuration: few, and kept. */
static struct http_client_host *host_find(struct http_client *cl, const char *name, uint16_t port) {
	LIST_EACH (&cl->hosts, n) {
		struct http_client_host *h = CONTAINER_OF(n, struct http_client_host, node);
		if (h->port == port && strcmp(h->name, name) == 0) return h;
	}
	struct http_client_host *h = calloc(1, sizeof(*h));
	if (!h || strlen(name) >= sizeof(h->name)) {
		free(h);
		return NULL;
	}
	memcpy(h->name, name, strlen(name) + 1);
	h->port = port;
	h->client = cl;
	list_init(&h->idle);
	list_init(&h->busy);
	list_init(&h->waiting);
	list_push_back(&cl->hosts, &h->node);
	return h;
}

/* --- time -------------------------------------------------------------------------------- */

static void call_give_up(struct http_client *cl, struct http_call *call, enum err err) {
	struct http_client_conn *c = call->conn;
	struct http_client_host *h = call->to;
	if (c) {
		c->call = NULL;
		call->conn = NULL;
		conn_free(c, &h->busy);
	}
	call_end(cl, call, err, NULL, slice_of(NULL, 0));
	if (h) host_serve(h);
}

static void hosts_trim(struct http_client *cl, uint64_t now) {
	LIST_EACH (&cl->hosts, n) {
		struct http_client_host *h = CONTAINER_OF(n, struct http_client_host, node);
		LIST_EACH (&h->idle, m) {
			struct http_client_conn *c = CONTAINER_OF(m, struct http_client_conn, node);
			if (now - c->idle_since_ns > cl->options.idle_ns) conn_free(c, &h->idle);
		}
	}
}

static bool client_quiet(const struct http_client *cl) {
	if (!list_empty(&cl->calls)) return false;
	LIST_EACH (&cl->hosts, n)
		if (!list_empty(&CONTAINER_OF(n, struct http_client_host, node)->idle))
			return false;
	return true;
}

static void on_tick(void *arg) {
	struct http_client *cl = arg;
	uint64_t now = io_now_ns(cl->io);
	cl->ticking = false;
	/* A `done` may start or cancel others: look from the front again after each. */
	bool again = true;
	while (again) {
		again = false;
		LIST_EACH (&cl->calls, n) {
			struct http_call *call = CONTAINER_OF(n, struct http_call, node);
			if (!call->err && now < call->deadline_ns) continue;
			call_give_up(cl, call, call->err ? call->err : ERR_DEADLINE);
			again = true;
			break;
		}
	}
	hosts_trim(cl, now);
	if (!client_quiet(cl) && !cl->ticking) {
		cl->ticking = true;
		io_timer_start(cl->tick, list_empty(&cl->calls) ? 100 * TICK_NS : TICK_NS);
	}
}

/* --- the interface -------------------------------------------------------------------------- */

struct http_client *http_client_new(struct io *io, const struct http_client_options *options) {
	struct http_client *cl = calloc(1, sizeof(*cl));
	if (!cl) return NULL;
	cl->io = io;
	cl->options = *options;
	if (!cl->options.connections_per_host) cl->options.connections_per_host = 64;
	if (!cl->options.queue_per_host) cl->options.queue_per_host = 4096;
	if (!cl->options.connect_timeout_ns) cl->options.connect_timeout_ns = 2000000000;
	if (!cl->options.idle_ns) cl->options.idle_ns = 30000000000;
	if (!cl->options.response_max_bytes) cl->options.response_max_bytes = 16 << 20;
	list_init(&cl->hosts);
	list_init(&cl->calls);
	buf_init(&cl->scratch, 1 << 17);
	cl->tick = io_timer_new(io, on_tick, cl);
	if (!cl->tick) {
		free(cl);
		return NULL;
	}
	return cl;
}

void http_call_start(struct http_client *cl, struct http_call *call) {
	ASSERT(call->field_count < FIELDS_MAX && call->done);
	uint64_t timeout = call->timeout_ns ? call->timeout_ns : 30000000000;
	call->deadline_ns = io_now_ns(cl->io) + timeout;
	call->conn = NULL;
	call->err = ERR_OK;
	call->repeated = call->waiting = false;
	call->to = host_find(cl, call->host, call->port);
	list_push_back(&cl->calls, &call->node);
	if (!cl->ticking || list_empty(&cl->calls) || cl->calls.count == 1) {
		cl->ticking = true;
		io_timer_start(cl->tick, TICK_NS);
	}
	if (!call->to) {
		call_fail_later(cl, call, ERR_NO_MEMORY);
	} else if (call->to->waiting.count >= (size_t)cl->options.queue_per_host) {
		call_fail_later(cl, call, ERR_OVERLOADED);
	} else {
		call->waiting = true;
		list_push_back(&call->to->waiting, &call->wait);
		host_serve(call->to);
	}
}

void http_call_cancel(struct http_client *cl, struct http_call *call) {
	struct http_client_conn *c = call->conn;
	if (c) {
		c->call = NULL;
		call->conn = NULL;
		conn_free(c, &call->to->busy);
	}
	call_detach(cl, call);
	if (call->to) host_serve(call->to);
}

void http_client_free(struct http_client *cl) {
	if (!cl) return;
	while (!list_empty(&cl->calls)) {
		struct http_call *call =
			CONTAINER_OF(list_first(&cl->calls), struct http_call, node);
		struct http_client_conn *c = call->conn;
		if (c) conn_free(c, &call->to->busy);
		call->conn = NULL;
		call_end(cl, call, ERR_CLOSED, NULL, slice_of(NULL, 0));
	}
	while (!list_empty(&cl->hosts)) {
		struct http_client_host *h =
			CONTAINER_OF(list_pop_front(&cl->hosts), struct http_client_host, node);
		LIST_EACH (&h->idle, n)
			conn_free(CONTAINER_OF(n, struct http_client_conn, node), &h->idle);
		LIST_EACH (&h->busy, n)
			conn_free(CONTAINER_OF(n, struct http_client_conn, node), &h->busy);
		free(h);
	}
	io_timer_free(cl->tick);
	buf_done(&cl->scratch);
	free(cl);
}
