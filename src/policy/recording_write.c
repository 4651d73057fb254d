/* Decisions into bytes, in blocks that are taken whole. */
#include <stdlib.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/hash.h"
#include "policy/recording_format.h"

enum { RECORD_HEAD = 3, RECORD_BODY_MAX = UINT16_MAX, RECORD_MAX = RECORD_HEAD + RECORD_BODY_MAX };

struct recorder {
	const struct policy *policy;
	uint32_t sampled;
	bool headed;        /* the header was taken */
	struct buf records; /* of the block under way */
	uint32_t *tenants;  /* by the policy's index: the recording's, plus 1 */
	uint32_t tenant_count;
	uint32_t cell_count; /* told: the policy's first ones, in order */
	bool world_known;
	uint64_t version; /* the world last told, and what it says: */
	struct world_region regions[POLICY_REGIONS_MAX];
	struct world_cell *cells;
};

struct recorder *recorder_new(const struct policy *p, uint32_t sampled) {
	struct recorder *r = calloc(1, sizeof *r);
	ASSERT(sampled > 0);
	if (!r) return NULL;
	r->policy = p;
	r->sampled = sampled;
	buf_init(&r->records, RECORDING_BLOCK_MAX);
	r->tenants = calloc((size_t)p->tenant_count + 1, sizeof *r->tenants);
	r->cells = calloc((size_t)p->cell_count + 1, sizeof *r->cells);
	if (r->tenants && r->cells) return r;
	recorder_free(r);
	return NULL;
}

void recorder_free(struct recorder *r) {
	if (!r) return;
	buf_done(&r->records);
	free(r->tenants);
	free(r->cells);
	free(r);
}

void recorder_restart(struct recorder *r) {
	buf_reset(&r->records);
	r->headed = r->world_known = false;
	r->tenant_count = r->cell_count = 0;
	memset(r->tenants, 0, (size_t)r->policy->tenant_count * sizeof *r->tenants);
	memset(r->cells, 0, (size_t)r->policy->cell_count * sizeof *r->cells);
	memset(r->regions, 0, sizeof r->regions);
}

size_t recorder_waiting(const struct recorder *r) {
	return r->records.len;
}

/* --- one record --------------------------------------------------------------------------------- */

/* A record is written into room for the longest one, then given its true length. */
static enum err record_begin(struct recorder *r, struct bytes_writer *out) {
	uint8_t *room;
	if (r->records.len + RECORD_MAX > RECORDING_BLOCK_MAX) return ERR_OVERLOADED;
	enum err e = buf_reserve(&r->records, RECORD_MAX, &room);
	if (!e) *out = bytes_writer(room + RECORD_HEAD, RECORD_BODY_MAX);
	return e;
}

static void record_end(struct recorder *r, enum recorded_kind kind,
                       const struct bytes_writer *out) {
	ASSERT(!out->failed);
	put_u16(out->ptr - RECORD_HEAD, (uint16_t)out->len);
	out->ptr[-1] = (uint8_t)kind;
	buf_commit(&r->records, RECORD_HEAD + out->len);
}

static void put_region(struct bytes_writer *out, int region) {
	bytes_put_u8(out, region < 0 ? RECORDED_NO_REGION : (uint8_t)region);
}

static enum err tell_tenant(struct recorder *r, int tenant) {
	struct bytes_writer out;
	if (r->tenants[tenant]) return ERR_OK;
	if (r->tenant_count == RECORDING_TENANTS_MAX) return ERR_TOO_MANY;
	enum err e = record_begin(r, &out);
	if (e) return e;
	bytes_put(&out, slice_str(r->policy->tenants[tenant].name));
	record_end(r, RECORDED_TENANT, &out);
	r->tenants[tenant] = ++r->tenant_count;
	return ERR_OK;
}

static enum err tell_cell(struct recorder *r) {
	struct bytes_writer out;
	const struct policy_cell *c = &r->policy->cells[r->cell_count];
	enum err e = record_begin(r, &out);
	if (e) return e;
	bytes_put_u8(&out, (uint8_t)c->replica_count);
	for (int i = 0; i < c->replica_count; i++) put_region(&out, c->replicas[i]);
	bytes_put(&out, slice_str(c->name));
	record_end(r, RECORDED_CELL, &out);
	r->cell_count++;
	return ERR_OK;
}

static enum err tell_region_state(struct recorder *r, int region, const struct world_region *w) {
	struct bytes_writer out;
	enum err e = record_begin(r, &out);
	if (e) return e;
	bytes_put_u8(&out, (uint8_t)region);
	bytes_put_u8(&out, (uint8_t)(w->state | (w->breaker_open ? RECORDED_BREAKER : 0) |
	                             (w->over_capacity ? RECORDED_CAPACITY : 0)));
	bytes_put_u32(&out, w->state_age_ms);
	bytes_put_u32(&out, w->breaker_age_ms);
	bytes_put_u32(&out, w->capacity_age_ms);
	record_end(r, RECORDED_REGION, &out);
	r->regions[region] = *w;
	return ERR_OK;
}

static enum err tell_cell_state(struct recorder *r, int cell, const struct world_cell *w) {
	struct bytes_writer out;
	int replicas = r->policy->cells[cell].replica_count;
	bool home_known = w->home >= 0 && w->home < r->policy->region_count;
	enum err e = record_begin(r, &out);
	if (e) return e;
	bytes_put_u32(&out, (uint32_t)cell);
	put_region(&out, home_known ? w->home : -1);
	bytes_put_u8(&out, w->promoting);
	bytes_put_u64(&out, w->epoch);
	bytes_put_u8(&out, (uint8_t)replicas);
	for (int i = 0; i < replicas; i++) {
		bytes_put_u32(&out, w->lag_ms[i]);
		bytes_put_u32(&out, w->lag_age_ms[i]);
	}
	record_end(r, RECORDED_STATE, &out);
	r->cells[cell] = *w;
	return ERR_OK;
}

/* --- the world ------------------------------------------------------------------------------------ */

static bool same_region(const struct world_region *a, const struct world_region *b) {
	return a->state == b->state && a->breaker_open == b->breaker_open &&
	       a->over_capacity == b->over_capacity && a->state_age_ms == b->state_age_ms &&
	       a->breaker_age_ms == b->breaker_age_ms && a->capacity_age_ms == b->capacity_age_ms;
}

static bool same_cell(const struct world_cell *a, const struct world_cell *b) {
	return a->home == b->home && a->epoch == b->epoch && a->promoting == b->promoting &&
	       memcmp(a->lag_ms, b->lag_ms, sizeof a->lag_ms) == 0 &&
	       memcmp(a->lag_age_ms, b->lag_age_ms, sizeof a->lag_age_ms) == 0;
}

static enum err tell_regions(struct recorder *r, const struct world *w) {
	enum err e = ERR_OK;
	for (int i = 0; !e && i < r->policy->region_count; i++)
		if (!same_region(&r->regions[i], &w->regions[i]))
			e = tell_region_state(r, i, &w->regions[i]);
	return e;
}

/* Zero is no cell's state: all are told at first, since an epoch begins at 1. */
static enum err tell_cell_changed(struct recorder *r, int cell, const struct world *w) {
	if (same_cell(&r->cells[cell], &w->cells[cell])) return ERR_OK;
	return tell_cell_state(r, cell, &w->cells[cell]);
}

/* Stopped half way, it goes on at the next decision: what was told is not told again. */
static enum err tell_world(struct recorder *r, const struct world *w, int tenant) {
	const struct policy *p = r->policy;
	struct bytes_writer out;
	enum err e = ERR_OK;
	while (!e && r->cell_count < (uint32_t)p->cell_count) e = tell_cell(r);
	if (!e) e = tell_regions(r, w);
	if (r->world_known && r->version == w->version)
		return e ? e : tell_cell_changed(r, p->tenants[tenant].cell, w);
	for (int i = 0; !e && i < p->cell_count; i++) e = tell_cell_changed(r, i, w);
	if (!e) e = record_begin(r, &out);
	if (e) return e;
	bytes_put_u64(&out, w->version);
	record_end(r, RECORDED_WORLD, &out);
	r->world_known = true;
	r->version = w->version;
	return ERR_OK;
}

/* --- the decision ----------------------------------------------------------------------------------- */

static struct slice cut(struct slice s) {
	if (s.len <= RECORDED_TEXT_MAX) return s;
	s.len = RECORDED_TEXT_MAX;
	while (s.len && (s.ptr[s.len] & 0xc0) == 0x80) s.len--; /* not within a character */
	return s;
}

static void put_client(struct bytes_writer *out, const struct decide_client *c) {
	if (c->ip) {
		bytes_put(out, slice_of(c->ip->bytes, sizeof c->ip->bytes));
		bytes_put_u8(out, c->ip->family);
	}
	if (!c->located) return;
	uint64_t bits[2];
	memcpy(&bits[0], &c->latitude, sizeof bits[0]);
	memcpy(&bits[1], &c->longitude, sizeof bits[1]);
	bytes_put_u64(out, bits[0]);
	bytes_put_u64(out, bits[1]);
}

/* As many as there is room for; returns how many. */
static int put_headers(struct bytes_writer *out, const struct decide_request *q) {
	int count = 0;
	for (; count < q->header_count && count < RECORDED_HEADERS_MAX; count++) {
		struct slice name = cut(q->headers[count].name),
			     value = cut(q->headers[count].value);
		if (out->len + 4 + name.len + value.len > out->cap) break;
		bytes_put_u16(out, (uint16_t)name.len);
		bytes_put_u16(out, (uint16_t)value.len);
		bytes_put(out, name);
		bytes_put(out, value);
	}
	return count;
}

static enum err tell_decision(struct recorder *r, const struct decide_request *q,
                              const struct decision *d) {
	const struct slice *texts[RECORDED_TEXTS] = RECORDED_TEXTS_OF(q);
	struct bytes_writer out;
	enum err e = record_begin(r, &out);
	if (e) return e;
	bytes_put_u32(&out, r->tenants[q->tenant] - 1);
	put_region(&out, q->here);
	put_region(&out, d->region);
	bytes_put_u8(&out, (uint8_t)((q->write ? RECORDED_WRITE : 0) |
	                             (q->forwarded ? RECORDED_FORWARDED : 0) |
	                             (q->client.ip ? RECORDED_ADDRESS : 0) |
	                             (q->client.located ? RECORDED_LOCATED : 0)));
	bytes_put_u8(&out, (uint8_t)d->verdict);
	bytes_put_u8(&out, (uint8_t)q->consistency);
	size_t header_count_at = out.len;
	bytes_put_u8(&out, 0);
	bytes_put_u32(&out, q->bounded_ms);
	bytes_put_u64(&out, q->time_ms);
	bytes_put_u64(&out, q->body_bytes);
	for (int i = 0; i < RECORDED_TEXTS; i++) bytes_put_u16(&out, (uint16_t)cut(*texts[i]).len);
	put_client(&out, &q->client);
	for (int i = 0; i < RECORDED_TEXTS; i++) bytes_put(&out, cut(*texts[i]));
	out.ptr[header_count_at] = (uint8_t)put_headers(&out, q);
	record_end(r, RECORDED_DECISION, &out);
	return ERR_OK;
}

enum err recorder_add(struct recorder *r, const struct world *w, const struct decide_request *q,
                      const struct decision *d) {
	enum err e = tell_world(r, w, q->tenant);
	if (!e) e = tell_tenant(r, q->tenant);
	if (!e) e = tell_decision(r, q, d);
	return e;
}

/* --- taking ------------------------------------------------------------------------------------------ */

static enum err take_header(struct recorder *r, struct buf *out) {
	const struct policy *p = r->policy;
	uint8_t room[RECORDING_HEADER_MAX];
	struct bytes_writer head = bytes_writer(room, sizeof room);
	bytes_put(&head, slice_str(RECORDING_MAGIC));
	bytes_put_u16(&head, RECORDING_FORMAT);
	size_t length_at = head.len;
	bytes_put_u16(&head, 0);
	bytes_put(&head, slice_of(p->hash, sizeof p->hash));
	bytes_put_u32(&head, r->sampled);
	bytes_put_u8(&head, (uint8_t)p->region_count);
	for (int i = 0; i < p->region_count; i++) {
		bytes_put_u8(&head, (uint8_t)strlen(p->regions[i].name));
		bytes_put(&head, slice_str(p->regions[i].name));
	}
	put_u16(room + length_at, (uint16_t)(head.len + 4 - length_at - 2));
	bytes_put_u32(&head, crc32c(0, room, head.len));
	ASSERT(!head.failed);
	return buf_append(out, room, head.len);
}

enum err recorder_take(struct recorder *r, struct buf *out) {
	struct slice records = buf_slice(&r->records);
	size_t before = out->len;
	uint8_t head[RECORDING_BLOCK_HEAD];
	enum err e = r->headed ? ERR_OK : take_header(r, out);
	if (!e && records.len) {
		put_u32(head, (uint32_t)records.len);
		put_u32(head + 4, crc32c(0, records.ptr, records.len));
		e = buf_append(out, head, sizeof head);
		if (!e) e = buf_append_slice(out, records);
	}
	if (e) {
		buf_truncate(out, before);
		return e;
	}
	r->headed = true;
	buf_reset(&r->records);
	return ERR_OK;
}
