/* policy_load on good files: what is written is what is there. */
#include "fixture.h"

#include "base/hash.h"

static const char good[] =
	"regions:\n"
	"  us-east: {jurisdiction: us, location: [39.0, -77.5], capacity: 1000}\n"
	"  us-west: {jurisdiction: us, location: [45.6, -121.25]}\n"
	"  eu-west: {jurisdiction: eu, location: [+53.3, -6]}\n"
	"residency:\n"
	"  us: {regions: [us-west, us-east], transit: allow}\n"
	"  eu: {regions: [eu-west], transit: refuse}\n"
	"  global: {regions: all}\n"
	"cells:\n"
	"  us-1: {replicas: [us-west, us-east], mode: sync, copies: 2, on_partition: "
        "availability,\n"
	"         replication_sla: 250ms}\n"
	"  us-2: {replicas: [us-east, us-west], mode: sync}\n"
	"  eu-1: {replicas: [eu-west]}\n"
	"  us-3: {replicas: [us-east, us-west], max_loss: 1000, max_lag: 300ms, on_lag: throttle,\n"
	"         failover_after: 10s}\n"
	"tenants:\n"
	"  acme:\n"
	"    residency: us\n"
	"    cell: us-1\n"
	"    tier: gold\n"
	"    country: US\n"
	"    consistency: bounded=2s\n"
	"    preferences: {regions: [us-east, us-west]}\n"
	"    attributes: {plan: enterprise, seats: 12, Note_1: \"a: b\", empty: ''}\n"
	"    keys:\n"
	"      - sha256:0000000000000000000000000000000000000000000000000000000000000001\n"
	"      - \"sha256:0000000000000000000000000000000000000000000000000000000000000002\"\n"
	"  globex: {residency: global, cell: eu-1, keys: [\"sha256:"
	"00000000000000000000000000000000000000000000000000000000000000ff\"]}\n";

static void regions_keep_order_and_values(void **state) {
	struct policy *p = load_good(good);
	assert_int_equal(p->region_count, 3);
	assert_string_equal(p->regions[0].name, "us-east");
	assert_string_equal(p->regions[2].jurisdiction, "eu");
	assert_true(p->regions[1].longitude == -121.25);
	assert_true(p->regions[2].latitude == 53.3);
	assert_true(p->regions[0].capacity == 1000 && p->regions[1].capacity == 0);
	policy_free(p);
}

static void residency_is_a_set(void **state) {
	struct policy *p = load_good(good);
	assert_int_equal(p->residency_count, 3);
	assert_true(p->residencies[0].regions == 3 && p->residencies[0].transit);
	assert_true(p->residencies[1].regions == 4 && !p->residencies[1].transit);
	assert_true(p->residencies[2].regions == 7);
	policy_free(p);
}

static void cells_keep_succession_and_have_defaults(void **state) {
	struct policy *p = load_good(good);
	const struct policy_cell *c = &p->cells[0];
	assert_int_equal(c->replica_count, 2);
	assert_int_equal(c->replicas[0], 1);
	assert_int_equal(c->replicas[1], 0);
	assert_true(c->replica_set == 3);
	assert_int_equal(c->mode, CELL_SYNC);
	assert_int_equal(c->copies, 2);
	assert_int_equal(c->on_partition, PARTITION_AVAILABILITY);
	assert_true(c->replication_sla_ms == 250);
	assert_int_equal(p->cells[1].copies, 2);
	assert_int_equal(p->cells[2].mode, CELL_ASYNC);
	assert_int_equal(p->cells[2].copies, 1);
	assert_int_equal(p->cells[2].on_partition, PARTITION_CONSISTENCY);
	assert_true(p->cells[2].replication_sla_ms == 500);
	assert_true(p->cells[2].max_loss == 0 && p->cells[2].max_lag_ms == 0);
	assert_int_equal(p->cells[2].on_lag, LAG_HOLD);
	assert_true(p->cells[3].max_loss == 1000 && p->cells[3].max_lag_ms == 300);
	assert_int_equal(p->cells[3].on_lag, LAG_THROTTLE);
	assert_true(p->cells[3].failover_after_ms == 10000);
	policy_free(p);
}

static void tenants_keep_everything(void **state) {
	struct policy *p = load_good(good);
	const struct policy_tenant *t = &p->tenants[0];
	assert_string_equal(t->name, "acme");
	assert_string_equal(p->residencies[t->residency].name, "us");
	assert_string_equal(p->cells[t->cell].name, "us-1");
	assert_string_equal(t->tier, "gold");
	assert_string_equal(t->country, "US");
	assert_int_equal(t->consistency, CONSISTENCY_BOUNDED);
	assert_true(t->bounded_ms == 2000);
	assert_int_equal(t->preferred_count, 2);
	assert_int_equal(t->preferred[0], 0);
	assert_int_equal(t->attribute_count, 4);
	assert_string_equal(t->attributes[1].name, "seats");
	assert_string_equal(t->attributes[1].value, "12");
	assert_string_equal(t->attributes[2].value, "a: b");
	assert_string_equal(t->attributes[3].value, "");
	assert_int_equal(t->key_count, 2);
	assert_int_equal(t->key_hashes[1][31], 2);
	const struct policy_tenant *other = &p->tenants[1];
	assert_string_equal(other->tier, "");
	assert_int_equal(other->consistency, CONSISTENCY_SESSION);
	assert_int_equal(other->key_count, 1);
	assert_int_equal(other->key_hashes[0][31], 0xff);
	policy_free(p);
}

static void names_and_keys_are_found(void **state) {
	struct policy *p = load_good(good);
	assert_int_equal(policy_find_region(p, SLICE_LIT("eu-west")), 2);
	assert_int_equal(policy_find_region(p, SLICE_LIT("eu-wes")), -1);
	assert_int_equal(policy_find_region(p, SLICE_LIT("")), -1);
	assert_int_equal(policy_find_cell(p, SLICE_LIT("eu-1")), 2);
	assert_int_equal(policy_find_cell(p, SLICE_LIT("acme")), -1);
	assert_int_equal(policy_find_tenant(p, SLICE_LIT("globex")), 1);
	uint8_t key[32] = {0};
	assert_int_equal(policy_find_key(p, key), -1);
	key[31] = 2;
	assert_int_equal(policy_find_key(p, key), 0);
	key[31] = 0xff;
	assert_int_equal(policy_find_key(p, key), 1);
	key[0] = 1;
	assert_int_equal(policy_find_key(p, key), -1);
	policy_free(p);
}

static void the_hash_is_of_the_source(void **state) {
	struct policy *p = load_good(good);
	struct slice source = slice_str(good);
	uint8_t hash[32];
	sha256(&source, 1, hash);
	assert_memory_equal(p->hash, hash, 32);
	policy_free(p);
}

static void little_is_enough(void **state) {
	struct policy *p = load_good("regions: {a: {jurisdiction: us, location: [0, 0]}}\n"
	                             "residency: {all: {regions: [a]}}\ncells:\ntenants: ~\n");
	assert_int_equal(p->tenant_count, 0);
	uint8_t key[32] = {0};
	assert_int_equal(policy_find_key(p, key), -1);
	assert_int_equal(policy_find_cell(p, SLICE_LIT("a")), -1);
	policy_free(p);
	policy_free(NULL);
	p = load_good("\xef\xbb\xbfregions: {a: {jurisdiction: us, location: [0, 0]}}\r\n"
	              "residency: {all: {regions: [a]}}\r\n");
	policy_free(p);
}

static void sixty_four_regions_fit(void **state) {
	char yaml[16 << 10];
	size_t len =
		(size_t)snprintf(yaml, sizeof yaml, "residency: {all: {regions: all}}\nregions:\n");
	for (int i = 0; i < 64; i++)
		len += (size_t)snprintf(yaml + len, sizeof yaml - len,
		                        "  r%d: {jurisdiction: us, location: [0, 0]}\n", i);
	struct policy *p = load_good(yaml);
	assert_int_equal(p->region_count, 64);
	assert_true(p->residencies[0].regions == UINT64_MAX);
	policy_free(p);
}

static void many_tenants(void **state) {
	enum { TENANTS = 20000 };
	char *yaml = malloc((size_t)TENANTS * 160 + 1000);
	assert_non_null(yaml);
	size_t len = (size_t)snprintf(yaml, 1000,
	                              "regions: {a: {jurisdiction: us, location: [0, 0]}}\n"
	                              "residency: {all: {regions: all}}\n"
	                              "cells: {c: {replicas: [a]}}\ntenants:\n");
	for (int i = 0; i < TENANTS; i++)
		len += (size_t)snprintf(yaml + len, 160,
		                        "  t%d: {residency: all, cell: c, tier: gold, keys: "
		                        "[\"sha256:%064x\"]}\n",
		                        i, i);
	struct policy *p = load_good(yaml);
	assert_int_equal(p->tenant_count, TENANTS);
	for (int i = 0; i < TENANTS; i++) {
		char name[16];
		snprintf(name, sizeof name, "t%d", i);
		assert_int_equal(policy_find_tenant(p, slice_str(name)), i);
		uint8_t key[32] = {[30] = (uint8_t)(i >> 8), [31] = (uint8_t)i};
		assert_int_equal(policy_find_key(p, key), i);
	}
	policy_free(p);
	free(yaml);
}

static void consistency_words(void **state) {
	enum consistency c = CONSISTENCY_EVENTUAL;
	uint64_t ms = 7;
	const char *bad[] = {"",
	                     "Strong",
	                     "bounded",
	                     "bounded=",
	                     "bounded=0ms",
	                     "bounded=500",
	                     "bounded=25h",
	                     "bounded= 5s",
	                     "strong ",
	                     "bounded=-1s"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(consistency_parse(slice_str(bad[i]), &c, &ms), ERR_INVALID);
	assert_true(c == CONSISTENCY_EVENTUAL && ms == 7);
	assert_int_equal(consistency_parse(SLICE_LIT("bounded=500ms"), &c, &ms), ERR_OK);
	assert_true(c == CONSISTENCY_BOUNDED && ms == 500);
	assert_int_equal(consistency_parse(SLICE_LIT("strong"), &c, &ms), ERR_OK);
	assert_true(c == CONSISTENCY_STRONG && ms == 0);
}

static void examples_load(void **state) {
	static struct reported r;
	size_t len;
	char *policy_text = read_file(EXAMPLES "/policy.yaml", &len);
	struct policy *p = load_good(policy_text);
	char *node_text = read_file(EXAMPLES "/holdfast.yaml", &len);
	struct node_config *c;
	enum err e = node_config_load(slice_of(node_text, len), "p.yaml", report_keep, &r, &c);
	if (e) print_error("%s", r.text);
	assert_int_equal(e, ERR_OK);
	assert_int_equal(node_config_check(c, "p.yaml", p, report_keep, &r), ERR_OK);
	node_config_free(c);
	policy_free(p);
	free(policy_text);
	free(node_text);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(regions_keep_order_and_values),
		cmocka_unit_test(residency_is_a_set),
		cmocka_unit_test(cells_keep_succession_and_have_defaults),
		cmocka_unit_test(tenants_keep_everything),
		cmocka_unit_test(names_and_keys_are_found),
		cmocka_unit_test(the_hash_is_of_the_source),
		cmocka_unit_test(little_is_enough),
		cmocka_unit_test(sixty_four_regions_fit),
		cmocka_unit_test(many_tenants),
		cmocka_unit_test(consistency_words),
		cmocka_unit_test(examples_load),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
