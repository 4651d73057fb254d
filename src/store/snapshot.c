/* The snapshot codec: see snapshot.h. */
#include "store/snapshot.h"

#include "base/bytes.h"
#include "base/hash.h"

enum { TOTAL_BYTES = 32 + RECORD_HASH_BYTES };

static enum err item_put(struct buf *out, int kind, struct slice key, const struct entry *e) {
	size_t bytes = SNAPSHOT_HEADER_BYTES + key.len + e->value.len;
	uint8_t *p;
	enum err err = buf_reserve(out, bytes, &p);
	if (err) return err;
	p[4] = (uint8_t)kind;
	p[5] = 0;
	put_u16(p + 6, (uint16_t)key.len);
	put_u32(p + 8, (uint32_t)e->value.len);
	put_u64(p + 12, e->epoch);
	put_u64(p + 20, e->seq);
	put_u64(p + 28, e->expires_ms);
	if (key.len) memcpy(p + SNAPSHOT_HEADER_BYTES, key.ptr, key.len);
	if (e->value.len) memcpy(p + SNAPSHOT_HEADER_BYTES + key.len, e->value.ptr, e->value.len);
	put_u32(p, crc32c(0, p + 4, bytes - 4));
	buf_commit(out, bytes);
	return ERR_OK;
}

enum err snapshot_put_entry(struct buf *out, struct slice key, const struct entry *e) {
	return item_put(out, SNAPSHOT_ENTRY, key, e);
}

enum err snapshot_put_end(struct buf *out, const struct snapshot_total *total) {
	uint8_t p[TOTAL_BYTES];
	put_u64(p, total->at.epoch);
	put_u64(p + 8, total->at.seq);
	put_u64(p + 16, total->entries);
	put_u64(p + 24, total->state_hash);
	memcpy(p + 32, total->at.hash, RECORD_HASH_BYTES);
	const struct entry e = {.value = slice_of(p, TOTAL_BYTES)};
	return item_put(out, SNAPSHOT_END, slice_of(NULL, 0), &e);
}

static enum err total_read(struct slice s, struct snapshot_total *out) {
	if (s.len != TOTAL_BYTES) return ERR_CORRUPT;
	out->at.epoch = get_u64(s.ptr);
	out->at.seq = get_u64(s.ptr + 8);
	out->entries = get_u64(s.ptr + 16);
	out->state_hash = get_u64(s.ptr + 24);
	memcpy(out->at.hash, s.ptr + 32, RECORD_HASH_BYTES);
	return ERR_OK;
}

enum err snapshot_next(struct slice *rest, struct snapshot_item *out) {
	if (rest->len == 0) return ERR_NOT_FOUND;
	if (rest->len < SNAPSHOT_HEADER_BYTES) return ERR_CORRUPT;
	const uint8_t *p = rest->ptr;
	size_t key_len = get_u16(p + 6), value_len = get_u32(p + 8);
	size_t bytes = SNAPSHOT_HEADER_BYTES + key_len + value_len;
	if (key_len > KEY_MAX_BYTES || value_len > VALUE_MAX_BYTES || bytes > rest->len)
		return ERR_CORRUPT;
	if (get_u32(p) != crc32c(0, p + 4, bytes - 4) || p[5] != 0) return ERR_CORRUPT;
	out->kind = p[4];
	out->key = slice_of(p + SNAPSHOT_HEADER_BYTES, key_len);
	out->entry = (struct entry){
		.value = slice_of(p + SNAPSHOT_HEADER_BYTES + key_len, value_len),
		.epoch = get_u64(p + 12),
		.seq = get_u64(p + 20),
		.expires_ms = get_u64(p + 28),
	};
	rest->ptr += bytes;
	rest->len -= bytes;
	if (out->kind == SNAPSHOT_END) return total_read(out->entry.value, &out->total);
	return out->kind == SNAPSHOT_ENTRY && key_len > 0 ? ERR_OK : ERR_CORRUPT;
}
