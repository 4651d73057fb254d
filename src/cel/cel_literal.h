/* What the literals of an expression stand for. */
#pragma once
#include "base/err.h"
#include "cel/cel_lex.h"
#include "cel/cel_value.h"

/* A token from INT to NULL; `negative`: a '-' is before it. Texts go into the arena. ERR_INVALID:
 * *wrong says why, a static string; ERR_NO_MEMORY. */
MUST enum err cel_literal_read(struct arena *a, const struct cel_token *t, bool negative,
                               struct cel_value *out, const char **wrong);
