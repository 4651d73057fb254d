/* What a secondary source is answered when it asks a copy of a cell for what it lacks: changes of
 * the keys it is for, from the log or, while it fills, pages of the view. One format for both, so
 * that its disk never sees a byte of the others that live in the cell. Pure encoding; bytes are
 * hostile.
 *
 * Little-endian:
 *    0 u32 magic, u32 CRC-32C of the rest
 *    8 u8 kind, u8 more, u16 epochs, u32 changes
 *   16 u64 epoch         of the cell, as the answerer knows it
 *   24 u64 epoch, u64 seq  through: the position that this answer ends at
 *   40 u32 age_ms, u16 cursor bytes, u16 zero
 *   48 epochs (u64 epoch, u64 seq), cursor, changes
 * change: u8 op, u8 zero, u16 key bytes, u32 value bytes, u64 epoch, u64 seq, u64 expires, key, value
 */
#pragma once
#include "base/buf.h"
#include "store/store.h"

enum {
	FEED_HEAD_BYTES = 48,
	FEED_EPOCHS_MAX = 256,
	FEED_LOG_BYTES = 512 << 10,  /* of records looked at for one answer; one record may be more */
	FEED_PAGE_BYTES = 512 << 10, /* of a page; one value may be more */
	FEED_BYTES_MAX = 12 << 20,
};
enum feed_kind {
	FEED_CHANGES = 1, /* of the log, from where was asked to `through`, in order */
	FEED_PAGE,        /* of the view as it was at `through`, in key order; goes on behind `cursor` */
	FEED_ANEW,        /* where you are is not in my history, or my log begins later: fill anew */
	FEED_BEHIND,      /* I know less than you: ask another */
};
struct feed_head {
	enum feed_kind kind;
	bool more;              /* ask again at once */
	uint64_t epoch;
	uint64_t through_epoch, through_seq;
	/* All that was committed at home so long ago is at or before `through`; UINT32_MAX: not known. */
	uint32_t age_ms;
	struct epoch_start epochs[FEED_EPOCHS_MAX]; /* ascending: where those of its history begin */
	int epoch_count;
	struct slice cursor;    /* of a page: at most KEY_MAX_BYTES */
	uint32_t change_count;
};
struct feed_change {
	enum op_type type;
	struct slice key;
	struct entry entry; /* of a delete: epoch and seq only */
};

/* Starts an answer in the empty `out`; then changes; then feed_end writes what the head ended as. */
MUST enum err feed_begin(struct buf *out, const struct feed_head *head);
MUST enum err feed_add(struct buf *out, const struct feed_change *change);
void feed_end(struct buf *out, const struct feed_head *head);

/* The whole answer: shape, checksum, every change. ERR_CORRUPT for anything wrong. What is given
 * borrows `in`. */
struct feed_cursor {
	struct slice rest;
	uint32_t left;
};
MUST enum err feed_decode(struct slice in, struct feed_head *head, struct feed_cursor *changes);
bool feed_next(struct feed_cursor *c, struct feed_change *out); /* of a decoded answer; false: no more */
