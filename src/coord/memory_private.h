/* The memory driver's own shapes, shared by memory.c (handles, news) and memory_op.c. */
#pragma once
#include "base/list.h"
#include "coord/embedded.h"
#include "coord/memory_state.h"

enum { MEMORY_WATCHES_MAX = 8 };

struct coord_memory {
	struct memory_state state;
	struct list handles;
	bool stalled;
};

enum memory_kind {
	MEMORY_REFUSED,
	MEMORY_PUT,
	MEMORY_READ,
	MEMORY_JOIN,
	MEMORY_BEAT,
	MEMORY_EXPIRE
};
/* Beside the coord_op; inside it where memory ran out (see embedded_private.h). */
struct memory_op {
	struct list_node node;
	struct coord_op *op;
	enum memory_kind kind;
	enum err err;
	uint64_t due_ns, expected, revision;
	char *text; /* owned: the key or the node's name, then the value */
	struct slice value;
};
_Static_assert(sizeof(struct memory_op) <= sizeof((struct coord_op *)0)->driver, "fits an op");

struct memory_watch {
	char prefix[COORD_KEY_MAX + 1];
	uint64_t seen;
	void (*changed)(void *arg, const char *key, struct slice value, uint64_t revision);
	void *arg;
};

struct memory_handle {
	struct coord base;
	struct coord_memory *memory;
	struct list_node node;
	struct io *io;
	char name[32];
	uint64_t delay_ns;
	bool cut;
	uint32_t generation;
	struct io_timer *step, *news;
	bool news_due;
	struct list asked, applied; /* both by time, since the delay is the same for all */
	struct coord_node known[COORD_NODES_MAX]; /* the truth as of the last news */
	int known_count;
	struct memory_watch watches[MEMORY_WATCHES_MAX];
	int watch_count;
	void (*on_node)(void *arg, const char *name);
	void *on_node_arg;
	int calling;  /* inside the owner's callback */
	bool closing; /* closed there */
};

static inline struct memory_handle *memory_handle_of(struct coord *c) {
	return CONTAINER_OF(c, struct memory_handle, base);
}

/* memory.c */
void memory_news_for_all(struct coord_memory *m);
void memory_handle_release(struct memory_handle *h);

/* memory_op.c: five of coord.h's operations, and their timer */
void memory_op_put(struct coord *c, const char *key, uint64_t expected, struct slice value,
                   struct coord_op *op);
void memory_op_read(struct coord *c, const char *key, struct coord_op *op);
void memory_op_join(struct coord *c, struct coord_op *op);
void memory_op_beat(struct coord *c, struct coord_op *op);
void memory_op_expire(struct coord *c, const struct coord_node *observed, struct coord_op *op);
void memory_op_step(void *handle);
void memory_op_drop(struct list *ops);
