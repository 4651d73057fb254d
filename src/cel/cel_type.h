/* Types of CEL as the checker knows them, and their text: "list(string)", "map(int, dyn)",
 * "optional_type(T)". Types are immutable; those without parameters, and those of dyn, are the
 * constants below, others live in an arena. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

enum cel_type_kind {
	CEL_TYPE_DYN,
	CEL_TYPE_NULL,
	CEL_TYPE_BOOL,
	CEL_TYPE_INT,
	CEL_TYPE_UINT,
	CEL_TYPE_DOUBLE,
	CEL_TYPE_STRING,
	CEL_TYPE_BYTES,
	CEL_TYPE_TIMESTAMP,
	CEL_TYPE_DURATION,
	CEL_TYPE_LIST,    /* params[0]: of what */
	CEL_TYPE_MAP,     /* params[0]: key, [1]: value */
	CEL_TYPE_TYPE,    /* params[0]: of what; NULL: of anything */
	CEL_TYPE_OPAQUE,  /* optional_type(T), net.IP, net.CIDR, the embedder's: by name */
	CEL_TYPE_WRAPPER, /* params[0]: of what: that or null */
	CEL_TYPE_PARAM,   /* a type variable, by name; in signatures and while checking */
	CEL_TYPE_ERROR,   /* of an expression that did not check: fits everything, reported once */
};
enum { CEL_TYPE_PARAMS_MAX = 3 };
struct cel_type {
	uint8_t kind; /* enum cel_type_kind */
	uint8_t param_count;
	const char *name; /* OPAQUE, PARAM: what tells them apart; of others what prints */
	const struct cel_type *params[CEL_TYPE_PARAMS_MAX];
};

extern const struct cel_type cel_type_dyn, cel_type_null, cel_type_bool, cel_type_int,
	cel_type_uint, cel_type_double, cel_type_string, cel_type_bytes, cel_type_timestamp,
	cel_type_duration, cel_type_list_dyn, cel_type_map_dyn, cel_type_type,
	cel_type_optional_dyn, cel_type_ip, cel_type_cidr, cel_type_error;

/* NULL: no memory. Parameters are borrowed. */
const struct cel_type *cel_type_list(struct arena *a, const struct cel_type *of);
const struct cel_type *cel_type_map(struct arena *a, const struct cel_type *key,
                                    const struct cel_type *value);
const struct cel_type *cel_type_optional(struct arena *a, const struct cel_type *of);
/* type(of) */
const struct cel_type *cel_type_type_of(struct arena *a, const struct cel_type *of);
/* The same type with other parameters, as many as it has. */
const struct cel_type *cel_type_with(struct arena *a, const struct cel_type *t,
                                     const struct cel_type *const params[CEL_TYPE_PARAMS_MAX]);
/* All of it in this arena. */
const struct cel_type *cel_type_copy(struct arena *a, const struct cel_type *t);

bool cel_type_is_optional(const struct cel_type *t);
bool cel_type_eq(const struct cel_type *a, const struct cel_type *b);
/* As cel-go prints it: "list(string)", "timestamp", "wrapper(int)", "type(null)". */
MUST enum err cel_type_print(const struct cel_type *t, struct buf *out);
/* Reads the same text, "google.protobuf.Timestamp" and "null_type" too, single capital letters as
 * parameters, and as opaque types other names that are qualified or have parameters. ERR_INVALID,
 * ERR_NO_MEMORY. */
MUST enum err cel_type_parse(struct arena *a, struct slice text, const struct cel_type **out);
