/* In which order the regions that could serve are tried. */
#include "base/hash.h"
#include "policy/decide_plan.h"
#include "policy/load.h"

/* Moves `region` from *left to the end of the list, if it is in there. */
static inline bool take(region_set *left, int region, int *list, int *count) {
	if (region < 0 || !(*left & region_bit(region))) return false;
	*left &= ~region_bit(region);
	list[(*count)++] = region;
	return true;
}

/* --- weights ------------------------------------------------------------------------------------ */

/* The same key goes to the same region whatever else is asked, in every process. */
static uint64_t weight_hash(const struct plan *p, uint64_t round) {
	const struct decide_request *r = p->request;
	struct slice key = r->sticky;
	if (!key.len) key = slice_str(decide_tenant(p->policy, r)->name);
	const char *name = p->weights->name;
	uint64_t seed[2] = {crc32c(0, name, strlen(name)), round};
	return siphash13(seed, key.ptr, key.len);
}

/* Cumulative: when weights change only the keys between the old and the new borders move. */
static int weighted(const struct plan *p, region_set left, uint32_t bucket) {
	uint64_t sum = 0;
	for (region_set s = left; s; s &= s - 1) sum += p->weights->weights[__builtin_ctzll(s)];
	if (!sum) return -1;
	uint64_t point = bucket * sum, upto = 0;
	for (region_set s = left; s; s &= s - 1) {
		int region = __builtin_ctzll(s);
		upto += p->weights->weights[region];
		if (point < upto * DECISION_BUCKETS) return region;
	}
	return -1;
}

/* Over all that the rule may choose, usable or not, so that who is elsewhere stays there while
 * one region is away; its own keys are spread by a second hash. */
static void take_weighted(const struct plan *p, region_set *left, int *list, int *count) {
	region_set pool = p->candidates;
	for (uint64_t round = 0; pool & *left; round++) {
		uint32_t bucket = (uint32_t)(weight_hash(p, round) % DECISION_BUCKETS);
		if (round == 0) p->out->bucket = (int32_t)bucket;
		int region = weighted(p, pool, bucket);
		if (region < 0) return;
		pool &= ~region_bit(region);
		take(left, region, list, count);
	}
}

/* --- preferences ------------------------------------------------------------------------------------ */

static void take_nearest(const struct plan *p, region_set *left, int *list, int *count) {
	const struct policy_private *own = p->policy->private;
	const struct decide_client *c = &p->request->client;
	if (!c->located) {
		const uint8_t *near = own->near[p->request->here];
		for (int i = 0; i < p->policy->region_count && *left; i++)
			take(left, near[i], list, count);
		return;
	}
	double at[3];
	load_unit(c->latitude, c->longitude, at);
	while (*left) {
		int best = -1;
		double most = 0;
		for (region_set s = *left; s; s &= s - 1) {
			const double *u = own->unit[__builtin_ctzll(s)];
			double product = at[0] * u[0] + at[1] * u[1] + at[2] * u[2];
			if (best >= 0 && product <= most) continue;
			best = __builtin_ctzll(s);
			most = product;
		}
		take(left, best, list, count);
	}
}

/* What is not stated comes last. */
static void take_lowest(const struct plan *p, bool carbon, region_set *left, int *list,
                        int *count) {
	while (*left) {
		int best = -1;
		double least = 0;
		for (region_set s = *left; s; s &= s - 1) {
			const struct policy_region *r = &p->policy->regions[__builtin_ctzll(s)];
			double value = carbon ? r->carbon : r->cost;
			if (value == 0) value = 1e300;
			if (best >= 0 && value >= least) continue;
			best = __builtin_ctzll(s);
			least = value;
		}
		take(left, best, list, count);
	}
}

static void take_preferred(const struct plan *p, region_set *left, int *list, int *count) {
	for (int i = 0; i < p->prefer->prefer_count && *left; i++) {
		const struct rule_prefer *by = &p->prefer->prefer[i];
		switch (by->by) {
		case PREFER_LIST: take(left, by->region, list, count); break;
		case PREFER_HOME: take(left, p->home, list, count); break;
		case PREFER_NEAREST: take_nearest(p, left, list, count); break;
		case PREFER_CHEAPEST: take_lowest(p, false, left, list, count); break;
		case PREFER_GREENEST: take_lowest(p, true, left, list, count); break;
		}
	}
}

int plan_order(const struct plan *p, region_set left, int *list, int *count) {
	if (p->weights) take_weighted(p, &left, list, count);
	if (p->prefer) take_preferred(p, &left, list, count);
	int preferred = 0;
	for (int i = 0; left && i < p->preferred_count; i++)
		preferred += take(&left, p->preferred[i], list, count);
	take(&left, p->home, list, count);
	for (int i = 0; left && i < p->cell->replica_count; i++)
		take(&left, p->cell->replicas[i], list, count);
	return preferred;
}
