/* Mistakes in a file, collected so that a person sees all of them at once and in the
 * order of the file; and the guess at what a misspelt word should have been.
 * Knows positions and texts, not what a file is about. One thread. */
#pragma once
#include "policy/policy.h"

enum { MISTAKES_MAX = 50 }; /* more than a person reads; further ones are dropped */

struct mistakes {
	const char *file; /* borrowed */
	int count;
	struct policy_error items[MISTAKES_MAX];
};

void mistakes_init(struct mistakes *m, const char *file);
/* Cuts the text to its room. Does nothing when full. */
void mistake_add(struct mistakes *m, uint32_t line, uint32_t column, const char *format, ...)
	PRINTF_LIKE(4, 5);
static inline bool mistakes_full(const struct mistakes *m) {
	return m->count == MISTAKES_MAX;
}
/* Hands them over by line and column; ERR_INVALID when there was any. */
MUST enum err mistakes_report(struct mistakes *m,
                              void (*report)(void *arg, const struct policy_error *e), void *arg);

/* What name_valid() wants, in words. */
#define NAME_EXPECTED "1 to 31 of a-z, 0-9 and '-', not beginning with '-'"

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
