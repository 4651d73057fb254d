/* Going on while coordination is silent: the arithmetic of promises, what a copy promises and
 * keeps to, and how long a home acts by the word of its copies. */
#include "lone.h"

#include <stdio.h>
#include <stdlib.h>

#include "cell/failsafe.h"

static const struct lease_terms terms = {MS(600), MS(50), 10000};
static struct lone *l;

static int setup(void **state) {
	l = calloc(1, sizeof *l);
	l->failsafe = terms;
	return 0;
}

static int teardown(void **state) {
	if (l->core) lone_close(l);
	free(l);
	return 0;
}

/* --- arithmetic ----------------------------------------------------------------------------- */

static void a_promise_outlasts_what_it_allows(void **state) {
	struct vouch v;
	struct failsafe f;
	uint64_t asked = MS(1000), promised = MS(1000); /* in no time, and both clocks alike */
	vouch_give(&v, &terms, 4, promised);
	failsafe_start(&f, 4);
	failsafe_granted(&f, 0, asked, asked);
	failsafe_granted(&f, 1, asked, MS(1001));
	uint64_t until = failsafe_until(&f, &terms, 2);
	assert_true(until == lease_valid_until(&terms, asked));
	/* Also when the copy's clock runs 1 % fast and the home's 1 % slow. */
	uint64_t home_ns = until - asked, copy_ns = v.until_ns - promised;
	assert_true(home_ns * 101 / 100 < copy_ns * 99 / 100);
	assert_true(vouch_forbids(&v, 5, v.until_ns - 1));
	assert_false(vouch_forbids(&v, 5, v.until_ns));
	assert_false(vouch_forbids(&v, 4, promised)); /* it is the home's own epoch */
}

static void one_that_is_missing_is_one_too_few(void **state) {
	struct failsafe f;
	failsafe_start(&f, 1);
	assert_int_equal(failsafe_until(&f, &terms, 3), 0);
	failsafe_granted(&f, 0, MS(40), MS(40)); /* itself */
	failsafe_granted(&f, 1, MS(10), MS(20));
	assert_int_equal(failsafe_until(&f, &terms, 3), 0);
	failsafe_granted(&f, 2, MS(30), MS(40));
	assert_true(failsafe_until(&f, &terms, 3) == lease_valid_until(&terms, MS(10)));
	failsafe_granted(&f, 1, MS(35), MS(40));
	assert_true(failsafe_until(&f, &terms, 3) == lease_valid_until(&terms, MS(30)));
	failsafe_granted(&f, 2, MS(20), MS(50)); /* an old answer that comes late */
	failsafe_granted(&f, 2, MS(60), MS(50)); /* from the future */
	failsafe_granted(&f, 8, MS(45), MS(50));
	failsafe_granted(&f, -1, MS(45), MS(50));
	assert_true(failsafe_until(&f, &terms, 3) == lease_valid_until(&terms, MS(30)));
	assert_true(failsafe_until(&f, &terms, 1) == lease_valid_until(&terms, MS(40)));
}

/* --- a copy ---------------------------------------------------------------------------------------- */

static void place(uint64_t epoch, const char *home, enum placement_state state) {
	struct placement p = {.epoch = epoch, .state = state, .generation = 1};
	snprintf(p.home, sizeof p.home, "%s", home);
	snprintf(p.from, sizeof p.from, "%s", home);
	lone_event(l, (struct cell_event){.type = CELL_EV_PLACEMENT,
	                                  .placement = &p,
	                                  .revision = ++l->revision});
}
static void link(int replica) {
	lone_event(l, (struct cell_event){.type = CELL_EV_LINK, .replica = replica, .up = true});
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

/* r1 follows r0 at epoch 3, for longer than a promise of the life before could hold. */
static void open_copy(void) {
	lone_open(l, 3, 1, true, 2);
	lone_lease(l, 1, MS(100000));
	place(3, "r0", PLACEMENT_ACTIVE);
	peer(0, true, 1);
	for (int r = 0; r < 3; r += 2) link(r);
	lone_tick(l, MS(700));
	l->said_count = 0;
}

static bool vouches(int replica, uint64_t epoch) {
	l->said_count = 0;
	hear(replica, (struct frame){.type = FRAME_VOUCH, .epoch = epoch, .stamp = MS(77)});
	const struct frame *f = lone_sent(l, replica, FRAME_VOUCHED);
	if (!f) return false;
	assert_true(f->epoch == epoch && f->stamp == MS(77));
	return f->flag;
}

static bool seals(int replica, uint64_t epoch) {
	l->said_count = 0;
	hear(replica, (struct frame){.type = FRAME_SEAL, .epoch = epoch});
	return lone_sent(l, replica, FRAME_SEALED) != NULL;
}

static void who_vouched_does_not_seal(void **state) {
	open_copy();
	assert_true(vouches(0, 3));
	lone_tick(l, MS(300));
	assert_true(vouches(0, 3)); /* once more: it counts from now */
	assert_false(seals(2, 4));
	assert_false(vouches(0, 3)); /* no more: there is a candidate */
	lone_tick(l, MS(640));
	assert_false(seals(2, 4));
	lone_tick(l, MS(20)); /* 600 ms and 1 % and 50 ms are over */
	assert_true(seals(2, 4));
	assert_false(vouches(0, 3)); /* and who has sealed vouches for nobody older */
}

static void who_vouched_claims_nothing(void **state) {
	open_copy();
	assert_true(vouches(0, 3));
	peer(0, false, 1); /* coordination has decided that it is over */
	lone_tick(l, MS(640));
	assert_int_equal(lone_role(l), CELL_FOLLOWER);
	assert_null(lone_said(l, CELL_DO_PLACE));
	lone_tick(l, MS(20));
	assert_non_null(lone_said(l, CELL_DO_PLACE));
}

static void only_the_home_that_is_known_is_vouched_for(void **state) {
	open_copy();
	assert_false(vouches(2, 3)); /* another */
	assert_false(vouches(0, 4)); /* another epoch */
	place(3, "r0", PLACEMENT_PROMOTING);
	assert_false(vouches(0, 3)); /* it is none yet */
	place(3, "r0", PLACEMENT_ACTIVE);
	assert_true(vouches(0, 3));
	hear(2, (struct frame){.type = FRAME_SEAL, .epoch = 4}); /* there is a candidate */
	assert_false(vouches(0, 3));
}

static void not_for_whom_coordination_has_ended(void **state) {
	open_copy();
	peer(0, false, 1);
	assert_false(vouches(0, 3));
}

static void a_process_that_was_started_may_have_promised(void **state) {
	lone_open(l, 3, 1, true, 2);
	lone_lease(l, 1, MS(100000));
	place(3, "r0", PLACEMENT_ACTIVE);
	for (int r = 0; r < 3; r += 2) link(r);
	assert_false(seals(2, 4));
	lone_tick(l, MS(640));
	assert_false(seals(2, 4));
	lone_tick(l, MS(20));
	assert_true(seals(2, 4));
}

static void without_failsafe_nothing_changes(void **state) {
	l->failsafe = (struct lease_terms){0};
	open_copy();
	assert_false(vouches(0, 3));
	assert_true(seals(2, 4));
}

/* --- the home --------------------------------------------------------------------------------------- */

static uint64_t until(void) {
	struct cell_status s;
	cell_status(l->core, l->now_ns, &s);
	return s.lease_until_ns;
}

static bool asked(int replica) {
	return lone_sent(l, replica, FRAME_VOUCH) != NULL;
}

static void grant(int replica, uint64_t stamp, uint64_t epoch) {
	hear(replica,
	     (struct frame){.type = FRAME_VOUCHED, .epoch = epoch, .stamp = stamp, .flag = true});
}

static void a_home_goes_on_by_the_word_of_all(void **state) {
	lone_open(l, 3, 0, false, 1);
	lone_home(l);
	for (int r = 1; r < 3; r++) link(r);
	struct cell_status s;
	cell_status(l->core, l->now_ns, &s);
	assert_int_equal(s.role, CELL_HOME);
	lone_lease(l, 1, MS(500));
	l->said_count = 0;
	lone_tick(l, MS(100));
	assert_false(asked(1)); /* there is time */
	lone_tick(l, MS(150));
	assert_true(asked(1) && asked(2));
	uint64_t stamp = lone_sent(l, 1, FRAME_VOUCH)->stamp, lease_until = until();
	assert_true(stamp == l->now_ns);
	grant(1, stamp, s.epoch);
	assert_true(until() == lease_until); /* one is missing */
	grant(2, stamp, s.epoch + 1);
	grant(2, l->now_ns + 1, s.epoch);
	assert_true(until() == lease_until); /* that was no answer to us */
	grant(2, stamp, s.epoch);
	assert_true(until() == lease_valid_until(&terms, stamp));
	/* The lease is over; it goes on, asks again, and stops when one does not answer. */
	l->said_count = 0;
	lone_tick(l, lease_until - l->now_ns + MS(1));
	cell_status(l->core, l->now_ns, &s);
	assert_true(s.failsafe && s.lease_until_ns > l->now_ns);
	assert_true(asked(1) && asked(2));
	grant(1, l->now_ns, s.epoch);
	lone_tick(l, lease_valid_until(&terms, stamp) - l->now_ns);
	cell_status(l->core, l->now_ns, &s);
	assert_int_equal(s.lease_until_ns, 0);
	assert_int_equal(s.role, CELL_HOME); /* nothing was decided: it is only silent */
	/* All answer again, then coordination says that this life is over: at once. */
	grant(1, l->now_ns, s.epoch);
	grant(2, l->now_ns, s.epoch);
	assert_true(until() > l->now_ns);
	lone_lease(l, 1, 0);
	assert_int_equal(until(), 0);
	assert_int_equal(lone_role(l), CELL_FOLLOWER);
}

static void the_only_copy_needs_nobody(void **state) {
	lone_open(l, 1, 0, true, 1);
	lone_home(l);
	for (int i = 0; i < 30; i++) {
		lone_tick(l, MS(100));
		assert_true(until() > l->now_ns);
	}
	lone_lease(l, 1, 0);
	assert_int_equal(until(), 0);
}

static void a_witness_is_asked_too(void **state) {
	l->witness = true;
	lone_open(l, 3, 0, false, 1);
	lone_home(l);
	for (int r = 1; r <= 3; r++) link(r);
	lone_tick(l, MS(400));
	struct cell_status s;
	cell_status(l->core, l->now_ns, &s);
	uint64_t stamp = lone_sent(l, 3, FRAME_VOUCH)->stamp, lease_until = until();
	grant(1, stamp, s.epoch);
	grant(2, stamp, s.epoch);
	assert_true(until() == lease_until);
	grant(3, stamp, s.epoch);
	assert_true(until() == lease_valid_until(&terms, stamp));
	/* And it has no other part in anything. */
	l->said_count = 0;
	hear(3, (struct frame){.type = FRAME_SEAL, .epoch = s.epoch + 1});
	assert_non_null(lone_said(l, CELL_DO_REFUSE));
	assert_int_equal(lone_role(l), CELL_HOME);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_promise_outlasts_what_it_allows),
		cmocka_unit_test(one_that_is_missing_is_one_too_few),
		CASE(who_vouched_does_not_seal),
		CASE(who_vouched_claims_nothing),
		CASE(only_the_home_that_is_known_is_vouched_for),
		CASE(not_for_whom_coordination_has_ended),
		CASE(a_process_that_was_started_may_have_promised),
		CASE(without_failsafe_nothing_changes),
		CASE(a_home_goes_on_by_the_word_of_all),
		CASE(the_only_copy_needs_nobody),
		CASE(a_witness_is_asked_too),
	};
	return cmocka_run_group_tests_name("failsafe", tests, NULL, NULL);
}
