/* Whose address a request came from, and what a request asks. */
#include "fixture.h"

#include "policy/ask.h"
#include "policy/client.h"

static struct node_config *node_with(const char *line) {
	static struct reported r;
	char text[1024];
	struct node_config *c = NULL;
	snprintf(text, sizeof text,
	         "cluster: c\nregion: a\ndata: d\npolicy: p\ncoordination: {file: f}\n"
	         "secret_file: s\n%s\nregions:\n  a: {http: \"h:1\", admin: \"h:2\", "
	         "replication: \"h:3\"}\n",
	         line);
	r.len = 0;
	r.count = 0;
	enum err e = node_config_load(slice_str(text), "p.yaml", report_keep, &r, &c);
	if (e) print_error("%s", r.text);
	assert_int_equal(e, ERR_OK);
	return c;
}

static void expect_address(const char *text, const char *printed) {
	struct cel_net ip;
	bool found = client_address(slice_str(text), &ip);
	assert_int_equal(found, printed != NULL);
	if (!found) return;
	char out[CEL_NET_MAX];
	client_print(&ip, out);
	assert_string_equal(out, printed);
}

static void addresses_come_with_and_without_ports(void **state) {
	expect_address("192.0.2.1", "192.0.2.1");
	expect_address("192.0.2.1:443", "192.0.2.1");
	expect_address("2001:DB8::1", "2001:db8::1");
	expect_address("[2001:db8::1]", "2001:db8::1");
	expect_address("[2001:db8::1]:443", "2001:db8::1");
	expect_address("::ffff:192.0.2.1", "192.0.2.1");
	expect_address("", NULL);
	expect_address("unknown", NULL);
	expect_address("_hidden", NULL);
	expect_address("192.0.2", NULL);
	expect_address("[2001:db8::1", NULL);
	expect_address("[2001:db8::1]443", NULL);
	expect_address("192.0.2.1 ", NULL);
}

/* What a client may write itself is never believed: only hops that trusted proxies saw are. */
static void the_right_most_hop_that_is_not_trusted_is_the_client(void **state) {
	static const struct {
		const char *peer, *list, *client;
		bool further;
	} cases[] = {
		{"198.51.100.1", "203.0.113.9", "198.51.100.1", false},
		{"10.0.0.1", "", "10.0.0.1", true},
		{"10.0.0.1", "203.0.113.9", "203.0.113.9", false},
		{"10.0.0.1", "1.1.1.1, 203.0.113.9", "203.0.113.9", false},
		{"10.0.0.1", "1.1.1.1 ,203.0.113.9 , 10.9.9.9", "203.0.113.9", false},
		{"10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3", true},
		{"10.0.0.1", "203.0.113.9, nonsense, 10.0.0.2", "10.0.0.2", false},
		{"10.0.0.1", "203.0.113.9,", "10.0.0.1", false},
		{"10.0.0.1", "203.0.113.9:5555", "203.0.113.9", false},
		{"2001:db8::7", "[2001:db9::1]:80", "2001:db9::1", false},
	};
	struct node_config *c = node_with("trusted_proxies: [10.0.0.0/8, \"2001:db8::/32\"]");
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct cel_net at, wanted;
		assert_true(client_address(slice_str(cases[i].peer), &at));
		assert_true(client_address(slice_str(cases[i].client), &wanted));
		assert_int_equal(client_walk(c, slice_str(cases[i].list), &at), cases[i].further);
		if (memcmp(&at, &wanted, sizeof at) != 0) fail_msg("case %zu", i);
	}
	node_config_free(c);
}

static void countries_are_two_letters(void **state) {
	assert_true(client_country(SLICE_LIT("DE")));
	assert_false(client_country(SLICE_LIT("XX")));
	assert_false(client_country(SLICE_LIT("de")));
	assert_false(client_country(SLICE_LIT("T1")));
	assert_false(client_country(SLICE_LIT("")));
	assert_false(client_country(SLICE_LIT("DEU")));
}

static void a_target_says_domain_and_kind(void **state) {
	static const struct {
		const char *method, *target, *path, *domain;
		bool write;
	} cases[] = {
		{"GET", "/v1/data/billing/42?x=/v1/data/no/1", "/v1/data/billing/42", "billing",
	         false},
		{"PUT", "/v1/data/billing", "/v1/data/billing", "billing", true},
		{"HEAD", "/v1/data/", "/v1/data/", "", false},
		{"OPTIONS", "/v1/database/x", "/v1/database/x", "", false},
		{"PROPFIND", "/?", "/", "", true},
		{"get", "", "", "", true},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct decide_request ask = {0};
		ask_target(&ask, slice_str(cases[i].method), slice_str(cases[i].target));
		assert_true(slice_is(ask.path, cases[i].path));
		assert_true(slice_is(ask.domain, cases[i].domain));
		assert_int_equal(ask.write, cases[i].write);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_come_with_and_without_ports),
		cmocka_unit_test(the_right_most_hop_that_is_not_trusted_is_the_client),
		cmocka_unit_test(countries_are_two_letters),
		cmocka_unit_test(a_target_says_domain_and_kind),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
