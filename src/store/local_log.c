/* The log lane: appends in groups, promises, and the dispatch of what is rare. A failed
 * write or sync fences the store: a second sync would call safe what the first one lost
 * (PostgreSQL's fsync surprise of 2018).
 */
#include "base/log.h"
#include "store/local_state.h"

enum err local_fence(struct local *l, enum err err, const char *what) {
	if (!atomic_exchange(&l->fenced, true))
		LOG(LOG_ERROR, "store", "fenced itself", {"cell", l->id.cell}, {"dir", l->dir},
		    {"while", what}, {"why", err_text(err)});
	return ERR_IO;
}

void local_share_promise(struct local *l) {
	pthread_mutex_lock(&l->shared_lock);
	l->shared.promised = l->promised;
	pthread_mutex_unlock(&l->shared_lock);
}

/* Space is kept back for the records of a failover: without them nobody becomes home. */
static bool append_is_reserved(const struct work *w) {
	struct record r;
	return !record_decode(w->bytes, &r) && r.kind == RECORD_EPOCH_START;
}

static void append_group(struct local *l, struct list *group) {
	bool reserve = false;
	log_batch_begin(&l->writer);
	LIST_EACH (group, n) {
		struct work *w = CONTAINER_OF(n, struct work, node);
		/* By the writer's epoch, not the records': they may be older. */
		bool refused = w->seq < l->promised || w->seq < l->writer.batch_last.epoch;
		w->err = refused ? ERR_CONFLICT : log_batch_add(&l->writer, w->bytes);
		if (w->err == ERR_CONFLICT && l->refused) w->err = ERR_NO_SPACE;
		if (!w->err) reserve |= append_is_reserved(w);
	}
	bool any = l->writer.batch_last.seq > l->writer.tail.seq;
	enum err err = log_batch_write(&l->writer, reserve);
	io_lane_tell(l->log_queue.lane); /* of the group before */
	if (!err) err = log_batch_sync(&l->writer);
	if (any) l->refused = err == ERR_NO_SPACE;
	if (!err) return;
	if (err != ERR_NO_SPACE) err = local_fence(l, err, "writing the log");
	LIST_EACH (group, n) {
		struct work *w = CONTAINER_OF(n, struct work, node);
		if (!w->err) w->err = err;
	}
}

static enum err promise(struct local *l, uint64_t epoch) {
	if (epoch < l->promised || epoch < l->writer.tail.epoch) return ERR_CONFLICT;
	if (epoch == l->promised) return ERR_OK;
	enum err err = promise_write(l, epoch);
	if (err == ERR_NO_SPACE) return err;
	if (err) return local_fence(l, err, "writing the promise");
	l->promised = epoch;
	local_share_promise(l);
	return ERR_OK;
}

static enum err single(struct local *l, struct work *w) {
	switch (w->kind) {
	case WORK_PROMISE: return promise(l, w->seq);
	case WORK_QUARANTINE: return local_quarantine(l, w);
	case WORK_TRUNCATE: return local_truncate(l, &w->at);
	case WORK_IMPORT_BEGIN: return local_import_begin(l, &w->at);
	case WORK_IMPORT_CHUNK: return local_import_chunk(l, w->bytes);
	case WORK_IMPORT_COMMIT: return local_import_commit(l, w->start);
	case WORK_APPEND:
	case WORK_APPLY: break;
	}
	return ERR_INTERNAL;
}

void local_log_run(struct work_queue *q, struct list *group) {
	struct local *l = CONTAINER_OF(q, struct local, log_queue);
	struct work *first = CONTAINER_OF(list_first(group), struct work, node);
	if (atomic_load(&l->fenced)) {
		LIST_EACH (group, n) CONTAINER_OF(n, struct work, node)->err = ERR_FENCED;
		return;
	}
	if (first->kind == WORK_APPEND) {
		append_group(l, group);
		return;
	}
	first->err = single(l, first);
}
