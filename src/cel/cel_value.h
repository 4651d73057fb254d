/* Values of the Common Expression Language: 16 bytes each, passed by value or pointer, never
 * owning. What a value points at lives in the caller's input, in the program, or in the arena
 * of the evaluation; nobody frees a single value.
 *
 * An error is a value too (cel-spec langdef.md, "Runtime Errors"): it flows through calls
 * until && || ?: or a comprehension absorbs it.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/slice.h"

struct cel_type;

enum cel_kind {
	CEL_ERROR, /* 0: a slot that was never filled is an error, not a null */
	CEL_NULL,
	CEL_BOOL,
	CEL_INT,
	CEL_UINT,
	CEL_DOUBLE,
	CEL_STRING,
	CEL_BYTES,
	CEL_TIMESTAMP,
	CEL_DURATION,
	CEL_LIST,
	CEL_MAP,
	CEL_TYPE,
	CEL_OPTIONAL,
	CEL_IP,   /* an address, net.IP */
	CEL_CIDR, /* a network, net.CIDR */
	CEL_KIND_COUNT
};

/* Why an evaluation failed. The text people see is made from it (cel_fault_text). */
enum cel_fault {
	CEL_FAULT_NONE,
	CEL_FAULT_UNSET,       /* a variable that has no value in this request */
	CEL_FAULT_NO_OVERLOAD, /* "no such overload" */
	CEL_FAULT_NO_KEY,      /* "no such key" */
	CEL_FAULT_NO_FIELD,
	CEL_FAULT_INDEX, /* list index out of bounds */
	CEL_FAULT_DIVIDE,
	CEL_FAULT_MODULUS,
	CEL_FAULT_OVERFLOW,
	CEL_FAULT_RANGE, /* out of the range of the type: timestamps, durations, conversions */
	CEL_FAULT_CONVERT, /* text that is no number, time, address, … */
	CEL_FAULT_ARGUMENT,
	CEL_FAULT_DUPLICATE_KEY,
	CEL_FAULT_KEY_TYPE, /* a map key that is no int, uint, bool or string */
	CEL_FAULT_REGEX,
	CEL_FAULT_NO_VALUE, /* optional.none().value() */
	CEL_FAULT_COST,     /* over the cost limit of this evaluation */
	CEL_FAULT_MEMORY,   /* over the arena of this evaluation */
	CEL_FAULT_COUNT
};

struct cel_value {
	uint8_t kind; /* enum cel_kind */
	uint32_t extra; /* STRING, BYTES: length in bytes; TIMESTAMP: nanoseconds 0..999999999;
	                 * ERROR: enum cel_fault */
	union {
		bool b;
		int64_t i;  /* INT; DURATION: nanoseconds; TIMESTAMP: seconds since 1970, UTC */
		uint64_t u; /* UINT */
		double d;
		const char *s; /* STRING (valid UTF-8), BYTES: not NUL-terminated; never NULL */
		const struct cel_list *list;
		const struct cel_map *map;
		const struct cel_type *type;
		const struct cel_value *optional; /* NULL: none */
		const struct cel_net *net;        /* IP, CIDR */
	};
};
_Static_assert(sizeof(struct cel_value) == 16, "two registers");

struct cel_list {
	uint32_t count;
	const struct cel_value *items;
};

struct cel_entry {
	struct cel_value key, value;
};
/* A map is its entries in order; `find`, where given, is faster than walking them (or the only
 * way to look up: a map of the embedder's whose entries are NULL has no order, and then only
 * `find` and `count` are asked). `find` follows CEL key equality: 1, 1u and 1.0 are one key. */
struct cel_map {
	uint32_t count;
	const struct cel_entry *entries;
	bool (*find)(const struct cel_map *m, const struct cel_value *key, struct cel_value *out);
};

struct cel_net {
	uint8_t bytes[16]; /* network order; IPv4 in the first four */
	uint8_t family;    /* 4 or 6 */
	uint8_t prefix;    /* CIDR: 0..32 or 0..128; IP: the full length */
};

static inline struct cel_value cel_null(void) {
	return (struct cel_value){.kind = CEL_NULL};
}
static inline struct cel_value cel_bool(bool b) {
	return (struct cel_value){.kind = CEL_BOOL, .u = b};
}
static inline struct cel_value cel_int(int64_t i) {
	return (struct cel_value){.kind = CEL_INT, .i = i};
}
static inline struct cel_value cel_uint(uint64_t u) {
	return (struct cel_value){.kind = CEL_UINT, .u = u};
}
static inline struct cel_value cel_double(double d) {
	return (struct cel_value){.kind = CEL_DOUBLE, .d = d};
}
/* Borrows; at most UINT32_MAX bytes. */
static inline struct cel_value cel_string(struct slice s) {
	return (struct cel_value){
		.kind = CEL_STRING, .extra = (uint32_t)s.len, .s = s.ptr ? (const char *)s.ptr : ""};
}
static inline struct cel_value cel_bytes(struct slice s) {
	return (struct cel_value){
		.kind = CEL_BYTES, .extra = (uint32_t)s.len, .s = s.ptr ? (const char *)s.ptr : ""};
}
static inline struct cel_value cel_error(enum cel_fault fault) {
	return (struct cel_value){.kind = CEL_ERROR, .extra = (uint32_t)fault};
}
static inline struct cel_value cel_duration(int64_t ns) {
	return (struct cel_value){.kind = CEL_DURATION, .i = ns};
}
static inline struct cel_value cel_timestamp(int64_t seconds, uint32_t nanos) {
	return (struct cel_value){.kind = CEL_TIMESTAMP, .extra = nanos, .i = seconds};
}
static inline struct cel_value cel_type_value(const struct cel_type *t) {
	return (struct cel_value){.kind = CEL_TYPE, .type = t};
}
static inline struct slice cel_slice(const struct cel_value *v) {
	return slice_of(v->s, v->extra);
}

/* CEL equality: numbers on one line across types and exactly, NaN equal to nothing, lists and
 * maps by content; different kinds are unequal, never an error. Values nested deeper than 500
 * are unequal. */
bool cel_equal(const struct cel_value *a, const struct cel_value *b);
/* -1, 0, 1; 2 where the two have no order (NaN, or kinds that do not compare). Exact too, but
 * for two values: the doubles 2^63 and 2^64 are 0 beside the ints and uints that round to them,
 * because the conformance suite wants it. */
int cel_compare(const struct cel_value *a, const struct cel_value *b);
/* The value at a key, by `find` or by walking. */
bool cel_map_get(const struct cel_map *m, const struct cel_value *key, struct cel_value *out);
/* The run-time type, as `type(x)` gives it: list and map without parameters. */
const struct cel_type *cel_type_of(const struct cel_value *v);
const char *cel_fault_text(enum cel_fault f); /* "division by zero" */

/* Results that need memory take it from the arena; when it is full the result is
 * cel_error(CEL_FAULT_MEMORY). These copy what they are given. */
struct cel_value cel_make_string(struct arena *a, struct slice s);
struct cel_value cel_make_list(struct arena *a, const struct cel_value *items, uint32_t count);
/* An entries map with hashed lookup where that pays. Checks the keys: CEL_FAULT_KEY_TYPE,
 * CEL_FAULT_DUPLICATE_KEY. */
struct cel_value cel_make_map(struct arena *a, const struct cel_entry *entries, uint32_t count);
struct cel_value cel_make_optional(struct arena *a, const struct cel_value *of); /* NULL: none */
