/* A compiled program. Immutable but for cel_program_free; everything it points at is in its
 * arena or the environment's. */
#pragma once
#include "cel/cel_node.h"

/* What an overload's `prepare` made, to be released with the program. */
struct cel_prepared {
	struct cel_prepared *next;
	const void *data;
	void (*release)(const void *data);
};

struct cel_program {
	struct arena arena;
	const struct cel_node *root;
	const struct cel_type *type;
	const struct cel_zones *zones;
	int64_t steps; /* straight-line; charged when an evaluation begins */
	uint64_t cost_max;
	uint64_t uses[CEL_SLOTS_MAX / 64];
	const struct cel_guard *guards;
	int guard_count;
	struct cel_prepared *prepared;
};
