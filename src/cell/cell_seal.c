/* Sealing: copies promise durably to refuse older epochs and say what they have. With n
 * copies and k acknowledgements, n-k+1 promises leave the old home too few copies to
 * acknowledge anything, and hold between them everything that it did (failover.md 2.3).
 * The log of the last active home alone holds that too: it counts itself in every k. */
#include "cell/cell_state.h"

/* --- asking ----------------------------------------------------------------------------------------- */

int seal_need(const struct cell *c) {
	if (!c->config.sync || !c->revision || c->placement.copies == 0 || MUTANT(SEAL)) return 1;
	int need = members_count(c) - (int)c->placement.copies + 1;
	return need < 1 ? 1 : need;
}

/* The last active home, by what the placement says before or after a claim; -1: none. */
int seal_last_home(const struct cell *c) {
	if (!c->revision) return -1;
	bool active = c->placement.state == PLACEMENT_ACTIVE;
	return cell_replica_of(c, active ? c->placement.home : c->placement.from);
}

/* An empty log in a cell that has acknowledged writes was wiped: it is no witness. */
bool seal_has_log(const struct cell *c, const struct position *at) {
	return at->seq > 0 || !c->revision || c->placement.copies == 0 || MUTANT(WIPED);
}

bool seal_reachable(const struct cell *c) {
	int count = members_has(c, c->self), from = seal_last_home(c);
	if (from == c->self) return true;
	for (int r = 0; r < c->n; r++) {
		if (r == c->self || !c->links[r]) continue;
		if (r == from) return true;
		count += members_has(c, r);
	}
	return count >= seal_need(c);
}

void seal_ask(struct cell *c, int replica) {
	bool asking = c->role == CELL_SEALING || (c->role == CELL_HELD && c->claimed);
	if (!asking || replica == c->self || !c->links[replica] || c->sealed[replica]) return;
	cell_send(c, replica, &(struct frame){.type = FRAME_SEAL, .epoch = c->epoch});
}

static void promise(struct cell *c, uint64_t epoch) {
	ASSERT(!c->promising && epoch > c->promised);
	c->promising = epoch;
	cell_act(c, CELL_DO_PROMISE)->epoch = epoch;
}

void seal_begin(struct cell *c) {
	memset(c->sealed, 0, sizeof c->sealed);
	c->seal_began_ns = c->now;
	c->seal_again_ns = c->now;
	seal_go_on(c);
}

/* --- counting ----------------------------------------------------------------------------------------- */

static bool enough(const struct cell *c) {
	if (!c->sealed[c->self]) return false;
	if (c->handed) return true;
	int from = seal_last_home(c), count = 0;
	bool all = true;
	for (int r = 0; r < c->n; r++) {
		bool witness = c->sealed[r] && seal_has_log(c, &c->sealed_at[r]);
		if (witness && r == from) return true;
		count += witness && members_has(c, r);
		if (!c->sealed[r] && (c->links[r] || (c->peers[r].known && c->peers[r].up)))
			all = false;
	}
	if (c->config.sync) return count >= seal_need(c);
	return all || c->now >= c->seal_began_ns + c->config.seal_wait_ns;
}

static void say_held(struct cell *c) {
	uint64_t hold_ns = c->seal_began_ns + HOLD_AFTER_NS;
	if (c->role == CELL_HELD) return;
	if (c->now < hold_ns) return cell_wake_at(c, hold_ns);
	int count = 0;
	for (int r = 0; r < c->n; r++)
		count += c->sealed[r] && members_has(c, r) && seal_has_log(c, &c->sealed_at[r]);
	cell_move(c, CELL_HELD, "sealed %d copies, needs %d: bring back a region that has a copy",
	          count, seal_need(c));
}

void seal_go_on(struct cell *c) {
	if (!c->sealed[c->self] && !c->promising) {
		if (c->promised >= c->epoch && follow_quiet(c)) {
			c->sealed[c->self] = true;
			c->sealed_at[c->self] = c->last;
		} else if (c->promised < c->epoch && !failsafe_forbids(c, c->epoch)) {
			promise(c, c->epoch);
		}
	}
	if (enough(c)) {
		if (c->role == CELL_HELD) cell_move(c, CELL_SEALING, "enough copies sealed");
		return promote_sealed(c);
	}
	if (c->now >= c->seal_again_ns) {
		for (int r = 0; r < c->n; r++) seal_ask(c, r);
		c->seal_again_ns = c->now + ASK_AGAIN_NS;
	}
	cell_wake_at(c, c->seal_again_ns);
	cell_wake_at(c, c->seal_began_ns + c->config.seal_wait_ns);
	say_held(c);
}

void seal_answered(struct cell *c, int replica, const struct frame *f) {
	bool asking = c->role == CELL_SEALING || (c->role == CELL_HELD && c->claimed);
	if (!asking || f->epoch != c->epoch) return;
	c->sealed[replica] = true;
	c->sealed_at[replica] = f->at;
}

/* --- being asked ---------------------------------------------------------------------------------------- */

static void seal_answer(struct cell *c, int replica) {
	cell_send(c, replica,
	          &(struct frame){.type = FRAME_SEALED, .epoch = c->promised, .at = c->last});
}

/* An epoch has one candidate, for it was won by compare-and-put: asked again it is answered
 * again. */
void seal_asked(struct cell *c, int replica, const struct frame *f) {
	if (c->role == CELL_FENCED || f->epoch == c->promising) return;
	if (f->epoch > c->heard) c->heard = f->epoch;
	if (f->epoch == c->promised && !(cell_acting(c) && c->epoch == f->epoch))
		return seal_answer(c, replica);
	if (f->epoch <= c->promised || c->promising) {
		uint64_t known = c->promised > c->promising ? c->promised : c->promising;
		cell_send(c, replica, &(struct frame){.type = FRAME_REFUSED, .epoch = known});
		return;
	}
	if (failsafe_forbids(c, f->epoch)) return; /* it asks again */
	cell_resign(c, "sealed by a candidate of a higher epoch");
	c->hint = replica;
	c->hint_epoch = f->epoch;
	c->hint_until_ns = c->now + PATIENCE_NS;
	serve_stop_all(c);
	c->apply_floor = 0;
	if (!MUTANT(EPOCH)) follow_reset(c, 0);
	promise(c, f->epoch);
}

void seal_promised(struct cell *c, enum err err) {
	uint64_t epoch = c->promising;
	ASSERT(epoch);
	c->promising = 0;
	bool nothing_happened = err == ERR_NO_SPACE || err == ERR_CONFLICT;
	if (err && !nothing_happened) return cell_fence(c, "promise", err);
	if (err) {
		cell_tell(c, LOG_WARN, "promise of epoch %llu: %s", (unsigned long long)epoch,
		          err_text(err));
		if (cell_acting(c) && epoch == c->epoch) {
			c->claim_after_ns = c->now + SPACE_RETRY_NS;
			cell_resign(c, "could not promise its own epoch");
		}
		return;
	}
	if (epoch == c->hint_epoch && c->promised == epoch) seal_answer(c, c->hint);
}
