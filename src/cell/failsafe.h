/* Going on while coordination is silent (failover.md 2.10). A home whose lease nobody renews may
 * act on if every copy promises, for the length of a lease, to follow no other home. Pure: no
 * frame, no link; cell_failsafe.c is the cell's use of it.
 *
 * Why it is safe: whoever is to become home must seal its own copy at least, and it is one of the
 * copies. A copy seals no other epoch before its promise is over by its own clock, and it counts
 * from when it promised. The home counts from before it asked, and stops earlier (lease.h). So while the
 * home acts no copy has sealed. A majority would not do: the copies that did not promise may be
 * those that reach coordination, and choose one of themselves.
 *
 * A witness, a place with a vote and no data, is asked like a copy. It cannot become home, so it adds
 * what it knows: it promises only to the home that coordination last showed it. That helps where the
 * home's list of copies is not the one others go by.
 *
 * A promise lives in memory. A process that was just started may have promised in the life before:
 * for as long as a promise lasts it seals nothing.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "coord/lease.h"

/* --- a copy's side ---------------------------------------------------------------------- */

struct vouch {
	uint64_t epoch;    /* of the home that may go on; 0: whichever it was before the start */
	uint64_t until_ns; /* until then no other */
};
void vouch_start(struct vouch *v, const struct lease_terms *terms, uint64_t now_ns);
void vouch_give(struct vouch *v, const struct lease_terms *terms, uint64_t epoch, uint64_t now_ns);
/* May a higher epoch than `epoch` be sealed? Not while this says true. */
bool vouch_forbids(const struct vouch *v, uint64_t epoch, uint64_t now_ns);

/* --- the home's side ----------------------------------------------------------------------- */

enum { FAILSAFE_VOTERS_MAX = 9 }; /* copies and a witness */
struct failsafe {
	uint64_t epoch;
	uint64_t next_ask_ns;
	uint64_t asked_ns[FAILSAFE_VOTERS_MAX]; /* by our clock: what it granted last; 0: nothing */
};
void failsafe_start(struct failsafe *f, uint64_t epoch); /* nobody has promised */
/* When it has to be asked, with a lease that ends then: half a lease before, so that there is time
 * for answers, and not at each renewal that comes late. */
uint64_t failsafe_ask_at(const struct lease_terms *terms, uint64_t lease_until_ns);
/* A promise that was asked for at asked_ns. What lies in the future is nonsense, and ignored. */
void failsafe_granted(struct failsafe *f, int voter, uint64_t asked_ns, uint64_t now_ns);
/* Until when all voters' promises allow to act; 0: one is missing. The home is a voter, too, and
 * grants when it asks: so the only copy of a cell, which nobody could replace, goes on. */
uint64_t failsafe_until(const struct failsafe *f, const struct lease_terms *terms, int voters);
