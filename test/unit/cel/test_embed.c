/* What an embedder brings: qualified names, constants, containers, functions of its own, maps
 * that only look up. */
#include "program.h"

#include <stdio.h>

static int prepared, released;

static const void *prepare(const struct cel_value *args) {
	static const int made = 1;
	if (args[1].kind != CEL_STRING) return NULL;
	prepared++;
	return &made;
}

static void release(const void *data) {
	released++;
}

/* Says whether something was prepared for this place. */
static void call_prepared(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	*out = cel_bool(c->data != NULL);
}

static void call_int(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	*out = cel_string(SLICE_LIT("int"));
}

static void call_text(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	*out = cel_string(SLICE_LIT("string"));
}

static void call_spin(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	if (cel_pay(c, (uint64_t)args[0].i, out)) *out = cel_bool(true);
}

static const struct cel_overload overloads[] = {
	{"prepared", "prepared", "(string, string) -> bool", call_prepared, prepare, release, 1,
         .prepares = 1},
	{"kind_int", "our.kind", "(int) -> string", call_int, .cost = 1},
	{"kind_string", "our.kind", "(string) -> string", call_text, .cost = 1},
	{"string_kind", "kind", "string.() -> string", call_text, .cost = 1},
	{"spin", "spin", "(int) -> bool", call_spin, .cost = 1},
};
static const struct cel_library library = {"ours", overloads, 5};

/* Knows one key and has no entries to walk. */
static bool find_host(const struct cel_map *m, const struct cel_value *key, struct cel_value *out) {
	if (key->kind != CEL_STRING || !slice_is(cel_slice(key), "host")) return false;
	*out = cel_string(SLICE_LIT("example.com"));
	return true;
}

enum { METHOD, HEADERS, ANY, COUNT };
static struct cel_env *env;

static int set_up_ours(void **state) {
	struct cel_value limit = cel_int(100);
	int slot;
	env = cel_env_new();
	assert_non_null(env);
	assert_int_equal(cel_env_variable_text(env, "request.method", "string", &slot), ERR_OK);
	assert_int_equal(
		cel_env_variable_text(env, "request.headers", "map(string, string)", &slot),
		ERR_OK);
	assert_int_equal(cel_env_variable_text(env, "any", "dyn", &slot), ERR_OK);
	assert_int_equal(cel_env_constant(env, SLICE_LIT("our.limit"), &limit), ERR_OK);
	assert_int_equal(cel_env_library(env, &library), ERR_OK);
	assert_int_equal(cel_env_container(env, SLICE_LIT("our")), ERR_OK);
	return 0;
}

static int tear_down_ours(void **state) {
	cel_env_free(env);
	return 0;
}

static struct cel_program *program(const char *source, bool unchecked) {
	struct cel_issues issues = {0};
	struct cel_options o = {.unchecked = unchecked};
	struct cel_program *p;
	if (cel_compile(env, slice_str(source), &o, &issues, &p))
		fail_msg("%s: %s", source, issues.items[0].text);
	return p;
}

/* Checked and unchecked; `any` is 1. */
static void is_true(const char *source) {
	const struct cel_map headers = {.count = 1, .find = find_host};
	struct cel_value slots[COUNT] = {[METHOD] = cel_string(SLICE_LIT("GET")),
	                                 [HEADERS] = {.kind = CEL_MAP, .map = &headers},
	                                 [ANY] = cel_int(1)};
	for (int unchecked = 0; unchecked < 2; unchecked++) {
		struct cel_program *p = program(source, unchecked);
		enum cel_fault fault;
		if (cel_test(p, &(struct cel_frame){.slots = slots}, &fault) != 1)
			fail_msg("%s: %s", source, cel_fault_text(fault));
		cel_program_free(p);
	}
}

static void names(void **state) {
	is_true("request.method == 'GET' && request.headers.host == 'example.com'");
	is_true("request.headers['host'].startsWith('example') && !has(request.headers.other)");
	is_true("has(request.method) && [1].exists(request, request == 1)");
	is_true("limit == 100 && our.limit == 100 && .our.limit == 100");
	is_true("any == 1 && .any == 1");
}

static void unset_is_not_present(void **state) {
	struct cel_value slots[COUNT] = {0};
	struct cel_program *p = program("has(request.method)", false);
	assert_int_equal(cel_test(p, &(struct cel_frame){.slots = slots}, NULL), 0);
	assert_true(cel_program_uses(p, METHOD) && !cel_program_uses(p, HEADERS));
	cel_program_free(p);
}

static void functions(void **state) {
	is_true("our.kind(1) == 'int' && kind('a') == 'string' && 'a'.kind() == 'string'");
	is_true("our.kind(any) == 'int'"); /* chosen at run time */
	is_true("our.kind(request.method) == 'string'");
}

static void work_is_prepared_once(void **state) {
	prepared = released = 0;
	struct cel_program *p = program("prepared(request.method, 'a')", false);
	struct cel_value slots[COUNT] = {[METHOD] = cel_string(SLICE_LIT("GET"))};
	struct cel_frame f = {.slots = slots};
	for (int i = 0; i < 3; i++) assert_int_equal(cel_test(p, &f, NULL), 1);
	assert_int_equal(prepared, 1);
	assert_int_equal(released, 0);
	cel_program_free(p);
	assert_int_equal(released, 1);
	p = program("prepared('a', request.method)", false);
	assert_int_equal(cel_test(p, &f, NULL), 0);
	assert_int_equal(prepared, 1);
	cel_program_free(p);
}

static void functions_pay(void **state) {
	struct cel_program *p = program("spin(any) || true", true);
	cel_program_free(p);
	p = program("spin(any) || request.method == 'GET'", true);
	struct cel_value slots[COUNT] = {
		[METHOD] = cel_string(SLICE_LIT("GET")), [ANY] = cel_int(1000)};
	enum cel_fault fault;
	assert_int_equal(
		cel_test(p, &(struct cel_frame){.slots = slots, .cost_limit = 900}, &fault), -1);
	assert_int_equal(fault, CEL_FAULT_COST);
	assert_int_equal(cel_test(p, &(struct cel_frame){.slots = slots}, &fault), 1);
	cel_program_free(p);
}

static void maps_without_entries_are_not_walked(void **state) {
	const struct cel_map headers = {.count = 1, .find = find_host};
	struct cel_value slots[COUNT] = {[HEADERS] = {.kind = CEL_MAP, .map = &headers}};
	struct cel_program *p = program("request.headers.exists(k, k == 'host')", false);
	enum cel_fault fault;
	assert_int_equal(cel_test(p, &(struct cel_frame){.slots = slots}, &fault), -1);
	assert_int_equal(fault, CEL_FAULT_NO_OVERLOAD);
	cel_program_free(p);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(unset_is_not_present),
		cmocka_unit_test(functions),
		cmocka_unit_test(work_is_prepared_once),
		cmocka_unit_test(functions_pay),
		cmocka_unit_test(maps_without_entries_are_not_walked),
	};
	return cmocka_run_group_tests(tests, set_up_ours, tear_down_ours);
}
