/* Looking into lists and maps, for "_[_]" and its optional siblings. */
#pragma once
#include "cel/cel_function.h"

/* CEL_FAULT_NONE and the element; CEL_FAULT_INDEX or CEL_FAULT_NO_KEY: it has none there;
 * CEL_FAULT_NO_OVERLOAD: nothing to look into, or no index at all. Charges for walking. */
enum cel_fault cel_index(struct cel_call *c, const struct cel_value *container,
                         const struct cel_value *at, struct cel_value *out);
