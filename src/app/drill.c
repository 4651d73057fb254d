/* `holdfast drill`: what an on-call engineer rehearses. By hand on a playground; as an exercise
 * that measures and judges, there and on a staging installation. */
#include "app/drill.h"
#include "app/config.h"
#include "base/parse.h"

#include <stdio.h>
#include <unistd.h>

static const char help[] =
	"usage: holdfast drill kill|pause REGION [--for TIME] [--dir DIR]\n"
	"       holdfast drill restore REGION [--dir DIR]\n"
	"       holdfast drill NAME REGION --for TIME -c FILE --apply COMMAND --undo COMMAND\n"
	"       holdfast drill --schedule FILE [--once] [--dir DIR]\n"
	"       holdfast drill report --record FILE | --dir DIR\n\n"
	"  kill      end the region's process with SIGKILL, as a crash does; it stays down until "
	"restore\n"
	"  pause     stop it with SIGSTOP: it answers nothing but its process lives, as a hung "
	"machine does\n"
	"  restore   let a paused region go on, or start a killed one again\n"
	"            (REGION may also be a playground's secondary source, spare)\n"
	"  NAME      elsewhere: your own commands do it and undo it, such as partition or slow\n\n"
	"With --for it is an exercise: it writes and reads meanwhile, undoes the act after TIME "
	"(also when\n"
	"interrupted), waits until all is well, and says what clients have seen. It refuses to "
	"begin when\n"
	"something is wrong already. Exit status: 0 every promise was kept, 1 one was not, 2 "
	"usage.\n\n"
	"      --for TIME            how long the region stays away, at most 10m\n"
	"      --limit TIME          the longest outage that is promised (default 3s)\n"
	"      --tenant NAME         whose key and cell the traffic uses (default acme)\n"
	"      --key KEY             its API key (or HOLDFAST_KEY); a playground knows its own\n"
	"      --json                the result as one object\n"
	"      --record FILE         adds the result as a line (a playground: DIR/drills.jsonl)\n"
	"      --schedule FILE       lines of: every PERIOD kill|pause REGION|any [for TIME]\n"
	"      --once                each line of the schedule once, now\n"
	"      --dir DIR             the playground (default .playground)\n"
	"  -c, --config FILE         a node file of another installation: its cluster must be "
	"named\n"
	"                            staging or staging-…\n"
	"      --production REASON   ... or this says why it may be another; it is recorded\n"
	"      --apply, --undo CMD   run by /bin/sh with DRILL_REGION set, at most 60 s\n\n"
	"example: holdfast drill kill us-east --for 10s --dir .playground\n";

static const uint64_t HOLD_MAX_MS = 600000;

struct drill {
	struct drill_exercise e;
	const char *hold, *limit, *schedule, *once, *json, *record, *apply, *undo;
	struct place place;
	struct config config;
	struct policy *policy;          /* a playground's */
	const struct policy *whichever; /* that of the config or of the playground */
	char names[2][POLICY_NAME_MAX + 1], record_path[1024];
};

static bool parse_time(const char *name, const char *text, uint64_t otherwise, uint64_t *out) {
	*out = otherwise;
	if (!text || (parse_duration_ms(slice_str(text), HOLD_MAX_MS, out) == ERR_OK && *out > 0))
		return true;
	complain("drill: --%s %s: must be a time such as 10s, at most 10m", name, text);
	return false;
}

static bool is_staging(const char *cluster) {
	return strcmp(cluster, "staging") == 0 || strncmp(cluster, "staging-", 8) == 0;
}

static enum err open_place(struct drill *d) {
	char path[1024];
	enum err e = place_open(d->e.where.dir ? d->e.where.dir : ".playground", &d->place);
	if (e) return e;
	d->e.act.place = &d->place;
	place_path(&d->place, path, "policy.yaml");
	e = config_load_policy(path, &d->policy);
	d->whichever = d->policy;
	if (!d->record) {
		place_path(&d->place, d->record_path, "drills.jsonl");
		d->record = d->record_path;
	}
	return e;
}

static enum err open_config(struct drill *d) {
	enum err e = config_load(d->e.where.config, &d->config);
	if (e) return e;
	d->whichever = d->config.policy;
	const char *cluster = d->config.node->cluster;
	if (!is_staging(cluster) && !(d->e.production && *d->e.production)) {
		complain("drill: cluster %s: it is neither a playground nor named staging: if "
		         "customers may feel it, say why: --production REASON",
		         cluster);
		return ERR_FORBIDDEN;
	}
	if (d->apply && d->undo && *d->apply && *d->undo) return ERR_OK;
	complain("drill: -c: there are no processes to signal here: give --apply COMMAND and "
	         "--undo COMMAND");
	return ERR_INVALID;
}

/* Whose traffic, and what is promised to it. */
static enum err find_tenant(struct drill *d) {
	const char *name = d->e.where.tenant ? d->e.where.tenant : "acme";
	int i = policy_find_tenant(d->whichever, slice_str(name));
	if (i < 0) {
		complain("drill: --tenant %s: the policy has no such tenant", name);
		return ERR_NOT_FOUND;
	}
	const struct policy_cell *cell = &d->whichever->cells[d->whichever->tenants[i].cell];
	snprintf(d->names[0], sizeof(d->names[0]), "%s", name);
	snprintf(d->names[1], sizeof(d->names[1]), "%s", cell->name);
	d->e.tenant = d->names[0];
	d->e.cell = d->names[1];
	d->e.is_sync = cell->mode == CELL_SYNC;
	return ERR_OK;
}

static bool region_known(const struct drill *d, const char *region) {
	for (int i = 0; i < d->whichever->region_count; i++)
		if (strcmp(d->whichever->regions[i].name, region) == 0) return true;
	complain("drill: %s: no such region: see holdfast status", region);
	return false;
}

static int exercise(struct drill *d, char **words) {
	if (!d->schedule && !region_known(d, words[1])) return EXIT_NO;
	drill_block_signals();
	if (!d->schedule) {
		d->e.act.what = words[0];
		d->e.act.region = words[1];
		d->e.act.apply = d->apply;
		d->e.act.undo = d->undo;
		return drill_run(&d->e);
	}
	struct buf text;
	const char *spec = NULL;
	enum err e = config_read_file(d->schedule, &text);
	if (!e) e = buf_cstr(&text, &spec);
	int status = e ? EXIT_NO : drill_schedule(spec, &d->e, d->once != NULL);
	buf_done(&text);
	return status;
}

/* An act by hand: done, said, and left so. */
static int by_hand(const struct drill *d, char **words) {
	struct drill_act a = {.what = words[0], .region = words[1], .place = &d->place};
	bool back = strcmp(words[0], "restore") == 0;
	return (back ? drill_undo(&a, true) : drill_apply(&a, true)) ? EXIT_YES : EXIT_NO;
}

static int usage(const char *what) {
	complain("drill: %s: see holdfast drill --help", what);
	return EXIT_USAGE;
}

/* NULL, or what is wrong with the words. */
static const char *check_words(const struct drill *d, int count, char **words) {
	bool elsewhere = d->e.where.config != NULL;
	if (d->schedule)
		return count == 0 && !elsewhere
		               ? NULL
		               : "--schedule is for a playground and takes no words";
	if (count == 1 && strcmp(words[0], "report") == 0) return NULL;
	if (count != 2) return "name what to do and a region";
	if (elsewhere) return d->hold ? NULL : "-c needs --for: nobody else would undo it";
	if (strcmp(words[0], "restore") == 0) return d->hold ? "restore takes no --for" : NULL;
	if (strcmp(words[0], "kill") != 0 && strcmp(words[0], "pause") != 0)
		return "on a playground it must be kill, pause or restore";
	return NULL;
}

static int run(struct drill *d, int count, char **words) {
	bool is_report = count == 1 && !d->schedule;
	if (is_report && d->record) return drill_report(d->record, d->json != NULL);
	enum err e = d->e.where.config ? open_config(d) : open_place(d);
	if (e) return e == ERR_INVALID && d->e.where.config ? EXIT_USAGE : EXIT_NO;
	if (is_report) return drill_report(d->record, d->json != NULL);
	if (!d->hold && !d->schedule) return by_hand(d, words);
	if (find_tenant(d) != ERR_OK) return EXIT_NO;
	d->e.record = d->record;
	d->e.as_json = d->json != NULL;
	return exercise(d, words);
}

int command_drill(int argc, char **argv) {
	struct drill d = {0};
	const struct option_spec specs[] = {{"dir", true, &d.e.where.dir},
	                                    {"config|c", true, &d.e.where.config},
	                                    {"tenant", true, &d.e.where.tenant},
	                                    {"key", true, &d.e.where.key},
	                                    {"for", true, &d.hold},
	                                    {"limit", true, &d.limit},
	                                    {"schedule", true, &d.schedule},
	                                    {"once", false, &d.once},
	                                    {"json", false, &d.json},
	                                    {"record", true, &d.record},
	                                    {"production", true, &d.e.production},
	                                    {"apply", true, &d.apply},
	                                    {"undo", true, &d.undo},
	                                    {0}};
	int words = options_parse(argc, argv, specs, help);
	if (words < 0) return EXIT_USAGE;
	const char *wrong = check_words(&d, words, argv);
	if (wrong) return usage(wrong);
	if (!parse_time("for", d.hold, 10000, &d.e.hold_ms) ||
	    !parse_time("limit", d.limit, 3000, &d.e.limit_ms))
		return EXIT_USAGE;
	int status = run(&d, words, argv);
	policy_free(d.policy);
	config_done(&d.config);
	return status;
}
