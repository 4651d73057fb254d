/* The log of changes of tenants: encoding, appending, starting anew on an image. */
#include "policy/tenant_log.h"

#include "base/assert.h"
#include "policy/directory_private.h"

enum { LOG_VERSION = 1, CHUNK_HEAD_BYTES = 28, HEAD_BYTES = SHA256_BYTES + 28 };
static const uint32_t head_mark = 0x48544648, chunk_mark = 0x43544648; /* "HFTH", "HFTC" */

/* --- one change ------------------------------------------------------------------------------- */

/* profile length u16 · profile · row, as images have them. */
struct slice tenant_change_encode(const struct policy *p, const struct tenant_row *row,
                                  uint8_t out[TENANT_CHANGE_BYTES_MAX]) {
	uint8_t profile[PROFILE_BYTES_MAX], bytes[ROW_BYTES_MAX];
	struct bytes_writer w = bytes_writer(out, TENANT_CHANGE_BYTES_MAX);
	struct slice encoded = profile_encode(p, &row->profile, profile);
	bytes_put_u16(&w, (uint16_t)encoded.len);
	bytes_put(&w, encoded);
	bytes_put(&w, row_encode(row, 0, bytes));
	ASSERT(!w.failed);
	return slice_of(out, w.len);
}

enum err tenant_change_decode(struct slice bytes, const struct policy *p, struct tenant_row *row,
                              struct fault *f) {
	struct bytes_reader r = bytes_reader(bytes);
	struct tenant_profile profile;
	size_t len = bytes_u16(&r);
	struct bytes_reader inner = bytes_reader(bytes_take(&r, len));
	struct slice whole;
	if (r.failed || !row_at(r.rest.ptr, r.rest.len, &whole) || whole.len != r.rest.len ||
	    row_profile(whole) != 0)
		return fault_set(f, ERR_CORRUPT, "a change of a tenant is malformed");
	enum err e = profile_decode(&inner, p, &profile, f);
	if (!e && !bytes_end(&inner))
		return fault_set(f, ERR_CORRUPT, "a change of a tenant is malformed");
	if (e) return e;
	struct tenant t = {.profile = &profile, .row = whole};
	tenant_to_row(&t, row);
	return tenant_row_check(p, row, f);
}

/* --- chunks ----------------------------------------------------------------------------------- */

static void put_chunk(struct bytes_writer *w, const struct tenant_chunk *c) {
	bytes_put_u64(w, c->number);
	bytes_put_u64(w, c->before);
	bytes_put_u32(w, (uint32_t)c->count);
	bytes_put(w, c->records);
}

/* Counts what is there: a chunk that passes can be walked to its end. */
static bool take_chunk(struct bytes_reader *r, struct tenant_chunk *out) {
	out->number = bytes_u64(r);
	out->before = bytes_u64(r);
	out->count = bytes_u32(r);
	if (r->failed || out->before > INT64_MAX || out->number > INT64_MAX) return false;
	out->records = r->rest;
	uint64_t found = 0;
	for (; r->rest.len && !r->failed; found++) {
		size_t len = bytes_u16(r);
		if (len > TENANT_CHANGE_BYTES_MAX) return false;
		bytes_take(r, len);
	}
	return !r->failed && found == out->count;
}

bool tenant_chunk_next(struct tenant_chunk *c, struct slice *change) {
	struct bytes_reader r = bytes_reader(c->records);
	if (c->count == 0) return false;
	size_t len = bytes_u16(&r);
	*change = bytes_take(&r, len);
	c->records = r.rest;
	c->before++;
	c->count--;
	return !r.failed;
}

struct slice tenant_chunk_encode(const struct tenant_chunk *c, uint8_t out[TENANT_LOG_VALUE_MAX]) {
	struct bytes_writer w = bytes_writer(out, TENANT_LOG_VALUE_MAX);
	bytes_put_u32(&w, chunk_mark);
	bytes_put_u32(&w, LOG_VERSION);
	put_chunk(&w, c);
	ASSERT(!w.failed);
	return slice_of(out, w.len);
}

static bool begins(struct bytes_reader *r, uint32_t mark) {
	uint32_t found = bytes_u32(r), version = bytes_u32(r);
	return found == mark && version == LOG_VERSION;
}

enum err tenant_chunk_decode(struct slice value, struct tenant_chunk *out) {
	struct bytes_reader r = bytes_reader(value);
	return begins(&r, chunk_mark) && take_chunk(&r, out) ? ERR_OK : ERR_CORRUPT;
}

/* --- the head ----------------------------------------------------------------------------------- */

struct slice tenant_head_encode(const struct tenant_head *h, uint8_t out[TENANT_LOG_VALUE_MAX]) {
	struct bytes_writer w = bytes_writer(out, TENANT_LOG_VALUE_MAX);
	bytes_put_u32(&w, head_mark);
	bytes_put_u32(&w, LOG_VERSION);
	bytes_put(&w, slice_of(h->image, SHA256_BYTES));
	bytes_put_u64(&w, h->image_bytes);
	bytes_put_u64(&w, h->image_revision);
	bytes_put_u64(&w, h->first);
	put_chunk(&w, &h->newest);
	ASSERT(!w.failed);
	return slice_of(out, w.len);
}

enum err tenant_head_decode(struct slice value, struct tenant_head *out) {
	struct bytes_reader r = bytes_reader(value);
	*out = (struct tenant_head){0};
	if (value.len == 0) return ERR_OK;
	if (!begins(&r, head_mark)) return ERR_CORRUPT;
	struct slice image = bytes_take(&r, SHA256_BYTES);
	out->image_bytes = bytes_u64(&r);
	out->image_revision = bytes_u64(&r);
	out->first = bytes_u64(&r);
	if (r.failed || !take_chunk(&r, &out->newest)) return ERR_CORRUPT;
	memcpy(out->image, image.ptr, SHA256_BYTES);
	bool ordered = out->first <= out->newest.number &&
	               out->newest.number - out->first <= TENANT_ARCHIVES &&
	               out->image_revision <= tenant_chunk_last(&out->newest);
	return ordered ? ERR_OK : ERR_CORRUPT;
}

/* --- changing ----------------------------------------------------------------------------------- */

enum err tenant_log_append(const struct tenant_head *now, struct slice change,
                           struct tenant_append *out) {
	enum { ROOM = TENANT_LOG_VALUE_MAX - 8 - HEAD_BYTES - CHUNK_HEAD_BYTES };
	ASSERT(change.len <= TENANT_CHANGE_BYTES_MAX);
	struct tenant_chunk *c = &out->head.newest;
	out->head = *now;
	out->archives = now->newest.records.len + 2 + change.len > ROOM;
	if (out->archives) {
		if (now->newest.number - now->first >= TENANT_ARCHIVES) return ERR_OVERLOADED;
		out->archive = now->newest;
		*c = (struct tenant_chunk){.number = now->newest.number + 1,
		                           .before = tenant_chunk_last(&now->newest)};
	}
	struct bytes_writer w = bytes_writer(out->records, sizeof out->records);
	bytes_put(&w, c->records);
	bytes_put_u16(&w, (uint16_t)change.len);
	bytes_put(&w, change);
	ASSERT(!w.failed);
	c->records = slice_of(out->records, w.len);
	c->count++;
	return ERR_OK;
}

struct tenant_head tenant_log_rebase(const struct tenant_head *now, const struct tenant_head *then,
                                     const uint8_t image[SHA256_BYTES], uint64_t image_bytes) {
	struct tenant_head h = *now;
	memcpy(h.image, image, SHA256_BYTES);
	h.image_bytes = image_bytes;
	h.image_revision = tenant_chunk_last(&then->newest);
	h.first = then->newest.number;
	if (tenant_chunk_last(&now->newest) == h.image_revision) /* nothing came since */
		h.newest = (struct tenant_chunk){.number = now->newest.number,
		                                 .before = h.image_revision};
	return h;
}
