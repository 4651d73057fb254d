/* The checker of histories, on histories that are known to be good or bad, and on all small ones
 * beside a search that tries every order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hash.h"
#include "history.h"

#define COUNT(ops) ((int)(sizeof(ops) / sizeof *(ops)))
enum { STEPS = 1000000 };

static struct history_op read_of(uint64_t call, uint64_t end, int64_t value) {
	return (struct history_op){
		.kind = HISTORY_READ, .call_ns = call, .return_ns = end, .value = value};
}

static struct history_op write_of(uint64_t call, uint64_t end, int64_t value) {
	return (struct history_op){
		.kind = HISTORY_WRITE, .call_ns = call, .return_ns = end, .value = value};
}

static struct history_op swap_of(uint64_t call, uint64_t end, int64_t expect, int64_t value) {
	return (struct history_op){.kind = HISTORY_SWAP,
	                           .call_ns = call,
	                           .return_ns = end,
	                           .expect = expect,
	                           .value = value};
}

static struct history_op add_of(uint64_t call, uint64_t end, int64_t delta, int64_t result) {
	return (struct history_op){.kind = HISTORY_ADD,
	                           .call_ns = call,
	                           .return_ns = end,
	                           .delta = delta,
	                           .max = 10,
	                           .value = result};
}

static struct history_op refused(struct history_op op) {
	op.end = HISTORY_REFUSED;
	return op;
}

static struct history_op unknown(struct history_op op) {
	op.end = HISTORY_UNKNOWN;
	op.return_ns = 0;
	return op;
}

static enum history_verdict verdict(const struct history_op *ops, int count) {
	struct history_evidence why;
	return history_judge(ops, count, 0, STEPS, &why);
}

#define GOOD(...)                                                                                  \
	do {                                                                                       \
		const struct history_op ops_[] = {__VA_ARGS__};                                    \
		assert_int_equal(verdict(ops_, COUNT(ops_)), HISTORY_LINEARIZABLE);                \
	} while (0)
#define BAD(...)                                                                                   \
	do {                                                                                       \
		const struct history_op ops_[] = {__VA_ARGS__};                                    \
		assert_int_equal(verdict(ops_, COUNT(ops_)), HISTORY_BROKEN);                      \
	} while (0)

static void reads_see_the_last_write(void **state) {
	GOOD(read_of(1, 2, 0), write_of(3, 4, 1), read_of(5, 6, 1));
	BAD(write_of(3, 4, 1), read_of(5, 6, 0));                     /* stale */
	BAD(write_of(1, 2, 1), write_of(3, 4, 2), read_of(5, 6, 1));  /* stale */
	BAD(read_of(1, 2, 7));                                        /* out of thin air */
	BAD(read_of(1, 2, 1), write_of(3, 4, 1));                     /* from the future */
	GOOD(write_of(1, 10, 1), read_of(2, 3, 0), read_of(4, 5, 1)); /* while it is written */
	BAD(write_of(1, 10, 1), read_of(2, 3, 1), read_of(4, 5, 0));  /* there and gone */
	GOOD(write_of(1, 10, 1), write_of(1, 10, 2), read_of(11, 12, 1));
	BAD(write_of(1, 10, 1), write_of(1, 10, 2), read_of(11, 12, 1), read_of(13, 14, 2));
	GOOD(write_of(1, 2, 1), write_of(3, 4, 0), read_of(5, 6, 0)); /* deleted */
	BAD(write_of(1, 2, 1), write_of(3, 4, 0), read_of(5, 6, 1));
	GOOD(write_of(1, 5, 1), read_of(5, 6, 0)); /* at one instant: concurrent */
}

static void what_is_unknown_may_come_late_or_never(void **state) {
	GOOD(unknown(write_of(1, 0, 1)), read_of(2, 3, 0), read_of(4, 5, 1));
	GOOD(unknown(write_of(1, 0, 1)), read_of(2, 3, 0), read_of(4, 5, 0));
	BAD(unknown(write_of(1, 0, 1)), read_of(2, 3, 1), read_of(4, 5, 0));
	BAD(read_of(1, 2, 1), unknown(write_of(3, 0, 1)));
	/* It happens once. */
	BAD(unknown(write_of(1, 0, 1)), read_of(2, 3, 1), write_of(4, 5, 2), read_of(6, 7, 2),
	    read_of(8, 9, 1));
	GOOD(write_of(1, 2, 1), unknown(write_of(3, 0, 0)), read_of(4, 5, 1), read_of(6, 7, 0));
	/* Nobody saw it but a refusal. */
	GOOD(unknown(write_of(1, 0, 5)), refused(swap_of(2, 3, 0, 1)));
	BAD(refused(swap_of(2, 3, 0, 1)), read_of(4, 5, 0));
	/* Seen only through another unknown that needs it. */
	GOOD(unknown(write_of(1, 0, 5)), unknown(swap_of(2, 0, 5, 6)), read_of(7, 8, 6));
	BAD(unknown(swap_of(2, 0, 5, 6)), read_of(7, 8, 6));
}

static void conditions_hold_where_they_say(void **state) {
	GOOD(swap_of(1, 2, 0, 1), swap_of(3, 4, 1, 2), read_of(5, 6, 2));
	BAD(swap_of(1, 10, 0, 1), swap_of(1, 10, 0, 2)); /* both created it: a lost update */
	GOOD(swap_of(1, 10, 0, 1), refused(swap_of(1, 10, 0, 2)), read_of(11, 12, 1));
	BAD(write_of(1, 2, 1), refused(swap_of(3, 4, 1, 2)));
	BAD(write_of(1, 2, 1), write_of(3, 4, 2), swap_of(5, 6, 1, 3));
}

static void sums_are_told_as_they_are(void **state) {
	GOOD(add_of(1, 10, 1, 2), add_of(1, 10, 1, 1), read_of(11, 12, 2));
	BAD(add_of(1, 10, 1, 1), add_of(1, 10, 1, 1)); /* a lost update */
	GOOD(add_of(1, 2, 9, 9), refused(add_of(3, 4, 5, 0)), read_of(5, 6, 9));
	BAD(add_of(1, 2, 3, 3), refused(add_of(3, 4, 5, 0)));
	BAD(add_of(1, 2, 3, 3), unknown(add_of(3, 0, 2, 0)), read_of(5, 6, 4));
	GOOD(add_of(1, 2, 3, 3), unknown(add_of(3, 0, 2, 0)), read_of(5, 6, 5));
	/* Done twice by two tries. */
	BAD(add_of(1, 2, 1, 1), read_of(5, 6, 2));
}

static void it_says_what_cannot_be_explained(void **state) {
	const struct history_op ops[] = {write_of(1, 2, 1), read_of(3, 4, 1), read_of(5, 6, 9),
	                                 write_of(7, 8, 2)};
	struct history_evidence why;
	assert_int_equal(history_judge(ops, 4, 0, STEPS, &why), HISTORY_BROKEN);
	assert_int_equal(why.stuck, 2);
	assert_int_equal(why.placed, 2);
	assert_int_equal(why.state, 1);
	assert_int_equal(history_judge(ops, 2, 0, 1, &why), HISTORY_UNDECIDED);
	assert_int_equal(history_judge(ops, 0, 0, 1, &why), HISTORY_LINEARIZABLE);
}

/* --- every order ------------------------------------------------------------------------------- */

enum { SMALL = 6 };

static bool acts(const struct history_op *op, int64_t *now) {
	int64_t sum = *now + op->delta;
	bool holds = op->kind != HISTORY_SWAP || *now == op->expect;
	if (op->kind == HISTORY_READ) return *now == op->value;
	if (op->kind == HISTORY_ADD) holds = sum >= op->min && sum <= op->max;
	if (op->end == HISTORY_REFUSED) return !holds;
	if (!holds) return false;
	if (op->kind == HISTORY_ADD && op->end == HISTORY_DONE && sum != op->value) return false;
	*now = op->kind == HISTORY_ADD ? sum : op->value;
	return true;
}

static bool any_order(const struct history_op *ops, int count, unsigned used, int64_t now) {
	bool complete = true;
	for (int i = 0; i < count; i++)
		complete &= (used >> i & 1) || ops[i].end == HISTORY_UNKNOWN;
	if (complete) return true;
	for (int i = 0; i < count; i++) {
		bool first = !(used >> i & 1);
		for (int j = 0; j < count; j++)
			if (j != i && !(used >> j & 1) && ops[j].end != HISTORY_UNKNOWN &&
			    ops[j].return_ns < ops[i].call_ns)
				first = false;
		int64_t next = now;
		if (first && acts(&ops[i], &next) && any_order(ops, count, used | 1u << i, next))
			return true;
	}
	return false;
}

static struct history_op any_op(uint64_t *random, bool adds) {
	uint64_t r = mix64(*random += 0x9e3779b97f4a7c15u);
	uint64_t call = r % 12;
	struct history_op op = {.call_ns = call,
	                        .return_ns = call + r / 16 % 8,
	                        .value = (int64_t)(r >> 20 & 3),
	                        .expect = (int64_t)(r >> 24 & 3),
	                        .delta = 1,
	                        .max = 2};
	unsigned kind = r >> 28 & 3, end = r >> 32 & 7;
	op.kind = adds        ? (kind & 1 ? HISTORY_ADD : HISTORY_READ)
	          : kind == 3 ? HISTORY_READ
	                      : (enum history_kind)kind;
	if (end == 0) op.end = HISTORY_UNKNOWN;
	if (end == 1 && op.kind >= HISTORY_SWAP) op.end = HISTORY_REFUSED;
	return op;
}

static void small_histories_are_judged_as_by_trying_all(void **state) {
	uint64_t random = 1;
	int good = 0, bad = 0;
	for (int i = 0; i < 60000; i++) {
		struct history_op ops[SMALL];
		int count = 2 + i % (SMALL - 1);
		for (int j = 0; j < count; j++) ops[j] = any_op(&random, i & 1);
		bool expected = any_order(ops, count, 0, 0);
		enum history_verdict is = verdict(ops, count);
		assert_int_equal(is, expected ? HISTORY_LINEARIZABLE : HISTORY_BROKEN);
		good += expected;
		bad += !expected;
	}
	assert_true(good > 5000 && bad > 5000);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_see_the_last_write),
		cmocka_unit_test(what_is_unknown_may_come_late_or_never),
		cmocka_unit_test(conditions_hold_where_they_say),
		cmocka_unit_test(sums_are_told_as_they_are),
		cmocka_unit_test(it_says_what_cannot_be_explained),
		cmocka_unit_test(small_histories_are_judged_as_by_trying_all),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
