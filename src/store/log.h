/* The segmented log: files of records in order, each segment preallocated and zeroed.
 *
 * DIR/<first seq, 20 digits>.seg: a header (LOG_HEADER_BYTES), then batches: a head of
 * BATCH_HEAD_BYTES and its records. A batch is one write and one sync, and is written
 * only after the one before it was synced. So a valid head proves that everything before
 * it was durable: damage before a head is corruption, damage after the last head is a
 * torn tail, which nobody was told about. Whatever follows the last batch reads as zeros.
 *
 * Threads: `struct log` is shared, its list guarded by its lock; one writer (a lane);
 * any number of readers, each with a log_reader of its own.
 */
#pragma once
#include <pthread.h>

#include "base/buf.h"
#include "io/files.h"
#include "store/sealed.h"
#include "store/store.h"

enum {
	LOG_HEADER_BYTES = 4096,
	BATCH_HEAD_BYTES = 32,
	LOG_NAME_BYTES = 64,
	LOG_MARK_BYTES = 64 << 10,         /* distance between entries of the sparse index */
	LOG_FIRST_SEGMENT_BYTES = 1 << 20, /* then doubling: an idle cell keeps a small log */
	LOG_EPOCHS_MAX = 1 << 16,
	LOG_BATCH_MAX_BYTES = 256 << 20, /* one append; ERR_TOO_LARGE beyond */
};

struct log_header {
	char cell[LOG_NAME_BYTES], node[LOG_NAME_BYTES];
	uint64_t incarnation;
	uint64_t nonce;           /* of this segment: in each of its batch heads */
	uint64_t bytes;           /* capacity, this header included */
	struct position prev;     /* of the record before the first one */
	struct epoch_start start; /* where prev's epoch begins */
};
/* out has room for LOG_HEADER_BYTES. ERR_CORRUPT, ERR_FORMAT. */
void log_header_encode(const struct log_header *h, uint8_t *out);
MUST enum err log_header_decode(const uint8_t *in, struct log_header *h);
void batch_head_encode(uint8_t *out, uint64_t nonce, uint64_t offset, uint64_t first_seq);
/* The head that belongs at this offset of this segment, or not. */
bool batch_head_valid(const uint8_t *in, uint64_t nonce, uint64_t offset, uint64_t *first_seq);
bool batch_head_like(const uint8_t *in); /* its first four bytes say so */

struct log_mark {
	uint64_t seq, offset; /* a batch head here, and the seq that follows it */
};
struct log_segment {
	struct log_header header;
	uint64_t end;           /* offset after the last durable batch */
	struct log_mark *marks; /* ascending; the first is the first batch */
	int mark_count, mark_cap;
};

struct log {
	struct files *files;
	uint64_t segment_bytes, min_free_bytes;
	pthread_mutex_t lock; /* everything below */
	char dir[PATH_BYTES];
	struct log_segment *segments; /* ascending, never empty once open */
	int segment_count, segment_cap;
	struct position last;
	uint64_t bytes;    /* of records, over all segments */
	uint64_t appended; /* the same since open, never falling: paces checkpoints */
	struct epoch_start *epochs;
	int epoch_count, epoch_cap;
	uint64_t changes;   /* of epochs and of what segments there are: readers look anew */
	struct file *spare; /* the next segment, zeroed, named spare_path */
	uint64_t spare_bytes;
	char spare_path[PATH_BYTES];
	uint64_t spare_count;
};

/* --- opening and changing ----------------------------------------------------- */

MUST enum err log_init(struct log *log, struct files *files, const char *dir,
                       uint64_t segment_bytes, uint64_t min_free_bytes);
void log_done(struct log *log);
/* Puts everything of `from` (not shared with anyone) in place of log's own; what log was is
 * closed and forgotten, its files stay. The writer must be opened anew. */
void log_replace(struct log *log, struct log *from);
/* Makes an empty log whose first record will follow h->prev. h->nonce is the caller's random. */
MUST enum err log_create(struct log *log, const struct log_header *h);
/* Reads and checks everything, cuts a torn tail (or, with `cut`, everything after that
 * position). `expect` holds cell, node and incarnation. `floor_seq`: known to have been durable;
 * a log that ends before it has lost data: ERR_CORRUPT. Segments before a gap are dropped when
 * `checkpoint_seq` covers them: a crash stopped their pruning. */
struct log_recovery {
	const struct log_header *expect;
	const struct position *cut;
	uint64_t floor_seq, checkpoint_seq;
	uint64_t torn_bytes; /* out: what was cut off */
};
MUST enum err log_open(struct log *log, struct log_recovery *how, struct fault *fault);
/* Start of the epoch that holds at: what a new segment after `at` must carry. Locks. */
struct epoch_start log_epoch_of(struct log *log, const struct position *at);
/* Drops whole segments whose records are all below seq, out of the list first. `drop` is called
 * for each, oldest first, with its path. Not while a truncate is in flight. */
void log_forget(struct log *log, uint64_t below_seq, void (*drop)(void *arg, const char *path),
                void *arg);
/* The seq below which records must go so that at most `bytes` of log stay; 0: none. Locks. */
uint64_t log_excess(struct log *log, uint64_t bytes);
MUST enum err log_segment_path(const struct log *log, uint64_t first_seq, char out[PATH_BYTES]);

/* For the parts of the log; lock held or not yet shared. */
MUST enum err log_add_segment(struct log *log, const struct log_header *h);
MUST enum err log_add_mark(struct log_segment *s, uint64_t seq, uint64_t offset);
MUST enum err log_note_epoch(struct log *log, uint64_t epoch, uint64_t seq);
MUST enum err file_zero(struct file *f, struct files *files, uint64_t from, uint64_t to);

/* --- reading ------------------------------------------------------------------- */

/* Walks the records of one segment; any thread, its own file. */
struct log_walk {
	struct files *files;
	struct file *file;
	uint64_t nonce, offset, end; /* next byte to look at; where to stop */
	struct buf window;
	uint64_t window_at;
};
void log_walk_init(struct log_walk *w, struct files *files, struct file *file, uint64_t nonce,
                   uint64_t offset, uint64_t end);
/* The same for another place, keeping the memory. */
void log_walk_again(struct log_walk *w, struct files *files, struct file *file, uint64_t nonce,
                    uint64_t offset, uint64_t end);
void log_walk_done(struct log_walk *w);
/* The next record (borrowed until the next call), *head_at is the offset of the batch head just
 * before it or 0. ERR_NOT_FOUND: zeros or the end. ERR_CORRUPT: damage at w->offset. */
MUST enum err log_walk_next(struct log_walk *w, struct record *out, uint64_t *head_at);
/* Bytes [w->offset, + len) or fewer at the end. */
MUST enum err log_walk_peek(struct log_walk *w, size_t len, struct slice *out);

enum { LOG_READER_FILES = 4 };
struct log_reader {
	struct log *log;
	struct log_reader_slot {
		uint64_t nonce, used; /* of the segment: unique between two cuts */
		struct file *file;
	} slots[LOG_READER_FILES];
	uint64_t clock;
	struct log_walk walk;
	uint64_t changes; /* of the log, when the files were opened */
	/* Where the record after the last one given begins; next_seq 0: not known. */
	uint64_t next_seq, next_nonce, next_offset;
};
void log_reader_init(struct log_reader *r, struct log *log);
void log_reader_done(struct log_reader *r);
void log_reader_forget(struct log_reader *r); /* closes its files: after a cut or a swap */
/* Calls each for the records from_seq … to_seq (durable ones) until it returns false.
 * ERR_NOT_FOUND when from_seq is not in the log, else ERR_OK, ERR_CORRUPT, ERR_IO. */
MUST enum err log_each(struct log_reader *r, uint64_t from_seq, uint64_t to_seq,
                       bool (*each)(void *arg, const struct record *record), void *arg);
MUST enum err log_position_of(struct log_reader *r, uint64_t seq, struct position *out);

/* --- writing: the lane ----------------------------------------------------------- */

struct log_writer {
	struct log *log;
	struct file *file; /* the last segment */
	struct log_header header;
	uint64_t offset;
	struct position tail; /* of what is written and synced */
	struct buf batch;
	struct position batch_last; /* tail once the batch is committed */
	struct epoch_start *fresh;  /* epochs that begin in the batch */
	int fresh_count, fresh_cap;
};
MUST enum err log_writer_open(struct log_writer *w, struct log *log);
void log_writer_done(struct log_writer *w);
/* Starts a batch; log_batch_add checks and copies whole records, all or none (ERR_CORRUPT,
 * ERR_CONFLICT: not the next seq); log_batch_write gives them to the disk, log_batch_sync waits until
 * they are durable.
 * Nothing of a batch is left after ERR_NO_SPACE; ERR_IO means that it is not known. `reserve`
 * lets it use the space kept free for the records of a failover. */
void log_batch_begin(struct log_writer *w);
MUST enum err log_batch_add(struct log_writer *w, struct slice records);
MUST enum err log_batch_write(struct log_writer *w, bool reserve);
MUST enum err log_batch_sync(struct log_writer *w);
/* Drops every record after `to`, durably, also over a crash in between: the intent is written
 * first and log_open finishes it (`cut`). */
MUST enum err log_truncate(struct log_writer *w, const struct position *to);
MUST enum err log_intent_read(struct files *files, const char *dir, struct position *to);
MUST enum err log_intent_clear(struct log *log);

/* On a helper lane: makes the next segment ready. Owner asks log_wants_spare first. */
/* Bytes of segments that hold records after seq. Locks. */
uint64_t log_bytes_after(struct log *log, uint64_t seq);
bool log_wants_spare(struct log *log, uint64_t *bytes);
MUST enum err log_make_spare(struct log *log, uint64_t bytes);
