/* The environment: what can be declared, and by which names it is found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "cel/cel_env_private.h"

static struct cel_env *env;

static int set_up(void **state) {
	env = cel_env_new();
	return env ? 0 : 1;
}
static int tear_down(void **state) {
	cel_env_free(env);
	return 0;
}

static enum err variable(const char *name, const char *type) {
	return cel_env_variable_text(env, name, type, NULL);
}

static void slots_count_from_zero(void **state) {
	int slot;
	assert_int_equal(cel_env_variable_text(env, "a", "int", &slot), ERR_OK);
	assert_int_equal(slot, 0);
	assert_int_equal(cel_env_variable(env, SLICE_LIT("b.c"), &cel_type_string, &slot), ERR_OK);
	assert_int_equal(slot, 1);
	const struct cel_name *name = cel_env_find(env, SLICE_LIT("b.c"));
	assert_int_equal(name->slot, 1);
	assert_null(name->constant);
	assert_ptr_equal(cel_env_slot_type(env, 1), &cel_type_string);
	assert_null(cel_env_find(env, SLICE_LIT("b")));
}

static void only_names_can_be_declared(void **state) {
	static const char *const wrong[] = {"", ".", "a.", ".a", "a..b", "9", "a-b", "a b", "é"};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_int_equal(variable(wrong[i], "int"), ERR_INVALID);
	char longest[300];
	memset(longest, 'a', sizeof longest);
	longest[sizeof longest - 1] = '\0';
	assert_int_equal(variable(longest, "int"), ERR_INVALID);
	assert_int_equal(variable("a", "strng"), ERR_INVALID);
	assert_int_equal(variable("a", "int"), ERR_OK);
	assert_int_equal(variable("a", "string"), ERR_EXISTS);
	assert_int_equal(variable("int", "string"), ERR_EXISTS);
	struct cel_value v = cel_int(1);
	assert_int_equal(cel_env_constant(env, SLICE_LIT("a"), &v), ERR_EXISTS);
	assert_int_equal(cel_env_constant(env, SLICE_LIT("a b"), &v), ERR_INVALID);
	assert_int_equal(cel_env_container(env, SLICE_LIT("a.")), ERR_INVALID);
}

static void slots_have_a_limit(void **state) {
	char name[16];
	for (int i = 0; i < CEL_SLOTS_MAX; i++) {
		snprintf(name, sizeof name, "v%d", i);
		assert_int_equal(variable(name, "int"), ERR_OK);
	}
	assert_int_equal(variable("more", "int"), ERR_TOO_MANY);
}

static void constants_have_values(void **state) {
	struct cel_value v = cel_string(SLICE_LIT("eu"));
	assert_int_equal(cel_env_constant(env, SLICE_LIT("region.home"), &v), ERR_OK);
	const struct cel_name *name = cel_env_find(env, SLICE_LIT("region.home"));
	assert_true(cel_equal(name->constant, &v));
	assert_ptr_equal(name->type, &cel_type_string);
	name = cel_env_find(env, SLICE_LIT("list"));
	assert_int_equal(name->constant->kind, CEL_TYPE);
	assert_ptr_equal(name->constant->type, &cel_type_list_dyn);
	assert_null(cel_env_find(env, SLICE_LIT("dyn")));
}

static int slot_of(const char *name) {
	const struct cel_name *found = cel_env_find(env, slice_str(name));
	return found ? found->slot : -1;
}

static void names_are_looked_up_from_the_container_outwards(void **state) {
	static const char *const names[] = {"x", "a.x", "a.b.x", "y", "a.y", "z"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		assert_int_equal(variable(names[i], "int"), ERR_OK);
	assert_int_equal(slot_of("x"), 0);
	assert_int_equal(cel_env_container(env, SLICE_LIT("a.b")), ERR_OK);
	assert_int_equal(slot_of("x"), 2);
	assert_int_equal(slot_of("y"), 4);
	assert_int_equal(slot_of("z"), 5);
	assert_int_equal(slot_of(".x"), 0);
	assert_int_equal(slot_of(".a.x"), 1);
	assert_int_equal(slot_of("b.x"), 2);
	assert_int_equal(slot_of("w"), -1);
	assert_int_equal(slot_of(""), -1);
	assert_int_equal(cel_env_container(env, SLICE_LIT("")), ERR_OK);
	assert_int_equal(slot_of("x"), 0);
}

static void overloads_stand_together_by_function(void **state) {
	const struct cel_group *g = cel_env_group(env, SLICE_LIT("size"));
	assert_int_equal(g->count, 8);
	for (uint32_t i = 0; i < g->count; i++) {
		assert_string_equal(g->overloads[i]->function, "size");
		assert_ptr_equal(cel_env_signature(env, g->overloads[i]), &g->signatures[i]);
		assert_int_equal(g->signatures[i].param_count, 1);
	}
	assert_null(cel_env_group(env, SLICE_LIT("no.such")));
}

static void libraries_of_others_come_last(void **state) {
	static const struct cel_overload more[] = {
		{.id = "size_mine", .function = "size", .signature = "(my.Thing) -> int"},
		{.id = "mine", .function = "my.own", .signature = "() -> my.Thing"},
	};
	static const struct cel_overload wrong[] = {
		{.id = "wrong", .function = "wrong", .signature = "(strng) -> int"},
	};
	static const struct cel_library good = {"mine", more, 2}, bad = {"wrong", wrong, 1};
	assert_int_equal(cel_env_library(env, &good), ERR_OK);
	const struct cel_group *g = cel_env_group(env, SLICE_LIT("size"));
	assert_ptr_equal(g->overloads[g->count - 1], &more[0]);
	assert_int_equal(cel_env_container(env, SLICE_LIT("my")), ERR_OK);
	assert_ptr_equal(cel_env_group(env, SLICE_LIT("own"))->overloads[0], &more[1]);
	assert_int_equal(cel_env_library(env, &bad), ERR_INVALID);
}

/* Two rows of one id, or a row without a cost, would be found by nobody. */
static void the_libraries_are_well_made(void **state) {
	struct slice function;
	size_t cursor = 0;
	char ids[64 << 10];
	size_t len = 0;
	while (cel_env_next_function(env, &cursor, &function)) {
		const struct cel_group *g = cel_env_group(env, function);
		for (uint32_t i = 0; i < g->count; i++) {
			char id[128];
			int n = snprintf(id, sizeof id, "|%s|", g->overloads[i]->id);
			assert_null(len ? memmem(ids, len, id, (size_t)n) : NULL);
			memcpy(ids + len, id, (size_t)n);
			len += (size_t)n;
			assert_true(!g->overloads[i]->call || g->overloads[i]->cost > 0);
		}
	}
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(slots_count_from_zero),
		TEST(only_names_can_be_declared),
		TEST(slots_have_a_limit),
		TEST(constants_have_values),
		TEST(names_are_looked_up_from_the_container_outwards),
		TEST(overloads_stand_together_by_function),
		TEST(libraries_of_others_come_last),
		TEST(the_libraries_are_well_made),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
