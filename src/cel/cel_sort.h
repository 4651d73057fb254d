/* A stable sort that pays as it goes. */
#pragma once
#include "cel/cel_function.h"

/* The numbers 0..count-1 in the order of what they stand for; NULL: *out is the error. Takes
 * n log n steps whatever the input. `precedes`: strictly before. */
uint32_t *cel_sort(struct cel_call *c, uint32_t count,
                   bool (*precedes)(const void *of, uint32_t a, uint32_t b), const void *of,
                   struct cel_value *out);
