/* The table of macros, and those that are no folds by nature: they bind a name, or check what a
 * function cannot check. */
#include "cel/cel_macro.h"

#include <stdio.h>

enum { ANY_COUNT = -1 };

struct slice cel_macro_name(const struct cel_macro_call *c, const struct cel_expr *arg,
                            const char *what) {
	if (arg->kind == CEL_EXPR_IDENT) return arg->ident;
	cel_tree_fail(c->tree, ERR_INVALID, arg->at, "%s", what);
	return SLICE_LIT("");
}

const struct cel_expr *cel_macro_bind(const struct cel_macro_call *c, struct slice name,
                                      const struct cel_expr *init, const struct cel_expr *body) {
	struct cel_fold fold = {
		.iter = SLICE_LIT("#unused"),
		.accu = name,
		.range = cel_tree_items(c->tree, c->at, CEL_EXPR_LIST, NULL, 0, SLICE_LIT("")),
		.init = init,
		.condition = cel_tree_const(c->tree, c->at, cel_bool(false)),
		.step = cel_tree_ident(c->tree, c->at, name),
		.result = body,
	};
	return cel_tree_fold(c->tree, c->at, &fold);
}

static const struct cel_expr *cel_bind(const struct cel_macro_call *c) {
	struct slice name = cel_macro_name(c, c->args[0],
	                                   "cel.bind() variable names must be simple identifiers");
	return cel_macro_bind(c, name, c->args[1], c->args[2]);
}

static const struct cel_expr *has(const struct cel_macro_call *c) {
	const struct cel_expr *e = c->args[0];
	if (e->kind != CEL_EXPR_SELECT)
		return cel_tree_fail(c->tree, ERR_INVALID, e->at,
		                     "invalid argument to has() macro");
	return cel_tree_select(c->tree, c->at, e->select.operand, e->select.field, true);
}

/* --- optionals ---------------------------------------------------------------------------- */

/* The target is bound once, where cel-go copies it: chains of these would double with each link. */
static const struct cel_expr *where_present(const struct cel_macro_call *c, bool wrap) {
	const struct slice given = SLICE_LIT("@optional");
	struct cel_tree *t = c->tree;
	struct slice name =
		cel_macro_name(c, c->args[0], "the variable's name must be a simple identifier");
	const struct cel_expr *value = cel_tree_call(t, c->at, SLICE_LIT("value"),
	                                             cel_tree_ident(t, c->at, given), NULL, 0);
	const struct cel_expr *body = cel_macro_bind(c, name, value, c->args[1]);
	if (wrap) body = CEL_TREE_CALL(t, c->at, "optional.of", NULL, body);
	const struct cel_expr *present = cel_tree_call(t, c->at, SLICE_LIT("hasValue"),
	                                               cel_tree_ident(t, c->at, given), NULL, 0);
	const struct cel_expr *none =
		cel_tree_call(t, c->at, SLICE_LIT("optional.none"), NULL, NULL, 0);
	return cel_macro_bind(c, given, c->target,
	                      CEL_TREE_CALL(t, c->at, "_?_:_", NULL, present, body, none));
}

static const struct cel_expr *opt_map(const struct cel_macro_call *c) {
	return where_present(c, true);
}
static const struct cel_expr *opt_flat_map(const struct cel_macro_call *c) {
	return where_present(c, false);
}

/* --- lists and numbers -------------------------------------------------------------------- */

/* Sorts by keys that are computed once for each element. */
static const struct cel_expr *sort_by(const struct cel_macro_call *c) {
	const struct slice given = SLICE_LIT("@list");
	struct cel_macro_call map = *c;
	map.target = cel_tree_ident(c->tree, c->at, given);
	return cel_macro_bind(c, given, c->target,
	                      CEL_TREE_CALL(c->tree, c->at, "@sortByAssociatedKeys",
	                                    cel_tree_ident(c->tree, c->at, given),
	                                    cel_macro_map(&map)));
}

static bool may_be_number(const struct cel_expr *e) {
	switch (e->kind) {
	case CEL_EXPR_CONST:
		return e->constant.kind == CEL_INT || e->constant.kind == CEL_UINT ||
		       e->constant.kind == CEL_DOUBLE;
	case CEL_EXPR_LIST:
	case CEL_EXPR_MAP:
	case CEL_EXPR_STRUCT: return false;
	default: return true;
	}
}

static bool may_be_numbers(const struct cel_expr *list) {
	for (uint32_t i = 0; i < list->of.count; i++)
		if (!may_be_number(list->of.items[i].value)) return false;
	return list->of.count > 0;
}

/* math.greatest and math.least take any number of numbers; the functions behind take one, two, or
 * a list. */
static const struct cel_expr *extreme(const struct cel_macro_call *c, const char *function) {
	struct cel_tree *t = c->tree;
	if (c->count == 0)
		return cel_tree_fail(t, ERR_INVALID, c->at,
		                     "math." SLICE_FMT "() requires at least one argument",
		                     SLICE_ARG(c->function));
	bool one_list = c->count == 1 && c->args[0]->kind == CEL_EXPR_LIST;
	struct cel_item *items = arena_alloc(t->arena, c->count * sizeof *items);
	if (!items) return cel_tree_no_memory(t);
	for (size_t i = 0; i < c->count; i++) {
		items[i].value = c->args[i];
		bool fits = one_list ? may_be_numbers(c->args[i]) : may_be_number(c->args[i]);
		if (!fits)
			return cel_tree_fail(t, ERR_INVALID, c->args[i]->at,
			                     "math." SLICE_FMT "() takes numbers",
			                     SLICE_ARG(c->function));
	}
	if (c->count <= 2)
		return cel_tree_call(t, c->at, slice_str(function), NULL, c->args, c->count);
	return CEL_TREE_CALL(
		t, c->at, function, NULL,
		cel_tree_items(t, c->at, CEL_EXPR_LIST, items, c->count, SLICE_LIT("")));
}

static const struct cel_expr *greatest(const struct cel_macro_call *c) {
	return extreme(c, "math.@max");
}
static const struct cel_expr *least(const struct cel_macro_call *c) {
	return extreme(c, "math.@min");
}

/* --- of cel-spec's suites ----------------------------------------------------------------- */

static const struct cel_expr *numbered(const struct cel_macro_call *c, const char *prefix) {
	char name[48];
	int len = snprintf(name, sizeof name, "%s", prefix);
	for (size_t i = 0; i < c->count; i++) {
		const struct cel_expr *arg = c->args[i];
		if (arg->kind != CEL_EXPR_CONST || arg->constant.kind != CEL_INT ||
		    arg->constant.i < 0 || arg->constant.i > 1000)
			return cel_tree_fail(c->tree, ERR_INVALID, arg->at,
			                     "must be a small number that is written out");
		len += snprintf(name + len, sizeof name - (size_t)len, ":%d", (int)arg->constant.i);
	}
	struct slice kept = arena_copy(c->tree->arena, slice_of(name, (size_t)len));
	return kept.ptr ? cel_tree_ident(c->tree, c->at, kept) : cel_tree_no_memory(c->tree);
}

static const struct cel_expr *block_index(const struct cel_macro_call *c) {
	return numbered(c, "@index");
}
static const struct cel_expr *iter_var(const struct cel_macro_call *c) {
	return numbered(c, "@it");
}
static const struct cel_expr *accu_var(const struct cel_macro_call *c) {
	return numbered(c, "@ac");
}

/* Bindings one within the other. What they stand for is dyn, as in the suites' own runner. */
static const struct cel_expr *block(const struct cel_macro_call *c) {
	const struct cel_expr *list = c->args[0], *body = c->args[1];
	if (list->kind != CEL_EXPR_LIST)
		return cel_tree_fail(c->tree, ERR_INVALID, list->at,
		                     "cel.block requires the first arg to be a list literal");
	for (uint32_t i = list->of.count; i > 0; i--) {
		struct cel_macro_call index = *c;
		index.args = (const struct cel_expr *const[]){
			cel_tree_const(c->tree, c->at, cel_int(i - 1))};
		index.count = 1;
		if (!index.args[0]) return NULL;
		const struct cel_expr *name = block_index(&index);
		if (!name) return NULL;
		body = cel_macro_bind(
			c, name->ident,
			CEL_TREE_CALL(c->tree, c->at, "dyn", NULL, list->of.items[i - 1].value),
			body);
	}
	return body;
}

/* --- the table ---------------------------------------------------------------------------- */

/* Found by function, what it is called on, and number of arguments. */
enum receiver { GLOBAL, MEMBER, IN_CEL, IN_MATH };

static const struct macro {
	const char *function;
	enum receiver receiver;
	int count;
	enum cel_macros since;
	const struct cel_expr *(*expand)(const struct cel_macro_call *c);
} macros[] = {
	{"has", GLOBAL, 1, CEL_MACROS_STANDARD, has},
	{"all", MEMBER, 2, CEL_MACROS_STANDARD, cel_macro_all},
	{"exists", MEMBER, 2, CEL_MACROS_STANDARD, cel_macro_exists},
	{"exists_one", MEMBER, 2, CEL_MACROS_STANDARD, cel_macro_exists_one},
	{"existsOne", MEMBER, 2, CEL_MACROS_STANDARD, cel_macro_exists_one},
	{"map", MEMBER, 2, CEL_MACROS_STANDARD, cel_macro_map},
	{"map", MEMBER, 3, CEL_MACROS_STANDARD, cel_macro_map},
	{"filter", MEMBER, 2, CEL_MACROS_STANDARD, cel_macro_filter},
	{"all", MEMBER, 3, CEL_MACROS_ALL, cel_macro_all_pairs},
	{"exists", MEMBER, 3, CEL_MACROS_ALL, cel_macro_exists_pairs},
	{"exists_one", MEMBER, 3, CEL_MACROS_ALL, cel_macro_exists_one_pairs},
	{"existsOne", MEMBER, 3, CEL_MACROS_ALL, cel_macro_exists_one_pairs},
	{"transformList", MEMBER, 3, CEL_MACROS_ALL, cel_macro_transform_list},
	{"transformList", MEMBER, 4, CEL_MACROS_ALL, cel_macro_transform_list},
	{"transformMap", MEMBER, 3, CEL_MACROS_ALL, cel_macro_transform_map},
	{"transformMap", MEMBER, 4, CEL_MACROS_ALL, cel_macro_transform_map},
	{"transformMapEntry", MEMBER, 3, CEL_MACROS_ALL, cel_macro_transform_entry},
	{"transformMapEntry", MEMBER, 4, CEL_MACROS_ALL, cel_macro_transform_entry},
	{"bind", IN_CEL, 3, CEL_MACROS_ALL, cel_bind},
	{"optMap", MEMBER, 2, CEL_MACROS_ALL, opt_map},
	{"optFlatMap", MEMBER, 2, CEL_MACROS_ALL, opt_flat_map},
	{"sortBy", MEMBER, 2, CEL_MACROS_ALL, sort_by},
	{"greatest", IN_MATH, ANY_COUNT, CEL_MACROS_ALL, greatest},
	{"least", IN_MATH, ANY_COUNT, CEL_MACROS_ALL, least},
	{"block", IN_CEL, 2, CEL_MACROS_SUITE, block},
	{"index", IN_CEL, 1, CEL_MACROS_SUITE, block_index},
	{"iterVar", IN_CEL, 2, CEL_MACROS_SUITE, iter_var},
	{"accuVar", IN_CEL, 2, CEL_MACROS_SUITE, accu_var},
};

static bool receiver_fits(enum receiver receiver, const struct cel_expr *target) {
	switch (receiver) {
	case GLOBAL: return !target;
	case MEMBER: return target;
	default:
		return target && target->kind == CEL_EXPR_IDENT &&
		       slice_is(target->ident, receiver == IN_CEL ? "cel" : "math");
	}
}

bool cel_macro_expand(const struct cel_macro_call *c, enum cel_macros known,
                      const struct cel_expr **out) {
	for (size_t i = 0; i < sizeof macros / sizeof *macros; i++) {
		const struct macro *m = &macros[i];
		if (m->since > known || !receiver_fits(m->receiver, c->target)) continue;
		if (m->count != ANY_COUNT && m->count != (int)c->count) continue;
		if (!slice_is(c->function, m->function)) continue;
		*out = m->expand(c);
		return true;
	}
	return false;
}
