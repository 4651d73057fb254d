/* What macros stand for, where the official suites say nothing, and what they refuse. */
#include "source.h"

#include <stdio.h>

struct row {
	const char *source, *tree;
};

static void each(const struct row *rows, size_t count) {
	for (size_t i = 0; i < count; i++)
		assert_string_equal(parsed(rows[i].source), rows[i].tree);
}
#define EACH(rows) each(rows, sizeof rows / sizeof *rows)

static const char *fold(const char *iter, const char *range, const char *accu, const char *init,
                        const char *condition, const char *step, const char *result) {
	static char text[1024];
	snprintf(text, sizeof text,
	         "__comprehension__(// Variable%s,// Target%s,// Accumulator%s,// Init%s,"
	         "// LoopCondition%s,// LoopStep%s,// Result%s)",
	         iter, range, accu, init, condition, step, result);
	return text;
}

static void bind_is_a_fold_over_nothing(void **state) {
	assert_string_equal(parsed("cel.bind(x, a, x + x)"),
	                    fold("#unused", "[]", "x", "a", "false", "x", "_+_(x,x)"));
}

static void folds_of_two_variables(void **state) {
	assert_string_equal(parsed("m.all(k, v, p)"),
	                    fold("k", "m", "@result", "true", "@not_strictly_false(@result)",
	                         "_&&_(@result,p)", "@result"));
	assert_string_equal(parsed("m.transformList(k, v, p, f)"),
	                    fold("k", "m", "@result", "[]", "true",
	                         "_?_:_(p,_+_(@result,[f]),@result)", "@result"));
	assert_string_equal(
		parsed("m.transformMap(k, v, f)"),
		fold("k", "m", "@result", "{}", "true", "cel.@mapInsert(@result,k,f)", "@result"));
	assert_string_equal(parsed("m.transformMapEntry(k, v, p, f)"),
	                    fold("k", "m", "@result", "{}", "true",
	                         "_?_:_(p,cel.@mapInsert(@result,f),@result)", "@result"));
	assert_string_equal(parsed("m.existsOne(k, v, p)"),
	                    fold("k", "m", "@result", "0", "true",
	                         "_?_:_(p,_+_(@result,1),@result)", "_==_(@result,1)"));
}

/* Twenty links would be a million nodes if the target were copied. */
static void chains_of_optionals_grow_with_their_length(void **state) {
	static const char link[] = ".optMap(x, x).optFlatMap(y, y)";
	char source[20 * sizeof link] = "a";
	for (int i = 0; i < 10; i++)
		memcpy(source + 1 + (size_t)i * (sizeof link - 1), link, sizeof link);
	assert_int_equal(parse_code(slice_str(source)), ERR_OK);
}

static void extremes_take_any_number_of_numbers(void **state) {
	static const struct row rows[] = {
		{"math.greatest(a)", "math.@max(a)"},
		{"math.greatest([1, a])", "math.@max([1,a])"},
		{"math.least(1, a)", "math.@min(1,a)"},
		{"math.least(1, a, 2.5)", "math.@min([1,a,2.5])"},
		{"math.least()", "1:11: math.least() requires at least one argument"},
		{"math.greatest('a')", "1:15: math.greatest() takes numbers"},
		{"math.greatest(1, [2])", "1:18: math.greatest() takes numbers"},
		{"math.greatest([])", "1:15: math.greatest() takes numbers"},
		{"math.greatest(['a'])", "1:15: math.greatest() takes numbers"},
		{"math.greatest(1, {})", "1:18: math.greatest() takes numbers"},
	};
	EACH(rows);
}

static void names_are_names(void **state) {
	static const struct row rows[] = {
		{"has(a)", "1:5: invalid argument to has() macro"},
		{"has(a[0])", "1:6: invalid argument to has() macro"},
		{"has(a.b)", "a.b~test-only~"},
		{"l.all(a.b, c)", "1:8: argument must be a simple name"},
		{"l.map(1, c)", "1:7: argument is not an identifier"},
		{"l.all(__result__, c)", "1:7: iteration variable overwrites accumulator variable"},
		{"l.all(a, __result__, c)",
	         "1:10: iteration variable overwrites accumulator variable"},
		{"l.exists(a, a, c)", "1:13: duplicate variable name: a"},
		{"l.transformList(a, 1, c)", "1:20: argument must be a simple name"},
		{"cel.bind(a.b, 1, 2)",
	         "1:11: cel.bind() variable names must be simple identifiers"},
		{"o.optMap(1, 2)", "1:10: the variable's name must be a simple identifier"},
		{"l.sortBy(1, 2)", "1:10: argument is not an identifier"},
	};
	EACH(rows);
}

static void what_only_looks_like_a_macro_is_a_call(void **state) {
	static const struct row rows[] = {
		{"a.has(b)", "a.has(b)"},
		{"all(a, b)", "all(a,b)"},
		{"l.map(a)", "l.map(a)"},
		{"x.bind(a, b, c)", "x.bind(a,b,c)"},
		{"a.cel.bind(a, b, c)", "a.cel.bind(a,b,c)"},
		{"x.greatest(a)", "x.greatest(a)"},
		{"cel.block([1], 2)", "cel.block([1],2)"}, /* of the suites only */
	};
	EACH(rows);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bind_is_a_fold_over_nothing),
		cmocka_unit_test(folds_of_two_variables),
		cmocka_unit_test(chains_of_optionals_grow_with_their_length),
		cmocka_unit_test(extremes_take_any_number_of_numbers),
		cmocka_unit_test(names_are_names),
		cmocka_unit_test(what_only_looks_like_a_macro_is_a_call),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
