/* How many requests each second has, by what they are counted under: for the busiest one. Requests come in
 * any order. Bounded. Pure. */
#pragma once
#include "base/err.h"

enum { PEAKS_ENTRIES_MAX = 1 << 22, PEAKS_KEYS_MAX = 1 << 16 };
struct peaks_entry;
struct peaks {
	struct peaks_entry *entries; /* private */
	uint32_t count, cap;
	bool full; /* some seconds are not in it */
};
void peaks_done(struct peaks *p); /* zeroed is empty */
/* `more` requests at time_ms under `key` (0 … PEAKS_KEYS_MAX - 1); how many that second has now, 0 where
 * there is no room. ERR_NO_MEMORY. */
MUST enum err peaks_add(struct peaks *p, uint64_t time_ms, int key, uint64_t more, uint64_t *now);
