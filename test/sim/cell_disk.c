/* A node's store: asynchronous, in two queues as store.h says, with groups; it crashes
 * with any prefix of what was in flight, runs full, and fails. */
#include <stdlib.h>

#include "base/bytes.h"
#include "cell_world.h"

extern unsigned cell_mutants;

void disk_init(struct world *w, int node) {
	struct disk *d = &w->nodes[node].disk;
	d->first_seq = 1;
	d->incarnation = world_random(w, 0) | 1;
}

static void log_clear(struct disk *d) {
	for (size_t i = 0; i < d->log_count; i++) free(d->log[i].bytes);
	d->log_count = 0;
}

static void queue_clear(struct disk_queue *q) {
	for (; q->count; q->count--) {
		struct disk_op *op = q->ops[q->first];
		q->first = (q->first + 1) % DISK_OPS_MAX;
		free(op->copy);
		free(op);
	}
	q->busy = false;
}

void disk_done(struct disk *d) {
	log_clear(d);
	free(d->log);
	view_clear(&d->view);
	view_clear(&d->checkpoint);
	view_clear(&d->import);
	queue_clear(&d->writes);
	queue_clear(&d->applies);
	memset(d, 0, sizeof *d);
}

void disk_wipe(struct world *w, int node) {
	disk_done(&w->nodes[node].disk);
	disk_init(w, node);
}

void disk_info(const struct disk *d, struct store_info *out) {
	*out = (struct store_info){
		.last = d->last,
		.applied = d->view.at,
		.first_seq = d->first_seq,
		.promised_epoch = d->promised,
		.incarnation = d->incarnation,
		.state_hash = d->view.hash,
		.epochs = d->epochs,
		.epoch_count = d->epoch_count,
		.fenced = d->fenced,
	};
}

enum err disk_lookup(void *arg, struct slice key, struct entry *out) {
	const struct disk *d = arg;
	const struct view_entry *e = view_find(&d->view, key);
	if (!e) return ERR_NOT_FOUND;
	*out = (struct entry){slice_of(e->value, e->value_len), e->epoch, e->seq, e->expires_ms};
	return ERR_OK;
}

static const struct log_record *record_at(const struct disk *d, uint64_t seq) {
	if (seq < d->first_seq || seq >= d->first_seq + d->log_count) return NULL;
	return &d->log[seq - d->first_seq];
}

enum err disk_read(const struct disk *d, uint64_t seq, size_t limit, struct buf *out) {
	const struct log_record *r = record_at(d, seq);
	if (!r) return ERR_NOT_FOUND;
	do {
		enum err err = buf_append(out, r->bytes, r->len);
		if (err) return err;
		r = record_at(d, ++seq);
	} while (r && out->len + r->len <= limit);
	return ERR_OK;
}

/* --- what operations do ------------------------------------------------------------------- */

static void epoch_note(struct disk *d, const struct position *at) {
	if (d->epoch_count && d->epochs[d->epoch_count - 1].epoch == at->epoch) return;
	if (d->epoch_count == FRAME_EPOCHS_MAX) {
		memmove(d->epochs, d->epochs + 1, sizeof *d->epochs * (FRAME_EPOCHS_MAX - 1));
		d->epoch_count--;
	}
	d->epochs[d->epoch_count++] = (struct epoch_start){at->epoch, at->seq};
}

static void log_add(struct world *w, int node, const struct record *r) {
	struct disk *d = &w->nodes[node].disk;
	if (d->log_count == d->log_cap) {
		d->log_cap = d->log_cap ? 2 * d->log_cap : 256;
		d->log = realloc(d->log, d->log_cap * sizeof *d->log);
	}
	struct log_record *l = &d->log[d->log_count++];
	l->at = r->at;
	l->len = r->bytes.len;
	l->bytes = malloc(l->len);
	memcpy(l->bytes, r->bytes.ptr, l->len);
	check_durable(w, node, r, &d->last);
	d->last = r->at;
	if (r->at.epoch > d->promised) d->promised = r->at.epoch;
	epoch_note(d, &r->at);
	d->quarantine_done = false;
}

/* records_max: a crash keeps only so many. */
static enum err append(struct world *w, int node, const struct disk_op *op, size_t records_max) {
	struct disk *d = &w->nodes[node].disk;
	struct record r;
	if (record_decode(op->bytes, &r)) return ERR_INVALID;
	bool promised_away = op->number < d->promised && !(cell_mutants & 2);
	if (r.at.seq != d->last.seq + 1 || promised_away) return ERR_CONFLICT;
	struct slice rest = op->bytes;
	for (size_t i = 0; rest.len && i < records_max; i++) {
		enum err err = record_decode(rest, &r);
		if (!err) err = record_follows(&r, &d->last);
		if (err) {
			if (!cell_mutants)
				world_fail(w, "node %d appends what does not follow", node);
			return ERR_CONFLICT;
		}
		log_add(w, node, &r);
		rest = slice_of(rest.ptr + r.bytes.len, rest.len - r.bytes.len);
	}
	return ERR_OK;
}

static enum err apply(struct world *w, int node, uint64_t seq) {
	struct disk *d = &w->nodes[node].disk;
	while (d->view.at.seq < seq) {
		const struct log_record *l = record_at(d, d->view.at.seq + 1);
		struct record r;
		if (!l || record_decode(slice_of(l->bytes, l->len), &r)) return ERR_CORRUPT;
		view_apply(&d->view, &r);
	}
	check_state(w, node);
	return ERR_OK;
}

static void log_cut(struct disk *d, const struct position *to) {
	while (d->log_count && d->log[d->log_count - 1].at.seq > to->seq)
		free(d->log[--d->log_count].bytes);
	while (d->epoch_count && d->epochs[d->epoch_count - 1].seq > to->seq) d->epoch_count--;
	d->last = *to;
}

static enum err truncate(struct world *w, int node, const struct position *to) {
	struct disk *d = &w->nodes[node].disk;
	bool saved = d->quarantine_done && d->quarantine_keep <= to->seq &&
	             position_eq(&d->quarantine_last, &d->last);
	if (!saved && !cell_mutants) world_fail(w, "node %d truncates what was not saved", node);
	if (to->seq < d->checkpoint.at.seq || to->seq + 1 < d->first_seq) return ERR_NOT_FOUND;
	if (d->applies.count) world_fail(w, "node %d truncates while it applies", node);
	for (size_t i = 0; w->sync && !w->wiped && i < d->log_count; i++) {
		const struct position *at = &d->log[i].at;
		/* The first record of an epoch that never became active may go, and nothing else: only
		 * for a wiped copy's sake is applied what is not committed (cell_export.c). */
		if (at->seq > to->seq && at->seq <= d->view.at.seq && check_is_write(w, at))
			world_fail(w, "node %d truncates a write that it applied", node);
	}
	uint64_t applied = d->view.at.seq < to->seq ? d->view.at.seq : to->seq;
	log_cut(d, to);
	view_copy(&d->view, &d->checkpoint);
	return apply(w, node, applied);
}

static enum err quarantine(struct world *w, int node, const struct position *keep) {
	struct disk *d = &w->nodes[node].disk;
	uint64_t seq = keep->seq + 1 > d->first_seq ? keep->seq + 1 : d->first_seq;
	for (const struct log_record *l; (l = record_at(d, seq)); seq++) {
		struct record r;
		if (record_decode(slice_of(l->bytes, l->len), &r)) return ERR_CORRUPT;
		check_quarantined(w, &r);
	}
	d->quarantine_done = true;
	d->quarantine_keep = keep->seq;
	d->quarantine_last = d->last;
	return ERR_OK;
}

static enum err import_chunk(struct disk *d, struct slice chunk) {
	struct bytes_reader r = bytes_reader(chunk);
	if (!d->importing) return ERR_INVALID;
	while (r.rest.len && !r.failed) {
		struct slice key = bytes_take(&r, bytes_u16(&r));
		struct slice value = bytes_take(&r, bytes_u32(&r));
		uint64_t epoch = bytes_u64(&r), seq = bytes_u64(&r), expires_ms = bytes_u64(&r);
		if (!r.failed) view_put(&d->import, key, value, epoch, seq, expires_ms);
	}
	return r.failed ? ERR_CORRUPT : ERR_OK;
}

static enum err import_commit(struct world *w, int node, const struct disk_op *op) {
	struct disk *d = &w->nodes[node].disk;
	if (!d->importing) return ERR_INVALID;
	struct position at = d->import.at;
	log_clear(d);
	view_copy(&d->view, &d->import);
	view_copy(&d->checkpoint, &d->import);
	view_clear(&d->import);
	d->importing = false;
	d->first_seq = at.seq + 1;
	d->before = d->last = at;
	/* As the local driver: only the epoch it stands in is remembered. */
	d->epochs[0] = op->epochs[op->epoch_count - 1];
	d->epoch_count = 1;
	if (at.epoch > d->promised) d->promised = at.epoch;
	check_state(w, node);
	return ERR_OK;
}

static enum err op_run(struct world *w, int node, struct disk_op *op) {
	struct disk *d = &w->nodes[node].disk;
	if (d->fenced) return ERR_FENCED;
	if (d->io_error_in && --d->io_error_in == 0) {
		d->fenced = true;
		return ERR_IO;
	}
	if (d->full && op->type != CELL_DO_TRUNCATE) return ERR_NO_SPACE;
	switch (op->type) {
	case CELL_DO_APPEND: return append(w, node, op, SIZE_MAX);
	case CELL_DO_APPLY: return apply(w, node, op->number);
	case CELL_DO_PROMISE:
		if (op->number <= d->promised)
			return op->number < d->promised ? ERR_CONFLICT : ERR_OK;
		d->promised = op->number;
		return ERR_OK;
	case CELL_DO_QUARANTINE: return quarantine(w, node, &op->at);
	case CELL_DO_TRUNCATE: return truncate(w, node, &op->at);
	case CELL_DO_IMPORT_BEGIN:
		view_clear(&d->import);
		d->import.at = op->at;
		d->importing = true;
		return ERR_OK;
	case CELL_DO_IMPORT_CHUNK: return import_chunk(d, slice_of(op->copy, op->bytes.len));
	default: return import_commit(w, node, op);
	}
}

/* --- queues ----------------------------------------------------------------------------------- */

static enum cell_store_op kind_of(enum cell_action_type type) {
	switch (type) {
	case CELL_DO_APPEND: return CELL_APPEND;
	case CELL_DO_APPLY: return CELL_APPLY;
	case CELL_DO_PROMISE: return CELL_PROMISE;
	case CELL_DO_QUARANTINE: return CELL_QUARANTINE;
	case CELL_DO_TRUNCATE: return CELL_TRUNCATE;
	default: return CELL_IMPORT;
	}
}

static void queue_begin(struct world *w, int node, bool applies);

/* A group: its effects first, then the answers, as a driver with group commit does. */
static void queue_run(struct world *w, const struct happening *h) {
	struct node *n = &w->nodes[h->node];
	struct disk_queue *q = h->a ? &n->disk.applies : &n->disk.writes;
	struct disk_op *group[8];
	enum err errs[8];
	int count = 0, want = 1 + (int)world_random(w, 4);
	while (count < want && q->count) {
		group[count] = q->ops[q->first];
		if (count &&
		    (group[count]->type != CELL_DO_APPEND || group[0]->type != CELL_DO_APPEND))
			break;
		q->first = (q->first + 1) % DISK_OPS_MAX;
		q->count--;
		errs[count] = op_run(w, h->node, group[count]);
		count++;
	}
	uint32_t life = n->life;
	for (int i = 0; i < count; i++) {
		struct store_info info;
		disk_info(&n->disk, &info);
		const struct cell_event e = {.type = CELL_EV_STORE,
		                             .op = kind_of(group[i]->type),
		                             .err = errs[i],
		                             .info = &info};
		free(group[i]->copy);
		free(group[i]);
		node_feed(w, h->node, &e);
	}
	if (n->life != life) return;
	q->busy = false;
	if (q->count) queue_begin(w, h->node, h->a);
}

static void queue_begin(struct world *w, int node, bool applies) {
	struct node *n = &w->nodes[node];
	struct disk_queue *q = applies ? &n->disk.applies : &n->disk.writes;
	if (q->busy) return;
	q->busy = true;
	uint64_t delay = world_between(w, US(50), MS(2)) + n->slow_ns;
	world_at(w, delay, (struct happening){.node = node, .fn = queue_run, .a = applies});
}

void disk_do(struct world *w, int node, const struct cell_action *a) {
	struct disk *d = &w->nodes[node].disk;
	bool applies = a->type == CELL_DO_APPLY;
	struct disk_queue *q = applies ? &d->applies : &d->writes;
	if (q->count == DISK_OPS_MAX) return world_fail(w, "node %d floods its disk", node);
	struct disk_op *op = calloc(1, sizeof *op);
	op->type = a->type;
	op->bytes = a->bytes;
	op->at = a->at;
	bool epoch = a->type == CELL_DO_PROMISE || a->type == CELL_DO_APPEND;
	op->number = epoch ? a->epoch : a->seq;
	if (a->type == CELL_DO_IMPORT_CHUNK) {
		op->copy = malloc(a->bytes.len + 1);
		if (a->bytes.len) memcpy(op->copy, a->bytes.ptr, a->bytes.len);
	}
	if (a->type == CELL_DO_IMPORT_COMMIT) {
		op->epoch_count = a->epoch_count;
		memcpy(op->epochs, a->epochs, sizeof *a->epochs * (size_t)a->epoch_count);
	}
	q->ops[(q->first + q->count++) % DISK_OPS_MAX] = op;
	queue_begin(w, node, applies);
}

/* --- crashes ------------------------------------------------------------------------------------- */

/* Of what was in flight any prefix has happened, the last append perhaps in part. */
void disk_crash(struct world *w, int node, bool power) {
	struct disk *d = &w->nodes[node].disk;
	size_t done = world_random(w, (uint64_t)d->writes.count + 1);
	for (size_t i = 0; i < done && !d->fenced; i++) {
		struct disk_op *op = d->writes.ops[(d->writes.first + (int)i) % DISK_OPS_MAX];
		bool partly = i + 1 == done && op->type == CELL_DO_APPEND;
		enum err err =
			partly ? append(w, node, op, world_random(w, 3)) : op_run(w, node, op);
		if (err) break;
	}
	queue_clear(&d->writes);
	queue_clear(&d->applies);
	view_clear(&d->import);
	d->importing = d->fenced = false;
	d->io_error_in = 0;
	if (power) view_copy(&d->view, &d->checkpoint);
}

void disk_checkpoint(struct world *w, int node) {
	struct disk *d = &w->nodes[node].disk;
	view_copy(&d->checkpoint, &d->view);
	/* In a sync cell what is applied is committed; elsewhere only what all copies have may go. */
	uint64_t below = w->sync || d->released > d->view.at.seq ? d->view.at.seq : d->released;
	size_t drop = below + 1 > d->first_seq ? below + 1 - d->first_seq : 0;
	if (!drop || world_chance(w, 50)) return;
	drop = 1 + world_random(w, drop);
	d->before = d->log[drop - 1].at;
	for (size_t i = 0; i < drop; i++) free(d->log[i].bytes);
	d->log_count -= drop;
	memmove(d->log, d->log + drop, d->log_count * sizeof *d->log);
	d->first_seq += drop;
	while (d->epoch_count > 1 && d->epochs[1].seq <= d->first_seq) {
		memmove(d->epochs, d->epochs + 1, sizeof *d->epochs * (size_t)--d->epoch_count);
	}
}
