/* Macros at run time: loops over a list, or over the keys of a map. Each turn is charged for
 * before it is taken, so that a loop ends with the cost limit whatever it does. */
#include "cel/cel_node.h"

enum { FIRST_ROOM = 8 };

/* --- what is walked ---------------------------------------------------------------------- */

struct walk {
	const struct cel_list *list; /* or */
	const struct cel_map *map;
	uint32_t at, count;
};

/* False: *range is an error, or nothing one can walk. */
static bool walk_start(struct walk *w, const struct cel_loop *n, struct cel_run *r,
                       struct cel_value *range) {
	cel_eval_node(n->range, r, range);
	*w = (struct walk){0};
	if (range->kind == CEL_LIST) {
		w->list = range->list;
		w->count = w->list->count;
		return true;
	}
	if (range->kind == CEL_MAP && (range->map->entries || range->map->count == 0)) {
		w->map = range->map;
		w->count = w->map->count;
		return true;
	}
	*range = cel_error(cel_fault_kind(range));
	return false;
}

/* Sets the loop's variables; false at the end, or over the cost, which callers tell apart. */
static inline bool walk_next(struct walk *w, const struct cel_loop *n, struct cel_run *r) {
	if (w->at == w->count || !cel_charge(&r->call, n->turn_cost)) return false;
	uint32_t i = w->at++;
	bool two = n->iter2 != UINT32_MAX;
	if (w->list) {
		if (two) r->locals[n->iter] = cel_int(i);
		r->locals[two ? n->iter2 : n->iter] = w->list->items[i];
	} else {
		r->locals[n->iter] = w->map->entries[i].key;
		if (two) r->locals[n->iter2] = w->map->entries[i].value;
	}
	return true;
}

static bool over_cost(const struct cel_run *r) {
	return r->call.cost_left < 0;
}

/* --- any fold -------------------------------------------------------------------------------- */

static void eval_fold(const struct cel_node *node, struct cel_run *r, struct cel_value *out) {
	const struct cel_loop *n = (const struct cel_loop *)node;
	struct walk w;
	if (!walk_start(&w, n, r, out)) return;
	struct cel_value *accu = &r->locals[n->accu];
	cel_eval_node(n->init, r, accu);
	while (walk_next(&w, n, r) && cel_test_node(n->condition, r) == 1) {
		struct cel_value next;
		cel_eval_node(n->step, r, &next);
		*accu = next;
	}
	if (over_cost(r))
		*out = cel_error(CEL_FAULT_COST);
	else
		cel_eval_node(n->result, r, out);
}

static void eval_let(const struct cel_node *node, struct cel_run *r, struct cel_value *out) {
	const struct cel_let *n = (const struct cel_let *)node;
	cel_eval_node(n->init, r, &r->locals[n->local]);
	cel_eval_node(n->body, r, out);
}

static int test_let(const struct cel_node *node, struct cel_run *r) {
	const struct cel_let *n = (const struct cel_let *)node;
	cel_eval_node(n->init, r, &r->locals[n->local]);
	return cel_test_node(n->body, r);
}

/* --- all, exists: || or && over the elements ------------------------------------------------------ */

static inline int test_quantifier(const struct cel_node *node, struct cel_run *r, int decides) {
	const struct cel_loop *n = (const struct cel_loop *)node;
	struct walk w;
	struct cel_value range;
	if (!walk_start(&w, n, r, &range)) return cel_fail(r, cel_fault_of(&range));
	enum cel_fault first = CEL_FAULT_NONE;
	while (walk_next(&w, n, r)) {
		int truth = cel_test_node(n->step, r);
		if (truth == decides) return truth;
		if (truth < 0 && first == CEL_FAULT_NONE) first = r->fault;
	}
	if (over_cost(r)) first = CEL_FAULT_COST;
	return first == CEL_FAULT_NONE ? !decides : cel_fail(r, first);
}

static int test_exists(const struct cel_node *n, struct cel_run *r) {
	return test_quantifier(n, r, 1);
}

static int test_all(const struct cel_node *n, struct cel_run *r) {
	return test_quantifier(n, r, 0);
}

/* --- map, filter and their like: what is gathered grows in place ------------------------------------ */

struct gathered {
	void *items;
	uint32_t count, room;
	size_t item_bytes;
};

/* Room for one more, doubled when full; NULL: no memory. */
static void *gathered_next(struct gathered *g, struct arena *a) {
	if (g->count == g->room) {
		uint32_t room = g->room ? g->room * 2 : FIRST_ROOM;
		void *items = a ? arena_alloc(a, room * g->item_bytes) : NULL;
		if (!items) return NULL;
		if (g->count) memcpy(items, g->items, g->count * g->item_bytes);
		g->items = items;
		g->room = room;
	}
	return (char *)g->items + g->count++ * g->item_bytes;
}

/* Whether this element is wanted; -1: *out is the error. */
static int wanted(const struct cel_loop *n, struct cel_run *r, struct cel_value *out) {
	int truth = n->condition ? cel_test_node(n->condition, r) : 1;
	if (truth < 0) *out = cel_error(r->fault);
	return truth;
}

static bool gather_item(const struct cel_loop *n, struct cel_run *r, struct gathered *g,
                        struct cel_value *out) {
	int want = wanted(n, r, out);
	if (want <= 0) return want == 0;
	cel_eval_node(n->step, r, out);
	if (out->kind == CEL_ERROR) return false;
	struct cel_value *item = gathered_next(g, r->call.arena);
	if (item)
		*item = *out;
	else
		*out = cel_error(CEL_FAULT_MEMORY);
	return item != NULL;
}

static void eval_gather_list(const struct cel_node *node, struct cel_run *r,
                             struct cel_value *out) {
	const struct cel_loop *n = (const struct cel_loop *)node;
	struct walk w;
	struct gathered g = {.item_bytes = sizeof(struct cel_value)};
	if (!walk_start(&w, n, r, out)) return;
	while (walk_next(&w, n, r))
		if (!gather_item(n, r, &g, out)) return;
	struct cel_list *list = r->call.arena ? arena_alloc(r->call.arena, sizeof *list) : NULL;
	if (over_cost(r) || !list) {
		*out = cel_error(over_cost(r) ? CEL_FAULT_COST : CEL_FAULT_MEMORY);
		return;
	}
	*list = (struct cel_list){.count = g.count, .items = g.items};
	*out = (struct cel_value){.kind = CEL_LIST, .list = list};
}

static bool gather_entry(struct gathered *g, struct cel_run *r, const struct cel_entry *e,
                         struct cel_value *out) {
	struct cel_entry *entry = gathered_next(g, r->call.arena);
	if (entry)
		*entry = *e;
	else
		*out = cel_error(CEL_FAULT_MEMORY);
	return entry != NULL;
}

/* transformMapEntry: what a turn gives is a map, all of it is taken. */
static bool gather_all(struct gathered *g, struct cel_run *r, struct cel_value *out) {
	if (out->kind != CEL_MAP || (!out->map->entries && out->map->count)) {
		*out = cel_error(cel_fault_kind(out));
		return false;
	}
	const struct cel_map *m = out->map;
	if (!cel_pay(&r->call, m->count, out)) return false;
	for (uint32_t i = 0; i < m->count; i++)
		if (!gather_entry(g, r, &m->entries[i], out)) return false;
	return true;
}

static bool gather_pair(const struct cel_loop *n, struct cel_run *r, struct gathered *g,
                        struct cel_value *out) {
	int want = wanted(n, r, out);
	if (want <= 0) return want == 0;
	cel_eval_node(n->step, r, out);
	if (out->kind == CEL_ERROR) return false;
	if (!n->key) return gather_all(g, r, out);
	struct cel_entry e = {.value = *out};
	cel_eval_node(n->key, r, &e.key);
	*out = e.key;
	return out->kind != CEL_ERROR && gather_entry(g, r, &e, out);
}

static void eval_gather_map(const struct cel_node *node, struct cel_run *r, struct cel_value *out) {
	const struct cel_loop *n = (const struct cel_loop *)node;
	struct walk w;
	struct gathered g = {.item_bytes = sizeof(struct cel_entry)};
	if (!walk_start(&w, n, r, out)) return;
	while (walk_next(&w, n, r))
		if (!gather_pair(n, r, &g, out)) return;
	if (over_cost(r))
		*out = cel_error(CEL_FAULT_COST);
	else
		*out = cel_make_map(r->call.arena, g.items, g.count);
}

const struct cel_node cel_node_let = {test_let, eval_let};
const struct cel_node cel_node_fold = {cel_test_eval, eval_fold};
const struct cel_node cel_node_exists = {test_exists, cel_eval_test};
const struct cel_node cel_node_all = {test_all, cel_eval_test};
const struct cel_node cel_node_gather_list = {cel_test_eval, eval_gather_list};
const struct cel_node cel_node_gather_map = {cel_test_eval, eval_gather_map};
