/* One drill from its first write to its verdict. */
#include "app/drill.h"
#include "app/view.h"
#include "io/io.h"

#include <signal.h>
#include <stdio.h>
#include <time.h>

enum {
	LEAD_MS = 1000,
	TAIL_MS = 1000,
	BEFORE_MS = 5000,
	WHOLE_MS = 60000,
	POLL_MS = 200,
	STATUS_MS = 1000
};

struct outcome {
	struct drill_counts counts;
	long long quarantined;
	bool counted;     /* all written keys could be looked at in the end */
	bool whole;       /* all regions and copies were there again in time */
	bool interrupted; /* ended early; what was seen still counts */
	char at[32];
	const char *broken[8];
	int broken_count;
};

static void end_signals(sigset_t *set) {
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGHUP);
}

void drill_block_signals(void) {
	sigset_t set;
	end_signals(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

bool drill_wait(uint64_t ms) {
	static bool ended;
	sigset_t set;
	struct timespec time = {(time_t)(ms / 1000), (long)(ms % 1000 * 1000000)};
	end_signals(&set);
	if (!ended) ended = sigtimedwait(&set, NULL, &time) > 0;
	return ended;
}

/* --- looking at the whole ---------------------------------------------------------------- */

static bool open_admin(const struct drill_exercise *e, struct target *t) {
	return target_open(&e->where, TARGET_ADMIN, false, STATUS_MS, t) == ERR_OK;
}

static bool is_well(struct target *t) {
	json_t *answers = view_all(t);
	bool fine = view_all_fine(answers);
	json_decref(answers);
	return fine;
}

/* A signal does not cut it short: after the undo that would leave the verdict open. */
static bool wait_well(struct target *t, int most_ms) {
	for (int waited = 0; waited < most_ms; waited += POLL_MS) {
		if (is_well(t)) return true;
		place_wait_ms(POLL_MS);
	}
	return false;
}

static long long quarantined(struct target *t, const char *cell) {
	json_t *answers = view_all(t);
	long long records = (long long)view_quarantined(answers, cell);
	json_decref(answers);
	return records;
}

/* --- the verdict -------------------------------------------------------------------------- */

static void broke(struct outcome *o, bool is_broken, const char *what) {
	if (is_broken && o->broken_count < (int)(sizeof(o->broken) / sizeof(o->broken[0])))
		o->broken[o->broken_count++] = what;
}

static void judge(const struct drill_exercise *e, struct outcome *o) {
	const struct drill_counts *c = &o->counts;
	broke(o, c->written == 0, "no write was acknowledged: nothing was shown");
	broke(o, c->failed > 0, "writes failed though they were repeated");
	broke(o, c->outage_ms > e->limit_ms, "clients waited longer than promised (--limit)");
	broke(o, c->stale > 0, "strong reads did not see what was just written");
	broke(o, e->is_sync && c->lost > 0, "acknowledged writes of a sync cell are lost");
	broke(o, !e->is_sync && (long long)c->lost > o->quarantined,
	      "lost writes of an async cell are not in quarantine");
	broke(o, !o->counted, "what was written could not be looked at in the end");
	broke(o, !o->whole, "not all regions and copies came back within 60 s");
}

static json_t *to_json(const struct drill_exercise *e, const struct outcome *o) {
	json_t *broken = json_array();
	for (int i = 0; i < o->broken_count; i++)
		json_array_append_new(broken, json_string(o->broken[i]));
	json_t *row = json_pack(
		"{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:b, s:o}",
		"at", o->at, "act", e->act.what, "region", e->act.region, "tenant", e->tenant,
		"cell", e->cell, "mode", e->is_sync ? "sync" : "async", "held_away_ms",
		(json_int_t)e->hold_ms, "outage_ms", (json_int_t)o->counts.outage_ms, "written",
		(json_int_t)o->counts.written, "failed", (json_int_t)o->counts.failed, "stale",
		(json_int_t)o->counts.stale, "lost", (json_int_t)o->counts.lost, "quarantined",
		(json_int_t)o->quarantined, "interrupted", o->interrupted, "held",
		o->broken_count == 0, "broken", broken);
	if (row && e->production)
		json_object_set_new(row, "production", json_string(e->production));
	return row;
}

static void print_text(const struct drill_exercise *e, const struct outcome *o) {
	const struct drill_counts *c = &o->counts;
	printf("drill: %s %s for %llu ms, traffic of %s (cell %s, %s)%s\n"
	       "  outage seen by clients %8llu ms   (promised: %llu ms)\n"
	       "  writes acknowledged    %8llu\n"
	       "  writes failed          %8llu\n"
	       "  stale strong reads     %8llu\n"
	       "  lost                   %8llu\n"
	       "  records in quarantine  %8lld\n",
	       e->act.what, e->act.region, (unsigned long long)e->hold_ms, e->tenant, e->cell,
	       e->is_sync ? "sync" : "async", o->interrupted ? ", ended early" : "",
	       (unsigned long long)c->outage_ms, (unsigned long long)e->limit_ms,
	       (unsigned long long)c->written, (unsigned long long)c->failed,
	       (unsigned long long)c->stale, (unsigned long long)c->lost, o->quarantined);
	for (int i = 0; i < o->broken_count; i++) printf("  BROKEN: %s\n", o->broken[i]);
	printf("promises %s\n", o->broken_count ? "BROKEN" : "held");
}

static bool report(const struct drill_exercise *e, const struct outcome *o) {
	json_t *row = to_json(e, o);
	char *line = row ? json_dumps(row, JSON_COMPACT) : NULL;
	json_decref(row);
	bool fine = line != NULL;
	if (fine && e->as_json)
		printf("%s\n", line);
	else
		print_text(e, o);
	fflush(stdout);
	if (fine && e->record) fine = drill_record(e->record, line);
	free(line);
	return fine;
}

/* --- the course of it ----------------------------------------------------------------------- */

static void stamp(char out[32]) {
	struct timespec now;
	struct tm tm;
	timespec_get(&now, TIME_UTC);
	gmtime_r(&now.tv_sec, &tm);
	strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

/* false: nothing was done to the region. */
static bool go_through(const struct drill_exercise *e, struct target *admin, struct outcome *o) {
	struct drill_traffic *traffic = drill_traffic_start(&e->where, e->act.region);
	if (!traffic) return false;
	long long before = quarantined(admin, e->cell);
	o->interrupted = drill_wait(LEAD_MS);
	drill_traffic_mark(traffic);
	bool applied = !o->interrupted && drill_apply(&e->act, false);
	if (applied) o->interrupted = drill_wait(e->hold_ms);
	/* Also when the act has failed: half of it may have been done. */
	bool undone = o->interrupted && !applied ? true : drill_undo(&e->act, false);
	o->whole = undone && wait_well(admin, WHOLE_MS);
	if (applied) drill_wait(TAIL_MS);
	o->counted = drill_traffic_end(traffic, &o->counts);
	o->quarantined = quarantined(admin, e->cell) - before;
	return applied;
}

int drill_run(const struct drill_exercise *e) {
	struct target admin;
	struct outcome o = {0};
	bool done = false;
	stamp(o.at);
	if (open_admin(e, &admin)) {
		if (wait_well(&admin, BEFORE_MS)) /* it may just have come up */
			done = go_through(e, &admin, &o);
		else
			complain("drill: something is wrong already: a drill would make it worse: "
			         "see holdfast status");
	}
	target_close(&admin);
	if (!done) return EXIT_NO;
	judge(e, &o);
	return report(e, &o) && o.broken_count == 0 ? EXIT_YES : EXIT_NO;
}
