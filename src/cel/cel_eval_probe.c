/* What conditions are mostly made of: a variable beside a constant. Each test exists twice, for
 * a variable read in place and for any expression. A value that is no fit answers as the
 * operator would: different kinds are unequal, but have no order and no substrings. */
#include "cel/cel_node.h"

#define INLINE static inline __attribute__((always_inline))

INLINE const struct cel_probe *probe(const struct cel_node *n) {
	return (const struct cel_probe *)n;
}

/* --- equality ------------------------------------------------------------------------------ */

INLINE int equal_text(const struct cel_probe *p, const struct cel_value *v, struct cel_run *r) {
	if (v->kind != CEL_STRING) return v->kind == CEL_ERROR ? cel_fail(r, cel_fault_of(v)) : 0;
	return v->extra == p->constant.extra && cel_text_equal(v->s, p->constant.s, v->extra);
}

INLINE int equal_any(const struct cel_probe *p, const struct cel_value *v, struct cel_run *r) {
	if (v->kind == CEL_ERROR) return cel_fail(r, cel_fault_of(v));
	int same = cel_equal_charged(&r->call, v, &p->constant);
	return same < 0 ? cel_fail(r, CEL_FAULT_COST) : same;
}

INLINE int equal_int(const struct cel_probe *p, const struct cel_value *v, struct cel_run *r) {
	return v->kind == CEL_INT ? v->i == p->constant.i : equal_any(p, v, r);
}

INLINE int negate(int truth) {
	return truth < 0 ? truth : !truth;
}

INLINE int unequal_text(const struct cel_probe *p, const struct cel_value *v, struct cel_run *r) {
	return negate(equal_text(p, v, r));
}

INLINE int unequal_int(const struct cel_probe *p, const struct cel_value *v, struct cel_run *r) {
	return negate(equal_int(p, v, r));
}

INLINE int unequal_any(const struct cel_probe *p, const struct cel_value *v, struct cel_run *r) {
	return negate(equal_any(p, v, r));
}

/* --- order ----------------------------------------------------------------------------------- */

static bool numeric(const struct cel_value *v) {
	return v->kind == CEL_INT || v->kind == CEL_UINT || v->kind == CEL_DOUBLE;
}

static bool ordered(const struct cel_value *a, const struct cel_value *b) {
	const uint32_t kinds = 1u << CEL_BOOL | 1u << CEL_STRING | 1u << CEL_BYTES |
	                       1u << CEL_TIMESTAMP | 1u << CEL_DURATION;
	if (numeric(a)) return numeric(b);
	return a->kind == b->kind && (kinds >> a->kind & 1);
}

INLINE int order_any(const struct cel_probe *p, const struct cel_value *v, struct cel_run *r) {
	if (!ordered(v, &p->constant)) return cel_fail(r, cel_fault_kind(v));
	int order = cel_compare(v, &p->constant);
	return order == 2 ? 0 : p->orders >> (order + 1) & 1; /* NaN is not even >= itself */
}

INLINE int order_int(const struct cel_probe *p, const struct cel_value *v, struct cel_run *r) {
	if (v->kind != CEL_INT) return order_any(p, v, r);
	int order = (v->i > p->constant.i) - (v->i < p->constant.i);
	return p->orders >> (order + 1) & 1;
}

/* --- membership and substrings ------------------------------------------------------------------ */

INLINE int member(const struct cel_probe *p, const struct cel_value *v, struct cel_run *r) {
	if (v->kind == CEL_ERROR) return cel_fail(r, cel_fault_of(v));
	int has = cel_set_has(p->set, &r->call, v);
	return has < 0 ? cel_fail(r, CEL_FAULT_COST) : has;
}

INLINE int starts(const struct cel_probe *p, const struct cel_value *v, struct cel_run *r) {
	if (v->kind != CEL_STRING) return cel_fail(r, cel_fault_kind(v));
	uint32_t len = p->constant.extra;
	return v->extra >= len && cel_text_equal(v->s, p->constant.s, len);
}

INLINE int ends(const struct cel_probe *p, const struct cel_value *v, struct cel_run *r) {
	if (v->kind != CEL_STRING) return cel_fail(r, cel_fault_kind(v));
	uint32_t len = p->constant.extra;
	return v->extra >= len && cel_text_equal(v->s + v->extra - len, p->constant.s, len);
}

INLINE int contains(const struct cel_probe *p, const struct cel_value *v, struct cel_run *r) {
	if (v->kind != CEL_STRING) return cel_fail(r, cel_fault_kind(v));
	if (!cel_charge(&r->call, v->extra / CEL_TEXT_PER_UNIT)) return cel_fail(r, CEL_FAULT_COST);
	return memmem(v->s, v->extra, p->constant.s, p->constant.extra) != NULL;
}

/* --- each of them twice ---------------------------------------------------------------------------- */

#define PROBES(X)                                                                                  \
	X(EQUAL_TEXT, equal_text)                                                                  \
	X(EQUAL_INT, equal_int)                                                                    \
	X(EQUAL, equal_any)                                                                        \
	X(UNEQUAL_TEXT, unequal_text)                                                              \
	X(UNEQUAL_INT, unequal_int)                                                                \
	X(UNEQUAL, unequal_any)                                                                    \
	X(ORDER_INT, order_int)                                                                    \
	X(ORDER, order_any)                                                                        \
	X(MEMBER, member)                                                                          \
	X(STARTS, starts)                                                                          \
	X(ENDS, ends)                                                                              \
	X(CONTAINS, contains)

#define DEFINE(kind, name)                                                                         \
	static int name##_place(const struct cel_node *n, struct cel_run *r) {                     \
		return name(probe(n), &r->places[probe(n)->place][probe(n)->index], r);            \
	}                                                                                          \
	static int name##_operand(const struct cel_node *n, struct cel_run *r) {                   \
		struct cel_value v;                                                                \
		cel_eval_node(probe(n)->operand, r, &v);                                           \
		return name(probe(n), &v, r);                                                      \
	}
PROBES(DEFINE)

#define ROW(kind, name)                                                                            \
	[CEL_PROBE_##kind] = {{name##_place, cel_eval_test}, {name##_operand, cel_eval_test}},
const struct cel_node cel_node_probe[CEL_PROBE_COUNT][2] = {PROBES(ROW)};
