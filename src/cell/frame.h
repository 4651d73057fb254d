/* Frames of the replication stream. One TCP connection per pair of regions carries
 * the frames of all their shared cells, both ways. Pure encoding; bytes are hostile.
 *
 * Header, little-endian: u32 bytes (whole frame), u32 CRC-32C of the rest, u8 type, u8 version,
 * u16 cell (index agreed in HELLO), u64 epoch (the sender's for that cell; 0 in HELLO), body.
 */
#pragma once
#include "base/buf.h"
#include "store/record.h"
#include "store/store.h"

enum {
	FRAME_HEADER_BYTES = 20,
	FRAME_MAX_BYTES = (8 << 20) + 4096,
	FRAME_VERSION = 1,
	FRAME_REPLICAS_MAX = 8,
	FRAME_EPOCHS_MAX = 256
};
enum frame_type {
	FRAME_HELLO = 1,      /* the link's own handshake: see link.h; `bytes` is its body */
	FRAME_ASK,            /* copy → home: `at` is my last position, or, with `stamp` 1, a guess during
	                       * reconciliation; `flag`: send a snapshot instead; `seq` numbers the asks, so
	                       * that an answer to an earlier one is not taken for this one's */
	FRAME_MATCH,          /* home → copy: `at` is in my history; unless it was a guess, records follow
	                       * from at.seq + 1; `seq` as asked */
	FRAME_DIVERGED,       /* home → copy: `at`: my largest epoch ≤ yours and the last seq in it: ask again
	                       * there or below (no hash); `seq` as asked */
	FRAME_RECORDS,        /* home → copy: `bytes` records; `seq` committed */
	FRAME_ACK,            /* copy → home: `seq` durable, `at` its position, `stamp` the copy's clock */
	FRAME_HEARTBEAT,      /* home → copy: `seq` committed, `lag_ms` of all copies, `stamp` of the last ACK
	                       * (0: none), `flag` my lease holds, `at`.seq: log below is on every copy */
	FRAME_SEAL,           /* candidate → copy: refuse below this epoch */
	FRAME_SEALED,         /* copy → candidate: promised durably; `at` is my last position */
	FRAME_PULL,           /* candidate → best copy: as ASK, with the candidate's epoch */
	FRAME_SNAPSHOT_BEGIN, /* `at`; `bytes`: the sender's whole epoch table, also beyond `at`: pairs of
	                       * u64 (epoch, seq), at most FRAME_EPOCHS_MAX; `seq` as asked */
	FRAME_SNAPSHOT_CHUNK, /* `bytes`, `seq` numbers them from 1 */
	FRAME_SNAPSHOT_END,   /* `seq` chunks in all */
	FRAME_SNAPSHOT_ACK,   /* `seq` chunks taken */
	FRAME_REFUSED,        /* not now or not me: `epoch` is what I know; `seq` of the ask, 0: it was a SEAL */
	FRAME_VOUCH,          /* home → copy: coordination is silent: follow no other for a lease's length?
	                       * `stamp`: when, by the asker's clock */
	FRAME_VOUCHED,        /* copy → home: `flag`: I promise; `stamp` and epoch as asked */
};
struct frame {
	enum frame_type type;
	uint16_t cell;       /* the shell's business: the cell leaves it 0 */
	uint64_t epoch;
	uint64_t seq, stamp;
	bool flag;
	struct position at;
	uint32_t lag_ms[FRAME_REPLICAS_MAX];
	struct slice bytes;  /* borrowed */
};
MUST enum err frame_encode(const struct frame *f, struct buf *out);
/* Decodes the first frame of `in`. ERR_NOT_FOUND: incomplete; ERR_CORRUPT: close the link.
 * *used: its length. f->bytes borrows `in`. */
MUST enum err frame_decode(struct slice in, struct frame *f, size_t *used);
