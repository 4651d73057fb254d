/* Does a route ever leave a residency class, and who goes dark when regions die? Asked of the engine
 * itself: every tenant, at every edge, writing and reading at every consistency, for every set of up to
 * `dead_max` dead regions, and for each set in several worlds: failed over, just died, between homes,
 * draining, far behind, and with signals too old to believe; failed over, also with the values that rules
 * ask for (grid.h). Pure, one thread. */
#pragma once
#include "policy/whatif.h"

enum { PROVE_DEAD_MAX = 4, PROVE_LEAKS_MAX = 20, PROVE_DARK_MAX = 1000 };

/* A route out of the class. */
struct prove_leak {
	int tenant, here, kind; /* kind: as in grid.h */
	int region;             /* where it led */
	const char *world;      /* which of the worlds */
	region_set dead;
};
/* Nobody serves these while the regions are dead, after failover. Told of the smallest sets. */
struct prove_dark {
	int cell;
	bool write;
	region_set dead;
	uint64_t tenants;
	int tenant, here; /* one of them, at an edge that lives; -1: none lives */
	struct decision_reason
		reason; /* what that edge gives as the last reason; reason REASON_COUNT: the
	                                * cell acknowledges no write for want of copies */
};
struct prove {
	uint64_t decisions, leak_count, dark_count;
	struct prove_leak leaks[PROVE_LEAKS_MAX]; /* the first ones */
	struct prove_dark dark[PROVE_DARK_MAX];
	uint64_t sets, sets_done; /* of dead regions */
	struct prove_private *private;
};
/* dead_max: 0..PROVE_DEAD_MAX. The policy is borrowed. ERR_NO_MEMORY; prove_free in any case. */
MUST enum err prove_new(const struct policy *p, int dead_max, struct prove **out);
void prove_free(struct prove *v);
/* One more set of dead regions; false: all are done. */
bool prove_step(struct prove *v);
/* A region that the decision names and that is outside `class`; -1: none. */
int prove_leaks(region_set class, const struct decision *d);
