/* The conformance suites of cel-spec, all tests that name no protobuf message: what an
 * expression gives, whether it is refused or fails, and its type as the checker has it.
 *
 * usage: test-conformance-cel CONFORMANCE.JSONL
 *
 * Prints a line a suite and each test that fails; exit status 77 where the file is not there. */
#include <stdio.h>
#include <stdlib.h>

#include "spec_value.h"
#include "spec_zones.h"

enum { TEXT_BYTES = 1 << 16, ARENA_BYTES = 1 << 24, SKIPPED = 77 };

/* Every test passes: fewer, or fewer than there were, is a failure. */
static struct suite {
	const char *name;
	int expected;
	int passed;
} suites[] = {
	{"basic", 43, 0},           {"bindings_ext", 5, 0},  {"block_ext", 25, 0},
	{"comparisons", 334, 0},    {"conversions", 109, 0}, {"encoders_ext", 4, 0},
	{"fields", 60, 0},          {"fp_math", 30, 0},      {"integer_math", 64, 0},
	{"lists", 39, 0},           {"logic", 30, 0},        {"macros", 44, 0},
	{"macros2", 46, 0},         {"math_ext", 199, 0},    {"namespace", 3, 0},
	{"optionals", 59, 0},       {"parse", 193, 0},       {"plumbing", 5, 0},
	{"string", 51, 0},          {"string_ext", 205, 0},  {"timestamps", 71, 0},
	{"type_deductions", 26, 0},
};
enum { SUITES = sizeof suites / sizeof *suites };

/* One test, while it runs. */
struct trial {
	const json_t *json;
	struct arena arena;
	struct cel_env *env;
	struct cel_program *program;
	struct cel_issues issues;
	struct cel_value slots[CEL_SLOTS_MAX];
	struct buf got;
};

static const char *field(const struct trial *t, const char *name) {
	const char *text = json_string_value(json_object_get(t->json, name));
	return text ? text : "";
}

/* May have a NUL inside. */
static struct slice source_of(const struct trial *t) {
	const json_t *expr = json_object_get(t->json, "expr");
	return slice_of(json_string_value(expr), json_string_length(expr));
}

static void must(enum err e) {
	if (e) abort();
}

/* --- the environment ------------------------------------------------------------------------ */

static void never_called(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	*out = cel_error(CEL_FAULT_NO_OVERLOAD);
}

static void declare_function(struct trial *t, const char *name, const json_t *rows) {
	size_t count = json_array_size(rows);
	struct cel_overload *overloads = arena_alloc(&t->arena, count * sizeof *overloads);
	struct cel_library *library = arena_alloc(&t->arena, sizeof *library);
	if (!overloads || !library) abort();
	for (size_t i = 0; i < count; i++) {
		const json_t *row = json_array_get(rows, i);
		overloads[i] = (struct cel_overload){
			.id = json_string_value(json_object_get(row, "id")),
			.function = name,
			.signature = json_string_value(json_object_get(row, "signature")),
			.call = never_called,
			.cost = 1};
	}
	*library = (struct cel_library){name, overloads, (int)count};
	must(cel_env_library(t->env, library));
}

static void bind(struct trial *t, const char *name, int slot) {
	const json_t *bound = json_object_get(json_object_get(t->json, "bindings"), name);
	if (bound) t->slots[slot] = spec_value(&t->arena, json_object_get(bound, "value"));
}

static void declare_all(struct trial *t) {
	const json_t *declaration;
	size_t i;
	int slot;
	json_array_foreach(json_object_get(t->json, "typeEnv"), i, declaration) {
		const char *name = json_string_value(json_object_get(declaration, "name"));
		const char *type = json_string_value(json_object_get(declaration, "type"));
		if (type) {
			must(cel_env_variable_text(t->env, name, type, &slot));
			bind(t, name, slot);
		} else {
			declare_function(t, name, json_object_get(declaration, "overloads"));
		}
	}
}

/* What is bound but not declared is of any type. */
static void declare_bound(struct trial *t) {
	const char *name;
	json_t *bound;
	int slot;
	json_object_foreach(json_object_get(t->json, "bindings"), name, bound) {
		enum err e = cel_env_variable_text(t->env, name, "dyn", &slot);
		if (e == ERR_OK)
			bind(t, name, slot);
		else if (e != ERR_EXISTS)
			abort();
	}
}

/* --- one test --------------------------------------------------------------------------------- */

static bool got(struct trial *t, const char *what) {
	must(buf_append_str(&t->got, what));
	return false;
}

static bool check_type(struct trial *t) {
	const json_t *typed =
		json_object_get(json_object_get(t->json, "typedResult"), "deducedType");
	const char *wanted = json_string_value(typed);
	if (!wanted) return true;
	must(cel_type_print(cel_program_type(t->program), &t->got));
	bool same = slice_is(buf_slice(&t->got), wanted);
	if (same) buf_reset(&t->got);
	return same;
}

static const json_t *wanted_value(const struct trial *t) {
	const json_t *typed = json_object_get(t->json, "typedResult");
	return json_object_get(typed ? typed : t->json, typed ? "result" : "value");
}

static bool check_value(struct trial *t) {
	/* The bound is asked to hold: what it allows must be enough. */
	uint64_t bound = cel_program_cost_max(t->program);
	struct cel_frame frame = {t->slots, &t->arena, bound < INT64_MAX ? bound : INT64_MAX};
	struct cel_value v;
	cel_eval(t->program, &frame, &v);
	bool fails = json_object_get(t->json, "evalError") != NULL;
	const json_t *wanted = wanted_value(t);
	struct cel_value expected = wanted ? spec_value(&t->arena, wanted) : cel_bool(true);
	spec_print(&t->got, &v);
	if (v.kind == CEL_ERROR && v.extra == CEL_FAULT_COST) return got(t, " (under its bound)");
	if (cel_test(t->program, &frame, NULL) != (v.kind == CEL_BOOL ? (int)v.b : -1))
		return got(t, " (and otherwise as a condition)");
	return fails ? v.kind == CEL_ERROR : spec_same(&v, &expected);
}

static bool trial_run(struct trial *t) {
	bool unchecked = json_is_true(json_object_get(t->json, "disableCheck"));
	bool check_only = json_is_true(json_object_get(t->json, "checkOnly"));
	struct cel_options options = {.unchecked = unchecked, .suite_macros = true};
	declare_all(t);
	declare_bound(t);
	must(cel_env_container(t->env, slice_str(field(t, "container"))));
	enum err e = cel_compile(t->env, source_of(t), &options, &t->issues, &t->program);
	if (e) {
		if (t->issues.count) return got(t, t->issues.items[0].text);
		return got(t, err_name(e));
	}
	return check_type(t) && (check_only || check_value(t));
}

static void report(struct trial *t) {
	char *wanted = json_dumps(wanted_value(t), JSON_COMPACT | JSON_ENCODE_ANY);
	printf("FAILED %s/%s/%s\n  expr      %s\n  expected  %s\n  got       " SLICE_FMT "\n",
	       field(t, "suite"), field(t, "section"), field(t, "name"), field(t, "expr"),
	       json_object_get(t->json, "evalError") ? "an error" : wanted,
	       SLICE_ARG(buf_slice(&t->got)));
	free(wanted);
}

static bool trial(const json_t *json) {
	static struct trial t;
	memset(&t, 0, sizeof t);
	t.json = json;
	arena_init(&t.arena, ARENA_BYTES);
	buf_init(&t.got, TEXT_BYTES);
	t.env = cel_env_new();
	if (!t.env) abort();
	cel_env_zones(t.env, spec_zones());
	bool refused_is_right = json_object_get(json, "evalError") != NULL;
	bool passed = trial_run(&t) || (!t.program && refused_is_right);
	if (!passed) report(&t);
	cel_program_free(t.program);
	cel_env_free(t.env);
	arena_done(&t.arena);
	buf_done(&t.got);
	return passed;
}

/* --- all of them ---------------------------------------------------------------------------------- */

static struct suite *suite_of(const json_t *test) {
	const char *name = json_string_value(json_object_get(test, "suite"));
	for (int i = 0; i < SUITES; i++)
		if (name && slice_is(slice_str(name), suites[i].name)) return &suites[i];
	return NULL;
}

static int summary(void) {
	int passed = 0, expected = 0;
	for (int i = 0; i < SUITES; i++) {
		printf("%-16s %4d of %4d\n", suites[i].name, suites[i].passed, suites[i].expected);
		passed += suites[i].passed;
		expected += suites[i].expected;
	}
	printf("figure cel_conformance %d\n%d of %d\n", passed, passed, expected);
	return passed == expected ? 0 : 1;
}

int main(int argc, char **argv) {
	FILE *lines = argc == 2 ? fopen(argv[1], "r") : NULL;
	char *line = NULL;
	size_t room = 0;
	if (!lines) return SKIPPED;
	while (getline(&line, &room, lines) > 0) {
		json_t *test = json_loads(line, JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, NULL);
		struct suite *suite = suite_of(test);
		bool ours = json_is_false(json_object_get(test, "messages"));
		if (!test || (ours && !suite)) abort();
		if (ours && trial(test)) suite->passed++;
		json_decref(test);
	}
	free(line);
	fclose(lines);
	return summary();
}
