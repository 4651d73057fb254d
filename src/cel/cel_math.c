/* The math extension: extremes, rounding, signs, bits. math.greatest and math.least are macros
 * over "math.@max" and "math.@min". */
#include <math.h>

#include "cel/cel_room.h"

static void same(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	*out = args[0];
}

/* --- extremes -------------------------------------------------------------------------------- */

/* Of equals, and beside NaN, the first stays. */
static void pick(const struct cel_value *first, const struct cel_value *second, int wanted,
                 struct cel_value *out) {
	*out = cel_compare(second, first) == wanted ? *second : *first;
}

static bool is_number(const struct cel_value *v) {
	return v->kind == CEL_INT || v->kind == CEL_UINT || v->kind == CEL_DOUBLE;
}

static void pick_of_list(struct cel_call *c, const struct cel_list *l, int wanted,
                         struct cel_value *out) {
	struct cel_value best;
	if (!cel_pay(c, l->count, out)) return;
	*out = cel_error(l->count ? CEL_FAULT_NO_OVERLOAD : CEL_FAULT_ARGUMENT);
	for (uint32_t i = 0; i < l->count; i++) {
		if (!is_number(&l->items[i])) return;
		pick(i ? &best : &l->items[i], &l->items[i], wanted, &best);
	}
	if (l->count) *out = best;
}

static void max_pair(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	pick(&args[0], &args[1], 1, out);
}

static void min_pair(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	pick(&args[0], &args[1], -1, out);
}

static void max_list(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	pick_of_list(c, args[0].list, 1, out);
}

static void min_list(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	pick_of_list(c, args[0].list, -1, out);
}

/* --- doubles --------------------------------------------------------------------------------- */

#define OF_DOUBLE(name, result)                                                                    \
	static void name(struct cel_call *c, const struct cel_value *args,                         \
	                 struct cel_value *out) {                                                  \
		double d = args[0].d;                                                              \
		*out = result;                                                                     \
	}

OF_DOUBLE(ceil_double, cel_double(ceil(d)))
OF_DOUBLE(floor_double, cel_double(floor(d)))
OF_DOUBLE(round_double, cel_double(round(d)))
OF_DOUBLE(trunc_double, cel_double(trunc(d)))
OF_DOUBLE(sqrt_double, cel_double(sqrt(d)))
OF_DOUBLE(abs_double, cel_double(fabs(d)))
OF_DOUBLE(sign_double, cel_double(isnan(d) ? d : (d > 0) - (d < 0)))
OF_DOUBLE(is_inf, cel_bool(isinf(d)))
OF_DOUBLE(is_nan, cel_bool(isnan(d)))
OF_DOUBLE(is_finite, cel_bool(isfinite(d)))

/* --- ints and uints ------------------------------------------------------------------------------ */

#define OF_INT(name, result)                                                                       \
	static void name(struct cel_call *c, const struct cel_value *args,                         \
	                 struct cel_value *out) {                                                  \
		int64_t i = args[0].i;                                                             \
		*out = result;                                                                     \
	}

OF_INT(abs_int, i == INT64_MIN ? cel_error(CEL_FAULT_OVERFLOW) : cel_int(i < 0 ? -i : i))
OF_INT(sign_int, cel_int((i > 0) - (i < 0)))
OF_INT(sqrt_int, cel_double(sqrt((double)i)))

static void sign_uint(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	*out = cel_uint(args[0].u > 0);
}

static void sqrt_uint(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	*out = cel_double(sqrt((double)args[0].u));
}

/* Bits of ints and uints are the same bits: the result has the kind of the first argument. */
#define OF_BITS(name, result)                                                                      \
	static void name(struct cel_call *c, const struct cel_value *args,                         \
	                 struct cel_value *out) {                                                  \
		*out = args[0];                                                                    \
		out->u = result;                                                                   \
	}

OF_BITS(bit_and, args[0].u &args[1].u)
OF_BITS(bit_or, args[0].u | args[1].u)
OF_BITS(bit_xor, args[0].u ^ args[1].u)
OF_BITS(bit_not, ~args[0].u)

static void shift(const struct cel_value *args, bool left, struct cel_value *out) {
	int64_t bits = args[1].i;
	if (bits < 0) {
		*out = cel_error(CEL_FAULT_ARGUMENT);
		return;
	}
	*out = args[0];
	out->u = bits > 63 ? 0 : left ? args[0].u << bits : args[0].u >> bits;
}

static void shift_left(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	shift(args, true, out);
}

/* The sign moves too: nothing is filled in from it. */
static void shift_right(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	shift(args, false, out);
}

#define PAIR_ROW(id, function, types, result, call)                                                \
	{ id, function, "(" types ") -> " result, call, .cost = 1 }
#define EXTREME_ROWS(id, function, pair, list)                                                     \
	PAIR_ROW(id "_double", function, "double", "double", same),                                \
		PAIR_ROW(id "_int", function, "int", "int", same),                                 \
		PAIR_ROW(id "_uint", function, "uint", "uint", same),                              \
		PAIR_ROW(id "_double_double", function, "double, double", "double", pair),         \
		PAIR_ROW(id "_int_int", function, "int, int", "int", pair),                        \
		PAIR_ROW(id "_uint_uint", function, "uint, uint", "uint", pair),                   \
		PAIR_ROW(id "_int_uint", function, "int, uint", "dyn", pair),                      \
		PAIR_ROW(id "_int_double", function, "int, double", "dyn", pair),                  \
		PAIR_ROW(id "_double_int", function, "double, int", "dyn", pair),                  \
		PAIR_ROW(id "_double_uint", function, "double, uint", "dyn", pair),                \
		PAIR_ROW(id "_uint_int", function, "uint, int", "dyn", pair),                      \
		PAIR_ROW(id "_uint_double", function, "uint, double", "dyn", pair),                \
		PAIR_ROW(id "_list_double", function, "list(double)", "double", list),             \
		PAIR_ROW(id "_list_int", function, "list(int)", "int", list),                      \
		PAIR_ROW(id "_list_uint", function, "list(uint)", "uint", list)

static const struct cel_overload overloads[] = {
	EXTREME_ROWS("math_@max", "math.@max", max_pair, max_list),
	EXTREME_ROWS("math_@min", "math.@min", min_pair, min_list),
	{"math_ceil_double", "math.ceil", "(double) -> double", ceil_double, .cost = 1},
	{"math_floor_double", "math.floor", "(double) -> double", floor_double, .cost = 1},
	{"math_round_double", "math.round", "(double) -> double", round_double, .cost = 1},
	{"math_trunc_double", "math.trunc", "(double) -> double", trunc_double, .cost = 1},
	{"math_isInf_double", "math.isInf", "(double) -> bool", is_inf, .cost = 1},
	{"math_isNaN_double", "math.isNaN", "(double) -> bool", is_nan, .cost = 1},
	{"math_isFinite_double", "math.isFinite", "(double) -> bool", is_finite, .cost = 1},
	{"math_abs_double", "math.abs", "(double) -> double", abs_double, .cost = 1},
	{"math_abs_int", "math.abs", "(int) -> int", abs_int, .cost = 1},
	{"math_abs_uint", "math.abs", "(uint) -> uint", same, .cost = 1},
	{"math_sign_double", "math.sign", "(double) -> double", sign_double, .cost = 1},
	{"math_sign_int", "math.sign", "(int) -> int", sign_int, .cost = 1},
	{"math_sign_uint", "math.sign", "(uint) -> uint", sign_uint, .cost = 1},
	{"math_sqrt_double", "math.sqrt", "(double) -> double", sqrt_double, .cost = 1},
	{"math_sqrt_int", "math.sqrt", "(int) -> double", sqrt_int, .cost = 1},
	{"math_sqrt_uint", "math.sqrt", "(uint) -> double", sqrt_uint, .cost = 1},
	{"math_bitAnd_int_int", "math.bitAnd", "(int, int) -> int", bit_and, .cost = 1},
	{"math_bitAnd_uint_uint", "math.bitAnd", "(uint, uint) -> uint", bit_and, .cost = 1},
	{"math_bitOr_int_int", "math.bitOr", "(int, int) -> int", bit_or, .cost = 1},
	{"math_bitOr_uint_uint", "math.bitOr", "(uint, uint) -> uint", bit_or, .cost = 1},
	{"math_bitXor_int_int", "math.bitXor", "(int, int) -> int", bit_xor, .cost = 1},
	{"math_bitXor_uint_uint", "math.bitXor", "(uint, uint) -> uint", bit_xor, .cost = 1},
	{"math_bitNot_int_int", "math.bitNot", "(int) -> int", bit_not, .cost = 1},
	{"math_bitNot_uint_uint", "math.bitNot", "(uint) -> uint", bit_not, .cost = 1},
	{"math_bitShiftLeft_int_int", "math.bitShiftLeft", "(int, int) -> int", shift_left,
         .cost = 1},
	{"math_bitShiftLeft_uint_int", "math.bitShiftLeft", "(uint, int) -> uint", shift_left,
         .cost = 1},
	{"math_bitShiftRight_int_int", "math.bitShiftRight", "(int, int) -> int", shift_right,
         .cost = 1},
	{"math_bitShiftRight_uint_int", "math.bitShiftRight", "(uint, int) -> uint", shift_right,
         .cost = 1},
};

const struct cel_library cel_library_math = {"math", overloads, CEL_COUNT(overloads)};
