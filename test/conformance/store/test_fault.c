/* What store.h says of errors: no room leaves nothing behind and may be tried again; a
 * failed write fences; reads go on either way; a crash keeps what was acknowledged. */
#include "suite.h"

static void no_room_leaves_nothing(void **state) {
	struct rig *g = *state;
	if (!suite_can_fail(g)) return;
	struct history h;
	struct rig_op ops[3];
	history_init(&h);
	for (int i = 0; i < 8; i++) history_put(&h, 1, "key", "value");
	suite_fill(g, &h, 1, 2);
	suite_fail(g, FAULT_APPEND, ERR_NO_SPACE, false);
	CHECK_ERR(rig_append(g, history_slice(&h, 3, 3)), NO_SPACE);
	assert_int_equal(rig_info(g).last.seq, 2);
	assert_false(rig_info(g).fenced);
	suite_equals(g, &h, 2);
	CHECK(rig_append(g, history_slice(&h, 3, 4))); /* tried again */
	suite_fail(g, FAULT_APPEND, ERR_NO_SPACE, false);
	for (int i = 0; i < 3; i++) { /* those in flight behind it have no place either */
		rig_op_init(g, &ops[i]);
		g->store->ops->append(g->store, 1,
		                      history_slice(&h, 5 + (uint64_t)i, 5 + (uint64_t)i),
		                      &ops[i].op);
	}
	for (int i = 0; i < 3; i++) CHECK_ERR(rig_wait(g, &ops[i]), NO_SPACE);
	CHECK(rig_append(g, history_slice(&h, 5, 8)));
	CHECK_ERR(rig_append(g, history_slice(&h, 7, 7)), CONFLICT);
	rig_reopen(g);
	assert_true(rig_last_is(g, &h.at[8]));
	CHECK(rig_apply(g, 8));
	suite_equals(g, &h, 8);
	history_done(&h);
}

static void no_room_for_promise_or_quarantine(void **state) {
	struct rig *g = *state;
	if (!suite_can_fail(g)) return;
	struct history h;
	history_init(&h);
	for (int i = 0; i < 4; i++) history_put(&h, 1, "key", "value");
	suite_fill(g, &h, 1, 4);
	suite_fail(g, FAULT_PROMISE, ERR_NO_SPACE, false);
	CHECK_ERR(rig_promise(g, 3), NO_SPACE);
	assert_int_equal(rig_info(g).promised_epoch, 1);
	CHECK(rig_promise(g, 3));
	suite_fail(g, FAULT_QUARANTINE, ERR_NO_SPACE, false);
	CHECK_ERR(rig_quarantine(g, &h.at[2]), NO_SPACE);
	CHECK_ERR(rig_truncate(g, &h.at[2]), PRECONDITION); /* never without */
	suite_equals(g, &h, 4);
	CHECK(rig_quarantine(g, &h.at[2]));
	CHECK(rig_truncate(g, &h.at[2]));
	suite_equals(g, &h, 2);
	history_done(&h);
}

static void failed_write_fences(void **state) {
	struct rig *g = *state;
	if (!suite_can_fail(g)) return;
	struct history h;
	struct position at;
	struct buf b;
	history_init(&h);
	buf_init(&b, 1 << 20);
	for (int i = 0; i < 4; i++) history_put(&h, 1, "key", "value");
	suite_fill(g, &h, 1, 2);
	suite_fail(g, FAULT_APPEND, ERR_IO, false); /* once: no second try may call it safe */
	CHECK_ERR(rig_append(g, history_slice(&h, 3, 3)), IO);
	assert_true(rig_info(g).fenced);
	CHECK_ERR(rig_append(g, history_slice(&h, 3, 3)), FENCED);
	CHECK_ERR(rig_promise(g, 9), FENCED);
	CHECK_ERR(rig_quarantine(g, &h.at[1]), FENCED);
	CHECK_ERR(rig_truncate(g, &h.at[1]), FENCED);
	CHECK_ERR(rig_import_begin(g, &h.at[1]), FENCED);
	CHECK_ERR(rig_apply(g, 2), FENCED);
	suite_equals(g, &h, 2); /* reads go on */
	CHECK(g->store->ops->read_log(g->store, 1, 1, &b));
	CHECK(g->store->ops->position_of(g->store, 2, &at));
	rig_reopen(g);
	assert_false(rig_info(g).fenced);
	uint64_t last = rig_info(g).last.seq;
	assert_true(last == 2 || last == 3); /* unacknowledged: there or not */
	if (last == 2) CHECK(rig_append(g, history_slice(&h, 3, 3)));
	suite_fill(g, &h, 4, 4);
	suite_equals(g, &h, 4);
	buf_done(&b);
	history_done(&h);
}

/* Power loss with appends in flight, many times over: what was acknowledged is there, and
 * what is there is a prefix. */
static void crash_keeps_a_prefix(void **state) {
	struct rig *g = *state;
	if (!rig_is_sim(g)) return;
	enum { ROUNDS = 40, FLIGHT = 6 };
	static struct rig_op ops[FLIGHT];
	struct history h;
	history_init(&h);
	for (int i = 0; i < ROUNDS * FLIGHT; i++) history_put_sized(&h, 1, "key", 2000);
	uint64_t acked = 0;
	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < FLIGHT; i++) {
			uint64_t seq = acked + 1 + (uint64_t)i;
			rig_op_init(g, &ops[i]);
			g->store->ops->append(g->store, 1, history_slice(&h, seq, seq), &ops[i].op);
		}
		sim_run_for(g->sim, sim_random(g->sim, 1500000));
		for (int i = 0; i < FLIGHT; i++)
			if (ops[i].done) {
				CHECK(ops[i].err);
				acked++;
			}
		rig_crash(g, round % 3 != 0);
		CHECK(rig_open(g));
		uint64_t last = rig_info(g).last.seq;
		assert_in_range(last, acked, acked + FLIGHT);
		assert_true(rig_last_is(g, &h.at[last]));
		acked = last;
	}
	if (acked) CHECK(rig_apply(g, acked));
	suite_equals(g, &h, acked);
	history_done(&h);
}

static const struct suite_case cases[] = {
	CASE(no_room_leaves_nothing),
	CASE(no_room_for_promise_or_quarantine),
	CASE(failed_write_fences),
	CASE(crash_keeps_a_prefix),
};

int main(void) {
	return suite_run(cases, (int)(sizeof(cases) / sizeof(cases[0])));
}
