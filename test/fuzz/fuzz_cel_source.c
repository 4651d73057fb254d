/* Anything as the source of a condition: it compiles, checked or not, or is refused with a
 * place and a reason. */
#include <stdlib.h>

#include "cel/cel.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static struct cel_env *env(void) {
	static struct cel_env *e;
	static const char *const variables[][2] = {
		{"request.method", "string"},
		{"request.size", "int"},
		{"request.headers", "map(string, string)"},
		{"xs", "list(int)"},
		{"a.b.c", "dyn"},
		{"t", "timestamp"},
	};
	int slot;
	if (e) return e;
	e = cel_env_new();
	for (size_t i = 0; e && i < sizeof variables / sizeof *variables; i++)
		if (cel_env_variable_text(e, variables[i][0], variables[i][1], &slot)) abort();
	return e ? e : (abort(), e);
}

static void check_issues(const struct cel_issues *issues, size_t len) {
	for (int i = 0; i < issues->count; i++) {
		const struct cel_issue *issue = &issues->items[i];
		if (issue->line < 1 || issue->column < 1 || issue->at > len || !issue->text[0])
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len) {
	for (int unchecked = 0; unchecked < 2; unchecked++) {
		struct cel_issues issues = {0};
		struct cel_options options = {.unchecked = unchecked};
		struct cel_program *p;
		enum err e = cel_compile(env(), slice_of(bytes, len), &options, &issues, &p);
		if ((e == ERR_OK) != (p != NULL) || (e == ERR_OK) != (issues.count == 0)) abort();
		check_issues(&issues, len);
		if (p && cel_program_cost_max(p) == 0) abort();
		cel_program_free(p);
	}
	return 0;
}
