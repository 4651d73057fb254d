/* A planned move, at the home that hands over (failover.md 2.8): nothing is admitted any more,
 * what was is made final and durable at the target, then one compare-and-put names the target.
 * It needs neither a lease's end nor a seal, for it was this home itself that stopped. Taking
 * over is cell_promote.c's. */
#include <stdio.h>

#include "cell/cell_state.h"

static void moved(struct cell *c, enum err err, const char *why) {
	struct cell_action *a = cell_act(c, CELL_DO_MOVED);
	a->err = err;
	snprintf(a->text, sizeof a->text, "%s", why);
}

void move_end(struct cell *c, enum err err, const char *why) {
	if (c->move.stage == MOVE_NONE) return;
	bool named = c->move.handed && c->home == c->move.to && c->placement.epoch == c->move.epoch;
	c->move = (struct move){0};
	moved(c, named ? ERR_OK : err, named ? "" : why);
}

/* --- asked ---------------------------------------------------------------------------------------- */

void move_asked(struct cell *c, const struct cell_event *e) {
	if (!cell_serving(c)) return moved(c, ERR_NOT_HOME, "this region is not the cell's home");
	if (e->replica == c->self) return moved(c, ERR_OK, "");
	if (c->move.stage) return moved(c, ERR_EXISTS, "another move of this cell is under way");
	c->move = (struct move){.stage = MOVE_NEARING,
	                        .to = e->replica,
	                        .until_ns = c->now + MS(e->wait_ms),
	                        .caught_up_ms = e->caught_up_ms};
	cell_tell(c, LOG_INFO, "to be handed over to %s", c->names[e->replica]);
}

/* --- towards the target --------------------------------------------------------------------------- */

/* What stands in the way of a short pause; NULL: nothing. */
static const char *obstacle(const struct cell *c) {
	const struct copy *k = &c->copy[c->move.to];
	const struct peer *p = &c->peers[c->move.to];
	if (!p->known || !p->up) return "the region is down";
	if (!c->links[c->move.to]) return "the region cannot be reached from the home";
	if (k->state != COPY_STREAMING || k->pull) return "its copy is being made anew";
	if (commit_lag_ms(c, c->move.to) > FAR_BEHIND_MS) return "its copy is too far behind";
	if (commit_caught_up_ms(c, c->move.to) < c->move.caught_up_ms)
		return "its copy has not been close behind for long enough";
	if (c->raise_seq || c->placing) return "another change of the cell is under way";
	return NULL;
}

static void nearing(struct cell *c) {
	const char *why = obstacle(c);
	if (why) {
		if (c->now >= c->move.until_ns) return move_end(c, ERR_UNAVAILABLE, why);
		cell_wake_at(c, c->now + RETRY_NS);
		return cell_wake_at(c, c->move.until_ns);
	}
	c->move.stage = MOVE_DRAINING;
	c->move.until_ns = c->now + MOVE_PAUSE_NS;
	cell_flush(c);
}

/* All that was admitted is final and answered, and the target has it. */
static bool is_drained(const struct cell *c) {
	return !c->gathering && list_empty(&c->appends) && !c->doomed && !c->pending.head &&
	       c->committed == c->last.seq && c->copy[c->move.to].durable_seq == c->last.seq;
}

static void abort_for(struct cell *c, enum err err, const char *why) {
	c->move.stage = MOVE_ABORTING;
	c->move.err = err;
	snprintf(c->move.why, sizeof c->move.why, "%s", why);
}

static void draining(struct cell *c) {
	if (c->copy[c->move.to].state != COPY_STREAMING)
		return abort_for(c, ERR_UNAVAILABLE, "the connection with the region was lost");
	if (c->now >= c->move.until_ns)
		return abort_for(c, ERR_TIMEOUT, "its copy did not get everything in time");
	cell_wake_at(c, c->move.until_ns);
	if (!is_drained(c) && !MUTANT(MARKER)) return;
	uint64_t epoch = promote_next_epoch(c);
	if (!place_hand(c, c->move.to, epoch)) return cell_wake_at(c, c->now + RETRY_NS);
	c->move.stage = MOVE_HANDING;
	c->move.handed = true;
	c->move.epoch = epoch;
}

/* --- how it ended ----------------------------------------------------------------------------------- */

/* Whatever became of an earlier put: when this one comes out, that never will. */
static void aborting(struct cell *c) {
	if (c->placing) return;
	if (!place_put(c, PLACEMENT_ACTIVE, c->placement.copies))
		cell_wake_at(c, c->now + RETRY_NS);
}

void move_placed(struct cell *c, enum err err) {
	if (c->role != CELL_HOME) return;
	if (c->move.stage == MOVE_HANDING && err)
		abort_for(c, err, "coordination did not say how the hand-over ended");
	else if (c->move.stage == MOVE_ABORTING && !err)
		move_end(c, c->move.err, c->move.why);
}

void move_go_on(struct cell *c) {
	if (c->move.stage == MOVE_NEARING) nearing(c);
	if (c->move.stage == MOVE_DRAINING) draining(c);
	if (c->move.stage == MOVE_ABORTING) aborting(c);
}
