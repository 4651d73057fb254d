/* The bytes of a frame: header, then the fields that its type has, in one fixed order, then
 * bytes. Pure; knows nothing of who may say what when. */
#include "cell/frame.h"

#include "base/assert.h"
#include "base/bytes.h"
#include "base/hash.h"

enum { HAS_SEQ = 1, HAS_STAMP = 2, HAS_FLAG = 4, HAS_AT = 8, HAS_LAGS = 16, HAS_BYTES = 32 };
#define FRAME_TYPES ((unsigned)FRAME_VOUCHED + 1)
enum { FIELDS_BYTES_MAX = 8 + 8 + 1 + 32 + 4 * FRAME_REPLICAS_MAX };

static const uint8_t fields_of[FRAME_TYPES] = {
	[FRAME_HELLO] = HAS_BYTES,
	[FRAME_ASK] = HAS_SEQ | HAS_STAMP | HAS_FLAG | HAS_AT,
	[FRAME_MATCH] = HAS_SEQ | HAS_AT,
	[FRAME_DIVERGED] = HAS_SEQ | HAS_AT,
	[FRAME_RECORDS] = HAS_SEQ | HAS_BYTES,
	[FRAME_ACK] = HAS_SEQ | HAS_STAMP | HAS_AT,
	[FRAME_HEARTBEAT] = HAS_SEQ | HAS_STAMP | HAS_FLAG | HAS_AT | HAS_LAGS,
	[FRAME_SEAL] = 0,
	[FRAME_SEALED] = HAS_AT,
	[FRAME_PULL] = HAS_SEQ | HAS_STAMP | HAS_FLAG | HAS_AT,
	[FRAME_SNAPSHOT_BEGIN] = HAS_SEQ | HAS_AT | HAS_BYTES,
	[FRAME_SNAPSHOT_CHUNK] = HAS_SEQ | HAS_BYTES,
	[FRAME_SNAPSHOT_END] = HAS_SEQ,
	[FRAME_SNAPSHOT_ACK] = HAS_SEQ,
	[FRAME_REFUSED] = HAS_SEQ,
	[FRAME_VOUCH] = HAS_STAMP,
	[FRAME_VOUCHED] = HAS_STAMP | HAS_FLAG,
};

static void fields_put(struct bytes_writer *w, const struct frame *f) {
	uint8_t has = fields_of[f->type];
	if (has & HAS_SEQ) bytes_put_u64(w, f->seq);
	if (has & HAS_STAMP) bytes_put_u64(w, f->stamp);
	if (has & HAS_FLAG) bytes_put_u8(w, f->flag);
	if (has & HAS_AT) {
		bytes_put_u64(w, f->at.epoch);
		bytes_put_u64(w, f->at.seq);
		bytes_put(w, slice_of(f->at.hash, RECORD_HASH_BYTES));
	}
	for (int i = 0; has & HAS_LAGS && i < FRAME_REPLICAS_MAX; i++)
		bytes_put_u32(w, f->lag_ms[i]);
}

enum err frame_encode(const struct frame *f, struct buf *out) {
	ASSERT(f->type >= FRAME_HELLO && (unsigned)f->type < FRAME_TYPES);
	uint8_t head[FRAME_HEADER_BYTES + FIELDS_BYTES_MAX];
	struct bytes_writer w = bytes_writer(head, sizeof head);
	struct slice bytes = fields_of[f->type] & HAS_BYTES ? f->bytes : (struct slice){0};
	w.len = 8;
	bytes_put_u8(&w, (uint8_t)f->type);
	bytes_put_u8(&w, FRAME_VERSION);
	bytes_put_u16(&w, f->cell);
	bytes_put_u64(&w, f->epoch);
	fields_put(&w, f);
	ASSERT(!w.failed);
	if (bytes.len > FRAME_MAX_BYTES - w.len) return ERR_TOO_LARGE;
	size_t total = w.len + bytes.len;
	put_u32(head, (uint32_t)total);
	put_u32(head + 4, crc32c(crc32c(0, head + 8, w.len - 8), bytes.ptr, bytes.len));

	uint8_t *room;
	enum err err = buf_reserve(out, total, &room);
	if (err) return err;
	memcpy(room, head, w.len);
	if (bytes.len) memcpy(room + w.len, bytes.ptr, bytes.len);
	buf_commit(out, total);
	return ERR_OK;
}

static bool fields_take(struct bytes_reader *r, struct frame *f) {
	uint8_t has = fields_of[f->type];
	if (has & HAS_SEQ) f->seq = bytes_u64(r);
	if (has & HAS_STAMP) f->stamp = bytes_u64(r);
	if (has & HAS_FLAG) {
		uint8_t flag = bytes_u8(r);
		if (flag > 1) return false;
		f->flag = flag;
	}
	if (has & HAS_AT) {
		f->at.epoch = bytes_u64(r);
		f->at.seq = bytes_u64(r);
		struct slice hash = bytes_take(r, RECORD_HASH_BYTES);
		if (!r->failed) memcpy(f->at.hash, hash.ptr, RECORD_HASH_BYTES);
	}
	for (int i = 0; has & HAS_LAGS && i < FRAME_REPLICAS_MAX; i++) f->lag_ms[i] = bytes_u32(r);
	if (r->failed) return false;
	f->bytes = r->rest;
	return has & HAS_BYTES || r->rest.len == 0;
}

enum err frame_decode(struct slice in, struct frame *f, size_t *used) {
	if (in.len < sizeof(uint32_t)) return ERR_NOT_FOUND;
	size_t total = get_u32(in.ptr);
	if (total < FRAME_HEADER_BYTES || total > FRAME_MAX_BYTES) return ERR_CORRUPT;
	if (in.len < total) return ERR_NOT_FOUND;
	if (get_u32(in.ptr + 4) != crc32c(0, in.ptr + 8, total - 8)) return ERR_CORRUPT;

	struct bytes_reader r = bytes_reader(slice_of(in.ptr + 8, total - 8));
	uint8_t type = bytes_u8(&r);
	uint8_t version = bytes_u8(&r);
	if (type < FRAME_HELLO || type >= FRAME_TYPES || version != FRAME_VERSION)
		return ERR_CORRUPT;
	struct frame decoded = {.type = (enum frame_type)type};
	decoded.cell = bytes_u16(&r);
	decoded.epoch = bytes_u64(&r);
	if (decoded.type == FRAME_HELLO && (decoded.epoch || decoded.cell)) return ERR_CORRUPT;
	if (!fields_take(&r, &decoded)) return ERR_CORRUPT;
	*f = decoded;
	*used = total;
	return ERR_OK;
}
