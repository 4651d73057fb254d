/* The loop of a simulated node: clocks, randomness, posts, timers. Everything it does later
 * is an event of the world. */
#include <stdlib.h>
#include <string.h>

#include "io/sim_driver.h"

enum { NS_PER_MS = 1000000 };
static const uint64_t WALL_START_MS = 1790000000000u; /* 2026-09: any date will do, this is ours */

static struct sim_io *sim_of(struct io *io) {
	return (struct sim_io *)io;
}

static uint64_t now_ns(struct io *io) {
	return sim_node_clock_ns(sim_of(io)->node);
}

static uint64_t wall_ms(struct io *base) {
	struct sim_io *io = sim_of(base);
	return WALL_START_MS + (uint64_t)io->node->wall_offset_ms + io->sim->now_ns / NS_PER_MS;
}

static void fill_random(struct io *io, void *out, size_t len) {
	for (size_t done = 0; done < len;) {
		uint64_t word = sim_rng_next(&sim_of(io)->sim->entropy);
		size_t part = len - done < sizeof word ? len - done : sizeof word;
		memcpy((uint8_t *)out + done, &word, part);
		done += part;
	}
}

static void run(struct io *base) {
	struct sim_io *io = sim_of(base);
	while (!io->stopping && !io->dead && sim_step(io->sim)) {}
	io->stopping = false;
}

static void stop(struct io *io) {
	sim_of(io)->stopping = true;
}

/* --- posts ------------------------------------------------------------------------------ */

static void post(struct io *base, struct io_post *p) {
	struct sim_io *io = sim_of(base);
	if (io->dead) return;
	p->link[0] = NULL;
	if (io->posts_tail)
		io->posts_tail->link[0] = p;
	else
		io->posts_head = p;
	io->posts_tail = p;
	if (!sim_event_waits(&io->posts_event)) sim_event_at(io->sim, &io->posts_event, 0);
}

/* One post an event: a crash may fall between any two. */
static void on_post(struct sim_event *ev) {
	struct sim_io *io = ev->io;
	struct io_post *p = io->posts_head;
	io->posts_head = p->link[0];
	if (io->posts_head)
		sim_event_at(io->sim, ev, 0);
	else
		io->posts_tail = NULL;
	p->fn(p);
}

static void on_hooks(struct sim_event *ev) {}

/* The first turn comes by itself, as with a real loop: what was set up before is flushed. */
static void on_turn_end(struct io *base, void (*fn)(void *arg), void *arg) {
	struct sim_io *io = sim_of(base);
	io_hooks_add(&io->hooks, fn, arg);
	sim_event_at(io->sim, &io->hooks_event, 0);
}

/* --- timers ------------------------------------------------------------------------------ */

struct sim_timer {
	struct io_timer base;
	struct sim_io *io;
	struct list_node node;
	struct sim_event event;
	void (*fn)(void *arg);
	void *arg;
};

static void on_due(struct sim_event *ev) {
	struct sim_timer *t = CONTAINER_OF(ev, struct sim_timer, event);
	t->fn(t->arg);
}

static struct io_timer *timer_new(struct io *base, void (*fn)(void *arg), void *arg) {
	struct sim_timer *t = sim_alloc(sizeof *t);
	t->base.ops = &sim_ops;
	t->io = sim_of(base);
	t->fn = fn;
	t->arg = arg;
	sim_event_init(&t->event, t->io, on_due);
	list_push_back(&t->io->timers, &t->node);
	return &t->base;
}

/* By the world's clock, how long the node's own takes for that; never less. */
static uint64_t world_delay(const struct sim_io *io, uint64_t delay_ns) {
	int32_t ppm = io->node->rate_ppm;
	if (!ppm || delay_ns > UINT64_MAX / 2) return delay_ns;
	return (uint64_t)((unsigned __int128)delay_ns * 1000000u / (uint64_t)(1000000 + ppm)) + 2;
}

static void timer_start(struct io_timer *base, uint64_t delay_ns) {
	struct sim_timer *t = (struct sim_timer *)base;
	uint64_t now = t->io->sim->now_ns;
	delay_ns = world_delay(t->io, delay_ns);
	sim_event_at(t->io->sim, &t->event,
	             delay_ns < UINT64_MAX - now ? now + delay_ns : UINT64_MAX);
}

static void timer_stop(struct io_timer *base) {
	struct sim_timer *t = (struct sim_timer *)base;
	sim_event_cancel(t->io->sim, &t->event);
}

static void timer_free(struct io_timer *base) {
	struct sim_timer *t = (struct sim_timer *)base;
	timer_stop(base);
	list_remove(&t->io->timers, &t->node);
	free(t);
}

void sim_lose_time(struct sim *s, const char *host, uint64_t ns) {
	struct sim_node *n = sim_node_get(s, host);
	ASSERT(n->paused);
	n->clock_ns = sim_node_clock_ns(n) - ns;
	n->clock_at_ns = s->now_ns;
	if (!n->io) return;
	LIST_EACH (&n->io->timers, node) {
		struct sim_timer *t = CONTAINER_OF(node, struct sim_timer, node);
		if (!sim_event_waits(&t->event) || t->event.at_ns > UINT64_MAX - ns) continue;
		sim_event_at(s, &t->event, t->event.at_ns + ns);
	}
}

/* --- life and death ------------------------------------------------------------------------ */

struct sim_io *sim_io_new(struct sim *s, struct sim_node *node) {
	struct sim_io *io = sim_alloc(sizeof *io);
	io->base.ops = &sim_ops;
	io->sim = s;
	io->node = node;
	list_init(&io->timers);
	list_init(&io->lanes);
	list_init(&io->listeners);
	list_init(&io->connects);
	sim_event_init(&io->posts_event, io, on_post);
	sim_event_init(&io->hooks_event, io, on_hooks);
	list_push_back(&s->ios, &io->all);
	return io;
}

/* The memory stays until the world ends, so that an owner that still frees a timer or closes
 * a connection of a dead node does no harm. */
void sim_io_die(struct sim_io *io) {
	io->dead = true;
	io->node->io = NULL;
	sim_events_drop(io->sim, io);
	io->posts_head = io->posts_tail = NULL;
	sim_lanes_forget(io);
	sim_connects_die(io);
}

static void free_io(struct io *base) {
	struct sim_io *io = sim_of(base);
	if (io->dead) return;
	sim_lanes_release(io); /* their jobs still run */
	sim_io_die(io);
	sim_links_die(io, false);
}

void sim_io_release(struct sim_io *io) {
	io->dead = true;
	for (struct list_node *n; (n = list_first(&io->timers));)
		timer_free(&CONTAINER_OF(n, struct sim_timer, node)->base);
	sim_lanes_forget(io); /* the world ends: nothing runs any more */
	sim_lanes_release(io);
	sim_net_release(io);
	free(io);
}

const struct io_ops sim_ops = {
	.now_ns = now_ns,
	.loop_ns = now_ns,
	.wall_ms = wall_ms,
	.random = fill_random,
	.run = run,
	.stop = stop,
	.free = free_io,
	.post = post,
	.on_turn_end = on_turn_end,
	.timer_new = timer_new,
	.timer_start = timer_start,
	.timer_stop = timer_stop,
	.timer_free = timer_free,
	.lane_new = sim_lane_new,
	.lane_submit = sim_lane_submit,
	.lane_tell = sim_lane_tell,
	.lane_free = sim_lane_free,
	.tcp_listen = sim_tcp_listen,
	.listener_close = sim_listener_close,
	.tcp_connect = sim_tcp_connect,
	.connect_cancel = sim_connect_cancel,
	.conn_open = sim_conn_open,
	.conn_write = sim_conn_write,
	.conn_pending = sim_conn_pending,
	.conn_pause = sim_conn_pause,
	.conn_resume = sim_conn_resume,
	.conn_close = sim_conn_close,
};
