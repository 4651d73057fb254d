/* What an asynchronous cell would lose (failover.md 2.7). A copy knows what it lacks of what the home
 * told, and guesses what the home wrote since from the most that it lately wrote: never less than
 * what is lost, as long as the home goes on as it did. At the home: since when something is on no
 * copy. */
#include <stdio.h>

#include "cell/cell_state.h"

/* --- what a copy hears --------------------------------------------------------------------------- */

static void bins_turn(struct loss *l, uint64_t bin) {
	uint64_t steps = bin - l->bin;
	if (bin <= l->bin) return;
	for (uint64_t i = 1; i <= steps && i <= RATE_BINS; i++)
		l->counts[(l->bin + i) % RATE_BINS] = 0;
	l->bin = bin;
}

void loss_heard(struct cell *c, uint64_t before) {
	struct loss *l = &c->loss;
	uint64_t said = c->follow.home_committed;
	bins_turn(l, c->now / RATE_BIN_NS);
	/* What came to be before this copy listened says nothing of the rate. */
	if (l->heard_ns && said > before) l->counts[l->bin % RATE_BINS] += said - before;
	l->heard_ns = c->now;
}

/* Records in so much time at the highest rate seen, rounded up. */
static uint64_t unheard(const struct loss *l, uint64_t ns) {
	uint64_t most = 0;
	for (int i = 0; i < RATE_BINS; i++)
		if (l->counts[i] > most) most = l->counts[i];
	uint64_t bins = ns / RATE_BIN_NS, rest = ns % RATE_BIN_NS;
	return most * bins + (most * rest + RATE_BIN_NS - 1) / RATE_BIN_NS;
}

static uint64_t silence_ns(const struct cell *c) {
	uint64_t until = c->over_ns ? c->over_ns : c->now;
	return until > c->loss.heard_ns ? until - c->loss.heard_ns : 0;
}

static uint64_t lacking(const struct cell *c) {
	uint64_t said = c->follow.home_committed;
	return said > c->last.seq ? said - c->last.seq : 0;
}

uint64_t loss_possible(const struct cell *c) {
	if (c->config.sync || cell_leading(c)) return 0;
	if (!c->loss.heard_ns) return UINT64_MAX;
	return lacking(c) + unheard(&c->loss, silence_ns(c));
}

/* --- is that allowed? ----------------------------------------------------------------------------- */

static bool is_accepted(const struct cell *c) {
	return c->revision && c->loss.accepted_epoch == c->placement.epoch &&
	       c->now < c->loss.accepted_until_ns;
}

static bool lag_allowed(const struct cell *c, char why[160]) {
	uint64_t until = c->over_ns ? c->over_ns : c->now, fresh = c->follow.fresh_ns;
	/* A home that throttles took nothing that was older. */
	if (!c->config.max_lag_ns || c->config.throttle) return true;
	if (fresh && until <= fresh + c->config.max_lag_ns) return true;
	snprintf(why, 160, "writes of the last %llu ms may be lost, max_lag allows %llu ms",
	         (unsigned long long)(fresh ? (until - fresh) / MS(1) : 0),
	         (unsigned long long)(c->config.max_lag_ns / MS(1)));
	return false;
}

bool loss_allowed(const struct cell *c, char why[160]) {
	uint64_t most = c->config.max_loss, possible = loss_possible(c);
	bool limited = most || (c->config.max_lag_ns && !c->config.throttle);
	bool nothing_was = !c->revision || c->placement.copies == 0;
	if (c->config.sync || !limited || nothing_was || is_accepted(c)) return true;
	if (seal_last_home(c) == c->self) return true;
	if (!c->loss.heard_ns || (c->config.max_lag_ns && !c->follow.fresh_ns)) {
		snprintf(why, 160,
		         "this copy has not heard of the last home: what it may lack is "
		         "not known");
		return false;
	}
	if (most && possible > most) {
		snprintf(why, 160, "up to %llu records may be lost, max_loss allows %llu",
		         (unsigned long long)possible, (unsigned long long)most);
		return false;
	}
	return lag_allowed(c, why);
}

/* --- what a promotion came to ----------------------------------------------------------------------- */

void loss_claim(struct cell *c) {
	bool own = seal_last_home(c) == c->self;
	c->loss.complete = own;
	c->loss.unheard = own || !c->loss.heard_ns ? 0 : unheard(&c->loss, silence_ns(c));
}

void loss_recovered(struct cell *c) {
	int from = seal_last_home(c);
	bool complete = c->config.sync || c->handed || c->loss.complete ||
	                (from >= 0 && c->sealed[from] && seal_has_log(c, &c->sealed_at[from]));
	c->lost_estimate = complete ? 0 : lacking(c) + c->loss.unheard;
	if (c->lost_estimate)
		cell_tell(c, LOG_WARN, "up to %llu records of the last home are missing here",
		          (unsigned long long)c->lost_estimate);
}

/* --- at the home --------------------------------------------------------------------------------------- */

/* When the copies reach the mark, everything beyond it was written after it was set. */
void loss_expose(struct cell *c) {
	struct loss *l = &c->loss;
	uint64_t best = 0;
	if (c->config.sync || c->n == 1) return;
	for (int r = 0; r < c->n; r++) {
		const struct copy *k = &c->copy[r];
		bool counts = r != c->self && k->state == COPY_STREAMING && !k->pull;
		if (counts && k->durable_seq > best) best = k->durable_seq;
	}
	if (best >= c->last.seq) {
		l->seq = 0;
	} else if (!l->seq) {
		l->seq = c->last.seq;
		l->from_ns = l->noted_ns = c->now;
	} else if (best >= l->seq) {
		l->from_ns = l->noted_ns;
		l->noted_ns = c->now;
		l->seq = c->last.seq;
	}
}

uint64_t loss_exposed_ns(const struct cell *c) {
	return c->loss.seq && cell_leading(c) ? c->now - c->loss.from_ns : 0;
}
