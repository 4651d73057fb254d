/* Keys to bytes and back; see the header for the layout. */
#include "coord/embedded_table.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "coord/coord.h"

static const uint32_t TABLE_MAGIC = 0x31544648; /* "HFT1" */
enum { TABLE_CRC_FROM = 8 };

void table_done(struct table *t) {
	free(t->entries);
	free(t->bytes);
	*t = (struct table){0};
}

enum err table_header_bytes(const uint8_t header[TABLE_HEADER_BYTES], size_t max, size_t *out) {
	size_t bytes = get_u32(header + 24);
	if (get_u32(header) != TABLE_MAGIC) return ERR_CORRUPT;
	if (bytes < TABLE_HEADER_BYTES || bytes > max) return ERR_CORRUPT;
	*out = bytes;
	return ERR_OK;
}

/* The first entry whose key is not below `key`. */
static int lower_bound(const struct table *t, struct slice key) {
	int low = 0, high = t->count;
	while (low < high) {
		int middle = low + (high - low) / 2;
		if (slice_cmp(t->entries[middle].key, key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct table_entry *table_find(const struct table *t, struct slice key) {
	int at = lower_bound(t, key);
	if (at == t->count || !slice_eq(t->entries[at].key, key)) return NULL;
	return &t->entries[at];
}

static enum err make_room(struct table *t, int count) {
	if (count <= t->cap) return ERR_OK;
	int cap = count < 8 ? 8 : 2 * count;
	struct table_entry *entries = realloc(t->entries, (size_t)cap * sizeof *entries);
	if (!entries) return ERR_NO_MEMORY;
	t->entries = entries;
	t->cap = cap;
	return ERR_OK;
}

enum err table_set(struct table *t, struct slice key, struct slice value, uint64_t revision) {
	enum err e = make_room(t, t->count + 1);
	if (e) return e;
	int at = lower_bound(t, key);
	struct table_entry *entry = &t->entries[at];
	if (at == t->count || !slice_eq(entry->key, key)) {
		memmove(entry + 1, entry, (size_t)(t->count - at) * sizeof *entry);
		t->count++;
	}
	*entry = (struct table_entry){key, value, revision};
	return ERR_OK;
}

static enum err read_entry(struct bytes_reader *r, const struct table *t, struct table_entry *out) {
	uint16_t key_bytes = bytes_u16(r), zero = bytes_u16(r);
	uint32_t value_bytes = bytes_u32(r);
	out->revision = bytes_u64(r);
	out->key = bytes_take(r, key_bytes);
	out->value = bytes_take(r, value_bytes);
	bool sound = !r->failed && zero == 0 && key_bytes >= 1 && key_bytes <= COORD_KEY_MAX &&
	             value_bytes <= COORD_VALUE_MAX && out->revision >= 1 &&
	             out->revision <= t->revision;
	if (!sound) return ERR_CORRUPT;
	if (t->count && slice_cmp(t->entries[t->count - 1].key, out->key) >= 0) return ERR_CORRUPT;
	return ERR_OK;
}

static enum err read_entries(struct table *t, struct slice body, uint32_t count) {
	if (count > body.len / TABLE_ENTRY_BYTES) return ERR_CORRUPT;
	enum err e = make_room(t, (int)count);
	struct bytes_reader r = bytes_reader(body);
	for (uint32_t i = 0; !e && i < count; i++) {
		e = read_entry(&r, t, &t->entries[i]);
		if (!e) t->count++;
	}
	if (!e && !bytes_end(&r)) e = ERR_CORRUPT;
	return e;
}

static bool is_sound(const uint8_t *bytes, size_t len, uint32_t area, uint64_t revision) {
	size_t said;
	if (len < TABLE_HEADER_BYTES || table_header_bytes(bytes, len, &said)) return false;
	return said == len && get_u64(bytes + 8) == revision && get_u32(bytes + 16) == area &&
	       get_u32(bytes + 28) == 0 &&
	       get_u32(bytes + 4) == crc32c(0, bytes + TABLE_CRC_FROM, len - TABLE_CRC_FROM);
}

enum err table_decode(struct table *t, uint8_t *bytes, size_t len, uint32_t area,
                      uint64_t revision) {
	t->bytes = bytes;
	t->revision = revision;
	enum err e = ERR_CORRUPT;
	if (is_sound(bytes, len, area, revision)) {
		struct slice body = slice_of(bytes + TABLE_HEADER_BYTES, len - TABLE_HEADER_BYTES);
		e = read_entries(t, body, get_u32(bytes + 20));
	}
	if (e) table_done(t);
	return e;
}

size_t table_bytes(const struct table *t) {
	size_t bytes = TABLE_HEADER_BYTES;
	for (int i = 0; i < t->count; i++)
		bytes += TABLE_ENTRY_BYTES + t->entries[i].key.len + t->entries[i].value.len;
	return bytes;
}

void table_encode(const struct table *t, uint32_t area, uint8_t *out) {
	size_t len = table_bytes(t);
	struct bytes_writer w = bytes_writer(out, len);
	bytes_put_u32(&w, TABLE_MAGIC);
	bytes_put_u32(&w, 0);
	bytes_put_u64(&w, t->revision);
	bytes_put_u32(&w, area);
	bytes_put_u32(&w, (uint32_t)t->count);
	bytes_put_u32(&w, (uint32_t)len);
	bytes_put_u32(&w, 0);
	for (int i = 0; i < t->count; i++) {
		const struct table_entry *entry = &t->entries[i];
		bytes_put_u16(&w, (uint16_t)entry->key.len);
		bytes_put_u16(&w, 0);
		bytes_put_u32(&w, (uint32_t)entry->value.len);
		bytes_put_u64(&w, entry->revision);
		bytes_put(&w, entry->key);
		bytes_put(&w, entry->value);
	}
	put_u32(out + 4, crc32c(0, out + TABLE_CRC_FROM, len - TABLE_CRC_FROM));
}
