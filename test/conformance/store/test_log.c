/* The log of store.h: append, promise, reading back, epochs, order, and life after a
 * reopen. */
#include "suite.h"

static void fresh_store_is_empty(void **state) {
	struct rig *g = *state;
	struct store_info info = rig_info(g);
	struct position at;
	struct buf b;
	buf_init(&b, 1 << 20);
	assert_int_equal(info.last.seq, 0);
	assert_int_equal(info.last.epoch, 0);
	assert_int_equal(info.applied.seq, 0);
	assert_int_equal(info.first_seq, 1);
	assert_int_equal(info.promised_epoch, 0);
	assert_int_not_equal(info.incarnation, 0);
	assert_int_equal(info.state_hash, 0);
	assert_int_equal(info.epoch_count, 0);
	assert_false(info.fenced);
	CHECK_ERR(g->store->ops->read_log(g->store, 1, 1000, &b), NOT_FOUND);
	CHECK(g->store->ops->position_of(g->store, 0, &at));
	assert_int_equal(at.seq, 0);
	CHECK_ERR(g->store->ops->position_of(g->store, 1, &at), NOT_FOUND);
	buf_done(&b);
}

static void append_is_durable(void **state) {
	struct rig *g = *state;
	struct history h;
	history_init(&h);
	for (int i = 0; i < 10; i++) history_put(&h, 1, "key", "value");
	uint64_t incarnation = rig_info(g).incarnation;
	CHECK(rig_append(g, history_slice(&h, 1, 1)));
	assert_true(rig_last_is(g, &h.at[1]));
	CHECK(rig_append(g, history_slice(&h, 2, 10)));
	assert_true(rig_last_is(g, &h.at[10]));
	assert_int_equal(rig_info(g).applied.seq, 0); /* nobody asked for it */
	rig_reopen(g);
	assert_true(rig_last_is(g, &h.at[10]));
	assert_int_equal(rig_info(g).incarnation, incarnation);
	if (rig_is_sim(g)) {
		rig_crash(g, true);
		CHECK(rig_open(g));
		assert_true(rig_last_is(g, &h.at[10]));
		assert_int_equal(rig_info(g).incarnation, incarnation);
	}
	history_done(&h);
}

static void appends_in_flight_finish_in_order(void **state) {
	struct rig *g = *state;
	enum { N = 200 };
	static struct rig_op ops[N];
	struct history h;
	history_init(&h);
	for (int i = 0; i < N; i++) history_put_sized(&h, 1, "key", 300);
	for (int i = 0; i < N; i++) {
		rig_op_init(g, &ops[i]);
		g->store->ops->append(g->store, 1,
		                      history_slice(&h, (uint64_t)i + 1, (uint64_t)i + 1),
		                      &ops[i].op);
		assert_false(ops[i].done);
	}
	for (int i = 0; i < N; i++) {
		CHECK(rig_wait(g, &ops[i]));
		if (i) assert_true(ops[i].order > ops[i - 1].order);
	}
	assert_true(rig_last_is(g, &h.at[N]));
	history_done(&h);
}

static void records_must_follow(void **state) {
	struct rig *g = *state;
	struct history h, other;
	struct buf damaged;
	history_init(&h);
	history_init(&other);
	buf_init(&damaged, 1 << 20);
	for (int i = 0; i < 4; i++) history_put(&h, 1, "key", "value");
	for (int i = 0; i < 4; i++) history_put(&other, 1, "key", "another");
	CHECK(rig_append(g, history_slice(&h, 1, 2)));
	CHECK_ERR(rig_append(g, history_slice(&h, 4, 4)), CONFLICT);    /* a gap */
	CHECK_ERR(rig_append(g, history_slice(&h, 2, 3)), CONFLICT);    /* again */
	CHECK_ERR(rig_append(g, history_slice(&other, 3, 3)), CORRUPT); /* another history */
	CHECK_ERR(rig_append(g, slice_of(NULL, 0)), INVALID);
	struct slice third = history_slice(&h, 3, 3);
	CHECK_ERR(rig_append(g, slice_of(third.ptr, third.len - 1)), CORRUPT);
	CHECK(buf_append_slice(&damaged, history_slice(&h, 3, 4)));
	damaged.mem[damaged.start + damaged.len - 1] ^= 1; /* the second of the two */
	CHECK_ERR(rig_append(g, buf_slice(&damaged)), CORRUPT);
	assert_true(rig_last_is(g, &h.at[2])); /* nothing of any of them */
	CHECK(rig_append(g, history_slice(&h, 3, 4)));
	buf_done(&damaged);
	history_done(&h);
	history_done(&other);
}

static void promise_refuses_older_epochs(void **state) {
	struct rig *g = *state;
	struct history h;
	history_init(&h);
	history_put(&h, 1, "key", "one");
	history_put(&h, 2, "key", "two");
	history_put(&h, 7, "key", "three");
	CHECK(rig_append(g, history_slice(&h, 1, 1)));
	assert_int_equal(rig_info(g).promised_epoch, 1); /* at least last.epoch */
	CHECK(rig_promise(g, 5));
	CHECK(rig_promise(g, 5));
	assert_int_equal(rig_info(g).promised_epoch, 5);
	CHECK_ERR(rig_promise(g, 4), CONFLICT);
	CHECK_ERR(rig_append(g, history_slice(&h, 2, 2)), CONFLICT);
	rig_reopen(g);
	assert_int_equal(rig_info(g).promised_epoch, 5);
	CHECK_ERR(rig_promise(g, 4), CONFLICT);
	CHECK_ERR(rig_append(g, history_slice(&h, 2, 2)), CONFLICT);
	CHECK_ERR(rig_append_by(g, 4, history_slice(&h, 2, 2)), CONFLICT);
	/* A new home may send what the old one wrote. */
	CHECK(rig_append_by(g, 5, history_slice(&h, 2, 2)));
	CHECK(rig_append_by(g, 7, history_slice(&h, 3, 3)));
	CHECK_ERR(rig_promise(g, 6), CONFLICT); /* below last.epoch */
	history_put(&h, 7, "key", "four");
	CHECK_ERR(rig_append_by(g, 6, history_slice(&h, 4, 4)), CONFLICT);
	history_done(&h);
}

/* A copy that promised a new home gets from it what it lacks of the old one. */
static void a_promise_takes_older_records_from_its_home(void **state) {
	struct rig *g = *state;
	struct history h;
	history_init(&h);
	history_put(&h, 1, "key", "one");
	history_put(&h, 2, "key", "two");
	history_put(&h, 5, "key", "three");
	CHECK(rig_append(g, history_slice(&h, 1, 1)));
	CHECK(rig_promise(g, 5));
	CHECK(rig_append_by(g, 5, history_slice(&h, 2, 3)));
	assert_int_equal(rig_info(g).last.seq, 3);
	history_done(&h);
}

/* A promise queued before an append counts for it: one order for both. */
static void promise_and_append_keep_their_order(void **state) {
	struct rig *g = *state;
	struct history h;
	struct rig_op first, promise, second;
	history_init(&h);
	history_put(&h, 1, "key", "one");
	history_put(&h, 1, "key", "two");
	rig_op_init(g, &first);
	rig_op_init(g, &promise);
	rig_op_init(g, &second);
	g->store->ops->append(g->store, 1, history_slice(&h, 1, 1), &first.op);
	g->store->ops->promise(g->store, 2, &promise.op);
	g->store->ops->append(g->store, 1, history_slice(&h, 2, 2), &second.op);
	CHECK_ERR(rig_wait(g, &second), CONFLICT);
	CHECK(first.err);
	CHECK(promise.err);
	assert_true(first.order < promise.order && promise.order < second.order);
	assert_int_equal(rig_info(g).last.seq, 1);
	history_done(&h);
}

static void log_reads_whole_records(void **state) {
	struct rig *g = *state;
	struct history h;
	struct buf b;
	struct position at;
	history_init(&h);
	buf_init(&b, 16 << 20);
	for (int i = 0; i < 300; i++) history_put_sized(&h, 1 + (uint64_t)i / 100, "key", 1000);
	for (uint64_t i = 1; i <= 300; i += 20) CHECK(rig_append(g, history_slice(&h, i, i + 19)));
	const struct store_ops *ops = g->store->ops;
	CHECK(ops->read_log(g->store, 7, 1, &b)); /* at least one */
	assert_true(slice_eq(buf_slice(&b), history_slice(&h, 7, 7)));
	buf_reset(&b);
	size_t each = history_slice(&h, 7, 7).len;
	CHECK(ops->read_log(g->store, 95, each * 10 + 5, &b)); /* then up to max_bytes */
	assert_true(slice_eq(buf_slice(&b), history_slice(&h, 95, 104)));
	buf_reset(&b);
	CHECK(buf_append_str(&b, "kept"));
	CHECK(ops->read_log(g->store, 1, 1 << 30, &b)); /* appended to out, over segments */
	assert_int_equal(b.len, 4 + history_slice(&h, 1, 300).len);
	assert_memory_equal(buf_slice(&b).ptr + 4, h.bytes.mem + h.bytes.start, b.len - 4);
	CHECK_ERR(ops->read_log(g->store, 301, 100, &b), NOT_FOUND);
	CHECK_ERR(ops->read_log(g->store, 0, 100, &b), NOT_FOUND);
	for (uint64_t seq = 0; seq <= 300; seq += 7) {
		CHECK(ops->position_of(g->store, seq, &at));
		assert_true(position_eq(&at, &h.at[seq]));
	}
	CHECK_ERR(ops->position_of(g->store, 301, &at), NOT_FOUND);
	buf_done(&b);
	history_done(&h);
}

static void epochs_name_their_first_record(void **state) {
	struct rig *g = *state;
	struct history h;
	history_init(&h);
	history_epoch(&h, 3);
	history_put(&h, 3, "key", "a");
	history_epoch(&h, 5);
	history_epoch(&h, 9); /* 5 is left with one record only */
	history_put(&h, 9, "key", "b");
	static const struct epoch_start want[] = {{3, 1}, {5, 3}, {9, 4}};
	CHECK(rig_append(g, history_slice(&h, 1, 5)));
	for (int round = 0; round < 2; round++) {
		struct store_info info = rig_info(g);
		assert_int_equal(info.epoch_count, 3);
		for (int i = 0; i < 3; i++) {
			assert_int_equal(info.epochs[i].epoch, want[i].epoch);
			assert_int_equal(info.epochs[i].seq, want[i].seq);
		}
		rig_reopen(g);
	}
	history_done(&h);
}

static void large_records_and_appends(void **state) {
	struct rig *g = *state;
	struct history h;
	struct buf b;
	history_init(&h);
	buf_init(&b, 64 << 20);
	history_put_sized(&h, 1, "small", 10);
	history_put_sized(&h, 1, "large", VALUE_MAX_BYTES);
	for (int i = 0; i < 100; i++) history_put_sized(&h, 1, "many", 20000);
	history_put_sized(&h, 1, "small", 11);
	suite_fill(g, &h, 1, 1);
	suite_fill(g, &h, 2, 2);
	suite_fill(g, &h, 3, 102); /* one append far over a segment's size */
	suite_fill(g, &h, 103, 103);
	suite_equals(g, &h, 103);
	rig_reopen(g);
	CHECK(g->store->ops->read_log(g->store, 2, 1, &b));
	assert_true(slice_eq(buf_slice(&b), history_slice(&h, 2, 2)));
	suite_equals(g, &h, 103);
	buf_done(&b);
	history_done(&h);
}

/* No done after close, also for what was in flight. */
static void close_waits_and_is_silent(void **state) {
	struct rig *g = *state;
	enum { N = 20 };
	static struct rig_op ops[N];
	struct history h;
	history_init(&h);
	for (int i = 0; i < N; i++) history_put(&h, 1, "key", "value");
	for (int i = 0; i < N; i++) {
		rig_op_init(g, &ops[i]);
		g->store->ops->append(g->store, 1,
		                      history_slice(&h, (uint64_t)i + 1, (uint64_t)i + 1),
		                      &ops[i].op);
	}
	rig_close(g);
	CHECK(rig_open(g));
	rig_settle(g, 3);
	for (int i = 0; i < N; i++) assert_false(ops[i].done);
	uint64_t last = rig_info(g).last.seq;
	assert_true(rig_last_is(g, &h.at[last])); /* some prefix */
	history_done(&h);
}

static const struct suite_case cases[] = {
	CASE(fresh_store_is_empty),
	CASE(append_is_durable),
	CASE(appends_in_flight_finish_in_order),
	CASE(records_must_follow),
	CASE(promise_refuses_older_epochs),
	CASE(a_promise_takes_older_records_from_its_home),
	CASE(promise_and_append_keep_their_order),
	CASE(log_reads_whole_records),
	CASE(epochs_name_their_first_record),
	CASE(large_records_and_appends),
	CASE(close_waits_and_is_silent),
};

int main(void) {
	return suite_run(cases, (int)(sizeof(cases) / sizeof(cases[0])));
}
