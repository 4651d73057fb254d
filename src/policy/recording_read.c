/* Recorded decisions out of bytes. Strict: whatever is not as the header says ends it. */
#include "base/bytes.h"
#include "base/hash.h"
#include "base/parse.h"
#include "policy/recording_format.h"

static bool all_zero(struct slice s) {
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i]) return false;
	return true;
}

bool recording_unbegun(struct slice bytes) {
	enum { FIXED = 8 };
	size_t known = bytes.len < 4 ? bytes.len : 4;
	if (all_zero(bytes)) return true;
	if (memcmp(bytes.ptr, RECORDING_MAGIC, known) != 0) return false;
	return bytes.len < FIXED || bytes.len - FIXED < get_u16(bytes.ptr + FIXED - 2);
}

enum err recording_open(struct recording *r, struct slice bytes) {
	struct bytes_reader in = bytes_reader(bytes);
	*r = (struct recording){.sampled = 1};
	if (!slice_is(bytes_take(&in, 4), RECORDING_MAGIC)) return ERR_FORMAT;
	if (bytes_u16(&in) != RECORDING_FORMAT) return in.failed ? ERR_CORRUPT : ERR_FORMAT;
	size_t head = bytes_u16(&in);
	if (in.failed || head < 4 || head > RECORDING_HEADER_MAX || head > in.rest.len)
		return ERR_CORRUPT;
	size_t before = bytes.len - in.rest.len + head - 4;
	if (get_u32(bytes.ptr + before) != crc32c(0, bytes.ptr, before)) return ERR_CORRUPT;
	r->rest = slice_of(in.rest.ptr + head, in.rest.len - head);
	in.rest.len = head - 4;
	struct slice hash = bytes_take(&in, sizeof r->policy_hash);
	if (hash.len) memcpy(r->policy_hash, hash.ptr, sizeof r->policy_hash);
	r->sampled = bytes_u32(&in);
	r->region_count = bytes_u8(&in);
	if (in.failed || r->sampled == 0 || r->region_count == 0 ||
	    r->region_count > POLICY_REGIONS_MAX)
		return ERR_CORRUPT;
	for (int i = 0; i < r->region_count; i++) {
		r->regions[i] = bytes_take(&in, bytes_u8(&in));
		if (!name_valid(r->regions[i], POLICY_NAME_MAX)) return ERR_CORRUPT;
	}
	return bytes_end(&in) ? ERR_OK : ERR_CORRUPT;
}

/* --- one kind each: false: it is not as the page says ----------------------------------------- */

/* A region of the recording, or -1 for none. */
static bool read_region(const struct recording *r, struct bytes_reader *in, int *out) {
	uint8_t index = bytes_u8(in);
	*out = index == RECORDED_NO_REGION ? -1 : index;
	return *out < r->region_count;
}

static bool read_tenant(struct recording *r, struct bytes_reader *in, struct recorded *out) {
	out->name = in->rest;
	in->rest.len = 0;
	out->index = r->tenant_count++;
	return out->index < RECORDING_TENANTS_MAX && name_valid(out->name, POLICY_NAME_MAX);
}

static bool read_cell(struct recording *r, struct bytes_reader *in, struct recorded *out) {
	out->replica_count = bytes_u8(in);
	if (out->replica_count > POLICY_REPLICAS_MAX) return false;
	for (int i = 0; i < out->replica_count; i++)
		if (!read_region(r, in, &out->replicas[i]) || out->replicas[i] < 0) return false;
	out->name = in->rest;
	in->rest.len = 0;
	out->index = r->cell_count++;
	return out->index < RECORDING_CELLS_MAX && name_valid(out->name, POLICY_NAME_MAX);
}

static bool read_region_state(struct recording *r, struct bytes_reader *in, struct recorded *out) {
	struct world_region *w = &out->region;
	out->index = bytes_u8(in);
	uint8_t flags = bytes_u8(in);
	w->state = flags & RECORDED_STATE_BITS;
	w->breaker_open = flags & RECORDED_BREAKER;
	w->over_capacity = flags & RECORDED_CAPACITY;
	w->state_age_ms = bytes_u32(in);
	w->breaker_age_ms = bytes_u32(in);
	w->capacity_age_ms = bytes_u32(in);
	return out->index < (uint32_t)r->region_count && w->state <= REGION_DOWN &&
	       flags < RECORDED_CAPACITY << 1;
}

static bool read_cell_state(struct recording *r, struct bytes_reader *in, struct recorded *out) {
	struct world_cell *c = &out->cell;
	out->index = bytes_u32(in);
	if (!read_region(r, in, &c->home)) return false;
	uint8_t promoting = bytes_u8(in);
	c->promoting = promoting;
	c->epoch = bytes_u64(in);
	out->replica_count = bytes_u8(in);
	if (out->replica_count > POLICY_REPLICAS_MAX) return false;
	for (int i = 0; i < out->replica_count; i++) {
		c->lag_ms[i] = bytes_u32(in);
		c->lag_age_ms[i] = bytes_u32(in);
	}
	return out->index < r->cell_count && promoting <= 1;
}

/* Without a loop over single bytes for what nearly all texts are. */
static bool text_valid(struct slice s) {
	size_t i = 0;
	for (; i + 8 <= s.len; i += 8)
		if (get_u64(s.ptr + i) & 0x8080808080808080u) return utf8_valid(s);
	for (; i < s.len; i++)
		if (s.ptr[i] & 0x80) return utf8_valid(s);
	return true;
}

static bool read_text(struct bytes_reader *in, size_t len, struct slice *out) {
	*out = bytes_take(in, len);
	return len <= RECORDED_TEXT_MAX && text_valid(*out);
}

static bool read_headers(struct bytes_reader *in, int count, struct recorded_decision *d) {
	if (count > RECORDED_HEADERS_MAX) return false;
	d->request.headers = d->headers;
	d->request.header_count = count;
	for (int i = 0; i < count; i++) {
		size_t name = bytes_u16(in), value = bytes_u16(in);
		if (!read_text(in, name, &d->headers[i].name)) return false;
		if (!read_text(in, value, &d->headers[i].value)) return false;
	}
	return true;
}

static bool read_address(struct bytes_reader *in, struct recorded_decision *d) {
	struct slice bytes = bytes_take(in, sizeof d->ip.bytes);
	d->ip.family = bytes_u8(in);
	if (in->failed || (d->ip.family != 4 && d->ip.family != 6)) return false;
	memcpy(d->ip.bytes, bytes.ptr, sizeof d->ip.bytes);
	d->ip.prefix = d->ip.family == 4 ? 32 : 128;
	d->request.client.ip = &d->ip;
	return true;
}

static bool read_location(struct bytes_reader *in, struct decide_client *c) {
	uint64_t latitude = bytes_u64(in), longitude = bytes_u64(in);
	memcpy(&c->latitude, &latitude, sizeof latitude);
	memcpy(&c->longitude, &longitude, sizeof longitude);
	c->located = true;
	return c->latitude >= -90 && c->latitude <= 90 && c->longitude >= -180 &&
	       c->longitude <= 180;
}

static bool read_decision(struct recording *r, struct bytes_reader *in, struct recorded *out) {
	struct recorded_decision *d = &out->decision;
	struct decide_request *q = &d->request;
	d->tenant = bytes_u32(in);
	if (!read_region(r, in, &q->here) || q->here < 0) return false;
	if (!read_region(r, in, &d->region)) return false;
	uint8_t flags = bytes_u8(in), verdict = bytes_u8(in), consistency = bytes_u8(in);
	int headers = bytes_u8(in);
	d->verdict = verdict;
	q->tenant = -1;
	q->write = flags & RECORDED_WRITE;
	q->forwarded = flags & RECORDED_FORWARDED;
	q->consistency = consistency;
	q->bounded_ms = bytes_u32(in);
	q->time_ms = bytes_u64(in);
	q->body_bytes = bytes_u64(in);
	if (d->tenant >= r->tenant_count || verdict > VERDICT_REFUSE ||
	    consistency > CONSISTENCY_EVENTUAL || flags >= RECORDED_LOCATED << 1)
		return false;
	struct slice *texts[RECORDED_TEXTS] = RECORDED_TEXTS_OF(q);
	uint16_t lens[RECORDED_TEXTS];
	for (int i = 0; i < RECORDED_TEXTS; i++) lens[i] = bytes_u16(in);
	q->client.ip = NULL;
	q->client.located = false;
	if (flags & RECORDED_ADDRESS && !read_address(in, d)) return false;
	if (flags & RECORDED_LOCATED && !read_location(in, &q->client)) return false;
	for (int i = 0; i < RECORDED_TEXTS; i++)
		if (!read_text(in, lens[i], texts[i])) return false;
	return read_headers(in, headers, d);
}

static bool read_world(struct recording *r, struct bytes_reader *in, struct recorded *out) {
	out->version = bytes_u64(in);
	return true;
}

/* --- records and blocks ------------------------------------------------------------------------- */

/* What a crash leaves at the end: a part of a block, or room that the file got and no bytes. */
static enum err torn(struct recording *r) {
	r->torn_bytes = r->rest.len;
	r->rest.len = 0;
	return ERR_OK;
}

/* Nothing more in the block: the next one. */
static enum err next_block(struct recording *r) {
	if (r->rest.len < RECORDING_BLOCK_HEAD || all_zero(r->rest)) return torn(r);
	size_t bytes = get_u32(r->rest.ptr), room = r->rest.len - RECORDING_BLOCK_HEAD;
	if (bytes == 0 || bytes > RECORDING_BLOCK_MAX) return ERR_CORRUPT;
	if (bytes > room) return torn(r);
	const uint8_t *records = r->rest.ptr + RECORDING_BLOCK_HEAD;
	if (get_u32(r->rest.ptr + 4) != crc32c(0, records, bytes)) {
		bool last = all_zero(slice_of(records + bytes, room - bytes));
		return last ? torn(r) : ERR_CORRUPT;
	}
	r->block = slice_of(records, bytes);
	r->rest = slice_of(records + bytes, r->rest.len - RECORDING_BLOCK_HEAD - bytes);
	return ERR_OK;
}

enum err recording_next(struct recording *r, struct recorded *out) {
	static bool (*const readers[])(struct recording *, struct bytes_reader *,
	                               struct recorded *) = {
		[RECORDED_TENANT] = read_tenant,    [RECORDED_CELL] = read_cell,
		[RECORDED_WORLD] = read_world,      [RECORDED_REGION] = read_region_state,
		[RECORDED_STATE] = read_cell_state, [RECORDED_DECISION] = read_decision,
	};
	out->kind = RECORDED_END;
	if (r->block.len == 0) {
		enum err e = next_block(r);
		if (e || r->block.len == 0) return e;
	}
	struct bytes_reader block = bytes_reader(r->block);
	size_t bytes = bytes_u16(&block);
	uint8_t kind = bytes_u8(&block);
	struct bytes_reader in = bytes_reader(bytes_take(&block, bytes));
	if (block.failed || kind == RECORDED_END || kind > RECORDED_DECISION) return ERR_CORRUPT;
	if (!readers[kind](r, &in, out) || !bytes_end(&in)) return ERR_CORRUPT;
	r->block = block.rest;
	out->kind = (enum recorded_kind)kind;
	return ERR_OK;
}
