/* Taking records off the end of the log: truncation, with an intent that survives a
 * crash. May not know why; the quarantine has been written before (store.h).
 */
#include <stdlib.h>

#include "base/bytes.h"
#include "store/log.h"

enum { INTENT_BYTES = 16 + RECORD_HASH_BYTES };

static enum err intent_path(const char *dir, char out[PATH_BYTES]) {
	return path_make(out, "%s/truncate", dir);
}

static enum err intent_write(struct log *log, const struct position *to) {
	char path[PATH_BYTES];
	uint8_t payload[INTENT_BYTES];
	put_u64(payload, to->epoch);
	put_u64(payload + 8, to->seq);
	memcpy(payload + 16, to->hash, RECORD_HASH_BYTES);
	enum err err = intent_path(log->dir, path);
	return err ? err : sealed_write(log->files, path, "CUT1", slice_of(payload, INTENT_BYTES));
}

enum err log_intent_read(struct files *files, const char *dir, struct position *to) {
	char path[PATH_BYTES];
	uint8_t payload[SEALED_MAX_BYTES];
	size_t len;
	enum err err = intent_path(dir, path);
	if (!err) err = sealed_read(files, path, "CUT1", payload, &len);
	if (err) return err;
	if (len != INTENT_BYTES) return ERR_CORRUPT;
	to->epoch = get_u64(payload);
	to->seq = get_u64(payload + 8);
	memcpy(to->hash, payload + 16, RECORD_HASH_BYTES);
	return ERR_OK;
}

enum err log_intent_clear(struct log *log) {
	char path[PATH_BYTES];
	enum err err = intent_path(log->dir, path);
	return err ? err : file_remove(log->files, log->dir, path);
}

/* Removes segments that begin after `to`, newest first. */
static enum err segments_drop(struct log *log, uint64_t to_seq) {
	enum err err = ERR_OK;
	while (!err && log->segment_count > 1 &&
	       log->segments[log->segment_count - 1].header.prev.seq > to_seq) {
		struct log_segment *s = &log->segments[log->segment_count - 1];
		char path[PATH_BYTES];
		err = log_segment_path(log, s->header.prev.seq + 1, path);
		if (!err) err = file_remove(log->files, log->dir, path);
		if (err) break;
		pthread_mutex_lock(&log->lock);
		log->bytes -= s->end - LOG_HEADER_BYTES;
		free(s->marks);
		log->segment_count--;
		pthread_mutex_unlock(&log->lock);
	}
	return err;
}

/* Where the record `to` ends in the last segment; its first batch when `to` is before it. */
static enum err offset_after(struct log_writer *w, const struct position *to, uint64_t *out) {
	const struct log_segment *s = &w->log->segments[w->log->segment_count - 1];
	struct log_walk walk;
	struct record r;
	uint64_t head_at;
	enum err err = ERR_OK;
	*out = LOG_HEADER_BYTES;
	if (to->seq <= s->header.prev.seq) return ERR_OK;
	log_walk_init(&walk, w->log->files, w->file, s->header.nonce, LOG_HEADER_BYTES, s->end);
	do err = log_walk_next(&walk, &r, &head_at);
	while (!err && r.at.seq < to->seq);
	if (!err && !position_eq(&r.at, to)) err = ERR_CONFLICT;
	*out = walk.offset;
	log_walk_done(&walk);
	return err;
}

static void list_cut(struct log *log, const struct position *to, uint64_t offset) {
	pthread_mutex_lock(&log->lock);
	struct log_segment *s = &log->segments[log->segment_count - 1];
	log->bytes -= s->end - offset;
	s->end = offset;
	while (s->mark_count && s->marks[s->mark_count - 1].offset >= offset) s->mark_count--;
	while (log->epoch_count && log->epochs[log->epoch_count - 1].seq > to->seq)
		log->epoch_count--;
	log->changes++;
	log->last = *to;
	pthread_mutex_unlock(&log->lock);
}

static enum err writer_reopen(struct log_writer *w) {
	struct log *log = w->log;
	const struct log_segment *s = &log->segments[log->segment_count - 1];
	char path[PATH_BYTES];
	log->files->ops->close(w->file);
	w->file = NULL;
	enum err err = log_segment_path(log, s->header.prev.seq + 1, path);
	if (!err) err = log->files->ops->open(log->files, path, FILE_READ | FILE_WRITE, &w->file);
	w->header = s->header;
	return err;
}

enum err log_truncate(struct log_writer *w, const struct position *to) {
	struct log *log = w->log;
	uint64_t offset;
	enum err err = intent_write(log, to);
	if (err) return err == ERR_NO_SPACE ? err : ERR_IO;
	err = segments_drop(log, to->seq);
	if (!err) err = writer_reopen(w);
	if (!err) err = offset_after(w, to, &offset);
	const struct log_segment *s = &log->segments[log->segment_count - 1];
	if (!err) err = file_zero(w->file, log->files, offset, s->end);
	if (!err) err = log->files->ops->sync(w->file);
	if (err) return ERR_IO;
	list_cut(log, to, offset);
	w->offset = offset;
	w->tail = *to;
	return ERR_OK;
}
