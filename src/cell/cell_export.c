/* A snapshot for a copy that the log cannot serve: chunks of one state of the view, a few
 * ahead of what it has taken; then it asks again and gets the log from there. */
#include "base/bytes.h"
#include "cell/cell_state.h"

void export_stop(struct cell *c, int replica) {
	struct copy *k = &c->copy[replica];
	if (k->exporting && !k->export_ended) cell_act(c, CELL_DO_EXPORT_END)->replica = replica;
	k->exporting = k->export_begun = k->export_asked = k->export_ended = false;
}

/* A snapshot makes an empty copy count again, so it must have all that the copy may ever have
 * acknowledged: everything committed when it asked (nothing later can count on it before it has
 * asked, and it is not waited for what comes later, or a busy cell would never give one),
 * everything recovered at promotion. The latter is applied for its sake before it is committed,
 * for that may need this very copy; nobody reads here before it is. */
static bool complete(struct cell *c, const struct copy *k) {
	if (k->pull) {
		/* What this copy has is what the candidate will recover and apply. In an async cell it
		 * may not know that any of it was committed. */
		if (!c->config.sync) c->apply_floor = c->last.seq;
		return c->config.sync || c->applied.seq >= c->last.seq;
	}
	uint64_t least = k->need > c->recovered_seq ? k->need : c->recovered_seq;
	/* One that is not empty: not less than it has. */
	if (k->asked.seq && k->asked.seq < least) least = k->asked.seq;
	if (c->applied.seq >= least) return true;
	if (least > c->apply_wanted) c->apply_wanted = least;
	c->apply_floor = least < c->recovered_seq ? least : c->recovered_seq;
	return false;
}

void export_begin(struct cell *c, int replica) {
	struct copy *k = &c->copy[replica];
	k->state = COPY_ASKED;
	if (!complete(c, k) || c->applied.seq == 0) return;
	k->state = COPY_SNAPSHOT;
	k->exporting = k->export_asked = true;
	k->export_begun = k->export_ended = false;
	k->chunks_sent = k->chunks_taken = 0;
	k->progress_ns = c->now;
	cell_act(c, CELL_DO_EXPORT_BEGIN)->replica = replica;
}

void export_more(struct cell *c, int replica) {
	struct copy *k = &c->copy[replica];
	if (k->export_asked || k->export_ended) return;
	if (k->chunks_sent - k->chunks_taken >= CHUNK_WINDOW) return;
	if (!cell_room(c, replica, false)) {
		k->progress_ns = c->now; /* it is not the copy that is waited for */
		return;
	}
	k->export_asked = true;
	struct cell_action *a = cell_act(c, CELL_DO_EXPORT_NEXT);
	a->replica = replica;
	a->limit = CHUNK_BYTES;
}

static void begun(struct cell *c, int replica, const struct position *at) {
	struct copy *k = &c->copy[replica];
	k->export_begun = true;
	for (int i = 0; i < c->epoch_count; i++) {
		put_u64(c->epoch_table + 16 * i, c->epochs[i].epoch);
		put_u64(c->epoch_table + 16 * i + 8, c->epochs[i].seq);
	}
	cell_send(c, replica,
	          &(struct frame){.type = FRAME_SNAPSHOT_BEGIN,
	                          .epoch = k->epoch,
	                          .seq = k->number,
	                          .at = *at,
	                          .bytes = slice_of(c->epoch_table, 16 * (size_t)c->epoch_count)});
}

void export_answer(struct cell *c, int replica, enum err err, const struct position *at,
                   struct slice bytes) {
	struct copy *k = &c->copy[replica];
	if (!k->exporting || !k->export_asked) return;
	k->export_asked = false;
	if (err && !(k->export_begun && err == ERR_NOT_FOUND)) {
		cell_tell(c, LOG_WARN, "snapshot for %s: %s", c->names[replica], err_text(err));
		return serve_stop(c, replica); /* it asks again */
	}
	struct frame f = {.epoch = k->epoch, .bytes = bytes};
	if (!k->export_begun) {
		begun(c, replica, at);
	} else if (err) {
		f.type = FRAME_SNAPSHOT_END;
		f.seq = k->chunks_sent;
		cell_send(c, replica, &f);
		cell_act(c, CELL_DO_EXPORT_END)->replica = replica;
		k->export_ended = true;
		k->exporting = false;
	} else {
		f.type = FRAME_SNAPSHOT_CHUNK;
		f.seq = ++k->chunks_sent;
		cell_send(c, replica, &f);
	}
	export_more(c, replica);
}

void export_taken(struct cell *c, int replica, const struct frame *f) {
	struct copy *k = &c->copy[replica];
	if (!k->exporting || f->epoch != k->epoch || f->seq > k->chunks_sent) return;
	if (f->seq > k->chunks_taken) k->progress_ns = c->now;
	if (f->seq > k->chunks_taken) k->chunks_taken = f->seq;
	export_more(c, replica);
}
