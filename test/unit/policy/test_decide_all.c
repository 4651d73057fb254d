/* decide() in every state that a world of four regions can be in: what must always hold.
 * The same facts are worked out here a second time, the slow and plain way. */
#include "fixture.h"

enum { REGIONS = 4, TENANTS = 5, CONDITIONS = 5, LAGS = 3 };
enum { BOUND_MS = 100 };

static const char yaml[] = "regions:\n"
			   "  a: {jurisdiction: us, location: [0, 0]}\n"
			   "  b: {jurisdiction: us, location: [0, 1]}\n"
			   "  c: {jurisdiction: eu, location: [0, 2]}\n"
			   "  d: {jurisdiction: eu, location: [0, 3]}\n"
			   "residency:\n"
			   "  ab: {regions: [a, b], transit: allow}\n"
			   "  bcd: {regions: [b, c, d], transit: refuse}\n"
			   "  any: {regions: all}\n"
			   "cells:\n"
			   "  ba: {replicas: [b, a], mode: sync}\n"
			   "  cd: {replicas: [c, d]}\n"
			   "  acb: {replicas: [a, c, b]}\n"
			   "tenants:\n"
			   "  t0: {residency: ab, cell: ba}\n"
			   "  t1: {residency: ab, cell: ba, preferences: {regions: [a]}}\n"
			   "  t2: {residency: bcd, cell: cd, preferences: {regions: [d, c]}}\n"
			   "  t3: {residency: any, cell: acb, preferences: {regions: [b]}}\n"
			   "  t4: {residency: any, cell: cd}\n";

struct state {
	const struct policy *policy;
	struct world world;
	struct world_region regions[REGIONS];
	struct world_cell cells[3];
	struct decide_request request;
	struct decision decision;
};

static bool in(region_set set, int region) {
	return region >= 0 && region < 64 && (set >> region & 1);
}

static const struct policy_tenant *tenant_of(const struct state *s) {
	return &s->policy->tenants[s->request.tenant];
}
static const struct policy_cell *cell_of(const struct state *s) {
	return &s->policy->cells[tenant_of(s)->cell];
}
static const struct world_cell *placed_of(const struct state *s) {
	return &s->cells[tenant_of(s)->cell];
}

static bool home_only(const struct state *s) {
	return s->request.write || s->request.consistency == CONSISTENCY_STRONG;
}

static bool is_home(const struct state *s, int region) {
	return placed_of(s)->home == region && !placed_of(s)->promoting &&
	       in(cell_of(s)->replica_set, region);
}

static bool fresh(const struct state *s, int region) {
	if (s->request.consistency != CONSISTENCY_BOUNDED || is_home(s, region)) return true;
	for (int i = 0; i < cell_of(s)->replica_count; i++)
		if (cell_of(s)->replicas[i] == region) return placed_of(s)->lag_ms[i] <= BOUND_MS;
	return false;
}

/* May this region answer the request, reached from here? */
static bool usable(const struct state *s, int region) {
	const struct world_region *w = &s->regions[region];
	if (!in(cell_of(s)->replica_set, region)) return false;
	if (home_only(s) ? !is_home(s, region) : !fresh(s, region)) return false;
	if (region == s->request.here) return true;
	return !s->request.forwarded && w->state != REGION_DOWN && !w->breaker_open;
}

static bool troubled(const struct state *s, int region) {
	return s->regions[region].state == REGION_DRAINING || s->regions[region].over_capacity;
}

#define HOLDS(what)                                                                                \
	do {                                                                                       \
		if (!(what))                                                                       \
			fail_msg("%s: tenant %d here %d home %d verdict %d region %d", #what,      \
			         s->request.tenant, s->request.here, placed_of(s)->home,           \
			         d->verdict, d->region);                                           \
	} while (0)

static void check_lists(const struct state *s) {
	const struct decision *d = &s->decision;
	region_set class = s->policy->residencies[tenant_of(s)->residency].regions, seen = 0;
	HOLDS(d->allowed == class);
	HOLDS(d->region < 0 || in(class, d->region));
	HOLDS(d->reason_count > 0 && d->reason_count <= DECISION_REASONS_MAX);
	bool serves = d->verdict == VERDICT_HERE || d->verdict == VERDICT_FORWARD;
	HOLDS(serves || d->fallback_count == 0);
	HOLDS(!home_only(s) || d->fallback_count == 0);
	bool was_troubled =
		serves && d->verdict == VERDICT_FORWARD && !home_only(s) && troubled(s, d->region);
	if (serves) seen = (region_set)1 << d->region;
	for (int i = 0; i < d->fallback_count; i++) {
		int region = d->fallbacks[i];
		HOLDS(in(class, region) && usable(s, region));
		HOLDS(!in(seen, region) && region != s->request.here);
		HOLDS(!was_troubled || troubled(s, region));
		was_troubled = troubled(s, region);
		seen |= (region_set)1 << region;
	}
}

static void check_verdict(const struct state *s) {
	const struct decision *d = &s->decision;
	const struct policy_residency *class = &s->policy->residencies[tenant_of(s)->residency];
	if (!class->transit && !in(class->regions, s->request.here)) {
		HOLDS(d->verdict == VERDICT_REFUSE && d->refusal == ERR_MISDIRECTED &&
		      d->region >= 0);
		return;
	}
	bool any = false, here = usable(s, s->request.here);
	for (int i = 0; i < REGIONS; i++) any |= usable(s, i);
	switch (d->verdict) {
	case VERDICT_HERE: HOLDS(here && d->region == s->request.here); break;
	case VERDICT_FORWARD:
		HOLDS(!here && usable(s, d->region) && d->region != s->request.here);
		HOLDS(!s->request.forwarded);
		break;
	case VERDICT_HOLD: HOLDS(!any && d->region == -1); break;
	case VERDICT_REFUSE:
		HOLDS(!any && s->request.forwarded && d->refusal == ERR_UNAVAILABLE &&
		      d->region == -1);
		break;
	}
}

static void check(struct state *s) {
	static struct decision again;
	decide(s->policy, &s->world, &s->request, &s->decision);
	check_lists(s);
	check_verdict(s);
	decide(s->policy, &s->world, &s->request, &again);
	const struct decision *d = &s->decision;
	HOLDS(again.verdict == d->verdict && again.region == d->region &&
	      again.reason_count == d->reason_count &&
	      memcmp(again.reasons, d->reasons, sizeof *d->reasons * (size_t)d->reason_count) == 0);
}

/* One number of a mixed-radix counter. */
static int digit(int *n, int base) {
	int value = *n % base;
	*n /= base;
	return value;
}

static void set_condition(struct world_region *w, int condition) {
	*w = (struct world_region){.state_age_ms = 3};
	if (condition == 1) w->state = REGION_DRAINING;
	if (condition == 2) w->state = REGION_DOWN;
	if (condition == 3) w->breaker_open = true;
	if (condition == 4) w->over_capacity = true;
}

/* Every request there can be in the world as it is set. */
static void check_requests(struct state *s) {
	static const uint32_t lags[LAGS] = {BOUND_MS, BOUND_MS + 1, UINT32_MAX};
	for (int n = 0; n < TENANTS * REGIONS * 5 * 2; n++) {
		int rest = n;
		s->request.tenant = digit(&rest, TENANTS);
		s->request.here = digit(&rest, REGIONS);
		s->request.forwarded = digit(&rest, 2);
		s->request.write = rest == 4;
		s->request.consistency = (enum consistency)(rest % 4);
		s->request.bounded_ms = BOUND_MS;
		bool bounded = s->request.consistency == CONSISTENCY_BOUNDED && !s->request.write;
		int replicas = cell_of(s)->replica_count;
		int patterns = !bounded ? 1 : replicas == 2 ? LAGS * LAGS : LAGS * LAGS * LAGS;
		for (int pattern = 0; pattern < patterns; pattern++) {
			int lag = pattern;
			for (int i = 0; i < replicas; i++)
				s->cells[tenant_of(s)->cell].lag_ms[i] = lags[digit(&lag, LAGS)];
			check(s);
		}
	}
}

static void every_world(void **state) {
	static struct state s;
	struct policy *policy = load_good(yaml);
	s.policy = policy;
	s.world = (struct world){s.regions, s.cells, 1};
	static const int homes[] = {-1, 0, 1, 2, 3, 63};
	for (int n = 0; n < CONDITIONS * CONDITIONS * CONDITIONS * CONDITIONS * 6 * 2; n++) {
		int rest = n;
		for (int i = 0; i < REGIONS; i++)
			set_condition(&s.regions[i], digit(&rest, CONDITIONS));
		int home = homes[digit(&rest, 6)];
		for (int i = 0; i < 3; i++)
			s.cells[i] = (struct world_cell){.home = home, .promoting = rest};
		check_requests(&s);
	}
	policy_free(policy);
}

int main(void) {
	const struct CMUnitTest tests[] = {cmocka_unit_test(every_world)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
