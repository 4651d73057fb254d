/* The fixture of tests over whole programs. */
#include "program.h"

#include <math.h>
#include <stdio.h>

static struct cel_env *env;
static struct arena arena;
static struct cel_value slots[VARIABLES];
const struct cel_value *const values = slots;

static const char *const names[VARIABLES][2] = {
	[S] = {"s", "string"},
	[E] = {"e", "string"},
	[N] = {"n", "int"},
	[U] = {"u", "uint"},
	[F] = {"f", "double"},
	[NAN_] = {"nan", "double"},
	[YES] = {"yes", "bool"},
	[NO] = {"no", "bool"},
	[XS] = {"xs", "list(int)"},
	[M] = {"m", "map(string, string)"},
	[X] = {"x", "dyn"},
	[T] = {"t", "timestamp"},
	[UNSET] = {"unset", "string"},
};

static struct cel_value text(const char *s) {
	return cel_string(slice_str(s));
}

int set_up(void **state) {
	int slot;
	env = cel_env_new();
	assert_non_null(env);
	arena_init(&arena, 1 << 24);
	for (int i = 0; i < VARIABLES; i++) {
		assert_int_equal(cel_env_variable_text(env, names[i][0], names[i][1], &slot),
		                 ERR_OK);
		assert_int_equal(slot, i);
	}
	struct cel_value numbers[] = {cel_int(1), cel_int(2), cel_int(3)};
	struct cel_entry m[] = {{text("a"), text("1")}, {text("b"), text("2")}};
	struct cel_entry z = {text("z"), cel_int(1)};
	struct cel_entry y = {text("y"), cel_make_map(&arena, &z, 1)};
	slots[S] = text("GET");
	slots[E] = text("");
	slots[N] = cel_int(7);
	slots[U] = cel_uint(7);
	slots[F] = cel_double(0.5);
	slots[NAN_] = cel_double(NAN);
	slots[YES] = cel_bool(true);
	slots[NO] = cel_bool(false);
	slots[XS] = cel_make_list(&arena, numbers, 3);
	slots[M] = cel_make_map(&arena, m, 2);
	slots[X] = cel_make_map(&arena, &y, 1);
	slots[T] = cel_timestamp(1700000000, 0);
	return 0;
}

int tear_down(void **state) {
	cel_env_free(env);
	arena_done(&arena);
	return 0;
}

struct cel_program *compile(const char *source, const struct cel_options *o) {
	struct cel_issues issues = {0};
	struct cel_program *p;
	enum err e = cel_compile(env, slice_str(source), o, &issues, &p);
	if (e) fail_msg("%s: %s: %s", source, err_name(e), issues.items[0].text);
	return p;
}

const char *refusal(const char *source, const struct cel_options *o) {
	static char told[400];
	struct cel_issues issues = {0};
	struct cel_program *p;
	enum err e = cel_compile(env, slice_str(source), o, &issues, &p);
	assert_true(e == ERR_INVALID || e == ERR_TOO_LARGE);
	assert_null(p);
	assert_true(issues.count > 0);
	snprintf(told, sizeof told, "%u:%u: %s", issues.items[0].line, issues.items[0].column,
	         issues.items[0].text);
	return told;
}

static const char *outcome_of(const struct cel_program *p) {
	struct cel_frame f = {slots, &arena, 0};
	struct cel_value v;
	enum cel_fault fault;
	cel_eval(p, &f, &v);
	int truth = cel_test(p, &f, &fault);
	if (v.kind != CEL_ERROR && v.kind != CEL_BOOL) fail_msg("no condition");
	assert_int_equal(truth, v.kind == CEL_BOOL ? (int)v.b : -1);
	assert_int_equal(fault, v.kind == CEL_ERROR ? v.extra : CEL_FAULT_NONE);
	if (truth < 0) return cel_fault_text(fault);
	return truth ? "true" : "false";
}

const char *outcome(const char *source) {
	struct cel_program *checked = compile(source, NULL);
	struct cel_program *unchecked = compile(source, &(struct cel_options){.unchecked = true});
	const char *told = outcome_of(checked);
	assert_string_equal(outcome_of(unchecked), told);
	cel_program_free(checked);
	cel_program_free(unchecked);
	return told;
}

void expect(const struct expectation *rows, size_t count) {
	for (size_t i = 0; i < count; i++) {
		const char *told = outcome(rows[i].source);
		if (!slice_is(slice_str(told), rows[i].outcome))
			fail_msg("%s: %s, not %s", rows[i].source, told, rows[i].outcome);
	}
}
