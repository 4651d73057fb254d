/* A row: what a tenant has of its own, as bytes. The same in an image and in memory. */
#include "base/assert.h"
#include "policy/directory_private.h"

enum { ATTRIBUTE_HEAD_BYTES = 3 };

struct slice row_encode(const struct tenant_row *row, uint32_t profile,
                        uint8_t out[ROW_BYTES_MAX]) {
	struct bytes_writer w = bytes_writer(out, ROW_BYTES_MAX);
	bytes_put_u32(&w, profile);
	bytes_put_u16(&w, 0); /* the size, once it is known */
	bytes_put_u8(&w, (uint8_t)row->name.len);
	bytes_put_u8(&w, (uint8_t)row->key_count);
	bytes_put(&w, row->name);
	for (int i = 0; i < row->key_count; i++)
		bytes_put(&w, slice_of(row->keys[i], SHA256_BYTES));
	for (int i = 0; i < row->attribute_count; i++) {
		const struct tenant_attribute *a = &row->attributes[i];
		bytes_put_u8(&w, (uint8_t)a->name.len);
		bytes_put_u16(&w, (uint16_t)a->value.len);
		bytes_put(&w, a->name);
		bytes_put(&w, a->value);
	}
	while (w.len % ROW_UNIT) bytes_put_u8(&w, 0);
	ASSERT(!w.failed);
	put_u16(out + 4, (uint16_t)(w.len / ROW_UNIT));
	return slice_of(out, w.len);
}

struct slice row_of(const struct tenant *t) {
	static const uint8_t empty[ROW_UNIT] = {[4] = 1};
	struct slice row;
	bool good = row_at(t->row.ptr, t->row.len, &row) && row_profile(row) == t->profile_index;
	return good ? row : slice_of(empty, sizeof empty);
}

struct slice tenant_name(const struct tenant *t) {
	struct slice row = row_of(t);
	return slice_of(row.ptr + ROW_HEAD_BYTES, row.ptr[6]);
}

bool tenant_is_named(const struct tenant *t, struct slice name) {
	return name.len > 0 && slice_eq(tenant_name(t), name);
}

int tenant_key_count(const struct tenant *t) {
	return row_of(t).ptr[7];
}

static struct slice key_at(struct slice row, int i) {
	const uint8_t *keys = row.ptr + ROW_HEAD_BYTES + row.ptr[6];
	return slice_of(keys + (size_t)i * SHA256_BYTES, SHA256_BYTES);
}

struct slice tenant_key(const struct tenant *t, int i) {
	struct slice row = row_of(t);
	ASSERT(i >= 0 && i < row.ptr[7]);
	return key_at(row, i);
}

bool tenant_has_key(const struct tenant *t, const uint8_t sha256[SHA256_BYTES]) {
	struct slice row = row_of(t);
	bool found = false;
	for (int i = 0; i < row.ptr[7]; i++)
		found |= slice_eq_secret(key_at(row, i), slice_of(sha256, SHA256_BYTES));
	return found;
}

bool tenant_attribute_next(const struct tenant *t, size_t *cursor, struct tenant_attribute *out) {
	struct slice row = row_of(t);
	size_t first = ROW_HEAD_BYTES + (size_t)row.ptr[6] + (size_t)row.ptr[7] * SHA256_BYTES;
	size_t at = *cursor ? *cursor : first;
	if (at > row.len) return false;
	struct bytes_reader r = bytes_reader(slice_of(row.ptr + at, row.len - at));
	size_t name_len = bytes_u8(&r), value_len = bytes_u16(&r);
	out->name = bytes_take(&r, name_len);
	out->value = bytes_take(&r, value_len);
	*cursor = at + ATTRIBUTE_HEAD_BYTES + name_len + value_len;
	return name_len > 0 && !r.failed;
}

struct slice tenant_attribute_get(const struct tenant *t, struct slice name) {
	struct tenant_attribute a;
	size_t cursor = 0;
	while (tenant_attribute_next(t, &cursor, &a))
		if (slice_eq(a.name, name)) return a.value;
	return slice_of(NULL, 0);
}

/* What is over a limit, as only a damaged row has it, is left out. */
void tenant_to_row(const struct tenant *t, struct tenant_row *out) {
	size_t cursor = 0;
	int keys = tenant_key_count(t);
	out->name = tenant_name(t);
	out->profile = *t->profile;
	out->key_count = keys < TENANT_KEYS_MAX ? keys : TENANT_KEYS_MAX;
	for (int i = 0; i < out->key_count; i++)
		memcpy(out->keys[i], tenant_key(t, i).ptr, SHA256_BYTES);
	struct tenant_attribute *a = out->attributes;
	while (a < out->attributes + TENANT_ATTRIBUTES_MAX && tenant_attribute_next(t, &cursor, a))
		a++;
	out->attribute_count = (int)(a - out->attributes);
}
