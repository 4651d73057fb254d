/* Nodes, counted and measured as they are made: what follows may trust the limits. */
#include "cel/cel_tree.h"

const struct cel_expr *cel_tree_fail(struct cel_tree *t, enum err error, uint32_t at,
                                     const char *format, ...) {
	if (t->error) return NULL;
	t->error = error;
	va_list args;
	va_start(args, format);
	cel_issue_vadd(t->issues, t->source, at, format, args);
	va_end(args);
	return NULL;
}

const struct cel_expr *cel_tree_no_memory(struct cel_tree *t) {
	if (!t->error) t->error = ERR_NO_MEMORY;
	return NULL;
}

/* `below`: the depth of its deepest child. */
static struct cel_expr *node(struct cel_tree *t, enum cel_expr_kind kind, uint32_t at,
                             uint16_t below) {
	if (t->error) return NULL;
	if (below >= CEL_DEPTH_MAX)
		cel_tree_fail(t, ERR_TOO_LARGE, at, "nested deeper than %d", CEL_DEPTH_MAX);
	else if (t->count == CEL_NODES_MAX)
		cel_tree_fail(t, ERR_TOO_LARGE, at, "more than %d parts, macros included",
		              CEL_NODES_MAX);
	if (t->error) return NULL;
	struct cel_expr *e = arena_alloc(t->arena, sizeof *e);
	if (!e) {
		cel_tree_no_memory(t);
		return NULL;
	}
	e->kind = (uint8_t)kind;
	e->depth = (uint16_t)(below + 1);
	e->id = ++t->count;
	e->at = at;
	return e;
}

static uint16_t deeper(uint16_t depth, const struct cel_expr *child) {
	return child && child->depth > depth ? child->depth : depth;
}

const struct cel_expr *cel_tree_const(struct cel_tree *t, uint32_t at, struct cel_value value) {
	struct cel_expr *e = node(t, CEL_EXPR_CONST, at, 0);
	if (e) e->constant = value;
	return e;
}

const struct cel_expr *cel_tree_ident(struct cel_tree *t, uint32_t at, struct slice name) {
	struct cel_expr *e = node(t, CEL_EXPR_IDENT, at, 0);
	if (e) e->ident = name;
	return e;
}

const struct cel_expr *cel_tree_select(struct cel_tree *t, uint32_t at,
                                       const struct cel_expr *operand, struct slice field,
                                       bool test) {
	struct cel_expr *e = node(t, CEL_EXPR_SELECT, at, deeper(0, operand));
	if (!e) return NULL;
	e->select.operand = operand;
	e->select.field = field;
	e->select.test = test;
	return e;
}

const struct cel_expr *cel_tree_items(struct cel_tree *t, uint32_t at, enum cel_expr_kind kind,
                                      const struct cel_item *items, size_t count,
                                      struct slice message) {
	uint16_t depth = 0;
	for (size_t i = 0; i < count; i++)
		depth = deeper(deeper(depth, items[i].key), items[i].value);
	struct cel_expr *e = node(t, kind, at, depth);
	struct cel_item *copy = e ? arena_alloc(t->arena, count * sizeof *copy) : NULL;
	if (!copy) return e ? cel_tree_no_memory(t) : NULL;
	if (count) memcpy(copy, items, count * sizeof *copy);
	e->of.items = copy;
	e->of.count = (uint32_t)count;
	e->of.message = message;
	return e;
}

const struct cel_expr *cel_tree_call(struct cel_tree *t, uint32_t at, struct slice function,
                                     const struct cel_expr *target,
                                     const struct cel_expr *const *args, size_t count) {
	uint16_t depth = deeper(0, target);
	for (size_t i = 0; i < count; i++) depth = deeper(depth, args[i]);
	struct cel_expr *e = node(t, CEL_EXPR_CALL, at, depth);
	const struct cel_expr **copy = e ? arena_alloc(t->arena, count * sizeof *copy) : NULL;
	if (!copy) return e ? cel_tree_no_memory(t) : NULL;
	if (count) memcpy(copy, args, count * sizeof *copy);
	e->call.function = function;
	e->call.target = target;
	e->call.args = copy;
	e->call.arg_count = (uint32_t)count;
	return e;
}

const struct cel_expr *cel_tree_fold(struct cel_tree *t, uint32_t at, const struct cel_fold *fold) {
	const struct cel_expr *children[] = {fold->range, fold->init, fold->condition, fold->step,
	                                     fold->result};
	uint16_t depth = 0;
	for (size_t i = 0; i < sizeof children / sizeof *children; i++)
		depth = deeper(depth, children[i]);
	struct cel_expr *e = node(t, CEL_EXPR_FOLD, at, depth);
	if (e) e->fold = *fold;
	return e;
}

size_t cel_tree_name(const struct cel_expr *e, char out[CEL_NAME_MAX]) {
	if (e->kind == CEL_EXPR_SELECT && !e->select.test)
		return cel_tree_name_with(e->select.operand, e->select.field, out);
	if (e->kind != CEL_EXPR_IDENT || e->ident.len > CEL_NAME_MAX) return 0;
	memcpy(out, e->ident.ptr, e->ident.len);
	return e->ident.len;
}

size_t cel_tree_name_with(const struct cel_expr *e, struct slice last, char out[CEL_NAME_MAX]) {
	size_t len = cel_tree_name(e, out);
	if (len == 0 || last.len + 1 > CEL_NAME_MAX - len) return 0;
	out[len++] = '.';
	memcpy(out + len, last.ptr, last.len);
	return len + last.len;
}
