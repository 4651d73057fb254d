/* The functions of CEL as tables of overloads. One row is everything about one overload: what
 * the checker needs (its signature), what run time needs (the implementation) and what it
 * costs. Operators are functions too, under the names cel-spec gives them ("_+_", "_[_]",
 * "!_", "@in"); only && || ?: are not, since they do not evaluate all they are given.
 *
 * Run-time dispatch, where types are not known before, goes over the overloads of one name in
 * order and takes the first whose parameters fit the kinds of the arguments.
 */
#pragma once
#include "cel/cel_value.h"

struct cel_zones;

/* What an implementation may use. It must be a pure function of its arguments. */
struct cel_call {
	struct arena *arena; /* for results */
	/* Decremented by what the work is worth beyond the overload's own cost: one unit is about
	 * one step of evaluation, ten bytes of text looked at, one element copied. Below zero the
	 * evaluation ends with CEL_FAULT_COST; an implementation that loops over its arguments
	 * charges before it does the work (cel_charge). */
	int64_t cost_left;
	const void *data; /* made once for this place in the program by `prepare`; or NULL */
	const struct cel_zones *zones; /* of the environment; NULL: only UTC and offsets */
};
enum { CEL_TEXT_PER_UNIT = 10 }; /* bytes of text that cost one unit to look at */
static inline bool cel_charge(struct cel_call *c, uint64_t units) {
	c->cost_left -= units > INT32_MAX ? INT32_MAX : (int64_t)units;
	return c->cost_left >= 0;
}
/* The same, and the error where it ends. */
static inline bool cel_pay(struct cel_call *c, uint64_t units, struct cel_value *out) {
	if (cel_charge(c, units)) return true;
	*out = cel_error(CEL_FAULT_COST);
	return false;
}

struct cel_overload {
	const char *id;       /* "string_starts_with_string": stable, as cel-spec has it */
	const char *function; /* "startsWith", "_+_", "math.greatest" */
	/* "(int, int) -> int"; with a receiver "string.(string) -> bool": the receiver is then
	 * args[0]. Capital letters are type parameters: "(A, list(A)) -> bool". A function that is
	 * non-strict about errors does not exist here: args are never CEL_ERROR. */
	const char *signature;
	/* args: as the signature says, kinds already checked against it (dyn and parameters: any
	 * kind). Writes *out always; an error value where it fails. */
	void (*call)(struct cel_call *c, const struct cel_value *args, struct cel_value *out);
	/* Where an argument is constant work can be done once, when the program is made: a regular
	 * expression compiled, a network parsed. NULL: nothing to prepare. Gets the constant
	 * arguments (kind CEL_ERROR where not constant); returns data for `call`, NULL for none.
	 * NULL of a constant text in args[prepares] says that it is malformed: no call can
	 * succeed, and the program is refused. What it made is freed by `release` when the program
	 * goes. */
	const void *(*prepare)(const struct cel_value *args);
	void (*release)(const void *data);
	uint16_t cost; /* of one call, at least 1 */
	uint8_t prepares;
	uint8_t zone; /* which argument is the name of a time zone; 0: none */
	/* At run time only the kind of the first argument is checked, the rest by `call` itself:
	 * [1][dyn(0.0)] is one, although the checker knows index as an int. */
	bool lenient;
};
struct cel_library {
	const char *name; /* "operators", "strings" */
	const struct cel_overload *overloads;
	int count;
};

/* Every library there is, in the order of run-time dispatch. */
enum { CEL_LIBRARIES = 13 };
extern const struct cel_library *const cel_libraries[CEL_LIBRARIES];

extern const struct cel_library cel_library_operators;   /* "_+_", "-_", "!_", … */
extern const struct cel_library cel_library_comparisons; /* "_==_", "_<_", … */
extern const struct cel_library cel_library_containers;  /* "_[_]", "@in", size */
extern const struct cel_library cel_library_conversions; /* int, string, timestamp, type, dyn, … */
extern const struct cel_library cel_library_text;        /* contains, startsWith, matches, … */
extern const struct cel_library cel_library_time;        /* getHours and its like */
extern const struct cel_library cel_library_strings;     /* charAt, split, format, … */
extern const struct cel_library cel_library_math;        /* math.@max, math.bitAnd, … */
extern const struct cel_library cel_library_lists;       /* slice, flatten, sort, range, distinct */
extern const struct cel_library cel_library_maps;        /* cel.@mapInsert, which macros use */
extern const struct cel_library cel_library_encoders;    /* base64.encode, base64.decode */
extern const struct cel_library cel_library_optionals;   /* optional.of, hasValue, "_?._", … */
extern const struct cel_library cel_library_network;     /* ip, cidr, isInRange, … */

/* cel_equal for implementations, paid for as it goes: nested values may share their parts, so
 * that comparing costs far more than building did. 1, 0; -1: over the cost, or nested deeper than
 * CEL_NESTING_MAX. */
enum { CEL_NESTING_MAX = 500 };
int cel_equal_charged(struct cel_call *c, const struct cel_value *a, const struct cel_value *b);
