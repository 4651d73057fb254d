/* Planning of calls: logic, which is no call; calls with nodes of their own; and the rest, which
 * choose among overloads by the kinds of their arguments. */
#include "cel/cel_plan.h"

#include "base/wording.h"

/* --- && || ?: ------------------------------------------------------------------------------ */

/* The terms of a chain, nested ones of the same operator included, in order. */
struct terms {
	const struct cel_node **nodes;
	uint32_t count, room;
	bool decided; /* a constant term decides it all, whatever the others are */
};

static uint32_t terms_count(const struct cel_expr *e, struct slice function) {
	if (e->kind != CEL_EXPR_CALL || !slice_eq(e->call.function, function)) return 1;
	return terms_count(e->call.args[0], function) + terms_count(e->call.args[1], function);
}

static bool terms_add(struct cel_planner *p, const struct cel_expr *e, struct slice function,
                      struct terms *t, struct cel_planned *whole) {
	if (e->kind == CEL_EXPR_CALL && slice_eq(e->call.function, function))
		return terms_add(p, e->call.args[0], function, t, whole) &&
		       terms_add(p, e->call.args[1], function, t, whole);
	struct cel_planned term = cel_plan(p, e);
	if (!term.node) return false;
	const struct cel_value *v = cel_plan_constant(&term);
	bool neutral = slice_is(function, "_&&_");
	if (v && v->kind == CEL_BOOL) {
		t->decided |= v->b != neutral;
		return true;
	}
	ASSERT(t->count < t->room);
	t->nodes[t->count++] = term.node;
	cel_planned_add(whole, &term);
	return true;
}

static struct cel_planned plan_chain(struct cel_planner *p, const struct cel_expr *e) {
	bool all = slice_is(e->call.function, "_&&_");
	struct cel_planned whole = cel_planned_new(&cel_type_bool);
	struct cel_chain *n = cel_plan_node(p, all ? &cel_node_and : &cel_node_or, sizeof *n);
	struct terms t = {.room = terms_count(e, e->call.function)};
	t.nodes = arena_alloc(&p->program->arena, t.room * sizeof(struct cel_node *));
	if (!n || !t.nodes || !terms_add(p, e, e->call.function, &t, &whole)) return whole;
	struct cel_value v = cel_bool(all != t.decided);
	if (t.decided || t.count == 0) return cel_plan_value(p, &v);
	n->terms = t.nodes;
	n->count = t.count;
	whole.node = &n->node;
	return cel_plan_folded(p, whole);
}

static struct cel_planned plan_choose(struct cel_planner *p, const struct cel_expr *e) {
	struct cel_planned a = cel_plan(p, e->call.args[0]);
	const struct cel_value *v = cel_plan_constant(&a);
	if (v && v->kind == CEL_BOOL) return cel_plan(p, e->call.args[v->b ? 1 : 2]);
	struct cel_planned b = cel_plan(p, e->call.args[1]), c = cel_plan(p, e->call.args[2]);
	struct cel_planned whole = cel_planned_new(e->type);
	struct cel_branch *n = cel_plan_node(p, &cel_node_choose, sizeof *n);
	if (!a.node || !b.node || !c.node || !n) return whole;
	cel_planned_add(&whole, &a);
	cel_planned_add(&whole, &b);
	cel_planned_add(&whole, &c);
	whole.count = b.count > c.count ? b.count : c.count;
	whole.units = b.units > c.units ? b.units : c.units;
	n->a = a.node;
	n->b = b.node;
	n->c = c.node;
	whole.node = &n->node;
	return cel_plan_folded(p, whole);
}

/* --- overloads ----------------------------------------------------------------------------------- */

static uint32_t kinds_of(const struct cel_type *t) {
	static const uint32_t by_type[] = {
		[CEL_TYPE_NULL] = 1u << CEL_NULL,
		[CEL_TYPE_BOOL] = 1u << CEL_BOOL,
		[CEL_TYPE_INT] = 1u << CEL_INT,
		[CEL_TYPE_UINT] = 1u << CEL_UINT,
		[CEL_TYPE_DOUBLE] = 1u << CEL_DOUBLE,
		[CEL_TYPE_STRING] = 1u << CEL_STRING,
		[CEL_TYPE_BYTES] = 1u << CEL_BYTES,
		[CEL_TYPE_TIMESTAMP] = 1u << CEL_TIMESTAMP,
		[CEL_TYPE_DURATION] = 1u << CEL_DURATION,
		[CEL_TYPE_LIST] = 1u << CEL_LIST,
		[CEL_TYPE_MAP] = 1u << CEL_MAP,
		[CEL_TYPE_TYPE] = 1u << CEL_TYPE,
	};
	const uint32_t any = (1u << CEL_KIND_COUNT) - 1;
	if (t->kind == CEL_TYPE_WRAPPER) return kinds_of(t->params[0]) | 1u << CEL_NULL;
	if (t->kind == CEL_TYPE_OPAQUE) {
		if (cel_type_eq(t, &cel_type_ip)) return 1u << CEL_IP;
		if (cel_type_eq(t, &cel_type_cidr)) return 1u << CEL_CIDR;
		return slice_is(slice_str(t->name), "optional_type") ? 1u << CEL_OPTIONAL : 0;
	}
	return t->kind < sizeof by_type / sizeof *by_type && by_type[t->kind] ? by_type[t->kind]
	                                                                      : any;
}

static bool candidate_kinds(struct cel_planner *p, const struct cel_signature *s,
                            const struct cel_overload *o, struct cel_candidate *c) {
	uint32_t *kinds = arena_alloc(&p->program->arena, s->param_count * sizeof *kinds);
	if (!kinds) return false;
	for (uint32_t i = 0; i < s->param_count; i++)
		kinds[i] = i > 0 && o->lenient ? UINT32_MAX : kinds_of(s->params[i]);
	*c = (struct cel_candidate){.overload = o, .kinds = kinds};
	return true;
}

/* Whether the constants among the arguments are what this overload takes. */
static bool candidate_possible(const struct cel_candidate *c, const struct cel_planned *args,
                               uint32_t count) {
	for (uint32_t i = 0; i < count; i++) {
		const struct cel_value *v = cel_plan_constant(&args[i]);
		if (v && !(c->kinds[i] >> v->kind & 1)) return false;
	}
	return true;
}

static void refuse_constant(struct cel_planner *p, const struct cel_callee *callee,
                            const struct cel_value *text) {
	cel_plan_refuse(p, ERR_INVALID, callee->at,
	                "%s is malformed: '" SLICE_FMT "' cannot take it",
	                show(cel_slice(text)).text, SLICE_ARG(callee->function));
}

/* A zone that nobody has would fail each time. */
static void check_zone(struct cel_planner *p, const struct cel_callee *callee,
                       const struct cel_value *name) {
	if (!p->options->zone || name->kind != CEL_STRING) return;
	const char *why = p->options->zone(p->options->zone_arg, cel_slice(name));
	if (why)
		cel_plan_refuse(p, ERR_INVALID, callee->at, "the time zone %s %s",
		                show(cel_slice(name)).text, why);
}

/* Work that depends on constants only is done once. */
static bool candidate_prepare(struct cel_planner *p, struct cel_candidate *c,
                              const struct cel_planned *args, const struct cel_callee *callee) {
	struct cel_value constants[CEL_ARGS_MAX] = {0};
	const struct cel_overload *o = c->overload;
	bool any = false;
	for (uint32_t i = 0; i < callee->arg_count; i++) {
		const struct cel_value *v = cel_plan_constant(&args[i]);
		if (v) constants[i] = *v;
		any |= v != NULL;
	}
	if (o->zone) check_zone(p, callee, &constants[o->zone]);
	if (!any || !o->prepare) return true;
	struct cel_prepared *made = arena_alloc(&p->program->arena, sizeof *made);
	if (!made) return false;
	c->data = o->prepare(constants);
	*made = (struct cel_prepared){p->program->prepared, c->data, o->release};
	if (c->data && o->release) p->program->prepared = made;
	const struct cel_value *from = &constants[o->prepares];
	if (!c->data && from->kind == CEL_STRING && p->checked) refuse_constant(p, callee, from);
	return true;
}

/* What fails each time, timestamp('tomorrow'), is refused. */
static struct cel_planned call_folded(struct cel_planner *p, const struct cel_callee *callee,
                                      const struct cel_planned *args, struct cel_planned whole) {
	p->fold_fault = CEL_FAULT_NONE;
	struct cel_planned folded = cel_plan_folded(p, whole);
	const struct cel_value *text = callee->arg_count ? cel_plan_constant(&args[0]) : NULL;
	if (p->checked && p->fold_fault == CEL_FAULT_CONVERT && text && text->kind == CEL_STRING)
		refuse_constant(p, callee, text);
	return folded;
}

/* --- what a call may cost --------------------------------------------------------------------------- */

/* Overloads whose work is not in proportion to their arguments together but one by another. */
static bool multiplies(const struct cel_overload *o) {
	static const char *const functions[] = {"matches", "distinct", "replace", "join",
	                                        "sort",    "format",   "split",   "@in"};
	for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
		if (slice_is(slice_str(o->function), functions[i])) return true;
	return false;
}

/* Beyond its own steps, at most. Most look at all of their arguments, some at no more than a
 * count, and a key is looked up by its own size and the number of entries. */
static uint64_t overload_cost(const struct cel_overload *o, const struct cel_planned *args,
                              uint64_t sum, uint64_t product) {
	if (!strcmp(o->id, "size_list") || !strcmp(o->id, "size_map")) return 0;
	if (!strcmp(o->id, "in_map")) return cel_sum(cel_product(2, args[0].units), args[1].count);
	return cel_product(2, multiplies(o) ? cel_product(product, sum) : sum);
}

/* Steps of the call itself are known; the rest is a bound, by the sizes of the arguments. */
static void call_cost(struct cel_planned *whole, const struct cel_invoke *n,
                      const struct cel_planned *args) {
	uint64_t sum = 0, product = 1, count = 0, steps = 0, dynamic = 0;
	for (uint32_t i = 0; i < n->arg_count; i++) {
		sum = cel_sum(sum, args[i].units);
		count = cel_sum(count, args[i].count);
		product = cel_product(product, cel_sum(args[i].units, 1));
	}
	for (uint32_t i = 0; i < n->candidate_count; i++) {
		const struct cel_overload *o = n->candidates[i].overload;
		if (o->cost > steps) steps = o->cost;
		uint64_t cost = overload_cost(o, args, sum, product);
		if (cost > dynamic) dynamic = cost;
	}
	whole->steps = cel_sum(whole->steps, steps);
	whole->cost = cel_sum(whole->cost, cel_sum(steps, dynamic));
	if (n->candidate_count && slice_is(slice_str(n->candidates[0].overload->function), "_+_")) {
		whole->count = count;
		whole->units = sum;
	}
}

/* --- calls ------------------------------------------------------------------------------------------- */

struct cel_planned cel_plan_invoke(struct cel_planner *p, const struct cel_callee *callee,
                                   const struct cel_planned *args, const struct cel_type *type) {
	struct cel_planned whole = cel_planned_new(type);
	struct arena *a = &p->program->arena;
	struct cel_invoke *n = cel_plan_node(p, &cel_node_invoke, sizeof *n);
	const struct cel_node **nodes = arena_alloc(a, callee->arg_count * sizeof *nodes);
	struct cel_candidate *candidates = arena_alloc(a, callee->count * sizeof *candidates);
	if (!n || !nodes || !candidates) return whole;
	for (uint32_t i = 0; i < callee->arg_count; i++) {
		nodes[i] = args[i].node;
		cel_planned_add(&whole, &args[i]);
	}
	for (uint32_t i = 0; i < callee->count; i++) {
		const struct cel_signature *s = cel_env_signature(p->env, callee->overloads[i]);
		struct cel_candidate *c = &candidates[n->candidate_count];
		if (s->param_count != callee->arg_count || s->receiver != callee->receiver)
			continue;
		if (!candidate_kinds(p, s, callee->overloads[i], c)) return whole;
		if (!candidate_possible(c, args, callee->arg_count)) continue;
		if (!candidate_prepare(p, c, args, callee)) return whole;
		n->candidate_count++;
	}
	n->arg_count = (uint16_t)callee->arg_count;
	n->args = nodes;
	n->candidates = candidates;
	call_cost(&whole, n, args);
	whole.node = &n->node;
	return call_folded(p, callee, args, whole);
}

/* Where nothing was checked: a target that is the first part of a function's name, "math" of
 * math.abs(x), is no argument. */
static void callee_find(const struct cel_planner *p, const struct cel_expr *e,
                        struct cel_callee *c) {
	char room[CEL_NAME_MAX];
	const struct cel_group *g = NULL;
	if (c->receiver) {
		struct slice name = cel_plan_qualified(p, e->call.target, e->call.function, room);
		if (name.len) g = cel_env_group(p->env, name);
		c->receiver = !g;
	}
	if (!g && c->receiver)
		g = cel_env_group_full(p->env, e->call.function);
	else if (!g)
		g = cel_env_group(p->env, e->call.function);
	if (!g) return;
	c->overloads = g->overloads;
	c->count = g->count;
}

static struct cel_callee callee_of(const struct cel_planner *p, const struct cel_expr *e) {
	struct cel_callee c = {.function = e->call.function,
	                       .overloads = e->overloads,
	                       .count = e->overload_count,
	                       .receiver = e->call.target != NULL,
	                       .arg_count = e->call.arg_count,
	                       .at = e->at};
	if (e->overload_count)
		c.receiver = cel_env_signature(p->env, e->overloads[0])->receiver;
	else
		callee_find(p, e, &c);
	c.arg_count += c.receiver;
	return c;
}

struct cel_planned cel_plan_call(struct cel_planner *p, const struct cel_expr *e) {
	struct slice f = e->call.function;
	if (slice_is(f, "_&&_") || slice_is(f, "_||_")) return plan_chain(p, e);
	if (slice_is(f, "_?_:_")) return plan_choose(p, e);
	struct cel_callee callee = callee_of(p, e);
	struct cel_planned args[CEL_ARGS_MAX], out;
	if (callee.arg_count > CEL_ARGS_MAX) {
		cel_plan_refuse(p, ERR_TOO_LARGE, e->at, "more than %d arguments of a call",
		                CEL_ARGS_MAX);
		return (struct cel_planned){0};
	}
	for (uint32_t i = 0; i < callee.arg_count; i++) {
		uint32_t at = i - callee.receiver;
		bool target = callee.receiver && i == 0;
		args[i] = cel_plan(p, target ? e->call.target : e->call.args[at]);
		if (!args[i].node) return (struct cel_planned){0};
	}
	if (cel_plan_special(p, &callee, args, &out)) return out;
	return cel_plan_invoke(p, &callee, args, e->type);
}
