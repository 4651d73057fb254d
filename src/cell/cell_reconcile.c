/* Where this copy's history and the leader's differ: back, epoch by epoch, to the last
 * record that both have (KIP-279); save what is beyond; only then cut it off. */
#include <stdio.h>

#include "cell/cell_state.h"

/* --- looking ----------------------------------------------------------------------------------------------- */

static void ask_for_snapshot(struct cell *c) {
	c->follow.snapshot_wanted = true;
	follow_ask(c, &c->last, false);
}

/* The leader parted from us at or below frame->at. */
void reconcile_diverged(struct cell *c, const struct frame *frame) {
	struct follow *f = &c->follow;
	if (f->asked.seq == 0) return cell_refuse(c, f->leader, "it has no beginning");
	uint64_t guess = frame->at.seq < f->asked.seq ? frame->at.seq : f->asked.seq - 1;
	struct epoch_start end;
	if (!cell_epoch_end(c, frame->at.epoch, &end))
		end.seq = c->epoch_count ? c->epochs[0].seq - 1 : 0;
	if (end.seq < guess) guess = end.seq;
	if (guess == 0 && c->first_seq <= 1) {
		static const struct position beginning;
		return follow_ask(c, &beginning, true);
	}
	if (guess < c->first_seq) return ask_for_snapshot(c);
	f->state = FOLLOW_LOOKING;
	f->target.seq = guess;
	f->deadline_ns = c->now + ASK_AGAIN_NS;
	struct cell_action *a = cell_act(c, CELL_DO_READ_LOG);
	a->replica = c->self;
	a->seq = guess;
	a->limit = 1;
}

void reconcile_log(struct cell *c, enum err err, struct slice bytes) {
	struct follow *f = &c->follow;
	struct record r;
	if (f->state != FOLLOW_LOOKING) return;
	if (err == ERR_NOT_FOUND) return ask_for_snapshot(c);
	if (!err) err = record_decode(bytes, &r);
	if (err) return cell_fence(c, "read the log", err);
	if (r.at.seq == f->target.seq) follow_ask(c, &r.at, true);
}

/* --- going back ---------------------------------------------------------------------------------------------- */

void reconcile_matched(struct cell *c) {
	c->follow.state = FOLLOW_MATCHED;
	c->follow.target = c->follow.asked;
}

void reconcile_quarantine(struct cell *c, const struct position *keep) {
	c->misc = MISC_QUARANTINE;
	c->misc_keep_seq = keep->seq;
	struct cell_action *a = cell_act(c, CELL_DO_QUARANTINE);
	a->at = *keep;
	snprintf(a->text, sizeof a->text, "epoch %llu of %s does not have these records",
	         (unsigned long long)c->follow.epoch, c->names[c->follow.leader]);
	cell_tell(c, LOG_WARN, "quarantining seq %llu to %llu: %s",
	          (unsigned long long)keep->seq + 1, (unsigned long long)c->last.seq, a->text);
}

static void truncate(struct cell *c) {
	c->follow.state = FOLLOW_TRUNCATE;
	c->misc = MISC_TRUNCATE;
	cell_act(c, CELL_DO_TRUNCATE)->at = c->follow.target;
}

void reconcile_go_on(struct cell *c) {
	if (!follow_quiet(c) || c->applies) return;
	c->follow.state = FOLLOW_QUARANTINE;
	if (MUTANT(QUARANTINE)) return truncate(c);
	reconcile_quarantine(c, &c->follow.target);
}

static void quarantined(struct cell *c, enum err err) {
	struct follow *f = &c->follow;
	bool waiting = f->state == FOLLOW_QUARANTINE || f->state == FOLLOW_OFFERED;
	if (err == ERR_IO || err == ERR_FENCED || err == ERR_CORRUPT || err == ERR_NO_MEMORY)
		return cell_fence(c, "quarantine", err);
	if (err) {
		/* It never truncates without: it stays out, and tries again. */
		cell_tell(c, LOG_ERROR, "quarantine failed, this copy stays out: %s",
		          err_text(err));
		if (waiting) follow_reset(c, c->now + SPACE_RETRY_NS);
		return;
	}
	c->quarantined += c->last.seq - c->misc_keep_seq;
	if (f->state == FOLLOW_QUARANTINE) truncate(c);
	if (f->state == FOLLOW_OFFERED) f->tail_safe = true;
}

static void truncated(struct cell *c, enum err err) {
	struct follow *f = &c->follow;
	bool retry = err == ERR_NO_SPACE, too_far = err == ERR_NOT_FOUND;
	if (err && !retry && !too_far) return cell_fence(c, "truncate", err);
	c->apply_sent = c->applied.seq;
	c->apply_floor = 0;
	if (c->committed > c->last.seq) c->committed = c->last.seq;
	if (f->state != FOLLOW_TRUNCATE) return;
	f->snapshot_wanted = too_far;
	follow_reset(c, retry ? c->now + SPACE_RETRY_NS : 0);
}

void reconcile_done(struct cell *c, enum cell_store_op op, enum err err) {
	c->misc = MISC_NONE;
	if (op == CELL_QUARANTINE)
		quarantined(c, err);
	else
		truncated(c, err);
}
