/* Coordination: the little that all regions must agree on. A few small keys with
 * compare-and-put and watch (cells: who is home, at which epoch), and the liveness
 * of nodes. Drivers: embedded (one file shared by the processes of a machine), later
 * etcd. Everything is called and calls back on the loop it was opened on; a `done`
 * is never called before the call returns.
 *
 * Errors: ERR_CONFLICT is definitive (somebody else changed it: act on it at once).
 * ERR_UNAVAILABLE and every other error says nothing about the outcome: neither fence
 * nor proceed because of it (failover.md 2.10); look again.
 */
#pragma once
#include "base/err.h"
#include "base/slice.h"

enum { COORD_KEY_MAX = 96, COORD_VALUE_MAX = 16384, COORD_NODES_MAX = 64 };

struct coord;

/* One request; caller-owned until done, or until the turn in which the coord is closed. */
struct coord_op {
	void (*done)(struct coord_op *op, enum err err);
	uint64_t revision;  /* out: of the key, after a put or read that answered ERR_OK/ERR_CONFLICT */
	struct slice value; /* out of read: borrowed during done; empty with revision 0 when absent */
	void *driver[16];
};

/* What is known of a node. A generation is one life of its process: it grows by one when
 * the node joins and when another expires it. */
struct coord_node {
	char name[32];
	uint32_t generation;
	uint32_t beat;      /* grows with each renewal inside a generation; 0: expired or never joined */
	bool proven_dead;   /* the kernel says its process is gone: no need to wait for the lease */
};

struct coord_ops {
	/* Puts `value` if the key's revision is `expected` (0: absent). ERR_CONFLICT otherwise,
	 * with the revision found. Durable when ERR_OK. The value is copied. */
	void (*put)(struct coord *c, const char *key, uint64_t expected, struct slice value,
	            struct coord_op *op);
	/* Linearizable. */
	void (*read)(struct coord *c, const char *key, struct coord_op *op);
	/* Calls `changed` for every key with the prefix: once for what is there, then after each
	 * change with the newest value (intermediate ones may be skipped). At most 8 watches. */
	MUST enum err (*watch)(struct coord *c, const char *prefix,
	                       void (*changed)(void *arg, const char *key, struct slice value,
	                                       uint64_t revision),
	                       void *arg);

	/* --- nodes --- */
	/* Starts a new generation of this node with beat 1; op->revision is the generation. */
	void (*join)(struct coord *c, struct coord_op *op);
	/* Renews: compares generation and beat, adds one to the beat. ERR_CONFLICT: another node
	 * expired us; every lease is void, join anew. */
	void (*beat)(struct coord *c, struct coord_op *op);
	/* Ends the generation of another node if it still has exactly this beat (0 beats
	 * ERR_CONFLICT: it renewed meanwhile). After ERR_OK its next renewal fails. */
	void (*expire)(struct coord *c, const struct coord_node *observed, struct coord_op *op);
	/* What is known now, without waiting; false: never seen. */
	bool (*node)(struct coord *c, const char *name, struct coord_node *out);
	/* Called after any node's generation changed or its death was proven. One per coord. */
	void (*on_node)(struct coord *c, void (*changed)(void *arg, const char *name), void *arg);

	/* Nobody is called any more. Allowed inside a callback. The node's process counts as gone:
	 * where deaths are proven, others take over at once. So first stop whatever acts on the
	 * lease, in every thread. */
	void (*close)(struct coord *c);
};
struct coord {
	const struct coord_ops *ops;
};
