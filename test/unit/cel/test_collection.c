/* Lists, maps, optionals and base64. */
#include "table.h"

#include <math.h>

#define INDEX "error: index out of bounds"
#define BAD "error: invalid argument"
#define CONVERT "error: the text does not convert"

static void parts_of_lists(void **state) {
	struct cel_value list = LIST(I(1), I(2), I(3));
	CHECK({"list_slice", {list, I(1), I(3)}, "[2, 3]"},
	      {"list_slice", {list, I(3), I(3)}, "[]"}, {"list_slice", {list, I(-1), I(1)}, INDEX},
	      {"list_slice", {list, I(2), I(1)}, INDEX}, {"list_slice", {list, I(0), I(4)}, INDEX},
	      {"list_reverse", {list}, "[3, 2, 1]"}, {"list_reverse", {EMPTY_LIST}, "[]"},
	      {"list_first", {list}, "some(1)"}, {"list_last", {list}, "some(3)"},
	      {"list_first", {EMPTY_LIST}, "none"}, {"lists_range", {I(3)}, "[0, 1, 2]"},
	      {"lists_range", {I(0)}, "[]"}, {"lists_range", {I(-5)}, "[]"});
}

static void a_long_range_ends_at_the_cost(void **state) {
	struct cel_value args[] = {I(INT64_MAX)};
	struct cel_value out = call("lists_range", args);
	assert_string_equal(shown(&out), "error: over the cost limit");
}

static void lists_flatten_to_a_depth(void **state) {
	struct cel_value nested = LIST(I(1), LIST(I(2), LIST(I(3), LIST(I(4)))), EMPTY_LIST);
	CHECK({"list_flatten", {nested}, "[1, 2, [3, [4]]]"},
	      {"list_flatten_int", {nested, I(0)}, "[1, [2, [3, [4]]], []]"},
	      {"list_flatten_int", {nested, I(2)}, "[1, 2, 3, [4]]"},
	      {"list_flatten_int", {nested, I(INT64_MAX)}, "[1, 2, 3, 4]"},
	      {"list_flatten_int", {nested, I(-1)}, BAD}, {"list_flatten", {EMPTY_LIST}, "[]"});
}

static void lists_sort(void **state) {
	CHECK({"list_int_sort", {LIST(I(3), I(1), I(2))}, "[1, 2, 3]"},
	      {"list_int_sort", {EMPTY_LIST}, "[]"}, {"list_int_sort", {LIST(I(1))}, "[1]"},
	      {"list_string_sort", {LIST(S("b"), S(""), S("a"))}, "[\"\", \"a\", \"b\"]"},
	      {"list_bool_sort", {LIST(T(true), T(false))}, "[false, true]"},
	      {"list_int_sort", {LIST(I(1), U(2))}, BAD}, {"list_int_sort", {LIST(NIL)}, BAD},
	      {"list_int_sort", {LIST(EMPTY_LIST, EMPTY_LIST)}, BAD},
	      {"list_double_sort", {LIST(D(2), D(1), D(-INFINITY))}, "[-Inf, 1.0, 2.0]"},
	      {"list_int_sortByAssociatedKeys",
	       {LIST(S("a"), S("b"), S("c")), LIST(I(3), I(1), I(2))},
	       "[\"b\", \"c\", \"a\"]"},
	      {"list_int_sortByAssociatedKeys", {LIST(S("a")), EMPTY_LIST}, BAD});
}

static void sorting_is_stable_and_right(void **state) {
	enum { MANY = 777 };
	static struct cel_value items[MANY], keys[MANY];
	for (int i = 0; i < MANY; i++) {
		items[i] = I(i);
		keys[i] = I(i * 7919 % 50);
	}
	struct cel_list list = {MANY, items}, by = {MANY, keys};
	struct cel_value args[] = {{.kind = CEL_LIST, .list = &list},
	                           {.kind = CEL_LIST, .list = &by}};
	struct cel_value out = call("list_int_sortByAssociatedKeys", args);
	assert_int_equal(out.kind, CEL_LIST);
	assert_int_equal(out.list->count, MANY);
	for (int i = 1; i < MANY; i++) {
		int64_t a = out.list->items[i - 1].i, b = out.list->items[i].i;
		assert_true(keys[a].i < keys[b].i || (keys[a].i == keys[b].i && a < b));
	}
}

static void lists_lose_their_doubles(void **state) {
	CHECK({"list_distinct", {LIST(I(1), U(1), D(1), I(2), S("1"))}, "[1, 2, \"1\"]"},
	      {"list_distinct", {EMPTY_LIST}, "[]"},
	      {"list_distinct", {LIST(D(NAN), D(NAN))}, "[NaN, NaN]"},
	      {"list_distinct", {LIST(LIST(I(1)), LIST(D(1)))}, "[[1]]"});
}

static void maps_grow(void **state) {
	struct cel_value map = MAP({S("a"), I(1)});
	CHECK({"@mapInsert_map_key_value", {map, S("b"), I(2)}, "{\"a\": 1, \"b\": 2}"},
	      {"@mapInsert_map_key_value", {EMPTY_MAP, U(1), NIL}, "{1u: null}"},
	      {"@mapInsert_map_key_value", {map, S("a"), I(2)}, "error: duplicate key in a map"},
	      {"@mapInsert_map_key_value",
	       {map, D(1), I(2)},
	       "error: unsupported type of a map key"},
	      {"@mapInsert_map_map", {map, MAP({T(true), I(2)})}, "{\"a\": 1, true: 2}"},
	      {"@mapInsert_map_map", {map, map}, "error: duplicate key in a map"},
	      {"@mapInsert_map_map", {EMPTY_MAP, EMPTY_MAP}, "{}"});
}

/* --- optionals ------------------------------------------------------------------------------------ */

static void optionals_hold_one_value_or_none(void **state) {
	CHECK({"optional_of", {NIL}, "some(null)"}, {"optional_none", {NIL}, "none"},
	      {"optional_hasValue", {SOME(NIL)}, "true"}, {"optional_hasValue", {NONE}, "false"},
	      {"optional_value", {SOME(I(1))}, "1"},
	      {"optional_value", {NONE}, "error: optional.none() has no value"},
	      {"optional_or_optional", {NONE, SOME(I(2))}, "some(2)"},
	      {"optional_or_optional", {SOME(I(1)), SOME(I(2))}, "some(1)"},
	      {"optional_orValue_value", {NONE, I(42)}, "42"},
	      {"optional_orValue_value", {SOME(I(1)), I(42)}, "1"},
	      {"optional_unwrap", {LIST(SOME(I(1)), NONE, SOME(NIL))}, "[1, null]"},
	      {"optional_unwrapOpt", {EMPTY_LIST}, "[]"},
	      {"optional_unwrap", {LIST(I(1))}, "error: no such overload"});
}

static void zero_values_are_none_where_asked(void **state) {
	const struct cel_value zeros[] = {NIL,   T(false),   I(0),      U(0),   D(-0.0),   S(""),
	                                  B(""), EMPTY_LIST, EMPTY_MAP, DUR(0), TIME(0, 0)};
	for (size_t i = 0; i < sizeof zeros / sizeof *zeros; i++) {
		struct cel_value out = call("optional_ofNonZeroValue", &zeros[i]);
		assert_string_equal(shown(&out), "none");
	}
	CHECK({"optional_ofNonZeroValue", {I(42)}, "some(42)"},
	      {"optional_ofNonZeroValue", {D(NAN)}, "some(NaN)"},
	      {"optional_ofNonZeroValue", {NONE}, "some(none)"},
	      {"optional_ofNonZeroValue", {TIME(0, 1)}, "some(1970-01-01T00:00:00.000000001Z)"});
}

static void what_is_not_there_is_none(void **state) {
	struct cel_value map = MAP({S("k"), I(1)}), list = LIST(S("foo"));
	CHECK({"select_optional_field", {map, S("k")}, "some(1)"},
	      {"select_optional_field", {map, S("x")}, "none"},
	      {"select_optional_field", {SOME(map), S("k")}, "some(1)"},
	      {"select_optional_field", {NONE, S("k")}, "none"},
	      {"select_optional_field", {I(1), S("k")}, "error: no such overload"},
	      {"list_optindex_optional_int", {list, I(0)}, "some(\"foo\")"},
	      {"list_optindex_optional_int", {list, D(0)}, "some(\"foo\")"},
	      {"list_optindex_optional_int", {list, I(1)}, "none"},
	      {"list_optindex_optional_int", {list, S("")}, "error: no such overload"},
	      {"optional_list_optindex_optional_int", {SOME(EMPTY_LIST), I(0)}, "none"},
	      {"map_optindex_optional_value", {map, S("k")}, "some(1)"},
	      {"optional_map_optindex_optional_value", {SOME(map), S("x")}, "none"},
	      {"optional_list_index_int", {SOME(list), I(0)}, "some(\"foo\")"},
	      {"optional_list_index_int", {NONE, I(0)}, "none"},
	      {"optional_map_index_value", {SOME(map), S("k")}, "some(1)"});
}

/* --- base64 ---------------------------------------------------------------------------------------- */

static void base64_goes_there_and_back(void **state) {
	CHECK({"base64_encode_bytes", {B("hello")}, "\"aGVsbG8=\""},
	      {"base64_encode_bytes", {B("")}, "\"\""},
	      {"base64_encode_bytes", {B("\xff\xff\xff")}, "\"////\""},
	      {"base64_encode_bytes", {B("\xfb")}, "\"+w==\""},
	      {"base64_decode_string", {S("aGVsbG8=")}, "b\"hello\""},
	      {"base64_decode_string", {S("aGVsbG8")}, "b\"hello\""},
	      {"base64_decode_string", {S("+w==")}, "b\"\\xfb\""},
	      {"base64_decode_string", {S("")}, "b\"\""},
	      {"base64_decode_string", {S("a")}, CONVERT},
	      {"base64_decode_string", {S("aGVsbG8==")}, CONVERT},
	      {"base64_decode_string", {S("=")}, CONVERT},
	      {"base64_decode_string", {S("====")}, CONVERT},
	      {"base64_decode_string", {S("aGVs=G8=")}, CONVERT},
	      {"base64_decode_string", {S("aGV-")}, CONVERT});
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts_of_lists),
		cmocka_unit_test(a_long_range_ends_at_the_cost),
		cmocka_unit_test(lists_flatten_to_a_depth),
		cmocka_unit_test(lists_sort),
		cmocka_unit_test(sorting_is_stable_and_right),
		cmocka_unit_test(lists_lose_their_doubles),
		cmocka_unit_test(maps_grow),
		cmocka_unit_test(optionals_hold_one_value_or_none),
		cmocka_unit_test(zero_values_are_none_where_asked),
		cmocka_unit_test(what_is_not_there_is_none),
		cmocka_unit_test(base64_goes_there_and_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
