/* The decision itself. A plan starts with the residency class and every step only narrows
 * it: class → preferences → rules → placement → world. Everything after the rules reads the plan,
 * never the tenant.
 *
 * No allocation, no clock, no loop longer than the regions of the policy and the rules that may
 * match. What the world says may be wrong or stale, so nothing it names is used before it was
 * masked by `allowed`.
 */
#include "policy/decide_plan.h"

/* --- steps that narrow ------------------------------------------------------------------ */

static void plan_residency(struct plan *p, const struct policy_residency *class) {
	p->class = p->allowed = class->regions;
	region_set all = ~(region_set)0 >> (64 - p->policy->region_count);
	because_each(p->out, REASON_RESIDENCY, all & ~class->regions, 0);
}

static void plan_preferences(struct plan *p, const struct policy_tenant *t) {
	p->preferred = t->preferred;
	p->preferred_count = t->preferred_count;
}

static void plan_placement(struct plan *p) {
	p->candidates = p->allowed & p->cell->replica_set;
	because_each(p->out, REASON_NOT_REPLICA, p->allowed & ~p->cell->replica_set, 0);
	int home = p->placed->home;
	bool known =
		home >= 0 && home < p->policy->region_count && (p->candidates & region_bit(home));
	p->home = known ? home : -1;
}

/* --- the outcome --------------------------------------------------------------------------- */

static void serve_here(struct plan *p, enum reason reason) {
	p->out->verdict = VERDICT_HERE;
	p->out->region = p->request->here;
	because(p->out, reason, p->request->here, 0);
}

static void forward_to(struct plan *p, int region) {
	p->out->verdict = VERDICT_FORWARD;
	p->out->region = region;
	if (region == p->home) because(p->out, REASON_HOME, region, 0);
}

/* --- what is believed of a region --------------------------------------------------------- */

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

/* Why the home cannot take it now although waiting will help; REASON_COUNT: it can. */
static enum reason home_moving(const struct plan *p) {
	if (p->placed->promoting) return REASON_PROMOTING;
	if (p->home < 0) return REASON_NO_HOME;
	bool down = p->home != p->request->here && is_down(p, p->home);
	return down ? REASON_DOWN : REASON_COUNT;
}

static void hold(struct plan *p, enum reason reason) {
	p->out->verdict = VERDICT_HOLD;
	bool about_home = reason == REASON_DOWN || reason == REASON_BREAKER;
	uint32_t age_ms = reason == REASON_DOWN ? p->regions[p->home].state_age_ms : 0;
	because(p->out, reason, about_home ? p->home : -1, age_ms);
}

static void refuse(struct plan *p, enum reason reason) {
	p->out->verdict = VERDICT_REFUSE;
	p->out->refusal = ERR_UNAVAILABLE;
	because(p->out, reason, -1, 0);
}

/* No region can serve it at this moment. Holding is right as long as the home may move or
 * be reachable again: the edge bounds the wait. */
static void hold_or_refuse(struct plan *p) {
	enum reason moving = home_moving(p);
	if (p->candidates == 0)
		refuse(p, REASON_NO_HOME); /* narrowed to nothing: waiting is no use */
	else if (moving != REASON_COUNT)
		hold(p, moving);
	else if (p->request->forwarded)
		refuse(p, REASON_FORWARDED_TWICE);
	else
		hold(p, REASON_BREAKER);
}

/* --- writes and strong reads: the home or nothing --------------------------------------------- */

static void decide_home(struct plan *p) {
	const struct decide_request *r = p->request;
	bool usable = home_moving(p) == REASON_COUNT;
	if (usable && p->home == r->here)
		serve_here(p, REASON_HOME);
	else if (usable && !r->forwarded && !breaker_open(p, p->home))
		forward_to(p, p->home);
	else
		hold_or_refuse(p);
}

/* --- other reads: any copy that is fresh enough ------------------------------------------------- */

static bool fresh_enough(const struct plan *p, int replica, uint32_t *lag_ms) {
	*lag_ms = 0;
	if (p->consistency != CONSISTENCY_BOUNDED) return true;
	if (p->cell->replicas[replica] == p->home && !p->placed->promoting) return true;
	bool old = p->placed->lag_age_ms[replica] > p->policy->signals.lag_ms;
	*lag_ms = old ? UINT32_MAX : p->placed->lag_ms[replica];
	return *lag_ms != UINT32_MAX && *lag_ms <= p->bounded_ms;
}

/* Copies by what the world says of them. Draining and full regions still serve: they are
 * the last resort, so that a drain by itself never makes data unreadable. */
struct copies {
	region_set good, last_resort;
	bool here; /* a copy at this edge that is fresh enough */
};

/* A copy of another region that is fresh enough. */
static void filter_copy(struct plan *p, int region, struct copies *c) {
	const struct world_region *w = &p->regions[region];
	bool said = w->state != REGION_ACTIVE;
	if (is_down(p, region)) {
		because(p->out, REASON_DOWN, region, w->state_age_ms);
		return;
	}
	if (breaker_open(p, region)) {
		because(p->out, REASON_BREAKER, region, 0);
		return;
	}
	if (!said && !over_capacity(p, region)) {
		c->good |= region_bit(region);
		return;
	}
	c->last_resort |= region_bit(region);
	if (!said)
		because(p->out, REASON_CAPACITY, region, 0);
	else
		because(p->out, state_old(p, region) ? REASON_SIGNAL_OLD : REASON_DRAINING, region,
		        w->state_age_ms);
}

static struct copies filter_copies(struct plan *p) {
	struct copies c = {0};
	const struct policy_cell *cell = p->cell;
	for (int i = 0; i < cell->replica_count; i++) {
		int region = cell->replicas[i];
		uint32_t lag_ms;
		if (!(p->candidates & region_bit(region))) continue;
		if (!fresh_enough(p, i, &lag_ms))
			because(p->out, REASON_STALE, region, lag_ms);
		else if (region == p->request->here)
			c.here = true;
		else
			filter_copy(p, region, &c);
	}
	return c;
}

static void because_ordered(struct plan *p, const int *list, int count, int preferred) {
	if (p->weights && p->out->bucket >= 0 && count)
		because(p->out, REASON_RULE_WEIGHT, list[0], rule_number(p, p->weights));
	if (p->prefer && count)
		because(p->out, REASON_RULE_PREFER, list[0], rule_number(p, p->prefer));
	if (p->weights || p->prefer) return;
	for (int i = 0; i < preferred; i++) because(p->out, REASON_PREFERENCE, list[i], 0);
}

/* A rule's wish comes first: then the copy here is one among others. Without one it is used
 * whatever others believe of this region: the request has arrived, and passing it on would cost
 * more than answering. */
static void choose_copy(struct plan *p, struct copies c) {
	int list[POLICY_REPLICAS_MAX], count = 0, next = 0;
	bool ruled = p->prefer || p->weights;
	if (ruled && c.here) c.good |= region_bit(p->request->here);
	int preferred = plan_order(p, c.good, list, &count);
	because_ordered(p, list, count, preferred);
	plan_order(p, c.last_resort, list, &count);
	bool here_first = ruled && count > 0 && list[0] == p->request->here;
	if (here_first) next++;
	if (here_first || (c.here && !ruled))
		serve_here(p, REASON_LOCAL_COPY);
	else if (count > 0)
		forward_to(p, list[next++]);
	else
		hold_or_refuse(p);
	while (next < count) p->out->fallbacks[p->out->fallback_count++] = list[next++];
}

static void decide_read(struct plan *p) {
	struct copies copies = filter_copies(p);
	if (!p->request->forwarded)
		choose_copy(p, copies);
	else if (copies.here)
		serve_here(p, REASON_LOCAL_COPY);
	else
		hold_or_refuse(p);
}

/* --- the class forbids even passing it on ----------------------------------------------------------- */

/* Where the client should have gone; where none is known to be up, where it will be. */
static void refuse_transit(struct plan *p) {
	struct decision *d = p->out;
	int region = d->verdict == VERDICT_FORWARD ? d->region : p->home;
	if (region < 0) region = p->cell->replicas[0];
	if (!(p->allowed & region_bit(region))) region = __builtin_ctzll(p->allowed);
	d->verdict = VERDICT_REFUSE;
	d->refusal = ERR_MISDIRECTED;
	d->region = region;
	d->fallback_count = 0;
	because(d, REASON_TRANSIT_REFUSED, region, 0);
}

/* --- the rules forbid it ----------------------------------------------------------------- */

static void refuse_denied(struct plan *p) {
	struct decision *d = p->out;
	d->verdict = VERDICT_REFUSE;
	d->refusal = ERR_FORBIDDEN;
	d->rule = (int)rule_number(p, p->deny);
	because(d, REASON_RULE_DENY, -1, (uint32_t)d->rule);
}

/* Rules never move a home: who may not go there with a write goes nowhere. */
static bool rules_left_nothing(const struct plan *p, bool home_only) {
	region_set copies = p->class & p->cell->replica_set;
	if (!(copies & ~p->allowed)) return false;
	int home = p->placed->home;
	bool known = home >= 0 && home < p->policy->region_count && copies & region_bit(home);
	return home_only && known ? !(p->allowed & region_bit(home)) : !(copies & p->allowed);
}

static void assert_within(const struct decision *d) {
	ASSERT(d->region < 0 || (d->allowed & region_bit(d->region)));
	for (int i = 0; i < d->fallback_count; i++)
		ASSERT(d->allowed & region_bit(d->fallbacks[i]));
}

static void start(struct decision *out) {
	out->region = out->rule = out->bucket = -1;
	out->fallback_count = out->reason_count = 0;
	out->refusal = ERR_OK;
	out->hold_ms = out->deadline_ms = 0;
	out->rules_matched = out->rules_failed = 0;
}

static void outcome(struct plan *p, const struct policy_residency *class) {
	bool home_only = p->request->write || p->consistency == CONSISTENCY_STRONG;
	if (p->deny)
		refuse_denied(p);
	else if (rules_left_nothing(p, home_only))
		refuse(p, REASON_RULE_EMPTY);
	else if (home_only)
		decide_home(p);
	else
		decide_read(p);
	bool outside = !(class->regions & region_bit(p->request->here));
	if (!p->deny && !class->transit && outside && p->allowed) refuse_transit(p);
}

void decide_traced(const struct policy *policy, const struct world *w,
                   const struct decide_request *r, struct decision *out, uint64_t *hits) {
	ASSERT(r->tenant >= 0 && r->tenant < policy->tenant_count);
	ASSERT(r->here >= 0 && r->here < policy->region_count);
	const struct policy_tenant *tenant = &policy->tenants[r->tenant];
	const struct policy_residency *class = &policy->residencies[tenant->residency];
	start(out);
	struct plan p = {
		.policy = policy,
		.cell = &policy->cells[tenant->cell],
		.world = w,
		.regions = w->regions,
		.placed = &w->cells[tenant->cell],
		.request = r,
		.out = out,
		.consistency = r->consistency,
		.bounded_ms = r->bounded_ms,
		.hits = hits,
	};
	plan_residency(&p, class);
	plan_preferences(&p, tenant);
	if (!r->ruled) plan_rules(&p);
	plan_placement(&p);
	out->allowed = p.allowed;
	out->consistency = p.consistency;
	out->bounded_ms = p.bounded_ms;
	outcome(&p, class);
	assert_within(out);
}

void decide(const struct policy *policy, const struct world *w, const struct decide_request *r,
            struct decision *out) {
	decide_traced(policy, w, r, out, NULL);
}
