/* `holdfast policy replay`: what would a new policy have done with the traffic that was recorded? */
#include "app/config.h"
#include "app/policy.h"
#include "app/policy_moves.h"
#include "app/progress.h"
#include "io/files.h"
#include "policy/mistake.h"
#include "policy/replay.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static const char help[] =
	"usage: holdfast policy replay DIR|RECORDING NEW [--old OLD] [--json] [--progress]\n\n"
	"Decides recorded requests again, each in the world of its time, under the policy NEW: how "
	"many go\n"
	"elsewhere, from where to where, whose they are, and what every region would have to "
	"carry. Of a\n"
	"directory all recordings (*.hfr) are taken together, as nodes write them.\n\n"
	"      --policy NEW          the same as the word NEW\n"
	"      --old OLD             compare with what this policy decides, not with the record\n"
	"      --json                machine-readable output\n"
	"      --progress            show a bar on a terminal\n\n"
	"Exit status: 0 every region has the capacity for its busiest second, 1 one has not, or a "
	"file is\n"
	"wrong, 2 usage. Recordings are made by nodes (`recording:` in holdfast.yaml) and by "
	"`holdfast\n"
	"policy record`.\n\n"
	"example: holdfast policy replay /var/lib/holdfast/recordings policy-new.yaml --old "
	"policy.yaml\n";

enum { RECORDS_AT_ONCE = 10000 };

/* Seconds that the recording spans; 0: its requests have no time. */
static double seconds_of(const struct replay *r) {
	return r->first_ms ? (double)(r->last_ms - r->first_ms) / 1000 + 1 : 0;
}

static uint64_t capacity_of(const struct policy *p, struct slice name) {
	int region = policy_find_region(p, name);
	return region < 0 ? 0 : p->regions[region].capacity;
}

static bool over(const struct replay *r, const struct policy *p, int place) {
	uint64_t capacity = capacity_of(p, r->moves.names[place]);
	return capacity && r->new_load[place].peak > capacity;
}

static void print_loads(const struct replay *r, const struct policy *p) {
	double seconds = seconds_of(r);
	printf("\n%-14s %12s %12s %12s %12s %12s\n", "REGION", "BEFORE", "AFTER", "AVERAGE/S",
	       "PEAK/S", "CAPACITY/S");
	for (int i = 0; i < r->moves.hold; i++) {
		uint64_t capacity = capacity_of(p, r->moves.names[i]);
		printf("%-14.*s %12llu %12llu %12.1f %12llu ", SLICE_ARG(r->moves.names[i]),
		       (unsigned long long)r->old_load[i].total,
		       (unsigned long long)r->new_load[i].total,
		       seconds > 0 ? (double)r->new_load[i].requests / seconds : 0,
		       (unsigned long long)r->new_load[i].peak);
		if (capacity)
			printf("%12llu%s\n", (unsigned long long)capacity,
			       over(r, p, i) ? "  OVER" : "");
		else
			printf("%12s\n", "-");
	}
}

static void print_groups(const struct replay *r) {
	printf("\n%-14s %-14s %12s %12s\n", "RESIDENCY", "TIER", "DECISIONS", "MOVED");
	for (int i = 0; i < r->group_count; i++) {
		const struct replay_group *g = &r->groups[i];
		printf("%-14s %-14s %12llu %12llu\n", g->residency, g->tier[0] ? g->tier : "-",
		       (unsigned long long)g->decisions, (unsigned long long)g->moved);
	}
}

static void print_examples(const struct replay *r) {
	if (r->example_count) puts("\nfor example:");
	for (int i = 0; i < r->example_count; i++) {
		const struct replay_example *x = &r->examples[i];
		printf("  " SLICE_FMT " at " SLICE_FMT ", %s %s: " SLICE_FMT " -> " SLICE_FMT "\n",
		       SLICE_ARG(x->tenant), SLICE_ARG(x->here), x->write ? "write" : "read",
		       show(x->path).text, SLICE_ARG(x->from), SLICE_ARG(x->to));
	}
}

static void print_text(const struct replay *r, const struct policy *p) {
	printf("%llu decisions of %u tenants", (unsigned long long)r->decisions, r->tenant_count);
	if (r->requests > r->decisions)
		printf(", recorded of about %llu", (unsigned long long)r->requests);
	printf("; %llu go elsewhere\n\n", (unsigned long long)moves_moved(&r->moves));
	moves_print(&r->moves);
	print_groups(r);
	print_loads(r, p);
	print_examples(r);
	if (r->torn_bytes)
		printf("\n%llu bytes at the end are a block that was cut off, and left out\n",
		       (unsigned long long)r->torn_bytes);
	if (r->peaks.full) puts("\npeaks are those of the first seconds: there are too many");
}

static json_t *loads_json(const struct replay *r, const struct policy *p) {
	json_t *all = json_array();
	for (int i = 0; i < r->moves.hold; i++)
		json_array_append_new(all,
		                      json_pack("{s:o,s:I,s:I,s:I,s:I,s:b}", "region",
		                                slice_json(r->moves.names[i]), "before",
		                                (json_int_t)r->old_load[i].total, "after",
		                                (json_int_t)r->new_load[i].total, "peak_per_s",
		                                (json_int_t)r->new_load[i].peak, "capacity_per_s",
		                                (json_int_t)capacity_of(p, r->moves.names[i]),
		                                "over", over(r, p, i)));
	return all;
}

static json_t *groups_json(const struct replay *r) {
	json_t *all = json_array();
	for (int i = 0; i < r->group_count; i++) {
		const struct replay_group *g = &r->groups[i];
		json_array_append_new(all, json_pack("{s:s,s:s,s:I,s:I}", "residency", g->residency,
		                                     "tier", g->tier, "decisions",
		                                     (json_int_t)g->decisions, "moved",
		                                     (json_int_t)g->moved));
	}
	return all;
}

static json_t *examples_json(const struct replay *r) {
	json_t *all = json_array();
	for (int i = 0; i < r->example_count; i++) {
		const struct replay_example *x = &r->examples[i];
		json_array_append_new(all, json_pack("{s:o,s:o,s:b,s:o,s:o,s:o,s:o}", "tenant",
		                                     slice_json(x->tenant), "region",
		                                     slice_json(x->here), "write", x->write,
		                                     "method", slice_json(x->method), "path",
		                                     slice_json(x->path), "from",
		                                     slice_json(x->from), "to", slice_json(x->to)));
	}
	return all;
}

static void print_json(const struct replay *r, const struct policy *p) {
	json_print(json_pack("{s:I,s:I,s:I,s:o,s:o,s:o,s:o}", "decisions", (json_int_t)r->decisions,
	                     "moved", (json_int_t)moves_moved(&r->moves), "torn_bytes",
	                     (json_int_t)r->torn_bytes, "moves", moves_json(&r->moves), "groups",
	                     groups_json(r), "regions", loads_json(r, p), "examples",
	                     examples_json(r)));
}

/* --- the recordings --------------------------------------------------------------------- */

enum { RECORDINGS_MAX = 100000, RECORDING_BYTES_MAX = 1 << 30 };
#define RECORDING_SUFFIX ".hfr"

struct paths {
	char **all;
	int count;
	uint64_t bytes;
	const char *dir;
	bool failed;
};

static void path_add(struct paths *p, const char *path) {
	char **all = realloc(p->all, ((size_t)p->count + 1) * sizeof *all);
	if (all) p->all = all;
	char *copy = all && p->count < RECORDINGS_MAX ? strdup(path) : NULL;
	if (copy)
		p->all[p->count++] = copy;
	else
		p->failed = true;
	struct stat s;
	if (copy && stat(path, &s) == 0) p->bytes += (uint64_t)s.st_size;
}

static void name_add(void *arg, const char *name) {
	struct paths *p = arg;
	char path[1024];
	size_t len = strlen(name), suffix = sizeof RECORDING_SUFFIX - 1;
	if (len <= suffix || strcmp(name + len - suffix, RECORDING_SUFFIX) != 0) return;
	if (snprintf(path, sizeof path, "%s/%s", p->dir, name) < (int)sizeof path)
		path_add(p, path);
	else
		p->failed = true;
}

/* Those of a directory in the order of their names, or the one file. */
static enum err paths_find(struct paths *p, const char *path) {
	struct stat s;
	if (strcmp(path, "-") == 0 || stat(path, &s) != 0 || !S_ISDIR(s.st_mode)) {
		path_add(p, path);
		return p->failed ? ERR_NO_MEMORY : ERR_OK;
	}
	p->dir = path;
	enum err e = files_posix()->ops->list(files_posix(), path, name_add, p);
	if (!e && p->failed) e = ERR_TOO_MANY;
	if (!e && !p->count) e = ERR_NOT_FOUND;
	if (e)
		complain("policy replay: %s: %s: expected a directory with recordings (*%s)", path,
		         e == ERR_NOT_FOUND ? "there are none in it" : err_text(e),
		         RECORDING_SUFFIX);
	return e;
}

static void paths_done(struct paths *p) {
	for (int i = 0; i < p->count; i++) free(p->all[i]);
	free(p->all);
}

static enum err read_recording(const char *path, struct buf *out) {
	if (strcmp(path, "-") == 0) return config_read_file(path, out);
	buf_init(out, RECORDING_BYTES_MAX);
	enum err e = files_read_all(files_posix(), path, out);
	if (e)
		complain("%s: %s: check the path and its permissions", path,
		         e == ERR_NOT_FOUND ? "there is no such file" : err_text(e));
	return e;
}

/* before: bytes of the files that were read already. */
static enum err run_bytes(struct replay *r, const char *path, struct slice bytes, uint64_t before,
                          struct progress *bar) {
	bool done = false;
	enum err e = replay_open(r, bytes);
	if (e)
		complain("policy replay: %s: %s: expected a file of holdfast policy record", path,
		         err_text(e));
	if (e) return e;
	while (!e && !done) {
		e = replay_run(r, RECORDS_AT_ONCE, &done);
		progress_at(bar, before + replay_position(r, bytes.len));
	}
	if (e)
		complain("policy replay: %s: after %llu decisions: %s: record again, or cut it "
		         "there",
		         path, (unsigned long long)r->decisions, err_text(e));
	return e;
}

static bool run_one(struct replay *r, const char *path, uint64_t before, struct progress *bar,
                    uint64_t *bytes) {
	struct buf recording;
	enum err e = read_recording(path, &recording);
	*bytes = recording.len;
	if (!e && recording_unbegun(buf_slice(&recording)))
		r->torn_bytes += recording.len;
	else if (!e)
		e = run_bytes(r, path, buf_slice(&recording), before, bar);
	buf_done(&recording);
	return e == ERR_OK;
}

static bool run_all(struct replay *r, const struct paths *paths, bool bar) {
	struct progress p;
	uint64_t before = 0, bytes;
	bool good = true;
	progress_start(&p, bar, "replay", paths->bytes);
	for (int i = 0; good && i < paths->count; i++, before += bytes)
		good = run_one(r, paths->all[i], before, &p, &bytes);
	progress_end(&p);
	return good;
}

/* --- the command ------------------------------------------------------------------------- */

static int replay(const struct paths *paths, const struct policy *p, const struct policy *old,
                  bool json, bool bar) {
	struct replay *r;
	int status = EXIT_NO;
	if (replay_new(p, old, &r) != ERR_OK) {
		complain("policy replay: %s", err_text(ERR_NO_MEMORY));
	} else if (run_all(r, paths, bar)) {
		status = EXIT_YES;
		for (int i = 0; i < r->moves.hold; i++)
			if (over(r, p, i)) status = EXIT_NO;
		if (json)
			print_json(r, p);
		else
			print_text(r, p);
	}
	replay_free(r);
	return status;
}

int policy_replay(int argc, char **argv) {
	struct paths paths = {0};
	struct policy *fresh = NULL, *before = NULL;
	const char *new = NULL, *old = NULL, *json = NULL, *bar = NULL;
	const struct option_spec specs[] = {{"policy", true, &new},
	                                    {"old", true, &old},
	                                    {"json", false, &json},
	                                    {"progress", false, &bar},
	                                    {0}};
	int words = options_parse(argc, argv, specs, help);
	if (words < 0) return EXIT_USAGE;
	if (words != (new ? 1 : 2)) {
		complain("policy replay: needs recordings and a policy: see holdfast policy replay "
		         "--help");
		return EXIT_USAGE;
	}
	enum err e = paths_find(&paths, argv[0]);
	if (!e) e = config_load_policy(new ? new : argv[1], &fresh);
	if (!e && old) e = config_load_policy(old, &before);
	int status = e ? EXIT_NO : replay(&paths, fresh, before, json, bar);
	paths_done(&paths);
	policy_free(fresh);
	policy_free(before);
	return status;
}
