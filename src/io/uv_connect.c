/* Outgoing connections of the libuv driver: resolve, then try the addresses in order until
 * one answers. Each gets an equal part of the time that is left, so that a dead first
 * address (::1 of a name with two) does not use up all of it. */
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>

#include "io/uv_driver.h"

/* What libuv still holds when we no longer wait for it: owner is NULL then, and its
 * callback only frees. */
struct resolving {
	uv_getaddrinfo_t req;
	struct uv_connect *owner;
};
struct attempt {
	uv_connect_t req;
	struct uv_connect *owner;
	struct uv_conn *conn;
};

struct uv_connect {
	struct io_connect base;
	struct uv_io *io;
	struct list_node node;
	uv_timer_t timer;
	uint64_t deadline_ns; /* uv_hrtime */
	struct resolving *resolving;
	struct attempt *attempt;
	struct addrinfo *found, *next;
	struct sockaddr_storage literal; /* used instead of found */
	bool has_literal;
	enum err err; /* of the last attempt */
	void (*on_connect)(void *arg, struct io_conn *conn, enum err err);
	void *arg;
};

static enum err err_of_connect(int status) {
	switch (status) {
	case UV_ECONNREFUSED:
	case UV_ECONNRESET:
	case UV_EHOSTUNREACH:
	case UV_ENETUNREACH:
	case UV_EADDRNOTAVAIL: return ERR_UNAVAILABLE;
	default: return err_from_errno(-status);
	}
}

static void on_timer_closed(uv_handle_t *handle) {
	free(handle->data);
}

static void drop_attempt(struct uv_connect *c) {
	if (!c->attempt) return;
	c->attempt->owner = NULL;
	uv_conn_destroy(c->attempt->conn);
	c->attempt = NULL;
}

static void connect_free(struct uv_connect *c) {
	if (c->resolving) {
		c->resolving->owner = NULL;
		uv_cancel((uv_req_t *)&c->resolving->req); /* running ones finish by themselves */
	}
	drop_attempt(c);
	uv_freeaddrinfo(c->found);
	list_remove(&c->io->connects, &c->node);
	uv_close((uv_handle_t *)&c->timer, on_timer_closed);
}

static void finish(struct uv_connect *c, struct uv_conn *conn, enum err err) {
	void (*on_connect)(void *arg, struct io_conn *conn, enum err err) = c->on_connect;
	void *arg = c->arg;
	struct uv_io *io = c->io;
	connect_free(c);
	uv_enter(io);
	on_connect(arg, conn ? &conn->base : NULL, err);
}

/* --- one address ------------------------------------------------------------------- */

static void try_next(struct uv_connect *c);

static void on_attempt(uv_connect_t *req, int status) {
	struct attempt *a = CONTAINER_OF(req, struct attempt, req);
	struct uv_connect *c = a->owner;
	struct uv_conn *conn = a->conn;
	free(a);
	if (!c) return;
	c->attempt = NULL;
	if (status == 0) {
		uv_tcp_nodelay(&conn->tcp, 1);
		finish(c, conn, ERR_OK);
		return;
	}
	uv_conn_destroy(conn);
	c->err = err_of_connect(status);
	try_next(c);
}

static enum err start_attempt(struct uv_connect *c, const struct sockaddr *address) {
	struct attempt *a = calloc(1, sizeof *a);
	struct uv_conn *conn = a ? uv_conn_new(c->io) : NULL;
	if (!conn) {
		free(a);
		return ERR_NO_MEMORY;
	}
	uv_conn_set_peer(conn, address);
	a->owner = c;
	a->conn = conn;
	int failed = uv_tcp_connect(&a->req, &conn->tcp, address, on_attempt);
	if (failed) {
		uv_conn_destroy(conn);
		free(a);
		return err_of_connect(failed);
	}
	c->attempt = a;
	return ERR_OK;
}

static void on_due(uv_timer_t *timer) {
	struct uv_connect *c = timer->data;
	drop_attempt(c);
	c->err = ERR_TIMEOUT;
	if (c->resolving || uv_hrtime() >= c->deadline_ns)
		finish(c, NULL, ERR_TIMEOUT);
	else
		try_next(c);
}

static void arm(struct uv_connect *c, unsigned shares) {
	uint64_t now = uv_hrtime();
	uint64_t left_ns = c->deadline_ns > now ? c->deadline_ns - now : 0;
	uv_timer_start_ns(&c->timer, on_due, left_ns / shares);
}

static void try_next(struct uv_connect *c) {
	while (c->next) {
		unsigned shares = 0;
		for (const struct addrinfo *at = c->next; at; at = at->ai_next) shares++;
		const struct sockaddr *address = c->next->ai_addr;
		c->next = c->next->ai_next;
		c->err = start_attempt(c, address);
		if (c->err != ERR_OK) continue;
		arm(c, shares);
		return;
	}
	finish(c, NULL, c->err);
}

/* --- names ------------------------------------------------------------------------- */

static void on_resolved(uv_getaddrinfo_t *req, int status, struct addrinfo *found) {
	struct resolving *r = CONTAINER_OF(req, struct resolving, req);
	struct uv_connect *c = r->owner;
	free(r);
	if (!c) {
		uv_freeaddrinfo(found);
		return;
	}
	c->resolving = NULL;
	c->found = c->next = found;
	c->err = status == UV_EAI_MEMORY ? ERR_NO_MEMORY : ERR_NOT_FOUND;
	try_next(c);
}

static bool resolve(struct uv_connect *c, const char *host, uint16_t port) {
	char service[6];
	snprintf(service, sizeof service, "%u", port);
	const struct addrinfo hints = {
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICSERV,
	};
	struct resolving *r = calloc(1, sizeof *r);
	if (!r) return false;
	r->owner = c;
	if (uv_getaddrinfo(&c->io->loop, &r->req, on_resolved, host, service, &hints) != 0) {
		free(r);
		return false;
	}
	c->resolving = r;
	return true;
}

static bool read_literal(struct uv_connect *c, const char *host, uint16_t port) {
	c->has_literal = uv_ip4_addr(host, port, (struct sockaddr_in *)&c->literal) == 0 ||
	                 uv_ip6_addr(host, port, (struct sockaddr_in6 *)&c->literal) == 0;
	return c->has_literal;
}

/* What failed before the call returned is told from the loop. */
static void on_failed_early(uv_timer_t *timer) {
	struct uv_connect *c = timer->data;
	finish(c, NULL, c->err);
}

struct io_connect *
uv_io_tcp_connect(struct io *base, const char *host, uint16_t port, uint64_t timeout_ns,
                  void (*on_connect)(void *arg, struct io_conn *conn, enum err err), void *arg) {
	struct uv_io *io = (struct uv_io *)base;
	struct uv_connect *c = calloc(1, sizeof *c);
	if (!c) return NULL;
	c->base.ops = &uv_ops;
	c->io = io;
	c->on_connect = on_connect;
	c->arg = arg;
	uint64_t now = uv_hrtime();
	c->deadline_ns = timeout_ns < UINT64_MAX - now ? now + timeout_ns : UINT64_MAX;
	uv_timer_init(&io->loop, &c->timer);
	c->timer.data = c;
	list_push_back(&io->connects, &c->node);
	if (read_literal(c, host, port))
		c->err = start_attempt(c, (const struct sockaddr *)&c->literal);
	else
		c->err = resolve(c, host, port) ? ERR_OK : ERR_NO_MEMORY;
	if (c->err == ERR_OK)
		arm(c, 1);
	else
		uv_timer_start(&c->timer, on_failed_early, 0, 0);
	return &c->base;
}

void uv_io_connect_cancel(struct io_connect *c) {
	connect_free((struct uv_connect *)c);
}

void uv_connects_cancel(struct uv_io *io) {
	LIST_EACH (&io->connects, node) connect_free(CONTAINER_OF(node, struct uv_connect, node));
}
