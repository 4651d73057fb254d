/* A copy: what it promises, what it refuses, whom it lets be home; and the question whether
 * a point is in its history. */
#include "lone.h"

#include <stdio.h>
#include <stdlib.h>

static struct lone *l;

static int setup(void **state) {
	l = calloc(1, sizeof *l);
	return 0;
}

static int teardown(void **state) {
	lone_close(l);
	free(l);
	return 0;
}

/* --- short hands -------------------------------------------------------------------------------- */

/* A log of `count` empty records of this epoch behind what is there. */
static void log_write(uint64_t epoch, int count) {
	struct buf log;
	buf_init(&log, 1 << 20);
	for (int i = 0; i < count; i++) {
		if (l->info.last.epoch != epoch)
			l->epochs[l->info.epoch_count++] =
				(struct epoch_start){epoch, l->info.last.seq + 1};
		assert_int_equal(record_encode(&log, &l->info.last, epoch, 1, RECORD_EPOCH_START,
		                               NULL, 0, NULL, 0),
		                 ERR_OK);
	}
	l->info.promised_epoch = epoch;
	buf_done(&log);
}

static void open_copy(int self, bool sync) {
	l->now_ns = 0;
	struct store_info info = l->info;
	lone_open(l, 3, self, sync, 2);
	if (info.last.seq) {
		cell_free(l->core);
		l->info.last = info.last;
		lone_open(l, 3, self, sync, 2);
	}
	lone_lease(l, 1, MS(100000));
}

static void place(uint64_t epoch, const char *home, uint32_t generation, uint32_t copies) {
	struct placement p = {.epoch = epoch,
	                      .state = PLACEMENT_ACTIVE,
	                      .generation = generation,
	                      .copies = copies};
	snprintf(p.home, sizeof p.home, "%s", home);
	snprintf(p.from, sizeof p.from, "%s", home);
	lone_event(l, (struct cell_event){.type = CELL_EV_PLACEMENT,
	                                  .placement = &p,
	                                  .revision = ++l->revision});
}

static void link(int replica, bool up) {
	lone_event(l, (struct cell_event){.type = CELL_EV_LINK, .replica = replica, .up = up});
}

static void peer(int replica, bool up, uint32_t generation) {
	lone_event(l, (struct cell_event){.type = CELL_EV_PEER,
	                                  .replica = replica,
	                                  .up = up,
	                                  .generation = generation});
}

static void hear(int replica, struct frame f) {
	lone_event(l, (struct cell_event){.type = CELL_EV_FRAME, .replica = replica, .frame = &f});
}

/* Follows r0 from the beginning, at epoch 1. */
static void follow(void) {
	open_copy(1, true);
	place(1, "r0", 1, 2);
	link(0, true);
	link(2, true);
	const struct frame *ask = lone_sent(l, 0, FRAME_ASK);
	assert_non_null(ask);
	assert_int_equal(ask->epoch, 1);
	hear(0, (struct frame){.type = FRAME_MATCH, .epoch = 1, .seq = ask->seq, .at = ask->at});
	l->said_count = 0;
}

static struct buf records;
static void hear_records(int from, uint64_t frame_epoch, struct position *at, uint64_t epoch) {
	buf_init(&records, 1 << 20);
	assert_int_equal(
		record_encode(&records, at, epoch, 1, RECORD_EPOCH_START, NULL, 0, NULL, 0),
		ERR_OK);
	hear(from, (struct frame){.type = FRAME_RECORDS,
	                          .epoch = frame_epoch,
	                          .bytes = buf_slice(&records)});
	buf_done(&records);
}

/* --- the stream ------------------------------------------------------------------------------------ */

static void durable_is_acknowledged_committed_is_applied(void **state) {
	follow();
	struct position at = {0};
	l->hold = true;
	hear_records(0, 1, &at, 1);
	assert_null(lone_sent(l, 0, FRAME_ACK));
	lone_write(l, ERR_OK);
	assert_int_equal(lone_sent(l, 0, FRAME_ACK)->seq, 1);
	assert_int_equal(l->apply_count, 0);
	l->now_ns += MS(15); /* in the copy's clock, which comes back in the heartbeat */
	hear(0, (struct frame){.type = FRAME_HEARTBEAT,
	                       .epoch = 1,
	                       .seq = 1,
	                       .stamp = l->now_ns - MS(3),
	                       .flag = true});
	assert_int_equal(l->apply_count, 1);
	lone_apply(l, ERR_OK);
	struct cell_status s;
	cell_status(l->core, l->now_ns, &s);
	assert_int_equal(s.applied.seq, 1);
	assert_int_equal(s.fresh_at_ns, l->now_ns - MS(3));
}

/* Its answer may be behind much else, and asking again makes it void. */
static void an_ask_is_given_more_time_than_the_one_before(void **state) {
	follow();
	link(0, false);
	link(0, true);
	uint64_t asked = lone_sent(l, 0, FRAME_ASK)->seq, waited_ms[6] = {0};
	for (int i = 0; i < 6; i++)
		for (; lone_sent(l, 0, FRAME_ASK)->seq == asked + (uint64_t)i; waited_ms[i] += 10)
			lone_tick(l, MS(10));
	assert_in_range(waited_ms[0], 300, 310);
	for (int i = 1; i < 6; i++) assert_in_range(waited_ms[i], 300 << i, (300 << i) + 10);
	const struct frame *ask = lone_sent(l, 0, FRAME_ASK);
	hear(0, (struct frame){.type = FRAME_MATCH, .epoch = 1, .seq = ask->seq, .at = ask->at});
	lone_tick(l, MS(1000)); /* silent: it asks anew, with patience anew */
	asked = lone_sent(l, 0, FRAME_ASK)->seq;
	lone_tick(l, MS(310));
	assert_int_equal(lone_sent(l, 0, FRAME_ASK)->seq, asked + 1);
}

static void records_that_do_not_follow_are_refused(void **state) {
	follow();
	struct position at = {.epoch = 1, .seq = 7};
	hear_records(0, 1, &at, 1);
	assert_non_null(lone_said(l, CELL_DO_REFUSE));
	assert_int_equal(l->appends, 0);
}

static void records_of_a_later_epoch_than_the_stream_are_refused(void **state) {
	follow();
	struct position at = {0};
	hear_records(0, 1, &at, 2);
	assert_non_null(lone_said(l, CELL_DO_REFUSE));
}

static void nobody_but_the_home_is_listened_to(void **state) {
	follow();
	struct position at = {0};
	hear_records(2, 1, &at, 1);
	assert_int_equal(l->appends, 0);
}

/* --- sealing ------------------------------------------------------------------------------------------ */

static void a_promise_is_durable_before_it_is_said(void **state) {
	follow();
	l->hold = true;
	hear(2, (struct frame){.type = FRAME_SEAL, .epoch = 2});
	assert_null(lone_sent(l, 2, FRAME_SEALED));
	lone_write(l, ERR_OK);
	assert_int_equal(lone_sent(l, 2, FRAME_SEALED)->epoch, 2);
	/* Its candidate is followed at once, before coordination tells. */
	assert_int_equal(lone_sent(l, 2, FRAME_ASK)->epoch, 2);
	l->said_count = 0;
	hear(2, (struct frame){.type = FRAME_SEAL, .epoch = 2});
	assert_non_null(lone_sent(l, 2, FRAME_SEALED));
}

static void older_epochs_are_refused_after_a_promise(void **state) {
	follow();
	hear(2, (struct frame){.type = FRAME_SEAL, .epoch = 5});
	struct position at = {0};
	hear_records(0, 1, &at, 1);
	assert_int_equal(lone_said(l, CELL_DO_REFUSE)->replica, 0);
	assert_int_equal(l->appends, 0);
	l->said_count = 0;
	hear(0, (struct frame){.type = FRAME_SEAL, .epoch = 4});
	assert_int_equal(lone_sent(l, 0, FRAME_REFUSED)->epoch, 5);
	assert_null(lone_sent(l, 0, FRAME_SEALED));
	struct cell_status s;
	cell_status(l->core, l->now_ns, &s);
	assert_int_equal(s.refused_frames, 1);
}

static void one_frame_cannot_use_up_the_epochs(void **state) {
	follow();
	hear(2, (struct frame){.type = FRAME_SEAL, .epoch = UINT64_MAX});
	assert_int_equal(lone_said(l, CELL_DO_REFUSE)->replica, 2);
	assert_int_equal(l->info.promised_epoch, 0);
}

/* --- promotion ------------------------------------------------------------------------------------------ */

static void a_dead_home_is_succeeded(void **state) {
	log_write(1, 3);
	open_copy(1, true);
	place(1, "r0", 1, 2);
	link(2, true);
	peer(2, true, 1);
	assert_null(lone_said(l, CELL_DO_PLACE));
	peer(0, false, 2);
	const struct cell_action *a = lone_said(l, CELL_DO_PLACE);
	assert_non_null(a);
	assert_int_equal(a->placement.epoch, 2);
	assert_int_equal(a->placement.state, PLACEMENT_PROMOTING);
	assert_string_equal(a->placement.from, "r0");
	assert_int_equal(a->placement.copies, 2);
	assert_int_equal(a->revision, 1);
	lone_event(l, (struct cell_event){.type = CELL_EV_PLACED, .revision = ++l->revision});
	assert_int_equal(lone_sent(l, 2, FRAME_SEAL)->epoch, 2);
	assert_int_equal(lone_role(l), CELL_SEALING);
	/* An empty log is no witness of a cell that has acknowledged writes. */
	hear(2, (struct frame){.type = FRAME_SEALED, .epoch = 2});
	assert_int_equal(lone_role(l), CELL_SEALING);
	lone_tick(l, MS(600));
	assert_int_equal(lone_role(l), CELL_HELD);
	struct position at = {.epoch = 1, .seq = 2};
	hear(2, (struct frame){.type = FRAME_SEALED, .epoch = 2, .at = at});
	assert_int_equal(lone_role(l), CELL_STARTING);
	assert_int_equal(l->appends, 1);
}

static void a_wiped_copy_is_never_home(void **state) {
	open_copy(1, true);
	place(4, "r0", 1, 2);
	link(2, true);
	peer(0, false, 2);
	lone_tick(l, MS(1000));
	assert_int_equal(lone_role(l), CELL_HELD);
	assert_null(lone_said(l, CELL_DO_PLACE));
}

static void successors_wait_in_order(void **state) {
	log_write(1, 3);
	open_copy(2, true);
	place(1, "r0", 1, 2);
	link(1, true);
	peer(1, true, 1);
	peer(0, false, 2);
	assert_null(lone_said(l, CELL_DO_PLACE));
	assert_int_equal(cell_deadline_ns(l->core), l->now_ns + MS(150));
	lone_tick(l, MS(150));
	assert_non_null(lone_said(l, CELL_DO_PLACE));
}

static void too_few_copies_hold(void **state) {
	log_write(1, 3);
	open_copy(1, true);
	place(1, "r0", 1, 2);
	peer(2, false, 2);
	peer(0, false, 2);
	assert_int_equal(lone_role(l), CELL_HELD);
	struct cell_status s;
	cell_status(l->core, l->now_ns, &s);
	assert_true(strlen(s.held_reason) > 0);
	link(2, true);
	assert_non_null(lone_said(l, CELL_DO_PLACE));
}

/* --- history -------------------------------------------------------------------------------------------- */

static void points_are_in_the_history_or_not(void **state) {
	log_write(2, 3);
	log_write(5, 4);
	open_copy(1, true);
	static const struct {
		uint64_t epoch, seq;
		enum err err;
	} points[] = {
		{2, 1, ERR_OK},       {2, 3, ERR_OK},       {5, 4, ERR_OK},
		{5, 7, ERR_OK},       {5, 8, ERR_TIMEOUT},  {6, 8, ERR_TIMEOUT},
		{2, 4, ERR_DIVERGED}, {3, 4, ERR_DIVERGED}, {4, 2, ERR_DIVERGED},
		{1, 1, ERR_DIVERGED}, {5, 3, ERR_DIVERGED},
	};
	for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
		assert_int_equal(cell_history_check(l->core, points[i].epoch, points[i].seq),
		                 points[i].err);
		assert_int_equal(cell_history_has(l->core, points[i].epoch, points[i].seq),
		                 !points[i].err);
	}
	int count;
	const struct epoch_start *epochs = cell_epochs(l->core, &count);
	assert_int_equal(count, 2);
	assert_int_equal(epochs[1].seq, 4);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(durable_is_acknowledged_committed_is_applied),
		TEST(an_ask_is_given_more_time_than_the_one_before),
		TEST(records_that_do_not_follow_are_refused),
		TEST(records_of_a_later_epoch_than_the_stream_are_refused),
		TEST(nobody_but_the_home_is_listened_to),
		TEST(a_promise_is_durable_before_it_is_said),
		TEST(older_epochs_are_refused_after_a_promise),
		TEST(one_frame_cannot_use_up_the_epochs),
		TEST(a_dead_home_is_succeeded),
		TEST(a_wiped_copy_is_never_home),
		TEST(successors_wait_in_order),
		TEST(too_few_copies_hold),
		TEST(points_are_in_the_history_or_not),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
