/* An expression as a tree: grammar and macros, no types, no names looked up. */
#pragma once
#include "cel/cel_macro.h"

/* The tree lives in the arena and points into `source`, which must live as long. ERR_INVALID with
 * one issue; ERR_TOO_LARGE, of which an issue says which limit of cel.h; ERR_NO_MEMORY. Recursion
 * is bounded by CEL_DEPTH_MAX. */
MUST enum err cel_parse(struct arena *a, struct slice source, enum cel_macros known,
                        struct cel_issues *issues, const struct cel_expr **out);
