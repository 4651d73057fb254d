/* The head parser: every vector at once, byte by byte, and split at every place must
 * come to the same; limits; what the parsed head says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http1_head_vectors.h"
#include "http1_replay.h"

enum { VECTORS = sizeof(head_vectors) / sizeof(head_vectors[0]) };
static const size_t LIMIT = HTTP1_HEAD_BYTES_DEFAULT;

static void vector_check(const struct head_vector *v, const struct outcome *o) {
	if (o->rule != v->rule || o->at != v->cut)
		fail_msg("%s: got '%s' at %zu instead of '%s' at %zu", v->what,
		         http1_rule_text(o->rule), o->at, http1_rule_text(v->rule), v->cut);
	assert_int_equal(o->err, http1_rule_code(v->rule));
}

static void vectors_at_once(void **state) {
	for (int i = 0; i < VECTORS; i++) {
		struct outcome o =
			head_replay(head_vectors[i].kind, LIMIT, head_vectors[i].bytes, NULL, 0);
		vector_check(&head_vectors[i], &o);
		outcome_done(&o);
	}
}

static void vectors_in_pieces(void **state) {
	size_t every[512];
	for (size_t i = 0; i < 512; i++) every[i] = i;
	for (int i = 0; i < VECTORS; i++) {
		const struct head_vector *v = &head_vectors[i];
		assert_true(v->bytes.len < 512);
		struct outcome once = head_replay(v->kind, LIMIT, v->bytes, NULL, 0);
		struct outcome bytewise =
			head_replay(v->kind, LIMIT, v->bytes, every, v->bytes.len);
		vector_check(v, &bytewise);
		assert_true(outcome_same(&once, &bytewise));
		for (size_t cut = 0; cut <= v->bytes.len; cut++) {
			struct outcome split = head_replay(v->kind, LIMIT, v->bytes, &cut, 1);
			vector_check(v, &split);
			assert_true(outcome_same(&once, &split));
			outcome_done(&split);
		}
		outcome_done(&bytewise);
		outcome_done(&once);
	}
}

/* Cut anywhere, an accepted head is neither refused nor taken for complete. */
static void prefixes_need_more(void **state) {
	for (int i = 0; i < VECTORS; i++) {
		const struct head_vector *v = &head_vectors[i];
		if (v->rule != HTTP1_RULE_NONE) continue;
		for (size_t len = 0; len < v->cut; len++) {
			struct outcome o =
				head_replay(v->kind, LIMIT, slice_of(v->bytes.ptr, len), NULL, 0);
			assert_int_equal(o.err, ERR_OK);
			assert_int_equal(o.at, 0);
			outcome_done(&o);
		}
	}
}

static void every_rule_of_heads_has_a_vector(void **state) {
	bool seen[HTTP1_RULE_COUNT] = {false};
	/* made by the tests of limits below */
	seen[HTTP1_RULE_LINE_BYTES] = seen[HTTP1_RULE_HEAD_BYTES] = seen[HTTP1_RULE_HEADER_COUNT] =
		true;
	for (int i = 0; i < VECTORS; i++) seen[head_vectors[i].rule] = true;
	for (int rule = 0; rule < HTTP1_RULE_CHUNK_SIZE; rule++)
		if (!seen[rule]) fail_msg("no vector: %s", http1_rule_text(rule));
}

/* The same outcome at once, byte by byte, and with cuts around `near`. */
static void limit_check(struct slice bytes, size_t limit, enum http1_rule rule, size_t at) {
	struct outcome once = head_replay(HTTP1_REQUEST, limit, bytes, NULL, 0);
	assert_string_equal(http1_rule_text(once.rule), http1_rule_text(rule));
	assert_int_equal(once.at, at);
	for (size_t back = 0; back < 40 && back < bytes.len; back++) {
		size_t cuts[2] = {bytes.len / 2, bytes.len - back};
		struct outcome split = head_replay(HTTP1_REQUEST, limit, bytes, cuts, 2);
		assert_true(outcome_same(&once, &split));
		outcome_done(&split);
	}
	size_t *every = malloc(bytes.len * sizeof(size_t));
	for (size_t i = 0; i < bytes.len; i++) every[i] = i;
	struct outcome bytewise = head_replay(HTTP1_REQUEST, limit, bytes, every, bytes.len);
	assert_true(outcome_same(&once, &bytewise));
	free(every);
	outcome_done(&bytewise);
	outcome_done(&once);
}

/* before, then `fill` times 'a', then after. */
static struct slice filled(struct buf *b, const char *before, size_t fill, const char *after) {
	static const uint8_t letters[1024] = {[0 ... 1023] = 'a'};
	buf_reset(b);
	enum err e = buf_append_str(b, before);
	for (; !e && fill > 0; fill -= fill < 1024 ? fill : 1024)
		e = buf_append(b, letters, fill < 1024 ? fill : 1024);
	if (!e) e = buf_append_str(b, after);
	assert_int_equal(e, ERR_OK);
	return buf_slice(b);
}

static void first_line_is_limited(void **state) {
	struct buf b;
	buf_init(&b, 1 << 17);
	const size_t frame = sizeof("GET / HTTP/1.1\r\n") - 1;
	struct slice s =
		filled(&b, "GET /", HTTP1_LINE_BYTES_MAX - frame, " HTTP/1.1\r\nHost: a\r\n\r\n");
	limit_check(s, LIMIT, HTTP1_RULE_NONE, s.len);
	s = filled(&b, "GET /", HTTP1_LINE_BYTES_MAX - frame + 1, " HTTP/1.1\r\nHost: a\r\n\r\n");
	limit_check(s, LIMIT, HTTP1_RULE_LINE_BYTES, HTTP1_LINE_BYTES_MAX);
	s = filled(&b, "\r\nGET /", HTTP1_LINE_BYTES_MAX - frame + 1, " HTTP/1.1\r\n");
	limit_check(s, LIMIT, HTTP1_RULE_LINE_BYTES, HTTP1_LINE_BYTES_MAX + 2);
	s = filled(&b, "", 9000, "");
	limit_check(s, LIMIT, HTTP1_RULE_LINE_BYTES, HTTP1_LINE_BYTES_MAX);
	limit_check(s, 100, HTTP1_RULE_HEAD_BYTES, 100);
	buf_done(&b);
}

static void heads_are_limited(void **state) {
	struct buf b;
	buf_init(&b, 1 << 17);
	const size_t frame = sizeof("GET / HTTP/1.1\r\nHost: a\r\nX: \r\n\r\n") - 1;
	struct slice s = filled(&b, "GET / HTTP/1.1\r\nHost: a\r\nX: ", LIMIT - frame,
	                        "\r\n\r\nmore behind");
	limit_check(s, LIMIT, HTTP1_RULE_NONE, LIMIT);
	s = filled(&b, "GET / HTTP/1.1\r\nHost: a\r\nX: ", LIMIT - frame + 1, "\r\n\r\n");
	limit_check(s, LIMIT, HTTP1_RULE_HEAD_BYTES, LIMIT);
	limit_check(s, LIMIT + 1, HTTP1_RULE_NONE, s.len);
	s = filled(&b, "GET / HTTP/1.1\r\nHost: a\r\n", LIMIT, "");
	limit_check(s, LIMIT, HTTP1_RULE_HEAD_BYTES, LIMIT);
	/* said as soon as no head can fit: the caller's buffer may end there */
	limit_check(slice_of(s.ptr, LIMIT), LIMIT, HTTP1_RULE_HEAD_BYTES, LIMIT);
	assert_int_equal(err_http_status(http1_rule_code(HTTP1_RULE_HEAD_BYTES)), 431);
	buf_done(&b);
}

static void headers_are_counted(void **state) {
	struct buf b;
	buf_init(&b, 1 << 16);
	for (int extra = 0; extra < 2; extra++) {
		struct slice s = filled(&b, "GET / HTTP/1.1\r\nHost: a\r\n", 0, "");
		for (int i = 1; i < HTTP1_HEADERS_MAX + extra; i++)
			assert_int_equal(buf_append_str(&b, "X: 1\r\n"), ERR_OK);
		assert_int_equal(buf_append_str(&b, "\r\n"), ERR_OK);
		s = buf_slice(&b);
		if (extra)
			limit_check(s, LIMIT, HTTP1_RULE_HEADER_COUNT,
			            s.len - sizeof("X: 1\r\n\r\n") + 1);
		else
			limit_check(s, LIMIT, HTTP1_RULE_NONE, s.len);
	}
	buf_done(&b);
}

static struct http1_head parsed(enum http1_kind kind, const char *text) {
	struct http1_head h;
	size_t used;
	http1_head_init(&h, kind, LIMIT);
	assert_int_equal(http1_head_parse(&h, slice_str(text), &used), ERR_OK);
	assert_int_equal(used, strlen(text));
	return h;
}

static void requests_say_what_they_are(void **state) {
	struct http1_head h = parsed(
		HTTP1_REQUEST, "PUT /v1/data/a/b%2f?x=1 HTTP/1.1\r\nHOST: h:1\r\n"
			       "content-LENGTH: 12\r\nX-Other:  v \r\nExpect: 100-continue\r\n"
			       "Holdfast-Token: t\r\n\r\n");
	assert_int_equal(h.method, METHOD_PUT);
	assert_true(slice_is(h.path, "/v1/data/a/b%2f"));
	assert_true(slice_is(h.query, "x=1"));
	assert_true(slice_is(h.host, "h:1"));
	assert_true(h.keep_alive && h.expect_continue);
	assert_int_equal(h.body, HTTP1_BODY_LENGTH);
	assert_int_equal(h.content_length, 12);
	assert_int_equal(h.header_count, 5);
	assert_int_equal(h.headers[2].id, FIELD_OTHER);
	assert_true(slice_is(h.headers[2].name, "X-Other"));
	assert_true(slice_is(h.headers[2].value, "v"));
	assert_true(slice_is(http1_header(&h, FIELD_HOLDFAST_TOKEN), "t"));
	assert_null(http1_header(&h, FIELD_AUTHORIZATION).ptr);
}

static void absolute_targets_are_reduced(void **state) {
	struct http1_head h =
		parsed(HTTP1_REQUEST, "GET http://b:8/p?q HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_true(slice_is(h.target, "http://b:8/p?q"));
	assert_true(slice_is(h.path, "/p") && slice_is(h.query, "q") && slice_is(h.host, "b:8"));
	h = parsed(HTTP1_REQUEST, "GET http://b?q HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_true(slice_is(h.path, "/") && slice_is(h.query, "q") && slice_is(h.host, "b"));
	h = parsed(HTTP1_REQUEST, "OPTIONS http://b HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_true(slice_is(h.path, "*") && h.query.ptr == NULL);
}

static void connections_stay_or_close(void **state) {
	const struct {
		const char *text;
		bool stays;
	} rows[] = {
		{"GET / HTTP/1.1\r\nHost: a\r\n\r\n", true},
		{"GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n", false},
		{"GET / HTTP/1.0\r\n\r\n", false},
		{"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true},
		{"GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", false},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct http1_head h = parsed(HTTP1_REQUEST, rows[i].text);
		assert_int_equal(h.keep_alive, rows[i].stays);
	}
}

static void responses_have_the_body_their_request_allows(void **state) {
	struct http1_head h =
		parsed(HTTP1_RESPONSE, "HTTP/1.1 200 Fine\r\nContent-Length: 3\r\n\r\n");
	assert_int_equal(h.status, 200);
	assert_true(slice_is(h.reason, "Fine"));
	assert_int_equal(http1_response_body(&h, METHOD_GET), HTTP1_BODY_LENGTH);
	assert_int_equal(http1_response_body(&h, METHOD_HEAD), HTTP1_BODY_NONE);
	h = parsed(HTTP1_RESPONSE, "HTTP/1.1 304 \r\nContent-Length: 3\r\n\r\n");
	assert_int_equal(http1_response_body(&h, METHOD_GET), HTTP1_BODY_NONE);
	h = parsed(HTTP1_RESPONSE, "HTTP/1.1 100 \r\n\r\n");
	assert_int_equal(http1_response_body(&h, METHOD_PUT), HTTP1_BODY_NONE);
	h = parsed(HTTP1_RESPONSE, "HTTP/1.0 200 \r\n\r\n");
	assert_int_equal(http1_response_body(&h, METHOD_GET), HTTP1_BODY_UNTIL_CLOSE);
}

static void hop_fields_do_not_forward(void **state) {
	struct http1_head h =
		parsed(HTTP1_REQUEST, "GET / HTTP/1.1\r\nHost: a\r\nConnection: x-mine, Host\r\n"
	                              "Connection: , close\r\nX-Mine: 1\r\nTE: trailers\r\n"
	                              "Content-Length: 0\r\nAccept: b\r\nX-Other: 2\r\n\r\n");
	const bool forwards[] = {true, false, false, false, false, false, true, true};
	for (int i = 0; i < h.header_count; i++)
		assert_int_equal(http1_header_forwards(&h, &h.headers[i]), forwards[i]);
}

static void names_are_known_in_any_case(void **state) {
	for (int id = FIELD_OTHER + 1; id < FIELD_COUNT; id++) {
		uint8_t name[32];
		struct slice known = http_field_name(id);
		for (size_t i = 0; i < known.len; i++)
			name[i] = i % 2 && known.ptr[i] >= 'a' ? known.ptr[i] - 32 : known.ptr[i];
		assert_int_equal(http_field_find(slice_of(name, known.len)), id);
		for (size_t i = 0; i < known.len; i++) {
			uint8_t was = name[i];
			name[i] = 'z' - (was | 32) % 7;
			if ((was | 32) != name[i])
				assert_int_not_equal(http_field_find(slice_of(name, known.len)),
				                     id);
			name[i] = was;
		}
	}
	assert_int_equal(http_field_find(SLICE_LIT("")), FIELD_OTHER);
	assert_int_equal(http_method_find(SLICE_LIT("GETX")), METHOD_OTHER);
	assert_string_equal(http_method_name(http_method_find(SLICE_LIT("DELETE"))), "DELETE");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors_at_once),
		cmocka_unit_test(vectors_in_pieces),
		cmocka_unit_test(prefixes_need_more),
		cmocka_unit_test(every_rule_of_heads_has_a_vector),
		cmocka_unit_test(first_line_is_limited),
		cmocka_unit_test(heads_are_limited),
		cmocka_unit_test(headers_are_counted),
		cmocka_unit_test(requests_say_what_they_are),
		cmocka_unit_test(absolute_targets_are_reduced),
		cmocka_unit_test(connections_stay_or_close),
		cmocka_unit_test(responses_have_the_body_their_request_allows),
		cmocka_unit_test(hop_fields_do_not_forward),
		cmocka_unit_test(names_are_known_in_any_case),
	};
	return cmocka_run_group_tests_name("http1_head", tests, NULL, NULL);
}
