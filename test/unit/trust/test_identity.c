/* Who is asking: by key alone, remembered for a connection, never beyond its policy. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "trust/identity.h"

#define KEY_A "hf_a_0123456789abcdef"
#define KEY_B "hf_b_0123456789abcdef"

static void hash_of(const char *key, char hex[2 * SHA256_BYTES + 1]) {
	struct slice part = slice_str(key);
	uint8_t digest[SHA256_BYTES];
	sha256(&part, 1, digest);
	hex_encode(slice_of(digest, sizeof digest), hex);
}

static void report(void *arg, const struct policy_error *e) {
	fail_msg("%d:%d: %s", e->line, e->column, e->text);
}

/* Two tenants, a and b, with these keys. */
static struct policy *policy_of(const char *key_a, const char *key_b) {
	char text[1024], a[2 * SHA256_BYTES + 1], b[2 * SHA256_BYTES + 1];
	struct policy *p;
	hash_of(key_a, a);
	hash_of(key_b, b);
	snprintf(text, sizeof text,
	         "regions:\n  aa: {jurisdiction: us, location: [1.0, 1.0]}\n"
	         "residency:\n  us: {regions: all}\n"
	         "cells:\n  one: {replicas: [aa], mode: async}\n"
	         "tenants:\n"
	         "  a: {residency: us, cell: one, keys: [\"sha256:%s\"]}\n"
	         "  b: {residency: us, cell: one, keys: [\"sha256:%s\"]}\n",
	         a, b);
	assert_int_equal(policy_load(slice_str(text), "policy", report, NULL, &p), ERR_OK);
	return p;
}

/* The tenant's name, or NULL when refused. */
static const char *who(const struct policy *p, const char *authorization,
                       struct identity_memo *memo) {
	static const struct tenancy policy_alone = {NULL, NULL};
	struct identity id;
	const char *detail = NULL;
	if (identity_find(&policy_alone, p, slice_str(authorization), memo, NULL, &id, &detail) ==
	    ERR_OK)
		return id.who.tenant->name;
	assert_non_null(detail);
	return NULL;
}

static void a_key_names_its_tenant(void **state) {
	struct policy *p = policy_of(KEY_A, KEY_B);
	struct identity_memo memo = {0};
	for (int i = 0; i < 2; i++) { /* the second time from the memo */
		assert_string_equal(who(p, "Bearer " KEY_A, &memo), "a");
		assert_string_equal(who(p, "bearer   " KEY_B, &memo), "b");
		assert_string_equal(who(p, "BEARER " KEY_B, &memo), "b");
	}
	policy_free(p);
}

static void anything_else_is_nobody(void **state) {
	static const char *const wrong[] = {
		"",
		"Bearer",
		"Bearer ",
		KEY_A,
		"Basic " KEY_A,
		"Bearer " KEY_A "x",
		"Bearer hf_a",
		"Bearer hf_a_0123456789abcdee",
		"Bearer\t" KEY_A,
		"BearerX " KEY_A,
	};
	struct policy *p = policy_of(KEY_A, KEY_B);
	struct identity_memo memo = {0};
	char endless[1200] = "Bearer ";
	for (size_t i = 7; i < sizeof endless - 1; i++) endless[i] = 'a';
	assert_string_equal(who(p, "Bearer " KEY_A, &memo), "a");
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_null(who(p, wrong[i], &memo));
	assert_null(who(p, endless, &memo));
	assert_string_equal(who(p, "Bearer " KEY_A, &memo), "a");
	policy_free(p);
}

/* A connection outlives a policy: what was remembered under the old one counts no more. */
static void a_memo_ends_with_its_policy(void **state) {
	struct policy *before = policy_of(KEY_A, KEY_B), *after = policy_of(KEY_B "x", KEY_A);
	struct identity_memo memo = {0};
	assert_string_equal(who(before, "Bearer " KEY_A, &memo), "a");
	assert_string_equal(who(after, "Bearer " KEY_A, &memo), "b");
	assert_null(who(after, "Bearer " KEY_B, &memo));
	policy_free(before);
	policy_free(after);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_names_its_tenant),
		cmocka_unit_test(anything_else_is_nobody),
		cmocka_unit_test(a_memo_ends_with_its_policy),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
