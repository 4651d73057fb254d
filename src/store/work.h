/* Operations on their way through a lane, shared by the drivers. The caller's store_op
 * carries its own queue node, so nothing is allocated; the lane takes what waits when
 * it gets to it, not when it was asked to: that is what makes the group in group commit.
 */
#pragma once
#include "base/list.h"
#include "io/io.h"
#include "store/store.h"
#include <pthread.h>

enum work_kind {
	WORK_APPEND,
	WORK_PROMISE,
	WORK_QUARANTINE,
	WORK_TRUNCATE,
	WORK_IMPORT_BEGIN,
	WORK_IMPORT_CHUNK,
	WORK_IMPORT_COMMIT,
	WORK_APPLY,
};

/* Lies in store_op.driver. */
struct work {
	struct list_node node;
	enum work_kind kind;
	enum err err;
	struct slice bytes;       /* append, import chunk: borrowed from the caller until done */
	uint64_t seq;             /* apply: target; promise: epoch */
	struct position at;       /* quarantine: keep; truncate: to; import: at */
	struct epoch_start start; /* import commit: where at's epoch begins */
	char *text;               /* quarantine: why; owned by the driver */
};
_Static_assert(sizeof(struct work) <= sizeof(((struct store_op *)0)->driver), "fits in store_op");

struct work_queue;
struct work_job {
	struct io_job job;
	struct work_queue *queue;
	struct list taken;
	bool busy;
};
struct work_queue {
	struct io_lane *lane;
	pthread_mutex_t lock; /* guards pending */
	struct list pending;
	/* Two, so that the lane finds the next group without waiting for the loop to wake. */
	struct work_job jobs[2];
	bool *stopped;      /* set when the queue goes while its `done`s are being called */
	size_t group_bytes; /* appends beyond this wait for the next group */
	bool tells;         /* run calls io_lane_tell: see io_job */
	/* On the lane: does the group, all of one kind (several only of append or apply), and
	 * sets each work's err. */
	void (*run)(struct work_queue *q, struct list *group);
	/* On the loop, before the `done`s of the group: publishes what it changed. */
	void (*settle)(struct work_queue *q, struct list *group);
};

/* Callers fill group_bytes, tells, run and settle. ERR_NO_MEMORY. */
MUST enum err work_queue_init(struct work_queue *q, struct io *io, const char *lane_name);
/* Loop thread. The op is queued; its done comes later from the loop. */
struct work *work_of(struct store_op *op, enum work_kind kind);
void work_submit(struct work_queue *q, struct work *w);
/* Runs what is queued, joins the lane; no done any more. NULL-safe on a zeroed queue. */
void work_queue_stop(struct work_queue *q);
/* After the loop died under it (simulated crash): only memory is released. */
void work_queue_abandon(struct work_queue *q);
