/* What a change would take away, the rules that judge it, and what cannot change at all. */
#include "fixture.h"
#include "policy/change.h"
#include "policy/safety.h"

#define REGIONS                                                                                    \
	"regions:\n"                                                                               \
	"  us-east: {jurisdiction: us, location: [39.0, -77.5], capacity: 600}\n"                  \
	"  us-west: {jurisdiction: us, location: [45.6, -121.2], capacity: 300}\n"                 \
	"  eu-west: {jurisdiction: eu, location: [53.3, -6.3], capacity: 100}\n"                   \
	"residency:\n"                                                                             \
	"  us: {regions: [us-east, us-west], transit: allow}\n"                                    \
	"  any: {regions: all}\n"
#define CELLS                                                                                      \
	"cells:\n"                                                                                 \
	"  us-1: {replicas: [us-east, us-west]}\n"                                                 \
	"  any-1: {replicas: [eu-west, us-east]}\n"
#define TENANTS                                                                                    \
	"tenants:\n"                                                                               \
	"  acme: {residency: us, cell: us-1}\n"                                                    \
	"  bolt: {residency: us, cell: us-1}\n"                                                    \
	"  globex: {residency: any, cell: any-1}\n"                                                \
	"  hooli: {residency: any, cell: any-1}\n"
#define SAFETY                                                                                     \
	"safety: {min_regions_active: 2, min_remaining_capacity: 50%, max_tenants_moved: 0.25}\n"
enum { EAST = 1, WEST = 2, EU = 4 };

static void the_section_is_read(void **state) {
	struct policy *p = load_good(REGIONS CELLS TENANTS SAFETY);
	assert_int_equal(p->safety.min_regions_active, 2);
	assert_true(p->safety.min_remaining_capacity > 0.49 &&
	            p->safety.min_remaining_capacity < 0.51);
	assert_true(p->safety.max_tenants_moved > 0.24 && p->safety.max_tenants_moved < 0.26);
	policy_free(p);
	p = load_good(REGIONS CELLS TENANTS);
	assert_int_equal(p->safety.min_regions_active, 0);
	assert_true(p->safety.max_tenants_moved >= 1);
	policy_free(p);
}

static void wrong_shares_are_refused(void **state) {
	static const char *const bad[] = {
		REGIONS "safety: {max_tenants_moved: 120%}\n",
		REGIONS "safety: {max_tenants_moved: 2}\n",
		REGIONS "safety: {min_remaining_capacity: -1}\n",
		REGIONS "safety: {min_regions_active: 4}\n", /* of three */
		REGIONS "safety: {min_regions: 1}\n",
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct reported r = {.count = 0};
		struct policy *p;
		assert_int_equal(policy_load(slice_str(bad[i]), "p.yaml", report_keep, &r, &p),
		                 ERR_INVALID);
		assert_int_equal(r.count, 1);
	}
}

/* Which rules `e` breaks under SAFETY, as bits. */
static unsigned broken(struct safety_effect e) {
	struct policy *p = load_good(REGIONS CELLS TENANTS SAFETY);
	struct safety_breach b[SAFETY_RULES];
	unsigned bits = 0;
	int n = safety_check(p, &e, b);
	for (int i = 0; i < n; i++) {
		assert_true(strlen(b[i].text) > 20);
		bits |= 1u << b[i].rule;
	}
	policy_free(p);
	return bits;
}

static void each_rule_has_an_edge(void **state) {
	const unsigned regions = 1u << SAFETY_REGIONS, capacity = 1u << SAFETY_CAPACITY,
		       tenants = 1u << SAFETY_TENANTS;
	assert_int_equal(broken((struct safety_effect){7, 7, 4, 0}), 0);
	assert_int_equal(broken((struct safety_effect){7, EAST | EU, 4, 1}), 0);
	assert_int_equal(broken((struct safety_effect){7, EAST | EU, 4, 2}), tenants);
	assert_int_equal(broken((struct safety_effect){7, EAST, 4, 0}), regions);
	assert_int_equal(broken((struct safety_effect){7, WEST | EU, 4, 0}), capacity);
	assert_int_equal(broken((struct safety_effect){7, EU, 4, 4}), regions | capacity | tenants);
	/* What was too little before is nobody's fault now. */
	assert_int_equal(broken((struct safety_effect){EU, EU, 4, 0}), 0);
	assert_int_equal(broken((struct safety_effect){EU, EU | WEST, 4, 0}), 0);
	assert_int_equal(broken((struct safety_effect){0, 0, 0, 0}), 0);
}

static void a_breach_says_by_how_much(void **state) {
	struct policy *p = load_good(REGIONS CELLS TENANTS SAFETY);
	struct safety_breach b[SAFETY_RULES];
	struct safety_effect e = {7, EU, 4, 2};
	assert_int_equal(safety_check(p, &e, b), 3);
	assert_string_equal(b[0].text,
	                    "min_regions_active is 2: this would leave 1 of 3 active, 1 too few");
	assert_string_equal(b[1].text,
	                    "min_remaining_capacity is 50.0 %: this would leave 10.0 % of it, "
	                    "40.0 points too little");
	assert_string_equal(b[2].text,
	                    "max_tenants_moved is 25.0 %: this would move 2 of 4 tenants "
	                    "(50.0 %), 25.0 points too many");
	policy_free(p);
}

static struct safety_effect effect_of(const char *before, const char *after) {
	struct policy *a = load_good(before), *b = load_good(after);
	struct safety_effect e;
	assert_int_equal(safety_policy_effect(a, b, 7, &e), ERR_OK);
	policy_free(a);
	policy_free(b);
	return e;
}

static void a_policy_that_empties_a_region_takes_it_away(void **state) {
	struct safety_effect e = effect_of(REGIONS CELLS TENANTS, REGIONS CELLS TENANTS "# same\n");
	assert_int_equal(e.before, 7);
	assert_int_equal(e.after, 7);
	assert_int_equal(e.moved, 0);
	assert_int_equal(e.tenants, 4);
	e = effect_of(REGIONS CELLS TENANTS,
	              REGIONS CELLS TENANTS "rules: [{name: r, exclude: [us-west]}]\n");
	assert_int_equal(e.after, EAST | EU);
	assert_int_equal(e.moved, 2);
	e = effect_of(REGIONS CELLS TENANTS,
	              REGIONS CELLS "tenants:\n  acme: {residency: us, cell: us-1}\n"
	                            "  bolt: {residency: us, cell: us-1}\n"
	                            "  globex: {residency: any, cell: any-1}\n");
	assert_int_equal(e.moved, 1); /* hooli is gone */
}

static void a_drain_moves_those_who_read_there(void **state) {
	struct policy *p = load_good(REGIONS CELLS TENANTS);
	struct safety_effect e;
	assert_int_equal(safety_drain_effect(p, 7, 1, &e), ERR_OK); /* us-west: copies of us-1 */
	assert_int_equal(e.before, 7);
	assert_int_equal(e.after, EAST | EU);
	assert_int_equal(e.tenants, 4);
	assert_int_equal(e.moved, 2);
	policy_free(p);
}

static void change(const char *before, const char *after, const char *says) {
	struct policy *a = load_good(before), *b = load_good(after);
	struct fault fault = {0};
	enum err e = policy_change_check(a, b, &fault);
	assert_int_equal(e, says ? ERR_UNSUPPORTED : ERR_OK);
	if (says && !strstr(fault.text, says)) fail_msg("%s: lacks: %s", fault.text, says);
	policy_free(a);
	policy_free(b);
}

static void places_stay_the_rest_may_change(void **state) {
	const char *now = REGIONS CELLS TENANTS;
	change(now, now, NULL);
	change(now, REGIONS CELLS TENANTS SAFETY "rules: [{name: r, exclude: [us-west]}]\n", NULL);
	change(now, REGIONS CELLS "tenants: {acme: {residency: us, cell: us-1, tier: gold}}\n",
	       NULL);
	change(now, REGIONS CELLS TENANTS "  new: {residency: any, cell: any-1}\n", NULL);
	change(now,
	       REGIONS "cells:\n  us-1: {replicas: [us-west, us-east]}\n"
	               "  any-1: {replicas: [eu-west, us-east]}\n" TENANTS,
	       "other replicas of cell 'us-1'");
	change(now,
	       REGIONS "cells:\n  us-1: {replicas: [us-east, us-west], mode: sync, copies: 2}\n"
	               "  any-1: {replicas: [eu-west, us-east]}\n" TENANTS,
	       "other mode or copies of cell 'us-1'");
	change(now, REGIONS CELLS "  us-2: {replicas: [us-east]}\n" TENANTS, "new cell 'us-2'");
	change(REGIONS CELLS "  us-2: {replicas: [us-east]}\n" TENANTS, now, "missing cell 'us-2'");
	change(now, REGIONS CELLS "tenants:\n  globex: {residency: any, cell: us-1}\n",
	       "another cell for tenant 'globex'");
	change("regions: {a: {jurisdiction: us, location: [0, 0]}}\nresidency: {all: {regions: "
	       "all}}\n",
	       "regions: {b: {jurisdiction: us, location: [0, 0]}}\nresidency: {all: {regions: "
	       "all}}\n",
	       "'b'");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_section_is_read),
		cmocka_unit_test(wrong_shares_are_refused),
		cmocka_unit_test(each_rule_has_an_edge),
		cmocka_unit_test(a_breach_says_by_how_much),
		cmocka_unit_test(a_policy_that_empties_a_region_takes_it_away),
		cmocka_unit_test(a_drain_moves_those_who_read_there),
		cmocka_unit_test(places_stay_the_rest_may_change),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
