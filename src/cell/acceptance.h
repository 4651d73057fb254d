/* That an operator accepts what is lost when a cell fails over, in coordination under `accept/CELL`:
 * who, when, why; good for the home of one epoch and for a time, which each copy counts from when it
 * saw the entry. It stays there as the record of it until the next. Text. Pure.
 *   epoch=7 for_ms=600000 at_ms=1700000000000 region=us-west by=ann reason=the disk is gone for good
 */
#pragma once
#include "base/buf.h"

enum { ACCEPTANCE_BY_MAX = 63, ACCEPTANCE_REASON_MAX = 255 };
#define ACCEPTANCE_FOR_MAX_MS (24ull * 3600 * 1000)
struct acceptance {
	uint64_t epoch, for_ms, at_ms; /* at_ms: wall clock, for people */
	char region[32];               /* whose admin port took it */
	char by[ACCEPTANCE_BY_MAX + 1];
	char reason[ACCEPTANCE_REASON_MAX + 1];
};
/* ERR_INVALID: by is no name (letters, digits, .-_@), or a reason is missing, too long, or has
 * control characters. */
MUST enum err acceptance_check(struct slice by, struct slice reason);
MUST enum err acceptance_encode(const struct acceptance *a, struct buf *out);
MUST enum err acceptance_decode(struct slice text, struct acceptance *out); /* ERR_INVALID */
