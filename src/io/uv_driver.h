/* The libuv driver's own shapes, shared by its files (uv_*.c). Nothing outside io/ sees
 * libuv. All of it belongs to the loop's thread, except where atomics or a lock say so. */
#pragma once
#include <stdatomic.h>
#include <uv.h>

#include "base/buf.h"
#include "base/list.h"
#include "base/queue.h"
#include "io/io_driver.h"

enum {
	UV_POSTS_PER_TURN = 256, /* then sockets get their turn */
	UV_READS_PER_TURN = 512, /* then timers and posts: a flood must not cost a lease */
	UV_LINGERING_MAX = 1024, /* closed connections still flushing, a loop */
	UV_ACCEPTS_PER_TURN = 64,
	UV_LISTEN_BACKLOG = 1024,
	UV_ACCEPT_PAUSE_MS = 100, /* after accept found no descriptor or memory */
	UV_WRITE_PARTS = 64,      /* iovecs a system call */
};

struct uv_io {
	struct io base;
	uv_loop_t loop;
	uv_poll_t wake; /* wake_fd */
	int wake_fd;
	uv_prepare_t turn_end;
	struct queue posts;
	atomic_bool stopping;
	bool ran;         /* something ran in this turn */
	uint64_t turn_ns; /* 0: not read yet in this turn */
	struct io_hooks hooks;
	struct list timers, lanes, listeners, connects, conns;
	struct list broken;    /* connections whose on_end is still to be called */
	struct list lingering; /* closed with flush, oldest first */
	struct list late;      /* connections that are read in the next turn */
	int reads;             /* in this turn */
	uv_timer_t linger_timer;
	uint8_t *read_buffer; /* one for all connections: an idle one holds none */
};

/* What is queued beside the kernel: exists only while something is pending. `flying` is
 * with libuv, `next` gathers what is written meanwhile, so that many small writes cost
 * their bytes and not a request each. */
struct uv_out {
	uv_write_t req;
	struct uv_conn *conn;
	struct buf flying, next;
};

struct uv_conn {
	struct io_conn base;
	struct uv_io *io;
	uv_tcp_t tcp;
	struct list_node node;       /* io->conns */
	struct list_node state_node; /* io->broken or io->lingering */
	struct list_node late_node;  /* io->late */
	struct uv_out *out;          /* NULL: nothing is pending */
	uint64_t linger_until_ms;
	enum err why;   /* what broke it, until on_end is called */
	bool paused;    /* wanted by the owner */
	bool stopped;   /* reading really stopped */
	bool ended;     /* on_end was called */
	bool broken;    /* no further write can succeed */
	bool late;      /* on io->late */
	bool unsaid;    /* on io->broken */
	bool lingering; /* the owner is gone */
};

extern const struct io_ops uv_ops;

/* uv_loop.c */
static inline void uv_enter(struct uv_io *io) {
	io->ran = true; /* before each call into the owner's code */
}
uint64_t uv_clock_ns(clockid_t clock);
void uv_io_post(struct io *io, struct io_post *post);

/* uv_timer.c */
struct io_timer *uv_io_timer_new(struct io *io, void (*fn)(void *arg), void *arg);
void uv_io_timer_start(struct io_timer *t, uint64_t delay_ns);
void uv_io_timer_stop(struct io_timer *t);
void uv_io_timer_free(struct io_timer *t);
void uv_timers_free(struct uv_io *io);
/* Starts a libuv timer so that it never fires early, and at most 1 ms late by rounding. */
void uv_timer_start_ns(uv_timer_t *timer, uv_timer_cb fn, uint64_t delay_ns);

/* uv_lane.c */
struct io_lane *uv_io_lane_new(struct io *io, const char *name);
void uv_io_lane_submit(struct io_lane *lane, struct io_job *job);
void uv_io_lane_tell(struct io_lane *lane);
void uv_io_lane_free(struct io_lane *lane);
void uv_lanes_free(struct uv_io *io); /* the loop no longer runs */

/* uv_listen.c */
enum err uv_io_tcp_listen(struct io *io, const char *host, uint16_t port,
                          void (*on_accept)(void *arg, struct io_conn *conn), void *arg,
                          struct io_listener **out, struct fault *fault);
void uv_io_listener_close(struct io_listener *l);
void uv_listeners_close(struct uv_io *io);

/* uv_connect.c */
struct io_connect *
uv_io_tcp_connect(struct io *io, const char *host, uint16_t port, uint64_t timeout_ns,
                  void (*on_connect)(void *arg, struct io_conn *conn, enum err err), void *arg);
void uv_io_connect_cancel(struct io_connect *c);
void uv_connects_cancel(struct uv_io *io);

/* uv_conn.c */
struct uv_conn *uv_conn_new(struct uv_io *io); /* NULL: no memory */
/* Makes the connection of a connected socket; takes over fd only when it succeeds. */
MUST enum err uv_conn_adopt(struct uv_conn *c, int fd);
void uv_conn_set_peer(struct uv_conn *c, const struct sockaddr *peer);
void uv_conn_destroy(struct uv_conn *c); /* closes at once, frees when libuv lets go */
void uv_conns_say_broken(struct uv_io *io);
void uv_conns_read_late(struct uv_io *io);
void uv_on_linger_due(uv_timer_t *timer);
void uv_conns_destroy(struct uv_io *io);
void uv_io_conn_open(struct io_conn *c);
enum err uv_io_conn_write(struct io_conn *c, const struct slice *parts, int count);
size_t uv_io_conn_pending(const struct io_conn *c);
void uv_io_conn_pause(struct io_conn *c);
void uv_io_conn_resume(struct io_conn *c);
void uv_io_conn_close(struct io_conn *c, bool flush);
