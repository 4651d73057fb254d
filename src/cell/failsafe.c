/* Promises of copies to a home that coordination does not answer. Every rounding is lease.h's. */
#include "cell/failsafe.h"

void vouch_start(struct vouch *v, const struct lease_terms *terms, uint64_t now_ns) {
	*v = (struct vouch){.epoch = 0, .until_ns = lease_over_at(terms, now_ns)};
}

void vouch_give(struct vouch *v, const struct lease_terms *terms, uint64_t epoch, uint64_t now_ns) {
	*v = (struct vouch){.epoch = epoch, .until_ns = lease_over_at(terms, now_ns)};
}

bool vouch_forbids(const struct vouch *v, uint64_t epoch, uint64_t now_ns) {
	return epoch > v->epoch && now_ns < v->until_ns;
}

void failsafe_start(struct failsafe *f, uint64_t epoch) {
	*f = (struct failsafe){.epoch = epoch};
}

uint64_t failsafe_ask_at(const struct lease_terms *terms, uint64_t lease_until_ns) {
	uint64_t half_ns = terms->length_ns / 2;
	return lease_until_ns > half_ns ? lease_until_ns - half_ns : 0;
}

void failsafe_granted(struct failsafe *f, int voter, uint64_t asked_ns, uint64_t now_ns) {
	if (voter < 0 || voter >= FAILSAFE_VOTERS_MAX || asked_ns > now_ns) return;
	if (asked_ns > f->asked_ns[voter]) f->asked_ns[voter] = asked_ns;
}

uint64_t failsafe_until(const struct failsafe *f, const struct lease_terms *terms, int voters) {
	uint64_t least_ns = UINT64_MAX;
	for (int i = 0; i < voters; i++)
		if (f->asked_ns[i] < least_ns) least_ns = f->asked_ns[i];
	return least_ns && voters > 0 ? lease_valid_until(terms, least_ns) : 0;
}
