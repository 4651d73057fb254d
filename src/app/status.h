/* What all regions say of themselves, for the commands that look at the whole. */
#pragma once
#include "app/target.h"

#include <jansson.h>

/* One answer a region, in the target's order; null where a region does not answer. The target is
 * of admin ports. The caller's to json_decref. */
json_t *status_ask(struct target *t);
/* All regions are ready, all cells have a home that serves, and all copies are with it. */
bool status_all_fine(json_t *answers);
/* Records of a cell in quarantine, in all regions. */
json_int_t status_quarantined(json_t *answers, const char *cell);
