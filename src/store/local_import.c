/* Taking over another replica's snapshot. The idle half of the directory is filled; one
 * replaced file makes it the current one; until then, and after a crash before, the old
 * half stands. On the log lane.
 */
#include <stdlib.h>

#include "base/hash.h"
#include "base/log.h"
#include "store/local_state.h"

static enum err import_err(struct local *l, enum err err) {
	if (!err) return ERR_OK;
	local_import_drop(l);
	l->import.err = err;
	return err == ERR_IO ? local_fence(l, err, "importing a snapshot") : err;
}

void local_import_drop(struct local *l) {
	if (l->import.active) view_close(&l->import.view);
	l->import = (struct import){.err = ERR_INVALID};
}

enum err local_import_begin(struct local *l, const struct position *at) {
	uint64_t next = l->id.generation + 1;
	char path[PATH_BYTES];
	local_import_drop(l);
	enum err err = generation_clear(l, next);
	if (!err) err = generation_make(l, next);
	if (!err) err = generation_dir(l, next, "view/data.mdb", path);
	if (!err) err = view_open(&l->import.view, path, l->map_bytes, false);
	if (err) return import_err(l, err);
	l->import.active = true;
	l->import.at = *at;
	return ERR_OK;
}

static enum err chunk_put(struct local *l, struct slice chunk) {
	struct import *im = &l->import;
	enum err err = view_begin(&im->view);
	while (!err && chunk.len) {
		struct snapshot_item item;
		err = im->ended ? ERR_CORRUPT : snapshot_next(&chunk, &item);
		if (err) break;
		if (item.kind == SNAPSHOT_ENTRY) {
			err = view_put(&im->view, item.key, &item.entry);
		} else {
			im->ended = true;
			im->total = item.total;
		}
	}
	/* Position zero until the commit: half a snapshot is nobody's view. */
	static const struct position nowhere;
	if (!err) err = view_commit(&im->view, &nowhere);
	view_abort(&im->view);
	return err;
}

enum err local_import_chunk(struct local *l, struct slice chunk) {
	if (!l->import.active) return l->import.err;
	return import_err(l, chunk_put(l, chunk));
}

/* All there, and adding up to what the exporter's view did. */
static enum err import_check(const struct import *im) {
	const struct view_state *state = &im->view.state;
	if (!im->ended || !position_eq(&im->total.at, &im->at)) return ERR_CORRUPT;
	if (state->entries != im->total.entries || state->state_hash != im->total.state_hash)
		return ERR_CORRUPT;
	return ERR_OK;
}

/* Everything of the new half, durable, with a checkpoint: its log alone could not make the
 * view again. */
static enum err half_finish(struct local *l, uint64_t generation, struct epoch_start start,
                            struct log *log, struct checkpoint *checkpoint) {
	struct import *im = &l->import;
	char dir[PATH_BYTES];
	enum err err = view_begin(&im->view);
	if (!err) err = view_commit(&im->view, &im->at);
	if (!err) err = view_sync(&im->view);
	if (!err) err = generation_dir(l, generation, "checkpoint", dir);
	if (!err) err = checkpoint_take(l->files, dir, &im->view, checkpoint);
	if (!err) err = generation_dir(l, generation, "log", dir);
	if (!err) err = log_init(log, l->files, dir, l->segment_bytes, l->min_free_bytes);
	const struct log_header h =
		local_log_header(l, &im->at, start, mix64(l->writer.header.nonce + generation));
	return err ? err : log_create(log, &h);
}

/* Memory follows the disk: log, writer, view, checkpoints. */
static enum err half_enter(struct local *l, struct log *log, const struct checkpoint *checkpoint) {
	struct view *fresh = malloc(sizeof(*fresh));
	if (!fresh) return ERR_NO_MEMORY;
	*fresh = l->import.view;
	l->import = (struct import){.err = ERR_INVALID};
	pthread_rwlock_wrlock(&l->view_lock);
	struct view *old = local_view_detach(l);
	log_writer_done(&l->writer);
	log_replace(&l->log, log);
	enum err err = log_writer_open(&l->writer, &l->log);
	if (!err) err = generation_dir(l, l->id.generation, "view/data.mdb", l->view_path);
	if (!err) err = generation_dir(l, l->id.generation, "checkpoint", l->checkpoint_dir);
	local_view_attach(l, fresh);
	pthread_rwlock_unlock(&l->view_lock);
	log_reader_forget(&l->lane_reader);
	view_close(old);
	free(old);
	pthread_mutex_lock(&l->shared_lock);
	l->shared.checkpoints[0] = *checkpoint;
	l->shared.checkpoints[1] = (struct checkpoint){0};
	l->shared.replaced = true;
	pthread_mutex_unlock(&l->shared_lock);
	return err;
}

enum err local_import_commit(struct local *l, struct epoch_start start) {
	if (!l->import.active) return l->import.err;
	struct identity next = l->id;
	struct log log = {0};
	struct checkpoint checkpoint;
	uint64_t entries = l->import.view.state.entries;
	next.generation++;
	enum err err = import_check(&l->import);
	if (!err) err = half_finish(l, next.generation, start, &log, &checkpoint);
	if (err) {
		log_done(&log);
		return import_err(l, err);
	}
	err = identity_write(l, &next);
	if (err) {
		log_done(&log);
		/* Whether the switch is on disk is not known, except when there was no room. */
		if (err == ERR_NO_SPACE) return import_err(l, err);
		return local_fence(l, err, "switching to the imported snapshot");
	}
	l->id.generation = next.generation;
	err = half_enter(l, &log, &checkpoint);
	if (err) return local_fence(l, err, "opening the imported snapshot");
	l->refused = false;
	IGNORE(generation_clear(l, next.generation + 1)); /* the next open or import tries again */
	LOG(LOG_INFO, "store", "imported a snapshot", {"cell", l->id.cell},
	    LOG_NUM("seq", l->log.last.seq), LOG_NUM("entries", entries));
	return ERR_OK;
}
