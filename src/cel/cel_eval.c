/* Evaluating a program, and its leaves: constants, variables, fields. Knows nothing of how the
 * program was made. */
#include "cel/cel_program.h"

enum { COST_LIMIT_DEFAULT = 1000000 };

static int64_t frame_cost(const struct cel_frame *f) {
	uint64_t limit = f->cost_limit ? f->cost_limit : COST_LIMIT_DEFAULT;
	return limit > INT64_MAX ? INT64_MAX : (int64_t)limit;
}

/* The locals are not set: a macro writes its own before it reads them. */
static inline void run_start(struct cel_run *r, const struct cel_program *p,
                             const struct cel_frame *f) {
	r->places[CEL_PLACE_SLOT] = f->slots;
	r->places[CEL_PLACE_LOCAL] = r->locals;
	r->fault = CEL_FAULT_NONE;
	r->call = (struct cel_call){
		.arena = f->arena, .cost_left = frame_cost(f) - p->steps, .zones = p->zones};
}

void cel_eval(const struct cel_program *p, const struct cel_frame *f, struct cel_value *out) {
	struct cel_run r;
	run_start(&r, p, f);
	if (r.call.cost_left >= 0) cel_eval_node(p->root, &r, out);
	/* Asked at the end again: && and || absorb errors, but not this one. */
	if (r.call.cost_left < 0) *out = cel_error(CEL_FAULT_COST);
	if (out->kind == CEL_ERROR) *out = cel_error(cel_fault_of(out));
}

int cel_test(const struct cel_program *p, const struct cel_frame *f, enum cel_fault *fault) {
	struct cel_run r;
	run_start(&r, p, f);
	int truth = -1;
	if (r.call.cost_left >= 0) truth = cel_test_node(p->root, &r);
	if (r.call.cost_left < 0) truth = cel_fail(&r, CEL_FAULT_COST);
	if (fault) *fault = truth < 0 ? r.fault : CEL_FAULT_NONE;
	return truth;
}

/* --- one protocol by the other ---------------------------------------------------------- */

int cel_test_eval(const struct cel_node *n, struct cel_run *r) {
	struct cel_value v;
	cel_eval_node(n, r, &v);
	return cel_truth(&v, r);
}

void cel_eval_test(const struct cel_node *n, struct cel_run *r, struct cel_value *out) {
	int truth = cel_test_node(n, r);
	*out = truth < 0 ? cel_error(r->fault) : cel_bool(truth);
}

/* --- constants and variables -------------------------------------------------------------- */

static void eval_const(const struct cel_node *n, struct cel_run *r, struct cel_value *out) {
	*out = ((const struct cel_const *)n)->value;
}

static int test_const(const struct cel_node *n, struct cel_run *r) {
	return cel_truth(&((const struct cel_const *)n)->value, r);
}

static const struct cel_value *read_place(const struct cel_node *n, const struct cel_run *r) {
	const struct cel_read *read = (const struct cel_read *)n;
	return &r->places[read->place][read->index];
}

static void eval_read(const struct cel_node *n, struct cel_run *r, struct cel_value *out) {
	*out = *read_place(n, r);
}

static int test_read(const struct cel_node *n, struct cel_run *r) {
	return cel_truth(read_place(n, r), r);
}

static int test_present(const struct cel_node *n, struct cel_run *r) {
	return read_place(n, r)->kind != CEL_ERROR;
}

const struct cel_node cel_node_const = {test_const, eval_const};
const struct cel_node cel_node_read = {test_read, eval_read};
const struct cel_node cel_node_present = {test_present, cel_eval_test};

/* --- fields ----------------------------------------------------------------------------------- */

/* Keys that are texts are nearly all there are, and most maps are small. One that is not, and has
 * no better way, is charged for; the end of the evaluation sees it. */
static bool map_find(const struct cel_map *m, const struct cel_value *key, struct cel_run *r,
                     struct cel_value *out) {
	if (m->find) return m->find(m, key, out);
	(void)cel_charge(&r->call, m->count / CEL_WALKED_PER_UNIT);
	for (uint32_t i = 0; i < m->count; i++) {
		const struct cel_value *k = &m->entries[i].key;
		if (k->kind != CEL_STRING || k->extra != key->extra) continue;
		if (!cel_text_equal(k->s, key->s, key->extra)) continue;
		*out = m->entries[i].value;
		return true;
	}
	return false;
}

/* A field of an optional is an optional: none where the map has no such key or there is no map. */
static void select_optional(const struct cel_value *of, const struct cel_value *key,
                            struct cel_run *r, struct cel_value *out) {
	struct cel_value found;
	if (!of->optional) {
		*out = *of;
	} else if (of->optional->kind != CEL_MAP) {
		*out = cel_error(CEL_FAULT_NO_OVERLOAD);
	} else if (map_find(of->optional->map, key, r, &found)) {
		*out = cel_make_optional(r->call.arena, &found);
	} else {
		*out = cel_make_optional(r->call.arena, NULL);
	}
}

/* Read in place where it is a variable. */
static inline const struct cel_value *select_from(const struct cel_select *s, struct cel_run *r,
                                                  struct cel_value *room) {
	if (!s->operand) return &r->places[s->place][s->index];
	cel_eval_node(s->operand, r, room);
	return room;
}

static void eval_select(const struct cel_node *n, struct cel_run *r, struct cel_value *out) {
	const struct cel_select *s = (const struct cel_select *)n;
	struct cel_value room;
	const struct cel_value *of = select_from(s, r, &room);
	if (of->kind == CEL_OPTIONAL)
		select_optional(of, &s->key, r, out);
	else if (of->kind != CEL_MAP)
		*out = cel_error(cel_fault_kind(of));
	else if (!map_find(of->map, &s->key, r, out))
		*out = cel_error(CEL_FAULT_NO_KEY);
}

static int test_has(const struct cel_node *n, struct cel_run *r) {
	const struct cel_select *s = (const struct cel_select *)n;
	struct cel_value room;
	const struct cel_value *of = select_from(s, r, &room);
	if (of->kind == CEL_OPTIONAL && !of->optional) return 0;
	if (of->kind == CEL_OPTIONAL) of = of->optional;
	if (of->kind != CEL_MAP) return cel_fail(r, cel_fault_kind(of));
	return map_find(of->map, &s->key, r, &room);
}

const struct cel_node cel_node_select = {cel_test_eval, eval_select};
const struct cel_node cel_node_has = {test_has, cel_eval_test};
