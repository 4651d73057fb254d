/* Hash map from byte strings to pointers; keyed SipHash-1-3 against chosen keys.
 * The map does not copy keys: they must outlive the entry. One thread. */
#pragma once
#include "base/err.h"
#include "base/slice.h"

struct map_entry;
struct map {
	struct map_entry *entries;
	size_t count, cap; /* cap is 0 or a power of two */
	uint64_t seed[2];
};

void map_init(struct map *m, const uint64_t seed[2]);
void map_done(struct map *m); /* does not touch values */
void *map_get(const struct map *m, struct slice key); /* NULL when absent */
MUST enum err map_put(struct map *m, struct slice key, void *value); /* value != NULL; replaces, adopting the new key's memory */
void *map_remove(struct map *m, struct slice key); /* the removed value or NULL */
bool map_remove_if(struct map *m, struct slice key, const void *value); /* only if it is that */
/* Walks all entries in no order: start with *cursor = 0; false at the end. Do not change the map meanwhile. */
bool map_next(const struct map *m, size_t *cursor, struct slice *key, void **value);
