/* What names mean, for those who look them up: the checker and the planner. */
#pragma once
#include "cel/cel.h"
#include "cel/cel_signature.h"

/* A declared variable or constant. */
struct cel_name {
	struct slice full; /* as declared */
	const struct cel_type *type;
	const struct cel_value *constant; /* NULL: a variable */
	int slot;
};

/* The overloads of one name, in the order of dispatch. */
struct cel_group {
	struct slice function;
	uint32_t count, room;
	const struct cel_overload **overloads;
	struct cel_signature *signatures; /* of each */
};

/* Both look "x" up as "a.b.x", "a.x", "x" in container "a.b", and ".x" as "x" alone. NULL: nobody
 * declared it. */
const struct cel_name *cel_env_find(const struct cel_env *e, struct slice name);
const struct cel_group *cel_env_group(const struct cel_env *e, struct slice function);
/* Of a name in full, whatever the container: a reference; a function with a receiver. */
const struct cel_name *cel_env_find_full(const struct cel_env *e, struct slice full);
const struct cel_group *cel_env_group_full(const struct cel_env *e, struct slice function);

/* Of an overload that is in the environment. */
const struct cel_signature *cel_env_signature(const struct cel_env *e,
                                              const struct cel_overload *o);
const struct cel_type *cel_env_slot_type(const struct cel_env *e, int slot);
const struct cel_zones *cel_env_zones_of(const struct cel_env *e);
struct slice cel_env_container_of(const struct cel_env *e);

/* All names, in no order, to guess at misspelt ones: start with *cursor = 0. */
bool cel_env_next_name(const struct cel_env *e, size_t *cursor, struct slice *name);
bool cel_env_next_function(const struct cel_env *e, size_t *cursor, struct slice *name);
