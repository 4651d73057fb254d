/* Planning of macros. All macros become folds in the tree; here the shapes that have faster nodes
 * are recognised again: a fold over nothing only names a value, a fold of || or && is a
 * quantifier, a fold that appends to what it has would be quadratic. */
#include "cel/cel_plan.h"

/* --- reading shapes -------------------------------------------------------------------------- */

static bool is_ident(const struct cel_expr *e, struct slice name) {
	return e->kind == CEL_EXPR_IDENT && slice_eq(e->ident, name);
}

static bool is_bool(const struct cel_expr *e, bool value) {
	return e->kind == CEL_EXPR_CONST && e->constant.kind == CEL_BOOL && e->constant.b == value;
}

static bool is_empty(const struct cel_expr *e, enum cel_expr_kind kind) {
	return e->kind == kind && e->of.count == 0;
}

/* A call of this function whose first argument, or target, is the accumulator. */
static bool is_accu_call(const struct cel_expr *e, const char *function, uint32_t arg_count,
                         struct slice accu) {
	return e->kind == CEL_EXPR_CALL && slice_is(e->call.function, function) &&
	       e->call.arg_count == arg_count && is_ident(e->call.args[0], accu);
}

/* What a gathering fold gathers: `value` (with `key`, for a map) where `condition` holds. */
struct gather {
	const struct cel_node *functions;
	const struct cel_expr *condition, *key, *value;
};

static bool gathers(const struct cel_fold *f, struct gather *g) {
	const struct cel_expr *step = f->step;
	*g = (struct gather){0};
	if (step->kind == CEL_EXPR_CALL && slice_is(step->call.function, "_?_:_") &&
	    is_ident(step->call.args[2], f->accu)) {
		g->condition = step->call.args[0];
		step = step->call.args[1];
	}
	if (!is_bool(f->condition, true) || !is_ident(f->result, f->accu)) return false;
	if (is_empty(f->init, CEL_EXPR_LIST) && is_accu_call(step, "_+_", 2, f->accu)) {
		const struct cel_expr *added = step->call.args[1];
		if (added->kind != CEL_EXPR_LIST || added->of.count != 1) return false;
		g->functions = &cel_node_gather_list;
		g->value = added->of.items[0].value;
		return !added->of.items[0].optional;
	}
	if (!is_empty(f->init, CEL_EXPR_MAP)) return false;
	bool pair = is_accu_call(step, "cel.@mapInsert", 3, f->accu);
	if (!pair && !is_accu_call(step, "cel.@mapInsert", 2, f->accu)) return false;
	g->functions = &cel_node_gather_map;
	g->key = pair ? step->call.args[1] : NULL;
	g->value = step->call.args[pair ? 2 : 1];
	return true;
}

/* --- scopes ------------------------------------------------------------------------------------ */

static uint32_t local_new(struct cel_planner *p) {
	if (p->local_count < CEL_LOCALS_MAX) return p->local_count++;
	cel_plan_refuse(p, ERR_TOO_LARGE, 0, "more than %d variables of macros at once",
	                CEL_LOCALS_MAX);
	return 0;
}

/* What was planned reads no local from `base` on any more: they are its own. */
static void locals_end(struct cel_planner *p, uint32_t base, struct cel_planned *planned) {
	p->local_count = base;
	if (planned->lowest_local >= base) planned->lowest_local = UINT32_MAX;
}

/* --- a name for a value --------------------------------------------------------------------------- */

static struct cel_planned plan_let(struct cel_planner *p, const struct cel_fold *f) {
	uint32_t base = p->local_count;
	struct cel_planned init = cel_plan(p, f->init);
	bool constant = cel_plan_constant(&init) != NULL;
	struct cel_scope scope = {.outer = p->scope,
	                          .name = f->accu,
	                          .local = constant ? 0 : local_new(p),
	                          .constant = constant ? &init : NULL};
	if (!init.node || p->err) return (struct cel_planned){0};
	p->scope = &scope;
	struct cel_planned body = cel_plan(p, f->result), whole = body;
	p->scope = scope.outer;
	if (!body.node || constant) return body;
	struct cel_let *n = cel_plan_node(p, &cel_node_let, sizeof *n);
	cel_planned_add(&whole, &init);
	locals_end(p, base, &whole);
	whole.node = n ? &n->node : NULL;
	if (!n) return whole;
	n->local = scope.local;
	n->init = init.node;
	n->body = body.node;
	return cel_plan_folded(p, whole);
}

/* --- loops ------------------------------------------------------------------------------------------- */

/* The loop so far: `turn` is what each turn evaluates, `whole` what happens once. */
struct loop {
	struct cel_loop *node;
	struct cel_planned whole, turn;
};

static const struct cel_node *plan_in(struct cel_planner *p, const struct cel_expr *e,
                                      struct cel_planned *into) {
	struct cel_planned part = cel_plan(p, e);
	if (part.node) cel_planned_add(into, &part);
	return part.node;
}

static bool plan_quantifier(struct cel_planner *p, const struct cel_fold *f, struct loop *l) {
	bool exists = is_bool(f->init, false) && is_accu_call(f->step, "_||_", 2, f->accu);
	bool all = is_bool(f->init, true) && is_accu_call(f->step, "_&&_", 2, f->accu);
	if ((!exists && !all) || !is_ident(f->result, f->accu)) return false;
	l->node->node = exists ? cel_node_exists : cel_node_all;
	l->node->step = plan_in(p, f->step->call.args[1], &l->turn);
	return true;
}

static bool plan_gather(struct cel_planner *p, const struct cel_fold *f, struct loop *l) {
	struct gather g;
	if (!gathers(f, &g)) return false;
	struct cel_loop *n = l->node;
	n->node = *g.functions;
	if (g.condition) n->condition = plan_in(p, g.condition, &l->turn);
	if (g.key) n->key = plan_in(p, g.key, &l->turn);
	n->step = plan_in(p, g.value, &l->turn);
	bool failed = (g.condition && !n->condition) || (g.key && !n->key);
	if (failed) n->step = NULL;
	return true;
}

static void plan_any(struct cel_planner *p, const struct cel_fold *f, struct loop *l) {
	struct cel_loop *n = l->node;
	n->accu = local_new(p);
	struct cel_scope accu = {.outer = p->scope, .name = f->accu, .local = n->accu};
	n->node = cel_node_fold;
	n->init = plan_in(p, f->init, &l->whole);
	p->scope = &accu;
	n->condition = plan_in(p, f->condition, &l->turn);
	n->step = plan_in(p, f->step, &l->turn);
	n->result = plan_in(p, f->result, &l->whole);
	p->scope = accu.outer;
	if (p->err || !n->init || !n->condition || !n->result) n->step = NULL;
}

static struct cel_planned loop_end(struct cel_planner *p, struct loop *l, uint64_t turns) {
	uint64_t steps = l->turn.steps, cost = l->turn.cost;
	l->node->turn_cost = steps > INT32_MAX ? INT32_MAX : (uint32_t)steps;
	l->turn.steps = l->turn.cost = 0;
	cel_planned_add(&l->whole, &l->turn);
	l->whole.cost = cel_sum(l->whole.cost, cel_product(turns, cost));
	l->whole.count = turns;
	l->whole.units = cel_product(turns, cel_sum(1, l->turn.units));
	l->whole.node = l->node->step ? &l->node->node : NULL;
	return l->whole;
}

static struct cel_planned plan_loop(struct cel_planner *p, const struct cel_expr *e) {
	const struct cel_fold *f = &e->fold;
	struct loop l = {.whole = cel_planned_new(e->type), .turn = cel_planned_new(NULL)};
	uint32_t base = p->local_count;
	struct cel_planned range = cel_plan(p, f->range);
	struct cel_loop *n = l.node = cel_plan_node(p, &cel_node_fold, sizeof *n);
	if (!n || !range.node) return l.whole;
	cel_planned_add(&l.whole, &range);
	n->range = range.node;
	n->iter = local_new(p);
	n->iter2 = f->iter2.len ? local_new(p) : UINT32_MAX;
	struct cel_scope iter = {.outer = p->scope, .name = f->iter, .local = n->iter};
	struct cel_scope iter2 = {.outer = &iter, .name = f->iter2, .local = n->iter2};
	if (p->err) return l.whole;
	p->scope = f->iter2.len ? &iter2 : &iter;
	if (!plan_quantifier(p, f, &l) && !plan_gather(p, f, &l)) plan_any(p, f, &l);
	p->scope = iter.outer;
	struct cel_planned planned = loop_end(p, &l, range.count);
	locals_end(p, base, &planned);
	return cel_plan_folded(p, planned);
}

struct cel_planned cel_plan_fold(struct cel_planner *p, const struct cel_expr *e) {
	const struct cel_fold *f = &e->fold;
	bool let = is_empty(f->range, CEL_EXPR_LIST) && is_bool(f->condition, false);
	return let ? plan_let(p, f) : plan_loop(p, e);
}
