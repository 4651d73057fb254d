/* A drill's own traffic: one client that writes new keys of its own and reads each back, as a
 * customer in a region that is not under drill would. Knows nothing of what is done to regions. */
#pragma once
#include "app/target.h"

struct drill_traffic;
struct drill_counts {
	uint64_t written;   /* acknowledged */
	uint64_t failed;    /* not acknowledged in time, though sent again and again */
	uint64_t stale;     /* strong reads that did not give what was just written */
	uint64_t lost;      /* acknowledged and not there at the end */
	uint64_t outage_ms; /* longest time without an acknowledged write since the mark */
};
/* Starts on a thread of its own; `where` and what it points to must outlive it. skip: the region
 * whose edge is not used; NULL: none. NULL after a complaint. */
struct drill_traffic *drill_traffic_start(const struct target_options *where, const char *skip);
void drill_traffic_mark(struct drill_traffic *t); /* outages count from here; any thread */
/* Ends the writing, then looks for every acknowledged write. Frees t. false: what was written
 * could not be read again, and `lost` is not known. */
bool drill_traffic_end(struct drill_traffic *t, struct drill_counts *out);
