/* Reads that any copy may answer that is fresh enough: which one, and which after it. What the world
 * says of a region is believed as long as the policy's signals allow. */
#include "policy/decide_plan.h"

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
	region_set fresh; /* enough, whatever is said of the region */
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
		if (!fresh_enough(p, i, &lag_ms)) {
			because(p->out, REASON_STALE, region, lag_ms);
			continue;
		}
		c.fresh |= region_bit(region);
		if (region == p->request->here)
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

/* Only the region it belongs to as long as nothing happens. */
static void drop_all_but_first(struct plan *p, struct copies *c) {
	int list[POLICY_REPLICAS_MAX], count = 0;
	plan_order(p, c->fresh & ~p->avoided, list, &count);
	plan_order(p, c->fresh & p->avoided, list, &count);
	region_set others = (c->good | c->last_resort) & ~(count ? region_bit(list[0]) : 0);
	because_each(p->out, REASON_EXPLICIT_FAILOVER, others, 0);
	c->good &= ~others;
	c->last_resort &= ~others;
}

/* What a tenant in maintenance leaves alone where it can. */
static void leave_avoided(struct plan *p, struct copies *c) {
	region_set avoided = c->good & p->avoided;
	because_each(p->out, REASON_MAINTENANCE, avoided, 0);
	c->good &= ~avoided;
	c->last_resort |= avoided;
}

/* A rule's or the tenant's wish comes first: then the copy here is one among others. Without one it
 * is used whatever others believe of this region: the request has arrived, and passing it on would
 * cost more than answering. */
static void choose_copy(struct plan *p, struct copies c) {
	int list[POLICY_REPLICAS_MAX], count = 0, next = 0, here = p->request->here;
	bool among = p->prefer || p->weights || p->avoided & region_bit(here);
	if (among && c.here) c.good |= region_bit(here);
	if (p->avoided) leave_avoided(p, &c);
	if (p->explicit_failover) drop_all_but_first(p, &c);
	int preferred = plan_order(p, c.good, list, &count);
	because_ordered(p, list, count, preferred);
	plan_order(p, c.last_resort, list, &count);
	if (c.here && !among)
		plan_serve_here(p, REASON_LOCAL_COPY);
	else if (count > 0 && list[next] == here)
		plan_serve_here(p, REASON_LOCAL_COPY), next++;
	else if (count > 0)
		plan_forward(p, list[next++]);
	else if (p->explicit_failover && c.fresh)
		plan_hold(p, REASON_EXPLICIT_FAILOVER);
	else
		plan_hold_or_refuse(p);
	while (next < count) p->out->fallbacks[p->out->fallback_count++] = list[next++];
}

void plan_read(struct plan *p) {
	struct copies copies = filter_copies(p);
	if (!p->request->forwarded)
		choose_copy(p, copies);
	else if (copies.here)
		plan_serve_here(p, REASON_LOCAL_COPY);
	else
		plan_hold_or_refuse(p);
}
