/* Paths, queries and percent-encoding. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "io/http_uri.h"

static void paths_split(void **state) {
	const struct {
		const char *path, *segments; /* each followed by '|' */
	} rows[] = {
		{"/", "|"},           {"/v1/data/a/b%2Fc", "v1|data|a|b%2Fc|"},
		{"/a//b/", "a||b||"}, {"", ""},
		{"a/b", ""},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct slice rest = slice_str(rows[i].path), segment,
			     expected = slice_str(rows[i].segments);
		while (http_path_next(&rest, &segment))
			assert_true(slice_eq(segment, slice_cut(&expected, '|')));
		assert_int_equal(expected.len, 0);
	}
	struct slice rest = SLICE_LIT("/data/x/y"), segment;
	assert_true(http_path_next(&rest, &segment));
	assert_true(slice_is(rest, "/x/y"));
}

static void queries_split(void **state) {
	struct slice query = SLICE_LIT("&a=1&&b&c==2&=d&"), name, value;
	assert_true(http_query_next(&query, &name, &value));
	assert_true(slice_is(name, "a") && slice_is(value, "1"));
	assert_true(http_query_next(&query, &name, &value));
	assert_true(slice_is(name, "b") && value.ptr == NULL);
	assert_true(http_query_next(&query, &name, &value));
	assert_true(slice_is(name, "c") && slice_is(value, "=2"));
	assert_true(http_query_next(&query, &name, &value));
	assert_true(slice_is(name, "") && slice_is(value, "d"));
	assert_false(http_query_next(&query, &name, &value));
	query = SLICE_LIT("x=");
	assert_true(http_query_next(&query, &name, &value));
	assert_true(value.ptr != NULL && value.len == 0);
}

static void decoding_is_strict(void **state) {
	uint8_t out[64];
	size_t len = 99;
	const char *bad[] = {"%", "a%", "%4", "%4g", "%g4", "%%41", "%-1", "% 1", "a%2"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(
			http_uri_decode(slice_str(bad[i]), HTTP_URI_PATH, out, sizeof(out), &len),
			ERR_INVALID);
	assert_int_equal(len, 99);
	assert_int_equal(http_uri_decode(SLICE_LIT("a+b%2B%00%c3%A9%2f"), HTTP_URI_PATH, out,
	                                 sizeof(out), &len),
	                 ERR_OK);
	assert_true(slice_eq(slice_of(out, len), SLICE_LIT("a+b+\0\xc3\xa9/")));
	assert_int_equal(
		http_uri_decode(SLICE_LIT("a+b%2B"), HTTP_URI_QUERY, out, sizeof(out), &len),
		ERR_OK);
	assert_true(slice_is(slice_of(out, len), "a b+"));
	assert_int_equal(http_uri_decode(SLICE_LIT("%41bc"), HTTP_URI_PATH, out, 2, &len),
	                 ERR_TOO_LARGE);
	assert_int_equal(http_uri_decode(SLICE_LIT("%41b"), HTTP_URI_PATH, out, 2, &len), ERR_OK);
	memcpy(out, "%41%42c", 7);
	assert_int_equal(http_uri_decode(slice_of(out, 7), HTTP_URI_PATH, out, 7, &len), ERR_OK);
	assert_true(slice_is(slice_of(out, len), "ABc"));
	assert_int_equal(http_uri_decode(slice_of(NULL, 0), HTTP_URI_PATH, out, 0, &len), ERR_OK);
	assert_int_equal(len, 0);
}

static void encoding_rounds(void **state) {
	uint8_t all[256], back[256];
	size_t len;
	for (int i = 0; i < 256; i++) all[i] = (uint8_t)i;
	struct buf b;
	buf_init(&b, 4096);
	assert_int_equal(http_uri_encode(&b, slice_of(all, 256), false), ERR_OK);
	assert_int_equal(b.len, 66 + 190 * 3);
	for (int part = HTTP_URI_PATH; part <= HTTP_URI_QUERY; part++) {
		assert_int_equal(http_uri_decode(buf_slice(&b), part, back, 256, &len), ERR_OK);
		assert_true(slice_eq(slice_of(back, len), slice_of(all, 256)));
	}
	buf_reset(&b);
	assert_int_equal(http_uri_encode(&b, SLICE_LIT("a/b c"), true), ERR_OK);
	assert_true(slice_is(buf_slice(&b), "a/b%20c"));
	b.max = 8;
	assert_int_equal(http_uri_encode(&b, SLICE_LIT(" "), true), ERR_TOO_LARGE);
	assert_true(slice_is(buf_slice(&b), "a/b%20c"));
	buf_done(&b);
}

static void dots_are_seen_in_any_spelling(void **state) {
	const char *dots[] = {".", "..", "%2e", "%2E.", ".%2e", "%2e%2E"};
	const char *others[] = {"", "...", ".a", "a.", "%2", "%2f", ".%2", "%2e%2e%2e", "%252e"};
	for (size_t i = 0; i < sizeof(dots) / sizeof(dots[0]); i++)
		assert_true(http_uri_dots(slice_str(dots[i])));
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_false(http_uri_dots(slice_str(others[i])));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_split),
		cmocka_unit_test(queries_split),
		cmocka_unit_test(decoding_is_strict),
		cmocka_unit_test(encoding_rounds),
		cmocka_unit_test(dots_are_seen_in_any_spelling),
	};
	return cmocka_run_group_tests_name("http_uri", tests, NULL, NULL);
}
