/* The libuv driver: the loop itself, its clocks, posts from other threads and the end of a
 * turn. Timers, lanes and sockets have files of their own. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "io/uv_driver.h"

uint64_t uv_clock_ns(clockid_t clock) {
	struct timespec t;
	ASSERT(clock_gettime(clock, &t) == 0);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t now_ns(struct io *base) {
	return uv_clock_ns(CLOCK_BOOTTIME);
}

/* Read at the first question in a turn: close to the wake-up, and turns in which nobody
 * asks pay nothing. */
static uint64_t loop_ns(struct io *base) {
	struct uv_io *io = (struct uv_io *)base;
	if (!io->turn_ns) io->turn_ns = uv_clock_ns(CLOCK_BOOTTIME);
	return io->turn_ns;
}

static uint64_t wall_ms(struct io *base) {
	return uv_clock_ns(CLOCK_REALTIME) / 1000000u;
}

static void fill_random(struct io *base, void *out, size_t len) {
	for (size_t done = 0; done < len;) {
		ssize_t n = getrandom((uint8_t *)out + done, len - done, 0);
		ASSERT(n > 0 || errno == EINTR);
		if (n > 0) done += (size_t)n;
	}
}

/* Any thread. An eventfd of our own: the queue's flag says already whether one is due, and what
 * uv_async_send wakes spins until the sender is back from the kernel. */
static void wake(struct uv_io *io) {
	const uint64_t one = 1;
	ASSERT(write(io->wake_fd, &one, sizeof one) == sizeof one);
}

void uv_io_post(struct io *base, struct io_post *post) {
	struct uv_io *io = (struct uv_io *)base;
	_Static_assert(sizeof post->link >= sizeof(struct queue_node), "a post holds a queue node");
	if (queue_push(&io->posts, (struct queue_node *)post->link)) wake(io);
}

static void on_wake(uv_poll_t *handle, int status, int events) {
	struct uv_io *io = handle->data;
	uint64_t count;
	ssize_t got = read(io->wake_fd, &count, sizeof count); /* before the queue is looked at */
	ASSERT(got == sizeof count || errno == EAGAIN || errno == EINTR);
	queue_begin(&io->posts);
	if (atomic_load(&io->stopping)) uv_stop(&io->loop);
	for (int i = 0; i < UV_POSTS_PER_TURN; i++) {
		struct queue_node *node = queue_pop(&io->posts);
		if (!node) return;
		struct io_post *post = CONTAINER_OF((void **)node, struct io_post, link[0]);
		uv_enter(io);
		post->fn(post);
	}
	/* There may be more: let sockets have their turn first. */
	if (queue_tell(&io->posts)) wake(io);
}

static void finish_turn(struct uv_io *io) {
	/* Again when a hook's write broke a connection: its owner hears of it in this turn. Ends,
	 * since a connection breaks once. */
	while (io->ran) {
		io->ran = false;
		uv_conns_say_broken(io);
		io_hooks_call(&io->hooks);
	}
	io->turn_ns = 0;
}

static void on_turn_end(uv_prepare_t *handle) {
	finish_turn(handle->data);
	uv_conns_read_late(handle->data);
}

static void add_turn_end(struct io *base, void (*fn)(void *arg), void *arg) {
	io_hooks_add(&((struct uv_io *)base)->hooks, fn, arg);
}

static void run(struct io *base) {
	struct uv_io *io = (struct uv_io *)base;
	while (!atomic_load(&io->stopping)) uv_run(&io->loop, UV_RUN_DEFAULT);
	atomic_store(&io->stopping, false);
	finish_turn(io);
}

static void stop(struct io *base) {
	struct uv_io *io = (struct uv_io *)base;
	atomic_store(&io->stopping, true);
	if (queue_tell(&io->posts)) wake(io);
}

static void free_io(struct io *base) {
	struct uv_io *io = (struct uv_io *)base;
	uv_lanes_free(io);
	uv_connects_cancel(io);
	uv_listeners_close(io);
	uv_conns_destroy(io);
	uv_timers_free(io);
	uv_close((uv_handle_t *)&io->linger_timer, NULL);
	uv_close((uv_handle_t *)&io->wake, NULL);
	uv_close((uv_handle_t *)&io->turn_end, NULL);
	uv_run(&io->loop, UV_RUN_DEFAULT); /* only closing is left: libuv lets go of the memory */
	ASSERT(uv_loop_close(&io->loop) == 0);
	close(io->wake_fd);
	free(io->read_buffer);
	free(io);
}

const struct io_ops uv_ops = {
	.now_ns = now_ns,
	.loop_ns = loop_ns,
	.wall_ms = wall_ms,
	.random = fill_random,
	.run = run,
	.stop = stop,
	.free = free_io,
	.post = uv_io_post,
	.on_turn_end = add_turn_end,
	.timer_new = uv_io_timer_new,
	.timer_start = uv_io_timer_start,
	.timer_stop = uv_io_timer_stop,
	.timer_free = uv_io_timer_free,
	.lane_new = uv_io_lane_new,
	.lane_submit = uv_io_lane_submit,
	.lane_tell = uv_io_lane_tell,
	.lane_free = uv_io_lane_free,
	.tcp_listen = uv_io_tcp_listen,
	.listener_close = uv_io_listener_close,
	.tcp_connect = uv_io_tcp_connect,
	.connect_cancel = uv_io_connect_cancel,
	.conn_open = uv_io_conn_open,
	.conn_write = uv_io_conn_write,
	.conn_pending = uv_io_conn_pending,
	.conn_pause = uv_io_conn_pause,
	.conn_resume = uv_io_conn_resume,
	.conn_close = uv_io_conn_close,
};

static void init_lists(struct uv_io *io) {
	struct list *lists[] = {&io->timers, &io->lanes,  &io->listeners, &io->connects,
	                        &io->conns,  &io->broken, &io->lingering, &io->late};
	for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) list_init(lists[i]);
}

static struct uv_io *uv_io_alloc(void) {
	struct uv_io *io = calloc(1, sizeof *io);
	if (!io) return NULL;
	io->read_buffer = malloc(IO_READ_BUFFER_BYTES);
	io->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (io->read_buffer && io->wake_fd >= 0 && uv_loop_init(&io->loop) == 0) return io;
	if (io->wake_fd >= 0) close(io->wake_fd);
	free(io->read_buffer);
	free(io);
	return NULL;
}

struct io *io_uv_new(void) {
	/* libuv writes with write(2): a peer that left must be an error, not our death. */
	signal(SIGPIPE, SIG_IGN);
	struct uv_io *io = uv_io_alloc();
	if (!io) return NULL;
	io->base.ops = &uv_ops;
	io->ran = true; /* what was set up before the first turn is flushed in it */
	queue_init(&io->posts);
	init_lists(io);
	uv_prepare_init(&io->loop, &io->turn_end);
	uv_timer_init(&io->loop, &io->linger_timer);
	ASSERT(uv_poll_init(&io->loop, &io->wake, io->wake_fd) == 0); /* a fresh descriptor */
	io->turn_end.data = io->linger_timer.data = io->wake.data = io;
	ASSERT(uv_poll_start(&io->wake, UV_READABLE, on_wake) == 0);
	uv_prepare_start(&io->turn_end, on_turn_end);
	return &io->base;
}
