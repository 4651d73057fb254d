/* Judges a change by the rules of `safety:`. */
#include "policy/safety.h"

#include <stdio.h>

static int count_of(region_set s) {
	return __builtin_popcountll(s);
}

/* Where any region's capacity is not stated, all count alike: half of the figures would say less. */
static double capacity_of(const struct policy *p, region_set s) {
	bool stated = true;
	double sum = 0;
	for (int i = 0; i < p->region_count; i++) stated &= p->regions[i].capacity != 0;
	for (int i = 0; i < p->region_count; i++)
		if (s >> i & 1) sum += stated ? (double)p->regions[i].capacity : 1;
	return sum;
}

static struct safety_breach *breach(struct safety_breach out[SAFETY_RULES], int *count,
                                    enum safety_rule rule, double limit, double found) {
	struct safety_breach *b = &out[(*count)++];
	*b = (struct safety_breach){.rule = rule, .limit = limit, .found = found};
	return b;
}

static void check_regions(const struct policy *p, const struct safety_effect *e,
                          struct safety_breach out[SAFETY_RULES], int *count) {
	int left = count_of(e->after), least = (int)p->safety.min_regions_active;
	if (left >= least || left >= count_of(e->before)) return;
	struct safety_breach *b = breach(out, count, SAFETY_REGIONS, least, left);
	snprintf(b->text, sizeof b->text,
	         "min_regions_active is %d: this would leave %d of %d active, %d too few", least,
	         left, count_of(e->before), least - left);
}

static void check_capacity(const struct policy *p, const struct safety_effect *e,
                           struct safety_breach out[SAFETY_RULES], int *count) {
	region_set all =
		p->region_count == 64 ? ~(region_set)0 : ((region_set)1 << p->region_count) - 1;
	double whole = capacity_of(p, all), least = p->safety.min_remaining_capacity;
	double left = whole > 0 ? capacity_of(p, e->after) / whole : 0;
	if (left >= least || capacity_of(p, e->after) >= capacity_of(p, e->before)) return;
	struct safety_breach *b = breach(out, count, SAFETY_CAPACITY, least, left);
	snprintf(b->text, sizeof b->text,
	         "min_remaining_capacity is %.1f %%: this would leave %.1f %% of it, %.1f points "
	         "too "
	         "little",
	         least * 100, left * 100, (least - left) * 100);
}

static void check_tenants(const struct policy *p, const struct safety_effect *e,
                          struct safety_breach out[SAFETY_RULES], int *count) {
	double most = p->safety.max_tenants_moved;
	double moved = e->tenants ? (double)e->moved / (double)e->tenants : 0;
	if (moved <= most) return;
	struct safety_breach *b = breach(out, count, SAFETY_TENANTS, most, moved);
	snprintf(b->text, sizeof b->text,
	         "max_tenants_moved is %.1f %%: this would move %llu of %llu tenants (%.1f %%), "
	         "%.1f "
	         "points too many",
	         most * 100, (unsigned long long)e->moved, (unsigned long long)e->tenants,
	         moved * 100, (moved - most) * 100);
}

int safety_check(const struct policy *p, const struct safety_effect *e,
                 struct safety_breach out[SAFETY_RULES]) {
	int count = 0;
	check_regions(p, e, out, &count);
	check_capacity(p, e, out, &count);
	check_tenants(p, e, out, &count);
	return count;
}
