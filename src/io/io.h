/* The port to the outside: clock, randomness, timers, TCP, posts between loops,
 * and lanes for work that blocks. One `struct io` is one event loop, used by one
 * thread; only io_post (and io_wall/io_now) may be called from others.
 *
 * Two drivers: libuv (production) and the simulation (a seeded, single-threaded
 * world of several nodes with fake clock, network and disk). Whoever is written
 * against this header runs on both; nothing above io/ may call a clock, random
 * source, socket or file in any other way.
 */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "base/list.h"
#include "base/slice.h"

struct io;

/* Every driver fills this table; callers use the functions below. */
struct io_ops;

/* --- time and randomness ------------------------------------------------- */

/* CLOCK_BOOTTIME: never steps back, counts suspend. For every deadline and lease.
 * Reads the clock at each call (about 20 ns). */
uint64_t io_now_ns(struct io *io);
/* The time at which the loop last woke: for statistics and timeouts of connections,
 * never for leases. */
uint64_t io_loop_ns(struct io *io);
/* Wall clock in ms since 1970: for TTL, dates and logs only. */
uint64_t io_wall_ms(struct io *io);
void io_random(struct io *io, void *out, size_t len);

/* --- the loop ------------------------------------------------------------- */

/* libuv loop. NULL when out of memory or descriptors. */
struct io *io_uv_new(void);
/* Runs until io_stop. Call on the thread that owns the loop. */
void io_run(struct io *io);
void io_stop(struct io *io); /* any thread */
/* After io_run has returned; closes what is still open without calling back. */
void io_free(struct io *io);

/* A message to a loop: runs `fn` there, in order per sender. Any thread; never fails and
 * never allocates, since the caller owns the node, which must stay valid until `fn` runs
 * and may be reused from inside `fn`. */
struct io_post {
	void *link[1]; /* private: a queue node */
	void (*fn)(struct io_post *post);
};
void io_post(struct io *io, struct io_post *post);

/* Called once at the end of each loop turn in which anything ran, before the loop sleeps:
 * the place to flush what was gathered during the turn (group commit, batched sends). At
 * most 8 hooks a loop; added at start-up. */
void io_on_turn_end(struct io *io, void (*fn)(void *arg), void *arg);

/* --- timers ---------------------------------------------------------------- */

struct io_timer;
/* NULL: no memory. fn may restart or free the timer. */
struct io_timer *io_timer_new(struct io *io, void (*fn)(void *arg), void *arg);
/* One shot; restarts a running one. Never early; libuv rounds up to the next ms. */
void io_timer_start(struct io_timer *t, uint64_t delay_ns);
void io_timer_stop(struct io_timer *t);
void io_timer_free(struct io_timer *t); /* NULL is fine; no callback afterwards */

/* --- lanes: blocking work, in order ---------------------------------------- */

/* A lane is a thread of its own that runs jobs one after the other; `done` is then called
 * on the loop that made the lane. In the simulation `run` runs at a simulated time. */
struct io_lane;
struct io_job {
	struct list_node node;            /* private */
	struct io_lane *lane;             /* private */
	void (*run)(struct io_job *job);  /* on the lane's thread */
	void (*done)(struct io_job *job); /* on the loop; the job is the caller's again */
	bool tells; /* `run` begins with work for the disk, then calls io_lane_tell, then waits */
};
struct io_lane *io_lane_new(struct io *io, const char *name); /* name ≤ 15 bytes, for top(1) */
/* Loop thread only; the job is valid until done. */
void io_lane_submit(struct io_lane *lane, struct io_job *job);
/* On the lane's thread, in the `run` of a job that `tells`: the loop is woken for what finished
 * before. To wake a thread can cost as much as a tenth of a sync, so it is done while the disk has
 * something to do. Without it the loop is woken when the job has finished. */
void io_lane_tell(struct io_lane *lane);
/* Finishes the running and the queued jobs, joins; `done` is not called any more. Allowed
 * inside a `done`. */
void io_lane_free(struct io_lane *lane);

/* --- TCP -------------------------------------------------------------------- */

struct io_conn;
struct io_listener;

struct io_conn_handler {
	/* Bytes arrived; valid during the call only. Closing the connection inside is allowed. */
	void (*on_data)(void *arg, struct slice data);
	/* The peer ended its side (ERR_OK: writing may go on) or the connection broke
	 * (ERR_CLOSED reset, ERR_TIMEOUT, ERR_IO). Called at most once, never inside a call of
	 * the owner's; the connection must still be closed by the owner. While paused, only a
	 * failed write is noticed. */
	void (*on_end)(void *arg, enum err why);
	/* Everything written so far has been taken by the kernel; only after a write that
	 * left something pending. May be NULL. */
	void (*on_drain)(void *arg);
};

/* SO_REUSEPORT: each worker loop listens on the same port itself. port 0 picks one.
 * on_accept is given a connection that reads nothing until io_conn_open. */
MUST enum err io_tcp_listen(struct io *io, const char *host, uint16_t port,
                            void (*on_accept)(void *arg, struct io_conn *conn), void *arg,
                            struct io_listener **out, struct fault *fault);
/* ERR_UNAVAILABLE if any process listens there. Listeners of one user share a port in silence
 * (that is how worker loops share it), and two processes must not: ask before the first. */
MUST enum err io_tcp_check(const char *host, uint16_t port, struct fault *fault);
uint16_t io_listener_port(const struct io_listener *l);
void io_listener_close(struct io_listener *l);

/* Takes a fresh connection (accepted, or from io_tcp_connect) into use: starts reading. The
 * handler is copied. Calling it again hands the connection to another handler and arg. */
void io_conn_open(struct io_conn *c, const struct io_conn_handler *handler, void *arg);

/* host: literal address or a name to resolve. on_connect is called exactly once, never
 * before this returns, unless io_connect_cancel comes first; conn is NULL on error:
 * ERR_UNAVAILABLE refused or no route, ERR_TIMEOUT, ERR_NOT_FOUND no such name.
 * timeout_ns bounds resolving and connecting together. The handle ends with on_connect. */
struct io_connect;
struct io_connect *io_tcp_connect(struct io *io, const char *host, uint16_t port,
                                  uint64_t timeout_ns,
                                  void (*on_connect)(void *arg, struct io_conn *conn, enum err err),
                                  void *arg); /* NULL: no memory, no callback */
void io_connect_cancel(struct io_connect *c);

/* Writes at once what the kernel takes, copies and queues the rest (parts may be reused
 * after the call). ERR_OVERLOADED, and nothing of it is written, when what is pending and
 * this write together are over the connection's limit (io_conn_set_limit, default 1 MiB),
 * whatever the kernel would have taken: the caller should have watched io_conn_pending, and
 * a message of up to N bytes needs a limit of at least N. ERR_CLOSED after an error. Errors
 * are also reported through on_end, at the end of the turn. */
MUST enum err io_conn_write(struct io_conn *c, const struct slice *parts, int count);
size_t io_conn_pending(const struct io_conn *c); /* bytes queued */
void io_conn_set_limit(struct io_conn *c, size_t pending_bytes);
/* No on_data until resume: back-pressure. Costs no system call unless bytes come. */
void io_conn_pause(struct io_conn *c);
void io_conn_resume(struct io_conn *c);
/* "127.0.0.1:1234" of the peer; valid as long as the connection. */
const char *io_conn_peer(const struct io_conn *c);
/* Its address is loopback or the one that it has reached us at: it runs on this machine, since
 * the kernel drops packets from outside that claim an address of its own. */
bool io_conn_is_here(const struct io_conn *c);
/* No callback afterwards; frees when it may. With `flush`, what is pending is still sent
 * and the sending side shut down; then the peer's end is awaited (what it still sends is
 * thrown away), so that no reset overtakes our last bytes. All bounded by 5 s. Where pending
 * bytes are dropped the peer gets a reset, not an orderly end. NULL is fine. */
void io_conn_close(struct io_conn *c, bool flush);
