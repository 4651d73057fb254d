/* Types and signatures as text, compared, copied. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "cel/cel_signature.h"

static struct arena arena;

static int set_up(void **state) {
	arena_init(&arena, 1 << 20);
	return 0;
}
static int tear_down(void **state) {
	arena_done(&arena);
	return 0;
}

static const struct cel_type *type_of(const char *text) {
	const struct cel_type *t;
	assert_int_equal(cel_type_parse(&arena, slice_str(text), &t), ERR_OK);
	return t;
}

static const char *printed(const struct cel_type *t) {
	static char text[256];
	struct buf b;
	buf_init(&b, sizeof text);
	assert_int_equal(cel_type_print(t, &b), ERR_OK);
	snprintf(text, sizeof text, SLICE_FMT, SLICE_ARG(buf_slice(&b)));
	buf_done(&b);
	return text;
}

static void text_goes_there_and_back(void **state) {
	static const char *const same[] = {
		"dyn",
		"null",
		"bool",
		"int",
		"uint",
		"double",
		"string",
		"bytes",
		"timestamp",
		"duration",
		"type",
		"type(int)",
		"type(type(list(int)))",
		"list(dyn)",
		"map(string, list(int))",
		"optional_type(string)",
		"net.IP",
		"net.CIDR",
		"wrapper(int)",
		"T",
		"list(A)",
		"my.Thing",
		"tuple(A, B, C)",
		"set(int)",
	};
	for (size_t i = 0; i < sizeof same / sizeof *same; i++)
		assert_string_equal(printed(type_of(same[i])), same[i]);
	assert_string_equal(printed(type_of(" list ( map(string,int) ) ")),
	                    "list(map(string, int))");
	assert_string_equal(printed(type_of("list")), "list(dyn)");
	assert_string_equal(printed(type_of("map")), "map(dyn, dyn)");
	assert_string_equal(printed(type_of("null_type")), "null");
	assert_ptr_equal(type_of("google.protobuf.Timestamp"), &cel_type_timestamp);
	assert_ptr_equal(type_of("list(dyn)"), &cel_type_list_dyn);
	assert_ptr_equal(type_of("optional_type"), &cel_type_optional_dyn);
}

static void what_is_no_type(void **state) {
	static const char *const wrong[] = {
		"",
		" ",
		"strng",
		"list(",
		"list()",
		"list(int",
		"list(int))",
		"list(int, int)",
		"map(int)",
		"int(int)",
		"wrapper",
		"T(int)",
		"a.b(",
		"(int)",
		"int int",
		",",
		"tuple(A, B, C, D)",
		"type(int, int)",
		"list(list(list(list(list(list(list(list(list(list(list(list(list(list(list(list("
		"list("
		"list(int))))))))))))))))))",
	};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		const struct cel_type *t;
		assert_int_equal(cel_type_parse(&arena, slice_str(wrong[i]), &t), ERR_INVALID);
	}
}

static void equal_by_what_they_are(void **state) {
	assert_true(cel_type_eq(type_of("map(string, list(T))"), type_of("map(string, list(T))")));
	assert_false(cel_type_eq(type_of("map(string, list(T))"), type_of("map(string, list(U))")));
	assert_false(cel_type_eq(type_of("a.B"), type_of("a.C")));
	assert_false(cel_type_eq(type_of("type"), type_of("type(int)")));
	assert_true(cel_type_is_optional(type_of("optional_type(int)")));
	assert_false(cel_type_is_optional(type_of("list(int)")));
}

static void copies_stand_alone(void **state) {
	static const char *const texts[] = {"int", "map(string, my.Thing)",
	                                    "optional_type(list(T))", "type(int)"};
	struct arena other;
	arena_init(&other, 1 << 16);
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct arena gone;
		const struct cel_type *t;
		arena_init(&gone, 1 << 16);
		assert_int_equal(cel_type_parse(&gone, slice_str(texts[i]), &t), ERR_OK);
		const struct cel_type *copy = cel_type_copy(&other, t);
		arena_done(&gone);
		assert_string_equal(printed(copy), texts[i]);
	}
	assert_ptr_equal(cel_type_copy(&other, &cel_type_int), &cel_type_int);
	arena_done(&other);
}

static void made_from_parts(void **state) {
	assert_ptr_equal(cel_type_list(&arena, &cel_type_dyn), &cel_type_list_dyn);
	assert_string_equal(printed(cel_type_map(&arena, &cel_type_int, &cel_type_ip)),
	                    "map(int, net.IP)");
	assert_string_equal(printed(cel_type_optional(&arena, &cel_type_int)),
	                    "optional_type(int)");
	assert_string_equal(printed(cel_type_type_of(&arena, &cel_type_type)), "type(type)");
	struct arena none;
	arena_init(&none, 0);
	assert_null(cel_type_list(&none, &cel_type_int));
	assert_null(cel_type_list(&arena, NULL));
	const struct cel_type *t;
	assert_int_equal(cel_type_parse(&none, SLICE_LIT("list(int)"), &t), ERR_NO_MEMORY);
	arena_done(&none);
}

/* "receiver? params -> result" */
static const char *signature(const char *text) {
	static char out[256];
	struct cel_signature s;
	if (cel_signature_parse(&arena, text, &s)) return "invalid";
	int len = snprintf(out, sizeof out, "%s", s.receiver ? "." : "");
	for (int i = 0; i < s.param_count; i++)
		len += snprintf(out + len, sizeof out - (size_t)len, "%s ", printed(s.params[i]));
	snprintf(out + len, sizeof out - (size_t)len, "-> %s", printed(s.result));
	return out;
}

static void signatures_of_all_forms(void **state) {
	assert_string_equal(signature("() -> int"), "-> int");
	assert_string_equal(signature("(int, A) -> bool"), "int A -> bool");
	assert_string_equal(signature("(map(K, V), list(K)) -> map(K, V)"),
	                    "map(K, V) list(K) -> map(K, V)");
	assert_string_equal(signature("string.(string) -> bool"), ".string string -> bool");
	assert_string_equal(signature("map(A, B).() -> int"), ".map(A, B) -> int");
	assert_string_equal(signature("google.protobuf.Timestamp.(string) -> int"),
	                    ".timestamp string -> int");
}

static void what_is_no_signature(void **state) {
	static const char *const wrong[] = {
		"",
		"int",
		"(int)",
		"(int) ->",
		"(int)-> int",
		"(int -> int",
		"(int,) -> int",
		"(,) -> int",
		"(strng) -> int",
		".(int) -> int",
		"string.int -> int",
		"(int, int, int, int, int, int, int, int, int) -> int",
		"(int) -> int)",
	};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_string_equal(signature(wrong[i]), "invalid");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_goes_there_and_back),
		cmocka_unit_test(what_is_no_type),
		cmocka_unit_test(equal_by_what_they_are),
		cmocka_unit_test(copies_stand_alone),
		cmocka_unit_test(made_from_parts),
		cmocka_unit_test(signatures_of_all_forms),
		cmocka_unit_test(what_is_no_signature),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
