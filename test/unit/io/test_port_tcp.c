/* TCP through the port, on both drivers. */
#include "port.h"

#include <stdio.h>
#include <string.h>

/* A side of a connection that remembers what happened to it. */
struct side {
	struct port *p;
	struct io_conn *conn;
	struct buf got;
	int ends, drains;
	enum err why;
	bool echoes, closes_on_data, stops_on_end, closes_on_end;
	size_t stop_at; /* bytes; 0: never */
	size_t calls;
};

static void side_data(void *arg, struct slice data) {
	struct side *s = arg;
	s->calls++;
	assert_true(data.len > 0 && data.len <= 64 * 1024);
	if (s->closes_on_data) {
		io_conn_close(s->conn, true);
		s->conn = NULL;
		return;
	}
	if (s->echoes) {
		assert_int_equal(io_conn_write(s->conn, &data, 1), ERR_OK);
		if (io_conn_pending(s->conn) > 256 * 1024) io_conn_pause(s->conn);
	} else {
		assert_int_equal(buf_append_slice(&s->got, data), ERR_OK);
	}
	if (s->stop_at && s->got.len >= s->stop_at) port_stop(s->p);
}

static void side_end(void *arg, enum err why) {
	struct side *s = arg;
	s->ends++;
	s->why = why;
	if (s->closes_on_end) {
		io_conn_close(s->conn, true);
		s->conn = NULL;
	}
	if (s->stops_on_end) port_stop(s->p);
}

static void side_drain(void *arg) {
	struct side *s = arg;
	s->drains++;
	assert_int_equal(io_conn_pending(s->conn), 0);
	if (s->echoes) io_conn_resume(s->conn);
}

static const struct io_conn_handler side_handler = {side_data, side_end, side_drain};

struct pair {
	struct port *p;
	struct io_listener *listener;
	struct side server, client;
	bool keeps_closed; /* the server does not read yet */
	enum err connect_err;
	int connects;
};

static void on_accept(void *arg, struct io_conn *conn) {
	struct pair *t = arg;
	t->server.conn = conn;
	if (!t->keeps_closed) io_conn_open(conn, &side_handler, &t->server);
	if (t->client.conn) port_stop(t->p);
}

static void on_connect(void *arg, struct io_conn *conn, enum err err) {
	struct pair *t = arg;
	t->connects++;
	t->connect_err = err;
	t->client.conn = conn;
	assert_true((conn != NULL) == (err == ERR_OK));
	if (conn) io_conn_open(conn, &side_handler, &t->client);
	if (!conn || t->server.conn) port_stop(t->p);
}

static void pair_init(struct pair *t, struct port *p) {
	*t = (struct pair){.p = p, .server.p = p, .client.p = p};
	buf_init(&t->server.got, 64 << 20);
	buf_init(&t->client.got, 64 << 20);
	struct fault fault;
	assert_int_equal(io_tcp_listen(p->server, p->host, 0, on_accept, t, &t->listener, &fault),
	                 ERR_OK);
	assert_true(io_listener_port(t->listener) != 0);
}

static void pair_connect(struct pair *t) {
	assert_non_null(io_tcp_connect(t->p->client, t->p->host, io_listener_port(t->listener),
	                               5000 * MS, on_connect, t));
	assert_int_equal(t->connects, 0); /* never before the call returns */
	port_run(t->p);
	assert_int_equal(t->connects, 1);
}

static void pair_done(struct pair *t) {
	io_conn_close(t->server.conn, false);
	io_conn_close(t->client.conn, false);
	io_listener_close(t->listener);
	buf_done(&t->server.got);
	buf_done(&t->client.got);
}

static uint8_t *pattern(size_t len) {
	uint8_t *bytes = malloc(len);
	for (size_t i = 0; i < len; i++) bytes[i] = (uint8_t)(i * 31 + i / 251);
	return bytes;
}

static enum err write_bytes(struct side *s, const void *bytes, size_t len) {
	struct slice part = slice_of(bytes, len);
	return io_conn_write(s->conn, &part, 1);
}

/* --- tests --------------------------------------------------------------------- */

static void many_parts_arrive_as_one(void **state) {
	struct pair t;
	pair_init(&t, *state);
	pair_connect(&t);
	assert_string_not_equal(io_conn_peer(t.server.conn), "");
	char expected[64];
	snprintf(expected, sizeof expected, "%s:%u", t.p->host, io_listener_port(t.listener));
	assert_string_equal(io_conn_peer(t.client.conn), expected);

	struct slice parts[200];
	for (int i = 0; i < 200; i++) parts[i] = i % 3 ? SLICE_LIT("ab") : (struct slice){0};
	t.server.stop_at = 2 * 133;
	assert_int_equal(io_conn_write(t.client.conn, parts, 200), ERR_OK);
	assert_int_equal(io_conn_pending(t.client.conn), 0);
	port_run(t.p);
	assert_int_equal(t.server.got.len, 2 * 133);
	assert_memory_equal(buf_slice(&t.server.got).ptr, "ababab", 6);
	pair_done(&t);
}

static void what_is_large_comes_back_whole(void **state) {
	enum { LARGE = 6 << 20 };
	struct pair t;
	pair_init(&t, *state);
	pair_connect(&t);
	t.server.echoes = true;
	t.client.stop_at = LARGE;
	io_conn_set_limit(t.client.conn, LARGE);
	uint8_t *bytes = pattern(LARGE);
	assert_int_equal(write_bytes(&t.client, bytes, LARGE), ERR_OK);
	port_run(t.p);
	assert_int_equal(t.client.got.len, LARGE);
	assert_memory_equal(buf_slice(&t.client.got).ptr, bytes, LARGE);
	assert_true(t.client.drains >= 1);
	free(bytes);
	pair_done(&t);
}

static void a_paused_reader_holds_the_writer_back(void **state) {
	enum { CHUNK = 64 * 1024 };
	struct pair t;
	pair_init(&t, *state);
	pair_connect(&t);
	io_conn_pause(t.server.conn);
	uint8_t *bytes = pattern(CHUNK);
	size_t sent = 0;
	enum err err = ERR_OK;
	for (int i = 0; i < 4000 && err == ERR_OK; i++) {
		err = write_bytes(&t.client, bytes, CHUNK);
		if (err == ERR_OK) sent += CHUNK;
	}
	assert_int_equal(err, ERR_OVERLOADED);
	assert_true(io_conn_pending(t.client.conn) <= 1 << 20);
	port_run_for(t.p, 30 * MS);
	assert_int_equal(t.server.calls, 0);

	t.server.stop_at = sent;
	io_conn_resume(t.server.conn);
	port_run(t.p);
	port_run_for(t.p, 10 * MS);
	assert_int_equal(t.server.got.len, sent);
	assert_int_equal(io_conn_pending(t.client.conn), 0);
	assert_true(t.client.drains >= 1);
	assert_int_equal(write_bytes(&t.client, bytes, CHUNK), ERR_OK);
	free(bytes);
	pair_done(&t);
}

static void over_the_limit_nothing_is_written(void **state) {
	struct pair t;
	pair_init(&t, *state);
	pair_connect(&t);
	io_conn_set_limit(t.client.conn, 10);
	assert_int_equal(write_bytes(&t.client, "elevenbytes", 11), ERR_OVERLOADED);
	assert_int_equal(write_bytes(&t.client, "ten bytes!", 10), ERR_OK);
	port_run_for(t.p, 20 * MS);
	assert_int_equal(t.server.got.len, 10);
	pair_done(&t);
}

static void small_writes_queue_in_order(void **state) {
	struct pair t;
	pair_init(&t, *state);
	t.keeps_closed = true;
	pair_connect(&t);
	io_conn_set_limit(t.client.conn, 16 << 20);
	enum { FILL = 12 << 20, SMALL = 2000 };
	uint8_t *bytes = pattern(FILL);
	assert_int_equal(write_bytes(&t.client, bytes, FILL), ERR_OK);
	for (int i = 0; i < SMALL; i++) {
		char text[16];
		snprintf(text, sizeof text, "%08d", i);
		assert_int_equal(write_bytes(&t.client, text, 8), ERR_OK);
	}
	t.server.stop_at = FILL + SMALL * 8;
	io_conn_open(t.server.conn, &side_handler, &t.server);
	port_run(t.p);
	const uint8_t *got = buf_slice(&t.server.got).ptr;
	assert_memory_equal(got, bytes, FILL);
	for (int i = 0; i < SMALL; i++) {
		char text[16];
		snprintf(text, sizeof text, "%08d", i);
		assert_memory_equal(got + FILL + (size_t)i * 8, text, 8);
	}
	free(bytes);
	pair_done(&t);
}

static void closing_inside_on_data_is_fine(void **state) {
	struct pair t;
	pair_init(&t, *state);
	pair_connect(&t);
	t.server.closes_on_data = true;
	t.client.stops_on_end = true;
	assert_int_equal(write_bytes(&t.client, "x", 1), ERR_OK);
	port_run(t.p);
	assert_int_equal(t.server.calls, 1);
	assert_null(t.server.conn);
	assert_int_equal(t.client.ends, 1);
	assert_int_equal(t.client.why, ERR_OK);
	pair_done(&t);
}

static void closing_with_flush_delivers_all(void **state) {
	enum { LARGE = 5 << 20 };
	struct pair t;
	pair_init(&t, *state);
	t.keeps_closed = true;
	pair_connect(&t);
	io_conn_set_limit(t.client.conn, LARGE);
	uint8_t *bytes = pattern(LARGE);
	assert_int_equal(write_bytes(&t.client, bytes, LARGE), ERR_OK);
	assert_true(io_conn_pending(t.client.conn) > 0);
	io_conn_close(t.client.conn, true);
	t.client.conn = NULL;
	t.server.stops_on_end = true;
	io_conn_open(t.server.conn, &side_handler, &t.server);
	port_run(t.p);
	assert_int_equal(t.server.why, ERR_OK);
	assert_int_equal(t.server.got.len, LARGE);
	assert_memory_equal(buf_slice(&t.server.got).ptr, bytes, LARGE);
	free(bytes);
	pair_done(&t);
}

/* The peer must not take the first part for the whole. */
static void what_is_cut_off_ends_in_a_reset(void **state) {
	enum { LARGE = 8 << 20 };
	struct pair t;
	pair_init(&t, *state);
	t.keeps_closed = true;
	pair_connect(&t);
	io_conn_set_limit(t.client.conn, LARGE);
	uint8_t *bytes = pattern(LARGE);
	assert_int_equal(write_bytes(&t.client, bytes, LARGE), ERR_OK);
	assert_true(io_conn_pending(t.client.conn) > 0);
	io_conn_close(t.client.conn, false);
	t.client.conn = NULL;
	t.server.stops_on_end = true;
	io_conn_open(t.server.conn, &side_handler, &t.server);
	port_run(t.p);
	assert_int_equal(t.server.why, ERR_CLOSED);
	assert_true(t.server.got.len < LARGE);
	free(bytes);
	pair_done(&t);
}

/* The answer "too large" must arrive although its sender reads no further. */
static void a_flushed_answer_survives_unread_input(void **state) {
	enum { LARGE = 3 << 20 };
	struct pair t;
	pair_init(&t, *state);
	pair_connect(&t);
	io_conn_set_limit(t.client.conn, LARGE);
	uint8_t *bytes = pattern(LARGE);
	io_conn_pause(t.server.conn);
	assert_int_equal(write_bytes(&t.client, bytes, LARGE), ERR_OK);
	port_run_for(t.p, 10 * MS);
	assert_int_equal(write_bytes(&t.server, "413", 3), ERR_OK);
	io_conn_close(t.server.conn, true);
	t.server.conn = NULL;
	t.client.stops_on_end = true;
	port_run(t.p);
	assert_int_equal(t.client.why, ERR_OK);
	assert_int_equal(t.client.got.len, 3);
	free(bytes);
	pair_done(&t);
}

static void a_flush_that_nobody_reads_is_bounded(void **state) {
	struct port *p = *state;
	enum { LARGE = 16 << 20 };
	struct pair t;
	pair_init(&t, p);
	t.keeps_closed = true;
	pair_connect(&t);
	io_conn_set_limit(t.client.conn, LARGE);
	uint8_t *bytes = pattern(LARGE);
	assert_int_equal(write_bytes(&t.client, bytes, LARGE), ERR_OK);
	io_conn_close(t.client.conn, true);
	t.client.conn = NULL;
	port_run_for(p, 6000 * MS);
	t.server.stops_on_end = true;
	io_conn_open(t.server.conn, &side_handler, &t.server);
	port_run(p);
	assert_int_equal(t.server.why, ERR_CLOSED);
	assert_true(t.server.got.len < LARGE);
	free(bytes);
	pair_done(&t);
}

static void the_other_side_may_end_first(void **state) {
	struct pair t;
	pair_init(&t, *state);
	pair_connect(&t);
	t.server.closes_on_end = t.client.stops_on_end = true;
	io_conn_close(t.client.conn, true);
	t.client.conn = NULL;
	port_run_for(t.p, 20 * MS);
	assert_int_equal(t.server.ends, 1);
	assert_int_equal(t.server.why, ERR_OK);
	pair_done(&t);
}

/* Writing to a peer that is gone fails soon, and is told once. */
static void writing_to_the_gone_ends_in_closed(void **state) {
	struct pair t;
	pair_init(&t, *state);
	pair_connect(&t);
	io_conn_pause(t.client.conn); /* so that only the write can notice */
	io_conn_close(t.server.conn, false);
	t.server.conn = NULL;
	enum err err = ERR_OK;
	for (int i = 0; i < 20 && err == ERR_OK; i++) {
		port_run_for(t.p, 5 * MS);
		if (i == 10) io_conn_resume(t.client.conn);
		err = write_bytes(&t.client, "x", 1);
		assert_true(t.client.ends <= 1);
	}
	assert_int_equal(err, ERR_CLOSED);
	port_run_for(t.p, 5 * MS);
	assert_int_equal(t.client.ends, 1);
	assert_int_equal(write_bytes(&t.client, "x", 1), ERR_CLOSED);
	pair_done(&t);
}

static void a_handler_can_be_replaced(void **state) {
	struct pair t;
	pair_init(&t, *state);
	pair_connect(&t);
	struct side second = {.p = t.p, .stop_at = 2};
	buf_init(&second.got, 100);
	io_conn_open(t.server.conn, &side_handler, &second);
	assert_int_equal(write_bytes(&t.client, "hi", 2), ERR_OK);
	port_run(t.p);
	assert_int_equal(t.server.got.len, 0);
	assert_int_equal(second.got.len, 2);
	buf_done(&second.got);
	pair_done(&t);
}

/* --- connecting ------------------------------------------------------------------- */

static void refused(void **state) {
	struct pair t;
	pair_init(&t, *state);
	uint16_t port = io_listener_port(t.listener);
	io_listener_close(t.listener);
	t.listener = NULL;
	assert_non_null(io_tcp_connect(t.p->client, t.p->host, port, 1000 * MS, on_connect, &t));
	port_run(t.p);
	assert_int_equal(t.connects, 1);
	assert_int_equal(t.connect_err, ERR_UNAVAILABLE);
	pair_done(&t);
}

static void unknown_names(void **state) {
	struct pair t;
	pair_init(&t, *state);
	assert_non_null(io_tcp_connect(t.p->client, "no-such-host.invalid", 80, 20000 * MS,
	                               on_connect, &t));
	port_run(t.p);
	assert_int_equal(t.connects, 1);
	assert_true(t.connect_err == ERR_NOT_FOUND || t.connect_err == ERR_TIMEOUT);
	pair_done(&t);
}

static void names_resolve(void **state) {
	struct pair t;
	pair_init(&t, *state);
	struct io_listener *own; /* localhost is the client itself */
	struct fault fault;
	assert_int_equal(io_tcp_listen(t.p->client, "127.0.0.1", 0, on_accept, &t, &own, &fault),
	                 ERR_OK);
	assert_non_null(io_tcp_connect(t.p->client, "localhost", io_listener_port(own), 5000 * MS,
	                               on_connect, &t));
	port_run(t.p);
	assert_int_equal(t.connect_err, ERR_OK);
	io_listener_close(own);
	pair_done(&t);
}

static void cancelled_connects_are_silent(void **state) {
	struct pair t;
	pair_init(&t, *state);
	io_connect_cancel(io_tcp_connect(t.p->client, t.p->host, io_listener_port(t.listener),
	                                 1000 * MS, on_connect, &t));
	io_connect_cancel(io_tcp_connect(t.p->client, "localhost", 1, 1000 * MS, on_connect, &t));
	port_run_for(t.p, 30 * MS);
	assert_int_equal(t.connects, 0);
	pair_done(&t);
}

static void nobody_answers(void **state) {
	struct pair t;
	pair_init(&t, *state);
	const char *host = "192.0.2.1"; /* RFC 5737: leads nowhere */
	if (t.p->sim) {
		host = "server";
		sim_cut(t.p->sim, "client", "server", true);
	}
	uint64_t before = io_now_ns(t.p->client);
	assert_non_null(io_tcp_connect(t.p->client, host, 9, 50 * MS, on_connect, &t));
	port_run(t.p);
	assert_int_equal(t.connects, 1);
	if (t.connect_err != ERR_UNAVAILABLE) { /* a machine without any route says so at once */
		assert_int_equal(t.connect_err, ERR_TIMEOUT);
		assert_true(io_now_ns(t.p->client) >= before + 50 * MS);
	}
	pair_done(&t);
}

static void bad_addresses_say_why(void **state) {
	struct port *p = *state;
	struct io_listener *l;
	struct fault fault = {0};
	assert_int_not_equal(io_tcp_listen(p->server, "192.0.2.1", 0, on_accept, NULL, &l, &fault),
	                     ERR_OK);
	assert_null(l);
	assert_non_null(strstr(fault.text, "cannot listen on 192.0.2.1:0"));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		ON_BOTH(many_parts_arrive_as_one),
		ON_BOTH(what_is_large_comes_back_whole),
		ON_BOTH(a_paused_reader_holds_the_writer_back),
		ON_BOTH(over_the_limit_nothing_is_written),
		ON_BOTH(small_writes_queue_in_order),
		ON_BOTH(closing_inside_on_data_is_fine),
		ON_BOTH(closing_with_flush_delivers_all),
		ON_BOTH(what_is_cut_off_ends_in_a_reset),
		ON_BOTH(a_flushed_answer_survives_unread_input),
		ON_BOTH(a_flush_that_nobody_reads_is_bounded), /* takes its 5 s */
		ON_BOTH(the_other_side_may_end_first),
		ON_BOTH(writing_to_the_gone_ends_in_closed),
		ON_BOTH(a_handler_can_be_replaced),
		ON_BOTH(refused),
		ON_BOTH(unknown_names),
		ON_BOTH(names_resolve),
		ON_BOTH(cancelled_connects_are_silent),
		ON_BOTH(nobody_answers),
		ON_BOTH(bad_addresses_say_why),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
