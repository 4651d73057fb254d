/* k: how many copies must have a record before it is acknowledged. Kept in coordination.
 * Lowering weakens what an acknowledgement promises: recorded, then used. Raising shrinks
 * what must be sealed: enforced until everything has it, then recorded (failover.md 2.6). */
#include "cell/cell_state.h"

static int wanted(const struct cell *c) {
	int k = c->config.sync ? c->config.copies : 1;
	return k < 1 ? 1 : k > c->n ? c->n : k;
}

/* Makes progress, or has everything there is. */
static bool alive(const struct cell *c, int replica) {
	const struct copy *k = &c->copy[replica];
	return k->state == COPY_STREAMING && c->now - k->progress_ns < c->config.degrade_after_ns;
}

static int alive_count(const struct cell *c) {
	int count = 1;
	for (int r = 0; r < c->n; r++)
		if (r != c->self) count += alive(c, r);
	return count;
}

/* Whose node was expired in coordination is not waited for: its process may be stopped with
 * the link still up. Should it go on, it joins anew, catches up, and k is raised. */
static int possible_count(const struct cell *c) {
	int count = 1;
	for (int r = 0; r < c->n; r++) {
		const struct peer *p = &c->peers[r];
		if (r != c->self) count += !p->known || p->up;
	}
	return count;
}

/* The k under which the last records of this cell were acknowledged stays, until changed
 * by the rules below. */
void copies_begin(struct cell *c) {
	c->raise_seq = 0;
	c->put_asked = false;
	c->copies = c->placement.copies ? (int)c->placement.copies : wanted(c);
	if (c->copies > c->n) c->copies = c->n;
	for (int r = 0; r < c->n; r++) {
		c->copy[r].progress_ns = c->copy[r].gone_ns = c->now;
		c->copy[r].gone_seq = 0;
	}
	sla_pause(&c->sla);
}

static void lower(struct cell *c, int to) {
	if (c->raise_seq && !c->put_asked) {
		/* Raising did not come to its end; what is recorded is lower already. Once its record
		 * was asked for it may be there, whatever we were told: then only a record lowers. */
		c->raise_seq = 0;
		c->copies = (int)c->placement.copies;
		return;
	}
	bool home = c->role == CELL_HOME;
	if (!home && c->put_asked) return;
	if (c->placement.copies == 0)
		c->copies = to; /* nothing was ever acknowledged under any k */
	else if (!place_put(c, home ? PLACEMENT_ACTIVE : PLACEMENT_PROMOTING, (uint32_t)to))
		return;
	c->raise_seq = 0;
	cell_tell(c, LOG_WARN, "degrading: %d copies acknowledge", to);
}

static void degrade_check(struct cell *c) {
	int live = alive_count(c);
	uint64_t since = c->starting_ns + c->config.degrade_after_ns;
	/* Who just began leads nobody yet: wait, unless there is nobody to wait for. */
	bool hopeless = possible_count(c) < c->copies;
	if (c->now < since && !hopeless) return cell_wake_at(c, since);
	if (live < c->copies) return lower(c, live);
	for (int r = 0; r < c->n; r++)
		if (r != c->self && alive(c, r))
			cell_wake_at(c, c->copy[r].progress_ns + c->config.degrade_after_ns);
}

static void raise_check(struct cell *c) {
	if (c->raise_seq) {
		/* What was committed before was so under the old k: it must be on as many now. */
		if (commit_quorum(c) >= c->raise_seq && c->role == CELL_HOME)
			c->put_asked |= place_put(c, PLACEMENT_ACTIVE, (uint32_t)c->copies);
		return;
	}
	int ready = 1;
	for (int r = 0; r < c->n; r++) {
		const struct copy *k = &c->copy[r];
		uint64_t ready_ns = k->caught_up_ns + CAUGHT_UP_HEARTBEATS * c->config.heartbeat_ns;
		if (r == c->self || k->state != COPY_STREAMING || !k->caught_up_ns) continue;
		ready += alive(c, r) && c->now >= ready_ns;
		cell_wake_at(c, ready_ns);
	}
	if (ready <= c->copies) return;
	c->copies = ready < wanted(c) ? ready : wanted(c);
	c->raise_seq = c->last.seq;
	c->put_asked = false;
	cell_tell(c, LOG_INFO, "%d copies acknowledge again", c->copies);
}

void copies_check(struct cell *c) {
	if (!cell_leading(c) || !c->start_seq || !c->config.sync || move_drains(c)) return;
	if (c->config.availability && c->copies > 1) degrade_check(c);
	if (c->role != CELL_HOME) return;
	if (c->copies < wanted(c) || c->raise_seq) raise_check(c);
	/* Configured lower than it was: a weaker promise, so the same order. */
	if (c->copies > wanted(c)) lower(c, wanted(c));
}

/* The placement says k; called when it is ours. */
void copies_placed(struct cell *c) {
	int recorded = (int)c->placement.copies;
	if (recorded == 0) return;
	if (c->raise_seq && recorded < c->copies) return;
	c->raise_seq = 0;
	c->copies = recorded < c->n ? recorded : c->n;
}
