/* Numbers as text, as cel-go reads and prints them (Go's strconv). */
#pragma once
#include "cel/cel_value.h"

enum { CEL_NUMBER_MAX = 400 }; /* bytes of any double written out, with its NUL */

/* CEL_FAULT_NONE, CEL_FAULT_CONVERT, or CEL_FAULT_RANGE. The whole text must match. */
enum cel_fault cel_int_parse(struct slice s, int64_t *out);
enum cel_fault cel_uint_parse(struct slice s, uint64_t *out);
enum cel_fault cel_double_parse(struct slice s, double *out);

/* The shortest text that reads back as the same number. Returns its length; NUL-terminated.
 * Not finite: "NaN", "+Inf", "-Inf" from print, "NaN", "Infinity", "-Infinity" from print_plain. */
size_t cel_double_print(double d, char out[CEL_NUMBER_MAX]);       /* 1e+06, 0.001 */
size_t cel_double_print_plain(double d, char out[CEL_NUMBER_MAX]); /* never an exponent */
