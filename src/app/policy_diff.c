/* `holdfast policy diff`: what would change if this policy took the place of that one? */
#include "app/config.h"
#include "app/policy.h"
#include "app/policy_moves.h"
#include "app/progress.h"
#include "policy/diff.h"
#include "policy/reach.h"

#include <stdio.h>
#include <stdlib.h>

static const char help[] = "usage: holdfast policy diff OLD NEW [--json] [--progress]\n\n"
			   "Which tenants change residency, cell, home or preferences or get "
			   "other decisions; which\n"
			   "rules are new, gone or changed; which rules of NEW can never decide "
			   "anything. Decisions are\n"
			   "compared for every tenant at every region, writing and reading at each "
			   "consistency, all being\n"
			   "well.\n\n"
			   "      --json                machine-readable output\n"
			   "      --progress            show a bar on a terminal\n\n"
			   "Exit status: 0 nothing changes and every rule can decide, 1 something "
			   "changes, or a file is\n"
			   "wrong, 2 usage.\n\n"
			   "example: holdfast policy diff policy.yaml policy-new.yaml\n";

enum { TENANTS_AT_ONCE = 1000 };

struct comparing {
	struct policy *old, *fresh;
	struct diff *diff;
	struct rule_reach *reach; /* of the new policy's rules */
	const char *path;         /* of the new policy */
};

static const char *const changes[] = {
	[RULE_ADDED] = "added", [RULE_REMOVED] = "removed", [RULE_CHANGED] = "changed"};
static const char *const reaches[] = {
	[REACH_NEVER_TRUE] = "its condition is never true",
	[REACH_DENIED] = "what it matches was denied before",
	[REACH_SHADOWED] = "all that it sets is settled before",
};

static bool regions_differ(const struct comparing *c) {
	if (c->old->region_count != c->fresh->region_count) return true;
	for (int i = 0; i < c->fresh->region_count; i++) {
		int k = policy_find_region(c->old, slice_str(c->fresh->regions[i].name));
		if (k < 0 || c->old->regions[k].capacity != c->fresh->regions[i].capacity)
			return true;
	}
	return false;
}

static int unreachable(const struct comparing *c) {
	int count = 0;
	for (int i = 0; i < c->fresh->rule_count; i++)
		count += c->reach[i].reach != REACH_MAY_DECIDE;
	return count;
}

static bool same(const struct comparing *c) {
	return !c->diff->tenants_changed && !c->diff->rule_count && !unreachable(c) &&
	       !regions_differ(c);
}

/* --- for people ----------------------------------------------------------------------------- */

/* "residency us -> eu": the names on both sides, where they differ. */
static void print_names(const char *what, unsigned bit, unsigned bits, const char *from,
                        const char *to) {
	if (bits & bit) printf("  %s %s -> %s", what, from, to);
}

static void print_tenant(const struct comparing *c, const struct diff_tenant *t) {
	printf("  %-24s", t->name);
	if (t->bits & DIFF_ADDED) printf("  added");
	if (t->bits & DIFF_REMOVED) printf("  removed");
	if (t->old_tenant >= 0 && t->new_tenant >= 0) {
		const struct policy_tenant *x = &c->old->tenants[t->old_tenant];
		const struct policy_tenant *y = &c->fresh->tenants[t->new_tenant];
		const struct policy_cell *a = &c->old->cells[x->cell],
					 *b = &c->fresh->cells[y->cell];
		print_names("residency", DIFF_CLASS, t->bits,
		            c->old->residencies[x->residency].name,
		            c->fresh->residencies[y->residency].name);
		print_names("cell", DIFF_CELL, t->bits, a->name, b->name);
		print_names("home", DIFF_HOME, t->bits, c->old->regions[a->replicas[0]].name,
		            c->fresh->regions[b->replicas[0]].name);
		if (t->bits & DIFF_PREFERRED) printf("  preferences");
		if (t->moved) printf("  %llu decisions", (unsigned long long)t->moved);
	}
	putchar('\n');
}

static void print_tenants(const struct comparing *c) {
	const struct diff *d = c->diff;
	printf("tenants: %llu change", (unsigned long long)d->tenants_changed);
	const char *before = ": ";
	for (int i = 0; i < DIFF_BITS; i++) {
		if (!d->counts[i]) continue;
		printf("%s%s %llu", before, diff_bit_name(i), (unsigned long long)d->counts[i]);
		before = ", ";
	}
	puts("");
	for (int i = 0; i < d->tenant_count; i++) print_tenant(c, &d->tenants[i]);
	if (d->tenants_changed > (uint64_t)d->tenant_count)
		printf("  and %llu more\n", (unsigned long long)d->tenants_changed -
		                                    (unsigned long long)d->tenant_count);
}

static void print_rules(const struct comparing *c) {
	const struct diff *d = c->diff;
	if (d->rule_count) puts("\nrules:");
	for (int i = 0; i < d->rule_count; i++)
		printf("  %-8s %s\n", changes[d->rules[i].change], d->rules[i].name);
	if (unreachable(c)) puts("\nrules that can never decide:");
	for (int i = 0; i < c->fresh->rule_count; i++) {
		const struct policy_rule *r = &c->fresh->rules[i];
		const struct rule_reach *reach = &c->reach[i];
		if (reach->reach == REACH_MAY_DECIDE) continue;
		printf("  '%s' (%s:%d): %s", r->name, c->path, r->line, reaches[reach->reach]);
		if (reach->by >= 0)
			printf(" by '%s' (%s:%d)", c->fresh->rules[reach->by].name, c->path,
			       c->fresh->rules[reach->by].line);
		putchar('\n');
	}
}

static uint64_t capacity_of(const struct policy *p, struct slice name) {
	int region = policy_find_region(p, name);
	return region < 0 ? 0 : p->regions[region].capacity;
}

/* How many of the requests made up end at a place: before or after. */
static uint64_t share(const struct moves *m, int place, bool after) {
	uint64_t sum = 0;
	for (int i = 0; i < m->count; i++) sum += after ? m->counts[i][place] : m->counts[place][i];
	return sum;
}

static void print_regions(const struct comparing *c) {
	const struct moves *m = &c->diff->moves;
	printf("\n%-14s %14s %14s %14s %14s\n", "REGION", "CAPACITY OLD", "CAPACITY NEW",
	       "DECISIONS OLD", "DECISIONS NEW");
	for (int i = 0; i < m->hold; i++)
		printf("%-14.*s %14llu %14llu %14llu %14llu\n", SLICE_ARG(m->names[i]),
		       (unsigned long long)capacity_of(c->old, m->names[i]),
		       (unsigned long long)capacity_of(c->fresh, m->names[i]),
		       (unsigned long long)share(m, i, false),
		       (unsigned long long)share(m, i, true));
}

static void print_text(const struct comparing *c) {
	const struct moves *m = &c->diff->moves;
	print_tenants(c);
	print_rules(c);
	printf("\ndecisions: %llu of %llu go elsewhere\n\n", (unsigned long long)moves_moved(m),
	       (unsigned long long)moves_total(m));
	moves_print(m);
	print_regions(c);
}

/* --- for machines ------------------------------------------------------------------------------ */

static json_t *tenants_json(const struct diff *d) {
	json_t *all = json_array();
	for (int i = 0; i < d->tenant_count; i++) {
		const struct diff_tenant *t = &d->tenants[i];
		json_t *what = json_array();
		for (int k = 0; k < DIFF_BITS; k++)
			if (t->bits >> k & 1)
				json_array_append_new(what, json_string(diff_bit_name(k)));
		json_array_append_new(all, json_pack("{s:s,s:o,s:I}", "name", t->name, "changes",
		                                     what, "moved", (json_int_t)t->moved));
	}
	return all;
}

static json_t *rules_json(const struct diff *d) {
	json_t *all = json_array();
	for (int i = 0; i < d->rule_count; i++)
		json_array_append_new(all, json_pack("{s:s,s:s}", "name", d->rules[i].name,
		                                     "change", changes[d->rules[i].change]));
	return all;
}

static json_t *reach_json(const struct comparing *c) {
	json_t *all = json_array();
	for (int i = 0; i < c->fresh->rule_count; i++) {
		const struct rule_reach *reach = &c->reach[i];
		if (reach->reach == REACH_MAY_DECIDE) continue;
		json_array_append_new(
			all,
			json_pack("{s:s,s:i,s:s,s:s*}", "name", c->fresh->rules[i].name, "line",
		                  c->fresh->rules[i].line, "why", reaches[reach->reach], "by",
		                  reach->by < 0 ? NULL : c->fresh->rules[reach->by].name));
	}
	return all;
}

static json_t *regions_json(const struct comparing *c) {
	const struct moves *m = &c->diff->moves;
	json_t *all = json_array();
	for (int i = 0; i < m->hold; i++)
		json_array_append_new(
			all,
			json_pack("{s:o,s:I,s:I,s:I,s:I}", "region", slice_json(m->names[i]),
		                  "capacity_old", (json_int_t)capacity_of(c->old, m->names[i]),
		                  "capacity_new", (json_int_t)capacity_of(c->fresh, m->names[i]),
		                  "decisions_old", (json_int_t)share(m, i, false), "decisions_new",
		                  (json_int_t)share(m, i, true)));
	return all;
}

static void print_json(const struct comparing *c) {
	const struct diff *d = c->diff;
	json_print(json_pack("{s:I,s:o,s:o,s:o,s:I,s:I,s:o,s:o}", "tenants_changed",
	                     (json_int_t)d->tenants_changed, "tenants", tenants_json(d), "rules",
	                     rules_json(d), "never_decide", reach_json(c), "decisions",
	                     (json_int_t)moves_total(&d->moves), "moved",
	                     (json_int_t)moves_moved(&d->moves), "moves", moves_json(&d->moves),
	                     "regions", regions_json(c)));
}

/* ------------------------------------------------------------------------------------------------- */

static enum err compare(struct comparing *c, bool bar) {
	struct progress p;
	c->reach = calloc((size_t)c->fresh->rule_count + 1, sizeof *c->reach);
	enum err e = c->reach ? reach_check(c->fresh, c->reach) : ERR_NO_MEMORY;
	if (!e) e = diff_new(c->old, c->fresh, &c->diff);
	if (e) return e;
	progress_start(&p, bar, "diff",
	               (uint64_t)c->old->tenant_count + (uint64_t)c->fresh->tenant_count);
	while (diff_step(c->diff, TENANTS_AT_ONCE)) progress_at(&p, (uint64_t)c->diff->done);
	progress_end(&p);
	return ERR_OK;
}

int policy_diff(int argc, char **argv) {
	struct comparing c = {0};
	const char *json = NULL, *bar = NULL;
	const struct option_spec specs[] = {{"json", false, &json}, {"progress", false, &bar}, {0}};
	int words = options_parse(argc, argv, specs, help);
	if (words < 0) return EXIT_USAGE;
	if (words != 2) {
		complain("policy diff: needs the old and the new policy: see holdfast policy diff "
		         "--help");
		return EXIT_USAGE;
	}
	c.path = argv[1];
	int status = EXIT_NO;
	enum err e = config_load_policy(argv[0], &c.old);
	if (!e) e = config_load_policy(argv[1], &c.fresh);
	if (!e && (e = compare(&c, bar))) complain("policy diff: %s", err_text(e));
	if (!e && json) print_json(&c);
	if (!e && !json) print_text(&c);
	if (!e && same(&c)) status = EXIT_YES;
	diff_free(c.diff);
	free(c.reach);
	policy_free(c.old);
	policy_free(c.fresh);
	return status;
}
