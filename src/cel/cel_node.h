/* What a program is made of: a tree of nodes, each of which evaluates itself. A node begins
 * with two functions. `test` is the fast protocol, for conditions: 1, 0, or -1 with the fault
 * in the run. `eval` writes a value, an error included. Every node has both; one of them is
 * often the other in disguise (cel_test_eval, cel_eval_test).
 *
 * Nodes are chosen when the program is made (cel_plan.h), so that what is known then is not
 * asked again: that the operand is a slot, that the other side is the text "GET". They are never
 * changed afterwards and know nothing of syntax, types or names.
 */
#pragma once
#include "base/assert.h"
#include "cel/cel.h"

enum {
	CEL_LOCALS_MAX = 256,    /* variables of macros that are alive at once */
	CEL_ARGS_MAX = 8,        /* of one call */
	CEL_WALKED_PER_UNIT = 8, /* entries of a map that cost one unit to look at */
};

/* Where a variable is read from. */
enum cel_place { CEL_PLACE_SLOT, CEL_PLACE_LOCAL };

/* One evaluation, on the stack of cel_eval or cel_test. */
struct cel_run {
	const struct cel_value *places[2]; /* by enum cel_place */
	struct cel_call call;
	enum cel_fault fault; /* of the last `test` that returned -1 */
	struct cel_value locals[CEL_LOCALS_MAX];
};

struct cel_node {
	int (*test)(const struct cel_node *n, struct cel_run *r);
	void (*eval)(const struct cel_node *n, struct cel_run *r, struct cel_value *out);
};

static inline int cel_fail(struct cel_run *r, enum cel_fault fault) {
	r->fault = fault;
	return -1;
}
/* A slot that was never filled is CEL_ERROR without a fault. */
static inline enum cel_fault cel_fault_of(const struct cel_value *error) {
	return error->extra == CEL_FAULT_NONE ? CEL_FAULT_UNSET : (enum cel_fault)error->extra;
}
/* Why a value is not of the kind wanted: it is an error already, or no overload takes it. */
static inline enum cel_fault cel_fault_kind(const struct cel_value *v) {
	return v->kind == CEL_ERROR ? cel_fault_of(v) : CEL_FAULT_NO_OVERLOAD;
}
static inline int cel_truth(const struct cel_value *v, struct cel_run *r) {
	return v->kind == CEL_BOOL ? v->b : cel_fail(r, cel_fault_kind(v));
}
static inline void cel_eval_node(const struct cel_node *n, struct cel_run *r,
                                 struct cel_value *out) {
	n->eval(n, r, out);
}
static inline int cel_test_node(const struct cel_node *n, struct cel_run *r) {
	return n->test(n, r);
}

int cel_test_eval(const struct cel_node *n, struct cel_run *r);
void cel_eval_test(const struct cel_node *n, struct cel_run *r, struct cel_value *out);

/* Equality of texts, as fast for the short ones conditions are made of as for any. */
static inline bool cel_text_equal(const char *a, const char *b, uint32_t len) {
	uint64_t a8, b8, a8_end, b8_end;
	uint32_t a4, b4, a4_end, b4_end;
	if (len > 16) return memcmp(a, b, len) == 0;
	if (len >= 8) {
		memcpy(&a8, a, 8), memcpy(&b8, b, 8);
		memcpy(&a8_end, a + len - 8, 8), memcpy(&b8_end, b + len - 8, 8);
		return ((a8 ^ b8) | (a8_end ^ b8_end)) == 0;
	}
	if (len >= 4) {
		memcpy(&a4, a, 4), memcpy(&b4, b, 4);
		memcpy(&a4_end, a + len - 4, 4), memcpy(&b4_end, b + len - 4, 4);
		return ((a4 ^ b4) | (a4_end ^ b4_end)) == 0;
	}
	for (uint32_t i = 0; i < len; i++)
		if (a[i] != b[i]) return false;
	return true;
}

/* --- leaves ----------------------------------------------------------------------------- */

struct cel_const {
	struct cel_node node;
	struct cel_value value;
};
extern const struct cel_node cel_node_const;

struct cel_read {
	struct cel_node node;
	uint32_t place, index;
};
extern const struct cel_node cel_node_read;
extern const struct cel_node cel_node_present; /* has(): the slot was filled */

/* operand.key, operand["key"], has(operand.key) */
struct cel_select {
	struct cel_node node;
	uint32_t place, index;          /* the variable, where `operand` is NULL */
	const struct cel_node *operand; /* the expression */
	struct cel_value key;           /* STRING */
};
extern const struct cel_node cel_node_select, cel_node_has;

/* --- logic ------------------------------------------------------------------------------- */

/* a && b && …, a || b || …: flat. */
struct cel_chain {
	struct cel_node node;
	uint32_t count;
	const struct cel_node *const *terms;
};
extern const struct cel_node cel_node_and, cel_node_or;

/* Everything of one to three operands: !a, c ? a : b, a == b, optional's or and orValue, and
 * the macros' own @not_strictly_false. */
struct cel_branch {
	struct cel_node node;
	const struct cel_node *a, *b, *c;
};
extern const struct cel_node cel_node_not, cel_node_choose, cel_node_equal, cel_node_unequal,
	cel_node_or_optional, cel_node_or_value, cel_node_not_strictly_false;

/* --- a variable or an expression beside a constant ------------------------------------------ */

struct cel_set;
struct cel_probe {
	struct cel_node node;
	uint32_t place, index;          /* the variable, where `operand` is NULL */
	const struct cel_node *operand; /* the expression */
	struct cel_value constant;
	const struct cel_set *set; /* MEMBER */
	uint32_t orders;           /* ORDER: bit 0 less, 1 equal, 2 greater is true */
};
enum cel_probe_kind {
	CEL_PROBE_EQUAL_TEXT,
	CEL_PROBE_EQUAL_INT,
	CEL_PROBE_EQUAL,
	CEL_PROBE_UNEQUAL_TEXT,
	CEL_PROBE_UNEQUAL_INT,
	CEL_PROBE_UNEQUAL,
	CEL_PROBE_ORDER_INT,
	CEL_PROBE_ORDER,
	CEL_PROBE_MEMBER,
	CEL_PROBE_STARTS,
	CEL_PROBE_ENDS,
	CEL_PROBE_CONTAINS,
	CEL_PROBE_COUNT
};
/* By whether there is an operand. */
extern const struct cel_node cel_node_probe[CEL_PROBE_COUNT][2];

/* --- sets of constants ----------------------------------------------------------------------- */

/* Membership as "in" means it. NULL: no memory. The values are borrowed. */
const struct cel_set *cel_set_make(struct arena *a, const struct cel_list *values);
/* 1, 0; -1: over the cost. */
int cel_set_has(const struct cel_set *s, struct cel_call *c, const struct cel_value *v);

/* --- calls and literals ------------------------------------------------------------------------ */

struct cel_candidate {
	const struct cel_overload *overload;
	const void *data;      /* what `prepare` made */
	const uint32_t *kinds; /* per argument: bits of enum cel_kind that fit */
};
struct cel_invoke {
	struct cel_node node;
	uint16_t arg_count, candidate_count;
	const struct cel_node *const *args;
	const struct cel_candidate *candidates;
};
extern const struct cel_node cel_node_invoke;

struct cel_part {
	const struct cel_node *key, *value; /* key: NULL in a list */
	bool optional;
};
struct cel_literal {
	struct cel_node node;
	uint32_t count;
	const struct cel_part *parts;
};
extern const struct cel_node cel_node_list, cel_node_map;
/* value in [parts], without making the list. */
struct cel_among {
	struct cel_literal of;
	const struct cel_node *value;
};
extern const struct cel_node cel_node_among;

/* --- macros ------------------------------------------------------------------------------------- */

/* local = init; body */
struct cel_let {
	struct cel_node node;
	uint32_t local;
	const struct cel_node *init, *body;
};
extern const struct cel_node cel_node_let;

/* A fold of cel_ast.h, and its special shapes: quantifiers, which test `step` until one
 * decides; gatherers, which collect `step` where `condition` (NULL: always) holds, without
 * copying what they have. */
struct cel_loop {
	struct cel_node node;
	const struct cel_node *range, *init, *condition, *step, *result;
	const struct cel_node *key; /* GATHER_MAP of keys and values */
	uint32_t iter, iter2, accu; /* locals; iter2 UINT32_MAX: one variable */
	uint32_t turn_cost;         /* straight-line steps of one turn */
};
extern const struct cel_node cel_node_fold, cel_node_exists, cel_node_all, cel_node_gather_list,
	cel_node_gather_map;
