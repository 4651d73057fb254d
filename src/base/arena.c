/* A chain of blocks, newest first; the oldest survives a reset so that a reused
 * arena does not go back to malloc. Knows nothing of what is stored in it. */
#include "base/arena.h"

#include <stdalign.h>
#include <stdlib.h>

enum { ARENA_BLOCK_MIN = 1024, ARENA_BLOCK_MAX = 64 * 1024 };

struct arena_block {
	struct arena_block *older;
	size_t used, cap;
	alignas(max_align_t) uint8_t mem[];
};

void arena_init(struct arena *a, size_t max_bytes) {
	*a = (struct arena){.max_bytes = max_bytes};
}

/* Frees all blocks newer than the oldest and returns that one. */
static struct arena_block *arena_unwind(struct arena *a) {
	struct arena_block *block = a->head;
	while (block && block->older) {
		struct arena_block *older = block->older;
		free(block);
		block = older;
	}
	return block;
}

void arena_done(struct arena *a) {
	if (!a) return;
	free(arena_unwind(a));
	a->head = NULL;
	a->used_bytes = 0;
}

void arena_reset(struct arena *a) {
	a->head = arena_unwind(a);
	a->used_bytes = 0;
	if (a->head) a->head->used = 0;
}

/* Blocks double, so that a large document takes few of them; one big request gets its own size. */
static struct arena_block *arena_grow(struct arena *a, size_t need) {
	size_t cap = a->head ? a->head->cap * 2 : ARENA_BLOCK_MIN;
	if (cap > ARENA_BLOCK_MAX) cap = ARENA_BLOCK_MAX;
	if (cap < need) cap = need;
	struct arena_block *block = malloc(sizeof *block + cap);
	if (!block) return NULL;
	*block = (struct arena_block){.older = a->head, .cap = cap};
	a->head = block;
	return block;
}

void *arena_alloc(struct arena *a, size_t bytes) {
	const size_t align = alignof(max_align_t);
	if (a->used_bytes > a->max_bytes || bytes > a->max_bytes - a->used_bytes) return NULL;
	if (bytes > SIZE_MAX / 2) return NULL;
	size_t need = (bytes + align - 1) & ~(align - 1);
	if (need == 0) need = align;
	struct arena_block *block = a->head;
	if (!block || block->cap - block->used < need) block = arena_grow(a, need);
	if (!block) return NULL;
	void *ptr = block->mem + block->used;
	block->used += need;
	a->used_bytes += need;
	return memset(ptr, 0, need);
}

char *arena_strdup(struct arena *a, struct slice s) {
	if (s.len == SIZE_MAX) return NULL;
	char *copy = arena_alloc(a, s.len + 1);
	if (copy && s.len) memcpy(copy, s.ptr, s.len);
	return copy;
}

struct slice arena_copy(struct arena *a, struct slice s) {
	if (s.len == 0) return slice_of(NULL, 0);
	void *copy = arena_alloc(a, s.len);
	if (!copy) return slice_of(NULL, 0);
	return slice_of(memcpy(copy, s.ptr, s.len), s.len);
}
