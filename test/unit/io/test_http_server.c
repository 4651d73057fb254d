/* The HTTP/1.1 server over the port: what a connection may do, in which order it is answered,
 * and where each limit ends it. The codec's own vectors are in test_http1_*.c. */
#include "web.h"

#define HOST "Host: a\r\n"

static void one_request_one_answer(void **state) {
	struct web w;
	struct raw r;
	web_open(&w, state);
	raw_open(&r, &w);
	raw_send(&r, "PUT /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello");
	raw_expect(&r, "PUT:hello");
	assert_true(raw_has(&r, "HTTP/1.1 200 OK\r\n"));
	assert_true(raw_has(&r, "Content-Length: 9\r\n"));
	assert_true(raw_has(&r, "\r\nDate: "));
	assert_false(raw_has(&r, "Connection:"));
	raw_done(&r);
	web_done(&w);
}

static void a_connection_is_used_again_and_remembers(void **state) {
	struct web w;
	struct raw r, other;
	web_open(&w, state);
	raw_open(&r, &w);
	raw_open(&other, &w);
	raw_send(&r, "GET /memo HTTP/1.1\r\n" HOST "\r\n");
	raw_expect(&r, "memo 1");
	raw_send(&r, "GET /memo HTTP/1.1\r\n" HOST "\r\n");
	raw_expect(&r, "memo 2");
	raw_send(&other, "GET /memo HTTP/1.1\r\n" HOST "\r\n");
	raw_expect(&other, "memo 1");
	assert_int_equal(web_connections(&w), 2);
	raw_done(&other);
	raw_done(&r);
	web_done(&w);
}

/* The second waits until the first, which takes its time, is answered; bytes of a third come
 * one by one meanwhile. */
static void pipelined_requests_are_answered_in_order(void **state) {
	struct web w;
	struct raw r;
	web_open(&w, state);
	raw_open(&r, &w);
	w.stop_at_kept = 1;
	raw_send(&r, "GET /later HTTP/1.1\r\n" HOST "\r\n"
	             "PUT /echo HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\ntwo"
	             "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n5\r\nth");
	port_run(w.p);
	raw_send(&r, "ree\r\n0\r\n\r\n");
	port_run_for(w.p, 20 * MS);
	assert_int_equal(w.requests, 1);
	assert_int_equal(r.got.len, 0);
	web_answer(&w);
	raw_expect(&r, "POST:three");
	const char *got;
	assert_int_equal(buf_cstr(&r.got, &got), ERR_OK);
	const char *late = strstr(got, "late"), *two = strstr(got, "PUT:two");
	assert_true(late && two && late < two && two < strstr(got, "POST:three"));
	raw_done(&r);
	web_done(&w);
}

/* All that was asked before the client ended its side is answered, then the server ends. */
static void a_client_may_end_its_side_and_wait(void **state) {
	struct web w;
	struct raw r;
	web_open(&w, state);
	raw_open(&r, &w);
	w.stop_at_kept = 1;
	raw_send(&r, "GET /later HTTP/1.1\r\n" HOST "\r\nGET /last HTTP/1.1\r\n" HOST "\r\n");
	port_run(w.p);
	/* Ends the sending side; what comes after is thrown away by the port, so look at counts. */
	io_conn_close(r.conn, true);
	r.conn = NULL;
	port_run_for(w.p, 20 * MS);
	assert_int_equal(w.requests, 1);
	assert_false(http_exchange_aborted(w.kept[0]));
	web_answer(&w);
	assert_int_equal(w.requests, 2);
	port_run_for(w.p, 20 * MS);
	assert_int_equal(web_connections(&w), 0);
	raw_done(&r);
	web_done(&w);
}

static void much_that_is_pipelined_waits_outside(void **state) {
	enum { COUNT = 6000 };
	struct web w;
	struct raw r;
	web_open(&w, state);
	raw_open(&r, &w);
	w.stop_at_kept = 1;
	raw_send(&r, "GET /later HTTP/1.1\r\n" HOST "\r\n");
	port_run(w.p);
	for (int i = 0; i < COUNT; i++) raw_send(&r, "GET /memo HTTP/1.1\r\n" HOST "\r\n");
	raw_send(&r, "GET /close HTTP/1.1\r\n" HOST "\r\n");
	port_run_for(w.p, 50 * MS);
	assert_int_equal(w.requests, 1);
	web_answer(&w);
	raw_expect_end(&r);
	assert_true(raw_has(&r, "bye"));
	assert_int_equal(w.requests, COUNT + 2);
	raw_done(&r);
	web_done(&w);
}

static void every_byte_may_come_alone(void **state) {
	static const char request[] = "PUT /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
				      "3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n";
	struct web w;
	struct raw r;
	web_open(&w, state);
	raw_open(&r, &w);
	for (size_t i = 0; i < sizeof request - 1; i++) {
		char one[2] = {request[i], 0};
		raw_send(&r, one);
		port_run_for(w.p, MS);
	}
	raw_expect(&r, "PUT:abcd");
	raw_done(&r);
	web_done(&w);
}

static void chunks_go_both_ways(void **state) {
	struct web w;
	struct raw r;
	web_open(&w, state);
	raw_open(&r, &w);
	raw_send(&r, "POST /stream HTTP/1.1\r\n" HOST
	             "Transfer-Encoding: chunked\r\n\r\n4;a=b\r\nabcd\r\n0\r\nTrailer: x\r\n\r\n");
	raw_expect(&r, "0\r\n\r\n");
	assert_true(raw_has(&r, "Transfer-Encoding: chunked\r\n"));
	assert_true(raw_has(&r, "\r\n\r\n4\r\none \r\n3\r\ntwo\r\n0\r\n\r\n"));
	raw_send(&r, "GET /memo HTTP/1.1\r\n" HOST "\r\n"); /* still in step */
	raw_expect(&r, "memo 1");
	raw_done(&r);
	web_done(&w);
}

static void head_tells_the_length_and_sends_nothing(void **state) {
	struct web w;
	struct raw r;
	web_open(&w, state);
	raw_open(&r, &w);
	raw_send(&r, "HEAD /echo HTTP/1.1\r\n" HOST "\r\nHEAD /stream HTTP/1.1\r\n" HOST "\r\n"
	             "GET /nothing HTTP/1.1\r\n" HOST "\r\nGET /memo HTTP/1.1\r\n" HOST "\r\n");
	raw_expect(&r, "memo 1");
	assert_true(raw_has(&r, "Content-Length: 5\r\n")); /* "HEAD:" */
	assert_false(raw_has(&r, "HEAD:"));
	assert_false(raw_has(&r, "one "));
	assert_true(raw_has(&r, "HTTP/1.1 204 No Content\r\nDate"));
	raw_done(&r);
	web_done(&w);
}

static void http_1_0_is_answered_and_closed(void **state) {
	struct web w;
	struct raw r;
	web_open(&w, state);
	raw_open(&r, &w);
	raw_send(&r, "GET /memo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	raw_expect(&r, "memo 1");
	assert_true(raw_has(&r, "Connection: keep-alive\r\n"));
	raw_send(&r, "GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	raw_expect_end(&r); /* the length of a stream is told by the end */
	assert_true(raw_has(&r, "\r\n\r\none two"));
	assert_false(raw_has(&r, "chunked"));
	raw_done(&r);
	raw_open(&r, &w);
	raw_send(&r, "GET /memo HTTP/1.0\r\n\r\n");
	raw_expect_end(&r);
	assert_true(raw_has(&r, "Connection: close\r\n"));
	raw_done(&r);
	web_done(&w);
}

static void who_waits_for_100_gets_it(void **state) {
	struct web w;
	struct raw r;
	web_open(&w, state);
	raw_open(&r, &w);
	raw_send(&r, "PUT /echo HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
	raw_expect(&r, "HTTP/1.1 100 Continue\r\n\r\n");
	raw_send(&r, "ok");
	raw_expect(&r, "PUT:ok");
	raw_done(&r);
	/* Too long: told at once, instead of an invitation. */
	raw_open(&r, &w);
	raw_send(&r, "PUT /echo HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 100001\r\n\r\n");
	raw_expect_end(&r);
	assert_true(raw_has(&r, "HTTP/1.1 413 "));
	assert_false(raw_has(&r, "100 Continue"));
	raw_done(&r);
	assert_int_equal(w.requests, 1);
	web_done(&w);
}

/* --- what ends a connection ------------------------------------------------------------- */

static void expect_refusal(struct web *w, const char *request, const char *status) {
	struct raw r;
	int before = w->requests;
	raw_open(&r, w);
	raw_send(&r, request);
	raw_expect_end(&r);
	if (!raw_has(&r, status)) fail_msg("no '%s' for: %s\ngot: %s", status, request, (char *)r.got.mem);
	assert_true(raw_has(&r, "Connection: close\r\n"));
	assert_true(raw_has(&r, "application/problem+json"));
	assert_int_equal(w->requests, before);
	raw_done(&r);
}

static void malformed_ones_are_refused_and_closed(void **state) {
	static const char *const bad[] = {
		"PUT / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
		"PUT / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx",
		"PUT / HTTP/1.1\r\n" HOST "Content-Length: +1\r\n\r\nx",
		"PUT / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n",
		"GET / HTTP/1.1\n" HOST "\r\n",
		"GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n",
		"GET / HTTP/1.1\r\n" HOST "X: a\r\n b\r\n\r\n",
		"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
		"GET / HTTP/1.1\r\n\r\n",
		"GET  / HTTP/1.1\r\n" HOST "\r\n",
		"GET / HTTP/2.0\r\n" HOST "\r\n",
		"\x16\x03\x01\x02 a TLS hello\r\n",
		"PUT / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n",
		"PUT / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
	};
	struct web w;
	web_open(&w, state);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) expect_refusal(&w, bad[i], "HTTP/1.1 400 ");
	web_done(&w);
}

/* What was whole before the malformed one is still answered, before the refusal. */
static void a_good_one_before_a_bad_one_is_answered(void **state) {
	struct web w;
	struct raw r;
	web_open(&w, state);
	raw_open(&r, &w);
	w.stop_at_kept = 1;
	raw_send(&r, "GET /later HTTP/1.1\r\n" HOST "\r\nBAD\r\n\r\n");
	port_run(w.p);
	web_answer(&w);
	raw_expect_end(&r);
	assert_true(raw_has(&r, "late"));
	assert_true(raw_has(&r, "HTTP/1.1 400 "));
	raw_done(&r);
	web_done(&w);
}

static void heads_are_bounded(void **state) {
	struct web w;
	web_open(&w, state);
	char long_head[WEB_HEAD_MAX + 200];
	int n = snprintf(long_head, sizeof long_head, "GET / HTTP/1.1\r\n" HOST "X: ");
	memset(long_head + n, 'x', WEB_HEAD_MAX);
	long_head[n + WEB_HEAD_MAX] = 0;
	expect_refusal(&w, long_head, "HTTP/1.1 431 ");
	char many[1024] = "GET / HTTP/1.1\r\n" HOST;
	for (int i = 0; i < 70; i++) strncat(many, "X: y\r\n", sizeof many - strlen(many) - 1);
	expect_refusal(&w, many, "HTTP/1.1 431 ");
	web_done(&w);
}

static void bodies_are_bounded(void **state) {
	struct web w;
	struct raw r;
	web_open(&w, state);
	expect_refusal(&w, "PUT / HTTP/1.1\r\n" HOST "Content-Length: 100001\r\n\r\n", "HTTP/1.1 413 ");
	expect_refusal(&w, "PUT / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n186a1\r\n",
	               "HTTP/1.1 413 ");
	raw_open(&r, &w); /* just as much as may be */
	raw_send(&r, "PUT /echo HTTP/1.1\r\n" HOST "Content-Length: 100000\r\n\r\n");
	char block[1001];
	memset(block, 'b', 1000);
	block[1000] = 0;
	for (int i = 0; i < 100; i++) raw_send(&r, block);
	raw_expect(&r, "Content-Length: 100004\r\n");
	raw_done(&r);
	web_done(&w);
}

static void a_head_that_dawdles_is_refused(void **state) {
	struct web w;
	struct raw r;
	web_open(&w, state);
	raw_open(&r, &w);
	raw_send(&r, "GET / HTTP/1.1\r\n");
	uint64_t start = io_now_ns(w.p->client);
	raw_expect_end(&r);
	assert_true(raw_has(&r, "HTTP/1.1 408 "));
	assert_in_range(io_now_ns(w.p->client) - start, 290 * MS, 1500 * MS);
	raw_done(&r);
	web_done(&w);
}

/* Five seconds of grace: simulated only. */
static void a_body_that_dawdles_is_refused(void **state) {
	struct web w;
	struct raw r;
	web_open(&w, state);
	raw_open(&r, &w);
	raw_send(&r, "PUT /echo HTTP/1.1\r\n" HOST "Content-Length: 20000\r\n\r\n");
	char block[1601];
	memset(block, 'b', 1600);
	block[1600] = 0;
	for (int second = 0; second < 8; second++) { /* 1600 B/s: above the floor */
		raw_send(&r, block);
		port_run_for(w.p, 1000 * MS);
		assert_false(r.ended);
	}
	uint64_t start = io_now_ns(w.p->client);
	raw_expect_end(&r); /* then nothing: 12800 B last until 5 + 12.8 s */
	assert_true(raw_has(&r, "HTTP/1.1 408 "));
	assert_in_range(io_now_ns(w.p->client) - start, 8000 * MS, 11000 * MS);
	raw_done(&r);
	web_done(&w);
}

static void who_says_nothing_is_closed(void **state) {
	struct web w;
	struct raw r, used;
	web_open(&w, state);
	raw_open(&r, &w);
	raw_open(&used, &w);
	raw_send(&used, "GET /memo HTTP/1.1\r\n" HOST "\r\n");
	raw_expect(&used, "memo 1");
	raw_expect_end(&r);
	raw_expect_end(&used);
	assert_int_equal(r.got.len, 0);
	assert_int_equal(web_connections(&w), 0);
	raw_done(&used);
	raw_done(&r);
	web_done(&w);
}

/* However long its handler takes, nobody closes a connection that waits for its answer. */
static void a_slow_handler_is_not_the_clients_fault(void **state) {
	struct web w;
	struct raw r;
	web_open(&w, state);
	raw_open(&r, &w);
	raw_send(&r, "GET /later HTTP/1.1\r\n" HOST "\r\n");
	port_run_for(w.p, 1600 * MS);
	web_answer(&w);
	raw_expect(&r, "late");
	assert_int_equal(w.aborted, 0);
	raw_done(&r);
	web_done(&w);
}

static void connections_are_capped(void **state) {
	struct web w;
	struct raw r[WEB_CONNECTIONS_MAX], more;
	web_open(&w, state);
	for (int i = 0; i < WEB_CONNECTIONS_MAX; i++) raw_open(&r[i], &w);
	raw_open(&more, &w);
	raw_expect_end(&more);
	assert_true(raw_has(&more, "HTTP/1.1 503 "));
	raw_done(&more);
	raw_send(&r[0], "GET /memo HTTP/1.1\r\n" HOST "\r\n");
	raw_expect(&r[0], "memo 1");
	raw_done(&r[0]);
	port_run_for(w.p, 20 * MS);
	raw_open(&r[0], &w); /* there is room again */
	raw_send(&r[0], "GET /memo HTTP/1.1\r\n" HOST "\r\n");
	raw_expect(&r[0], "memo 1");
	for (int i = 0; i < WEB_CONNECTIONS_MAX; i++) raw_done(&r[i]);
	web_done(&w);
}

static void a_client_that_goes_leaves_its_exchange_valid(void **state) {
	struct web w;
	struct raw r;
	web_open(&w, state);
	raw_open(&r, &w);
	w.stop_at_kept = 1;
	raw_send(&r, "PUT /later HTTP/1.1\r\n" HOST "Content-Length: 4\r\n\r\nbody");
	port_run(w.p);
	io_conn_close(r.conn, false);
	r.conn = NULL;
	port_run_for(w.p, 20 * MS);
	assert_true(slice_is(http_exchange_body(w.kept[0]), "body"));
	web_answer(&w);
	port_run_for(w.p, 20 * MS);
	assert_int_equal(web_connections(&w), 0);
	raw_done(&r);
	web_done(&w);
}

static void freeing_the_server_keeps_open_exchanges(void **state) {
	struct web w;
	struct raw r;
	web_open(&w, state);
	raw_open(&r, &w);
	w.stop_at_kept = 1;
	raw_send(&r, "GET /later HTTP/1.1\r\n" HOST "\r\n");
	port_run(w.p);
	web_done(&w); /* answers it after the server has gone */
	assert_int_equal(w.aborted, 1);
	raw_expect_end(&r);
	assert_int_equal(r.got.len, 0);
	raw_done(&r);
}

static void a_field_cannot_split_the_response(void **state) {
	struct web w;
	struct raw r;
	web_open(&w, state);
	raw_open(&r, &w);
	raw_send(&r, "GET /inject HTTP/1.1\r\n" HOST "\r\nGET /memo HTTP/1.1\r\n" HOST "\r\n");
	raw_expect(&r, "memo 1");
	assert_true(raw_has(&r, "HTTP/1.1 500 "));
	assert_false(raw_has(&r, "X-Split"));
	raw_done(&r);
	web_done(&w);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		ON_BOTH(one_request_one_answer),
		ON_BOTH(a_connection_is_used_again_and_remembers),
		ON_BOTH(pipelined_requests_are_answered_in_order),
		ON_BOTH(a_client_may_end_its_side_and_wait),
		ON_BOTH(much_that_is_pipelined_waits_outside),
		ON_BOTH(every_byte_may_come_alone),
		ON_BOTH(chunks_go_both_ways),
		ON_BOTH(head_tells_the_length_and_sends_nothing),
		ON_BOTH(http_1_0_is_answered_and_closed),
		ON_BOTH(who_waits_for_100_gets_it),
		ON_BOTH(malformed_ones_are_refused_and_closed),
		ON_BOTH(a_good_one_before_a_bad_one_is_answered),
		ON_BOTH(heads_are_bounded),
		ON_BOTH(bodies_are_bounded),
		ON_BOTH(a_head_that_dawdles_is_refused),
		{"a_body_that_dawdles_is_refused (simulation)", a_body_that_dawdles_is_refused, port_sim,
	         port_done, NULL},
		ON_BOTH(who_says_nothing_is_closed),
		ON_BOTH(a_slow_handler_is_not_the_clients_fault),
		ON_BOTH(connections_are_capped),
		ON_BOTH(a_client_that_goes_leaves_its_exchange_valid),
		ON_BOTH(freeing_the_server_keeps_open_exchanges),
		ON_BOTH(a_field_cannot_split_the_response),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
