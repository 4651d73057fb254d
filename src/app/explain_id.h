/* `holdfast explain --id`: a decision that a node remembers, in words. */
#pragma once
#include "app/target.h"

/* id: of Holdfast-Decision or X-Decision-Id. json: as the node tells it. The exit status. */
int explain_id(const struct target_options *options, const char *id, bool json);
