/* Opening the log: what a crash may leave is mended, what it cannot have done is
 * reported. May never drop a record that somebody may have been told is durable.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/log.h"
#include "store/log.h"

enum { CHUNK_BYTES = 256 << 10 };

struct scan {
	struct log *log;
	struct log_recovery *how;
	struct fault *fault;
	uint64_t *first_seqs; /* of the files, ascending */
	int count, cap;
	enum err err;
	char path[PATH_BYTES]; /* the segment at hand */
	struct file *file;
	uint64_t batch_at;  /* the last head seen in it */
	uint64_t damage_at; /* where its walk ended before the end, or 0 */
	bool reached;       /* the cut */
};

static const char *const advice =
	"take this copy out of service, keep the directory for inspection and let it copy "
	"everything from another region into an empty one";

static enum err scan_fault(struct scan *s, uint64_t offset, const char *what) {
	return fault_set(s->fault, ERR_CORRUPT, "%s: %s at offset %" PRIu64 ": %s", s->path, what,
	                 offset, advice);
}

/* --- the directory ----------------------------------------------------------------- */

static void name_note(void *arg, const char *name) {
	struct scan *s = arg;
	char path[PATH_BYTES];
	if (strncmp(name, "spare-", 6) == 0) {
		if (!path_make(path, "%s/%s", s->log->dir, name))
			IGNORE(s->log->files->ops->unlink(s->log->files, path)); /* only space */
		return;
	}
	if (strlen(name) != 24 || strcmp(name + 20, ".seg") != 0) return;
	uint64_t seq = 0;
	for (int i = 0; i < 20; i++) {
		if (name[i] < '0' || name[i] > '9') return;
		seq = seq * 10 + (uint64_t)(name[i] - '0');
	}
	if (s->count == s->cap) {
		int cap = s->cap ? s->cap * 2 : 16;
		uint64_t *more = realloc(s->first_seqs, (size_t)cap * sizeof(*more));
		if (!more) {
			s->err = ERR_NO_MEMORY;
			return;
		}
		s->first_seqs = more;
		s->cap = cap;
	}
	s->first_seqs[s->count++] = seq; /* names sort as their numbers do */
}

static enum err header_read(struct scan *s, uint64_t first_seq, struct log_header *h) {
	const struct files_ops *ops = s->log->files->ops;
	const struct log_header *expect = s->how->expect;
	uint8_t bytes[LOG_HEADER_BYTES];
	size_t got;
	uint64_t size;
	enum err err = ops->read(s->file, 0, bytes, LOG_HEADER_BYTES, &got);
	if (!err) err = ops->size(s->file, &size);
	if (err) return fault_set(s->fault, err, "%s: cannot be read: check the disk", s->path);
	if (got < LOG_HEADER_BYTES) return scan_fault(s, got, "the header is cut short");
	err = log_header_decode(bytes, h);
	if (err == ERR_FORMAT)
		return fault_set(s->fault, err, "%s: written by a newer version: use that one",
		                 s->path);
	if (err) return scan_fault(s, 0, "the header fails its checksum");
	if (strcmp(h->cell, expect->cell) != 0 || strcmp(h->node, expect->node) != 0 ||
	    h->incarnation != expect->incarnation)
		return fault_set(s->fault, ERR_FORMAT,
		                 "%s: belongs to cell %s of node %s, not to %s of %s: point to the "
		                 "right directory",
		                 s->path, h->cell, h->node, expect->cell, expect->node);
	if (h->prev.seq + 1 != first_seq) return scan_fault(s, 0, "the name is not the header's");
	if (h->bytes < LOG_HEADER_BYTES || h->bytes > size)
		return scan_fault(s, size, "the file is shorter than it was made");
	return ERR_OK;
}

/* --- one segment --------------------------------------------------------------------- */

static bool cut_reached(struct scan *s) {
	return s->how->cut && s->log->last.seq >= s->how->cut->seq;
}

static enum err record_take(struct scan *s, const struct record *r, uint64_t head_at) {
	struct log *log = s->log;
	struct log_segment *segment = &log->segments[log->segment_count - 1];
	enum err err = record_follows(r, &log->last);
	if (!err && head_at) err = log_add_mark(segment, r->at.seq, head_at);
	if (!err && r->at.epoch > log->last.epoch)
		err = log_note_epoch(log, r->at.epoch, r->at.seq);
	if (!err) log->last = r->at;
	return err;
}

static enum err records_walk(struct scan *s) {
	struct log *log = s->log;
	struct log_segment *segment = &log->segments[log->segment_count - 1];
	struct log_walk w;
	enum err err = ERR_OK;
	log_walk_init(&w, log->files, s->file, segment->header.nonce, LOG_HEADER_BYTES,
	              segment->header.bytes);
	s->batch_at = s->damage_at = 0;
	s->reached = cut_reached(s);
	while (!err && !s->reached && w.offset < w.end) {
		struct record r;
		uint64_t head_at, before = w.offset;
		err = log_walk_next(&w, &r, &head_at);
		if (!err) err = record_take(s, &r, head_at);
		if (err) {
			w.offset = before;
			break;
		}
		if (head_at) s->batch_at = head_at;
		s->reached = cut_reached(s);
	}
	segment->end = w.offset;
	log->bytes += segment->end - LOG_HEADER_BYTES;
	if (err == ERR_CORRUPT) s->damage_at = w.offset;
	if (err == ERR_CORRUPT || err == ERR_NOT_FOUND) err = ERR_OK;
	log_walk_done(&w);
	return err;
}

/* A head after the damage proves that the damaged bytes had been synced. */
static enum err later_head_find(struct scan *s, uint64_t from, uint64_t *found) {
	struct log_segment *segment = &s->log->segments[s->log->segment_count - 1];
	uint8_t *chunk = malloc(CHUNK_BYTES);
	enum err err = chunk ? ERR_OK : ERR_NO_MEMORY;
	*found = 0;
	while (!err && !*found && from + BATCH_HEAD_BYTES <= segment->header.bytes) {
		size_t got;
		err = s->log->files->ops->read(s->file, from, chunk, CHUNK_BYTES, &got);
		if (err || got < BATCH_HEAD_BYTES) break;
		const uint8_t *p = chunk, *end = chunk + got - BATCH_HEAD_BYTES + 1;
		uint64_t seq;
		while (!*found && (p = memchr(p, 'H', (size_t)(end - p)))) {
			uint64_t offset = from + (uint64_t)(p - chunk);
			if (batch_head_valid(p, segment->header.nonce, offset, &seq))
				*found = offset;
			if (++p == end) break;
		}
		from += got - BATCH_HEAD_BYTES + 1;
	}
	free(chunk);
	return err;
}

static bool all_zero(const uint8_t *p, size_t len) {
	return len == 0 || (p[0] == 0 && memcmp(p, p + 1, len - 1) == 0);
}

/* Zeros what is not zero after the last record, and writes the last batch once more: after
 * a failed sync the page cache may show bytes that the disk never got. */
static enum err tail_settle(struct scan *s) {
	const struct files_ops *ops = s->log->files->ops;
	struct log_segment *segment = &s->log->segments[s->log->segment_count - 1];
	uint8_t *chunk = malloc(CHUNK_BYTES);
	enum err err = chunk ? ERR_OK : ERR_NO_MEMORY;
	size_t got;
	for (uint64_t at = segment->end; !err && at < segment->header.bytes; at += got) {
		err = ops->read(s->file, at, chunk, CHUNK_BYTES, &got);
		if (!err && got == 0) err = ERR_IO;
		if (err || all_zero(chunk, got)) continue;
		s->how->torn_bytes += got;
		err = file_zero(s->file, s->log->files, at, at + got);
	}
	for (uint64_t at = s->batch_at; !err && at && at < segment->end; at += got) {
		size_t want =
			segment->end - at < CHUNK_BYTES ? (size_t)(segment->end - at) : CHUNK_BYTES;
		err = ops->read(s->file, at, chunk, want, &got);
		if (!err && got == 0) err = ERR_IO;
		if (!err) err = ops->write(s->file, at, chunk, got);
	}
	free(chunk);
	if (!err) err = ops->sync(s->file);
	if (err)
		return fault_set(s->fault, err, "%s: the end cannot be mended: %s: check the disk",
		                 s->path, err_text(err));
	return ERR_OK;
}

/* --- the chain of segments ----------------------------------------------------------- */

static void segments_forget(struct scan *s) {
	struct log *log = s->log;
	for (int i = 0; i < log->segment_count; i++) {
		char path[PATH_BYTES];
		if (!log_segment_path(log, log->segments[i].header.prev.seq + 1, path))
			IGNORE(log->files->ops->unlink(log->files,
			                               path)); /* the next open tries again */
		free(log->segments[i].marks);
	}
	LOG(LOG_WARN, "store", "dropped old log that a checkpoint covers", {"dir", log->dir},
	    LOG_NUM("below_seq", (int64_t)log->last.seq));
	log->segment_count = log->epoch_count = 0;
	log->bytes = 0;
}

static enum err segment_join(struct scan *s, const struct log_header *h) {
	struct log *log = s->log;
	if (log->segment_count && !position_eq(&h->prev, &log->last)) {
		if (h->prev.seq > s->how->checkpoint_seq)
			return scan_fault(s, LOG_HEADER_BYTES,
			                  "records before this segment are damaged or missing");
		segments_forget(s);
	}
	if (log->segment_count == 0) {
		log->last = h->prev;
		if (h->start.seq) {
			enum err err = log_note_epoch(log, h->start.epoch, h->start.seq);
			if (err) return err;
		}
	}
	return log_add_segment(log, h);
}

static enum err segment_last(struct scan *s) {
	uint64_t head = 0;
	enum err err = ERR_OK;
	struct log *log = s->log;
	uint64_t end = log->segments[log->segment_count - 1].end;
	if (!s->reached) err = later_head_find(s, end + 1, &head);
	if (err) return err;
	if (head) return scan_fault(s, end, "a durable record is damaged");
	if (log->last.seq < s->how->floor_seq) {
		char what[160];
		snprintf(what, sizeof(what),
		         "the log ends with record %" PRIu64 " although record %" PRIu64
		         " was durable",
		         log->last.seq, s->how->floor_seq);
		return scan_fault(s, end, what);
	}
	return tail_settle(s);
}

static enum err segment_open(struct scan *s, int index) {
	struct log *log = s->log;
	struct log_header h;
	enum err err = log_segment_path(log, s->first_seqs[index], s->path);
	if (!err)
		err = log->files->ops->open(log->files, s->path, FILE_READ | FILE_WRITE, &s->file);
	if (err)
		return fault_set(s->fault, err, "%s: cannot be opened: check rights and disk",
		                 s->path);
	err = header_read(s, s->first_seqs[index], &h);
	if (!err) err = segment_join(s, &h);
	if (!err) err = records_walk(s);
	if (!err && (s->reached || index == s->count - 1)) err = segment_last(s);
	log->files->ops->close(s->file);
	s->file = NULL;
	return err;
}

/* What a truncate had not yet removed; newest first, so that no crash leaves a gap. */
static enum err after_cut_drop(struct scan *s, int keep) {
	enum err err = ERR_OK;
	for (int i = s->count - 1; !err && i >= keep; i--) {
		err = log_segment_path(s->log, s->first_seqs[i], s->path);
		if (!err) err = file_remove(s->log->files, s->log->dir, s->path);
	}
	return err;
}

enum err log_open(struct log *log, struct log_recovery *how, struct fault *fault) {
	struct scan s = {.log = log, .how = how, .fault = fault};
	how->torn_bytes = 0;
	enum err err = log->files->ops->list(log->files, log->dir, name_note, &s);
	if (!err) err = s.err;
	if (err)
		fault_set(fault, err, "%s: cannot be listed: %s: check rights and disk", log->dir,
		          err_text(err));
	else if (s.count == 0)
		err = fault_set(fault, ERR_CORRUPT, "%s: no log segment is left: %s", log->dir,
		                advice);
	int i = 0;
	for (; !err && i < s.count && !s.reached; i++) {
		err = segment_open(&s, i);
		if (err && fault && fault->code == ERR_OK)
			fault_set(fault, err, "%s: %s", s.path, err_text(err));
	}
	if (!err && how->cut && (!s.reached || !position_eq(&log->last, how->cut)))
		err = fault_set(fault, ERR_CORRUPT,
		                "%s: an unfinished truncate names record %" PRIu64
		                " but the log has another history: %s",
		                log->dir, how->cut->seq, advice);
	if (!err && s.reached) err = after_cut_drop(&s, i);
	free(s.first_seqs);
	return err;
}
