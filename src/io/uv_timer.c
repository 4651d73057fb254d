/* Timers of the libuv driver. */
#include <stdlib.h>

#include "io/uv_driver.h"

struct uv_io_timer {
	struct io_timer base;
	struct uv_io *io;
	uv_timer_t timer;
	struct list_node node;
	void (*fn)(void *arg);
	void *arg;
};

enum { NS_PER_MS = 1000000 };
static const uint64_t DELAY_MAX_NS = (uint64_t)INT64_MAX / 2; /* 146 years: adding it cannot wrap */

/* libuv counts whole ms from the time at which the loop woke, so a plain delay could fire
 * early by the age of the turn plus a ms. Hence the deadline is taken from the clock and
 * rounded up. */
void uv_timer_start_ns(uv_timer_t *timer, uv_timer_cb fn, uint64_t delay_ns) {
	uint64_t bounded_ns = delay_ns < DELAY_MAX_NS ? delay_ns : DELAY_MAX_NS;
	uint64_t due_ms = (uv_hrtime() + bounded_ns + NS_PER_MS - 1) / NS_PER_MS;
	uint64_t base_ms = uv_now(timer->loop);
	uv_timer_start(timer, fn, due_ms > base_ms ? due_ms - base_ms : 0, 0);
}

struct io_timer *uv_io_timer_new(struct io *base, void (*fn)(void *arg), void *arg) {
	struct uv_io *io = (struct uv_io *)base;
	struct uv_io_timer *t = calloc(1, sizeof *t);
	if (!t) return NULL;
	t->base.ops = &uv_ops;
	t->io = io;
	t->fn = fn;
	t->arg = arg;
	uv_timer_init(&io->loop, &t->timer);
	t->timer.data = t;
	list_push_back(&io->timers, &t->node);
	return &t->base;
}

static void on_due(uv_timer_t *timer) {
	struct uv_io_timer *t = timer->data;
	uv_enter(t->io);
	t->fn(t->arg);
}

void uv_io_timer_start(struct io_timer *base, uint64_t delay_ns) {
	uv_timer_start_ns(&((struct uv_io_timer *)base)->timer, on_due, delay_ns);
}

void uv_io_timer_stop(struct io_timer *base) {
	uv_timer_stop(&((struct uv_io_timer *)base)->timer);
}

static void on_closed(uv_handle_t *handle) {
	free(handle->data);
}

void uv_io_timer_free(struct io_timer *base) {
	struct uv_io_timer *t = (struct uv_io_timer *)base;
	list_remove(&t->io->timers, &t->node);
	uv_close((uv_handle_t *)&t->timer, on_closed);
}

void uv_timers_free(struct uv_io *io) {
	LIST_EACH (&io->timers, node)
		uv_io_timer_free(&CONTAINER_OF(node, struct uv_io_timer, node)->base);
}
