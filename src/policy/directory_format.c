/* The header of an image and its profiles, to bytes and back. Whatever is read here may be
 * hostile: it is believed only after these checks. */
#include "base/assert.h"
#include "base/parse.h"
#include "policy/directory_private.h"
#include "policy/mistake.h"

static const uint8_t magic[8] = "HFTENANT";

enum { HEADER_SUM_AT = IMAGE_HEADER_BYTES - 4 };

void image_header_encode(const struct image_header *h, uint8_t out[IMAGE_HEADER_BYTES]) {
	memset(out, 0, IMAGE_HEADER_BYTES);
	struct bytes_writer w = bytes_writer(out, HEADER_SUM_AT);
	bytes_put(&w, slice_of(magic, sizeof magic));
	bytes_put_u32(&w, IMAGE_VERSION);
	bytes_put_u32(&w, IMAGE_HEADER_BYTES);
	const uint64_t numbers[] = {h->total_bytes,  h->seed[0],   h->seed[1],      h->revision,
	                            h->tenant_count, h->key_count, h->profile_count};
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) bytes_put_u64(&w, numbers[i]);
	for (int i = 0; i < SECTIONS; i++) {
		const struct image_section_facts *s = &h->sections[i];
		bytes_put_u64(&w, s->offset);
		bytes_put_u64(&w, s->bytes);
		bytes_put_u64(&w, s->buckets);
		bytes_put_u32(&w, s->probe_max);
		bytes_put_u32(&w, s->crc);
	}
	ASSERT(!w.failed);
	put_u32(out + HEADER_SUM_AT, crc32c(0, out, HEADER_SUM_AT));
}

static void header_read(struct bytes_reader *r, struct image_header *h) {
	uint64_t *const numbers[] = {&h->total_bytes,  &h->seed[0],      &h->seed[1],
	                             &h->revision,     &h->tenant_count, &h->key_count,
	                             &h->profile_count};
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) *numbers[i] = bytes_u64(r);
	for (int i = 0; i < SECTIONS; i++) {
		struct image_section_facts *s = &h->sections[i];
		s->offset = bytes_u64(r);
		s->bytes = bytes_u64(r);
		s->buckets = bytes_u64(r);
		s->probe_max = bytes_u32(r);
		s->crc = bytes_u32(r);
	}
}

static bool table_fits(const struct image_section_facts *s, uint64_t count) {
	uint64_t slots = s->bytes / SLOT_BYTES;
	return s->bytes % SLOT_BYTES == 0 && s->buckets > 0 && s->buckets <= slots / BUCKET_SLOTS &&
	       s->probe_max <= PROBE_MAX && count <= slots;
}

static bool sections_fit(const struct image_header *h) {
	const struct image_section_facts *s = h->sections;
	uint64_t at = IMAGE_HEADER_BYTES;
	for (int i = 0; i < SECTIONS; i++) {
		if (s[i].offset < at || s[i].offset % ROW_UNIT) return false;
		if (s[i].offset > h->total_bytes || s[i].bytes > h->total_bytes - s[i].offset)
			return false;
		at = s[i].offset + s[i].bytes;
	}
	return table_fits(&s[SECTION_TENANTS], h->tenant_count) &&
	       table_fits(&s[SECTION_KEYS], h->key_count) &&
	       h->profile_count <= TENANT_PROFILES_MAX &&
	       h->profile_count <= s[SECTION_PROFILES].bytes;
}

enum err image_header_decode(struct slice bytes, struct image_header *out, struct fault *f) {
	struct bytes_reader r = bytes_reader(bytes);
	struct slice mark = bytes_take(&r, sizeof magic);
	uint32_t version = bytes_u32(&r), header_bytes = bytes_u32(&r);
	if (!slice_eq(mark, slice_of(magic, sizeof magic)))
		return fault_set(f, ERR_FORMAT, "this is no image of tenants");
	if (version != IMAGE_VERSION)
		return fault_set(f, ERR_FORMAT, "the image is of version %u; expected %d", version,
		                 IMAGE_VERSION);
	if (bytes.len < IMAGE_HEADER_BYTES || header_bytes != IMAGE_HEADER_BYTES ||
	    get_u32(bytes.ptr + HEADER_SUM_AT) != crc32c(0, bytes.ptr, HEADER_SUM_AT))
		return fault_set(f, ERR_CORRUPT, "the header of the image fails its checksum");
	header_read(&r, out);
	if (out->total_bytes != bytes.len)
		return fault_set(f, ERR_CORRUPT, "the image has %zu bytes; expected %llu",
		                 bytes.len, (unsigned long long)out->total_bytes);
	if (!sections_fit(out))
		return fault_set(f, ERR_CORRUPT, "the sections of the image do not fit it");
	return ERR_OK;
}

/* --- profiles --------------------------------------------------------------------------- */

static void put_text(struct bytes_writer *w, const char *text) {
	struct slice s = slice_str(text);
	bytes_put_u8(w, (uint8_t)s.len);
	bytes_put(w, s);
}

static struct slice take_text(struct bytes_reader *r) {
	size_t len = bytes_u8(r);
	return bytes_take(r, len);
}

struct slice profile_encode(const struct policy *p, const struct tenant_profile *profile,
                            uint8_t out[PROFILE_BYTES_MAX]) {
	struct bytes_writer w = bytes_writer(out, PROFILE_BYTES_MAX);
	bytes_put_u32(&w, profile->bounded_ms);
	bytes_put_u8(&w, profile->consistency);
	bytes_put_u8(&w, profile->preferred_count);
	bytes_put_u8(&w, profile->explicit_failover);
	bytes_put_u16(&w, profile->maintenance.from);
	bytes_put_u16(&w, profile->maintenance.to);
	bytes_put_u16(&w, (uint16_t)profile->maintenance.zone);
	put_text(&w, p->residencies[profile->residency].name);
	put_text(&w, p->cells[profile->cell].name);
	put_text(&w, profile->tier);
	put_text(&w, profile->country);
	for (int i = 0; i < profile->preferred_count; i++)
		put_text(&w, p->regions[profile->preferred[i]].name);
	ASSERT(!w.failed);
	return slice_of(out, w.len);
}

static bool copy_text(char *to, size_t size, struct slice s) {
	if (s.len >= size) return false;
	memset(to, 0, size);
	if (s.len) memcpy(to, s.ptr, s.len);
	return memchr(to, 0, size) == to + s.len;
}

static enum err unknown(struct fault *f, const char *what, struct slice name) {
	return fault_set(f, ERR_INVALID, "tenants use %s %s, which the policy does not have", what,
	                 show(name).text);
}

static enum err decode_preferred(struct bytes_reader *r, const struct policy *p,
                                 struct tenant_profile *out, struct fault *f) {
	for (int i = 0; i < out->preferred_count; i++) {
		struct slice name = take_text(r);
		int region = policy_find_region(p, name);
		if (r->failed) break;
		if (region < 0) return unknown(f, "region", name);
		out->preferred[i] = (uint8_t)region;
	}
	return ERR_OK;
}

enum err profile_decode(struct bytes_reader *r, const struct policy *p, struct tenant_profile *out,
                        struct fault *f) {
	memset(out, 0, sizeof *out);
	out->bounded_ms = bytes_u32(r);
	out->consistency = bytes_u8(r);
	out->preferred_count = bytes_u8(r);
	uint8_t explicit_failover = bytes_u8(r);
	out->explicit_failover = explicit_failover == 1;
	out->maintenance.from = bytes_u16(r);
	out->maintenance.to = bytes_u16(r);
	out->maintenance.zone = (int16_t)bytes_u16(r);
	struct slice class = take_text(r), cell = take_text(r);
	struct slice tier = take_text(r), country = take_text(r);
	if (r->failed || explicit_failover > 1 || out->preferred_count > POLICY_REPLICAS_MAX ||
	    !copy_text(out->tier, sizeof out->tier, tier) ||
	    !copy_text(out->country, sizeof out->country, country))
		return fault_set(f, ERR_CORRUPT, "a profile in the image is malformed");
	out->residency = policy_find_residency(p, class);
	if (out->residency < 0) return unknown(f, "residency class", class);
	out->cell = policy_find_cell(p, cell);
	if (out->cell < 0) return unknown(f, "cell", cell);
	enum err e = decode_preferred(r, p, out, f);
	if (!e && r->failed) e = fault_set(f, ERR_CORRUPT, "the profiles in the image end early");
	return e ? e : tenant_profile_check(p, out, f);
}
