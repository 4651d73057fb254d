/* Writing the log, on its lane: a batch is one write and one sync into zeroed space,
 * so that the sync has no metadata to write. May not know who waits for it.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/hash.h"
#include "store/log.h"

enum { BATCH_KEEP_BYTES = 4 << 20 };

enum err log_writer_open(struct log_writer *w, struct log *log) {
	const struct log_segment *s = &log->segments[log->segment_count - 1];
	char path[PATH_BYTES];
	*w = (struct log_writer){
		.log = log, .header = s->header, .offset = s->end, .tail = log->last};
	buf_init(&w->batch, LOG_BATCH_MAX_BYTES);
	enum err err = log_segment_path(log, s->header.prev.seq + 1, path);
	if (!err) err = log->files->ops->open(log->files, path, FILE_READ | FILE_WRITE, &w->file);
	return err;
}

void log_writer_done(struct log_writer *w) {
	if (!w->log) return;
	if (w->file) w->log->files->ops->close(w->file);
	buf_done(&w->batch);
	free(w->fresh);
	*w = (struct log_writer){0};
}

/* --- the next segment ------------------------------------------------------------- */

static uint64_t size_after(const struct log *log, uint64_t bytes) {
	return bytes * 2 < log->segment_bytes ? bytes * 2 : log->segment_bytes;
}

static enum err space_check(struct log *log, uint64_t bytes) {
	uint64_t free_bytes;
	char dir[PATH_BYTES];
	pthread_mutex_lock(&log->lock);
	memcpy(dir, log->dir, PATH_BYTES);
	pthread_mutex_unlock(&log->lock);
	enum err err = log->files->ops->free_bytes(log->files, dir, &free_bytes);
	if (err) return err;
	return free_bytes < bytes || free_bytes - bytes < log->min_free_bytes ? ERR_NO_SPACE
	                                                                      : ERR_OK;
}

/* A zeroed file under a name that recovery ignores. */
static enum err spare_create(struct log *log, uint64_t bytes, bool reserve, struct file **out,
                             char path[PATH_BYTES]) {
	const struct files_ops *ops = log->files->ops;
	struct file *f;
	pthread_mutex_lock(&log->lock);
	enum err err = path_make(path, "%s/spare-%" PRIu64, log->dir, ++log->spare_count);
	pthread_mutex_unlock(&log->lock);
	if (!err && !reserve) err = space_check(log, bytes);
	if (!err) err = ops->open(log->files, path, FILE_READ | FILE_WRITE | FILE_CREATE, &f);
	if (err) return err;
	err = ops->resize(f, 0);
	if (!err) err = ops->reserve(f, bytes);
	if (!err) err = file_zero(f, log->files, 0, bytes);
	if (!err) err = ops->sync(f);
	if (err) {
		ops->close(f);
		IGNORE(ops->unlink(log->files, path)); /* recovery removes it too */
		return err;
	}
	*out = f;
	return ERR_OK;
}

bool log_wants_spare(struct log *log, uint64_t *bytes) {
	pthread_mutex_lock(&log->lock);
	const struct log_segment *s = &log->segments[log->segment_count - 1];
	bool wants = !log->spare && s->end > s->header.bytes / 2;
	*bytes = size_after(log, s->header.bytes);
	pthread_mutex_unlock(&log->lock);
	return wants;
}

enum err log_make_spare(struct log *log, uint64_t bytes) {
	struct file *f;
	char path[PATH_BYTES];
	enum err err = spare_create(log, bytes, false, &f, path);
	if (err) return err;
	pthread_mutex_lock(&log->lock);
	/* An import may have put another directory in place meanwhile. */
	size_t dir_len = strlen(log->dir);
	bool keep = !log->spare && strncmp(path, log->dir, dir_len) == 0 && path[dir_len] == '/';
	if (keep) {
		log->spare = f;
		log->spare_bytes = bytes;
		memcpy(log->spare_path, path, PATH_BYTES);
	}
	pthread_mutex_unlock(&log->lock);
	if (keep) return ERR_OK;
	log->files->ops->close(f);
	return log->files->ops->unlink(log->files, path);
}

static struct file *spare_take(struct log *log, uint64_t *bytes, char path[PATH_BYTES]) {
	pthread_mutex_lock(&log->lock);
	struct file *f = log->spare;
	*bytes = log->spare_bytes;
	memcpy(path, log->spare_path, PATH_BYTES);
	log->spare = NULL;
	pthread_mutex_unlock(&log->lock);
	return f;
}

/* Gives the spare its header and its name. Until the directory is synced nothing is written
 * to it: whoever fails here leaves the log as it was, except for what is not known (ERR_IO). */
static enum err spare_adopt(struct log_writer *w, struct file *f, const char *path,
                            const struct log_header *h) {
	struct log *log = w->log;
	const struct files_ops *ops = log->files->ops;
	char final_path[PATH_BYTES];
	uint8_t header[LOG_HEADER_BYTES];
	log_header_encode(h, header);
	enum err err = log_segment_path(log, h->prev.seq + 1, final_path);
	if (!err) err = ops->write(f, 0, header, LOG_HEADER_BYTES);
	if (err) return err;
	if (ops->sync(f)) return ERR_IO;
	err = ops->rename(log->files, path, final_path);
	if (err) return err;
	if (ops->sync_dir(log->files, log->dir)) return ERR_IO;
	pthread_mutex_lock(&log->lock);
	err = log_add_segment(log, h);
	pthread_mutex_unlock(&log->lock);
	if (err) return ERR_IO; /* on disk but not in the list: open it anew */
	ops->close(w->file);
	w->file = f;
	w->header = *h;
	w->offset = LOG_HEADER_BYTES;
	return ERR_OK;
}

static enum err writer_roll(struct log_writer *w, bool reserve) {
	struct log *log = w->log;
	char path[PATH_BYTES];
	uint64_t need = LOG_HEADER_BYTES + w->batch.len, bytes;
	struct file *f = spare_take(log, &bytes, path);
	enum err err = ERR_OK;
	if (f && bytes < need) {
		log->files->ops->close(f);
		IGNORE(log->files->ops->unlink(log->files, path)); /* recovery removes it too */
		f = NULL;
	}
	if (!f) {
		bytes = size_after(log, w->header.bytes);
		if (bytes < need) bytes = need;
		err = spare_create(log, bytes, reserve, &f, path);
		if (err) return err;
	}
	struct log_header h = w->header;
	h.prev = w->tail;
	h.start = log_epoch_of(log, &w->tail);
	h.nonce = mix64(w->header.nonce + 1);
	h.bytes = bytes;
	err = spare_adopt(w, f, path, &h);
	if (err) {
		log->files->ops->close(f);
		IGNORE(log->files->ops->unlink(log->files, path)); /* recovery removes it too */
	}
	return err;
}

/* --- batches ------------------------------------------------------------------------ */

void log_batch_begin(struct log_writer *w) {
	static const uint8_t head[BATCH_HEAD_BYTES];
	buf_reset(&w->batch);
	if (w->batch.cap > BATCH_KEEP_BYTES) buf_shrink(&w->batch);
	IGNORE(buf_append(&w->batch, head, sizeof(head))); /* log_batch_add asks again */
	w->batch_last = w->tail;
	w->fresh_count = 0;
}

static enum err fresh_add(struct log_writer *w, const struct record *r) {
	if (w->fresh_count == w->fresh_cap) {
		int cap = w->fresh_cap ? w->fresh_cap * 2 : 8;
		void *more = realloc(w->fresh, (size_t)cap * sizeof(*w->fresh));
		if (!more) return ERR_NO_MEMORY;
		w->fresh = more;
		w->fresh_cap = cap;
	}
	w->fresh[w->fresh_count++] = (struct epoch_start){r->at.epoch, r->at.seq};
	return ERR_OK;
}

enum err log_batch_add(struct log_writer *w, struct slice records) {
	if (w->batch.len < BATCH_HEAD_BYTES) return ERR_NO_MEMORY;
	struct position last = w->batch_last;
	bool first = true;
	int fresh_before = w->fresh_count;
	enum err err = records.len ? ERR_OK : ERR_INVALID;
	for (struct slice rest = records; !err && rest.len;) {
		struct record r;
		err = record_decode(rest, &r);
		if (err == ERR_NOT_FOUND) err = ERR_CORRUPT;
		if (err) break;
		/* The first must follow from what is here; that the others follow from it was seen by
		 * who made them or took them from another region, and is seen again when read. */
		if (r.at.seq != last.seq + 1)
			err = ERR_CONFLICT;
		else if (first)
			err = record_follows(&r, &last);
		else if (r.at.epoch < last.epoch)
			err = ERR_CORRUPT;
		first = false;
		if (!err && r.at.epoch > last.epoch) err = fresh_add(w, &r);
		last = r.at;
		rest.ptr += r.bytes.len;
		rest.len -= r.bytes.len;
	}
	if (!err) err = buf_append_slice(&w->batch, records);
	if (err)
		w->fresh_count = fresh_before;
	else
		w->batch_last = last;
	return err;
}

/* After a refused write the space may hold half a batch: it must not be found later. */
static enum err batch_undo(struct log_writer *w) {
	struct files *files = w->log->files;
	enum err err = file_zero(w->file, files, w->offset, w->offset + w->batch.len);
	if (!err) err = files->ops->sync(w->file);
	return err ? ERR_IO : ERR_NO_SPACE;
}

static enum err batch_publish(struct log_writer *w) {
	struct log *log = w->log;
	pthread_mutex_lock(&log->lock);
	struct log_segment *s = &log->segments[log->segment_count - 1];
	enum err err = log_add_mark(s, w->tail.seq + 1, w->offset);
	for (int i = 0; i < w->fresh_count && !err; i++)
		err = log_note_epoch(log, w->fresh[i].epoch, w->fresh[i].seq);
	s->end += w->batch.len;
	log->bytes += w->batch.len;
	log->appended += w->batch.len;
	log->last = w->batch_last;
	pthread_mutex_unlock(&log->lock);
	w->offset += w->batch.len;
	w->tail = w->batch_last;
	return err ? ERR_IO : ERR_OK; /* durable, but the list lacks it: open anew */
}

enum err log_batch_write(struct log_writer *w, bool reserve) {
	if (w->batch.len <= BATCH_HEAD_BYTES) return ERR_OK;
	const struct files_ops *ops = w->log->files->ops;
	enum err err = reserve ? ERR_OK : space_check(w->log, 0);
	if (!err && w->offset + w->batch.len > w->header.bytes) err = writer_roll(w, reserve);
	if (err) return err;
	batch_head_encode(w->batch.mem + w->batch.start, w->header.nonce, w->offset,
	                  w->tail.seq + 1);
	struct slice bytes = buf_slice(&w->batch);
	err = ops->write(w->file, w->offset, bytes.ptr, bytes.len);
	if (err == ERR_NO_SPACE) return batch_undo(w);
	return err || ops->start(w->file, w->offset, bytes.len) ? ERR_IO : ERR_OK;
}

enum err log_batch_sync(struct log_writer *w) {
	if (w->batch.len <= BATCH_HEAD_BYTES) return ERR_OK;
	/* Whatever a failed sync says, the kernel may have dropped the pages: no retry. */
	if (w->log->files->ops->sync(w->file)) return ERR_IO;
	return batch_publish(w);
}
