/* The map against a plain array as model: growth, replacement, removal, walking. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/map.h"

enum { KEYS = 5000 };

static const uint64_t seed[2] = {11, 22};
static char names[KEYS][12];

static struct slice name_of(int i) {
	snprintf(names[i], sizeof names[i], "key-%d", i);
	return slice_str(names[i]);
}

static void empty_map(void **state) {
	struct map m;
	map_init(&m, seed);
	assert_null(map_get(&m, slice_str("a")));
	assert_null(map_remove(&m, slice_str("a")));
	size_t cursor = 0;
	struct slice key;
	void *value;
	assert_false(map_next(&m, &cursor, &key, &value));
	map_done(&m);
	map_done(NULL);
}

static void put_replaces_and_adopts_the_key(void **state) {
	struct map m;
	int one = 1, two = 2;
	char first[] = "same", second[] = "same";
	map_init(&m, seed);
	assert_int_equal(map_put(&m, slice_str(first), &one), ERR_OK);
	assert_int_equal(map_put(&m, slice_str(second), &two), ERR_OK);
	assert_int_equal(m.count, 1);
	first[0] = 'X'; /* the first key's memory may go */
	assert_ptr_equal(map_get(&m, slice_str("same")), &two);
	assert_false(map_remove_if(&m, slice_str("same"), &one));
	assert_false(map_remove_if(&m, slice_str("other"), &two));
	assert_true(map_remove_if(&m, slice_str("same"), &two));
	assert_int_equal(m.count, 0);
	map_done(&m);
}

static void keys_are_bytes(void **state) {
	struct map m;
	int values[3];
	map_init(&m, seed);
	assert_int_equal(map_put(&m, slice_of("a\0b", 3), &values[0]), ERR_OK);
	assert_int_equal(map_put(&m, slice_of("a\0c", 3), &values[1]), ERR_OK);
	assert_int_equal(map_put(&m, slice_of(NULL, 0), &values[2]), ERR_OK);
	assert_ptr_equal(map_get(&m, slice_of("a\0b", 3)), &values[0]);
	assert_ptr_equal(map_get(&m, slice_of("a\0c", 3)), &values[1]);
	assert_ptr_equal(map_get(&m, slice_str("")), &values[2]);
	assert_null(map_get(&m, slice_str("a")));
	map_done(&m);
}

static void grows_and_keeps_all(void **state) {
	struct map m;
	static int values[KEYS];
	map_init(&m, seed);
	for (int i = 0; i < KEYS; i++) {
		assert_int_equal(map_put(&m, name_of(i), &values[i]), ERR_OK);
		assert_true(m.count * 4 <= m.cap * 3 + 4);
	}
	assert_int_equal(m.count, KEYS);
	for (int i = 0; i < KEYS; i++) assert_ptr_equal(map_get(&m, name_of(i)), &values[i]);
	map_done(&m);
}

static void replacing_when_full_does_not_grow(void **state) {
	struct map m;
	static int values[16];
	map_init(&m, seed);
	for (int i = 0; i < 12; i++) assert_int_equal(map_put(&m, name_of(i), &values[i]), ERR_OK);
	size_t cap = m.cap;
	for (int i = 0; i < 12; i++) assert_int_equal(map_put(&m, name_of(i), &values[15]), ERR_OK);
	assert_int_equal(m.cap, cap);
	map_done(&m);
}

/* Churn in a small, crowded table: every removal closes its hole rightly. */
static void random_churn_matches_the_model(void **state) {
	enum { FEW = 40 };
	for (uint64_t round = 0; round < 20; round++) {
		const uint64_t other_seed[2] = {round, 99};
		void *model[FEW] = {0};
		struct map m;
		static int values[FEW];
		map_init(&m, other_seed);
		unsigned rng = (unsigned)round + 1;
		for (int step = 0; step < 5000; step++) {
			rng = rng * 1664525u + 1013904223u;
			int i = (int)((rng >> 16) % FEW);
			if (rng >> 31) {
				model[i] = &values[i];
				assert_int_equal(map_put(&m, name_of(i), model[i]), ERR_OK);
			} else {
				assert_ptr_equal(map_remove(&m, name_of(i)), model[i]);
				model[i] = NULL;
			}
			if (step % 50) continue;
			size_t count = 0;
			for (int k = 0; k < FEW; k++) {
				assert_ptr_equal(map_get(&m, name_of(k)), model[k]);
				count += model[k] != NULL;
			}
			assert_int_equal(m.count, count);
		}
		map_done(&m);
	}
}

static void walk_visits_each_once(void **state) {
	struct map m;
	static int seen[KEYS];
	map_init(&m, seed);
	for (int i = 0; i < KEYS; i++) assert_int_equal(map_put(&m, name_of(i), &seen[i]), ERR_OK);
	for (int i = 0; i < KEYS; i += 2) assert_ptr_equal(map_remove(&m, name_of(i)), &seen[i]);
	size_t cursor = 0;
	struct slice key;
	void *value;
	while (map_next(&m, &cursor, &key, &value)) {
		assert_ptr_equal(map_get(&m, key), value);
		++*(int *)value;
	}
	for (int i = 0; i < KEYS; i++) assert_int_equal(seen[i], i % 2);
	map_done(&m);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_map),
		cmocka_unit_test(put_replaces_and_adopts_the_key),
		cmocka_unit_test(keys_are_bytes),
		cmocka_unit_test(grows_and_keeps_all),
		cmocka_unit_test(replacing_when_full_does_not_grow),
		cmocka_unit_test(random_churn_matches_the_model),
		cmocka_unit_test(walk_visits_each_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
