/* The math extension. */
#include "table.h"

#include <math.h>

#define OVERFLOW "error: integer overflow"
#define BAD "error: invalid argument"

static void extremes_keep_their_type(void **state) {
	CHECK({"math_@max_int", {I(-5)}, "-5"}, {"math_@max_int_int", {I(-3), I(3)}, "3"},
	      {"math_@max_int_double", {I(1), D(1)}, "1"},
	      {"math_@max_double_int", {D(1), I(1)}, "1.0"},
	      {"math_@max_uint_int", {U(5), I(-7)}, "5u"},
	      {"math_@max_int_uint", {I(-3), U(3)}, "3u"},
	      {"math_@min_int_int", {I(5), I(-7)}, "-7"},
	      {"math_@min_double_uint", {D(0.5), U(1)}, "0.5"},
	      {"math_@min_uint_double", {U(1), D(1)}, "1u"},
	      {"math_@max_list_int",
	       {LIST(D(5.4), I(10), U(3), D(-5), U(UINT64_MAX))},
	       "18446744073709551615u"},
	      {"math_@min_list_double", {LIST(D(5.4), I(10), U(3), D(-5))}, "-5.0"},
	      {"math_@min_list_int", {LIST(I(1), D(1))}, "1"},
	      {"math_@max_list_int", {EMPTY_LIST}, BAD},
	      {"math_@max_list_int", {LIST(I(1), S("2"))}, "error: no such overload"},
	      {"math_@max_double_double", {D(NAN), D(1)}, "NaN"});
}

static void doubles_round(void **state) {
	CHECK({"math_ceil_double", {D(-1.2)}, "-1.0"}, {"math_floor_double", {D(-1.2)}, "-2.0"},
	      {"math_round_double", {D(-1.5)}, "-2.0"}, {"math_round_double", {D(1.2)}, "1.0"},
	      {"math_trunc_double", {D(-1.2)}, "-1.0"}, {"math_trunc_double", {D(NAN)}, "NaN"},
	      {"math_sqrt_double", {D(49)}, "7.0"}, {"math_sqrt_int", {I(-1)}, "NaN"},
	      {"math_sqrt_uint", {U(4)}, "2.0"}, {"math_isNaN_double", {D(NAN)}, "true"},
	      {"math_isInf_double", {D(-INFINITY)}, "true"},
	      {"math_isInf_double", {D(NAN)}, "false"},
	      {"math_isFinite_double", {D(-INFINITY)}, "false"},
	      {"math_isFinite_double", {D(1)}, "true"});
}

static void signs(void **state) {
	CHECK({"math_abs_int", {I(-11)}, "11"}, {"math_abs_int", {I(INT64_MIN)}, OVERFLOW},
	      {"math_abs_double", {D(-11.5)}, "11.5"}, {"math_abs_uint", {U(1)}, "1u"},
	      {"math_sign_int", {I(-11)}, "-1"}, {"math_sign_int", {I(0)}, "0"},
	      {"math_sign_uint", {U(100)}, "1u"}, {"math_sign_double", {D(-32)}, "-1.0"},
	      {"math_sign_double", {D(0)}, "0.0"}, {"math_sign_double", {D(NAN)}, "NaN"});
}

static void bits(void **state) {
	CHECK({"math_bitAnd_int_int", {I(1), I(-1)}, "1"},
	      {"math_bitAnd_uint_uint", {U(1), U(3)}, "1u"},
	      {"math_bitOr_int_int", {I(4), I(-2)}, "-2"},
	      {"math_bitXor_int_int", {I(4), I(-2)}, "-6"}, {"math_bitNot_int_int", {I(1)}, "-2"},
	      {"math_bitNot_uint_uint", {U(1)}, "18446744073709551614u"},
	      {"math_bitShiftLeft_int_int", {I(1), I(2)}, "4"},
	      {"math_bitShiftLeft_int_int", {I(-1), I(200)}, "0"},
	      {"math_bitShiftLeft_uint_int", {U(1), I(-1)}, BAD},
	      {"math_bitShiftRight_int_int", {I(-1024), I(3)}, "2305843009213693824"},
	      {"math_bitShiftRight_int_int", {I(-1024), I(64)}, "0"},
	      {"math_bitShiftRight_uint_int", {U(1024), I(2)}, "256u"},
	      {"math_bitShiftRight_int_int", {I(1), I(-1)}, BAD});
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(extremes_keep_their_type),
		cmocka_unit_test(doubles_round),
		cmocka_unit_test(signs),
		cmocka_unit_test(bits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
