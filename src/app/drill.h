/* Drills: a region is taken away on purpose and brought back, by hand or as an exercise that
 * makes its own traffic, measures and judges. */
#pragma once
#include "app/drill_traffic.h"
#include "app/place.h"

/* What is done to a region and how it is undone: on a playground by signals; elsewhere by commands
 * that the operator gives, which find the region in DRILL_REGION. */
struct drill_act {
	const char *what, *region;
	const char *apply, *undo;  /* for /bin/sh; NULL on a playground */
	const struct place *place; /* NULL elsewhere */
};
/* true: done. Complains else. loud: says on standard output what was done. */
bool drill_apply(const struct drill_act *a, bool loud);
bool drill_undo(const struct drill_act *a, bool loud);

struct drill_exercise {
	struct drill_act act;
	struct target_options where; /* key or tenant: whose traffic */
	const char *tenant, *cell;
	bool is_sync;
	uint64_t hold_ms,
		limit_ms;       /* how long the region stays away; the outage that is promised */
	const char *production; /* the reason; NULL: not production */
	const char *record;     /* file; NULL: none */
	bool as_json;
};
/* Traffic, act, hold, undo, wait until all is well, judge, report, record. Whatever happens after
 * the act, a signal to end included, it is undone. EXIT_YES: all promises were kept. */
int drill_run(const struct drill_exercise *e);

/* Every line of `text`: `every PERIOD ACT REGION [for TIME]`, # begins a comment; REGION `any`: another
 * one each time. Runs them when they are due, or each once and at once, with `base` for the rest.
 * ERR_INVALID and a complaint when a line is none. Ends at a signal. */
int drill_schedule(const char *spec, const struct drill_exercise *base, bool once);

/* One line of JSON more in a file, on disk when this returns. false after a complaint. */
bool drill_record(const char *path, const char *line);
int drill_report(const char *path, bool as_json);

/* Waits, or until a signal that means the end came, now or before: then true. Signals must have
 * been blocked with drill_block_signals. */
void drill_block_signals(void);
bool drill_wait(uint64_t ms);
