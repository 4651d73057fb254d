/* Links over the simulated network: peers that should not get to speak with us. */
#include <stdlib.h>

#include "base/bytes.h"
#include "link_world.h"

static const char *const other_cells[] = {"one", "three"};

static void two_that_differ(struct world *w, const struct links_options *west) {
	struct links_options east = options_of(&w->side[0], 0);
	open_side(w, 1, west);
	open_side(w, 0, &east);
	run_ms(w, 5000);
	assert_up(w, false);
	assert_int_equal(w->side[0].ups + w->side[1].ups, 0);
	assert_true(refused(&w->side[1], "unproved") + refused(&w->side[0], "west") > 0);
}

static void another_secret_is_refused(void **state) {
	struct world *w = *state;
	struct links_options west = options_of(&w->side[1], 1);
	west.secret = SLICE_LIT("between them");
	two_that_differ(w, &west);
	assert_true(refused(&w->side[1], "unproved") > 0);
}

static void another_cluster_is_refused(void **state) {
	struct world *w = *state;
	struct links_options west = options_of(&w->side[1], 1);
	west.cluster = "production";
	two_that_differ(w, &west);
}

static void other_cells_are_refused(void **state) {
	struct world *w = *state;
	struct links_options west = options_of(&w->side[1], 1);
	west.cells = other_cells;
	two_that_differ(w, &west);
}

/* A peer that the test plays itself. */
struct raw {
	struct io_conn *conn;
	struct buf got;
	int closed;
	void (*on_frame)(struct raw *r, const struct frame *f);
};

static void raw_data(void *arg, struct slice data) {
	struct raw *r = arg;
	assert_int_equal(buf_append_slice(&r->got, data), ERR_OK);
	struct frame f;
	size_t used;
	while (r->on_frame && frame_decode(buf_slice(&r->got), &f, &used) == ERR_OK) {
		r->on_frame(r, &f);
		buf_consume(&r->got, used);
	}
}

static void raw_end(void *arg, enum err why) {
	((struct raw *)arg)->closed++;
}

static void raw_open(void *arg, struct io_conn *conn) {
	static const struct io_conn_handler handler = {.on_data = raw_data, .on_end = raw_end};
	struct raw *r = arg;
	if (r->conn) return io_conn_close(conn, false); /* the test looks at one */
	buf_init(&r->got, 1 << 20);
	r->conn = conn;
	io_conn_open(conn, &handler, r);
}

static void raw_connected(void *arg, struct io_conn *conn, enum err err) {
	assert_int_equal(err, ERR_OK);
	raw_open(arg, conn);
}

static void raw_connect(struct world *w, struct raw *r) {
	assert_non_null(io_tcp_connect(w->side[0].io, "west", PORT, 1000 * MS, raw_connected, r));
	run_ms(w, 20);
	assert_non_null(r->conn);
}

static void raw_write(struct raw *r, struct slice bytes) {
	IGNORE(io_conn_write(r->conn, &bytes, 1)); /* it may be closed already */
}

static void raw_send(struct raw *r, const struct frame *f) {
	struct buf b;
	buf_init(&b, 1 << 20);
	assert_int_equal(frame_encode(f, &b), ERR_OK);
	raw_write(r, buf_slice(&b));
	buf_done(&b);
}

static void raw_done(struct raw *r) {
	io_conn_close(r->conn, false);
	buf_done(&r->got);
}

/* First words as link_handshake.c has them. */
static void raw_greet(struct raw *r, const char *name, const uint8_t nonce[32]) {
	uint8_t body[128];
	struct bytes_writer b = bytes_writer(body, sizeof body);
	bytes_put_u8(&b, 1);
	bytes_put_u16(&b, 1);
	bytes_put_u8(&b, 4);
	bytes_put(&b, SLICE_LIT("test"));
	bytes_put_u8(&b, (uint8_t)strlen(name));
	bytes_put(&b, slice_str(name));
	bytes_put(&b, slice_of(nonce, 32));
	raw_send(r, &(struct frame){.type = FRAME_HELLO, .bytes = slice_of(body, b.len)});
}

static void open_west(struct world *w) {
	struct links_options o = options_of(&w->side[1], 1);
	open_side(w, 1, &o);
}

static void assert_thrown_out(struct world *w, struct raw *r) {
	run_ms(w, 50);
	assert_int_equal(r->closed, 1);
	assert_int_equal(w->side[1].ups, 0);
	assert_int_equal(w->side[1].frames, 0);
	assert_int_equal(refused(&w->side[1], "unproved"), 1);
	raw_done(r);
}

static void garbage_is_thrown_out(void **state) {
	struct world *w = *state;
	struct raw r = {0};
	open_west(w);
	raw_connect(w, &r);
	raw_write(&r, SLICE_LIT("GET / HTTP/1.1\r\nHost: west\r\n\r\n"));
	assert_thrown_out(w, &r);
}

static void a_frame_before_the_proof_is_thrown_out(void **state) {
	struct world *w = *state;
	struct raw r = {0};
	const uint8_t nonce[32] = {1};
	open_west(w);
	raw_connect(w, &r);
	raw_greet(&r, "east", nonce);
	raw_send(&r, &(struct frame){.type = FRAME_RECORDS, .epoch = 1, .seq = 1});
	assert_thrown_out(w, &r);
}

static void a_long_greeting_is_thrown_out(void **state) {
	struct world *w = *state;
	struct raw r = {0};
	static uint8_t head[300 << 10];
	open_west(w);
	raw_connect(w, &r);
	put_u32(head, 1 << 20); /* promises more than is held of a stranger */
	raw_write(&r, slice_of(head, sizeof head));
	assert_thrown_out(w, &r);
}

static void a_region_behind_us_may_not_connect(void **state) {
	struct world *w = *state;
	struct raw r = {0};
	const uint8_t nonce[32] = {1};
	open_west(w);
	raw_connect(w, &r);
	raw_greet(&r, "west", nonce);
	assert_thrown_out(w, &r);
}

static void a_wrong_proof_is_thrown_out(void **state) {
	struct world *w = *state;
	struct raw r = {0};
	const uint8_t nonce[32] = {1};
	uint8_t proof[1 + 32 + 8] = {2};
	memcpy(proof + 33, "one\ntwo\n", 8);
	open_west(w);
	raw_connect(w, &r);
	raw_greet(&r, "east", nonce);
	raw_send(&r, &(struct frame){.type = FRAME_HELLO, .bytes = slice_of(proof, sizeof proof)});
	assert_thrown_out(w, &r);
}

static void a_slow_peer_is_closed_after_two_seconds(void **state) {
	struct world *w = *state;
	struct raw r = {0};
	const uint8_t nonce[32] = {1};
	open_west(w);
	raw_connect(w, &r);
	raw_greet(&r, "east", nonce);
	run_ms(w, 1900);
	assert_int_equal(r.closed, 0);
	run_ms(w, 200);
	assert_thrown_out(w, &r);
}

static void strangers_are_bounded(void **state) {
	struct world *w = *state;
	enum { MANY = 40 };
	static struct raw r[MANY];
	int closed = 0;
	open_west(w);
	for (int i = 0; i < MANY; i++) raw_connect(w, &r[i]);
	for (int i = 0; i < MANY; i++) {
		closed += r[i].closed;
		assert_int_equal(r[i].closed, i < MANY - 32); /* the oldest give way */
	}
	assert_int_equal(closed, MANY - 32);
	struct links_options o = options_of(&w->side[0], 0);
	open_side(w, 0, &o);
	run_ms(w, 100);
	assert_up(w, true);
	for (int i = 0; i < MANY; i++) raw_done(&r[i]);
}

/* A listener without the secret: takes the connector's own nonce for its own, and sends the
 * connector's own proof back. */
static void mirror(struct raw *r, const struct frame *f) {
	assert_int_equal(f->type, FRAME_HELLO);
	if (f->bytes.ptr[0] == 1)
		raw_greet(r, "west", f->bytes.ptr + f->bytes.len - 32);
	else
		raw_send(r, f);
}

static void our_own_proof_proves_nothing(void **state) {
	struct world *w = *state;
	struct raw r = {.on_frame = mirror};
	struct io_listener *listener;
	assert_int_equal(io_tcp_listen(w->side[1].io, "west", PORT, raw_open, &r, &listener, NULL),
	                 ERR_OK);
	struct links_options o = options_of(&w->side[0], 0);
	open_side(w, 0, &o);
	run_ms(w, 100);
	assert_int_equal(w->side[0].ups, 0);
	assert_int_equal(r.closed, 1);
	assert_int_equal(refused(&w->side[0], "west"), 1);
	io_listener_close(listener);
	raw_done(&r);
}

static void without_a_secret_nothing_starts(void **state) {
	struct world *w = *state;
	struct links_options o = options_of(&w->side[1], 1);
	struct links *links;
	struct fault fault;
	o.secret = (struct slice){0};
	assert_int_equal(links_new(w->side[1].io, &o, &links, &fault), ERR_INVALID);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(another_secret_is_refused),
		TEST(another_cluster_is_refused),
		TEST(other_cells_are_refused),
		TEST(garbage_is_thrown_out),
		TEST(a_frame_before_the_proof_is_thrown_out),
		TEST(a_long_greeting_is_thrown_out),
		TEST(a_region_behind_us_may_not_connect),
		TEST(a_wrong_proof_is_thrown_out),
		TEST(a_slow_peer_is_closed_after_two_seconds),
		TEST(strangers_are_bounded),
		TEST(our_own_proof_proves_nothing),
		TEST(without_a_secret_nothing_starts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
