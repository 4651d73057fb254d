/* What a decision that is no region becomes for whoever asked; JSON before it is parsed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "edge/edge_private.h"
#include "edge/json.h"

static const struct policy_region regions[] = {{.name = "aa"}, {.name = "bb"}};
static const struct policy_rule rules[] = {
	{.name = "no \"cards\"", .status = 451, .reason = "not in your country"},
	{.name = "closed", .status = 403, .reason = ""},
};
static const struct node_region addresses[] = {{.http = {"h", 1}}, {.http = {"edge-b", 7102}}};
static struct policy policy = {
	.regions = regions, .region_count = 2, .rules = rules, .rule_count = 2};
static const struct node_config config = {.regions = addresses, .region_count = 2};
static const struct edge edge = {
	.policy = &policy, .here_name = "aa", .options = {.config = &config}};

static void a_rule_gives_status_reason_and_name(void **state) {
	struct decision d = {.verdict = VERDICT_REFUSE, .refusal = ERR_FORBIDDEN, .region = -1};
	struct denial out;
	denial_of(&edge, &d, &out);
	assert_int_equal(out.status, 451);
	assert_string_equal(out.detail, "not in your country");
	assert_string_equal(out.extra, "\"rule\":\"no \\\"cards\\\"\"");
	assert_int_equal(out.region, -1);
	d.rule = 1;
	denial_of(&edge, &d, &out);
	assert_int_equal(out.status, 403);
	assert_string_equal(out.detail, "a rule of the policy denies this");
}

static void a_refusal_says_where_to_go_or_that_it_is_nowhere(void **state) {
	struct decision d = {
		.verdict = VERDICT_REFUSE, .refusal = ERR_MISDIRECTED, .region = 1, .rule = -1};
	struct denial out;
	denial_of(&edge, &d, &out);
	assert_true(out.status == 421 && out.region == 1);
	assert_string_equal(out.extra, "\"region\":\"bb\",\"endpoint\":\"edge-b:7102\"");
	d.refusal = ERR_UNAVAILABLE;
	denial_of(&edge, &d, &out);
	assert_true(out.status == 503 && out.region == -1 && !out.extra);
	d = (struct decision){.verdict = VERDICT_HOLD, .region = -1, .rule = -1};
	denial_of(&edge, &d, &out);
	assert_true(out.status == 503 && out.code == ERR_UNAVAILABLE);
}

static void json_is_measured_outside_of_strings(void **state) {
	static const struct {
		const char *text;
		size_t parts, depth;
	} cases[] = {
		{"", 0, 0},        {"{}", 1, 1},
		{"[[],[]]", 4, 2}, {"{\"a,[{\":\"\\\"[[[\",\"b\":1}", 2, 1},
		{"]]]]]][", 1, 1}, {"\"[[[", 0, 0},
		{"[\"\\", 1, 1},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct json_size size = json_measure(slice_str(cases[i].text));
		assert_int_equal(size.parts, cases[i].parts);
		assert_int_equal(size.depth, cases[i].depth);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rule_gives_status_reason_and_name),
		cmocka_unit_test(a_refusal_says_where_to_go_or_that_it_is_nowhere),
		cmocka_unit_test(json_is_measured_outside_of_strings),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
