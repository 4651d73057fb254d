/* From type to type: int("1"), string(1.5), timestamp("…"), type(x), dyn(x). What has no exact or
 * truncated counterpart is an error. */
#include "base/parse.h"
#include "cel/cel_number.h"
#include "cel/cel_room.h"
#include "cel/cel_time.h"
#include "cel/cel_type.h"

#include <inttypes.h>
#include <stdio.h>

static void same(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	*out = args[0];
}

/* --- int ------------------------------------------------------------------------------------ */

static void uint_to_int(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	bool fits = args[0].u <= INT64_MAX;
	*out = fits ? cel_int((int64_t)args[0].u) : cel_error(CEL_FAULT_RANGE);
}

/* Both ends are out: 2^63 itself may stand for a number that was rounded to it. NaN too. */
static void double_to_int(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	double d = args[0].d;
	bool fits = d > -0x1p63 && d < 0x1p63;
	*out = fits ? cel_int((int64_t)d) : cel_error(CEL_FAULT_RANGE);
}

static void string_to_int(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	int64_t i;
	enum cel_fault fault = cel_int_parse(cel_slice(&args[0]), &i);
	*out = fault ? cel_error(fault) : cel_int(i);
}

static void time_to_int(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	*out = cel_int(args[0].i);
}

/* --- uint ----------------------------------------------------------------------------------- */

static void int_to_uint(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	bool fits = args[0].i >= 0;
	*out = fits ? cel_uint((uint64_t)args[0].i) : cel_error(CEL_FAULT_RANGE);
}

static void double_to_uint(struct cel_call *c, const struct cel_value *args,
                           struct cel_value *out) {
	double d = args[0].d;
	bool fits = d >= 0 && d < 0x1p64;
	*out = fits ? cel_uint((uint64_t)d) : cel_error(CEL_FAULT_RANGE);
}

static void string_to_uint(struct cel_call *c, const struct cel_value *args,
                           struct cel_value *out) {
	uint64_t u;
	enum cel_fault fault = cel_uint_parse(cel_slice(&args[0]), &u);
	*out = fault ? cel_error(fault) : cel_uint(u);
}

/* --- double and bool -------------------------------------------------------------------------- */

static void int_to_double(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	*out = cel_double((double)args[0].i);
}

static void uint_to_double(struct cel_call *c, const struct cel_value *args,
                           struct cel_value *out) {
	*out = cel_double((double)args[0].u);
}

static void string_to_double(struct cel_call *c, const struct cel_value *args,
                             struct cel_value *out) {
	double d;
	enum cel_fault fault = cel_double_parse(cel_slice(&args[0]), &d);
	*out = fault ? cel_error(fault) : cel_double(d);
}

static bool is_one_of(struct slice s, const char *const words[], int count) {
	for (int i = 0; i < count; i++)
		if (slice_is(s, words[i])) return true;
	return false;
}

static void string_to_bool(struct cel_call *c, const struct cel_value *args,
                           struct cel_value *out) {
	static const char *const yes[] = {"1", "t", "T", "true", "TRUE", "True"};
	static const char *const no[] = {"0", "f", "F", "false", "FALSE", "False"};
	struct slice s = cel_slice(&args[0]);
	bool truth = is_one_of(s, yes, CEL_COUNT(yes));
	bool known = truth || is_one_of(s, no, CEL_COUNT(no));
	*out = known ? cel_bool(truth) : cel_error(CEL_FAULT_CONVERT);
}

/* --- string and bytes --------------------------------------------------------------------------- */

static void string_of(struct cel_call *c, const char *text, size_t len, struct cel_value *out) {
	char *room = cel_room_text(c, len, out);
	if (room) memcpy(room, text, len);
}

static void bool_to_string(struct cel_call *c, const struct cel_value *args,
                           struct cel_value *out) {
	*out = cel_string(args[0].b ? SLICE_LIT("true") : SLICE_LIT("false"));
}

static void int_to_string(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	char text[24];
	string_of(c, text, (size_t)snprintf(text, sizeof text, "%" PRId64, args[0].i), out);
}

static void uint_to_string(struct cel_call *c, const struct cel_value *args,
                           struct cel_value *out) {
	char text[24];
	string_of(c, text, (size_t)snprintf(text, sizeof text, "%" PRIu64, args[0].u), out);
}

static void double_to_string(struct cel_call *c, const struct cel_value *args,
                             struct cel_value *out) {
	char text[CEL_NUMBER_MAX];
	string_of(c, text, cel_double_print(args[0].d, text), out);
}

static void timestamp_to_string(struct cel_call *c, const struct cel_value *args,
                                struct cel_value *out) {
	char text[CEL_TIME_MAX];
	string_of(c, text, cel_timestamp_print(&args[0], text), out);
}

static void duration_to_string(struct cel_call *c, const struct cel_value *args,
                               struct cel_value *out) {
	char text[CEL_TIME_MAX];
	string_of(c, text, cel_duration_print(&args[0], text), out);
}

static void bytes_to_string(struct cel_call *c, const struct cel_value *args,
                            struct cel_value *out) {
	struct slice s = cel_slice(&args[0]);
	if (!cel_pay(c, s.len / CEL_TEXT_PER_UNIT, out)) return;
	*out = utf8_valid(s) ? cel_string(s) : cel_error(CEL_FAULT_CONVERT);
}

static void string_to_bytes(struct cel_call *c, const struct cel_value *args,
                            struct cel_value *out) {
	*out = cel_bytes(cel_slice(&args[0]));
}

/* --- time and types ------------------------------------------------------------------------------- */

static void string_to_timestamp(struct cel_call *c, const struct cel_value *args,
                                struct cel_value *out) {
	if (cel_pay(c, args[0].extra / CEL_TEXT_PER_UNIT, out))
		*out = cel_timestamp_parse(cel_slice(&args[0]));
}

static void int_to_timestamp(struct cel_call *c, const struct cel_value *args,
                             struct cel_value *out) {
	*out = cel_timestamp_checked(args[0].i, 0);
}

static void string_to_duration(struct cel_call *c, const struct cel_value *args,
                               struct cel_value *out) {
	if (cel_pay(c, args[0].extra / CEL_TEXT_PER_UNIT, out))
		*out = cel_duration_parse(cel_slice(&args[0]));
}

static void type_of(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	*out = cel_type_value(cel_type_of(&args[0]));
}

#define TIMESTAMP "google.protobuf.Timestamp"
#define DURATION "google.protobuf.Duration"

static const struct cel_overload overloads[] = {
	{"int64_to_int64", "int", "(int) -> int", same, .cost = 1},
	{"uint64_to_int64", "int", "(uint) -> int", uint_to_int, .cost = 1},
	{"double_to_int64", "int", "(double) -> int", double_to_int, .cost = 1},
	{"string_to_int64", "int", "(string) -> int", string_to_int, .cost = 2},
	{"timestamp_to_int64", "int", "(" TIMESTAMP ") -> int", time_to_int, .cost = 1},
	{"duration_to_int64", "int", "(" DURATION ") -> int", time_to_int, .cost = 1},
	{"uint64_to_uint64", "uint", "(uint) -> uint", same, .cost = 1},
	{"int64_to_uint64", "uint", "(int) -> uint", int_to_uint, .cost = 1},
	{"double_to_uint64", "uint", "(double) -> uint", double_to_uint, .cost = 1},
	{"string_to_uint64", "uint", "(string) -> uint", string_to_uint, .cost = 2},
	{"double_to_double", "double", "(double) -> double", same, .cost = 1},
	{"int64_to_double", "double", "(int) -> double", int_to_double, .cost = 1},
	{"uint64_to_double", "double", "(uint) -> double", uint_to_double, .cost = 1},
	{"string_to_double", "double", "(string) -> double", string_to_double, .cost = 4},
	{"bool_to_bool", "bool", "(bool) -> bool", same, .cost = 1},
	{"string_to_bool", "bool", "(string) -> bool", string_to_bool, .cost = 1},
	{"string_to_string", "string", "(string) -> string", same, .cost = 1},
	{"bool_to_string", "string", "(bool) -> string", bool_to_string, .cost = 1},
	{"int64_to_string", "string", "(int) -> string", int_to_string, .cost = 3},
	{"uint64_to_string", "string", "(uint) -> string", uint_to_string, .cost = 3},
	{"double_to_string", "string", "(double) -> string", double_to_string, .cost = 20},
	{"bytes_to_string", "string", "(bytes) -> string", bytes_to_string, .cost = 1},
	{"timestamp_to_string", "string", "(" TIMESTAMP ") -> string", timestamp_to_string,
         .cost = 8},
	{"duration_to_string", "string", "(" DURATION ") -> string", duration_to_string, .cost = 5},
	{"bytes_to_bytes", "bytes", "(bytes) -> bytes", same, .cost = 1},
	{"string_to_bytes", "bytes", "(string) -> bytes", string_to_bytes, .cost = 1},
	{"timestamp_to_timestamp", "timestamp", "(" TIMESTAMP ") -> " TIMESTAMP, same, .cost = 1},
	{"int64_to_timestamp", "timestamp", "(int) -> " TIMESTAMP, int_to_timestamp, .cost = 1},
	{"string_to_timestamp", "timestamp", "(string) -> " TIMESTAMP, string_to_timestamp,
         .cost = 2},
	{"duration_to_duration", "duration", "(" DURATION ") -> " DURATION, same, .cost = 1},
	{"string_to_duration", "duration", "(string) -> " DURATION, string_to_duration, .cost = 2},
	{"type", "type", "(A) -> type(A)", type_of, .cost = 1},
	{"to_dyn", "dyn", "(A) -> dyn", same, .cost = 1},
};

const struct cel_library cel_library_conversions = {"conversions", overloads, CEL_COUNT(overloads)};
