/* The index over rules: per slot a hash table from value to the rules that ask for it. Each rule
 * is filed under one guard only, in the slot that tells most rules apart; a bool it asks for as
 * well rules it out where that is the other. May not know effects. */
#include "policy/rule_index.h"

#include "base/hash.h"
#include "policy/load.h"

/* Rules of one value: `ids[first .. first + count)`. */
struct posting {
	const struct cel_value *value; /* NULL: the place is free */
	uint32_t first, count;
};
struct slot_table {
	int slot;
	uint32_t mask;
	struct posting *postings;
	uint16_t *ids;
	uint64_t *all; /* every rule filed here: where the slot has no value */
	/* Of a slot of the tenant: where each tenant's value is, looked up beforehand. */
	const uint32_t *tenant_places;
};
/* A bool slot: rules that cannot match while it has the value. */
struct slot_flag {
	int slot;
	uint64_t *never[2];
};
struct rule_index {
	int words, table_count, flag_count;
	uint64_t *always; /* filed nowhere */
	struct slot_table tables[SLOT_COUNT];
	struct slot_flag flags[SLOT_COUNT];
};

static uint32_t hash_of(const struct cel_value *v) {
	if (v->kind == CEL_STRING) return crc32c(0, v->s, v->extra);
	return (uint32_t)mix64(v->u ^ (uint64_t)v->kind << 56);
}

static bool same(const struct cel_value *a, const struct cel_value *b) {
	if (a->kind != b->kind) return false;
	if (a->kind == CEL_STRING) return slice_eq(cel_slice(a), cel_slice(b));
	return a->u == b->u;
}

static uint32_t place_of(const struct slot_table *t, const struct cel_value *v) {
	uint32_t i = hash_of(v) & t->mask;
	while (t->postings[i].value && !same(t->postings[i].value, v)) i = (i + 1) & t->mask;
	return i;
}

static inline void set_bit(uint64_t *words, uint32_t i) {
	words[i / 64] |= (uint64_t)1 << (i % 64);
}

/* --- where to file ---------------------------------------------------------------------------- */

struct build {
	struct arena *arena;
	const struct policy *policy;
	struct rule_index *index;
	uint32_t asked[SLOT_COUNT];     /* of a slot, by how many rules */
	const struct cel_guard **filed; /* per rule; NULL: nowhere */
};

static int guards_of(const struct policy *p, int rule, const struct cel_guard **out) {
	return p->rules[rule].when ? cel_program_guards(p->rules[rule].when, out) : 0;
}

/* Variables are not known yet when the index is asked, and a bool tells nothing apart. */
static bool files(const struct cel_guard *g) {
	return g->slot < SLOT_COUNT && !(g->count > 0 && g->values[0].kind == CEL_BOOL);
}

/* Few values in a slot that many rules ask: each decision then sees few of them. */
static const struct cel_guard *best_guard(const struct build *b, int rule) {
	const struct cel_guard *g, *best = NULL;
	int count = guards_of(b->policy, rule, &g);
	for (int i = 0; i < count; i++) {
		if (!files(&g[i])) continue;
		if (!best || (uint64_t)b->asked[g[i].slot] * (uint32_t)best->count >
		                     (uint64_t)b->asked[best->slot] * (uint32_t)g[i].count)
			best = &g[i];
	}
	return best;
}

static void table_add(struct rule_index *x, int slot) {
	for (int i = 0; i < x->table_count; i++)
		if (x->tables[i].slot == slot) return;
	x->tables[x->table_count++].slot = slot;
}

static void choose(struct build *b) {
	const struct cel_guard *g;
	for (int i = 0; i < b->policy->rule_count; i++)
		for (int n = guards_of(b->policy, i, &g); n > 0; n--)
			if (files(&g[n - 1])) b->asked[g[n - 1].slot]++;
	for (int i = 0; i < b->policy->rule_count; i++) {
		b->filed[i] = best_guard(b, i);
		if (b->filed[i])
			table_add(b->index, b->filed[i]->slot);
		else
			set_bit(b->index->always, (uint32_t)i);
	}
}

/* --- filing ----------------------------------------------------------------------------------- */

static uint64_t *words_new(struct build *b) {
	return arena_alloc(b->arena, (size_t)b->index->words * sizeof(uint64_t));
}

static bool table_alloc(struct build *b, struct slot_table *t) {
	uint32_t values = 0, cap = 4;
	for (int i = 0; i < b->policy->rule_count; i++)
		if (b->filed[i] && b->filed[i]->slot == t->slot)
			values += (uint32_t)b->filed[i]->count;
	while (cap < 2 * values) cap *= 2;
	t->mask = cap - 1;
	t->postings = arena_alloc(b->arena, cap * sizeof *t->postings);
	t->ids = arena_alloc(b->arena, (values + 1) * sizeof *t->ids);
	t->all = words_new(b);
	return t->postings && t->ids && t->all;
}

/* ids: NULL: counts only. */
static void table_file(const struct build *b, struct slot_table *t, uint16_t *ids) {
	for (int i = 0; i < b->policy->rule_count; i++) {
		const struct cel_guard *g = b->filed[i];
		if (!g || g->slot != t->slot) continue;
		set_bit(t->all, (uint32_t)i);
		for (int v = 0; v < g->count; v++) {
			struct posting *at = &t->postings[place_of(t, &g->values[v])];
			at->value = &g->values[v];
			if (ids) ids[at->first + at->count] = (uint16_t)i;
			at->count++;
		}
	}
}

/* From how many each value has to where its first is. */
static void table_lay_out(struct slot_table *t) {
	uint32_t next = 0;
	for (uint32_t i = 0; i <= t->mask; i++) {
		t->postings[i].first = next;
		next += t->postings[i].count;
		t->postings[i].count = 0;
	}
}

static bool table_place_tenants(struct build *b, struct slot_table *t) {
	int text = t->slot - SLOT_TENANT_FIRST;
	if (text < 0 || text >= SLOT_TENANT_TEXTS) return true;
	uint32_t count = (uint32_t)b->policy->tenant_count;
	uint32_t *places = arena_alloc(b->arena, (count + 1) * sizeof *places);
	if (!places) return false;
	for (uint32_t i = 0; i < count; i++)
		places[i] = place_of(t, &b->policy->private->tenant_texts[i][text]);
	t->tenant_places = places;
	return true;
}

static bool table_build(struct build *b, struct slot_table *t) {
	if (!table_alloc(b, t)) return false;
	table_file(b, t, NULL);
	table_lay_out(t);
	table_file(b, t, t->ids);
	return table_place_tenants(b, t);
}

static struct slot_flag *flag_of(struct build *b, int slot) {
	struct rule_index *x = b->index;
	for (int i = 0; i < x->flag_count; i++)
		if (x->flags[i].slot == slot) return &x->flags[i];
	struct slot_flag flag = {slot, {words_new(b), words_new(b)}};
	if (!flag.never[0] || !flag.never[1]) return NULL; /* slower, not wrong */
	x->flags[x->flag_count] = flag;
	return &x->flags[x->flag_count++];
}

static void file_flags(struct build *b, int rule) {
	const struct cel_guard *g;
	for (int n = guards_of(b->policy, rule, &g); n > 0; n--, g++) {
		if (g->slot >= SLOT_COUNT || g->count != 1 || g->values[0].kind != CEL_BOOL)
			continue;
		struct slot_flag *flag = flag_of(b, g->slot);
		if (flag) set_bit(flag->never[!g->values[0].b], (uint32_t)rule);
	}
}

struct rule_index *rule_index_new(struct arena *a, const struct policy *p) {
	struct build b = {.arena = a, .policy = p, .index = arena_alloc(a, sizeof *b.index)};
	if (!b.index) return NULL;
	b.index->words = (p->rule_count + 63) / 64;
	b.index->always = words_new(&b);
	b.filed = arena_alloc(a, ((size_t)p->rule_count + 1) * sizeof *b.filed);
	if (!b.index->always || !b.filed) return NULL;
	choose(&b);
	for (int i = 0; i < b.index->table_count; i++)
		if (!table_build(&b, &b.index->tables[i])) return NULL;
	for (int i = 0; i < p->rule_count; i++) file_flags(&b, i);
	return b.index;
}

/* --- asking ------------------------------------------------------------------------------------- */

static void admit_all(const uint64_t *from, int words, uint64_t *out) {
	for (int w = 0; w < words; w++) out[w] |= from[w];
}

static void admit(const struct slot_table *t, const struct rule_inputs *in, uint64_t *out) {
	const struct posting *at =
		&t->postings[t->tenant_places && in->tenant >= 0
	                             ? t->tenant_places[in->tenant]
	                             : place_of(t, &in->slots[t->slot])];
	for (uint32_t k = 0; k < at->count; k++) set_bit(out, t->ids[at->first + k]);
}

static void rule_out(const struct rule_index *x, const struct slot_flag *flag,
                     const struct rule_inputs *in, uint64_t *out) {
	const struct cel_value *v = &in->slots[flag->slot];
	if (v->kind != CEL_BOOL) return;
	const uint64_t *never = flag->never[v->b];
	for (int w = 0; w < x->words; w++) out[w] &= ~never[w];
}

void rule_index_candidates(const struct rule_index *x, const struct rule_inputs *in,
                           uint64_t *out) {
	memcpy(out, x->always, (size_t)x->words * sizeof *out);
	for (int i = 0; i < x->table_count; i++) {
		const struct slot_table *t = &x->tables[i];
		if (in->slots[t->slot].kind == CEL_ERROR)
			admit_all(t->all, x->words, out);
		else
			admit(t, in, out);
	}
	for (int i = 0; i < x->flag_count; i++) rule_out(x, &x->flags[i], in, out);
}
