/* Types, names, overloads, and what is said of mistakes. What the official suite has is in
 * test_suite.c. */
#include "source.h"

#include <stdio.h>
#include <stdlib.h>

static struct cel_env *env;

static int set_up(void **state) {
	static const char *const variables[][2] = {
		{"request.path", "string"},
		{"request.size", "int"},
		{"request.headers", "map(string, string)"},
		{"tenant", "string"},
		{"x", "int"},
		{"d", "dyn"},
		{"l", "list(int)"},
		{"m", "map(string, int)"},
		{"o", "optional_type(map(string, int))"},
		{"w", "wrapper(int)"},
		{"t", "timestamp"},
		{"any", "T"},
	};
	env = cel_env_new();
	if (!env) return 1;
	for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
		if (cel_env_variable_text(env, variables[i][0], variables[i][1], NULL)) return 1;
	return 0;
}
static int tear_down(void **state) {
	cel_env_free(env);
	return 0;
}

struct row {
	const char *source, *type;
};
static void each(const struct row *rows, size_t count) {
	for (size_t i = 0; i < count; i++)
		assert_string_equal(checked(env, rows[i].source), rows[i].type);
}
#define EACH(rows) each(rows, sizeof rows / sizeof *rows)

static void types_follow_from_parts(void **state) {
	static const struct row rows[] = {
		{"[1, x]", "list(int)"},
		{"[1, 'a']", "list(dyn)"},
		{"[[], [1]]", "list(list(int))"},
		{"[[1], []]", "list(list(int))"},
		{"[1, null]", "list(dyn)"},
		{"[t, null]", "list(timestamp)"},
		{"[w, 1]", "list(wrapper(int))"},
		{"{}", "map(dyn, dyn)"},
		{"{'a': 1, 'b': 2u}", "map(string, dyn)"},
		{"[?o.a, 1]", "list(int)"},
		{"{'a': 1, ?'b': o.a}", "map(string, int)"},
		{"x > 1 ? 'a' : 'b'", "string"},
		{"x > 1 ? [] : [1]", "list(int)"},
		{"x > 1 ? d : 1", "dyn"},
		{"l[0] + x", "int"},
		{"m.a + m['b']", "int"},
		{"d.a.b[0]", "dyn"},
		{"d + 1", "int"},
		{"w + 1", "int"},
		{"w == null", "bool"},
		{"t == null", "bool"},
		{"o.a", "optional_type(int)"},
		{"m.?a", "optional_type(int)"},
		{"m[?'a'].orValue(1)", "int"},
		{"has(m.a) && has(o.a)", "bool"},
		{"type(x)", "type(int)"},
		{"type(x) == int", "bool"},
		{"any.a", "dyn"},
		{"[].map(y, y + 1)", "list(int)"},
		{"l.map(y, [y])", "list(list(int))"},
		{"m.map(k, k)", "list(string)"},
		{"m.transformMap(k, v, v > 0)", "map(string, bool)"},
		{"l.transformList(i, v, i + v)", "list(int)"},
		{"l.filter(y, y > 0).exists(y, y == 3)", "bool"},
		{"cel.bind(y, [x], y + y)", "list(int)"},
		{"o.optMap(y, y.size())", "optional_type(int)"},
		{"o.optFlatMap(y, y.?a)", "optional_type(int)"},
		{"math.greatest(x, 2)", "int"},
		{"l.sortBy(y, -y)", "list(int)"},
		{"request.headers['a'].size() + request.size", "int"},
	};
	EACH(rows);
}

static void names_shadow_and_are_rooted(void **state) {
	assert_string_equal(settled(env, "request.path"), "request.path~string^request.path");
	assert_string_equal(checked(env, "[['a']].map(request, request[0])"), "list(string)");
	assert_string_equal(checked(env, "[{'path': 1}].map(request, request.path)"), "list(int)");
	assert_string_equal(checked(env, "[{'path': 1}].map(request, .request.path)"),
	                    "list(string)");
	assert_string_equal(checked(env, "['a'].map(x, .x)"), "list(int)");
	assert_int_equal(cel_env_variable_text(env, "a.b.tenant", "int", NULL), ERR_OK);
	assert_int_equal(cel_env_container(env, SLICE_LIT("a.b")), ERR_OK);
	assert_string_equal(settled(env, "tenant"), "a.b.tenant~int^a.b.tenant");
	assert_string_equal(settled(env, ".tenant"), "tenant~string^tenant");
}

static void the_longest_name_wins(void **state) {
	assert_int_equal(cel_env_variable_text(env, "m.a.b", "string", NULL), ERR_OK);
	assert_string_equal(checked(env, "m.a.b"), "string");
	assert_string_equal(checked(env, "m.a"), "int");
	assert_string_equal(checked(env, "m.a.b.size()"), "int");
	assert_string_equal(checked(env, "has(m.a)"), "bool");
}

static void overloads_are_settled(void **state) {
	assert_string_equal(settled(env, "x + 1"), "_+_(x~int^x,1~int)~int^add_int64");
	assert_string_equal(settled(env, "size(d)"),
	                    "size(d~dyn^d)~int^size_bytes|size_list|size_map|size_string");
	assert_string_equal(settled(env, "base64.encode(b'a')"),
	                    "base64.encode(b\"a\"~bytes)~string^base64_encode_bytes");
	assert_string_equal(settled(env, "m.?a"), "_?._(m~map(string, int)^m,\"a\"~string)"
	                                          "~optional_type(int)^select_optional_field");
}

static void mistakes_are_told_all_at_once(void **state) {
	static const struct row rows[] = {
		{"x + 'a' && tennant == 1",
	         "1:3: found no matching overload for '_+_' applied to '(int, string)'; "
	         "1:12: undeclared reference to 'tennant' (did you mean 'tenant'?)"},
		{"requst.path == ''",
	         "1:1: undeclared reference to 'requst' (did you mean 'request.path'?)"},
		{"request.pth == ''",
	         "1:1: undeclared reference to 'request' (did you mean 'request.path'?)"},
		{"nothing.like.it", "1:1: undeclared reference to 'nothing'"},
		{"l.map(element, elment)",
	         "1:16: undeclared reference to 'elment' (did you mean 'element'?)"},
		{"tenant.startWith('a')",
	         "1:17: undeclared reference to 'startWith' (did you mean 'startsWith'?)"},
		{"math.cel(1.5)",
	         "1:9: undeclared reference to 'math.cel' (did you mean 'math.ceil'?)"},
		{"f()", "1:2: undeclared reference to 'f'"},
		{"x.y", "1:2: type 'int' does not support field selection"},
		{"1 && x", "1:1: expected type 'bool' but found 'int'; "
	                   "1:6: expected type 'bool' but found 'int'"},
		{"x ? 1 : 2", "1:3: found no matching overload for '_?_:_' applied to "
	                      "'(int, int, int)'"},
		{"'a'.startsWith(1)",
	         "1:15: found no matching overload for 'startsWith' applied to "
	         "'string.(int)'"},
		{"size()", "1:5: found no matching overload for 'size' applied to '()'"},
		{"[?1]", "1:3: expected type 'optional_type(int)' but found 'int'"},
		{"x.all(y, y)", "1:1: expression of type 'int' cannot be range of a comprehension "
	                        "(must be list, map, or dynamic)"},
		{"l.all(y, y)", "1:10: expected type 'bool' but found 'int'"},
		{"Msg{a: 1}", "1:4: undeclared reference to 'Msg'"},
		{"int{}", "1:4: 'int' is not a message type"},
		{"x{}", "1:2: 'int' is not a type"},
		{"f(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, y)",
	         "1:2: undeclared reference to 'f'; 1:34: undeclared reference to 'y'"},
		{"a\n  || b", "1:1: undeclared reference to 'a'; 2:6: undeclared reference to 'b'"},
	};
	EACH(rows);
	assert_int_equal(cel_env_container(env, SLICE_LIT("my.app")), ERR_OK);
	assert_string_equal(checked(env, "tennant"), "1:1: undeclared reference to 'tennant' in "
	                                             "container my.app (did you mean 'tenant'?)");
}

static enum err expected(const char *source, const struct cel_type *type) {
	struct arena arena;
	const struct cel_expr *e;
	const struct cel_type *found;
	arena_init(&arena, 1 << 20);
	assert_int_equal(cel_parse(&arena, slice_str(source), CEL_MACROS_ALL, NULL, &e), ERR_OK);
	enum err err = cel_check(env, &arena, slice_str(source), type, NULL, e, &found);
	arena_done(&arena);
	return err;
}

static void the_result_must_be_what_is_expected(void **state) {
	assert_int_equal(expected("x == 1", &cel_type_bool), ERR_OK);
	assert_int_equal(expected("d", &cel_type_bool), ERR_OK);
	assert_int_equal(expected("x", &cel_type_bool), ERR_INVALID);
	assert_int_equal(expected("[]", &cel_type_list_dyn), ERR_OK);
}

/* Types that share their parts: as trees they would be 2^60 large. */
static void types_cannot_explode(void **state) {
	char source[8192];
	size_t len = 0;
	for (int i = 0; i < 60; i++)
		len += (size_t)snprintf(source + len, sizeof source - len,
		                        "cel.bind(v%d, {v%d: v%d}, ", i + 1, i, i);
	len += (size_t)snprintf(source + len, sizeof source - len, "v60 == v59");
	memset(source + len, ')', 60);
	source[len + 60] = '\0';
	char whole[9000];
	snprintf(whole, sizeof whole, "cel.bind(v0, 1, %s)", source);
	assert_int_equal(expected(whole, NULL), ERR_TOO_LARGE);
}

static void memory_may_run_out(void **state) {
	static const char source[] =
		"[1].map(x, {x: [x]}) == [d] && o.?a.orValue(1) == l[0] && math.abs(x) > 0";
	enum err err = ERR_NO_MEMORY;
	for (size_t max = 0; err == ERR_NO_MEMORY; max += 16) {
		struct arena arena;
		const struct cel_expr *e;
		const struct cel_type *type;
		arena_init(&arena, 1 << 16);
		assert_int_equal(cel_parse(&arena, SLICE_LIT(source), CEL_MACROS_ALL, NULL, &e),
		                 ERR_OK);
		arena.max_bytes = arena.used_bytes + max;
		err = cel_check(env, &arena, SLICE_LIT(source), NULL, NULL, e, &type);
		arena_done(&arena);
	}
	assert_int_equal(err, ERR_OK);
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(types_follow_from_parts),       TEST(names_shadow_and_are_rooted),
		TEST(the_longest_name_wins),         TEST(overloads_are_settled),
		TEST(mistakes_are_told_all_at_once), TEST(the_result_must_be_what_is_expected),
		TEST(types_cannot_explode),          TEST(memory_may_run_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
