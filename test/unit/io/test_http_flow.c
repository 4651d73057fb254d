/* The HTTP server when a client and a handler go at different speeds: what is asked ahead, and
 * what is answered but not taken, must neither grow without bound nor be lost. */
#include "web.h"

#define HOST "Host: a\r\n"

static size_t times(struct raw *r, const char *text) {
	size_t n = 0;
	const char *at;
	assert_int_equal(buf_cstr(&r->got, &at), ERR_OK);
	while ((at = strstr(at, text))) {
		at += strlen(text);
		n++;
	}
	return n;
}

/* Many at once, each answered later: what waits stays bounded, and nobody is sent away. */
static void slow_answers_to_much_that_is_pipelined(void **state) {
	enum { COUNT = 3000 };
	struct web w;
	struct raw r;
	web_open(&w, state);
	raw_open(&r, &w);
	io_conn_set_limit(r.conn, 8 << 20);
	w.stop_at_kept = 1;
	for (int i = 0; i < COUNT; i++)
		raw_send(&r, "GET /later HTTP/1.1\r\n" HOST
		             "X-Filler: 0123456789012345678901234567890123456789"
		             "012345678901234567890123456789012345678901234567890123456789012345678"
		             "9012345\r\n\r\n");
	for (int i = 0; i < COUNT; i++) {
		while (w.kept_count == 0 && !r.ended) port_run(w.p);
		assert_int_equal(w.kept_count, 1);
		web_answer(&w);
		if (i % 100 == 0) port_run_for(w.p, MS); /* more may come in meanwhile */
	}
	raw_send(&r, "GET /close HTTP/1.1\r\n" HOST "\r\n");
	raw_expect_end(&r);
	assert_int_equal(times(&r, "late"), COUNT);
	raw_done(&r);
	web_done(&w);
}

/* The client asks for more than it takes: the server waits with the next, and forgets none. */
static void answers_that_are_not_taken_hold_up_the_next(void **state) {
	enum { COUNT = 60, BODY_BYTES = WEB_BODY_MAX };
	struct web w;
	struct raw r;
	char head[128];
	static char body[BODY_BYTES + 1];
	web_open(&w, state);
	raw_open(&r, &w);
	memset(body, 'x', BODY_BYTES);
	io_conn_set_limit(r.conn, 16 << 20);
	io_conn_pause(r.conn);
	snprintf(head, sizeof head, "PUT /echo HTTP/1.1\r\n" HOST "Content-Length: %d\r\n\r\n",
	         BODY_BYTES);
	for (int i = 0; i < COUNT; i++) {
		raw_send(&r, head);
		raw_send(&r, body);
	}
	port_run_for(w.p, 200 * MS);
	assert_true(w.requests < COUNT);
	io_conn_resume(r.conn);
	raw_send(&r, "GET /close HTTP/1.1\r\n" HOST "\r\n");
	raw_expect_end(&r);
	assert_int_equal(w.requests, COUNT + 1);
	assert_int_equal(times(&r, "PUT:"), COUNT);
	assert_true(raw_has(&r, "bye"));
	raw_done(&r);
	web_done(&w);
}

/* Who takes nothing at all for the idle time is closed. */
static void who_takes_nothing_is_closed(void **state) {
	enum { COUNT = 60 };
	struct web w;
	struct raw r;
	char head[128];
	static char body[WEB_BODY_MAX + 1];
	web_open(&w, state);
	raw_open(&r, &w);
	memset(body, 'x', WEB_BODY_MAX);
	io_conn_set_limit(r.conn, 16 << 20);
	io_conn_pause(r.conn);
	snprintf(head, sizeof head, "PUT /echo HTTP/1.1\r\n" HOST "Content-Length: %d\r\n\r\n",
	         WEB_BODY_MAX);
	for (int i = 0; i < COUNT; i++) {
		raw_send(&r, head);
		raw_send(&r, body);
	}
	port_run_for(w.p, 3000 * MS);
	assert_int_equal(web_connections(&w), 0);
	raw_done(&r);
	web_done(&w);
}

/* All that clients ask for and do not take is bounded together; small answers always go. */
static void untaken_answers_are_bounded_in_all(void **state) {
	struct web w;
	struct raw slow, other;
	web_open(&w, state);
	raw_open(&slow, &w);
	io_conn_pause(slow.conn);
	raw_send(&slow, "GET /big HTTP/1.1\r\n" HOST "\r\n");
	port_run_for(w.p, 100 * MS);
	raw_open(&other, &w);
	raw_send(&other, "GET /big HTTP/1.1\r\n" HOST "\r\n");
	raw_expect(&other, "too many answers wait");
	assert_true(raw_has(&other, "503") && raw_has(&other, "Retry-After: 1"));
	raw_send(&other, "GET /memo HTTP/1.1\r\n" HOST "\r\n");
	raw_expect(&other, "memo 1");
	raw_done(&slow);
	port_run_for(w.p, 100 * MS);
	buf_reset(&other.got);
	raw_send(&other, "GET /big HTTP/1.1\r\n" HOST "\r\n");
	raw_expect(&other, "200 OK");
	raw_done(&other);
	web_done(&w);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		ON_BOTH(slow_answers_to_much_that_is_pipelined),
		ON_BOTH(answers_that_are_not_taken_hold_up_the_next),
		ON_BOTH(who_takes_nothing_is_closed),
		ON_BOTH(untaken_answers_are_bounded_in_all),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
