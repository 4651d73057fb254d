/* Who asks for the decision alone: two regions in the simulation, `aa` the home. */
#include "edge_pair.h"

#include <stdio.h>
#include <string.h>

#include "io/sim.h"

static const uint64_t MS = 1000000;

#define ASK(name) struct ask name = {0}
#define HAS(ask, text) assert_non_null(strstr((ask).body, text))
#define AUTH "/v1/auth-request"
#define FLAGS "/ofrep/v1/evaluate/flags"

static void nginx_is_told_region_and_reason(void **state) {
	static const struct {
		const char *method, *target, *region, *why;
	} cases[] = {
		{"PUT", "/v1/data/d/k", "aa", "home"},
		{"POST", "/pay?x=1", "aa", "home"},
		{"GET", "/pay", NULL, "local-copy"},
		{NULL, "/pay", NULL, "local-copy"},
	};
	struct pair *w = *state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		for (int at = 0; at < 2; at++) {
			ASK(any);
			if (cases[i].method) ask_field(&any, "X-Original-Method", cases[i].method);
			ask_field(&any, "X-Original-URI", cases[i].target);
			ask_expect(w, &any, at, "GET", AUTH, "", 200);
			const char *here = at ? "bb" : "aa";
			assert_string_equal(any.x_region, cases[i].region ? cases[i].region : here);
			assert_string_equal(any.x_why, cases[i].why);
			assert_true(any.decision[0]);
			assert_int_equal(any.body_bytes, 0);
		}
}

/* Envoy keeps the method, and what follows our path is the client's. */
static void envoy_is_told_the_same(void **state) {
	static const char *const paths[] = {"/v1/ext-authz", "/v1/ext-authz/",
	                                    "/v1/ext-authz/v1/data/d/k?x=1",
	                                    "/v1/ext-authz/v1/auth-request"};
	struct pair *w = *state;
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		ASK(put);
		ASK(get);
		ask_expect(w, &put, 1, "PUT", paths[i], "", 200);
		assert_string_equal(put.x_region, "aa");
		ask_expect(w, &get, 1, "GET", paths[i], "", 200);
		assert_string_equal(get.x_region, "bb");
	}
	ASK(other);
	ask_expect(w, &other, 1, "GET", "/v1/ext-authzz", "", 404);
}

static void a_strong_read_is_for_the_home(void **state) {
	struct pair *w = *state;
	ASK(strong);
	ask_field(&strong, "Holdfast-Consistency", "strong");
	ask_expect(w, &strong, 1, "GET", AUTH, "", 200);
	assert_string_equal(strong.x_region, "aa");
	ASK(wrong);
	ask_field(&wrong, "Holdfast-Consistency", "stronger");
	ask_expect(w, &wrong, 1, "GET", AUTH, "", 403); /* nginx takes nothing else */
	assert_string_equal(wrong.x_deny, "400");
	ASK(envoy);
	ask_field(&envoy, "Holdfast-Consistency", "stronger");
	ask_expect(w, &envoy, 1, "GET", "/v1/ext-authz/", "", 400);
}

/* The tenant follows from the credential; only a proxy's own key lets a header say it. */
static void only_a_proxy_says_for_whom(void **state) {
	static const struct {
		const char *key, *name, *value;
		int status;
	} cases[] = {
		{NULL, NULL, NULL, 401},
		{"hf_other_0123456789abcdef", NULL, NULL, 401},
		{EDGE_KEY, "X-Tenant", "nobody", 200}, /* not listened to */
		{EDGE_PROXY_KEY, NULL, NULL, 401},
		{EDGE_PROXY_KEY, "X-Tenant", "one", 200},
		{EDGE_PROXY_KEY, "X-Tenant", "nobody", 403},
		{EDGE_PROXY_KEY, "X-Client-Authorization", "Bearer " EDGE_KEY, 200},
		{EDGE_PROXY_KEY, "X-Client-Authorization", "Bearer " EDGE_PROXY_KEY, 401},
		{EDGE_PROXY_KEY, "X-Client-Authorization", "Basic x", 401},
	};
	struct pair *w = *state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		ASK(any);
		char bearer[64];
		snprintf(bearer, sizeof bearer, "Bearer %s", cases[i].key ? cases[i].key : "");
		any.anonymous = true;
		if (cases[i].key) ask_field(&any, "Authorization", bearer);
		if (cases[i].name) ask_field(&any, cases[i].name, cases[i].value);
		ask_start(w, &any, 0, "GET", AUTH, SLICE_LIT(""));
		ask_wait(w, &any);
		if (any.status != cases[i].status) fail_msg("case %zu: %d", i, any.status);
	}
	/* It opens no data, also on a connection where it was taken just before. */
	ASK(data);
	data.anonymous = true;
	ask_field(&data, "Authorization", "Bearer " EDGE_PROXY_KEY);
	ask_expect(w, &data, 0, "GET", "/v1/data/d/k", "", 401);
}

static void a_flag_is_asked_for_any_tenant_by_a_proxy(void **state) {
	static const struct {
		const char *key, *body, *says;
		int status;
	} cases[] = {
		{EDGE_KEY, "{\"context\":{\"targetingKey\":\"s\",\"method\":\"PUT\"}}",
	         "\"value\":\"aa\"", 200},
		{EDGE_PROXY_KEY, "{\"context\":{\"targetingKey\":\"one\"}}", "\"value\":\"bb\"",
	         200},
		{EDGE_PROXY_KEY, "{\"context\":{\"targetingKey\":\"s\"}}", "INVALID_CONTEXT", 400},
		{EDGE_PROXY_KEY, "{\"context\":{\"targetingKey\":\"s\",\"tenant\":\"one\"}}",
	         "\"value\":\"bb\"", 200},
		{EDGE_KEY, "{\"context\":{\"targetingKey\":\"s\",\"tenant\":\"one\"}}",
	         "\"value\":\"bb\"", 200},
		{EDGE_KEY, "{\"context\":{\"targetingKey\":\"s\",\"tenant\":\"two\"}}",
	         "own tenant only", 403},
	};
	struct pair *w = *state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		ASK(any);
		char bearer[64];
		snprintf(bearer, sizeof bearer, "Bearer %s", cases[i].key);
		any.anonymous = true;
		ask_field(&any, "Authorization", bearer);
		ask_expect(w, &any, 1, "POST", FLAGS "/region", cases[i].body, cases[i].status);
		HAS(any, cases[i].says);
	}
}

static bool asked_until(struct pair *w, const char *method, const char *target, int status,
                        struct ask *last) {
	for (int i = 0; i < 400; i++) {
		*last = (struct ask){0};
		ask_field(last, "X-Original-Method", "PUT");
		ask_start(w, last, 1, method, target, SLICE_LIT(""));
		ask_wait(w, last);
		if (last->status == status) return true;
		sim_run_for(w->sim, 5 * MS);
	}
	return false;
}

/* Between two homes proxies are told so at once, since they have their own idea of time. */
static void between_homes_proxies_are_told_so(void **state) {
	struct pair *w = *state;
	ASK(nginx);
	ASK(envoy);
	sim_pause(w->sim, "aa", true);
	assert_true(asked_until(w, "GET", AUTH, 403, &nginx));
	assert_string_equal(nginx.x_deny, "503");
	HAS(nginx, "no home now");
	ask_expect(w, &envoy, 1, "PUT", "/v1/ext-authz/x", "", 503);
	assert_string_equal(envoy.x_why, nginx.x_why);
	assert_true(asked_until(w, "GET", AUTH, 200, &nginx));
	assert_string_equal(nginx.x_region, "bb");
	sim_pause(w->sim, "aa", false);
	sim_run_for(w->sim, 5000 * MS);
}

/* Every answer to a data call says which decision it came from; the first edge's, not the last's. */
static void data_calls_carry_their_decision(void **state) {
	struct pair *w = *state;
	ASK(here);
	ASK(passed);
	ASK(absent);
	ASK(stranger);
	ask_expect(w, &here, 0, "PUT", "/v1/data/d/k", "1", 204);
	ask_expect(w, &passed, 1, "PUT", "/v1/data/d/k", "2", 204);
	assert_memory_equal(here.decision, "0.0.", 4);
	assert_memory_equal(passed.decision, "1.0.", 4);
	ask_expect(w, &absent, 0, "GET", "/v1/data/d/none", "", 404);
	assert_true(absent.decision[0] && strcmp(absent.decision, here.decision) != 0);
	stranger.anonymous = true;
	ask_expect(w, &stranger, 0, "GET", "/v1/data/d/k", "", 401);
	assert_string_equal(stranger.decision, "");
}

int main(void) {
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, pair_open, pair_close)
		TEST(nginx_is_told_region_and_reason),
		TEST(envoy_is_told_the_same),
		TEST(a_strong_read_is_for_the_home),
		TEST(only_a_proxy_says_for_whom),
		TEST(a_flag_is_asked_for_any_tenant_by_a_proxy),
		TEST(between_homes_proxies_are_told_so),
		TEST(data_calls_carry_their_decision),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
