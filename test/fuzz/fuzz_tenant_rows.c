/* Files of tenants to import from an enemy. Input: C or J for the format, a byte that decides
 * where arrival is cut, the bytes. What must hold for all of them: arrival in pieces comes to the
 * same as arrival at once, nothing outside a piece is read, a row that is read is one that may be
 * stored, and a mistake has a place and a text. */
#include <stdlib.h>

#include "base/assert.h"
#include "policy/tenant_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static const char yaml[] = "regions:\n"
			   "  us-east: {jurisdiction: us, location: [39.0, -77.5]}\n"
			   "  us-west: {jurisdiction: us, location: [45.6, -121.2]}\n"
			   "residency: {us: {regions: [us-east, us-west], transit: allow}}\n"
			   "cells:\n"
			   "  us-1: {replicas: [us-east, us-west]}\n"
			   "  us-2: {replicas: [us-west]}\n";

static const struct policy *policy(void) {
	static struct policy *p;
	if (!p) ASSERT(policy_load(SLICE_LIT(yaml), "fuzz", NULL, NULL, &p) == ERR_OK);
	return p;
}

/* What was read, as one number. */
static uint64_t add(uint64_t sum, struct slice s) {
	static const uint64_t seed[2] = {1, 2};
	return mix64(sum ^ siphash13(seed, s.ptr, s.len));
}

static uint64_t add_row(uint64_t sum, const struct tenant_row *row) {
	struct fault f;
	ASSERT(tenant_row_check(policy(), row, &f) == ERR_OK);
	sum = add(sum, row->name);
	sum = add(sum, slice_of(row->keys, (size_t)row->key_count * SHA256_BYTES));
	for (int i = 0; i < row->attribute_count; i++)
		sum = add(add(sum, row->attributes[i].name), row->attributes[i].value);
	sum = mix64(sum + (uint64_t)row->profile.cell * 31 + row->profile.bounded_ms);
	return add(add(sum, slice_str(row->profile.tier)), slice_str(row->profile.country));
}

static uint64_t add_error(uint64_t sum, const struct policy_error *e) {
	ASSERT(e->line >= 1 && e->column >= 1 && e->text[0]);
	for (const char *c = e->text; *c; c++) ASSERT((uint8_t)*c >= 0x20);
	return add(mix64(sum + (uint64_t)e->line * 65537 + (uint64_t)e->column),
	           slice_str(e->text));
}

static uint64_t read_all(enum tenant_format format, struct slice file, size_t step) {
	struct tenant_reader *r = tenant_reader_new(format, policy(), "fuzz");
	struct tenant_row row;
	struct policy_error error;
	size_t from = 0, to = step < file.len ? step : file.len, used;
	uint64_t sum = 0;
	ASSERT(r);
	for (enum err e = ERR_OK; e != ERR_FORMAT && from < file.len;) {
		bool at_end = to == file.len;
		uint8_t *piece = malloc(to - from + 1);
		ASSERT(piece);
		memcpy(piece, file.ptr + from, to - from);
		e = tenant_reader_next(r, slice_of(piece, to - from), at_end, &used, &row, &error);
		ASSERT(e == ERR_OK || e == ERR_INVALID || e == ERR_FORMAT);
		ASSERT(used <= to - from && (used > 0 || e != ERR_INVALID));
		if (e) sum = add_error(sum, &error);
		if (!e && row.name.len) sum = add_row(sum, &row);
		free(piece);
		from += used;
		if (e || used) continue;
		ASSERT(!at_end);
		to = file.len - to < step ? file.len : to + step;
	}
	tenant_reader_free(r);
	return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len) {
	if (len < 2 || (bytes[0] != 'C' && bytes[0] != 'J')) return 0;
	enum tenant_format format = bytes[0] == 'C' ? TENANT_CSV : TENANT_JSON_LINES;
	struct slice file = slice_of(bytes + 2, len - 2);
	ASSERT(read_all(format, file, SIZE_MAX / 2) == read_all(format, file, 1u + bytes[1]));
	return 0;
}
