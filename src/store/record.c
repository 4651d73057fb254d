/* The record codec of record.h. Pure: bytes in, bytes out. May not know where
 * records are kept or sent.
 */
#include "store/record.h"
#include "base/assert.h"
#include "base/bytes.h"
#include "base/hash.h"

enum {
	OP_HEADER_BYTES = 16,
	EVENT_HEADER_BYTES = 8,
	OFFSET_CRC = 4,
	OFFSET_EPOCH = 8,
	OFFSET_SEQ = 16,
	OFFSET_TIME = 24,
	OFFSET_HASH = 32,
	OFFSET_KIND = 48,
	OFFSET_OPS = 50,
	OFFSET_EVENTS = 52,
};

bool position_eq(const struct position *a, const struct position *b) {
	return a->epoch == b->epoch && a->seq == b->seq &&
	       memcmp(a->hash, b->hash, RECORD_HASH_BYTES) == 0;
}

int position_cmp(const struct position *a, const struct position *b) {
	if (a->epoch != b->epoch) return a->epoch < b->epoch ? -1 : 1;
	if (a->seq != b->seq) return a->seq < b->seq ? -1 : 1;
	return 0;
}

static void chain_hash(const uint8_t prev[RECORD_HASH_BYTES], struct slice bytes,
                       uint8_t out[RECORD_HASH_BYTES]) {
	const struct slice parts[] = {
		slice_of(prev, RECORD_HASH_BYTES),
		slice_of(bytes.ptr + OFFSET_EPOCH, OFFSET_HASH - OFFSET_EPOCH),
		slice_of(bytes.ptr + OFFSET_KIND, bytes.len - OFFSET_KIND),
	};
	uint8_t full[SHA256_BYTES];
	sha256(parts, 3, full);
	memcpy(out, full, RECORD_HASH_BYTES);
}

/* --- encoding --------------------------------------------------------------- */

static enum err ops_measure(const struct op *ops, int count, size_t *total) {
	if (count < 0 || count > RECORD_MAX_OPS) return ERR_TOO_LARGE;
	for (int i = 0; i < count; i++) {
		if (ops[i].key.len > KEY_MAX_BYTES || ops[i].value.len > VALUE_MAX_BYTES)
			return ERR_TOO_LARGE;
		ASSERT(ops[i].key.len > 0);
		ASSERT(ops[i].type == OP_PUT || (ops[i].type == OP_DELETE && !ops[i].value.len));
		*total += OP_HEADER_BYTES + ops[i].key.len + ops[i].value.len;
	}
	return ERR_OK;
}

static enum err events_measure(const struct event *events, int count, size_t *total) {
	if (count < 0 || count > RECORD_MAX_EVENTS) return ERR_TOO_LARGE;
	for (int i = 0; i < count; i++) {
		if (events[i].topic.len > UINT16_MAX || events[i].body.len > RECORD_MAX_BYTES)
			return ERR_TOO_LARGE;
		*total += EVENT_HEADER_BYTES + events[i].topic.len + events[i].body.len;
	}
	return ERR_OK;
}

static uint8_t *put_slice(uint8_t *p, struct slice s) {
	if (s.len) memcpy(p, s.ptr, s.len);
	return p + s.len;
}

static uint8_t *op_put(uint8_t *p, const struct op *op) {
	p[0] = (uint8_t)op->type;
	p[1] = 0;
	put_u16(p + 2, (uint16_t)op->key.len);
	put_u32(p + 4, (uint32_t)op->value.len);
	put_u64(p + 8, op->type == OP_PUT ? op->expires_ms : 0);
	return put_slice(put_slice(p + OP_HEADER_BYTES, op->key), op->value);
}

static uint8_t *event_put(uint8_t *p, const struct event *event) {
	put_u16(p, (uint16_t)event->topic.len);
	put_u16(p + 2, 0);
	put_u32(p + 4, (uint32_t)event->body.len);
	return put_slice(put_slice(p + EVENT_HEADER_BYTES, event->topic), event->body);
}

enum err record_encode(struct buf *out, struct position *at, uint64_t epoch, uint64_t time_ms,
                       enum record_kind kind, const struct op *ops, int op_count,
                       const struct event *events, int event_count) {
	ASSERT(kind == RECORD_DATA || kind == RECORD_EPOCH_START);
	ASSERT(epoch >= at->epoch);
	size_t total = RECORD_HEADER_BYTES;
	enum err err = ops_measure(ops, op_count, &total);
	if (!err) err = events_measure(events, event_count, &total);
	if (!err && total > RECORD_MAX_BYTES) err = ERR_TOO_LARGE;
	uint8_t *p;
	if (!err) err = buf_reserve(out, total, &p);
	if (err) return err;

	struct slice bytes = slice_of(p, total);
	memset(p, 0, RECORD_HEADER_BYTES);
	put_u32(p, (uint32_t)total);
	put_u64(p + OFFSET_EPOCH, epoch);
	put_u64(p + OFFSET_SEQ, at->seq + 1);
	put_u64(p + OFFSET_TIME, time_ms);
	p[OFFSET_KIND] = (uint8_t)kind;
	put_u16(p + OFFSET_OPS, (uint16_t)op_count);
	put_u16(p + OFFSET_EVENTS, (uint16_t)event_count);
	uint8_t *body = p + RECORD_HEADER_BYTES;
	for (int i = 0; i < op_count; i++) body = op_put(body, &ops[i]);
	for (int i = 0; i < event_count; i++) body = event_put(body, &events[i]);
	ASSERT(body == p + total);
	chain_hash(at->hash, bytes, p + OFFSET_HASH);
	put_u32(p + OFFSET_CRC, crc32c(0, p + OFFSET_EPOCH, total - OFFSET_EPOCH));

	at->epoch = epoch;
	at->seq++;
	memcpy(at->hash, p + OFFSET_HASH, RECORD_HASH_BYTES);
	buf_commit(out, total);
	return ERR_OK;
}

/* --- decoding --------------------------------------------------------------- */

struct record_cursor record_cursor(const struct record *r) {
	return (struct record_cursor){
		.rest = slice_of(r->bytes.ptr + RECORD_HEADER_BYTES,
	                         r->bytes.len - RECORD_HEADER_BYTES),
		.left_ops = r->op_count,
		.left_events = r->event_count,
	};
}

static struct slice rest_take(struct slice *rest, size_t len) {
	struct slice taken = slice_of(rest->ptr, len);
	rest->ptr += len;
	rest->len -= len;
	return taken;
}

enum err record_next_op(struct record_cursor *c, struct op *out) {
	if (c->left_ops == 0) return ERR_NOT_FOUND;
	if (c->rest.len < OP_HEADER_BYTES) return ERR_CORRUPT;
	const uint8_t *p = c->rest.ptr;
	size_t key_len = get_u16(p + 2), value_len = get_u32(p + 4);
	uint64_t expires_ms = get_u64(p + 8);
	bool put = p[0] == OP_PUT;
	if (!put && (p[0] != OP_DELETE || value_len != 0 || expires_ms != 0)) return ERR_CORRUPT;
	if (p[1] != 0 || key_len == 0 || key_len > KEY_MAX_BYTES || value_len > VALUE_MAX_BYTES)
		return ERR_CORRUPT;
	if (key_len + value_len > c->rest.len - OP_HEADER_BYTES) return ERR_CORRUPT;
	(void)rest_take(&c->rest, OP_HEADER_BYTES);
	out->type = put ? OP_PUT : OP_DELETE;
	out->expires_ms = expires_ms;
	out->key = rest_take(&c->rest, key_len);
	out->value = rest_take(&c->rest, value_len);
	c->left_ops--;
	return ERR_OK;
}

enum err record_next_event(struct record_cursor *c, struct event *out) {
	ASSERT(c->left_ops == 0);
	if (c->left_events == 0) return ERR_NOT_FOUND;
	if (c->rest.len < EVENT_HEADER_BYTES) return ERR_CORRUPT;
	const uint8_t *p = c->rest.ptr;
	size_t topic_len = get_u16(p), body_len = get_u32(p + 4);
	if (get_u16(p + 2) != 0) return ERR_CORRUPT;
	if (topic_len + body_len > c->rest.len - EVENT_HEADER_BYTES) return ERR_CORRUPT;
	(void)rest_take(&c->rest, EVENT_HEADER_BYTES);
	out->topic = rest_take(&c->rest, topic_len);
	out->body = rest_take(&c->rest, body_len);
	c->left_events--;
	return ERR_OK;
}

/* Walks everything once: afterwards the cursor functions cannot fail on this record. */
static enum err shape_check(const struct record *r) {
	struct record_cursor c = record_cursor(r);
	struct op op;
	struct event event;
	enum err err;
	while (!(err = record_next_op(&c, &op))) continue;
	if (err != ERR_NOT_FOUND) return err;
	while (!(err = record_next_event(&c, &event))) continue;
	if (err != ERR_NOT_FOUND) return err;
	return c.rest.len == 0 ? ERR_OK : ERR_CORRUPT;
}

enum err record_decode(struct slice in, struct record *out) {
	if (in.len < sizeof(uint32_t)) return ERR_NOT_FOUND;
	size_t total = get_u32(in.ptr);
	if (total < RECORD_HEADER_BYTES || total > RECORD_MAX_BYTES) return ERR_CORRUPT;
	if (in.len < total) return ERR_NOT_FOUND;
	const uint8_t *p = in.ptr;
	if (get_u32(p + OFFSET_CRC) != crc32c(0, p + OFFSET_EPOCH, total - OFFSET_EPOCH))
		return ERR_CORRUPT;
	uint8_t kind = p[OFFSET_KIND];
	if (kind != RECORD_DATA && kind != RECORD_EPOCH_START) return ERR_CORRUPT;
	if (p[OFFSET_KIND + 1] != 0 || get_u16(p + OFFSET_EVENTS + 2) != 0) return ERR_CORRUPT;

	struct record r = {
		.at = {.epoch = get_u64(p + OFFSET_EPOCH), .seq = get_u64(p + OFFSET_SEQ)},
		.time_ms = get_u64(p + OFFSET_TIME),
		.kind = kind,
		.op_count = get_u16(p + OFFSET_OPS),
		.event_count = get_u16(p + OFFSET_EVENTS),
		.bytes = slice_of(p, total),
	};
	if (r.at.seq == 0 || r.op_count > RECORD_MAX_OPS || r.event_count > RECORD_MAX_EVENTS)
		return ERR_CORRUPT;
	memcpy(r.at.hash, p + OFFSET_HASH, RECORD_HASH_BYTES);
	enum err err = shape_check(&r);
	if (!err) *out = r;
	return err;
}

enum err record_follows(const struct record *r, const struct position *prev) {
	if (r->at.seq != prev->seq + 1 || r->at.epoch < prev->epoch) return ERR_CORRUPT;
	uint8_t hash[RECORD_HASH_BYTES];
	chain_hash(prev->hash, r->bytes, hash);
	return memcmp(hash, r->at.hash, RECORD_HASH_BYTES) == 0 ? ERR_OK : ERR_CORRUPT;
}
