/* Membership in a list of constants, decided when the program is made: a walk for few, a table
 * of texts or of ints for more, where all are of that kind. The constants come from who writes
 * the rules and the table never changes, so an attacker's value meets at most its longest run. */
#include "base/hash.h"
#include "cel/cel_node.h"

enum { TABLE_FROM = 5 };

struct cel_set {
	const struct cel_list *values;
	uint8_t kind;     /* of all values, where there is a table; else CEL_ERROR */
	uint32_t mask;    /* places - 1; 0: no table */
	uint32_t *places; /* a value's number plus one; 0 is free */
};

/* Length, first and last bytes tell most words of a list apart. */
static inline uint64_t text_hash(const char *s, uint32_t len) {
	uint64_t first = 0, last = 0;
	if (len >= 8) {
		memcpy(&first, s, 8), memcpy(&last, s + len - 8, 8);
	} else {
		for (uint32_t i = 0; i < len; i++) first = first << 8 | (uint8_t)s[i];
	}
	uint64_t h = (first ^ last * 31 ^ len) * 0x9e3779b97f4a7c15u;
	return h ^ h >> 32;
}

static inline uint32_t value_hash(const struct cel_value *v) {
	return (uint32_t)(v->kind == CEL_STRING ? text_hash(v->s, v->extra) : mix64(v->u));
}

static inline bool same(const struct cel_value *a, const struct cel_value *b) {
	if (a->kind == CEL_INT) return a->i == b->i;
	return a->extra == b->extra && cel_text_equal(a->s, b->s, a->extra);
}

static uint8_t common_kind(const struct cel_list *values) {
	uint8_t kind = values->count ? values->items[0].kind : CEL_ERROR;
	for (uint32_t i = 1; i < values->count; i++)
		if (values->items[i].kind != kind) return CEL_ERROR;
	return kind == CEL_STRING || kind == CEL_INT ? kind : CEL_ERROR;
}

static uint32_t *place_of(const struct cel_set *s, const struct cel_value *v) {
	uint32_t i = value_hash(v) & s->mask;
	while (s->places[i] && !same(&s->values->items[s->places[i] - 1], v)) i = (i + 1) & s->mask;
	return &s->places[i];
}

const struct cel_set *cel_set_make(struct arena *a, const struct cel_list *values) {
	struct cel_set *s = arena_alloc(a, sizeof *s);
	if (!s) return NULL;
	*s = (struct cel_set){.values = values, .kind = common_kind(values)};
	if (s->kind == CEL_ERROR || values->count < TABLE_FROM) return s;
	uint32_t places = 16;
	while (places < values->count * 4) places *= 2;
	s->mask = places - 1;
	s->places = arena_alloc(a, places * sizeof *s->places);
	if (!s->places) return NULL;
	for (uint32_t i = 0; i < values->count; i++) *place_of(s, &values->items[i]) = i + 1;
	return s;
}

static bool walk_texts(const struct cel_list *values, const struct cel_value *v) {
	for (uint32_t i = 0; i < values->count; i++) {
		const struct cel_value *item = &values->items[i];
		if (item->extra == v->extra && cel_text_equal(item->s, v->s, v->extra)) return true;
	}
	return false;
}

static int walk_any(struct cel_call *c, const struct cel_list *values, const struct cel_value *v) {
	int same = 0;
	for (uint32_t i = 0; i < values->count && same == 0; i++)
		same = cel_equal_charged(c, &values->items[i], v);
	return same;
}

int cel_set_has(const struct cel_set *s, struct cel_call *c, const struct cel_value *v) {
	if (s->kind == v->kind && s->mask) return *place_of(s, v) != 0;
	if (s->kind == CEL_STRING) return v->kind == CEL_STRING && walk_texts(s->values, v);
	return walk_any(c, s->values, v);
}
