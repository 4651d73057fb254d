/* What the steps of a decision share: see decide.c. Private to src/policy. */
#pragma once
#include "base/assert.h"
#include "policy/decide.h"

struct plan {
	const struct policy *policy;
	const struct policy_cell *cell;
	const struct world *world;
	const struct world_region *regions;
	const struct world_cell *placed;
	const struct decide_request *request;
	struct decision *out;
	enum consistency consistency;
	uint32_t bounded_ms;
	const int *preferred;
	int preferred_count;
	bool explicit_failover;
	region_set avoided; /* by the tenant's maintenance: a last resort */
	region_set class;      /* of the tenant's residency */
	region_set allowed;    /* may hold the bytes */
	region_set candidates; /* and do hold a copy */
	int home;              /* within candidates, or -1 */
	/* Rules that decided; NULL: none did. */
	const struct policy_rule *deny, *prefer, *weights;
	uint64_t *hits; /* NULL: nobody asks which matched */
};

static inline region_set region_bit(int region) {
	return (region_set)1 << region;
}

static inline void because(struct decision *d, enum reason reason, int region, uint32_t value) {
	ASSERT(d->reason_count < DECISION_REASONS_MAX);
	d->reasons[d->reason_count++] =
		(struct decision_reason){(uint8_t)reason, (int8_t)region, value};
}

static inline void because_each(struct decision *d, enum reason reason, region_set set,
                                uint32_t value) {
	for (; set; set &= set - 1) because(d, reason, __builtin_ctzll(set), value);
}

static inline uint32_t rule_number(const struct plan *p, const struct policy_rule *r) {
	return (uint32_t)(r - p->policy->rules);
}

/* --- what is believed of a region ----------------------------------------------------------- */

static inline bool state_old(const struct plan *p, int region) {
	return p->regions[region].state_age_ms > p->policy->signals.state_ms;
}

static inline bool is_down(const struct plan *p, int region) {
	return p->regions[region].state == REGION_DOWN && !state_old(p, region);
}

static inline bool breaker_open(const struct plan *p, int region) {
	const struct world_region *w = &p->regions[region];
	return w->breaker_open && w->breaker_age_ms <= p->policy->signals.breaker_ms;
}

static inline bool over_capacity(const struct plan *p, int region) {
	const struct world_region *w = &p->regions[region];
	return w->over_capacity && w->capacity_age_ms <= p->policy->signals.capacity_ms;
}

/* --- steps, each in a file of its own -------------------------------------------------------- */

/* decide_rules.c: evaluates the rules; narrows allowed, sets consistency, deny, prefer and weights,
 * hold_ms and deadline_ms. */
void plan_rules(struct plan *p);
/* decide_order.c: puts the regions of `left` into the list, best first: by weights, by the rule's
 * preference, by the tenant's, then home, then succession. Returns how many came by a preference
 * of the tenant. */
int plan_order(const struct plan *p, region_set left, int *list, int *count);
/* decide_read.c: any copy that is fresh enough. */
void plan_read(struct plan *p);
/* decide.c: outcomes. */
void plan_serve_here(struct plan *p, enum reason reason);
void plan_forward(struct plan *p, int region);
void plan_hold(struct plan *p, enum reason reason);
/* No region can serve it at this moment. */
void plan_hold_or_refuse(struct plan *p);
