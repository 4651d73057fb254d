/* See history.h. Calls and returns stand in a list by time. A call may be placed next when no
 * return stands before it; placing lifts its call and return out; where nothing fits the last
 * one placed is put back. A set of placed ops with the state they lead to is tried once. */
#include "history.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/hash.h"

struct entry {
	uint64_t at_ns;
	int op;
	bool is_return;
	struct entry *prev, *next, *match; /* match: of a call, its return; NULL: unknown */
};
struct placed {
	struct entry *call;
	int64_t state; /* before it */
};
struct search {
	const struct history_op *ops;
	struct entry *entries, head;
	int entry_count;
	struct placed *stack;
	int depth, waiting; /* waiting: completed ops that are not placed */
	int64_t state;
	uint64_t set; /* of what is placed: the sum of numbers that stand for ops */
	uint64_t *seen;
	size_t seen_count, seen_cap;
};

/* --- what an op does --------------------------------------------------------------------- */

/* false: it cannot come now. */
static bool apply(const struct history_op *op, int64_t state, int64_t *next) {
	bool holds = true;
	*next = state;
	switch (op->kind) {
	case HISTORY_READ: return op->value == state;
	case HISTORY_WRITE: *next = op->value; return true;
	case HISTORY_SWAP:
		holds = state == op->expect;
		if (holds) *next = op->value;
		break;
	case HISTORY_ADD:
		holds = state + op->delta >= op->min && state + op->delta <= op->max;
		if (holds) *next = state + op->delta;
		break;
	}
	if (op->end == HISTORY_REFUSED) {
		*next = state;
		return !holds;
	}
	bool told = op->kind == HISTORY_ADD && op->end == HISTORY_DONE;
	return holds && (!told || *next == op->value);
}

/* --- what nobody noticed ------------------------------------------------------------------- */

/* Its value, were it there, would show in a read, a swap, or a refusal. */
static bool may_matter(const struct history_op *ops, int count, const struct history_op *op) {
	if (op->end != HISTORY_UNKNOWN) return true;
	if (op->kind == HISTORY_READ) return false;
	if (op->kind == HISTORY_ADD || op->value == 0) return true;
	for (int i = 0; i < count; i++) {
		const struct history_op *o = &ops[i];
		if (o->kind == HISTORY_ADD || o->end == HISTORY_REFUSED) return true;
		if (o->kind == HISTORY_READ && o->end == HISTORY_DONE && o->value == op->value)
			return true;
		if (o->kind == HISTORY_SWAP && o->expect == op->value) return true;
	}
	return false;
}

/* --- the list ------------------------------------------------------------------------------ */

/* At one time calls stand first: then the two are concurrent. */
static int entry_cmp(const void *a, const void *b) {
	const struct entry *x = a, *y = b;
	if (x->at_ns != y->at_ns) return x->at_ns < y->at_ns ? -1 : 1;
	if (x->is_return != y->is_return) return x->is_return ? 1 : -1;
	return x->op - y->op;
}

static void list_make(struct search *s, int count) {
	for (int i = 0; i < count; i++) {
		const struct history_op *op = &s->ops[i];
		if (!may_matter(s->ops, count, op)) continue;
		s->entries[s->entry_count++] = (struct entry){.at_ns = op->call_ns, .op = i};
		if (op->end == HISTORY_UNKNOWN) continue;
		s->waiting++;
		s->entries[s->entry_count++] =
			(struct entry){.at_ns = op->return_ns, .op = i, .is_return = true};
	}
	qsort(s->entries, (size_t)s->entry_count, sizeof *s->entries, entry_cmp);
	struct entry **call_of = calloc((size_t)count + 1, sizeof *call_of);
	ASSERT(call_of);
	struct entry *last = &s->head;
	for (int i = 0; i < s->entry_count; i++) {
		struct entry *e = &s->entries[i];
		if (e->is_return)
			call_of[e->op]->match = e;
		else
			call_of[e->op] = e;
		e->prev = last;
		last->next = e;
		last = e;
	}
	free(call_of);
}

static void take_out(struct entry *e) {
	e->prev->next = e->next;
	if (e->next) e->next->prev = e->prev;
}

static void put_back(struct entry *e) {
	e->prev->next = e;
	if (e->next) e->next->prev = e;
}

/* --- memory -------------------------------------------------------------------------------- */

static void seen_grow(struct search *s) {
	uint64_t *old = s->seen;
	size_t old_cap = s->seen_cap;
	s->seen_cap = old_cap ? 2 * old_cap : 256;
	s->seen = calloc(s->seen_cap, sizeof *s->seen);
	ASSERT(s->seen);
	for (size_t i = 0; i < old_cap; i++) {
		if (!old[i]) continue;
		size_t at = old[i] & (s->seen_cap - 1);
		while (s->seen[at]) at = (at + 1) & (s->seen_cap - 1);
		s->seen[at] = old[i];
	}
	free(old);
}

/* True once for each. Two that hash to the same 64 bits would count as one. */
static bool is_new(struct search *s, uint64_t set, int64_t state) {
	uint64_t key = mix64(set ^ mix64((uint64_t)state + 0x632be59bd9b4e019u)) | 1;
	if (2 * s->seen_count >= s->seen_cap) seen_grow(s);
	size_t at = key & (s->seen_cap - 1);
	for (; s->seen[at]; at = (at + 1) & (s->seen_cap - 1))
		if (s->seen[at] == key) return false;
	s->seen[at] = key;
	s->seen_count++;
	return true;
}

/* --- the search ------------------------------------------------------------------------------ */

static uint64_t number_of(int op) {
	return mix64((uint64_t)op + 1);
}

static bool place(struct search *s, struct entry *call) {
	const struct history_op *op = &s->ops[call->op];
	int64_t next;
	if (!apply(op, s->state, &next)) return false;
	if (op->end == HISTORY_UNKNOWN && next == s->state) return false; /* as if it never came */
	if (!is_new(s, s->set + number_of(call->op), next)) return false;
	s->stack[s->depth++] = (struct placed){call, s->state};
	s->state = next;
	s->set += number_of(call->op);
	take_out(call);
	if (!call->match) return true;
	take_out(call->match);
	s->waiting--;
	return true;
}

static struct entry *undo(struct search *s) {
	struct placed *p = &s->stack[--s->depth];
	s->state = p->state;
	s->set -= number_of(p->call->op);
	if (p->call->match) {
		put_back(p->call->match);
		s->waiting++;
	}
	put_back(p->call);
	return p->call->next;
}

static enum history_verdict search(struct search *s, uint64_t steps_max,
                                   struct history_evidence *why) {
	int least = s->waiting + 1, all = s->waiting;
	struct entry *e = s->head.next;
	while (s->waiting) {
		if (!e->is_return) {
			if (!steps_max--) return HISTORY_UNDECIDED;
			e = place(s, e) ? s->head.next : e->next;
			continue;
		}
		if (s->waiting < least) {
			least = s->waiting;
			*why = (struct history_evidence){all - least, e->op, s->state};
		}
		if (!s->depth) return HISTORY_BROKEN;
		e = undo(s);
	}
	return HISTORY_LINEARIZABLE;
}

enum history_verdict history_judge(const struct history_op *ops, int count, int64_t start,
                                   uint64_t steps_max, struct history_evidence *why) {
	struct search s = {.ops = ops, .state = start};
	s.entries = calloc(2 * (size_t)count + 1, sizeof *s.entries);
	s.stack = calloc((size_t)count + 1, sizeof *s.stack);
	ASSERT(s.entries && s.stack);
	list_make(&s, count);
	enum history_verdict verdict = search(&s, steps_max, why);
	free(s.entries);
	free(s.stack);
	free(s.seen);
	return verdict;
}
