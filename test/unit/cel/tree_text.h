/* A tree as cel-spec's suites write it down, to be compared with them. */
#pragma once
#include "base/buf.h"
#include "cel/cel_ast.h"

enum tree_adorn {
	TREE_PLAIN,
	TREE_KINDS, /* after each node what kind it is: "a^#*expr.Expr_IdentExpr#" */
	TREE_TYPES, /* its type, and what it refers to: "a~int^a" */
};
MUST enum err tree_text(const struct cel_expr *e, enum tree_adorn adorn, struct buf *out);
