/* Verifying a whole image: what opening and lookups leave unchecked because it would cost as
 * much as there are tenants. */
#include "policy/directory_private.h"
#include "policy/mistake.h"

enum err tenant_image_verify_sums(const struct tenant_image *image, struct fault *f) {
	static const char *const names[SECTIONS] = {"rows", "table of tenants", "table of keys",
	                                            "profiles"};
	for (int i = 0; i < SECTIONS; i++) {
		const struct image_section_facts *s = &image->header.sections[i];
		if (crc32c(0, image->bytes.ptr + s->offset, s->bytes) != s->crc)
			return fault_set(f, ERR_CORRUPT, "the %s fail their checksum", names[i]);
	}
	return ERR_OK;
}

/* What no sum covers: zeros that align the sections. */
static enum err verify_gaps(const struct tenant_image *image, struct fault *f) {
	uint64_t at = IMAGE_HEADER_BYTES;
	for (int i = 0; i <= SECTIONS; i++) {
		const struct image_section_facts *s = &image->header.sections[i];
		uint64_t end = i < SECTIONS ? s->offset : image->bytes.len;
		for (; at < end; at++)
			if (image->bytes.ptr[at])
				return fault_set(f, ERR_CORRUPT, "stray bytes between sections");
		if (i < SECTIONS) at += s->bytes;
	}
	return ERR_OK;
}

static uint64_t table_used(const struct tenant_table *t) {
	uint64_t used = 0;
	for (uint64_t i = 0; i < t->slot_count; i++) used += table_slot(t, i).row != 0;
	return used;
}

/* Found under its name and under each of its keys, and as nobody else. */
static bool row_reachable(const struct tenant_image *image, const struct tenant *t) {
	struct tenant found;
	bool good = tenant_image_find(image, tenant_name(t), &found) &&
	            found.row.ptr == t->row.ptr && found.profile == t->profile;
	for (int i = 0; good && i < tenant_key_count(t); i++)
		good = tenant_image_find_key(image, tenant_key(t, i).ptr, &found) &&
		       found.row.ptr == t->row.ptr && found.profile == t->profile;
	return good;
}

static enum err verify_row(const struct tenant_image *image, const struct tenant *t,
                           struct fault *f) {
	struct tenant_row row;
	tenant_to_row(t, &row);
	uint8_t again[ROW_BYTES_MAX];
	enum err e = tenant_row_check(image->policy, &row, f);
	if (e || !slice_eq(row_encode(&row, row_profile(t->row), again), row_of(t)))
		return fault_set(f, ERR_CORRUPT, "the row of tenant %s is malformed",
		                 show(tenant_name(t)).text);
	if (!row_reachable(image, t))
		return fault_set(f, ERR_CORRUPT, "tenant %s is not found by its name and keys",
		                 show(tenant_name(t)).text);
	return ERR_OK;
}

static enum err verify_rows(const struct tenant_image *image, const struct tenant_progress *p,
                            struct fault *f) {
	const struct image_header *h = &image->header;
	const struct image_section_facts *rows = &h->sections[SECTION_ROWS];
	uint64_t cursor = 0, count = 0, keys = 0;
	struct tenant t;
	enum err e = ERR_OK;
	while (!e && tenant_image_next(image, &cursor, &t)) {
		e = verify_row(image, &t, f);
		keys += (uint64_t)tenant_key_count(&t);
		progress_tell(p, ++count, h->tenant_count);
	}
	if (e) return e;
	bool whole = cursor ? cursor == rows->offset + rows->bytes : rows->bytes == 0;
	if (!whole || count != h->tenant_count || keys != h->key_count ||
	    table_used(&image->tenants) != count || table_used(&image->keys) != keys)
		return fault_set(f, ERR_CORRUPT,
		                 "the image has %llu tenants and %llu keys; expected %llu and %llu",
		                 (unsigned long long)count, (unsigned long long)keys,
		                 (unsigned long long)h->tenant_count,
		                 (unsigned long long)h->key_count);
	return ERR_OK;
}

enum err tenant_image_verify(const struct tenant_image *image,
                             const struct tenant_progress *progress, struct fault *f) {
	enum err e = tenant_image_verify_sums(image, f);
	if (!e) e = verify_gaps(image, f);
	return e ? e : verify_rows(image, progress, f);
}
