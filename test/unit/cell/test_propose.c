/* Writes at the home: conditions, adds, idempotency, batches, and what is said when the
 * store or the lease fails. */
#include "lone.h"

#include <stdlib.h>

static struct lone *l;

static int setup(void **state) {
	l = calloc(1, sizeof *l);
	lone_open(l, 1, 0, false, 1);
	lone_home(l);
	return 0;
}

static int teardown(void **state) {
	lone_close(l);
	free(l);
	return 0;
}

/* --- short hands -------------------------------------------------------------------------------- */

static struct op put(const char *key, const char *value) {
	return (struct op){.type = OP_PUT, .key = slice_str(key), .value = slice_str(value)};
}

static enum err write_now(struct proposal *p) {
	lone_propose(l, p);
	lone_flush(l);
	assert_true(lone_replied(l, p));
	return p->err;
}

static enum err put_now(const char *key, const char *value, const struct condition *condition) {
	struct op op = put(key, value);
	struct proposal p = {.ops = &op,
	                     .op_count = 1,
	                     .conditions = condition,
	                     .condition_count = condition ? 1 : 0};
	return write_now(&p);
}

static enum err add_now(const char *key, int64_t delta, int64_t min, int64_t max, int64_t *result) {
	struct bounded_add add = {.key = slice_str(key), .delta = delta, .min = min, .max = max};
	struct proposal p = {.adds = &add, .add_count = 1};
	enum err err = write_now(&p);
	*result = add.result;
	if (err == ERR_PRECONDITION) assert_int_equal(p.failed_condition, -1);
	return err;
}

/* --- what is asked ------------------------------------------------------------------------------- */

static void conditions_see_the_view(void **state) {
	struct condition absent = {CONDITION_ABSENT, SLICE_LIT("k"), 0, 0};
	struct condition exists = {CONDITION_EXISTS, SLICE_LIT("k"), 0, 0};
	assert_int_equal(put_now("k", "1", &exists), ERR_PRECONDITION);
	assert_int_equal(put_now("k", "1", &absent), ERR_OK);
	assert_int_equal(put_now("k", "2", &absent), ERR_PRECONDITION);
	struct condition version = {CONDITION_VERSION, SLICE_LIT("k"), 1, 2};
	assert_int_equal(put_now("k", "3", &version), ERR_OK);
	assert_int_equal(put_now("k", "4", &version), ERR_PRECONDITION);
}

static void conditions_see_what_is_pending(void **state) {
	struct op op = put("k", "1");
	struct condition absent = {CONDITION_ABSENT, SLICE_LIT("k"), 0, 0};
	struct proposal a = {.ops = &op, .op_count = 1}, b = {.ops = &op, .op_count = 1}, c = b;
	b.conditions = &absent;
	b.condition_count = 1;
	lone_propose(l, &a);
	struct condition version = {CONDITION_VERSION, SLICE_LIT("k"), a.epoch, a.seq};
	c.conditions = &version;
	c.condition_count = 1;
	lone_propose(l, &b);
	lone_propose(l, &c);
	/* The refusal speaks of a write that may still come to nothing: it waits with it. */
	assert_false(lone_replied(l, &b));
	lone_flush(l);
	assert_true(lone_replied(l, &a) && lone_replied(l, &b) && lone_replied(l, &c));
	assert_int_equal(a.err, ERR_OK);
	assert_int_equal(b.err, ERR_PRECONDITION);
	assert_int_equal(b.failed_condition, 0);
	assert_int_equal(c.err, ERR_OK);
	assert_int_equal(l->appends, 1);
}

static void a_pending_delete_is_absence(void **state) {
	assert_int_equal(put_now("k", "1", NULL), ERR_OK);
	struct op gone = {.type = OP_DELETE, .key = SLICE_LIT("k")}, op = put("k", "2");
	struct condition absent = {CONDITION_ABSENT, SLICE_LIT("k"), 0, 0};
	struct proposal a = {.ops = &gone, .op_count = 1};
	struct proposal b = {
		.ops = &op, .op_count = 1, .conditions = &absent, .condition_count = 1};
	lone_propose(l, &a);
	lone_propose(l, &b);
	lone_flush(l);
	assert_int_equal(b.err, ERR_OK);
}

static void what_has_expired_is_absent(void **state) {
	struct op op = put("k", "1");
	op.expires_ms = l->wall_ms + 10;
	struct proposal p = {.ops = &op, .op_count = 1};
	struct condition exists = {CONDITION_EXISTS, SLICE_LIT("k"), 0, 0};
	assert_int_equal(write_now(&p), ERR_OK);
	assert_int_equal(put_now("other", "1", &exists), ERR_OK);
	l->wall_ms += 10;
	assert_int_equal(put_now("other", "1", &exists), ERR_PRECONDITION);
}

static void adds_stay_in_their_bounds(void **state) {
	int64_t result;
	assert_int_equal(add_now("n", 5, 0, 10, &result), ERR_OK);
	assert_int_equal(result, 5);
	assert_int_equal(add_now("n", 5, 0, 10, &result), ERR_OK);
	assert_int_equal(add_now("n", 1, 0, 10, &result), ERR_PRECONDITION);
	assert_int_equal(add_now("n", -11, 0, 10, &result), ERR_PRECONDITION);
	assert_int_equal(add_now("n", -10, 0, 10, &result), ERR_OK);
	assert_int_equal(result, 0);
	assert_int_equal(put_now("n", "9223372036854775807", NULL), ERR_OK);
	assert_int_equal(add_now("n", 1, INT64_MIN, INT64_MAX, &result), ERR_PRECONDITION);
	assert_int_equal(put_now("n", "many", NULL), ERR_OK);
	assert_int_equal(add_now("n", 1, 0, 10, &result), ERR_INVALID);
}

static void adds_of_one_batch_add_up(void **state) {
	struct bounded_add add[20];
	struct proposal p[20];
	for (int i = 0; i < 20; i++) {
		add[i] = (struct bounded_add){.key = SLICE_LIT("n"), .delta = 1, .max = 15};
		p[i] = (struct proposal){.adds = &add[i], .add_count = 1};
		lone_propose(l, &p[i]);
	}
	lone_flush(l);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(p[i].err, i < 15 ? ERR_OK : ERR_PRECONDITION);
		if (i < 15) assert_int_equal(add[i].result, i + 1);
	}
}

/* --- idempotency ----------------------------------------------------------------------------------- */

static struct proposal once(struct bounded_add *add, uint8_t fingerprint) {
	*add = (struct bounded_add){.key = SLICE_LIT("n"), .delta = 1, .max = 100};
	struct proposal p = {.adds = add,
	                     .add_count = 1,
	                     .idem_key = SLICE_LIT("t\0\0key"),
	                     .idem_expires_ms = l->wall_ms + 1000};
	p.fingerprint[0] = fingerprint;
	return p;
}

static void a_repeated_write_happens_once(void **state) {
	struct bounded_add add[4];
	struct proposal first = once(&add[0], 1), again = once(&add[1], 1);
	lone_propose(l, &first);
	lone_propose(l, &again); /* the first is still pending */
	assert_false(lone_replied(l, &again));
	lone_flush(l);
	assert_true(first.err == ERR_OK && again.err == ERR_OK);
	assert_true(again.replayed && !first.replayed);
	assert_int_equal(again.seq, first.seq);
	assert_int_equal(add[1].result, 1);
	struct proposal later = once(&add[2], 1), other = once(&add[3], 2);
	assert_int_equal(write_now(&later), ERR_OK);
	assert_true(later.replayed && later.seq == first.seq && later.epoch == first.epoch);
	assert_int_equal(add[2].result, 1);
	assert_int_equal(write_now(&other), ERR_IDEMPOTENCY);
	l->wall_ms += 1000;
	struct proposal forgotten = once(&add[3], 2);
	assert_int_equal(write_now(&forgotten), ERR_OK);
	assert_false(forgotten.replayed);
	assert_int_equal(add[3].result, 2);
}

/* --- batches and limits ------------------------------------------------------------------------------ */

static void a_turn_is_one_append(void **state) {
	struct op op = put("k", "1");
	struct proposal p[300];
	l->hold = true;
	for (int i = 0; i < 300; i++) {
		p[i] = (struct proposal){.ops = &op, .op_count = 1};
		lone_propose(l, &p[i]);
	}
	lone_flush(l);
	assert_int_equal(l->appends, 1);
	l->hold = false;
	lone_store(l);
	assert_int_equal(l->reply_count, 300); /* more than one list of actions holds */
	for (int i = 0; i < 300; i++) assert_int_equal(p[i].seq, (uint64_t)i + 2);
}

static void limits_are_said(void **state) {
	struct op op = put("k", "1");
	struct proposal late = {.ops = &op, .op_count = 1, .deadline_ns = l->now_ns};
	assert_int_equal(write_now(&late), ERR_DEADLINE);
	static uint8_t large[VALUE_MAX_BYTES + 1];
	struct op too_large = {
		.type = OP_PUT, .key = SLICE_LIT("k"), .value = slice_of(large, sizeof large)};
	struct proposal p = {.ops = &too_large, .op_count = 1};
	assert_int_equal(write_now(&p), ERR_TOO_LARGE);
	l->hold = true;
	struct op big = {.type = OP_PUT, .key = SLICE_LIT("k"), .value = slice_of(large, 1 << 20)};
	struct proposal full = {.ops = &big, .op_count = 1}, over = {.ops = &op, .op_count = 1};
	lone_propose(l, &full);
	lone_propose(l, &over);
	assert_true(lone_replied(l, &over));
	assert_int_equal(over.err, ERR_OVERLOADED);
}

static void a_record_of_events_alone(void **state) {
	struct event event = {SLICE_LIT("t\0d\0topic"), SLICE_LIT("body")};
	struct proposal p = {.events = &event, .event_count = 1};
	assert_int_equal(write_now(&p), ERR_OK);
	assert_int_equal(p.seq, 2);
}

/* --- failures ------------------------------------------------------------------------------------------ */

static void a_full_disk_takes_back_all_behind_it(void **state) {
	struct op op = put("k", "1");
	struct condition absent = {CONDITION_ABSENT, SLICE_LIT("k"), 0, 0};
	struct proposal p[3];
	l->hold = true;
	for (int i = 0; i < 3; i++) {
		p[i] = (struct proposal){.ops = &op, .op_count = 1};
		lone_propose(l, &p[i]);
		lone_flush(l);
	}
	assert_int_equal(l->write_count, 3);
	lone_write(l, ERR_NO_SPACE);
	lone_write(l, ERR_CONFLICT);
	struct proposal meanwhile = {.ops = &op, .op_count = 1};
	lone_propose(l, &meanwhile);
	assert_int_equal(meanwhile.err, ERR_NO_SPACE);
	lone_write(l, ERR_CONFLICT);
	for (int i = 0; i < 3; i++) assert_true(lone_replied(l, &p[i]) && p[i].err == ERR_NO_SPACE);
	l->hold = false;
	/* Nothing is left of them: neither in what conditions see nor in the numbers. */
	assert_int_equal(put_now("k", "2", &absent), ERR_OK);
	assert_int_equal(l->info.last.seq, 2);
}

static void a_later_batch_alone_may_fail(void **state) {
	struct op op = put("k", "1"), other = put("o", "1");
	struct proposal a = {.ops = &op, .op_count = 1}, b = {.ops = &other, .op_count = 1};
	l->hold = true;
	lone_propose(l, &a);
	lone_flush(l);
	lone_propose(l, &b);
	lone_flush(l);
	lone_write(l, ERR_OK);
	assert_true(lone_replied(l, &a));
	assert_int_equal(a.err, ERR_OK);
	lone_write(l, ERR_NO_SPACE);
	assert_int_equal(b.err, ERR_NO_SPACE);
	lone_apply(l, ERR_OK);
}

static void a_failed_sync_fences(void **state) {
	struct op op = put("k", "1");
	struct proposal p = {.ops = &op, .op_count = 1}, after = {.ops = &op, .op_count = 1};
	l->hold = true;
	lone_propose(l, &p);
	lone_flush(l);
	l->said_count = 0;
	lone_write(l, ERR_IO);
	assert_int_equal(p.err, ERR_OUTCOME_UNKNOWN);
	assert_int_equal(lone_role(l), CELL_FENCED);
	lone_propose(l, &after);
	assert_int_equal(after.err, ERR_FENCED);
	/* It tells the others, who need not wait for this node's death. */
	const struct cell_action *a = lone_said(l, CELL_DO_PLACE);
	assert_non_null(a);
	assert_int_equal(a->placement.generation, 0);
	assert_string_equal(a->placement.from, "r0");
}

static void an_apply_without_room_is_tried_again(void **state) {
	struct op op = put("k", "1");
	struct proposal p = {.ops = &op, .op_count = 1};
	l->hold = true;
	lone_propose(l, &p);
	lone_flush(l);
	lone_write(l, ERR_OK);
	/* It is in the log for good; the view follows when it can. */
	assert_int_equal(p.err, ERR_OK);
	lone_apply(l, ERR_NO_SPACE);
	assert_int_equal(l->apply_count, 0);
	assert_true(cell_deadline_ns(l->core) <= l->now_ns + MS(1000));
	l->now_ns = cell_deadline_ns(l->core);
	lone_tick(l, 0);
	lone_apply(l, ERR_OK);
	struct cell_status s;
	cell_status(l->core, l->now_ns, &s);
	assert_int_equal(s.applied.seq, p.seq);
}

static void reopen_with_pause(uint64_t pause_ns) {
	lone_close(l);
	l->apply_pause_ns = pause_ns;
	lone_open(l, 1, 0, false, 1);
	lone_home(l);
}

static void the_view_pauses_until_somebody_waits(void **state) {
	reopen_with_pause(MS(50));
	struct cell_status s;
	l->now_ns += MS(60);
	assert_int_equal(put_now("k", "1", NULL), ERR_OK);
	cell_status(l->core, l->now_ns, &s);
	assert_int_equal(s.applied.seq, s.committed); /* alone: at once */
	assert_int_equal(put_now("k", "2", NULL), ERR_OK);
	assert_int_equal(put_now("k", "3", NULL), ERR_OK);
	cell_status(l->core, l->now_ns, &s);
	assert_int_equal(s.applied.seq + 2, s.committed);
	lone_event(l, (struct cell_event){.type = CELL_EV_WANTED, .seq = s.committed - 1});
	cell_status(l->core, l->now_ns, &s);
	assert_int_equal(s.applied.seq, s.committed); /* all there is, not just what was asked for */
	assert_int_equal(put_now("k", "4", NULL), ERR_OK);
	uint64_t due_ns = cell_deadline_ns(l->core);
	assert_true(due_ns <= l->now_ns + MS(50));
	l->now_ns += MS(50);
	lone_tick(l, 0);
	cell_status(l->core, l->now_ns, &s);
	assert_int_equal(s.applied.seq, s.committed);
}

static void a_full_step_of_the_view_does_not_wait(void **state) {
	static char big[3000];
	reopen_with_pause(MS(50));
	memset(big, 'x', sizeof big - 1);
	struct cell_status s;
	l->now_ns += MS(60);
	for (int i = 0; i < 3; i++) assert_int_equal(put_now("k", big, NULL), ERR_OK);
	cell_status(l->core, l->now_ns, &s);
	assert_int_equal(s.applied.seq, s.committed);
}

/* It is given what was committed when it asked; what comes meanwhile follows in the stream. */
static void an_empty_copy_gets_its_snapshot_from_a_busy_cell(void **state) {
	lone_close(l);
	l->apply_pause_ns = MS(50);
	lone_open(l, 3, 0, false, 1);
	lone_home(l);
	struct cell_status s;
	struct op ops[2] = {put("k", "1"), put("k", "2")};
	struct proposal p[2] = {{.ops = &ops[0], .op_count = 1}, {.ops = &ops[1], .op_count = 1}};
	assert_int_equal(put_now("k", "0", NULL), ERR_OK);
	lone_event(l, (struct cell_event){.type = CELL_EV_LINK, .replica = 1, .up = true});
	l->hold = true;
	lone_propose(l, &p[0]);
	lone_flush(l);
	lone_write(l, ERR_OK);
	cell_status(l->core, l->now_ns, &s);
	const struct frame ask = {.type = FRAME_ASK, .epoch = s.epoch, .seq = 1};
	lone_event(l, (struct cell_event){.type = CELL_EV_FRAME, .replica = 1, .frame = &ask});
	assert_int_equal(l->apply_count, 1); /* now, not after the pause */
	lone_propose(l, &p[1]);
	lone_flush(l);
	lone_write(l, ERR_OK);
	lone_apply(l, ERR_OK);
	cell_status(l->core, l->now_ns, &s);
	assert_true(s.applied.seq < s.committed);
	assert_non_null(lone_said(l, CELL_DO_EXPORT_BEGIN));
	l->hold = false;
	lone_store(l);
}

/* Looking for them goes over all that wait: not once for each of them. */
static void deadlines_that_come_one_by_one_are_kept_together(void **state) {
	enum { WRITES = 64 };
	lone_close(l);
	lone_open(l, 1, 0, false, 1);
	lone_home(l);
	l->hold = true;
	struct op op = put("k", "1");
	struct proposal p[WRITES];
	for (int i = 0; i < WRITES; i++) {
		p[i] = (struct proposal){
			.ops = &op, .op_count = 1, .deadline_ns = l->now_ns + MS(50) + MS(1) * i};
		lone_propose(l, &p[i]);
	}
	lone_flush(l);
	int looks = 0;
	for (int before = 0; l->reply_count < WRITES; looks += l->reply_count > before) {
		before = l->reply_count;
		lone_lease(l, 1, MS(600));
		lone_tick(l, MS(1));
	}
	for (int i = 0; i < WRITES; i++) assert_int_equal(p[i].err, ERR_OUTCOME_UNKNOWN);
	assert_in_range(looks, 5, 8);
	l->hold = false;
	lone_store(l);
}

static void a_lease_that_ends_in_between_leaves_the_outcome_open(void **state) {
	struct op op = put("k", "1");
	struct proposal p = {.ops = &op, .op_count = 1}, after = {.ops = &op, .op_count = 1};
	l->hold = true;
	lone_propose(l, &p);
	lone_flush(l);
	l->now_ns += MS(600);
	lone_write(l, ERR_OK);
	assert_int_equal(p.err, ERR_OUTCOME_UNKNOWN);
	lone_apply(l, ERR_OK);
	lone_propose(l, &after);
	assert_int_equal(after.err, ERR_NOT_HOME);
	/* Renewed in the same life: it was nobody else's meanwhile. */
	lone_lease(l, 1, MS(600));
	l->hold = false;
	assert_int_equal(put_now("k", "2", NULL), ERR_OK);
}

static void a_deposed_home_tells_apart_what_it_had_begun(void **state) {
	struct op op = put("k", "1");
	struct proposal begun = {.ops = &op, .op_count = 1},
			not_begun = {.ops = &op, .op_count = 1};
	l->hold = true;
	lone_propose(l, &begun);
	lone_flush(l);
	lone_propose(l, &not_begun);
	lone_lease(l, 1, 0);
	assert_int_equal(begun.err, ERR_OUTCOME_UNKNOWN);
	assert_int_equal(not_begun.err, ERR_NOT_HOME);
	lone_store(l);
	assert_int_equal(l->info.last.seq, 2);
	/* Its next life takes a new epoch. */
	l->hold = false;
	l->said_count = 0;
	lone_lease(l, 3, MS(600));
	assert_int_equal(lone_said(l, CELL_DO_PLACE)->placement.epoch, 2);
	/* Its log goes on where the store's ends: of what was not begun nothing is left. */
	lone_event(l, (struct cell_event){.type = CELL_EV_PLACED, .revision = ++l->revision});
	assert_int_equal(l->info.last.seq, 3);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(conditions_see_the_view),
		TEST(conditions_see_what_is_pending),
		TEST(a_pending_delete_is_absence),
		TEST(what_has_expired_is_absent),
		TEST(adds_stay_in_their_bounds),
		TEST(adds_of_one_batch_add_up),
		TEST(a_repeated_write_happens_once),
		TEST(a_turn_is_one_append),
		TEST(limits_are_said),
		TEST(a_record_of_events_alone),
		TEST(a_full_disk_takes_back_all_behind_it),
		TEST(a_later_batch_alone_may_fail),
		TEST(a_failed_sync_fences),
		TEST(an_apply_without_room_is_tried_again),
		TEST(the_view_pauses_until_somebody_waits),
		TEST(a_full_step_of_the_view_does_not_wait),
		TEST(an_empty_copy_gets_its_snapshot_from_a_busy_cell),
		TEST(deadlines_that_come_one_by_one_are_kept_together),
		TEST(a_lease_that_ends_in_between_leaves_the_outcome_open),
		TEST(a_deposed_home_tells_apart_what_it_had_begun),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
