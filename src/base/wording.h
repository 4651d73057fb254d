/* Words for people about what came from outside: a value as a message may show it, and the guess
 * at what a misspelt word should have been. Any thread. */
#pragma once
#include "base/slice.h"

/* Bytes from outside in quotes, fit for a message: control characters replaced, the end cut. */
struct shown {
	char text[64];
};
struct shown show(struct slice value);

/* Offer every candidate; `best` is the nearest that is near enough, or empty. */
struct suggestion {
	struct slice wanted, best;
	int distance;
};
struct suggestion suggestion_start(struct slice wanted);
void suggestion_offer(struct suggestion *s, struct slice candidate);
/* " (did you mean 'x'?)" or "". */
struct shown suggestion_text(const struct suggestion *s);
