/* A copy's side of the stream: whom to follow, asking, taking records, acknowledging what
 * is durable. The same machine pulls for a candidate from the best copy. */
#include "cell/cell_state.h"

bool follow_quiet(const struct cell *c) {
	return list_empty(&c->appends) && !c->gathering && !c->promising && c->misc == MISC_NONE;
}

static uint64_t silence_ns(const struct cell *c) {
	return SILENT_HEARTBEATS * c->config.heartbeat_ns;
}

/* Back to the question. Operations of the store that are in flight end by themselves;
 * nothing is asked before they have. */
void follow_reset(struct cell *c, uint64_t retry_ns) {
	struct follow *f = &c->follow;
	f->state = FOLLOW_IDLE;
	f->retry_ns = retry_ns;
	f->fresh_wait.stamp = f->fresh_next.stamp = 0;
	for (int i = 0; i < CHUNK_WINDOW; i++) buf_done(&f->chunks[i]);
}

void follow_choose(struct cell *c) {
	struct follow *f = &c->follow;
	if (MUTANT(EPOCH) && f->state == FOLLOW_STREAMING) return;
	int leader = -1;
	uint64_t epoch = 0;
	bool pull = c->role == CELL_FETCHING;
	if (pull) {
		leader = c->best;
		epoch = c->epoch;
	} else if (c->role == CELL_FOLLOWER || (c->role == CELL_HELD && !c->claimed)) {
		leader = c->revision && c->placement.generation ? c->home : -1;
		epoch = c->placement.epoch;
		if (c->hint_epoch > epoch && c->now < c->hint_until_ns) {
			leader = c->hint;
			epoch = c->hint_epoch;
		}
		if (leader == c->self || epoch < c->promised) leader = -1;
	}
	if (leader == f->leader && epoch == f->epoch && pull == f->pull) return;
	f->leader = leader;
	f->epoch = epoch;
	f->pull = pull;
	f->snapshot_wanted = false;
	f->unanswered = 0;
	follow_reset(c, 0);
}

/* --- asking ------------------------------------------------------------------------------------------------ */

/* An answer may be on its way behind much else, and a new ask makes it void: each is given more
 * time than the one before, or over a slow link no answer would ever be in time. */
static uint64_t patience_ns(struct follow *f) {
	uint64_t ns = ASK_AGAIN_NS << f->unanswered;
	if (f->unanswered < ASK_DOUBLINGS) f->unanswered++;
	return ns;
}

void follow_ask(struct cell *c, const struct position *at, bool guess) {
	struct follow *f = &c->follow;
	f->state = FOLLOW_ASKING;
	f->asked = *at;
	f->deadline_ns = c->now + patience_ns(f);
	cell_send(c, f->leader,
	          &(struct frame){.type = f->pull ? FRAME_PULL : FRAME_ASK,
	                          .epoch = f->epoch,
	                          .seq = ++f->number,
	                          .stamp = guess,
	                          .flag = f->snapshot_wanted,
	                          .at = *at});
}

void follow_streaming(struct cell *c) {
	struct follow *f = &c->follow;
	f->state = FOLLOW_STREAMING;
	f->leader_committed = 0;
	f->acked_seq = c->last.seq;
	f->snapshot_wanted = false;
	f->deadline_ns = c->now + silence_ns(c);
}

static void matched(struct cell *c, const struct frame *frame) {
	if (!position_eq(&frame->at, &c->follow.asked))
		return cell_refuse(c, c->follow.leader, "it matched what was not asked");
	if (frame->at.seq < c->last.seq) return reconcile_matched(c);
	follow_streaming(c);
}

/* --- streaming --------------------------------------------------------------------------------------------- */

/* What is durable here: received is not enough. */
static const struct position *to_acknowledge(const struct cell *c) {
	return MUTANT(FSYNC) ? &c->tail : &c->last;
}

static void ack(struct cell *c) {
	struct follow *f = &c->follow;
	const struct position *at = to_acknowledge(c);
	f->acked_seq = at->seq;
	f->acked_ns = c->now;
	cell_send(c, f->leader,
	          &(struct frame){.type = FRAME_ACK,
	                          .epoch = f->epoch,
	                          .seq = at->seq,
	                          .at = *at,
	                          .stamp = c->now});
}

/* Every record: whole, of no later epoch than the stream's, and next in the chain. */
static enum err records_check(const struct cell *c, const struct frame *frame,
                              struct position *end) {
	struct slice rest = frame->bytes;
	*end = c->tail;
	while (rest.len) {
		struct record r;
		enum err err = record_decode(rest, &r);
		if (!err) err = record_follows(&r, end);
		if (!err && r.at.epoch > frame->epoch) err = ERR_CORRUPT;
		if (err) return err;
		*end = r.at;
		rest = slice_of(rest.ptr + r.bytes.len, rest.len - r.bytes.len);
	}
	return ERR_OK;
}

static void heard(struct cell *c) {
	uint64_t before = c->follow.home_committed;
	c->follow.home_committed = c->follow.leader_committed;
	loss_heard(c, before);
}

static void records(struct cell *c, const struct frame *frame) {
	struct follow *f = &c->follow;
	if (f->state != FOLLOW_STREAMING) return; /* of a stream that was given up */
	f->deadline_ns = c->now + silence_ns(c);
	if (f->pull) c->fetch_until_ns = c->now + FETCH_NS;
	if (frame->seq > f->leader_committed) f->leader_committed = frame->seq;
	if (!f->pull) heard(c);
	if (!frame->bytes.len) return;
	struct position end;
	if (records_check(c, frame, &end)) {
		int leader = f->leader;
		follow_reset(c, c->now + RETRY_NS);
		return cell_refuse(c, leader, "its records do not follow from what this copy has");
	}
	struct batch *b = batch_take(c);
	if (!b || buf_append_slice(&b->bytes, frame->bytes)) {
		if (b) batch_drop(c, b);
		return follow_reset(c, c->now + SPACE_RETRY_NS);
	}
	b->first_seq = c->tail.seq + 1;
	c->tail = end;
	batch_submit(c, b, frame->epoch);
}

static void heartbeat(struct cell *c, const struct frame *frame) {
	struct follow *f = &c->follow;
	if (f->state == FOLLOW_OFFERED || f->state == FOLLOW_IMPORTING)
		f->deadline_ns = c->now + EXPORT_NS;
	if (f->state != FOLLOW_STREAMING) return;
	f->deadline_ns = c->now + silence_ns(c);
	if (frame->seq > f->leader_committed) f->leader_committed = frame->seq;
	heard(c);
	memcpy(f->lag_ms, frame->lag_ms, sizeof f->lag_ms);
	if (frame->flag && frame->stamp && frame->stamp <= c->now) {
		bool waiting = f->fresh_wait.stamp != 0;
		f->fresh_next.seq = frame->seq;
		f->fresh_next.stamp = frame->stamp;
		if (!waiting) f->fresh_wait = f->fresh_next;
		/* So that the proof is not late by what the view may be put off. */
		if (frame->seq > c->apply_wanted) c->apply_wanted = frame->seq;
	}
	uint64_t release = frame->at.seq < c->last.seq ? frame->at.seq : c->last.seq;
	if (release > c->released_seq) {
		c->released_seq = release;
		cell_act(c, CELL_DO_RELEASE)->seq = release;
	}
	if (c->now - f->acked_ns >= c->config.heartbeat_ns / 2) ack(c);
}

/* Each proof waits until the view has what it speaks of; the newest waits behind. */
static void freshen(struct cell *c) {
	struct follow *f = &c->follow;
	while (f->fresh_wait.stamp && c->applied.seq >= f->fresh_wait.seq) {
		if (f->fresh_wait.stamp > f->fresh_ns) f->fresh_ns = f->fresh_wait.stamp;
		bool more = f->fresh_next.stamp > f->fresh_wait.stamp;
		f->fresh_wait = f->fresh_next;
		if (!more) f->fresh_wait.stamp = 0;
	}
}

static void stream_go_on(struct cell *c) {
	struct follow *f = &c->follow;
	/* Its log is a prefix of the leader's: what is committed there is so here. */
	uint64_t committed = f->leader_committed < c->last.seq ? f->leader_committed : c->last.seq;
	if (committed > c->committed) c->committed = committed;
	if (to_acknowledge(c)->seq > f->acked_seq) ack(c);
	freshen(c);
	if (!f->pull && c->now >= f->deadline_ns) return follow_reset(c, 0);
	if (!f->pull) cell_wake_at(c, f->deadline_ns);
}

/* --- all of it ----------------------------------------------------------------------------------------------- */

void follow_go_on(struct cell *c) {
	follow_choose(c);
	struct follow *f = &c->follow;
	if (f->leader < 0 || !c->links[f->leader]) return;
	switch (f->state) {
	case FOLLOW_IDLE:
		if (c->now < f->retry_ns) return cell_wake_at(c, f->retry_ns);
		if (follow_quiet(c)) follow_ask(c, &c->last, false);
		cell_wake_at(c, f->deadline_ns);
		return;
	case FOLLOW_ASKING:
	case FOLLOW_LOOKING:
		if (c->now < f->deadline_ns) return cell_wake_at(c, f->deadline_ns);
		follow_reset(c, 0);
		cell_wake_at(c, c->now + 1);
		return;
	case FOLLOW_STREAMING: return stream_go_on(c);
	case FOLLOW_MATCHED: return reconcile_go_on(c);
	case FOLLOW_OFFERED:
	case FOLLOW_IMPORTING: return import_go_on(c);
	default: return; /* the store has the word */
	}
}

void follow_frame(struct cell *c, int replica, const struct frame *frame) {
	struct follow *f = &c->follow;
	if (frame->type == FRAME_REFUSED) {
		bool mine = replica == f->leader && f->state == FOLLOW_ASKING &&
		            frame->seq == f->number;
		if (mine) f->unanswered = 0;
		if (mine) follow_reset(c, c->now + RETRY_NS);
		return;
	}
	if (replica != f->leader) return;
	if (frame->epoch != f->epoch && !MUTANT(EPOCH)) return;
	bool answers = f->state == FOLLOW_ASKING && frame->seq == f->number;
	bool said = frame->type == FRAME_MATCH || frame->type == FRAME_DIVERGED ||
	            frame->type == FRAME_SNAPSHOT_BEGIN;
	if (answers && said) f->unanswered = 0;
	switch (frame->type) {
	case FRAME_MATCH:
		if (answers) matched(c, frame);
		break;
	case FRAME_DIVERGED:
		if (answers) reconcile_diverged(c, frame);
		break;
	case FRAME_SNAPSHOT_BEGIN:
		if (answers) import_offered(c, frame);
		break;
	case FRAME_RECORDS: records(c, frame); break;
	case FRAME_HEARTBEAT: heartbeat(c, frame); break;
	case FRAME_SNAPSHOT_CHUNK: import_chunk(c, frame); break;
	case FRAME_SNAPSHOT_END: import_end(c, frame); break;
	default: break;
	}
}
