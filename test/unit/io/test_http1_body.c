/* The body decoder: vectors at once, byte by byte and split at every place; bounds; and
 * what was encoded in chunks must come back, however it is cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "http1_body_replay.h"

/* Cut in two at the fault, or at the end of the body, behind which a pipelined message
 * may stand. Content counts where the body is accepted. */
struct body_vector {
	const char *what;
	enum http1_rule rule;
	struct slice bytes;
	size_t cut;
	struct slice content;
};
#define TAKES(before, after, content, what)                                                        \
	{ what, HTTP1_RULE_NONE, SLICE_LIT(before after), sizeof(before) - 1, SLICE_LIT(content) }
#define REFUSES(rule, before, after, what)                                                         \
	{ what, HTTP1_RULE_##rule, SLICE_LIT(before after), sizeof(before) - 1, SLICE_LIT("") }
#define LAST "0\r\n\r\n"

static const struct body_vector vectors[] = {
	TAKES(LAST, "", "", "empty"),
	TAKES(LAST, "GET / HTTP/1.1\r\n", "", "what follows is left alone"),
	TAKES("5\r\nhello\r\n" LAST, "", "hello", "one chunk"),
	TAKES("3\r\nhel\r\n2\r\nlo\r\n" LAST, "x", "hello", "two chunks"),
	TAKES("3\r\n\r\n0\r\n" LAST, "", "\r\n0", "content that looks like framing"),
	TAKES("aA\r\n0123456789012345678901234567890123456789012345678901234567890123456789"
              "0123456789012345678901234567890123456789012345678901234567890123456789"
              "012345678901234567890123456789\r\n" LAST,
              "",
              "0123456789012345678901234567890123456789012345678901234567890123456789"
              "0123456789012345678901234567890123456789012345678901234567890123456789"
              "012345678901234567890123456789",
              "digits of both cases"),
	TAKES("0000000000000001\r\na\r\n000\r\n\r\n", "", "a", "leading zeros"),
	TAKES("1;a=b;c=\"d e\t;\x80\"\r\na\r\n0;x\r\n\r\n", "", "a", "extensions"),
	TAKES("1;\r\na\r\n" LAST, "", "a", "an empty extension"),
	TAKES("1\r\na\r\n0\r\nX: b\r\nY:\r\nZ: \t c\x80 \r\n\r\n", "1", "a", "trailers"),
	REFUSES(CHUNK_SIZE, "", "\r\n\r\n", "no size"),
	REFUSES(CHUNK_SIZE, "", ";a\r\n", "extension without size"),
	REFUSES(CHUNK_SIZE, "", " 5\r\nhello\r\n" LAST, "blank before the size"),
	REFUSES(CHUNK_SIZE, "5", " \r\nhello\r\n" LAST, "blank after it"),
	REFUSES(CHUNK_SIZE, "5", "\t;a\r\nhello\r\n" LAST, "blank before the extension"),
	REFUSES(CHUNK_SIZE, "", "+5\r\nhello\r\n" LAST, "plus"),
	REFUSES(CHUNK_SIZE, "", "-1\r\nhello\r\n" LAST, "minus"),
	REFUSES(CHUNK_SIZE, "0", "x5\r\nhello\r\n" LAST, "0x"),
	REFUSES(CHUNK_SIZE, "5", "g\r\nhello\r\n" LAST, "no digit"),
	REFUSES(CHUNK_SIZE, "5", ",5\r\nhello\r\n" LAST, "comma"),
	REFUSES(CHUNK_SIZE, "5", "\0\r\nhello\r\n" LAST, "NUL"),
	REFUSES(CHUNK_SIZE, "5", "_0\r\nhello\r\n" LAST, "underscore"),
	REFUSES(CHUNK_OVERFLOW, "0000000000000000", "5\r\nhello\r\n" LAST, "17 digits"),
	REFUSES(CHUNK_OVERFLOW, "800000000000000", "0\r\n", "2^63"),
	REFUSES(CHUNK_OVERFLOW, "fffffffffffffff", "f\r\n", "2^64-1"),
	REFUSES(BODY_BYTES, "7fffffffffffffff\r", "\n", "2^63-1"),
	REFUSES(BARE_LF, "5", "\nhello\r\n" LAST, "LF after the size"),
	REFUSES(BARE_LF, "5;a", "\nhello\r\n" LAST, "LF after an extension"),
	REFUSES(BARE_CR, "5\r", "hello\r\n" LAST, "CR after the size"),
	REFUSES(BARE_CR, "5;a\r", "\r\nhello\r\n" LAST, "CR CR LF after an extension"),
	REFUSES(CHUNK_EXTENSION, "5;a", "\0\r\nhello\r\n" LAST, "NUL in an extension"),
	REFUSES(CHUNK_EXTENSION, "5;a", "\x7f\r\nhello\r\n" LAST, "DEL in an extension"),
	REFUSES(CHUNK_END, "5\r\nhello", "!\r\n" LAST, "more content than announced"),
	REFUSES(CHUNK_END, "5\r\nhello", "0\r\n\r\n", "no CR LF after the content"),
	REFUSES(CHUNK_END, "5\r\nhello\r", "0\r\n\r\n", "CR after the content"),
	REFUSES(BARE_LF, "5\r\nhello", "\n" LAST, "LF after the content"),
	REFUSES(BARE_LF, "0\r\n", "\n", "LF at the end"),
	REFUSES(BARE_CR, "0\r\n\r", "GET / HTTP/1.1\r\n", "CR at the end"),
	REFUSES(FOLD, "0\r\nX: a\r\n", " b\r\n\r\n", "folded trailer"),
	REFUSES(NAME_EMPTY, "0\r\n", ": a\r\n\r\n", "trailer without name"),
	REFUSES(NAME_BLANK, "0\r\nX", " : a\r\n\r\n", "blank before the colon"),
	REFUSES(NAME_BYTE, "0\r\nGET", "\r\n\r\n", "trailer without colon"),
	REFUSES(NAME_BYTE, "0\r\n", "\0: a\r\n\r\n", "NUL in a trailer name"),
	REFUSES(VALUE_BYTE, "0\r\nX: a", "\0\r\n\r\n", "NUL in a trailer"),
	REFUSES(BARE_LF, "0\r\nX: a", "\n\r\n", "LF after a trailer"),
	REFUSES(BARE_CR, "0\r\nX: a\r", "Y: b\r\n\r\n", "CR after a trailer"),
};
enum { VECTORS = sizeof(vectors) / sizeof(vectors[0]) };
enum { MAX = 1 << 20 };

static void vector_check(const struct body_vector *v, const struct body_outcome *o) {
	if (o->rule != v->rule || o->at != v->cut)
		fail_msg("%s: got '%s' at %llu instead of '%s' at %zu", v->what,
		         http1_rule_text(o->rule), (unsigned long long)o->at,
		         http1_rule_text(v->rule), v->cut);
	assert_int_equal(o->err, http1_rule_code(v->rule));
	assert_int_equal(o->done, v->rule == HTTP1_RULE_NONE);
	if (o->done) assert_true(slice_eq(buf_slice(&o->content), v->content));
}

static void vectors_in_any_pieces(void **state) {
	size_t every[512];
	for (size_t i = 0; i < 512; i++) every[i] = i;
	for (int i = 0; i < VECTORS; i++) {
		const struct body_vector *v = &vectors[i];
		assert_true(v->bytes.len < 512);
		struct body_outcome once =
			body_replay(HTTP1_BODY_CHUNKED, 0, MAX, v->bytes, NULL, 0);
		vector_check(v, &once);
		struct body_outcome bytewise =
			body_replay(HTTP1_BODY_CHUNKED, 0, MAX, v->bytes, every, v->bytes.len);
		vector_check(v, &bytewise);
		for (size_t cut = 0; cut <= v->bytes.len; cut++) {
			struct body_outcome split =
				body_replay(HTTP1_BODY_CHUNKED, 0, MAX, v->bytes, &cut, 1);
			vector_check(v, &split);
			assert_true(body_outcome_same(&once, &split));
			body_outcome_done(&split);
		}
		body_outcome_done(&bytewise);
		body_outcome_done(&once);
	}
}

static void every_rule_of_bodies_has_a_vector(void **state) {
	bool seen[HTTP1_RULE_COUNT] = {false};
	/* made by the tests of limits below */
	seen[HTTP1_RULE_EXTENSION_BYTES] = seen[HTTP1_RULE_TRAILER_BYTES] = true;
	seen[HTTP1_RULE_BODY_CUT] = true;
	for (int i = 0; i < VECTORS; i++) seen[vectors[i].rule] = true;
	for (int rule = HTTP1_RULE_CHUNK_SIZE; rule < HTTP1_RULE_COUNT; rule++)
		if (!seen[rule]) fail_msg("no vector: %s", http1_rule_text(rule));
}

static void outcome_is(struct body_outcome o, enum http1_rule rule, uint64_t at, size_t content) {
	assert_string_equal(http1_rule_text(o.rule), http1_rule_text(rule));
	assert_int_equal(o.at, at);
	assert_int_equal(o.content.len, content);
	body_outcome_done(&o);
}

static void lengths_are_obeyed(void **state) {
	struct slice in = SLICE_LIT("hello, and more");
	for (size_t cut = 0; cut <= in.len; cut++) {
		outcome_is(body_replay(HTTP1_BODY_LENGTH, 5, 5, in, &cut, 1), HTTP1_RULE_NONE, 5,
		           5);
		outcome_is(body_replay(HTTP1_BODY_LENGTH, 5, 4, in, &cut, 1), HTTP1_RULE_BODY_BYTES,
		           0, 0);
		outcome_is(body_replay(HTTP1_BODY_UNTIL_CLOSE, 0, 15, in, &cut, 1), HTTP1_RULE_NONE,
		           15, 15);
	}
	outcome_is(body_replay(HTTP1_BODY_UNTIL_CLOSE, 0, 14, in, NULL, 0), HTTP1_RULE_BODY_BYTES,
	           14, 0);
	outcome_is(body_replay(HTTP1_BODY_NONE, 0, 0, in, NULL, 0), HTTP1_RULE_NONE, 0, 0);
	outcome_is(body_replay(HTTP1_BODY_LENGTH, 0, 0, in, NULL, 0), HTTP1_RULE_NONE, 0, 0);
	in = SLICE_LIT("5\r\nhello\r\n5\r\nhello\r\n0\r\n\r\n");
	outcome_is(body_replay(HTTP1_BODY_CHUNKED, 0, 9, in, NULL, 0), HTTP1_RULE_BODY_BYTES, 12,
	           5);
	outcome_is(body_replay(HTTP1_BODY_CHUNKED, 0, 10, in, NULL, 0), HTTP1_RULE_NONE, in.len,
	           10);
}

static void ends_are_noticed(void **state) {
	struct http1_body b;
	struct slice data;
	size_t used;
	http1_body_init(&b, HTTP1_BODY_LENGTH, 5, MAX);
	assert_int_equal(http1_body_next(&b, SLICE_LIT("hell"), &data, &used), ERR_OK);
	assert_int_equal(http1_body_eof(&b), ERR_CLOSED);
	assert_int_equal(b.rule, HTTP1_RULE_BODY_CUT);
	assert_int_equal(b.fault_offset, 4);
	assert_int_equal(http1_body_next(&b, SLICE_LIT("o"), &data, &used), ERR_CLOSED);
	http1_body_init(&b, HTTP1_BODY_CHUNKED, 0, MAX);
	assert_int_equal(http1_body_next(&b, SLICE_LIT("0\r\n"), &data, &used), ERR_OK);
	assert_int_equal(http1_body_eof(&b), ERR_CLOSED);
	http1_body_init(&b, HTTP1_BODY_UNTIL_CLOSE, 0, MAX);
	assert_false(b.done);
	assert_int_equal(http1_body_eof(&b), ERR_OK);
	assert_true(b.done);
	http1_body_init(&b, HTTP1_BODY_NONE, 0, 0);
	assert_true(b.done);
	assert_int_equal(http1_body_eof(&b), ERR_OK);
}

static void text_add(struct buf *b, const char *text, size_t times) {
	for (size_t i = 0; i < times; i++) assert_int_equal(buf_append_str(b, text), ERR_OK);
}

static void extensions_are_bounded(void **state) {
	struct buf b;
	buf_init(&b, 1 << 20);
	text_add(&b, "1;", 1);
	text_add(&b, "e", HTTP1_EXTENSION_BYTES_MAX);
	text_add(&b, "\r\na\r\n" LAST, 1);
	outcome_is(body_replay(HTTP1_BODY_CHUNKED, 0, MAX, buf_slice(&b), NULL, 0), HTTP1_RULE_NONE,
	           b.len, 1);
	buf_reset(&b);
	text_add(&b, "1;", 1);
	text_add(&b, "e", HTTP1_EXTENSION_BYTES_MAX + 1);
	outcome_is(body_replay(HTTP1_BODY_CHUNKED, 0, MAX, buf_slice(&b), NULL, 0),
	           HTTP1_RULE_EXTENSION_BYTES, 2 + HTTP1_EXTENSION_BYTES_MAX, 0);
	/* one byte of content, ten of extension, for ever */
	buf_reset(&b);
	text_add(&b, "1;123456789a\r\nx\r\n", 2000);
	struct body_outcome o = body_replay(HTTP1_BODY_CHUNKED, 0, MAX, buf_slice(&b), NULL, 0);
	assert_int_equal(o.rule, HTTP1_RULE_EXTENSION_BYTES);
	assert_in_range(o.content.len, 800, 1000);
	body_outcome_done(&o);
	/* less extension than content is fine at any length */
	buf_reset(&b);
	text_add(&b, "10;0123456789ab\r\n0123456789abcdef\r\n", 3000);
	text_add(&b, LAST, 1);
	outcome_is(body_replay(HTTP1_BODY_CHUNKED, 0, MAX, buf_slice(&b), NULL, 0), HTTP1_RULE_NONE,
	           b.len, 48000);
	buf_done(&b);
}

static void trailers_are_bounded(void **state) {
	struct buf b;
	buf_init(&b, 1 << 20);
	text_add(&b, "0\r\n", 1);
	text_add(&b, "X: 34\r\n", (HTTP1_TRAILER_BYTES_MAX - 2) / 7);
	text_add(&b, "\r\n", 1);
	outcome_is(body_replay(HTTP1_BODY_CHUNKED, 0, MAX, buf_slice(&b), NULL, 0), HTTP1_RULE_NONE,
	           b.len, 0);
	buf_reset(&b);
	text_add(&b, "0\r\n", 1);
	text_add(&b, "X: 34\r\n", HTTP1_TRAILER_BYTES_MAX);
	outcome_is(body_replay(HTTP1_BODY_CHUNKED, 0, MAX, buf_slice(&b), NULL, 0),
	           HTTP1_RULE_TRAILER_BYTES, 3 + HTTP1_TRAILER_BYTES_MAX, 0);
	buf_done(&b);
}

static uint64_t random_next(uint64_t *state) { /* xorshift64*: the seed is in the failure */
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 2685821657736338717u;
}

/* Content in random chunks, on the wire in random pieces. */
static void round_trip(uint64_t seed) {
	uint64_t r = seed;
	struct buf content, wire;
	buf_init(&content, 1 << 20);
	buf_init(&wire, 1 << 22);
	size_t bytes = random_next(&r) % 3000;
	for (size_t i = 0; i < bytes; i++) {
		uint8_t byte = (uint8_t) "\r\n0;\0a\xff "[random_next(&r) % 8];
		assert_int_equal(buf_append(&content, &byte, 1), ERR_OK);
	}
	for (size_t at = 0; at < bytes;) {
		size_t len = 1 + random_next(&r) % (random_next(&r) % 4 ? 20 : 1000);
		if (len > bytes - at) len = bytes - at;
		struct slice chunk = slice_of(buf_slice(&content).ptr + at, len);
		assert_int_equal(http1_encode_chunk(&wire, chunk), ERR_OK);
		at += len;
	}
	assert_int_equal(buf_append_slice(&wire, HTTP1_LAST_CHUNK), ERR_OK);
	size_t end = wire.len, cuts[64], at = 0;
	text_add(&wire, "GET / HTTP/1.1\r\n", 1);
	for (int i = 0; i < 64; i++) {
		at += random_next(&r) % (1 + 2 * wire.len / 64);
		cuts[i] = at = at < wire.len ? at : wire.len;
	}
	struct body_outcome o =
		body_replay(HTTP1_BODY_CHUNKED, 0, bytes, buf_slice(&wire), cuts, 64);
	if (!o.done || o.at != end || !slice_eq(buf_slice(&o.content), buf_slice(&content)))
		fail_msg("seed %llu does not round", (unsigned long long)seed);
	body_outcome_done(&o);
	buf_done(&wire);
	buf_done(&content);
}

static void chunks_round(void **state) {
	for (uint64_t seed = 1; seed <= 500; seed++) round_trip(seed);
}

static void chunk_heads_are_shortest(void **state) {
	char head[HTTP1_CHUNK_HEAD_BYTES];
	for (int bit = 0; bit < 64; bit++) {
		for (int less = 0; less < 2; less++) {
			uint64_t n = (UINT64_C(1) << bit) - (uint64_t)less;
			char expected[32];
			if (n == 0) continue;
			int len = snprintf(expected, sizeof(expected), "%llx\r\n",
			                   (unsigned long long)n);
			assert_int_equal(http1_chunk_head(n, head), len);
			assert_memory_equal(head, expected, len);
		}
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors_in_any_pieces),
		cmocka_unit_test(every_rule_of_bodies_has_a_vector),
		cmocka_unit_test(lengths_are_obeyed),
		cmocka_unit_test(ends_are_noticed),
		cmocka_unit_test(extensions_are_bounded),
		cmocka_unit_test(trailers_are_bounded),
		cmocka_unit_test(chunks_round),
		cmocka_unit_test(chunk_heads_are_shortest),
	};
	return cmocka_run_group_tests_name("http1_body", tests, NULL, NULL);
}
