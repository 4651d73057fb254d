/* How a copy becomes home: claim the next epoch, seal, fetch what the best copy has more,
 * begin the epoch with a record, be active when that is applied. Every step may be taken up
 * by another after a crash (failover.md 2.3). */
#include <stdio.h>

#include "cell/cell_state.h"

/* --- when ------------------------------------------------------------------------------------------------ */

/* The home's life that the placement names can never act again. */
bool promote_home_is_over(const struct cell *c) {
	const struct placement *p = &c->placement;
	if (!c->revision || p->generation == 0) return true;
	if (c->home < 0) return false;
	/* Ours, but we are not acting on it: restarted, or resigned. */
	if (c->home == c->self) return true;
	const struct peer *peer = &c->peers[c->home];
	if (!peer->known) return false;
	return peer->up ? peer->generation > p->generation : peer->generation >= p->generation;
}

/* How many will try before this one. An old home that is back goes first: in an async cell
 * it alone has everything. Who died lately goes behind those who did not. */
static int rank(const struct cell *c) {
	int before = 0;
	if (c->home == c->self) return 0;
	for (int r = 0; r < c->n; r++) {
		bool first = r < c->self || r == c->home;
		bool down = damp_holds_down(c, r), self_down = damp_holds_down(c, c->self);
		if (down != self_down && r != c->home) first = self_down;
		bool may_be_up = !c->peers[r].known || c->peers[r].up;
		before += r != c->self && first && may_be_up;
	}
	return before;
}

static uint64_t claim_delay_ns(const struct cell *c) {
	uint64_t delay = c->config.rank_delay_ns * (uint64_t)rank(c);
	if (c->home != c->self) delay += c->config.failover_after_ns;
	if (!c->revision) delay += c->config.rank_delay_ns * FIRST_CLAIM * (uint64_t)c->self;
	return delay;
}

/* Somebody who lives promotes for very long: taking over is safe, for it is not active, and
 * useful only where more copies can be reached than it needs. */
static bool is_stuck(struct cell *c) {
	if (!c->revision || c->placement.state != PLACEMENT_PROMOTING || c->home == c->self)
		return false;
	uint64_t after = c->placed_ns + PATIENCE_NS * (uint64_t)(1 + rank(c));
	if (c->now < after) {
		cell_wake_at(c, after);
		return false;
	}
	int reach = 1;
	for (int r = 0; r < c->n; r++) reach += r != c->self && c->links[r];
	int k = c->config.sync ? c->config.copies : 1;
	return reach >= k && reach >= seal_need(c);
}

/* A SEAL told of a candidate that coordination has not shown yet. */
static bool hinted(struct cell *c) {
	if (c->hint_epoch <= c->placement.epoch || c->now >= c->hint_until_ns) return false;
	cell_wake_at(c, c->hint_until_ns);
	return true;
}

static void hold(struct cell *c, const char *why) {
	if (c->role == CELL_HELD && strcmp(c->held_reason, why) == 0) return;
	if (c->role == CELL_HELD) cell_move(c, CELL_FOLLOWER, "looks again");
	cell_move(c, CELL_HELD, "%s", why);
}

static void hold_loss(struct cell *c, const char *why) {
	char whole[sizeof c->held_reason];
	snprintf(whole, sizeof whole, "%s: bring %s back, or: holdfast cell failover", why,
	         c->placement.state == PLACEMENT_ACTIVE ? c->placement.home : c->placement.from);
	hold(c, whole);
}

uint64_t promote_next_epoch(const struct cell *c) {
	uint64_t highest = c->placement.epoch > c->promised ? c->placement.epoch : c->promised;
	return (c->heard > highest ? c->heard : highest) + 1;
}

static void claim(struct cell *c) {
	c->epoch = promote_next_epoch(c);
	c->acting_generation = c->generation;
	if (!place_put(c, PLACEMENT_PROMOTING, c->revision ? c->placement.copies : 0)) return;
	loss_claim(c);
	serve_stop_all(c);
	follow_reset(c, 0);
	cell_move(c, CELL_CLAIMING, "epoch %llu", (unsigned long long)c->epoch);
}

/* The last home named this life of us, and stopped where our history has come to. Anything else,
 * a claim of our own that came out late among it, is gone through from the beginning. */
static bool is_handed_over(const struct cell *c) {
	const struct placement *p = &c->placement;
	bool named = c->revision && p->marker_seq && p->state == PLACEMENT_PROMOTING &&
	             c->home == c->self && p->generation == c->generation;
	bool has = cell_history_check(c, p->marker_epoch, p->marker_seq) == ERR_OK;
	return named && p->epoch >= c->promised && (has || MUTANT(MARKER));
}

static void take_over(struct cell *c) {
	if (!cell_lease_holds(c)) return;
	follow_choose(c); /* nobody: the stream of who was home has ended */
	if (!follow_quiet(c)) return;
	c->epoch = c->placement.epoch;
	c->acting_generation = c->generation;
	c->claimed = c->handed = true;
	c->fresh = false;
	c->lost_estimate = 0;
	c->start_seq = 0;
	serve_stop_all(c);
	follow_reset(c, 0);
	cell_move(c, CELL_SEALING, "handed over at epoch %llu", (unsigned long long)c->epoch);
	seal_begin(c);
}

void promote_consider(struct cell *c) {
	bool waits = c->role == CELL_FOLLOWER || (c->role == CELL_HELD && !c->claimed);
	if (!waits || !c->placed || c->placing) return;
	if (is_handed_over(c)) return take_over(c);
	bool over = promote_home_is_over(c);
	if ((!over && !is_stuck(c)) || hinted(c)) {
		c->over_ns = 0;
		if (c->role == CELL_HELD) cell_move(c, CELL_FOLLOWER, "there is a home");
		return;
	}
	if (!c->over_ns) c->over_ns = c->now;
	uint64_t when = c->over_ns + claim_delay_ns(c);
	if (c->claim_after_ns > when) when = c->claim_after_ns;
	if (!cell_lease_holds(c)) return;
	if (c->now < when) return cell_wake_at(c, when);
	if (failsafe_forbids(c, c->placement.epoch + 1)) return;
	if (!seal_has_log(c, &c->last)) return hold(c, "this copy is empty: it cannot be home");
	if (!seal_reachable(c))
		return hold(c, "too few copies can be reached to be sure of the last write");
	char why[160];
	if (!loss_allowed(c, why)) return hold_loss(c, why);
	if (!follow_quiet(c)) return;
	claim(c);
}

/* --- how --------------------------------------------------------------------------------------------------- */

void promote_claimed(struct cell *c) {
	c->claimed = true;
	c->fresh = c->placement.copies == 0;
	c->lost_estimate = 0;
	c->start_seq = 0;
	cell_move(c, CELL_SEALING, "claimed epoch %llu", (unsigned long long)c->epoch);
	seal_begin(c);
}

static void start_append(struct cell *c) {
	if (c->doomed || !list_empty(&c->appends)) return;
	if (c->now < c->start_retry_ns) return cell_wake_at(c, c->start_retry_ns);
	struct batch *b = batch_take(c);
	if (!b) return cell_fence(c, "begin the epoch", ERR_NO_MEMORY);
	ASSERT(position_eq(&c->tail, &c->last));
	b->first_seq = c->tail.seq + 1;
	enum err err = record_encode(&b->bytes, &c->tail, c->epoch, c->wall_ms, RECORD_EPOCH_START,
	                             NULL, 0, NULL, 0);
	if (err) {
		batch_drop(c, b);
		return cell_fence(c, "begin the epoch", err);
	}
	c->start_seq = c->tail.seq;
	batch_submit(c, b, c->epoch);
}

static void start_go_on(struct cell *c) {
	if (!c->start_seq && !members_recorded(c)) {
		place_put(c, PLACEMENT_PROMOTING, (uint32_t)c->copies);
		return;
	}
	if (!c->start_seq) return start_append(c);
	if (c->applied.seq < c->start_seq) return;
	c->put_asked |= place_put(c, PLACEMENT_ACTIVE, (uint32_t)c->copies);
}

static void starting(struct cell *c) {
	c->recovered_seq = c->last.seq;
	c->starting_ns = c->now;
	c->start_seq = 0;
	c->start_retry_ns = 0;
	follow_reset(c, 0);
	cell_move(c, CELL_STARTING, "log ends at seq %llu", (unsigned long long)c->last.seq);
	copies_begin(c);
	loss_recovered(c);
	start_go_on(c);
}

/* Enough have promised: who has most? */
void promote_sealed(struct cell *c) {
	if (!follow_quiet(c)) return;
	c->best = c->self;
	c->sealed_at[c->self] = c->last;
	for (int r = 0; r < c->n; r++) {
		if (!c->sealed[r]) continue;
		if (position_cmp(&c->sealed_at[r], &c->sealed_at[c->best]) > 0) c->best = r;
	}
	if (c->best == c->self) return starting(c);
	c->fetch_until_ns = c->now + FETCH_NS;
	cell_move(c, CELL_FETCHING, "%s has up to seq %llu, here is %llu", c->names[c->best],
	          (unsigned long long)c->sealed_at[c->best].seq, (unsigned long long)c->last.seq);
}

static void fetch_go_on(struct cell *c) {
	if (follow_quiet(c) && position_cmp(&c->last, &c->sealed_at[c->best]) >= 0)
		return starting(c);
	if (c->links[c->best] && c->now < c->fetch_until_ns)
		return cell_wake_at(c, c->fetch_until_ns);
	follow_reset(c, 0);
	cell_move(c, CELL_SEALING, "%s does not answer any more", c->names[c->best]);
	seal_begin(c);
}

void promote_go_on(struct cell *c) {
	switch (c->role) {
	case CELL_SEALING: seal_go_on(c); break;
	case CELL_HELD:
		if (c->claimed) seal_go_on(c);
		break;
	case CELL_FETCHING: fetch_go_on(c); break;
	case CELL_STARTING: start_go_on(c); break;
	default: break;
	}
}
