/* Macros: calls that stand for larger expressions, written out while parsing. */
#pragma once
#include "cel/cel_tree.h"

/* Which are known; each set includes those before it. */
enum cel_macros {
	CEL_MACROS_STANDARD, /* of the language: has, all, exists, exists_one, map, filter */
	CEL_MACROS_ALL, /* of the libraries: two variables, cel.bind, optMap, math.greatest, … */
	CEL_MACROS_SUITE, /* cel.block and what goes with it, of cel-spec's own suites */
};

/* A call that may be a macro. */
struct cel_macro_call {
	struct cel_tree *tree;
	uint32_t at;
	struct slice function;
	const struct cel_expr *target; /* NULL: a global call */
	const struct cel_expr *const *args;
	size_t count;
};

/* False: no macro has this name, receiver and number of arguments. Else *out is what it stands
 * for; NULL where its arguments are wrong. */
bool cel_macro_expand(const struct cel_macro_call *c, enum cel_macros known,
                      const struct cel_expr **out);

/* --- for macros of folds (cel_macro_fold.c) and the others -------------------------------- */

/* The name that an argument must be; `what` begins the issue otherwise. Empty: reported. */
struct slice cel_macro_name(const struct cel_macro_call *c, const struct cel_expr *arg,
                            const char *what);
/* name = init; body: a fold over nothing, as cel-go writes it. */
const struct cel_expr *cel_macro_bind(const struct cel_macro_call *c, struct slice name,
                                      const struct cel_expr *init, const struct cel_expr *body);
const struct cel_expr *cel_macro_all(const struct cel_macro_call *c);
const struct cel_expr *cel_macro_exists(const struct cel_macro_call *c);
const struct cel_expr *cel_macro_exists_one(const struct cel_macro_call *c);
const struct cel_expr *cel_macro_map(const struct cel_macro_call *c);
const struct cel_expr *cel_macro_filter(const struct cel_macro_call *c);
const struct cel_expr *cel_macro_all_pairs(const struct cel_macro_call *c);
const struct cel_expr *cel_macro_exists_pairs(const struct cel_macro_call *c);
const struct cel_expr *cel_macro_exists_one_pairs(const struct cel_macro_call *c);
const struct cel_expr *cel_macro_transform_list(const struct cel_macro_call *c);
const struct cel_expr *cel_macro_transform_map(const struct cel_macro_call *c);
const struct cel_expr *cel_macro_transform_entry(const struct cel_macro_call *c);
