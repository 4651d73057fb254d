/* Nodes that do not evaluate all they are given: && || ! ?: and what macros and optionals need
 * of the kind. && and || are commutative about errors (langdef.md, "Logical Operators"): one
 * term that decides makes the errors of the others unseen. */
#include "cel/cel_node.h"

static inline const struct cel_branch *branch(const struct cel_node *n) {
	return (const struct cel_branch *)n;
}

static inline int test_chain(const struct cel_node *n, struct cel_run *r, int decides) {
	const struct cel_chain *c = (const struct cel_chain *)n;
	enum cel_fault first = CEL_FAULT_NONE;
	const struct cel_node *const *end = c->terms + c->count;
	for (const struct cel_node *const *term = c->terms; term < end; term++) {
		int truth = cel_test_node(*term, r);
		if (truth == decides) return truth;
		if (truth < 0 && first == CEL_FAULT_NONE) first = r->fault;
	}
	return first == CEL_FAULT_NONE ? !decides : cel_fail(r, first);
}

static int test_and(const struct cel_node *n, struct cel_run *r) {
	return test_chain(n, r, 0);
}

static int test_or(const struct cel_node *n, struct cel_run *r) {
	return test_chain(n, r, 1);
}

static int test_not(const struct cel_node *n, struct cel_run *r) {
	int truth = cel_test_node(branch(n)->a, r);
	return truth < 0 ? truth : !truth;
}

/* Whether a loop goes on: an error so far must not end it, a later element may decide. */
static int test_not_strictly_false(const struct cel_node *n, struct cel_run *r) {
	return cel_test_node(branch(n)->a, r) != 0;
}

static int test_choose(const struct cel_node *n, struct cel_run *r) {
	int truth = cel_test_node(branch(n)->a, r);
	if (truth < 0) return truth;
	return cel_test_node(truth ? branch(n)->b : branch(n)->c, r);
}

static void eval_choose(const struct cel_node *n, struct cel_run *r, struct cel_value *out) {
	int truth = cel_test_node(branch(n)->a, r);
	if (truth < 0)
		*out = cel_error(r->fault);
	else
		cel_eval_node(truth ? branch(n)->b : branch(n)->c, r, out);
}

/* --- optionals: the other is evaluated only where the first is none --------------------- */

static void eval_or_optional(const struct cel_node *n, struct cel_run *r, struct cel_value *out) {
	cel_eval_node(branch(n)->a, r, out);
	if (out->kind == CEL_OPTIONAL && out->optional) return;
	if (out->kind == CEL_OPTIONAL) cel_eval_node(branch(n)->b, r, out);
	if (out->kind != CEL_OPTIONAL) *out = cel_error(cel_fault_kind(out));
}

static void eval_or_value(const struct cel_node *n, struct cel_run *r, struct cel_value *out) {
	cel_eval_node(branch(n)->a, r, out);
	if (out->kind != CEL_OPTIONAL)
		*out = cel_error(cel_fault_kind(out));
	else if (out->optional)
		*out = *out->optional;
	else
		cel_eval_node(branch(n)->b, r, out);
}

/* --- equality of two expressions ------------------------------------------------------------ */

static int test_equal(const struct cel_node *n, struct cel_run *r) {
	struct cel_value a, b;
	cel_eval_node(branch(n)->a, r, &a);
	if (a.kind == CEL_ERROR) return cel_fail(r, cel_fault_of(&a));
	cel_eval_node(branch(n)->b, r, &b);
	if (b.kind == CEL_ERROR) return cel_fail(r, cel_fault_of(&b));
	if (a.kind == CEL_INT && b.kind == CEL_INT) return a.i == b.i;
	int same = cel_equal_charged(&r->call, &a, &b);
	return same < 0 ? cel_fail(r, CEL_FAULT_COST) : same;
}

static int test_unequal(const struct cel_node *n, struct cel_run *r) {
	int same = test_equal(n, r);
	return same < 0 ? same : !same;
}

const struct cel_node cel_node_and = {test_and, cel_eval_test};
const struct cel_node cel_node_or = {test_or, cel_eval_test};
const struct cel_node cel_node_not = {test_not, cel_eval_test};
const struct cel_node cel_node_not_strictly_false = {test_not_strictly_false, cel_eval_test};
const struct cel_node cel_node_choose = {test_choose, eval_choose};
const struct cel_node cel_node_or_optional = {cel_test_eval, eval_or_optional};
const struct cel_node cel_node_or_value = {cel_test_eval, eval_or_value};
const struct cel_node cel_node_equal = {test_equal, cel_eval_test};
const struct cel_node cel_node_unequal = {test_unequal, cel_eval_test};
