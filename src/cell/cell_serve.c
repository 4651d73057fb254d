/* The source's side of a stream: a copy asks with its last position, gets a match, where to
 * look instead, or a snapshot; then records, as far as its window goes. The source is the
 * home, or the best copy while a candidate pulls from it. */
#include "cell/cell_state.h"

static void frames_forget(struct copy *k) {
	k->frame_first = k->frame_count = 0;
	k->unacked_bytes = 0;
}

void serve_stop(struct cell *c, int replica) {
	struct copy *k = &c->copy[replica];
	if (k->state == COPY_STREAMING && !k->pull) {
		k->gone_ns = c->now;
		k->gone_seq = k->durable_seq;
	}
	export_stop(c, replica);
	k->state = COPY_SILENT;
	k->durable_seq = 0;
	k->caught_up_ns = 0;
	k->stamp = 0;
	frames_forget(k);
}

void serve_stop_all(struct cell *c) {
	for (int r = 0; r < c->n; r++) serve_stop(c, r);
}

/* --- the question --------------------------------------------------------------------------- */

static void refused_now(struct cell *c, int replica, const struct frame *f) {
	uint64_t known = c->promised > c->epoch ? c->promised : c->epoch;
	cell_send(c, replica,
	          &(struct frame){.type = FRAME_REFUSED, .epoch = known, .seq = f->seq});
}

/* Only who is about to lead, leads, or was sealed for the puller may answer. */
static bool ask_is_for_us(const struct cell *c, const struct frame *f) {
	if (f->type == FRAME_PULL)
		return c->role == CELL_FOLLOWER && f->epoch == c->promised && !c->promising;
	return cell_acting(c) && c->role != CELL_CLAIMING && f->epoch == c->epoch;
}

void serve_ask(struct cell *c, int replica, const struct frame *f) {
	if (f->epoch > c->heard) c->heard = f->epoch;
	if (!ask_is_for_us(c, f)) return refused_now(c, replica, f);
	struct copy *k = &c->copy[replica];
	serve_stop(c, replica);
	k->state = COPY_ASKED;
	k->pull = f->type == FRAME_PULL;
	k->epoch = f->epoch;
	k->asked = f->at;
	k->need = c->committed;
	k->number = f->seq;
	k->guess = f->stamp != 0;
	k->snapshot_wanted = f->flag;
	k->committed_sent = 0;
	k->progress_ns = c->now;
}

/* --- the answer ------------------------------------------------------------------------------- */

static void answer(struct cell *c, int replica, enum frame_type type, const struct position *at) {
	struct copy *k = &c->copy[replica];
	cell_send(c, replica,
	          &(struct frame){.type = type, .epoch = k->epoch, .seq = k->number, .at = *at});
}

/* Its position is in this log. */
static void matched(struct cell *c, int replica) {
	struct copy *k = &c->copy[replica];
	answer(c, replica, FRAME_MATCH, &k->asked);
	if (k->guess) {
		k->state = COPY_SILENT; /* it asks again when it has gone back */
		return;
	}
	k->state = COPY_STREAMING;
	k->next_seq = k->asked.seq + 1;
	k->next_heartbeat_ns = c->now;
	k->mark_seq = 0;
	if (!k->pull) commit_durable(c, replica, k->asked.seq);
}

/* It is not: where could we have parted? Always below what was asked. */
static void diverged(struct cell *c, int replica) {
	struct copy *k = &c->copy[replica];
	struct epoch_start end;
	uint64_t bound = k->asked.seq - 1;
	bool known = cell_epoch_end(c, k->asked.epoch, &end);
	if (!known) {
		uint64_t begin = c->epoch_count ? c->epochs[0].seq - 1 : 0;
		end = (struct epoch_start){0, begin < bound ? begin : bound};
	} else if (end.seq > bound) {
		end = (struct epoch_start){cell_epoch_of(c, bound), bound};
	}
	if (end.seq + 1 < c->first_seq || (!known && c->first_seq > 1)) {
		k->snapshot_wanted = true;
		return;
	}
	struct position at = {.epoch = end.epoch, .seq = end.seq};
	answer(c, replica, FRAME_DIVERGED, &at);
	k->state = COPY_SILENT;
}

/* An empty copy of a cell that has acknowledged writes gets a snapshot, which becomes its
 * state in one move: until then it stays empty, and so out of every count (KIP-966). */
static bool must_begin_anew(const struct cell *c, const struct copy *k) {
	return k->asked.seq == 0 && !(c->fresh && !k->pull && c->first_seq <= 1);
}

static void copy_answer(struct cell *c, int replica) {
	struct copy *k = &c->copy[replica];
	if (must_begin_anew(c, k)) k->snapshot_wanted = true;
	if (k->snapshot_wanted) return export_begin(c, replica);
	if (k->asked.seq > c->last.seq) {
		diverged(c, replica);
	} else if (k->asked.seq == c->last.seq) {
		if (position_eq(&k->asked, &c->last))
			matched(c, replica);
		else
			diverged(c, replica);
	} else if (k->asked.seq + 1 < c->first_seq) {
		k->snapshot_wanted = true;
	} else {
		k->state = COPY_CHECKING;
		k->reading = true;
		struct cell_action *a = cell_act(c, CELL_DO_READ_LOG);
		a->replica = replica;
		a->seq = k->asked.seq + 1;
		a->limit = 1;
	}
	if (k->snapshot_wanted) export_begin(c, replica);
}

/* The record after a position proves it: its chain hash covers the position's. */
static void checked(struct cell *c, int replica, enum err err, struct slice bytes) {
	struct copy *k = &c->copy[replica];
	struct record r;
	k->state = COPY_ASKED;
	if (err == ERR_NOT_FOUND) {
		k->snapshot_wanted = true;
		return;
	}
	if (!err) err = record_decode(bytes, &r);
	if (err) return cell_fence(c, "read the log", err);
	if (record_follows(&r, &k->asked))
		diverged(c, replica);
	else
		matched(c, replica);
}

/* --- the records --------------------------------------------------------------------------------- */

void serve_records(struct cell *c, int replica, struct slice bytes, uint64_t last_seq) {
	struct copy *k = &c->copy[replica];
	ASSERT(k->frame_count < STREAM_FRAMES_MAX);
	cell_send(c, replica,
	          &(struct frame){.type = FRAME_RECORDS,
	                          .epoch = k->epoch,
	                          .seq = c->committed,
	                          .bytes = bytes});
	int at = (k->frame_first + k->frame_count++) % STREAM_FRAMES_MAX;
	k->frames[at].last_seq = last_seq;
	k->frames[at].bytes = bytes.len;
	k->unacked_bytes += bytes.len;
	k->next_seq = last_seq + 1;
	k->committed_sent = c->committed;
}

void serve_log(struct cell *c, int replica, enum err err, struct slice bytes) {
	struct copy *k = &c->copy[replica];
	if (!k->reading) return;
	k->reading = false;
	if (k->state == COPY_CHECKING) return checked(c, replica, err, bytes);
	if (k->state != COPY_STREAMING) return;
	if (err == ERR_NOT_FOUND) {
		/* Pruned from under it. It does not wait for a snapshot, and must not be kept
		 * waiting for records: it asks when it hears nothing more. */
		return serve_stop(c, replica);
	}
	struct record r;
	uint64_t last_seq = 0;
	size_t len = 0;
	/* Only what is durable: a driver may be ahead of what it has reported. */
	while (!err && len < bytes.len) {
		err = record_decode(slice_of(bytes.ptr + len, bytes.len - len), &r);
		if (err || r.at.seq > c->last.seq) break;
		if (!len && r.at.seq != k->next_seq) return;
		len += r.bytes.len;
		last_seq = r.at.seq;
	}
	if (err) return cell_fence(c, "read the log", err);
	if (len) serve_records(c, replica, slice_of(bytes.ptr, len), last_seq);
}

static void stream_more(struct cell *c, int replica) {
	struct copy *k = &c->copy[replica];
	for (int i = 0; k->next_seq <= c->last.seq && !k->reading; i++) {
		if (k->frame_count >= STREAM_FRAMES_MAX) return;
		if (k->unacked_bytes >= c->config.window_bytes) return;
		if (i == STREAM_FRAMES_PER_STEP) {
			c->again = true;
			return;
		}
		const struct batch *b = batch_with(c, k->next_seq);
		if (!cell_room(c, replica, b != NULL)) return;
		if (b) {
			serve_records(c, replica, buf_slice(&b->bytes), b->last_seq);
			continue;
		}
		k->reading = true;
		struct cell_action *a = cell_act(c, CELL_DO_READ_LOG);
		a->replica = replica;
		a->seq = k->next_seq;
		a->limit = STREAM_READ_BYTES;
	}
}

void serve_more(struct cell *c) {
	bool leading = cell_leading(c) && c->start_seq;
	for (int r = 0; r < c->n; r++) {
		struct copy *k = &c->copy[r];
		bool mine = k->pull ? c->role == CELL_FOLLOWER : leading;
		if (!mine || k->reading) continue;
		if (k->state == COPY_ASKED) copy_answer(c, r);
		if (k->state == COPY_STREAMING) stream_more(c, r);
		if (k->exporting && k->export_begun) export_more(c, r);
		if (k->exporting && c->now - k->progress_ns >= EXPORT_NS) serve_stop(c, r);
	}
}
