/* What the parts of the directory share: the layout of images and of rows. Private to
 * src/policy. All numbers are little-endian. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/bytes.h"
#include "base/map.h"
#include "policy/directory.h"

/* --- header: 256 bytes at offset 0 ------------------------------------------------------ */

enum image_section { SECTION_ROWS, SECTION_TENANTS, SECTION_KEYS, SECTION_PROFILES, SECTIONS };
enum { IMAGE_VERSION = 2, IMAGE_HEADER_BYTES = 256, PROBE_MAX = 4096 };

struct image_section_facts {
	uint64_t offset, bytes;
	uint64_t buckets;   /* tables only, and so is the next */
	uint32_t probe_max; /* no slot stands further from its home than this */
	uint32_t crc;
};
struct image_header {
	uint64_t total_bytes, seed[2], revision;
	uint64_t tenant_count, key_count, profile_count;
	struct image_section_facts sections[SECTIONS];
};
void image_header_encode(const struct image_header *h, uint8_t out[IMAGE_HEADER_BYTES]);
/* Checked: version, sum, that each section lies within `bytes` and holds what is counted. */
MUST enum err image_header_decode(struct slice bytes, struct image_header *out, struct fault *f);

/* A profile by the names it uses, so that an image outlives the policy's order of things. */
enum { PROFILE_BYTES_MAX = 512 };
struct slice profile_encode(const struct policy *p, const struct tenant_profile *profile,
                            uint8_t out[PROFILE_BYTES_MAX]);
/* ERR_CORRUPT, ERR_INVALID. */
MUST enum err profile_decode(struct bytes_reader *r, const struct policy *p,
                             struct tenant_profile *out, struct fault *f);

/* --- rows: a multiple of 8 bytes each ----------------------------------------------------- */

/* profile u32 · units of 8 bytes u16 · name length u8 · keys u8 · name · keys of 32 bytes ·
 * attributes (name length u8, value length u16, name, value) · zeros. A row is known by its
 * place in the image, in units: no table of places, and 32 bits reach 32 GiB. */
enum { ROW_UNIT = 8, ROW_HEAD_BYTES = 8, ROW_BYTES_MAX = 12 << 10 };
/* The row is one that tenant_row_check accepted. */
struct slice row_encode(const struct tenant_row *row, uint32_t profile, uint8_t out[ROW_BYTES_MAX]);
/* The row that begins at p: false unless its head, name and keys are within `room`. */
static inline bool row_at(const uint8_t *p, size_t room, struct slice *out) {
	if (room < ROW_HEAD_BYTES) return false;
	size_t bytes = (size_t)get_u16(p + 4) * ROW_UNIT;
	size_t needed = ROW_HEAD_BYTES + (size_t)p[6] + (size_t)p[7] * SHA256_BYTES;
	*out = slice_of(p, bytes);
	return needed <= bytes && bytes <= room;
}
/* Of a tenant: checked as above, or a row that has nothing when it is damaged. */
struct slice row_of(const struct tenant *t);
static inline uint32_t row_profile(struct slice row) {
	return get_u32(row.ptr);
}

/* --- tables: open addressing in the order of the hash ------------------------------------- */

/* A slot is hash u64 · profile u32 · row u32; row 0 is a free slot. A hash has its home bucket,
 * one cache line, in proportion to its value; slots stand in the order of their hashes, each as
 * near after its home as those before it allow. So a table is written from sorted hashes in one
 * pass, and a search ends at the first hash that is greater. */
enum { SLOT_BYTES = 16, BUCKET_SLOTS = 4, LOAD_NUM = 13, LOAD_DEN = 16 };

struct tenant_entry {
	uint64_t hash;
	uint32_t profile, row;
};
struct tenant_table {
	const uint8_t *slots;
	uint64_t slot_count, bucket_count, probe_max;
};
struct table_cursor {
	uint64_t at, end, hash;
};
static inline uint64_t table_home(uint64_t hash, uint64_t bucket_count) {
	return (uint64_t)((unsigned __int128)hash * bucket_count >> 64) * BUCKET_SLOTS;
}
static inline struct table_cursor table_start(const struct tenant_table *t, uint64_t hash) {
	uint64_t home = table_home(hash, t->bucket_count);
	uint64_t end = home + t->probe_max + 1;
	return (struct table_cursor){home, end < t->slot_count ? end : t->slot_count, hash};
}
static inline struct tenant_entry table_slot(const struct tenant_table *t, uint64_t index) {
	const uint8_t *p = t->slots + index * SLOT_BYTES;
	return (struct tenant_entry){get_u64(p), get_u32(p + 8), get_u32(p + 12)};
}
/* The next slot with the cursor's hash. Rarely more than one. */
static inline bool table_next(const struct tenant_table *t, struct table_cursor *c,
                              struct tenant_entry *out) {
	while (c->at < c->end) {
		*out = table_slot(t, c->at++);
		if (out->row == 0 || out->hash > c->hash) return false;
		if (out->hash == c->hash) return true;
	}
	return false;
}
/* Ascending by hash; equal hashes by row. In place. */
void entries_sort(struct tenant_entry *entries, size_t count);

/* --- an open image ------------------------------------------------------------------------ */

struct tenant_image {
	struct slice bytes;
	const struct policy *policy;
	struct image_header header;
	struct tenant_table tenants, keys;
	struct tenant_profile *profiles;
};
/* False when there is no such place or profile. The row itself is not read. */
bool image_tenant(const struct tenant_image *image, uint32_t row, uint32_t profile,
                  struct tenant *out);
static inline uint64_t image_hash(const struct tenant_image *image, struct slice text) {
	return siphash13(image->header.seed, text.ptr, text.len);
}
/* What the table has under the hash, one cache miss; where two tenants share it, the one whose
 * row has the name. An unknown name passes for a known one with the probability that its hash,
 * keyed and of 64 bits, is in the table. */
bool image_peek_hashed(const struct tenant_image *image, struct slice name, uint64_t hash,
                       struct tenant *out);

/* Tells every PROGRESS_ROWS rows. */
enum { PROGRESS_ROWS = 1 << 16 };
static inline void progress_tell(const struct tenant_progress *p, uint64_t done, uint64_t total) {
	if (p && done % PROGRESS_ROWS == 0) p->call(p->arg, done, total);
}

/* --- building ----------------------------------------------------------------------------- */

/* What goes to a sink in order, gathered into larger writes and summed. The first error sticks. */
enum { STREAM_BYTES = 1 << 16 };
struct tenant_stream {
	struct tenant_sink sink;
	uint64_t offset; /* of what comes next */
	uint32_t crc;    /* of the section so far */
	enum err failed;
	size_t used;
	uint8_t bytes[STREAM_BYTES];
};
void stream_put(struct tenant_stream *s, struct slice bytes);
void stream_align(struct tenant_stream *s, size_t to); /* with zeros */
void stream_flush(struct tenant_stream *s);
struct image_section_facts stream_begin(struct tenant_stream *s); /* a section */
void stream_end(struct tenant_stream *s, struct image_section_facts *section);

/* Writes sorted entries as a table. */
MUST enum err table_write(struct tenant_stream *s, const struct tenant_entry *entries, size_t count,
                          struct image_section_facts *out);

struct entry_list {
	struct tenant_entry *items;
	size_t count, cap;
};
struct tenant_builder {
	const struct policy *policy;
	uint64_t revision;
	struct image_header header;
	struct entry_list tenants, keys;
	struct map profiles;         /* encoded → index + 1 */
	struct arena profile_keys;   /* what that map borrows */
	struct buf profile_bytes;    /* the section */
	uint32_t profile_count;
	bool finished;
	uint8_t row[ROW_BYTES_MAX];
	struct tenant_stream out;
};
/* Reads rows back where sorted hashes are equal. ERR_EXISTS, and the fault says whose. */
MUST enum err builder_find_twice(const struct tenant_builder *b, struct fault *f);
