/* A recording from an enemy: it is read or refused, within its bytes, and what is read can be decided on.
 * Checksums are made right first, since chance alone would never get past them. */
#include <stdlib.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "policy/recording.h"
#include "policy/replay.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static const char yaml[] = "regions: {a: {jurisdiction: us, location: [0, 0]}, b: {jurisdiction: "
                           "eu, location: [1, 1]}}\n"
			   "residency: {any: {regions: all}}\n"
			   "cells: {c: {replicas: [a, b]}}\n"
			   "tenants: {t: {residency: any, cell: c}}\n"
			   "rules:\n"
			   "  - {name: r, when: \"request.path.contains(tenant.id) && "
			   "request.headers['x'].startsWith('y')\", exclude: [b]}\n";

/* The header's checksum, then each block's. */
static void mend(uint8_t *bytes, size_t len) {
	enum { FIXED = 8, BLOCK_HEAD = 8 };
	if (len < FIXED) return;
	size_t at = FIXED + get_u16(bytes + 6);
	if (at < FIXED + 4 || at > len) return;
	put_u32(bytes + at - 4, crc32c(0, bytes, at - 4));
	while (len - at >= BLOCK_HEAD) {
		size_t block = get_u32(bytes + at);
		if (block > len - at - BLOCK_HEAD) return;
		put_u32(bytes + at + 4, crc32c(0, bytes + at + BLOCK_HEAD, block));
		at += BLOCK_HEAD + block;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len) {
	static struct policy *p;
	if (!p && policy_load(SLICE_LIT(yaml), "fuzz", NULL, NULL, &p)) abort();
	uint8_t *copy = malloc(len + 1); /* of its own: a read past its end is seen */
	struct replay *r;
	bool done = false;
	if (!copy) return 0;
	memcpy(copy, bytes, len);
	mend(copy, len);
	enum err e = replay_new(p, p, &r);
	if (!e) e = replay_open(r, slice_of(copy, len));
	while (!e && !done) e = replay_run(r, 1000, &done);
	if (e && e != ERR_CORRUPT && e != ERR_FORMAT && e != ERR_NO_MEMORY) abort();
	if (r && !e && moves_total(&r->moves) != r->decisions) abort();
	replay_free(r);
	free(copy);
	return 0;
}
