/* The record: one atomic entry of a cell's log, the same bytes in memory, on disk
 * and on the wire. Mutations of keys plus zero or more events. Pure; any thread.
 *
 * Layout, little-endian:
 *    0 u32  bytes     whole record, this header included
 *    4 u32  crc       CRC-32C of bytes [8, end)
 *    8 u64  epoch     of the home that proposed it
 *   16 u64  seq       1, 2, 3 … per cell, without gaps
 *   24 u64  time_ms   wall clock of the home
 *   32 u8   hash[16]  chain: first 16 bytes of SHA-256(previous hash ‖ [8,32) ‖ [48,end))
 *   48 u8   kind      enum record_kind
 *   49 u8   zero
 *   50 u16  ops       number of mutations
 *   52 u16  events    number of events
 *   54 u16  zero
 *   56 …    mutations, then events
 * mutation: u8 type, u8 zero, u16 key_len, u32 value_len, u64 expires_ms, key, value
 * event:    u16 topic_len, u16 zero, u32 body_len, topic, body
 *
 * A key is `tenant NUL domain NUL name`; the store does not look inside. An empty
 * domain is ours: idempotency results live at `tenant NUL NUL idempotency-key`.
 */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

enum {
	RECORD_HEADER_BYTES = 56,
	RECORD_HASH_BYTES = 16,
	RECORD_MAX_BYTES = 8 << 20,
	RECORD_MAX_OPS = 1024,
	RECORD_MAX_EVENTS = 1024,
	KEY_MAX_BYTES = 511, /* LMDB's bound, held by every driver */
	VALUE_MAX_BYTES = 4 << 20,
};
enum record_kind { RECORD_DATA = 1, RECORD_EPOCH_START = 2 };
enum op_type { OP_PUT = 1, OP_DELETE = 2 };

/* A point in a cell's history. Equal epoch and seq with another hash is another history. */
struct position {
	uint64_t epoch, seq; /* seq 0: before the first record; then hash is zero */
	uint8_t hash[RECORD_HASH_BYTES];
};
bool position_eq(const struct position *a, const struct position *b);
int position_cmp(const struct position *a, const struct position *b); /* epoch first, then seq */

struct op {
	enum op_type type;
	struct slice key, value; /* value empty for a delete */
	uint64_t expires_ms;     /* wall clock; 0: never */
};
struct event {
	struct slice topic, body;
};

/* Appends one record to `out` and moves *at to it: seq + 1, the given epoch, the new hash.
 * ERR_TOO_LARGE beyond the limits above; then nothing is changed. */
MUST enum err record_encode(struct buf *out, struct position *at, uint64_t epoch, uint64_t time_ms,
                            enum record_kind kind, const struct op *ops, int op_count,
                            const struct event *events, int event_count);

/* A decoded header; `bytes` borrows the input. */
struct record {
	struct position at; /* its own epoch, seq and hash */
	uint64_t time_ms;
	enum record_kind kind;
	int op_count, event_count;
	struct slice bytes;
};
/* Reads the first record of `in`: shape and CRC. ERR_NOT_FOUND when `in` is shorter than the
 * record (or empty), ERR_CORRUPT for anything wrong. Does not check the chain. */
MUST enum err record_decode(struct slice in, struct record *out);
/* ERR_CORRUPT unless r follows prev: seq + 1, epoch not lower, chain hash right. */
MUST enum err record_follows(const struct record *r, const struct position *prev);

/* Walks the mutations, then the events, of a decoded record. */
struct record_cursor {
	struct slice rest;
	int left_ops, left_events;
};
struct record_cursor record_cursor(const struct record *r);
MUST enum err record_next_op(struct record_cursor *c,
                             struct op *out); /* ERR_NOT_FOUND at the end */
MUST enum err record_next_event(struct record_cursor *c, struct event *out); /* after all ops */
