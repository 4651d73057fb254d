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

/* Whether the tenant's window is open; where nobody knows the time it is not. */
static bool in_maintenance(const struct policy_maintenance *m, uint64_t time_ms) {
	if (m->from == m->to || !time_ms) return false;
	int minute = ((int)(time_ms / 60000 % DAY_MINUTES) + m->zone + DAY_MINUTES) % DAY_MINUTES;
	bool same_day = m->from < m->to;
	return same_day ? minute >= m->from && minute < m->to : minute >= m->from || minute < m->to;
}

static void plan_preferences(struct plan *p, const struct policy_tenant *t) {
	p->preferred = t->preferred;
	p->preferred_count = t->preferred_count;
	p->explicit_failover = t->explicit_failover;
	if (!in_maintenance(&t->maintenance, p->request->time_ms)) return;
	for (int i = 0; i < t->preferred_count; i++) p->avoided |= region_bit(t->preferred[i]);
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

void plan_serve_here(struct plan *p, enum reason reason) {
	p->out->verdict = VERDICT_HERE;
	p->out->region = p->request->here;
	because(p->out, reason, p->request->here, 0);
}

void plan_forward(struct plan *p, int region) {
	p->out->verdict = VERDICT_FORWARD;
	p->out->region = region;
	if (region == p->home) because(p->out, REASON_HOME, region, 0);
}

/* --- when the home is away ------------------------------------------------------------------ */

/* Why the home cannot take it now although waiting will help; REASON_COUNT: it can. */
static enum reason home_moving(const struct plan *p) {
	if (p->placed->promoting) return REASON_PROMOTING;
	if (p->home < 0) return REASON_NO_HOME;
	bool down = p->home != p->request->here && is_down(p, p->home);
	return down ? REASON_DOWN : REASON_COUNT;
}

void plan_hold(struct plan *p, enum reason reason) {
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
void plan_hold_or_refuse(struct plan *p) {
	enum reason moving = home_moving(p);
	if (p->candidates == 0)
		refuse(p, REASON_NO_HOME); /* narrowed to nothing: waiting is no use */
	else if (moving != REASON_COUNT)
		plan_hold(p, moving);
	else if (p->request->forwarded)
		refuse(p, REASON_FORWARDED_TWICE);
	else
		plan_hold(p, REASON_BREAKER);
}

/* --- writes and strong reads: the home or nothing --------------------------------------------- */

static void decide_home(struct plan *p) {
	const struct decide_request *r = p->request;
	bool usable = home_moving(p) == REASON_COUNT;
	if (usable && p->home == r->here)
		plan_serve_here(p, REASON_HOME);
	else if (usable && !r->forwarded && !breaker_open(p, p->home))
		plan_forward(p, p->home);
	else
		plan_hold_or_refuse(p);
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

/* Copies that could serve it as far as the class goes. Rules never move a home: who may not go there
 * with a write goes nowhere. */
static region_set copies_that_serve(const struct plan *p, bool home_only) {
	region_set copies = p->class & p->cell->replica_set;
	int home = p->placed->home;
	bool known = home >= 0 && home < p->policy->region_count && copies & region_bit(home);
	return home_only && known ? region_bit(home) : copies;
}

static void refuse_empty(struct plan *p, region_set copies) {
	struct decision *d = p->out;
	int last = d->reason_count - 1;
	while (!(d->reasons[last].reason >= REASON_RULE_ALLOW &&
	         d->reasons[last].reason <= REASON_RULE_PIN &&
	         copies & region_bit(d->reasons[last].region)))
		last--;
	d->verdict = VERDICT_REFUSE;
	d->refusal = ERR_UNAVAILABLE;
	because(d, REASON_RULE_EMPTY, -1, d->reasons[last].value);
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
	region_set copies = copies_that_serve(p, home_only);
	if (p->deny)
		refuse_denied(p);
	else if (copies && !(copies & p->allowed))
		refuse_empty(p, copies);
	else if (home_only)
		decide_home(p);
	else
		plan_read(p);
	bool outside = !(class->regions & region_bit(p->request->here));
	if (!p->deny && !class->transit && outside && p->allowed) refuse_transit(p);
}

void decide_traced(const struct policy *policy, const struct world *w,
                   const struct decide_request *r, struct decision *out, uint64_t *hits) {
	ASSERT(r->tenant < policy->tenant_count && (r->tenant >= 0 || r->who));
	ASSERT(r->here >= 0 && r->here < policy->region_count);
	const struct policy_tenant *tenant = decide_tenant(policy, r);
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
