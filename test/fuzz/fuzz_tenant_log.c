/* The log of tenants from an enemy, or from another version. Input: H a head, A an archived chunk, C one
 * change; then its bytes. What must hold: nothing outside is read, what is decoded can be walked, is
 * encoded to the same again, takes a further change, and a row that comes out is one that may be
 * stored. */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "policy/tenant_log.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static const char yaml[] = "regions:\n"
			   "  us-east: {jurisdiction: us, location: [39.0, -77.5]}\n"
			   "  us-west: {jurisdiction: us, location: [45.6, -121.2]}\n"
			   "residency: {us: {regions: [us-east, us-west], transit: allow}}\n"
			   "cells:\n"
			   "  us-1: {replicas: [us-east, us-west]}\n";

static const struct policy *policy(void) {
	static struct policy *p;
	if (!p) ASSERT(policy_load(SLICE_LIT(yaml), "fuzz", NULL, NULL, &p) == ERR_OK);
	return p;
}

static void try_change(struct slice in) {
	struct tenant_row row;
	struct fault f = {0};
	static uint8_t again[TENANT_CHANGE_BYTES_MAX];
	if (in.len > TENANT_CHANGE_BYTES_MAX) return;
	enum err e = tenant_change_decode(in, policy(), &row, &f);
	ASSERT(e == ERR_OK || e == ERR_CORRUPT || e == ERR_INVALID);
	ASSERT(e == ERR_OK || *f.text);
	if (e) return;
	ASSERT(tenant_row_check(policy(), &row, &f) == ERR_OK);
	struct tenant_row back;
	struct slice encoded = tenant_change_encode(policy(), &row, again);
	ASSERT(tenant_change_decode(encoded, policy(), &back, &f) == ERR_OK);
	ASSERT(slice_eq(back.name, row.name) && back.key_count == row.key_count);
}

static void walk(struct tenant_chunk c) {
	struct slice change;
	uint64_t last = tenant_chunk_last(&c), seen = c.before;
	while (tenant_chunk_next(&c, &change)) {
		ASSERT(c.before == ++seen);
		try_change(change);
	}
	ASSERT(seen == last);
}

static void try_head(struct slice in) {
	static struct tenant_append append;
	static uint8_t again[TENANT_LOG_VALUE_MAX];
	struct tenant_head h;
	enum err e = tenant_head_decode(in, &h);
	ASSERT(e == ERR_OK || e == ERR_CORRUPT);
	if (e || in.len > TENANT_LOG_VALUE_MAX) return;
	ASSERT(in.len == 0 || slice_eq(tenant_head_encode(&h, again), in));
	walk(h.newest);
	if (tenant_log_append(&h, SLICE_LIT("one more"), &append) != ERR_OK) return;
	struct tenant_head next;
	ASSERT(tenant_head_decode(tenant_head_encode(&append.head, again), &next) == ERR_OK);
	ASSERT(tenant_chunk_last(&next.newest) == tenant_chunk_last(&h.newest) + 1);
	struct tenant_head rebased = tenant_log_rebase(&next, &h, h.image, 1);
	ASSERT(tenant_head_decode(tenant_head_encode(&rebased, again), &next) == ERR_OK);
}

static void try_archive(struct slice in) {
	static uint8_t again[TENANT_LOG_VALUE_MAX];
	struct tenant_chunk c;
	enum err e = tenant_chunk_decode(in, &c);
	ASSERT(e == ERR_OK || e == ERR_CORRUPT);
	if (e || in.len > TENANT_LOG_VALUE_MAX) return;
	ASSERT(slice_eq(tenant_chunk_encode(&c, again), in));
	walk(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len) {
	if (len < 1) return 0;
	uint8_t *copy = malloc(len); /* exactly: what is read beyond is seen */
	ASSERT(copy);
	memcpy(copy, bytes + 1, len - 1);
	struct slice in = slice_of(copy, len - 1);
	if (bytes[0] == 'H') try_head(in);
	if (bytes[0] == 'A') try_archive(in);
	if (bytes[0] == 'C') try_change(in);
	free(copy);
	return 0;
}
