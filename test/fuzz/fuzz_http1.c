/* Fuzzes the HTTP/1.1 codec. Input: a letter that says what (R request, A answer,
 * C chunked body, U percent-encoding), a byte that decides where arrival is cut, the
 * bytes. What must hold for all of them:
 *   - arrival in pieces comes to the same as arrival at once;
 *   - nothing outside the input is read (each piece is in memory of its own size), and no
 *     more is used than was given;
 *   - what was accepted and is written again, as a proxy does, is read back the same;
 *   - decoding never grows, and undoes encoding. */
#include <stdint.h>
#include <stdlib.h>

#include "http1_body_replay.h"
#include "http1_replay.h"
#include "io/http_uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

enum { CUTS_MAX = 32, BODY_MAX = 4096 };

/* Ascending places within len: every one for short inputs, else as `seed` has it. */
static size_t cuts_make(uint8_t seed, size_t len, size_t cuts[CUTS_MAX]) {
	size_t count = 0;
	uint32_t x = seed + 1u;
	for (size_t at = 0; at < len && count < CUTS_MAX; count++) {
		cuts[count] = at;
		x = x * 1664525u + 1013904223u;
		at += 1 + (seed & 1 ? 0 : (x >> 16) % (1 + 2 * len / CUTS_MAX));
	}
	return count;
}

static void forward_check(const struct http1_head *h) {
	struct http_header fields[HTTP1_HEADERS_MAX];
	struct http1_head again;
	struct buf out;
	int count = 0;
	size_t used;
	for (int i = 0; i < h->header_count; i++)
		if (http1_header_forwards(h, &h->headers[i])) fields[count++] = h->headers[i];
	buf_init(&out, HTTP1_HEAD_BYTES_MAX);
	struct http1_framing framing = {h->body, h->content_length, HTTP1_DEFAULT};
	enum err e = h->kind == HTTP1_REQUEST
	                     ? http1_encode_request(&out, h->method_text, h->target, framing,
	                                            fields, count)
	                     : http1_encode_response(&out, h->status, framing, fields, count);
	ASSERT(!e);
	http1_head_init(&again, h->kind, HTTP1_HEAD_BYTES_MAX);
	e = http1_head_parse(&again, buf_slice(&out), &used);
	/* HTTP/1.0 may lack Host, and framing adds up to two fields */
	if (e && (again.rule == HTTP1_RULE_HOST_MISSING || count > HTTP1_HEADERS_MAX - 2)) {
		buf_done(&out);
		return;
	}
	ASSERT(!e && used == out.len && again.body == h->body);
	ASSERT(again.content_length == h->content_length && again.status == h->status);
	ASSERT(slice_eq(again.target, h->target) && slice_eq(again.host, h->host));
	int start = again.header_count - count;
	for (int i = 0; i < count; i++) {
		ASSERT(slice_eq(again.headers[start + i].name, fields[i].name));
		ASSERT(slice_eq(again.headers[start + i].value, fields[i].value));
	}
	buf_done(&out);
}

static void slice_within(struct slice s, struct slice whole) {
	ASSERT(!s.ptr || (s.ptr >= whole.ptr && s.ptr + s.len <= whole.ptr + whole.len));
}

static void body_check(enum http1_body_kind kind, uint64_t length, struct slice in, uint8_t seed) {
	size_t cuts[CUTS_MAX], count = cuts_make(seed, in.len, cuts);
	struct body_outcome once = body_replay(kind, length, BODY_MAX, in, NULL, 0);
	struct body_outcome split = body_replay(kind, length, BODY_MAX, in, cuts, count);
	ASSERT(body_outcome_same(&once, &split));
	body_outcome_done(&once);
	body_outcome_done(&split);
}

static void head_check(enum http1_kind kind, struct slice in, uint8_t seed) {
	size_t limit = seed < 250 ? HTTP1_HEAD_BYTES_DEFAULT : 60, used = 0;
	size_t cuts[CUTS_MAX], count = cuts_make(seed, in.len, cuts);
	struct outcome once = head_replay(kind, limit, in, NULL, 0);
	struct outcome split = head_replay(kind, limit, in, cuts, count);
	ASSERT(outcome_same(&once, &split));
	outcome_done(&once);
	outcome_done(&split);
	struct http1_head h;
	http1_head_init(&h, kind, limit);
	if (http1_head_parse(&h, in, &used) || used == 0) return;
	struct slice head = slice_of(in.ptr, used);
	slice_within(h.target, head);
	slice_within(h.query, head);
	for (int i = 0; i < h.header_count; i++) {
		slice_within(h.headers[i].name, head);
		slice_within(h.headers[i].value, head);
	}
	ASSERT(kind == HTTP1_RESPONSE || h.path.ptr[0] == '/' || h.path.ptr[0] == '*');
	forward_check(&h);
	body_check(h.body, h.content_length, slice_of(in.ptr + used, in.len - used), seed);
}

static void uri_check(struct slice in, uint8_t seed) {
	enum http_uri_part part = seed & 1 ? HTTP_URI_QUERY : HTTP_URI_PATH;
	struct slice rest = in, name, value;
	while (http_query_next(&rest, &name, &value)) slice_within(name, in);
	for (rest = in; http_path_next(&rest, &name);) slice_within(name, in);
	uint8_t *out = malloc(in.len + 1);
	ASSERT(out);
	size_t len = 0, back_len = 0;
	if (!http_uri_decode(in, part, out, in.len, &len)) {
		ASSERT(len <= in.len);
		struct buf encoded;
		buf_init(&encoded, 4 * in.len + 1);
		enum err e = http_uri_encode(&encoded, slice_of(out, len), seed & 2);
		uint8_t *back = malloc(len + 1);
		ASSERT(!e && back);
		e = http_uri_decode(buf_slice(&encoded), part, back, len, &back_len);
		ASSERT(!e && slice_eq(slice_of(out, len), slice_of(back, back_len)));
		free(back);
		buf_done(&encoded);
	}
	free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len) {
	if (len < 2) return 0;
	struct slice in = slice_of(bytes + 2, len - 2);
	switch (bytes[0]) {
	case 'R': head_check(HTTP1_REQUEST, in, bytes[1]); break;
	case 'A': head_check(HTTP1_RESPONSE, in, bytes[1]); break;
	case 'C': body_check(HTTP1_BODY_CHUNKED, 0, in, bytes[1]); break;
	case 'U': uri_check(in, bytes[1]); break;
	default: break;
	}
	return 0;
}
