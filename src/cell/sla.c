/* See sla.h. */
#include "cell/sla.h"

#include <string.h>

void sla_init(struct sla *s, uint64_t target_ns) {
	memset(s, 0, sizeof *s);
	s->target_ns = target_ns;
}

void sla_pause(struct sla *s) {
	s->noted_ns = 0;
	s->broken = false;
}

static void buckets_turn(struct sla *s, uint64_t now_ns) {
	uint64_t bucket = now_ns / SLA_BUCKET_NS;
	if (bucket <= s->bucket) return;
	uint64_t steps = bucket - s->bucket;
	for (uint64_t i = 1; i <= steps && i <= SLA_BUCKETS; i++) {
		uint64_t *oldest = &s->spent_ns[(s->bucket + i) % SLA_BUCKETS];
		s->window_ns -= *oldest;
		*oldest = 0;
	}
	s->bucket = bucket;
}

enum sla_event sla_note(struct sla *s, uint64_t lag_ns, uint64_t now_ns) {
	bool first = s->noted_ns == 0, was = s->broken;
	uint64_t passed = first || now_ns < s->noted_ns ? 0 : now_ns - s->noted_ns;
	uint64_t over = lag_ns > s->target_ns ? lag_ns - s->target_ns : 0;
	uint64_t bad = over < passed ? over : passed;
	buckets_turn(s, now_ns);
	s->noted_ns = now_ns;
	s->kept_total_ns += passed - bad;
	s->broken_total_ns += bad;
	s->spent_ns[s->bucket % SLA_BUCKETS] += bad;
	s->window_ns += bad;
	s->broken = over > 0;
	if (s->broken && !was) {
		s->breaches++;
		s->broken_ns = now_ns - over;
		return SLA_BREACHED;
	}
	return was && !s->broken ? SLA_RECOVERED : SLA_SAME;
}

uint32_t sla_budget_left(const struct sla *s) {
	uint64_t budget_ns = SLA_BUCKETS * SLA_BUCKET_NS / 1000000 * (1000000 - SLA_OBJECTIVE_PPM);
	return s->window_ns >= budget_ns ? 0 : (uint32_t)(100 - s->window_ns * 100 / budget_ns);
}
