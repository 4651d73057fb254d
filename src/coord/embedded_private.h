/* The embedded driver's own shapes, shared by its files. All of it belongs to the loop's
 * thread, except a work that is on the lane. */
#pragma once
#include "base/list.h"
#include "coord/embedded.h"
#include "coord/embedded_file.h"

enum {
	EMBEDDED_POLL_DEFAULT_NS = 10 * 1000 * 1000,
	EMBEDDED_WATCHES_MAX = 8,
	EMBEDDED_PUTS_MAX = 1024, /* waiting; then ERR_OVERLOADED */
	EMBEDDED_PUT_TRIES = 64,  /* lost races before a put answers ERR_UNAVAILABLE */
	EMBEDDED_LOAD_TRIES = 8,
};

enum pending_kind {
	PENDING_ANSWER, /* only done is still to be called, on the next tick */
	PENDING_READ,
	PENDING_PUT,
	PENDING_JOIN, /* joined; waits until that is on disk */
};
/* What the driver keeps of a coord_op until its done: beside the op, so that a close after the
 * op's owner is gone does no harm. (Inside it where memory ran out.) */
struct pending {
	struct list_node node;
	struct coord_op *op;
	enum pending_kind kind;
	enum err err;
	char *key; /* owned; the value follows it in the same memory */
	struct slice value;
	uint64_t expected;
	uint64_t revision; /* found or made */
};
_Static_assert(sizeof(struct pending) <= sizeof((struct coord_op *)0)->driver, "fits an op");

/* What the lane does at a time: everything that was waiting, with one write. */
struct work {
	struct io_job job;
	struct list batch;
	const struct coord_file *file;
	bool sync_failed; /* lane only: for good. A later sync may call safe what this one lost */
};

struct watch {
	char prefix[COORD_KEY_MAX + 1];
	uint64_t seen; /* table revision told so far */
	void (*changed)(void *arg, const char *key, struct slice value, uint64_t revision);
	void *arg;
};

/* What this handle knows of a slot; told_*: what on_node's owner was told. */
struct known {
	struct coord_node node; /* name empty: never seen */
	uint32_t told_generation;
	bool told_proven;
};

struct embedded {
	struct coord base;
	struct io *io;
	struct coord_file file;
	uint64_t poll_ns;
	struct io_timer *timer;
	struct io_lane *lane;
	uint32_t generation, beat; /* of this handle's life; 0: not joined */

	struct list answers; /* for the next tick */
	struct list puts;    /* for the next work */
	struct work work;
	bool working;

	struct table table; /* what `table_word` names; read by reads and watches */
	uint64_t table_word;
	enum err table_err;
	struct watch watches[EMBEDDED_WATCHES_MAX];
	int watch_count;
	struct known known[COORD_NODES_MAX];
	void (*on_node)(void *arg, const char *name);
	void *on_node_arg;

	bool misplaced; /* said so in the log */
	int calling;    /* inside an owner's callback */
	bool closing;   /* closed there: ends when the callback has returned */
};

/* embedded.c */
void pending_free(struct pending *p);
void embedded_release(struct embedded *c);
void embedded_start_work(struct embedded *c);

/* embedded_put.c: on the lane */
void embedded_work_run(struct io_job *job);

/* embedded_poll.c */
void embedded_tick(void *arg);
/* As coord_ops.node; what was last seen while the file is not in its place. */
bool embedded_node(struct embedded *c, const char *name, struct coord_node *out);
