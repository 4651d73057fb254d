/* Flags by example: which variant, for which reason, and what is refused with its place. */
#include "fixture.h"
#include "policy/flags.h"
#include "policy/whatif.h"

#define HEAD                                                                                       \
	"regions: {aa: {jurisdiction: us, location: [0, 0]}, bb: {jurisdiction: us, location: "    \
	"[1, 1]}}\n"                                                                               \
	"residency: {any: {regions: all}}\n"                                                       \
	"cells: {c: {replicas: [aa, bb]}}\n"                                                       \
	"tenants: {acme: {residency: any, cell: c, tier: gold}, globex: {residency: any, cell: "   \
	"c}}\n"
enum { ACME, GLOBEX };

static struct policy *policy;
static struct whatif world;
static struct flag_answer answer;

static void policy_is(const char *flags) {
	char yaml[4000];
	snprintf(yaml, sizeof yaml, "%s%s", HEAD, flags);
	policy = load_good(yaml);
	assert_int_equal(whatif_init(&world, policy), ERR_OK);
}

static int tear_down(void **state) {
	whatif_done(&world);
	policy_free(policy);
	policy = NULL;
	return 0;
}

static const char *variant(const char *flag, const struct decide_request *q) {
	int index = policy_find_flag(policy, slice_str(flag));
	assert_true(index >= 0);
	flag_evaluate(policy, &world.world, q, index, &answer);
	return policy->flags[index].variants[answer.variant].name;
}

static void rules_go_in_order(void **state) {
	policy_is("variables: {near: request.region == 'bb'}\n"
	          "flags:\n"
	          "  api-version:\n"
	          "    variants: {old: \"2025\", mid: \"2026\", new: \"2027\"}\n"
	          "    default: old\n"
	          "    rules:\n"
	          "      - {when: client.country == 'DE', variant: mid}\n"
	          "      - {when: tenant.tier == 'gold' && variables.near, variant: new}\n"
	          "      - {when: \"request.headers['x-beta'] == '1'\", variant: mid}\n"
	          "  limit: {variants: {small: 10, large: 0.5}, default: large}\n"
	          "  dark: {variants: {on: true, off: false}, default: off}\n");
	struct decide_request q = {.tenant = ACME, .here = 1};
	assert_string_equal(variant("api-version", &q), "new");
	assert_true(answer.reason == FLAG_MATCH && answer.rule == 1 && answer.failed == 1);
	assert_string_equal(policy->flags[0].variants[answer.variant].text, "2027");
	q.client.country = SLICE_LIT("DE");
	assert_string_equal(variant("api-version", &q), "mid");
	assert_true(answer.rule == 0 && answer.failed == 0);
	q = (struct decide_request){.tenant = GLOBEX, .here = 1};
	assert_string_equal(variant("api-version", &q), "old");
	assert_true(answer.reason == FLAG_DEFAULT && answer.rule == -1 && answer.failed == 2);
	const struct decide_header beta = {SLICE_LIT("x-beta"), SLICE_LIT("1")};
	q.headers = &beta;
	q.header_count = 1;
	assert_string_equal(variant("api-version", &q), "mid");
	assert_string_equal(variant("limit", &q), "large");
	assert_true(answer.reason == FLAG_STATIC);
	const struct policy_flag *limit = &policy->flags[1], *dark = &policy->flags[2];
	assert_true(limit->type == FLAG_NUMBER && limit->variants[1].number == 0.5);
	assert_true(dark->type == FLAG_BOOL && dark->variants[0].truth && !dark->variants[1].truth);
	assert_int_equal(policy_find_flag(policy, SLICE_LIT("api")), -1);
}

/* Of 10,000 keys, how many get the variant `one`. */
static int share(const char *flag, uint8_t got[10000]) {
	int count = 0;
	for (int i = 0; i < 10000; i++) {
		char key[16];
		snprintf(key, sizeof key, "user-%d", i);
		struct decide_request q = {
			.tenant = i % 2, .here = i / 2 % 2, .sticky = slice_str(key)};
		got[i] = strcmp(variant(flag, &q), "one") == 0;
		assert_true(answer.reason == FLAG_SPLIT && answer.bucket >= 0);
		count += got[i];
	}
	return count;
}

static void a_split_is_even_and_moves_no_more_than_it_must(void **state) {
	static uint8_t a[10000], b[10000], c[10000], d[10000];
	policy_is(
		"flags:\n"
		"  a: {variants: {one: x, two: y}, default: two, rules: [{split: {by: request.key, "
		"salt: s, weights: {one: 10, two: 90}}}]}\n"
		"  b: {variants: {one: x, two: y}, default: two, rules: [{split: {by: request.key, "
		"salt: s, weights: {one: 30, two: 70}}}]}\n"
		"  c: {variants: {one: x, two: y}, default: two, rules: [{split: {by: request.key, "
		"weights: {one: 30, two: 70}}}]}\n"
		"  d: {variants: {one: x, two: y}, default: two, rules: [{split: {by: request.key, "
		"weights: {two: 1}}}]}\n");
	assert_in_range(share("a", a), 900, 1100);
	assert_in_range(share("b", b), 2850, 3150);
	assert_in_range(share("c", c), 2850, 3150);
	assert_int_equal(share("d", d), 0);
	int both = 0;
	for (int i = 0; i < 10000; i++) {
		assert_true(!a[i] || b[i]); /* who had it keeps it */
		both += b[i] && c[i];
	}
	assert_in_range(both, 750, 1050); /* another salt, another draw */
}

static void a_split_without_its_key_does_not_match(void **state) {
	policy_is(
		"flags:\n"
		"  a: {variants: {one: x, two: y}, default: two, rules: [{split: {by: request.key, "
		"weights: {one: 1}}}, {when: tenant.id == 'acme', split: {by: tenant.id, "
		"weights: {one: 1}}}]}\n");
	struct decide_request q = {.tenant = GLOBEX};
	assert_string_equal(variant("a", &q), "two");
	assert_true(answer.reason == FLAG_DEFAULT && answer.failed == 1 && answer.bucket == -1);
	q.tenant = ACME;
	assert_string_equal(variant("a", &q), "one");
	assert_true(answer.reason == FLAG_SPLIT && answer.rule == 1);
}

static void what_is_wrong_is_told_with_its_place(void **state) {
	static struct reported r;
	static const struct {
		const char *flags, *said;
	} cases[] = {
		{"flags: {region: {variants: {a: x}, default: a}}\n",
	         "5:9: flags.region: 'region' is a flag of every decision already; expected "
	         "another "
	         "name\n"},
		{"flags: {f: {variants: {old: x, new: 7}, default: older}}\n",
	         "5:37: flags.f.variants.new: found '7'; expected a text as the variants before it "
	         "are\n"
	         "5:50: flags.f.default: no variant is named 'older'; "
	         "expected one of: old, new\n"},
		{"flags: {f: {variants: {}, default: a}}\n",
	         "5:13: flags.f.variants: 0 variants; expected 1 to 32\n"},
		{"flags: {f: {variants: {a: x}, default: a, rules: [{when: tenant.teir == 'x', "
	         "variant: "
	         "b}, {}, {variant: a, split: {by: tenant.id, weights: {a: 1}}}]}}\n",
	         NULL},
		{"flags: {f: {variants: {a: x}, default: a, rules: [{split: {by: request.size, "
	         "weights: "
	         "{a: 0, c: 1}, satl: x}}]}}\n",
	         NULL},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char yaml[2000];
		struct policy *p;
		snprintf(yaml, sizeof yaml, "%s%s", HEAD, cases[i].flags);
		assert_int_equal(load_text(yaml, &r, &p), ERR_INVALID);
		assert_null(p);
		if (cases[i].said && strcmp(r.text, cases[i].said) != 0)
			fail_msg("said\n%sexpected\n%s", r.text, cases[i].said);
		if (i == 3) {
			assert_non_null(strstr(r.text, "did you mean 'tenant.tier'?"));
			assert_non_null(
				strstr(r.text, "no variant is named 'b'; expected one of: a"));
			assert_non_null(
				strstr(r.text, "found neither; expected either variant"));
			assert_non_null(strstr(r.text, "found both; expected either variant"));
		} else if (i == 4) {
			assert_non_null(strstr(r.text, "'c' is no variant"));
			assert_non_null(strstr(r.text, "the weights add up to 0"));
			assert_non_null(strstr(r.text, "(did you mean 'salt'?)"));
			assert_non_null(strstr(r.text, "expected type 'string' but found 'int'"));
		}
	}
	policy_is("");
}

#define TEST(name) cmocka_unit_test_teardown(name, tear_down)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(rules_go_in_order),
		TEST(a_split_is_even_and_moves_no_more_than_it_must),
		TEST(a_split_without_its_key_does_not_match),
		TEST(what_is_wrong_is_told_with_its_place),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
