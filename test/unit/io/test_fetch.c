/* Requests over libcurl on the loop, against our own server and against peers that misbehave:
 * each is told its end once, and whoever cancels or frees inside a callback may. Certificates are
 * tried where there is a real etcd (test/conformance/coord). */
#include "web.h"

#include "io/fetch.h"

struct ask {
	struct port *p;
	struct fetch *fetch;
	struct fetch_call call;
	char url[128];
	bool done, cancel_at_part, free_at_part, free_at_done;
	enum err err;
	int status, parts;
	struct buf body;
};

static struct fetch *fetch_of(struct port *p, size_t answer_max_bytes, int connections_max) {
	struct fetch *f;
	struct fault fault = {0};
	struct fetch_options o = {.connections_max = connections_max,
	                          .answer_max_bytes = answer_max_bytes};
	assert_int_equal(fetch_new(p->client, &o, &f, &fault), ERR_OK);
	return f;
}

static void ask_done(struct fetch_call *call, enum err err, int status, struct slice body) {
	struct ask *a = CONTAINER_OF(call, struct ask, call);
	assert_false(a->done);
	a->done = true;
	a->err = err;
	a->status = status;
	if (err) assert_true(call->why && *call->why);
	assert_int_equal(buf_append_slice(&a->body, body), ERR_OK);
	if (a->free_at_done) fetch_free(a->fetch);
	port_stop(a->p);
}

static void ask_part(struct fetch_call *call, struct slice bytes) {
	struct ask *a = CONTAINER_OF(call, struct ask, call);
	a->parts++;
	assert_true(bytes.len > 0);
	if (a->cancel_at_part) fetch_cancel(a->fetch, call);
	if (a->free_at_part) fetch_free(a->fetch);
	assert_int_equal(buf_append_slice(&a->body, bytes), ERR_OK); /* theirs until we return */
	if (a->cancel_at_part || a->free_at_part) port_stop(a->p);
}

static void ask_start(struct ask *a, struct port *p, struct fetch *f, uint16_t port,
                      const char *path) {
	a->p = p;
	a->fetch = f;
	buf_init(&a->body, 16 << 20);
	snprintf(a->url, sizeof a->url, "http://127.0.0.1:%u%s", port, path);
	a->call.url = a->url;
	a->call.done = ask_done;
	if (!a->call.timeout_ns) a->call.timeout_ns = 5000 * MS;
	assert_int_equal(fetch_start(f, &a->call), ERR_OK);
	assert_false(a->done);
}

static void ask_expect(struct ask *a, enum err err, int status, const char *body) {
	while (!a->done) port_run(a->p);
	if (a->err != err) fail_msg("%s instead of %s", err_name(a->err), err_name(err));
	assert_int_equal(a->status, status);
	if (body && !slice_is(buf_slice(&a->body), body))
		fail_msg("'" SLICE_FMT "' instead of '%s'", SLICE_ARG(buf_slice(&a->body)), body);
	buf_done(&a->body);
}

/* --- answers ------------------------------------------------------------------------------ */

static void what_is_asked_is_answered(void **state) {
	struct web w;
	web_open(&w, state);
	struct fetch *f = fetch_of(w.p, 1 << 20, 2);
	const struct http_header field = {SLICE_LIT("X-Some"), SLICE_LIT("thing")};
	struct ask get = {.call.fields = &field, .call.field_count = 1};
	ask_start(&get, w.p, f, w.port, "/echo");
	ask_expect(&get, ERR_OK, 200, "GET:");
	struct ask post = {.call.body = SLICE_LIT("value")};
	ask_start(&post, w.p, f, w.port, "/echo");
	ask_expect(&post, ERR_OK, 200, "POST:value");
	struct ask empty = {.call.body = SLICE_LIT("")};
	ask_start(&empty, w.p, f, w.port, "/echo");
	ask_expect(&empty, ERR_OK, 200, "POST:");
	struct ask none = {0};
	ask_start(&none, w.p, f, w.port, "/nothing");
	ask_expect(&none, ERR_OK, 204, "");
	for (int i = 0; i < 3; i++) {
		struct ask memo = {0}; /* a kept connection */
		char expected[16];
		ask_start(&memo, w.p, f, w.port, "/memo");
		snprintf(expected, sizeof expected, "memo %d", i + 1);
		ask_expect(&memo, ERR_OK, 200, expected);
	}
	fetch_free(f);
	web_done(&w);
}

/* More than may be open wait for their turn. */
static void connections_are_bounded(void **state) {
	enum { CALLS = 12 };
	struct web w;
	web_open(&w, state);
	struct fetch *f = fetch_of(w.p, 1 << 20, 3);
	struct ask asks[CALLS] = {0};
	for (int i = 0; i < CALLS; i++) ask_start(&asks[i], w.p, f, w.port, "/later");
	port_run_for(w.p, 200 * MS);
	assert_int_equal(w.requests, 3);
	for (int answered = 0; answered < CALLS;) {
		if (w.kept_count) web_answer(&w), answered++;
		port_run_for(w.p, 5 * MS);
	}
	for (int i = 0; i < CALLS; i++) ask_expect(&asks[i], ERR_OK, 200, "late");
	fetch_free(f);
	web_done(&w);
}

static void parts_come_as_they_are(void **state) {
	struct web w;
	web_open(&w, state);
	struct fetch *f = fetch_of(w.p, 1 << 20, 2);
	struct ask a = {.call.part = ask_part};
	ask_start(&a, w.p, f, w.port, "/stream");
	ask_expect(&a, ERR_OK, 200, "one two");
	assert_true(a.parts >= 1);
	struct ask big = {.call.part = ask_part}; /* over the limit in all, never at once */
	ask_start(&big, w.p, f, w.port, "/big");
	while (!big.done) port_run(w.p);
	assert_int_equal(big.err, ERR_OK);
	assert_int_equal(big.body.len, WEB_BIG_BYTES);
	buf_done(&big.body);
	fetch_free(f);
	web_done(&w);
}

/* --- what goes wrong ------------------------------------------------------------------------- */

static void an_answer_has_a_limit(void **state) {
	struct web w;
	web_open(&w, state);
	struct fetch *f = fetch_of(w.p, 1 << 20, 2);
	struct ask a = {0};
	ask_start(&a, w.p, f, w.port, "/big");
	ask_expect(&a, ERR_BAD_GATEWAY, 200, "");
	fetch_free(f);
	web_done(&w);
}

static void time_is_bounded(void **state) {
	struct web w;
	web_open(&w, state);
	struct fetch *f = fetch_of(w.p, 1 << 20, 1);
	struct ask a = {.call.timeout_ns = 100 * MS}, waits = {.call.timeout_ns = 100 * MS};
	ask_start(&a, w.p, f, w.port, "/later");
	ask_start(&waits, w.p, f, w.port, "/later"); /* there is one connection */
	ask_expect(&a, ERR_DEADLINE, 0, "");
	ask_expect(&waits, ERR_UNAVAILABLE, 0, "");
	fetch_free(f);
	web_done(&w);
}

static void where_nobody_listens_nothing_was_sent(void **state) {
	struct web w;
	web_open(&w, state);
	uint16_t port = w.port;
	web_done(&w);
	struct fetch *f = fetch_of(w.p, 1 << 20, 2);
	struct ask a = {0};
	ask_start(&a, w.p, f, port, "/");
	ask_expect(&a, ERR_UNAVAILABLE, 0, "");
	struct ask file = {0};
	ask_start(&file, w.p, f, port, "/");
	ask_expect(&file, ERR_UNAVAILABLE, 0, "");
	fetch_free(f);
}

static void on_accept_close(void *arg, struct io_conn *conn) {
	(void)arg;
	io_conn_close(conn, true);
}

static void a_connection_that_breaks_leaves_it_open(void **state) {
	struct port *p = *state;
	struct io_listener *l;
	assert_int_equal(io_tcp_listen(p->server, p->host, 0, on_accept_close, NULL, &l, NULL),
	                 ERR_OK);
	struct fetch *f = fetch_of(p, 1 << 20, 2);
	struct ask a = {.call.body = SLICE_LIT("x")};
	ask_start(&a, p, f, io_listener_port(l), "/");
	ask_expect(&a, ERR_OUTCOME_UNKNOWN, 0, "");
	fetch_free(f);
	io_listener_close(l);
}

static void only_http_is_spoken(void **state) {
	struct port *p = *state;
	struct fetch *f = fetch_of(p, 1 << 20, 2);
	struct ask a = {.p = p, .fetch = f};
	buf_init(&a.body, 1000);
	a.call.url = "file:///etc/passwd";
	a.call.done = ask_done;
	a.call.timeout_ns = 1000 * MS;
	assert_int_equal(fetch_start(f, &a.call), ERR_OK);
	ask_expect(&a, ERR_BAD_GATEWAY, 0, "");
	fetch_free(f);
}

static void files_that_are_none_are_said(void **state) {
	struct port *p = *state;
	struct fetch *f;
	struct fault fault = {0};
	struct fetch_options o = {.ca = "/nowhere/ca.pem", .connections_max = 1};
	assert_int_equal(fetch_new(p->client, &o, &f, &fault), ERR_NOT_FOUND);
	assert_non_null(strstr(fault.text, "/nowhere/ca.pem"));
	o.ca = "/etc/hostname";
	assert_int_equal(fetch_new(p->client, &o, &f, &fault), ERR_INVALID);
	assert_non_null(strstr(fault.text, "PEM"));
}

static void the_simulation_has_none(void **state) {
	struct port *p = *state;
	struct fetch *f;
	struct fetch_options o = {.connections_max = 1, .answer_max_bytes = 1};
	assert_int_equal(fetch_new(p->client, &o, &f, NULL), ERR_UNSUPPORTED);
}

/* --- who goes ------------------------------------------------------------------------------------ */

static void cancelled_calls_are_silent(void **state) {
	struct web w;
	web_open(&w, state);
	struct fetch *f = fetch_of(w.p, 1 << 20, 2);
	struct ask early = {0}, late = {0}, never = {0};
	ask_start(&early, w.p, f, w.port, "/echo");
	fetch_cancel(f, &early.call);
	ask_start(&late, w.p, f, w.port, "/later");
	port_run_for(w.p, 50 * MS);
	fetch_cancel(f, &late.call);
	fetch_cancel(f, &late.call);
	fetch_cancel(f, &never.call);
	struct ask part = {.call.part = ask_part, .cancel_at_part = true};
	ask_start(&part, w.p, f, w.port, "/big");
	port_run(w.p);
	port_run_for(w.p, 50 * MS);
	assert_int_equal(part.parts, 1);
	assert_false(early.done || late.done || part.done);
	struct ask after = {0};
	ask_start(&after, w.p, f, w.port, "/echo");
	ask_expect(&after, ERR_OK, 200, "GET:");
	buf_done(&part.body);
	fetch_free(f);
	web_done(&w);
}

static void freed_inside_a_callback(void **state) {
	struct web w;
	web_open(&w, state);
	struct ask waits = {0}, a = {.free_at_done = true};
	struct fetch *f = fetch_of(w.p, 1 << 20, 4);
	ask_start(&waits, w.p, f, w.port, "/later");
	ask_start(&a, w.p, f, w.port, "/echo");
	ask_expect(&a, ERR_OK, 200, "GET:");
	f = fetch_of(w.p, 1 << 20, 4);
	struct ask part = {.call.part = ask_part, .free_at_part = true};
	ask_start(&part, w.p, f, w.port, "/big");
	port_run(w.p);
	port_run_for(w.p, 50 * MS);
	assert_false(waits.done || part.done);
	buf_done(&part.body);
	web_done(&w);
}

static void freed_with_calls_under_way(void **state) {
	struct web w;
	web_open(&w, state);
	struct fetch *f = fetch_of(w.p, 1 << 20, 4);
	struct ask a = {0}, b = {0};
	ask_start(&a, w.p, f, w.port, "/later");
	port_run_for(w.p, 50 * MS);
	ask_start(&b, w.p, f, w.port, "/echo");
	fetch_free(f);
	port_run_for(w.p, 50 * MS);
	assert_false(a.done || b.done);
	fetch_free(NULL);
	web_done(&w);
}

#define UV(f) cmocka_unit_test_setup_teardown(f, port_uv, port_done)
int main(void) {
	const struct CMUnitTest tests[] = {
		UV(what_is_asked_is_answered),
		UV(connections_are_bounded),
		UV(parts_come_as_they_are),
		UV(an_answer_has_a_limit),
		UV(time_is_bounded),
		UV(where_nobody_listens_nothing_was_sent),
		UV(a_connection_that_breaks_leaves_it_open),
		UV(only_http_is_spoken),
		UV(files_that_are_none_are_said),
		UV(cancelled_calls_are_silent),
		UV(freed_inside_a_callback),
		UV(freed_with_calls_under_way),
		cmocka_unit_test_setup_teardown(the_simulation_has_none, port_sim, port_done),
	};
	return cmocka_run_group_tests_name("fetch", tests, NULL, NULL);
}
