/* The rules' part of a decision: which match, and what follows. Candidates come from the index in
 * the order of the file. A condition that fails counts as no match; a deny that fails denies, unless it
 * skips what is not known. */
#include <limits.h>

#include "policy/decide_plan.h"
#include "policy/rule_frame.h"
#include "policy/rule_index.h"

struct run {
	struct plan *plan;
	struct rule_frame frame;
	int errors;   /* told */
	unsigned set; /* effects that earlier rules have decided */
	const struct rule_gate *gates;
};

static void narrow(struct plan *p, const struct policy_rule *r, region_set to, enum reason reason) {
	because_each(p->out, reason, p->allowed & ~to, rule_number(p, r));
	p->allowed &= to;
}

static void set_consistency(struct plan *p, const struct policy_rule *r) {
	p->consistency = r->consistency;
	p->bounded_ms = r->bounded_ms;
	because(p->out, REASON_RULE_CONSISTENCY, -1, rule_number(p, r));
}

static void set_time(struct plan *p, const struct policy_rule *r, uint32_t *to, uint32_t ms,
                     enum reason reason) {
	*to = ms;
	because(p->out, reason, -1, rule_number(p, r));
}

/* `set`: effects that an earlier rule has decided. */
static unsigned apply(struct plan *p, const struct policy_rule *r, unsigned set) {
	unsigned effects = r->effects & ~set;
	if (effects & RULE_ALLOW) narrow(p, r, r->regions, REASON_RULE_ALLOW);
	if (effects & RULE_EXCLUDE) narrow(p, r, r->regions, REASON_RULE_EXCLUDE);
	if (effects & RULE_PIN) narrow(p, r, region_bit(r->pin), REASON_RULE_PIN);
	if (effects & RULE_PREFER) p->prefer = r;
	if (effects & RULE_WEIGHTS) p->weights = r;
	if (effects & RULE_CONSISTENCY) set_consistency(p, r);
	if (effects & RULE_HOLD) set_time(p, r, &p->out->hold_ms, r->hold_ms, REASON_RULE_HOLD);
	if (effects & RULE_DEADLINE)
		set_time(p, r, &p->out->deadline_ms, r->deadline_ms, REASON_RULE_DEADLINE);
	return effects & ~(unsigned)(RULE_ALLOW | RULE_EXCLUDE);
}

static bool failed(struct run *run, int rule, enum cel_fault fault) {
	const struct rule_gate *g = &run->gates[rule];
	struct decision *d = run->plan->out;
	d->rules_failed++;
	if (run->errors++ < DECISION_ERRORS_MAX) because(d, REASON_RULE_ERROR, -1, (uint32_t)rule);
	return rule_denies_failed(g->effects, g->skips_unknown, fault);
}

static inline bool matches(struct run *run, int rule) {
	const struct rule_gate *g = &run->gates[rule];
	if (!g->when) return true;
	enum cel_fault fault;
	int answer = rule_test(&run->frame, g->when, g->variables, &fault);
	return answer >= 0 ? answer : failed(run, rule, fault);
}

/* Whether it ends the rules. */
static bool run_rule(struct run *run, int rule) {
	struct plan *p = run->plan;
	const struct policy_rule *r = &p->policy->rules[rule];
	p->out->rules_matched++;
	if (p->hits) p->hits[rule / 64] |= (uint64_t)1 << rule % 64;
	if (r->effects & RULE_DENY) {
		p->deny = r;
		return true;
	}
	run->set |= apply(p, r, run->set);
	return false;
}

static void run_rules(struct run *run, const uint64_t *candidates, int words) {
	/* A rule is idle when what it could still decide was decided; who traces sees it all the same. */
	unsigned traced = run->plan->hits ? UINT_MAX : 0;
	for (int w = 0; w < words; w++) {
		for (uint64_t left = candidates[w]; left; left &= left - 1) {
			int rule = w * 64 + __builtin_ctzll(left);
			bool idle = !(run->gates[rule].effects & (~run->set | traced));
			if (!idle && matches(run, rule) && run_rule(run, rule)) return;
		}
	}
}

void plan_rules(struct plan *p) {
	const struct policy_private *own = p->policy->private;
	if (!p->policy->rule_count) return;
	struct rule_inputs inputs;
	struct run run = {
		.plan = p,
		.gates = own->gates,
		.frame = rule_frame(&inputs, p->policy, p->world, p->request, own->slots_used)};
	uint64_t candidates[RULE_WORDS_MAX];
	rule_index_candidates(own->index, &inputs, candidates);
	run_rules(&run, candidates, (p->policy->rule_count + 63) / 64);
}
