/* Expressions as text, parsed and checked, for tests that compare with text again. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cel/cel_check.h"
#include "cel/cel_lex.h"
#include "cel/cel_parse.h"

/* All return text that is valid until the next call of any of them. A mistake is
 * "1:5: what is wrong; 2:1: …". */

/* The tree on one line, "_+_(a,[1,2])". */
const char *parsed(const char *source);
/* The type, "list(int)". */
const char *checked(const struct cel_env *e, const char *source);
/* The tree with types and what they refer to on one line. */
const char *settled(const struct cel_env *e, const char *source);
/* What parsing bytes gives. */
enum err parse_code(struct slice source);
