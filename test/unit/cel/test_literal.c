/* Literals, and where tokens begin and end. */
#include "source.h"

struct row {
	const char *source, *tree;
};

static void each(const struct row *rows, size_t count) {
	for (size_t i = 0; i < count; i++)
		assert_string_equal(parsed(rows[i].source), rows[i].tree);
}
#define EACH(rows) each(rows, sizeof rows / sizeof *rows)

static void numbers(void **state) {
	static const struct row rows[] = {
		{"0", "0"},
		{"9223372036854775807", "9223372036854775807"},
		{"-9223372036854775808", "-9223372036854775808"},
		{"9223372036854775808", "1:1: invalid int literal"},
		{"-9223372036854775809", "1:1: invalid int literal"},
		{"18446744073709551615u", "18446744073709551615u"},
		{"18446744073709551616U", "1:1: invalid uint literal"},
		{"0xfFu", "255u"},
		{"-0x8000000000000000", "-9223372036854775808"},
		{"0x8000000000000000", "1:1: invalid int literal"},
		{"0x10000000000000000u", "1:1: invalid uint literal"},
		{"1.5e3", "1500"},
		{".5", "0.5"},
		{"1e-7", "1e-07"},
		{"1E+2", "100"},
		{"-0.0", "-0"},
		{"1e999", "1:1: invalid double literal"},
		{"1e-999", "0"},
		{"1.f", "1.f"},
		{"0x", "1:2: found 'x' where an operator or the end is expected"},
		{"1e", "1:2: found 'e' where an operator or the end is expected"},
		{"1.2.3", "1:4: found '.3' where an operator or the end is expected"},
		{"-1u", "-_(1u)"},
		{"007", "7"},
	};
	EACH(rows);
}

static void texts(void **state) {
	static const struct row rows[] = {
		{"'a\"b'", "\"a\\\"b\""},
		{"\"it's\"", "\"it's\""},
		{"''", "\"\""},
		{"''''''", "\"\""},
		{"'''a'b''c'''", "\"a'b''c\""},
		{"\"\"\"a\nb\"\"\"", "\"a\\nb\""},
		{"'''a\r\nb\rc'''", "\"a\\nb\\nc\""},
		{"r'\\n'", "\"\\\\n\""},
		{"R\"\"\"a\\\"\"\"", "\"a\\\\\""},
		{"r'\\'", "\"\\\\\""},
		{"'\\a\\b\\f\\n\\r\\t\\v\\\\\\'\\\"\\?\\`'",
	         "\"\\a\\b\\f\\n\\r\\t\\v\\\\'\\\"?`\""},
		{"'\\101\\x41\\X41\\u0041\\U00000041'", "\"AAAAA\""},
		{"'\\303\\xff'", "\"Ãÿ\""},
		{"'\\u00e9\\U0001F600'", "\"é😀\""},
		{"'\\U0010ffff' == 'é'", "_==_(\"\xf4\x8f\xbf\xbf\",\"é\")"},
	};
	EACH(rows);
}

static void bytes(void **state) {
	static const struct row rows[] = {
		{"b'\\303\\xff'", "b\"\\xc3\\xff\""},
		{"B'é'", "b\"\\xc3\\xa9\""},
		{"br'\\n'", "b\"\\\\n\""},
		{"bR'''a'''", "b\"a\""},
		{"b'\\u00e9'", "1:1: bytes have no unicode escapes"},
		{"rb'a'", "1:3: found ''a'' where an operator or the end is expected"},
		{"b", "b"},
		{"br", "br"},
	};
	EACH(rows);
}

static void escapes_that_are_none(void **state) {
	static const struct row rows[] = {
		{"'\\q'", "1:1: the text has an escape that does not exist"},
		{"'\\>'", "1:1: the text has an escape that does not exist"},
		{"'\\8'", "1:1: the text has an escape that does not exist"},
		{"'\\400'", "1:1: the text has an escape that does not exist"},
		{"'\\18'", "1:1: the text has an escape with too few digits"},
		{"'\\xf'", "1:1: the text has an escape with too few digits"},
		{"'\\u00g0'", "1:1: the text has an escape with too few digits"},
		{"'\\U0000004'", "1:1: the text has an escape with too few digits"},
		{"'\\ud800'", "1:1: invalid unicode code point"},
		{"'\\udfff'", "1:1: invalid unicode code point"},
		{"'\\U00110000'", "1:1: invalid unicode code point"},
		{"a + '\\\n'", "1:5: the text has an escape that does not exist"},
	};
	EACH(rows);
}

static void a_nul_in_a_text_is_a_character(void **state) {
	struct arena arena;
	const struct cel_expr *e;
	arena_init(&arena, 1 << 16);
	assert_int_equal(cel_parse(&arena, SLICE_LIT("'a\0b\\000'"), CEL_MACROS_ALL, NULL, &e),
	                 ERR_OK);
	assert_int_equal(e->constant.kind, CEL_STRING);
	assert_true(slice_eq(cel_slice(&e->constant), SLICE_LIT("a\0b\0")));
	arena_done(&arena);
}

static void names(void **state) {
	assert_true(cel_lex_is_name(SLICE_LIT("_a9")));
	assert_true(cel_lex_is_name(SLICE_LIT("Z")));
	assert_false(cel_lex_is_name(SLICE_LIT("")));
	assert_false(cel_lex_is_name(SLICE_LIT("9a")));
	assert_false(cel_lex_is_name(SLICE_LIT("a-b")));
	assert_false(cel_lex_is_name(SLICE_LIT("é")));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers),
		cmocka_unit_test(texts),
		cmocka_unit_test(bytes),
		cmocka_unit_test(escapes_that_are_none),
		cmocka_unit_test(a_nul_in_a_text_is_a_character),
		cmocka_unit_test(names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
