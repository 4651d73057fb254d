/* Flap damping (failover.md 2.9): a region that lost the cell by dying is held down for a while, longer
 * each time, which means that others go before it. It never means that nobody goes: where no other
 * copy is up it takes over like ever, so a fresh death is recovered from at once. The count is in
 * the placement, time is everybody's own: it runs from when the count was first seen. */
#include "cell/cell_state.h"

enum { STRIKES_MAX = 8 };
static const uint64_t HOLD_DOWN_NS = MS(30000), HOLD_DOWN_MAX_NS = MS(3600000);

_Static_assert((int)PLACEMENT_STRIKES >= (int)CELL_REPLICAS_MAX, "one for each copy");

static uint64_t lasts_ns(uint8_t strikes) {
	uint64_t ns = HOLD_DOWN_NS;
	for (int i = 1; i < strikes && ns < HOLD_DOWN_MAX_NS; i++) ns *= 4;
	return ns < HOLD_DOWN_MAX_NS ? ns : HOLD_DOWN_MAX_NS;
}

bool damp_holds_down(const struct cell *c, int replica) {
	uint8_t strikes = c->placement.strikes[replica];
	return c->revision && strikes && c->now < c->strike_ns[replica] + lasts_ns(strikes);
}

void damp_seen(struct cell *c, const struct placement *p) {
	for (int r = 0; r < c->n; r++)
		if (!c->placed || p->strikes[r] != c->placement.strikes[r])
			c->strike_ns[r] = c->now;
}

/* The next count: forgotten where it is over, and one more for who died. */
void damp_inherit(const struct cell *c, struct placement *p, bool claims) {
	for (int r = 0; r < c->n; r++)
		p->strikes[r] = damp_holds_down(c, r) ? c->placement.strikes[r] : 0;
	bool died = claims && c->revision && c->placement.state == PLACEMENT_ACTIVE &&
	            c->home >= 0 && c->home != c->self;
	if (died && p->strikes[c->home] < STRIKES_MAX) p->strikes[c->home]++;
}
