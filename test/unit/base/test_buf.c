/* Buffers: the limit, unchanged on error, consuming and growing against a model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

static void starts_without_memory(void **state) {
	struct buf b;
	buf_init(&b, 10);
	assert_null(b.mem);
	assert_int_equal(buf_slice(&b).len, 0);
	buf_done(&b);
	buf_done(&b);
	buf_done(NULL);
}

static void limit_is_exact_and_error_changes_nothing(void **state) {
	struct buf b;
	buf_init(&b, 5);
	assert_int_equal(buf_append_str(&b, "abc"), ERR_OK);
	assert_int_equal(buf_append_str(&b, "def"), ERR_TOO_LARGE);
	assert_true(slice_is(buf_slice(&b), "abc"));
	assert_int_equal(buf_printf(&b, "%d", 1234), ERR_TOO_LARGE);
	assert_true(slice_is(buf_slice(&b), "abc"));
	assert_int_equal(buf_append_str(&b, "de"), ERR_OK);
	const char *text;
	assert_int_equal(buf_cstr(&b, &text), ERR_OK); /* the NUL does not count */
	assert_string_equal(text, "abcde");
	assert_int_equal(b.len, 5);
	buf_consume(&b, 2);
	assert_int_equal(buf_append_str(&b, "fg"), ERR_OK);
	assert_int_equal(buf_append_str(&b, "h"), ERR_TOO_LARGE);
	assert_int_equal(buf_cstr(&b, &text), ERR_OK);
	assert_string_equal(text, "cdefg");
	buf_done(&b);
}

static void huge_lengths_do_not_overflow(void **state) {
	struct buf b;
	uint8_t *room;
	buf_init(&b, 1000);
	assert_int_equal(buf_append_str(&b, "abc"), ERR_OK);
	assert_int_equal(buf_reserve(&b, SIZE_MAX, &room), ERR_TOO_LARGE);
	assert_int_equal(buf_reserve(&b, SIZE_MAX - 2, &room), ERR_TOO_LARGE);
	assert_int_equal(buf_reserve(&b, 998, &room), ERR_TOO_LARGE);
	assert_int_equal(buf_reserve(&b, 997, &room), ERR_OK);
	buf_done(&b);
}

static void zero_limit(void **state) {
	struct buf b;
	const char *text;
	buf_init(&b, 0);
	assert_int_equal(buf_append(&b, NULL, 0), ERR_OK);
	assert_int_equal(buf_append_str(&b, "a"), ERR_TOO_LARGE);
	assert_int_equal(buf_cstr(&b, &text), ERR_OK);
	assert_string_equal(text, "");
	buf_done(&b);
}

static void reserve_and_commit(void **state) {
	struct buf b;
	uint8_t *room;
	buf_init(&b, 1 << 20);
	assert_int_equal(buf_reserve(&b, 5000, &room), ERR_OK);
	memset(room, 'x', 5000);
	buf_commit(&b, 3);
	assert_true(slice_is(buf_slice(&b), "xxx"));
	buf_truncate(&b, 1);
	assert_true(slice_is(buf_slice(&b), "x"));
	buf_done(&b);
}

static void printf_appends(void **state) {
	struct buf b;
	buf_init(&b, 100);
	assert_int_equal(buf_printf(&b, "%s-%d", "a", 7), ERR_OK);
	assert_int_equal(buf_printf(&b, "%s", ""), ERR_OK);
	assert_int_equal(buf_printf(&b, ".%03d", 5), ERR_OK);
	assert_true(slice_is(buf_slice(&b), "a-7.005"));
	buf_done(&b);
}

static void shrink_frees_only_when_empty(void **state) {
	struct buf b;
	buf_init(&b, 100);
	assert_int_equal(buf_append_str(&b, "abc"), ERR_OK);
	buf_shrink(&b);
	assert_true(slice_is(buf_slice(&b), "abc"));
	buf_consume(&b, 3);
	assert_non_null(b.mem);
	buf_shrink(&b);
	assert_null(b.mem);
	assert_int_equal(b.max, 100);
	assert_int_equal(buf_append_str(&b, "again"), ERR_OK);
	buf_reset(&b);
	assert_int_equal(b.len, 0);
	assert_non_null(b.mem);
	buf_done(&b);
}

/* A stream goes through a small buffer in odd pieces and comes out the same. */
static void random_stream_passes_unchanged(void **state) {
	struct buf b;
	buf_init(&b, 777);
	unsigned rng = 1;
	uint8_t written = 0, read = 0;
	for (int step = 0; step < 200000; step++) {
		rng = rng * 1664525u + 1013904223u;
		size_t n = (rng >> 16) % 100;
		if (rng >> 31) {
			uint8_t piece[100];
			for (size_t i = 0; i < n; i++) piece[i] = (uint8_t)(written + i);
			size_t before = b.len;
			enum err e = buf_append(&b, piece, n);
			assert_int_equal(e, before + n > 777 ? ERR_TOO_LARGE : ERR_OK);
			assert_int_equal(b.len, e ? before : before + n);
			if (!e) written = (uint8_t)(written + n);
		} else {
			struct slice s = buf_slice(&b);
			if (n > s.len) n = s.len;
			for (size_t i = 0; i < n; i++)
				assert_int_equal(s.ptr[i], (uint8_t)(read + i));
			read = (uint8_t)(read + n);
			buf_consume(&b, n);
		}
		assert_true(b.cap <= b.max + 1);
	}
	buf_done(&b);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(starts_without_memory),
		cmocka_unit_test(limit_is_exact_and_error_changes_nothing),
		cmocka_unit_test(huge_lengths_do_not_overflow),
		cmocka_unit_test(zero_limit),
		cmocka_unit_test(reserve_and_commit),
		cmocka_unit_test(printf_appends),
		cmocka_unit_test(shrink_frees_only_when_empty),
		cmocka_unit_test(random_stream_passes_unchanged),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
