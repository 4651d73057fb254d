/* Values beside each other: equality, order, what type they have. Knows every kind of value and
 * no function of the language. */
#include "cel/cel_value.h"

#include "base/assert.h"
#include "cel/cel_function.h"
#include "cel/cel_type.h"

/* --- numbers on one line ------------------------------------------------------------------ */

#define TWO_TO_63 0x1p63
#define TWO_TO_64 0x1p64

#define ORDER(a, b) (((a) > (b)) - ((a) < (b)))

static int order_doubles(double a, double b) {
	return a < b ? -1 : a > b ? 1 : a == b ? 0 : 2;
}

/* Rounding keeps order, so only a tie needs a second look. */
static int order_int_double(int64_t i, double d) {
	int order = order_doubles((double)i, d);
	return order != 0 || d >= TWO_TO_63 ? order : ORDER(i, (int64_t)d);
}

static int order_uint_double(uint64_t u, double d) {
	int order = order_doubles((double)u, d);
	return order != 0 || d >= TWO_TO_64 ? order : ORDER(u, (uint64_t)d);
}

static int order_int_uint(int64_t i, uint64_t u) {
	return i < 0 ? -1 : ORDER((uint64_t)i, u);
}

static int flip(int order) {
	return order == 2 ? 2 : -order;
}

#define PAIR(a, b) ((a)*CEL_KIND_COUNT + (b))

static bool is_number(const struct cel_value *v) {
	return v->kind == CEL_INT || v->kind == CEL_UINT || v->kind == CEL_DOUBLE;
}

static int order_numbers(const struct cel_value *a, const struct cel_value *b) {
	switch (PAIR(a->kind, b->kind)) {
	case PAIR(CEL_INT, CEL_INT): return ORDER(a->i, b->i);
	case PAIR(CEL_INT, CEL_UINT): return order_int_uint(a->i, b->u);
	case PAIR(CEL_INT, CEL_DOUBLE): return order_int_double(a->i, b->d);
	case PAIR(CEL_UINT, CEL_INT): return flip(order_int_uint(b->i, a->u));
	case PAIR(CEL_UINT, CEL_UINT): return ORDER(a->u, b->u);
	case PAIR(CEL_UINT, CEL_DOUBLE): return order_uint_double(a->u, b->d);
	case PAIR(CEL_DOUBLE, CEL_INT): return flip(order_int_double(b->i, a->d));
	case PAIR(CEL_DOUBLE, CEL_UINT): return flip(order_uint_double(b->u, a->d));
	default: return order_doubles(a->d, b->d);
	}
}

static bool equal_numbers(const struct cel_value *a, const struct cel_value *b) {
	if (order_numbers(a, b) != 0) return false;
	/* The ties that order_*_double leaves standing. */
	if (a->kind == b->kind) return true;
	double limit = a->kind == CEL_UINT || b->kind == CEL_UINT ? TWO_TO_64 : TWO_TO_63;
	const struct cel_value *real = a->kind == CEL_DOUBLE ? a : b;
	return real->kind != CEL_DOUBLE || real->d < limit;
}

int cel_compare(const struct cel_value *a, const struct cel_value *b) {
	if (is_number(a) && is_number(b)) return order_numbers(a, b);
	if (a->kind != b->kind) return 2;
	switch (a->kind) {
	case CEL_BOOL: return ORDER(a->b, b->b);
	case CEL_STRING:
	case CEL_BYTES: {
		int order = slice_cmp(cel_slice(a), cel_slice(b));
		return ORDER(order, 0);
	}
	case CEL_TIMESTAMP: return a->i != b->i ? ORDER(a->i, b->i) : ORDER(a->extra, b->extra);
	case CEL_DURATION: return ORDER(a->i, b->i);
	default: return 2;
	}
}

/* --- equality ------------------------------------------------------------------------------ */

/* 1, 0, or -1 when it must end. `c` NULL: nobody pays. */
static int equal(struct cel_call *c, const struct cel_value *a, const struct cel_value *b,
                 int depth);

static bool pay(struct cel_call *c, uint64_t units) {
	return !c || cel_charge(c, units);
}

static int equal_lists(struct cel_call *c, const struct cel_list *a, const struct cel_list *b,
                       int depth) {
	if (a->count != b->count) return 0;
	if (!pay(c, a->count)) return -1;
	for (uint32_t i = 0; i < a->count; i++) {
		int same = equal(c, &a->items[i], &b->items[i], depth);
		if (same != 1) return same;
	}
	return 1;
}

/* One of the two must have its entries; of two that have not only the sizes are known. */
static int equal_maps(struct cel_call *c, const struct cel_map *a, const struct cel_map *b,
                      int depth) {
	if (a->count != b->count) return 0;
	if (a == b && !a->entries) return 1;
	const struct cel_map *walked = a->entries ? a : b;
	const struct cel_map *asked = a->entries ? b : a;
	if (walked->count && !walked->entries) return 0;
	uint64_t lookup = asked->find ? 1 : asked->count;
	for (uint32_t i = 0; i < walked->count; i++) {
		struct cel_value other;
		if (!pay(c, 1 + lookup)) return -1;
		if (!cel_map_get(asked, &walked->entries[i].key, &other)) return 0;
		int same = equal(c, &walked->entries[i].value, &other, depth);
		if (same != 1) return same;
	}
	return 1;
}

static int equal_optionals(struct cel_call *c, const struct cel_value *a, const struct cel_value *b,
                           int depth) {
	if (!a || !b) return a == b;
	return equal(c, a, b, depth);
}

static bool equal_texts(struct slice a, struct slice b) {
	return a.len == b.len && memcmp(a.ptr, b.ptr, a.len) == 0;
}

/* At run time a list is a list: parameters are the checker's. */
static bool equal_types(const struct cel_type *a, const struct cel_type *b) {
	if (a == b) return true;
	if (a->kind != b->kind) return false;
	return a->kind != CEL_TYPE_OPAQUE || strcmp(a->name, b->name) == 0;
}

static bool equal_nets(const struct cel_net *a, const struct cel_net *b) {
	return a->family == b->family && a->prefix == b->prefix &&
	       memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

static int equal(struct cel_call *c, const struct cel_value *a, const struct cel_value *b,
                 int depth) {
	if (a->kind != b->kind) return is_number(a) && is_number(b) && equal_numbers(a, b);
	switch (a->kind) {
	case CEL_NULL: return 1;
	case CEL_BOOL: return a->b == b->b;
	case CEL_UINT:
	case CEL_INT:
	case CEL_DURATION: return a->i == b->i;
	case CEL_DOUBLE: return a->d == b->d;
	case CEL_STRING:
	case CEL_BYTES:
		if (a->extra != b->extra) return 0;
		if (!pay(c, a->extra / CEL_TEXT_PER_UNIT)) return -1;
		return equal_texts(cel_slice(a), cel_slice(b));
	case CEL_TIMESTAMP: return a->i == b->i && a->extra == b->extra;
	case CEL_TYPE: return equal_types(a->type, b->type);
	case CEL_IP:
	case CEL_CIDR: return equal_nets(a->net, b->net);
	default: break;
	}
	if (depth >= CEL_NESTING_MAX) return -1;
	switch (a->kind) {
	case CEL_LIST: return equal_lists(c, a->list, b->list, depth + 1);
	case CEL_MAP: return equal_maps(c, a->map, b->map, depth + 1);
	case CEL_OPTIONAL: return equal_optionals(c, a->optional, b->optional, depth + 1);
	default: return 0;
	}
}

bool cel_equal(const struct cel_value *a, const struct cel_value *b) {
	return equal(NULL, a, b, 0) == 1;
}

int cel_equal_charged(struct cel_call *c, const struct cel_value *a, const struct cel_value *b) {
	return equal(c, a, b, 0);
}

/* --- types and faults ------------------------------------------------------------------------ */

const struct cel_type *cel_type_of(const struct cel_value *v) {
	static const struct cel_type *const types[CEL_KIND_COUNT] = {
		[CEL_ERROR] = &cel_type_error,
		[CEL_NULL] = &cel_type_null,
		[CEL_BOOL] = &cel_type_bool,
		[CEL_INT] = &cel_type_int,
		[CEL_UINT] = &cel_type_uint,
		[CEL_DOUBLE] = &cel_type_double,
		[CEL_STRING] = &cel_type_string,
		[CEL_BYTES] = &cel_type_bytes,
		[CEL_TIMESTAMP] = &cel_type_timestamp,
		[CEL_DURATION] = &cel_type_duration,
		[CEL_LIST] = &cel_type_list_dyn,
		[CEL_MAP] = &cel_type_map_dyn,
		[CEL_TYPE] = &cel_type_type,
		[CEL_OPTIONAL] = &cel_type_optional_dyn,
		[CEL_IP] = &cel_type_ip,
		[CEL_CIDR] = &cel_type_cidr,
	};
	ASSERT(v->kind < CEL_KIND_COUNT);
	return types[v->kind];
}

const char *cel_fault_text(enum cel_fault f) {
	static const char *const texts[CEL_FAULT_COUNT] = {
		[CEL_FAULT_NONE] = "no error",
		[CEL_FAULT_UNSET] = "a variable has no value here",
		[CEL_FAULT_NO_OVERLOAD] = "no such overload",
		[CEL_FAULT_NO_KEY] = "no such key",
		[CEL_FAULT_NO_FIELD] = "no such field",
		[CEL_FAULT_INDEX] = "index out of bounds",
		[CEL_FAULT_DIVIDE] = "division by zero",
		[CEL_FAULT_MODULUS] = "modulus by zero",
		[CEL_FAULT_OVERFLOW] = "integer overflow",
		[CEL_FAULT_RANGE] = "out of the range of the type",
		[CEL_FAULT_CONVERT] = "the text does not convert",
		[CEL_FAULT_ARGUMENT] = "invalid argument",
		[CEL_FAULT_DUPLICATE_KEY] = "duplicate key in a map",
		[CEL_FAULT_KEY_TYPE] = "unsupported type of a map key",
		[CEL_FAULT_REGEX] = "invalid regular expression",
		[CEL_FAULT_NO_VALUE] = "optional.none() has no value",
		[CEL_FAULT_COST] = "over the cost limit",
		[CEL_FAULT_MEMORY] = "over the memory limit",
	};
	ASSERT(f < CEL_FAULT_COUNT);
	return texts[f];
}
