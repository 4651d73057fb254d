/* The answer that a secondary source is given. Pure; knows nothing of who asks nor of tenants. */
#include "cell/feed.h"

#include "base/bytes.h"
#include "base/hash.h"

enum { MAGIC = 0x31466648, CHANGE_BYTES = 32, AT_CRC = 4, EPOCH_BYTES = 16 };

/* --- writing --------------------------------------------------------------------------------- */

static void put_head(uint8_t *p, const struct feed_head *h) {
	put_u32(p, MAGIC);
	p[8] = (uint8_t)h->kind;
	p[9] = h->more;
	put_u16(p + 10, (uint16_t)h->epoch_count);
	put_u32(p + 12, h->change_count);
	put_u64(p + 16, h->epoch);
	put_u64(p + 24, h->through_epoch);
	put_u64(p + 32, h->through_seq);
	put_u32(p + 40, h->age_ms);
	put_u16(p + 44, (uint16_t)h->cursor.len);
	put_u16(p + 46, 0);
}

enum err feed_begin(struct buf *out, const struct feed_head *h) {
	uint8_t *p;
	if (h->epoch_count > FEED_EPOCHS_MAX || h->cursor.len > KEY_MAX_BYTES) return ERR_TOO_LARGE;
	size_t bytes = FEED_HEAD_BYTES + EPOCH_BYTES * (size_t)h->epoch_count + KEY_MAX_BYTES;
	enum err err = buf_reserve(out, bytes, &p);
	if (err) return err;
	for (int i = 0; i < h->epoch_count; i++) {
		put_u64(p + FEED_HEAD_BYTES + EPOCH_BYTES * i, h->epochs[i].epoch);
		put_u64(p + FEED_HEAD_BYTES + EPOCH_BYTES * i + 8, h->epochs[i].seq);
	}
	size_t fixed = bytes - KEY_MAX_BYTES;
	if (h->cursor.len) memcpy(p + fixed, h->cursor.ptr, h->cursor.len);
	buf_commit(out, fixed + h->cursor.len);
	return ERR_OK;
}

enum err feed_add(struct buf *out, const struct feed_change *c) {
	uint8_t *p;
	size_t bytes = CHANGE_BYTES + c->key.len + c->entry.value.len;
	enum err err = buf_reserve(out, bytes, &p);
	if (err) return err;
	p[0] = (uint8_t)c->type;
	p[1] = 0;
	put_u16(p + 2, (uint16_t)c->key.len);
	put_u32(p + 4, (uint32_t)c->entry.value.len);
	put_u64(p + 8, c->entry.epoch);
	put_u64(p + 16, c->entry.seq);
	put_u64(p + 24, c->entry.expires_ms);
	memcpy(p + CHANGE_BYTES, c->key.ptr, c->key.len);
	if (c->entry.value.len)
		memcpy(p + CHANGE_BYTES + c->key.len, c->entry.value.ptr, c->entry.value.len);
	buf_commit(out, bytes);
	return ERR_OK;
}

void feed_end(struct buf *out, const struct feed_head *h) {
	uint8_t *p = out->mem + out->start;
	put_head(p, h);
	put_u32(p + AT_CRC, crc32c(0, p + AT_CRC + 4, out->len - AT_CRC - 4));
}

/* --- reading --------------------------------------------------------------------------------- */

static bool read_epochs(struct bytes_reader *r, struct feed_head *h, uint16_t count) {
	struct epoch_start last = {0, 0};
	if (count > FEED_EPOCHS_MAX) return false;
	for (int i = 0; i < count; i++) {
		struct epoch_start e = {.epoch = bytes_u64(r)};
		e.seq = bytes_u64(r);
		if (r->failed || e.epoch <= last.epoch || e.seq < last.seq) return false;
		h->epochs[i] = last = e;
	}
	h->epoch_count = count;
	return true;
}

static bool read_head(struct bytes_reader *r, struct feed_head *h) {
	uint8_t kind = bytes_u8(r), more = bytes_u8(r);
	uint16_t epochs = bytes_u16(r);
	h->change_count = bytes_u32(r);
	h->epoch = bytes_u64(r);
	h->through_epoch = bytes_u64(r);
	h->through_seq = bytes_u64(r);
	h->age_ms = bytes_u32(r);
	uint16_t cursor = bytes_u16(r);
	if (bytes_u16(r) != 0 || kind < FEED_CHANGES || kind > FEED_BEHIND || more > 1)
		return false;
	if (cursor > KEY_MAX_BYTES || h->through_epoch > h->epoch) return false;
	h->kind = (enum feed_kind)kind;
	h->more = more != 0;
	if (!read_epochs(r, h, epochs)) return false;
	h->cursor = bytes_take(r, cursor);
	return !r->failed;
}

static bool read_change(struct bytes_reader *r, struct feed_change *c) {
	uint8_t type = bytes_u8(r), zero = bytes_u8(r);
	uint16_t key = bytes_u16(r);
	uint32_t value = bytes_u32(r);
	c->entry.epoch = bytes_u64(r);
	c->entry.seq = bytes_u64(r);
	c->entry.expires_ms = bytes_u64(r);
	c->key = bytes_take(r, key);
	c->entry.value = bytes_take(r, value);
	c->type = type == OP_PUT ? OP_PUT : OP_DELETE;
	if (r->failed || zero || (type != OP_PUT && type != OP_DELETE)) return false;
	if (key == 0 || key > KEY_MAX_BYTES || value > VALUE_MAX_BYTES) return false;
	return type == OP_PUT || (value == 0 && c->entry.expires_ms == 0);
}

/* A log goes on, a page holds what is, in order; neither knows more than it says. */
static bool follows(const struct feed_head *h, const struct feed_change *last,
                    const struct feed_change *c) {
	if (c->entry.seq == 0 || c->entry.seq > h->through_seq) return false;
	if (c->entry.epoch == 0 || c->entry.epoch > h->through_epoch) return false;
	if (h->kind == FEED_CHANGES)
		return c->entry.seq >= last->entry.seq && c->entry.epoch >= last->entry.epoch;
	return h->kind == FEED_PAGE && c->type == OP_PUT &&
	       (!last->key.len || slice_cmp(last->key, c->key) < 0) &&
	       (!h->cursor.len || slice_cmp(c->key, h->cursor) <= 0);
}

static bool check_changes(const struct feed_head *h, struct slice bytes) {
	struct bytes_reader r = bytes_reader(bytes);
	struct feed_change last = {0}, c;
	for (uint32_t i = 0; i < h->change_count; i++) {
		if (!read_change(&r, &c) || !follows(h, &last, &c)) return false;
		last = c;
	}
	return bytes_end(&r);
}

enum err feed_decode(struct slice in, struct feed_head *h, struct feed_cursor *changes) {
	struct bytes_reader r = bytes_reader(in);
	uint32_t magic = bytes_u32(&r), crc = bytes_u32(&r);
	memset(h, 0, sizeof *h);
	if (r.failed || magic != MAGIC || crc != crc32c(0, r.rest.ptr, r.rest.len))
		return ERR_CORRUPT;
	if (!read_head(&r, h) || !check_changes(h, r.rest)) return ERR_CORRUPT;
	*changes = (struct feed_cursor){r.rest, h->change_count};
	return ERR_OK;
}

bool feed_next(struct feed_cursor *c, struct feed_change *out) {
	if (!c->left) return false;
	struct bytes_reader r = bytes_reader(c->rest);
	if (!read_change(&r, out)) return false;
	c->rest = r.rest;
	c->left--;
	return true;
}
