/* Membership in a list of constants, decided when the program is made: a table of texts or of ints
 * where all are of that kind, a walk where they are not, or are few texts. The constants come from
 * who writes the rules and the table never changes, so an attacker's value meets at most its
 * longest run. */
#include "base/hash.h"
#include "cel/cel_node.h"

enum { TABLE_FROM = 5 };

struct cel_set {
	const struct cel_list *values;
	uint8_t kind;     /* STRING or INT, where all values are; else ERROR */
	uint32_t longest; /* bytes of a text; no longer one is looked at */
	uint32_t mask;    /* places - 1; 0: no table */
	uint32_t *places; /* a value's number plus one; 0 is free */
};

static inline uint64_t text_hash(const char *s, uint32_t len) {
	uint64_t h = len, word = 0;
	for (; len > 8; s += 8, len -= 8) {
		memcpy(&word, s, 8);
		h = mix64(h ^ word);
	}
	word = 0;
	for (uint32_t i = 0; i < len; i++) word = word << 8 | (uint8_t)s[i];
	return mix64(h ^ word);
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

/* Of texts; what it gives for others is not used. */
static uint32_t longest(const struct cel_list *values) {
	uint32_t max = 0;
	for (uint32_t i = 0; i < values->count; i++)
		if (values->items[i].extra > max) max = values->items[i].extra;
	return max;
}

static uint32_t *place_of(const struct cel_set *s, const struct cel_value *v) {
	uint32_t i = value_hash(v) & s->mask;
	while (s->places[i] && !same(&s->values->items[s->places[i] - 1], v)) i = (i + 1) & s->mask;
	return &s->places[i];
}

const struct cel_set *cel_set_make(struct arena *a, const struct cel_list *values) {
	struct cel_set *s = arena_alloc(a, sizeof *s);
	if (!s) return NULL;
	*s = (struct cel_set){
		.values = values, .kind = common_kind(values), .longest = longest(values)};
	bool few_texts = s->kind == CEL_STRING && values->count < TABLE_FROM;
	if (s->kind == CEL_ERROR || few_texts) return s;
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
	if (s->kind == CEL_STRING && (v->kind != CEL_STRING || v->extra > s->longest)) return 0;
	if (s->kind == v->kind && s->mask) return *place_of(s, v) != 0;
	if (s->kind == CEL_STRING) return walk_texts(s->values, v);
	return walk_any(c, s->values, v);
}
