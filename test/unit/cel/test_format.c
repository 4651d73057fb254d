/* string.format: each clause with each kind, and what must be refused. */
#include "table.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cel/cel_format.h"
#include "cel/cel_type.h"

#define BAD "error: invalid argument"
#define F(text, want, ...)                                                                         \
	{ "string_format", {S(text), LIST(__VA_ARGS__)}, want }

static void plain_text_passes(void **state) {
	CHECK({"string_format", {S("no substitution"), EMPTY_LIST}, "\"no substitution\""},
	      {"string_format", {S("%% and also %%"), EMPTY_LIST}, "\"% and also %\""},
	      F("%%%s%%", "\"%text%\"", S("text")), F("%s", "\"a\"", S("a"), S("ignored")),
	      {"string_format", {S(""), EMPTY_LIST}, "\"\""});
}

static void any_value_has_a_text(void **state) {
	struct cel_value ip = {.kind = CEL_IP, .net = &(struct cel_net){{10, 0, 0, 1}, 4, 32}};
	CHECK(F("%s", "\"null\"", NIL), F("%s", "\"true\"", T(true)), F("%s", "\"-5\"", I(-5)),
	      F("%s", "\"5\"", U(5)), F("%s", "\"56.8\"", D(56.8)), F("%s", "\"1000000\"", D(1e6)),
	      F("%s %s %s", "\"NaN Infinity -Infinity\"", D(NAN), D(INFINITY), D(-INFINITY)),
	      F("%s", "\"xyz\"", B("xyz")), F("%s", "\"7200s\"", DUR(7200000000000)),
	      F("%s", "\"2023-02-03T23:31:20Z\"", TIME(1675467080, 0)), F("%s", "\"10.0.0.1\"", ip),
	      F("%s", "\"list\"", cel_type_value(&cel_type_list_dyn)),
	      F("%s", "\"net.IP\"", cel_type_value(&cel_type_ip)),
	      F("%s", "\"[abc, 3.14, null, [9, 8]]\"",
	        LIST(S("abc"), D(3.14), NIL, LIST(I(9), I(8)))),
	      F("%s", "\"{1: value1, 2: value2, true: NaN}\"",
	        MAP({T(true), D(NAN)}, {U(2), S("value2")}, {I(1), S("value1")})),
	      F("%s", "\"{}\"", EMPTY_MAP), F("%s", "\"[]\"", EMPTY_LIST));
}

static void numbers_have_clauses(void **state) {
	CHECK(F("%d %d", "\"64 -1\"", U(64), I(-1)), F("%d", "\"1.5\"", D(1.5)),
	      F("%d", "\"-Infinity\"", D(-INFINITY)), F("%.3f", "\"1.234\"", D(1.2345)),
	      F("%f", "\"2.718280\"", D(2.71828)), F("%.0f", "\"2\"", D(2.5)),
	      F("%.2f", "\"3.00\"", I(3)), F("%e", "\"2.718280e+00\"", D(2.71828)),
	      F("%.6e", "\"1.052033e+03\"", D(1052.032911275)), F("%e", "\"NaN\"", D(NAN)),
	      F("%f", "\"Infinity\"", D(INFINITY)),
	      F("%b %b %b", "\"101 1000000 1\"", I(5), U(64), T(true)), F("%b", "\"-101\"", I(-5)),
	      F("%o", "\"177777\"", U(65535)), F("%x %X", "\"1e 1E\"", I(30), I(30)),
	      F("%x", "\"-8000000000000000\"", I(INT64_MIN)), F("%b", "\"0\"", I(0)),
	      F("%x", "\"48656c6c6f\"", S("Hello")), F("%X", "\"6B00FF\"", B("k\0\xff")));
}

static void what_does_not_fit_is_refused(void **state) {
	CHECK(F("%a", BAD, I(1)), F("%E", BAD, D(1)), F("%", BAD, I(1)), F("%.", BAD, I(1)),
	      F("%.f", BAD, D(1)), F("%.3", BAD, D(1)), F("%.101f", BAD, D(1)),
	      F("%.99999999999999999999f", BAD, D(1)), F("%.3%", BAD, D(1)),
	      F("%\xc3\xa9", BAD, I(1)), F("%d %d", "error: index out of bounds", I(0)),
	      F("%b", BAD, S("abc")), F("%d", BAD, DUR(1)), F("%o", BAD, S("a")),
	      F("%x", BAD, D(0.5)), F("%d", BAD, NIL), F("%e", BAD, NIL), F("%f", BAD, NIL),
	      F("%x", BAD, NIL), F("%b", BAD, NIL), F("%o", BAD, NIL), F("%s", BAD, NONE),
	      F("%s", BAD, LIST(I(1), NONE)), F("%s", BAD, MAP({I(1), NONE})),
	      F("%s", "error: the text does not convert", B("\xff")), F("%d", BAD, T(true)));
}

static bool find_nothing(const struct cel_map *m, const struct cel_value *key,
                         struct cel_value *out) {
	return false;
}

static void maps_without_entries_cannot_be_written(void **state) {
	struct cel_map lookup = {3, NULL, find_nothing};
	struct cel_value map = {.kind = CEL_MAP, .map = &lookup};
	CHECK(F("%s", BAD, map));
}

/* Depth and sharing: neither the stack nor the time may run out. */
static void deep_and_shared_values_end(void **state) {
	enum { DEEP = 5000 };
	static struct cel_value items[DEEP], pairs[64][2];
	static struct cel_list lists[DEEP], shared[64];
	for (int i = 0; i < DEEP; i++) {
		items[i] = i ? (struct cel_value){.kind = CEL_LIST, .list = &lists[i - 1]} : I(1);
		lists[i] = (struct cel_list){1, &items[i]};
	}
	for (int i = 0; i < 64; i++) {
		pairs[i][0] = pairs[i][1] =
			i ? (struct cel_value){.kind = CEL_LIST, .list = &shared[i - 1]} : I(1);
		shared[i] = (struct cel_list){2, pairs[i]};
	}
	struct cel_value deep[] = {S("%s"), {.kind = CEL_LIST, .list = &lists[DEEP - 1]}};
	struct cel_value out = call("string_format", deep);
	assert_string_equal(shown(&out), BAD);
	struct cel_value wide[] = {S("%s"), {.kind = CEL_LIST, .list = &shared[40]}};
	out = call("string_format", wide);
	assert_int_equal(out.kind, CEL_ERROR);
}

static void maps_are_written_sorted(void **state) {
	static struct cel_entry entries[100];
	static char names[100][4], want[2000];
	size_t len = (size_t)snprintf(want, sizeof want, "\"{");
	for (int i = 0; i < 100; i++) {
		int name = i * 37 % 100;
		snprintf(names[i], 4, "%02d", name);
		entries[i] = (struct cel_entry){{.kind = CEL_STRING, .extra = 2, .s = names[i]},
		                                I(name)};
		len += (size_t)snprintf(want + len, sizeof want - len, "%s%02d: %d", i ? ", " : "",
		                        i, i);
	}
	snprintf(want + len, sizeof want - len, "}\"");
	struct cel_map m = {100, entries, NULL};
	struct cel_value args[] = {S("%s"), LIST({.kind = CEL_MAP, .map = &m})};
	struct cel_value out = call("string_format", args);
	assert_string_equal(shown(&out), want);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_text_passes),
		cmocka_unit_test(any_value_has_a_text),
		cmocka_unit_test(numbers_have_clauses),
		cmocka_unit_test(what_does_not_fit_is_refused),
		cmocka_unit_test(maps_without_entries_cannot_be_written),
		cmocka_unit_test(deep_and_shared_values_end),
		cmocka_unit_test(maps_are_written_sorted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
