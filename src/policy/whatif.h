/* A world made up: for tests of a policy, proofs about it and comparisons, where nobody observes
 * anything. Pure. */
#pragma once
#include "policy/decide.h"

struct whatif {
	struct world world; /* of the two below; hand it to decide() */
	struct world_region regions[POLICY_REGIONS_MAX];
	struct world_cell *cells; /* one per cell of the policy */
};
/* All is well: every region is active, every cell's home is its first replica at epoch 1, no copy is
 * behind, every signal was just seen. ERR_NO_MEMORY; whatif_done is fine either way. */
MUST enum err whatif_init(struct whatif *w, const struct policy *p);
void whatif_done(struct whatif *w);
void whatif_heal(struct whatif *w, const struct policy *p); /* all is well again */
/* After whatif_heal, and as failover would leave it: these are down, and each cell's home is its first
 * replica that lives, at a new epoch where it moved; none that lives: no home. */
void whatif_kill(struct whatif *w, const struct policy *p, region_set dead);
