/* The bytes of a snapshot on its way from one replica to another, the same for every
 * driver: items of one entry each, then one end item that says what the whole must add
 * up to. Pure.
 *
 * Item, little-endian: u32 crc of [4, end), u8 kind, u8 zero, u16 key_len, u32 value_len,
 * epoch, seq, expires_ms (u64 each), key, value.
 */
#pragma once
#include "base/buf.h"
#include "store/store.h"

enum { SNAPSHOT_HEADER_BYTES = 36, SNAPSHOT_ENTRY = 1, SNAPSHOT_END = 2 };

struct snapshot_total {
	struct position at;
	uint64_t entries, state_hash;
};
struct snapshot_item {
	int kind;
	struct slice key;
	struct entry entry;          /* SNAPSHOT_ENTRY; borrows the input */
	struct snapshot_total total; /* SNAPSHOT_END */
};
MUST enum err snapshot_put_entry(struct buf *out, struct slice key, const struct entry *e);
MUST enum err snapshot_put_end(struct buf *out, const struct snapshot_total *total);
/* Takes the first item off *rest. ERR_NOT_FOUND: empty; ERR_CORRUPT: cut or damaged. */
MUST enum err snapshot_next(struct slice *rest, struct snapshot_item *out);
