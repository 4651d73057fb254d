/* Recent decisions by id: REGION.WORKER.STAMP.NUMBER in hexadecimal, of which all but the last
 * is the ring's own. */
#include "edge/ring.h"

#include <stdio.h>
#include <stdlib.h>

enum err ring_init(struct ring *r, uint64_t size, int region, int worker, uint32_t stamp) {
	*r = (struct ring){.size = size};
	r->prefix_bytes = (size_t)snprintf(r->prefix, sizeof r->prefix, "%x.%x.%08x.",
	                                   (unsigned)region, (unsigned)worker, stamp);
	if (size == 0) return ERR_OK;
	r->entries = calloc(size, sizeof *r->entries);
	return r->entries ? ERR_OK : ERR_NO_MEMORY;
}

void ring_done(struct ring *r) {
	free(r->entries);
	r->entries = NULL;
}

/* Copies at most `max` bytes into *room and moves it on. */
static struct slice keep(char **room, struct slice s, size_t max) {
	size_t len = s.len < max ? s.len : max;
	struct slice kept = slice_of(*room, len);
	if (len) memcpy(*room, s.ptr, len);
	*room += len;
	return kept;
}

static void keep_request(struct ring_entry *e, const struct decide_request *q) {
	char *room = e->text;
	e->request = *q;
	e->request.who = NULL;
	snprintf(e->tenant, sizeof e->tenant, "%s", q->who ? q->who->name : "");
	e->request.method = keep(&room, q->method, RING_METHOD_MAX);
	e->request.path = keep(&room, q->path, RING_PATH_MAX);
	e->request.host = keep(&room, q->host, RING_HOST_MAX);
	e->request.domain = keep(&room, q->domain, POLICY_NAME_MAX + 1);
	e->request.client.country = keep(&room, q->client.country, 2);
	e->request.sticky = slice_of(NULL, 0);
	e->request.scratch = NULL;
	e->request.headers = NULL;
	e->request.header_count = 0;
	if (q->client.ip) {
		e->ip = *q->client.ip;
		e->request.client.ip = &e->ip;
	}
}

/* The reasons are most of a decision, and few of them are used. */
static void keep_decision(struct ring_entry *e, const struct decision *d) {
	memcpy(&e->decision, d, offsetof(struct decision, reasons));
	e->decision.reason_count = d->reason_count;
	memcpy(e->decision.reasons, d->reasons, (size_t)d->reason_count * sizeof d->reasons[0]);
}

static size_t put_hex(char *out, uint64_t v) {
	size_t digits = 1;
	while (digits < 16 && v >> 4 * digits) digits++;
	for (size_t i = digits; i > 0; i--, v >>= 4) out[i - 1] = "0123456789abcdef"[v & 15];
	return digits;
}

void ring_keep(struct ring *r, const struct policy *a, const struct policy *b) {
	for (uint64_t i = 0; i < r->size; i++)
		if (r->entries[i].policy != a && r->entries[i].policy != b) r->entries[i].number = 0;
}

struct slice ring_add(struct ring *r, const struct policy *p, const struct decide_request *request,
                      const struct decision *d, uint64_t world_version, char id[RING_ID_MAX]) {
	uint64_t number = ++r->last;
	if (r->size) {
		struct ring_entry *e = &r->entries[number % r->size];
		e->number = number;
		e->world_version = world_version;
		e->policy = p;
		keep_request(e, request);
		keep_decision(e, d);
	}
	memcpy(id, r->prefix, r->prefix_bytes);
	return slice_of(id, r->prefix_bytes + put_hex(id + r->prefix_bytes, number));
}

static bool parse_hex(struct slice s, uint64_t *out) {
	uint64_t v = 0;
	if (s.len == 0 || s.len > 16) return false;
	for (size_t i = 0; i < s.len; i++) {
		const char *digits = "0123456789abcdef";
		const char *at = memchr(digits, s.ptr[i], 16);
		if (!at) return false;
		v = v << 4 | (uint64_t)(at - digits);
	}
	*out = v;
	return true;
}

const struct ring_entry *ring_find(const struct ring *r, struct slice id) {
	uint64_t number;
	if (!slice_starts(id, slice_of(r->prefix, r->prefix_bytes)) ||
	    !parse_hex(slice_of(id.ptr + r->prefix_bytes, id.len - r->prefix_bytes), &number) ||
	    r->size == 0 || number == 0)
		return NULL;
	const struct ring_entry *e = &r->entries[number % r->size];
	return e->number == number ? e : NULL;
}

bool ring_place(struct slice id, int *region, int *worker) {
	uint64_t r, w;
	struct slice first = slice_cut(&id, '.');
	struct slice second = slice_cut(&id, '.');
	if (!parse_hex(first, &r) || !parse_hex(second, &w)) return false;
	if (r >= POLICY_REGIONS_MAX || w > INT16_MAX) return false;
	*region = (int)r;
	*worker = (int)w;
	return true;
}
