/* Values that need memory: made in an arena, by copy. Maps from eight entries up carry a hashed
 * index; below, walking is as fast. Knows no function of the language. */
#include "base/assert.h"
#include "base/hash.h"
#include "cel/cel_value.h"

enum { HASHED_FROM = 8 };

struct cel_value cel_make_string(struct arena *a, struct slice s) {
	if (s.len == 0) return cel_string(SLICE_LIT(""));
	if (s.len > UINT32_MAX) return cel_error(CEL_FAULT_MEMORY);
	struct slice copy = a ? arena_copy(a, s) : slice_of(NULL, 0);
	return copy.ptr ? cel_string(copy) : cel_error(CEL_FAULT_MEMORY);
}

struct cel_value cel_make_list(struct arena *a, const struct cel_value *items, uint32_t count) {
	struct cel_list *list = a ? arena_alloc(a, sizeof *list + count * sizeof *items) : NULL;
	if (!list) return cel_error(CEL_FAULT_MEMORY);
	struct cel_value *copy = (struct cel_value *)(list + 1);
	if (count) memcpy(copy, items, count * sizeof *items);
	*list = (struct cel_list){.count = count, .items = copy};
	return (struct cel_value){.kind = CEL_LIST, .list = list};
}

struct cel_value cel_make_optional(struct arena *a, const struct cel_value *of) {
	struct cel_value none = {.kind = CEL_OPTIONAL};
	if (!of) return none;
	struct cel_value *copy = a ? arena_alloc(a, sizeof *copy) : NULL;
	if (!copy) return cel_error(CEL_FAULT_MEMORY);
	*copy = *of;
	return (struct cel_value){.kind = CEL_OPTIONAL, .optional = copy};
}

/* --- maps ---------------------------------------------------------------------------------- */

/* Open addressing over places; a place holds an entry's number plus one, 0 is free. Keys may come
 * from an attacker, so the hash is keyed with the map's own address, which that one cannot know;
 * what a lookup finds does not depend on it. */
struct hashed {
	struct cel_map map;
	uint32_t mask;
	uint32_t places[];
};

static bool is_key(const struct cel_value *v) {
	return v->kind == CEL_STRING || v->kind == CEL_INT || v->kind == CEL_UINT ||
	       v->kind == CEL_BOOL;
}

/* Most keys are strings: those need not go the long way. */
static inline bool same_key(const struct cel_value *a, const struct cel_value *b) {
	if (a->kind != CEL_STRING || b->kind != CEL_STRING) return cel_equal(a, b);
	return a->extra == b->extra && memcmp(a->s, b->s, a->extra) == 0;
}

/* A double that equals a key is a whole number: then it hashes as that number does. */
static bool number_bits(const struct cel_value *v, uint64_t *bits) {
	if (v->kind != CEL_DOUBLE) {
		*bits = v->u;
		return true;
	}
	bool in_int = v->d >= -0x1p63 && v->d < 0x1p63;
	bool in_uint = v->d >= 0 && v->d < 0x1p64;
	if (!in_int && !in_uint) return false;
	*bits = in_uint ? (uint64_t)v->d : (uint64_t)(int64_t)v->d;
	return true;
}

static bool hash_key(const struct hashed *h, const struct cel_value *key, uint64_t *out) {
	uint64_t seed[2] = {(uintptr_t)h, ~(uint64_t)(uintptr_t)h};
	uint64_t bits;
	switch (key->kind) {
	case CEL_STRING: *out = siphash13(seed, key->s, key->extra); return true;
	case CEL_BOOL: *out = key->b; return true;
	case CEL_INT:
	case CEL_UINT:
	case CEL_DOUBLE:
		if (!number_bits(key, &bits)) return false;
		*out = siphash13(seed, &bits, sizeof bits);
		return true;
	default: return false;
	}
}

/* The place of the key, or the free one where it belongs; NULL: nothing equals it. */
static const uint32_t *place_of(const struct hashed *h, const struct cel_value *key) {
	uint64_t hash;
	if (!hash_key(h, key, &hash)) return NULL;
	for (uint32_t i = (uint32_t)hash & h->mask;; i = (i + 1) & h->mask) {
		const uint32_t *place = &h->places[i];
		if (*place == 0 || same_key(&h->map.entries[*place - 1].key, key)) return place;
	}
}

static bool find_hashed(const struct cel_map *m, const struct cel_value *key,
                        struct cel_value *out) {
	const struct hashed *h = (const struct hashed *)m;
	const uint32_t *place = place_of(h, key);
	if (!place || *place == 0) return false;
	*out = m->entries[*place - 1].value;
	return true;
}

static const struct cel_entry *walk(const struct cel_entry *entries, uint32_t count,
                                    const struct cel_value *key) {
	for (uint32_t i = 0; i < count; i++)
		if (same_key(&entries[i].key, key)) return &entries[i];
	return NULL;
}

bool cel_map_get(const struct cel_map *m, const struct cel_value *key, struct cel_value *out) {
	if (m->find) return m->find(m, key, out);
	if (!is_key(key) && key->kind != CEL_DOUBLE) return false;
	const struct cel_entry *entry = walk(m->entries, m->count, key);
	if (entry) *out = entry->value;
	return entry != NULL;
}

static struct cel_value map_value(const struct cel_map *m) {
	return (struct cel_value){.kind = CEL_MAP, .map = m};
}

static uint32_t places_for(uint32_t count) {
	uint32_t places = HASHED_FROM * 2;
	while (places < count * 2) places *= 2;
	return places;
}

static struct cel_value make_hashed(struct arena *a, const struct cel_entry *entries,
                                    uint32_t count) {
	uint32_t places = places_for(count);
	struct hashed *h = arena_alloc(a, sizeof *h + places * sizeof *h->places);
	if (!h) return cel_error(CEL_FAULT_MEMORY);
	h->map = (struct cel_map){.count = count, .entries = entries, .find = find_hashed};
	h->mask = places - 1;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t *place = (uint32_t *)place_of(h, &entries[i].key);
		ASSERT(place);
		if (*place) return cel_error(CEL_FAULT_DUPLICATE_KEY);
		*place = i + 1;
	}
	return map_value(&h->map);
}

static struct cel_value make_walked(struct arena *a, const struct cel_entry *entries,
                                    uint32_t count) {
	for (uint32_t i = 1; i < count; i++)
		if (walk(entries, i, &entries[i].key)) return cel_error(CEL_FAULT_DUPLICATE_KEY);
	struct cel_map *m = arena_alloc(a, sizeof *m);
	if (!m) return cel_error(CEL_FAULT_MEMORY);
	*m = (struct cel_map){.count = count, .entries = entries};
	return map_value(m);
}

struct cel_value cel_make_map(struct arena *a, const struct cel_entry *entries, uint32_t count) {
	for (uint32_t i = 0; i < count; i++)
		if (!is_key(&entries[i].key)) return cel_error(CEL_FAULT_KEY_TYPE);
	if (!a || count > UINT32_MAX / 4) return cel_error(CEL_FAULT_MEMORY);
	struct cel_entry *copy = arena_alloc(a, count * sizeof *copy);
	if (!copy) return cel_error(CEL_FAULT_MEMORY);
	if (count) memcpy(copy, entries, count * sizeof *copy);
	return count < HASHED_FROM ? make_walked(a, copy, count) : make_hashed(a, copy, count);
}
