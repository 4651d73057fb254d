/* What is claimed about a policy without asking it a single recorded question: reach, diff, proof. */
#include "fixture.h"
#include "policy/diff.h"
#include "policy/prove.h"
#include "policy/reach.h"

#define PLACES                                                                                     \
	"regions:\n"                                                                               \
	"  us-east: {jurisdiction: us, location: [39.0, -77.5], capacity: 10}\n"                   \
	"  us-west: {jurisdiction: us, location: [45.6, -121.2]}\n"                                \
	"  eu-west: {jurisdiction: eu, location: [53.3, -6.3]}\n"                                  \
	"  eu-central: {jurisdiction: eu, location: [50.1, 8.7]}\n"                                \
	"residency:\n"                                                                             \
	"  us: {regions: [us-east, us-west], transit: allow}\n"                                    \
	"  eu: {regions: [eu-west, eu-central], transit: refuse}\n"                                \
	"cells:\n"                                                                                 \
	"  us-1: {replicas: [us-east, us-west]}\n"                                                 \
	"  eu-1: {replicas: [eu-west, eu-central], mode: sync, copies: 2, on_partition: "          \
	"consistency}\n"
#define TENANTS                                                                                    \
	"tenants:\n"                                                                               \
	"  acme: {residency: us, cell: us-1, preferences: {regions: [us-west]}}\n"                 \
	"  bolt: {residency: us, cell: us-1, preferences: {regions: [us-west]}}\n"                 \
	"  globex: {residency: eu, cell: eu-1, tier: gold}\n"
enum { EAST, WEST, EUW, EUC };

/* --- reach ---------------------------------------------------------------------------------- */

struct expected {
	enum reach reach;
	int by;
};

static void reaches(const char *rules, const struct expected *want, int count) {
	char yaml[8192];
	snprintf(yaml, sizeof yaml, "%srules:\n%s", PLACES TENANTS, rules);
	struct policy *p = load_good(yaml);
	struct rule_reach got[32];
	assert_int_equal(p->rule_count, count);
	assert_int_equal(reach_check(p, got), ERR_OK);
	for (int i = 0; i < count; i++)
		if (got[i].reach != want[i].reach || got[i].by != want[i].by)
			fail_msg("rule %d: %d by %d, not %d by %d", i, got[i].reach, got[i].by,
			         want[i].reach, want[i].by);
	policy_free(p);
}

static void what_a_denial_hides_is_found(void **state) {
	const struct expected want[] = {{REACH_MAY_DECIDE, -1}, {REACH_MAY_DECIDE, -1},
	                                {REACH_DENIED, 1},      {REACH_MAY_DECIDE, -1},
	                                {REACH_MAY_DECIDE, -1}, {REACH_DENIED, 4}};
	reaches("  - {name: hold, hold: 1s}\n"
	        "  - {name: no, when: \"tenant.tier == 'gold'\", deny: {}}\n"
	        "  - {name: late, when: \"tenant.tier == 'gold'\", hold: 2s, exclude: [us-east]}\n"
	        "  - {name: other, when: \"tenant.tier == 'iron'\", exclude: [us-east]}\n"
	        "  - {name: all, deny: {}}\n"
	        "  - {name: after, when: \"request.write\", exclude: [us-east]}\n",
	        want, 6);
}

static void a_denial_that_skips_hides_less(void **state) {
	const struct expected want[] = {{REACH_MAY_DECIDE, -1},
	                                {REACH_DENIED, 0},
	                                {REACH_MAY_DECIDE, -1},
	                                {REACH_DENIED, 0}};
	reaches("  - {name: kind, when: \"client.country == 'KP'\", deny: {}, unknown: skip}\n"
	        "  - {name: kind-again, when: \"client.country == 'KP'\", deny: {}, unknown: "
	        "skip}\n"
	        "  - {name: strict, when: \"client.country == 'KP'\", deny: {}}\n"
	        "  - {name: no-denial, when: \"client.country == 'KP'\", hold: 1s}\n",
	        want, 4);
}

static void what_is_settled_before_is_found(void **state) {
	const struct expected want[] = {{REACH_MAY_DECIDE, -1}, {REACH_SHADOWED, 0},
	                                {REACH_MAY_DECIDE, -1}, {REACH_SHADOWED, 2},
	                                {REACH_MAY_DECIDE, -1}, {REACH_MAY_DECIDE, -1}};
	reaches("  - {name: hold, hold: 1s}\n"
	        "  - {name: longer, when: \"request.write\", hold: 2s}\n"
	        "  - {name: not-east, when: \"request.write\", exclude: [us-east]}\n"
	        "  - {name: again, when: \"request.write\", exclude: [us-east], hold: 3s}\n"
	        "  - {name: more, when: \"request.write\", exclude: [us-east, us-west]}\n"
	        "  - {name: reads, when: \"!request.write\", exclude: [us-east]}\n",
	        want, 6);
}

static void what_is_never_true_is_found(void **state) {
	const struct expected want[] = {{REACH_NEVER_TRUE, -1},
	                                {REACH_NEVER_TRUE, -1},
	                                {REACH_NEVER_TRUE, -1},
	                                {REACH_MAY_DECIDE, -1},
	                                {REACH_MAY_DECIDE, -1}};
	reaches("  - {name: two, when: \"tenant.tier == 'a' && tenant.tier == 'b'\", hold: 1s}\n"
	        "  - {name: lists, when: \"tenant.tier in ['a','b'] && tenant.tier in ['c']\", "
	        "deny: "
	        "{}}\n"
	        "  - {name: false, when: \"request.path == '/x' && 1 > 2\", deny: {}}\n"
	        "  - {name: some, when: \"tenant.tier in ['a','b'] && tenant.tier == 'b'\", hold: "
	        "1s}\n"
	        "  - {name: fails, when: \"request.headers['x'] == 'y'\", deny: {}}\n",
	        want, 5);
}

/* --- diff ----------------------------------------------------------------------------------- */

static const struct diff_tenant *tenant_named(const struct diff *d, const char *name) {
	for (int i = 0; i < d->tenant_count; i++)
		if (strcmp(d->tenants[i].name, name) == 0) return &d->tenants[i];
	return NULL;
}

static void tenants_that_move_are_named(void **state) {
	struct policy *old = load_good(PLACES TENANTS);
	struct policy *fresh =
		load_good(PLACES "  us-2: {replicas: [us-west, us-east]}\n"
	                         "tenants:\n"
	                         "  acme: {residency: us, cell: us-2, preferences: {regions: "
	                         "[us-west]}}\n"
	                         "  globex: {residency: eu, cell: eu-1, tier: gold}\n"
	                         "  zeta: {residency: us, cell: us-1}\n");
	struct diff *d;
	assert_int_equal(diff_new(old, fresh, &d), ERR_OK);
	while (diff_step(d, 2)) {}
	assert_int_equal(d->tenants_changed, 3);
	const struct diff_tenant *acme = tenant_named(d, "acme");
	assert_int_equal(acme->bits, DIFF_CELL | DIFF_HOME | DIFF_DECISIONS);
	assert_int_equal(tenant_named(d, "zeta")->bits, DIFF_ADDED);
	assert_int_equal(tenant_named(d, "bolt")->bits, DIFF_REMOVED);
	assert_null(tenant_named(d, "globex"));
	/* Writes and strong reads from all four edges. */
	assert_int_equal(d->moves.counts[EAST][WEST], acme->moved);
	assert_int_equal(acme->moved, 8);
	assert_int_equal(moves_total(&d->moves), 4 * 4 * 5);
	diff_free(d);
	policy_free(old);
	policy_free(fresh);
}

static void rules_that_change_are_named(void **state) {
	struct policy *old = load_good(
		PLACES TENANTS "rules:\n"
			       "  - {name: a, hold: 1s}\n"
			       "  - {name: b, when: request.write, prefer: [us-east, home]}\n"
			       "  - {name: c, deadline: 1s}\n"
			       "  - {name: same, exclude: [us-west]}\n");
	struct policy *fresh = load_good(
		PLACES TENANTS "rules:\n"
			       "  - {name: d, pin: us-east, when: \"tenant.id == 'x'\"}\n"
			       "  - {name: a, hold: 2s}\n"
			       "  - {name: b, when: \"!request.write\", prefer: [us-east, "
			       "home]}\n"
			       "  - {name: same, exclude: [us-west]}\n");
	static const struct {
		const char *name;
		enum rule_change change;
	} want[] = {
		{"d", RULE_ADDED}, {"a", RULE_CHANGED}, {"b", RULE_CHANGED}, {"c", RULE_REMOVED}};
	struct diff *d;
	struct buf words;
	assert_int_equal(diff_new(old, fresh, &d), ERR_OK);
	assert_int_equal(d->rule_count, 4);
	for (int i = 0; i < 4; i++) {
		assert_string_equal(d->rules[i].name, want[i].name);
		assert_int_equal(d->rules[i].change, want[i].change);
	}
	buf_init(&words, 1000);
	assert_int_equal(rule_describe(old, &old->rules[1], &words), ERR_OK);
	assert_true(slice_is(buf_slice(&words), "prefer us-east home"));
	buf_done(&words);
	diff_free(d);
	policy_free(old);
	policy_free(fresh);
}

/* --- proof ----------------------------------------------------------------------------------- */

static const struct prove_dark *dark(const struct prove *v, int cell, bool write, region_set dead) {
	for (uint64_t i = 0; i < v->dark_count; i++)
		if (v->dark[i].cell == cell && v->dark[i].write == write && v->dark[i].dead == dead)
			return &v->dark[i];
	return NULL;
}

static struct prove *proved(const struct policy *p, int dead_max) {
	struct prove *v;
	assert_int_equal(prove_new(p, dead_max, &v), ERR_OK);
	while (prove_step(v)) {}
	assert_int_equal(v->leak_count, 0);
	return v;
}

static void who_goes_dark_is_told_once(void **state) {
	struct policy *p = load_good(PLACES TENANTS);
	struct prove *v = proved(p, 2);
	assert_int_equal(v->sets, 1 + 4 + 6);
	/* us-1 lives on one region; eu-1 acknowledges with two copies only. */
	const struct prove_dark *d = dark(v, 0, true, 1 << EAST | 1 << WEST);
	assert_non_null(d);
	assert_true(d->tenants == 2 && d->tenant == 0 && d->reason.reason == REASON_NO_HOME);
	assert_non_null(dark(v, 0, false, 1 << EAST | 1 << WEST));
	d = dark(v, 1, true, 1 << EUW);
	assert_non_null(d);
	assert_true(d->here == EUC && d->reason.reason == REASON_COUNT);
	assert_non_null(dark(v, 1, true, 1 << EUC));
	assert_null(dark(v, 1, true, 1 << EUW | 1 << EUC)); /* no more than each alone */
	assert_non_null(dark(v, 1, false, 1 << EUW | 1 << EUC));
	assert_int_equal(v->dark_count, 5);
	prove_free(v);
	v = proved(p, 0);
	assert_true(v->sets == 1 && v->dark_count == 0);
	prove_free(v);
	policy_free(p);
}

static void a_rule_that_serves_nobody_is_dark_in_fair_weather(void **state) {
	struct policy *p =
		load_good(PLACES TENANTS "rules:\n"
	                                 "  - {name: closed, when: \"tenant.id == 'bolt' && "
	                                 "request.write\", deny: {status: 403, reason: closed}}\n");
	struct prove *v = proved(p, 1);
	const struct prove_dark *d = dark(v, 0, true, 0);
	assert_non_null(d);
	assert_true(d->tenants == 1 && d->tenant == 1 && d->reason.reason == REASON_RULE_DENY);
	prove_free(v);
	policy_free(p);
}

static void a_leak_would_be_seen(void **state) {
	struct decision d = {.region = -1, .allowed = 1};
	assert_int_equal(prove_leaks(3, &d), -1);
	d.region = 2;
	assert_int_equal(prove_leaks(3, &d), 2);
	d.region = 1;
	d.fallbacks[0] = 5;
	assert_int_equal(prove_leaks(3, &d), -1);
	d.fallback_count = 1;
	assert_int_equal(prove_leaks(3, &d), 5);
	d.fallback_count = 0;
	d.allowed = 9;
	assert_int_equal(prove_leaks(3, &d), 3);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_denial_hides_is_found),
		cmocka_unit_test(a_denial_that_skips_hides_less),
		cmocka_unit_test(what_is_settled_before_is_found),
		cmocka_unit_test(what_is_never_true_is_found),
		cmocka_unit_test(tenants_that_move_are_named),
		cmocka_unit_test(rules_that_change_are_named),
		cmocka_unit_test(who_goes_dark_is_told_once),
		cmocka_unit_test(a_rule_that_serves_nobody_is_dark_in_fair_weather),
		cmocka_unit_test(a_leak_would_be_seen),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
