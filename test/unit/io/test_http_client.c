/* The pooled HTTP/1.1 client over the port: against our server for the pool and its bounds, against
 * a peer that plays a script for everything a server can do wrong. */
#include "web.h"

#include "io/http_client.h"

struct ask {
	struct port *p;
	struct http_call call;
	bool done;
	enum err err;
	int status;
	struct buf body;
	int *left; /* of a group: stops at the last */
};

static void ask_done(struct http_call *call, enum err err, const struct http1_head *head,
                     struct slice body) {
	struct ask *a = CONTAINER_OF(call, struct ask, call);
	assert_false(a->done);
	a->done = true;
	a->err = err;
	a->status = head ? head->status : 0;
	assert_true((head != NULL) == (err == ERR_OK));
	assert_int_equal(buf_append_slice(&a->body, body), ERR_OK);
	if (!a->left || --*a->left == 0) port_stop(a->p);
}

static void ask_start(struct ask *a, struct port *p, struct http_client *cl, uint16_t port,
                      const char *method, const char *target) {
	int *left = a->left;
	uint64_t timeout_ns = a->call.timeout_ns;
	bool repeatable = a->call.repeatable;
	struct slice body = a->call.body;
	*a = (struct ask){.p = p, .left = left};
	buf_init(&a->body, 8 << 20);
	a->call = (struct http_call){
		.host = p->host,
		.port = port,
		.method = slice_str(method),
		.target = slice_str(target),
		.body = body,
		.timeout_ns = timeout_ns,
		.repeatable = repeatable,
		.done = ask_done,
	};
	http_call_start(cl, &a->call);
	assert_false(a->done);
}

static void ask_expect(struct ask *a, enum err err, int status, const char *body) {
	while (!a->done) port_run(a->p);
	if (a->err != err) fail_msg("%s instead of %s", err_name(a->err), err_name(err));
	assert_int_equal(a->status, status);
	if (!slice_is(buf_slice(&a->body), body))
		fail_msg("'" SLICE_FMT "' instead of '%s'", SLICE_ARG(buf_slice(&a->body)), body);
	buf_done(&a->body);
}

static struct http_client *client_of(struct web *w, struct http_client_options options) {
	struct http_client *cl = http_client_new(w->p->client, &options);
	assert_non_null(cl);
	return cl;
}

/* --- the pool ------------------------------------------------------------------------- */

static void one_connection_serves_one_after_the_other(void **state) {
	struct web w;
	web_open(&w, state);
	struct http_client *cl = client_of(&w, (struct http_client_options){0});
	for (int i = 1; i <= 5; i++) {
		char expected[24];
		snprintf(expected, sizeof expected, "memo %d", i);
		struct ask a = {0};
		ask_start(&a, w.p, cl, w.port, "GET", "/memo");
		ask_expect(&a, ERR_OK, 200, expected);
	}
	struct ask put = {.call.body = SLICE_LIT("value")};
	ask_start(&put, w.p, cl, w.port, "PUT", "/echo");
	ask_expect(&put, ERR_OK, 200, "PUT:value");
	struct ask stream = {0};
	ask_start(&stream, w.p, cl, w.port, "GET", "/stream");
	ask_expect(&stream, ERR_OK, 200, "one two");
	struct ask head = {0}, nothing = {0}, end = {0};
	ask_start(&head, w.p, cl, w.port, "HEAD", "/echo");
	ask_expect(&head, ERR_OK, 200, "");
	ask_start(&nothing, w.p, cl, w.port, "DELETE", "/nothing");
	ask_expect(&nothing, ERR_OK, 204, "");
	assert_int_equal(web_connections(&w), 1);
	ask_start(&end, w.p, cl, w.port, "GET", "/close");
	ask_expect(&end, ERR_OK, 200, "bye");
	ask_start(&end, w.p, cl, w.port, "GET", "/memo"); /* on another connection */
	ask_expect(&end, ERR_OK, 200, "memo 1");
	http_client_free(cl);
	web_done(&w);
}

static void connections_and_queue_are_bounded(void **state) {
	struct web w;
	web_open(&w, state);
	struct http_client *cl = client_of(
		&w, (struct http_client_options){.connections_per_host = 2, .queue_per_host = 3});
	struct ask a[5] = {0}, surplus = {0};
	int left = 5;
	for (int i = 0; i < 5; i++) a[i].left = &left;
	w.stop_at_kept = 2;
	for (int i = 0; i < 2; i++) ask_start(&a[i], w.p, cl, w.port, "GET", "/later");
	port_run(w.p);
	for (int i = 2; i < 5; i++) ask_start(&a[i], w.p, cl, w.port, "GET", "/later");
	ask_start(&surplus, w.p, cl, w.port, "GET", "/later");
	ask_expect(&surplus, ERR_OVERLOADED, 0, "");
	port_run_for(w.p, 20 * MS);
	assert_int_equal(w.requests, 2);
	assert_int_equal(web_connections(&w), 2);
	while (left) {
		if (w.kept_count) web_answer(&w);
		port_run_for(w.p, 5 * MS);
	}
	for (int i = 0; i < 5; i++) ask_expect(&a[i], ERR_OK, 200, "late");
	assert_int_equal(web_connections(&w), 2);
	http_client_free(cl);
	web_done(&w);
}

static void idle_connections_are_let_go(void **state) {
	struct web w;
	web_open(&w, state);
	struct http_client *cl = client_of(&w, (struct http_client_options){.idle_ns = 50 * MS});
	struct ask a = {0};
	ask_start(&a, w.p, cl, w.port, "GET", "/memo");
	ask_expect(&a, ERR_OK, 200, "memo 1");
	port_run_for(w.p, 1500 * MS);
	assert_int_equal(web_connections(&w), 0);
	ask_start(&a, w.p, cl, w.port, "GET", "/memo");
	ask_expect(&a, ERR_OK, 200, "memo 1");
	http_client_free(cl);
	web_done(&w);
}

static void a_deadline_ends_one_call_only(void **state) {
	struct web w;
	web_open(&w, state);
	struct http_client *cl = client_of(&w, (struct http_client_options){0});
	struct ask slow = {.call.timeout_ns = 100 * MS}, next = {0};
	uint64_t start = io_now_ns(w.p->client);
	ask_start(&slow, w.p, cl, w.port, "GET", "/later");
	ask_expect(&slow, ERR_DEADLINE, 0, "");
	assert_in_range(io_now_ns(w.p->client) - start, 100 * MS, 1000 * MS);
	web_answer(&w); /* too late: nobody may be given it */
	ask_start(&next, w.p, cl, w.port, "GET", "/memo");
	ask_expect(&next, ERR_OK, 200, "memo 1");
	http_client_free(cl);
	web_done(&w);
}

static void cancelled_calls_are_silent(void **state) {
	struct web w;
	web_open(&w, state);
	struct http_client *cl =
		client_of(&w, (struct http_client_options){.connections_per_host = 1});
	struct ask sent = {0}, waiting = {0}, next = {0};
	w.stop_at_kept = 1;
	ask_start(&sent, w.p, cl, w.port, "GET", "/later");
	port_run(w.p);
	ask_start(&waiting, w.p, cl, w.port, "GET", "/later");
	ask_start(&next, w.p, cl, w.port, "GET", "/memo");
	http_call_cancel(cl, &waiting.call);
	http_call_cancel(cl, &sent.call);
	ask_expect(&next, ERR_OK, 200, "memo 1");
	assert_false(sent.done || waiting.done);
	http_client_free(cl);
	web_done(&w);
}

static void freeing_ends_what_is_open(void **state) {
	struct web w;
	web_open(&w, state);
	struct http_client *cl =
		client_of(&w, (struct http_client_options){.connections_per_host = 1});
	struct ask sent = {0}, waiting = {0};
	w.stop_at_kept = 1;
	ask_start(&sent, w.p, cl, w.port, "GET", "/later");
	port_run(w.p);
	ask_start(&waiting, w.p, cl, w.port, "GET", "/later");
	http_client_free(cl);
	assert_true(sent.done && waiting.done);
	ask_expect(&sent, ERR_CLOSED, 0, "");
	ask_expect(&waiting, ERR_CLOSED, 0, "");
	web_done(&w);
}

static void fields_that_cannot_be_sent_are_not(void **state) {
	struct web w;
	web_open(&w, state);
	struct http_client *cl = client_of(&w, (struct http_client_options){0});
	struct http_header bad = {.name = SLICE_LIT("X"), .value = SLICE_LIT("a\r\nY: b")};
	struct ask a = {.p = w.p};
	buf_init(&a.body, 100);
	a.call = (struct http_call){.host = w.p->host, .port = w.port, .method = SLICE_LIT("GET"),
	                            .target = SLICE_LIT("/memo"), .fields = &bad, .field_count = 1,
	                            .done = ask_done};
	http_call_start(cl, &a.call);
	ask_expect(&a, ERR_INVALID, 0, "");
	struct ask next = {0};
	ask_start(&next, w.p, cl, w.port, "GET", "/memo");
	ask_expect(&next, ERR_OK, 200, "memo 1");
	http_client_free(cl);
	web_done(&w);
}

static void nobody_there_means_nothing_was_sent(void **state) {
	struct web w;
	web_open(&w, state);
	struct http_client *cl = client_of(&w, (struct http_client_options){0});
	struct ask a[3] = {0};
	int left = 3;
	http_server_free(w.server);
	for (int i = 0; i < 3; i++) {
		a[i].left = &left;
		ask_start(&a[i], w.p, cl, w.port, "POST", "/echo");
	}
	for (int i = 0; i < 3; i++) ask_expect(&a[i], ERR_UNAVAILABLE, 0, "");
	http_client_free(cl);
	registry_free(w.registry);
}

/* --- a peer with a script ---------------------------------------------------------------- */

/* Answers the n-th request of its life with the n-th line of the script: what to send, and
 * whether to close then. A request here is a head without a body. */
struct act {
	const char *send;
	bool close;
};
struct peer {
	struct web w; /* only its port and p */
	struct io_listener *listener;
	const struct act *script;
	int acts, next, accepted;
	struct io_conn *conns[8];
};
struct peer_conn {
	struct peer *peer;
	int index, newlines; /* in a row: two end a head */
};
static struct peer_conn peer_conns[8];

static void peer_close(struct peer_conn *pc) {
	io_conn_close(pc->peer->conns[pc->index], true);
	pc->peer->conns[pc->index] = NULL;
}

static void peer_data(void *arg, struct slice data) {
	struct peer_conn *pc = arg;
	struct peer *peer = pc->peer;
	bool whole = false;
	for (size_t i = 0; i < data.len; i++) { /* the head may come in pieces */
		pc->newlines = data.ptr[i] == '\n' ? pc->newlines + 1
		             : data.ptr[i] == '\r' ? pc->newlines : 0;
		whole |= pc->newlines == 2;
	}
	if (!whole) return;
	pc->newlines = 0;
	if (peer->next >= peer->acts) return; /* silent from now on */
	const struct act *act = &peer->script[peer->next++];
	struct slice part = slice_str(act->send);
	if (part.len) assert_int_equal(io_conn_write(peer->conns[pc->index], &part, 1), ERR_OK);
	if (act->close) peer_close(pc);
}

static void peer_end(void *arg, enum err why) { peer_close(arg); }

static void peer_accept(void *arg, struct io_conn *conn) {
	static const struct io_conn_handler handler = {peer_data, peer_end, NULL};
	struct peer *peer = arg;
	assert_true(peer->accepted < 8);
	int i = peer->accepted++;
	peer_conns[i] = (struct peer_conn){peer, i, 0};
	peer->conns[i] = conn;
	io_conn_open(conn, &handler, &peer_conns[i]);
}

static void peer_open(struct peer *peer, void **state, const struct act *script, int acts) {
	*peer = (struct peer){.w.p = *state, .script = script, .acts = acts};
	struct fault fault;
	assert_int_equal(io_tcp_listen(peer->w.p->server, peer->w.p->host, 0, peer_accept, peer,
	                               &peer->listener, &fault), ERR_OK);
	peer->w.port = io_listener_port(peer->listener);
}

static void peer_done(struct peer *peer) {
	io_listener_close(peer->listener);
	for (int i = 0; i < peer->accepted; i++)
		if (peer->conns[i]) io_conn_close(peer->conns[i], false);
}

#define OK_AND(rest) "HTTP/1.1 200 OK\r\n" rest
#define PEER_OPEN(peer, state, script) peer_open(&(peer), state, script, sizeof(script) / sizeof *(script))

/* A pooled connection breaks just when it is used again: the server had closed it. Then it
 * is sent once more where that is safe, and never where it is not. */
static void stale_connections_are_tried_once_more(void **state) {
	static const struct act script[] = {
		{OK_AND("Content-Length: 3\r\n\r\none"), false},
		{"", true}, /* takes the request, answers nothing, closes */
		{OK_AND("Content-Length: 3\r\n\r\ntwo"), false},
		{"", true},
	};
	struct peer peer;
	PEER_OPEN(peer, state, script);
	struct http_client *cl = client_of(&peer.w, (struct http_client_options){0});
	struct ask first = {0}, again = {.call.repeatable = true}, once = {0};
	ask_start(&first, peer.w.p, cl, peer.w.port, "GET", "/");
	ask_expect(&first, ERR_OK, 200, "one");
	ask_start(&again, peer.w.p, cl, peer.w.port, "GET", "/");
	ask_expect(&again, ERR_OK, 200, "two");
	assert_int_equal(peer.accepted, 2);
	ask_start(&once, peer.w.p, cl, peer.w.port, "POST", "/");
	ask_expect(&once, ERR_OUTCOME_UNKNOWN, 0, "");
	assert_int_equal(peer.next, 4);
	http_client_free(cl);
	peer_done(&peer);
}

/* Part of an answer came: sending it again could do it twice, and a fresh connection that
 * breaks is no stale one. */
static void a_broken_answer_is_not_repeated(void **state) {
	static const struct act script[] = {
		{OK_AND("Content-Length: 3\r\n\r\none"), false},
		{OK_AND("Content-Length: 10\r\n\r\nhalf"), true},
		{"", true},
	};
	struct peer peer;
	PEER_OPEN(peer, state, script);
	struct http_client *cl = client_of(&peer.w, (struct http_client_options){0});
	struct ask a = {.call.repeatable = true};
	ask_start(&a, peer.w.p, cl, peer.w.port, "GET", "/");
	ask_expect(&a, ERR_OK, 200, "one");
	for (int i = 0; i < 2; i++) {
		ask_start(&a, peer.w.p, cl, peer.w.port, "GET", "/");
		ask_expect(&a, ERR_OUTCOME_UNKNOWN, 0, "");
	}
	assert_int_equal(peer.next, 3);
	http_client_free(cl);
	peer_done(&peer);
}

static void answers_of_every_shape_are_read(void **state) {
	static const struct act script[] = {
		{"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n"
		 OK_AND("Content-Length: 2\r\n\r\nok"), false},
		{OK_AND("Transfer-Encoding: chunked\r\n\r\n2\r\nch\r\n4;x=y\r\nunks\r\n0\r\nT: r\r\n\r\n"), false},
		{"HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n", false},
		{OK_AND("\r\nuntil the end"), true},
		{"HTTP/1.0 200 OK\r\n\r\nold", true},
		{OK_AND("Content-Length: 2\r\n\r\nokHTTP/1.1 500 Smuggled\r\n\r\n"), false},
		{OK_AND("Content-Length: 5\r\n\r\nclean"), false},
	};
	static const char *const bodies[] = {"ok", "chunks", "", "until the end", "old", "ok", "clean"};
	struct peer peer;
	PEER_OPEN(peer, state, script);
	struct http_client *cl = client_of(&peer.w, (struct http_client_options){0});
	for (int i = 0; i < 7; i++) {
		struct ask a = {0};
		ask_start(&a, peer.w.p, cl, peer.w.port, "GET", "/");
		ask_expect(&a, ERR_OK, i == 2 ? 304 : 200, bodies[i]);
	}
	http_client_free(cl);
	peer_done(&peer);
}

static void nonsense_is_a_bad_gateway(void **state) {
	static const struct act script[] = {
		{"SSH-2.0-OpenSSH_9.2\r\n", false},
		{OK_AND("Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"), false},
		{OK_AND("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), false},
		{OK_AND("Transfer-Encoding: chunked\r\n\r\nxyz\r\n"), false},
		{OK_AND("Content-Length: 1001\r\n\r\n."), false},
		{OK_AND("Transfer-Encoding: chunked\r\n\r\n3e9\r\n"), false},
	};
	struct peer peer;
	PEER_OPEN(peer, state, script);
	struct http_client *cl =
		client_of(&peer.w, (struct http_client_options){.response_max_bytes = 1000});
	for (int i = 0; i < 6; i++) {
		struct ask a = {.call.repeatable = true};
		ask_start(&a, peer.w.p, cl, peer.w.port, "GET", "/");
		ask_expect(&a, ERR_BAD_GATEWAY, 0, "");
	}
	assert_int_equal(peer.next, 6); /* none was sent twice */
	http_client_free(cl);
	peer_done(&peer);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		ON_BOTH(one_connection_serves_one_after_the_other),
		ON_BOTH(connections_and_queue_are_bounded),
		ON_BOTH(idle_connections_are_let_go),
		ON_BOTH(a_deadline_ends_one_call_only),
		ON_BOTH(cancelled_calls_are_silent),
		ON_BOTH(freeing_ends_what_is_open),
		ON_BOTH(fields_that_cannot_be_sent_are_not),
		ON_BOTH(nobody_there_means_nothing_was_sent),
		ON_BOTH(stale_connections_are_tried_once_more),
		ON_BOTH(a_broken_answer_is_not_repeated),
		ON_BOTH(answers_of_every_shape_are_read),
		ON_BOTH(nonsense_is_a_bad_gateway),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
