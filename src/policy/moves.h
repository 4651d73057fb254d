/* Where requests go under one policy and where under another, counted: a matrix place → place. A place
 * is a region of either policy, or one of the three outcomes that are none. Pure. */
#pragma once
#include "policy/decide.h"

enum { MOVES_PLACES_MAX = 2 * POLICY_REGIONS_MAX + 3 };
struct moves {
	int count; /* of places */
	struct slice names[MOVES_PLACES_MAX];
	int old_places[POLICY_REGIONS_MAX], new_places[POLICY_REGIONS_MAX]; /* by region */
	int hold, refuse;
	int unknown; /* the policy does not know the tenant or the region where it arrives */
	uint64_t counts[MOVES_PLACES_MAX][MOVES_PLACES_MAX]; /* [old][new] */
};
/* Names are borrowed. */
void moves_init(struct moves *m, const struct slice *old_regions, int old_count,
                const struct policy *new_policy);
/* The place of a region that came later, before the three that are none. The name is borrowed.
 * ERR_TOO_MANY. Places that are known already stay but for those three. */
MUST enum err moves_add_region(struct moves *m, struct slice name, int *place);
/* region: of the old or the new ones, as `places` is. */
int moves_place(const struct moves *m, const int *places, enum verdict verdict, int region);
uint64_t moves_total(const struct moves *m);
uint64_t moves_moved(const struct moves *m); /* off the diagonal */
