/* Mistakes in a file, collected so that a person sees all of them at once and in the
 * order of the file. Knows positions and texts, not what a file is about. One thread. */
#pragma once
#include "base/wording.h"
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
