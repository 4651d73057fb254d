/* The local driver's face to its owner: the table of operations. What takes time goes to
 * a lane; what the lanes changed is copied here when a group settles.
 */
#include "store/local.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/log.h"
#include "store/local_state.h"

static struct local *local_of(struct store *s) {
	return CONTAINER_OF(s, struct local, store);
}

/* --- what is known -------------------------------------------------------------------------------- */

static void epochs_copy(struct local *l) {
	struct log *log = &l->log;
	if (l->epochs && l->epoch_changes == log->changes) return;
	size_t bytes = (size_t)log->epoch_count * sizeof(*log->epochs);
	struct epoch_start *copy = malloc(bytes ? bytes : 1);
	if (!copy) return; /* the old one is still true of what it says */
	if (bytes) memcpy(copy, log->epochs, bytes);
	free(l->epochs);
	l->epochs = copy;
	l->epoch_changes = log->changes;
	l->info.epochs = copy;
	l->info.epoch_count = log->epoch_count;
}

void local_refresh(struct local *l) {
	struct store_info *info = &l->info;
	pthread_mutex_lock(&l->log.lock);
	info->last = l->log.last;
	info->first_seq = l->log.segments[0].header.prev.seq + 1;
	info->log_bytes = l->log.bytes;
	epochs_copy(l);
	pthread_mutex_unlock(&l->log.lock);
	pthread_mutex_lock(&l->shared_lock);
	info->applied = l->shared.view.at;
	info->state_hash = l->shared.view.state_hash;
	info->view_bytes = l->shared.view_bytes;
	info->promised_epoch = l->shared.promised;
	info->checkpoint_seq = l->shared.checkpoints[0].at.seq;
	bool replaced = l->shared.replaced;
	l->shared.replaced = false;
	pthread_mutex_unlock(&l->shared_lock);
	if (info->promised_epoch < info->last.epoch) info->promised_epoch = info->last.epoch;
	info->fenced = atomic_load(&l->fenced);
	if (replaced) log_reader_forget(&l->owner_reader);
}

static bool replaces(enum work_kind kind) {
	return kind == WORK_TRUNCATE || kind == WORK_IMPORT_COMMIT;
}

void local_settle(struct work_queue *q, struct list *group) {
	struct work *first = CONTAINER_OF(list_first(group), struct work, node);
	struct local *l = first->kind == WORK_APPLY ? CONTAINER_OF(q, struct local, view_queue)
	                                            : CONTAINER_OF(q, struct local, log_queue);
	if (replaces(first->kind)) l->replacing--;
	local_refresh(l);
	local_keep(l);
}

static void info(struct store *s, struct store_info *out) {
	struct local *l = local_of(s);
	l->info.fenced = atomic_load(&l->fenced);
	*out = l->info;
}

/* --- operations ----------------------------------------------------------------------------------- */

static void append(struct store *s, uint64_t epoch, struct slice records, struct store_op *op) {
	struct work *w = work_of(op, WORK_APPEND);
	w->seq = epoch;
	w->bytes = records;
	work_submit(&local_of(s)->log_queue, w);
}

static void apply(struct store *s, uint64_t seq, struct store_op *op) {
	struct local *l = local_of(s);
	struct work *w = work_of(op, WORK_APPLY);
	w->seq = seq;
	if (seq > l->info.last.seq) w->err = ERR_INVALID; /* not durable: nobody may see it */
	work_submit(&l->view_queue, w);
}

static void promise(struct store *s, uint64_t epoch, struct store_op *op) {
	struct work *w = work_of(op, WORK_PROMISE);
	w->seq = epoch;
	work_submit(&local_of(s)->log_queue, w);
}

static void quarantine(struct store *s, const struct position *keep, const char *why,
                       struct store_op *op) {
	struct work *w = work_of(op, WORK_QUARANTINE);
	w->at = *keep;
	w->text = strdup(why ? why : "");
	ASSERT(w->text);
	work_submit(&local_of(s)->log_queue, w);
}

static void truncate_to(struct store *s, const struct position *to, struct store_op *op) {
	struct work *w = work_of(op, WORK_TRUNCATE);
	w->at = *to;
	local_of(s)->replacing++;
	work_submit(&local_of(s)->log_queue, w);
}

static void import_begin(struct store *s, const struct position *at, struct store_op *op) {
	struct work *w = work_of(op, WORK_IMPORT_BEGIN);
	w->at = *at;
	work_submit(&local_of(s)->log_queue, w);
}

static void import_chunk(struct store *s, struct slice chunk, struct store_op *op) {
	struct work *w = work_of(op, WORK_IMPORT_CHUNK);
	w->bytes = chunk;
	work_submit(&local_of(s)->log_queue, w);
}

static void import_commit(struct store *s, const struct epoch_start *epochs, int epoch_count,
                          struct store_op *op) {
	struct work *w = work_of(op, WORK_IMPORT_COMMIT);
	/* The log begins after the snapshot: of the table only its last epoch concerns it. */
	if (epoch_count > 0) w->start = epochs[epoch_count - 1];
	local_of(s)->replacing++;
	work_submit(&local_of(s)->log_queue, w);
}

/* --- reading the log ---------------------------------------------------------------------------------- */

struct log_take {
	struct buf *out;
	size_t before, max_bytes;
	enum err err;
};

static bool record_take(void *arg, const struct record *r) {
	struct log_take *t = arg;
	size_t taken = t->out->len - t->before;
	if (taken && taken + r->bytes.len > t->max_bytes) return false;
	t->err = buf_append_slice(t->out, r->bytes);
	return t->err == ERR_OK;
}

static enum err read_log(struct store *s, uint64_t from_seq, size_t max_bytes, struct buf *out) {
	struct local *l = local_of(s);
	struct log_take t = {.out = out, .before = out->len, .max_bytes = max_bytes};
	if (from_seq == 0 || from_seq > l->info.last.seq) return ERR_NOT_FOUND;
	enum err err = log_each(&l->owner_reader, from_seq, l->info.last.seq, record_take, &t);
	if (!err) err = t.err;
	if (!err && out->len == t.before) err = ERR_NOT_FOUND;
	if (err) buf_truncate(out, t.before);
	return err;
}

static enum err position_of(struct store *s, uint64_t seq, struct position *out) {
	struct local *l = local_of(s);
	if (seq > l->info.last.seq) return ERR_NOT_FOUND;
	return log_position_of(&l->owner_reader, seq, out);
}

static void release(struct store *s, uint64_t seq) {
	struct local *l = local_of(s);
	if (seq <= l->released_seq) return;
	l->released_seq = seq;
	local_keep(l);
}

/* --- the end ---------------------------------------------------------------------------------------------- */

void local_free(struct local *l) {
	if (!l) return;
	ASSERT(list_empty(&l->readers));
	local_import_drop(l);
	if (l->view) view_close(l->view);
	free(l->view);
	log_writer_done(&l->writer);
	log_reader_done(&l->lane_reader);
	log_reader_done(&l->apply_reader);
	log_reader_done(&l->owner_reader);
	log_done(&l->log);
	free(l->epochs);
	free(l->drop);
	dir_unlock(l->lock_fd);
	pthread_rwlock_destroy(&l->view_lock);
	pthread_mutex_destroy(&l->readers_lock);
	pthread_mutex_destroy(&l->shared_lock);
	free(l);
}

/* After a clean end the next open can tell a flipped bit at the end of the log from a torn
 * tail, and trust the view after a power loss too. */
static void session_close(struct local *l) {
	if (atomic_load(&l->fenced) || !l->view || !l->writer.file) return;
	struct session s = {
		.clean = true, .generation = l->id.generation, .last_seq = l->writer.tail.seq};
	memcpy(s.boot_id, l->boot_id, BOOT_ID_BYTES);
	enum err err = view_sync(l->view);
	view_close(l->view);
	if (!err) err = file_checksum(l->view_path, &s.view_crc, &s.view_bytes);
	if (!err) err = session_write(l, &s);
	if (err)
		LOG(LOG_WARN, "store", "the end was not noted; the next start checks more",
		    {"dir", l->dir}, {"why", err_text(err)});
}

static void close_store(struct store *s) {
	struct local *l = local_of(s);
	work_queue_stop(&l->log_queue);
	work_queue_stop(&l->view_queue);
	io_lane_free(l->spare_lane);
	io_lane_free(l->checkpoint_lane);
	session_close(l);
	local_free(l);
}

void store_local_crash(struct store *s) {
	struct local *l = local_of(s);
	work_queue_abandon(&l->log_queue);
	work_queue_abandon(&l->view_queue);
	local_free(l);
}

const struct store_ops local_ops = {
	.info = info,
	.append = append,
	.apply = apply,
	.promise = promise,
	.quarantine = quarantine,
	.truncate = truncate_to,
	.read_log = read_log,
	.position_of = position_of,
	.release = release,
	.export_begin = local_export_begin,
	.export_next = local_export_next,
	.export_end = local_export_end,
	.import_begin = import_begin,
	.import_chunk = import_chunk,
	.import_commit = import_commit,
	.close = close_store,
	.reader_new = local_reader_new,
	.reader_free = local_reader_free,
	.get = local_get,
	.scan = local_scan,
	.expired = local_expired,
};
