/* Reading the log: the walk over one segment and the reader that finds a seq. Every
 * record is checked as it is read: what a disk flipped is never handed on.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "store/log.h"

enum { WINDOW_BYTES = 128 << 10, WINDOW_KEEP_BYTES = 1 << 20 };

void log_walk_init(struct log_walk *w, struct files *files, struct file *file, uint64_t nonce,
                   uint64_t offset, uint64_t end) {
	buf_init(&w->window, RECORD_MAX_BYTES + WINDOW_BYTES);
	log_walk_again(w, files, file, nonce, offset, end);
}

void log_walk_again(struct log_walk *w, struct files *files, struct file *file, uint64_t nonce,
                    uint64_t offset, uint64_t end) {
	w->files = files;
	w->file = file;
	w->nonce = nonce;
	w->offset = w->window_at = offset;
	w->end = end;
	buf_reset(&w->window);
	if (w->window.cap > WINDOW_KEEP_BYTES) buf_shrink(&w->window);
}

void log_walk_done(struct log_walk *w) {
	buf_done(&w->window);
}

enum err log_walk_peek(struct log_walk *w, size_t len, struct slice *out) {
	if (len > w->end - w->offset) len = (size_t)(w->end - w->offset);
	size_t skip = (size_t)(w->offset - w->window_at);
	if (skip + len > w->window.len) {
		size_t want = len > WINDOW_BYTES ? len : WINDOW_BYTES;
		if (want > w->end - w->offset) want = (size_t)(w->end - w->offset);
		uint8_t *p;
		size_t got = 0;
		buf_reset(&w->window);
		enum err err = buf_reserve(&w->window, want, &p);
		if (!err) err = w->files->ops->read(w->file, w->offset, p, want, &got);
		if (err) return err;
		buf_commit(&w->window, got);
		w->window_at = w->offset;
		skip = 0;
		if (len > got) len = got; /* a file cut short */
	}
	*out = slice_of(buf_slice(&w->window).ptr + skip, len);
	return ERR_OK;
}

enum err log_walk_next(struct log_walk *w, struct record *out, uint64_t *head_at) {
	struct slice s;
	uint64_t first_seq;
	*head_at = 0;
	enum err err = log_walk_peek(w, BATCH_HEAD_BYTES, &s);
	if (err) return err;
	bool head = s.len == BATCH_HEAD_BYTES && batch_head_like(s.ptr);
	if (head) {
		if (!batch_head_valid(s.ptr, w->nonce, w->offset, &first_seq)) return ERR_CORRUPT;
		*head_at = w->offset;
		w->offset += BATCH_HEAD_BYTES;
		err = log_walk_peek(w, BATCH_HEAD_BYTES, &s);
		if (err) return err;
	}
	uint32_t bytes = s.len >= 4 ? get_u32(s.ptr) : 0;
	if (bytes == 0 && !head) return ERR_NOT_FOUND;
	if (bytes >= RECORD_HEADER_BYTES && bytes <= RECORD_MAX_BYTES)
		err = log_walk_peek(w, bytes, &s);
	if (!err) err = record_decode(s, out);
	if (!err && head && out->at.seq != first_seq) err = ERR_CORRUPT;
	if (err == ERR_NOT_FOUND) err = ERR_CORRUPT;
	if (err && head) w->offset = *head_at;
	if (!err) w->offset += out->bytes.len;
	return err;
}

/* --- the reader ------------------------------------------------------------------- */

void log_reader_init(struct log_reader *r, struct log *log) {
	*r = (struct log_reader){.log = log};
	log_walk_init(&r->walk, log->files, NULL, 0, 0, 0);
}

void log_reader_forget(struct log_reader *r) {
	for (int i = 0; i < LOG_READER_FILES; i++) {
		if (r->slots[i].file) r->log->files->ops->close(r->slots[i].file);
		r->slots[i] = (struct log_reader_slot){0};
	}
	r->next_seq = 0;
}

void log_reader_done(struct log_reader *r) {
	if (!r->log) return;
	log_reader_forget(r);
	log_walk_done(&r->walk);
}

struct place {
	char path[PATH_BYTES];
	uint64_t nonce, offset, end, changes;
};

/* The segment after a cut may have the nonce of one that was cut off: both come from the one
 * before them. So no file is kept over a cut. */
static enum err reader_file(struct log_reader *r, const struct place *place, struct file **out) {
	if (r->changes != place->changes) log_reader_forget(r);
	r->changes = place->changes;
	struct log_reader_slot *oldest = r->slots;
	for (int i = 0; i < LOG_READER_FILES; i++) {
		struct log_reader_slot *slot = &r->slots[i];
		if (slot->file && slot->nonce == place->nonce) {
			slot->used = ++r->clock;
			*out = slot->file;
			return ERR_OK;
		}
		if (slot->used < oldest->used) oldest = slot;
	}
	struct files *files = r->log->files;
	enum err err = files->ops->open(files, place->path, FILE_READ, out);
	if (err) return err;
	if (oldest->file) files->ops->close(oldest->file);
	*oldest = (struct log_reader_slot){place->nonce, ++r->clock, *out};
	return ERR_OK;
}

/* Where to start walking to meet seq. */
static enum err place_find(struct log *log, uint64_t seq, struct place *out) {
	enum err err = ERR_NOT_FOUND;
	pthread_mutex_lock(&log->lock);
	for (int i = log->segment_count - 1; i >= 0 && seq <= log->last.seq; i--) {
		const struct log_segment *s = &log->segments[i];
		if (seq <= s->header.prev.seq || !s->mark_count) continue;
		int low = 0, high = s->mark_count - 1; /* last mark at or before seq */
		while (low < high) {
			int mid = (low + high + 1) / 2;
			if (s->marks[mid].seq <= seq)
				low = mid;
			else
				high = mid - 1;
		}
		out->nonce = s->header.nonce;
		out->offset = s->marks[low].offset;
		out->end = s->end;
		out->changes = log->changes;
		err = log_segment_path(log, s->header.prev.seq + 1, out->path);
		break;
	}
	pthread_mutex_unlock(&log->lock);
	return err;
}

/* Who reads on from where it stopped need not look for the place again. */
static uint64_t offset_of(const struct log_reader *r, const struct place *place, uint64_t seq) {
	bool known = r->next_seq == seq && r->next_nonce == place->nonce;
	return known ? r->next_offset : place->offset;
}

/* Walks one segment. *next moves past what was given; *stop when `each` has enough. */
static enum err segment_each(struct log_reader *r, const struct place *place, uint64_t to_seq,
                             uint64_t *next, bool *stop,
                             bool (*each)(void *arg, const struct record *record), void *arg) {
	struct file *file;
	enum err err = reader_file(r, place, &file);
	if (err) return err == ERR_NOT_FOUND ? ERR_IO : err;
	struct log_walk *w = &r->walk;
	struct record record;
	uint64_t head_at;
	log_walk_again(w, r->log->files, file, place->nonce, offset_of(r, place, *next),
	               place->end);
	while (!*stop && *next <= to_seq && w->offset < w->end) {
		err = log_walk_next(w, &record, &head_at);
		if (!err && record.at.seq > *next) err = ERR_CORRUPT;
		if (err) break;
		if (record.at.seq < *next) continue;
		*stop = !each(arg, &record);
		(*next)++;
	}
	r->next_seq = err ? 0 : *next;
	r->next_nonce = place->nonce;
	r->next_offset = w->offset;
	/* Inside durable bytes there is no end: zeros are damage. */
	return err == ERR_NOT_FOUND ? ERR_CORRUPT : err;
}

enum err log_each(struct log_reader *r, uint64_t from_seq, uint64_t to_seq,
                  bool (*each)(void *arg, const struct record *record), void *arg) {
	uint64_t next = from_seq;
	bool stop = false;
	while (!stop && next <= to_seq) {
		struct place place;
		uint64_t before = next;
		enum err err = place_find(r->log, next, &place);
		if (err) return next == from_seq ? err : ERR_OK;
		err = segment_each(r, &place, to_seq, &next, &stop, each, arg);
		if (err) return err;
		if (next == before) return ERR_CORRUPT;
	}
	return ERR_OK;
}

static bool position_take(void *arg, const struct record *record) {
	*(struct position *)arg = record->at;
	return false;
}

enum err log_position_of(struct log_reader *r, uint64_t seq, struct position *out) {
	struct log *log = r->log;
	bool known = false;
	pthread_mutex_lock(&log->lock);
	if (seq == log->last.seq) {
		*out = log->last;
		known = true;
	}
	for (int i = 0; i < log->segment_count && !known; i++) {
		if (log->segments[i].header.prev.seq != seq) continue;
		*out = log->segments[i].header.prev;
		known = true;
	}
	pthread_mutex_unlock(&log->lock);
	return known ? ERR_OK : log_each(r, seq, seq, position_take, out);
}
