/* The public face of the port: hands each call to the driver that made the object.
 * Knows nothing of how a driver works. */
#include "io/io.h"

#include "base/assert.h"
#include "io/io_driver.h"

uint64_t io_now_ns(struct io *io) {
	return io->ops->now_ns(io);
}

uint64_t io_loop_ns(struct io *io) {
	return io->ops->loop_ns(io);
}

uint64_t io_wall_ms(struct io *io) {
	return io->ops->wall_ms(io);
}

void io_random(struct io *io, void *out, size_t len) {
	io->ops->random(io, out, len);
}

void io_run(struct io *io) {
	io->ops->run(io);
}

void io_stop(struct io *io) {
	io->ops->stop(io);
}

void io_free(struct io *io) {
	if (io) io->ops->free(io);
}

void io_post(struct io *io, struct io_post *post) {
	io->ops->post(io, post);
}

void io_on_turn_end(struct io *io, void (*fn)(void *arg), void *arg) {
	io->ops->on_turn_end(io, fn, arg);
}

struct io_timer *io_timer_new(struct io *io, void (*fn)(void *arg), void *arg) {
	return io->ops->timer_new(io, fn, arg);
}

void io_timer_start(struct io_timer *t, uint64_t delay_ns) {
	t->ops->timer_start(t, delay_ns);
}

void io_timer_stop(struct io_timer *t) {
	t->ops->timer_stop(t);
}

void io_timer_free(struct io_timer *t) {
	if (t) t->ops->timer_free(t);
}

struct io_lane *io_lane_new(struct io *io, const char *name) {
	return io->ops->lane_new(io, name);
}

void io_lane_submit(struct io_lane *lane, struct io_job *job) {
	lane->ops->lane_submit(lane, job);
}

void io_lane_tell(struct io_lane *lane) {
	lane->ops->lane_tell(lane);
}

void io_lane_free(struct io_lane *lane) {
	if (lane) lane->ops->lane_free(lane);
}

enum err io_tcp_listen(struct io *io, const char *host, uint16_t port,
                       void (*on_accept)(void *arg, struct io_conn *conn), void *arg,
                       struct io_listener **out, struct fault *fault) {
	*out = NULL;
	return io->ops->tcp_listen(io, host, port, on_accept, arg, out, fault);
}

uint16_t io_listener_port(const struct io_listener *l) {
	return l->port;
}

void io_listener_close(struct io_listener *l) {
	if (l) l->ops->listener_close(l);
}

struct io_connect *io_tcp_connect(struct io *io, const char *host, uint16_t port,
                                  uint64_t timeout_ns,
                                  void (*on_connect)(void *arg, struct io_conn *conn, enum err err),
                                  void *arg) {
	return io->ops->tcp_connect(io, host, port, timeout_ns, on_connect, arg);
}

void io_connect_cancel(struct io_connect *c) {
	if (c) c->ops->connect_cancel(c);
}

void io_conn_open(struct io_conn *c, const struct io_conn_handler *handler, void *arg) {
	c->handler = *handler;
	c->arg = arg;
	c->ops->conn_open(c);
}

enum err io_conn_write(struct io_conn *c, const struct slice *parts, int count) {
	return c->ops->conn_write(c, parts, count);
}

size_t io_conn_pending(const struct io_conn *c) {
	return c->ops->conn_pending(c);
}

void io_conn_set_limit(struct io_conn *c, size_t pending_bytes) {
	c->limit_bytes = pending_bytes;
}

void io_conn_pause(struct io_conn *c) {
	c->ops->conn_pause(c);
}

void io_conn_resume(struct io_conn *c) {
	c->ops->conn_resume(c);
}

const char *io_conn_peer(const struct io_conn *c) {
	return c->peer;
}

bool io_conn_is_here(const struct io_conn *c) {
	return c->is_here;
}

void io_conn_close(struct io_conn *c, bool flush) {
	if (!c) return;
	c->handler = (struct io_conn_handler){0};
	c->ops->conn_close(c, flush);
}

void io_hooks_add(struct io_hooks *h, void (*fn)(void *arg), void *arg) {
	ASSERT(h->count < IO_TURN_HOOKS_MAX);
	h->items[h->count].fn = fn;
	h->items[h->count].arg = arg;
	h->count++;
}

void io_hooks_call(const struct io_hooks *h) {
	for (int i = 0; i < h->count; i++) h->items[i].fn(h->items[i].arg);
}
