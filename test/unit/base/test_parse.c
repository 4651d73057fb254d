/* Numbers, units, names and UTF-8: the edges on both sides. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/parse.h"

static enum err u64(const char *text, uint64_t max, uint64_t *out) {
	return parse_u64(slice_str(text), max, out);
}

static void u64_accepts(void **state) {
	uint64_t v;
	assert_int_equal(u64("0", 0, &v), ERR_OK);
	assert_true(v == 0);
	assert_int_equal(u64("18446744073709551615", UINT64_MAX, &v), ERR_OK);
	assert_true(v == UINT64_MAX);
	assert_int_equal(u64("255", 255, &v), ERR_OK);
	assert_int_equal(u64("7", 7, &v), ERR_OK);
	assert_int_equal(u64("007", 7, &v), ERR_OK);
	assert_true(v == 7);
}

static void u64_refuses_and_leaves_out_alone(void **state) {
	const char *bad[] = {"",
	                     " 1",
	                     "1 ",
	                     "+1",
	                     "-1",
	                     "1.0",
	                     "0x1",
	                     "1e3",
	                     "abc",
	                     "1a",
	                     "\xd9\xa1",
	                     "18446744073709551616",
	                     "99999999999999999999",
	                     "184467440737095516150"};
	uint64_t v = 42;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(u64(bad[i], UINT64_MAX, &v), ERR_INVALID);
	assert_int_equal(u64("256", 255, &v), ERR_INVALID);
	assert_int_equal(u64("8", 7, &v), ERR_INVALID);
	assert_int_equal(u64("10", 7, &v), ERR_INVALID);
	assert_int_equal(u64("1", 0, &v), ERR_INVALID);
	assert_int_equal(parse_u64(slice_of("1\0", 2), 9, &v), ERR_INVALID);
	assert_true(v == 42);
}

static void i64_edges(void **state) {
	int64_t v;
	assert_int_equal(parse_i64(slice_str("-9223372036854775808"), &v), ERR_OK);
	assert_true(v == INT64_MIN);
	assert_int_equal(parse_i64(slice_str("9223372036854775807"), &v), ERR_OK);
	assert_true(v == INT64_MAX);
	assert_int_equal(parse_i64(slice_str("-0"), &v), ERR_OK);
	assert_true(v == 0);
	const char *bad[] = {
		"", "-", "--1", "+1", "- 1", "9223372036854775808", "-9223372036854775809"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(parse_i64(slice_str(bad[i]), &v), ERR_INVALID);
}

static void durations(void **state) {
	const struct {
		const char *text;
		uint64_t ms;
	} good[] = {{"0s", 0},      {"250ms", 250},    {"30s", 30000},
	            {"5m", 300000}, {"12h", 43200000}, {"7d", 604800000}};
	uint64_t v = 1;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		assert_int_equal(parse_duration_ms(slice_str(good[i].text), 604800000, &v), ERR_OK);
		assert_true(v == good[i].ms);
	}
	const char *bad[] = {"",
	                     "5",
	                     "ms",
	                     "5 s",
	                     "-5s",
	                     "1.5s",
	                     "5S",
	                     "5sec",
	                     "8d",
	                     "604800001ms",
	                     "18446744073709551615d",
	                     "99999999999999999999ms",
	                     "1h30m"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(parse_duration_ms(slice_str(bad[i]), 604800000, &v), ERR_INVALID);
	assert_int_equal(parse_duration_ms(slice_str("18446744073709551615d"), UINT64_MAX, &v),
	                 ERR_INVALID);
}

static void byte_sizes(void **state) {
	uint64_t v;
	assert_int_equal(parse_bytes(slice_str("4096"), UINT64_MAX, &v), ERR_OK);
	assert_true(v == 4096);
	assert_int_equal(parse_bytes(slice_str("64KiB"), UINT64_MAX, &v), ERR_OK);
	assert_true(v == 65536);
	assert_int_equal(parse_bytes(slice_str("16MiB"), 16 << 20, &v), ERR_OK);
	assert_true(v == 16 << 20);
	assert_int_equal(parse_bytes(slice_str("2GiB"), UINT64_MAX, &v), ERR_OK);
	assert_true(v == 2ull << 30);
	const char *bad[] = {"",   "KiB", "1KB",   "1kib",          "1 KiB",
	                     "1B", "-1",  "17MiB", "17179869184GiB"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(parse_bytes(slice_str(bad[i]), 16 << 20, &v), ERR_INVALID);
}

static void utf8_accepts(void **state) {
	const char *good[] = {"",
	                      "plain",
	                      "\x7f",
	                      "\xc2\x80",
	                      "\xdf\xbf",
	                      "\xe0\xa0\x80",
	                      "\xed\x9f\xbf",
	                      "\xee\x80\x80",
	                      "\xef\xbf\xbf",
	                      "\xf0\x90\x80\x80",
	                      "\xf4\x8f\xbf\xbf",
	                      "na\xc3\xafve \xe2\x82\xac \xf0\x9f\x8f\xa0"};
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		assert_true(utf8_valid(slice_str(good[i])));
	assert_true(utf8_valid(slice_of("a\0b", 3)));
	assert_true(utf8_valid(slice_of(NULL, 0)));
}

static void utf8_refuses(void **state) {
	const char *bad[] = {
		"\x80",
		"\xbf",
		"a\x80",
		"\xc0\x80",
		"\xc1\xbf",
		"\xc2",
		"\xc2\x41",
		"\xc2\xc2", /* 2 bytes */
		"\xe0\x80\x80",
		"\xe0\x9f\xbf",
		"\xe2\x82",
		"\xe2\x82\x41",
		"\xe2\x28\xa1", /* 3 bytes */
		"\xed\xa0\x80",
		"\xed\xbf\xbf", /* surrogates */
		"\xf0\x80\x80\x80",
		"\xf0\x8f\xbf\xbf",
		"\xf0\x9f\x8f",
		"\xf0\x9f\x8f\x41", /* 4 bytes */
		"\xf4\x90\x80\x80",
		"\xf5\x80\x80\x80",
		"\xf8\x88\x80\x80\x80",
		"\xfe",
		"\xff",
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_false(utf8_valid(slice_str(bad[i])));
		/* An exact heap copy: the sanitizer sees a read past a cut sequence. */
		size_t len = strlen(bad[i]);
		uint8_t *copy = malloc(len);
		memcpy(copy, bad[i], len);
		assert_false(utf8_valid(slice_of(copy, len)));
		free(copy);
	}
}

/* Every 3-byte string: valid exactly when it decodes to what it should. */
static void utf8_counts_match_unicode(void **state) {
	int valid = 0;
	for (int a = 0xe0; a < 0xf0; a++)
		for (int b = 0; b < 256; b++)
			for (int c = 0; c < 256; c++) {
				uint8_t s[3] = {(uint8_t)a, (uint8_t)b, (uint8_t)c};
				valid += utf8_valid(slice_of(s, 3));
			}
	assert_int_equal(valid, 0x10000 - 0x800 - 0x800); /* U+0800…U+FFFF less surrogates */
}

static void names(void **state) {
	assert_true(name_valid(slice_str("us-east"), 63));
	assert_true(name_valid(slice_str("a"), 1));
	assert_true(name_valid(slice_str("0-"), 2));
	const char *bad[] = {"", "-a", "A", "a_b", "a.b", "a b", "\xc3\xa4", "a/b"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(name_valid(slice_str(bad[i]), 63));
	assert_false(name_valid(slice_str("abc"), 2));
	assert_false(name_valid(slice_of("a\0", 2), 63));
}

static void text_is_clean_without_control_characters(void **state) {
	assert_true(text_clean(SLICE_LIT("")));
	assert_true(text_clean(SLICE_LIT("a b~\xc3\xa9")));
	assert_false(text_clean(SLICE_LIT("a\n")));
	assert_false(text_clean(SLICE_LIT("\x7f")));
	assert_false(text_clean(slice_of("\0", 1)));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(u64_accepts),  cmocka_unit_test(u64_refuses_and_leaves_out_alone),
		cmocka_unit_test(i64_edges),    cmocka_unit_test(durations),
		cmocka_unit_test(byte_sizes),   cmocka_unit_test(utf8_accepts),
		cmocka_unit_test(utf8_refuses), cmocka_unit_test(utf8_counts_match_unicode),
		cmocka_unit_test(names),
		cmocka_unit_test(text_is_clean_without_control_characters),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
