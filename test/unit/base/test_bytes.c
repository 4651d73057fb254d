/* Encodings: hostile readers, full writers, hex and base64url in one spelling only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

static void write_then_read(void **state) {
	uint8_t mem[18];
	struct bytes_writer w = bytes_writer(mem, sizeof mem);
	bytes_put_u8(&w, 0xab);
	bytes_put_u16(&w, 0x1234);
	bytes_put_u32(&w, 0xdeadbeef);
	bytes_put_u64(&w, 0x0123456789abcdef);
	bytes_put(&w, slice_str("xyz"));
	assert_false(w.failed);
	assert_int_equal(w.len, sizeof mem);
	assert_memory_equal(mem, "\xab\x34\x12\xef\xbe\xad\xde\xef\xcd\xab\x89\x67\x45\x23\x01xyz",
	                    18);

	struct bytes_reader r = bytes_reader(slice_of(mem, sizeof mem));
	assert_int_equal(bytes_u8(&r), 0xab);
	assert_int_equal(bytes_u16(&r), 0x1234);
	assert_int_equal(bytes_u32(&r), 0xdeadbeef);
	assert_true(bytes_u64(&r) == 0x0123456789abcdef);
	assert_false(bytes_end(&r));
	assert_true(slice_is(bytes_take(&r, 3), "xyz"));
	assert_true(bytes_end(&r));
}

static void full_writer_sticks(void **state) {
	uint8_t mem[4];
	struct bytes_writer w = bytes_writer(mem, sizeof mem);
	bytes_put_u16(&w, 1);
	bytes_put_u32(&w, 2);
	assert_true(w.failed);
	assert_int_equal(w.len, 2);
	bytes_put_u8(&w, 3); /* there is room, but the record is broken already */
	assert_int_equal(w.len, 2);
	w = bytes_writer(mem, sizeof mem);
	bytes_put(&w, slice_of(mem, SIZE_MAX));
	assert_true(w.failed);
}

static void empty_writes_need_no_memory(void **state) {
	struct bytes_writer w = bytes_writer(NULL, 0);
	bytes_put(&w, slice_of(NULL, 0));
	assert_false(w.failed);
}

/* Each read from each too short heap block: the sanitizer sees one byte too many. */
static void reader_never_passes_its_end(void **state) {
	for (size_t len = 0; len < 8; len++) {
		uint8_t *mem = malloc(len ? len : 1);
		memset(mem, 0xff, len ? len : 1);
		struct bytes_reader r = bytes_reader(slice_of(mem, len));
		assert_true(bytes_u64(&r) == 0);
		assert_true(r.failed);
		assert_false(bytes_end(&r));
		assert_int_equal(bytes_u8(&r), 0); /* failure sticks */
		assert_int_equal(bytes_take(&r, 0).len, 0);
		assert_true(r.failed);
		r = bytes_reader(slice_of(mem, len));
		if (len < 4) assert_int_equal(bytes_u32(&r), 0);
		assert_int_equal(r.failed, len < 4);
		r = bytes_reader(slice_of(mem, len));
		if (len < 2) assert_int_equal(bytes_u16(&r), 0);
		assert_int_equal(r.failed, len < 2);
		free(mem);
	}
}

static void hostile_lengths_fail(void **state) {
	const size_t lengths[] = {4, SIZE_MAX, SIZE_MAX - 3, SIZE_MAX / 2};
	for (size_t i = 0; i < 4; i++) {
		struct bytes_reader r = bytes_reader(slice_str("abc"));
		struct slice s = bytes_take(&r, lengths[i]);
		assert_null(s.ptr);
		assert_int_equal(s.len, 0);
		assert_true(r.failed);
	}
	struct bytes_reader r = bytes_reader(slice_of(NULL, 0));
	assert_int_equal(bytes_take(&r, 0).len, 0);
	assert_true(bytes_end(&r));
}

static void hex_both_ways(void **state) {
	uint8_t all[256], back[256];
	char text[513];
	for (int i = 0; i < 256; i++) all[i] = (uint8_t)i;
	hex_encode(slice_of(all, 256), text);
	assert_memory_equal(text, "000102030405060708090a0b0c0d0e0f10", 34);
	assert_int_equal(hex_decode(slice_str(text), back, 256), ERR_OK);
	assert_memory_equal(all, back, 256);
	hex_encode(slice_of(NULL, 0), text);
	assert_string_equal(text, "");
	assert_int_equal(hex_decode(slice_of(NULL, 0), back, 0), ERR_OK);
}

static void hex_refuses(void **state) {
	const char *bad[] = {"0", "000", "0g", "g0", "0A", "A0", " 0", "0x", "00 ", "0000", ""};
	uint8_t out[1];
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(hex_decode(slice_str(bad[i]), out, 1), ERR_INVALID);
}

/* RFC 4648, section 10, without the padding. */
static void base64url_vectors(void **state) {
	const char *vectors[][2] = {
		{"", ""},           {"f", "Zg"},          {"fo", "Zm8"},         {"foo", "Zm9v"},
		{"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}};
	for (size_t i = 0; i < 7; i++) {
		char text[16];
		uint8_t bytes[16];
		size_t len;
		assert_int_equal(base64url_encode(slice_str(vectors[i][0]), text),
		                 strlen(vectors[i][1]));
		assert_string_equal(text, vectors[i][1]);
		assert_int_equal(base64url_decode(slice_str(text), bytes, 16, &len), ERR_OK);
		assert_true(slice_eq(slice_of(bytes, len), slice_str(vectors[i][0])));
	}
	char text[8];
	base64url_encode(slice_str("\xfb\xff\xfe"), text);
	assert_string_equal(text, "-__-");
}

static void base64_vectors(void **state) {
	const char *vectors[][2] = {{"", ""},
	                            {"f", "Zg=="},
	                            {"fo", "Zm8="},
	                            {"foo", "Zm9v"},
	                            {"foob", "Zm9vYg=="},
	                            {"\xfb\xff\xfe", "+//+"}};
	for (size_t i = 0; i < 6; i++) {
		char text[16];
		uint8_t bytes[16];
		size_t len;
		assert_int_equal(base64_encode(slice_str(vectors[i][0]), text),
		                 strlen(vectors[i][1]));
		assert_string_equal(text, vectors[i][1]);
		assert_int_equal(base64_decode(slice_str(text), bytes, 16, &len), ERR_OK);
		assert_true(slice_eq(slice_of(bytes, len), slice_str(vectors[i][0])));
	}
	const char *bad[] = {"Zg", "Zg=", "Zg===", "Z===", "=", "====", "Zh==", "Zg==Zg==", "-__-",
	                     "Zm9 ", "Zm\n9"};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		uint8_t bytes[16];
		size_t len;
		assert_int_equal(base64_decode(slice_str(bad[i]), bytes, 16, &len), ERR_INVALID);
	}
}

static void base64url_every_length(void **state) {
	for (size_t n = 0; n < 100; n++) {
		uint8_t in[100], *out = malloc(n ? n : 1);
		for (size_t i = 0; i < n; i++) in[i] = (uint8_t)(i * 37 + n);
		char *text = malloc((n * 4 + 2) / 3 + 1);
		size_t len = base64url_encode(slice_of(in, n), text), got;
		assert_int_equal(base64url_decode(slice_of(text, len), out, n, &got), ERR_OK);
		assert_int_equal(got, n);
		assert_memory_equal(in, out, n);
		if (n) {
			assert_int_equal(base64url_decode(slice_of(text, len), out, n - 1, &got),
			                 ERR_TOO_LARGE);
		}
		free(text);
		free(out);
	}
}

static void base64url_refuses(void **state) {
	/* Bad length, padding, the other alphabet, white space, left-over bits. */
	const char *bad[] = {"A",    "AAAAA", "Zg==", "Zm8=", "+_AA",
	                     "/AAA", "AA\nA", " AAA", "Zh",   "Zm9"};
	uint8_t out[16];
	size_t len = 99;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(base64url_decode(slice_str(bad[i]), out, 16, &len), ERR_INVALID);
	assert_int_equal(len, 99);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(write_then_read),
		cmocka_unit_test(full_writer_sticks),
		cmocka_unit_test(empty_writes_need_no_memory),
		cmocka_unit_test(reader_never_passes_its_end),
		cmocka_unit_test(hostile_lengths_fail),
		cmocka_unit_test(hex_both_ways),
		cmocka_unit_test(hex_refuses),
		cmocka_unit_test(base64url_vectors),
		cmocka_unit_test(base64_vectors),
		cmocka_unit_test(base64url_every_length),
		cmocka_unit_test(base64url_refuses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
