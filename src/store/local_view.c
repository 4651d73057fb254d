/* The view lane: applying what the log holds, and making a view anew from a checkpoint
 * and the log. May not know who reads.
 */
#include <stdlib.h>

#include "base/log.h"
#include "store/local_state.h"

void local_share_view(struct local *l, const struct view *v) {
	uint64_t bytes = view_bytes(v);
	pthread_mutex_lock(&l->shared_lock);
	l->shared.view = v->state;
	l->shared.view_bytes = bytes;
	pthread_mutex_unlock(&l->shared_lock);
}

/* --- replay ---------------------------------------------------------------------------------- */

struct replay {
	struct view *view;
	struct position at; /* of the last record in the transaction */
	size_t bytes;
	enum err err;
};

static bool record_replay(void *arg, const struct record *r) {
	struct replay *p = arg;
	/* The chain was checked when the record was written or the log opened; its CRC just now. */
	p->err = r->at.seq == p->at.seq + 1 ? view_apply(p->view, r) : ERR_CORRUPT;
	if (p->err) return false;
	p->at = r->at;
	p->bytes += r->bytes.len;
	return p->bytes < APPLY_TXN_BYTES;
}

/* LMDB says EIO for a short write, which is how a full disk looks to it. Space it is if
 * there is none and LMDB still works. */
static enum err commit_judge(struct local *l, struct view *v, enum err err) {
	uint64_t free_bytes;
	if (err != ERR_IO && err != ERR_NO_SPACE) return err;
	if (view_begin(v)) return ERR_IO;
	view_abort(v);
	if (err == ERR_NO_SPACE) return err;
	enum err asked = l->real->ops->free_bytes(l->real, l->view_path, &free_bytes);
	return !asked && free_bytes < APPLY_TXN_BYTES ? ERR_NO_SPACE : ERR_IO;
}

enum err local_replay(struct local *l, struct view *v, struct log_reader *reader, uint64_t seq) {
	while (v->state.at.seq < seq) {
		struct replay p = {.view = v, .at = v->state.at};
		enum err err = view_begin(v);
		if (err) return err;
		err = log_each(reader, p.at.seq + 1, seq, record_replay, &p);
		if (!err) err = p.err;
		if (!err && p.at.seq == v->state.at.seq) err = ERR_NOT_FOUND;
		if (!err) err = view_commit(v, &p.at);
		view_abort(v);
		if (err) return commit_judge(l, v, err);
	}
	return ERR_OK;
}

void local_view_run(struct work_queue *q, struct list *group) {
	struct local *l = CONTAINER_OF(q, struct local, view_queue);
	pthread_rwlock_rdlock(&l->view_lock);
	LIST_EACH (group, n) {
		struct work *w = CONTAINER_OF(n, struct work, node);
		/* One transaction for the group: the last target first makes the others no-ops. */
		struct work *last = CONTAINER_OF(group->head.prev, struct work, node);
		if (atomic_load(&l->fenced))
			w->err = ERR_FENCED;
		else if (w->err)
			continue;
		else if (!l->view)
			w->err = ERR_UNAVAILABLE;
		else if (w->seq > l->view->state.at.seq) {
			uint64_t seq = !last->err && last->seq > w->seq ? last->seq : w->seq;
			w->err = local_replay(l, l->view, &l->apply_reader, seq);
			if (w->err == ERR_IO) local_fence(l, ERR_IO, "applying to the view");
		}
	}
	if (l->view) local_share_view(l, l->view);
	pthread_rwlock_unlock(&l->view_lock);
}

/* --- making a view anew ------------------------------------------------------------------------ */

static bool base_on_log(struct log_reader *reader, const struct checkpoint *c) {
	struct position at;
	return !log_position_of(reader, c->at.seq, &at) && position_eq(&at, &c->at);
}

static enum err base_try(struct local *l, const struct checkpoint *c, const char *path) {
	struct view v;
	enum err err = checkpoint_restore(l->checkpoint_dir, c, path);
	if (!err) err = view_open(&v, path, l->map_bytes, false);
	if (err) return err;
	err = view_verify(&v);
	if (!err && !position_eq(&v.state.at, &c->at)) err = ERR_CORRUPT;
	view_close(&v);
	return err;
}

enum err local_base_restore(struct local *l, struct log_reader *reader, uint64_t seq,
                            const char *path, bool *found) {
	struct checkpoint list[CHECKPOINTS_MAX];
	int count;
	enum err err = checkpoint_list(l->files, l->checkpoint_dir, list, &count);
	*found = false;
	for (int i = 0; !err && i < count; i++) {
		if (list[i].at.seq > seq || !base_on_log(reader, &list[i])) continue;
		enum err one = base_try(l, &list[i], path);
		if (!one) {
			*found = true;
			return ERR_OK;
		}
		view_remove(path);
		if (one == ERR_NO_SPACE) return one;
		LOG(LOG_ERROR, "store", "a checkpoint is damaged and left out",
		    {"cell", l->id.cell}, LOG_NUM("seq", list[i].at.seq), {"why", err_text(one)});
	}
	struct position start;
	if (!err) err = log_position_of(reader, 0, &start);
	return err;
}

/* --- replacing it under readers -------------------------------------------------------------------- */

static void readers_lock_all(struct local *l) {
	pthread_mutex_lock(&l->readers_lock);
	LIST_EACH (&l->readers, n)
		pthread_mutex_lock(&CONTAINER_OF(n, struct store_reader, node)->lock);
}

static void readers_unlock_all(struct local *l) {
	LIST_EACH (&l->readers, n)
		pthread_mutex_unlock(&CONTAINER_OF(n, struct store_reader, node)->lock);
	pthread_mutex_unlock(&l->readers_lock);
}

struct view *local_view_detach(struct local *l) {
	readers_lock_all(l);
	LIST_EACH (&l->readers, n)
		view_reader_done(&CONTAINER_OF(n, struct store_reader, node)->view);
	struct view *old = l->view;
	l->view = NULL;
	l->view_number++;
	readers_unlock_all(l);
	return old;
}

void local_view_attach(struct local *l, struct view *v) {
	readers_lock_all(l);
	l->view = v;
	readers_unlock_all(l);
	local_share_view(l, v);
}
