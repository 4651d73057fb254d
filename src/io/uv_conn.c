/* TCP connections of the libuv driver, once connected. On the hot path a request is one
 * read(2) into the loop's shared buffer and one write(2) or writev(2) straight from the
 * caller's parts; nothing is allocated, and pausing costs no system call unless bytes come
 * meanwhile. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "io/uv_driver.h"

struct uv_conn *uv_conn_new(struct uv_io *io) {
	struct uv_conn *c = calloc(1, sizeof *c);
	if (!c) return NULL;
	_Static_assert(sizeof *c < 1024, "an idle connection is small");
	c->base.ops = &uv_ops;
	c->base.limit_bytes = IO_CONN_LIMIT_DEFAULT_BYTES;
	c->io = io;
	uv_tcp_init(&io->loop, &c->tcp);
	c->tcp.data = c;
	list_push_back(&io->conns, &c->node);
	return c;
}

enum err uv_conn_adopt(struct uv_conn *c, int fd) {
	int failed = uv_tcp_open(&c->tcp, fd);
	if (failed) return err_from_errno(-failed);
	uv_tcp_nodelay(&c->tcp, 1); /* the peer may be gone already: reading will tell */
	return ERR_OK;
}

static bool is_loopback(const struct sockaddr *a) {
	const struct in6_addr *v6 = &((const struct sockaddr_in6 *)a)->sin6_addr;
	if (a->sa_family == AF_INET)
		return ntohl(((const struct sockaddr_in *)a)->sin_addr.s_addr) >> 24 == 127;
	return IN6_IS_ADDR_LOOPBACK(v6) || (IN6_IS_ADDR_V4MAPPED(v6) && v6->s6_addr[12] == 127);
}

static bool same_address(const struct sockaddr *a, const struct sockaddr *b) {
	if (a->sa_family != b->sa_family) return false;
	if (a->sa_family == AF_INET)
		return ((const struct sockaddr_in *)a)->sin_addr.s_addr ==
		       ((const struct sockaddr_in *)b)->sin_addr.s_addr;
	return IN6_ARE_ADDR_EQUAL(&((const struct sockaddr_in6 *)a)->sin6_addr,
	                          &((const struct sockaddr_in6 *)b)->sin6_addr);
}

static bool is_here(struct uv_conn *c, const struct sockaddr *peer) {
	struct sockaddr_storage own;
	int len = sizeof own;
	if (is_loopback(peer)) return true;
	return uv_tcp_getsockname(&c->tcp, (struct sockaddr *)&own, &len) == 0 &&
	       same_address((const struct sockaddr *)&own, peer);
}

void uv_conn_set_peer(struct uv_conn *c, const struct sockaddr *peer) {
	char text[INET6_ADDRSTRLEN] = "?";
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)peer;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)peer;
	bool is_v6 = peer->sa_family == AF_INET6;
	if (is_v6)
		inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof text);
	else
		inet_ntop(AF_INET, &v4->sin_addr, text, sizeof text);
	snprintf(c->base.peer, sizeof c->base.peer, is_v6 ? "[%s]:%u" : "%s:%u", text,
	         ntohs(is_v6 ? v6->sin6_port : v4->sin_port));
	c->base.is_here = is_here(c, peer);
}

static void forget_state(struct uv_conn *c) {
	if (c->unsaid) list_remove(&c->io->broken, &c->state_node);
	if (c->lingering) list_remove(&c->io->lingering, &c->state_node);
	if (c->late) list_remove(&c->io->late, &c->late_node);
	c->unsaid = c->lingering = c->late = false;
}

static void on_closed(uv_handle_t *handle) {
	free(handle->data);
}

/* What is cut off in the middle ends in a reset: an end that looks orderly would make the peer
 * take the first part for the whole. */
void uv_conn_destroy(struct uv_conn *c) {
	c->base.handler = (struct io_conn_handler){0};
	forget_state(c);
	list_remove(&c->io->conns, &c->node);
	if (!c->out || uv_tcp_close_reset(&c->tcp, on_closed) != 0)
		uv_close((uv_handle_t *)&c->tcp, on_closed);
}

void uv_conns_destroy(struct uv_io *io) {
	LIST_EACH (&io->conns, node) uv_conn_destroy(CONTAINER_OF(node, struct uv_conn, node));
}

/* --- errors ------------------------------------------------------------------ */

static enum err err_of_uv(int status) {
	if (status == UV_ECONNRESET || status == UV_EPIPE) return ERR_CLOSED;
	return err_from_errno(-status);
}

/* The owner hears of it at the end of the turn: not inside its own call to write. */
static void conn_break(struct uv_conn *c, enum err why) {
	c->broken = true;
	if (c->lingering) {
		uv_conn_destroy(c);
		return;
	}
	if (c->ended || c->unsaid) return;
	c->why = why;
	c->unsaid = true;
	list_push_back(&c->io->broken, &c->state_node);
	c->io->ran = true;
}

static void conn_end(struct uv_conn *c, enum err why) {
	forget_state(c);
	if (c->ended) return;
	c->ended = true;
	if (!c->base.handler.on_end) return;
	c->base.handler.on_end(c->base.arg, why);
}

void uv_conns_say_broken(struct uv_io *io) {
	struct list_node *node;
	while ((node = list_first(&io->broken))) {
		struct uv_conn *c = CONTAINER_OF(node, struct uv_conn, state_node);
		conn_end(c, c->why);
	}
}

/* --- reading ------------------------------------------------------------------ */

static void on_alloc(uv_handle_t *handle, size_t hint, uv_buf_t *buf) {
	struct uv_conn *c = handle->data;
	bool later = c->paused || c->io->reads >= UV_READS_PER_TURN;
	if (!later) c->io->reads++;
	*buf = later ? uv_buf_init(NULL, 0)
	             : uv_buf_init((char *)c->io->read_buffer, IO_READ_BUFFER_BYTES);
}

static void on_lingering_read(struct uv_conn *c, ssize_t n) {
	if (n >= 0) return; /* thrown away: the peer is only awaited */
	c->ended = true;
	if (n != UV_EOF || !c->out) uv_conn_destroy(c);
}

/* libuv says "end" for a reset that comes together with the last bytes. */
static enum err end_of(struct uv_conn *c) {
	uv_os_fd_t fd;
	int error = 0;
	socklen_t len = sizeof error;
	if (uv_fileno((uv_handle_t *)&c->tcp, &fd) != 0) return ERR_CLOSED;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0) return ERR_CLOSED;
	return error ? err_of_uv(-error) : ERR_OK;
}

static void conn_late(struct uv_conn *c) {
	if (c->late) return;
	c->late = true;
	list_push_back(&c->io->late, &c->late_node);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf) {
	struct uv_conn *c = stream->data;
	if (n == 0) return;
	if (n ==
	    UV_ENOBUFS) { /* bytes came while paused, or too many: only now stop the watching */
		uv_read_stop(stream);
		c->stopped = true;
		if (!c->paused) conn_late(c);
		return;
	}
	if (c->lingering) {
		on_lingering_read(c, n);
		return;
	}
	uv_enter(c->io);
	if (n > 0) {
		c->base.handler.on_data(c->base.arg, slice_of(buf->base, (size_t)n));
		return;
	}
	c->stopped = true;
	enum err why = n == UV_EOF ? end_of(c) : err_of_uv((int)n);
	c->broken |= why != ERR_OK;
	conn_end(c, why);
}

static void conn_read(struct uv_conn *c) {
	c->stopped = false;
	int failed = uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read);
	if (failed && failed != UV_EALREADY) conn_break(c, err_of_uv(failed));
}

/* A new turn: those that were put off are first with the kernel, which asks in order. */
void uv_conns_read_late(struct uv_io *io) {
	io->reads = 0;
	for (struct list_node *n; (n = list_pop_front(&io->late));) {
		struct uv_conn *c = CONTAINER_OF(n, struct uv_conn, late_node);
		c->late = false;
		if (c->stopped && !c->paused && !c->ended && !c->broken) conn_read(c);
	}
}

void uv_io_conn_open(struct io_conn *base) {
	conn_read((struct uv_conn *)base);
}

void uv_io_conn_pause(struct io_conn *base) {
	((struct uv_conn *)base)->paused = true;
}

void uv_io_conn_resume(struct io_conn *base) {
	struct uv_conn *c = (struct uv_conn *)base;
	c->paused = false;
	if (c->stopped && !c->ended && !c->broken) conn_read(c);
}

/* --- writing ------------------------------------------------------------------ */

size_t uv_io_conn_pending(const struct io_conn *base) {
	const struct uv_conn *c = (const struct uv_conn *)base;
	if (!c->out) return 0;
	return uv_stream_get_write_queue_size((const uv_stream_t *)&c->tcp) + c->out->next.len;
}

/* Gives the kernel what it takes now. *taken counts bytes; a full socket is not an error. */
static int write_now(struct uv_conn *c, const struct slice *parts, int count, size_t *taken) {
	for (int i = 0; i < count;) {
		uv_buf_t bufs[UV_WRITE_PARTS];
		unsigned used = 0;
		size_t bytes = 0;
		for (; i < count && used < UV_WRITE_PARTS; i++) {
			if (!parts[i].len) continue;
			bufs[used++] = (uv_buf_t){(char *)parts[i].ptr, parts[i].len};
			bytes += parts[i].len;
		}
		if (!used) return 0;
		int n = uv_try_write((uv_stream_t *)&c->tcp, bufs, used);
		if (n == UV_EAGAIN) return 0;
		if (n < 0) return n;
		*taken += (size_t)n;
		if ((size_t)n < bytes) return 0;
	}
	return 0;
}

static void out_free(struct uv_out *out) {
	buf_done(&out->flying);
	buf_done(&out->next);
	free(out);
}

static struct uv_out *out_new(struct uv_conn *c) {
	struct uv_out *out = calloc(1, sizeof *out);
	if (!out) return NULL;
	out->conn = c;
	/* The bound is the connection's limit, checked before; it may be raised meanwhile. */
	buf_init(&out->flying, SIZE_MAX / 8);
	buf_init(&out->next, SIZE_MAX / 8);
	return out;
}

static void lingering_flushed(struct uv_conn *c);
static void on_written(uv_write_t *req, int status);

static int out_fly(struct uv_out *out) {
	struct buf empty = out->flying;
	out->flying = out->next;
	out->next = empty;
	uv_buf_t buf = {(char *)buf_slice(&out->flying).ptr, out->flying.len};
	return uv_write(&out->req, (uv_stream_t *)&out->conn->tcp, &buf, 1, on_written);
}

static void on_written(uv_write_t *req, int status) {
	struct uv_out *out = CONTAINER_OF(req, struct uv_out, req);
	struct uv_conn *c = out->conn;
	buf_reset(&out->flying);
	if (status == 0 && out->next.len) status = out_fly(out);
	if (status == 0 && out->flying.len) return;
	out_free(out);
	c->out = NULL;
	if (uv_is_closing((uv_handle_t *)&c->tcp)) return;
	if (status < 0) {
		conn_break(c, err_of_uv(status));
	} else if (c->lingering) {
		lingering_flushed(c);
	} else if (c->base.handler.on_drain) {
		uv_enter(c->io);
		c->base.handler.on_drain(c->base.arg);
	}
}

static enum err queue_rest(struct uv_conn *c, const struct slice *parts, int count, size_t skip,
                           size_t rest_bytes) {
	struct uv_out *out = c->out ? c->out : out_new(c);
	if (!out) return ERR_NO_MEMORY;
	uint8_t *room;
	if (buf_reserve(&out->next, rest_bytes, &room) != ERR_OK) {
		if (!c->out) out_free(out);
		return ERR_NO_MEMORY;
	}
	for (int i = 0; i < count; i++) {
		size_t from = skip < parts[i].len ? skip : parts[i].len;
		skip -= from;
		if (from == parts[i].len) continue;
		memcpy(room, parts[i].ptr + from, parts[i].len - from);
		room += parts[i].len - from;
	}
	buf_commit(&out->next, rest_bytes);
	if (c->out) return ERR_OK;
	int failed = out_fly(out);
	if (failed) {
		out_free(out);
		return err_of_uv(failed);
	}
	c->out = out;
	return ERR_OK;
}

enum err uv_io_conn_write(struct io_conn *base, const struct slice *parts, int count) {
	struct uv_conn *c = (struct uv_conn *)base;
	if (c->broken) return ERR_CLOSED;
	size_t bytes = 0, taken = 0;
	for (int i = 0; i < count; i++) bytes += parts[i].len;
	if (!io_conn_fits(base, uv_io_conn_pending(base), bytes)) return ERR_OVERLOADED;
	int failed = c->out ? 0 : write_now(c, parts, count, &taken);
	if (failed) {
		conn_break(c, err_of_uv(failed));
		return ERR_CLOSED;
	}
	if (taken == bytes) return ERR_OK;
	enum err err = queue_rest(c, parts, count, taken, bytes - taken);
	/* A message cut in the middle: nothing sensible can follow it. */
	if (err != ERR_OK && taken > 0) conn_break(c, err);
	return err;
}

/* --- closing ------------------------------------------------------------------ */

static void linger_arm(struct uv_io *io) {
	struct list_node *first = list_first(&io->lingering);
	if (!first) return;
	uint64_t due = CONTAINER_OF(first, struct uv_conn, state_node)->linger_until_ms;
	uint64_t now = uv_now(&io->loop);
	uv_timer_start(&io->linger_timer, uv_on_linger_due, due > now ? due - now : 0, 0);
}

void uv_on_linger_due(uv_timer_t *timer) {
	struct uv_io *io = timer->data;
	for (struct list_node *n; (n = list_first(&io->lingering));) {
		struct uv_conn *c = CONTAINER_OF(n, struct uv_conn, state_node);
		if (c->linger_until_ms > uv_now(&io->loop)) break;
		uv_conn_destroy(c);
	}
	linger_arm(io);
}

/* All is with the kernel. Now the peer is told, and awaited: closing while bytes of its are
 * unread would send a reset, which throws away what it has not read of ours. */
static void lingering_flushed(struct uv_conn *c) {
	uv_os_fd_t fd;
	if (c->ended || uv_fileno((uv_handle_t *)&c->tcp, &fd) != 0 || shutdown(fd, SHUT_WR) != 0)
		uv_conn_destroy(c);
}

void uv_io_conn_close(struct io_conn *base, bool flush) {
	struct uv_conn *c = (struct uv_conn *)base;
	struct uv_io *io = c->io;
	forget_state(c);
	if (!flush || c->broken) {
		uv_conn_destroy(c);
		return;
	}
	if (io->lingering.count >= UV_LINGERING_MAX)
		uv_conn_destroy(
			CONTAINER_OF(list_first(&io->lingering), struct uv_conn, state_node));
	c->paused = false;
	c->lingering = true;
	c->linger_until_ms = uv_now(&io->loop) + IO_FLUSH_MAX_MS;
	list_push_back(&io->lingering, &c->state_node);
	if (io->lingering.count == 1) linger_arm(io);
	if (!c->ended) {
		int failed = uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read);
		if (failed && failed != UV_EALREADY) {
			uv_conn_destroy(c);
			return;
		}
	}
	if (!c->out) lingering_flushed(c);
}
