/* A view in memory: entries sorted by key. Sizes of tests and simulations: an insert moves
 * pointers. Pure; one thread at a time. */
#pragma once
#include "store/store.h"

struct memory_entry {
	struct slice key;    /* both in `bytes` */
	struct slice stored; /* as entry.h lays it out */
	uint8_t bytes[];
};
struct memory_view {
	struct memory_entry **entries;
	size_t count, cap;
	uint64_t state_hash, bytes;
	struct position at;
};
void memory_view_done(struct memory_view *v); /* leaves it empty */
MUST enum err memory_view_copy(struct memory_view *to, const struct memory_view *from);
MUST enum err memory_view_put(struct memory_view *v, struct slice key, const struct entry *e);
MUST enum err memory_view_apply(struct memory_view *v, const struct record *r);
/* Index of the first entry whose key is >= key (or > key). */
size_t memory_view_find(const struct memory_view *v, struct slice key, bool after);
MUST enum err memory_view_get(const struct memory_view *v, struct slice key, struct entry *e);
