/* The checker: literals, names, fields, folds. As cel-go's, which the official suites hold it to;
 * it goes on after a mistake, so that people see all of them at once. */
#include "cel/cel_check_private.h"
#include "cel/cel_tree.h"

static const struct cel_type *resolved(struct cel_checker *c, const struct cel_type *t) {
	return cel_unify_resolve(&c->unifier, t, false);
}

/* --- names -------------------------------------------------------------------------------- */

static const struct cel_scope_name *local_find(const struct cel_checker *c, struct slice name) {
	const struct cel_scope_name *s = c->scope;
	while (s && !slice_eq(s->name, name)) s = s->outer;
	return s;
}

static const struct cel_type *refer(struct cel_checker *c, const struct cel_expr *e,
                                    const struct cel_name *name) {
	cel_check_own(e)->reference = name->full;
	return cel_unify_instance(&c->unifier, name->type, c->declared);
}

static const struct cel_type *check_ident(struct cel_checker *c, const struct cel_expr *e) {
	const struct cel_scope_name *local = local_find(c, e->ident);
	if (local) {
		cel_check_own(e)->reference = local->name;
		return local->type;
	}
	const struct cel_name *name = cel_env_find(c->env, e->ident);
	return name ? refer(c, e, name) : cel_check_undeclared(c, e->at, e->ident, false);
}

/* What the whole of a.b.c, or of has(a.b.c), is declared as; NULL: nothing, or `a` is a variable
 * of a macro. */
static const struct cel_name *qualified(const struct cel_checker *c, const struct cel_expr *e) {
	char text[CEL_NAME_MAX];
	size_t len = cel_tree_name_with(e->select.operand, e->select.field, text);
	struct slice first = slice_of(text, len);
	first = slice_cut(&first, '.');
	if (len == 0 || local_find(c, first)) return NULL;
	return cel_env_find(c->env, slice_of(text, len));
}

/* --- fields ------------------------------------------------------------------------------- */

static const struct cel_type *field_type(struct cel_checker *c, const struct cel_expr *e,
                                         const struct cel_type *of) {
	switch (of->kind) {
	case CEL_TYPE_MAP: return of->params[1];
	case CEL_TYPE_PARAM: /* it could become anything: dyn, before it becomes the wrong thing */
		cel_unify(&c->unifier, &cel_type_dyn, of);
		return &cel_type_dyn;
	case CEL_TYPE_DYN:
	case CEL_TYPE_ERROR: return &cel_type_dyn;
	default:
		cel_check_fail(c, e->at, "type '%s' does not support field selection",
		               cel_check_type_text(c, of).chars);
		return &cel_type_dyn;
	}
}

const struct cel_type *cel_check_field(struct cel_checker *c, const struct cel_expr *e,
                                       const struct cel_expr *operand, bool optional) {
	const struct cel_type *of = resolved(c, cel_check_expr(c, operand));
	bool unwrap = cel_type_is_optional(of);
	const struct cel_type *type = field_type(c, e, unwrap ? of->params[0] : of);
	if (!unwrap && !optional) return type;
	const struct cel_type *wrapped = cel_type_optional(c->arena, type);
	if (!wrapped) c->unifier.error = ERR_NO_MEMORY;
	return wrapped ? wrapped : &cel_type_error;
}

static const struct cel_type *check_select(struct cel_checker *c, const struct cel_expr *e) {
	const struct cel_name *name = qualified(c, e);
	if (name) {
		const struct cel_type *type = refer(c, e, name);
		return e->select.test ? &cel_type_bool : type;
	}
	const struct cel_expr *chain = c->chain;
	if (!c->chain) c->chain = e;
	const struct cel_type *type = cel_check_field(c, e, e->select.operand, false);
	c->chain = chain;
	return e->select.test ? &cel_type_bool : resolved(c, type);
}

/* --- literals ----------------------------------------------------------------------------- */

static const struct cel_type *constant_type(const struct cel_value *v) {
	switch (v->kind) {
	case CEL_NULL: return &cel_type_null;
	case CEL_BOOL: return &cel_type_bool;
	case CEL_INT: return &cel_type_int;
	case CEL_UINT: return &cel_type_uint;
	case CEL_DOUBLE: return &cel_type_double;
	case CEL_BYTES: return &cel_type_bytes;
	default: return &cel_type_string;
	}
}

/* What an element brings to a list: of an optional one what is in it. */
static const struct cel_type *element_type(struct cel_checker *c, const struct cel_item *item) {
	const struct cel_type *type = cel_check_expr(c, item->value);
	if (!item->optional) return type;
	const struct cel_type *of = resolved(c, type);
	if (cel_type_is_optional(of)) return of->params[0];
	if (of->kind != CEL_TYPE_DYN && of->kind != CEL_TYPE_ERROR)
		cel_check_fail(c, item->value->at,
		               "expected type 'optional_type(%s)' but found '%s'",
		               cel_check_type_text(c, of).chars, cel_check_type_text(c, of).chars);
	return type;
}

/* The type of several together: dyn where they have nothing in common. NULL: there is none. */
static const struct cel_type *joined(struct cel_checker *c, const struct cel_type *so_far,
                                     const struct cel_type *next) {
	if (!so_far) return next;
	if (!cel_unify(&c->unifier, so_far, next)) return &cel_type_dyn;
	return cel_unify_general(&c->unifier, so_far, next);
}

static const struct cel_type *made(struct cel_checker *c, const struct cel_type *type) {
	if (!type) c->unifier.error = ERR_NO_MEMORY;
	return type ? type : &cel_type_error;
}

static const struct cel_type *check_list(struct cel_checker *c, const struct cel_expr *e) {
	const struct cel_type *of = NULL;
	for (uint32_t i = 0; i < e->of.count; i++)
		of = joined(c, of, element_type(c, &e->of.items[i]));
	return made(c, cel_type_list(c->arena, of ? of : cel_unify_var(&c->unifier)));
}

static const struct cel_type *check_map(struct cel_checker *c, const struct cel_expr *e) {
	const struct cel_type *key = NULL, *value = NULL;
	for (uint32_t i = 0; i < e->of.count; i++) {
		key = joined(c, key, cel_check_expr(c, e->of.items[i].key));
		value = joined(c, value, element_type(c, &e->of.items[i]));
	}
	if (!key) key = cel_unify_var(&c->unifier);
	if (!value) value = cel_unify_var(&c->unifier);
	return made(c, cel_type_map(c->arena, key, value));
}

/* There are no messages; what can be said is why this is none. */
static const struct cel_type *check_struct(struct cel_checker *c, const struct cel_expr *e) {
	const struct cel_name *name = cel_env_find(c->env, e->of.message);
	if (!name) return cel_check_undeclared(c, e->at, e->of.message, false);
	if (name->type->kind != CEL_TYPE_TYPE)
		return cel_check_fail(c, e->at, "'%s' is not a type",
		                      cel_check_type_text(c, name->type).chars);
	return cel_check_fail(c, e->at, "'" SLICE_FMT "' is not a message type",
	                      SLICE_ARG(name->full));
}

/* --- folds -------------------------------------------------------------------------------- */

struct variables {
	const struct cel_type *first, *second;
};

/* Of an element or a key; of an index and an element, or a key and a value. */
static struct variables range_variables(struct cel_checker *c, const struct cel_expr *range,
                                        bool two) {
	const struct cel_type *of = resolved(c, range->type);
	switch (of->kind) {
	case CEL_TYPE_LIST:
		return (struct variables){two ? &cel_type_int : of->params[0], of->params[0]};
	case CEL_TYPE_MAP: return (struct variables){of->params[0], of->params[1]};
	case CEL_TYPE_PARAM:
	case CEL_TYPE_DYN:
	case CEL_TYPE_ERROR:
		cel_unify(&c->unifier, &cel_type_dyn, of);
		return (struct variables){&cel_type_dyn, &cel_type_dyn};
	default:
		cel_check_fail(
			c, range->at,
			"expression of type '%s' cannot be range of a comprehension (must be "
			"list, map, or dynamic)",
			cel_check_type_text(c, of).chars);
		return (struct variables){&cel_type_error, &cel_type_error};
	}
}

static void check_is(struct cel_checker *c, const struct cel_expr *e, const struct cel_type *type) {
	const struct cel_type *found = cel_check_expr(c, e);
	if (!cel_unify(&c->unifier, type, found)) cel_check_mismatch(c, e->at, type, found);
}

static const struct cel_type *check_fold(struct cel_checker *c, const struct cel_expr *e) {
	const struct cel_fold *f = &e->fold;
	const struct cel_scope_name *outer = c->scope;
	cel_check_expr(c, f->range);
	struct cel_scope_name accu = {outer, f->accu, cel_check_expr(c, f->init)};
	struct variables v = range_variables(c, f->range, f->iter2.len > 0);
	struct cel_scope_name iter = {&accu, f->iter, v.first};
	struct cel_scope_name iter2 = {&iter, f->iter2, v.second};
	c->scope = f->iter2.len ? &iter2 : &iter;
	check_is(c, f->condition, &cel_type_bool);
	check_is(c, f->step, accu.type);
	c->scope = &accu;
	const struct cel_type *type = cel_check_expr(c, f->result);
	c->scope = outer;
	return resolved(c, type);
}

/* --- the whole ---------------------------------------------------------------------------- */

static const struct cel_type *check_kind(struct cel_checker *c, const struct cel_expr *e) {
	switch (e->kind) {
	case CEL_EXPR_CONST: return constant_type(&e->constant);
	case CEL_EXPR_IDENT: return check_ident(c, e);
	case CEL_EXPR_SELECT: return check_select(c, e);
	case CEL_EXPR_CALL: return cel_check_call(c, e);
	case CEL_EXPR_LIST: return check_list(c, e);
	case CEL_EXPR_MAP: return check_map(c, e);
	case CEL_EXPR_STRUCT: return check_struct(c, e);
	default: return check_fold(c, e);
	}
}

const struct cel_type *cel_check_expr(struct cel_checker *c, const struct cel_expr *e) {
	const struct cel_expr *chain = c->chain;
	if (e->kind != CEL_EXPR_SELECT && e->kind != CEL_EXPR_IDENT) c->chain = NULL;
	const struct cel_type *type = check_kind(c, e);
	c->chain = chain;
	return cel_check_own(e)->type = type;
}

/* Types with nothing left to find out, all over the tree. */
static void settle(struct cel_checker *c, const struct cel_expr *e) {
	if (!e || !e->type) return; /* no type: part of a name */
	cel_check_own(e)->type = cel_unify_resolve(&c->unifier, e->type, true);
	switch (e->kind) {
	case CEL_EXPR_CONST:
	case CEL_EXPR_IDENT: break;
	case CEL_EXPR_SELECT: settle(c, e->select.operand); break;
	case CEL_EXPR_CALL:
		settle(c, e->call.target);
		for (uint32_t i = 0; i < e->call.arg_count; i++) settle(c, e->call.args[i]);
		break;
	case CEL_EXPR_FOLD:
		settle(c, e->fold.range);
		settle(c, e->fold.init);
		settle(c, e->fold.condition);
		settle(c, e->fold.step);
		settle(c, e->fold.result);
		break;
	default:
		for (uint32_t i = 0; i < e->of.count; i++) {
			settle(c, e->of.items[i].key);
			settle(c, e->of.items[i].value);
		}
	}
}

enum err cel_check(const struct cel_env *e, struct arena *a, struct slice source,
                   const struct cel_type *expected, struct cel_issues *issues,
                   const struct cel_expr *root, const struct cel_type **type) {
	struct cel_checker c = {.env = e, .arena = a, .source = source, .issues = issues};
	cel_unifier_init(&c.unifier, a);
	const struct cel_type *found = cel_check_expr(&c, root);
	if (expected && !c.failed && !cel_unify(&c.unifier, expected, found))
		cel_check_mismatch(&c, root->at, expected, found);
	if (!c.failed && !c.unifier.error) settle(&c, root);
	*type = root->type;
	if (c.unifier.error == ERR_TOO_LARGE)
		cel_issue_add(issues, source, root->at, "its types are too large to be checked");
	if (c.unifier.error) return c.unifier.error;
	return c.failed ? ERR_INVALID : ERR_OK;
}
