/* Removes what has expired, at the home of each cell: once a second, a part at a time, each cell by
 * itself, so that one that waits for its copies keeps none of the others. Each key is removed on
 * condition that it is absent, which to the core one that has expired is: one that was written
 * anew meanwhile stays. A cell is looked at again only when its view has the last removal, or
 * the same keys would be found and removed once more. */
#include <stdlib.h>

#include "base/arena.h"
#include "cell/host_private.h"

enum { REMOVAL_KEYS = 256, REMOVAL_KEYS_BYTES = 2 * REMOVAL_KEYS * KEY_MAX_BYTES };
static const uint64_t REMOVAL_DEADLINE_NS = 1000000000u;

/* Of one cell, from the first key that is found until nothing is left, or it fails. */
struct host_removal {
	struct host_cell *cell;
	struct proposal proposal;
	struct host_wait wait;
	struct condition conditions[REMOVAL_KEYS];
	struct op ops[REMOVAL_KEYS];
	int count;
	bool full; /* there may be more */
	struct arena keys;
};

struct host_sweep {
	struct host *host;
	struct io_timer *timer;
	int next, left; /* cell; so many are still to be looked at in this round */
	int removals;   /* under way */
};

static void sweep_on(struct host_sweep *s);
static void on_applied(struct io_post *post);

/* --- one removal ---------------------------------------------------------------------------- */

static struct host_removal *removal_new(struct host_cell *c) {
	struct host_removal *r = calloc(1, sizeof *r);
	if (!r) return NULL;
	r->cell = c;
	r->wait.post.fn = on_applied;
	r->wait.reply_to = c->host->io;
	arena_init(&r->keys, REMOVAL_KEYS_BYTES);
	c->removal = r;
	c->host->sweep->removals++;
	return r;
}

static void removal_free(struct host_removal *r) {
	if (!r) return;
	r->cell->removal = NULL;
	r->cell->host->sweep->removals--;
	arena_done(&r->keys);
	free(r);
}

static void removal_end(struct host_removal *r) {
	struct host_sweep *s = r->cell->host->sweep;
	removal_free(r);
	sweep_on(s);
}

static void on_expired(void *arg, struct slice key) {
	struct host_cell *c = arg;
	struct host_removal *r = c->removal ? c->removal : removal_new(c);
	if (!r || r->count == REMOVAL_KEYS) return;
	struct slice kept = arena_copy(&r->keys, key);
	if (!kept.ptr) return;
	r->conditions[r->count] = (struct condition){.kind = CONDITION_ABSENT, .key = kept};
	r->ops[r->count++] = (struct op){.type = OP_DELETE, .key = kept};
}

static void drop(struct host_removal *r, int index) {
	r->count--;
	r->conditions[index] = r->conditions[r->count];
	r->ops[index] = r->ops[r->count];
}

static void on_removed(struct proposal *p);

static void propose(struct host_removal *r) {
	struct host *h = r->cell->host;
	r->proposal = (struct proposal){
		.conditions = r->conditions,
		.condition_count = r->count,
		.ops = r->ops,
		.op_count = r->count,
		.deadline_ns = io_now_ns(h->io) + REMOVAL_DEADLINE_NS,
		.done = on_removed,
	};
	host_propose(h, r->cell->index, &r->proposal, h->io);
}

/* Whether the view lacks a removal that may have been written in this epoch. */
static bool is_behind(const struct host_cell *c) {
	return c->swept.epoch == c->state.epoch && c->state.applied_seq < c->swept.seq;
}

/* Finds what has expired and proposes to remove it. False: there is nothing. */
static bool look(struct host_cell *c) {
	struct host *h = c->host;
	if (!c->store || !c->state.is_home || is_behind(c)) return false;
	if (c->removal) {
		c->removal->count = 0;
		arena_reset(&c->removal->keys);
	}
	enum err err =
		c->store->ops->expired(c->reader, io_wall_ms(h->io), REMOVAL_KEYS, on_expired, c);
	/* On an error the view is being replaced: next time. */
	if (err != ERR_OK || !c->removal || !c->removal->count) return false;
	c->removal->full = c->removal->count == REMOVAL_KEYS;
	propose(c->removal);
	return true;
}

static void on_removed(struct proposal *p) {
	struct host_removal *r = CONTAINER_OF(p, struct host_removal, proposal);
	if (p->err == ERR_PRECONDITION && p->failed_condition >= 0) {
		drop(r, p->failed_condition); /* alive again: go on without it */
		if (r->count) return propose(r);
	}
	if (p->err == ERR_OK || p->err == ERR_OUTCOME_UNKNOWN)
		r->cell->swept = (struct position){.epoch = p->epoch, .seq = p->seq};
	if (p->err != ERR_OK || !r->full) return removal_end(r);
	r->wait.seq = p->seq;
	r->wait.deadline_ns = io_now_ns(r->cell->host->io) + REMOVAL_DEADLINE_NS;
	host_wait_applied(r->cell->host, r->cell->index, &r->wait);
}

static void on_applied(struct io_post *post) {
	struct host_removal *r =
		CONTAINER_OF(CONTAINER_OF(post, struct host_wait, post), struct host_removal, wait);
	if (!look(r->cell)) removal_end(r);
}

/* --- all of them ----------------------------------------------------------------------------- */

static void sweep_on(struct host_sweep *s) {
	struct host *h = s->host;
	for (; s->left && s->removals < HOST_REMOVALS_MAX; s->left--) {
		struct host_cell *c = &h->cells[s->next];
		s->next = (s->next + 1) % h->cell_count;
		if (c->removal) continue;
		if (!look(c)) removal_free(c->removal);
	}
}

/* What one large value or snapshot needed is not kept. Nothing borrows it between two events. */
static void give_back(struct buf *b) {
	if (b->cap <= HOST_SCRATCH_KEEP_BYTES) return;
	buf_reset(b);
	buf_shrink(b);
}

static void on_timer(void *arg) {
	struct host_sweep *s = arg;
	struct host *h = s->host;
	give_back(&h->scratch);
	for (int i = 0; i < h->cell_count; i++) give_back(&h->cells[i].looked_up);
	io_timer_start(s->timer, HOST_SWEEP_NS);
	s->left = h->cell_count;
	sweep_on(s);
}

/* --- start and stop --------------------------------------------------------------------------- */

enum err host_sweep_start(struct host *h) {
	struct host_sweep *s = calloc(1, sizeof *s);
	if (!s) return ERR_NO_MEMORY;
	h->sweep = s;
	s->host = h;
	s->timer = io_timer_new(h->io, on_timer, s);
	if (!s->timer) return ERR_NO_MEMORY;
	io_timer_start(s->timer, HOST_SWEEP_NS);
	return ERR_OK;
}

void host_sweep_free(struct host *h) {
	if (!h->sweep) return;
	for (int i = 0; i < h->cell_count; i++) removal_free(h->cells[i].removal);
	io_timer_free(h->sweep->timer);
	free(h->sweep);
}
