/* Calls with nodes of their own: what rules are made of, a variable beside a constant, and the
 * few operators that are cheaper without a call. */
#include "cel/cel_plan.h"

/* Arguments of a call of two where at most one is constant; then `constant` is not NULL. */
struct pair {
	const struct cel_planned *a, *b;
	const struct cel_value *constant; /* of b */
	bool swapped;
};

static struct pair pair_of(const struct cel_planned *args) {
	const struct cel_value *left = cel_plan_constant(&args[0]);
	if (left) return (struct pair){&args[1], &args[0], left, true};
	return (struct pair){&args[0], &args[1], cel_plan_constant(&args[1]), false};
}

/* --- probes ------------------------------------------------------------------------------------ */

static struct cel_probe *probe_new(struct cel_planner *p, enum cel_probe_kind kind,
                                   const struct cel_planned *operand, const struct cel_value *v) {
	struct cel_probe *n = cel_plan_node(p, &cel_node_probe[kind][0], sizeof *n);
	if (!n) return NULL;
	n->constant = *v;
	bool in_place = cel_plan_operand(operand, &n->place, &n->index, &n->operand);
	n->node = cel_node_probe[kind][!in_place];
	return n;
}

/* A probe looks at no more of the operand than the constant has. */
static struct cel_planned probe_planned(struct cel_planner *p, const struct cel_probe *n,
                                        const struct cel_planned *operand, uint64_t units) {
	struct cel_planned whole = cel_planned_new(&cel_type_bool);
	cel_planned_add(&whole, operand);
	whole.steps = cel_sum(whole.steps, units);
	whole.cost = cel_sum(whole.cost, cel_product(2, units));
	whole.node = n ? &n->node : NULL;
	return cel_plan_folded(p, whole);
}

static struct cel_planned plan_branch(struct cel_planner *p, const struct cel_node *functions,
                                      const struct cel_planned *args, uint32_t count,
                                      const struct cel_type *type) {
	struct cel_planned whole = cel_planned_new(type);
	struct cel_branch *n = cel_plan_node(p, functions, sizeof *n);
	const struct cel_node *operands[3] = {0};
	for (uint32_t i = 0; i < count; i++) {
		operands[i] = args[i].node;
		cel_planned_add(&whole, &args[i]);
		whole.cost = cel_sum(whole.cost, args[i].units);
	}
	if (!n) return whole;
	n->a = operands[0];
	n->b = operands[1];
	n->c = operands[2];
	whole.node = &n->node;
	return cel_plan_folded(p, whole);
}

/* --- operators ----------------------------------------------------------------------------------- */

static bool plan_equality(struct cel_planner *p, const struct cel_planned *args, bool equal,
                          struct cel_planned *out) {
	struct pair pair = pair_of(args);
	enum cel_probe_kind kind = equal ? CEL_PROBE_EQUAL : CEL_PROBE_UNEQUAL;
	if (!pair.constant) {
		const struct cel_node *functions = equal ? &cel_node_equal : &cel_node_unequal;
		*out = plan_branch(p, functions, args, 2, &cel_type_bool);
		return true;
	}
	if (pair.constant->kind == CEL_STRING)
		kind = equal ? CEL_PROBE_EQUAL_TEXT : CEL_PROBE_UNEQUAL_TEXT;
	if (pair.constant->kind == CEL_INT)
		kind = equal ? CEL_PROBE_EQUAL_INT : CEL_PROBE_UNEQUAL_INT;
	struct cel_probe *n = probe_new(p, kind, pair.a, pair.constant);
	*out = probe_planned(p, n, pair.a, pair.b->units);
	return true;
}

static bool plan_equal(struct cel_planner *p, const struct cel_planned *args,
                       struct cel_planned *out) {
	return plan_equality(p, args, true, out);
}

static bool plan_unequal(struct cel_planner *p, const struct cel_planned *args,
                         struct cel_planned *out) {
	return plan_equality(p, args, false, out);
}

enum { LESS = 1, SAME = 2, GREATER = 4 };

static bool plan_order(struct cel_planner *p, const struct cel_planned *args, uint32_t orders,
                       struct cel_planned *out) {
	struct pair pair = pair_of(args);
	if (!pair.constant) return false;
	bool integer = pair.constant->kind == CEL_INT;
	struct cel_probe *n = probe_new(p, integer ? CEL_PROBE_ORDER_INT : CEL_PROBE_ORDER, pair.a,
	                                pair.constant);
	if (n && pair.swapped)
		n->orders = (orders & SAME) | (orders & LESS ? GREATER : 0) |
		            (orders & GREATER ? LESS : 0);
	else if (n)
		n->orders = orders;
	*out = probe_planned(p, n, pair.a, pair.b->units);
	return true;
}

static bool plan_less(struct cel_planner *p, const struct cel_planned *args,
                      struct cel_planned *out) {
	return plan_order(p, args, LESS, out);
}

static bool plan_less_equal(struct cel_planner *p, const struct cel_planned *args,
                            struct cel_planned *out) {
	return plan_order(p, args, LESS | SAME, out);
}

static bool plan_greater(struct cel_planner *p, const struct cel_planned *args,
                         struct cel_planned *out) {
	return plan_order(p, args, GREATER, out);
}

static bool plan_greater_equal(struct cel_planner *p, const struct cel_planned *args,
                               struct cel_planned *out) {
	return plan_order(p, args, GREATER | SAME, out);
}

/* In a list of constants: a set. In a list written out: each compared, no list is made. */
static bool plan_member(struct cel_planner *p, const struct cel_planned *args,
                        struct cel_planned *out) {
	const struct cel_value *list = cel_plan_constant(&args[1]);
	if (list && list->kind == CEL_LIST) {
		struct cel_probe *n = probe_new(p, CEL_PROBE_MEMBER, &args[0], list);
		if (n) n->set = cel_set_make(&p->program->arena, list->list);
		*out = probe_planned(p, n && n->set ? n : NULL, &args[0], args[1].units);
		return true;
	}
	if (args[1].node->eval != cel_node_list.eval) return false;
	struct cel_planned whole = cel_planned_new(&cel_type_bool);
	struct cel_among *n = cel_plan_node(p, &cel_node_among, sizeof *n);
	cel_planned_add(&whole, &args[0]);
	cel_planned_add(&whole, &args[1]);
	whole.cost = cel_sum(whole.cost, args[1].units);
	if (n) {
		const struct cel_literal *literal = (const struct cel_literal *)args[1].node;
		n->of.parts = literal->parts;
		n->of.count = literal->count;
		n->value = args[0].node;
		whole.node = &n->of.node;
	}
	*out = cel_plan_folded(p, whole);
	return true;
}

static bool plan_index(struct cel_planner *p, const struct cel_planned *args,
                       struct cel_planned *out) {
	const struct cel_value *key = cel_plan_constant(&args[1]);
	if (!key || key->kind != CEL_STRING) return false;
	*out = cel_plan_key(p, &cel_node_select, &args[0], cel_slice(key), NULL);
	return true;
}

static bool plan_not(struct cel_planner *p, const struct cel_planned *args,
                     struct cel_planned *out) {
	*out = plan_branch(p, &cel_node_not, args, 1, &cel_type_bool);
	return true;
}

static bool plan_not_strictly_false(struct cel_planner *p, const struct cel_planned *args,
                                    struct cel_planned *out) {
	*out = plan_branch(p, &cel_node_not_strictly_false, args, 1, &cel_type_bool);
	return true;
}

/* --- functions -------------------------------------------------------------------------------------- */

static bool plan_text(struct cel_planner *p, enum cel_probe_kind kind,
                      const struct cel_planned *args, struct cel_planned *out) {
	const struct cel_value *text = cel_plan_constant(&args[1]);
	if (!text || text->kind != CEL_STRING) return false;
	struct cel_probe *n = probe_new(p, kind, &args[0], text);
	struct cel_planned whole = probe_planned(p, n, &args[0], args[1].units);
	if (kind == CEL_PROBE_CONTAINS) whole.cost = cel_sum(whole.cost, args[0].units);
	*out = whole;
	return true;
}

static bool plan_starts(struct cel_planner *p, const struct cel_planned *args,
                        struct cel_planned *out) {
	return plan_text(p, CEL_PROBE_STARTS, args, out);
}

static bool plan_ends(struct cel_planner *p, const struct cel_planned *args,
                      struct cel_planned *out) {
	return plan_text(p, CEL_PROBE_ENDS, args, out);
}

static bool plan_contains(struct cel_planner *p, const struct cel_planned *args,
                          struct cel_planned *out) {
	return plan_text(p, CEL_PROBE_CONTAINS, args, out);
}

static bool plan_or_optional(struct cel_planner *p, const struct cel_planned *args,
                             struct cel_planned *out) {
	*out = plan_branch(p, &cel_node_or_optional, args, 2, NULL);
	return true;
}

static bool plan_or_value(struct cel_planner *p, const struct cel_planned *args,
                          struct cel_planned *out) {
	*out = plan_branch(p, &cel_node_or_value, args, 2, NULL);
	return true;
}

/* --- which ------------------------------------------------------------------------------------------- */

struct special {
	const char *name; /* of an operator, or of the only overload that can be meant */
	uint32_t arg_count;
	bool (*plan)(struct cel_planner *p, const struct cel_planned *args,
	             struct cel_planned *out);
};

static const struct special operators[] = {
	{"_==_", 2, plan_equal},  {"_!=_", 2, plan_unequal},
	{"_<_", 2, plan_less},    {"_<=_", 2, plan_less_equal},
	{"_>_", 2, plan_greater}, {"_>=_", 2, plan_greater_equal},
	{"@in", 2, plan_member},  {"_[_]", 2, plan_index},
	{"!_", 1, plan_not},      {"@not_strictly_false", 1, plan_not_strictly_false},
};
static const struct special functions[] = {
	{"starts_with_string", 2, plan_starts},       {"ends_with_string", 2, plan_ends},
	{"contains_string", 2, plan_contains},        {"optional_or_optional", 2, plan_or_optional},
	{"optional_orValue_value", 2, plan_or_value},
};

static bool plan_by(const struct special *table, size_t count, struct slice name,
                    struct cel_planner *p, const struct cel_callee *callee,
                    const struct cel_planned *args, struct cel_planned *out) {
	for (size_t i = 0; i < count; i++)
		if (slice_is(name, table[i].name) && callee->arg_count == table[i].arg_count)
			return table[i].plan(p, args, out);
	return false;
}

#define COUNT(table) (sizeof(table) / sizeof *(table))

bool cel_plan_special(struct cel_planner *p, const struct cel_callee *callee,
                      const struct cel_planned *args, struct cel_planned *out) {
	if (plan_by(operators, COUNT(operators), callee->function, p, callee, args, out))
		return true;
	if (callee->count != 1) return false;
	struct slice id = slice_str(callee->overloads[0]->id);
	return plan_by(functions, COUNT(functions), id, p, callee, args, out);
}
