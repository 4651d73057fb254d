/* What a failover may lose: how much that could be, whether it is allowed, who may accept it; who
 * goes first after deaths; and a home that rather takes no write. */
#include "lone.h"

#include <stdio.h>
#include <stdlib.h>

static struct lone *l;
static struct position end; /* of the home's log */

static int setup(void **state) {
	l = calloc(1, sizeof *l);
	end = (struct position){0};
	return 0;
}

static int teardown(void **state) {
	lone_close(l);
	free(l);
	return 0;
}

/* --- short hands -------------------------------------------------------------------------------- */

static void place(uint64_t epoch, const char *home, const uint8_t strikes[2]) {
	struct placement p = {
		.epoch = epoch, .state = PLACEMENT_ACTIVE, .generation = 1, .copies = 1};
	snprintf(p.home, sizeof p.home, "%s", home);
	snprintf(p.from, sizeof p.from, "%s", home);
	for (int i = 0; i < 2 && strikes; i++) p.strikes[i] = strikes[i];
	lone_event(l, (struct cell_event){.type = CELL_EV_PLACEMENT,
	                                  .placement = &p,
	                                  .revision = ++l->revision});
}

static void link(int replica) {
	lone_event(l, (struct cell_event){.type = CELL_EV_LINK, .replica = replica, .up = true});
}

static void peer(int replica, bool up) {
	lone_event(l, (struct cell_event){
			      .type = CELL_EV_PEER, .replica = replica, .up = up, .generation = 1});
}

static void hear(struct frame f) {
	f.epoch = 1;
	lone_event(l, (struct cell_event){.type = CELL_EV_FRAME, .replica = 0, .frame = &f});
}

/* A copy whose log has a record from before this life. */
static void open_with_log(int self) {
	struct buf log;
	lone_open(l, 3, self, false, 1);
	cell_free(l->core);
	buf_init(&log, 4096);
	assert_int_equal(
		record_encode(&log, &l->info.last, 1, 1, RECORD_EPOCH_START, NULL, 0, NULL, 0),
		ERR_OK);
	buf_done(&log);
	l->info.promised_epoch = 1;
	l->epochs[l->info.epoch_count++] = (struct epoch_start){1, 1};
	lone_open(l, 3, self, false, 1);
}

/* An async copy that follows r0. */
static void follow(int self) {
	lone_open(l, 3, self, false, 1);
	lone_lease(l, 1, MS(100000));
	place(1, "r0", NULL);
	for (int r = 0; r < 3; r++) {
		if (r == self) continue;
		peer(r, true);
		link(r);
	}
	const struct frame *ask = lone_sent(l, 0, FRAME_ASK);
	assert_non_null(ask);
	hear((struct frame){.type = FRAME_MATCH, .seq = ask->seq, .at = ask->at});
	l->said_count = 0;
}

/* The home writes `count` records over `ns`, and tells all but the last `untold` of them. */
static void home_writes(int count, uint64_t ns, int untold) {
	for (int i = 0; i < count; i++) {
		struct buf record;
		l->now_ns += ns / (uint64_t)count;
		if (i >= count - untold) {
			lone_tick(l, 0);
			continue;
		}
		buf_init(&record, 4096);
		assert_int_equal(
			record_encode(&record, &end, 1, 1, RECORD_EPOCH_START, NULL, 0, NULL, 0),
			ERR_OK);
		hear((struct frame){
			.type = FRAME_RECORDS, .seq = end.seq, .bytes = buf_slice(&record)});
		hear((struct frame){.type = FRAME_HEARTBEAT,
		                    .seq = end.seq,
		                    .stamp = l->now_ns - MS(1),
		                    .flag = true});
		buf_done(&record);
	}
	l->said_count = 0;
}

static void home_dies(void) {
	peer(0, false);
	lone_tick(l, MS(1));
	for (int i = 0; i < 20; i++) lone_tick(l, MS(100));
}

static struct cell_status now(void) {
	struct cell_status s;
	cell_status(l->core, l->now_ns, &s);
	return s;
}

static void accept_loss(uint64_t epoch, uint64_t for_ns) {
	lone_event(l, (struct cell_event){.type = CELL_EV_ACCEPT,
	                                  .seq = epoch,
	                                  .valid_until_ns = l->now_ns + for_ns});
}

/* --- how much ------------------------------------------------------------------------------------ */

/* As when the home is cut off and goes on until its lease is over: never below what it wrote, and
 * not above twice as much, whatever the rate. */
static void the_estimate_is_above_what_is_lost_and_not_by_far(void **state) {
	static const int per_second[] = {10, 40, 100, 1000, 5000};
	for (size_t i = 0; i < sizeof per_second / sizeof *per_second; i++) {
		int rate = per_second[i], untold = rate * 6 / 10;
		follow(1);
		home_writes(rate * 2, MS(2000), 0);
		home_writes(untold, MS(600), untold);
		uint64_t possible = now().possible_loss;
		assert_true(possible >= (uint64_t)untold);
		assert_true(possible <= 2 * (uint64_t)untold + 1);
		home_dies();
		assert_non_null(lone_said(l, CELL_DO_PLACE));
		teardown(state);
		setup(state);
	}
	follow(1); /* for the last teardown */
}

static void what_it_was_told_and_lacks_counts(void **state) {
	follow(1);
	home_writes(10, MS(1000), 0);
	hear((struct frame){.type = FRAME_HEARTBEAT, .seq = 500, .flag = true});
	assert_true(now().possible_loss >= 490);
}

static void who_has_not_heard_knows_nothing(void **state) {
	follow(1);
	assert_true(now().possible_loss == UINT64_MAX);
}

static void silence_adds_nothing_once_the_home_is_known_to_be_gone(void **state) {
	follow(1);
	l->max_loss = 1;
	home_writes(100, MS(1000), 0);
	teardown(state);
	setup(state);
	l->max_loss = 1;
	follow(1);
	home_writes(100, MS(1000), 0);
	home_dies();
	uint64_t then = now().possible_loss;
	for (int i = 0; i < 50; i++) lone_tick(l, MS(100));
	assert_int_equal(now().possible_loss, then);
}

/* --- is it allowed? -------------------------------------------------------------------------------- */

static void over_max_loss_it_is_held_until_accepted(void **state) {
	l->max_loss = 20;
	follow(1);
	home_writes(200, MS(1000), 0);
	home_writes(120, MS(600), 120);
	home_dies();
	assert_int_equal(lone_role(l), CELL_HELD);
	assert_null(lone_said(l, CELL_DO_PLACE));
	assert_non_null(strstr(now().held_reason, "max_loss allows 20"));
	assert_non_null(strstr(now().held_reason, "r0"));
	accept_loss(2, MS(60000)); /* of another epoch */
	assert_null(lone_said(l, CELL_DO_PLACE));
	accept_loss(1, MS(60000));
	assert_int_equal(lone_said(l, CELL_DO_PLACE)->placement.epoch, 2);
	assert_int_equal(lone_said(l, CELL_DO_PLACE)->placement.strikes[0], 1);
}

static void an_acceptance_runs_out(void **state) {
	l->max_loss = 20;
	follow(1);
	home_writes(200, MS(1000), 0);
	home_writes(120, MS(600), 120);
	accept_loss(1, MS(500)); /* before the death: it is over by then */
	lone_tick(l, MS(600));
	home_dies();
	assert_int_equal(lone_role(l), CELL_HELD);
}

static void below_the_limits_nothing_is_held(void **state) {
	l->max_loss = 200;
	l->max_lag_ns = MS(2000);
	follow(1);
	home_writes(200, MS(1000), 0);
	home_writes(120, MS(600), 120);
	home_dies();
	assert_non_null(lone_said(l, CELL_DO_PLACE));
}

static void over_max_lag_it_is_held(void **state) {
	l->max_lag_ns = MS(1000);
	follow(1);
	home_writes(10, MS(1000), 0);
	lone_tick(l, MS(500));
	lone_tick(l, MS(600));
	home_dies();
	assert_int_equal(lone_role(l), CELL_HELD);
	assert_non_null(strstr(now().held_reason, "max_lag allows 1000 ms"));
}

static void what_is_not_known_is_not_allowed(void **state) {
	l->max_loss = 1000000;
	open_with_log(1);
	lone_lease(l, 1, MS(100000));
	place(1, "r0", NULL);
	home_dies();
	assert_int_equal(lone_role(l), CELL_HELD);
	assert_non_null(strstr(now().held_reason, "not known"));
}

static void a_held_cell_follows_when_its_home_is_back(void **state) {
	l->max_loss = 20;
	follow(1);
	home_writes(200, MS(1000), 0);
	home_writes(120, MS(600), 120);
	home_dies();
	assert_int_equal(lone_role(l), CELL_HELD);
	place(2, "r0", NULL);
	peer(0, true);
	assert_int_equal(lone_role(l), CELL_FOLLOWER);
}

/* --- who goes first ---------------------------------------------------------------------------------- */

/* When, after the death, does this copy claim? */
static uint64_t claims_after_ms(int self, const uint8_t strikes[2]) {
	open_with_log(self);
	lone_lease(l, 1, MS(100000));
	place(5, "r1", strikes);
	for (int r = 0; r < 3; r++) {
		if (r == self) continue;
		peer(r, true);
		link(r);
	}
	uint64_t from = l->now_ns;
	l->said_count = 0;
	peer(1, false);
	for (int i = 0; i < 500 && !lone_said(l, CELL_DO_PLACE); i++) lone_tick(l, MS(10));
	assert_non_null(lone_said(l, CELL_DO_PLACE));
	return (l->now_ns - from) / MS(1);
}

static void who_died_lately_lets_others_go_first(void **state) {
	static const uint8_t struck[2] = {1, 0};
	assert_in_range(claims_after_ms(0, NULL), 0, 20);
	teardown(state);
	setup(state);
	assert_in_range(claims_after_ms(0, struck), 150,
	                200); /* r2 first, and then without delay */
	teardown(state);
	setup(state);
	assert_in_range(claims_after_ms(2, struck), 0, 20);
}

static void it_goes_at_once_where_nobody_else_is(void **state) {
	static const uint8_t struck[2] = {8, 0};
	open_with_log(0);
	lone_lease(l, 1, MS(100000));
	place(5, "r1", struck);
	peer(1, false);
	peer(2, false);
	lone_tick(l, MS(10));
	assert_non_null(lone_said(l, CELL_DO_PLACE));
}

static void strikes_grow_and_are_forgotten(void **state) {
	static const uint8_t struck[2] = {0, 2};
	open_with_log(0);
	lone_lease(l, 1, MS(10000000));
	place(5, "r1", struck);
	assert_int_equal(now().strikes[1], 2);
	peer(2, false);
	peer(1, false);
	lone_tick(l, MS(200));
	assert_int_equal(lone_said(l, CELL_DO_PLACE)->placement.strikes[1], 3);
	teardown(state);
	setup(state);
	open_with_log(0);
	lone_lease(l, 1, MS(10000000));
	place(5, "r1", struck);
	lone_tick(l, MS(121000)); /* 30 s x 4 */
	assert_int_equal(now().strikes[1], 0);
	peer(2, false);
	peer(1, false);
	lone_tick(l, MS(200));
	assert_int_equal(lone_said(l, CELL_DO_PLACE)->placement.strikes[1], 1);
}

static void a_cell_may_wait_for_its_home_to_come_back(void **state) {
	l->failover_after_ns = MS(3000);
	uint64_t ms = claims_after_ms(0, NULL);
	assert_in_range(ms, 3000, 3020);
}

/* --- rather no write --------------------------------------------------------------------------------- */

static enum err write_one(void) {
	static struct op op;
	op = (struct op){.type = OP_PUT, .key = SLICE_LIT("k"), .value = SLICE_LIT("v")};
	struct proposal p = {.ops = &op, .op_count = 1};
	lone_propose(l, &p);
	lone_flush(l);
	assert_true(lone_replied(l, &p));
	return p.err;
}

static void copy_has(uint64_t seq) {
	struct frame f = {.type = FRAME_ACK, .epoch = 1, .seq = seq};
	lone_event(l, (struct cell_event){.type = CELL_EV_FRAME, .replica = 1, .frame = &f});
}

static void a_home_that_throttles_takes_nothing_beyond_the_limit(void **state) {
	l->max_lag_ns = MS(100);
	l->throttle = true;
	lone_open(l, 2, 0, false, 1);
	lone_home(l);
	lone_lease(l, 1, MS(100000));
	/* A copy that has everything there is. */
	struct frame ask = {.type = FRAME_ASK, .epoch = 1, .seq = 1, .at = l->info.last};
	lone_event(l, (struct cell_event){.type = CELL_EV_LINK, .replica = 1, .up = true});
	lone_event(l, (struct cell_event){.type = CELL_EV_FRAME, .replica = 1, .frame = &ask});
	assert_int_equal(write_one(), ERR_OK);
	lone_tick(l, MS(90));
	assert_int_equal(write_one(), ERR_OK);
	assert_in_range(now().exposed_ms, 90, 91);
	lone_tick(l, MS(20));
	assert_int_equal(write_one(), ERR_LAGGING);
	copy_has(2); /* the second is younger, but not known to be */
	assert_int_equal(write_one(), ERR_LAGGING);
	copy_has(3);
	assert_int_equal(now().exposed_ms, 0);
	assert_int_equal(write_one(), ERR_OK);
	lone_event(l, (struct cell_event){.type = CELL_EV_LINK, .replica = 1});
	lone_tick(l, MS(101));
	assert_int_equal(write_one(), ERR_LAGGING);
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(the_estimate_is_above_what_is_lost_and_not_by_far),
		TEST(what_it_was_told_and_lacks_counts),
		TEST(who_has_not_heard_knows_nothing),
		TEST(silence_adds_nothing_once_the_home_is_known_to_be_gone),
		TEST(over_max_loss_it_is_held_until_accepted),
		TEST(an_acceptance_runs_out),
		TEST(below_the_limits_nothing_is_held),
		TEST(over_max_lag_it_is_held),
		TEST(what_is_not_known_is_not_allowed),
		TEST(a_held_cell_follows_when_its_home_is_back),
		TEST(who_died_lately_lets_others_go_first),
		TEST(it_goes_at_once_where_nobody_else_is),
		TEST(strikes_grow_and_are_forgotten),
		TEST(a_cell_may_wait_for_its_home_to_come_back),
		TEST(a_home_that_throttles_takes_nothing_beyond_the_limit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
