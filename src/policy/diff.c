/* What changes between two policies. */
#include "policy/diff.h"

#include <stdlib.h>

#include "base/map.h"
#include "policy/grid.h"

struct diff_side {
	const struct policy *policy;
	struct whatif world;
	struct decision decision;
	int regions[MOVES_PLACES_MAX]; /* by place: its own, or -1 */
};
struct diff_private {
	struct diff_side old, fresh;
	struct grid_sample samples[GRID_SAMPLES_MAX]; /* the first is a plain request */
	int sample_count;
};

static enum err side_init(struct diff_side *s, const struct policy *p, const struct moves *m) {
	s->policy = p;
	for (int i = 0; i < m->count; i++) s->regions[i] = policy_find_region(p, m->names[i]);
	return whatif_init(&s->world, p);
}

/* --- tenants ------------------------------------------------------------------------------ */

static const char *home_name(const struct policy *p, const struct policy_tenant *t) {
	return p->regions[p->cells[t->cell].replicas[0]].name;
}

static bool same_preferred(const struct policy *a, const struct policy_tenant *x,
                           const struct policy *b, const struct policy_tenant *y) {
	if (x->preferred_count != y->preferred_count) return false;
	if (x->explicit_failover != y->explicit_failover) return false;
	if (memcmp(&x->maintenance, &y->maintenance, sizeof x->maintenance) != 0) return false;
	for (int i = 0; i < x->preferred_count; i++) {
		const char *one = a->regions[x->preferred[i]].name;
		if (strcmp(one, b->regions[y->preferred[i]].name) != 0) return false;
	}
	return true;
}

static unsigned compare_places(const struct policy *a, const struct policy_tenant *x,
                               const struct policy *b, const struct policy_tenant *y) {
	const char *class_a = a->residencies[x->residency].name;
	const char *class_b = b->residencies[y->residency].name;
	bool cell = strcmp(a->cells[x->cell].name, b->cells[y->cell].name) != 0;
	return (strcmp(class_a, class_b) ? DIFF_CLASS : 0u) | (cell ? DIFF_CELL : 0u) |
	       (strcmp(home_name(a, x), home_name(b, y)) ? DIFF_HOME : 0u) |
	       (same_preferred(a, x, b, y) ? 0u : DIFF_PREFERRED);
}

/* Where the request that arrives at `place` ends. */
static int end_of(const struct moves *m, struct diff_side *s, const int *places, int tenant,
                  int place, int kind, const struct grid_sample *sample) {
	if (tenant < 0 || s->regions[place] < 0) return m->unknown;
	struct decide_request q = grid_request(s->policy, tenant, s->regions[place], kind);
	grid_apply(sample, &q);
	whatif_decide(&s->world, s->policy, &q, &s->decision, NULL);
	return moves_place(m, places, s->decision.verdict, s->decision.region);
}

static uint64_t compare_decisions(struct diff *d, int old_tenant, int new_tenant) {
	struct moves *m = &d->moves;
	struct diff_private *own = d->private;
	uint64_t moved = 0;
	for (int i = 0; i < own->sample_count * m->hold * GRID_KINDS; i++) {
		int kind = i % GRID_KINDS, place = i / GRID_KINDS % m->hold;
		const struct grid_sample *sample = &own->samples[i / GRID_KINDS / m->hold];
		int from = end_of(m, &own->old, m->old_places, old_tenant, place, kind, sample);
		int to = end_of(m, &own->fresh, m->new_places, new_tenant, place, kind, sample);
		m->counts[from][to]++;
		moved += from != to;
	}
	return moved;
}

static void compare_tenant(struct diff *d, const char *name, int old_tenant, int new_tenant) {
	const struct policy *a = d->private->old.policy, *b = d->private->fresh.policy;
	struct diff_tenant t = {name, old_tenant, new_tenant, 0, 0};
	t.moved = compare_decisions(d, old_tenant, new_tenant);
	if (old_tenant < 0)
		t.bits = DIFF_ADDED;
	else if (new_tenant < 0)
		t.bits = DIFF_REMOVED;
	else
		t.bits = compare_places(a, &a->tenants[old_tenant], b, &b->tenants[new_tenant]) |
		         (t.moved ? DIFF_DECISIONS : 0u);
	for (int i = 0; i < DIFF_BITS; i++) d->counts[i] += t.bits >> i & 1;
	if (!t.bits) return;
	d->tenants_changed++;
	if (d->tenant_count < DIFF_TENANTS_MAX) d->tenants[d->tenant_count++] = t;
}

/* First the new policy's tenants, then those of the old one that it lacks. */
bool diff_step(struct diff *d, int tenants) {
	const struct policy *a = d->private->old.policy, *b = d->private->fresh.policy;
	int end = a->tenant_count + b->tenant_count;
	for (; d->done < end && tenants > 0; d->done++, tenants--) {
		bool is_new = d->done < b->tenant_count;
		int i = is_new ? d->done : d->done - b->tenant_count;
		const char *name = is_new ? b->tenants[i].name : a->tenants[i].name;
		int other = policy_find_tenant(is_new ? a : b, slice_str(name));
		if (is_new)
			compare_tenant(d, name, other, i);
		else if (other < 0)
			compare_tenant(d, name, i, -1);
	}
	return d->done < end;
}

const char *diff_bit_name(int i) {
	static const char *const names[DIFF_BITS] = {"added", "removed",   "residency", "cell",
	                                             "home",  "preferred", "decisions"};
	return names[i];
}

/* --- rules ------------------------------------------------------------------------------------ */

enum { RULE_WORDS_MAX = 64 << 10 };

/* When there is no memory to see that they are the same, they are told as changed. */
static bool same_rule(const struct policy *a, const struct policy_rule *x, const struct policy *b,
                      const struct policy_rule *y) {
	const char *when_x = x->when_text ? x->when_text : "";
	const char *when_y = y->when_text ? y->when_text : "";
	struct buf one, two;
	buf_init(&one, RULE_WORDS_MAX);
	buf_init(&two, RULE_WORDS_MAX);
	bool same = strcmp(when_x, when_y) == 0 && rule_describe(a, x, &one) == ERR_OK &&
	            rule_describe(b, y, &two) == ERR_OK &&
	            slice_eq(buf_slice(&one), buf_slice(&two));
	buf_done(&one);
	buf_done(&two);
	return same;
}

static enum err map_rules(const struct policy *p, struct map *m) {
	enum err e = ERR_OK;
	for (int i = p->rule_count - 1; !e && i >= 0; i--) /* the first of a name counts */
		e = map_put(m, slice_str(p->rules[i].name), (void *)&p->rules[i]);
	return e;
}

static void add_rule(struct diff *d, const char *name, enum rule_change change,
                     const struct policy_rule *old_rule, const struct policy_rule *new_rule) {
	const struct policy *a = d->private->old.policy, *b = d->private->fresh.policy;
	d->rules[d->rule_count++] =
		(struct diff_rule){name, change, old_rule ? (int)(old_rule - a->rules) : -1,
	                           new_rule ? (int)(new_rule - b->rules) : -1};
}

static void compare_rules(struct diff *d, const struct map *old_rules,
                          const struct map *new_rules) {
	const struct policy *a = d->private->old.policy, *b = d->private->fresh.policy;
	for (int i = 0; i < b->rule_count; i++) {
		const struct policy_rule *r = &b->rules[i];
		const struct policy_rule *before = map_get(old_rules, slice_str(r->name));
		if (!before)
			add_rule(d, r->name, RULE_ADDED, NULL, r);
		else if (!same_rule(a, before, b, r))
			add_rule(d, r->name, RULE_CHANGED, before, r);
	}
	for (int i = 0; i < a->rule_count; i++)
		if (!map_get(new_rules, slice_str(a->rules[i].name)))
			add_rule(d, a->rules[i].name, RULE_REMOVED, &a->rules[i], NULL);
}

static enum err find_rules(struct diff *d) {
	const struct policy *a = d->private->old.policy, *b = d->private->fresh.policy;
	size_t most = (size_t)a->rule_count + (size_t)b->rule_count + 1;
	struct map old_rules, new_rules;
	uint64_t seed[2];
	memcpy(seed, b->hash, sizeof seed);
	map_init(&old_rules, seed);
	map_init(&new_rules, seed);
	d->rules = calloc(most, sizeof *d->rules);
	enum err e = d->rules ? map_rules(a, &old_rules) : ERR_NO_MEMORY;
	if (!e) e = map_rules(b, &new_rules);
	if (!e) compare_rules(d, &old_rules, &new_rules);
	map_done(&old_rules);
	map_done(&new_rules);
	return e;
}

/* --- as a whole --------------------------------------------------------------------------------- */

enum err diff_new(const struct policy *old, const struct policy *new_policy, struct diff **out) {
	struct diff *d = *out = calloc(1, sizeof *d);
	struct slice names[POLICY_REGIONS_MAX];
	if (!d) return ERR_NO_MEMORY;
	d->private = calloc(1, sizeof *d->private);
	if (!d->private) return ERR_NO_MEMORY;
	for (int i = 0; i < old->region_count; i++) names[i] = slice_str(old->regions[i].name);
	moves_init(&d->moves, names, old->region_count, new_policy);
	d->private->sample_count = 1;
	grid_sample_rules(old, d->private->samples, &d->private->sample_count);
	grid_sample_rules(new_policy, d->private->samples, &d->private->sample_count);
	enum err e = side_init(&d->private->old, old, &d->moves);
	if (!e) e = side_init(&d->private->fresh, new_policy, &d->moves);
	return e ? e : find_rules(d);
}

void diff_free(struct diff *d) {
	if (!d) return;
	if (d->private) {
		whatif_done(&d->private->old.world);
		whatif_done(&d->private->fresh.world);
	}
	free(d->private);
	free(d->rules);
	free(d);
}
