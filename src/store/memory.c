/* The memory driver's face: see memory.h. The same queues and order as the local driver,
 * without files.
 */
#include "store/memory.h"

#include <stdlib.h>

#include "base/assert.h"
#include "store/memory_state.h"

static struct memory *memory_of(struct store *s) {
	return CONTAINER_OF(s, struct memory, store);
}

static void epochs_copy(struct memory *m) {
	const struct memory_disk *d = m->disk;
	size_t bytes = (size_t)d->epoch_count * sizeof(*d->epochs);
	struct epoch_start *copy = malloc(bytes ? bytes : 1);
	if (!copy) return; /* the old one is still true of what it says */
	if (bytes) memcpy(copy, d->epochs, bytes);
	free(m->epochs);
	m->epochs = copy;
	m->info.epochs = copy;
	m->info.epoch_count = d->epoch_count;
}

static void refresh(struct memory *m) {
	struct store_info *info = &m->info;
	const struct memory_disk *d = m->disk;
	pthread_mutex_lock(&m->disk->lock);
	info->last = d->last;
	info->applied = m->view.at;
	info->first_seq = d->base.at.seq + 1;
	info->promised_epoch = d->promised < d->last.epoch ? d->last.epoch : d->promised;
	info->incarnation = d->incarnation;
	info->state_hash = m->view.state_hash;
	info->log_bytes = d->records.len;
	info->view_bytes = m->view.bytes;
	info->checkpoint_seq = d->base.at.seq;
	info->fenced = m->fenced;
	epochs_copy(m);
	pthread_mutex_unlock(&m->disk->lock);
}

static void settle(struct work_queue *q, struct list *group) {
	struct work *first = CONTAINER_OF(list_first(group), struct work, node);
	refresh(first->kind == WORK_APPLY ? CONTAINER_OF(q, struct memory, view_queue)
	                                  : CONTAINER_OF(q, struct memory, log_queue));
}

static void info(struct store *s, struct store_info *out) {
	*out = memory_of(s)->info;
}

/* --- operations --------------------------------------------------------------------------------------- */

static void append(struct store *s, uint64_t epoch, struct slice records, struct store_op *op) {
	struct work *w = work_of(op, WORK_APPEND);
	w->seq = epoch;
	w->bytes = records;
	work_submit(&memory_of(s)->log_queue, w);
}

static void apply(struct store *s, uint64_t seq, struct store_op *op) {
	struct work *w = work_of(op, WORK_APPLY);
	w->seq = seq;
	if (seq > memory_of(s)->info.last.seq) w->err = ERR_INVALID;
	work_submit(&memory_of(s)->view_queue, w);
}

static void promise(struct store *s, uint64_t epoch, struct store_op *op) {
	struct work *w = work_of(op, WORK_PROMISE);
	w->seq = epoch;
	work_submit(&memory_of(s)->log_queue, w);
}

static void quarantine(struct store *s, const struct position *keep, const char *why,
                       struct store_op *op) {
	struct work *w = work_of(op, WORK_QUARANTINE);
	w->at = *keep;
	work_submit(&memory_of(s)->log_queue, w);
}

static void truncate_to(struct store *s, const struct position *to, struct store_op *op) {
	struct work *w = work_of(op, WORK_TRUNCATE);
	w->at = *to;
	work_submit(&memory_of(s)->log_queue, w);
}

static void import_begin(struct store *s, const struct position *at, struct store_op *op) {
	struct work *w = work_of(op, WORK_IMPORT_BEGIN);
	w->at = *at;
	work_submit(&memory_of(s)->log_queue, w);
}

static void import_chunk(struct store *s, struct slice chunk, struct store_op *op) {
	struct work *w = work_of(op, WORK_IMPORT_CHUNK);
	w->bytes = chunk;
	work_submit(&memory_of(s)->log_queue, w);
}

static void import_commit(struct store *s, const struct epoch_start *epochs, int epoch_count,
                          struct store_op *op) {
	struct work *w = work_of(op, WORK_IMPORT_COMMIT);
	if (epoch_count > 0) w->start = epochs[epoch_count - 1];
	work_submit(&memory_of(s)->log_queue, w);
}

static enum err read_log(struct store *s, uint64_t from_seq, size_t max_bytes, struct buf *out) {
	struct memory *m = memory_of(s);
	enum err err = ERR_OK;
	size_t before = out->len;
	pthread_mutex_lock(&m->disk->lock);
	for (uint64_t seq = from_seq; !err && seq <= m->info.last.seq; seq++) {
		struct record r;
		err = memory_log_record(m->disk, seq, &r);
		size_t taken = out->len - before;
		if (err || (taken && taken + r.bytes.len > max_bytes)) break;
		err = buf_append_slice(out, r.bytes);
	}
	pthread_mutex_unlock(&m->disk->lock);
	if (!err && out->len == before) err = ERR_NOT_FOUND;
	if (err) buf_truncate(out, before);
	return err;
}

static enum err position_of(struct store *s, uint64_t seq, struct position *out) {
	struct memory *m = memory_of(s);
	if (seq > m->info.last.seq) return ERR_NOT_FOUND;
	pthread_mutex_lock(&m->disk->lock);
	enum err err = memory_log_position(m->disk, seq, out);
	pthread_mutex_unlock(&m->disk->lock);
	return err;
}

/* Nothing is pruned: the whole log is what a truncate makes the view from. */
static void release(struct store *s, uint64_t seq) {}

/* --- the end -------------------------------------------------------------------------------------------- */

static void memory_free(struct memory *m) {
	ASSERT(m->readers == 0);
	m->disk->open = false;
	memory_view_done(&m->view);
	memory_view_done(&m->import.view);
	free(m->epochs);
	free(m);
}

static void close_store(struct store *s) {
	struct memory *m = memory_of(s);
	work_queue_stop(&m->log_queue);
	work_queue_stop(&m->view_queue);
	m->disk->kept = m->view;
	m->disk->has_kept = true;
	m->view = (struct memory_view){0};
	memory_free(m);
}

/* What had reached the lane or waited for it may be there in part: a prefix. */
void store_memory_crash(struct store *s) {
	struct memory *m = memory_of(s);
	struct memory_disk *d = m->disk;
	uint64_t told = m->info.last.seq < d->last.seq ? m->info.last.seq : d->last.seq;
	if (told < d->base.at.seq) told = d->base.at.seq;
	LIST_EACH (&m->log_queue.pending, n) {
		struct work *w = CONTAINER_OF(n, struct work, node);
		if (m->fenced || w->kind != WORK_APPEND || memory_log_add(d, w->bytes)) break;
	}
	memory_log_cut(d, told + memory_random(d) % (d->last.seq - told + 1));
	work_queue_abandon(&m->log_queue);
	work_queue_abandon(&m->view_queue);
	memory_free(m);
}

static const struct store_ops memory_ops = {
	.info = info,
	.append = append,
	.apply = apply,
	.promise = promise,
	.quarantine = quarantine,
	.truncate = truncate_to,
	.read_log = read_log,
	.position_of = position_of,
	.release = release,
	.export_begin = memory_export_begin,
	.export_next = memory_export_next,
	.export_end = memory_export_end,
	.import_begin = import_begin,
	.import_chunk = import_chunk,
	.import_commit = import_commit,
	.close = close_store,
	.reader_new = memory_reader_new,
	.reader_free = memory_reader_free,
	.get = memory_get,
	.scan = memory_scan,
	.expired = memory_expired,
};

/* The view: as it was closed, or after a crash what the log begins after. */
static enum err view_open(struct memory *m) {
	struct memory_disk *d = m->disk;
	if (!d->has_kept) return memory_view_copy(&m->view, &d->base);
	m->view = d->kept;
	d->kept = (struct memory_view){0};
	d->has_kept = false;
	return ERR_OK;
}

enum err store_memory_open(struct io *io, struct memory_disk *d, struct store **out) {
	if (d->open) return ERR_EXISTS;
	struct memory *m = calloc(1, sizeof(*m));
	if (!m) return ERR_NO_MEMORY;
	m->store.ops = &memory_ops;
	m->io = io;
	m->disk = d;
	d->open = true;
	m->log_queue.run = memory_log_run;
	m->view_queue.run = memory_view_run;
	m->log_queue.settle = m->view_queue.settle = settle;
	m->log_queue.group_bytes = m->view_queue.group_bytes = SIZE_MAX;
	enum err err = view_open(m);
	if (!err) err = work_queue_init(&m->log_queue, io, "store-log");
	if (!err) err = work_queue_init(&m->view_queue, io, "store-view");
	if (err) {
		work_queue_stop(&m->log_queue);
		work_queue_stop(&m->view_queue);
		memory_free(m);
		return err;
	}
	refresh(m);
	*out = &m->store;
	return ERR_OK;
}
