/* A world made up: for tests of a policy, proofs about it and comparisons, where nobody observes
 * anything. Pure. */
#pragma once
#include "policy/decide.h"

struct whatif {
	struct world world; /* of the two below; hand it to decide() */
	struct world_region regions[POLICY_REGIONS_MAX];
	struct world_cell *cells; /* one per cell of the policy */
	struct arena scratch;     /* for conditions that build texts or lists */
};
/* All is well: every region is active, every cell's home is its first replica at epoch 1, no copy is
 * behind, every signal was just seen. ERR_NO_MEMORY; whatif_done is fine either way. */
MUST enum err whatif_init(struct whatif *w, const struct policy *p);
void whatif_done(struct whatif *w);
void whatif_heal(struct whatif *w, const struct policy *p); /* all is well again */
/* After whatif_heal, and as failover would leave it: these are down, and each cell whose home is dead has
 * its first replica that lives as home, at a new epoch; none, where too few live to be sure that no
 * acknowledged write is missed. */
void whatif_kill(struct whatif *w, const struct policy *p, region_set dead);
/* Whether enough copies live for a write to be acknowledged, by the cell's mode and on_partition. */
bool whatif_acknowledges(const struct policy_cell *c, region_set dead);
/* Decides in it, with room for every condition. hits: as decide_traced; NULL: not asked for. */
void whatif_decide(struct whatif *w, const struct policy *p, const struct decide_request *q,
                   struct decision *out, uint64_t *hits);
