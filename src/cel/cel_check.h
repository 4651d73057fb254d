/* Types of an expression, and what its names and calls mean. */
#pragma once
#include "cel/cel_ast.h"
#include "cel/cel_env_private.h"

/* Completes the tree of cel_parse, which lives in `a`: types, references, overloads. `source` is
 * what it was parsed from. ERR_INVALID with all mistakes; ERR_TOO_LARGE: types that grow without
 * measure; ERR_NO_MEMORY. *type is that of the whole, assignable to `expected` unless that is
 * NULL. */
MUST enum err cel_check(const struct cel_env *e, struct arena *a, struct slice source,
                        const struct cel_type *expected, struct cel_issues *issues,
                        const struct cel_expr *root, const struct cel_type **type);
