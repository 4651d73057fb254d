/* Lease arithmetic. Every rounding goes to the safe side: the holder's end is rounded
 * down, the challenger's start up. Knows no clock and no coordination. */
#include "coord/lease.h"

enum { PPM = 1000000 };

static uint64_t add_saturated(uint64_t a, uint64_t b) {
	return a < UINT64_MAX - b ? a + b : UINT64_MAX;
}

/* D * rho, rounded up; in two parts so that no length overflows. */
static uint64_t rate_error_ns(const struct lease_terms *t) {
	uint64_t whole = t->length_ns / PPM, rest = t->length_ns % PPM;
	uint64_t rounded_up = (rest * t->rate_error_ppm + PPM - 1) / PPM;
	if (t->rate_error_ppm != 0 && whole > UINT64_MAX / t->rate_error_ppm) return UINT64_MAX;
	return add_saturated(whole * t->rate_error_ppm, rounded_up);
}

/* Never before sent_ns: a lease shorter than its margins is over at once. */
uint64_t lease_valid_until(const struct lease_terms *t, uint64_t sent_ns) {
	uint64_t lost_ns = add_saturated(rate_error_ns(t), t->margin_ns);
	if (lost_ns >= t->length_ns) return sent_ns;
	return add_saturated(sent_ns, t->length_ns - lost_ns);
}

uint64_t lease_over_at(const struct lease_terms *t, uint64_t seen_ns) {
	uint64_t wait_ns = add_saturated(t->length_ns, rate_error_ns(t));
	return add_saturated(seen_ns, add_saturated(wait_ns, t->margin_ns));
}

bool lease_watch_see(struct lease_watch *w, uint32_t generation, uint32_t beat, uint64_t now_ns) {
	if (w->generation == generation && w->beat == beat) return false;
	*w = (struct lease_watch){.generation = generation, .beat = beat, .seen_ns = now_ns};
	return true;
}

bool lease_watch_over(const struct lease_watch *w, const struct lease_terms *t, uint64_t now_ns) {
	return now_ns >= lease_over_at(t, w->seen_ns);
}
