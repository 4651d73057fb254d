/* Conversions, numbers as text, times as text. */
#include "table.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "cel/cel_number.h"
#include "cel/cel_time.h"

#define RANGE "error: out of the range of the type"
#define CONVERT "error: the text does not convert"

static void to_int(void **state) {
	CHECK({"uint64_to_int64", {U(INT64_MAX)}, "9223372036854775807"},
	      {"uint64_to_int64", {U(UINT64_MAX)}, RANGE}, {"double_to_int64", {D(-7.9)}, "-7"},
	      {"double_to_int64", {D(0x1p55)}, "36028797018963968"},
	      {"double_to_int64", {D(0x1p63)}, RANGE}, {"double_to_int64", {D(-0x1p63)}, RANGE},
	      {"double_to_int64", {D(NAN)}, RANGE}, {"double_to_int64", {D(1e99)}, RANGE},
	      {"string_to_int64", {S("987")}, "987"}, {"string_to_int64", {S("+5")}, "5"},
	      {"string_to_int64", {S("-9223372036854775808")}, "-9223372036854775808"},
	      {"string_to_int64", {S("9223372036854775808")}, RANGE},
	      {"string_to_int64", {S("")}, CONVERT}, {"string_to_int64", {S("-")}, CONVERT},
	      {"string_to_int64", {S("+-5")}, CONVERT}, {"string_to_int64", {S(" 5")}, CONVERT},
	      {"string_to_int64", {S("5\0")}, CONVERT}, {"string_to_int64", {S("0x1")}, CONVERT},
	      {"timestamp_to_int64", {TIME(1234567890, 5)}, "1234567890"},
	      {"duration_to_int64", {DUR(1500)}, "1500"});
}

static void to_uint(void **state) {
	CHECK({"int64_to_uint64", {I(INT64_MAX)}, "9223372036854775807u"},
	      {"int64_to_uint64", {I(-1)}, RANGE}, {"double_to_uint64", {D(25.5)}, "25u"},
	      {"double_to_uint64", {D(-0.5)}, RANGE}, {"double_to_uint64", {D(0x1p64)}, RANGE},
	      {"double_to_uint64", {D(NAN)}, RANGE}, {"string_to_uint64", {S("300")}, "300u"},
	      {"string_to_uint64", {S("+1")}, CONVERT},
	      {"string_to_uint64", {S("18446744073709551616")}, RANGE});
}

static void to_double(void **state) {
	CHECK({"int64_to_double", {I(-7)}, "-7.0"},
	      {"uint64_to_double", {U(UINT64_MAX)}, "1.8446744073709552e+19"},
	      {"string_to_double", {S("-84.32e7")}, "-8.432e+08"},
	      {"string_to_double", {S(".5")}, "0.5"}, {"string_to_double", {S("5.")}, "5.0"},
	      {"string_to_double", {S("1e400")}, RANGE}, {"string_to_double", {S("1e-400")}, "0.0"},
	      {"string_to_double", {S("NaN")}, "NaN"},
	      {"string_to_double", {S("-infinity")}, "-Inf"},
	      {"string_to_double", {S("nan(1)")}, CONVERT},
	      {"string_to_double", {S("0x1p1")}, CONVERT}, {"string_to_double", {S(" 1")}, CONVERT},
	      {"string_to_double", {S("1e")}, CONVERT}, {"string_to_double", {S(".")}, CONVERT},
	      {"string_to_double", {S("")}, CONVERT}, {"string_to_double", {S("1\0")}, CONVERT});
}

static void to_bool_bytes_and_string(void **state) {
	CHECK({"string_to_bool", {S("True")}, "true"}, {"string_to_bool", {S("f")}, "false"},
	      {"string_to_bool", {S("TrUe")}, CONVERT}, {"string_to_bool", {S("")}, CONVERT},
	      {"string_to_bytes", {S("\xc3\xbf")}, "b\"\\xc3\\xbf\""},
	      {"bytes_to_string", {B("abc")}, "\"abc\""},
	      {"bytes_to_string", {B("\0\xff")}, CONVERT},
	      {"bytes_to_string", {B("\xed\xa0\x80")}, CONVERT}, /* a surrogate */
	      {"bytes_to_string", {B("\xc0\x80")}, CONVERT},     /* overlong */
	      {"bytes_to_string", {B("\xf4\x90\x80\x80")}, CONVERT},
	      {"bool_to_string", {T(true)}, "\"true\""}, {"int64_to_string", {I(-456)}, "\"-456\""},
	      {"uint64_to_string", {U(UINT64_MAX)}, "\"18446744073709551615\""},
	      {"double_to_string", {D(123.456)}, "\"123.456\""},
	      {"double_to_string", {D(-4.5e-3)}, "\"-0.0045\""},
	      {"timestamp_to_string", {TIME(1234567890, 0)}, "\"2009-02-13T23:31:30Z\""},
	      {"duration_to_string", {DUR(1000000000000000)}, "\"1000000s\""},
	      {"type", {LIST(I(1))}, "list(dyn)"}, {"to_dyn", {I(1)}, "1"});
}

/* --- doubles as text --------------------------------------------------------------------------- */

static void check_print(double d, const char *general, const char *plain) {
	char text[CEL_NUMBER_MAX];
	assert_int_equal(cel_double_print(d, text), strlen(general));
	assert_string_equal(text, general);
	assert_int_equal(cel_double_print_plain(d, text), strlen(plain));
	assert_string_equal(text, plain);
}

static void doubles_print_shortest(void **state) {
	check_print(0, "0", "0");
	check_print(-0.0, "-0", "-0");
	check_print(1, "1", "1");
	check_print(100000, "100000", "100000");
	check_print(1e6, "1e+06", "1000000");
	check_print(1234567.5, "1.2345675e+06", "1234567.5");
	check_print(0.1 + 0.2, "0.30000000000000004", "0.30000000000000004");
	check_print(0.0001, "0.0001", "0.0001");
	check_print(0.00001, "1e-05", "0.00001");
	check_print(NAN, "NaN", "NaN");
	check_print(-INFINITY, "-Inf", "-Infinity");
}

static void doubles_read_back(void **state) {
	uint64_t bits = 88172645463325252ull;
	char text[CEL_NUMBER_MAX];
	for (int i = 0; i < 20000; i++) {
		bits ^= bits << 13;
		bits ^= bits >> 7;
		bits ^= bits << 17;
		double d, back;
		memcpy(&d, &bits, sizeof d);
		if (!isfinite(d)) continue;
		struct slice s = slice_of(text, cel_double_print(d, text));
		assert_int_equal(cel_double_parse(s, &back), CEL_FAULT_NONE);
		assert_memory_equal(&d, &back, sizeof d);
		s = slice_of(text, cel_double_print_plain(d, text));
		assert_true(s.len < CEL_NUMBER_MAX);
		assert_int_equal(cel_double_parse(s, &back), CEL_FAULT_NONE);
		assert_memory_equal(&d, &back, sizeof d);
	}
}

/* --- times as text ------------------------------------------------------------------------------- */

static void timestamps_parse_strictly(void **state) {
	CHECK({"string_to_timestamp", {S("2009-02-13T23:31:30Z")}, "2009-02-13T23:31:30Z"},
	      {"string_to_timestamp", {S("2009-02-13T23:31:30.5+01:30")}, "2009-02-13T22:01:30.5Z"},
	      {"string_to_timestamp",
	       {S("2009-02-13T23:31:30.1234567899Z")},
	       "2009-02-13T23:31:30.123456789Z"},
	      {"string_to_timestamp", {S("2024-02-29T00:00:00Z")}, "2024-02-29T00:00:00Z"},
	      {"string_to_timestamp", {S("2023-02-29T00:00:00Z")}, CONVERT},
	      {"string_to_timestamp", {S("0001-01-01T00:00:00Z")}, "0001-01-01T00:00:00Z"},
	      {"string_to_timestamp", {S("0001-01-01T00:00:00+00:01")}, RANGE},
	      {"string_to_timestamp",
	       {S("9999-12-31T23:59:59.999999999Z")},
	       "9999-12-31T23:59:59.999999999Z"},
	      {"string_to_timestamp", {S("9999-12-31T23:59:59-00:01")}, RANGE},
	      {"string_to_timestamp", {S("0000-01-01T00:00:00Z")}, RANGE},
	      {"string_to_timestamp", {S("10000-01-01T00:00:00Z")}, CONVERT},
	      {"string_to_timestamp", {S("2009-02-13 23:31:30Z")}, CONVERT},
	      {"string_to_timestamp", {S("2009-02-13T23:31:60Z")}, CONVERT},
	      {"string_to_timestamp", {S("2009-02-13T24:00:00Z")}, CONVERT},
	      {"string_to_timestamp", {S("2009-02-13T23:31:30")}, CONVERT},
	      {"string_to_timestamp", {S("2009-02-13T23:31:30.Z")}, CONVERT},
	      {"string_to_timestamp", {S("2009-02-13T23:31:30Zx")}, CONVERT},
	      {"string_to_timestamp", {S("2009-13-01T00:00:00Z")}, CONVERT},
	      {"string_to_timestamp", {S("2009-00-01T00:00:00Z")}, CONVERT},
	      {"string_to_timestamp", {S("")}, CONVERT},
	      {"int64_to_timestamp", {I(0)}, "1970-01-01T00:00:00Z"},
	      {"int64_to_timestamp", {I(INT64_MAX)}, RANGE});
}

static void every_prefix_of_a_timestamp_is_refused(void **state) {
	static const char whole[] = "2009-02-13T23:31:30.5+01:30";
	for (size_t len = 0; len < sizeof whole - 1; len++) {
		char *exact = malloc(len + 1); /* so that a sanitizer sees a read past the end */
		memcpy(exact, whole, len);
		assert_int_equal(cel_timestamp_parse(slice_of(exact, len)).kind, CEL_ERROR);
		assert_int_equal(cel_duration_parse(slice_of(exact, len)).kind, CEL_ERROR);
		free(exact);
	}
}

static void durations_parse(void **state) {
	CHECK({"string_to_duration", {S("1h30m")}, "5400s"},
	      {"string_to_duration", {S("-1.5s")}, "-1.5s"},
	      {"string_to_duration", {S("1h45m47s")}, "6347s"},
	      {"string_to_duration", {S("0")}, "0s"},
	      {"string_to_duration", {S(".5ms")}, "0.0005s"},
	      {"string_to_duration", {S("1.h")}, "3600s"},
	      {"string_to_duration", {S("+2us3ns")}, "0.000002003s"},
	      {"string_to_duration", {S("1\xc2\xb5s")}, "0.000001s"},
	      {"string_to_duration", {S("1\xce\xbcs")}, "0.000001s"},
	      {"string_to_duration", {S("9223372036854775807ns")}, "9223372036.854775807s"},
	      {"string_to_duration", {S("-9223372036854775808ns")}, "-9223372036.854775808s"},
	      {"string_to_duration", {S("9223372036854775808ns")}, RANGE},
	      {"string_to_duration", {S("320000000000s")}, RANGE},
	      {"string_to_duration", {S("-320000000000s")}, RANGE},
	      {"string_to_duration", {S("99999999999999999999999h")}, RANGE},
	      {"string_to_duration", {S("2562047h2562047h")}, RANGE},
	      {"string_to_duration", {S("")}, CONVERT}, {"string_to_duration", {S("-")}, CONVERT},
	      {"string_to_duration", {S("1")}, CONVERT}, {"string_to_duration", {S("h")}, CONVERT},
	      {"string_to_duration", {S(".s")}, CONVERT},
	      {"string_to_duration", {S("1d")}, CONVERT},
	      {"string_to_duration", {S("1s ")}, CONVERT},
	      {"string_to_duration", {S("1s-2s")}, CONVERT});
}

static void dates_go_there_and_back(void **state) {
	int64_t expected = cel_date_days(1, 1, 1);
	for (int64_t days = expected; days <= cel_date_days(9999, 12, 31); days += 17) {
		struct cel_date d;
		cel_date_of(days * 86400 + 86399, &d);
		assert_int_equal(cel_date_days(d.year, d.month, d.day), days);
		assert_int_equal(d.hour * 3600 + d.minute * 60 + d.second, 86399);
		assert_int_equal(d.weekday, ((days + 4) % 7 + 7) % 7);
	}
	struct cel_date d;
	cel_date_of(1234567890, &d); /* a Friday */
	assert_int_equal(d.weekday, 5);
	assert_int_equal(d.year_day, 43);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(to_int),
		cmocka_unit_test(to_uint),
		cmocka_unit_test(to_double),
		cmocka_unit_test(to_bool_bytes_and_string),
		cmocka_unit_test(doubles_print_shortest),
		cmocka_unit_test(doubles_read_back),
		cmocka_unit_test(timestamps_parse_strictly),
		cmocka_unit_test(every_prefix_of_a_timestamp_is_refused),
		cmocka_unit_test(durations_parse),
		cmocka_unit_test(dates_go_there_and_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
