/* Who may be recorded, and what is left of the request then. */
#include "policy/recordable.h"

#include <math.h>

#include "base/hash.h"
#include "cel/cel_net.h"
#include "policy/load.h"
#include "policy/rule_slots.h"

enum { NETWORK_BITS_4 = 24, NETWORK_BITS_6 = 48 };
#define DATA_PATH "/v1/data/"

void recordable_init(struct recordable *r, const struct policy *p, int here, uint32_t one_of) {
	*r = (struct recordable){.policy = p, .here = here, .one_of = one_of};
	for (int i = 0; i < p->rule_count; i++)
		if (p->rules[i].effects & RULE_WEIGHTS) r->keyed = true;
	r->keyed |= p->private->slots_used >> SLOT_REQUEST_KEY & 1;
}

static uint32_t add_text(uint32_t crc, struct slice s) {
	return s.len ? crc32c(crc, s.ptr, s.len) : crc;
}

/* With the time: else a path that is asked for all day would be in it always or never. */
static uint64_t request_hash(const struct recordable *r, const struct decide_request *q) {
	const struct cel_net *ip = q->client.ip;
	uint32_t crc = crc32c(0, &q->time_ms, sizeof q->time_ms);
	crc = add_text(crc, slice_str(r->policy->tenants[q->tenant].name));
	crc = add_text(crc, q->path);
	crc = add_text(crc, q->sticky);
	if (ip) crc = crc32c(crc, ip->bytes, sizeof ip->bytes);
	return mix64(crc);
}

enum recordable_answer recordable(const struct recordable *r, const struct decide_request *q) {
	const struct policy_tenant *t = &r->policy->tenants[q->tenant];
	if (r->one_of > 1 && request_hash(r, q) % r->one_of) return RECORDABLE_SKIPPED;
	bool lawful = r->policy->residencies[t->residency].regions >> r->here & 1;
	return lawful ? RECORDABLE : RECORDABLE_ELSEWHERE;
}

static bool is_kept(const struct recordable *r, struct slice name) {
	for (int i = 0; i < r->header_count; i++)
		if (slice_eq(r->headers[i], name)) return true;
	return false;
}

static void keep_headers(const struct recordable *r, const struct decide_request *q,
                         struct recordable_request *out) {
	int count = 0;
	for (int i = 0; r->header_count && i < q->header_count; i++)
		if (is_kept(r, q->headers[i].name) && count < RECORDED_HEADERS_MAX)
			out->headers[count++] = q->headers[i];
	out->request.headers = out->headers;
	out->request.header_count = count;
}

static void keep_client(const struct decide_request *q, struct recordable_request *out) {
	struct decide_client *c = &out->request.client;
	if (q->client.ip) {
		struct cel_net network = *q->client.ip;
		network.prefix = network.family == 4 ? NETWORK_BITS_4 : NETWORK_BITS_6;
		out->ip = cel_net_masked(&network);
		c->ip = &out->ip;
	}
	c->latitude = round(c->latitude);
	c->longitude = round(c->longitude);
}

/* "/v1/data/billing/42" → "/v1/data/billing/": the key is the tenant's content. */
static struct slice without_key(struct slice path) {
	if (!slice_starts(path, SLICE_LIT(DATA_PATH))) return path;
	size_t from = sizeof DATA_PATH - 1;
	const uint8_t *end = memchr(path.ptr + from, '/', path.len - from);
	return end ? slice_of(path.ptr, (size_t)(end - path.ptr) + 1) : path;
}

void recordable_reduce(const struct recordable *r, const struct decide_request *q,
                       struct recordable_request *out) {
	out->request = *q;
	out->request.path = without_key(q->path);
	if (q->sticky.len && !r->keyed) out->request.sticky.len = 0;
	keep_headers(r, q, out);
	keep_client(q, out);
}
