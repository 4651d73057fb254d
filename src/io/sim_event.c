/* The order of the simulated world: a binary heap by (time, insertion), and the seeded
 * generators. */
#include <stdlib.h>

#include "io/sim_driver.h"

uint64_t sim_rng_next(struct sim_rng *r) {
	uint64_t z = r->state += 0x9e3779b97f4a7c15u;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

uint64_t sim_rng_below(struct sim_rng *r, uint64_t below) {
	return (uint64_t)(((unsigned __int128)sim_rng_next(r) * below) >> 64);
}

uint64_t sim_rng_between(struct sim_rng *r, uint64_t min, uint64_t max) {
	return max <= min ? min : min + sim_rng_below(r, max - min + 1);
}

void *sim_alloc(size_t bytes) {
	void *p = calloc(1, bytes ? bytes : 1);
	ASSERT(p);
	return p;
}

/* --- the heap ------------------------------------------------------------------ */

static bool before(const struct sim_event *a, const struct sim_event *b) {
	return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

static void put(struct sim_heap *h, size_t slot, struct sim_event *ev) {
	h->items[slot] = ev;
	ev->slot = slot;
}

static void sift_up(struct sim_heap *h, size_t slot) {
	struct sim_event *ev = h->items[slot];
	for (; slot > 0; slot = (slot - 1) / 2) {
		struct sim_event *parent = h->items[(slot - 1) / 2];
		if (!before(ev, parent)) break;
		put(h, slot, parent);
	}
	put(h, slot, ev);
}

static void sift_down(struct sim_heap *h, size_t slot) {
	struct sim_event *ev = h->items[slot];
	for (size_t child; (child = 2 * slot + 1) < h->count; slot = child) {
		if (child + 1 < h->count && before(h->items[child + 1], h->items[child])) child++;
		if (!before(h->items[child], ev)) break;
		put(h, slot, h->items[child]);
	}
	put(h, slot, ev);
}

static void remove_slot(struct sim_heap *h, size_t slot) {
	h->items[slot]->slot = SIM_EVENT_IDLE;
	struct sim_event *last = h->items[--h->count];
	if (slot == h->count) return;
	put(h, slot, last);
	sift_up(h, slot);
	sift_down(h, last->slot);
}

/* --- events ---------------------------------------------------------------------- */

void sim_event_init(struct sim_event *ev, struct sim_io *io, void (*fn)(struct sim_event *ev)) {
	*ev = (struct sim_event){.slot = SIM_EVENT_IDLE, .io = io, .fn = fn};
}

void sim_event_at(struct sim *s, struct sim_event *ev, uint64_t at_ns) {
	if (ev->io && ev->io->dead) return;
	sim_event_cancel(s, ev);
	struct sim_heap *h = &s->heap;
	if (h->count == h->cap) {
		h->cap = h->cap ? h->cap * 2 : 256;
		h->items = realloc(h->items, h->cap * sizeof(struct sim_event *));
		ASSERT(h->items);
	}
	ev->at_ns = at_ns < s->now_ns ? s->now_ns : at_ns;
	ev->order = s->order++;
	put(h, h->count++, ev);
	sift_up(h, ev->slot);
}

void sim_event_cancel(struct sim *s, struct sim_event *ev) {
	if (ev->slot == SIM_EVENT_HELD) {
		list_remove(&ev->io->node->held, &ev->held);
		ev->slot = SIM_EVENT_IDLE;
	} else if (ev->slot != SIM_EVENT_IDLE) {
		remove_slot(&s->heap, ev->slot);
	}
}

struct sim_event *sim_event_first(struct sim *s) {
	return s->heap.count ? s->heap.items[0] : NULL;
}

struct sim_event *sim_event_pop(struct sim *s) {
	struct sim_event *ev = sim_event_first(s);
	if (ev) remove_slot(&s->heap, 0);
	return ev;
}

void sim_events_drop(struct sim *s, const struct sim_io *io) {
	size_t kept = 0;
	for (size_t i = 0; i < s->heap.count; i++) {
		struct sim_event *ev = s->heap.items[i];
		if (ev->io == io)
			ev->slot = SIM_EVENT_IDLE;
		else
			put(&s->heap, kept++, ev);
	}
	s->heap.count = kept;
	for (size_t i = kept / 2; i-- > 0;) sift_down(&s->heap, i);
	LIST_EACH (&io->node->held, n) {
		list_remove(&io->node->held, n);
		CONTAINER_OF(n, struct sim_event, held)->slot = SIM_EVENT_IDLE;
	}
}
