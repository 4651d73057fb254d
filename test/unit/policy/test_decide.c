/* decide() by example: one row, one situation, the whole answer with its reasons. */
#include "fixture.h"

enum { EAST, WEST, EUW, EUC, REGIONS };
enum { ACME, GLOBEX, INITECH, HOOLI, UMBRA };

static const char yaml[] =
	"regions:\n"
	"  us-east: {jurisdiction: us, location: [39.0, -77.5]}\n"
	"  us-west: {jurisdiction: us, location: [45.6, -121.2]}\n"
	"  eu-west: {jurisdiction: eu, location: [53.3, -6.3]}\n"
	"  eu-central: {jurisdiction: eu, location: [50.1, 8.7]}\n"
	"residency:\n"
	"  us: {regions: [us-east, us-west], transit: allow}\n"
	"  eu: {regions: [eu-west, eu-central], transit: refuse}\n"
	"  global: {regions: all}\n"
	"cells:\n"
	"  us-1: {replicas: [us-east, us-west], mode: sync}\n"
	"  eu-1: {replicas: [eu-west, eu-central], mode: sync}\n"
	"  global-1: {replicas: [us-east, us-west, eu-west]}\n"
	"tenants:\n"
	"  acme: {residency: us, cell: us-1, preferences: {regions: [us-west]}}\n"
	"  globex: {residency: eu, cell: eu-1}\n"
	"  initech: {residency: global, cell: global-1}\n"
	"  hooli: {residency: global, cell: global-1, preferences: {regions: [us-west], "
	"explicit_failover: true}}\n"
	"  umbra: {residency: global, cell: global-1, preferences: {regions: [us-west, eu-west], "
	"maintenance: {from: \"22:30\", to: \"01:00\", zone: \"+02:00\"}}}\n";

struct situation {
	struct world_region regions[REGIONS];
	struct world_cell cells[3];
	struct decide_request request;
};

/* All is well: every cell at its first replica, copies 10 ms behind. */
static struct situation situation(int tenant, int here) {
	struct situation s = {.request = {.tenant = tenant, .here = here}};
	static const int homes[] = {EAST, EUW, EAST};
	for (int i = 0; i < 3; i++) {
		s.cells[i] = (struct world_cell){.home = homes[i], .epoch = 7};
		for (int j = 1; j < POLICY_REPLICAS_MAX; j++) s.cells[i].lag_ms[j] = 10;
	}
	s.request.consistency = CONSISTENCY_SESSION;
	s.request.bounded_ms = 100;
	return s;
}

static struct policy *policy;
static const char *const verdicts[] = {"here", "forward", "hold", "refuse"};

/* "forward us-west us-east | us-west: down for 5 ms | ..." */
static const char *told(const struct situation *s) {
	static char text[4096];
	struct world w = {s->regions, s->cells, 1};
	struct decision d;
	decide(policy, &w, &s->request, &d);
	int n = snprintf(text, sizeof text, "%s", verdicts[d.verdict]);
	if (d.verdict == VERDICT_REFUSE)
		n += snprintf(text + n, sizeof text - (size_t)n, " %s", err_slug(d.refusal));
	if (d.region >= 0)
		n += snprintf(text + n, sizeof text - (size_t)n, " %s",
		              policy->regions[d.region].name);
	for (int i = 0; i < d.fallback_count; i++)
		n += snprintf(text + n, sizeof text - (size_t)n, ", %s",
		              policy->regions[d.fallbacks[i]].name);
	for (int i = 0; i < d.reason_count; i++) {
		const struct decision_reason *r = &d.reasons[i];
		if (r->reason == REASON_RESIDENCY || r->reason == REASON_NOT_REPLICA) continue;
		n += snprintf(text + n, sizeof text - (size_t)n, " | %s", reason_name(r->reason));
		if (r->region >= 0)
			n += snprintf(text + n, sizeof text - (size_t)n, " %s",
			              policy->regions[r->region].name);
		if (r->value) n += snprintf(text + n, sizeof text - (size_t)n, " %u", r->value);
	}
	return text;
}

static int set_up(void **state) {
	policy = load_good(yaml);
	return 0;
}

static int tear_down(void **state) {
	policy_free(policy);
	return 0;
}

static void writes_go_home(void **state) {
	struct situation s = situation(ACME, EAST);
	s.request.write = true;
	assert_string_equal(told(&s), "here us-east | home us-east");
	s.request.here = WEST;
	assert_string_equal(told(&s), "forward us-east | home us-east");
	s.request.here = EUC;
	assert_string_equal(told(&s), "forward us-east | home us-east");
	s.request.write = false;
	s.request.consistency = CONSISTENCY_STRONG;
	assert_string_equal(told(&s), "forward us-east | home us-east");
	s.regions[EAST].state = REGION_DRAINING;
	s.regions[EAST].over_capacity = true;
	assert_string_equal(told(&s), "forward us-east | home us-east");
}

static void writes_wait_for_a_home(void **state) {
	struct situation s = situation(ACME, WEST);
	s.request.write = true;
	s.cells[0].promoting = true;
	assert_string_equal(told(&s), "hold | promoting");
	s.request.here = EAST;
	assert_string_equal(told(&s), "hold | promoting");
	s = situation(ACME, WEST);
	s.request.write = true;
	s.cells[0].home = -1;
	assert_string_equal(told(&s), "hold | no-home");
	s.cells[0].home = EUW; /* coordination names a region that may not have it */
	assert_string_equal(told(&s), "hold | no-home");
	s.cells[0].home = 63;
	assert_string_equal(told(&s), "hold | no-home");
	s.cells[0].home = EAST;
	s.regions[EAST] = (struct world_region){.state = REGION_DOWN, .state_age_ms = 1200};
	assert_string_equal(told(&s), "hold | down us-east 1200");
	s.request.here = EAST; /* it is not down for itself */
	assert_string_equal(told(&s), "here us-east | home us-east");
	s = situation(ACME, WEST);
	s.request.write = true;
	s.regions[EAST].breaker_open = true;
	assert_string_equal(told(&s), "hold | breaker us-east");
}

static void forwarded_writes_go_no_further(void **state) {
	struct situation s = situation(ACME, EAST);
	s.request.write = s.request.forwarded = true;
	assert_string_equal(told(&s), "here us-east | home us-east");
	s.request.here = WEST;
	assert_string_equal(told(&s), "refuse unavailable | forwarded-twice");
	s.cells[0].promoting = true;
	assert_string_equal(told(&s), "hold | promoting");
}

static void reads_use_the_copy_here(void **state) {
	struct situation s = situation(INITECH, EUW);
	assert_string_equal(told(&s), "here eu-west, us-east, us-west | local-copy eu-west");
	s.request.consistency = CONSISTENCY_EVENTUAL;
	s.cells[2].lag_ms[2] = UINT32_MAX;
	assert_string_equal(told(&s), "here eu-west, us-east, us-west | local-copy eu-west");
	s.cells[2].promoting = true;
	assert_string_equal(told(&s), "here eu-west, us-east, us-west | local-copy eu-west");
	s.request.forwarded = true;
	assert_string_equal(told(&s), "here eu-west | local-copy eu-west");
}

static void bounded_reads_need_a_fresh_copy(void **state) {
	struct situation s = situation(INITECH, EUW);
	s.request.consistency = CONSISTENCY_BOUNDED;
	s.cells[2].lag_ms[2] = 100;
	assert_string_equal(told(&s), "here eu-west, us-east, us-west | local-copy eu-west");
	s.cells[2].lag_ms[2] = 101;
	assert_string_equal(told(&s),
	                    "forward us-east, us-west | stale eu-west 101 | home us-east");
	s.request.forwarded = true;
	assert_string_equal(told(&s), "refuse unavailable | stale eu-west 101 | forwarded-twice");
	s.request.forwarded = false;
	s.regions[EAST] = (struct world_region){.state = REGION_DOWN, .state_age_ms = 5};
	s.cells[2].lag_ms[1] = UINT32_MAX;
	assert_string_equal(told(&s), "hold | down us-east 5 | stale us-west 4294967295 | "
	                              "stale eu-west 101 | down us-east 5");
	s.request.here = EAST; /* the home itself is as fresh as can be */
	s.cells[2].lag_ms[0] = UINT32_MAX;
	assert_string_equal(told(&s), "here us-east | stale us-west 4294967295 | "
	                              "stale eu-west 101 | local-copy us-east");
}

static void reads_elsewhere_go_in_order(void **state) {
	struct situation s = situation(ACME, EUW);
	assert_string_equal(told(&s), "forward us-west, us-east | preference us-west");
	s.regions[WEST] = (struct world_region){.state = REGION_DRAINING, .state_age_ms = 9};
	assert_string_equal(told(&s),
	                    "forward us-east, us-west | draining us-west 9 | home us-east");
	s.regions[EAST].breaker_open = true;
	assert_string_equal(told(&s), "forward us-west | breaker us-east | draining us-west 9");
	s.regions[WEST] = (struct world_region){.state = REGION_DOWN, .state_age_ms = 9};
	assert_string_equal(told(&s), "hold | breaker us-east | down us-west 9 | breaker us-east");
	s = situation(INITECH, EUC);
	s.cells[2].home = EUW;
	assert_string_equal(told(&s), "forward eu-west, us-east, us-west | home eu-west");
	s.regions[EUW].over_capacity = true;
	assert_string_equal(told(&s), "forward us-east, us-west, eu-west | capacity eu-west");
	s.cells[2].promoting = true; /* survivors serve */
	assert_string_equal(told(&s), "forward us-east, us-west, eu-west | capacity eu-west");
}

static void transit_refused_says_where_to_go(void **state) {
	struct situation s = situation(GLOBEX, EAST);
	assert_string_equal(told(&s),
	                    "refuse misdirected eu-west | home eu-west | transit-refused eu-west");
	s.request.write = true;
	s.cells[1].home = EUC;
	assert_string_equal(told(&s), "refuse misdirected eu-central | home eu-central | "
	                              "transit-refused eu-central");
	s.cells[1].promoting = true; /* not even held: its bytes may not wait here */
	assert_string_equal(
		told(&s), "refuse misdirected eu-central | promoting | transit-refused eu-central");
	s.cells[1].home = -1;
	assert_string_equal(told(&s),
	                    "refuse misdirected eu-west | promoting | transit-refused eu-west");
	s = situation(GLOBEX, EUC);
	s.request.write = true;
	assert_string_equal(told(&s), "forward eu-west | home eu-west");
}

static void the_allowed_set_is_the_class(void **state) {
	struct situation s = situation(ACME, EUC);
	struct world w = {s.regions, s.cells, 1};
	struct decision d;
	decide(policy, &w, &s.request, &d);
	assert_true(d.allowed == (1u << EAST | 1u << WEST));
}

static void explained(const struct situation *s, const char *text) {
	struct world w = {s->regions, s->cells, 1};
	struct decision d;
	decide(policy, &w, &s->request, &d);
	struct buf out;
	const char *said;
	buf_init(&out, 8192);
	assert_int_equal(decision_explain(policy, &d, &out), ERR_OK);
	assert_int_equal(buf_cstr(&out, &said), ERR_OK);
	assert_string_equal(said, text);
	buf_done(&out);
}

static void explanations_read_well(void **state) {
	struct situation s = situation(ACME, WEST);
	s.request.consistency = CONSISTENCY_BOUNDED;
	s.cells[0].lag_ms[1] = 350;
	s.regions[EAST] = (struct world_region){.state = REGION_DRAINING, .state_age_ms = 1200};
	explained(&s, "eu-west: outside the residency class\n"
	              "eu-central: outside the residency class\n"
	              "us-east: draining for 1200 ms\n"
	              "us-west: not fresh enough: 350 ms behind\n"
	              "us-east: home of the cell\n");
	s = situation(INITECH, EUC);
	s.request.write = s.cells[2].promoting = true;
	explained(&s, "eu-central: holds no copy of the cell\nthe cell is between homes\n");
	struct buf small;
	buf_init(&small, 10);
	struct decision d = {.reason_count = 1, .reasons = {{REASON_DOWN, EAST, 1}}};
	assert_int_equal(decision_explain(policy, &d, &small), ERR_TOO_LARGE);
	buf_done(&small);
}

static void explicit_failover_waits(void **state) {
	struct situation s = situation(HOOLI, EUC);
	assert_string_equal(told(&s),
	                    "forward us-west | explicit-failover us-east | explicit-failover "
	                    "eu-west | preference us-west");
	s.regions[WEST].state = REGION_DRAINING; /* still serves */
	assert_string_equal(told(&s),
	                    "forward us-west | draining us-west | explicit-failover us-east | "
	                    "explicit-failover eu-west");
	s.regions[WEST].state = REGION_DOWN;
	assert_string_equal(told(&s),
	                    "hold | down us-west | explicit-failover us-east | explicit-failover "
	                    "eu-west | explicit-failover");
	s.request.here = EUW; /* a copy here is no failover */
	assert_string_equal(told(&s),
	                    "here eu-west | down us-west | explicit-failover us-east | local-copy "
	                    "eu-west");
	/* Nor is who is fresh while the preferred one is not. */
	s = situation(HOOLI, EUC);
	s.request.consistency = CONSISTENCY_BOUNDED;
	s.cells[2].lag_ms[1] = 101;
	assert_string_equal(
		told(&s),
		"forward us-east | stale us-west 101 | explicit-failover eu-west | home us-east");
	s.request.write = true;
	assert_string_equal(told(&s), "forward us-east | home us-east");
}

/* 22:30 to 01:00 two hours east of Greenwich. */
static void maintenance_is_left_alone(void **state) {
	static const struct {
		uint64_t hour, minute;
		bool open;
	} rows[] = {
		{20, 29, false}, {20, 30, true}, {22, 59, true}, {23, 0, false}, {12, 0, false}};
	struct situation s = situation(UMBRA, EUC);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		s.request.time_ms = ((20000 * 24 + rows[i].hour) * 60 + rows[i].minute) * 60000;
		assert_string_equal(
			told(&s),
			rows[i].open ? "forward us-east, us-west, eu-west | maintenance us-west | "
				       "maintenance eu-west | home us-east"
				     : "forward us-west, eu-west, us-east | preference us-west "
				       "| preference eu-west");
	}
	s.request.time_ms = 0; /* who knows no time knows no window */
	assert_string_equal(
		told(&s),
		"forward us-west, eu-west, us-east | preference us-west | preference eu-west");
	/* Here as well, and still better than nothing. */
	s.request.time_ms = 21 * 3600 * 1000;
	s.request.here = EUW;
	assert_string_equal(told(&s),
	                    "forward us-east, us-west, eu-west | maintenance us-west | maintenance "
	                    "eu-west | home us-east");
	s.regions[EAST].state = s.regions[WEST].state = REGION_DOWN;
	assert_string_equal(told(&s),
	                    "here eu-west | down us-east | down us-west | maintenance eu-west | "
	                    "local-copy eu-west");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_go_home),
		cmocka_unit_test(writes_wait_for_a_home),
		cmocka_unit_test(forwarded_writes_go_no_further),
		cmocka_unit_test(reads_use_the_copy_here),
		cmocka_unit_test(bounded_reads_need_a_fresh_copy),
		cmocka_unit_test(reads_elsewhere_go_in_order),
		cmocka_unit_test(transit_refused_says_where_to_go),
		cmocka_unit_test(the_allowed_set_is_the_class),
		cmocka_unit_test(explanations_read_well),
		cmocka_unit_test(explicit_failover_waits),
		cmocka_unit_test(maintenance_is_left_alone),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
