/* Rules that are known to leave a tenant no region, before any request comes. Only those that
 * ask about the tenant alone can be known; they are taken together, in their order. */
#include <stdlib.h>

#include "policy/load_rules.h"
#include "policy/rule_index.h"

enum { NARROWS = RULE_ALLOW | RULE_EXCLUDE | RULE_PIN };

struct reach {
	struct load *l;
	struct rule_inputs in;
	uint64_t known[RULE_WORDS_MAX]; /* rules that are looked at */
	uint64_t candidates[RULE_WORDS_MAX];
};

static bool asks_tenant_only(const struct policy_rule *r) {
	if (!r->when) return true;
	if (r->variables) return false;
	for (int i = 0; i < SLOT_COUNT; i++)
		if (cel_program_uses(r->when, i) &&
		    (i < SLOT_TENANT_FIRST || i > SLOT_TENANT_ATTRIBUTES))
			return false;
	return true;
}

/* Once a rule: the tenants after the first would say the same. */
static void refuse(struct reach *x, int rule, int tenant, region_set copies) {
	const struct policy *p = x->l->policy;
	const struct policy_rule *r = &p->rules[rule];
	x->known[rule / 64] &= ~((uint64_t)1 << rule % 64);
	mistake_add(&x->l->doc.mistakes, (uint32_t)r->line, (uint32_t)r->column,
	            "rule '%s' leaves tenant '%s' no region: copies are in %s; expected one of "
	            "them, or deny",
	            r->name, p->tenants[tenant].name, load_region_names(p, copies).text);
}

/* What the rule leaves of `left`; all of it where it does not match. *ended: denied, so that no
 * region is needed. */
static region_set leaves(const struct reach *x, const struct policy_rule *r, region_set left,
                         bool *pinned, bool *ended) {
	const struct cel_frame frame = {.slots = x->in.slots};
	enum cel_fault fault = CEL_FAULT_NONE;
	int answer = r->when ? cel_test(r->when, &frame, &fault) : 1;
	bool deny = r->effects & RULE_DENY;
	*ended = answer < 0 ? rule_denies_failed(r->effects, r->skips_unknown, fault)
	                    : deny && answer;
	if (answer != 1 || deny) return left;
	if (r->effects & RULE_PIN && !*pinned && r->pin >= 0) {
		*pinned = true;
		left &= (region_set)1 << r->pin;
	}
	return left & r->regions;
}

static void check_tenant(struct reach *x, int tenant) {
	const struct policy *p = x->l->policy;
	const struct policy_tenant *t = &p->tenants[tenant];
	if (t->cell < 0 || t->residency < 0) return;
	region_set copies = p->cells[t->cell].replica_set & p->residencies[t->residency].regions;
	region_set left = copies;
	bool pinned = false, ended = false;
	rule_inputs_fill_tenant(&x->in, p, tenant);
	rule_index_candidates(x->l->own->index, &x->in, x->candidates);
	for (int w = 0; w < (p->rule_count + 63) / 64; w++) {
		for (uint64_t set = x->candidates[w] & x->known[w]; set; set &= set - 1) {
			int rule = w * 64 + __builtin_ctzll(set);
			left = leaves(x, &p->rules[rule], left, &pinned, &ended);
			if (copies && !left) refuse(x, rule, tenant, copies);
			if (!left || ended) return;
		}
	}
}

static bool find_known(struct reach *x) {
	const struct policy *p = x->l->policy;
	bool narrows = false;
	for (int i = 0; i < p->rule_count; i++) {
		const struct policy_rule *r = &p->rules[i];
		if (!(r->effects & (NARROWS | RULE_DENY)) || !asks_tenant_only(r)) continue;
		x->known[i / 64] |= (uint64_t)1 << i % 64;
		narrows |= r->effects & NARROWS;
	}
	return narrows;
}

void load_reach_check(struct load *l) {
	struct reach *x = calloc(1, sizeof *x);
	if (!x) {
		l->doc.no_memory = true;
		return;
	}
	x->l = l;
	bool some = find_known(x);
	for (int i = 0; some && i < l->policy->tenant_count; i++) check_tenant(x, i);
	free(x);
}
