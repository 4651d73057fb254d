/* Room for the result of a call, paid for: the one way in which functions allocate. */
#pragma once
#include "cel/cel_function.h"

#define CEL_COUNT(table) ((int)(sizeof(table) / sizeof *(table)))

/* Room for `len` bytes of a STRING or `count` elements of a LIST that *out already is. NULL: *out
 * is the error. */
char *cel_room_text(struct cel_call *c, size_t len, struct cel_value *out);
struct cel_value *cel_room_list(struct cel_call *c, size_t count, struct cel_value *out);
/* Zeroed, not paid for; NULL: *out is the error. */
void *cel_room_bytes(struct cel_call *c, size_t bytes, struct cel_value *out);
