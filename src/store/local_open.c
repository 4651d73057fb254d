/* Opening a directory: whose it is, what a crash left of it, and whether the view can be
 * trusted. Whatever is mended is said in the log; what cannot be is refused with the
 * reason and the remedy.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "store/local_opening.h"

enum {
	SEGMENT_BYTES = 16 << 20,
	SEGMENT_MIN_BYTES = 16 << 10,
	RETAIN_BYTES = 256 << 20,
	MIN_FREE_BYTES = 64 << 20,
};
static const uint64_t MAP_BYTES = (uint64_t)64 << 30;

/* --- the parts of a store ------------------------------------------------------------------------- */

/* Kept and compared, never a path. */
static bool is_name(const char *name) {
	return name && name[0] && strlen(name) < LOG_NAME_BYTES;
}

static enum err local_new(struct io *io, struct files *files, const struct store_local_options *o,
                          struct local **out, struct fault *fault) {
	if (!is_name(o->cell) || !is_name(o->node))
		return fault_set(fault, ERR_INVALID,
		                 "%s: cell and node need names of 1 to %d bytes", o->dir,
		                 LOG_NAME_BYTES - 1);
	struct local *l = calloc(1, sizeof(*l));
	if (!l) return fault_set(fault, ERR_NO_MEMORY, "%s: memory ran out", o->dir);
	l->store.ops = &local_ops;
	l->io = io;
	l->files = files;
	l->real = files_posix();
	l->lock_fd = -1;
	l->segment_bytes = o->segment_bytes ? o->segment_bytes : SEGMENT_BYTES;
	if (l->segment_bytes < SEGMENT_MIN_BYTES) l->segment_bytes = SEGMENT_MIN_BYTES;
	l->checkpoint_bytes = o->checkpoint_bytes;
	l->retain_bytes = o->retain_bytes ? o->retain_bytes : RETAIN_BYTES;
	l->min_free_bytes = o->min_free_bytes ? o->min_free_bytes : MIN_FREE_BYTES;
	l->map_bytes = o->map_bytes ? o->map_bytes : MAP_BYTES;
	l->import.err = ERR_INVALID; /* no import was begun */
	list_init(&l->readers);
	pthread_rwlock_init(&l->view_lock, NULL);
	pthread_mutex_init(&l->readers_lock, NULL);
	pthread_mutex_init(&l->shared_lock, NULL);
	snprintf(l->id.cell, sizeof(l->id.cell), "%s", o->cell);
	snprintf(l->id.node, sizeof(l->id.node), "%s", o->node);
	enum err err = path_make(l->dir, "%s", o->dir);
	if (!err && o->boot_id)
		snprintf(l->boot_id, sizeof(l->boot_id), "%s", o->boot_id);
	else if (!err)
		err = boot_id_read(l->boot_id);
	if (err) {
		local_free(l);
		return fault_set(fault, err, "%s: %s", o->dir, err_text(err));
	}
	*out = l;
	return ERR_OK;
}

static enum err dir_take(struct opening *o) {
	struct local *l = o->l;
	enum err err = l->files->ops->mkdir(l->files, l->dir);
	if (!err) err = l->real->ops->mkdir(l->real, l->dir);
	if (err) return opening_fault(o, err, "cannot be made; check the path and its rights");
	err = dir_lock(l->dir, &l->lock_fd);
	if (err == ERR_EXISTS)
		return fault_set(o->fault, err,
		                 "%s: another process has it open: stop that one, or give this one "
		                 "a directory of its own",
		                 l->dir);
	return err ? opening_fault(o, err, "cannot be locked; check rights and disk") : ERR_OK;
}

/* --- the log --------------------------------------------------------------------------------------------- */

static enum err past_read(struct opening *o) {
	struct local *l = o->l;
	char dir[PATH_BYTES];
	o->session_known = session_read(l->files, l->dir, &o->session) == ERR_OK;
	o->same_boot = o->session_known && strcmp(o->session.boot_id, l->boot_id) == 0;
	if (o->session_known && o->session.generation != l->id.generation) o->session.clean = false;
	if (!o->session_known) o->session.clean = false;
	enum err err = generation_dir(l, l->id.generation, "log", dir);
	if (!err) err = log_intent_read(l->files, dir, &o->cut);
	o->has_cut = !err;
	if (err == ERR_NOT_FOUND) err = ERR_OK;
	if (err)
		return opening_fault(
			o, err,
			"the file `truncate` cannot be read; copy anew from another region");
	err = generation_dir(l, l->id.generation, "checkpoint", l->checkpoint_dir);
	if (!err && o->has_cut)
		err = checkpoint_prune(l->files, l->checkpoint_dir, o->cut.seq, CHECKPOINTS_KEPT);
	if (!err)
		err = checkpoint_list(l->files, l->checkpoint_dir, o->checkpoints,
		                      &o->checkpoint_count);
	return err ? opening_fault(o, err, "its checkpoints cannot be read") : ERR_OK;
}

/* Opens what is there and looks, without believing more than its position. */
static bool view_peek(struct opening *o, struct position *at) {
	struct local *l = o->l;
	struct view v;
	uint32_t crc;
	uint64_t bytes;
	if (!o->session.clean && !o->same_boot) return false;
	enum err err = file_checksum(l->view_path, &crc, &bytes);
	if (!err && o->session.clean &&
	    (crc != o->session.view_crc || bytes != o->session.view_bytes))
		err = ERR_CORRUPT;
	if (!err) err = view_open(&v, l->view_path, l->map_bytes, false);
	if (err) return false;
	*at = v.state.at;
	view_close(&v);
	return true;
}

static enum err log_recover(struct opening *o) {
	struct local *l = o->l;
	char dir[PATH_BYTES];
	const struct log_header expect = local_log_header(l, &o->cut, (struct epoch_start){0}, 0);
	struct log_recovery how = {
		.expect = &expect,
		.floor_seq = o->floor_seq,
		.checkpoint_seq = o->checkpoint_count ? o->checkpoints[0].at.seq : 0,
	};
	if (o->has_cut) {
		how.cut = &o->cut;
		how.floor_seq = 0;
	} else if (how.floor_seq < how.checkpoint_seq) {
		how.floor_seq = how.checkpoint_seq;
	}
	enum err err = generation_dir(l, l->id.generation, "log", dir);
	if (!err) err = log_init(&l->log, l->files, dir, l->segment_bytes, l->min_free_bytes);
	if (err) return opening_fault(o, err, "its path is too long");
	err = log_open(&l->log, &how, o->fault);
	if (err) return err;
	if (how.torn_bytes)
		LOG(LOG_WARN, "store", "cut a torn tail that was never acknowledged", {"dir", dir},
		    LOG_NUM("last_seq", l->log.last.seq), LOG_NUM("bytes", how.torn_bytes));
	if (o->has_cut && log_intent_clear(&l->log))
		return opening_fault(o, ERR_IO, "cannot be written");
	log_reader_init(&l->lane_reader, &l->log);
	log_reader_init(&l->apply_reader, &l->log);
	log_reader_init(&l->owner_reader, &l->log);
	err = log_writer_open(&l->writer, &l->log);
	return err ? opening_fault(o, err, "its log cannot be opened for writing") : ERR_OK;
}

/* --- the view ---------------------------------------------------------------------------------------------- */

/* On the log's history, and every entry right. */
static enum err view_adopt(struct opening *o) {
	struct local *l = o->l;
	struct position at;
	struct view *v = calloc(1, sizeof(*v));
	if (!v) return ERR_NO_MEMORY;
	enum err err = view_open(v, l->view_path, l->map_bytes, false);
	if (!err) err = log_position_of(&l->lane_reader, v->state.at.seq, &at);
	if (!err && !position_eq(&at, &v->state.at)) err = ERR_CORRUPT;
	if (!err) err = view_verify(v);
	if (err) {
		view_close(v);
		free(v);
		return err;
	}
	l->view = v;
	return ERR_OK;
}

static enum err view_rebuild(struct opening *o, const char *why) {
	struct local *l = o->l;
	char base[PATH_BYTES];
	bool found = false;
	LOG(LOG_WARN, "store", "the view is made anew from a checkpoint and the log",
	    {"dir", l->dir}, {"why", why});
	view_remove(l->view_path);
	enum err err = path_make(base, "%s.base", l->view_path);
	if (!err) err = local_base_restore(l, &l->lane_reader, l->log.last.seq, base, &found);
	if (err == ERR_NOT_FOUND)
		return fault_set(
			o->fault, ERR_CORRUPT,
			"%s: the view is damaged (%s) and neither a good checkpoint nor the "
			"whole log is there to make it anew: take this copy out of service "
			"and let it copy everything from another region",
			l->dir, why);
	if (!err && found) err = l->real->ops->rename(l->real, base, l->view_path);
	if (!err) err = view_adopt(o);
	return err ? opening_fault(o, err, "the view cannot be made anew; check room and disk")
	           : ERR_OK;
}

static enum err view_recover(struct opening *o, bool trusted) {
	struct local *l = o->l;
	if (!trusted) {
		bool fresh = !o->session_known && l->log.last.seq == 0;
		if (fresh)
			view_remove(l->view_path);
		else
			return view_rebuild(
				o, !o->session_known  ? "how the last use ended is not known"
				   : o->session.clean ? "its file fails its checksum"
				   : o->same_boot     ? "its file is damaged"
						      : "the machine stopped while it was open");
	}
	enum err err = view_adopt(o);
	if (!err) return ERR_OK;
	if (err == ERR_NO_MEMORY || err == ERR_NO_SPACE)
		return opening_fault(o, err, "the view cannot be opened");
	return view_rebuild(o, "an entry fails its checksum or the log has another history");
}

/* --- all of it ------------------------------------------------------------------------------------------------ */

static enum err lanes_start(struct local *l) {
	l->log_queue.group_bytes = GROUP_BYTES;
	l->log_queue.run = local_log_run;
	l->log_queue.settle = local_settle;
	l->view_queue.group_bytes = SIZE_MAX;
	l->view_queue.run = local_view_run;
	l->view_queue.settle = local_settle;
	l->log_queue.tells = true;
	enum err err = work_queue_init(&l->log_queue, l->io, "store-log");
	if (!err) err = work_queue_init(&l->view_queue, l->io, "store-view");
	return err ? err : local_keep_init(l);
}

/* From here on the last use has not ended cleanly, whatever happens. */
static enum err session_begin(struct local *l) {
	struct session s = {.clean = false, .generation = l->id.generation};
	memcpy(s.boot_id, l->boot_id, BOOT_ID_BYTES);
	return session_write(l, &s);
}

static void state_publish(struct opening *o) {
	struct local *l = o->l;
	for (int i = 0, kept = 0; i < o->checkpoint_count && kept < CHECKPOINTS_KEPT; i++)
		if (o->checkpoints[i].at.seq <= l->log.last.seq)
			l->shared.checkpoints[kept++] = o->checkpoints[i];
	/* A store that is often restarted takes checkpoints too. */
	l->log.appended = log_bytes_after(&l->log, l->shared.checkpoints[0].at.seq);
	local_share_view(l, l->view);
	local_share_promise(l);
	l->info.incarnation = l->id.incarnation;
	local_refresh(l);
}

static enum err store_open(struct opening *o) {
	struct local *l = o->l;
	struct position view_at = {0};
	enum err err = dir_take(o);
	if (!err) err = opening_identity(o);
	if (!err) err = past_read(o);
	if (!err) err = generation_dir(l, l->id.generation, "view/data.mdb", l->view_path);
	if (err) return err;
	bool trusted = view_peek(o, &view_at);
	o->floor_seq = trusted ? view_at.seq : 0;
	if (o->session.clean) o->floor_seq = o->session.last_seq;
	err = log_recover(o);
	if (!err) err = view_recover(o, trusted);
	if (err) return err;
	err = session_begin(l);
	if (err) return opening_fault(o, err, "cannot be written; check room and rights");
	state_publish(o);
	err = lanes_start(l);
	return err ? opening_fault(o, err, "its threads cannot be started") : ERR_OK;
}

enum err store_local_open(struct io *io, struct files *files,
                          const struct store_local_options *options, struct store **out,
                          struct fault *fault) {
	struct fault own = {0};
	struct opening o = {.fault = fault ? fault : &own};
	*o.fault = (struct fault){0};
	enum err err = local_new(io, files, options, &o.l, o.fault);
	if (err) return err;
	err = store_open(&o);
	if (!err) {
		*out = &o.l->store;
		return ERR_OK;
	}
	work_queue_stop(&o.l->log_queue);
	work_queue_stop(&o.l->view_queue);
	io_lane_free(o.l->spare_lane);
	io_lane_free(o.l->checkpoint_lane);
	local_free(o.l);
	return err;
}
