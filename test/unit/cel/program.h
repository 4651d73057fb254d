/* Conditions over known variables: compiled, checked and not, and evaluated both ways. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cel/cel.h"

/* s = "GET", e = "", n = 7, u = 7u, f = 0.5, nan, yes, no, xs = [1, 2, 3], m = {"a": "1", "b": "2"},
 * x = {"y": {"z": 1}} as dyn, t, and `unset`, a string without a value. */
enum { S, E, N, U, F, NAN_, YES, NO, XS, M, X, T, UNSET, VARIABLES };
extern const struct cel_value *const values;

int set_up(void **state);
int tear_down(void **state);

struct cel_program *compile(const char *source, const struct cel_options *o);
/* Why it does not compile, "1:5: …". */
const char *refusal(const char *source, const struct cel_options *o);

/* "true", "false", or the text of a fault; asserts that all ways to evaluate agree. */
const char *outcome(const char *source);
struct expectation {
	const char *source, *outcome;
};
#define EXPECT(...)                                                                                \
	expect((struct expectation[]){__VA_ARGS__},                                                \
	       sizeof((struct expectation[]){__VA_ARGS__}) / sizeof(struct expectation))
void expect(const struct expectation *rows, size_t count);
