/* The last decisions of one edge, so that who has the id of an answer can ask why. Bounded; the
 * oldest is forgotten first. Owner's loop only. Knows nothing of HTTP. */
#pragma once
#include "policy/client.h"
#include "policy/decide.h"

enum { RING_ID_MAX = 56, RING_METHOD_MAX = 16, RING_PATH_MAX = 256, RING_HOST_MAX = 96 };

/* One decision and what it was made from. */
struct ring_entry {
	uint64_t number; /* 0: none */
	uint64_t world_version;
	const struct policy *policy; /* that decided; the tenant and the rules are its */
	struct decide_request request; /* its slices point into `text`; headers are not kept */
	char tenant[POLICY_NAME_MAX + 1]; /* of request.who; "": there was none */
	struct cel_net ip;
	char text[RING_METHOD_MAX + RING_PATH_MAX + RING_HOST_MAX + POLICY_NAME_MAX + 8];
	struct decision decision; /* reasons beyond reason_count are not there */
};
struct ring {
	struct ring_entry *entries;
	uint64_t size, last; /* last: number of the newest */
	char prefix[32];     /* of its ids: this process, this worker */
	size_t prefix_bytes;
};

/* size 0: nothing is kept, ids are given all the same. stamp: no two lives of a node share it. */
MUST enum err ring_init(struct ring *r, uint64_t size, int region, int worker, uint32_t stamp);
void ring_done(struct ring *r);
/* Keeps it and writes its id; the slice points into `id`. */
struct slice ring_add(struct ring *r, const struct policy *p, const struct decide_request *request,
                      const struct decision *d, uint64_t world_version, char id[RING_ID_MAX]);
/* Forgets what other policies than these two decided: they may be freed. */
void ring_keep(struct ring *r, const struct policy *a, const struct policy *b);
/* NULL: not of this ring, or forgotten. */
const struct ring_entry *ring_find(const struct ring *r, struct slice id);
/* Whose ring gave this id out. False: it is no id. */
bool ring_place(struct slice id, int *region, int *worker);
