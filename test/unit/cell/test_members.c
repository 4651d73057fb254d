/* Whose acknowledgements count: what a changed configuration may not lose. r0 was home of a sync cell
 * whose record says who counted; this copy is configured with another set. */
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

/* A copy with a log, among the first `replicas` of r0, r1, r2. */
static void open_copy(int replicas, int self, int copies) {
	struct buf log;
	lone_open(l, replicas, self, true, copies);
	cell_free(l->core);
	buf_init(&log, 4096);
	assert_int_equal(
		record_encode(&log, &l->info.last, 1, 1, RECORD_EPOCH_START, NULL, 0, NULL, 0),
		ERR_OK);
	buf_done(&log);
	l->info.applied = l->info.last;
	l->info.promised_epoch = 1;
	l->epochs[l->info.epoch_count++] = (struct epoch_start){1, 1};
	lone_open(l, replicas, self, true, copies);
	lone_lease(l, 1, MS(100000));
}

static void place(const char *home, uint32_t copies, int set_count) {
	struct placement p = {.epoch = 1,
	                      .state = PLACEMENT_ACTIVE,
	                      .generation = 1,
	                      .copies = copies,
	                      .set_count = set_count};
	snprintf(p.home, sizeof p.home, "%s", home);
	snprintf(p.from, sizeof p.from, "%s", home);
	for (int i = 0; i < set_count; i++) snprintf(p.set[i], sizeof p.set[i], "r%d", i);
	lone_event(l, (struct cell_event){.type = CELL_EV_PLACEMENT,
	                                  .placement = &p,
	                                  .revision = ++l->revision});
}

static void link(int replica) {
	lone_event(l, (struct cell_event){.type = CELL_EV_LINK, .replica = replica, .up = true});
}

static void home_dies(int replica) {
	lone_event(l,
	           (struct cell_event){.type = CELL_EV_PEER, .replica = replica, .generation = 1});
	for (int i = 0; i < 100; i++) lone_tick(l, MS(10));
}

static const struct cell_action *put(void) {
	const struct cell_action *a = lone_said(l, CELL_DO_PLACE);
	assert_non_null(a);
	return a;
}

static void placed(void) {
	l->said_count = 0;
	lone_event(l, (struct cell_event){.type = CELL_EV_PLACED, .revision = ++l->revision});
}

static void hear(int replica, struct frame f) {
	lone_event(l, (struct cell_event){.type = CELL_EV_FRAME, .replica = replica, .frame = &f});
}

/* --- removed ---------------------------------------------------------------------------------------- */

/* What r0 and r2 acknowledged this copy may never have seen, though r2 is configured no more. */
static void who_was_counted_is_asked_though_configured_no_more(void **state) {
	open_copy(2, 1, 2);
	place("r0", 2, 3);
	home_dies(0);
	assert_null(lone_said(l, CELL_DO_PLACE));
	assert_int_equal(lone_role(l), CELL_HELD);
}

static void without_a_record_the_configured_count(void **state) {
	open_copy(2, 1, 2);
	place("r0", 2, 0);
	home_dies(0);
	assert_int_equal(put()->placement.state, PLACEMENT_PROMOTING);
}

/* The home itself restarts with one copy less: nothing is missing, and the record shrinks only as it
 * is active, when the rest has everything. */
static void the_record_shrinks_when_the_rest_has_everything(void **state) {
	open_copy(2, 0, 2);
	place("r0", 2, 3);
	link(1);
	lone_tick(l, MS(10));
	assert_int_equal(put()->placement.set_count, 3);
	placed();
	assert_null(lone_said(l, CELL_DO_PLACE)); /* r1 has not acknowledged the beginning */
	assert_int_equal(l->info.last.seq, 2);
	hear(1, (struct frame){.type = FRAME_ASK, .epoch = 2, .seq = 1, .at = l->info.last});
	lone_tick(l, MS(10));
	assert_int_equal(put()->placement.state, PLACEMENT_ACTIVE);
	assert_int_equal(put()->placement.set_count, 2);
	assert_string_equal(put()->placement.set[0], "r0");
	assert_string_equal(put()->placement.set[1], "r1");
}

/* --- added -------------------------------------------------------------------------------------------- */

/* r0 and r1 counted, so r1 alone has everything; r2 counts only once that is on record. */
static void who_is_new_is_recorded_before_it_counts(void **state) {
	open_copy(3, 1, 2);
	place("r0", 2, 2);
	link(2);
	home_dies(0);
	assert_int_equal(put()->placement.state, PLACEMENT_PROMOTING);
	assert_int_equal(put()->placement.set_count, 2);
	placed();
	assert_int_equal(put()->placement.state, PLACEMENT_PROMOTING); /* again, with r2 */
	assert_int_equal(put()->placement.set_count, 3);
	assert_string_equal(put()->placement.set[2], "r2");
	assert_int_equal(l->info.last.seq, 1); /* and nothing is begun before */
	placed();
	assert_int_equal(l->info.last.seq, 2);
	hear(2, (struct frame){.type = FRAME_ASK, .epoch = 2, .seq = 1, .at = l->info.last});
	lone_tick(l, MS(10));
	assert_int_equal(put()->placement.state, PLACEMENT_ACTIVE);
	assert_int_equal(put()->placement.set_count, 3);
}

static void who_is_new_has_no_say_in_a_seal(void **state) {
	open_copy(3, 2, 2);
	place("r0", 2, 2);
	home_dies(0);
	assert_null(lone_said(l, CELL_DO_PLACE));
	assert_int_equal(lone_role(l), CELL_HELD);
	link(1); /* who has */
	lone_tick(l, MS(10));
	assert_int_equal(put()->placement.state, PLACEMENT_PROMOTING);
	placed();
	assert_int_equal(lone_role(l), CELL_SEALING);
	hear(1, (struct frame){.type = FRAME_SEALED, .epoch = 2, .at = l->info.last});
	assert_int_equal(lone_role(l), CELL_STARTING);
}

/* k was 3, and there are two by now: the weaker promise is on record before it is made. */
static void a_smaller_k_is_recorded_before_it_is_used(void **state) {
	open_copy(2, 0, 2);
	place("r0", 3, 3);
	link(1);
	lone_tick(l, MS(10));
	assert_int_equal(put()->placement.copies, 3);
	placed();
	assert_int_equal(put()->placement.state, PLACEMENT_PROMOTING);
	assert_int_equal(put()->placement.copies, 2);
	assert_int_equal(l->info.last.seq, 1);
	placed();
	assert_int_equal(l->info.last.seq, 2);
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(who_was_counted_is_asked_though_configured_no_more),
		TEST(without_a_record_the_configured_count),
		TEST(the_record_shrinks_when_the_rest_has_everything),
		TEST(who_is_new_is_recorded_before_it_counts),
		TEST(who_is_new_has_no_say_in_a_seal),
		TEST(a_smaller_k_is_recorded_before_it_is_used),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
