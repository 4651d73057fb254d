/* holdfast.yaml: defaults, mistakes word for word, and against its policy. */
#include "fixture.h"

#define HEAD                                                                                       \
	"cluster: c\nregion: b\ndata: d\npolicy: p.yaml\ncoordination: {file: co}\nsecret_file: "  \
	"s\n"
#define ETCD(text)                                                                                 \
	"cluster: c\nregion: b\ndata: d\npolicy: p.yaml\ncoordination: {etcd: " text               \
	"}\nsecret_file: s\n"
#define REGIONS                                                                                    \
	"regions:\n"                                                                               \
	"  a: {http: \"127.0.0.1:7101\", admin: \"127.0.0.1:7201\", replication: "                 \
	"\"127.0.0.1:7301\"}\n"                                                                    \
	"  b: {http: \"[::1]:1\", admin: \"edge-1.example:65535\", replication: "                  \
	"\"127.0.0.1:7302\"}\n"

static struct reported r;

static enum err load(const char *yaml, struct node_config **out) {
	r.len = 0;
	r.count = 0;
	r.text[0] = '\0';
	return node_config_load(slice_str(yaml), "p.yaml", report_keep, &r, out);
}

static struct node_config *load_node(const char *yaml) {
	struct node_config *c;
	enum err e = load(yaml, &c);
	if (e) print_error("%s", r.text);
	assert_int_equal(e, ERR_OK);
	return c;
}

static void defaults_are_as_documented(void **state) {
	struct node_config *c = load_node(HEAD REGIONS);
	assert_string_equal(c->cluster, "c");
	assert_string_equal(c->region, "b");
	assert_string_equal(c->data, "d");
	assert_string_equal(c->policy, "p.yaml");
	assert_string_equal(c->coordination, "co");
	assert_string_equal(c->secret_file, "s");
	assert_int_equal(c->region_count, 2);
	assert_int_equal(c->self, 1);
	assert_string_equal(c->regions[1].name, "b");
	assert_string_equal(c->regions[1].http.host, "::1");
	assert_int_equal(c->regions[1].http.port, 1);
	assert_string_equal(c->regions[1].admin.host, "edge-1.example");
	assert_int_equal(c->regions[1].admin.port, 65535);
	assert_int_equal(c->workers, 1);
	assert_true(c->lease_length_ms == 600 && c->lease_renew_ms == 100);
	assert_true(c->connections_max == 10000 && c->body_max_bytes == 4 << 20);
	assert_true(c->head_max_bytes == 16 << 10 && c->header_time_ms == 10000);
	assert_true(c->body_rate_floor_bytes == 1 << 10 && c->idle_time_ms == 75000);
	assert_true(c->hold_requests == 1024 && c->hold_bytes == 64 << 20 &&
	            c->hold_time_ms == 10000);
	assert_true(c->segment_bytes == 16 << 20 && c->min_free_bytes == 64 << 20);
	assert_true(c->retain_bytes == 256 << 20);
	assert_true(c->decisions_kept == 1024 && c->trusted_proxy_count == 0);
	assert_true(c->decision_key_count == 0 && c->agent_check.port == 0);
	assert_string_equal(c->country_header, "");
	assert_string_equal(c->dns_state, "");
	node_config_free(c);
	node_config_free(NULL);
}

static void what_is_written_counts(void **state) {
	struct node_config *c =
		load_node(HEAD REGIONS "workers: 0\nlease: {length: 3s, renew: 500ms}\n"
	                               "limits: {connections: 7, body: 1MiB, head: 8KiB, "
	                               "header_time: 5s, body_rate: 0, idle_time: 1m}\n"
	                               "hold: {requests: 2, bytes: 1KiB, time: 0s}\n"
	                               "storage: {segment: 4MiB, min_free: 0, retain: 8MiB}\n"
	                               "decisions: 0\ntrusted_proxies: [10.0.0.0/8, \"::1\"]\n"
	                               "country_header: cf-ipcountry\ndns: {admin_state: s}\n"
	                               "agent_check: \"h:65534\"\n"
	                               "decision_keys: [\"sha256:000102030405060708090a0b0c0d0e0f"
	                               "101112131415161718191a1b1c1d1e1f\"]\n");
	assert_int_equal(c->decisions_kept, 0);
	assert_int_equal(c->trusted_proxy_count, 2);
	assert_string_equal(c->country_header, "cf-ipcountry");
	assert_string_equal(c->dns_state, "s");
	assert_int_equal(c->agent_check.port, 65534);
	assert_int_equal(c->decision_key_count, 1);
	assert_int_equal(c->decision_keys[0][31], 0x1f);
	assert_int_equal(c->workers, 0);
	assert_true(c->lease_length_ms == 3000 && c->lease_renew_ms == 500);
	assert_true(c->connections_max == 7 && c->body_max_bytes == 1 << 20);
	assert_true(c->head_max_bytes == 8 << 10 && c->header_time_ms == 5000);
	assert_true(c->body_rate_floor_bytes == 0 && c->idle_time_ms == 60000);
	assert_true(c->hold_requests == 2 && c->hold_bytes == 1024 && c->hold_time_ms == 0);
	assert_true(c->segment_bytes == 4 << 20 && c->min_free_bytes == 0);
	assert_true(c->retain_bytes == 8 << 20);
	node_config_free(c);
}

static void coordination_may_be_etcd(void **state) {
	struct node_config *c = load_node(ETCD("{endpoints: [\"http://[::1]:2379\"]}") REGIONS
	                                  "lease: {length: 2s, renew: 300ms}\n");
	assert_string_equal(c->coordination, "");
	assert_int_equal(c->etcd.endpoint_count, 1);
	assert_string_equal(c->etcd.endpoints[0], "http://[::1]:2379");
	assert_string_equal(c->etcd.prefix, "/holdfast/c/");
	assert_int_equal(c->etcd.timeout_ms, 2000);
	assert_string_equal(c->etcd.ca, "");
	node_config_free(c);
	c = load_node(ETCD(
		"{endpoints: [\"https://e1:1\", \"https://e2:2\"], prefix: /x/y/, ca: ca.pem, "
		"cert: c.pem, key: k.pem, user: u, password_file: pw, timeout: 70ms}") REGIONS);
	assert_int_equal(c->etcd.endpoint_count, 2);
	assert_string_equal(c->etcd.endpoints[1], "https://e2:2");
	assert_string_equal(c->etcd.prefix, "/x/y/");
	assert_string_equal(c->etcd.ca, "ca.pem");
	assert_string_equal(c->etcd.cert, "c.pem");
	assert_string_equal(c->etcd.key, "k.pem");
	assert_string_equal(c->etcd.user, "u");
	assert_string_equal(c->etcd.password_file, "pw");
	assert_int_equal(c->etcd.timeout_ms, 70);
	node_config_free(c);
	c = load_node(HEAD REGIONS);
	assert_int_equal(c->etcd.endpoint_count, 0);
	assert_string_equal(c->etcd.ca, "");
	assert_string_equal(c->etcd.password_file, "");
	node_config_free(c);
}

static const struct {
	const char *yaml, *said;
} cases[] = {
	{"", "1:1: the file is empty; expected the configuration of a node\n"},
	{"[]", "1:1: found a list; expected a mapping with cluster, region, regions ...\n"},
	{"cluster: C\nregion: c\ndata: \"\"\npolicy: p\ncoordination: {}\nregoins: {}\n" REGIONS,
         "1:1: the key 'secret_file' is missing; expected the path of the secret that the regions "
         "share\n"
         "1:10: cluster: found 'C'; expected 1 to 31 of a-z, 0-9 and '-', not beginning with '-'\n"
         "2:9: region: no region is named 'c'; expected one of: a, b\n"
         "3:7: data: found ''; expected the directory of this node's data\n"
         "5:1: coordination: found nothing; expected {file: PATH} for regions on one machine, or "
         "{etcd: {endpoints: [...]}}\n"
         "6:1: regoins: unknown key (did you mean 'regions'?); expected one of: cluster, region, "
         "data, "
         "policy, coordination, secret_file, regions, workers, role, witness, lease, limits, "
         "...\n"},
	{HEAD REGIONS "decisions: 2000000\ntrusted_proxies: [10.0.0.0/33, x, [], 10.0.0.1]\n"
                      "country_header: CF-IPCountry\ndecision_keys: [secret, sha256:00]\n"
                      "agent_check: \"h:65535\"\ndns: {}\n",
         "10:12: decisions: found '2000000'; expected a whole number, 0 to 1048576\n"
         "11:19: trusted_proxies[0]: found '10.0.0.0/33'; expected a network or an address, such "
         "as 10.0.0.0/8\n"
         "11:32: trusted_proxies[1]: found 'x'; expected a network or an address, such as "
         "10.0.0.0/8\n"
         "11:35: trusted_proxies[2]: found a list; expected a network or an address, such as "
         "10.0.0.0/8\n"
         "12:17: country_header: found 'CF-IPCountry'; expected the name of a header in lower "
         "case, such as cf-ipcountry\n"
         "13:17: decision_keys[0]: no hash of an API key (6 characters, not shown); expected "
         "\"sha256:\" and 64 digits 0-9 a-f\n"
         "13:25: decision_keys[1]: no hash of an API key (9 characters, not shown); expected "
         "\"sha256:\" and 64 digits 0-9 a-f\n"
         "14:14: agent_check: 2 regions, one port each, from 65535 on; expected a lower port\n"
         "15:1: dns: the key 'admin_state' is missing; expected the path of gdnsd's admin_state "
         "file\n"},
	{HEAD "regions:\n  b: {http: localhost, admin: \"::1:80\", replication: \"h:0\"}\n"
              "  c: {http: \"h:65536\", admin: \"[h:1\", replication: \"h h:1\"}\n"
              "  d: {http: \"h:1\", admin: \"h:1\"}\n  e:\n",
         "8:13: regions.b.http: found 'localhost'; expected HOST:PORT, such as \"127.0.0.1:7101\" "
         "or "
         "\"[::1]:7101\", port 1 to 65535\n"
         "8:31: regions.b.admin: found '::1:80'; expected HOST:PORT, such as \"127.0.0.1:7101\" or "
         "\"[::1]:7101\", port 1 to 65535\n"
         "8:54: regions.b.replication: found 'h:0'; expected HOST:PORT, such as \"127.0.0.1:7101\" "
         "or "
         "\"[::1]:7101\", port 1 to 65535\n"
         "9:13: regions.c.http: found 'h:65536'; expected HOST:PORT, such as \"127.0.0.1:7101\" or "
         "\"[::1]:7101\", port 1 to 65535\n"
         "9:31: regions.c.admin: found '[h:1'; expected HOST:PORT, such as \"127.0.0.1:7101\" or "
         "\"[::1]:7101\", port 1 to 65535\n"
         "9:52: regions.c.replication: found 'h h:1'; expected HOST:PORT, such as "
         "\"127.0.0.1:7101\" or "
         "\"[::1]:7101\", port 1 to 65535\n"
         "10:3: regions.d: the key 'replication' is missing; expected HOST:PORT, such as "
         "\"127.0.0.1:7101\"\n"
         "10:27: regions.d.admin: 'h:1' is used in line 10 already; expected an address of its "
         "own\n"
         "11:3: regions.e: the key 'admin' is missing; expected HOST:PORT, such as "
         "\"127.0.0.1:7101\"\n"
         "11:3: regions.e: the key 'http' is missing; expected HOST:PORT, such as "
         "\"127.0.0.1:7101\"\n"
         "11:3: regions.e: the key 'replication' is missing; expected HOST:PORT, such as "
         "\"127.0.0.1:7101\"\n"},
	{HEAD REGIONS "workers: many\nlease: {length: 600, renew: 1h}\nhold: {time: 2h}\n"
                      "limits: {body: 4MB, head: 2MiB, connections: 0}\nstorage: []\n",
         "10:10: workers: found 'many'; expected a whole number, 0 to 256\n"
         "11:17: lease.length: found '600'; expected a duration such as 500ms, 30s or 5m, 100ms to "
         "1h\n"
         "11:29: lease.renew: renewed every 3600000ms, a lease of 600ms is lost with one or two "
         "late "
         "renewals; expected renew to be at most a third of length\n"
         "12:14: hold.time: found '2h'; expected a duration such as 500ms, 30s or 5m, 0ms to 1h\n"
         "13:16: limits.body: found '4MB'; expected a size such as 64KiB or 16MiB, 1KiB to 64MiB\n"
         "13:27: limits.head: found '2MiB'; expected a size such as 64KiB or 16MiB, 1KiB to 1MiB\n"
         "13:46: limits.connections: found '0'; expected a whole number, 1 to 1000000\n"
         "14:10: storage: found a list; expected a mapping\n"},
	{HEAD REGIONS "lease: {length: 200ms}\n",
         "10:8: lease: renewed every 100ms, a lease of 200ms is lost with one or two late "
         "renewals; "
         "expected renew to be at most a third of length\n"},
	{HEAD REGIONS "role: witness\n",
         "10:7: role: there is no `witness` below; expected its name and addresses\n"},
	{HEAD REGIONS "role: home\nwitness: {name: a, admin: \"h:1\"}\n",
         "10:7: role: found 'home'; expected region or witness\n"
         "11:1: witness: the key 'replication' is missing; expected HOST:PORT, such as "
         "\"127.0.0.1:7209\"\n"
         "11:17: witness.name: 'a' is a region; expected a third place\n"},
	{HEAD REGIONS "role: witness\nwitness: {name: w, admin: \"h:1\", replication: \"h:2\"}\n",
         "2:9: region: the role is witness; expected its name, w\n"},
	{"cluster: c\nregion: w\npolicy: p\ncoordination: {file: f}\nsecret_file: s\n" REGIONS
         "witness: {name: w, admin: \"h:1\", replication: \"h:2\"}\n",
         "1:1: the key 'data' is missing; expected the directory of this node's data\n"
         "2:9: region: this is the witness; expected `role: witness`, too\n"},
	{ETCD("{}, file: f") REGIONS,
         "5:16: coordination.etcd: the key 'endpoints' is missing; expected a list such as "
         "[\"https://etcd-1:2379\", \"https://etcd-2:2379\"]\n"
         "5:22: coordination.etcd: there is a file, too; expected one of the two\n"},
	{ETCD("{endpoints: [], prefix: holdfast, timeout: 1ms}") REGIONS,
         "5:23: coordination.etcd.endpoints: 0 endpoints; expected 1 to 9\n"
         "5:46: coordination.etcd.prefix: found 'holdfast'; expected what the keys begin with, "
         "from / to /, such as /holdfast/production/\n"
         "5:65: coordination.etcd.timeout: found '1ms'; expected a duration such as 500ms, 30s or "
         "5m, 50ms to 1m\n"},
	{ETCD("{endpoints: [\"https://h:1/\", \"h:1\", \"ftp://h:1\", \"http://u@h:1\", "
              "[], \"http://h:1\", \"https://h:1\"]}") REGIONS,
         "5:35: coordination.etcd.endpoints[0]: found 'https://h:1/'; expected https://HOST:PORT "
         "or http://HOST:PORT\n"
         "5:51: coordination.etcd.endpoints[1]: found 'h:1'; expected https://HOST:PORT or "
         "http://HOST:PORT\n"
         "5:58: coordination.etcd.endpoints[2]: found 'ftp://h:1'; expected https://HOST:PORT or "
         "http://HOST:PORT\n"
         "5:71: coordination.etcd.endpoints[3]: found 'http://u@h:1'; expected https://HOST:PORT "
         "or http://HOST:PORT\n"
         "5:87: coordination.etcd.endpoints[4]: found a list; expected https://HOST:PORT or "
         "http://HOST:PORT\n"
         "5:105: coordination.etcd.endpoints[6]: found 'https://h:1' among others; expected all "
         "https or all http: the weakest is what protects nothing\n"},
	{ETCD("{endpoints: [\"http://h:1\"], ca: ca, cert: c, user: u}") REGIONS,
         "5:54: coordination.etcd.ca: the endpoints are http and use none; expected https\n"
         "5:64: coordination.etcd.cert: found cert without key; expected both or neither\n"
         "5:64: coordination.etcd.cert: the endpoints are http and use none; expected https\n"
         "5:73: coordination.etcd.user: found user without password_file; expected both or "
         "neither\n"
         "5:73: coordination.etcd.user: the endpoints are http: the password would be readable on "
         "its way; expected https\n"},
	{HEAD "regions: {}\n",
         "2:9: region: no region is named 'b'; expected one of: (there is none)\n"
         "7:1: regions: 0 regions; expected 1 to 64\n"},
};

static void says_exactly_that(void **state) {
	int wrong = 0;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct node_config *c;
		enum err e = load(cases[i].yaml, &c);
		if (e == ERR_INVALID && !c && strcmp(r.text, cases[i].said) == 0) continue;
		wrong++;
		print_error("case %zu, %s\n%s--- said\n%s--- expected\n%s\n", i, err_name(e),
		            cases[i].yaml, r.text, cases[i].said);
	}
	assert_int_equal(wrong, 0);
}

#define REGION(name) name ": {jurisdiction: us, location: [0, 0]}"
#define POLICY(regions) "residency: {x: {regions: all}}\nregions: {" regions "}\n"

static void compare(const char *policy_yaml, const char *said) {
	struct policy *p = load_good(policy_yaml);
	struct node_config *c = load_node(HEAD REGIONS);
	enum err e = node_config_check(c, "p.yaml", p, report_keep, &r);
	assert_string_equal(r.text, said);
	assert_int_equal(e, said[0] ? ERR_INVALID : ERR_OK);
	node_config_free(c);
	policy_free(p);
}

static void the_policy_must_have_the_same_regions(void **state) {
	compare(POLICY(REGION("a") ", " REGION("b")), "");
	compare(POLICY(REGION("b") ", " REGION("a")),
	        "8:3: regions.a: found where the policy has 'b'; expected the policy's order\n");
	compare(POLICY(REGION("a") ", " REGION("b") ", " REGION("far")),
	        "7:1: regions: 'far' of the policy is missing; expected its addresses\n");
	compare(POLICY(REGION("a") ", " REGION("b2")),
	        "7:1: regions: 'b2' of the policy is missing; expected its addresses\n"
	        "9:3: regions.b: the policy has no such region; expected the "
	        "regions of the policy\n");
}

#define WITNESS "witness: {name: w, admin: \"w:1\", replication: \"w:2\"}\n"

static void a_witness_has_a_vote_and_no_data(void **state) {
	struct node_config *c = load_node(
		"cluster: c\nregion: w\nrole: witness\npolicy: p\ncoordination: {file: f}\n"
		"secret_file: s\n" REGIONS WITNESS);
	assert_true(c->has_witness && c->is_witness);
	assert_int_equal(c->region_count, 2);
	assert_int_equal(c->self, 2);
	assert_string_equal(c->regions[2].name, "w");
	assert_string_equal(c->regions[2].replication.host, "w");
	assert_int_equal(c->regions[2].admin.port, 1);
	assert_int_equal(c->regions[2].http.port, 0);
	assert_string_equal(c->data, "");
	node_config_free(c);
	c = load_node(HEAD REGIONS WITNESS);
	assert_true(c->has_witness && !c->is_witness);
	assert_int_equal(c->self, 1);
	node_config_free(c);
}

static void check_voters(const char *yaml, bool right) {
	struct policy *p = load_good(POLICY(REGION("a") ", " REGION("b")));
	struct node_config *c = load_node(yaml);
	enum err e = node_config_check(c, "p.yaml", p, report_keep, &r);
	assert_int_equal(e, right ? ERR_OK : ERR_INVALID);
	if (!right)
		assert_string_equal(
			r.text,
			"7:1: regions: two have no third voter: when one is gone, the other "
			"cannot know whether it is gone or cut off, and no failover can be "
			"automatic; expected a `witness` in a third place, where a member of "
			"etcd is, too\n");
	node_config_free(c);
	policy_free(p);
}

static void two_regions_need_a_third_voter(void **state) {
	check_voters(ETCD("{endpoints: [\"http://h:1\"]}") REGIONS, false);
	check_voters(ETCD("{endpoints: [\"http://h:1\"]}") REGIONS WITNESS, true);
	check_voters(HEAD REGIONS, true); /* the kernel is their third */
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_as_documented),
		cmocka_unit_test(what_is_written_counts),
		cmocka_unit_test(coordination_may_be_etcd),
		cmocka_unit_test(says_exactly_that),
		cmocka_unit_test(the_policy_must_have_the_same_regions),
		cmocka_unit_test(a_witness_has_a_vote_and_no_data),
		cmocka_unit_test(two_regions_need_a_third_voter),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
