/* The tree of records: what a history holds on its branch, and what breaks it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "past.h"

enum { CELL = 1 };

static struct past *p;
static char why[300];

/* One record after *at that makes the key `value` (0: deletes it), by call `call`; *at moves. */
static bool add_to(struct position *at, uint64_t epoch, int cell, int key, int value, int call) {
	char name[24], idem[24], text[24];
	struct position prev = *at;
	struct buf bytes;
	struct record r;
	int len = snprintf(text, sizeof text, "%d", value);
	struct op ops[] = {
		{.type = value ? OP_PUT : OP_DELETE,
	         .key = slice_of(name, past_key(cell, key, name)),
	         .value = slice_of(text, value ? (size_t)len : 0)},
		{.type = OP_PUT, .key = slice_of(idem, past_idem_key(cell, call, idem))}};
	buf_init(&bytes, RECORD_MAX_BYTES);
	assert_int_equal(record_encode(&bytes, at, epoch, 1, RECORD_DATA, ops, 2, NULL, 0), ERR_OK);
	assert_int_equal(record_decode(buf_slice(&bytes), &r), ERR_OK);
	bool fits = past_add(p, &r, &prev, why);
	buf_done(&bytes);
	return fits;
}

static bool add(struct position *at, uint64_t epoch, int key, int value, int call) {
	return add_to(at, epoch, CELL, key, value, call);
}

static int set_up(void **state) {
	p = past_new(CELL);
	return 0;
}

static int tear_down(void **state) {
	past_free(p);
	return 0;
}

/* Epoch 1 writes 1..4; epoch 2 goes on after 2, epoch 4 after it; epoch 3 was on 1's branch. */
static void branches(struct position *one, struct position *three, struct position *four) {
	struct position at = {0}, fork;
	assert_true(add(&at, 1, 0, 11, 11));
	assert_true(add(&at, 1, 1, 12, 12));
	fork = at;
	assert_true(add(&at, 1, 0, 13, 13));
	assert_true(add(&at, 1, 1, 0, 14));
	*one = at;
	assert_true(add(&at, 3, 2, 15, 15));
	*three = at;
	assert_true(add(&fork, 2, 0, 21, 21));
	assert_true(add(&fork, 4, 0, 41, 41));
	*four = fork;
}

static void a_history_has_its_branch_alone(void **state) {
	struct position one, three, four;
	branches(&one, &three, &four);
	assert_true(past_has(p, 1, 2, four.epoch, four.seq));
	assert_false(past_has(p, 1, 3, four.epoch, four.seq));
	assert_true(past_has(p, 2, 3, four.epoch, four.seq));
	assert_true(past_has(p, 1, 4, three.epoch, three.seq));
	assert_false(past_has(p, 2, 3, three.epoch, three.seq));
	assert_false(past_has(p, 4, 4, three.epoch, three.seq)); /* later */
	assert_false(past_has(p, 1, 9, 1, 10));                  /* never was */
	assert_true(past_has(p, 0, 0, 0, 0));
	assert_false(past_has(p, 1, 1, 0, 0));
}

static void values_are_those_of_the_branch(void **state) {
	struct position one, three, four;
	branches(&one, &three, &four);
	assert_int_equal(past_value(p, 0, 1, 1), 11);
	assert_int_equal(past_value(p, 0, one.epoch, one.seq), 13);
	assert_int_equal(past_value(p, 0, four.epoch, four.seq), 41);
	assert_int_equal(past_value(p, 0, 2, 3), 21);
	assert_int_equal(past_value(p, 1, four.epoch, four.seq), 12);
	assert_int_equal(past_value(p, 1, three.epoch, three.seq), 0); /* deleted */
	assert_int_equal(past_value(p, 2, four.epoch, four.seq), 0);   /* never there */
	assert_int_equal(past_value(p, 0, 0, 0), 0);
	assert_int_equal(past_find(p, 1, 4)->call, 14);
	assert_int_equal(past_find(p, 1, 4)->keys, 1 << 1);
}

static void one_place_has_one_record(void **state) {
	struct position a = {0}, b = {0}, c = {0};
	assert_true(add(&a, 1, 0, 11, 11));
	assert_true(add(&b, 1, 0, 11, 11)); /* the same, on another disk */
	assert_false(add(&c, 1, 0, 12, 12));
	assert_memory_equal(why, "A:", 2);
}

static void an_epoch_is_one_line(void **state) {
	struct position a = {0}, gap;
	assert_true(add(&a, 1, 0, 11, 11));
	gap = a;
	gap.seq = 5;
	assert_false(add(&gap, 1, 0, 12, 12));
	assert_memory_equal(why, "A:", 2);
}

static void another_tenant_is_noticed(void **state) {
	struct position a = {0};
	assert_false(add_to(&a, 1, CELL + 1, 0, 11, 11));
	assert_memory_equal(why, "H:", 2);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_history_has_its_branch_alone), TEST(values_are_those_of_the_branch),
		TEST(one_place_has_one_record),       TEST(an_epoch_is_one_line),
		TEST(another_tenant_is_noticed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
