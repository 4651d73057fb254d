/* Equality and order across types, map lookup by walking and by hash, making under pressure. */
#include "table.h"

#include <math.h>
#include <stdio.h>

#include "base/arena.h"
#include "cel/cel_type.h"

/* One number line: each stands left of all that follow, in whatever type. */
static void numbers_stand_on_one_line(void **state) {
	const struct cel_value line[] = {D(-INFINITY),
	                                 D(-0x1.0000000000001p63),
	                                 I(INT64_MIN),
	                                 I(-9007199254740993),
	                                 D(-9007199254740992.0),
	                                 I(-1),
	                                 D(-0.5),
	                                 U(0),
	                                 D(0.5),
	                                 U(1),
	                                 D(1.5),
	                                 D(9007199254740992.0),
	                                 I(9007199254740993),
	                                 U(9007199254740994),
	                                 I(INT64_MAX - 1),
	                                 I(INT64_MAX),
	                                 U(1ull << 63),
	                                 U(UINT64_MAX),
	                                 D(0x1.0000000000001p64),
	                                 D(INFINITY)};
	int count = sizeof line / sizeof *line;
	for (int i = 0; i < count; i++)
		for (int j = 0; j < count; j++) {
			int order = (i > j) - (i < j);
			if (cel_compare(&line[i], &line[j]) != order)
				fail_msg("%d beside %d", i, j);
			assert_int_equal(cel_equal(&line[i], &line[j]), i == j);
		}
}

static void same_numbers_are_equal_in_any_type(void **state) {
	const struct cel_value ones[] = {I(1), U(1), D(1.0)};
	for (int i = 0; i < 3; i++)
		for (int j = 0; j < 3; j++) {
			assert_true(cel_equal(&ones[i], &ones[j]));
			assert_int_equal(cel_compare(&ones[i], &ones[j]), 0);
		}
	assert_true(cel_equal(&D(-0.0), &D(0.0)));
	assert_true(cel_equal(&D(-0.0), &U(0)));
}

/* The suite compares ints with 2^63 as doubles; equality and lookup stay exact. */
static void the_two_roundings_the_suite_wants(void **state) {
	assert_int_equal(cel_compare(&I(INT64_MAX), &D(0x1p63)), 0);
	assert_int_equal(cel_compare(&D(0x1p63), &I(INT64_MAX)), 0);
	assert_int_equal(cel_compare(&U(UINT64_MAX), &D(0x1p64)), 0);
	assert_false(cel_equal(&I(INT64_MAX), &D(0x1p63)));
	assert_false(cel_equal(&D(0x1p64), &U(UINT64_MAX)));
	assert_true(cel_equal(&U(1ull << 63), &D(0x1p63)));
	assert_true(cel_equal(&I(INT64_MIN), &D(-0x1p63)));
}

static void nan_has_no_order_and_no_equal(void **state) {
	const struct cel_value others[] = {I(1), U(1), D(1), D(NAN), D(INFINITY)};
	for (int i = 0; i < 5; i++) {
		assert_int_equal(cel_compare(&D(NAN), &others[i]), 2);
		assert_int_equal(cel_compare(&others[i], &D(NAN)), 2);
		assert_false(cel_equal(&D(NAN), &others[i]));
	}
	struct cel_value list = LIST(D(NAN));
	assert_false(cel_equal(&list, &list));
}

static void kinds_do_not_mix(void **state) {
	const struct cel_value each[] = {NIL,        T(false), I(0),       S(""),     B(""),
	                                 TIME(0, 0), DUR(0),   EMPTY_LIST, EMPTY_MAP, NONE};
	int count = sizeof each / sizeof *each;
	for (int i = 0; i < count; i++)
		for (int j = 0; j < count; j++) {
			assert_int_equal(cel_equal(&each[i], &each[j]), i == j);
			if (i != j) assert_int_equal(cel_compare(&each[i], &each[j]), 2);
		}
	assert_int_equal(cel_compare(&EMPTY_LIST, &EMPTY_LIST), 2);
	assert_int_equal(cel_compare(&NIL, &NIL), 2);
}

static void texts_and_times_have_order(void **state) {
	assert_int_equal(cel_compare(&S("a"), &S("ab")), -1);
	assert_int_equal(cel_compare(&S("\xce\xb1"), &S("omega")), 1);
	assert_int_equal(cel_compare(&B("\x01"), &B("\x00")), 1);
	assert_int_equal(cel_compare(&TIME(1, 0), &TIME(0, 999999999)), 1);
	assert_int_equal(cel_compare(&TIME(1, 1), &TIME(1, 2)), -1);
	assert_int_equal(cel_compare(&DUR(-1), &DUR(0)), -1);
	assert_int_equal(cel_compare(&T(false), &T(true)), -1);
}

static void containers_are_equal_by_content(void **state) {
	struct cel_value a = MAP({S("k"), LIST(I(1), D(2))}, {I(2), NIL});
	struct cel_value b = MAP({U(2), NIL}, {S("k"), LIST(U(1), I(2))});
	struct cel_value c = MAP({U(2), NIL}, {S("k"), LIST(U(1), I(3))});
	assert_true(cel_equal(&a, &b));
	assert_false(cel_equal(&a, &c));
	assert_false(cel_equal(&LIST(I(1)), &LIST(I(1), I(2))));
	assert_true(cel_equal(&SOME(I(1)), &SOME(U(1))));
	assert_false(cel_equal(&SOME(I(1)), &NONE));
}

static void types_are_equal_without_parameters(void **state) {
	struct cel_value list = cel_type_value(cel_type_of(&EMPTY_LIST));
	struct cel_type of_ints = {
		.kind = CEL_TYPE_LIST, .param_count = 1, .params = {&cel_type_int}};
	struct cel_value typed = cel_type_value(&of_ints);
	struct cel_value map = cel_type_value(cel_type_of(&EMPTY_MAP));
	assert_true(cel_equal(&list, &typed));
	assert_false(cel_equal(&list, &map));
	struct cel_value ip = cel_type_value(&cel_type_ip), cidr = cel_type_value(&cel_type_cidr);
	assert_false(cel_equal(&ip, &cidr));
	assert_true(cel_equal(&ip, &ip));
}

/* --- maps ------------------------------------------------------------------------------------ */

static struct cel_entry entries[1000];

static void each_key_is_found_in_any_type(void **state) {
	struct arena arena;
	arena_init(&arena, 1 << 20);
	for (uint32_t count = 1; count <= 1000; count = count * 3 + 1) {
		for (uint32_t i = 0; i < count; i++)
			entries[i] = (struct cel_entry){i % 2 ? I(i) : U(i), I(i * 10)};
		struct cel_value m = cel_make_map(&arena, entries, count), out;
		assert_int_equal(m.kind, CEL_MAP);
		for (uint32_t i = 0; i < count; i++) {
			const struct cel_value keys[] = {I(i), U(i), D(i)};
			for (int k = 0; k < 3; k++) {
				assert_true(cel_map_get(m.map, &keys[k], &out));
				assert_int_equal(out.i, i * 10);
			}
		}
		const struct cel_value absent[] = {I(count), I(-1),       D(0.5),
		                                   D(NAN),   D(INFINITY), S("0"),
		                                   T(false), NIL,         EMPTY_LIST};
		for (int k = 0; k < 9; k++) assert_false(cel_map_get(m.map, &absent[k], &out));
	}
	arena_done(&arena);
}

static void keys_are_checked(void **state) {
	struct arena arena;
	arena_init(&arena, 1 << 20);
	for (uint32_t count = 2; count <= 40; count++) {
		for (uint32_t i = 0; i < count; i++) entries[i] = (struct cel_entry){I(i), NIL};
		entries[count - 1].key = U(0);
		struct cel_value m = cel_make_map(&arena, entries, count);
		assert_string_equal(shown(&m), "error: duplicate key in a map");
		entries[count - 1].key = D(0.5);
		m = cel_make_map(&arena, entries, count);
		assert_string_equal(shown(&m), "error: unsupported type of a map key");
	}
	struct cel_value m = cel_make_map(&arena, entries, 0);
	assert_string_equal(shown(&m), "{}");
	arena_done(&arena);
}

static void a_full_arena_is_an_error(void **state) {
	for (uint32_t i = 0; i < 20; i++) entries[i] = (struct cel_entry){I(i), NIL};
	for (size_t max = 0; max < 2000; max += 40) {
		struct arena arena;
		arena_init(&arena, max);
		struct cel_value made[] = {cel_make_map(&arena, entries, 20),
		                           cel_make_string(&arena, SLICE_LIT("text")),
		                           cel_make_list(&arena, &entries[0].key, 1),
		                           cel_make_optional(&arena, &I(1)),
		                           cel_make_map(NULL, entries, 20)};
		for (int i = 0; i < 5; i++)
			assert_true(made[i].kind != CEL_ERROR || made[i].extra == CEL_FAULT_MEMORY);
		assert_int_equal(made[4].kind, CEL_ERROR);
		arena_done(&arena);
	}
}

/* Forty lists of two that share everything: 2^40 pairs to compare, a few hundred bytes. */
static void sharing_does_not_make_comparing_free(void **state) {
	static struct cel_value items[2][41][2];
	static struct cel_list lists[2][41];
	for (int side = 0; side < 2; side++)
		for (int i = 0; i <= 40; i++) {
			struct cel_value v = {.kind = CEL_LIST,
			                      .list = i ? &lists[side][i - 1] : NULL};
			if (i == 0) v = I(1);
			items[side][i][0] = items[side][i][1] = v;
			lists[side][i] = (struct cel_list){2, items[side][i]};
		}
	struct cel_value a = {.kind = CEL_LIST, .list = &lists[0][40]};
	struct cel_value b = {.kind = CEL_LIST, .list = &lists[1][40]};
	struct cel_call c = {.cost_left = 10000};
	assert_int_equal(cel_equal_charged(&c, &a, &b), -1);
	assert_true(c.cost_left < 0);
}

static void nesting_has_an_end(void **state) {
	static struct cel_value items[CEL_NESTING_MAX + 2];
	static struct cel_list lists[CEL_NESTING_MAX + 2];
	for (int i = 0; i < CEL_NESTING_MAX + 2; i++) {
		items[i] = i ? (struct cel_value){.kind = CEL_LIST, .list = &lists[i - 1]} : I(1);
		lists[i] = (struct cel_list){1, &items[i]};
	}
	assert_true(cel_equal(&items[CEL_NESTING_MAX], &items[CEL_NESTING_MAX]));
	assert_false(cel_equal(&items[CEL_NESTING_MAX + 1], &items[CEL_NESTING_MAX + 1]));
}

static void every_fault_has_its_text(void **state) {
	for (int f = 0; f < CEL_FAULT_COUNT; f++) assert_non_null(cel_fault_text(f));
	assert_string_equal(cel_fault_text(CEL_FAULT_DIVIDE), "division by zero");
}

/* --- the tables -------------------------------------------------------------------------------- */

static void overloads_are_complete_and_distinct(void **state) {
	for (int i = 0; i < CEL_LIBRARIES; i++)
		for (int j = 0; j < cel_libraries[i]->count; j++) {
			const struct cel_overload *o = &cel_libraries[i]->overloads[j];
			assert_ptr_equal(overload_of(o->id), o);
			assert_non_null(o->call);
			assert_true(o->cost >= 1);
			assert_true((o->prepare != NULL) == (o->release != NULL));
			assert_non_null(strstr(o->signature, ") -> "));
		}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_stand_on_one_line),
		cmocka_unit_test(same_numbers_are_equal_in_any_type),
		cmocka_unit_test(the_two_roundings_the_suite_wants),
		cmocka_unit_test(nan_has_no_order_and_no_equal),
		cmocka_unit_test(kinds_do_not_mix),
		cmocka_unit_test(texts_and_times_have_order),
		cmocka_unit_test(containers_are_equal_by_content),
		cmocka_unit_test(types_are_equal_without_parameters),
		cmocka_unit_test(each_key_is_found_in_any_type),
		cmocka_unit_test(keys_are_checked),
		cmocka_unit_test(a_full_arena_is_an_error),
		cmocka_unit_test(sharing_does_not_make_comparing_free),
		cmocka_unit_test(nesting_has_an_end),
		cmocka_unit_test(every_fault_has_its_text),
		cmocka_unit_test(overloads_are_complete_and_distinct),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
