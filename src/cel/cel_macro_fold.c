/* The macros that stand for folds, written out exactly as cel-go does: the official suites compare
 * the trees, and the compiler knows the shapes. */
#include "cel/cel_macro.h"

/* No identifier of an expression can be this. */
static const struct slice accu_name = {(const uint8_t *)"@result", 7};

static const struct cel_expr *accu(const struct cel_macro_call *c) {
	return cel_tree_ident(c->tree, c->at, accu_name);
}
static const struct cel_expr *truth(const struct cel_macro_call *c, bool b) {
	return cel_tree_const(c->tree, c->at, cel_bool(b));
}
static const struct cel_expr *number(const struct cel_macro_call *c, int64_t i) {
	return cel_tree_const(c->tree, c->at, cel_int(i));
}
static const struct cel_expr *list_of(const struct cel_macro_call *c, const struct cel_expr *e) {
	struct cel_item item = {.value = e};
	return cel_tree_items(c->tree, c->at, CEL_EXPR_LIST, &item, 1, SLICE_LIT(""));
}
static const struct cel_expr *nothing(const struct cel_macro_call *c, enum cel_expr_kind kind) {
	return cel_tree_items(c->tree, c->at, kind, NULL, 0, SLICE_LIT(""));
}
/* filter ? step : accu; without a filter the step. */
static const struct cel_expr *step_where(const struct cel_macro_call *c,
                                         const struct cel_expr *filter,
                                         const struct cel_expr *step) {
	if (!filter) return step;
	return CEL_TREE_CALL(c->tree, c->at, "_?_:_", NULL, filter, step, accu(c));
}

/* --- variables ---------------------------------------------------------------------------- */

static bool is_accu(struct slice name) {
	return slice_eq(name, accu_name) || slice_is(name, "__result__");
}

static struct slice variable(const struct cel_macro_call *c, size_t arg, const char *what) {
	struct slice name = cel_macro_name(c, c->args[arg], what);
	if (is_accu(name))
		cel_tree_fail(c->tree, ERR_INVALID, c->args[arg]->at,
		              "iteration variable overwrites accumulator variable");
	return name;
}

static struct cel_fold over_one(const struct cel_macro_call *c, const char *what) {
	return (struct cel_fold){
		.range = c->target,
		.iter = variable(c, 0, what),
		.accu = accu_name,
	};
}

static struct cel_fold over_pairs(const struct cel_macro_call *c) {
	struct cel_fold fold = over_one(c, "argument must be a simple name");
	fold.iter2 = variable(c, 1, "argument must be a simple name");
	if (slice_eq(fold.iter, fold.iter2))
		cel_tree_fail(c->tree, ERR_INVALID, c->args[1]->at,
		              "duplicate variable name: " SLICE_FMT, SLICE_ARG(fold.iter));
	return fold;
}

/* --- quantifiers -------------------------------------------------------------------------- */

static const struct cel_expr *all(const struct cel_macro_call *c, struct cel_fold fold,
                                  const struct cel_expr *predicate) {
	fold.init = truth(c, true);
	fold.condition = CEL_TREE_CALL(c->tree, c->at, "@not_strictly_false", NULL, accu(c));
	fold.step = CEL_TREE_CALL(c->tree, c->at, "_&&_", NULL, accu(c), predicate);
	fold.result = accu(c);
	return cel_tree_fold(c->tree, c->at, &fold);
}

static const struct cel_expr *exists(const struct cel_macro_call *c, struct cel_fold fold,
                                     const struct cel_expr *predicate) {
	fold.init = truth(c, false);
	fold.condition = CEL_TREE_CALL(c->tree, c->at, "@not_strictly_false", NULL,
	                               CEL_TREE_CALL(c->tree, c->at, "!_", NULL, accu(c)));
	fold.step = CEL_TREE_CALL(c->tree, c->at, "_||_", NULL, accu(c), predicate);
	fold.result = accu(c);
	return cel_tree_fold(c->tree, c->at, &fold);
}

static const struct cel_expr *exists_one(const struct cel_macro_call *c, struct cel_fold fold,
                                         const struct cel_expr *predicate) {
	fold.init = number(c, 0);
	fold.condition = truth(c, true);
	fold.step = step_where(c, predicate,
	                       CEL_TREE_CALL(c->tree, c->at, "_+_", NULL, accu(c), number(c, 1)));
	fold.result = CEL_TREE_CALL(c->tree, c->at, "_==_", NULL, accu(c), number(c, 1));
	return cel_tree_fold(c->tree, c->at, &fold);
}

static const char simple_name[] = "argument must be a simple name";

const struct cel_expr *cel_macro_all(const struct cel_macro_call *c) {
	return all(c, over_one(c, simple_name), c->args[1]);
}
const struct cel_expr *cel_macro_exists(const struct cel_macro_call *c) {
	return exists(c, over_one(c, simple_name), c->args[1]);
}
const struct cel_expr *cel_macro_exists_one(const struct cel_macro_call *c) {
	return exists_one(c, over_one(c, simple_name), c->args[1]);
}
const struct cel_expr *cel_macro_all_pairs(const struct cel_macro_call *c) {
	return all(c, over_pairs(c), c->args[2]);
}
const struct cel_expr *cel_macro_exists_pairs(const struct cel_macro_call *c) {
	return exists(c, over_pairs(c), c->args[2]);
}
const struct cel_expr *cel_macro_exists_one_pairs(const struct cel_macro_call *c) {
	return exists_one(c, over_pairs(c), c->args[2]);
}

/* --- what gathers ------------------------------------------------------------------------- */

static const struct cel_expr *gather(const struct cel_macro_call *c, struct cel_fold fold,
                                     enum cel_expr_kind into, const struct cel_expr *filter,
                                     const struct cel_expr *step) {
	fold.init = nothing(c, into);
	fold.condition = truth(c, true);
	fold.step = step_where(c, filter, step);
	fold.result = accu(c);
	return cel_tree_fold(c->tree, c->at, &fold);
}

static const struct cel_expr *append(const struct cel_macro_call *c, const struct cel_expr *e) {
	return CEL_TREE_CALL(c->tree, c->at, "_+_", NULL, accu(c), list_of(c, e));
}

/* The last argument is what is gathered; one more than there must be is a filter before it. */
static const struct cel_expr *filter_of(const struct cel_macro_call *c, size_t variables) {
	return c->count == variables + 2 ? c->args[variables] : NULL;
}

const struct cel_expr *cel_macro_map(const struct cel_macro_call *c) {
	return gather(c, over_one(c, "argument is not an identifier"), CEL_EXPR_LIST,
	              filter_of(c, 1), append(c, c->args[c->count - 1]));
}

const struct cel_expr *cel_macro_filter(const struct cel_macro_call *c) {
	return gather(c, over_one(c, "argument is not an identifier"), CEL_EXPR_LIST, c->args[1],
	              append(c, c->args[0]));
}

const struct cel_expr *cel_macro_transform_list(const struct cel_macro_call *c) {
	return gather(c, over_pairs(c), CEL_EXPR_LIST, filter_of(c, 2),
	              append(c, c->args[c->count - 1]));
}

const struct cel_expr *cel_macro_transform_map(const struct cel_macro_call *c) {
	struct cel_fold fold = over_pairs(c);
	return gather(c, fold, CEL_EXPR_MAP, filter_of(c, 2),
	              CEL_TREE_CALL(c->tree, c->at, "cel.@mapInsert", NULL, accu(c),
	                            cel_tree_ident(c->tree, c->at, fold.iter),
	                            c->args[c->count - 1]));
}

const struct cel_expr *cel_macro_transform_entry(const struct cel_macro_call *c) {
	return gather(c, over_pairs(c), CEL_EXPR_MAP, filter_of(c, 2),
	              CEL_TREE_CALL(c->tree, c->at, "cel.@mapInsert", NULL, accu(c),
	                            c->args[c->count - 1]));
}
