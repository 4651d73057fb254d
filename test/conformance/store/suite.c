/* See suite.h. */
#include "suite.h"

enum { CASES_MAX = 256 };

static int setup(void **state) {
	struct rig *g = rig_new((enum rig_kind)(uintptr_t)*state, 42);
	*state = g;
	return rig_open(g) ? -1 : 0;
}

static int teardown(void **state) {
	rig_free(*state);
	return 0;
}

int suite_run(const struct suite_case *cases, int count) {
	static struct CMUnitTest tests[CASES_MAX];
	static char names[CASES_MAX][96];
	int n = 0;
	log_set_level(LOG_OFF);
	for (int kind = 0; kind < RIG_KINDS; kind++)
		for (int i = 0; i < count; i++, n++) {
			assert_true(n < CASES_MAX);
			snprintf(names[n], sizeof(names[n]), "%s %s", rig_names[kind],
			         cases[i].name);
			tests[n] = (struct CMUnitTest){names[n], cases[i].run, setup, teardown,
			                               (void *)(uintptr_t)kind};
		}
	return _cmocka_run_group_tests("store", tests, (size_t)n, NULL, NULL);
}

bool suite_can_fail(const struct rig *g) {
	return g->kind != RIG_LOCAL_UV;
}

void suite_fail(struct rig *g, enum suite_fault what, enum err err, bool sticky) {
	static const enum memory_fault memory[] = {MEMORY_APPEND, MEMORY_PROMISE,
	                                           MEMORY_QUARANTINE};
	if (g->memory)
		memory_disk_fail(g->memory, memory[what], 1, err, sticky);
	else
		sim_disk_fail(g->files, SIM_WRITE, 1, err, sticky);
}

void suite_heal(struct rig *g) {
	if (!g->memory) {
		sim_disk_fail(g->files, SIM_WRITE, 0, ERR_OK, false);
		return;
	}
	for (int op = MEMORY_APPEND; op <= MEMORY_IMPORT; op++)
		memory_disk_fail(g->memory, (enum memory_fault)op, 0, ERR_OK, false);
}

void suite_fill(struct rig *g, const struct history *h, uint64_t first, uint64_t last) {
	CHECK(rig_append(g, history_slice(h, first, last)));
	CHECK(rig_apply(g, last));
}

void suite_equals(struct rig *g, const struct history *h, uint64_t seq) {
	struct buf is, want;
	const char *is_text, *want_text;
	buf_init(&is, 64 << 20);
	buf_init(&want, 64 << 20);
	uint64_t hash = history_dump(h, seq, &want);
	rig_dump(g, &is);
	CHECK(buf_cstr(&is, &is_text));
	CHECK(buf_cstr(&want, &want_text));
	assert_string_equal(is_text, want_text);
	struct store_info info = rig_info(g);
	assert_int_equal(info.state_hash, hash);
	assert_true(position_eq(&info.applied, &h->at[seq]));
	buf_done(&is);
	buf_done(&want);
}
