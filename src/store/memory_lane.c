/* What the memory driver does on its lanes: the operations of store.h on the disk in RAM,
 * with the faults that a test ordered.
 */
#include <stdlib.h>

#include "base/log.h"
#include "store/memory_state.h"

/* An ordered fault, or none; ERR_IO fences. */
static enum err fault(struct memory *m, enum memory_fault op) {
	enum err err = memory_fault_take(m->disk, op);
	if (err == ERR_IO) m->fenced = true;
	return err;
}

static enum err append(struct memory *m, uint64_t epoch, struct slice records) {
	if (epoch < m->disk->promised || epoch < m->disk->last.epoch) return ERR_CONFLICT;
	enum err err = fault(m, MEMORY_APPEND);
	if (!err) err = memory_log_add(m->disk, records);
	/* Those behind one that found no room were in flight and have no place either. */
	if (err == ERR_CONFLICT && m->refused) return ERR_NO_SPACE;
	m->refused = err == ERR_NO_SPACE || (err && m->refused);
	return err;
}

static enum err promise(struct memory *m, uint64_t epoch) {
	struct memory_disk *d = m->disk;
	if (epoch < d->promised || epoch < d->last.epoch) return ERR_CONFLICT;
	if (epoch == d->promised) return ERR_OK;
	enum err err = fault(m, MEMORY_PROMISE);
	if (!err) d->promised = epoch;
	return err;
}

static enum err on_log(struct memory_disk *d, const struct position *at) {
	struct position is;
	enum err err = memory_log_position(d, at->seq, &is);
	return err ? err : position_eq(&is, at) ? ERR_OK : ERR_CONFLICT;
}

static enum err quarantine(struct memory *m, const struct position *keep) {
	struct memory_disk *d = m->disk;
	enum err err = on_log(d, keep);
	if (!err && keep->seq < d->last.seq &&
	    !(position_eq(keep, &m->saved_keep) && position_eq(&d->last, &m->saved_last))) {
		size_t from = d->offsets[keep->seq - d->base.at.seq];
		struct slice all = buf_slice(&d->records);
		err = fault(m, MEMORY_QUARANTINE);
		if (!err)
			err = buf_append_slice(&d->quarantined,
			                       slice_of(all.ptr + from, all.len - from));
	}
	if (err) return err;
	m->saved_keep = *keep;
	m->saved_last = d->last;
	return ERR_OK;
}

static enum err replay(struct memory *m, struct memory_view *v, uint64_t seq) {
	enum err err = ERR_OK;
	while (!err && v->at.seq < seq) {
		struct record r;
		err = memory_log_record(m->disk, v->at.seq + 1, &r);
		if (!err) err = memory_view_apply(v, &r);
	}
	return err;
}

static enum err truncate_to(struct memory *m, const struct position *to) {
	struct memory_disk *d = m->disk;
	enum err err = on_log(d, to);
	if (err || to->seq == d->last.seq) return err;
	if (!position_eq(&m->saved_last, &d->last) || m->saved_keep.seq > to->seq)
		return ERR_PRECONDITION;
	err = fault(m, MEMORY_TRUNCATE);
	if (err) return err;
	memory_log_cut(d, to->seq);
	m->refused = false;
	if (m->view.at.seq <= to->seq) return ERR_OK;
	struct memory_view back;
	err = memory_view_copy(&back, &d->base);
	if (!err) err = replay(m, &back, to->seq);
	if (err) return err;
	memory_view_done(&m->view);
	m->view = back;
	return ERR_OK;
}

/* --- import ------------------------------------------------------------------------------------- */

static void import_drop(struct memory *m) {
	memory_view_done(&m->import.view);
	m->import.active = m->import.ended = false;
}

static enum err import_begin(struct memory *m, const struct position *at) {
	import_drop(m);
	enum err err = fault(m, MEMORY_IMPORT);
	if (err) return err;
	m->import.active = true;
	m->import.at = *at;
	return ERR_OK;
}

static enum err import_chunk(struct memory *m, struct slice chunk) {
	if (!m->import.active) return ERR_INVALID;
	enum err err = fault(m, MEMORY_IMPORT);
	while (!err && chunk.len) {
		struct snapshot_item item;
		err = m->import.ended ? ERR_CORRUPT : snapshot_next(&chunk, &item);
		if (err) break;
		if (item.kind == SNAPSHOT_ENTRY) {
			err = memory_view_put(&m->import.view, item.key, &item.entry);
		} else {
			m->import.ended = true;
			m->import.total = item.total;
		}
	}
	if (err) import_drop(m);
	return err;
}

static enum err import_check(struct memory *m) {
	const struct memory_view *v = &m->import.view;
	if (!m->import.active) return ERR_INVALID;
	if (!m->import.ended || !position_eq(&m->import.total.at, &m->import.at))
		return ERR_CORRUPT;
	if (v->count != m->import.total.entries || v->state_hash != m->import.total.state_hash)
		return ERR_CORRUPT;
	return fault(m, MEMORY_IMPORT);
}

static enum err import_commit(struct memory *m, struct epoch_start start) {
	struct memory_view view;
	enum err err = import_check(m);
	m->import.view.at = m->import.at;
	if (!err) err = memory_view_copy(&view, &m->import.view);
	if (err) {
		import_drop(m);
		return err;
	}
	memory_view_done(&m->view);
	m->view = view;
	memory_log_restart(m->disk, &m->import.view, start);
	m->refused = false;
	import_drop(m);
	return ERR_OK;
}

/* --- dispatch ------------------------------------------------------------------------------------- */

static enum err one(struct memory *m, struct work *w) {
	if (m->fenced) return ERR_FENCED;
	switch (w->kind) {
	case WORK_APPEND: return append(m, w->seq, w->bytes);
	case WORK_PROMISE: return promise(m, w->seq);
	case WORK_QUARANTINE: return quarantine(m, &w->at);
	case WORK_TRUNCATE: return truncate_to(m, &w->at);
	case WORK_IMPORT_BEGIN: return import_begin(m, &w->at);
	case WORK_IMPORT_CHUNK: return import_chunk(m, w->bytes);
	case WORK_IMPORT_COMMIT: return import_commit(m, w->start);
	case WORK_APPLY: break;
	}
	enum err err = w->err ? w->err : fault(m, MEMORY_APPLY);
	return err ? err : replay(m, &m->view, w->seq);
}

static void group_run(struct memory *m, struct list *group) {
	pthread_mutex_lock(&m->disk->lock);
	LIST_EACH (group, n) {
		struct work *w = CONTAINER_OF(n, struct work, node);
		w->err = one(m, w);
	}
	pthread_mutex_unlock(&m->disk->lock);
}

void memory_log_run(struct work_queue *q, struct list *group) {
	group_run(CONTAINER_OF(q, struct memory, log_queue), group);
}

void memory_view_run(struct work_queue *q, struct list *group) {
	group_run(CONTAINER_OF(q, struct memory, view_queue), group);
}
