/* While coordination is silent: the home asks its copies for leave to go on, a copy gives it and
 * keeps to it. Arithmetic and reasons: failsafe.h. Nothing is placed meanwhile, for that needs the
 * lease itself. */
#include "cell/cell_state.h"

static bool is_on(const struct cell *c) {
	return c->config.failsafe.length_ns > 0;
}

/* --- the copy ------------------------------------------------------------------------------ */

void failsafe_begin(struct cell *c) {
	if (c->vouch_started || !is_on(c)) return;
	c->vouch_started = true;
	vouch_start(&c->vouch, &c->config.failsafe, c->now);
}

/* Who was home itself, or of whom there was none, has promised nobody. */
bool failsafe_forbids(struct cell *c, uint64_t epoch) {
	if (!is_on(c) || !vouch_forbids(&c->vouch, epoch, c->now) || MUTANT(VOUCH)) return false;
	bool owes_nobody = c->placed && (!c->revision || c->home == c->self);
	if (c->vouch.epoch == 0 && owes_nobody) return false;
	cell_wake_at(c, c->vouch.until_ns);
	return true;
}

/* It is the home that we know, and nobody has told us of another, or of its end. */
static bool may_vouch(const struct cell *c, int replica, const struct frame *f) {
	const struct placement *p = &c->placement;
	if (c->role != CELL_FOLLOWER || !c->placed || !c->revision) return false;
	if (c->home != replica || p->state != PLACEMENT_ACTIVE || p->epoch != f->epoch)
		return false;
	if (c->promised > f->epoch || c->promising > f->epoch || c->heard > f->epoch) return false;
	return !promote_home_is_over(c);
}

void failsafe_asked(struct cell *c, int replica, const struct frame *f) {
	bool granted = is_on(c) && may_vouch(c, replica, f);
	if (granted) vouch_give(&c->vouch, &c->config.failsafe, f->epoch, c->now);
	cell_send(c, replica,
	          &(struct frame){.type = FRAME_VOUCHED,
	                          .epoch = f->epoch,
	                          .stamp = f->stamp,
	                          .flag = granted});
}

/* --- the home -------------------------------------------------------------------------------- */

void failsafe_answered(struct cell *c, int replica, const struct frame *f) {
	if (!is_on(c) || !f->flag || c->role != CELL_HOME || f->epoch != c->epoch) return;
	failsafe_granted(&c->failsafe, replica, f->stamp, c->now);
}

uint64_t cell_lease_end(const struct cell *c) {
	uint64_t until = 0;
	if (is_on(c) && c->failsafe.epoch == c->epoch)
		until = failsafe_until(&c->failsafe, &c->config.failsafe, failsafe_voters(c));
	return until > c->lease_until_ns ? until : c->lease_until_ns;
}

static void say(struct cell *c) {
	enum failsafe_say now = FAILSAFE_QUIET;
	if (!cell_lease_holds(c)) now = cell_serving(c) ? FAILSAFE_GOES_ON : FAILSAFE_STOPPED;
	if (now == c->failsafe_said) return;
	c->failsafe_said = now;
	if (now == FAILSAFE_GOES_ON)
		cell_tell(c, LOG_WARN,
		          "coordination does not answer: goes on by the word of all copies");
	else if (now == FAILSAFE_STOPPED)
		cell_tell(c, LOG_ERROR,
		          "coordination does not answer, nor do all copies vouch: accepts nothing");
	else
		cell_tell(c, LOG_INFO, "coordination answers again");
}

void failsafe_go_on(struct cell *c) {
	if (!is_on(c)) return;
	bool home = c->role == CELL_HOME && c->generation == c->acting_generation &&
	            cell_placement_is_mine(c);
	if (!home) {
		c->failsafe_said = FAILSAFE_QUIET;
		return;
	}
	const struct lease_terms *terms = &c->config.failsafe;
	if (c->failsafe.epoch != c->epoch) failsafe_start(&c->failsafe, c->epoch);
	uint64_t ask_at = failsafe_ask_at(terms, c->lease_until_ns);
	if (c->failsafe.next_ask_ns > ask_at) ask_at = c->failsafe.next_ask_ns;
	if (c->now >= ask_at) {
		failsafe_granted(&c->failsafe, c->self, c->now, c->now);
		for (int r = 0; r < failsafe_voters(c); r++) {
			if (r == c->self || !c->links[r]) continue;
			cell_send(c, r,
			          &(struct frame){
					  .type = FRAME_VOUCH, .epoch = c->epoch, .stamp = c->now});
		}
		ask_at = c->failsafe.next_ask_ns = c->now + terms->length_ns / FAILSAFE_ASKS;
	}
	cell_wake_at(c, ask_at);
	cell_wake_at(c, cell_lease_end(c));
	say(c);
}
