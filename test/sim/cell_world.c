/* Time, randomness, events. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "cell_world.h"

uint64_t world_random(struct world *w, uint64_t below) {
	w->random += 0x9e3779b97f4a7c15u;
	uint64_t x = mix64(w->random);
	return below ? x % below : x;
}

bool world_chance(struct world *w, unsigned percent) {
	return world_random(w, 100) < percent;
}

uint64_t world_between(struct world *w, uint64_t low, uint64_t high) {
	return low + world_random(w, high - low + 1);
}

void world_fail(struct world *w, const char *format, ...) {
	if (w->failed) return;
	w->failed = true;
	va_list args;
	va_start(args, format);
	vsnprintf(w->why, sizeof w->why, format, args);
	va_end(args);
	world_say(w, "VIOLATION %s", w->why);
}

void world_say(struct world *w, const char *format, ...) {
	if (!w->verbose) return;
	va_list args;
	va_start(args, format);
	printf("%10.3f ms  ", (double)w->now_ns / 1e6);
	vprintf(format, args);
	printf("\n");
	va_end(args);
}

/* --- the heap --------------------------------------------------------------------------- */

static bool earlier(const struct happening *a, const struct happening *b) {
	return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

static void heap_push(struct world *w, struct happening h) {
	if (w->heap_count == w->heap_cap) {
		w->heap_cap = w->heap_cap ? 2 * w->heap_cap : 1024;
		w->heap = realloc(w->heap, w->heap_cap * sizeof *w->heap);
	}
	size_t i = w->heap_count++;
	for (; i && earlier(&h, &w->heap[(i - 1) / 2]); i = (i - 1) / 2)
		w->heap[i] = w->heap[(i - 1) / 2];
	w->heap[i] = h;
}

static struct happening heap_pop(struct world *w) {
	struct happening top = w->heap[0], last = w->heap[--w->heap_count];
	size_t i = 0;
	for (size_t child; (child = 2 * i + 1) < w->heap_count; i = child) {
		bool right = child + 1 < w->heap_count;
		if (right && earlier(&w->heap[child + 1], &w->heap[child])) child++;
		if (!earlier(&w->heap[child], &last)) break;
		w->heap[i] = w->heap[child];
	}
	w->heap[i] = last;
	return top;
}

void world_at(struct world *w, uint64_t in_ns, struct happening h) {
	h.at_ns = w->now_ns + in_ns;
	h.order = w->order++;
	if (h.node >= 0) h.life = w->nodes[h.node].life;
	heap_push(w, h);
}

static void defer(struct node *n, struct happening h) {
	if (n->deferred_count == n->deferred_cap) {
		n->deferred_cap = n->deferred_cap ? 2 * n->deferred_cap : 64;
		n->deferred = realloc(n->deferred, n->deferred_cap * sizeof *n->deferred);
	}
	n->deferred[n->deferred_count++] = h;
}

void world_resume(struct world *w, int node) {
	struct node *n = &w->nodes[node];
	for (size_t i = 0; i < n->deferred_count; i++) {
		struct happening h = n->deferred[i];
		h.at_ns = w->now_ns;
		h.order = w->order++;
		heap_push(w, h);
	}
	n->deferred_count = 0;
}

bool world_step(struct world *w) {
	if (!w->heap_count) return false;
	struct happening h = heap_pop(w);
	w->now_ns = h.at_ns;
	struct node *n = h.node >= 0 ? &w->nodes[h.node] : NULL;
	if (n && n->life != h.life) {
		free(h.memory);
	} else if (n && n->paused) {
		defer(n, h);
	} else {
		w->steps++;
		h.fn(w, &h);
		free(h.memory);
	}
	return true;
}
