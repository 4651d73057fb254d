/* Unification with an undo list: a trial that fails takes its bindings back. */
#include "cel/cel_unify.h"

#include <stdio.h>

enum {
	WORK_MAX = 5000000, /* steps over types for one expression; 50,000 nodes need a tenth */
	DEPTH_MAX = 1000,
};

struct var {
	struct cel_type type; /* PARAM; first, so that one is the other */
	const struct cel_type *bound;
	char name[16];
};

struct cel_undo {
	struct cel_undo *older;
	struct var *var;
	const struct cel_type *before;
};

void cel_unifier_init(struct cel_unifier *u, struct arena *a) {
	*u = (struct cel_unifier){.arena = a, .work_left = WORK_MAX};
}

static void fail(struct cel_unifier *u, enum err error) {
	if (!u->error) u->error = error;
}

/* Every recursion begins with it and, where it holds, ends with leave(). */
static bool enter(struct cel_unifier *u) {
	if (u->work_left == 0 || u->depth == DEPTH_MAX) fail(u, ERR_TOO_LARGE);
	if (u->error) return false;
	u->work_left--;
	u->depth++;
	return true;
}
static void leave(struct cel_unifier *u) {
	u->depth--;
}

/* --- variables ---------------------------------------------------------------------------- */

static bool is_var(const struct cel_type *t) {
	return t->kind == CEL_TYPE_PARAM;
}

const struct cel_type *cel_unify_var(struct cel_unifier *u) {
	struct var *v = arena_alloc(u->arena, sizeof *v);
	if (!v) {
		fail(u, ERR_NO_MEMORY);
		return &cel_type_error;
	}
	snprintf(v->name, sizeof v->name, "_var%u", u->var_count++);
	v->type = (struct cel_type){.kind = CEL_TYPE_PARAM, .name = v->name};
	return &v->type;
}

static const struct cel_type *bound_of(const struct cel_type *t) {
	return is_var(t) ? ((const struct var *)t)->bound : NULL;
}

static void set(struct cel_unifier *u, const struct cel_type *t, const struct cel_type *to) {
	struct cel_undo *undo = arena_alloc(u->arena, sizeof *undo);
	if (!undo) {
		fail(u, ERR_NO_MEMORY);
		return;
	}
	struct var *v = (struct var *)t;
	*undo = (struct cel_undo){.older = u->undo, .var = v, .before = v->bound};
	u->undo = undo;
	v->bound = to;
}

/* The same type with other parameters. */
static const struct cel_type *rebuild(struct cel_unifier *u, const struct cel_type *t,
                                      const struct cel_type *params[CEL_TYPE_PARAMS_MAX]) {
	const struct cel_type *made = u->error ? NULL : cel_type_with(u->arena, t, params);
	if (!made) fail(u, ERR_NO_MEMORY);
	return made ? made : &cel_type_error;
}

const struct cel_type *cel_unify_instance(struct cel_unifier *u, const struct cel_type *t,
                                          const struct cel_type *vars[CEL_LETTERS]) {
	if (is_var(t)) {
		int letter = t->name[0] - 'A';
		if (!vars[letter]) vars[letter] = cel_unify_var(u);
		return vars[letter];
	}
	const struct cel_type *params[CEL_TYPE_PARAMS_MAX] = {0};
	for (int i = 0; i < t->param_count; i++)
		params[i] = cel_unify_instance(u, t->params[i], vars);
	return rebuild(u, t, params);
}

static const struct cel_type *resolve(struct cel_unifier *u, const struct cel_type *t,
                                      bool to_dyn) {
	const struct cel_type *bound = bound_of(t);
	if (bound) return cel_unify_resolve(u, bound, to_dyn);
	if (is_var(t)) return to_dyn ? &cel_type_dyn : t;
	const struct cel_type *params[CEL_TYPE_PARAMS_MAX] = {0};
	for (int i = 0; i < t->param_count; i++)
		params[i] = cel_unify_resolve(u, t->params[i], to_dyn);
	return rebuild(u, t, params);
}

const struct cel_type *cel_unify_resolve(struct cel_unifier *u, const struct cel_type *t,
                                         bool to_dyn) {
	if (!enter(u)) return &cel_type_error;
	const struct cel_type *resolved = resolve(u, t, to_dyn);
	leave(u);
	return resolved;
}

/* --- comparing ---------------------------------------------------------------------------- */

bool cel_unify_same(struct cel_unifier *u, const struct cel_type *a, const struct cel_type *b) {
	if (a == b) return true;
	if (a->kind != b->kind || a->param_count != b->param_count) return false;
	if (strcmp(a->name, b->name) != 0 || !enter(u)) return false;
	bool same = true;
	for (int i = 0; i < a->param_count && same; i++)
		same = cel_unify_same(u, a->params[i], b->params[i]);
	leave(u);
	return same;
}

static bool less_specific(struct cel_unifier *u, const struct cel_type *a,
                          const struct cel_type *b) {
	if (a->kind == CEL_TYPE_DYN || is_var(a)) return true;
	if (b->kind == CEL_TYPE_DYN || is_var(b) || a->kind != b->kind) return false;
	if (a->kind == CEL_TYPE_TYPE) return true;
	if (a->kind == CEL_TYPE_WRAPPER) return cel_unify_same(u, a, b);
	if (strcmp(a->name, b->name) != 0 || a->param_count != b->param_count) return false;
	if (!enter(u)) return false;
	bool less = true;
	for (int i = 0; i < a->param_count && less; i++)
		less = less_specific(u, a->params[i], b->params[i]);
	leave(u);
	return less;
}

const struct cel_type *cel_unify_general(struct cel_unifier *u, const struct cel_type *a,
                                         const struct cel_type *b) {
	/* What fits null says that already; null says nothing of what else it may be. */
	if (a->kind == CEL_TYPE_NULL) return b;
	if (b->kind == CEL_TYPE_NULL || a->kind == CEL_TYPE_WRAPPER) return a;
	if (b->kind == CEL_TYPE_WRAPPER) return b;
	return less_specific(u, a, b) ? a : b;
}

/* Whether the variable occurs in a type: binding it to that would have no end. */
static bool occurs(struct cel_unifier *u, const struct cel_type *var, const struct cel_type *in) {
	if (var == in) return true;
	if (!enter(u)) return true;
	const struct cel_type *bound = bound_of(in);
	bool found = bound && occurs(u, var, bound);
	for (int i = 0; i < in->param_count && !found; i++) found = occurs(u, var, in->params[i]);
	leave(u);
	return found;
}

/* --- assigning ---------------------------------------------------------------------------- */

static bool assign(struct cel_unifier *u, const struct cel_type *a, const struct cel_type *b);

/* Whether the variable is `t` or can be. *known: it was bound before. */
static bool substitutes(struct cel_unifier *u, const struct cel_type *t, const struct cel_type *var,
                        bool *known) {
	*known = true;
	if (t == var) return true;
	const struct cel_type *bound = bound_of(var);
	if (bound) {
		if (cel_unify_same(u, t, bound)) return true;
		if (!assign(u, t, bound)) return false;
		const struct cel_type *general = cel_unify_general(u, t, bound);
		if (!occurs(u, var, general)) set(u, var, general);
		return true;
	}
	*known = false;
	if (occurs(u, var, t)) return false;
	set(u, var, t);
	return true;
}

static bool nullable(const struct cel_type *t) {
	return t->kind == CEL_TYPE_NULL || t->kind == CEL_TYPE_WRAPPER ||
	       t->kind == CEL_TYPE_OPAQUE || t->kind == CEL_TYPE_TIMESTAMP ||
	       t->kind == CEL_TYPE_DURATION;
}

static bool is_wild(const struct cel_type *t) {
	return t->kind == CEL_TYPE_DYN || t->kind == CEL_TYPE_ERROR;
}

static const struct cel_type *unwrapped(const struct cel_type *t) {
	return t->kind == CEL_TYPE_WRAPPER ? t->params[0] : t;
}

static bool assign_plain(struct cel_unifier *u, const struct cel_type *a,
                         const struct cel_type *b) {
	if (is_wild(a) || is_wild(b)) return true;
	if (a->kind == CEL_TYPE_NULL) return nullable(b);
	if (b->kind == CEL_TYPE_NULL) return nullable(a);
	a = unwrapped(a);
	b = unwrapped(b);
	if (a->kind != b->kind) return false;
	if (a->kind == CEL_TYPE_TYPE) return true;
	if (strcmp(a->name, b->name) != 0 || a->param_count != b->param_count) return false;
	for (int i = 0; i < a->param_count; i++)
		if (!assign(u, a->params[i], b->params[i])) return false;
	return true;
}

static bool assign_entered(struct cel_unifier *u, const struct cel_type *a,
                           const struct cel_type *b) {
	bool known;
	if (is_var(b)) {
		if (substitutes(u, a, b, &known)) return true;
		if (known) return false;
	}
	if (is_var(a)) return substitutes(u, b, a, &known);
	return assign_plain(u, a, b);
}

static bool assign(struct cel_unifier *u, const struct cel_type *a, const struct cel_type *b) {
	if (!enter(u)) return false;
	bool fits = assign_entered(u, a, b);
	leave(u);
	return fits;
}

static void undo_to(struct cel_unifier *u, const struct cel_undo *mark) {
	for (; u->undo != mark; u->undo = u->undo->older) u->undo->var->bound = u->undo->before;
}

bool cel_unify_all(struct cel_unifier *u, const struct cel_type *const *to,
                   const struct cel_type *const *from, uint32_t count) {
	const struct cel_undo *mark = u->undo;
	bool fits = true;
	for (uint32_t i = 0; i < count && fits; i++) fits = assign(u, to[i], from[i]);
	if (!fits) undo_to(u, mark);
	return fits && !u->error;
}

bool cel_unify(struct cel_unifier *u, const struct cel_type *to, const struct cel_type *from) {
	return cel_unify_all(u, &to, &from, 1);
}
