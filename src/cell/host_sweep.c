/* Removes what has expired, at the home of each cell: a second's worth at a time, one cell
 * after the other. Each key is removed on condition that it is absent, which to the core one
 * that has expired is: one that was written anew meanwhile stays. */
#include <stdlib.h>

#include "cell/host_private.h"

enum { SWEEP_MAX = 256, SWEEP_KEYS_BYTES = SWEEP_MAX * KEY_MAX_BYTES };
static const uint64_t SWEEP_DEADLINE_NS = 1000000000u;
static const uint64_t SWEEP_AGAIN_NS = 20000000u; /* looks whether the view has the last removal */
enum { SWEEP_LOOKS_MAX = 50 };

struct host_sweep {
	struct host *host;
	struct io_timer *timer;
	int cell; /* under way */
	struct proposal proposal;
	struct condition conditions[SWEEP_MAX];
	struct op ops[SWEEP_MAX];
	int count;
	bool full;       /* there may be more */
	/* In the middle of a cell: before the view has what was removed, it would be found again. */
	uint64_t after_seq; /* 0: not in the middle */
	int looks;
	struct buf keys; /* reserved in full: its bytes do not move */
};

static void next_cell(struct host_sweep *s);

/* --- gathering ---------------------------------------------------------------------------- */

static void on_expired(void *arg, struct slice key) {
	struct host_sweep *s = arg;
	if (s->count == SWEEP_MAX) return;
	const uint8_t *at = s->keys.mem + s->keys.start + s->keys.len;
	if (buf_append_slice(&s->keys, key) != ERR_OK) return;
	struct slice kept = slice_of(at, key.len);
	s->conditions[s->count] = (struct condition){.kind = CONDITION_ABSENT, .key = kept};
	s->ops[s->count++] = (struct op){.type = OP_DELETE, .key = kept};
}

static void gather(struct host_sweep *s, struct host_cell *c) {
	s->count = 0;
	buf_reset(&s->keys);
	enum err err = c->store->ops->expired(c->reader, io_wall_ms(s->host->io), SWEEP_MAX,
	                                      on_expired, s);
	if (err != ERR_OK) s->count = 0; /* the view is being replaced: next time */
	s->full = s->count == SWEEP_MAX;
}

/* --- removing ------------------------------------------------------------------------------ */

static void remove_all(struct host_sweep *s);

static void drop(struct host_sweep *s, int index) {
	s->count--;
	s->conditions[index] = s->conditions[s->count];
	s->ops[index] = s->ops[s->count];
}

static void on_removed(struct proposal *p) {
	struct host_sweep *s = CONTAINER_OF(p, struct host_sweep, proposal);
	if (p->err == ERR_PRECONDITION && p->failed_condition >= 0 &&
	    p->failed_condition < s->count) {
		drop(s, p->failed_condition); /* alive again: go on without it */
		if (s->count) return remove_all(s);
	}
	if (p->err != ERR_OK || !s->full) return next_cell(s);
	s->after_seq = p->seq;
	s->looks = 0;
	io_timer_start(s->timer, SWEEP_AGAIN_NS);
}

/* The same cell again, once its view has the last removal; a view that is stuck is left. */
static void go_on(struct host_sweep *s) {
	const struct host_cell *c = &s->host->cells[s->cell];
	bool behind = c->state.is_home && c->state.applied_seq < s->after_seq;
	if (behind && ++s->looks < SWEEP_LOOKS_MAX) {
		io_timer_start(s->timer, SWEEP_AGAIN_NS);
		return;
	}
	s->after_seq = 0;
	if (!behind) s->cell--;
	next_cell(s);
}

static void remove_all(struct host_sweep *s) {
	s->proposal = (struct proposal){
		.conditions = s->conditions,
		.condition_count = s->count,
		.ops = s->ops,
		.op_count = s->count,
		.deadline_ns = io_now_ns(s->host->io) + SWEEP_DEADLINE_NS,
		.done = on_removed,
	};
	host_propose(s->host, s->cell, &s->proposal, s->host->io);
}

static void next_cell(struct host_sweep *s) {
	struct host *h = s->host;
	while (++s->cell < h->cell_count) {
		struct host_cell *c = &h->cells[s->cell];
		if (!c->store || !c->state.is_home) continue;
		gather(s, c);
		if (s->count) return remove_all(s);
	}
	io_timer_start(s->timer, HOST_SWEEP_NS);
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
	if (s->after_seq) return go_on(s);
	give_back(&h->scratch);
	for (int i = 0; i < h->cell_count; i++) give_back(&h->cells[i].looked_up);
	s->cell = -1;
	next_cell(s);
}

/* --- start and stop --------------------------------------------------------------------------- */

enum err host_sweep_start(struct host *h) {
	struct host_sweep *s = calloc(1, sizeof *s);
	if (!s) return ERR_NO_MEMORY;
	h->sweep = s;
	s->host = h;
	uint8_t *unused;
	buf_init(&s->keys, SWEEP_KEYS_BYTES);
	enum err err = buf_reserve(&s->keys, SWEEP_KEYS_BYTES, &unused);
	s->timer = io_timer_new(h->io, on_timer, s);
	if (err != ERR_OK || !s->timer) return ERR_NO_MEMORY;
	io_timer_start(s->timer, HOST_SWEEP_NS);
	return ERR_OK;
}

void host_sweep_free(struct host_sweep *s) {
	if (!s) return;
	io_timer_free(s->timer);
	buf_done(&s->keys);
	free(s);
}
