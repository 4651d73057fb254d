/* Any condition over known variables, under small limits. Checked and unchecked it means the
 * same; as a condition it says what it says as a value; it costs no more than its bound; and
 * it is not true where its guards do not hold. */
#include <math.h>
#include <stdlib.h>

#include "cel/cel.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

enum { VARIABLES = 9, SITUATIONS = 3, COST = 20000, ARENA_BYTES = 1 << 20 };

static const char *const variables[VARIABLES][2] = {
	{"request.method", "string"},
	{"request.size", "int"},
	{"request.headers", "map(string, string)"},
	{"xs", "list(int)"},
	{"x", "dyn"},
	{"t", "timestamp"},
	{"d", "duration"},
	{"f", "double"},
	{"ok", "bool"},
};

/* What does not change between inputs. */
static struct cel_env *env;
static struct cel_value situations[SITUATIONS][VARIABLES];

static struct cel_value text(const char *s) {
	return cel_string(slice_str(s));
}

static void set_up(void) {
	static struct arena arena;
	int slot;
	env = cel_env_new();
	arena_init(&arena, 1 << 16);
	for (int i = 0; i < VARIABLES; i++)
		if (cel_env_variable_text(env, variables[i][0], variables[i][1], &slot)) abort();
	struct cel_value numbers[] = {cel_int(1), cel_int(2), cel_int(3), cel_int(INT64_MAX)};
	struct cel_entry headers[] = {{text("x-beta"), text("1")},
	                              {text("host"), text("h\xc3\xa9")}};
	struct cel_value list = cel_make_list(&arena, numbers, 4);
	struct cel_value map = cel_make_map(&arena, headers, 2);
	struct cel_value usual[VARIABLES] = {text("GET"),
	                                     cel_int(512),
	                                     map,
	                                     list,
	                                     cel_uint(7),
	                                     cel_timestamp(1700000000, 5),
	                                     cel_duration(1500000000),
	                                     cel_double(0.5),
	                                     cel_bool(true)};
	struct cel_value odd[VARIABLES] = {text(""),
	                                   cel_int(INT64_MIN),
	                                   cel_make_map(&arena, NULL, 0),
	                                   cel_make_list(&arena, NULL, 0),
	                                   map,
	                                   cel_timestamp(-62135596800, 0),
	                                   cel_duration(INT64_MIN),
	                                   cel_double(NAN),
	                                   cel_bool(false)};
	memcpy(situations[0], usual, sizeof usual);
	memcpy(situations[1], odd, sizeof odd); /* and the last has nothing set */
}

static bool limited(const struct cel_value *v) {
	return v->kind == CEL_ERROR && (v->extra == CEL_FAULT_COST || v->extra == CEL_FAULT_MEMORY);
}

static bool same(const struct cel_value *a, const struct cel_value *b) {
	if (limited(a) || limited(b)) return true;
	bool container = a->kind == CEL_LIST || a->kind == CEL_MAP || a->kind == CEL_OPTIONAL;
	if (a->kind != b->kind) return false;
	return a->kind == CEL_ERROR || a->kind == CEL_DOUBLE || container || cel_equal(a, b);
}

static void check_guards(const struct cel_program *p, const struct cel_value *slots) {
	const struct cel_guard *guards;
	int count = cel_program_guards(p, &guards);
	for (int i = 0; i < count; i++) {
		bool holds = false;
		for (int j = 0; j < guards[i].count; j++)
			holds |= cel_equal(&guards[i].values[j], &slots[guards[i].slot]);
		if (!holds) abort();
	}
}

/* False: the bound did not hold, or the two protocols differ. */
static void check_one(const struct cel_program *p, const struct cel_value *slots,
                      struct cel_value *out, struct arena *arena) {
	uint64_t bound = cel_program_cost_max(p);
	struct cel_frame f = {slots, arena, bound < COST ? bound : COST};
	enum cel_fault fault;
	cel_eval(p, &f, out);
	if (bound < COST && out->kind == CEL_ERROR && out->extra == CEL_FAULT_COST) abort();
	int truth = cel_test(p, &f, &fault);
	if (limited(out) || (truth < 0 && (fault == CEL_FAULT_COST || fault == CEL_FAULT_MEMORY)))
		return;
	if (truth != (out->kind == CEL_BOOL ? (int)out->b : -1)) abort();
	if (truth == 1) check_guards(p, slots);
}

static struct cel_program *compile(const uint8_t *bytes, size_t len, bool unchecked) {
	struct cel_issues issues = {0};
	struct cel_options options = {.unchecked = unchecked};
	struct cel_program *p;
	return cel_compile(env, slice_of(bytes, len), &options, &issues, &p) ? NULL : p;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len) {
	if (!env) set_up();
	struct cel_program *checked = compile(bytes, len, false);
	struct cel_program *unchecked = compile(bytes, len, true);
	struct arena arena;
	arena_init(&arena, ARENA_BYTES);
	for (int i = 0; unchecked && i < SITUATIONS; i++) {
		struct cel_value a, b;
		check_one(unchecked, situations[i], &a, &arena);
		if (!checked) continue;
		check_one(checked, situations[i], &b, &arena);
		if (!same(&a, &b)) abort();
		arena_reset(&arena);
	}
	if (checked && !unchecked) abort();
	arena_done(&arena);
	cel_program_free(checked);
	cel_program_free(unchecked);
	return 0;
}
