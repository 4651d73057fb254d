/* The decision itself. A plan starts with the residency class and every step only narrows
 * it: class → preferences → placement → world. Rules (CEL) come between preferences and
 * placement: they may clear bits of plan.allowed, reorder plan.preferred and set
 * plan.consistency; everything after them reads the plan, never the tenant.
 *
 * No allocation, no clock, no loop longer than the regions of the policy. What the world
 * says may be wrong or stale, so nothing it names is used before it was masked by `allowed`.
 */
#include "policy/decide.h"

#include "base/assert.h"

struct plan {
	const struct policy *policy;
	const struct policy_cell *cell;
	const struct world_region *regions;
	const struct world_cell *placed;
	const struct decide_request *request;
	struct decision *out;
	enum consistency consistency;
	uint32_t bounded_ms;
	const int *preferred;
	int preferred_count;
	region_set allowed;    /* may hold the bytes */
	region_set candidates; /* and do hold a copy */
	int home;              /* within candidates, or -1 */
};

static inline region_set bit(int region) {
	return (region_set)1 << region;
}

static inline void because(struct decision *d, enum reason reason, int region, uint32_t value) {
	ASSERT(d->reason_count < DECISION_REASONS_MAX);
	d->reasons[d->reason_count++] =
		(struct decision_reason){(uint8_t)reason, (int8_t)region, value};
}

static void because_each(struct decision *d, enum reason reason, region_set set) {
	for (; set; set &= set - 1) because(d, reason, __builtin_ctzll(set), 0);
}

/* --- steps that narrow ------------------------------------------------------------------ */

static void plan_residency(struct plan *p, const struct policy_residency *class) {
	p->allowed = class->regions;
	region_set all = ~(region_set)0 >> (64 - p->policy->region_count);
	because_each(p->out, REASON_RESIDENCY, all & ~class->regions);
}

static void plan_preferences(struct plan *p, const struct policy_tenant *t) {
	p->preferred = t->preferred;
	p->preferred_count = t->preferred_count;
}

static void plan_placement(struct plan *p) {
	p->candidates = p->allowed & p->cell->replica_set;
	because_each(p->out, REASON_NOT_REPLICA, p->allowed & ~p->cell->replica_set);
	int home = p->placed->home;
	bool known = home >= 0 && home < p->policy->region_count && (p->candidates & bit(home));
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

/* Why the home cannot take it now although waiting will help; REASON_COUNT: it can. */
static enum reason home_moving(const struct plan *p) {
	if (p->placed->promoting) return REASON_PROMOTING;
	if (p->home < 0) return REASON_NO_HOME;
	bool down = p->home != p->request->here && p->regions[p->home].state == REGION_DOWN;
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
	else if (usable && !r->forwarded && !p->regions[p->home].breaker_open)
		forward_to(p, p->home);
	else
		hold_or_refuse(p);
}

/* --- other reads: any copy that is fresh enough ------------------------------------------------- */

static bool fresh_enough(const struct plan *p, int replica, uint32_t *lag_ms) {
	*lag_ms = 0;
	if (p->consistency != CONSISTENCY_BOUNDED) return true;
	if (p->cell->replicas[replica] == p->home && !p->placed->promoting) return true;
	*lag_ms = p->placed->lag_ms[replica];
	return *lag_ms != UINT32_MAX && *lag_ms <= p->bounded_ms;
}

/* Copies by what the world says of them. Draining and full regions still serve: they are
 * the last resort, so that a drain by itself never makes data unreadable. */
struct copies {
	region_set good, last_resort;
	bool here; /* a copy at this edge that is fresh enough */
};

/* A copy here is used whatever others believe of this region: the request has arrived,
 * and passing it on would cost more than answering. */
static struct copies filter_copies(struct plan *p) {
	struct copies c = {0};
	const struct policy_cell *cell = p->cell;
	for (int i = 0; i < cell->replica_count; i++) {
		int region = cell->replicas[i];
		const struct world_region *w = &p->regions[region];
		uint32_t lag_ms;
		if (!(p->candidates & bit(region))) continue;
		if (!fresh_enough(p, i, &lag_ms))
			because(p->out, REASON_STALE, region, lag_ms);
		else if (region == p->request->here)
			c.here = true;
		else if (w->state == REGION_DOWN)
			because(p->out, REASON_DOWN, region, w->state_age_ms);
		else if (w->breaker_open)
			because(p->out, REASON_BREAKER, region, 0);
		else if (w->state == REGION_DRAINING) {
			because(p->out, REASON_DRAINING, region, w->state_age_ms);
			c.last_resort |= bit(region);
		} else if (w->over_capacity) {
			because(p->out, REASON_CAPACITY, region, 0);
			c.last_resort |= bit(region);
		} else
			c.good |= bit(region);
	}
	return c;
}

/* Moves `region` from *left to the end of the list, if it is in there. */
static inline bool take(region_set *left, int region, int *list, int *count) {
	if (region < 0 || !(*left & bit(region))) return false;
	*left &= ~bit(region);
	list[(*count)++] = region;
	return true;
}

/* Preferences, then home, then succession. Returns how many the preferences brought. */
static int order_copies(const struct plan *p, region_set left, int *list, int *count) {
	int preferred = 0;
	for (int i = 0; left && i < p->preferred_count; i++)
		preferred += take(&left, p->preferred[i], list, count);
	take(&left, p->home, list, count);
	for (int i = 0; left && i < p->cell->replica_count; i++)
		take(&left, p->cell->replicas[i], list, count);
	return preferred;
}

static void decide_read(struct plan *p) {
	struct copies copies = filter_copies(p);
	if (p->request->forwarded) {
		if (copies.here)
			serve_here(p, REASON_LOCAL_COPY);
		else
			hold_or_refuse(p);
		return;
	}
	int list[POLICY_REPLICAS_MAX], count = 0;
	int preferred = order_copies(p, copies.good, list, &count);
	for (int i = 0; i < preferred; i++) because(p->out, REASON_PREFERENCE, list[i], 0);
	order_copies(p, copies.last_resort, list, &count);
	int first = 0;
	if (copies.here)
		serve_here(p, REASON_LOCAL_COPY);
	else if (count > 0)
		forward_to(p, list[first++]);
	else {
		hold_or_refuse(p);
		return;
	}
	for (int i = first; i < count; i++) p->out->fallbacks[p->out->fallback_count++] = list[i];
}

/* --- the class forbids even passing it on ----------------------------------------------------------- */

/* Where the client should have gone; where none is known to be up, where it will be. */
static void refuse_transit(struct plan *p) {
	struct decision *d = p->out;
	int region = d->verdict == VERDICT_FORWARD ? d->region : p->home;
	if (region < 0) region = p->cell->replicas[0];
	if (!(p->allowed & bit(region))) region = __builtin_ctzll(p->allowed);
	d->verdict = VERDICT_REFUSE;
	d->refusal = ERR_MISDIRECTED;
	d->region = region;
	d->fallback_count = 0;
	because(d, REASON_TRANSIT_REFUSED, region, 0);
}

static void assert_within(const struct decision *d) {
	ASSERT(d->region < 0 || (d->allowed & bit(d->region)));
	for (int i = 0; i < d->fallback_count; i++) ASSERT(d->allowed & bit(d->fallbacks[i]));
}

void decide(const struct policy *policy, const struct world *w, const struct decide_request *r,
            struct decision *out) {
	ASSERT(r->tenant >= 0 && r->tenant < policy->tenant_count);
	ASSERT(r->here >= 0 && r->here < policy->region_count);
	const struct policy_tenant *tenant = &policy->tenants[r->tenant];
	const struct policy_residency *class = &policy->residencies[tenant->residency];
	out->region = -1;
	out->fallback_count = 0;
	out->refusal = ERR_OK;
	out->reason_count = 0;
	out->rule = out->bucket = -1;
	out->hold_ms = out->deadline_ms = out->rules_matched = out->rules_failed = 0;
	out->consistency = r->consistency;
	out->bounded_ms = r->bounded_ms;
	struct plan p = {
		.policy = policy,
		.cell = &policy->cells[tenant->cell],
		.regions = w->regions,
		.placed = &w->cells[tenant->cell],
		.request = r,
		.out = out,
		.consistency = r->consistency,
		.bounded_ms = r->bounded_ms,
	};
	plan_residency(&p, class);
	plan_preferences(&p, tenant);
	plan_placement(&p);
	out->allowed = p.allowed;
	if (r->write || p.consistency == CONSISTENCY_STRONG)
		decide_home(&p);
	else
		decide_read(&p);
	if (!class->transit && !(class->regions & bit(r->here)) && p.allowed) refuse_transit(&p);
	assert_within(out);
}

/* No policy has rules yet that could match. */
void decide_traced(const struct policy *policy, const struct world *w,
                   const struct decide_request *r, struct decision *out, uint64_t *hits) {
	(void)hits;
	decide(policy, w, r, out);
}
