/* What must hold for a condition to be true: its conjuncts that ask a slot for certain values.
 * One that is false makes the whole false whatever the others are, errors included, so a guard
 * may stand anywhere in the chain. */
#include "cel/cel_plan.h"

/* Where values of other types can be equal (1, 1u and 1.0), who looks up a slot's value among
 * guards would miss some: only where the slot's type leaves no doubt. */
static bool looked_up(const struct cel_value *v, const struct cel_type *slot) {
	switch (v->kind) {
	case CEL_STRING:
	case CEL_BOOL: return true;
	case CEL_INT: return slot->kind == CEL_TYPE_INT;
	case CEL_UINT: return slot->kind == CEL_TYPE_UINT;
	default: return false;
	}
}

static bool is_probe(const struct cel_node *n, enum cel_probe_kind kind) {
	return n->test == cel_node_probe[kind][0].test;
}

/* `slot` and `!slot`: of a bool, so that any other value cannot be. */
static bool flag_of(const struct cel_node *n, const struct cel_env *e, struct cel_guard *g) {
	static const struct cel_value values[] = {{.kind = CEL_BOOL, .u = false},
	                                          {.kind = CEL_BOOL, .u = true}};
	bool wanted = n->test != cel_node_not.test;
	if (!wanted) n = ((const struct cel_branch *)n)->a;
	const struct cel_read *read = (const struct cel_read *)n;
	if (n->test != cel_node_read.test || read->place != CEL_PLACE_SLOT) return false;
	*g = (struct cel_guard){.slot = (int)read->index, .values = &values[wanted], .count = 1};
	return cel_env_slot_type(e, g->slot)->kind == CEL_TYPE_BOOL;
}

/* Whether this conjunct is a guard. */
static bool guard_of(const struct cel_node *n, const struct cel_env *e, struct cel_guard *g) {
	const struct cel_probe *probe = (const struct cel_probe *)n;
	if (is_probe(n, CEL_PROBE_EQUAL_TEXT) || is_probe(n, CEL_PROBE_EQUAL_INT) ||
	    is_probe(n, CEL_PROBE_EQUAL))
		*g = (struct cel_guard){.values = &probe->constant, .count = 1};
	else if (is_probe(n, CEL_PROBE_MEMBER))
		*g = (struct cel_guard){.values = probe->constant.list->items,
		                        .count = (int)probe->constant.list->count};
	else
		return flag_of(n, e, g);
	if (probe->place != CEL_PLACE_SLOT) return false;
	g->slot = (int)probe->index;
	const struct cel_type *type = cel_env_slot_type(e, g->slot);
	for (int i = 0; i < g->count; i++)
		if (!looked_up(&g->values[i], type)) return false;
	return true;
}

enum err cel_guards_find(struct cel_program *p, const struct cel_env *e) {
	const struct cel_node *const *terms = &p->root;
	uint32_t count = 1;
	if (p->root->test == cel_node_and.test) {
		terms = ((const struct cel_chain *)p->root)->terms;
		count = ((const struct cel_chain *)p->root)->count;
	}
	struct cel_guard *guards = arena_alloc(&p->arena, count * sizeof *guards);
	if (!guards) return ERR_NO_MEMORY;
	p->guards = guards;
	for (uint32_t i = 0; i < count; i++)
		if (guard_of(terms[i], e, &guards[p->guard_count])) p->guard_count++;
	return ERR_OK;
}
