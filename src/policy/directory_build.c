/* Building an image: rows go to the sink as they come; of each tenant and key 16 bytes stay in
 * memory until the tables are sorted and written. Knows no file. */
#include <stdlib.h>

#include "base/assert.h"
#include "policy/directory_private.h"

enum { PROFILES_BYTES_MAX = 256 << 20, LIST_FIRST = 1 << 12 };

enum err tenant_builder_new(const struct policy *policy, const uint64_t seed[2], uint64_t revision,
                            const struct tenant_sink *sink, struct tenant_builder **out) {
	struct tenant_builder *b = *out = malloc(sizeof *b);
	if (!b) return ERR_NO_MEMORY;
	memset(b, 0, offsetof(struct tenant_builder, row));
	b->policy = policy;
	b->header.seed[0] = seed[0];
	b->header.seed[1] = seed[1];
	b->header.revision = revision;
	map_init(&b->profiles, seed);
	arena_init(&b->profile_keys, PROFILES_BYTES_MAX);
	buf_init(&b->profile_bytes, PROFILES_BYTES_MAX);
	b->out.sink = *sink;
	b->out.offset = IMAGE_HEADER_BYTES;
	b->out.failed = ERR_OK;
	b->out.used = 0;
	b->header.sections[SECTION_ROWS] = stream_begin(&b->out);
	return ERR_OK;
}

void tenant_builder_free(struct tenant_builder *b) {
	if (!b) return;
	free(b->tenants.items);
	free(b->keys.items);
	map_done(&b->profiles);
	arena_done(&b->profile_keys);
	buf_done(&b->profile_bytes);
	free(b);
}

/* --- adding ----------------------------------------------------------------------------- */

static enum err list_reserve(struct entry_list *l, size_t more) {
	if (l->cap - l->count >= more) return ERR_OK;
	size_t cap = l->cap ? 2 * l->cap : LIST_FIRST;
	struct tenant_entry *items = realloc(l->items, cap * sizeof *items);
	if (!items) return ERR_NO_MEMORY;
	l->items = items;
	l->cap = cap;
	return ERR_OK;
}

static void list_add(struct entry_list *l, uint64_t hash, uint32_t profile, uint32_t row) {
	ASSERT(l->count < l->cap);
	l->items[l->count++] = (struct tenant_entry){hash, profile, row};
}

/* The index of the profile; equal ones share it. */
static enum err intern_profile(struct tenant_builder *b, const struct tenant_profile *profile,
                               uint32_t *out) {
	uint8_t bytes[PROFILE_BYTES_MAX];
	struct slice encoded = profile_encode(b->policy, profile, bytes);
	uintptr_t known = (uintptr_t)map_get(&b->profiles, encoded);
	if (known) {
		*out = (uint32_t)known - 1;
		return ERR_OK;
	}
	if (b->profile_count == TENANT_PROFILES_MAX) return ERR_TOO_MANY;
	struct slice kept = arena_copy(&b->profile_keys, encoded);
	if (!kept.ptr) return ERR_NO_MEMORY;
	enum err e = map_put(&b->profiles, kept, (void *)(uintptr_t)(b->profile_count + 1));
	if (!e) e = buf_append_slice(&b->profile_bytes, encoded);
	if (!e) *out = b->profile_count++;
	return e;
}

static uint64_t hash_of(const struct tenant_builder *b, struct slice text) {
	return siphash13(b->header.seed, text.ptr, text.len);
}

static enum err add_row(struct tenant_builder *b, const struct tenant_row *row, struct fault *f) {
	uint32_t profile = 0;
	enum err e = intern_profile(b, &row->profile, &profile);
	if (e == ERR_TOO_MANY)
		return fault_set(f, e, "more than %d combinations of tenants' properties",
		                 TENANT_PROFILES_MAX);
	if (!e) e = list_reserve(&b->tenants, 1);
	if (!e) e = list_reserve(&b->keys, (size_t)row->key_count);
	if (e) return fault_set(f, e, "%s", err_text(e));
	uint64_t at = b->out.offset / ROW_UNIT;
	if (at > UINT32_MAX - ROW_BYTES_MAX)
		return fault_set(f, ERR_TOO_MANY, "the rows of the tenants exceed 32 GiB");
	stream_put(&b->out, row_encode(row, profile, b->row));
	list_add(&b->tenants, hash_of(b, row->name), profile, (uint32_t)at);
	for (int i = 0; i < row->key_count; i++)
		list_add(&b->keys, hash_of(b, slice_of(row->keys[i], SHA256_BYTES)), profile,
		         (uint32_t)at);
	return b->out.failed ? fault_set(f, b->out.failed, "the image cannot be written: %s",
	                                 err_text(b->out.failed))
	                     : ERR_OK;
}

enum err tenant_builder_add(struct tenant_builder *b, const struct tenant_row *row,
                            struct fault *f) {
	ASSERT(!b->finished);
	enum err e = tenant_row_check(b->policy, row, f);
	return e ? e : add_row(b, row, f);
}

/* --- finishing -------------------------------------------------------------------------- */

static void write_header(struct tenant_builder *b) {
	uint8_t header[IMAGE_HEADER_BYTES];
	b->header.total_bytes = b->out.offset;
	b->header.tenant_count = b->tenants.count;
	b->header.key_count = b->keys.count;
	b->header.profile_count = b->profile_count;
	image_header_encode(&b->header, header);
	if (!b->out.failed)
		b->out.failed =
			b->out.sink.write_at(b->out.sink.arg, 0, slice_of(header, sizeof header));
}

static enum err write_tables(struct tenant_builder *b) {
	struct image_section_facts *s = b->header.sections;
	enum err e = table_write(&b->out, b->tenants.items, b->tenants.count, &s[SECTION_TENANTS]);
	return e ? e : table_write(&b->out, b->keys.items, b->keys.count, &s[SECTION_KEYS]);
}

static void write_profiles(struct tenant_builder *b) {
	struct image_section_facts *s = &b->header.sections[SECTION_PROFILES];
	*s = stream_begin(&b->out);
	stream_put(&b->out, buf_slice(&b->profile_bytes));
	stream_end(&b->out, s);
}

/* Steps of unlike length, but a person sees that it goes on. */
enum { STEP_SORTED = 1, STEP_CHECKED, STEP_WRITTEN, STEPS = STEP_WRITTEN };

static void step(const struct tenant_progress *p, uint64_t done) {
	if (p) p->call(p->arg, done, STEPS);
}

enum err tenant_builder_finish(struct tenant_builder *b, const struct tenant_progress *progress,
                               struct fault *f) {
	ASSERT(!b->finished);
	b->finished = true;
	stream_end(&b->out, &b->header.sections[SECTION_ROWS]);
	entries_sort(b->tenants.items, b->tenants.count);
	entries_sort(b->keys.items, b->keys.count);
	step(progress, STEP_SORTED);
	enum err e = b->out.failed;
	if (!e && (e = builder_find_twice(b, f)) == ERR_EXISTS) return e;
	step(progress, STEP_CHECKED);
	if (!e) e = write_tables(b);
	if (!e) {
		write_profiles(b);
		write_header(b);
		e = b->out.failed;
	}
	step(progress, STEP_WRITTEN);
	return e ? fault_set(f, e, "the image cannot be written: %s", err_text(e)) : ERR_OK;
}
