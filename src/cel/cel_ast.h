/* An expression as a tree, after parsing and macro expansion; the checker adds types and what
 * names refer to. Shapes follow cel-spec's syntax.proto, so that its parsing and checking suites
 * can be compared. Everything lives in one arena and is never changed after the check. */
#pragma once
#include "base/arena.h"
#include "cel/cel_function.h"
#include "cel/cel_type.h"
#include "cel/cel_value.h"

enum cel_expr_kind {
	CEL_EXPR_CONST,
	CEL_EXPR_IDENT,
	CEL_EXPR_SELECT,
	CEL_EXPR_CALL, /* operators included: "_&&_", "_?_:_", "_[_]", "_?._", "_[?_]" */
	CEL_EXPR_LIST,
	CEL_EXPR_MAP,
	CEL_EXPR_STRUCT, /* Message{field: value}: parses; does not check, we have no messages */
	CEL_EXPR_FOLD,   /* a comprehension */
};

struct cel_expr;
struct cel_item {
	const struct cel_expr *key; /* MAP: the key; NULL in a list */
	struct slice field;         /* STRUCT */
	const struct cel_expr *value;
	bool optional; /* written with a leading '?' */
	uint32_t at;   /* of the entry's ':' */
};
/* Fold over a list or a map's keys: accu = init; for each element, while condition:
 * accu = step; then result. iter2 empty: one variable; else (index or key, value). */
struct cel_fold {
	struct slice iter, iter2, accu;
	const struct cel_expr *range, *init, *condition, *step, *result;
};

struct cel_expr {
	uint8_t kind;   /* enum cel_expr_kind */
	uint16_t depth; /* of the tree from here, 1: a leaf; at most CEL_DEPTH_MAX, so that walks
	                 * over it may recurse */
	uint32_t id;    /* from 1, in the order of making; below CEL_NODES_MAX + 1 */
	uint32_t at;    /* byte offset in the source: of the operator, of a call's '(' */
	/* The checker fills these; NULL, 0 or empty in an unchecked tree. */
	const struct cel_type *type;
	/* IDENT and SELECT that turned out to name a declared variable or constant ("a.b.c"): its
	 * full name, whatever the container; of a variable of a macro its name. CALL whose target is
	 * no argument but the first part of the function's name, "math" of math.abs(x), or whose
	 * function is the container's: the function's full name. */
	struct slice reference;
	/* CALL: the overloads that can be meant; more than one where types are dyn. */
	const struct cel_overload *const *overloads;
	uint32_t overload_count;
	union {
		struct cel_value constant; /* NULL, BOOL, INT, UINT, DOUBLE, STRING, BYTES */
		struct slice ident;        /* a leading dot is kept: ".x" is root's x */
		struct {
			const struct cel_expr *operand;
			struct slice field;
			bool test; /* has(operand.field) */
		} select;
		struct {
			const struct cel_expr *target; /* NULL: a global call */
			struct slice function;
			const struct cel_expr *const *args;
			uint32_t arg_count;
		} call;
		struct {
			const struct cel_item *items;
			uint32_t count;
			struct slice message; /* STRUCT */
		} of;
		struct cel_fold fold;
	};
};
