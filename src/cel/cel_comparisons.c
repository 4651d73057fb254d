/* Equality and order. */
#include "cel/cel_room.h"

static void equals(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	int same = cel_equal_charged(c, &args[0], &args[1]);
	*out = same < 0 ? cel_error(CEL_FAULT_COST) : cel_bool(same);
}

static void not_equals(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	int same = cel_equal_charged(c, &args[0], &args[1]);
	*out = same < 0 ? cel_error(CEL_FAULT_COST) : cel_bool(!same);
}

/* Long texts are paid for, everything else is one step. */
static bool pay_for_texts(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	bool texts = args[0].kind == CEL_STRING || args[0].kind == CEL_BYTES;
	return !texts || cel_pay(c, args[0].extra / CEL_TEXT_PER_UNIT, out);
}

/* NaN has no order, 2: each of these is false. */
#define ORDERED(name, condition)                                                                   \
	static void name(struct cel_call *c, const struct cel_value *args,                         \
	                 struct cel_value *out) {                                                  \
		if (!pay_for_texts(c, args, out)) return;                                          \
		int order = cel_compare(&args[0], &args[1]);                                       \
		*out = cel_bool(condition);                                                        \
	}

ORDERED(less, order == -1)
ORDERED(less_equals, order == -1 || order == 0)
ORDERED(greater, order == 1)
ORDERED(greater_equals, order == 1 || order == 0)

/* One operator over all pairs that have an order. */
#define ORDER_ROWS(id, function, call)                                                             \
	{id "_int64", function, "(int, int) -> bool", call, .cost = 1},                            \
		{id "_uint64", function, "(uint, uint) -> bool", call, .cost = 1},                 \
		{id "_double", function, "(double, double) -> bool", call, .cost = 1},             \
		{id "_string", function, "(string, string) -> bool", call, .cost = 1},             \
		{id "_bytes", function, "(bytes, bytes) -> bool", call, .cost = 1},                \
		{id "_bool", function, "(bool, bool) -> bool", call, .cost = 1},                   \
		{id "_timestamp", function,                                                        \
	         "(google.protobuf.Timestamp, google.protobuf.Timestamp) -> bool", call,           \
	         .cost = 1},                                                                       \
		{id "_duration", function,                                                         \
	         "(google.protobuf.Duration, google.protobuf.Duration) -> bool", call, .cost = 1}, \
		{id "_int64_uint64", function, "(int, uint) -> bool", call, .cost = 1},            \
		{id "_int64_double", function, "(int, double) -> bool", call, .cost = 1},          \
		{id "_uint64_int64", function, "(uint, int) -> bool", call, .cost = 1},            \
		{id "_uint64_double", function, "(uint, double) -> bool", call, .cost = 1},        \
		{id "_double_int64", function, "(double, int) -> bool", call, .cost = 1}, {        \
		id "_double_uint64", function, "(double, uint) -> bool", call, .cost = 1           \
	}

static const struct cel_overload overloads[] = {
	{"equals", "_==_", "(A, A) -> bool", equals, .cost = 1},
	{"not_equals", "_!=_", "(A, A) -> bool", not_equals, .cost = 1},
	ORDER_ROWS("less", "_<_", less),
	ORDER_ROWS("less_equals", "_<=_", less_equals),
	ORDER_ROWS("greater", "_>_", greater),
	ORDER_ROWS("greater_equals", "_>=_", greater_equals),
};

const struct cel_library cel_library_comparisons = {"comparisons", overloads, CEL_COUNT(overloads)};
