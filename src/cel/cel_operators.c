/* Arithmetic and negation. Integers never wrap: what does not fit is an error. */
#include "cel/cel_room.h"
#include "cel/cel_time.h"

#define NANOS_PER_SECOND 1000000000

/* --- numbers ------------------------------------------------------------------------------- */

#define CHECKED(name, type, make, member, overflows, fault)                                        \
	static void name(struct cel_call *c, const struct cel_value *args,                         \
	                 struct cel_value *out) {                                                  \
		type result;                                                                       \
		bool over = overflows(args[0].member, args[1].member, &result);                    \
		*out = over ? cel_error(fault) : make(result);                                     \
	}

CHECKED(add_int, int64_t, cel_int, i, __builtin_add_overflow, CEL_FAULT_OVERFLOW)
CHECKED(subtract_int, int64_t, cel_int, i, __builtin_sub_overflow, CEL_FAULT_OVERFLOW)
CHECKED(multiply_int, int64_t, cel_int, i, __builtin_mul_overflow, CEL_FAULT_OVERFLOW)
CHECKED(add_uint, uint64_t, cel_uint, u, __builtin_add_overflow, CEL_FAULT_OVERFLOW)
CHECKED(subtract_uint, uint64_t, cel_uint, u, __builtin_sub_overflow, CEL_FAULT_OVERFLOW)
CHECKED(multiply_uint, uint64_t, cel_uint, u, __builtin_mul_overflow, CEL_FAULT_OVERFLOW)
CHECKED(add_duration, int64_t, cel_duration, i, __builtin_add_overflow, CEL_FAULT_RANGE)
CHECKED(subtract_duration, int64_t, cel_duration, i, __builtin_sub_overflow, CEL_FAULT_RANGE)

/* The one quotient of two ints that does not fit. */
static bool quotient_overflows(const struct cel_value *args) {
	return args[0].i == INT64_MIN && args[1].i == -1;
}

static void divide_int(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	if (args[1].i == 0)
		*out = cel_error(CEL_FAULT_DIVIDE);
	else if (quotient_overflows(args))
		*out = cel_error(CEL_FAULT_OVERFLOW);
	else
		*out = cel_int(args[0].i / args[1].i);
}

static void modulo_int(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	if (args[1].i == 0)
		*out = cel_error(CEL_FAULT_MODULUS);
	else if (quotient_overflows(args))
		*out = cel_error(CEL_FAULT_OVERFLOW);
	else
		*out = cel_int(args[0].i % args[1].i);
}

static void divide_uint(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	*out = args[1].u ? cel_uint(args[0].u / args[1].u) : cel_error(CEL_FAULT_DIVIDE);
}

static void modulo_uint(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	*out = args[1].u ? cel_uint(args[0].u % args[1].u) : cel_error(CEL_FAULT_MODULUS);
}

static void negate_int(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	*out = args[0].i == INT64_MIN ? cel_error(CEL_FAULT_OVERFLOW) : cel_int(-args[0].i);
}

#define ON_DOUBLES(name, operator)                                                                 \
	static void name(struct cel_call *c, const struct cel_value *args,                         \
	                 struct cel_value *out) {                                                  \
		*out = cel_double(args[0].d operator args[1].d);                                   \
	}

ON_DOUBLES(add_double, +)
ON_DOUBLES(subtract_double, -)
ON_DOUBLES(multiply_double, *)

/* By zero: an infinity or NaN, as IEEE 754 has it. */
static void divide_double(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	*out = cel_double(args[0].d / args[1].d);
}

static void negate_double(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	*out = cel_double(-args[0].d);
}

static void not_bool(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	*out = cel_bool(!args[0].b);
}

/* --- time ------------------------------------------------------------------------------------ */

static __int128 nanos_of(const struct cel_value *timestamp) {
	return (__int128)timestamp->i * NANOS_PER_SECOND + timestamp->extra;
}

static struct cel_value timestamp_of(__int128 nanos) {
	__int128 seconds = nanos / NANOS_PER_SECOND, rest = nanos % NANOS_PER_SECOND;
	if (rest < 0) {
		rest += NANOS_PER_SECOND;
		seconds--;
	}
	return cel_timestamp_checked((int64_t)seconds, (uint32_t)rest);
}

static void add_timestamp_duration(struct cel_call *c, const struct cel_value *args,
                                   struct cel_value *out) {
	*out = timestamp_of(nanos_of(&args[0]) + args[1].i);
}

static void add_duration_timestamp(struct cel_call *c, const struct cel_value *args,
                                   struct cel_value *out) {
	*out = timestamp_of(nanos_of(&args[1]) + args[0].i);
}

static void subtract_timestamp_duration(struct cel_call *c, const struct cel_value *args,
                                        struct cel_value *out) {
	*out = timestamp_of(nanos_of(&args[0]) - args[1].i);
}

static void subtract_timestamps(struct cel_call *c, const struct cel_value *args,
                                struct cel_value *out) {
	__int128 nanos = nanos_of(&args[0]) - nanos_of(&args[1]);
	bool fits = nanos >= INT64_MIN && nanos <= INT64_MAX;
	*out = fits ? cel_duration((int64_t)nanos) : cel_error(CEL_FAULT_RANGE);
}

/* --- joining --------------------------------------------------------------------------------- */

static void add_texts(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	struct slice a = cel_slice(&args[0]), b = cel_slice(&args[1]);
	char *text = cel_room_text(c, a.len + b.len, out);
	if (!text) return;
	out->kind = args[0].kind;
	if (a.len) memcpy(text, a.ptr, a.len);
	if (b.len) memcpy(text + a.len, b.ptr, b.len);
}

static void add_lists(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	const struct cel_list *a = args[0].list, *b = args[1].list;
	struct cel_value *items = cel_room_list(c, (size_t)a->count + b->count, out);
	if (!items) return;
	if (a->count) memcpy(items, a->items, a->count * sizeof *items);
	if (b->count) memcpy(items + a->count, b->items, b->count * sizeof *items);
}

#define TIMESTAMP "google.protobuf.Timestamp"
#define DURATION "google.protobuf.Duration"

static const struct cel_overload overloads[] = {
	{"add_int64", "_+_", "(int, int) -> int", add_int, .cost = 1},
	{"add_uint64", "_+_", "(uint, uint) -> uint", add_uint, .cost = 1},
	{"add_double", "_+_", "(double, double) -> double", add_double, .cost = 1},
	{"add_string", "_+_", "(string, string) -> string", add_texts, .cost = 1},
	{"add_bytes", "_+_", "(bytes, bytes) -> bytes", add_texts, .cost = 1},
	{"add_list", "_+_", "(list(A), list(A)) -> list(A)", add_lists, .cost = 1},
	{"add_timestamp_duration", "_+_", "(" TIMESTAMP ", " DURATION ") -> " TIMESTAMP,
         add_timestamp_duration, .cost = 1},
	{"add_duration_timestamp", "_+_", "(" DURATION ", " TIMESTAMP ") -> " TIMESTAMP,
         add_duration_timestamp, .cost = 1},
	{"add_duration_duration", "_+_", "(" DURATION ", " DURATION ") -> " DURATION, add_duration,
         .cost = 1},
	{"subtract_int64", "_-_", "(int, int) -> int", subtract_int, .cost = 1},
	{"subtract_uint64", "_-_", "(uint, uint) -> uint", subtract_uint, .cost = 1},
	{"subtract_double", "_-_", "(double, double) -> double", subtract_double, .cost = 1},
	{"subtract_timestamp_timestamp", "_-_", "(" TIMESTAMP ", " TIMESTAMP ") -> " DURATION,
         subtract_timestamps, .cost = 1},
	{"subtract_timestamp_duration", "_-_", "(" TIMESTAMP ", " DURATION ") -> " TIMESTAMP,
         subtract_timestamp_duration, .cost = 1},
	{"subtract_duration_duration", "_-_", "(" DURATION ", " DURATION ") -> " DURATION,
         subtract_duration, .cost = 1},
	{"multiply_int64", "_*_", "(int, int) -> int", multiply_int, .cost = 1},
	{"multiply_uint64", "_*_", "(uint, uint) -> uint", multiply_uint, .cost = 1},
	{"multiply_double", "_*_", "(double, double) -> double", multiply_double, .cost = 1},
	{"divide_int64", "_/_", "(int, int) -> int", divide_int, .cost = 1},
	{"divide_uint64", "_/_", "(uint, uint) -> uint", divide_uint, .cost = 1},
	{"divide_double", "_/_", "(double, double) -> double", divide_double, .cost = 1},
	{"modulo_int64", "_%_", "(int, int) -> int", modulo_int, .cost = 1},
	{"modulo_uint64", "_%_", "(uint, uint) -> uint", modulo_uint, .cost = 1},
	{"negate_int64", "-_", "(int) -> int", negate_int, .cost = 1},
	{"negate_double", "-_", "(double) -> double", negate_double, .cost = 1},
	{"logical_not", "!_", "(bool) -> bool", not_bool, .cost = 1},
};

const struct cel_library cel_library_operators = {"operators", overloads, CEL_COUNT(overloads)};
