/* An image that is open: finding tenants in bytes that may be damaged. Nothing here is decoded
 * ahead of its use but the header and the profiles. */
#include "policy/directory_image.h"

#include <stdlib.h>

#include "base/assert.h"
#include "policy/directory_private.h"

static struct slice section(const struct tenant_image *image, enum image_section which) {
	const struct image_section_facts *s = &image->header.sections[which];
	return slice_of(image->bytes.ptr + s->offset, s->bytes);
}

static struct tenant_table table_of(const struct tenant_image *image, enum image_section which) {
	const struct image_section_facts *s = &image->header.sections[which];
	return (struct tenant_table){section(image, which).ptr, s->bytes / SLOT_BYTES, s->buckets,
	                             s->probe_max};
}

static enum err load_profiles(struct tenant_image *image, struct fault *f) {
	struct slice bytes = section(image, SECTION_PROFILES);
	/* Small, and all of it is used: the one section whose sum is checked on opening. */
	if (crc32c(0, bytes.ptr, bytes.len) != image->header.sections[SECTION_PROFILES].crc)
		return fault_set(f, ERR_CORRUPT, "the profiles in the image fail their checksum");
	image->profiles = calloc(image->header.profile_count + 1, sizeof *image->profiles);
	if (!image->profiles) return ERR_NO_MEMORY;
	struct bytes_reader r = bytes_reader(bytes);
	enum err e = ERR_OK;
	for (uint64_t i = 0; !e && i < image->header.profile_count; i++)
		e = profile_decode(&r, image->policy, &image->profiles[i], f);
	if (!e && !bytes_end(&r))
		e = fault_set(f, ERR_CORRUPT, "there is more behind the profiles in the image");
	return e;
}

enum err tenant_image_open(struct slice bytes, const struct policy *policy,
                           struct tenant_image **out, struct fault *f) {
	*out = NULL;
	struct tenant_image *image = calloc(1, sizeof *image);
	if (!image) return fault_set(f, ERR_NO_MEMORY, "%s", err_text(ERR_NO_MEMORY));
	image->bytes = bytes;
	image->policy = policy;
	enum err e = image_header_decode(bytes, &image->header, f);
	if (!e) e = load_profiles(image, f);
	if (e) {
		tenant_image_close(image);
		return e;
	}
	image->tenants = table_of(image, SECTION_TENANTS);
	image->keys = table_of(image, SECTION_KEYS);
	*out = image;
	return ERR_OK;
}

void tenant_image_close(struct tenant_image *image) {
	if (!image) return;
	free(image->profiles);
	free(image);
}

struct tenant_image_facts tenant_image_facts(const struct tenant_image *image) {
	const struct image_header *h = &image->header;
	return (struct tenant_image_facts){
		.tenant_count = h->tenant_count,
		.key_count = h->key_count,
		.profile_count = h->profile_count,
		.revision = h->revision,
		.total_bytes = h->total_bytes,
		.row_bytes = h->sections[SECTION_ROWS].bytes,
		.tenant_table_bytes = h->sections[SECTION_TENANTS].bytes,
		.key_table_bytes = h->sections[SECTION_KEYS].bytes,
	};
}

struct slice tenant_image_bytes(const struct tenant_image *image) {
	return image->bytes;
}

/* --- looking up ------------------------------------------------------------------------- */

bool image_tenant(const struct tenant_image *image, uint32_t row, uint32_t profile,
                  struct tenant *out) {
	const struct image_section_facts *rows = &image->header.sections[SECTION_ROWS];
	uint64_t at = (uint64_t)row * ROW_UNIT, end = rows->offset + rows->bytes;
	if (at < rows->offset || at >= end || profile >= image->header.profile_count) return false;
	struct slice rest = slice_of(image->bytes.ptr + at, end - at);
	*out = (struct tenant){&image->profiles[profile], rest, profile};
	return true;
}

/* Of several tenants under one hash, which hardly ever happens, the one with the name. */
static bool find_among(const struct tenant_image *image, struct slice name, struct table_cursor c,
                       struct tenant *out) {
	struct tenant_entry slot;
	while (table_next(&image->tenants, &c, &slot))
		if (image_tenant(image, slot.row, slot.profile, out) && tenant_is_named(out, name))
			return true;
	return false;
}

bool image_peek_hashed(const struct tenant_image *image, struct slice name, uint64_t hash,
                       struct tenant *out) {
	struct table_cursor start = table_start(&image->tenants, hash), c = start;
	struct tenant_entry slot, another;
	if (!table_next(&image->tenants, &c, &slot)) return false;
	if (table_next(&image->tenants, &c, &another)) return find_among(image, name, start, out);
	return image_tenant(image, slot.row, slot.profile, out);
}

bool tenant_image_find(const struct tenant_image *image, struct slice name, struct tenant *out) {
	return image_peek_hashed(image, name, image_hash(image, name), out) &&
	       tenant_is_named(out, name);
}

bool tenant_image_find_key(const struct tenant_image *image, const uint8_t sha256[SHA256_BYTES],
                           struct tenant *out) {
	uint64_t hash = image_hash(image, slice_of(sha256, SHA256_BYTES));
	struct table_cursor c = table_start(&image->keys, hash);
	struct tenant_entry slot;
	while (table_next(&image->keys, &c, &slot))
		if (image_tenant(image, slot.row, slot.profile, out) && tenant_has_key(out, sha256))
			return true;
	return false;
}

bool tenant_image_next(const struct tenant_image *image, uint64_t *cursor, struct tenant *out) {
	const struct image_section_facts *rows = &image->header.sections[SECTION_ROWS];
	uint64_t at = *cursor ? *cursor : rows->offset, end = rows->offset + rows->bytes;
	if (at < rows->offset || at >= end) return false;
	struct slice row;
	if (!row_at(image->bytes.ptr + at, end - at, &row)) return false;
	if (!image_tenant(image, (uint32_t)(at / ROW_UNIT), row_profile(row), out)) return false;
	*cursor = at + row.len;
	return true;
}
