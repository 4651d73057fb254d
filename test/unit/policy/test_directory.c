/* The directory under changes: what a reader sees of each, what is refused, what a merge and a
 * swap keep. One thread; test_directory_threads.c has several. */
#include "tenants.h"

#include "base/parse.h"

enum { BASE = 300 };

static struct policy *policy;
static struct memory_image memory;
static struct directory *directory;

static int set_up(void **state) {
	policy = load_good(tenants_yaml);
	directory_thread_enter();
	return 0;
}

static int tear_down(void **state) {
	directory_thread_leave();
	policy_free(policy);
	return 0;
}

static int begin(void **state) {
	image_build(policy, BASE, &memory);
	assert_int_equal(directory_new(image_open(policy, &memory), &directory), ERR_OK);
	return 0;
}

static int end(void **state) {
	tenant_image_close(directory_free(directory));
	free(memory.bytes);
	return 0;
}

static enum err put(int n, int version, uint64_t revision) {
	struct numbered t;
	struct fault f;
	return directory_put(directory, row_make(&t, n, version), revision, &f);
}

static enum err drop(int n, uint64_t revision) {
	struct numbered t;
	struct fault f;
	return directory_delete(directory, row_make(&t, n, 0)->name, revision, &f);
}

/* Found as version v by its name, in a batch and by each key of that version; v < 0: not at all. */
static bool is_at(int n, int v) {
	struct numbered t;
	struct tenant found, batched;
	bool in_batch, good;
	const struct tenant_row *row = row_make(&t, n, v < 0 ? 0 : v);
	const struct directory_snapshot *s = directory_read_begin(directory);
	directory_find_batch(s, &row->name, 1, &batched, &in_batch);
	good = directory_find(s, row->name, &found) == (v >= 0) && in_batch == (v >= 0);
	if (v >= 0) good = good && tenant_is(&found, row) && tenant_is(&batched, row);
	for (int i = 0; good && i < row->key_count; i++)
		good = directory_find_key(s, row->keys[i], &found) == (v >= 0) &&
		       (v < 0 || tenant_is(&found, row));
	directory_read_end(directory);
	return good;
}

static bool has_owner(int n, int version) {
	uint8_t key[SHA256_BYTES];
	struct tenant found;
	key_make(key, n, version);
	const struct directory_snapshot *s = directory_read_begin(directory);
	bool owned = directory_find_key(s, key, &found);
	directory_read_end(directory);
	return owned;
}

/* Everyone once, by walking: how many, and the sum of their numbers. */
static void walked(int *count, long *sum) {
	struct directory_cursor cursor = {0};
	struct tenant t;
	*count = 0;
	*sum = 0;
	const struct directory_snapshot *s = directory_read_begin(directory);
	while (directory_next(s, &cursor, &t)) {
		++*count;
		uint64_t number;
		struct slice name = tenant_name(&t);
		assert_int_equal(parse_u64(slice_of(name.ptr + 5, name.len - 5), 999999, &number),
		                 ERR_OK);
		*sum += (long)number;
	}
	assert_false(directory_next(s, &cursor, &t));
	directory_read_end(directory);
}

static struct directory_facts facts(void) {
	struct directory_facts f = directory_facts(directory_read_begin(directory));
	directory_read_end(directory);
	return f;
}

static void without_changes_the_image_is_seen(void **state) {
	for (int n = 0; n < BASE; n++) assert_true(is_at(n, 0));
	assert_true(is_at(BASE, -1));
	assert_int_equal(facts().pending, 0);
	assert_int_equal(facts().revision, 5);
}

static void a_change_is_seen_at_once_and_its_old_keys_are_not(void **state) {
	assert_int_equal(put(3, 1, 6), ERR_OK);
	assert_true(is_at(3, 1));
	assert_int_equal(put(3, 2, 7), ERR_OK);
	assert_true(is_at(3, 2));
	assert_false(has_owner(3, 1));
	assert_true(has_owner(3, 0));
	assert_int_equal(put(BASE + 7, 0, 8), ERR_OK);
	assert_true(is_at(BASE + 7, 0));
	assert_int_equal(facts().pending, 2);
	assert_int_equal(facts().revision, 8);
	for (int n = 4; n < BASE; n++) assert_true(is_at(n, 0));
}

static void the_deleted_are_gone_until_made_anew(void **state) {
	assert_int_equal(drop(4, 6), ERR_OK);
	assert_true(is_at(4, -1));
	assert_false(has_owner(4, 0));
	assert_int_equal(drop(4, 7), ERR_NOT_FOUND);
	assert_int_equal(drop(BASE, 7), ERR_NOT_FOUND);
	assert_int_equal(put(4, 3, 8), ERR_OK);
	assert_true(is_at(4, 3));
	assert_int_equal(put(BASE + 1, 1, 9), ERR_OK);
	assert_int_equal(drop(BASE + 1, 9), ERR_OK);
	assert_true(is_at(BASE + 1, -1));
	assert_false(has_owner(BASE + 1, 1));
}

static void what_is_wrong_changes_nothing(void **state) {
	struct numbered t;
	struct fault f;
	row_make(&t, 6, 1);
	key_make(t.row.keys[0], 7, 0);
	assert_int_equal(directory_put(directory, &t.row, 6, &f), ERR_EXISTS);
	assert_string_equal(f.text, "a key of tenant 'cust-000006' belongs to tenant "
	                            "'cust-000007' already; expected each key once");
	row_make(&t, 6, 1);
	t.row.profile.cell = 2;
	assert_int_equal(directory_put(directory, &t.row, 6, &f), ERR_INVALID);
	assert_int_equal(put(6, 1, 4), ERR_CONFLICT);
	assert_string_equal(f.text,
	                    "cell 'eu-1' keeps copies in eu-west, outside residency class 'us' "
	                    "(us-east, us-west); expected a cell within the class");
	assert_true(is_at(6, 0));
	assert_int_equal(facts().pending, 0);
	assert_int_equal(facts().revision, 5);
}

static void a_freed_key_may_be_given_to_another(void **state) {
	struct numbered t;
	struct fault f;
	assert_int_equal(put(8, 1, 6), ERR_OK);
	assert_int_equal(put(8, 2, 6), ERR_OK);
	row_make(&t, 9, 0);
	key_make(t.row.keys[t.row.key_count++], 8, 1);
	assert_int_equal(directory_put(directory, &t.row, 6, &f), ERR_OK);
	assert_true(has_owner(8, 1));
	assert_true(is_at(8, 2));
	assert_int_equal(drop(8, 6), ERR_OK);
	key_make(t.row.keys[t.row.key_count++], 8, 0);
	assert_int_equal(directory_put(directory, &t.row, 6, &f), ERR_OK);
	assert_true(has_owner(8, 0));
}

static void everyone_is_walked_once(void **state) {
	int count;
	long sum;
	walked(&count, &sum);
	assert_true(count == BASE && sum == (long)BASE * (BASE - 1) / 2);
	for (int n = 0; n < 100; n += 2) assert_int_equal(put(n, 1, 6), ERR_OK);
	for (int n = 1; n < 11; n += 2) assert_int_equal(drop(n, 6), ERR_OK);
	for (int n = BASE; n < BASE + 10; n++) assert_int_equal(put(n, 0, 6), ERR_OK);
	walked(&count, &sum);
	assert_int_equal(count, BASE - 5 + 10);
	assert_int_equal(sum, (long)(BASE + 10) * (BASE + 9) / 2 - 25);
}

/* Changes of thousands of tenants: buckets fill, empty, and the limbo is emptied many times. */
static void many_changes(void **state) {
	for (int round = 1; round <= 3; round++)
		for (int n = 0; n < 4000; n++)
			assert_int_equal(put(n, round, (uint64_t)(5 + round)), ERR_OK);
	for (int n = 0; n < 4000; n++) assert_true(is_at(n, 3));
	for (int n = 0; n < 4000; n += 2) assert_int_equal(drop(n, 9), ERR_OK);
	for (int n = 0; n < 4000; n++) assert_true(is_at(n, n % 2 ? 3 : -1));
	assert_int_equal(facts().pending, 4000);
}

/* --- merges ------------------------------------------------------------------------------- */

static struct directory_merge *merge_begin(void) {
	struct directory_merge *m;
	assert_int_equal(directory_merge_new(directory, &m), ERR_OK);
	return m;
}

static void merge_run(struct directory_merge *m, struct memory_image *to) {
	struct tenant_sink sink = memory_sink(to);
	struct fault f;
	enum err e = directory_merge_run(m, &sink, NULL, &f);
	if (e) fail_msg("%s", f.text);
}

static void swap(struct directory_merge *m, struct memory_image *to) {
	struct tenant_image *fresh = image_open(policy, to), *old;
	struct fault f;
	assert_int_equal(tenant_image_verify(fresh, NULL, &f), ERR_OK);
	assert_int_equal(directory_swap(directory, fresh, m, &old, &f), ERR_OK);
	tenant_image_close(old);
	free(memory.bytes);
	memory = *to;
}

static void a_merge_keeps_what_is_and_what_came_meanwhile(void **state) {
	struct memory_image fresh;
	for (int n = 0; n < 50; n++) assert_int_equal(put(n, 1, 6), ERR_OK);
	for (int n = 50; n < 60; n++) assert_int_equal(drop(n, 6), ERR_OK);
	for (int n = BASE; n < BASE + 50; n++) assert_int_equal(put(n, 1, 7), ERR_OK);
	struct directory_merge *m = merge_begin(), *second;
	assert_int_equal(directory_merge_new(directory, &second), ERR_CONFLICT);
	for (int n = 0; n < 10; n++) assert_int_equal(put(n, 2, 8), ERR_OK);
	assert_int_equal(drop(BASE, 8), ERR_OK); /* the new image will have it */
	assert_int_equal(put(50, 2, 8), ERR_OK); /* the new image will not */
	assert_int_equal(drop(20, 8), ERR_OK);
	directory_reclaim(directory); /* what the merge holds must stay */
	merge_run(m, &fresh);
	assert_int_equal(put(BASE + 99, 0, 9), ERR_OK);
	swap(m, &fresh);
	directory_merge_free(m);
	for (int n = 0; n < BASE + 50; n++) {
		int version = n < 10 ? 2 : n < 50 ? 1 : n < 60 ? -1 : n < BASE ? 0 : 1;
		if (n == 50) version = 2;
		if (n == 20 || n == BASE) version = -1;
		assert_true(is_at(n, version));
	}
	assert_true(is_at(BASE + 99, 0));
	struct directory_facts f = facts();
	assert_int_equal(f.image.tenant_count, BASE - 10 + 50);
	assert_int_equal(f.image.revision, 7);
	assert_int_equal(f.revision, 9);
	assert_int_equal(f.pending, 14);
	assert_int_equal(f.merges, 1);
}

static void a_merge_may_be_given_up(void **state) {
	assert_int_equal(put(1, 1, 6), ERR_OK);
	struct directory_merge *m = merge_begin();
	assert_int_equal(put(1, 2, 6), ERR_OK);
	directory_reclaim(directory);
	directory_merge_free(m);
	assert_true(is_at(1, 2));
	m = merge_begin();
	struct memory_image fresh;
	merge_run(m, &fresh);
	swap(m, &fresh);
	directory_merge_free(m);
	assert_true(is_at(1, 2));
	assert_int_equal(facts().pending, 0);
}

/* --- another policy --------------------------------------------------------------------------- */

static void changes_follow_to_another_policy(void **state) {
	static const char other[] = "regions:\n"
				    "  eu-west: {jurisdiction: eu, location: [53.3, -6.3]}\n"
				    "  us-west: {jurisdiction: us, location: [45.6, -121.2]}\n"
				    "  us-east: {jurisdiction: us, location: [39.0, -77.5]}\n"
				    "residency:\n"
				    "  eu: {regions: [eu-west], transit: refuse}\n"
				    "  us: {regions: [us-east, us-west], transit: allow}\n"
				    "cells:\n"
				    "  eu-1: {replicas: [eu-west]}\n"
				    "  us-2: {replicas: [us-west]}\n"
				    "  us-1: {replicas: [us-east, us-west]}\n";
	struct policy *moved = load_good(other);
	struct tenant_image *old;
	struct tenant t;
	struct fault f;
	assert_int_equal(put(3, 1, 6), ERR_OK);
	assert_int_equal(drop(4, 6), ERR_OK);
	assert_int_equal(directory_swap(directory, image_open(moved, &memory), NULL, &old, &f),
	                 ERR_OK);
	tenant_image_close(old);
	const struct directory_snapshot *s = directory_read_begin(directory);
	assert_ptr_equal(directory_policy(s), moved);
	assert_true(directory_find(s, SLICE_LIT("cust-000003"), &t));
	assert_string_equal(moved->cells[t.profile->cell].name, "us-1");
	assert_string_equal(moved->regions[t.profile->preferred[0]].name, "us-west");
	assert_false(directory_find(s, SLICE_LIT("cust-000004"), &t));
	directory_read_end(directory);
	assert_int_equal(directory_swap(directory, image_open(policy, &memory), NULL, &old, &f),
	                 ERR_OK);
	tenant_image_close(old);
	policy_free(moved);
	assert_true(is_at(3, 1));
}

/* The image's tenants fit, a changed one does not: the old policy goes on. */
static void a_policy_that_a_change_does_not_fit_is_refused(void **state) {
	static const char other[] =
		"regions:\n  us-west: {jurisdiction: us, location: [45.6, -121.2]}\n"
		"residency: {us: {regions: all}}\n"
		"cells: {us-2: {replicas: [us-west]}}\n";
	struct policy *smaller = load_good(other);
	struct memory_image empty;
	struct tenant_image *old;
	struct fault f;
	assert_int_equal(put(3, 1, 6), ERR_OK);
	image_build(policy, 0, &empty);
	struct tenant_image *image = image_open(smaller, &empty);
	assert_int_equal(directory_swap(directory, image, NULL, &old, &f), ERR_INVALID);
	assert_string_equal(f.text, "tenants are of cell 'us-1', which the policy does not have");
	tenant_image_close(image);
	free(empty.bytes);
	policy_free(smaller);
	assert_true(is_at(3, 1));
	assert_true(is_at(5, 0));
}

int main(void) {
#define CASE(test) cmocka_unit_test_setup_teardown(test, begin, end)
	const struct CMUnitTest tests[] = {
		CASE(without_changes_the_image_is_seen),
		CASE(a_change_is_seen_at_once_and_its_old_keys_are_not),
		CASE(the_deleted_are_gone_until_made_anew),
		CASE(what_is_wrong_changes_nothing),
		CASE(a_freed_key_may_be_given_to_another),
		CASE(everyone_is_walked_once),
		CASE(many_changes),
		CASE(a_merge_keeps_what_is_and_what_came_meanwhile),
		CASE(a_merge_may_be_given_up),
		CASE(changes_follow_to_another_policy),
		CASE(a_policy_that_a_change_does_not_fit_is_refused),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
