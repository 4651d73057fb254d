/* Lease arithmetic (failover.md 2.1). Pure: times are CLOCK_BOOTTIME nanoseconds given
 * by the caller.
 *
 * D: length of a lease; rho: assumed error of clock rates; epsilon: scheduling margin.
 * The holder counts from before it sent the renewal: valid until t0 + D(1-rho) - epsilon.
 * The challenger counts from when it saw the last change: over at D(1+rho) + epsilon.
 * Stored timestamps are never compared between machines.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct lease_terms {
	uint64_t length_ns, margin_ns; /* D, epsilon */
	uint32_t rate_error_ppm;       /* rho; 10000 is 1 % */
};
/* When a renewal that was sent at t0 stops to count. */
uint64_t lease_valid_until(const struct lease_terms *t, uint64_t sent_ns);
/* When a challenger may act that saw the last change at seen_ns. */
uint64_t lease_over_at(const struct lease_terms *t, uint64_t seen_ns);

/* A challenger's view of one node. */
struct lease_watch {
	uint32_t generation, beat;
	uint64_t seen_ns;
};
/* Notes what is observed; true when it changed (the wait starts anew). */
bool lease_watch_see(struct lease_watch *w, uint32_t generation, uint32_t beat, uint64_t now_ns);
bool lease_watch_over(const struct lease_watch *w, const struct lease_terms *t, uint64_t now_ns);
