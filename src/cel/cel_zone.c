/* TZif (RFC 9636) read strictly, once, into arrays, and the table of zones. No file, no clock, no
 * environment variable. */
#include "cel/cel_zone.h"

#include <stdlib.h>

#include "base/map.h"
#include "cel/cel_zone_rule.h"

enum {
	HEADER_BYTES = 44,
	TYPES_MAX = 256,
	CHARS_MAX = 4096,
	LEAPS_MAX = 1000,
	TYPE_BYTES = 6,
	OFFSET_MAX = 26 * 3600, /* RFC 9636 section 3.2 wants -25 h to 26 h */
};

struct zone {
	char name[CEL_ZONE_NAME_MAX + 1];
	struct cel_zone_rule rule; /* after the last change */
	int32_t first;             /* offset before the first change */
	uint32_t count;
	struct {
		int64_t at;
		int32_t offset; /* from then on */
	} changes[];
};

struct cel_zones {
	struct map by_name;
};

/* --- reading big-endian bytes: what is short fails at the end ------------------------------------- */

struct reader {
	struct slice rest;
	bool failed;
};

static struct slice take(struct reader *r, size_t len) {
	if (len > r->rest.len) r->failed = true;
	if (r->failed) return slice_of(NULL, 0);
	struct slice s = slice_of(r->rest.ptr, len);
	r->rest = slice_of(r->rest.ptr + len, r->rest.len - len);
	return s;
}

static int64_t big_endian(const uint8_t *p, size_t bytes) {
	uint64_t value = 0;
	for (size_t i = 0; i < bytes; i++) value = value << 8 | p[i];
	return bytes == 4 ? (int32_t)value : (int64_t)value;
}

/* --- TZif --------------------------------------------------------------------------------------------- */

struct header {
	uint32_t utc_marks, standard_marks, leaps, changes, types, chars;
};

static bool read_header(struct reader *r, struct header *h) {
	struct slice s = take(r, HEADER_BYTES);
	if (r->failed || memcmp(s.ptr, "TZif", 4) != 0 || s.ptr[4] < '2') return false;
	uint32_t *const fields[] = {&h->utc_marks, &h->standard_marks, &h->leaps,
	                            &h->changes,   &h->types,          &h->chars};
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		*fields[i] = (uint32_t)big_endian(s.ptr + 20 + i * 4, 4);
	return h->changes <= CEL_ZONE_CHANGES_MAX && h->types <= TYPES_MAX && h->types > 0 &&
	       h->chars <= CHARS_MAX && h->leaps <= LEAPS_MAX && h->utc_marks <= h->types &&
	       h->standard_marks <= h->types;
}

static bool skip_old_block(struct reader *r) {
	struct header h;
	if (!read_header(r, &h)) return false;
	take(r, h.changes * 5 + h.types * TYPE_BYTES + h.chars + h.leaps * 8 + h.standard_marks +
	                h.utc_marks);
	return !r->failed;
}

static bool type_offset(struct slice types, uint32_t type, int32_t *offset) {
	if ((type + 1) * TYPE_BYTES > types.len) return false;
	*offset = (int32_t)big_endian(types.ptr + type * TYPE_BYTES, 4);
	return *offset > -OFFSET_MAX && *offset < OFFSET_MAX;
}

static bool read_changes(struct zone *z, struct slice times, struct slice indices,
                         struct slice types) {
	if (!type_offset(types, 0, &z->first)) return false;
	for (uint32_t i = 0; i < z->count; i++) {
		z->changes[i].at = big_endian(times.ptr + i * 8, 8);
		if (i && z->changes[i].at <= z->changes[i - 1].at) return false;
		if (!type_offset(types, indices.ptr[i], &z->changes[i].offset)) return false;
	}
	return true;
}

/* "\n" rule "\n"; an empty rule means that the last change holds for ever. */
static bool read_footer(struct slice s, struct zone *z) {
	if (s.len < 2 || s.ptr[0] != '\n' || s.ptr[s.len - 1] != '\n') return false;
	struct slice text = slice_of(s.ptr + 1, s.len - 2);
	if (text.len) return cel_zone_rule_parse(text, &z->rule);
	z->rule.standard = z->count ? z->changes[z->count - 1].offset : z->first;
	return true;
}

static enum err read_zone(struct slice tzif, struct zone **out) {
	struct reader r = {.rest = tzif};
	struct header h;
	if (!skip_old_block(&r) || !read_header(&r, &h)) return ERR_INVALID;
	struct slice times = take(&r, (size_t)h.changes * 8);
	struct slice indices = take(&r, h.changes);
	struct slice types = take(&r, (size_t)h.types * TYPE_BYTES);
	take(&r, h.chars + h.leaps * 12 + h.standard_marks + h.utc_marks);
	if (r.failed) return ERR_INVALID;
	struct zone *z = calloc(1, sizeof *z + h.changes * sizeof *z->changes);
	if (!z) return ERR_NO_MEMORY;
	z->count = h.changes;
	if (read_changes(z, times, indices, types) && read_footer(r.rest, z)) {
		*out = z;
		return ERR_OK;
	}
	free(z);
	return ERR_INVALID;
}

static int32_t zone_offset(const struct zone *z, int64_t at) {
	uint32_t low = 0, high = z->count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (z->changes[middle].at <= at)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == z->count) return cel_zone_rule_offset(&z->rule, at);
	return low ? z->changes[low - 1].offset : z->first;
}

/* --- the table ------------------------------------------------------------------------------------------ */

struct cel_zones *cel_zones_new(void) {
	/* Names come from the embedder alone: nothing to guard with a secret seed. */
	static const uint64_t seed[2] = {0, 0};
	struct cel_zones *z = calloc(1, sizeof *z);
	if (z) map_init(&z->by_name, seed);
	return z;
}

void cel_zones_free(struct cel_zones *z) {
	if (!z) return;
	size_t cursor = 0;
	struct slice name;
	void *zone;
	while (map_next(&z->by_name, &cursor, &name, &zone)) free(zone);
	map_done(&z->by_name);
	free(z);
}

enum err cel_zones_add(struct cel_zones *z, struct slice name, struct slice tzif) {
	if (name.len == 0 || name.len > CEL_ZONE_NAME_MAX) return ERR_INVALID;
	if (z->by_name.count >= CEL_ZONES_MAX) return ERR_TOO_MANY;
	if (map_get(&z->by_name, name)) return ERR_EXISTS;
	struct zone *zone;
	enum err e = read_zone(tzif, &zone);
	if (e) return e;
	memcpy(zone->name, name.ptr, name.len);
	e = map_put(&z->by_name, slice_of(zone->name, name.len), zone);
	if (e) free(zone);
	return e;
}

static bool two_digits(const uint8_t *p, int max, int *out) {
	if (p[0] < '0' || p[0] > '9' || p[1] < '0' || p[1] > '9') return false;
	*out = (p[0] - '0') * 10 + (p[1] - '0');
	return *out <= max;
}

/* [+-]hh:mm */
static bool fixed_offset(struct slice s, int32_t *offset) {
	bool sign = s.len && (s.ptr[0] == '+' || s.ptr[0] == '-');
	const uint8_t *p = s.ptr + sign;
	int hours, minutes;
	if (s.len != 5u + sign || p[2] != ':') return false;
	if (!two_digits(p, 23, &hours) || !two_digits(p + 3, 59, &minutes)) return false;
	*offset = (hours * 3600 + minutes * 60) * (sign && s.ptr[0] == '-' ? -1 : 1);
	return true;
}

bool cel_zones_offset(const struct cel_zones *z, struct slice name, int64_t at, int32_t *offset) {
	if (fixed_offset(name, offset)) return true;
	const struct zone *zone = z ? map_get(&z->by_name, name) : NULL;
	if (zone) {
		*offset = zone_offset(zone, at);
		return true;
	}
	*offset = 0;
	return name.len == 0 || slice_is(name, "UTC");
}
