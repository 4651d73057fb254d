/* Prints what one request head costs to parse, what one response head costs to write,
 * and how fast chunked bodies are taken apart. The best of several rounds: the least disturbed. */
#include <stdio.h>
#include <time.h>

#include "base/assert.h"
#include "io/http1.h"

enum { ROUNDS = 7, REPEATS = 300000 };

/* 9 headers, 329 bytes: what a service sends to the data API. */
static const char request[] =
	"GET /v1/data/billing/invoice-4711 HTTP/1.1\r\nHost: localhost:7101\r\n"
	"User-Agent: wrk/4.1.0\r\nAccept: */*\r\n"
	"Authorization: Bearer 0123456789abcdef0123456789abcdef\r\n"
	"Holdfast-Consistency: session\r\nHoldfast-Token: abcdefghijklmnopqrstuvwxyz\r\n"
	"traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"
	"Connection: keep-alive\r\n\r\n";
/* what wrk sends */
static const char request_small[] = "GET / HTTP/1.1\r\nHost: localhost:7101\r\n\r\n";

static double now_ns(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void parse_once(struct slice bytes) {
	static struct http1_head h;
	size_t used;
	http1_head_init(&h, HTTP1_REQUEST, HTTP1_HEAD_BYTES_DEFAULT);
	enum err e = http1_head_parse(&h, bytes, &used);
	ASSERT(!e && used == bytes.len);
}

static void encode_once(struct slice unused) {
	static struct buf out = {.max = 4096};
	const struct http_header fields[] = {
		{SLICE_LIT("Date"), SLICE_LIT("Mon, 23 Nov 2026 22:00:00 GMT")},
		{SLICE_LIT("ETag"), SLICE_LIT("\"1-4711\"")},
		{SLICE_LIT("Holdfast-Region"), SLICE_LIT("eu-west")},
		{SLICE_LIT("Holdfast-Token"), SLICE_LIT("abcdefghijklmnopqrstuvwxyz")},
	};
	buf_reset(&out);
	struct http1_framing framing = {HTTP1_BODY_LENGTH, 128, HTTP1_DEFAULT};
	enum err e = http1_encode_response(&out, 200, framing, fields, 4);
	ASSERT(!e);
}

static void body_once(struct slice bytes) {
	struct http1_body b;
	struct slice data;
	size_t used;
	http1_body_init(&b, HTTP1_BODY_CHUNKED, 0, UINT64_MAX);
	while (!b.done) {
		enum err e = http1_body_next(&b, bytes, &data, &used);
		ASSERT(!e && used > 0);
		bytes = slice_of(bytes.ptr + used, bytes.len - used);
	}
}

static void measure(const char *name, void (*once)(struct slice), struct slice bytes) {
	double best = 1e18;
	for (int round = 0; round < ROUNDS; round++) {
		double start = now_ns();
		for (int i = 0; i < REPEATS; i++) once(bytes);
		double each = (now_ns() - start) / REPEATS;
		if (each < best) best = each;
	}
	printf("figure %s %.1f\n", name, best);
}

int main(void) {
	struct buf chunked;
	buf_init(&chunked, 1 << 16);
	for (int i = 0; i < 10; i++) {
		enum err e =
			http1_encode_chunk(&chunked, SLICE_LIT("0123456789abcdef0123456789abcdef"));
		ASSERT(!e);
	}
	enum err e = buf_append_slice(&chunked, HTTP1_LAST_CHUNK);
	ASSERT(!e);
	measure("http1_parse_9_headers_ns", parse_once, slice_of(request, sizeof(request) - 1));
	measure("http1_parse_1_header_ns", parse_once,
	        slice_of(request_small, sizeof(request_small) - 1));
	measure("http1_encode_response_ns", encode_once, SLICE_LIT(""));
	measure("http1_take_10_chunks_ns", body_once, buf_slice(&chunked));
	buf_done(&chunked);
	return 0;
}
