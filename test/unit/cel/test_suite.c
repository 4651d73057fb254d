/* The suites of cel-spec that look at trees and types: what cel-go's parser and checker make of
 * an expression, as text, and where they find mistakes. Tests that name protobuf messages are
 * left out. Exit status 77 where the suites are not there (tools/cel_spec.sh brings them). */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "cel/cel_check.h"
#include "cel/cel_parse.h"
#include "tree_text.h"

enum { ARENA_MAX = 64 << 20, TEXT_MAX = 16 << 20 };

/* How many of each must hold: all of those without messages. */
static const struct suite {
	const char *name;
	int floor;
} suites[] = {{"parsing", 191}, {"checking", 91}, {"comprehension", 92}};

struct trial {
	json_t *test;
	struct slice source;
	struct arena arena;
	struct cel_env *env;
	struct cel_issues issues;
	const struct cel_expr *tree;
	const struct cel_type *type;
};

static const char *stated(const struct trial *t, const char *key) {
	return json_string_value(json_object_get(t->test, key));
}

static void must(enum err e) {
	if (e) abort();
}

/* --- declarations ------------------------------------------------------------------------- */

/* cel-go's own test declares these everywhere, and the suite does not say so. */
static void declare_usual(struct cel_env *env) {
	static const char *const variables[][2] = {
		{"is", "string"}, {"ii", "int"},  {"iu", "uint"},  {"iz", "bool"},
		{"id", "double"}, {"ix", "null"}, {"ib", "bytes"},
	};
	static const struct cel_overload overloads[] = {
		{.id = "fg_s_0", .function = "fg_s", .signature = "() -> string"},
		{.id = "fi_s_s_0", .function = "fi_s_s", .signature = "string.() -> string"},
	};
	static const struct cel_library library = {"usual", overloads, 2};
	for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
		must(cel_env_variable_text(env, variables[i][0], variables[i][1], NULL));
	must(cel_env_library(env, &library));
}

static void declare_overloads(struct trial *t, const char *function, const json_t *overloads) {
	size_t i;
	const json_t *overload;
	json_array_foreach(overloads, i, overload) {
		struct cel_overload *o = arena_alloc(&t->arena, sizeof *o);
		if (!o) abort();
		o->id = json_string_value(json_object_get(overload, "id"));
		o->function = function;
		o->signature = json_string_value(json_object_get(overload, "signature"));
		struct cel_library library = {"test", o, 1};
		must(cel_env_library(t->env, &library));
	}
}

static void declare(struct trial *t) {
	size_t i;
	const json_t *declaration;
	const char *container = stated(t, "container");
	if (container) must(cel_env_container(t->env, slice_str(container)));
	if (strcmp(stated(t, "suite"), "checking") == 0) declare_usual(t->env);
	json_array_foreach(json_object_get(t->test, "typeEnv"), i, declaration) {
		const char *name = json_string_value(json_object_get(declaration, "name"));
		const char *type = json_string_value(json_object_get(declaration, "type"));
		if (type)
			must(cel_env_variable_text(t->env, name, type, NULL));
		else
			declare_overloads(t, name, json_object_get(declaration, "overloads"));
	}
}

/* --- what is stated ----------------------------------------------------------------------- */

static bool tell(const struct trial *t, const char *what, const char *wanted, const char *got) {
	printf("%s: %s\n  wanted %s: %s\n  got %s\n", stated(t, "suite"), stated(t, "expr"), what,
	       wanted, got);
	return false;
}

static bool text_is(const struct trial *t, const char *key, enum tree_adorn adorn) {
	const char *wanted = stated(t, key), *got;
	struct buf text;
	buf_init(&text, TEXT_MAX);
	must(tree_text(t->tree, adorn, &text));
	must(buf_cstr(&text, &got));
	bool same = strcmp(wanted, got) == 0 || tell(t, key, wanted, got);
	buf_done(&text);
	return same;
}

static bool type_is(const struct trial *t) {
	const char *wanted = stated(t, "type"), *got;
	struct buf text;
	buf_init(&text, TEXT_MAX);
	must(cel_type_print(t->type, &text));
	must(buf_cstr(&text, &got));
	bool same = strcmp(wanted, got) == 0 || tell(t, "type", wanted, got);
	buf_done(&text);
	return same;
}

/* "ERROR: <input>:1:5: …": the place of the next one; NULL: there is none. */
static const char *next_place(const char *error, unsigned *line, unsigned *column) {
	const char *at = strstr(error, "ERROR: ");
	if (!at) return NULL;
	at = strchr(at + strlen("ERROR: "), ':');
	return at && sscanf(at, ":%u:%u:", line, column) == 2 ? at : NULL;
}

/* All mistakes are found where cel-go finds them; of grammar the first only, since we stop there
 * and it goes on. */
static bool mistakes_are(const struct trial *t, bool first_only) {
	unsigned line, column;
	const char *error = stated(t, "error"), *at = error;
	int i = 0;
	char got[64] = "none";
	while ((at = next_place(at, &line, &column))) {
		const struct cel_issue *issue = &t->issues.items[i];
		bool same = i < t->issues.count && issue->line == line && issue->column == column;
		if (!same) {
			if (i < t->issues.count)
				snprintf(got, sizeof got, "%u:%u", issue->line, issue->column);
			return tell(t, "mistakes", error, got);
		}
		i++;
		if (first_only) return true;
	}
	return i == t->issues.count || tell(t, "fewer mistakes", error, t->issues.items[i].text);
}

/* What those parsers or checkers refused, and ours does not: optional syntax and quoted names,
 * which were switched off there; nesting beyond 32, the limit there; comparing 1 with 1.0; existsOne,
 * which that checker did not know. */
static bool is_wider(const struct trial *t) {
	static const char *const refusals[] = {
		"unsupported syntax",
		"recursion",
		"lookahead limit",
		"applied to '(int, double)'\n | 1 <",
		"applied to '(int, double)'\n | 1 >",
		"reference to 'existsOne'",
	};
	const char *error = stated(t, "error");
	for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
		if (strstr(error, refusals[i])) return true;
	return false;
}

/* Where we are wider: whatever mistakes are left are where cel-go finds some. */
static bool mistakes_are_among(const struct trial *t) {
	for (int i = 0; i < t->issues.count; i++) {
		unsigned line = 0, column = 0;
		const struct cel_issue *issue = &t->issues.items[i];
		const char *error = stated(t, "error"), *at = error;
		while ((at = next_place(at, &line, &column)))
			if (line == issue->line && column == issue->column) break;
		if (!at) return tell(t, "mistakes among", error, issue->text);
	}
	return true;
}

/* --- one test ----------------------------------------------------------------------------- */

static bool try_parsed(struct trial *t) {
	const char *error = stated(t, "error");
	enum err e = cel_parse(&t->arena, t->source, CEL_MACROS_STANDARD, &t->issues, &t->tree);
	if (stated(t, "ast"))
		return e ? tell(t, "tree", stated(t, "ast"), t->issues.items[0].text)
		         : text_is(t, "ast", TREE_KINDS);
	if (is_wider(t)) return mistakes_are_among(t);
	return e ? mistakes_are(t, true) : tell(t, "mistake", error, "none");
}

static bool try_checked(struct trial *t) {
	/* That checker's parser knew cel.bind, which the one that made the tree did not; and it knew
	 * no sort. */
	const char *expr = stated(t, "expr");
	bool other = strstr(expr, "cel.bind(") || strstr(expr, ".sort()");
	if (!t->tree || !stated(t, "ast") || other) return true;
	enum err e = cel_check(t->env, &t->arena, t->source, NULL, &t->issues, t->tree, &t->type);
	if (!stated(t, "checkedAst"))
		return is_wider(t) ? mistakes_are_among(t) : mistakes_are(t, false);
	if (e) return tell(t, "checked tree", stated(t, "checkedAst"), t->issues.items[0].text);
	return text_is(t, "checkedAst", TREE_TYPES) && type_is(t);
}

static bool try_test(json_t *test) {
	const json_t *expr = json_object_get(test, "expr");
	struct trial t = {
		.test = test,
		.source = slice_of(json_string_value(expr), json_string_length(expr)),
		.env = cel_env_new(),
	};
	if (!t.env) abort();
	arena_init(&t.arena, ARENA_MAX);
	declare(&t);
	bool good = try_parsed(&t) && try_checked(&t);
	cel_env_free(t.env);
	arena_done(&t.arena);
	return good;
}

/* The number that hold; -1: the file is not there. */
static int run(const char *name) {
	char path[512], *line = NULL;
	size_t cap = 0;
	int good = 0;
	snprintf(path, sizeof path, "%s/%s.jsonl", CEL_SPEC, name);
	FILE *file = fopen(path, "r");
	if (!file) return -1;
	for (ssize_t len; (len = getline(&line, &cap, file)) > 0;) {
		json_t *test = json_loadb(line, (size_t)len, JSON_ALLOW_NUL, NULL);
		if (!test) abort();
		bool ours = json_is_false(json_object_get(test, "messages"));
		if (ours && try_test(test)) good++;
		json_decref(test);
	}
	free(line);
	fclose(file);
	return good;
}

int main(void) {
	bool met = true;
	for (size_t i = 0; i < sizeof suites / sizeof *suites; i++) {
		int good = run(suites[i].name);
		if (good < 0) return 77;
		printf("%-14s %3d of %d\n", suites[i].name, good, suites[i].floor);
		met = met && good >= suites[i].floor;
	}
	return met ? 0 : 1;
}
