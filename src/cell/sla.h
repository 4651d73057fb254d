/* How well a promise on replication lag is kept: time in breach, against the budget that an objective
 * leaves, over a sliding window. Pure; times in ns of one clock, by the caller.
 *
 * A lag of L at this moment means that the promise of T has been broken for L - T: so nothing is missed
 * between two notes, however far apart. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum {
	SLA_BUCKETS = 144,          /* of ten minutes: a day */
	SLA_OBJECTIVE_PPM = 999000, /* of the time: 99.9 % */
};
#define SLA_BUCKET_NS (600ull * 1000000000u)

enum sla_event { SLA_SAME, SLA_BREACHED, SLA_RECOVERED };
struct sla {
	uint64_t target_ns;
	uint64_t noted_ns; /* 0: not measuring */
	bool broken;
	uint64_t broken_ns; /* since when */
	uint64_t kept_total_ns, broken_total_ns, breaches;
	uint64_t bucket,
		spent_ns[SLA_BUCKETS]; /* the newest one's number; time in breach in each */
	uint64_t window_ns;                     /* their sum */
};
void sla_init(struct sla *s, uint64_t target_ns);
/* The worst lag of any copy is lag_ns now. The first note after sla_pause measures nothing. */
enum sla_event sla_note(struct sla *s, uint64_t lag_ns, uint64_t now_ns);
void sla_pause(struct sla *s); /* somebody else measures from here */
/* What is left of the window's budget, in percent; 0: it is used up. */
uint32_t sla_budget_left(const struct sla *s);
