/* Housekeeping of the local driver: the next segment is made ready, checkpoints are
 * taken, old log goes. The owner decides, lanes of their own do it, so that writes and
 * applies go on.
 */
#include <stdlib.h>

#include "base/log.h"
#include "store/local_state.h"

enum { CHECKPOINT_MIN_BYTES = 64 << 20, SPARE_RETRY_BYTES = 1 << 20 };

static uint64_t log_appended(struct local *l) {
	pthread_mutex_lock(&l->log.lock);
	uint64_t appended = l->log.appended;
	pthread_mutex_unlock(&l->log.lock);
	return appended;
}

/* --- spares --------------------------------------------------------------------------------------- */

static void spare_run(struct io_job *job) {
	struct local *l = CONTAINER_OF(job, struct local, spare_job);
	enum err err = log_make_spare(&l->log, l->spare_bytes);
	/* Not fatal: the writer makes its own, or says that there is no room. */
	atomic_store(&l->spare_failed, err != ERR_OK);
}

static void spare_done(struct io_job *job) {
	struct local *l = CONTAINER_OF(job, struct local, spare_job);
	l->spare_busy = false;
	if (atomic_load(&l->spare_failed)) l->spare_retry_at = log_appended(l) + SPARE_RETRY_BYTES;
}

static void spare_keep(struct local *l) {
	if (l->spare_busy || log_appended(l) < l->spare_retry_at) return;
	if (!log_wants_spare(&l->log, &l->spare_bytes)) return;
	l->spare_busy = true;
	io_lane_submit(l->spare_lane, &l->spare_job);
}

/* --- checkpoints and pruning -------------------------------------------------------------------------- */

static bool enough_room(struct local *l) {
	uint64_t free_bytes, need;
	pthread_mutex_lock(&l->shared_lock);
	need = l->shared.view_bytes + l->min_free_bytes;
	pthread_mutex_unlock(&l->shared_lock);
	return !l->real->ops->free_bytes(l->real, l->checkpoint_dir, &free_bytes) &&
	       free_bytes >= need;
}

static enum err take(struct local *l) {
	struct checkpoint c;
	if (!l->view) return ERR_UNAVAILABLE;
	if (!enough_room(l)) return ERR_NO_SPACE;
	enum err err = checkpoint_take(l->files, l->checkpoint_dir, l->view, &c);
	if (err) return err;
	pthread_mutex_lock(&l->shared_lock);
	if (c.at.seq != l->shared.checkpoints[0].at.seq)
		l->shared.checkpoints[1] = l->shared.checkpoints[0];
	l->shared.checkpoints[0] = c;
	pthread_mutex_unlock(&l->shared_lock);
	return checkpoint_prune(l->files, l->checkpoint_dir, UINT64_MAX, CHECKPOINTS_KEPT);
}

static void segments_unlink(struct local *l) {
	char dir[PATH_BYTES];
	enum err err = ERR_OK;
	for (int i = 0; i < l->drop_count && !err; i++) {
		err = l->files->ops->unlink(l->files, l->drop[i]);
		/* Oldest first and in this order on disk: never a gap. */
		memcpy(dir, l->drop[i], PATH_BYTES);
		char *slash = strrchr(dir, '/');
		if (slash) *slash = 0;
		if (!err || err == ERR_NOT_FOUND) err = l->files->ops->sync_dir(l->files, dir);
	}
	if (err)
		LOG(LOG_WARN, "store", "old log could not be removed", {"cell", l->id.cell},
		    {"why", err_text(err)});
}

static void checkpoint_run(struct io_job *job) {
	struct local *l = CONTAINER_OF(job, struct local, checkpoint_job);
	if (l->checkpoint_wanted) {
		pthread_rwlock_rdlock(&l->view_lock);
		enum err err = take(l);
		pthread_rwlock_unlock(&l->view_lock);
		if (err)
			LOG(LOG_WARN, "store", "no checkpoint was taken; the log stays meanwhile",
			    {"dir", l->dir}, {"why", err_text(err)});
	}
	segments_unlink(l);
}

static void checkpoint_done(struct io_job *job) {
	struct local *l = CONTAINER_OF(job, struct local, checkpoint_job);
	l->checkpoint_busy = false;
	l->drop_count = 0;
	local_refresh(l);
	local_keep(l);
}

static bool checkpoint_due(struct local *l) {
	uint64_t limit = l->checkpoint_bytes;
	if (!limit) limit = l->info.view_bytes / 4;
	if (!l->checkpoint_bytes && limit < CHECKPOINT_MIN_BYTES) limit = CHECKPOINT_MIN_BYTES;
	return log_appended(l) - l->appended_at_checkpoint > limit &&
	       l->info.applied.seq > l->info.checkpoint_seq;
}

/* Two checkpoints are kept, and the log since the older one, while there is room for it. */
static uint64_t prunable_below(struct local *l) {
	pthread_mutex_lock(&l->shared_lock);
	uint64_t newest = l->shared.checkpoints[0].at.seq, older = l->shared.checkpoints[1].at.seq;
	pthread_mutex_unlock(&l->shared_lock);
	if (!newest) return 0;
	uint64_t below = older ? older + 1 : 0;
	if (below > l->released_seq) below = l->released_seq;
	uint64_t excess = log_excess(&l->log, l->retain_bytes);
	if (excess > newest + 1) excess = newest + 1;
	return below > excess ? below : excess;
}

static void segment_drop(void *arg, const char *path) {
	struct local *l = arg;
	if (l->drop_count == l->drop_cap) {
		int cap = l->drop_cap ? l->drop_cap * 2 : 16;
		void *more = realloc(l->drop, (size_t)cap * sizeof(*l->drop));
		if (!more) return; /* stays on disk until the next open drops it */
		l->drop = more;
		l->drop_cap = cap;
	}
	memcpy(l->drop[l->drop_count++], path, strlen(path) + 1);
}

static void checkpoint_keep(struct local *l) {
	if (l->checkpoint_busy || l->replacing) return;
	l->checkpoint_wanted = checkpoint_due(l);
	if (l->checkpoint_wanted) l->appended_at_checkpoint = log_appended(l);
	uint64_t below = prunable_below(l);
	if (below) log_forget(&l->log, below, segment_drop, l);
	if (!l->checkpoint_wanted && !l->drop_count) return;
	if (l->drop_count) {
		log_reader_forget(&l->owner_reader);
		local_refresh(l);
	}
	l->checkpoint_busy = true;
	io_lane_submit(l->checkpoint_lane, &l->checkpoint_job);
}

void local_keep(struct local *l) {
	if (atomic_load(&l->fenced)) return;
	spare_keep(l);
	checkpoint_keep(l);
}

enum err local_keep_init(struct local *l) {
	l->spare_job = (struct io_job){.run = spare_run, .done = spare_done};
	l->checkpoint_job = (struct io_job){.run = checkpoint_run, .done = checkpoint_done};
	l->spare_lane = io_lane_new(l->io, "store-spare");
	if (l->spare_lane) l->checkpoint_lane = io_lane_new(l->io, "store-copy");
	return l->checkpoint_lane ? ERR_OK : ERR_NO_MEMORY;
}
