/* How matrices and lists of `holdfast policy …` are shown. */
#pragma once
#include <jansson.h>

#include "policy/moves.h"

/* Rows: where it went; columns: where it goes. What stays is there too; what has no numbers is not. */
void moves_print(const struct moves *m);
json_t *moves_json(const struct moves *m); /* [{from, to, count}…] */
json_t *slice_json(struct slice s);        /* text; what is no UTF-8 becomes null */
void json_print(json_t *o);                /* on standard output; takes it */
