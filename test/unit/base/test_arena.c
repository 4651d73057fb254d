/* Arenas: alignment, zeroing, the limit, reset. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdalign.h>
#include <string.h>

#include "base/arena.h"

static void memory_is_aligned_zeroed_and_apart(void **state) {
	struct arena a;
	arena_init(&a, 1 << 20);
	uint8_t *prev = NULL;
	for (size_t size = 0; size < 200; size++) {
		uint8_t *p = arena_alloc(&a, size);
		assert_non_null(p);
		assert_ptr_not_equal(p, prev);
		assert_int_equal((uintptr_t)p % alignof(max_align_t), 0);
		for (size_t i = 0; i < size; i++) assert_int_equal(p[i], 0);
		memset(p, 0xaa, size);
		prev = p;
	}
	arena_done(&a);
}

static void limit_is_kept(void **state) {
	struct arena a;
	arena_init(&a, 4096);
	assert_null(arena_alloc(&a, 4097));
	assert_null(arena_alloc(&a, SIZE_MAX));
	assert_null(arena_alloc(&a, SIZE_MAX - 8));
	assert_non_null(arena_alloc(&a, 4000));
	assert_null(arena_alloc(&a, 200));
	assert_non_null(arena_alloc(&a, 96));
	assert_null(arena_alloc(&a, 1));
	arena_done(&a);
}

static void huge_limit_does_not_overflow(void **state) {
	struct arena a;
	arena_init(&a, SIZE_MAX);
	assert_null(arena_alloc(&a, SIZE_MAX));
	assert_null(arena_alloc(&a, SIZE_MAX / 2 + 1));
	assert_non_null(arena_alloc(&a, 1));
	arena_done(&a);
}

static void big_requests_get_their_own_block(void **state) {
	struct arena a;
	arena_init(&a, 1 << 24);
	char *small = arena_alloc(&a, 10);
	memcpy(small, "small", 6);
	char *big = arena_alloc(&a, 1 << 20);
	assert_non_null(big);
	memset(big, 1, 1 << 20);
	assert_string_equal(small, "small");
	arena_done(&a);
}

static void reset_reuses_the_first_block(void **state) {
	struct arena a;
	arena_init(&a, 1 << 20);
	uint8_t *first = arena_alloc(&a, 100);
	memset(first, 0xff, 100);
	for (int i = 0; i < 100; i++) assert_non_null(arena_alloc(&a, 1000));
	arena_reset(&a);
	assert_int_equal(a.used_bytes, 0);
	uint8_t *again = arena_alloc(&a, 100);
	assert_ptr_equal(again, first);
	for (int i = 0; i < 100; i++) assert_int_equal(again[i], 0);
	arena_done(&a);
	arena_done(&a);
	arena_done(NULL);
}

static void copies(void **state) {
	struct arena a;
	arena_init(&a, 1000);
	char *text = arena_strdup(&a, slice_of("ab\0c", 4));
	assert_memory_equal(text, "ab\0c", 5);
	assert_string_equal(arena_strdup(&a, slice_of(NULL, 0)), "");
	struct slice copy = arena_copy(&a, slice_str("xyz"));
	assert_true(slice_is(copy, "xyz"));
	assert_int_equal(arena_copy(&a, slice_of(NULL, 0)).len, 0);
	uint8_t large[2000] = {0};
	assert_null(arena_copy(&a, slice_of(large, sizeof large)).ptr);
	assert_null(arena_strdup(&a, slice_of(large, sizeof large)));
	arena_done(&a);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_aligned_zeroed_and_apart),
		cmocka_unit_test(limit_is_kept),
		cmocka_unit_test(huge_limit_does_not_overflow),
		cmocka_unit_test(big_requests_get_their_own_block),
		cmocka_unit_test(reset_reuses_the_first_block),
		cmocka_unit_test(copies),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
