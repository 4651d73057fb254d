/* Going back: the divergent tail is saved, then cut off, and the view is made anew at
 * the point where the histories part. On the log lane; no apply is in flight (store.h).
 */
#include <stdlib.h>

#include "base/log.h"
#include "store/local_state.h"
#include "store/quarantine.h"

/* `at` must be a point of this log. */
static enum err on_log(struct local *l, const struct position *at) {
	struct position is;
	enum err err = log_position_of(&l->lane_reader, at->seq, &is);
	return err ? err : position_eq(&is, at) ? ERR_OK : ERR_CONFLICT;
}

enum err local_quarantine(struct local *l, struct work *w) {
	if (w->at.seq > l->writer.tail.seq) return ERR_NOT_FOUND;
	enum err err = on_log(l, &w->at);
	if (err) return err;
	if (w->at.seq < l->writer.tail.seq) {
		const struct quarantine_tail tail = {
			.cell = l->id.cell,
			.node = l->id.node,
			.why = w->text,
			.time_ms = io_wall_ms(l->io),
			.keep = w->at,
			.last = l->writer.tail,
		};
		err = quarantine_write(l->files, l->dir, &tail, &l->lane_reader);
		if (err == ERR_IO) return local_fence(l, err, "writing the quarantine");
		if (err) return err;
	}
	l->saved_keep = w->at;
	l->saved_last = l->writer.tail;
	return ERR_OK;
}

static bool is_saved(const struct local *l, const struct position *to) {
	return position_eq(&l->saved_last, &l->writer.tail) && l->saved_keep.seq <= to->seq;
}

/* The base is at `base_path`, or the view starts empty. */
static enum err view_rebuild(struct local *l, const char *base_path, bool base, uint64_t seq) {
	struct view *v = calloc(1, sizeof(*v));
	if (!v) return ERR_NO_MEMORY;
	enum err err = ERR_OK;
	if (base) err = l->real->ops->rename(l->real, base_path, l->view_path);
	if (!err) err = view_open(v, l->view_path, l->map_bytes, false);
	if (!err) err = local_replay(l, v, &l->lane_reader, seq);
	if (err) {
		view_close(v);
		free(v);
		return err;
	}
	local_view_attach(l, v);
	return ERR_OK;
}

static enum err log_cut(struct local *l, const struct position *to) {
	enum err err = log_truncate(&l->writer, to);
	if (err) return err;
	log_reader_forget(&l->lane_reader);
	/* A checkpoint beyond the cut holds what was cut off. */
	err = checkpoint_prune(l->files, l->checkpoint_dir, to->seq, CHECKPOINTS_KEPT);
	if (!err) err = log_intent_clear(&l->log);
	return err ? ERR_IO : ERR_OK;
}

/* The view is ahead of `to`: it goes first, so that no crash leaves one that is ahead of
 * its log; with it goes whoever reads it. */
static enum err cut_with_view(struct local *l, const struct position *to) {
	char base_path[PATH_BYTES];
	bool base;
	enum err err = path_make(base_path, "%s.base", l->view_path);
	if (!err) err = local_base_restore(l, &l->lane_reader, to->seq, base_path, &base);
	if (err) return err;
	struct view *old = local_view_detach(l);
	err = log_cut(l, to);
	if (err == ERR_NO_SPACE) { /* nothing happened yet */
		view_remove(base_path);
		local_view_attach(l, old);
		return err;
	}
	view_close(old);
	free(old);
	view_remove(l->view_path);
	if (!err) err = view_rebuild(l, base_path, base, to->seq);
	return err ? ERR_IO : ERR_OK;
}

static void checkpoints_share(struct local *l, uint64_t to_seq) {
	pthread_mutex_lock(&l->shared_lock);
	struct checkpoint *c = l->shared.checkpoints;
	while (c[0].at.seq > to_seq) {
		c[0] = c[1];
		c[1] = (struct checkpoint){0};
	}
	l->shared.replaced = true;
	pthread_mutex_unlock(&l->shared_lock);
}

enum err local_truncate(struct local *l, const struct position *to) {
	if (to->seq > l->writer.tail.seq) return ERR_NOT_FOUND;
	enum err err = on_log(l, to);
	if (err || to->seq == l->writer.tail.seq) return err;
	if (!is_saved(l, to)) return ERR_PRECONDITION;
	pthread_rwlock_wrlock(&l->view_lock);
	bool ahead = l->view && l->view->state.at.seq > to->seq;
	err = ahead ? cut_with_view(l, to) : log_cut(l, to);
	pthread_rwlock_unlock(&l->view_lock);
	if (err == ERR_IO) return local_fence(l, err, "truncating");
	if (err) return err;
	checkpoints_share(l, to->seq);
	l->refused = false;
	LOG(LOG_WARN, "store", "truncated", {"cell", l->id.cell}, LOG_NUM("to_seq", to->seq),
	    LOG_NUM("to_epoch", to->epoch));
	return ERR_OK;
}
