/* The encoders: exact bytes, refusal of injection, and that the parser reads back what
 * was written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "io/http1.h"

static struct http_header field(const char *name, const char *value) {
	return (struct http_header){.name = slice_str(name), .value = slice_str(value)};
}

static void wrote(struct buf *b, const char *expected) {
	const char *text;
	assert_int_equal(buf_cstr(b, &text), ERR_OK);
	assert_string_equal(text, expected);
	buf_reset(b);
}

static void heads_are_written(void **state) {
	struct buf b;
	buf_init(&b, 4096);
	const struct http_header fields[] = {field("ETag", "\"1\""), field("X", "")};
	assert_int_equal(http1_encode_response(&b, 200,
	                                       (struct http1_framing){HTTP1_BODY_LENGTH, 42, 0},
	                                       fields, 2),
	                 ERR_OK);
	wrote(&b, "HTTP/1.1 200 OK\r\nContent-Length: 42\r\nETag: \"1\"\r\nX: \r\n\r\n");
	assert_int_equal(http1_encode_response(
				 &b, 299,
				 (struct http1_framing){HTTP1_BODY_CHUNKED, 0, HTTP1_KEEP_ALIVE},
				 NULL, 0),
	                 ERR_OK);
	wrote(&b, "HTTP/1.1 299 \r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n");
	assert_int_equal(http1_encode_response(&b, 200,
	                                       (struct http1_framing){HTTP1_BODY_UNTIL_CLOSE, 0, 0},
	                                       NULL, 0),
	                 ERR_OK);
	wrote(&b, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
	assert_int_equal(http1_encode_response(&b, 100, (struct http1_framing){0}, NULL, 0),
	                 ERR_OK);
	wrote(&b, "HTTP/1.1 100 Continue\r\n\r\n");
	struct http1_framing framing = {HTTP1_BODY_LENGTH, UINT64_MAX, HTTP1_CLOSE};
	assert_int_equal(
		http1_encode_request(&b, SLICE_LIT("PUT"), SLICE_LIT("/k?a=b"), framing, fields, 1),
		ERR_OK);
	wrote(&b, "PUT /k?a=b HTTP/1.1\r\nContent-Length: 18446744073709551615\r\n"
	          "Connection: close\r\nETag: \"1\"\r\n\r\n");
	buf_done(&b);
}

static void injection_is_refused(void **state) {
	const struct http_header bad[] = {
		field("X", "a\r\nY: b"),
		field("X", "a\n"),
		field("X", "\x01"),
		field("X", "\x7f"),
		{.name = SLICE_LIT("X"), .value = SLICE_LIT("a\0b")},
		field("", "a"),
		field("X ", "a"),
		field("X:", "a"),
		field("X\r\n", "a"),
		field("content-length", "1"),
		field("Transfer-Encoding", "chunked"),
		field("Connection", "close"),
		field("X", "0123456789abcdef0123456789abcdef\r\n"),
	};
	struct buf b;
	buf_init(&b, 4096);
	struct http1_framing none = {0};
	assert_int_equal(buf_append_str(&b, "before"), ERR_OK);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(http1_encode_response(&b, 200, none, &bad[i], 1), ERR_INVALID);
		assert_int_equal(http1_encode_request(&b, SLICE_LIT("GET"), SLICE_LIT("/"), none,
		                                      &bad[i], 1),
		                 ERR_INVALID);
	}
	const char *targets[] = {"", "/a b", "/\r\n", "/\x80", "/#"};
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++)
		assert_int_equal(http1_encode_request(&b, SLICE_LIT("GET"), slice_str(targets[i]),
		                                      none, NULL, 0),
		                 ERR_INVALID);
	assert_int_equal(http1_encode_request(&b, SLICE_LIT("G T"), SLICE_LIT("/"), none, NULL, 0),
	                 ERR_INVALID);
	assert_int_equal(http1_encode_request(&b, SLICE_LIT(""), SLICE_LIT("/"), none, NULL, 0),
	                 ERR_INVALID);
	struct http1_framing until_close = {HTTP1_BODY_UNTIL_CLOSE, 0, 0};
	assert_int_equal(
		http1_encode_request(&b, SLICE_LIT("GET"), SLICE_LIT("/"), until_close, NULL, 0),
		ERR_INVALID);
	assert_int_equal(http1_encode_response(&b, 99, none, NULL, 0), ERR_INVALID);
	assert_int_equal(http1_encode_response(&b, 1000, none, NULL, 0), ERR_INVALID);
	wrote(&b, "before");
	buf_done(&b);
}

static void bounds_are_kept(void **state) {
	struct buf b;
	buf_init(&b, 40);
	struct http_header long_one = field("X", "0123456789012345678901234567890123456789");
	assert_int_equal(http1_encode_response(&b, 200, (struct http1_framing){0}, &long_one, 1),
	                 ERR_TOO_LARGE);
	assert_int_equal(http1_encode_chunk(&b, long_one.value), ERR_TOO_LARGE);
	assert_int_equal(http1_encode_chunk(&b, SLICE_LIT("")), ERR_OK);
	assert_int_equal(b.len, 0);
	assert_int_equal(http1_encode_chunk(&b, SLICE_LIT("hello")), ERR_OK);
	wrote(&b, "5\r\nhello\r\n");
	buf_done(&b);
}

static void heads_read_back(void **state) {
	struct buf b;
	struct http1_head h;
	size_t used;
	buf_init(&b, 4096);
	const struct http_header fields[] = {field("Host", "a"), field("traceparent", "00-1-2-01")};
	struct http1_framing framing = {HTTP1_BODY_LENGTH, 7, HTTP1_CLOSE};
	assert_int_equal(http1_encode_request(&b, SLICE_LIT("POST"), SLICE_LIT("/v1/tx"), framing,
	                                      fields, 2),
	                 ERR_OK);
	http1_head_init(&h, HTTP1_REQUEST, 4096);
	assert_int_equal(http1_head_parse(&h, buf_slice(&b), &used), ERR_OK);
	assert_int_equal(used, b.len);
	assert_int_equal(h.method, METHOD_POST);
	assert_int_equal(h.content_length, 7);
	assert_false(h.keep_alive);
	assert_true(slice_is(http1_header(&h, FIELD_TRACEPARENT), "00-1-2-01"));
	buf_reset(&b);
	framing = (struct http1_framing){HTTP1_BODY_CHUNKED, 0, 0};
	assert_int_equal(http1_encode_response(&b, 503, framing, fields, 2), ERR_OK);
	http1_head_init(&h, HTTP1_RESPONSE, 4096);
	assert_int_equal(http1_head_parse(&h, buf_slice(&b), &used), ERR_OK);
	assert_int_equal(h.status, 503);
	assert_true(slice_is(h.reason, "Service Unavailable"));
	assert_int_equal(h.body, HTTP1_BODY_CHUNKED);
	buf_done(&b);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(heads_are_written),
		cmocka_unit_test(injection_is_refused),
		cmocka_unit_test(bounds_are_kept),
		cmocka_unit_test(heads_read_back),
	};
	return cmocka_run_group_tests_name("http1_encode", tests, NULL, NULL);
}
