/* A bar for long work, on standard error and only where that is a terminal. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct progress {
	const char *what;
	uint64_t total;
	int shown; /* per mille; -1: no bar */
};
/* wanted: whether --progress was given. */
void progress_start(struct progress *p, bool wanted, const char *what, uint64_t total);
/* Cheap: call it often; it draws when there is something to see. */
void progress_at(struct progress *p, uint64_t done);
void progress_end(struct progress *p); /* takes the bar away */
