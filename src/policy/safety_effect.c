/* What a change would do to those who are served, found by deciding before and after. */
#include "policy/safety.h"

#include "policy/diff.h"
#include "policy/whatif.h"

/* Regions of `now` that served some of the requests made up, under either policy. */
static void regions_used(const struct moves *m, const struct policy *now, region_set *before,
                         region_set *after) {
	*before = *after = 0;
	for (int i = 0; i < now->region_count; i++) {
		int place = m->old_places[i];
		uint64_t from = 0, to = 0;
		for (int k = 0; k < m->count; k++) {
			from += m->counts[place][k];
			to += m->counts[k][place];
		}
		if (from) *before |= (region_set)1 << i;
		if (to) *after |= (region_set)1 << i;
	}
}

static int bit_index(unsigned bit) {
	return __builtin_ctz(bit);
}

enum err safety_policy_effect(const struct policy *now, const struct policy *next,
                              region_set active, struct safety_effect *out) {
	enum { TENANTS_AT_ONCE = 1000 };
	struct diff *d = NULL;
	enum err e = diff_new(now, next, &d);
	if (!e) {
		region_set used, still;
		while (diff_step(d, TENANTS_AT_ONCE)) continue;
		regions_used(&d->moves, now, &used, &still);
		*out = (struct safety_effect){
			.before = active,
			.after = active & ~(used & ~still),
			.tenants = (uint64_t)now->tenant_count,
			.moved = d->counts[bit_index(DIFF_DECISIONS)] +
		                 d->counts[bit_index(DIFF_REMOVED)],
		};
	}
	diff_free(d);
	return e;
}

/* --- a drain ------------------------------------------------------------------------------- */

/* Is any of the tenant's plain requests, from anywhere, served by the region? */
static bool serves_tenant(const struct policy *p, int tenant, int region, struct whatif *w) {
	static const enum consistency reads[] = {CONSISTENCY_STRONG, CONSISTENCY_SESSION,
	                                         CONSISTENCY_EVENTUAL};
	enum { READS = sizeof reads / sizeof *reads };
	for (int here = 0; here < p->region_count; here++) {
		for (int k = 0; k <= READS; k++) {
			struct decide_request q = {.tenant = tenant,
			                           .here = here,
			                           .write = k == READS,
			                           .consistency = reads[k % READS],
			                           .domain = SLICE_LIT("data")};
			struct decision d;
			whatif_decide(w, p, &q, &d, NULL);
			if (d.region == region) return true;
		}
	}
	return false;
}

enum err safety_drain_effect(const struct policy *p, region_set active, int region,
                             struct safety_effect *out) {
	struct whatif w = {0};
	enum err e = whatif_init(&w, p);
	if (!e) {
		*out = (struct safety_effect){.before = active,
		                              .after = active & ~((region_set)1 << region),
		                              .tenants = (uint64_t)p->tenant_count};
		for (int i = 0; i < p->region_count; i++)
			if (!(active >> i & 1)) w.regions[i].state = REGION_DRAINING;
		for (int i = 0; i < p->tenant_count; i++)
			out->moved += serves_tenant(p, i, region, &w);
	}
	whatif_done(&w);
	return e;
}
