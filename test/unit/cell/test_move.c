/* A planned move, one step at a time: when the home stops and when it goes on, what it puts, and whom
 * the target believes. */
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

static void hear(int replica, struct frame f) {
	lone_event(l, (struct cell_event){.type = CELL_EV_FRAME, .replica = replica, .frame = &f});
}

/* r0 is home, r1 has everything, r2 is not there. */
static void lead(void) {
	lone_open(l, 3, 0, false, 1);
	lone_home(l);
	lone_lease(l, 1, MS(100000));
	lone_event(l, (struct cell_event){
			      .type = CELL_EV_PEER, .replica = 1, .up = true, .generation = 7});
	lone_event(l, (struct cell_event){.type = CELL_EV_LINK, .replica = 1, .up = true});
	hear(1, (struct frame){.type = FRAME_ASK, .epoch = 1, .seq = 1, .at = l->info.last});
	l->said_count = 0;
}

static void ask(int to, uint32_t wait_ms, uint32_t caught_up_ms) {
	lone_event(l, (struct cell_event){.type = CELL_EV_MOVE,
	                                  .replica = to,
	                                  .wait_ms = wait_ms,
	                                  .caught_up_ms = caught_up_ms});
}

static void placed(enum err err) {
	lone_event(l, (struct cell_event){.type = CELL_EV_PLACED,
	                                  .err = err,
	                                  .revision = err ? 0 : ++l->revision});
}

static struct op op;
static struct proposal *propose(struct proposal *p) {
	op = (struct op){.type = OP_PUT, .key = SLICE_LIT("k"), .value = SLICE_LIT("v")};
	*p = (struct proposal){.ops = &op, .op_count = 1};
	lone_propose(l, p);
	lone_flush(l);
	return p;
}

static bool takes_writes(void) {
	struct proposal p;
	propose(&p);
	assert_true(lone_replied(l, &p));
	if (p.err == ERR_OK) hear(1, (struct frame){.type = FRAME_ACK, .epoch = 1, .seq = p.seq});
	return p.err == ERR_OK;
}

static struct cell_status now(void) {
	struct cell_status s;
	cell_status(l->core, l->now_ns, &s);
	return s;
}

static enum err moved(void) {
	const struct cell_action *a = lone_said(l, CELL_DO_MOVED);
	return a ? a->err : ERR_COUNT;
}

/* --- the home ------------------------------------------------------------------------------------- */

static void hands_over_when_the_target_has_it_all(void **state) {
	struct proposal p;
	lead();
	propose(&p); /* durable here, not there */
	ask(1, 1000, 0);
	assert_true(now().draining);
	assert_null(lone_said(l, CELL_DO_PLACE));
	struct proposal late;
	propose(&late);
	assert_int_equal(late.err, ERR_NOT_HOME);
	hear(1, (struct frame){.type = FRAME_ACK, .epoch = 1, .seq = p.seq});
	const struct cell_action *a = lone_said(l, CELL_DO_PLACE);
	assert_non_null(a);
	assert_int_equal(a->placement.epoch, 2);
	assert_int_equal(a->placement.state, PLACEMENT_PROMOTING);
	assert_string_equal(a->placement.home, "r1");
	assert_string_equal(a->placement.from, "r0");
	assert_int_equal(a->placement.generation, 7);
	assert_int_equal(a->placement.marker_epoch, 1);
	assert_int_equal(a->placement.marker_seq, p.seq);
	assert_int_equal(now().lease_until_ns, 0);
	assert_int_equal(moved(), ERR_COUNT);
	placed(ERR_OK);
	assert_int_equal(moved(), ERR_OK);
	assert_int_equal(lone_role(l), CELL_FOLLOWER);
}

/* Whatever the first put came to, the second proves it: only then does it go on. */
static void goes_on_only_after_a_put(void **state) {
	lead();
	ask(1, 1000, 0);
	assert_non_null(lone_said(l, CELL_DO_PLACE));
	placed(ERR_UNAVAILABLE);
	l->said_count = 0;
	assert_false(takes_writes());
	lone_tick(l, MS(150));
	const struct cell_action *a = lone_said(l, CELL_DO_PLACE);
	assert_non_null(a);
	assert_int_equal(a->placement.state, PLACEMENT_ACTIVE);
	assert_int_equal(a->placement.epoch, 1);
	assert_string_equal(a->placement.home, "r0");
	assert_false(takes_writes());
	placed(ERR_OK);
	assert_int_equal(moved(), ERR_UNAVAILABLE);
	assert_true(takes_writes());
	assert_true(now().lease_until_ns > l->now_ns);
}

static void stops_when_that_put_meets_the_other(void **state) {
	lead();
	ask(1, 1000, 0);
	placed(ERR_UNAVAILABLE);
	lone_tick(l, MS(150));
	placed(ERR_CONFLICT);
	assert_int_equal(lone_role(l), CELL_FOLLOWER);
	assert_int_equal(moved(), ERR_OUTCOME_UNKNOWN);
}

static void takes_it_back_when_the_target_is_slow(void **state) {
	struct proposal p;
	lead();
	propose(&p);
	ask(1, 1000, 0);
	for (int i = 0; i < 19; i++) lone_tick(l, MS(100));
	assert_true(now().draining);
	assert_null(lone_said(l, CELL_DO_PLACE));
	lone_tick(l, MS(110));
	assert_int_equal(lone_said(l, CELL_DO_PLACE)->placement.state, PLACEMENT_ACTIVE);
	placed(ERR_OK);
	assert_int_equal(moved(), ERR_TIMEOUT);
	assert_true(takes_writes());
}

static void takes_it_back_when_the_target_goes(void **state) {
	struct proposal p;
	lead();
	propose(&p);
	ask(1, 1000, 0);
	lone_event(l, (struct cell_event){.type = CELL_EV_LINK, .replica = 1});
	assert_int_equal(lone_said(l, CELL_DO_PLACE)->placement.state, PLACEMENT_ACTIVE);
	placed(ERR_OK);
	assert_int_equal(moved(), ERR_UNAVAILABLE);
}

static void refuses_without_stopping(void **state) {
	lead();
	ask(2, 300, 0); /* not there */
	assert_true(takes_writes());
	lone_tick(l, MS(310));
	assert_int_equal(moved(), ERR_UNAVAILABLE);
	l->said_count = 0;
	ask(1, 300, 5000); /* not for long enough */
	assert_true(takes_writes());
	lone_tick(l, MS(310));
	assert_int_equal(moved(), ERR_UNAVAILABLE);
	l->said_count = 0;
	ask(2, 300, 0);
	ask(1, 300, 0);
	assert_int_equal(moved(), ERR_EXISTS);
	l->said_count = 0;
	ask(0, 300, 0);
	assert_int_equal(moved(), ERR_OK); /* it is there */
	assert_true(takes_writes());
}

static void waits_until_it_has_been_well_for_long_enough(void **state) {
	lead();
	ask(1, 3000, 1000);
	for (int i = 0; i < 9; i++) lone_tick(l, MS(100));
	assert_false(now().draining);
	lone_tick(l, MS(200));
	assert_true(now().draining);
}

/* --- the target -------------------------------------------------------------------------------------- */

static void name(uint32_t generation, uint64_t marker_seq) {
	const struct placement p = {.epoch = 2,
	                            .state = PLACEMENT_PROMOTING,
	                            .home = "r1",
	                            .generation = generation,
	                            .copies = 1,
	                            .from = "r0",
	                            .marker_epoch = marker_seq ? 1 : 0,
	                            .marker_seq = marker_seq};
	l->said_count = 0;
	lone_event(l, (struct cell_event){.type = CELL_EV_PLACEMENT,
	                                  .placement = &p,
	                                  .revision = l->revision += 5});
}

/* r1 follows r0 and has three records of it. */
static void follow(void) {
	static const struct placement p = {.epoch = 1,
	                                   .state = PLACEMENT_ACTIVE,
	                                   .home = "r0",
	                                   .generation = 1,
	                                   .copies = 1,
	                                   .from = "r0"};
	struct position at = {0};
	struct buf records;
	lone_open(l, 3, 1, false, 1);
	lone_lease(l, 7, MS(100000));
	lone_event(l,
	           (struct cell_event){.type = CELL_EV_PLACEMENT, .placement = &p, .revision = 1});
	for (int r = 0; r < 3; r += 2) {
		lone_event(l, (struct cell_event){.type = CELL_EV_PEER,
		                                  .replica = r,
		                                  .up = true,
		                                  .generation = 1});
		lone_event(l, (struct cell_event){.type = CELL_EV_LINK, .replica = r, .up = true});
	}
	hear(0, (struct frame){
			.type = FRAME_MATCH, .epoch = 1, .seq = lone_sent(l, 0, FRAME_ASK)->seq});
	buf_init(&records, 4096);
	for (int i = 0; i < 3; i++)
		assert_int_equal(
			record_encode(&records, &at, 1, 1, RECORD_EPOCH_START, NULL, 0, NULL, 0),
			ERR_OK);
	hear(0, (struct frame){
			.type = FRAME_RECORDS, .epoch = 1, .seq = 3, .bytes = buf_slice(&records)});
	buf_done(&records);
	l->revision = 1;
}

static void begins_at_once_with_the_marker(void **state) {
	follow();
	name(7, 3);
	const struct cell_action *a = lone_said(l, CELL_DO_PLACE); /* with no time gone by */
	assert_non_null(a);
	assert_int_equal(a->placement.epoch, 2);
	assert_int_equal(a->placement.state, PLACEMENT_ACTIVE);
	assert_int_equal(a->placement.marker_seq, 0);
	assert_int_equal(l->info.promised_epoch, 2);
	assert_int_equal(l->info.last.seq, 4);
	placed(ERR_OK);
	assert_int_equal(lone_role(l), CELL_HOME);
	assert_int_equal(now().lost_estimate, 0);
}

/* It lacks something, is not the life that was meant, or nobody handed anything over: then it is a
 * promotion like any other, with a claim and seals. */
static void believes_nothing_else(void **state) {
	static const struct {
		uint32_t generation;
		uint64_t marker_seq;
	} others[] = {{7, 4}, {6, 3}, {7, 0}};
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		follow();
		name(others[i].generation, others[i].marker_seq);
		const struct cell_action *a = lone_said(l, CELL_DO_PLACE);
		assert_non_null(a);
		assert_int_equal(a->placement.state, PLACEMENT_PROMOTING);
		assert_int_equal(a->placement.epoch, 3);
		teardown(state);
		setup(state);
	}
	follow(); /* for the last teardown */
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(hands_over_when_the_target_has_it_all),
		TEST(goes_on_only_after_a_put),
		TEST(stops_when_that_put_meets_the_other),
		TEST(takes_it_back_when_the_target_is_slow),
		TEST(takes_it_back_when_the_target_goes),
		TEST(refuses_without_stopping),
		TEST(waits_until_it_has_been_well_for_long_enough),
		TEST(begins_at_once_with_the_marker),
		TEST(believes_nothing_else),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
