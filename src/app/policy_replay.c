/* `holdfast policy replay`: what would a new policy have done with the traffic that was recorded? */
#include "app/config.h"
#include "app/policy.h"
#include "app/policy_moves.h"
#include "app/progress.h"
#include "policy/mistake.h"
#include "policy/replay.h"

#include <stdio.h>

static const char help[] =
	"usage: holdfast policy replay RECORDING NEW [--old OLD] [--json] [--progress]\n\n"
	"Decides recorded requests again, each in the world of its time, under the policy NEW: how "
	"many go\n"
	"elsewhere, from where to where, whose they are, and what every region would have to "
	"carry.\n\n"
	"      --old OLD             compare with what this policy decides, not with the record\n"
	"      --json                machine-readable output\n"
	"      --progress            show a bar on a terminal\n\n"
	"Exit status: 0 every region has the capacity for its busiest second, 1 one has not, or a "
	"file is\n"
	"wrong, 2 usage. Recordings are made by `holdfast policy record`.\n\n"
	"example: holdfast policy replay traffic.hfr policy-new.yaml --old policy.yaml\n";

enum { RECORDS_AT_ONCE = 10000 };

/* Seconds that the recording spans; 0: its requests have no time. */
static double seconds_of(const struct replay *r) {
	return r->first_ms ? (double)(r->last_ms - r->first_ms) / 1000 + 1 : 0;
}

/* Requests a second in the busiest second, with those that were not recorded. */
static uint64_t peak_of(const struct replay *r, const struct replay_load *l) {
	return r->first_ms ? l->peak * r->recording.sampled : 0;
}

static uint64_t capacity_of(const struct policy *p, struct slice name) {
	int region = policy_find_region(p, name);
	return region < 0 ? 0 : p->regions[region].capacity;
}

static bool over(const struct replay *r, const struct policy *p, int place) {
	uint64_t capacity = capacity_of(p, r->moves.names[place]);
	return capacity && peak_of(r, &r->new_load[place]) > capacity;
}

static void print_loads(const struct replay *r, const struct policy *p) {
	double seconds = seconds_of(r), each = r->recording.sampled;
	printf("\n%-14s %12s %12s %12s %12s %12s\n", "REGION", "BEFORE", "AFTER", "AVERAGE/S",
	       "PEAK/S", "CAPACITY/S");
	for (int i = 0; i < r->moves.hold; i++) {
		uint64_t capacity = capacity_of(p, r->moves.names[i]);
		printf("%-14.*s %12llu %12llu %12.1f %12llu ", SLICE_ARG(r->moves.names[i]),
		       (unsigned long long)r->old_load[i].total,
		       (unsigned long long)r->new_load[i].total,
		       seconds > 0 ? (double)r->new_load[i].total * each / seconds : 0,
		       (unsigned long long)peak_of(r, &r->new_load[i]));
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
		       SLICE_ARG(x->tenant), SLICE_ARG(r->recording.regions[x->here]),
		       x->write ? "write" : "read", show(x->path).text,
		       SLICE_ARG(r->moves.names[x->from]), SLICE_ARG(r->moves.names[x->to]));
	}
}

static void print_text(const struct replay *r, const struct policy *p) {
	printf("%llu decisions of %u tenants", (unsigned long long)r->decisions,
	       r->recording.tenant_count);
	if (r->recording.sampled > 1) printf(", one of %u recorded", r->recording.sampled);
	printf("; %llu go elsewhere\n\n", (unsigned long long)moves_moved(&r->moves));
	moves_print(&r->moves);
	print_groups(r);
	print_loads(r, p);
	print_examples(r);
	if (r->recording.torn_bytes)
		printf("\nthe last %zu bytes are a block that was cut off\n",
		       r->recording.torn_bytes);
}

static json_t *loads_json(const struct replay *r, const struct policy *p) {
	json_t *all = json_array();
	for (int i = 0; i < r->moves.hold; i++)
		json_array_append_new(all, json_pack("{s:o,s:I,s:I,s:I,s:I,s:b}", "region",
		                                     slice_json(r->moves.names[i]), "before",
		                                     (json_int_t)r->old_load[i].total, "after",
		                                     (json_int_t)r->new_load[i].total, "peak_per_s",
		                                     (json_int_t)peak_of(r, &r->new_load[i]),
		                                     "capacity_per_s",
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
		json_array_append_new(
			all,
			json_pack("{s:o,s:o,s:b,s:o,s:o,s:o,s:o}", "tenant", slice_json(x->tenant),
		                  "region", slice_json(r->recording.regions[x->here]), "write",
		                  x->write, "method", slice_json(x->method), "path",
		                  slice_json(x->path), "from", slice_json(r->moves.names[x->from]),
		                  "to", slice_json(r->moves.names[x->to])));
	}
	return all;
}

static void print_json(const struct replay *r, const struct policy *p) {
	json_print(json_pack("{s:I,s:I,s:I,s:o,s:o,s:o,s:o}", "decisions", (json_int_t)r->decisions,
	                     "moved", (json_int_t)moves_moved(&r->moves), "torn_bytes",
	                     (json_int_t)r->recording.torn_bytes, "moves", moves_json(&r->moves),
	                     "groups", groups_json(r), "regions", loads_json(r, p), "examples",
	                     examples_json(r)));
}

static bool run_all(struct replay *r, const char *path, size_t bytes, bool bar) {
	struct progress p;
	bool done = false;
	enum err e = ERR_OK;
	progress_start(&p, bar, "replay", bytes);
	while (!e && !done) {
		e = replay_run(r, RECORDS_AT_ONCE, &done);
		progress_at(&p, replay_position(r, bytes));
	}
	progress_end(&p);
	if (e)
		complain("policy replay: %s: after %llu decisions: %s: record again, or cut it "
		         "there",
		         path, (unsigned long long)r->decisions, err_text(e));
	return e == ERR_OK;
}

struct inputs {
	struct buf recording;
	struct policy *policy, *old;
};

static int replay_inputs(struct inputs *in, const char *path, bool json, bool bar) {
	struct replay *r;
	int status = EXIT_NO;
	enum err e = replay_new(buf_slice(&in->recording), in->policy, in->old, &r);
	if (e)
		complain("policy replay: %s: %s: expected a file of holdfast policy record", path,
		         err_text(e));
	else if (run_all(r, path, in->recording.len, bar)) {
		status = EXIT_YES;
		for (int i = 0; i < r->moves.hold; i++)
			if (over(r, in->policy, i)) status = EXIT_NO;
		if (json)
			print_json(r, in->policy);
		else
			print_text(r, in->policy);
	}
	replay_free(r);
	return status;
}

int policy_replay(int argc, char **argv) {
	struct inputs in = {0};
	const char *old = NULL, *json = NULL, *bar = NULL;
	const struct option_spec specs[] = {
		{"old", true, &old}, {"json", false, &json}, {"progress", false, &bar}, {0}};
	int words = options_parse(argc, argv, specs, help);
	if (words < 0) return EXIT_USAGE;
	if (words != 2) {
		complain(
			"policy replay: needs a recording and a policy: see holdfast policy replay "
			"--help");
		return EXIT_USAGE;
	}
	enum err e = config_read_file(argv[0], &in.recording);
	if (!e) e = config_load_policy(argv[1], &in.policy);
	if (!e && old) e = config_load_policy(old, &in.old);
	int status = e ? EXIT_NO : replay_inputs(&in, argv[0], json, bar);
	buf_done(&in.recording);
	policy_free(in.policy);
	policy_free(in.old);
	return status;
}
