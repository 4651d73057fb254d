/* What one may ask of a program: its type, the variables it reads, its guards, its cost; and that
 * evaluation ends where it must. */
#include "program.h"

#include <stdio.h>

static void type_and_variables(void **state) {
	struct cel_program *p = compile("s == 'a' ? n + 1 : size(xs)", NULL);
	assert_ptr_equal(cel_program_type(p), &cel_type_int);
	const bool used[VARIABLES] = {[S] = true, [N] = true, [XS] = true};
	for (int i = 0; i < VARIABLES; i++) assert_int_equal(cel_program_uses(p, i), used[i]);
	cel_program_free(p);
	p = compile("{'a': [1u]}", NULL);
	struct buf printed;
	buf_init(&printed, 100);
	assert_int_equal(cel_type_print(cel_program_type(p), &printed), ERR_OK);
	assert_true(slice_is(buf_slice(&printed), "map(string, list(uint))"));
	buf_done(&printed);
	cel_program_free(p);
	cel_program_free(NULL);
}

static void result_must_be_as_expected(void **state) {
	struct cel_options o = {.expected = &cel_type_bool};
	cel_program_free(compile("n == 1", &o));
	assert_non_null(refusal("n + 1", &o));
}

/* "slot:count …" */
static const char *guards_of(const char *source) {
	static char told[200];
	size_t len = 0;
	struct cel_program *p = compile(source, NULL);
	const struct cel_guard *guards;
	int count = cel_program_guards(p, &guards);
	told[0] = '\0';
	for (int i = 0; i < count; i++)
		len += (size_t)snprintf(told + len, sizeof told - len, "%d:%d ", guards[i].slot,
		                        guards[i].count);
	cel_program_free(p);
	return told;
}

static void guards(void **state) {
	char both[20], set[20], one[20], flags[40];
	snprintf(both, sizeof both, "%d:1 %d:1 ", S, N);
	snprintf(set, sizeof set, "%d:3 ", S);
	snprintf(one, sizeof one, "%d:1 ", S);
	snprintf(flags, sizeof flags, "%d:1 %d:1 %d:1 ", NO, S, YES);
	assert_string_equal(guards_of("s == 'a' && n > 1 && n == 2"), both);
	assert_string_equal(guards_of("s in ['a', 'b', 'c']"), set);
	assert_string_equal(guards_of("'a' == s"), one);
	assert_string_equal(guards_of("xs.all(i, i > 0) && s == 'a'"), one);
	assert_string_equal(guards_of("!no && s == 'a' && yes"), flags);
	assert_string_equal(guards_of("!(yes && no) || yes"), "");
	assert_string_equal(guards_of("s == 'a' || n == 2"), "");
	assert_string_equal(guards_of("s != 'a' && !(n == 2)"), "");
	assert_string_equal(guards_of("x == 1"), ""); /* may be 1u */
	assert_string_equal(guards_of("f == 1.0"), "");
	assert_string_equal(guards_of("s + '' == 'a'"), "");
}

static void constants_are_folded(void **state) {
	struct cel_program *p = compile("s in ['G' + 'ET'].map(i, i) && 1 + 1 == 2", NULL);
	char one[20];
	snprintf(one, sizeof one, "%d:1 ", S);
	assert_string_equal(guards_of("s in ['G' + 'ET'].map(i, i) && 1 + 1 == 2"), one);
	/* Nothing is left that would need memory. */
	struct cel_frame f = {.slots = values};
	assert_int_equal(cel_test(p, &f, NULL), 1);
	cel_program_free(p);
}

static void no_arena_is_an_error_only_where_memory_is_needed(void **state) {
	struct cel_program *p = compile("s + s == 'GETGET'", NULL);
	enum cel_fault fault;
	assert_int_equal(cel_test(p, &(struct cel_frame){.slots = values}, &fault), -1);
	assert_int_equal(fault, CEL_FAULT_MEMORY);
	cel_program_free(p);
}

static void cost_ends_evaluation(void **state) {
	static const char *const costly[] = {
		"xs.map(a, xs.map(b, xs.map(c, xs.map(d, xs.map(e, xs.map(f, 1)))))).size() > 0",
		"xs.all(a, xs.all(b, xs.all(c, xs.all(d, xs.all(e, xs.all(f, f > 0))))))",
		"no && xs.all(a, xs.all(b, xs.all(c, xs.all(d, xs.all(e, a > 0)))))",
		"xs.all(a, xs.all(b, xs.all(c, xs.all(d, xs.all(e, a > 0))))) || yes",
	};
	for (size_t i = 0; i < sizeof costly / sizeof *costly; i++) {
		struct cel_program *p = compile(costly[i], NULL);
		struct arena arena;
		arena_init(&arena, 1 << 20);
		struct cel_frame f = {values, &arena, 200};
		enum cel_fault fault = CEL_FAULT_NONE;
		bool cheap = costly[i][0] == 'n'; /* decided before the loop */
		assert_int_equal(cel_test(p, &f, &fault), cheap ? 0 : -1);
		assert_int_equal(fault, cheap ? CEL_FAULT_NONE : CEL_FAULT_COST);
		arena_done(&arena);
		cel_program_free(p);
	}
}

static void cost_has_a_bound_beforehand(void **state) {
	struct cel_program *p = compile("s == 'a'", NULL);
	uint64_t simple = cel_program_cost_max(p);
	assert_true(simple > 0 && simple < 20);
	cel_program_free(p);
	p = compile("xs.all(i, xs.all(j, i != j))", NULL);
	assert_true(cel_program_cost_max(p) >= 64 * 64);
	assert_true(cel_program_cost_max(p) < 100 * 64 * 64);
	cel_program_free(p);
	struct cel_options o = {.cost_max = 1000};
	cel_program_free(compile("xs.all(i, i > 0)", &o));
	assert_non_null(strstr(refusal("xs.all(i, xs.all(j, i != j))", &o), "1000 is allowed"));
}

/* Twice the elements, twice the memory, not four times. */
static void appending_is_linear(void **state) {
	size_t used[2];
	struct cel_program *p = compile("x.map(i, i).size() == x.filter(i, true).size()", NULL);
	static struct cel_value items[20000];
	for (int round = 0; round < 2; round++) {
		uint32_t count = round ? 20000 : 10000;
		struct cel_list list = {count, items};
		struct cel_value slots[VARIABLES] = {[X] = {.kind = CEL_LIST, .list = &list}};
		for (uint32_t i = 0; i < count; i++) items[i] = cel_int(i);
		struct arena arena;
		arena_init(&arena, 1 << 24);
		struct cel_frame f = {slots, &arena, 0};
		assert_int_equal(cel_test(p, &f, NULL), 1);
		used[round] = arena.used_bytes;
		arena_done(&arena);
	}
	assert_true(used[1] < used[0] * 3);
	cel_program_free(p);
}

static void too_many_arguments_are_refused(void **state) {
	struct cel_options o = {.unchecked = true};
	assert_string_equal(refusal("f(1, 2, 3, 4, 5, 6, 7, 8, 9)", &o),
	                    "1:2: more than 8 arguments of a call");
}

/* What cannot be meant is said when the rule is loaded, not when a request comes. */
static void malformed_constants_are_refused(void **state) {
	assert_string_equal(refusal("s.matches('(')", NULL),
	                    "1:10: '(' is malformed: 'matches' cannot take it");
	assert_string_equal(refusal("yes || isInRange(s, '10.0.0.0/33')", NULL),
	                    "1:17: '10.0.0.0/33' is malformed: 'isInRange' cannot take it");
	assert_string_equal(refusal("t > timestamp('tomorrow')", NULL),
	                    "1:14: 'tomorrow' is malformed: 'timestamp' cannot take it");
	cel_program_free(compile("s.matches('(')", &(struct cel_options){.unchecked = true}));
}

/* Constants that share their parts: small to write, endless to walk. */
static void shared_constants_are_not_walked_for_ever(void **state) {
	static char source[20000];
	size_t len = (size_t)snprintf(source, sizeof source, "cel.bind(a0, [1, 1], ");
	for (int i = 1; i < 60; i++)
		len += (size_t)snprintf(source + len, sizeof source - len,
		                        "cel.bind(a%d, [a%d, a%d], ", i, i - 1, i - 1);
	len += (size_t)snprintf(source + len, sizeof source - len, "[a59] in [[a59], [a58]]");
	for (int i = 0; i < 60; i++) source[len++] = ')';
	struct cel_program *p = compile(source, NULL);
	struct cel_frame f = {.slots = values};
	enum cel_fault fault;
	assert_int_equal(cel_program_cost_max(p), UINT64_MAX);
	assert_int_equal(cel_test(p, &f, &fault), -1);
	assert_int_equal(fault, CEL_FAULT_COST);
	cel_program_free(p);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(type_and_variables),
		cmocka_unit_test(result_must_be_as_expected),
		cmocka_unit_test(guards),
		cmocka_unit_test(constants_are_folded),
		cmocka_unit_test(no_arena_is_an_error_only_where_memory_is_needed),
		cmocka_unit_test(cost_ends_evaluation),
		cmocka_unit_test(cost_has_a_bound_beforehand),
		cmocka_unit_test(appending_is_linear),
		cmocka_unit_test(malformed_constants_are_refused),
		cmocka_unit_test(too_many_arguments_are_refused),
		cmocka_unit_test(shared_constants_are_not_walked_for_ever),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
