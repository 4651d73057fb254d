/* What can be done with a cell through the admin port; one function each, all given the request's JSON
 * object, which is theirs to change and not to keep. Each answers x, now or later. */
#pragma once
#include "edge/admin_private.h"

#include <jansson.h>

void admin_move(struct admin *a, struct http_exchange *x, int cell, json_t *wish);
void admin_accept(struct admin *a, struct http_exchange *x, int cell, json_t *wish);
/* Takes a number, which may be absent, out of the wish; false: it is none, or out of bounds. */
bool admin_number_take(json_t *wish, const char *name, json_int_t most, uint64_t *out);
