/* Arithmetic, comparison, index, membership and size, by overload. */
#include "table.h"

#include <math.h>

#define OVERFLOW "error: integer overflow"
#define RANGE "error: out of the range of the type"
#define MIN INT64_MIN
#define MAX INT64_MAX
#define YEAR_1 INT64_C(-62135596800)
#define YEAR_9999_END INT64_C(253402300799)

static void ints_never_wrap(void **state) {
	CHECK({"add_int64", {I(40), I(2)}, "42"}, {"add_int64", {I(MAX), I(1)}, OVERFLOW},
	      {"add_int64", {I(MIN), I(-1)}, OVERFLOW},
	      {"subtract_int64", {I(MIN), I(1)}, OVERFLOW},
	      {"subtract_int64", {I(1), I(-MAX)}, OVERFLOW},
	      {"multiply_int64", {I(-30), I(-2)}, "60"},
	      {"multiply_int64", {I(5000000000), I(5000000000)}, OVERFLOW},
	      {"multiply_int64", {I(MIN), I(-1)}, OVERFLOW}, {"divide_int64", {I(-20), I(3)}, "-6"},
	      {"divide_int64", {I(MIN), I(-1)}, OVERFLOW},
	      {"divide_int64", {I(15), I(0)}, "error: division by zero"},
	      {"modulo_int64", {I(-42), I(-5)}, "-2"}, {"modulo_int64", {I(43), I(-5)}, "3"},
	      {"modulo_int64", {I(MIN), I(-1)}, OVERFLOW},
	      {"modulo_int64", {I(34), I(0)}, "error: modulus by zero"},
	      {"negate_int64", {I(42)}, "-42"}, {"negate_int64", {I(MIN)}, OVERFLOW});
}

static void uints_never_wrap(void **state) {
	CHECK({"add_uint64", {U(42), U(2)}, "44u"}, {"add_uint64", {U(UINT64_MAX), U(1)}, OVERFLOW},
	      {"subtract_uint64", {U(0), U(1)}, OVERFLOW},
	      {"multiply_uint64", {U(5000000000), U(5000000000)}, OVERFLOW},
	      {"divide_uint64", {U(60), U(7)}, "8u"},
	      {"divide_uint64", {U(1), U(0)}, "error: division by zero"},
	      {"modulo_uint64", {U(42), U(5)}, "2u"},
	      {"modulo_uint64", {U(1), U(0)}, "error: modulus by zero"});
}

static void doubles_are_those_of_ieee_754(void **state) {
	CHECK({"add_double", {D(4.25), D(15.25)}, "19.5"},
	      {"subtract_double", {D(42), D(12)}, "30.0"},
	      {"multiply_double", {D(2), D(8.988466e307)}, "+Inf"},
	      {"divide_double", {D(15.75), D(0)}, "+Inf"}, {"divide_double", {D(0), D(0)}, "NaN"},
	      {"negate_double", {D(0)}, "-0.0"}, {"logical_not", {T(true)}, "false"});
}

static void time_stays_in_range(void **state) {
	CHECK({"add_timestamp_duration", {TIME(0, 5), DUR(-6)}, "1969-12-31T23:59:59.999999999Z"},
	      {"add_duration_timestamp",
	       {DUR(999999999), TIME(YEAR_1 + 1, 999999999)},
	       "0001-01-01T00:00:02.999999998Z"},
	      {"add_timestamp_duration", {TIME(YEAR_1, 0), DUR(-1)}, RANGE},
	      {"add_timestamp_duration", {TIME(YEAR_9999_END, 999999999), DUR(1)}, RANGE},
	      {"add_timestamp_duration", {TIME(YEAR_9999_END, 0), DUR(MAX)}, RANGE},
	      {"subtract_timestamp_duration",
	       {TIME(0, 0), DUR(MIN)},
	       "2262-04-11T23:47:16.854775808Z"},
	      {"subtract_timestamp_timestamp", {TIME(120, 0), TIME(0, 1)}, "119.999999999s"},
	      {"subtract_timestamp_timestamp", {TIME(YEAR_9999_END, 0), TIME(YEAR_1, 0)}, RANGE},
	      {"add_duration_duration", {DUR(MAX), DUR(1)}, RANGE},
	      {"subtract_duration_duration", {DUR(1), DUR(MIN)}, RANGE},
	      {"add_duration_duration", {DUR(1), DUR(2)}, "0.000000003s"});
}

static void texts_and_lists_join(void **state) {
	CHECK({"add_string", {S("he"), S("llo")}, "\"hello\""},
	      {"add_string", {S(""), S("")}, "\"\""},
	      {"add_bytes", {B(""), B("\xffo")}, "b\"\\xffo\""},
	      {"add_list", {LIST(I(2)), LIST(I(2))}, "[2, 2]"},
	      {"add_list", {EMPTY_LIST, EMPTY_LIST}, "[]"});
}

static void order_is_over_all_pairs(void **state) {
	CHECK({"less_int64", {I(0), I(0)}, "false"}, {"less_equals_int64", {I(0), I(0)}, "true"},
	      {"greater_int64_uint64", {I(-1), U(0)}, "false"},
	      {"less_int64_uint64", {I(-1), U(0)}, "true"},
	      {"less_double", {D(NAN), D(1)}, "false"},
	      {"less_equals_double", {D(NAN), D(NAN)}, "false"},
	      {"greater_equals_double_int64", {D(NAN), I(1)}, "false"},
	      {"greater_equals_uint64_double", {U(3), D(3)}, "true"},
	      {"less_string", {S("a"), S("AB")}, "false"},
	      {"greater_bytes", {B("\0"), B("")}, "true"},
	      {"less_bool", {T(false), T(true)}, "true"},
	      {"less_timestamp", {TIME(1, 1), TIME(1, 2)}, "true"},
	      {"greater_duration", {DUR(1), DUR(2)}, "false"}, {"equals", {I(1), U(1)}, "true"},
	      {"not_equals", {D(NAN), D(NAN)}, "true"}, {"equals", {S("1"), I(1)}, "false"});
}

static void lists_are_indexed_by_any_whole_number(void **state) {
	struct cel_value list = LIST(I(7), I(8), I(9));
	CHECK({"index_list", {list, I(0)}, "7"}, {"index_list", {list, U(2)}, "9"},
	      {"index_list", {list, D(1)}, "8"},
	      {"index_list", {list, D(0.1)}, "error: no such overload"},
	      {"index_list", {list, D(NAN)}, "error: no such overload"},
	      {"index_list", {list, S("")}, "error: no such overload"},
	      {"index_list", {list, I(3)}, "error: index out of bounds"},
	      {"index_list", {list, I(-1)}, "error: index out of bounds"},
	      {"index_list", {list, U(UINT64_MAX)}, "error: index out of bounds"},
	      {"index_list", {list, D(-1)}, "error: index out of bounds"});
}

static void maps_are_asked_by_key(void **state) {
	struct cel_value map = MAP({S("k"), I(1)}, {I(2), S("v")}, {T(true), NIL});
	CHECK({"index_map", {map, S("k")}, "1"}, {"index_map", {map, D(2)}, "\"v\""},
	      {"index_map", {map, T(true)}, "null"},
	      {"index_map", {map, T(false)}, "error: no such key"},
	      {"index_map", {map, NIL}, "error: no such key"}, {"in_map", {U(2), map}, "true"},
	      {"in_map", {S("x"), map}, "false"}, {"in_map", {EMPTY_LIST, map}, "false"},
	      {"in_list", {D(3), LIST(I(5), U(3))}, "true"},
	      {"in_list", {S("a"), LIST(I(5), S("b"))}, "false"},
	      {"in_list", {I(7), EMPTY_LIST}, "false"});
}

static void size_counts_what_people_count(void **state) {
	CHECK({"size_string", {S("\xcf\x80\xce\xad\xce\xbd\xcf\x84\xce\xb5")}, "5"},
	      {"string_size", {S("")}, "0"}, {"size_bytes", {B("\xc3\xbf")}, "2"},
	      {"size_list", {LIST(I(1), I(2))}, "2"}, {"map_size", {MAP({I(1), I(2)})}, "1"});
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ints_never_wrap),
		cmocka_unit_test(uints_never_wrap),
		cmocka_unit_test(doubles_are_those_of_ieee_754),
		cmocka_unit_test(time_stays_in_range),
		cmocka_unit_test(texts_and_lists_join),
		cmocka_unit_test(order_is_over_all_pairs),
		cmocka_unit_test(lists_are_indexed_by_any_whole_number),
		cmocka_unit_test(maps_are_asked_by_key),
		cmocka_unit_test(size_counts_what_people_count),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
