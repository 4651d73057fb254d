/* What stands behind the handles of include/holdfast/decide.h. Private to src/policy. */
#pragma once
#include "holdfast/decide.h"
#include "policy/decide.h"

struct holdfast_world {
	const struct policy *policy;
	struct world_region *regions;
	struct world_cell *cells;
	struct world world;
	struct arena scratch; /* for conditions, while deciding */
};

const struct policy *embed_policy(const struct holdfast_policy *p);
