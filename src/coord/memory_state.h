/* What all nodes of a simulation agree on: the truth behind the memory driver. Pure state:
 * each call happens at once and whole. Knows nothing of handles, delays or callbacks. */
#pragma once
#include "base/err.h"
#include "coord/coord.h"

struct memory_key {
	char key[COORD_KEY_MAX + 1];
	uint8_t *value; /* owned */
	size_t value_bytes;
	uint64_t revision;
};
struct memory_state {
	uint64_t revision;
	struct memory_key *keys;
	int key_count, key_cap;
	struct coord_node nodes[COORD_NODES_MAX];
	int node_count;
};

void memory_state_done(struct memory_state *s);
struct memory_key *memory_key_find(struct memory_state *s, const char *key); /* NULL: absent */
/* ERR_CONFLICT; *revision is what was found or made. */
MUST enum err memory_put(struct memory_state *s, const char *key, uint64_t expected,
                         struct slice value, uint64_t *revision);
struct coord_node *memory_node_find(struct memory_state *s, const char *name); /* NULL: unknown */
MUST enum err memory_node_add(struct memory_state *s, const char *name); /* known ones are fine */
/* The node must be known to these three. */
MUST enum err memory_join(struct memory_state *s, const char *name, uint32_t *generation);
MUST enum err memory_beat(struct memory_state *s, const char *name, uint32_t generation);
MUST enum err memory_expire(struct memory_state *s, const char *name, uint32_t generation,
                            uint32_t beat);
/* The kernel would say so: true when that is news. */
bool memory_prove_dead(struct memory_state *s, const char *name);
