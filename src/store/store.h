/* A cell's store: the log (the truth) and the view (the keys that applying the log
 * makes). Drivers: local (segmented log + LMDB view), memory with injected faults,
 * later PostgreSQL. One conformance suite holds them all (test/conformance).
 *
 * Threads: one owner thread per store, the loop it was opened on, calls everything
 * except the reader functions; each reader belongs to one thread of any kind.
 *
 * Operations that touch the disk take a caller-owned struct store_op and call its
 * `done` later on the owner's loop (never before the call returns), in the order of
 * submission within {append, promise, truncate, quarantine, import} and within {apply}.
 *
 * Errors of an operation:
 *   ERR_NO_SPACE  nothing of it happened; the store works on and it may be tried again.
 *   ERR_IO        a write or sync failed: the store has fenced itself. Every later
 *                 operation answers ERR_FENCED until the store is opened anew; reads of
 *                 the view go on. There is no retry: a failed sync may have lost data
 *                 that a second sync would call safe.
 *   ERR_CORRUPT   stored bytes fail their checksum; never served.
 */
#pragma once
#include "base/err.h"
#include "store/record.h"

struct io;
struct store;
struct store_reader;

struct store_op {
	void (*done)(struct store_op *op, enum err err);
	void *driver[24]; /* private to the driver until done */
};

/* What a key holds. Borrowed: valid during the callback only. */
struct entry {
	struct slice value;
	uint64_t epoch, seq; /* of the record that wrote it: the version */
	uint64_t expires_ms; /* 0: never. The reader compares with its clock; a store never hides */
};

/* Where an epoch begins: the seq of its first record. */
struct epoch_start {
	uint64_t epoch, seq;
};

/* What the store knows about itself; owner thread; a copy, `epochs` valid until the next
 * operation completes. */
struct store_info {
	struct position last;    /* of the log, durable */
	struct position applied; /* of the view */
	uint64_t first_seq;      /* oldest record that store_read_log can still give */
	uint64_t promised_epoch; /* durable; at least last.epoch */
	uint64_t incarnation; /* random, made with the directory: a wiped disk is another replica */
	uint64_t state_hash;  /* of the view at `applied`: equal positions have equal hashes */
	uint64_t log_bytes, view_bytes, checkpoint_seq;
	const struct epoch_start *epochs; /* ascending, from the epoch of record first_seq - 1 on */
	int epoch_count;
	bool fenced;
};

struct store_scan {
	struct slice prefix; /* full-key prefix */
	struct slice after;  /* first key to give is the first > after; empty: from the prefix on */
	/* false stops the walk. Borrowed key and entry. */
	bool (*each)(void *arg, struct slice key, const struct entry *entry);
	void *arg;
};

struct store_ops {
	/* --- owner thread --- */
	void (*info)(struct store *s, struct store_info *out);

	/* Whole records, contiguous from last.seq + 1, each following from the one before it (of which
	 * the store may check only the first and its own last); bytes stay valid until done. Durable when
	 * done says ERR_OK. Several appends may be in flight; those waiting are written as one
	 * with one sync (group commit). `epoch`: of the home that writes or sends them; below
	 * promised_epoch: ERR_CONFLICT. The records may be older: a new home sends what is missing. */
	void (*append)(struct store *s, uint64_t epoch, struct slice records, struct store_op *op);

	/* Makes records up to `seq` (durable already) visible to readers. */
	void (*apply)(struct store *s, uint64_t seq, struct store_op *op);

	/* Durably refuses records below `epoch` from now on; never goes back (ERR_CONFLICT). */
	void (*promise)(struct store *s, uint64_t epoch, struct store_op *op);

	/* Saves every record after `keep` with a manifest, fsynced, in the quarantine area.
	 * `why` is for the manifest. Must have succeeded before a truncate. */
	void (*quarantine)(struct store *s, const struct position *keep, const char *why,
	                   struct store_op *op);
	/* Drops every record after `to`; the view goes back with it. ERR_NOT_FOUND when the view
	 * cannot be rebuilt that far back: import a snapshot then. No apply may be in flight. */
	void (*truncate)(struct store *s, const struct position *to, struct store_op *op);

	/* Whole durable records from `from_seq` on, at least one, then up to max_bytes, appended
	 * to out. Blocking but short (page cache). ERR_NOT_FOUND: none there yet, or pruned. */
	enum err (*read_log)(struct store *s, uint64_t from_seq, size_t max_bytes, struct buf *out);
	/* The position of one record (0 gives the start). ERR_NOT_FOUND as above. */
	enum err (*position_of)(struct store *s, uint64_t seq, struct position *out);

	/* Log below this seq is no longer needed by any replica: may be pruned once checkpointed. */
	void (*release)(struct store *s, uint64_t seq);

	/* A snapshot of the view for another replica: one consistent state in chunks. `export_next`
	 * appends at most about max_bytes to out; ERR_NOT_FOUND at the end. Blocking but short. */
	enum err (*export_begin)(struct store *s, struct position *at, void **out);
	enum err (*export_next)(void *export, size_t max_bytes, struct buf *out);
	void (*export_end)(void *export);
	/* Replaces everything by a snapshot: begin, chunks as export gave them, commit. Until the
	 * commit has succeeded the old state stays; a crash leaves one of the two. The promise stays. */
	void (*import_begin)(struct store *s, const struct position *at, struct store_op *op);
	void (*import_chunk)(struct store *s, struct slice chunk, struct store_op *op);
	void (*import_commit)(struct store *s, const struct epoch_start *epochs, int epoch_count,
	                      struct store_op *op);

	void (*close)(struct store *s); /* waits for the lanes; no done is called any more */

	/* --- reader's thread --- */
	struct store_reader *(*reader_new)(struct store *s); /* NULL: no memory */
	void (*reader_free)(struct store_reader *r);
	/* Opens a snapshot, then calls `done` (maybe before returning, once) with what the key
	 * holds: ERR_OK, ERR_NOT_FOUND, ERR_CORRUPT, ERR_UNAVAILABLE (view being replaced).
	 * `at` is the snapshot's position, taken before `done`: a lease that still holds inside
	 * `done` held when the snapshot was opened. */
	void (*get)(struct store_reader *r, struct slice key,
	            void (*done)(void *arg, enum err err, const struct entry *e,
	                         const struct position *at),
	            void *arg);
	/* Synchronous walk in key order over one snapshot. */
	enum err (*scan)(struct store_reader *r, const struct store_scan *scan,
	                 struct position *at);
	/* Keys whose expires_ms is in (0, now_ms], earliest first, at most max. */
	enum err (*expired)(struct store_reader *r, uint64_t now_ms, int max,
	                    void (*each)(void *arg, struct slice key), void *arg);
};
struct store {
	const struct store_ops *ops;
};
