/* Making the nodes of an expression, within the limits of cel.h. One thread.
 *
 * All makers return NULL once anything failed, and take NULL for children, so that a tree can be
 * written down as one nested call. */
#pragma once
#include "cel/cel_ast.h"
#include "cel/cel_issue.h"

struct cel_tree {
	struct arena *arena;
	struct slice source;
	struct cel_issues *issues; /* or NULL */
	uint32_t count;            /* nodes made */
	enum err error;            /* the first */
};

/* Returns NULL, and reports when it is the first. */
const struct cel_expr *cel_tree_fail(struct cel_tree *t, enum err error, uint32_t at,
                                     const char *format, ...) PRINTF_LIKE(4, 5);
const struct cel_expr *cel_tree_no_memory(struct cel_tree *t);

const struct cel_expr *cel_tree_const(struct cel_tree *t, uint32_t at, struct cel_value value);
/* Names and arrays are borrowed: they live in the source, in the arena, or forever. */
const struct cel_expr *cel_tree_ident(struct cel_tree *t, uint32_t at, struct slice name);
const struct cel_expr *cel_tree_select(struct cel_tree *t, uint32_t at,
                                       const struct cel_expr *operand, struct slice field,
                                       bool test);
/* kind: LIST, MAP or STRUCT. Items are copied; `message` is for a STRUCT. */
const struct cel_expr *cel_tree_items(struct cel_tree *t, uint32_t at, enum cel_expr_kind kind,
                                      const struct cel_item *items, size_t count,
                                      struct slice message);
/* Arguments are copied. */
const struct cel_expr *cel_tree_call(struct cel_tree *t, uint32_t at, struct slice function,
                                     const struct cel_expr *target,
                                     const struct cel_expr *const *args, size_t count);
const struct cel_expr *cel_tree_fold(struct cel_tree *t, uint32_t at, const struct cel_fold *fold);

/* "a.b.c" of selects over an identifier, without a NUL. 0: it is something else, or too long. */
enum { CEL_NAME_MAX = 256 };
size_t cel_tree_name(const struct cel_expr *e, char out[CEL_NAME_MAX]);
/* The same with one more part: "a.b.c.last". */
size_t cel_tree_name_with(const struct cel_expr *e, struct slice last, char out[CEL_NAME_MAX]);

/* cel_tree_call with a name and arguments written down. */
#define CEL_TREE_CALL(t, at, function, target, ...)                                                \
	cel_tree_call(t, at, slice_str(function), target,                                          \
	              (const struct cel_expr *const[]){__VA_ARGS__},                               \
	              sizeof((const void *[]){__VA_ARGS__}) / sizeof(void *))
