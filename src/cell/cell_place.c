/* Coordination: the cell's entry, this node's lease, who lives. A put may end with an
 * unknown outcome: then the entry itself is looked at, whoever brings it. */
#include <stdio.h>

#include "cell/cell_state.h"

int cell_replica_of(const struct cell *c, const char *name) {
	for (int r = 0; r < c->n; r++)
		if (strcmp(c->names[r], name) == 0) return r;
	return -1;
}

/* --- putting ------------------------------------------------------------------------------------ */

/* False: not now. The answer comes to place_done. */
bool place_put(struct cell *c, enum placement_state state, uint32_t copies) {
	if (c->placing || !cell_lease_holds(c)) return false;
	if (c->now < c->place_retry_ns) {
		cell_wake_at(c, c->place_retry_ns);
		return false;
	}
	const struct placement *was = &c->placement;
	struct placement p = {.epoch = c->epoch,
	                      .state = state,
	                      .generation = c->acting_generation,
	                      .copies = copies};
	snprintf(p.home, sizeof p.home, "%s", c->names[c->self]);
	damp_inherit(c, &p, state == PLACEMENT_PROMOTING && !c->claimed);
	members_put(c, &p);
	if (state == PLACEMENT_ACTIVE)
		memcpy(p.from, p.home, sizeof p.from);
	else if (c->revision)
		memcpy(p.from, was->state == PLACEMENT_ACTIVE ? was->home : was->from,
		       sizeof p.from);
	c->proposed = p;
	c->placing = true;
	struct cell_action *a = cell_act(c, CELL_DO_PLACE);
	a->placement = p;
	a->revision = c->revision;
	return true;
}

/* To a copy that has everything; the home acts no more when this may have happened. */
bool place_hand(struct cell *c, int replica, uint64_t epoch) {
	if (c->placing || !cell_lease_holds(c) || c->now < c->place_retry_ns) return false;
	struct placement p = {.epoch = epoch,
	                      .state = PLACEMENT_PROMOTING,
	                      .generation = c->peers[replica].generation,
	                      .copies = c->placement.copies,
	                      .marker_epoch = c->last.epoch,
	                      .marker_seq = c->last.seq};
	snprintf(p.home, sizeof p.home, "%s", c->names[replica]);
	snprintf(p.from, sizeof p.from, "%s", c->names[c->self]);
	damp_inherit(c, &p, false);
	members_put(c, &p);
	c->proposed = p;
	c->placing = true;
	struct cell_action *a = cell_act(c, CELL_DO_PLACE);
	a->placement = p;
	a->revision = c->revision;
	return true;
}

/* A fenced home cannot go on, though its node's lease may: it says so, and the next may
 * begin without waiting for anybody's death. */
void place_give_up(struct cell *c) {
	if (!c->giving_up || c->placing) return;
	bool mine = c->revision && c->home == c->self &&
	            c->placement.generation == c->acting_generation;
	if (!mine) return; /* or not yet: a claim may still come out */
	if (c->now < c->place_retry_ns) return cell_wake_at(c, c->place_retry_ns);
	struct placement p = c->placement;
	if (p.state == PLACEMENT_ACTIVE) memcpy(p.from, p.home, sizeof p.from);
	p.state = PLACEMENT_PROMOTING;
	p.generation = 0;
	p.marker_epoch = p.marker_seq = 0;
	c->proposed = p;
	c->placing = true;
	struct cell_action *a = cell_act(c, CELL_DO_PLACE);
	a->placement = p;
	a->revision = c->revision;
}

/* --- hearing -------------------------------------------------------------------------------------- */

/* What the entry, as it is now, means for what this copy is doing. */
static void settle(struct cell *c) {
	if (!cell_acting(c)) return;
	bool mine = cell_placement_is_mine(c);
	if (c->role == CELL_CLAIMING) {
		if (mine) return promote_claimed(c);
		if (c->placing && c->placement.epoch < c->epoch) return; /* the put will conflict */
		return cell_resign(c, "somebody else claimed first");
	}
	if (!mine) return cell_resign(c, "coordination names another home or epoch");
	if (c->role == CELL_STARTING && c->placement.state == PLACEMENT_ACTIVE) {
		c->fresh = false;
		c->claimed = false;
		cell_move(c, CELL_HOME, "active at epoch %llu", (unsigned long long)c->epoch);
	}
	if (cell_leading(c)) copies_placed(c);
}

static void take(struct cell *c, const struct placement *p, uint64_t revision) {
	bool moved = !c->placed || revision != c->revision;
	damp_seen(c, p);
	c->placed = true;
	c->revision = revision;
	c->placement = *p;
	c->home = revision ? cell_replica_of(c, p->home) : -1;
	if (revision && p->epoch > c->heard) c->heard = p->epoch;
	if (moved) {
		c->placed_ns = c->now;
		c->over_ns = 0;
	}
	settle(c);
}

void place_event(struct cell *c, const struct placement *p, uint64_t revision) {
	static const struct placement none;
	if (c->placed && revision <= c->revision) return;
	take(c, revision ? p : &none, revision);
	if (c->role == CELL_WAITING) cell_move(c, CELL_FOLLOWER, "heard from coordination");
}

void place_done(struct cell *c, enum err err, uint64_t revision) {
	ASSERT(c->placing);
	c->placing = false;
	if (!err) {
		if (revision > c->revision) {
			struct placement p = c->proposed;
			take(c, &p, revision);
		}
		if (c->role == CELL_CLAIMING) settle(c);
		return move_placed(c, ERR_OK);
	}
	/* Only a conflict is a decision; anything else says nothing (failover.md 2.10): the entry
	 * will tell, or the next put. */
	c->place_retry_ns = c->now + PLACE_RETRY_NS;
	c->claim_after_ns = c->now + PLACE_RETRY_NS;
	if (err == ERR_CONFLICT)
		cell_resign(c, "coordination: another change came first");
	else if (c->role == CELL_CLAIMING)
		cell_resign(c, "coordination did not answer the claim");
	else
		move_placed(c, err);
}

/* --- lease ------------------------------------------------------------------------------------------ */

void place_lease(struct cell *c, uint32_t generation, uint64_t valid_until_ns) {
	c->generation = generation;
	c->lease_until_ns = valid_until_ns;
	if (!cell_acting(c)) return;
	if (generation != c->acting_generation || valid_until_ns == 0)
		cell_resign(c, "the lease is lost for good");
}
