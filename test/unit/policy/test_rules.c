/* Rules by example: what matches, what follows, and what is told. */
#include "fixture.h"
#include "policy/rules.h"

enum { EAST, WEST, EUW, EUC, REGIONS };

#define REGIONS_AND_TENANTS                                                                        \
	"regions:\n"                                                                               \
	"  us-east: {jurisdiction: us, location: [39.0, -77.5], cost: 3, carbon: 300}\n"           \
	"  us-west: {jurisdiction: us, location: [45.6, -121.2], cost: 1, carbon: 100}\n"          \
	"  eu-west: {jurisdiction: eu, location: [53.3, -6.3], cost: 2}\n"                         \
	"  eu-central: {jurisdiction: eu, location: [50.1, 8.7], carbon: 50}\n"                    \
	"residency:\n"                                                                             \
	"  global: {regions: all}\n"                                                               \
	"  us: {regions: [us-east, us-west], transit: allow}\n"                                    \
	"cells:\n"                                                                                 \
	"  all: {replicas: [us-east, us-west, eu-west, eu-central]}\n"                             \
	"  us: {replicas: [us-east, us-west]}\n"                                                   \
	"tenants:\n"                                                                               \
	"  acme: {residency: global, cell: all, tier: gold, country: US, attributes: {plan: "      \
	"pro}}\n"                                                                                  \
	"  globex: {residency: us, cell: us, tier: bronze}\n"

struct ask {
	struct policy *policy;
	struct world_region regions[REGIONS];
	struct world_cell cells[2];
	struct decide_request request;
	struct decision out;
	uint64_t hits[4];
	char text[4096];
};
static struct ask a;

static void policy_is(const char *rules) {
	static char yaml[1 << 16];
	policy_free(a.policy);
	a.policy = NULL;
	snprintf(yaml, sizeof yaml, "%s%s", REGIONS_AND_TENANTS, rules);
	a = (struct ask){.policy = load_good(yaml)};
	a.cells[0].home = a.cells[1].home = EAST;
	a.request = (struct decide_request){
		.here = EUW,
		.consistency = CONSISTENCY_EVENTUAL,
		.method = SLICE_LIT("GET"),
		.path = SLICE_LIT("/v1/data/billing/7"),
		.domain = SLICE_LIT("billing"),
		.host = SLICE_LIT("api.example"),
	};
}

static int teardown(void **state) {
	policy_free(a.policy);
	a.policy = NULL;
	return 0;
}

/* "forward us-west" */
static const char *told(void) {
	static const char *const verdicts[] = {"here", "forward", "hold", "refuse"};
	struct world w = {a.regions, a.cells, 1};
	memset(a.hits, 0, sizeof a.hits);
	decide_traced(a.policy, &w, &a.request, &a.out, a.hits);
	snprintf(a.text, sizeof a.text, "%s%s%s", verdicts[a.out.verdict],
	         a.out.region >= 0 ? " " : "",
	         a.out.region >= 0 ? a.policy->regions[a.out.region].name : "");
	return a.text;
}

static const char *explained(void) {
	struct buf b;
	const char *text;
	buf_init(&b, 1 << 16);
	(void)told();
	assert_int_equal(decision_explain(a.policy, &a.out, &b), ERR_OK);
	assert_int_equal(buf_cstr(&b, &text), ERR_OK);
	snprintf(a.text, sizeof a.text, "%s", text);
	buf_done(&b);
	return a.text;
}

#define TELLS(part)                                                                                \
	do {                                                                                       \
		if (!strstr(explained(), part)) fail_msg("'%s' is not in:\n%s", part, a.text);     \
	} while (0)

/* --- effects ------------------------------------------------------------------------------------- */

static void a_deny_ends_it(void **state) {
	policy_is("rules:\n"
	          "  - {name: sanctions, when: client.country == 'KP', deny: {status: 451, reason: "
	          "\"not there\"}}\n"
	          "  - {name: later, hold: 2s}\n");
	a.request.client.country = SLICE_LIT("IE");
	assert_string_equal(told(), "here eu-west");
	assert_int_equal(a.out.hold_ms, 2000);
	a.request.client.country = SLICE_LIT("KP");
	assert_string_equal(told(), "refuse");
	assert_int_equal(a.out.refusal, ERR_FORBIDDEN);
	assert_int_equal(a.out.rule, 0);
	assert_int_equal(a.policy->rules[0].status, 451);
	assert_string_equal(a.policy->rules[0].reason, "not there");
	assert_int_equal(a.out.hold_ms, 0);
	TELLS("denied by rule 'sanctions' (line 16)");
}

static void what_is_narrowed_stays_narrow(void **state) {
	policy_is("rules:\n"
	          "  - {name: us-only, allow: [us-east, us-west]}\n"
	          "  - {name: not-east, exclude: [us-east]}\n"
	          "  - {name: never-widens, allow: [us-west, eu-west]}\n");
	assert_string_equal(told(), "forward us-west");
	assert_int_equal(a.out.allowed, 1 << WEST);
	assert_int_equal(a.out.fallback_count, 0);
	TELLS("eu-west: not among the regions allowed by rule 'us-only' (line 16)");
	TELLS("us-east: excluded by rule 'not-east' (line 17)");
}

static void a_home_is_never_moved(void **state) {
	policy_is("rules:\n  - {name: away, exclude: [us-east]}\n");
	a.request.write = true;
	assert_string_equal(told(), "refuse");
	assert_int_equal(a.out.refusal, ERR_UNAVAILABLE);
	TELLS("the last region that could serve it is taken by rule 'away' (line 16)");
	a.cells[0].home = WEST;
	assert_string_equal(told(), "forward us-west");
}

static void the_first_that_sets_decides(void **state) {
	policy_is("rules:\n"
	          "  - {name: one, pin: us-west, consistency: bounded=250ms, deadline: 100ms}\n"
	          "  - {name: two, pin: us-east, consistency: strong, deadline: 9s, hold: 1s}\n");
	assert_string_equal(told(), "forward us-west");
	assert_int_equal(a.out.consistency, CONSISTENCY_BOUNDED);
	assert_int_equal(a.out.bounded_ms, 250);
	assert_int_equal(a.out.deadline_ms, 100);
	assert_int_equal(a.out.hold_ms, 1000);
	TELLS("the consistency is set by rule 'one' (line 16)");
	TELLS("how long to hold is set by rule 'two' (line 17)");
}

static void preferences_order(void **state) {
	policy_is("rules:\n  - {name: p, prefer: [eu-central, home]}\n");
	assert_string_equal(told(), "forward eu-central");
	assert_int_equal(a.out.fallbacks[0], EAST);
	TELLS("eu-central: preferred by rule 'p' (line 16)");
	a.regions[EUC].state = REGION_DOWN;
	assert_string_equal(told(), "forward us-east");
	policy_is("rules:\n  - {name: p, prefer: [nearest]}\n");
	assert_string_equal(told(), "here eu-west");
	assert_int_equal(a.out.fallbacks[0], EUC);
	a.request.client =
		(struct decide_client){.located = true, .latitude = 47, .longitude = -122};
	assert_string_equal(told(), "forward us-west");
	policy_is("rules:\n  - {name: p, prefer: [cheapest]}\n");
	assert_string_equal(told(), "forward us-west");
	assert_int_equal(a.out.fallbacks[0], EUW);
	assert_int_equal(a.out.fallbacks[2], EUC); /* not stated: last */
	policy_is("rules:\n  - {name: p, prefer: [greenest]}\n");
	assert_string_equal(told(), "forward eu-central");
}

static int regions_of_keys(int counts[REGIONS], int *where) {
	int keys = 4000;
	memset(counts, 0, REGIONS * sizeof *counts);
	for (int i = 0; i < keys; i++) {
		char key[32];
		int len = snprintf(key, sizeof key, "user-%d", i);
		a.request.sticky = slice_of(key, (size_t)len);
		(void)told();
		assert_in_range(a.out.bucket, 0, DECISION_BUCKETS - 1);
		counts[a.out.region]++;
		if (where) where[i] = a.out.region;
	}
	a.request.sticky = (struct slice){0};
	return keys;
}

static void weights_are_kept_and_stable(void **state) {
	static int before[4000], after[4000];
	int counts[REGIONS], moved = 0;
	policy_is("rules:\n  - {name: w, weights: {us-east: 90, us-west: 10}}\n");
	int keys = regions_of_keys(counts, before);
	assert_in_range(counts[WEST], keys * 8 / 100, keys * 12 / 100);
	assert_int_equal(counts[EAST] + counts[WEST], keys);
	policy_is("rules:\n  - {name: w, weights: {us-east: 80, us-west: 20}}\n");
	keys = regions_of_keys(counts, after);
	for (int i = 0; i < keys; i++) moved += before[i] != after[i];
	assert_in_range(moved, keys * 8 / 100, keys * 12 / 100);
	/* While one is away its keys are elsewhere; nobody else's are. */
	a.regions[WEST].state = REGION_DOWN;
	(void)regions_of_keys(counts, before);
	for (int i = 0; i < keys; i++)
		if (after[i] == EAST) assert_int_equal(before[i], EAST);
	assert_int_equal(counts[WEST], 0);
}

/* --- conditions -------------------------------------------------------------------------------------- */

static void conditions_see_everything(void **state) {
	static const char *const yes[] = {
		"request.method == 'GET' && request.path.startsWith('/v1/data/')",
		"request.host == 'api.example' && request.domain in ['billing', 'audit']",
		"request.headers['x-beta'] == '1' && !('x-other' in request.headers)",
		"has(request.headers.accept) && request.headers.size() == 2",
		"request.size == 77 && !request.write && request.consistency == 'eventual'",
		"request.region == 'eu-west' && !request.forwarded",
		"request.time == timestamp('2026-11-27T12:00:00.25Z')",
		"tenant.id == 'acme' && tenant.tier == 'gold' && tenant.country == 'US'",
		"tenant.residency == 'global' && tenant.cell == 'all'",
		"tenant.attributes.plan == 'pro' && !has(tenant.attributes.other)",
		"client.ip.isInRange('10.0.0.0/8') && client.country == 'IE'",
		"client.latitude > 53.0 && client.longitude < -6.0",
		"world.home == 'us-east' && !world.promoting",
		"world.state['eu-central'] == 'draining' && world.state['us-west'] == 'active'",
		"world.lag_ms['eu-west'] < 100",
		"variables.early && variables.where == 'eu-west'",
	};
	static const struct decide_header headers[] = {{SLICE_LIT("accept"), SLICE_LIT("*/*")},
	                                               {SLICE_LIT("x-beta"), SLICE_LIT("1")}};
	static const struct cel_net ip = {.bytes = {10, 1, 2, 3}, .family = 4, .prefix = 32};
	for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
		char rules[600];
		snprintf(rules, sizeof rules,
		         "variables:\n  where: request.region\n  early: variables.where != ''\n"
		         "rules:\n  - name: r\n    when: \"%s\"\n    hold: 1s\n",
		         yes[i]);
		policy_is(rules);
		a.request.headers = headers;
		a.request.header_count = 2;
		a.request.body_bytes = 77;
		a.request.time_ms = 1795780800250;
		a.request.client = (struct decide_client){&ip, SLICE_LIT("IE"), true, 53.3, -6.3};
		a.regions[EUC].state = REGION_DRAINING;
		(void)told();
		if (!a.out.rules_matched) fail_msg("no match: %s", yes[i]);
		assert_int_equal(a.out.rules_failed, 0);
	}
}

static void what_is_not_known_matches_nothing_but_denies(void **state) {
	policy_is("rules:\n"
	          "  - {name: near, when: client.country == 'IE', hold: 1s}\n"
	          "  - {name: lag, when: \"world.lag_ms['us-west'] > 5\", hold: 2s}\n");
	a.cells[0].lag_ms[1] = UINT32_MAX;
	assert_string_equal(told(), "here eu-west");
	assert_int_equal(a.out.rules_failed, 2);
	assert_int_equal(a.out.hold_ms, 0);
	TELLS("the condition failed by rule 'near' (line 16)");
	policy_is("rules:\n  - {name: near, when: client.country != 'IE', deny: true}\n");
	assert_string_equal(told(), "refuse");
	assert_int_equal(a.out.rules_failed, 1);
	/* Built texts need memory that the caller lends. */
	policy_is("rules:\n  - {name: t, when: \"request.path.split('/')[3] == 'billing'\", hold: "
	          "1s}\n");
	(void)told();
	assert_int_equal(a.out.rules_failed, 1);
	struct arena scratch;
	arena_init(&scratch, 1 << 16);
	a.request.scratch = &scratch;
	(void)told();
	assert_int_equal(a.out.rules_failed, 0);
	assert_int_equal(a.out.hold_ms, 1000);
	arena_done(&scratch);
}

static void groups_ask_for_all_conditions(void **state) {
	policy_is("rules:\n"
	          "  - name: gold\n"
	          "    when: tenant.tier == 'gold' || tenant.tier == 'platinum'\n"
	          "    rules:\n"
	          "      - {name: gold-read, when: request.method == 'GET', hold: 1s}\n"
	          "      - name: inner\n"
	          "        when: request.domain == 'audit'\n"
	          "        rules:\n"
	          "          - {name: gold-audit, deadline: 1s}\n"
	          "  - {name: all, consistency: session}\n");
	assert_int_equal(a.policy->rule_count, 3);
	(void)told();
	assert_int_equal(a.hits[0], 5);
	a.request.domain = SLICE_LIT("audit");
	(void)told();
	assert_int_equal(a.hits[0], 7);
	a.request.tenant = 1;
	(void)told();
	assert_int_equal(a.hits[0], 4);
}

static void old_signals_are_not_believed(void **state) {
	policy_is("signals: {state: 5s, breaker: 1s, capacity: 1s, lag: 500ms}\n");
	a.request.here = EUC;
	a.request.tenant = 1;
	a.regions[EAST] = (struct world_region){.state = REGION_DOWN, .state_age_ms = 6000};
	assert_string_equal(told(), "forward us-west");
	assert_int_equal(a.out.fallbacks[0], EAST); /* it may be back */
	TELLS("us-east: a last resort: not heard of for 6000 ms");
	a.regions[WEST] = (struct world_region){.breaker_open = true, .breaker_age_ms = 1001};
	assert_string_equal(told(), "forward us-west");
	a.regions[WEST] = (struct world_region){.over_capacity = true, .capacity_age_ms = 1000};
	assert_string_equal(told(), "forward us-east");
	a.regions[WEST] = (struct world_region){0};
	a.request.consistency = CONSISTENCY_BOUNDED;
	a.request.bounded_ms = 100;
	a.cells[1].home = EAST;
	a.cells[1].lag_ms[1] = 1;
	assert_string_equal(told(), "forward us-west");
	a.cells[1].lag_age_ms[1] = 501;
	assert_string_equal(told(), "forward us-east");
	TELLS("us-west: not fresh enough: its lag is not known");
}

static void a_comment_ends_no_group(void **state) {
	policy_is("rules:\n"
	          "  - name: gold\n"
	          "    when: \"tenant.tier == 'gold' // and platinum, one day\"\n"
	          "    rules:\n"
	          "      - {name: write, when: \"request.write // only\", hold: 1s}\n");
	(void)told();
	assert_int_equal(a.hits[0], 0);
	a.request.write = true;
	(void)told();
	assert_int_equal(a.hits[0], 1);
}

/* --- mistakes ------------------------------------------------------------------------------------------- */

/* Costs more than half of what a condition may. */
#define LOOP "request.headers.all(a, tenant.attributes.all(b, a == 'x' || b == 'y'))"
#define LONG "\"" LOOP " && " LOOP "\""

static void mistakes_are_told_with_their_place(void **state) {
	static const struct {
		const char *rules, *told;
	} rows[] = {
		{"rules:\n  - {name: x, when: tenant.teir == 'gold', hold: 1s}\n",
	         "16:21: in the condition 'tenant.teir == 'gold'': undeclared reference"},
		{"rules:\n  - {name: x, when: \"request.size\", hold: 1s}\n",
	         "16:29: in the condition 'request.size': expected type 'bool' but found 'int'"},
		/* However it is written. */
		{"rules:\n  - {name: x, hold: 1s, when: 'tenant.id == ''a'' || nofun(1)'}\n",
	         "16:59: in the condition"},
		{"rules:\n  - {name: x, hold: 1s, when: \"'\\x61\\u00e4\\t' == 'b'\\n ||\\\n\\  "
	         "nofun(1)\"}\n",
	         "17:9: in the condition"},
		{"rules:\n  - name: x\n    hold: 1s\n    when: request.write\n\n      || 'ä' == "
	         "nofun(1)\n",
	         "20:22: in the condition"},
		{"rules:\n  - name: x\n    hold: 1s\n    when: |- # why\n\n      request.write\n"
	         "        || nofun(1)\n",
	         "21:17: in the condition"},
		{"rules:\n  - name: x\n    when: >\n      request.write\n      && nofun(1)\n    "
	         "hold: 1s\n",
	         "19:15: in the condition"},
		{"rules:\n  - name: x\n    when: >\n      request.write &&\n\n    hold: 1s\n",
	         "18:23: in the condition"},
		{"rules:\n  - {name: x, when: \"nofun(1)\", hold: 1s}\n",
	         "16:27: in the condition 'nofun(1)'"},
		{"rules:\n  - {name: x}\n", "16:5: rules[0]: the rule does nothing"},
		{"rules:\n  - {hold: 1s}\n", "the key 'name' is missing"},
		{"rules:\n  - {name: x, hold: 1s}\n  - {name: x, hold: 1s}\n", "stands twice"},
		{"rules:\n  - {name: x, allow: [us-eats]}\n", "did you mean 'us-east'?"},
		{"rules:\n  - {name: x, prefer: [nerest]}\n", "expected"},
		{"rules:\n  - {name: x, weights: {us-east: 0}}\n", "add up to 0"},
		{"rules:\n  - {name: x, deny: no}\n", "expected true, or {status"},
		{"rules:\n  - {name: x, deny: {status: 200}}\n", "400"},
		{"rules:\n  - {name: x, hold: 1s, rules: [{name: y, hold: 1s}]}\n",
	         "a group has effects"},
		{"rules:\n  - {name: x, allow: [eu-west]}\n",
	         "16:5: rule 'x' leaves tenant 'globex' no region: copies are in us-east, us-west"},
		{"rules:\n  - {name: x, when: tenant.tier == 'bronze', pin: eu-west}\n",
	         "leaves tenant 'globex' no region"},
		{"rules:\n  - {name: x, exclude: [us-east]}\n  - {name: y, pin: us-east}\n",
	         "17:5: rule 'y' leaves tenant 'acme' no region"},
		{"rules:\n  - {name: g, when: " LONG ", rules: [{name: h, when: " LONG
	         ", rules: [{name: x, hold: 1s}]}]}\n",
	         ": together with the conditions of the groups around it"},
		{"variables: {a: variables.b, b: '1'}\n", "in the condition 'variables.b'"},
		{"variables: {a-b: '1'}\n", "cannot be used in conditions"},
		{"signals: {lag: 0ms}\n", "signals.lag"},
	};
	static struct reported r;
	static char yaml[1 << 14];
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct policy *p = NULL;
		snprintf(yaml, sizeof yaml, "%s%s", REGIONS_AND_TENANTS, rows[i].rules);
		assert_int_equal(load_text(yaml, &r, &p), ERR_INVALID);
		if (!strstr(r.text, rows[i].told))
			fail_msg("'%s' is not in:\n%s", rows[i].told, r.text);
	}
	policy_is("rules:\n  - {name: x, when: tenant.tier == 'gold', pin: eu-west}\n"
	          "  - {name: y, when: tenant.tier == 'bronze', deny: true}\n"
	          "  - {name: z, pin: eu-west}\n");
}

static void a_denial_may_skip_what_is_not_known(void **state) {
	policy_is(
		"rules:\n"
		"  - {name: strict, when: \"request.domain == 'a' && client.country == 'KP'\", "
	        "deny: "
		"true}\n"
		"  - {name: kind, when: \"request.domain == 'b' && client.country == 'KP'\", deny: "
		"true, unknown: skip}\n"
		"  - {name: same, when: \"request.domain == 'c' && client.country == 'KP'\", deny: "
		"true, unknown: deny}\n"
		"  - {name: header, when: \"request.domain == 'd' && request.headers['x'] == "
	        "'1'\", "
		"deny: true, unknown: skip}\n"
		"  - {name: broken, when: \"request.domain == 'e' && 7 / request.size == 1\", "
	        "deny: "
		"true, unknown: skip}\n");
	static const struct {
		const char *domain, *country;
		bool denied;
		uint32_t failed;
	} cases[] = {
		{"a", "", true, 1},   {"a", "DE", false, 0}, {"b", "", false, 1},
		{"b", "KP", true, 0}, {"b", "DE", false, 0}, {"c", "", true, 1},
		{"d", "", false, 1},  {"e", "", true, 1}, /* a mistake of the rule is no lack of news */
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		a.request.domain = slice_str(cases[i].domain);
		a.request.client.country = slice_str(cases[i].country);
		told();
		assert_int_equal(a.out.rules_failed, cases[i].failed);
		assert_int_equal(a.out.verdict == VERDICT_REFUSE, cases[i].denied);
	}
}

int main(void) {
#define TEST(name) cmocka_unit_test_teardown(name, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_deny_ends_it),
		TEST(what_is_narrowed_stays_narrow),
		TEST(a_home_is_never_moved),
		TEST(the_first_that_sets_decides),
		TEST(preferences_order),
		TEST(weights_are_kept_and_stable),
		TEST(conditions_see_everything),
		TEST(what_is_not_known_matches_nothing_but_denies),
		TEST(a_denial_may_skip_what_is_not_known),
		TEST(groups_ask_for_all_conditions),
		TEST(a_comment_ends_no_group),
		TEST(old_signals_are_not_believed),
		TEST(mistakes_are_told_with_their_place),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
