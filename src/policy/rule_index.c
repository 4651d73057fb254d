/* The index over rules: per slot a hash table from value to the rules that ask for it. Each rule
 * is filed under one guard only, in the slot that tells most rules apart. May not know effects. */
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
};
struct rule_index {
	int words, table_count;
	uint64_t *always; /* filed nowhere */
	struct slot_table tables[INDEX_SLOTS_MAX];
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

static struct posting *place(const struct slot_table *t, const struct cel_value *v) {
	for (uint32_t i = hash_of(v) & t->mask;; i = (i + 1) & t->mask)
		if (!t->postings[i].value || same(t->postings[i].value, v)) return &t->postings[i];
}

static inline void set_bit(uint64_t *words, uint32_t i) {
	words[i / 64] |= (uint64_t)1 << (i % 64);
}

/* --- building -------------------------------------------------------------------------------- */

struct build {
	struct arena *arena;
	const struct policy *policy;
	struct rule_index *index;
	uint32_t weight[SLOTS_MAX]; /* values asked of a slot, by all rules */
	int8_t table_of[SLOTS_MAX]; /* -1: not indexed */
};

static int guards_of(const struct policy *p, int rule, const struct cel_guard **out) {
	return p->rules[rule].when ? cel_program_guards(p->rules[rule].when, out) : 0;
}

/* The slots that most values are asked of. */
static void choose_slots(struct build *b) {
	const struct cel_guard *g;
	for (int i = 0; i < b->policy->rule_count; i++)
		for (int n = guards_of(b->policy, i, &g); n > 0; n--) b->weight[g[n - 1].slot]++;
	memset(b->table_of, -1, sizeof b->table_of);
	while (b->index->table_count < INDEX_SLOTS_MAX) {
		int best = -1;
		for (int s = 0; s < SLOT_COUNT; s++) /* variables are not there yet */
			if (b->weight[s] && b->table_of[s] < 0 &&
			    (best < 0 || b->weight[s] > b->weight[best]))
				best = s;
		if (best < 0) return;
		b->table_of[best] = (int8_t)b->index->table_count;
		b->index->tables[b->index->table_count++].slot = best;
	}
}

/* Few values in a slot that many rules ask: each decision then sees few of them. */
static const struct cel_guard *best_guard(const struct build *b, int rule) {
	const struct cel_guard *g, *best = NULL;
	int count = guards_of(b->policy, rule, &g);
	for (int i = 0; i < count; i++) {
		if (b->table_of[g[i].slot] < 0) continue;
		if (!best || (uint64_t)b->weight[g[i].slot] * (uint32_t)best->count >
		                     (uint64_t)b->weight[best->slot] * (uint32_t)g[i].count)
			best = &g[i];
	}
	return best;
}

static uint64_t *words_new(struct build *b) {
	return arena_alloc(b->arena, (size_t)b->index->words * sizeof(uint64_t));
}

/* Twice over all rules: count what each value has, then file them. */
static bool table_build(struct build *b, int number, const struct cel_guard **filed) {
	struct slot_table *t = &b->index->tables[number];
	uint32_t values = 0;
	for (int i = 0; i < b->policy->rule_count; i++)
		if (filed[i] && filed[i]->slot == t->slot) values += (uint32_t)filed[i]->count;
	uint32_t cap = 4;
	while (cap < 2 * values) cap *= 2;
	t->mask = cap - 1;
	t->postings = arena_alloc(b->arena, cap * sizeof *t->postings);
	t->ids = arena_alloc(b->arena, (values + 1) * sizeof *t->ids);
	t->all = words_new(b);
	if (!t->postings || !t->ids || !t->all) return false;
	for (int pass = 0; pass < 2; pass++) {
		for (int i = 0; i < b->policy->rule_count; i++) {
			if (!filed[i] || filed[i]->slot != t->slot) continue;
			set_bit(t->all, (uint32_t)i);
			for (int v = 0; v < filed[i]->count; v++) {
				struct posting *at = place(t, &filed[i]->values[v]);
				at->value = &filed[i]->values[v];
				if (pass) t->ids[at->first + at->count] = (uint16_t)i;
				at->count++;
			}
		}
		uint32_t next = 0;
		for (uint32_t i = 0; pass == 0 && i < cap; i++) {
			t->postings[i].first = next;
			next += t->postings[i].count;
			t->postings[i].count = 0;
		}
	}
	return true;
}

struct rule_index *rule_index_new(struct arena *a, const struct policy *p) {
	struct build b = {.arena = a, .policy = p, .index = arena_alloc(a, sizeof *b.index)};
	if (!b.index) return NULL;
	b.index->words = (p->rule_count + 63) / 64;
	b.index->always = words_new(&b);
	const struct cel_guard **filed = arena_alloc(a, (size_t)p->rule_count * sizeof(void *));
	if (!b.index->always || !filed) return NULL;
	choose_slots(&b);
	for (int i = 0; i < p->rule_count; i++) {
		filed[i] = best_guard(&b, i);
		if (!filed[i]) set_bit(b.index->always, (uint32_t)i);
	}
	for (int i = 0; i < b.index->table_count; i++)
		if (!table_build(&b, i, filed)) return NULL;
	return b.index;
}

/* --- asking ------------------------------------------------------------------------------------- */

void rule_index_candidates(const struct rule_index *x, const struct cel_value *slots,
                           uint64_t *out) {
	memcpy(out, x->always, (size_t)x->words * sizeof *out);
	for (int i = 0; i < x->table_count; i++) {
		const struct slot_table *t = &x->tables[i];
		const struct cel_value *v = &slots[t->slot];
		if (v->kind == CEL_ERROR) {
			for (int w = 0; w < x->words; w++) out[w] |= t->all[w];
			continue;
		}
		const struct posting *at = place(t, v);
		if (!at->value) continue;
		for (uint32_t k = 0; k < at->count; k++) set_bit(out, t->ids[at->first + k]);
	}
}

void rules_free(struct policy *p) {
	struct policy_private *own = p->private;
	for (int i = 0; i < p->rule_count; i++) cel_program_free(p->rules[i].when);
	for (int i = 0; i < own->variable_count; i++) cel_program_free(own->variables[i].program);
	cel_env_free(own->env);
}
