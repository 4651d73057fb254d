/* The simulated world's own shapes, shared by its files (sim_*.c). One thread, one heap of
 * events ordered by time and then by insertion: nothing else decides what runs next.
 * Memory that runs out aborts: a simulation has no use for half a world. */
#pragma once
#include "base/assert.h"
#include "base/buf.h"
#include "base/list.h"
#include "io/io_driver.h"
#include "io/sim.h"

enum {
	SIM_HOST_BYTES = 48,
	SIM_WINDOW_BYTES = 256 * 1024, /* what the two kernels hold of one direction */
	SIM_TURN_EVENTS = 64,          /* events of one node and instant that share a turn */
	SIM_DONE_DELAY_NS = 1000,      /* from the end of a job to the loop that hears of it */
	SIM_HANG_LOOK_NS = 5000000,    /* how often a job that hangs is looked at */
};

/* splitmix64: one stream for each use, so that a new caller of one does not shift the rest. */
struct sim_rng {
	uint64_t state;
};
uint64_t sim_rng_next(struct sim_rng *r);
uint64_t sim_rng_below(struct sim_rng *r, uint64_t below);
uint64_t sim_rng_between(struct sim_rng *r, uint64_t min, uint64_t max); /* both included */

void *sim_alloc(size_t bytes); /* zeroed, never NULL */

/* --- events (sim_event.c) --------------------------------------------------- */

struct sim_io;
struct sim_event {
	uint64_t at_ns, order;
	size_t slot;       /* in the heap, or one of the two below */
	struct sim_io *io; /* the loop it runs on; NULL: the network itself */
	void (*fn)(struct sim_event *ev);
	struct list_node held; /* waits for the end of its node's pause */
};
static const size_t SIM_EVENT_IDLE = SIZE_MAX, SIM_EVENT_HELD = SIZE_MAX - 1;

struct sim_heap {
	struct sim_event **items;
	size_t count, cap;
};

void sim_event_init(struct sim_event *ev, struct sim_io *io, void (*fn)(struct sim_event *ev));
void sim_event_at(struct sim *s, struct sim_event *ev, uint64_t at_ns); /* moves a waiting one */
void sim_event_cancel(struct sim *s, struct sim_event *ev);
static inline bool sim_event_waits(const struct sim_event *ev) {
	return ev->slot != SIM_EVENT_IDLE;
}
struct sim_event *sim_event_first(struct sim *s);
struct sim_event *sim_event_pop(struct sim *s);
void sim_events_drop(struct sim *s, const struct sim_io *io); /* of a loop that died */

/* --- the world (sim_world.c) -------------------------------------------------- */

struct sim_node {
	struct list_node node;
	struct sim *sim;
	char host[SIM_HOST_BYTES];
	struct sim_io *io;  /* NULL: no process */
	struct files *disk; /* made when first asked for */
	struct list held;   /* events of a paused process */
	bool paused;
	bool off; /* lost power: does not even refuse */
	int64_t wall_offset_ms;
	int32_t rate_ppm; /* of its monotonic clock, which read clock_ns at clock_at_ns */
	uint64_t clock_ns, clock_at_ns;
	bool hangs; /* its lanes */
};

struct sim_io {
	struct io base;
	struct sim *sim;
	struct sim_node *node;
	struct list_node all; /* sim->ios: memory lives as long as the world */
	bool dead, stopping;
	struct list timers, lanes, listeners, connects;
	struct io_post *posts_head, *posts_tail;
	struct sim_event posts_event, hooks_event;
	struct io_hooks hooks;
};

struct sim {
	struct sim_options options;
	uint64_t now_ns, order, digest;
	struct sim_heap heap;
	struct sim_rng plan, net, jobs, entropy;
	struct list nodes, ios, links, paths;
	uint16_t next_port;
};

struct sim_node *sim_node_find(struct sim *s, const char *host); /* NULL: no such host */
struct sim_node *sim_node_get(struct sim *s, const char *host);  /* makes it, without a process */
extern const struct io_ops sim_ops;
uint64_t sim_node_clock_ns(const struct sim_node *n);

/* --- loop, timers, lanes (sim_loop.c, sim_lane.c) ------------------------------- */

struct sim_io *sim_io_new(struct sim *s, struct sim_node *node);
void sim_io_die(struct sim_io *io); /* what waits on the loop is forgotten, nobody is called */
void sim_io_release(struct sim_io *io);
struct io_lane *sim_lane_new(struct io *io, const char *name);
void sim_lane_submit(struct io_lane *lane, struct io_job *job);
void sim_lane_tell(struct io_lane *lane);
void sim_lane_free(struct io_lane *lane);
void sim_lanes_forget(struct sim_io *io);
void sim_lanes_release(struct sim_io *io);

/* --- network (sim_net.c, sim_connect.c) ----------------------------------------- */

enum sim_segment_kind { SIM_DATA, SIM_FIN, SIM_RESET };
struct sim_segment {
	struct list_node node;
	uint64_t arrival_ns;
	enum sim_segment_kind kind;
	bool local; /* made by sim_reset: no cut holds it back */
	size_t len;
	uint8_t bytes[];
};

/* One end of a connection. `inbox` is what is under way to it or waits in its kernel. */
struct sim_end {
	struct io_conn base;
	struct sim_link *link;
	struct sim_node *node;
	struct sim_io *io;
	struct list inbox;
	size_t inbox_bytes;
	struct buf pending; /* in our process, beyond the kernel's window */
	struct sim_event deliver, pump, linger, accept;
	bool given; /* the owner has seen it */
	bool opened, paused, ended, broken;
	bool gone;     /* closed by its owner or dead with its process */
	bool flushing; /* closed, pending still goes out */
	bool discards; /* closed with flush: what still comes is thrown away, not refused */
	bool released; /* the owner has no pointer any more */
};

struct sim_link {
	struct list_node node;
	struct sim *sim;
	struct sim_end end[2]; /* 0 connected, 1 accepted */
	uint16_t port;
};

struct sim_listener {
	struct io_listener base;
	struct sim_io *io;
	struct list_node node;
	void (*on_accept)(void *arg, struct io_conn *conn);
	void *arg;
};

static inline struct sim_end *sim_peer(struct sim_end *e) {
	return e == &e->link->end[0] ? &e->link->end[1] : &e->link->end[0];
}
uint64_t sim_net_delay(struct sim *s);
bool sim_is_cut(struct sim *s, const struct sim_node *from, const struct sim_node *to);
struct sim_link *sim_link_new(struct sim_io *client, struct sim_io *server, uint16_t port);
void sim_link_free(struct sim_link *l);
void sim_links_die(struct sim_io *io, bool power_loss);
void sim_links_wake(struct sim *s);   /* a cut ended: what waited goes on */
void sim_end_drop(struct sim_end *e); /* an end that nobody was given yet */
enum err sim_conn_write(struct io_conn *c, const struct slice *parts, int count);
size_t sim_conn_pending(const struct io_conn *c);
void sim_conn_open(struct io_conn *c);
void sim_conn_pause(struct io_conn *c);
void sim_conn_resume(struct io_conn *c);
void sim_conn_close(struct io_conn *c, bool flush);

enum err sim_tcp_listen(struct io *io, const char *host, uint16_t port,
                        void (*on_accept)(void *arg, struct io_conn *conn), void *arg,
                        struct io_listener **out, struct fault *fault);
void sim_listener_close(struct io_listener *l);
struct io_connect *
sim_tcp_connect(struct io *io, const char *host, uint16_t port, uint64_t timeout_ns,
                void (*on_connect)(void *arg, struct io_conn *conn, enum err err), void *arg);
void sim_connect_cancel(struct io_connect *c);
void sim_connects_die(struct sim_io *io);
void sim_connects_wake(struct sim *s);
void sim_net_release(struct sim_io *io);

/* --- disk (sim_disk.c) -------------------------------------------------------------- */

void sim_disk_crash(struct files *disk, bool power_loss); /* open files go stale */
