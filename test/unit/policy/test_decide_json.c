/* Requests and worlds out of JSON, decisions into it. */
#include "fixture.h"
#include "policy/decide_json.h"

static const char yaml[] = "regions:\n"
			   "  us-east: {jurisdiction: us, location: [39.0, -77.5]}\n"
			   "  eu-west: {jurisdiction: eu, location: [53.3, -6.3]}\n"
			   "  eu-central: {jurisdiction: eu, location: [50.1, 8.7]}\n"
			   "residency:\n"
			   "  eu: {regions: [eu-west, eu-central], transit: allow}\n"
			   "cells:\n"
			   "  eu-1: {replicas: [eu-west, eu-central], mode: sync}\n"
			   "tenants:\n"
			   "  globex: {residency: eu, cell: eu-1, consistency: bounded=250ms}\n";
enum { EAST, EUW, EUC };

static struct policy *policy;

static int set_up(void **state) {
	policy = load_good(yaml);
	return 0;
}

static int tear_down(void **state) {
	policy_free(policy);
	return 0;
}

static json_t *parse(const char *text) {
	json_t *o = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(o);
	return o;
}

static void a_request_is_read_whole(void **state) {
	json_t *o = parse("{\"tenant\":\"globex\",\"region\":\"eu-west\",\"write\":true,"
	                  "\"consistency\":\"strong\",\"domain\":\"billing\",\"method\":\"PUT\","
	                  "\"path\":\"/v1/x\",\"host\":\"h\",\"headers\":{\"X-Plan\":\"Gold\"},"
	                  "\"size\":7,\"time\":\"1970-01-01T00:00:01.5Z\",\"sticky\":\"s\","
	                  "\"client\":{\"ip\":\"192.0.2.1\",\"country\":\"DE\",\"latitude\":52.5,"
	                  "\"longitude\":13}}");
	struct decide_input in;
	struct json_mistake m = {{0}};
	decide_input_init(&in, -1, -1);
	assert_int_equal(decide_input_read(policy, o, &in, &m), ERR_OK);
	const struct decide_request *r = &in.request;
	assert_true(r->tenant == 0 && r->here == EUW && r->write && !r->forwarded);
	assert_int_equal(r->consistency, CONSISTENCY_STRONG);
	assert_true(slice_is(r->domain, "billing") && slice_is(r->method, "PUT"));
	assert_true(slice_is(r->path, "/v1/x") && slice_is(r->host, "h") &&
	            slice_is(r->sticky, "s"));
	assert_true(r->header_count == 1 && slice_is(r->headers[0].name, "x-plan") &&
	            slice_is(r->headers[0].value, "Gold"));
	assert_true(r->body_bytes == 7 && r->time_ms == 1500);
	assert_true(r->client.ip == &in.ip && in.ip.family == 4 && in.ip.bytes[0] == 192);
	assert_true(slice_is(r->client.country, "DE") && r->client.located);
	assert_true(r->client.latitude > 52 && r->client.longitude > 12);
	json_decref(o);
}

static void what_is_left_out_keeps_its_default(void **state) {
	json_t *o = parse("{}");
	struct decide_input in;
	struct json_mistake m = {{0}};
	decide_input_init(&in, 0, EUC);
	in.request.path = SLICE_LIT("/known");
	assert_int_equal(decide_input_read(policy, o, &in, &m), ERR_OK);
	assert_true(in.request.tenant == 0 && in.request.here == EUC && !in.request.client.ip);
	assert_int_equal(in.request.consistency, CONSISTENCY_BOUNDED);
	assert_int_equal(in.request.bounded_ms, 250);
	assert_true(slice_is(in.request.path, "/known"));
	json_decref(o);
}

struct wrong {
	const char *json, *said;
};

static void wrong_requests_are_refused_where_they_are_wrong(void **state) {
	static const struct wrong rows[] = {
		{"{\"tennant\":\"x\"}",
	         "tennant: unknown key (did you mean 'tenant'?); expected one of: tenant, "},
		{"{\"tenant\":\"globix\"}",
	         "tenant: no tenant is named 'globix' (did you mean 'globex'?); expected"},
		{"{\"tenant\":\"globex\"}",
	         ": the key 'region' is missing; expected the name of a region"},
		{"{\"tenant\":\"globex\",\"region\":\"eu-west\",\"consistency\":\"firm\"}",
	         "consistency: expected strong, session"},
		{"{\"tenant\":\"globex\",\"region\":\"eu-west\",\"write\":\"yes\"}",
	         "write: found 'yes'; expected true or false"},
		{"{\"tenant\":\"globex\",\"region\":\"eu-west\",\"size\":-1}",
	         "size: found -1; expected a whole number, 0 to "},
		{"{\"tenant\":\"globex\",\"region\":\"eu-west\",\"client\":{\"ip\":\"10.0.0\"}}",
	         "client.ip: expected an address"},
		{"{\"tenant\":\"globex\",\"region\":\"eu-west\",\"client\":{\"latitude\":91,"
	         "\"longitude\":0}}",
	         "client.latitude: found 91; expected degrees"},
		{"{\"tenant\":\"globex\",\"region\":\"eu-west\",\"client\":{\"latitude\":1}}",
	         "client: expected latitude and longitude together"},
		{"{\"tenant\":\"globex\",\"region\":\"eu-west\",\"headers\":{\"a\":1}}",
	         "headers.a: expected a text"},
		{"{\"tenant\":\"globex\",\"region\":\"eu-west\",\"time\":\"noon\"}",
	         "time: expected a time"},
		{"{\"tenant\":\"globex\",\"region\":[]}", "region: found a list; expected a text"},
		{"[]", ": found a list; expected an object"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		json_t *o = parse(rows[i].json);
		struct decide_input in;
		struct json_mistake m = {{0}};
		char said[512];
		decide_input_init(&in, -1, -1);
		assert_int_equal(decide_input_read(policy, o, &in, &m), ERR_INVALID);
		snprintf(said, sizeof said, "%s: %s", m.path, m.text);
		if (strncmp(said, rows[i].said, strlen(rows[i].said)) != 0)
			fail_msg("%s\nsaid     %s\nexpected %s", rows[i].json, said, rows[i].said);
		json_decref(o);
	}
}

static void a_world_is_read_over_what_is_known(void **state) {
	json_t *o = parse("{\"version\":9,\"regions\":{\"eu-west\":{\"state\":\"down\","
	                  "\"age_ms\":1200,\"breaker\":true,\"over_capacity\":true}},"
	                  "\"cells\":{\"eu-1\":{\"home\":null,\"promoting\":true,"
	                  "\"lag_ms\":{\"eu-central\":null}}}}");
	struct whatif w;
	struct json_mistake m = {{0}};
	assert_int_equal(whatif_init(&w, policy), ERR_OK);
	assert_int_equal(w.cells[0].home, EUW);
	assert_int_equal(decide_world_read(policy, o, &w, &m), ERR_OK);
	assert_true(w.world.version == 9 && w.regions[EUW].state == REGION_DOWN);
	assert_true(w.regions[EUW].state_age_ms == 1200 && w.regions[EUW].breaker_open);
	assert_true(w.regions[EUW].over_capacity && w.regions[EUC].state == REGION_ACTIVE);
	assert_true(w.cells[0].home == -1 && w.cells[0].promoting && w.cells[0].epoch == 1);
	assert_true(w.cells[0].lag_ms[1] == UINT32_MAX && w.cells[0].lag_ms[0] == 0);
	json_decref(o);
	static const struct wrong rows[] = {
		{"{\"regions\":{\"eu-wets\":{}}}",
	         "regions.eu-wets: no region is named 'eu-wets' (did"},
		{"{\"regions\":{\"eu-west\":{\"state\":\"dwon\"}}}",
	         "regions.eu-west.state: found 'dwon' (did you mean 'down'?); expected one of: "
	         "active"},
		{"{\"cells\":{\"eu-1\":{\"home\":3}}}",
	         "cells.eu-1.home: expected the name of a region"},
		{"{\"cells\":{\"eu-1\":{\"lag_ms\":{\"us-east\":3}}}}",
	         "cells.eu-1.lag_ms.us-east: unknown key; expected one of: eu-west, eu-central"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char said[512];
		m = (struct json_mistake){{0}};
		o = parse(rows[i].json);
		assert_int_equal(decide_world_read(policy, o, &w, &m), ERR_INVALID);
		snprintf(said, sizeof said, "%s: %s", m.path, m.text);
		if (strncmp(said, rows[i].said, strlen(rows[i].said)) != 0)
			fail_msg("said     %s\nexpected %s", said, rows[i].said);
		json_decref(o);
	}
	whatif_done(&w);
}

static void failover_in_a_made_up_world(void **state) {
	struct whatif w;
	assert_int_equal(whatif_init(&w, policy), ERR_OK);
	whatif_kill(&w, policy, 1 << EUW);
	assert_true(w.cells[0].home == EUC && w.cells[0].epoch == 2);
	assert_int_equal(w.regions[EUW].state, REGION_DOWN);
	whatif_heal(&w, policy);
	whatif_kill(&w, policy, 1 << EUW | 1 << EUC);
	assert_int_equal(w.cells[0].home, -1);
	whatif_done(&w);
}

static void written(const struct decision *d, bool told, const char *expected) {
	struct buf out;
	const char *text;
	buf_init(&out, 8192);
	assert_int_equal(decision_json(policy, d, told, &out), ERR_OK);
	assert_int_equal(buf_cstr(&out, &text), ERR_OK);
	assert_string_equal(text, expected);
	json_decref(parse(text));
	buf_done(&out);
	buf_init(&out, 40); /* too small: nothing of it stays */
	assert_int_equal(buf_append_str(&out, "before"), ERR_OK);
	assert_int_equal(decision_json(policy, d, told, &out), ERR_TOO_LARGE);
	assert_true(slice_is(buf_slice(&out), "before"));
	buf_done(&out);
}

static void a_decision_is_written_in_one_order(void **state) {
	struct decision d = {.verdict = VERDICT_FORWARD,
	                     .region = EUW,
	                     .fallbacks = {EUC},
	                     .fallback_count = 1,
	                     .allowed = 1 << EUW | 1 << EUC,
	                     .rule = -1,
	                     .consistency = CONSISTENCY_BOUNDED,
	                     .bounded_ms = 250,
	                     .hold_ms = 5,
	                     .bucket = 17,
	                     .reasons = {{REASON_RESIDENCY, EAST, 0}, {REASON_DOWN, EUC, 12}},
	                     .reason_count = 2};
	written(&d, false,
	        "{\"verdict\":\"forward\",\"region\":\"eu-west\",\"fallbacks\":[\"eu-central\"],"
	        "\"allowed\":[\"eu-west\",\"eu-central\"],\"consistency\":\"bounded=250ms\","
	        "\"bucket\":17,\"hold_ms\":5}");
	written(&d, true,
	        "{\"verdict\":\"forward\",\"region\":\"eu-west\",\"fallbacks\":[\"eu-central\"],"
	        "\"allowed\":[\"eu-west\",\"eu-central\"],\"consistency\":\"bounded=250ms\","
	        "\"bucket\":17,\"hold_ms\":5,\"reasons\":[{\"reason\":\"residency\",\"region\":"
	        "\"us-east\",\"text\":\"us-east: outside the residency class\"},{\"reason\":"
	        "\"down\",\"region\":\"eu-central\",\"value\":12,\"text\":\"eu-central: down for "
	        "12 "
	        "ms\"}]}");
	d = (struct decision){.verdict = VERDICT_REFUSE,
	                      .region = -1,
	                      .refusal = ERR_UNAVAILABLE,
	                      .rule = -1,
	                      .bucket = -1};
	written(&d, false,
	        "{\"verdict\":\"refuse\",\"fallbacks\":[],\"allowed\":[],\"consistency\":"
	        "\"strong\","
	        "\"refusal\":{\"status\":503,\"type\":\"unavailable\",\"reason\":\"it cannot be "
	        "served now\"}}");
}

static void a_denial_carries_the_rules_own_words(void **state) {
	static const struct policy_rule rule = {
		.name = "no-robots", .line = 31, .status = 451, .reason = "say \"please\"\n"};
	static const struct policy denying = {.rules = &rule, .rule_count = 1};
	struct decision d = {
		.verdict = VERDICT_REFUSE, .region = -1, .refusal = ERR_FORBIDDEN, .bucket = -1};
	const struct policy *before = policy;
	policy = (struct policy *)&denying;
	written(&d, false,
	        "{\"verdict\":\"refuse\",\"fallbacks\":[],\"allowed\":[],\"consistency\":"
	        "\"strong\","
	        "\"refusal\":{\"status\":451,\"type\":\"forbidden\",\"reason\":\"say "
	        "\\u0022please\\u0022\\u000a\"},\"rule\":{\"name\":\"no-robots\",\"line\":31}}");
	policy = (struct policy *)before;
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_is_read_whole),
		cmocka_unit_test(what_is_left_out_keeps_its_default),
		cmocka_unit_test(wrong_requests_are_refused_where_they_are_wrong),
		cmocka_unit_test(a_world_is_read_over_what_is_known),
		cmocka_unit_test(failover_in_a_made_up_world),
		cmocka_unit_test(a_decision_is_written_in_one_order),
		cmocka_unit_test(a_denial_carries_the_rules_own_words),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
