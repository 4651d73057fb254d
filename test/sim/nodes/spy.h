/* Stands between a host and a store: sees what becomes durable, applied, quarantined and cut off,
 * and can kill its node at any of these steps.
 */
#pragma once
#include "world.h"

/* When to kill: before the store hears of it, or after it is done and before the cell does. */
enum spy_step {
	SPY_APPEND,
	SPY_APPENDED,
	SPY_APPLY,
	SPY_APPLIED,
	SPY_PROMISE,
	SPY_PROMISED,
	SPY_QUARANTINE,
	SPY_QUARANTINED,
	SPY_TRUNCATE,
	SPY_TRUNCATED,
	SPY_IMPORT,
	SPY_IMPORTED,
	SPY_STEPS
};
const char *spy_step_name(enum spy_step step);

struct spy;
/* Takes the store over. What is on the disk already is noted. */
struct store *spy_new(struct world *w, int node, int cell, struct store *real);
void spy_crash(struct store *s); /* for host_crash */
struct spy *spy_of(struct store *s);
/* The countdown-th such step from now kills the node; 0: none does. */
void spy_kill_at(struct spy *s, enum spy_step step, uint64_t countdown, bool power);
/* Each copy of what the disk told: last and applied with the state's hash. */
void spy_info(struct spy *s, struct store_info *out);
