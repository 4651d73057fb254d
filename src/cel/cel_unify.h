/* Types with variables in them, and what a variable must be so that one type fits another. The
 * rules, with all their exceptions for dyn and null, are cel-go's. */
#pragma once
#include "base/err.h"
#include "cel/cel_type.h"

struct cel_undo;
struct cel_unifier {
	struct arena *arena;
	struct cel_undo *undo; /* bindings, the newest first */
	uint32_t var_count;
	uint32_t
		work_left; /* types that share their parts can grow exponentially when read as trees */
	int depth;
	enum err error; /* ERR_TOO_LARGE, ERR_NO_MEMORY: all answers since are worthless */
};
enum { CEL_LETTERS = 26 };

void cel_unifier_init(struct cel_unifier *u, struct arena *a);
/* A new variable; cel_type_error where there is no memory. */
const struct cel_type *cel_unify_var(struct cel_unifier *u);
/* With a variable for each parameter "A" to "Z"; `vars` has those made already. */
const struct cel_type *cel_unify_instance(struct cel_unifier *u, const struct cel_type *t,
                                          const struct cel_type *vars[CEL_LETTERS]);
/* Whether a value of type `from` fits `to`; binds variables where it does, none where it does
 * not. The first is cel-go's t1, which is not always what one would call the target. */
bool cel_unify(struct cel_unifier *u, const struct cel_type *to, const struct cel_type *from);
bool cel_unify_all(struct cel_unifier *u, const struct cel_type *const *to,
                   const struct cel_type *const *from, uint32_t count);
/* The less specific of two types that unify. */
const struct cel_type *cel_unify_general(struct cel_unifier *u, const struct cel_type *a,
                                         const struct cel_type *b);
/* With all bound variables replaced; the others too, by dyn, if `to_dyn`. */
const struct cel_type *cel_unify_resolve(struct cel_unifier *u, const struct cel_type *t,
                                         bool to_dyn);
bool cel_unify_same(struct cel_unifier *u, const struct cel_type *a, const struct cel_type *b);
