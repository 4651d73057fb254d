/* An image of tenants from an enemy who knows the checksums: they are set right before it is
 * opened. What must hold for all bytes: nothing outside them is read, nobody is found under a
 * name or key that is not theirs, and what verifies is complete: each tenant that is walked is
 * found, and the image can be merged into a new one with the same tenants. */
#include <stdlib.h>

#include "base/assert.h"
#include "policy/directory_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

enum { IMAGE_BYTES_MAX = 1 << 20, HEADER_SUM_AT = IMAGE_HEADER_BYTES - 4, TOTAL_AT = 16 };

static const char yaml[] = "regions:\n"
			   "  us-east: {jurisdiction: us, location: [39.0, -77.5]}\n"
			   "  us-west: {jurisdiction: us, location: [45.6, -121.2]}\n"
			   "  eu-west: {jurisdiction: eu, location: [53.3, -6.3]}\n"
			   "residency:\n"
			   "  us: {regions: [us-east, us-west], transit: allow}\n"
			   "  eu: {regions: [eu-west], transit: refuse}\n"
			   "cells:\n"
			   "  us-1: {replicas: [us-east, us-west]}\n"
			   "  us-2: {replicas: [us-west]}\n"
			   "  eu-1: {replicas: [eu-west]}\n";

static const struct policy *policy(void) {
	static struct policy *p;
	if (!p) ASSERT(policy_load(SLICE_LIT(yaml), "fuzz", NULL, NULL, &p) == ERR_OK);
	return p;
}

static void mend(uint8_t *bytes, size_t len) {
	struct image_header h;
	if (len < IMAGE_HEADER_BYTES) return;
	put_u64(bytes + TOTAL_AT, len);
	put_u32(bytes + HEADER_SUM_AT, crc32c(0, bytes, HEADER_SUM_AT));
	if (image_header_decode(slice_of(bytes, len), &h, NULL)) return;
	for (int i = 0; i < SECTIONS; i++)
		h.sections[i].crc = crc32c(0, bytes + h.sections[i].offset, h.sections[i].bytes);
	image_header_encode(&h, bytes);
}

/* Returns how many were walked. */
static uint64_t walk(const struct tenant_image *image, bool sound) {
	struct tenant t, found;
	struct tenant_attribute a;
	uint64_t cursor = 0, count = 0;
	for (; tenant_image_next(image, &cursor, &t); count++) {
		if (tenant_image_find(image, tenant_name(&t), &found))
			ASSERT(tenant_is_named(&found, tenant_name(&t)));
		else
			ASSERT(!sound);
		for (int i = 0; i < tenant_key_count(&t); i++)
			if (tenant_image_find_key(image, tenant_key(&t, i).ptr, &found))
				ASSERT(tenant_has_key(&found, tenant_key(&t, i).ptr));
			else
				ASSERT(!sound);
		for (size_t at = 0; tenant_attribute_next(&t, &at, &a);)
			ASSERT(a.name.len + a.value.len <= t.row.len);
	}
	return count;
}

struct memory {
	uint8_t bytes[IMAGE_BYTES_MAX];
	size_t len;
};

static enum err memory_write_at(void *arg, uint64_t offset, struct slice bytes) {
	struct memory *m = arg;
	if (offset + bytes.len > sizeof m->bytes) return ERR_NO_SPACE;
	memcpy(m->bytes + offset, bytes.ptr, bytes.len);
	if (offset + bytes.len > m->len) m->len = offset + bytes.len;
	return ERR_OK;
}

static enum err memory_read_at(void *arg, uint64_t offset, void *out, size_t len) {
	const struct memory *m = arg;
	if (offset + len > m->len) return ERR_IO;
	memcpy(out, m->bytes + offset, len);
	return ERR_OK;
}

/* One more tenant, and everything merged: no change may be lost, whatever the base is like. */
static void merge(struct tenant_image *image, bool sound, uint64_t count) {
	static struct memory memory;
	struct tenant_sink sink = {memory_write_at, memory_read_at, &memory};
	struct directory *d;
	struct directory_merge *m;
	struct tenant_image *fresh, *old;
	struct tenant_row row;
	struct tenant found;
	struct fault f;
	memory.len = 0;
	tenant_row_init(&row);
	row.name = SLICE_LIT("never-in-the-corpus");
	row.profile.residency = row.profile.cell = 0;
	ASSERT(directory_new(image, &d) == ERR_OK);
	ASSERT(directory_put(d, &row, UINT64_MAX, &f) == ERR_OK);
	ASSERT(directory_merge_new(d, &m) == ERR_OK);
	enum err e = directory_merge_run(m, &sink, NULL, &f);
	if (sound) ASSERT(e == ERR_OK);
	if (!e) {
		struct slice bytes = slice_of(memory.bytes, memory.len);
		ASSERT(tenant_image_open(bytes, policy(), &fresh, &f) == ERR_OK);
		ASSERT(tenant_image_verify(fresh, NULL, &f) == ERR_OK);
		ASSERT(walk(fresh, true) == count + 1);
		ASSERT(tenant_image_find(fresh, row.name, &found));
		ASSERT(directory_swap(d, fresh, m, &old, &f) == ERR_OK);
		tenant_image_close(old);
	}
	directory_merge_free(m);
	tenant_image_close(directory_free(d));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len) {
	struct tenant_image *image;
	struct fault f;
	if (len > IMAGE_BYTES_MAX / 4) return 0;
	uint8_t *copy = malloc(len + 1);
	ASSERT(copy);
	memcpy(copy, bytes, len);
	mend(copy, len);
	if (!tenant_image_open(slice_of(copy, len), policy(), &image, &f)) {
		bool sound = tenant_image_verify(image, NULL, &f) == ERR_OK;
		uint64_t count = walk(image, sound);
		merge(image, sound, count);
	}
	free(copy);
	return 0;
}
