/* The log's list of segments and epochs, and the making of an empty log. May not
 * know of the view, nor whether a record was acknowledged.
 */
#include "store/log.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/assert.h"

enum { ZERO_BYTES = 256 << 10 };

enum err log_init(struct log *log, struct files *files, const char *dir, uint64_t segment_bytes,
                  uint64_t min_free_bytes) {
	*log = (struct log){
		.files = files, .segment_bytes = segment_bytes, .min_free_bytes = min_free_bytes};
	pthread_mutex_init(&log->lock, NULL);
	return path_make(log->dir, "%s", dir);
}

void log_done(struct log *log) {
	if (!log || !log->files) return;
	if (log->spare) log->files->ops->close(log->spare);
	for (int i = 0; i < log->segment_count; i++) free(log->segments[i].marks);
	free(log->segments);
	free(log->epochs);
	pthread_mutex_destroy(&log->lock);
	*log = (struct log){0};
}

/* What the lock guards lies behind it in the struct: that part changes hands. */
void log_replace(struct log *log, struct log *from) {
	enum { GUARDED = offsetof(struct log, dir), BYTES = sizeof(struct log) - GUARDED };
	uint8_t old[BYTES];
	uint8_t *ours = (uint8_t *)log + GUARDED, *theirs = (uint8_t *)from + GUARDED;
	pthread_mutex_lock(&log->lock);
	from->appended += log->appended;
	from->changes += log->changes + 1;
	memcpy(old, ours, BYTES);
	memcpy(ours, theirs, BYTES);
	pthread_mutex_unlock(&log->lock);
	memcpy(theirs, old, BYTES);
	log_done(from);
}

enum err log_segment_path(const struct log *log, uint64_t first_seq, char out[PATH_BYTES]) {
	return path_make(out, "%s/%020" PRIu64 ".seg", log->dir, first_seq);
}

/* Room for one more element of an array that doubles. */
static enum err grow(void **array, int count, int *cap, size_t each) {
	if (count < *cap) return ERR_OK;
	int want = *cap ? *cap * 2 : 8;
	void *more = realloc(*array, (size_t)want * each);
	if (!more) return ERR_NO_MEMORY;
	*array = more;
	*cap = want;
	return ERR_OK;
}

enum err log_add_mark(struct log_segment *s, uint64_t seq, uint64_t offset) {
	if (s->mark_count && offset - s->marks[s->mark_count - 1].offset < LOG_MARK_BYTES)
		return ERR_OK;
	enum err err = grow((void **)&s->marks, s->mark_count, &s->mark_cap, sizeof(*s->marks));
	if (!err) s->marks[s->mark_count++] = (struct log_mark){seq, offset};
	return err;
}

enum err log_add_segment(struct log *log, const struct log_header *h) {
	enum err err = grow((void **)&log->segments, log->segment_count, &log->segment_cap,
	                    sizeof(*log->segments));
	if (!err)
		log->segments[log->segment_count++] =
			(struct log_segment){.header = *h, .end = LOG_HEADER_BYTES};
	return err;
}

enum err log_note_epoch(struct log *log, uint64_t epoch, uint64_t seq) {
	if (log->epoch_count && log->epochs[log->epoch_count - 1].epoch >= epoch) return ERR_OK;
	if (log->epoch_count == LOG_EPOCHS_MAX) {
		memmove(log->epochs, log->epochs + 1,
		        (size_t)(log->epoch_count - 1) * sizeof(*log->epochs));
		log->epoch_count--;
	}
	enum err err = grow((void **)&log->epochs, log->epoch_count, &log->epoch_cap,
	                    sizeof(*log->epochs));
	if (!err) log->epochs[log->epoch_count++] = (struct epoch_start){epoch, seq};
	log->changes++;
	return err;
}

/* From the epoch of the record before the first on: a truncate may go back to it. */
static void epochs_trim(struct log *log) {
	uint64_t prev_seq = log->segments[0].header.prev.seq;
	int drop = 0;
	while (drop + 1 < log->epoch_count && log->epochs[drop + 1].seq <= prev_seq) drop++;
	if (!drop) return;
	log->epoch_count -= drop;
	memmove(log->epochs, log->epochs + drop, (size_t)log->epoch_count * sizeof(*log->epochs));
	log->changes++;
}

struct epoch_start log_epoch_of(struct log *log, const struct position *at) {
	struct epoch_start found = {0};
	pthread_mutex_lock(&log->lock);
	for (int i = 0; i < log->epoch_count; i++)
		if (log->epochs[i].epoch == at->epoch) found = log->epochs[i];
	pthread_mutex_unlock(&log->lock);
	return found;
}

void log_forget(struct log *log, uint64_t below_seq, void (*drop)(void *arg, const char *path),
                void *arg) {
	for (;;) {
		char path[PATH_BYTES];
		pthread_mutex_lock(&log->lock);
		struct log_segment *s = log->segments;
		bool last = log->segment_count < 2;
		bool forget = !last && s[1].header.prev.seq < below_seq;
		if (forget) {
			/* Made the same way when the segment was opened: it fits. */
			IGNORE(log_segment_path(log, s->header.prev.seq + 1, path));
			log->bytes -= s->end - LOG_HEADER_BYTES;
			free(s->marks);
			log->segment_count--;
			memmove(s, s + 1, (size_t)log->segment_count * sizeof(*s));
			epochs_trim(log);
		}
		pthread_mutex_unlock(&log->lock);
		if (!forget) return;
		drop(arg, path);
	}
}

uint64_t log_excess(struct log *log, uint64_t bytes) {
	uint64_t below = 0;
	pthread_mutex_lock(&log->lock);
	uint64_t left = log->bytes;
	for (int i = 0; i + 1 < log->segment_count && left > bytes; i++) {
		left -= log->segments[i].end - LOG_HEADER_BYTES;
		below = log->segments[i + 1].header.prev.seq + 1;
	}
	pthread_mutex_unlock(&log->lock);
	return below;
}

uint64_t log_bytes_after(struct log *log, uint64_t seq) {
	uint64_t bytes = 0;
	pthread_mutex_lock(&log->lock);
	for (int i = log->segment_count - 1; i >= 0; i--) {
		bytes += log->segments[i].end - LOG_HEADER_BYTES;
		if (log->segments[i].header.prev.seq <= seq) break;
	}
	pthread_mutex_unlock(&log->lock);
	return bytes;
}

enum err file_zero(struct file *f, struct files *files, uint64_t from, uint64_t to) {
	static const uint8_t zeros[ZERO_BYTES];
	enum err err = ERR_OK;
	while (!err && from < to) {
		size_t len = to - from < ZERO_BYTES ? (size_t)(to - from) : ZERO_BYTES;
		err = files->ops->write(f, from, zeros, len);
		from += len;
	}
	return err;
}

static enum err segment_create(struct log *log, const struct log_header *h) {
	char path[PATH_BYTES];
	struct file *f = NULL;
	uint8_t header[LOG_HEADER_BYTES];
	const struct files_ops *ops = log->files->ops;
	enum err err = log_segment_path(log, h->prev.seq + 1, path);
	if (!err) err = ops->open(log->files, path, FILE_READ | FILE_WRITE | FILE_CREATE, &f);
	if (err) return err;
	log_header_encode(h, header);
	err = ops->resize(f, 0);
	if (!err) err = ops->reserve(f, h->bytes);
	if (!err) err = ops->write(f, 0, header, LOG_HEADER_BYTES);
	if (!err) err = file_zero(f, log->files, LOG_HEADER_BYTES, h->bytes);
	if (!err) err = ops->sync(f);
	ops->close(f);
	return err ? err : ops->sync_dir(log->files, log->dir);
}

enum err log_create(struct log *log, const struct log_header *h) {
	struct log_header header = *h;
	header.bytes = log->segment_bytes < LOG_FIRST_SEGMENT_BYTES ? log->segment_bytes
	                                                            : LOG_FIRST_SEGMENT_BYTES;
	enum err err = log->files->ops->mkdir(log->files, log->dir);
	if (!err) err = segment_create(log, &header);
	if (!err) err = log_add_segment(log, &header);
	if (!err && header.start.seq)
		err = log_note_epoch(log, header.start.epoch, header.start.seq);
	log->last = header.prev;
	return err;
}
