/* Calls: which function is meant, which of its overloads can be, and of what type the result is. */
#include "cel/cel_check_private.h"
#include "cel/cel_tree.h"

/* More arguments than any signature has: they are checked, but not told apart. */
enum { CALL_ARGS_MAX = CEL_SIGNATURE_PARAMS_MAX + 1 };

/* A call whose arguments are checked. */
struct call {
	const struct cel_expr *expr;
	const struct cel_expr *target; /* NULL: none, or part of the function's name */
	const struct cel_group *group;
	const struct cel_type **args; /* the target's first */
	uint32_t count;
};

/* --- overloads ---------------------------------------------------------------------------- */

static bool overload_fits(struct cel_checker *c, const struct call *call,
                          const struct cel_signature *s, const struct cel_type **result) {
	const struct cel_type *vars[CEL_LETTERS] = {0};
	const struct cel_type *params[CEL_SIGNATURE_PARAMS_MAX];
	if (s->receiver != (call->target != NULL) || s->param_count != call->count) return false;
	for (uint32_t i = 0; i < call->count; i++)
		params[i] = cel_unify_instance(&c->unifier, s->params[i], vars);
	if (!cel_unify_all(&c->unifier, call->args, params, call->count)) return false;
	*result = cel_unify_resolve(&c->unifier, cel_unify_instance(&c->unifier, s->result, vars),
	                            false);
	return true;
}

static void call_text(struct cel_checker *c, const struct call *call, struct buf *out) {
	enum err e = ERR_OK;
	uint32_t first = call->target ? 1 : 0;
	if (first) e = buf_printf(out, "%s.", cel_check_type_text(c, call->args[0]).chars);
	for (uint32_t i = first; i < call->count && !e; i++)
		e = buf_printf(out, "%s%s", i == first ? "(" : ", ",
		               cel_check_type_text(c, call->args[i]).chars);
	if (!e) e = buf_append_str(out, call->count == first ? "()" : ")");
	IGNORE(e); /* an issue is cut where it is long */
}

static const struct cel_type *no_overload(struct cel_checker *c, const struct call *call) {
	struct buf text;
	buf_init(&text, 512);
	call_text(c, call, &text);
	const struct cel_type *type = cel_check_fail(
		c, call->expr->at,
		"found no matching overload for '" SLICE_FMT "' applied to '" SLICE_FMT "'",
		SLICE_ARG(call->group->function), SLICE_ARG(buf_slice(&text)));
	buf_done(&text);
	return type;
}

static const struct cel_type *choose(struct cel_checker *c, const struct call *call) {
	struct cel_expr *e = cel_check_own(call->expr);
	const struct cel_group *g = call->group;
	const struct cel_overload **fit = arena_alloc(c->arena, g->count * sizeof *fit);
	const struct cel_type *type = NULL, *result;
	if (!fit) {
		c->unifier.error = ERR_NO_MEMORY;
		return &cel_type_error;
	}
	for (uint32_t i = 0; i < g->count; i++) {
		if (!overload_fits(c, call, &g->signatures[i], &result)) continue;
		fit[e->overload_count++] = g->overloads[i];
		if (!type)
			type = result;
		else if (type->kind != CEL_TYPE_DYN && !cel_unify_same(&c->unifier, type, result))
			type = &cel_type_dyn;
	}
	e->overloads = fit;
	return type ? type : no_overload(c, call);
}

/* --- calls -------------------------------------------------------------------------------- */

/* operand.?field is a call by its tree, but its second argument is a name. */
static const struct cel_type *check_optional_select(struct cel_checker *c,
                                                    const struct cel_expr *e) {
	const struct cel_group *g = cel_env_group(c->env, e->call.function);
	cel_check_expr(c, e->call.args[1]);
	const struct cel_type *type = cel_check_field(c, e, e->call.args[0], true);
	cel_check_own(e)->overloads = g->overloads;
	cel_check_own(e)->overload_count = g->count;
	return cel_unify_resolve(&c->unifier, type, false);
}

/* Each side by itself, so that the issue is where the mistake is. */
static const struct cel_type *check_logic(struct cel_checker *c, const struct cel_expr *e) {
	const struct cel_group *g = cel_env_group(c->env, e->call.function);
	bool fits = true;
	for (uint32_t i = 0; i < e->call.arg_count; i++) {
		const struct cel_expr *arg = e->call.args[i];
		const struct cel_type *type = cel_check_expr(c, arg);
		if (cel_unify(&c->unifier, type, &cel_type_bool)) continue;
		cel_check_mismatch(c, arg->at, &cel_type_bool, type);
		fits = false;
	}
	cel_check_own(e)->overloads = g->overloads;
	cel_check_own(e)->overload_count = g->count;
	return fits ? &cel_type_bool : &cel_type_error;
}

/* Whether there are functions "a.b.x" and nothing else is called "a.b". */
static bool is_namespace(const struct cel_checker *c, struct slice full, struct slice function) {
	struct slice prefix = slice_of(full.ptr, full.len - function.len), name;
	size_t cursor = 0;
	if (cel_env_find(c->env, slice_of(prefix.ptr, prefix.len - 1))) return false;
	while (cel_env_next_function(c->env, &cursor, &name))
		if (slice_starts(name, prefix)) return true;
	return false;
}

static void add_arg(struct cel_checker *c, struct call *call, const struct cel_expr *arg) {
	const struct cel_type *type = cel_check_expr(c, arg);
	if (call->count < CALL_ARGS_MAX) call->args[call->count++] = type;
}

static const struct cel_type *check_function(struct cel_checker *c, const struct cel_expr *e) {
	char text[CEL_NAME_MAX];
	const struct cel_type *args[CALL_ARGS_MAX];
	struct call call = {.expr = e, .target = e->call.target, .args = args};
	struct slice full = slice_of(text, 0);
	if (call.target) full.len = cel_tree_name_with(call.target, e->call.function, text);
	if (full.len) call.group = cel_env_group(c->env, full);
	if (call.group) call.target = NULL;
	bool lost = full.len && !call.group && is_namespace(c, full, e->call.function);
	if (call.target && !lost) add_arg(c, &call, call.target);
	for (uint32_t i = 0; i < e->call.arg_count; i++) add_arg(c, &call, e->call.args[i]);
	if (lost) return cel_check_undeclared(c, e->at, full, true);
	if (!call.group && call.target)
		call.group = cel_env_group_full(c->env, e->call.function);
	else if (!call.group)
		call.group = cel_env_group(c->env, e->call.function);
	if (!call.group) return cel_check_undeclared(c, e->at, e->call.function, true);
	if (!slice_eq(call.group->function, e->call.function))
		cel_check_own(e)->reference = call.group->function;
	return choose(c, &call);
}

const struct cel_type *cel_check_call(struct cel_checker *c, const struct cel_expr *e) {
	struct slice f = e->call.function;
	if (slice_is(f, "_?._")) return check_optional_select(c, e);
	if (slice_is(f, "_&&_") || slice_is(f, "_||_")) return check_logic(c, e);
	return check_function(c, e);
}
