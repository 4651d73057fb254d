/* What the regions say of themselves and of cells, put side by side: for commands that look at a
 * running cluster. Blocking; one thread. Values are the caller's to json_decref, unless said. */
#pragma once
#include "app/target.h"

#include <jansson.h>

/* GET from one region's admin port; NULL when it does not answer with JSON. */
json_t *view_fetch(struct target *t, int region, const char *path);
/* An array of all regions' /admin/v1/status in their order; null where nobody answers. */
json_t *view_all(struct target *t);
/* Borrowed from `all`. The cell as its home sees it; else as whoever knows it at the highest epoch.
 * NULL: no such cell. */
json_t *view_cell(json_t *all, const char *cell);
/* Borrowed. Every region knows every cell: the list of the first that answers; NULL: none does. */
json_t *view_cells(json_t *all);
const char *view_text(const json_t *object, const char *name, const char *absent);
int view_answering(const json_t *all); /* the first region that answers; -1 */
/* Somebody is home by its own word, and active. */
bool view_has_home(const json_t *cell);
/* UNSEEN: others say that it has a home, but that region does not answer us. */
const char *view_state(const json_t *cell);
/* Records of a cell in quarantine, in all regions. */
json_int_t view_quarantined(json_t *all, const char *cell);
/* What is known of a cell's secondary source, borrowed; NULL: it has none. Fine: it asks for what is new. */
json_t *view_secondary(json_t *all, const char *cell);
bool view_secondary_fine(const json_t *secondary);
/* All regions are ready, all cells have a home that serves, and all copies are with it. */
bool view_all_fine(json_t *all);
int view_region(const struct target *t, const char *name); /* -1 */
