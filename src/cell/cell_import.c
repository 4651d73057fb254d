/* A snapshot taken in: first what this copy has and the leader has not is saved, then the
 * chunks go to the store, then one commit makes them its state. Until then the old state
 * stays. */
#include "base/bytes.h"
#include "cell/cell_state.h"

/* --- what would be lost ---------------------------------------------------------------------------------- */

static uint64_t epoch_end_in(const struct epoch_start *table, int count, int i) {
	return i + 1 < count ? table[i + 1].seq - 1 : UINT64_MAX;
}

/* The last seq that is in the leader's history too, judged by the epoch tables. An epoch is
 * one home's log: same epoch, same records. 0: not known. */
static uint64_t common_seq(const struct cell *c) {
	const struct follow *f = &c->follow;
	for (int i = c->epoch_count - 1; i >= 0; i--)
		for (int j = f->import_epoch_count - 1; j >= 0; j--) {
			if (c->epochs[i].epoch != f->import_epochs[j].epoch) continue;
			uint64_t ours = epoch_end_in(c->epochs, c->epoch_count, i);
			uint64_t theirs = epoch_end_in(f->import_epochs, f->import_epoch_count, j);
			uint64_t end = ours < theirs ? ours : theirs;
			return end < c->last.seq ? end : c->last.seq;
		}
	return 0;
}

/* In a sync cell what is applied is committed, and so everywhere. */
static void save_tail(struct cell *c) {
	struct follow *f = &c->follow;
	uint64_t keep = common_seq(c);
	if (c->config.sync && c->applied.seq > keep) keep = c->applied.seq;
	if (keep + 1 < c->first_seq) keep = c->first_seq - 1;
	f->tail_safe = keep >= c->last.seq || MUTANT(QUARANTINE);
	if (f->tail_safe) return;
	struct position at = {.epoch = cell_epoch_of(c, keep), .seq = keep};
	if (keep == c->applied.seq) at = c->applied;
	reconcile_quarantine(c, &at);
}

/* --- frames ------------------------------------------------------------------------------------------------- */

static bool table_take(struct follow *f, struct slice bytes) {
	if (bytes.len % 16 || bytes.len / 16 > EPOCHS_MAX || bytes.len == 0) return false;
	f->import_epoch_count = (int)(bytes.len / 16);
	for (int i = 0; i < f->import_epoch_count; i++) {
		struct epoch_start *e = &f->import_epochs[i];
		e->epoch = get_u64(bytes.ptr + 16 * i);
		e->seq = get_u64(bytes.ptr + 16 * i + 8);
		if (e->seq == 0 || e->epoch == 0) return false;
		if (i && (e->epoch <= e[-1].epoch || e->seq <= e[-1].seq)) return false;
	}
	return true;
}

void import_offered(struct cell *c, const struct frame *frame) {
	struct follow *f = &c->follow;
	bool fits = frame->at.seq && table_take(f, frame->bytes) &&
	            frame->at.seq >= f->import_epochs[0].seq;
	if (!fits) return cell_refuse(c, f->leader, "its snapshot makes no sense");
	f->state = FOLLOW_OFFERED;
	f->import_at = frame->at;
	f->chunks_held = f->chunks_given = f->chunks_done = 0;
	f->import_ended = f->tail_safe = false;
	f->deadline_ns = c->now + EXPORT_NS;
	for (int i = 0; i < CHUNK_WINDOW; i++) {
		buf_done(&f->chunks[i]);
		buf_init(&f->chunks[i], FRAME_MAX_BYTES);
	}
	if (f->pull) c->fetch_until_ns = c->now + FETCH_NS;
}

void import_chunk(struct cell *c, const struct frame *frame) {
	struct follow *f = &c->follow;
	if (f->state != FOLLOW_OFFERED && f->state != FOLLOW_IMPORTING) return;
	bool fits =
		frame->seq == f->chunks_held + 1 && f->chunks_held - f->chunks_done < CHUNK_WINDOW;
	if (!fits || f->import_ended) {
		int leader = f->leader;
		follow_reset(c, c->now + RETRY_NS);
		return cell_refuse(c, leader, "its snapshot comes out of order");
	}
	f->deadline_ns = c->now + EXPORT_NS;
	if (f->pull) c->fetch_until_ns = c->now + FETCH_NS;
	if (buf_append_slice(&f->chunks[f->chunks_held % CHUNK_WINDOW], frame->bytes))
		return follow_reset(c, c->now + SPACE_RETRY_NS);
	f->chunks_held++;
}

void import_end(struct cell *c, const struct frame *frame) {
	struct follow *f = &c->follow;
	if (f->state != FOLLOW_OFFERED && f->state != FOLLOW_IMPORTING) return;
	if (frame->seq != f->chunks_held) {
		int leader = f->leader;
		follow_reset(c, c->now + RETRY_NS);
		return cell_refuse(c, leader, "its snapshot misses a chunk");
	}
	f->import_ended = true;
}

/* --- the store ------------------------------------------------------------------------------------------------ */

static struct cell_action *import_act(struct cell *c, enum cell_action_type type) {
	c->misc = MISC_IMPORT;
	c->misc_count++;
	return cell_act(c, type);
}

static void import_commit(struct cell *c) {
	struct follow *f = &c->follow;
	/* What began after the snapshot is not in it; the table has served its other purpose. */
	while (f->import_epoch_count > 1 &&
	       f->import_epochs[f->import_epoch_count - 1].seq > f->import_at.seq)
		f->import_epoch_count--;
	f->state = FOLLOW_COMMITTING;
	struct cell_action *a = import_act(c, CELL_DO_IMPORT_COMMIT);
	a->epochs = f->import_epochs;
	a->epoch_count = f->import_epoch_count;
}

void import_go_on(struct cell *c) {
	struct follow *f = &c->follow;
	if (c->now >= f->deadline_ns) return follow_reset(c, 0);
	cell_wake_at(c, f->deadline_ns);
	if (f->state == FOLLOW_OFFERED) {
		if (!follow_quiet(c) || c->applies) return;
		if (!f->tail_safe) save_tail(c);
		if (!f->tail_safe) return;
		f->state = FOLLOW_IMPORTING;
		import_act(c, CELL_DO_IMPORT_BEGIN)->at = f->import_at;
	}
	for (; f->chunks_given < f->chunks_held; f->chunks_given++) {
		struct buf *chunk = &f->chunks[f->chunks_given % CHUNK_WINDOW];
		import_act(c, CELL_DO_IMPORT_CHUNK)->bytes = buf_slice(chunk);
	}
	if (f->import_ended && f->chunks_done == f->chunks_held && c->misc_count == 0)
		import_commit(c);
}

static void chunk_done(struct cell *c) {
	struct follow *f = &c->follow;
	buf_reset(&f->chunks[f->chunks_done++ % CHUNK_WINDOW]);
	cell_send(c, f->leader,
	          &(struct frame){
			  .type = FRAME_SNAPSHOT_ACK, .epoch = f->epoch, .seq = f->chunks_done});
}

void import_done(struct cell *c, enum err err) {
	struct follow *f = &c->follow;
	ASSERT(c->misc_count > 0);
	bool begin = f->state == FOLLOW_IMPORTING &&
	             (uint64_t)c->misc_count == f->chunks_given - f->chunks_done + 1;
	if (--c->misc_count == 0) c->misc = MISC_NONE;
	bool gentle = err == ERR_NO_SPACE || err == ERR_INVALID || err == ERR_CORRUPT;
	if (err && !gentle) return cell_fence(c, "import a snapshot", err);
	if (err) cell_tell(c, LOG_WARN, "import of a snapshot: %s", err_text(err));
	c->apply_sent = c->applied.seq;
	c->apply_floor = 0;
	if (c->committed > c->last.seq) c->committed = c->last.seq;
	if (c->committed < c->applied.seq) c->committed = c->applied.seq;
	if (f->state != FOLLOW_IMPORTING && f->state != FOLLOW_COMMITTING) return;
	if (err) return follow_reset(c, c->now + SPACE_RETRY_NS);
	if (f->state == FOLLOW_COMMITTING) {
		f->snapshot_wanted = false;
		return follow_reset(c, 0);
	}
	if (!begin && f->chunks_done < f->chunks_given) chunk_done(c);
}
