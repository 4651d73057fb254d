/* One entry of a view as its drivers keep it, and the number that stands for it in a
 * view's state hash. Pure.
 *
 * Layout, little-endian, then the value:
 *    0 u32 crc         CRC-32C of key ‖ [4, end)
 *    4 u32 zero
 *    8 u64 epoch
 *   16 u64 seq
 *   24 u64 expires_ms
 */
#pragma once
#include "base/bytes.h"
#include "base/hash.h"
#include "store/store.h"

enum { ENTRY_HEADER_BYTES = 32, ENTRY_MAX_BYTES = ENTRY_HEADER_BYTES + VALUE_MAX_BYTES };

/* Writes header and value to out (ENTRY_HEADER_BYTES + value.len bytes) and returns the sum
 * of the entry: equal sets of entries have equal totals, in whatever order they were made. */
static inline uint64_t entry_encode(uint8_t *out, struct slice key, const struct entry *e) {
	put_u32(out + 4, 0);
	put_u64(out + 8, e->epoch);
	put_u64(out + 16, e->seq);
	put_u64(out + 24, e->expires_ms);
	if (e->value.len) memcpy(out + ENTRY_HEADER_BYTES, e->value.ptr, e->value.len);
	uint32_t key_crc = crc32c(0, key.ptr, key.len);
	uint32_t crc = crc32c(key_crc, out + 4, ENTRY_HEADER_BYTES - 4 + e->value.len);
	put_u32(out, crc);
	return mix64((uint64_t)key_crc << 32 | crc);
}

/* The sum of an entry as stored, trusting its checksum. */
static inline uint64_t entry_sum(struct slice key, const uint8_t *stored) {
	return mix64((uint64_t)crc32c(0, key.ptr, key.len) << 32 | get_u32(stored));
}

/* ERR_CORRUPT unless the checksum holds over key and stored bytes. *e borrows stored. */
MUST static inline enum err entry_decode(struct slice key, struct slice stored, struct entry *e) {
	if (stored.len < ENTRY_HEADER_BYTES || stored.len > ENTRY_MAX_BYTES) return ERR_CORRUPT;
	if (key.len == 0 || key.len > KEY_MAX_BYTES) return ERR_CORRUPT;
	uint32_t crc = crc32c(crc32c(0, key.ptr, key.len), stored.ptr + 4, stored.len - 4);
	if (get_u32(stored.ptr) != crc) return ERR_CORRUPT;
	e->epoch = get_u64(stored.ptr + 8);
	e->seq = get_u64(stored.ptr + 16);
	e->expires_ms = get_u64(stored.ptr + 24);
	e->value = slice_of(stored.ptr + ENTRY_HEADER_BYTES, stored.len - ENTRY_HEADER_BYTES);
	return ERR_OK;
}
