/* Hosts this node's cells: the shell around the pure cores. Owns the loop thread's
 * stores, links, membership and placement watches; takes writes from any thread and
 * gives every thread a cheap view of each cell's state.
 *
 * Threads: host_new/host_free and all callbacks on the owner loop; functions marked
 * [any] on every thread.
 */
#pragma once
#include "base/metric.h"
#include "cell/acceptance.h"
#include "cell/cell.h"
#include "coord/coord.h"
#include "io/files.h"
#include "io/io.h"

struct host;
struct host_cell_options {
	const char *name;
	const int *replicas;     /* region indexes, in order of succession */
	int replica_count;
	bool sync, availability, throttle;
	int copies;
	uint64_t max_loss, max_lag_ns, failover_after_ns, replication_sla_ns; /* see cell.h */
	struct store *store;     /* NULL when this region holds no copy: then the host only knows the placement */
};
struct host_options {
	const char *cluster;
	const char *const *regions;
	int region_count, self;
	bool witness;             /* the last of them is one: it holds no copy of anything, and votes */
	const char *const *hosts; /* replication addresses; own: where to listen */
	const uint16_t *ports;
	struct slice secret;
	const struct host_cell_options *cells; /* stores become the host's: it closes them */
	int cell_count;
	struct coord *coord;      /* becomes the host's */
	struct files *files;
	const char *canary_path;  /* proof of work writes and syncs here, on the data disk; NULL: always fine (simulation) */
	uint64_t lease_length_ns, lease_renew_ns;
	bool failsafe;            /* homes go on while coordination is silent and all copies promise */
	struct registry *registry;
	/* A cell's home, epoch or activity, or a region's liveness changed: wake those who hold
	 * requests. On the owner loop. */
	void (*on_change)(void *arg);
	void *arg;
};
/* On an error the stores and coord stay the caller's. */
MUST enum err host_new(struct io *io, const struct host_options *options, struct host **out,
                       struct fault *fault);
/* The loop has returned from io_run and will not run again (its turn-end hook stays). Waits for
 * the disk; proposals in flight end ERR_OUTCOME_UNKNOWN, those not begun ERR_NOT_HOME: their
 * `done` runs where reply_to still does. No other thread may call in any more. */
void host_free(struct host *h);
/* After sim_crash, and after coord's handle was dropped: frees the host; crash_store lets go of
 * each store in place of its close (store_memory_crash, store_local_crash). */
void host_crash(struct host *h, void (*crash_store)(struct store *s));

/* [any] Hands a proposal to the cell's owner. p->done is called on `reply_to`'s loop. */
void host_propose(struct host *h, int cell, struct proposal *p, struct io *reply_to);

/* [any] What a thread needs to route and to read; a consistent copy (seqlock). */
struct host_cell_state {
	int home;              /* region index; -1: not known */
	bool active, is_home, promoting, degraded, fenced;
	uint64_t epoch;
	uint64_t lease_until_ns; /* 0 unless this node is home and serving */
	uint64_t fresh_at_ns;    /* see cell_status */
	uint64_t applied_epoch, applied_seq;
	/* Every write acknowledged at this home is at or below: a read that must see them all waits
	 * until its snapshot has reached it. Here as at any copy, a snapshot beyond it has what may
	 * still come to nothing, and must not be served. */
	uint64_t committed_seq;
	uint32_t lag_ms[CELL_REPLICAS_MAX]; /* in order of succession */
};
void host_cell_state(const struct host *h, int cell, struct host_cell_state *out);
bool host_region_up(const struct host *h, int region); /* [any] */
/* [any] The store to make a reader on; NULL when this region holds no copy. */
struct store *host_store(const struct host *h, int cell);
/* [any] Is (epoch, seq) in this copy's history? ERR_OK: applied here; ERR_TIMEOUT: not yet,
 * wait; ERR_DIVERGED: on a branch that was truncated. */
enum err host_history_check(const struct host *h, int cell, uint64_t epoch, uint64_t seq);
/* [any] Calls post (once) when `applied` reaches seq, the epoch changes, this copy is fenced, or
 * deadline_ns passes. */
struct host_wait {
	struct io_post post; /* its fn is the caller's; runs on reply_to's loop */
	struct io *reply_to;
	uint64_t seq, deadline_ns;
	void *private[4];
};
void host_wait_applied(struct host *h, int cell, struct host_wait *w);

/* [any] Hands a cell over to the copy in `region` (failover.md 2.8), when that is close behind; done on
 * reply_to's loop when it is active there (or was already), or when nothing has changed. Must be
 * asked of its home. Freed by the caller; after host_free it is not answered any more. */
enum { HOST_MOVE_WAIT_MAX_MS = 60000, HOST_MOVE_CAUGHT_UP_MAX_MS = 24 * 3600 * 1000 };
struct host_move_request {
	struct io_post post;
	struct io *reply_to;
	int region;
	uint64_t wait_ms;      /* for the copy to be close behind */
	uint64_t caught_up_ms; /* and to have been so for this long */
	/* out. ERR_OK; ERR_NOT_HOME; ERR_FORBIDDEN: no copy may live there; ERR_EXISTS: a move is under
	 * way; ERR_UNAVAILABLE, ERR_TIMEOUT: nothing changed; ERR_OUTCOME_UNKNOWN: look at the home. */
	enum err err;
	char why[160];
	uint64_t paused_ns; /* no write was taken, as seen here */
	uint64_t epoch;
	void (*done)(struct host_move_request *r);
	void *private[4];
};
void host_move(struct host *h, int cell, struct host_move_request *r);

/* [any] Puts into coordination that what is lost with the home of the present epoch is accepted, so that
 * a copy that holds back takes over (see acceptance.h). done on reply_to's loop when it is recorded
 * there. Freed by the caller; after host_free it is not answered any more. */
struct host_accept_request {
	struct io_post post;
	struct io *reply_to;
	struct acceptance acceptance; /* by, reason and for_ms are the caller's; the rest is filled in */
	/* out. ERR_OK; ERR_PRECONDITION: the cell has a home; ERR_EXISTS: another is being recorded, or was
	 * meanwhile; ERR_UNAVAILABLE: coordination does not answer, it may be recorded. */
	enum err err;
	void (*done)(struct host_accept_request *r);
	void *private[4];
};
void host_accept(struct host *h, int cell, struct host_accept_request *r);

/* [any] Everything, for status: by message to the owner loop; done on reply_to's loop. */
struct host_status_request {
	struct io_post post;
	struct io *reply_to;
	struct cell_status *cells; /* cell_count of them, filled */
	struct store_info *stores;
	void (*done)(struct host_status_request *r);
	void *private[4];
};
void host_status(struct host *h, struct host_status_request *r);
