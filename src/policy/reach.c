/* Rules that can never decide anything. */
#include "policy/reach.h"

#include <stdlib.h>

/* Which are decided by the first rule that sets them; see rules.h. */
enum {
	FIRST_WINS = RULE_PREFER | RULE_WEIGHTS | RULE_PIN | RULE_CONSISTENCY | RULE_HOLD |
	             RULE_DEADLINE,
	NARROWS = RULE_ALLOW | RULE_EXCLUDE,
};

static bool same_value(const struct cel_value *a, const struct cel_value *b) {
	if (a->kind != b->kind) return false;
	if (a->kind != CEL_STRING) return a->u == b->u;
	return slice_eq(slice_of(a->s, a->extra), slice_of(b->s, b->extra));
}

static bool guards_meet(const struct cel_guard *a, const struct cel_guard *b) {
	for (int i = 0; i < a->count; i++)
		for (int j = 0; j < b->count; j++)
			if (same_value(&a->values[i], &b->values[j])) return true;
	return false;
}

/* Values of different kinds may be equal in the language (1 and 1u): those say nothing. */
static bool one_kind(const struct cel_guard *a, const struct cel_guard *b) {
	if (a->count == 0 || b->count == 0) return false;
	int kind = a->values[0].kind;
	for (int i = 0; i < a->count; i++)
		if (a->values[i].kind != kind) return false;
	for (int j = 0; j < b->count; j++)
		if (b->values[j].kind != kind) return false;
	return true;
}

static bool guards_contradict(const struct cel_program *when) {
	const struct cel_guard *guards;
	int count = cel_program_guards(when, &guards);
	for (int i = 0; i < count; i++)
		for (int j = 0; j < i; j++)
			if (guards[i].slot == guards[j].slot && one_kind(&guards[i], &guards[j]) &&
			    !guards_meet(&guards[i], &guards[j]))
				return true;
	return false;
}

/* What a condition comes to where nothing is known: 0 and 1 are what it is always, since whatever is not
 * known would have made it an error. */
static int constant(const struct cel_program *when) {
	static const struct cel_value unknown[CEL_SLOTS_MAX];
	struct cel_frame frame = {.slots = unknown};
	return when ? cel_test(when, &frame, NULL) : 1;
}

struct reaching {
	const struct policy *p;
	const int *constants; /* of each rule: 1 always, 0 never, -1 it depends */
};

/* Whether the earlier rule j matches whenever i does. */
static bool covers(const struct reaching *r, int j, int i) {
	const struct policy_rule *a = &r->p->rules[j], *b = &r->p->rules[i];
	if (r->constants[j] == 1) return true;
	if (r->constants[j] == 0 || !a->when_text || !b->when_text) return false;
	if (a->skips_unknown && b->effects & RULE_DENY && !b->skips_unknown) return false;
	return a->when && b->when && strcmp(a->when_text, b->when_text) == 0;
}

/* The effects of rule i that the earlier rule j, matching too, leaves nothing to do for. */
static unsigned settled_by(const struct policy *p, const struct policy_rule *a,
                           const struct policy_rule *b) {
	region_set all = ~(region_set)0 >> (64 - p->region_count);
	unsigned settled = a->effects & b->effects & FIRST_WINS;
	bool narrower = a->effects & NARROWS && (a->regions & ~b->regions & all) == 0;
	return settled | (narrower ? b->effects & NARROWS : 0);
}

static struct rule_reach reach_of(const struct reaching *r, int i) {
	const struct policy_rule *rule = &r->p->rules[i];
	unsigned left = rule->effects;
	if (r->constants[i] == 0) return (struct rule_reach){REACH_NEVER_TRUE, -1};
	for (int j = 0; j < i; j++) {
		const struct policy_rule *before = &r->p->rules[j];
		if (!covers(r, j, i)) continue;
		if (before->effects & RULE_DENY) return (struct rule_reach){REACH_DENIED, j};
		left &= ~settled_by(r->p, before, rule);
		if (left == 0) return (struct rule_reach){REACH_SHADOWED, j};
	}
	return (struct rule_reach){REACH_MAY_DECIDE, -1};
}

enum err reach_check(const struct policy *p, struct rule_reach *out) {
	int *constants = calloc((size_t)p->rule_count + 1, sizeof *constants);
	if (!constants) return ERR_NO_MEMORY;
	for (int i = 0; i < p->rule_count; i++) {
		const struct cel_program *when = p->rules[i].when;
		constants[i] = when && guards_contradict(when) ? 0 : constant(when);
	}
	struct reaching r = {p, constants};
	for (int i = 0; i < p->rule_count; i++) out[i] = reach_of(&r, i);
	free(constants);
	return ERR_OK;
}
