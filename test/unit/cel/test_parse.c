/* The grammar: precedence, literals, mistakes with their places, limits, hostile input. What the
 * official suite has is in test_suite.c. */
#include <stdio.h>
#include <stdlib.h>

#include "source.h"

struct row {
	const char *source, *tree;
};

static void each(const struct row *rows, size_t count) {
	for (size_t i = 0; i < count; i++)
		assert_string_equal(parsed(rows[i].source), rows[i].tree);
}
#define EACH(rows) each(rows, sizeof rows / sizeof *rows)

static void operators_bind_as_the_grammar_says(void **state) {
	static const struct row rows[] = {
		{"a + b * c - d", "_-_(_+_(a,_*_(b,c)),d)"},
		{"(a + b) * c", "_*_(_+_(a,b),c)"},
		{"a == b < c", "_<_(_==_(a,b),c)"},
		{"a in b in c", "@in(@in(a,b),c)"},
		{"!a.b", "!_(a.b)"},
		{"!!a", "a"},
		{"!!!a", "!_(a)"},
		{"-a", "-_(a)"},
		{"--a", "a"},
		{"- 1", "-1"},
		{"-1.5", "-1.5"},
		{"--1", "1"},
		{"---1", "-_(1)"},
		{"4--4", "_-_(4,-4)"},
		{"a - -b", "_-_(a,-_(b))"},
		{"-(1)", "-_(1)"},
		{"!-1", "!_(-1)"},
		{"a ? b : c ? d : e", "_?_:_(a,b,_?_:_(c,d,e))"},
		{"a || b && c ? d : e", "_?_:_(_||_(a,_&&_(b,c)),d,e)"},
		{"a ? b : c ? d ? e : f : g", "1:15: found '?' where ':' is expected"},
	};
	EACH(rows);
}

static void chains_of_logic_are_balanced(void **state) {
	static const struct row rows[] = {
		{"a && b && c", "_&&_(_&&_(a,b),c)"},
		{"a || b || c || d", "_||_(_||_(a,b),_||_(c,d))"},
		{"a && (b && c) && d && e", "_&&_(_&&_(a,_&&_(b,c)),_&&_(d,e))"},
	};
	EACH(rows);
}

static void members_follow_one_another(void **state) {
	static const struct row rows[] = {
		{"a.b.c(d)[e].f", "_[_](a.b.c(d),e).f"},
		{".a.b", ".a.b"},
		{". a", ".a"},
		{".f(a)", ".f(a)"},
		{"a.?b[?c]", "_[?_](_?._(a,\"b\"),c)"},
		{"a.`b-c`.`d.e`", "a.b-c.d.e"},
		{"a.?`b c`", "_?._(a,\"b c\")"},
		{"1.f()", "1.f()"},
		{"'a'.size()", "\"a\".size()"},
		{"a.as", "a.as"},
		{"a.b { c: d }.e", "a.b{c:d}.e"},
		{".a.b{}", ".a.b{}"},
		{"a{`b-c`: 1, ?d: e,}", "a{b-c:1,?d:e}"},
		{"a.in", "1:3: found 'in' where a name is expected"},
		{"a.`b`()", "1:6: found '(' where an operator or the end is expected"},
		{"(a){}", "1:4: found '{' where an operator or the end is expected"},
		{"a.?b{}", "1:5: found '{' where an operator or the end is expected"},
		{"a[b]{}", "1:5: found '{' where an operator or the end is expected"},
	};
	EACH(rows);
}

static void literals_of_many_values(void **state) {
	static const struct row rows[] = {
		{"[]", "[]"},
		{"[,]", "[]"},
		{"[1, ?a, 2,]", "[1,?a,2]"},
		{"{}", "{}"},
		{"{'a': 1, ?b: c,}", "{\"a\":1,?b:c}"},
		{"f()", "f()"},
		{"[1,,2]", "1:4: found ',' where an expression is expected"},
		{"f(1,)", "1:5: found ')' where an expression is expected"},
		{"f(,)", "1:3: found ',' where an expression is expected"},
		{"[1 2]", "1:4: found '2' where ',' or ']' is expected"},
		{"{a}", "1:3: found '}' where ':' is expected"},
		{"f(?a)", "1:3: found '?' where an expression is expected"},
	};
	EACH(rows);
}

static void space_and_comments_are_nothing(void **state) {
	static const struct row rows[] = {
		{"\t a // b\n\f+\r\nc//", "_+_(a,c)"},
		{"a // only", "a"},
		{"// only", "1:8: the expression ends where an expression is expected"},
		{"", "1:1: the expression ends where an expression is expected"},
	};
	EACH(rows);
}

static void mistakes_say_where_and_what(void **state) {
	static const struct row rows[] = {
		{"a +\n  * b", "2:3: found '*' where an expression is expected"},
		{"'é' + $", "1:7: '$': no operator begins with this character"},
		{"é", "1:1: 'é': no operator begins with this character"},
		{"a = b", "1:3: '=': no operator begins with this character"},
		{"'abc", "1:1: ''abc': the text is not closed"},
		{"\"\"\"a\"\"", "1:1: '\"\"\"a\"\"': the text is not closed"},
		{"'a\nb'", "1:1: ''a': the text is not closed"},
		{"'\\", "1:1: ''\\': the text is not closed"},
		{"(a", "1:3: the expression ends where ')' is expected"},
		{"a)", "1:2: found ')' where an operator or the end is expected"},
		{"for", "1:1: reserved identifier: for"},
		{"[1].map(var, 1)", "1:9: reserved identifier: var"},
		{"a.``", "1:3: '``': the quoted name is empty"},
		{"a.`b", "1:3: '`b': a quoted name may have letters, digits and _.-/ only"},
		{"`a`", "1:1: found '`a`' where an expression is expected"},
		{"9223372036854775808", "1:1: invalid int literal"},
	};
	EACH(rows);
	assert_int_equal(parse_code(SLICE_LIT("'\xff'")), ERR_INVALID);
	assert_int_equal(parse_code(SLICE_LIT("a \0 b")), ERR_INVALID);
	assert_int_equal(parse_code(slice_of(NULL, 0)), ERR_INVALID);
}

/* --- limits ------------------------------------------------------------------------------- */

/* `count` times `open`, then `middle`, then `count` times `close`. */
static enum err nested(int count, const char *open, const char *middle, const char *close) {
	struct buf text;
	buf_init(&text, 4 * CEL_SOURCE_MAX);
	enum err e = ERR_OK;
	for (int i = 0; i < count && !e; i++) e = buf_append_str(&text, open);
	if (!e) e = buf_append_str(&text, middle);
	for (int i = 0; i < count && !e; i++) e = buf_append_str(&text, close);
	assert_int_equal(e, ERR_OK);
	e = parse_code(buf_slice(&text));
	buf_done(&text);
	return e;
}

static void what_the_language_asks_for_fits(void **state) {
	assert_int_equal(nested(31, "a || ", "a", ""), ERR_OK);
	assert_int_equal(nested(31, "a + ", "a", ""), ERR_OK);
	assert_int_equal(nested(31, "", "a", " == a"), ERR_OK);
	assert_int_equal(nested(24, "a ? b : ", "c", ""), ERR_OK);
	assert_int_equal(nested(12, "[", "a", "]"), ERR_OK);
	assert_int_equal(nested(12, "(", "a", ")"), ERR_OK);
	assert_int_equal(nested(12, "", "a", "[0]"), ERR_OK);
	assert_int_equal(nested(12, "", "a", ".b"), ERR_OK);
	assert_int_equal(nested(12, "[1].map(x, ", "x", ")"), ERR_OK);
	assert_int_equal(nested(10000, "a && ", "a", ""), ERR_OK);
	assert_int_equal(nested(249, "(", "a", ")"), ERR_OK);
	assert_int_equal(nested(249, "", "a", ".b"), ERR_OK);
}

static void depth_has_a_limit(void **state) {
	static const char *const forms[][3] = {
		{"(", "a", ")"},          {"[", "a", "]"},   {"{1:", "a", "}"},  {"", "a", "[0]"},
		{"", "a", ".b"},          {"", "a", " + a"}, {"", "a", ".f()"},  {"f(", "a", ")"},
		{"a ? a : ", "a", ""},    {"", "a", " < a"}, {"m{a:", "b", "}"}, {"a[", "a", "]"},
		{"[1].map(x,", "1", ")"},
	};
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
		assert_int_equal(nested(251, forms[i][0], forms[i][1], forms[i][2]), ERR_TOO_LARGE);
	assert_string_equal(
		parsed("((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((("
	               "((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((("
	               "((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((("
	               "((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((("),
		"1:251: nested deeper than 250");
}

static void hostile_input_ends_early(void **state) {
	static const char *const pieces[] = {
		"(",           "[",    "{",  "a[", "!",  "-",      "- ",   "a.",  "a?",
		"a?b:",        "a&&",  "f(", "'",  "`",  "b'",     "\\",   "{1:", "[1].map(x,",
		"cel.bind(x,", "a{b:", "//", "0x", "1e", "\"\"\"", "a.b{",
	};
	for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
		int count = CEL_SOURCE_MAX / (int)strlen(pieces[i]);
		assert_int_not_equal(nested(count, pieces[i], "", ""), ERR_OK);
	}
	assert_int_equal(nested(CEL_SOURCE_MAX - 1, "!", "a", ""), ERR_OK);
}

static void size_has_a_limit(void **state) {
	assert_int_equal(nested(CEL_SOURCE_MAX - 1, " ", "a", ""), ERR_OK);
	assert_int_equal(nested(CEL_SOURCE_MAX, " ", "a", ""), ERR_TOO_LARGE);
	assert_int_equal(nested(16000, "a||", "a", ""), ERR_OK);
	assert_int_equal(nested(26000, "a||", "a", ""), ERR_TOO_LARGE); /* nodes */
	assert_int_equal(nested(5000, "[].map(x,x)||", "a", ""), ERR_TOO_LARGE);
}

/* Memory that ends at any point is an error and nothing else. */
static void memory_may_run_out(void **state) {
	static const char source[] =
		"a.b{c: 1}.d == [1, 2].map(x, x + 'é') && m[?'k'].f(b'x', {1: .y})";
	enum err err = ERR_NO_MEMORY;
	for (size_t max = 0; err == ERR_NO_MEMORY; max += 16) {
		struct arena arena;
		const struct cel_expr *e;
		arena_init(&arena, max);
		err = cel_parse(&arena, SLICE_LIT(source), CEL_MACROS_ALL, NULL, &e);
		arena_done(&arena);
	}
	assert_int_equal(err, ERR_OK);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(operators_bind_as_the_grammar_says),
		cmocka_unit_test(chains_of_logic_are_balanced),
		cmocka_unit_test(members_follow_one_another),
		cmocka_unit_test(literals_of_many_values),
		cmocka_unit_test(space_and_comments_are_nothing),
		cmocka_unit_test(mistakes_say_where_and_what),
		cmocka_unit_test(what_the_language_asks_for_fits),
		cmocka_unit_test(depth_has_a_limit),
		cmocka_unit_test(hostile_input_ends_early),
		cmocka_unit_test(size_has_a_limit),
		cmocka_unit_test(memory_may_run_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
