/* Planning: constants, names, fields and literals; folding of what is constant. */
#include "cel/cel_plan.h"

#include "cel/cel_issue.h"

/* --- costs and sizes -------------------------------------------------------------------------- */

uint64_t cel_sum(uint64_t a, uint64_t b) {
	uint64_t sum;
	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

uint64_t cel_product(uint64_t a, uint64_t b) {
	uint64_t product;
	return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

/* Two maps are compared by looking up each key; one without `find` walks for it. */
static uint64_t map_units(uint64_t count, uint64_t entry_units, bool walked) {
	return cel_product(count, cel_sum(entry_units, walked ? 2 + count : 2));
}

static uint64_t type_units(const struct cel_type *t, int depth) {
	const uint64_t text = CEL_TEXT_ASSUMED / CEL_TEXT_PER_UNIT + 1, count = CEL_COUNT_ASSUMED;
	if (depth > CEL_NESTING_MAX) return UINT64_MAX;
	switch (t ? t->kind : CEL_TYPE_DYN) {
	case CEL_TYPE_STRING:
	case CEL_TYPE_BYTES: return text;
	case CEL_TYPE_LIST: return cel_product(count, 1 + type_units(t->params[0], depth + 1));
	case CEL_TYPE_MAP: {
		uint64_t key = type_units(t->params[0], depth + 1);
		return map_units(count, cel_sum(key, type_units(t->params[1], depth + 1)), true);
	}
	case CEL_TYPE_DYN:
	case CEL_TYPE_PARAM:
	case CEL_TYPE_OPAQUE: return map_units(count, 2 * text, true); /* a map of texts */
	default: return 1;
	}
}

struct cel_planned cel_planned_new(const struct cel_type *t) {
	return (struct cel_planned){.steps = 1,
	                            .cost = 1,
	                            .count = CEL_COUNT_ASSUMED,
	                            .units = type_units(t, 0),
	                            .lowest_local = UINT32_MAX};
}

void cel_planned_add(struct cel_planned *whole, const struct cel_planned *part) {
	whole->steps = cel_sum(whole->steps, part->steps);
	whole->cost = cel_sum(whole->cost, part->cost);
	if (part->lowest_local < whole->lowest_local) whole->lowest_local = part->lowest_local;
	whole->reads_slots |= part->reads_slots;
}

static uint64_t value_units(struct cel_planner *p, const struct cel_value *v);

static uint64_t list_units(struct cel_planner *p, const struct cel_list *l) {
	uint64_t units = 1;
	for (uint32_t i = 0; i < l->count && units != UINT64_MAX; i++)
		units = cel_sum(units, cel_sum(1, value_units(p, &l->items[i])));
	return units;
}

static uint64_t entries_units(struct cel_planner *p, const struct cel_map *m) {
	uint64_t units = map_units(m->count, 0, !m->find);
	for (uint32_t i = 0; m->entries && i < m->count && units != UINT64_MAX; i++) {
		units = cel_sum(units, value_units(p, &m->entries[i].key));
		units = cel_sum(units, value_units(p, &m->entries[i].value));
	}
	return units;
}

/* Constants may share their parts, so that walking one takes far longer than writing it did: not
 * all are measured. */
static uint64_t value_units(struct cel_planner *p, const struct cel_value *v) {
	if (p->measures_left == 0) return UINT64_MAX;
	p->measures_left--;
	switch (v->kind) {
	case CEL_STRING:
	case CEL_BYTES: return 1 + v->extra / CEL_TEXT_PER_UNIT;
	case CEL_LIST: return list_units(p, v->list);
	case CEL_MAP: return entries_units(p, v->map);
	case CEL_OPTIONAL: return v->optional ? cel_sum(1, value_units(p, v->optional)) : 1;
	default: return 1;
	}
}

static uint64_t value_count(const struct cel_value *v) {
	if (v->kind == CEL_LIST) return v->list->count;
	return v->kind == CEL_MAP ? v->map->count : CEL_COUNT_ASSUMED;
}

/* --- nodes ---------------------------------------------------------------------------------------- */

void cel_plan_refuse(struct cel_planner *p, enum err err, uint32_t at, const char *format, ...) {
	if (p->err) return;
	p->err = err;
	va_list args;
	va_start(args, format);
	cel_issue_vadd(p->issues, p->source, at, format, args);
	va_end(args);
}

void *cel_plan_node(struct cel_planner *p, const struct cel_node *functions, size_t bytes) {
	struct cel_node *n = arena_alloc(&p->program->arena, bytes);
	if (n) *n = *functions;
	return n;
}

struct cel_planned cel_plan_value(struct cel_planner *p, const struct cel_value *v) {
	struct cel_planned planned = cel_planned_new(NULL);
	struct cel_const *n = cel_plan_node(p, &cel_node_const, sizeof *n);
	if (n) n->value = *v;
	planned.node = n ? &n->node : NULL;
	planned.count = value_count(v);
	planned.units = value_units(p, v);
	return planned;
}

const struct cel_value *cel_plan_constant(const struct cel_planned *planned) {
	bool constant = planned->node && planned->node->eval == cel_node_const.eval;
	if (!constant) return NULL;
	const struct cel_value *v = &((const struct cel_const *)planned->node)->value;
	return v->kind == CEL_ERROR ? NULL : v;
}

/* Errors stay as they are: they are the business of whoever evaluates, and so is what needs
 * more than constants should. */
struct cel_planned cel_plan_folded(struct cel_planner *p, struct cel_planned planned) {
	bool closed = !planned.reads_slots && planned.lowest_local == UINT32_MAX;
	if (!planned.node || !closed || cel_plan_constant(&planned)) return planned;
	if (planned.cost > p->fold_cost_left) return planned;
	p->fold_cost_left -= planned.cost;
	struct cel_program part = {.root = planned.node, .zones = p->program->zones};
	struct cel_frame frame = {.arena = &p->program->arena, .cost_limit = planned.cost + 1};
	struct cel_value v;
	cel_eval(&part, &frame, &v);
	p->fold_fault = v.kind == CEL_ERROR ? (enum cel_fault)v.extra : CEL_FAULT_NONE;
	return v.kind == CEL_ERROR ? planned : cel_plan_value(p, &v);
}

/* Texts of the tree are copied, so that the tree can go. */
static struct cel_planned plan_literal(struct cel_planner *p, const struct cel_expr *e) {
	struct cel_value v = e->constant;
	bool text = v.kind == CEL_STRING || v.kind == CEL_BYTES;
	if (text && v.extra) v.s = (const char *)arena_copy(&p->program->arena, cel_slice(&v)).ptr;
	if (text && v.extra && !v.s) return (struct cel_planned){0};
	return cel_plan_value(p, &v);
}

/* --- names ------------------------------------------------------------------------------------------ */

static struct cel_planned plan_read(struct cel_planner *p, const struct cel_node *functions,
                                    enum cel_place place, uint32_t index,
                                    const struct cel_type *type) {
	struct cel_planned planned = cel_planned_new(type);
	struct cel_read *n = cel_plan_node(p, functions, sizeof *n);
	if (!n) return planned;
	n->place = place;
	n->index = index;
	planned.node = &n->node;
	planned.reads_slots = place == CEL_PLACE_SLOT;
	if (place == CEL_PLACE_LOCAL) planned.lowest_local = index;
	return planned;
}

static struct cel_planned plan_slot(struct cel_planner *p, const struct cel_node *functions,
                                    int slot, const struct cel_type *type) {
	p->program->uses[slot / 64] |= (uint64_t)1 << slot % 64;
	return plan_read(p, functions, CEL_PLACE_SLOT, (uint32_t)slot, type);
}

static const struct cel_scope *scope_find(const struct cel_planner *p, struct slice name) {
	const struct cel_scope *s = p->scope;
	while (s && !slice_eq(s->name, name)) s = s->outer;
	return s;
}

static struct cel_planned plan_local(struct cel_planner *p, const struct cel_scope *s,
                                     const struct cel_type *type) {
	if (s->constant) return *s->constant;
	return plan_read(p, &cel_node_read, CEL_PLACE_LOCAL, s->local, type);
}

bool cel_plan_operand(const struct cel_planned *operand, uint32_t *place, uint32_t *index,
                      const struct cel_node **node) {
	const struct cel_read *read = (const struct cel_read *)operand->node;
	bool in_place = operand->node->eval == cel_node_read.eval;
	*node = in_place ? NULL : operand->node;
	*place = in_place ? read->place : 0;
	*index = in_place ? read->index : 0;
	return in_place;
}

/* What a name of the environment stands for. */
static struct cel_planned plan_name(struct cel_planner *p, const struct cel_name *name,
                                    const struct cel_type *type) {
	if (name->constant) return cel_plan_value(p, name->constant);
	return plan_slot(p, &cel_node_read, name->slot, type);
}

/* A name that nobody declared, where nothing was checked: an error, but only when read. */
static struct cel_planned plan_unknown(struct cel_planner *p) {
	struct cel_value unset = cel_error(CEL_FAULT_UNSET);
	return cel_plan_value(p, &unset);
}

static struct cel_planned plan_ident(struct cel_planner *p, const struct cel_expr *e) {
	const struct cel_scope *local = scope_find(p, e->ident);
	if (local) return plan_local(p, local, e->type);
	const struct cel_name *name = e->reference.len ? cel_env_find_full(p->env, e->reference)
	                                               : cel_env_find(p->env, e->ident);
	return name ? plan_name(p, name, e->type) : plan_unknown(p);
}

/* --- fields ------------------------------------------------------------------------------------------- */

struct slice cel_plan_qualified(const struct cel_planner *p, const struct cel_expr *e,
                                struct slice last, char room[CEL_NAME_MAX]) {
	struct slice name = slice_of(room, cel_tree_name_with(e, last, room)), rest = name;
	bool local = name.len && scope_find(p, slice_cut(&rest, '.'));
	return local ? slice_of(NULL, 0) : name;
}

/* The longest prefix of a chain that is a declared name wins (langdef.md, "Name Resolution"):
 * chains are planned from their end, so the longest is asked first. */
static const struct cel_name *names_variable(struct cel_planner *p, const struct cel_expr *e) {
	char room[CEL_NAME_MAX];
	if (e->reference.len) return cel_env_find_full(p->env, e->reference);
	if (e->type) return NULL;
	struct slice name = cel_plan_qualified(p, e->select.operand, e->select.field, room);
	return name.len ? cel_env_find(p->env, name) : NULL;
}

struct cel_planned cel_plan_key(struct cel_planner *p, const struct cel_node *functions,
                                const struct cel_planned *operand, struct slice key,
                                const struct cel_type *type) {
	struct cel_planned planned = cel_planned_new(type);
	struct cel_select *n = cel_plan_node(p, functions, sizeof *n);
	if (!n) return planned;
	cel_plan_operand(operand, &n->place, &n->index, &n->operand);
	n->key = cel_string(key);
	planned.node = &n->node;
	cel_planned_add(&planned, operand);
	planned.cost = cel_sum(planned.cost, operand->count / CEL_WALKED_PER_UNIT);
	return cel_plan_folded(p, planned);
}

static struct cel_planned plan_field(struct cel_planner *p, const struct cel_expr *e) {
	struct cel_planned operand = cel_plan(p, e->select.operand);
	struct slice field = arena_copy(&p->program->arena, e->select.field);
	if (!operand.node || field.len != e->select.field.len) return (struct cel_planned){0};
	return cel_plan_key(p, e->select.test ? &cel_node_has : &cel_node_select, &operand, field,
	                    e->type);
}

static struct cel_planned plan_select(struct cel_planner *p, const struct cel_expr *e) {
	const struct cel_name *name = names_variable(p, e);
	if (!name) return plan_field(p, e);
	if (!e->select.test) return plan_name(p, name, e->type);
	struct cel_value there = cel_bool(true);
	if (name->constant) return cel_plan_value(p, &there);
	return plan_slot(p, &cel_node_present, name->slot, e->type);
}

/* --- literals ------------------------------------------------------------------------------------------- */

/* Adds an expression to those evaluated and looked at as parts of a whole. */
static const struct cel_node *plan_part(struct cel_planner *p, const struct cel_expr *e,
                                        struct cel_planned *whole) {
	struct cel_planned part = cel_plan(p, e);
	if (!part.node) return NULL;
	cel_planned_add(whole, &part);
	whole->units = cel_sum(whole->units, cel_sum(part.units, 1));
	return part.node;
}

bool cel_plan_parts(struct cel_planner *p, const struct cel_expr *e, struct cel_literal *out,
                    struct cel_planned *whole) {
	struct cel_part *parts = arena_alloc(&p->program->arena, e->of.count * sizeof *parts);
	if (!parts) return false;
	for (uint32_t i = 0; i < e->of.count; i++) {
		const struct cel_item *item = &e->of.items[i];
		parts[i].optional = item->optional;
		parts[i].key = item->key ? plan_part(p, item->key, whole) : NULL;
		parts[i].value = plan_part(p, item->value, whole);
		if (!parts[i].value || (item->key && !parts[i].key)) return false;
	}
	out->count = e->of.count;
	out->parts = parts;
	/* An element copied is a step. */
	whole->steps = cel_sum(whole->steps, e->of.count);
	whole->cost = cel_sum(whole->cost, e->of.count);
	return true;
}

static struct cel_planned plan_collection(struct cel_planner *p, const struct cel_expr *e) {
	const struct cel_node *functions =
		e->kind == CEL_EXPR_LIST ? &cel_node_list : &cel_node_map;
	struct cel_literal *n = cel_plan_node(p, functions, sizeof *n);
	struct cel_planned planned = cel_planned_new(e->type);
	planned.count = e->of.count;
	planned.units = 1;
	if (!n || !cel_plan_parts(p, e, n, &planned)) return planned;
	planned.node = &n->node;
	return cel_plan_folded(p, planned);
}

/* --- all kinds --------------------------------------------------------------------------------------------- */

struct cel_planned cel_plan(struct cel_planner *p, const struct cel_expr *e) {
	switch ((enum cel_expr_kind)e->kind) {
	case CEL_EXPR_CONST: return plan_literal(p, e);
	case CEL_EXPR_IDENT: return plan_ident(p, e);
	case CEL_EXPR_SELECT: return plan_select(p, e);
	case CEL_EXPR_CALL: return cel_plan_call(p, e);
	case CEL_EXPR_LIST:
	case CEL_EXPR_MAP: return plan_collection(p, e);
	case CEL_EXPR_FOLD: return cel_plan_fold(p, e);
	case CEL_EXPR_STRUCT: return plan_unknown(p); /* unchecked: no message has that name */
	}
	ASSERT(!"an expression has a kind");
	return (struct cel_planned){0};
}
