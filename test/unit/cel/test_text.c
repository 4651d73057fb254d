/* contains and its like, regular expressions, and the strings extension. */
#include "table.h"

#include <string.h>

#include "cel/cel_regex.h"

#define INDEX "error: index out of bounds"
#define REGEX "error: invalid regular expression"
#define CAT "\xf0\x9f\x90\xb1"
#define C "\xc2\xa9"  /* © */
#define AL "\xce\xb1" /* α */
#define TACO "ta" C "o" C AL "T"

static void parts_are_found(void **state) {
	CHECK({"contains_string", {S("hello"), S("")}, "true"},
	      {"contains_string", {S("abababc"), S("ababc")}, "true"},
	      {"contains_string", {S(""), S("x")}, "false"},
	      {"contains_string", {S(""), S("")}, "true"},
	      {"starts_with_string", {S("foobar"), S("foo")}, "true"},
	      {"starts_with_string", {S(""), S("foo")}, "false"},
	      {"starts_with_string", {S("foo"), S("")}, "true"},
	      {"ends_with_string", {S("fort\xc3\xa9"), S("t\xc3\xa9")}, "true"},
	      {"ends_with_string", {S("a"), S("ba")}, "false"},
	      {"ends_with_string", {S(""), S("")}, "true"});
}

static void expressions_match_anywhere(void **state) {
	CHECK({"matches_string", {S("hubba"), S("ubb")}, "true"},
	      {"matches_string", {S(""), S("foo|bar")}, "false"},
	      {"matches_string", {S("cows"), S("")}, "true"},
	      {"matches", {S(CAT CAT CAT), S("(a|" CAT "){2}")}, "true"},
	      {"matches", {S("banana"), S("^ba(na)*$")}, "true"},
	      {"matches", {S("x"), S("(")}, REGEX}, {"matches", {S("x"), S("(?=x)")}, REGEX},
	      {"matches", {S("x"), S("\\1")}, REGEX},
	      {"matches", {S("x"), S("x{1001}")}, REGEX}); /* RE2's own bound */
}

static void expressions_are_bounded(void **state) {
	static char pattern[CEL_REGEX_MAX + 2];
	memset(pattern, 'a', sizeof pattern);
	struct cel_regex *r = cel_regex_new(pattern, CEL_REGEX_MAX);
	assert_non_null(r);
	cel_regex_free(r);
	assert_null(cel_regex_new(pattern, CEL_REGEX_MAX + 1));
	assert_null(cel_regex_new("((a{100}){100}){10}", 19)); /* too much memory */
	/* Backtracking would take 2^40 steps. */
	struct cel_value args[] = {S("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"),
	                           S("^(a|a)*(a|a)*(a|a)*c$")};
	assert_false(call("matches", args).b);
}

static void a_constant_expression_costs_no_compiling(void **state) {
	const struct cel_overload *o = overload_of("matches");
	struct cel_value args[] = {S("banana"), S("nan")}, out;
	struct cel_call c = {.cost_left = 10, .data = o->prepare(args)};
	assert_non_null(c.data);
	o->call(&c, args, &out);
	assert_string_equal(shown(&out), "true");
	o->release(c.data);
	struct cel_value bad[] = {S("banana"), S("(")}, open[] = {S("banana"), {.kind = CEL_ERROR}};
	assert_null(o->prepare(bad));
	assert_null(o->prepare(open));
}

/* --- the strings extension ---------------------------------------------------------------------- */

static void positions_count_code_points(void **state) {
	CHECK({"string_char_at_int", {S("tacocat"), I(3)}, "\"o\""},
	      {"string_char_at_int", {S("tacocat"), I(7)}, "\"\""},
	      {"string_char_at_int", {S(TACO), I(5)}, "\"" AL "\""},
	      {"string_char_at_int", {S("tacocat"), I(30)}, INDEX},
	      {"string_char_at_int", {S("tacocat"), I(-1)}, INDEX},
	      {"string_index_of_string", {S("tacocat"), S("")}, "0"},
	      {"string_index_of_string", {S("tacocat"), S("none")}, "-1"},
	      {"string_index_of_string", {S(TACO), S("o")}, "3"},
	      {"string_index_of_string_int", {S("tacocat"), S(""), I(3)}, "3"},
	      {"string_index_of_string_int", {S(TACO), S(C), I(3)}, "4"},
	      {"string_index_of_string_int", {S(TACO), S(C AL), I(5)}, "-1"},
	      {"string_index_of_string_int", {S("tacocat"), S("a"), I(7)}, "-1"},
	      {"string_index_of_string_int", {S("tacocat"), S("a"), I(30)}, INDEX},
	      {"string_index_of_string_int", {S("tacocat"), S("a"), I(-1)}, INDEX});
}

static void last_positions_are_found_backward(void **state) {
	CHECK({"string_last_index_of_string", {S(""), S("@@")}, "-1"},
	      {"string_last_index_of_string", {S("tacocat"), S("")}, "7"},
	      {"string_last_index_of_string", {S("tacocat"), S("at")}, "5"},
	      {"string_last_index_of_string", {S(TACO), S(C)}, "4"},
	      {"string_last_index_of_string_int", {S("tacocat"), S(""), I(3)}, "3"},
	      {"string_last_index_of_string_int", {S("tacocat"), S("a"), I(3)}, "1"},
	      {"string_last_index_of_string_int", {S(TACO), S(C), I(3)}, "2"},
	      {"string_last_index_of_string_int", {S("hello wello"), S("ello"), I(6)}, "1"},
	      {"string_last_index_of_string_int", {S("bananananana"), S("nana"), I(7)}, "6"},
	      {"string_last_index_of_string_int", {S("tacocat"), S("a"), I(-1)}, INDEX},
	      {"string_last_index_of_string_int", {S("tacocat"), S("a"), I(30)}, INDEX});
}

static void parts_are_cut_at_code_points(void **state) {
	CHECK({"string_substring_int", {S("tacocat"), I(4)}, "\"cat\""},
	      {"string_substring_int", {S("tacocat"), I(7)}, "\"\""},
	      {"string_substring_int", {S("tacocat"), I(40)}, INDEX},
	      {"string_substring_int", {S("tacocat"), I(-1)}, INDEX},
	      {"string_substring_int_int", {S(TACO), I(2), I(6)}, "\"" C "o" C AL "\""},
	      {"string_substring_int_int", {S(TACO), I(7), I(7)}, "\"\""},
	      {"string_substring_int_int", {S("tacocat"), I(4), I(3)}, INDEX},
	      {"string_substring_int_int", {S("tacocat"), I(1), I(50)}, INDEX},
	      {"string_substring_int_int", {S("tacocat"), I(49), I(50)}, INDEX});
}

static void letters_change_and_turn(void **state) {
	CHECK({"string_lower_ascii", {S("TacoC\xc3\x86t @[Z")}, "\"tacoc\xc3\x86t @[z\""},
	      {"string_upper_ascii", {S("tacoC" AL "t `{z")}, "\"TACOC" AL "T `{Z\""},
	      {"string_reverse", {S(TACO)}, "\"T" AL C "o" C "at\""},
	      {"string_reverse", {S("")}, "\"\""});
}

static void spaces_are_unicode_s(void **state) {
	CHECK({"string_trim", {S(" \f\n\r\t\vtext  ")}, "\"text\""},
	      {"string_trim",
	       {S("\xc2\x85\xc2\xa0\xe1\x9a\x80text\xe2\x80\x80\xe3\x80\x80")},
	       "\"text\""},
	      {"string_trim",
	       {S("\xe2\x80\x8btext\xef\xbb\xbf")},
	       "\"\xe2\x80\x8btext\xef\xbb\xbf\""},
	      {"string_trim", {S("  ")}, "\"\""}, {"string_trim", {S("")}, "\"\""},
	      {"string_trim", {S("a b ")}, "\"a b\""});
}

static void replacing_has_a_limit(void **state) {
	CHECK({"string_replace_string_string",
	       {S("{0} days {0}"), S("{0}"), S("2")},
	       "\"2 days 2\""},
	      {"string_replace_string_string", {S("aaa"), S("aa"), S("b")}, "\"ba\""},
	      {"string_replace_string_string", {S("ab" C), S(""), S("-")}, "\"-a-b-" C "-\""},
	      {"string_replace_string_string", {S(""), S(""), S("-")}, "\"-\""},
	      {"string_replace_string_string", {S(""), S("a"), S("-")}, "\"\""},
	      {"string_replace_string_string_int", {S("aaa"), S("a"), S("b"), I(2)}, "\"bba\""},
	      {"string_replace_string_string_int", {S("aaa"), S("a"), S("b"), I(0)}, "\"aaa\""},
	      {"string_replace_string_string_int", {S("aaa"), S("a"), S("b"), I(-1)}, "\"bbb\""},
	      {"string_replace_string_string_int", {S("abc"), S(""), S("-"), I(2)}, "\"-a-bc\""},
	      {"string_replace_string_string_int", {S("abc"), S(""), S("-"), I(0)}, "\"abc\""});
}

static void splitting_has_a_limit(void **state) {
	CHECK({"string_split_string", {S("hello world"), S(" ")}, "[\"hello\", \"world\"]"},
	      {"string_split_string", {S(",a,"), S(",")}, "[\"\", \"a\", \"\"]"},
	      {"string_split_string", {S(""), S(",")}, "[\"\"]"},
	      {"string_split_string", {S(""), S("")}, "[]"},
	      {"string_split_string", {S("a" C "b"), S("")}, "[\"a\", \"" C "\", \"b\"]"},
	      {"string_split_string_int", {S("a b c"), S(" "), I(0)}, "[]"},
	      {"string_split_string_int", {S("a b c"), S(" "), I(1)}, "[\"a b c\"]"},
	      {"string_split_string_int", {S("a b c"), S(" "), I(2)}, "[\"a\", \"b c\"]"},
	      {"string_split_string_int", {S("o" C "o"), S(C), I(-1)}, "[\"o\", \"o\"]"});
}

static void lists_join_and_texts_are_quoted(void **state) {
	CHECK({"list_join", {LIST(S("x"), S("y"))}, "\"xy\""}, {"list_join", {EMPTY_LIST}, "\"\""},
	      {"list_join_string", {LIST(S("x"), S("y"), S("")), S("-")}, "\"x-y-\""},
	      {"list_join", {LIST(S("x"), I(1))}, "error: no such overload"},
	      {"strings_quote",
	       {S("a\a\b\f\n\r\t\v\\\"z")},
	       "\"\"a\\a\\b\\f\\n\\r\\t\\v\\\\\\\"z\"\""},
	      {"strings_quote", {S("")}, "\"\"\"\""},
	      {"strings_quote", {S("'" CAT "'")}, "\"\"'" CAT "'\"\""});
}

/* 1 kB by 1 kB is 1 MB, by 1 kB once more 1 GB: ends at the arena or the cost, not at the machine. */
static void repeated_replacing_is_bounded(void **state) {
	static char text[1000];
	memset(text, 'a', sizeof text);
	struct cel_value a = {.kind = CEL_STRING, .extra = sizeof text, .s = text};
	struct cel_value big[] = {a, S("a"), a};
	struct cel_value out = call("string_replace_string_string", big);
	assert_int_equal(out.kind, CEL_ERROR); /* 1 MB of result does not fit beside its growing */
	struct cel_value wide[] = {a, S(""), S("0123456789")};
	out = call("string_replace_string_string", wide);
	assert_int_equal(out.extra, 1000 + 1001 * 10);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts_are_found),
		cmocka_unit_test(expressions_match_anywhere),
		cmocka_unit_test(expressions_are_bounded),
		cmocka_unit_test(a_constant_expression_costs_no_compiling),
		cmocka_unit_test(positions_count_code_points),
		cmocka_unit_test(last_positions_are_found_backward),
		cmocka_unit_test(parts_are_cut_at_code_points),
		cmocka_unit_test(letters_change_and_turn),
		cmocka_unit_test(spaces_are_unicode_s),
		cmocka_unit_test(replacing_has_a_limit),
		cmocka_unit_test(splitting_has_a_limit),
		cmocka_unit_test(lists_join_and_texts_are_quoted),
		cmocka_unit_test(repeated_replacing_is_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
