/* Calls of overloads, and the literals of lists and maps. Arguments are evaluated in order; the
 * first error is the result. */
#include "cel/cel_node.h"

/* --- calls ------------------------------------------------------------------------------- */

static bool fits(const struct cel_candidate *c, const struct cel_value *args, uint32_t count) {
	for (uint32_t i = 0; i < count; i++)
		if (!(c->kinds[i] >> args[i].kind & 1)) return false;
	return true;
}

static void call(const struct cel_invoke *n, struct cel_run *r, const struct cel_value *args,
                 struct cel_value *out) {
	for (uint32_t i = 0; i < n->candidate_count; i++) {
		const struct cel_candidate *c = &n->candidates[i];
		if (!fits(c, args, n->arg_count)) continue;
		r->call.data = c->data;
		c->overload->call(&r->call, args, out);
		if (r->call.cost_left < 0) *out = cel_error(CEL_FAULT_COST);
		return;
	}
	*out = cel_error(CEL_FAULT_NO_OVERLOAD);
}

static void eval_invoke(const struct cel_node *node, struct cel_run *r, struct cel_value *out) {
	const struct cel_invoke *n = (const struct cel_invoke *)node;
	struct cel_value args[CEL_ARGS_MAX];
	for (uint32_t i = 0; i < n->arg_count; i++) {
		cel_eval_node(n->args[i], r, &args[i]);
		if (args[i].kind == CEL_ERROR) {
			*out = args[i];
			return;
		}
	}
	call(n, r, args, out);
}

const struct cel_node cel_node_invoke = {cel_test_eval, eval_invoke};

/* --- literals ------------------------------------------------------------------------------ */

/* The value of a part: 1, or 0 for an optional that is none; -1: *v is an error. */
static int eval_part(const struct cel_part *p, struct cel_run *r, struct cel_value *v) {
	cel_eval_node(p->value, r, v);
	if (p->optional && v->kind == CEL_OPTIONAL) {
		if (!v->optional) return 0;
		*v = *v->optional;
	} else if (p->optional) {
		*v = cel_error(cel_fault_kind(v));
	}
	return v->kind == CEL_ERROR ? -1 : 1;
}

static void eval_list(const struct cel_node *node, struct cel_run *r, struct cel_value *out) {
	const struct cel_literal *n = (const struct cel_literal *)node;
	size_t bytes = sizeof(struct cel_list) + n->count * sizeof(struct cel_value);
	struct cel_list *list = r->call.arena ? arena_alloc(r->call.arena, bytes) : NULL;
	*out = cel_error(CEL_FAULT_MEMORY);
	if (!list) return;
	struct cel_value *items = (struct cel_value *)(list + 1);
	*list = (struct cel_list){.items = items};
	for (uint32_t i = 0; i < n->count; i++) {
		int there = eval_part(&n->parts[i], r, &items[list->count]);
		if (there < 0) {
			*out = items[list->count];
			return;
		}
		list->count += (uint32_t)there;
	}
	*out = (struct cel_value){.kind = CEL_LIST, .list = list};
}

static void eval_map(const struct cel_node *node, struct cel_run *r, struct cel_value *out) {
	const struct cel_literal *n = (const struct cel_literal *)node;
	struct arena *a = r->call.arena;
	struct cel_entry *entries = a ? arena_alloc(a, n->count * sizeof *entries) : NULL;
	uint32_t count = 0;
	*out = cel_error(CEL_FAULT_MEMORY);
	if (!entries) return;
	for (uint32_t i = 0; i < n->count; i++) {
		struct cel_entry *e = &entries[count];
		cel_eval_node(n->parts[i].key, r, &e->key);
		*out = e->key;
		if (e->key.kind == CEL_ERROR) return;
		int there = eval_part(&n->parts[i], r, &e->value);
		*out = e->value;
		if (there < 0) return;
		count += (uint32_t)there;
	}
	*out = cel_make_map(a, entries, count);
}

/* Every part is evaluated, since an error in any is the result, as though the list were made. */
static int test_among(const struct cel_node *node, struct cel_run *r) {
	const struct cel_among *n = (const struct cel_among *)node;
	struct cel_value wanted, v;
	cel_eval_node(n->value, r, &wanted);
	if (wanted.kind == CEL_ERROR) return cel_fail(r, cel_fault_of(&wanted));
	int found = 0;
	for (uint32_t i = 0; i < n->of.count; i++) {
		int there = eval_part(&n->of.parts[i], r, &v);
		if (there < 0) return cel_fail(r, cel_fault_of(&v));
		if (there == 0 || found) continue;
		found = cel_equal_charged(&r->call, &wanted, &v);
		if (found < 0) return cel_fail(r, CEL_FAULT_COST);
	}
	return found;
}

const struct cel_node cel_node_list = {cel_test_eval, eval_list};
const struct cel_node cel_node_map = {cel_test_eval, eval_map};
const struct cel_node cel_node_among = {test_among, cel_eval_test};
