/* What the checker's files share. */
#pragma once
#include "cel/cel_check.h"
#include "cel/cel_unify.h"

/* A variable of a fold, in sight while its parts are checked. */
struct cel_scope_name {
	const struct cel_scope_name *outer;
	struct slice name;
	const struct cel_type *type;
};

struct cel_checker {
	const struct cel_env *env;
	struct arena *arena;
	struct slice source;
	struct cel_issues *issues;
	struct cel_unifier unifier;
	const struct cel_scope_name *scope;
	/* The outermost a.b.c whose first part is being checked: what was meant may be all of it. */
	const struct cel_expr *chain;
	const struct cel_type *declared[CEL_LETTERS]; /* variables for parameters in declarations */
	bool failed;
};

/* Sets and returns the type; cel_type_error where an issue says why. */
const struct cel_type *cel_check_expr(struct cel_checker *c, const struct cel_expr *e);
const struct cel_type *cel_check_call(struct cel_checker *c, const struct cel_expr *e);
/* The type of operand.field; `optional`: of operand.?field. */
const struct cel_type *cel_check_field(struct cel_checker *c, const struct cel_expr *e,
                                       const struct cel_expr *operand, bool optional);

/* The part of the tree that the check fills in: the tree is in our arena. */
static inline struct cel_expr *cel_check_own(const struct cel_expr *e) {
	return (struct cel_expr *)e;
}

/* --- cel_check_say.c ---------------------------------------------------------------------- */

/* Returns cel_type_error. */
const struct cel_type *cel_check_fail(struct cel_checker *c, uint32_t at, const char *format, ...)
	PRINTF_LIKE(3, 4);
/* "expected type 'bool' but found 'int'" */
const struct cel_type *cel_check_mismatch(struct cel_checker *c, uint32_t at,
                                          const struct cel_type *expected,
                                          const struct cel_type *found);
/* "undeclared reference to 'x' (did you mean 'y'?)", with guesses among names or functions. */
const struct cel_type *cel_check_undeclared(struct cel_checker *c, uint32_t at, struct slice name,
                                            bool function);
/* A type in a message; cut where it is long. */
struct cel_type_text {
	char chars[96];
};
struct cel_type_text cel_check_type_text(struct cel_checker *c, const struct cel_type *t);
