/* Memory that lives as long as one request, one configuration, one document:
 * many small allocations, one free. Aborts never; NULL when over max or out of memory. */
#pragma once
#include "base/slice.h"

struct arena_block;
struct arena {
	struct arena_block *head;
	size_t used_bytes, max_bytes;
};

void arena_init(struct arena *a, size_t max_bytes);
void arena_done(struct arena *a);
void arena_reset(struct arena *a); /* keeps the first block */
void *arena_alloc(struct arena *a, size_t bytes); /* zeroed, aligned for any type */
char *arena_strdup(struct arena *a, struct slice s); /* NUL-terminated copy */
struct slice arena_copy(struct arena *a, struct slice s); /* ptr NULL on failure when s.len > 0 */
