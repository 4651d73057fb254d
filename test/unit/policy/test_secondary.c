/* `secondary` of a cell and `role: secondary` of a node: who it is for, and what is refused. */
#include "fixture.h"

#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define R                                                                                          \
	"regions: {a: {jurisdiction: us, location: [0, 0]}, b: {jurisdiction: us, location: [1, "  \
	"1]}, far: {jurisdiction: eu, location: [2, 2]}}\n"                                        \
	"residency: {ab: {regions: [a, b], transit: refuse}, any: {regions: all}}\n"
#define CELL(fields)                                                                               \
	R "cells: {x: {replicas: [a], secondary: {" fields "}}, y: {replicas: [a]}}\n"             \
	  "tenants: {zed: {residency: any, cell: x}, t: {residency: ab, cell: x}, u: {residency: " \
	  "any, cell: y}}\n"
#define BASE "name: s, address: \"h:1\", key: \"sha256:" HASH "\""

static struct reported r;

static void is_for_whom_it_says(void **state) {
	struct policy *p = load_good(CELL(BASE ", region: b, domains: [pay], max_staleness: 10m"));
	const struct policy_cell *x = &p->cells[0];
	int zed = policy_find_tenant(p, SLICE_LIT("zed")),
	    t = policy_find_tenant(p, SLICE_LIT("t"));
	int u = policy_find_tenant(p, SLICE_LIT("u"));
	assert_string_equal(x->secondary->name, "s");
	assert_string_equal(x->secondary->host, "h");
	assert_true(x->secondary->port == 1 && x->secondary->region == 1);
	assert_true(x->secondary->max_staleness_ms == 600000 && x->secondary->key_hash[1] == 0x23);
	assert_int_equal(x->secondary->tenant_count, 2); /* of the cell, by name */
	assert_true(x->secondary->tenants[0] == t && x->secondary->tenants[1] == zed);
	assert_true(policy_secondary_has(x, t, SLICE_LIT("pay")));
	assert_false(policy_secondary_has(x, t, SLICE_LIT("play")));
	assert_false(policy_secondary_has(x, t, SLICE_LIT("")));
	assert_false(policy_secondary_has(x, u, SLICE_LIT("pay")));
	assert_false(policy_secondary_has(&p->cells[1], u, SLICE_LIT("pay")));
	assert_true(policy_secondary_has_key(p, x, SLICE_LIT("t\0pay\0k")));
	assert_true(policy_secondary_has_key(p, x, SLICE_LIT("t\0pay\0")));
	assert_false(policy_secondary_has_key(p, x, SLICE_LIT("t\0pay")));
	assert_false(policy_secondary_has_key(p, x, SLICE_LIT("t\0\0idempotent")));
	assert_false(policy_secondary_has_key(p, x, SLICE_LIT("u\0pay\0k")));
	assert_false(policy_secondary_has_key(p, x, SLICE_LIT("t")));
	policy_free(p);
	p = load_good(CELL(BASE ", region: far, tenants: [zed]"));
	assert_true(policy_secondary_has(&p->cells[0], zed, SLICE_LIT("any")));
	assert_false(policy_secondary_has(&p->cells[0], t, SLICE_LIT("any")));
	policy_free(p);
}

static void refuses(const char *yaml, const char *said) {
	struct policy *p;
	assert_int_equal(load_text(yaml, &r, &p), ERR_INVALID);
	assert_string_equal(r.text, said);
}

static void outside_the_class_is_refused(void **state) {
	refuses(CELL(BASE ", region: far"),
	        "3:153: cells.x.secondary.region: it stands in 'far', outside residency class 'ab' "
	        "(a, "
	        "b) of tenant 't'; expected a region within the class\n");
	refuses(CELL(BASE ", region: far, tenants: [zed, t]"),
	        "3:173: cells.x.secondary.tenants[1]: it stands in 'far', outside residency class "
	        "'ab' "
	        "(a, b) of tenant 't'; expected a region within the class\n");
}

static void mistakes_are_placed(void **state) {
	refuses(CELL(BASE ", region: b, tenants: [u, t, t, w]"),
	        "3:166: cells.x.secondary.tenants[0]: tenant 'u' is of another cell; expected one "
	        "of "
	        "cell 'x'\n"
	        "3:172: cells.x.secondary.tenants[2]: 't' is listed twice; expected each tenant "
	        "once\n"
	        "3:175: cells.x.secondary.tenants[3]: no tenant is named 'w'; expected one of: "
	        "zed, t, "
	        "u\n");
	refuses(CELL("name: S, address: h, key: secret, region: b, domains: []"),
	        "3:46: cells.x.secondary.name: found 'S'; expected a name: its holdfast.yaml has "
	        "it "
	        "too\n"
	        "3:58: cells.x.secondary.address: found 'h'; expected HOST:PORT, such as "
	        "\"127.0.0.1:7101\" or \"[::1]:7101\", port 1 to 65535\n"
	        "3:66: cells.x.secondary.key: no hash of an API key (6 characters, not shown); "
	        "expected \"sha256:\" and 64 digits 0-9 a-f\n"
	        "3:94: cells.x.secondary.domains: 0 domains; expected 1 to 32, or no such key for "
	        "all "
	        "of them\n");
	refuses(R "cells:\n  x: {replicas: [a], secondary: {" BASE ", region: b}}\n"
	          "  y: {replicas: [a], secondary: {" BASE ", region: a}}\n",
	        "5:33: cells.y.secondary: cell 'x' has another region, address or key for 's'; "
	        "expected the same, or another name\n");
}

/* --- the node's file ---------------------------------------------------------------------------- */

#define NODE                                                                                       \
	"cluster: c\nregion: b\ndata: d\npolicy: p.yaml\nsecret_file: s\nregions:\n"               \
	"  a: {http: \"h:1\", admin: \"h:2\", replication: \"h:3\"}\n"                             \
	"  b: {http: \"h:4\", admin: \"h:5\", replication: \"h:6\"}\n"                             \
	"  far: {http: \"h:7\", admin: \"h:8\", replication: \"h:9\"}\n"

static enum err load_node(const char *yaml, struct node_config **out) {
	r.len = 0;
	r.count = 0;
	r.text[0] = '\0';
	return node_config_load(slice_str(yaml), "p.yaml", report_keep, &r, out);
}

static void node_does_without_coordination(void **state) {
	struct node_config *c;
	struct policy *p = load_good(CELL(BASE ", region: b"));
	assert_int_equal(
		load_node(NODE "role: secondary\nsecondary: {name: s, admin: \"h:10\"}\n", &c),
		ERR_OK);
	assert_true(c->role == ROLE_SECONDARY && c->secondary_admin.port == 10);
	assert_string_equal(c->secondary, "s");
	assert_string_equal(c->coordination, "");
	assert_int_equal(node_config_check(c, "p.yaml", p, report_keep, &r), ERR_OK);
	node_config_free(c);
	/* Another place, another name than the policy's. */
	assert_int_equal(
		load_node(NODE "role: secondary\nsecondary: {name: q, admin: \"h:10\"}\n", &c),
		ERR_OK);
	assert_int_equal(node_config_check(c, "p.yaml", p, report_keep, &r), ERR_INVALID);
	assert_string_equal(r.text,
	                    "6:1: secondary.name: no cell of the policy has a secondary source "
	                    "'q'; expected the name that one has\n");
	node_config_free(c);
	policy_free(p);
	p = load_good(CELL(BASE ", region: a"));
	assert_int_equal(
		load_node(NODE "role: secondary\nsecondary: {name: s, admin: \"h:10\"}\n", &c),
		ERR_OK);
	assert_int_equal(node_config_check(c, "p.yaml", p, report_keep, &r), ERR_INVALID);
	assert_string_equal(r.text,
	                    "6:1: region: 's' stands in 'a' by the policy; expected that region\n");
	node_config_free(c);
	policy_free(p);
}

static void node_mistakes(void **state) {
	struct node_config *c;
	assert_int_equal(load_node(NODE "role: secondary\ncoordination: {file: f}\n", &c),
	                 ERR_INVALID);
	assert_string_equal(
		r.text, "10:7: role: the key 'secondary' is missing; expected {name: its name in "
			"the policy, admin: HOST:PORT}\n"
			"11:1: coordination: a secondary source does without; expected no such "
			"key\n");
	assert_int_equal(load_node(NODE "coordination: {file: f}\nsecondary: {name: s}\n", &c),
	                 ERR_INVALID);
	assert_string_equal(
		r.text, "11:1: secondary: a region's node is none; expected role: secondary with "
			"it\n"
			"11:1: secondary: the key 'admin' is missing; expected HOST:PORT of its "
			"admin port, such as \"127.0.0.1:7291\"\n");
	assert_int_equal(load_node(NODE, &c), ERR_INVALID);
	assert_string_equal(r.text,
	                    "1:1: the key 'coordination' is missing; expected a mapping such "
	                    "as {file: coordination}\n");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_for_whom_it_says),
		cmocka_unit_test(outside_the_class_is_refused),
		cmocka_unit_test(mistakes_are_placed),
		cmocka_unit_test(node_does_without_coordination),
		cmocka_unit_test(node_mistakes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
