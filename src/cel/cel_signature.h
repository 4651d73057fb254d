/* The signature of an overload, read once from its text: "(int, A) -> bool",
 * "string.(string) -> bool". */
#pragma once
#include "cel/cel_type.h"

enum { CEL_SIGNATURE_PARAMS_MAX = 8 };

struct cel_signature {
	const struct cel_type *params[CEL_SIGNATURE_PARAMS_MAX]; /* the receiver's first */
	const struct cel_type *result;
	uint8_t param_count;
	bool receiver; /* called as args[0].f(args[1], …) */
};

/* ERR_INVALID, ERR_NO_MEMORY. Types live in the arena. */
MUST enum err cel_signature_parse(struct arena *a, const char *text, struct cel_signature *out);
