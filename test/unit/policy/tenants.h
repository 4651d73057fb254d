/* What the directory's tests share: a policy, rows by number, an image in memory. */
#pragma once
#include "fixture.h"

#include "base/buf.h"
#include "policy/directory.h"

static const char tenants_yaml[] = "regions:\n"
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

/* An image on its way to memory and back. */
struct memory_image {
	uint8_t *bytes;
	size_t len, cap;
	size_t fail_at; /* the write that reaches it fails; 0: none */
};

static inline enum err memory_write_at(void *arg, uint64_t offset, struct slice bytes) {
	struct memory_image *m = arg;
	if (m->fail_at && offset + bytes.len >= m->fail_at) return ERR_NO_SPACE;
	while (offset + bytes.len > m->cap) {
		size_t cap = m->cap ? 2 * m->cap : 4096;
		m->bytes = realloc(m->bytes, cap);
		assert_non_null(m->bytes);
		memset(m->bytes + m->cap, 0, cap - m->cap);
		m->cap = cap;
	}
	memcpy(m->bytes + offset, bytes.ptr, bytes.len);
	if (offset + bytes.len > m->len) m->len = offset + bytes.len;
	return ERR_OK;
}

static inline enum err memory_read_at(void *arg, uint64_t offset, void *out, size_t len) {
	const struct memory_image *m = arg;
	if (offset + len > m->len) return ERR_IO;
	memcpy(out, m->bytes + offset, len);
	return ERR_OK;
}

static inline struct tenant_sink memory_sink(struct memory_image *m) {
	*m = (struct memory_image){0};
	return (struct tenant_sink){memory_write_at, memory_read_at, m};
}

static const uint64_t tenants_seed[2] = {7, 11};

/* Tenant number n: every third in the EU, a key but for every fifth, an attribute for every
 * fourth. `version` shows in its attribute and in its second key. */
struct numbered {
	struct tenant_row row;
	char name[24], value[24];
};

static inline void key_make(uint8_t key[SHA256_BYTES], int n, int version) {
	int numbers[2] = {n, version};
	sha256(&(struct slice){(const uint8_t *)numbers, sizeof numbers}, 1, key);
}

static inline const struct tenant_row *row_make(struct numbered *t, int n, int version) {
	struct tenant_row *row = &t->row;
	tenant_row_init(row);
	snprintf(t->name, sizeof t->name, "cust-%06d", n);
	snprintf(t->value, sizeof t->value, "v%d", version);
	row->name = slice_str(t->name);
	row->profile.residency = n % 3 == 2;
	row->profile.cell = n % 3;
	if (n % 2) memcpy(row->profile.tier, "gold", 5);
	if (n % 3 == 0) {
		row->profile.consistency = CONSISTENCY_BOUNDED;
		row->profile.bounded_ms = 250;
		row->profile.preferred[row->profile.preferred_count++] = 1;
		memcpy(row->profile.country, "US", 3);
	}
	if (n % 5) key_make(row->keys[row->key_count++], n, 0);
	if (version) key_make(row->keys[row->key_count++], n, version);
	if (n % 4 == 0 || version)
		row->attributes[row->attribute_count++] =
			(struct tenant_attribute){SLICE_LIT("version"), slice_str(t->value)};
	return row;
}

static inline void image_build(const struct policy *p, int count, struct memory_image *m) {
	struct tenant_sink sink = memory_sink(m);
	struct tenant_builder *b;
	struct fault f;
	struct numbered t;
	assert_int_equal(tenant_builder_new(p, tenants_seed, 5, &sink, &b), ERR_OK);
	for (int n = 0; n < count; n++) {
		enum err e = tenant_builder_add(b, row_make(&t, n, 0), &f);
		if (e) fail_msg("%s", f.text);
	}
	assert_int_equal(tenant_builder_finish(b, NULL, &f), ERR_OK);
	tenant_builder_free(b);
}

static inline struct tenant_image *image_open(const struct policy *p,
                                              const struct memory_image *m) {
	struct tenant_image *image;
	struct fault f;
	enum err e = tenant_image_open(slice_of(m->bytes, m->len), p, &image, &f);
	if (e) fail_msg("%s", f.text);
	return image;
}

static inline bool tenant_is(const struct tenant *t, const struct tenant_row *row) {
	const struct tenant_profile *a = t->profile, *b = &row->profile;
	bool same = slice_eq(tenant_name(t), row->name) && a->residency == b->residency &&
	            a->cell == b->cell && a->consistency == b->consistency &&
	            a->bounded_ms == b->bounded_ms && a->preferred_count == b->preferred_count &&
	            memcmp(a->preferred, b->preferred, a->preferred_count) == 0 &&
	            strcmp(a->tier, b->tier) == 0 && strcmp(a->country, b->country) == 0 &&
	            tenant_key_count(t) == row->key_count;
	for (int i = 0; same && i < row->key_count; i++)
		same = slice_eq(tenant_key(t, i), slice_of(row->keys[i], SHA256_BYTES));
	struct tenant_attribute a_read;
	size_t cursor = 0;
	int count = 0;
	for (; same && tenant_attribute_next(t, &cursor, &a_read); count++)
		same = count < row->attribute_count &&
		       slice_eq(a_read.name, row->attributes[count].name) &&
		       slice_eq(a_read.value, row->attributes[count].value);
	return same && count == row->attribute_count;
}
