/* Tenants of the policy and of the directory, as one: who is found, what counts, and what happens while
 * the directory is behind or of another policy. */
#include "../policy/tenants.h"

#include <stdatomic.h>

#include "trust/tenancy.h"

static const char tenants_of_policy[] =
	"tenants:\n"
	"  fixed: {residency: us, cell: us-1, tier: gold, keys: [\"sha256:"
	"00000000000000000000000000000000000000000000000000000000000000aa\"]}\n";

static struct policy *policy_make(const char *text, const char *more) {
	struct policy *p;
	char all[4096];
	snprintf(all, sizeof all, "%s%s", text, more);
	assert_int_equal(policy_load(slice_str(all), "policy", NULL, NULL, &p), ERR_OK);
	return p;
}

struct place {
	struct policy *policy;
	struct memory_image memory;
	struct directory *directory;
	struct arena arena;
	_Atomic bool complete;
	struct tenancy tenancy;
};

static void place_make(struct place *w) {
	w->policy = policy_make(tenants_yaml, tenants_of_policy);
	image_build(w->policy, 10, &w->memory);
	assert_int_equal(directory_new(image_open(w->policy, &w->memory), &w->directory), ERR_OK);
	arena_init(&w->arena, 1 << 20);
	atomic_init(&w->complete, true);
	w->tenancy = (struct tenancy){w->directory, &w->complete};
	directory_thread_enter();
}

static void place_done(struct place *w) {
	directory_thread_leave();
	tenant_image_close(directory_free(w->directory));
	free(w->memory.bytes);
	arena_done(&w->arena);
	policy_free(w->policy);
}

static void who_was_made_since_is_found_whole(void **state) {
	struct place w;
	struct numbered t;
	place_make(&w);
	for (int n = 0; n < 10; n++) {
		const struct tenant_row *row = row_make(&t, n, 0);
		struct tenancy_found by_name, by_key;
		assert_int_equal(tenancy_find(&w.tenancy, w.policy, row->name, &w.arena, &by_name),
		                 ERR_OK);
		assert_int_equal(by_name.index, -1);
		const struct policy_tenant *found = by_name.tenant;
		assert_true(slice_is(row->name, found->name));
		assert_string_equal(found->tier, row->profile.tier);
		assert_string_equal(found->country, row->profile.country);
		assert_int_equal(found->cell, row->profile.cell);
		assert_int_equal(found->preferred_count, row->profile.preferred_count);
		assert_int_equal(found->bounded_ms, row->profile.bounded_ms);
		assert_int_equal(found->attribute_count, row->attribute_count);
		for (int i = 0; i < row->attribute_count; i++) {
			assert_true(slice_is(row->attributes[i].name, found->attributes[i].name));
			assert_true(slice_is(row->attributes[i].value, found->attributes[i].value));
		}
		if (row->key_count == 0) continue;
		assert_int_equal(
			tenancy_find_key(&w.tenancy, w.policy, row->keys[0], &w.arena, &by_key),
			ERR_OK);
		assert_string_equal(by_key.tenant->name, found->name);
	}
	place_done(&w);
}

static void the_policy_stands_but_for_preferences(void **state) {
	struct place w;
	struct tenant_row row;
	struct tenancy_found found;
	struct fault f;
	place_make(&w);
	assert_int_equal(tenancy_find(&w.tenancy, w.policy, SLICE_LIT("fixed"), &w.arena, &found),
	                 ERR_OK);
	assert_ptr_equal(found.tenant, &w.policy->tenants[0]);
	tenant_row_init(&row);
	row.name = SLICE_LIT("fixed");
	row.profile.residency = 0;
	row.profile.cell = 0;
	row.profile.consistency = CONSISTENCY_EVENTUAL;
	row.profile.preferred[row.profile.preferred_count++] = 1;
	row.profile.explicit_failover = true;
	row.profile.maintenance = (struct policy_maintenance){60, 120, 30};
	memcpy(row.profile.tier, "free", 5);
	assert_int_equal(directory_put(w.directory, &row, 9, &f), ERR_OK);
	assert_int_equal(tenancy_find(&w.tenancy, w.policy, SLICE_LIT("fixed"), &w.arena, &found),
	                 ERR_OK);
	assert_int_equal(found.index, 0);
	assert_string_equal(found.tenant->tier, "gold");
	assert_int_equal(found.tenant->consistency, CONSISTENCY_EVENTUAL);
	assert_int_equal(found.tenant->preferred[0], 1);
	assert_true(found.tenant->explicit_failover);
	assert_int_equal(found.tenant->maintenance.zone, 30);
	row.profile.cell = 1; /* preferences of another time, when it was elsewhere */
	assert_int_equal(directory_put(w.directory, &row, 10, &f), ERR_OK);
	assert_int_equal(tenancy_find(&w.tenancy, w.policy, SLICE_LIT("fixed"), &w.arena, &found),
	                 ERR_OK);
	assert_ptr_equal(found.tenant, &w.policy->tenants[0]);
	place_done(&w);
}

static void nobody_is_unknown_before_all_are_known(void **state) {
	struct place w;
	struct tenancy_found found;
	const uint8_t key[SHA256_BYTES] = {1};
	place_make(&w);
	assert_int_equal(tenancy_find(&w.tenancy, w.policy, SLICE_LIT("no"), &w.arena, &found),
	                 ERR_NOT_FOUND);
	assert_int_equal(tenancy_find_key(&w.tenancy, w.policy, key, &w.arena, &found),
	                 ERR_NOT_FOUND);
	atomic_store(&w.complete, false);
	assert_int_equal(tenancy_find(&w.tenancy, w.policy, SLICE_LIT("no"), &w.arena, &found),
	                 ERR_UNAVAILABLE);
	assert_int_equal(tenancy_find_key(&w.tenancy, w.policy, key, &w.arena, &found),
	                 ERR_UNAVAILABLE);
	assert_int_equal(
		tenancy_find(&w.tenancy, w.policy, SLICE_LIT("cust-000001"), &w.arena, &found),
		ERR_OK);
	place_done(&w);
}

/* Edges may decide by a newer policy for a moment, whose order of things is another. */
static void another_policy_is_met_by_name(void **state) {
	static const char turned[] = "regions:\n"
				     "  eu-west: {jurisdiction: eu, location: [53.3, -6.3]}\n"
				     "  us-west: {jurisdiction: us, location: [45.6, -121.2]}\n"
				     "  us-east: {jurisdiction: us, location: [39.0, -77.5]}\n"
				     "residency:\n"
				     "  us: {regions: [us-east, us-west], transit: allow}\n"
				     "cells:\n"
				     "  us-2: {replicas: [us-west]}\n"
				     "  us-1: {replicas: [us-east, us-west]}\n";
	struct place w;
	struct tenancy_found found;
	place_make(&w);
	struct policy *other = policy_make(turned, "");
	assert_int_equal(
		tenancy_find(&w.tenancy, other, SLICE_LIT("cust-000000"), &w.arena, &found),
		ERR_OK);
	assert_string_equal(other->cells[found.tenant->cell].name, "us-1");
	assert_string_equal(other->regions[found.tenant->preferred[0]].name, "us-west");
	assert_int_equal(
		tenancy_find(&w.tenancy, other, SLICE_LIT("cust-000002"), &w.arena, &found),
		ERR_UNAVAILABLE); /* of a class that this policy does not have */
	policy_free(other);
	place_done(&w);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_was_made_since_is_found_whole),
		cmocka_unit_test(the_policy_stands_but_for_preferences),
		cmocka_unit_test(nobody_is_unknown_before_all_are_known),
		cmocka_unit_test(another_policy_is_met_by_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
