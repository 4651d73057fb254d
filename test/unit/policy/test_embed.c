/* include/holdfast/decide.h from outside: what an embedder sees. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "holdfast/decide.h"

static const char text[] = "regions:\n"
			   "  aa: {jurisdiction: us, location: [1.0, 1.0]}\n"
			   "  bb: {jurisdiction: us, location: [2.0, 2.0]}\n"
			   "  cc: {jurisdiction: eu, location: [3.0, 3.0]}\n"
			   "residency:\n"
			   "  open: {regions: [aa, bb], transit: allow}\n"
			   "  closed: {regions: [aa, bb], transit: refuse}\n"
			   "cells:\n"
			   "  one: {replicas: [aa, bb], mode: async}\n"
			   "tenants:\n"
			   "  free: {residency: open, cell: one, consistency: session}\n"
			   "  tied: {residency: closed, cell: one, consistency: bounded=1s}\n";

static struct holdfast_policy *policy;
static struct holdfast_world *world;

static int open_all(void **state) {
	policy = holdfast_policy_load(text, sizeof text - 1, "p.yaml", NULL, NULL);
	world = holdfast_world_new(policy);
	return policy && world ? 0 : -1;
}

static int close_all(void **state) {
	holdfast_world_free(world);
	holdfast_policy_free(policy);
	return 0;
}

static struct holdfast_decision decided(const char *tenant, const char *here, const char *method) {
	struct holdfast_request r = {.tenant = tenant, .here = here, .method = method, .path = "/"};
	struct holdfast_decision d;
	assert_int_equal(holdfast_decide(policy, world, &r, &d), HOLDFAST_OK);
	return d;
}

static void writes_go_home_and_reads_stay(void **state) {
	struct holdfast_decision d = decided("free", "bb", "PUT");
	assert_int_equal(d.verdict, HOLDFAST_FORWARD);
	assert_string_equal(d.region, "aa");
	d = decided("free", "bb", NULL);
	assert_int_equal(d.verdict, HOLDFAST_HERE);
	assert_string_equal(d.region, "bb");
	assert_string_equal(d.fallbacks[0], "aa");
	assert_int_equal(d.status, 200);
}

static void the_world_changes_it(void **state) {
	assert_true(holdfast_world_home(world, "one", "bb", 2, false));
	assert_string_equal(decided("free", "aa", "POST").region, "bb");
	assert_true(holdfast_world_home(world, "one", NULL, 3, true));
	struct holdfast_decision d = decided("free", "aa", "POST");
	assert_int_equal(d.verdict, HOLDFAST_HOLD);
	assert_int_equal(d.status, 503);
	assert_null(d.region);
	assert_true(holdfast_world_home(world, "one", "aa", 4, false));
	assert_true(holdfast_world_region(world, "aa", HOLDFAST_DOWN, 5));
	assert_int_equal(decided("free", "bb", "PUT").verdict, HOLDFAST_HOLD);
	assert_string_equal(decided("free", "cc", "GET").region, "bb");
	assert_true(holdfast_world_region(world, "aa", HOLDFAST_ACTIVE, 0));
	assert_true(holdfast_world_breaker(world, "aa", true, 0));
	assert_string_equal(decided("free", "cc", "GET").region, "bb");
	assert_true(holdfast_world_breaker(world, "aa", false, 0));
	assert_true(holdfast_world_capacity(world, "aa", true, 0));
	assert_string_equal(decided("free", "cc", "GET").region, "bb");
}

static void copies_must_be_fresh_enough(void **state) {
	struct holdfast_decision d = decided("tied", "bb", "GET");
	assert_string_equal(d.region, "aa"); /* nobody knows how far bb is behind */
	assert_true(holdfast_world_lag(world, "one", "bb", 900, 0));
	assert_string_equal(decided("tied", "bb", "GET").region, "bb");
	assert_true(holdfast_world_lag(world, "one", "bb", 1100, 0));
	assert_string_equal(decided("tied", "bb", "GET").region, "aa");
}

static void a_refusal_says_where_to_go(void **state) {
	struct holdfast_decision d = decided("tied", "cc", "PUT");
	assert_int_equal(d.verdict, HOLDFAST_REFUSE);
	assert_int_equal(d.status, 421);
	assert_string_equal(d.region, "aa");
}

static void the_explanation_fits_or_is_cut(void **state) {
	struct holdfast_decision d = decided("free", "bb", "PUT");
	char whole[4096], cut[8], again[4096];
	size_t len = holdfast_explain(policy, &d, whole, sizeof whole);
	assert_int_equal(len, strlen(whole));
	assert_non_null(strstr(whole, "aa: home of the cell\n"));
	assert_int_equal(holdfast_explain(policy, &d, cut, sizeof cut), len);
	assert_int_equal(strlen(cut), sizeof cut - 1);
	assert_int_equal(holdfast_explain(policy, &d, NULL, 0), len);
	holdfast_explain(policy, &d, again, sizeof again);
	assert_string_equal(whole, again);
}

static void what_is_unknown_is_refused(void **state) {
	struct holdfast_decision d;
	struct holdfast_request r = {.tenant = "nobody", .here = "aa"};
	assert_int_equal(holdfast_decide(policy, world, &r, &d), HOLDFAST_UNKNOWN_TENANT);
	r = (struct holdfast_request){.tenant = "free", .here = "zz"};
	assert_int_equal(holdfast_decide(policy, world, &r, &d), HOLDFAST_UNKNOWN_REGION);
	r = (struct holdfast_request){.tenant = "free", .here = "aa", .consistency = "maybe"};
	assert_int_equal(holdfast_decide(policy, world, &r, &d), HOLDFAST_BAD_REQUEST);
	r = (struct holdfast_request){.tenant = "free", .here = "aa", .client_ip = "1.2.3"};
	assert_int_equal(holdfast_decide(policy, world, &r, &d), HOLDFAST_BAD_REQUEST);
	r = (struct holdfast_request){.tenant = "free", .here = "aa", .header_count = 65};
	assert_int_equal(holdfast_decide(policy, world, &r, &d), HOLDFAST_BAD_REQUEST);
	r = (struct holdfast_request){0};
	assert_int_equal(holdfast_decide(policy, world, &r, &d), HOLDFAST_UNKNOWN_TENANT);
	assert_false(holdfast_world_region(world, "zz", HOLDFAST_DOWN, 0));
	assert_false(holdfast_world_home(world, "two", "aa", 1, false));
	assert_false(holdfast_world_home(world, "one", "zz", 1, false));
	assert_false(holdfast_world_lag(world, "one", "cc", 1, 0));
	assert_int_equal(strlen(holdfast_policy_hash(policy)), 64);
	holdfast_world_free(NULL);
	holdfast_policy_free(NULL);
}

static void count_one(void *arg, const char *mistake) {
	assert_non_null(strstr(mistake, "bad.yaml:1:1: "));
	++*(int *)arg;
}

static void a_wrong_policy_says_why(void **state) {
	int mistakes = 0;
	assert_null(holdfast_policy_load("x: 1\n", 5, "bad.yaml", count_one, &mistakes));
	assert_true(mistakes > 0);
	assert_null(holdfast_policy_load("x: 1\n", 5, "bad.yaml", NULL, NULL));
}

/* A zone of two hours east, always: RFC 9636 by hand. */
static const void *zone(void *arg, const char *name, size_t *bytes) {
	enum { BLOCK = 44 + 6 + 4 }; /* a head, one type, its name */
	static unsigned char tzif[2 * BLOCK + 7];
	for (int i = 0; i < 2; i++) {
		unsigned char *block = tzif + i * BLOCK;
		memcpy(block, "TZif2", 5);
		block[39] = 1;
		block[43] = 4;
		memcpy(block + 44, "\0\0\x1c\x20\0\0XXX", 10);
	}
	memcpy(tzif + 2 * BLOCK, "\nXXX-2\n", 7);
	int *calls = arg;
	++*calls;
	*bytes = sizeof tzif;
	return strcmp(name, "My/Zone") == 0 ? tzif : NULL;
}

static void time_zones_are_brought(void **state) {
	char yaml[2000];
	int calls = 0;
	int len = snprintf(yaml, sizeof yaml,
	                   "%srules:\n  - {name: late, when: "
	                   "\"request.time.getHours('My/Zone') == 1\", exclude: [bb]}\n",
	                   text);
	assert_null(holdfast_policy_load(yaml, (size_t)len, "p.yaml", NULL, NULL));
	struct holdfast_policy *p =
		holdfast_policy_load_zoned(yaml, (size_t)len, "p.yaml", zone, NULL, &calls);
	assert_non_null(p);
	assert_int_equal(calls, 1);
	struct holdfast_world *w = holdfast_world_new(p);
	struct holdfast_request r = {
		.tenant = "free", .here = "bb", .time_ms = (23 * 3600 + 1) * UINT64_C(1000)};
	struct holdfast_decision d;
	assert_int_equal(holdfast_decide(p, w, &r, &d), HOLDFAST_OK);
	assert_string_equal(d.region, "aa");
	r.time_ms += 3600 * 1000;
	assert_int_equal(holdfast_decide(p, w, &r, &d), HOLDFAST_OK);
	assert_string_equal(d.region, "bb");
	holdfast_world_free(w);
	holdfast_policy_free(p);
}

static void flags_are_evaluated(void **state) {
	static const char flags[] =
		"flags: {size: {variants: {big: 10, small: 1.5}, default: small, rules: [{when: "
		"request.path == '/x', variant: big}]}, on: {variants: {t: true}, default: t}}\n";
	char yaml[2000];
	int len = snprintf(yaml, sizeof yaml, "%s%s", text, flags);
	struct holdfast_policy *p = holdfast_policy_load(yaml, (size_t)len, "p.yaml", NULL, NULL);
	assert_non_null(p);
	struct holdfast_world *w = holdfast_world_new(p);
	struct holdfast_request r = {.tenant = "free", .here = "bb", .path = "/x"};
	struct holdfast_flag f;
	assert_int_equal(holdfast_evaluate(p, w, &r, "size", &f), HOLDFAST_OK);
	assert_true(f.type == HOLDFAST_NUMBER && f.number == 10);
	assert_string_equal(f.variant, "big");
	assert_string_equal(f.reason, "TARGETING_MATCH");
	r.path = "/y";
	assert_int_equal(holdfast_evaluate(p, w, &r, "size", &f), HOLDFAST_OK);
	assert_string_equal(f.reason, "DEFAULT");
	assert_int_equal(holdfast_evaluate(p, w, &r, "on", &f), HOLDFAST_OK);
	assert_true(f.type == HOLDFAST_BOOL && f.truth);
	assert_int_equal(holdfast_evaluate(p, w, &r, "off", &f), HOLDFAST_UNKNOWN_FLAG);
	r.tenant = "nobody";
	assert_int_equal(holdfast_evaluate(p, w, &r, "on", &f), HOLDFAST_UNKNOWN_TENANT);
	holdfast_world_free(w);
	holdfast_policy_free(p);
}

int main(void) {
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, open_all, close_all)
		TEST(writes_go_home_and_reads_stay),
		TEST(the_world_changes_it),
		TEST(copies_must_be_fresh_enough),
		TEST(a_refusal_says_where_to_go),
		TEST(the_explanation_fits_or_is_cut),
		TEST(what_is_unknown_is_refused),
		TEST(a_wrong_policy_says_why),
		TEST(time_zones_are_brought),
		TEST(flags_are_evaluated),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
