/* Planned moves as commands make them: asked of whoever is home, asked again when either side dies in
 * between, for a move that was made is not made twice. Blocking; one thread. */
#pragma once
#include "app/view.h"

struct move_wish {
	const char *cell, *to;
	uint64_t wait_ms; /* for the copy to be close behind, and for another try after a crash */
	uint64_t caught_up_ms; /* it must have been close behind for so long */
};
struct move_outcome {
	char from[32];
	bool was_there;
	uint64_t epoch;
	double pause_ms;
};
/* Complains and gives the error that stands, ERR_OK when the cell's home is there and active. */
MUST enum err move_make(struct target *t, const struct move_wish *wish, struct move_outcome *out);
/* For option texts; complains. */
MUST enum err move_duration(const char *option, const char *text, uint64_t most_ms, uint64_t *out);
/* `from -> to (epoch E, writes paused P ms)` and a newline. */
void move_print(const struct move_wish *wish, const struct move_outcome *out);
