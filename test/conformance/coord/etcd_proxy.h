/* A wire to a member of etcd that can lose answers: what comes back is dropped and the connection
 * with it, after the request has gone through. On the test's loop. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "base/buf.h"
#include "base/list.h"
#include "io/io.h"

struct proxy {
	struct io *io;
	struct io_listener *listener;
	const char *host;
	uint16_t to;
	int lose; /* so many answers */
	int lost;
	struct list wires;
};
struct wire {
	struct proxy *proxy;
	struct list_node node;
	struct io_conn *client, *server;
	struct io_connect *connecting;
	struct buf early; /* from the client, before there is a server */
};

static void wire_end(struct wire *w) {
	list_remove(&w->proxy->wires, &w->node);
	if (w->connecting) io_connect_cancel(w->connecting);
	io_conn_close(w->client, false);
	io_conn_close(w->server, false);
	buf_done(&w->early);
	free(w);
}

static void on_wire_end(void *arg, enum err why) {
	wire_end(arg);
}

static void on_client_bytes(void *arg, struct slice data) {
	struct wire *w = arg;
	if (w->server)
		assert_int_equal(io_conn_write(w->server, &data, 1), ERR_OK);
	else
		assert_int_equal(buf_append_slice(&w->early, data), ERR_OK);
}

static void on_server_bytes(void *arg, struct slice data) {
	struct wire *w = arg;
	struct proxy *p = w->proxy;
	if (p->lose > 0) {
		p->lose--;
		p->lost++;
		wire_end(w);
		return;
	}
	assert_int_equal(io_conn_write(w->client, &data, 1), ERR_OK);
}

static void on_wire_connected(void *arg, struct io_conn *conn, enum err err) {
	static const struct io_conn_handler handler = {on_server_bytes, on_wire_end, NULL};
	struct wire *w = arg;
	w->connecting = NULL;
	if (err) return wire_end(w);
	w->server = conn;
	io_conn_open(conn, &handler, w);
	struct slice early = buf_slice(&w->early);
	if (early.len) assert_int_equal(io_conn_write(conn, &early, 1), ERR_OK);
}

static void on_wire_accept(void *arg, struct io_conn *conn) {
	static const struct io_conn_handler handler = {on_client_bytes, on_wire_end, NULL};
	struct proxy *p = arg;
	struct wire *w = calloc(1, sizeof *w);
	assert_non_null(w);
	w->proxy = p;
	w->client = conn;
	buf_init(&w->early, 1 << 20);
	list_push_back(&p->wires, &w->node);
	io_conn_open(conn, &handler, w);
	w->connecting = io_tcp_connect(p->io, p->host, p->to, 1000000000u, on_wire_connected, w);
}

static void proxy_start(struct proxy *p, struct io *io, const char *host, uint16_t port,
                        uint16_t to) {
	struct fault fault = {0};
	*p = (struct proxy){.io = io, .host = host, .to = to};
	list_init(&p->wires);
	if (io_tcp_listen(io, host, port, on_wire_accept, p, &p->listener, &fault) != ERR_OK)
		fail_msg("%s", fault.text);
}

static void proxy_stop(struct proxy *p) {
	io_listener_close(p->listener);
	for (struct list_node *n; (n = list_first(&p->wires));)
		wire_end(CONTAINER_OF(n, struct wire, node));
}
