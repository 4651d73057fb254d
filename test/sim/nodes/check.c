/* What must hold. Always: one home at a time, one writer an epoch, acknowledged is durable where it
 * must be. At the end: nothing acknowledged is lost or done twice, and what clients saw is what
 * the promises of each consistency allow. Letters are those of the fault suite's invariants. */
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/parse.h"
#include "history.h"
#include "load.h"
#include "past.h"
#include "spy.h"

typedef unsigned long long ull;
enum { SEARCH_STEPS = 2000000 };

/* --- always ---------------------------------------------------------------------------------- */

static bool serves(const struct world *w, int i, int cell, struct host_cell_state *s) {
	const struct node *n = &w->node[i];
	if (!n->host || n->doomed) return false;
	host_cell_state(n->host, cell, s);
	return s->is_home && io_now_ns(n->io) < s->lease_until_ns;
}

static void check_serving(struct world *w, int i, int cell) {
	struct host_cell_state s, other;
	if (!serves(w, i, cell, &s)) return;
	struct server *was = &w->servers[cell][s.epoch % 64];
	if (was->epoch == s.epoch && was->node != i)
		world_fail(w, "A: %s and %s both serve epoch %llu of cell %s", regions[was->node],
		           regions[i], (ull)s.epoch, w->cell[cell].name);
	*was = (struct server){s.epoch, i};
	for (int j = 0; j < NODES && !w->clocks_lie; j++)
		if (j != i && serves(w, j, cell, &other))
			world_fail(w, "A: %s and %s serve cell %s at once, epochs %llu and %llu",
			           regions[i], regions[j], w->cell[cell].name, (ull)s.epoch,
			           (ull)other.epoch);
}

void check_change(struct world *w, int i) {
	struct node *n = &w->node[i];
	if (!n->host || n->doomed) return;
	for (int c = 0; c < CELLS; c++) {
		struct host_cell_state s, *t = &n->told[c];
		host_cell_state(n->host, c, &s);
		bool same = t->home == s.home && t->epoch == s.epoch && t->active == s.active &&
		            t->is_home == s.is_home && t->fenced == s.fenced;
		if (s.is_home && !t->is_home) w->counts.failovers++;
		*t = s;
		if (same) continue;
		world_tell(w, i, c, "believes: epoch %llu, home %s, %s%s%s", (ull)s.epoch,
		           s.home < 0 ? "nobody" : regions[s.home],
		           s.active ? "active" : "not active", s.is_home ? ", is it" : "",
		           s.fenced ? ", is fenced" : "");
		check_serving(w, i, c);
	}
}

/* The last acknowledgement of an old home comes before the next one serves. */
void check_reply(struct world *w, const struct call *c, int node) {
	struct host_cell_state s;
	for (int j = 0; j < NODES && !w->clocks_lie; j++)
		if (j != node && serves(w, j, c->cell, &s))
			world_fail(w,
			           "A: call %d is acknowledged by %s, and %s serves epoch %llu of "
			           "cell %s already",
			           c->id, regions[node], regions[j], (ull)s.epoch,
			           w->cell[c->cell].name);
}

void check_acked(struct world *w, const struct call *c, int node) {
	struct past *p = w->past[c->cell];
	const struct placing *cell = &w->cell[c->cell];
	const struct past_note *n = past_find(p, c->epoch, c->seq);
	if (!n || n->call != c->id) {
		world_fail(w, "B: call %d is acknowledged by %s as record %llu/%llu, which is %s",
		           c->id, regions[node], (ull)c->epoch, (ull)c->seq,
		           n ? "another's" : "durable nowhere");
		return;
	}
	int copies = 0, needed = cell->availability ? 1 : cell->copies;
	for (int i = 0; i < cell->replica_count; i++) {
		const struct position *d = &w->node[cell->replicas[i]].durable[c->cell];
		copies += past_has(p, c->epoch, c->seq, d->epoch, d->seq);
	}
	/* A copy that was wiped meanwhile had it. */
	if (cell->sync && copies + w->wiped < needed)
		world_fail(w,
		           "B: call %d (record %llu/%llu) is acknowledged by %s and durable on %d "
		           "copies of cell %s, %d are promised",
		           c->id, (ull)c->epoch, (ull)c->seq, regions[node], copies, cell->name,
		           needed);
}

/* --- well again? -------------------------------------------------------------------------------- */

static bool cell_converged(const struct world *w, int c, bool say) {
	const struct placing *p = &w->cell[c];
	struct store_info home = {0};
	int at = home_of(w, c);
	if (at >= 0) spy_info(w->node[at].spy[c], &home);
	bool same = at >= 0;
	for (int i = 0; i < p->replica_count; i++) {
		struct store_info s = {0};
		struct host_cell_state h = {0};
		const struct node *n = &w->node[p->replicas[i]];
		if (!n->spy[c]) return false;
		spy_info(n->spy[c], &s);
		host_cell_state(n->host, c, &h);
		same &= position_eq(&s.last, &home.last) && position_eq(&s.applied, &home.last);
		if (say)
			fprintf(stderr,
			        "  %-6s at %-5s: epoch %llu, home %d, %s%s; last %llu/%llu, "
			        "applied "
			        "%llu/%llu, promised %llu\n",
			        p->name, regions[p->replicas[i]], (ull)h.epoch, h.home,
			        h.active ? "active" : "not active", h.fenced ? ", fenced" : "",
			        (ull)s.last.epoch, (ull)s.last.seq, (ull)s.applied.epoch,
			        (ull)s.applied.seq, (ull)s.promised_epoch);
	}
	return same;
}

bool check_converged(struct world *w) {
	if (!load_idle(w)) return false;
	for (int c = 0; c < CELLS; c++)
		if (!cell_converged(w, c, false)) return false;
	return true;
}

void check_unwell(struct world *w) {
	if (!load_idle(w)) return world_fail(w, "I: a client still waits, all faults are over");
	for (int c = 0; c < CELLS; c++) {
		if (cell_converged(w, c, false)) continue;
		if (w->options.tell) cell_converged(w, c, true);
		world_fail(w,
		           "I: cell %s has no home or its copies are not the same, long after "
		           "all faults are over",
		           w->cell[c].name);
	}
}

/* --- B, C: what became of writes ------------------------------------------------------------------- */

static bool is_read(const struct call *c) {
	return c->kind == CALL_READ || c->kind == CALL_PAIR_READ;
}

static void check_write(struct world *w, const struct call *c, const struct position *end,
                        int times) {
	struct past *p = w->past[c->cell];
	if (times > 1) world_fail(w, "B: call %d was done %d times", c->id, times);
	if (c->end == CALL_REFUSED || c->end == CALL_NOTHING) {
		if (times) world_fail(w, "B: call %d was refused, and is there", c->id);
		return;
	}
	if (c->end != CALL_DONE || past_has(p, c->epoch, c->seq, end->epoch, end->seq)) return;
	w->counts.lost++;
	if (w->cell[c->cell].sync)
		world_fail(w, "B: call %d, acknowledged as %llu/%llu, is lost", c->id,
		           (ull)c->epoch, (ull)c->seq);
	else if (!past_find(p, c->epoch, c->seq)->quarantined)
		world_fail(w, "C: call %d, acknowledged as %llu/%llu, is lost and not kept", c->id,
		           (ull)c->epoch, (ull)c->seq);
}

static void check_writes(struct world *w, int cell, const struct position *end) {
	int *times = calloc((size_t)w->call_count + 1, sizeof *times);
	ASSERT(times);
	uint64_t epoch = end->epoch, seq = end->seq;
	do {
		const struct past_note *n = past_find(w->past[cell], epoch, seq);
		if (n && n->call > 0 && n->call <= w->call_count) times[n->call]++;
	} while (past_prev(w->past[cell], &epoch, &seq));
	for (int i = 1; i <= w->call_count; i++) {
		const struct call *c = &w->calls[i];
		if (c->cell == cell && !is_read(c)) check_write(w, c, end, times[i]);
	}
	free(times);
}

/* --- what reads saw ---------------------------------------------------------------------------------- */

/* The value is what the history makes, at any consistency. */
static void check_value(struct world *w, const struct call *c) {
	int64_t is = past_value(w->past[c->cell], c->key, c->at_epoch, c->at_seq);
	if (is == c->value) return;
	char text[240];
	call_text(w, c, text);
	world_fail(w, "D: %s; the history makes it %lld there", text, (long long)is);
}

static void check_session(struct world *w, const struct call *c) {
	if (past_has(w->past[c->cell], c->token_epoch, c->token_seq, c->at_epoch, c->at_seq))
		return;
	char text[240];
	call_text(w, c, text);
	world_fail(w, "E: %s; the snapshot lacks the token's write, and nobody was told", text);
}

/* Every write that was acknowledged longer ago than the bound is there. What an older home of an
 * asynchronous cell took may be lost to the one that was read, though a later one finds it. */
static void check_bound(struct world *w, const struct call *c) {
	struct past *p = w->past[c->cell];
	uint64_t slack_ns = c->bound_ns / 50;
	if (c->asked_ns < c->bound_ns + slack_ns) return;
	uint64_t before_ns = c->asked_ns - c->bound_ns - slack_ns;
	for (int i = 1; i < c->id; i++) {
		const struct call *x = &w->calls[i];
		if (x->cell != c->cell || is_read(x) || x->end != CALL_DONE) continue;
		if (x->return_ns >= before_ns) continue;
		if (!w->cell[c->cell].sync && x->epoch < c->at_epoch) continue;
		if (past_has(p, x->epoch, x->seq, c->at_epoch, c->at_seq)) continue;
		char text[240];
		call_text(w, c, text);
		world_fail(w,
		           "F: %s, bound %llu ms; call %d (%llu/%llu) was acknowledged at %.3f ms",
		           text, (ull)c->bound_ns / 1000000, x->id, (ull)x->epoch, (ull)x->seq,
		           (double)x->return_ns / 1e6);
		return;
	}
}

static void check_reads(struct world *w, int cell) {
	for (int i = 1; i <= w->call_count && !w->failed; i++) {
		const struct call *c = &w->calls[i];
		if (c->cell != cell || !is_read(c) || c->end != CALL_DONE) continue;
		check_value(w, c);
		if (c->level == LEVEL_SESSION) check_session(w, c);
		if (c->level == LEVEL_BOUNDED && !w->clocks_lie) check_bound(w, c);
	}
}

/* --- D: strong operations, key by key --------------------------------------------------------------- */

static bool to_history(const struct call *c, struct history_op *out) {
	if (c->end == CALL_OPEN || c->end == CALL_NOTHING) return false;
	if (is_read(c) && (c->end != CALL_DONE || c->level != LEVEL_STRONG)) return false;
	*out = (struct history_op){.call_ns = c->call_ns,
	                           .return_ns = c->return_ns,
	                           .value = c->value,
	                           .expect = c->expect,
	                           .delta = c->id % 3 ? 1 : -1,
	                           .min = 0,
	                           .max = 20,
	                           .id = c->id};
	out->end = c->end == CALL_DONE      ? HISTORY_DONE
	           : c->end == CALL_REFUSED ? HISTORY_REFUSED
	                                    : HISTORY_UNKNOWN;
	switch (c->kind) {
	case CALL_READ:
	case CALL_PAIR_READ: out->kind = HISTORY_READ; break;
	case CALL_SWAP:
	case CALL_CREATE: out->kind = HISTORY_SWAP; break;
	case CALL_ADD: out->kind = HISTORY_ADD; break;
	default: out->kind = HISTORY_WRITE;
	}
	return true;
}

/* Both sides' evidence: what cannot be explained, and all that overlaps or precedes it. */
static void tell_broken(struct world *w, const struct history_op *ops, int count, int cell, int key,
                        const struct history_evidence *why) {
	char text[240];
	const struct history_op *stuck = &ops[why->stuck];
	for (int i = 0; i < count; i++) {
		bool before = ops[i].call_ns <= stuck->return_ns;
		bool near = ops[i].end == HISTORY_UNKNOWN ||
		            ops[i].return_ns + MS(1500) >= stuck->call_ns;
		if (!before || !near) continue;
		call_text(w, &w->calls[ops[i].id], text);
		world_tell(w, -1, cell, "k%d %s %s", key, i == why->stuck ? "==>" : "   ", text);
	}
	call_text(w, &w->calls[stuck->id], text);
	world_fail(w,
	           "D: no order of cell %s, key k%d explains %s; %d others can be explained, and "
	           "leave %lld",
	           w->cell[cell].name, key, text, why->placed, (long long)why->state);
}

static void check_key(struct world *w, struct history_op *ops, int cell, int key) {
	struct history_evidence why;
	int count = 0;
	for (int i = 1; i <= w->call_count; i++) {
		const struct call *c = &w->calls[i];
		if (c->cell == cell && c->key == key) count += to_history(c, &ops[count]);
	}
	w->counts.checked_keys++;
	switch (history_judge(ops, count, 0, SEARCH_STEPS, &why)) {
	case HISTORY_LINEARIZABLE: break;
	case HISTORY_UNDECIDED: w->counts.undecided++; break;
	case HISTORY_BROKEN: tell_broken(w, ops, count, cell, key, &why); break;
	}
}

/* A write that an asynchronous cell lost after it was seen has no place in any order. A clock that
 * stood still may cost stale reads, never an acknowledged write. */
static bool keeps_all(const struct world *w, int cell) {
	return !w->clocks_lie && (w->cell[cell].sync || w->quarantined[cell] == 0);
}

/* --- the end ------------------------------------------------------------------------------------------ */

struct final {
	int64_t value;
	enum err err;
};

static void on_final(void *arg, enum err err, const struct entry *e, const struct position *at) {
	struct final *f = arg;
	f->err = err;
	f->value = 0;
	if (err == ERR_OK && parse_i64(e->value, &f->value) != ERR_OK) f->value = -1;
}

static void check_views(struct world *w, int c, const struct position *end) {
	const struct placing *p = &w->cell[c];
	for (int i = 0; i < p->replica_count; i++) {
		const struct node *n = &w->node[p->replicas[i]];
		for (int k = 0; k < KEYS; k++) {
			struct final f;
			char key[KEY_BYTES];
			size_t len = past_key(c, k, key);
			host_store(n->host, c)
				->ops->get(n->reader[c], slice_of(key, len), on_final, &f);
			int64_t is = past_value(w->past[c], k, end->epoch, end->seq);
			if (f.value != is)
				world_fail(w,
				           "G: k%d of cell %s is %lld at %s, its history makes it "
				           "%lld",
				           k, p->name, (long long)f.value, regions[p->replicas[i]],
				           (long long)is);
		}
	}
}

void check_end(struct world *w) {
	struct history_op *ops = calloc((size_t)w->call_count + 1, sizeof *ops);
	ASSERT(ops);
	for (int c = 0; c < CELLS && !w->failed; c++) {
		struct store_info info;
		spy_info(w->node[home_of(w, c)].spy[c], &info);
		check_writes(w, c, &info.last);
		check_views(w, c, &info.last);
		check_reads(w, c);
		bool whole = keeps_all(w, c);
		for (int k = 0; k <= PAIR && whole && !w->failed; k++) check_key(w, ops, c, k);
	}
	free(ops);
}
