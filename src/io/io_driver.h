/* What a driver of the port fills in: private to io/. Each object starts with its base
 * here, so that the public functions (io.c) find the driver with one load. What all drivers
 * keep about a connection is in the base; everything else is theirs. */
#pragma once
#include "io/io.h"

struct io_ops {
	uint64_t (*now_ns)(struct io *io);
	uint64_t (*loop_ns)(struct io *io);
	uint64_t (*wall_ms)(struct io *io);
	void (*random)(struct io *io, void *out, size_t len);

	void (*run)(struct io *io);
	void (*stop)(struct io *io);
	void (*free)(struct io *io);
	void (*post)(struct io *io, struct io_post *post);
	void (*on_turn_end)(struct io *io, void (*fn)(void *arg), void *arg);

	struct io_timer *(*timer_new)(struct io *io, void (*fn)(void *arg), void *arg);
	void (*timer_start)(struct io_timer *t, uint64_t delay_ns);
	void (*timer_stop)(struct io_timer *t);
	void (*timer_free)(struct io_timer *t);

	struct io_lane *(*lane_new)(struct io *io, const char *name);
	void (*lane_submit)(struct io_lane *lane, struct io_job *job);
	void (*lane_tell)(struct io_lane *lane);
	void (*lane_free)(struct io_lane *lane);

	enum err (*tcp_listen)(struct io *io, const char *host, uint16_t port,
	                       void (*on_accept)(void *arg, struct io_conn *conn), void *arg,
	                       struct io_listener **out, struct fault *fault);
	void (*listener_close)(struct io_listener *l);
	struct io_connect *(*tcp_connect)(
		struct io *io, const char *host, uint16_t port, uint64_t timeout_ns,
		void (*on_connect)(void *arg, struct io_conn *conn, enum err err), void *arg);
	void (*connect_cancel)(struct io_connect *c);

	void (*conn_open)(struct io_conn *c);
	enum err (*conn_write)(struct io_conn *c, const struct slice *parts, int count);
	size_t (*conn_pending)(const struct io_conn *c);
	void (*conn_pause)(struct io_conn *c);
	void (*conn_resume)(struct io_conn *c);
	void (*conn_close)(struct io_conn *c, bool flush);
};

enum {
	IO_TURN_HOOKS_MAX = 8,
	IO_CONN_LIMIT_DEFAULT_BYTES = 1 << 20,
	IO_READ_BUFFER_BYTES = 64 * 1024, /* the most one on_data is given */
	IO_FLUSH_MAX_MS = 5000,           /* how long io_conn_close(flush) may take */
	IO_PEER_BYTES = 64,
};

struct io {
	const struct io_ops *ops;
};
struct io_timer {
	const struct io_ops *ops;
};
struct io_lane {
	const struct io_ops *ops;
};
struct io_listener {
	const struct io_ops *ops;
	uint16_t port;
};
struct io_connect {
	const struct io_ops *ops;
};
struct io_conn {
	const struct io_ops *ops;
	struct io_conn_handler handler; /* all NULL before io_conn_open and after close */
	void *arg;
	size_t limit_bytes;
	char peer[IO_PEER_BYTES];
	bool is_here; /* the peer is on this machine */
};

/* The rule of io_conn_write that drivers share: does `more` still fit beside `pending`? */
static inline bool io_conn_fits(const struct io_conn *c, size_t pending, size_t more) {
	return pending <= c->limit_bytes && more <= c->limit_bytes - pending;
}

/* The turn-end hooks of a loop. */
struct io_hooks {
	struct {
		void (*fn)(void *arg);
		void *arg;
	} items[IO_TURN_HOOKS_MAX];
	int count;
};
void io_hooks_add(struct io_hooks *h, void (*fn)(void *arg), void *arg); /* aborts over the max */
void io_hooks_call(const struct io_hooks *h);
