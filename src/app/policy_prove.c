/* `holdfast policy prove`: no route leaves a residency class, whatever dies; and who goes dark. */
#include "app/config.h"
#include "app/policy.h"
#include "app/policy_moves.h"
#include "app/progress.h"
#include "base/parse.h"
#include "policy/grid.h"
#include "policy/prove.h"

#include <stdio.h>

static const char help[] =
	"usage: holdfast policy prove POLICY [--dead K] [--json] [--progress]\n\n"
	"Asks the engine for every tenant, at every region, writing and reading, for every set of "
        "up to K\n"
	"dead regions and in several worlds for each, and checks that no answer names a region "
        "outside the\n"
	"tenant's residency class. Lists which cells nobody serves then, with an example.\n\n"
	"      --dead K              0 to 4 dead regions at once (default 2)\n"
	"      --json                machine-readable output\n"
	"      --progress            show a bar on a terminal\n\n"
	"Exit status: 0 no route leaves its class, 1 one does, or the file is wrong, 2 usage.\n\n"
	"example: holdfast policy prove examples/policy.yaml --dead 2\n";

/* "us-east and us-west", or "no region". */
struct dead_names {
	char text[160];
};
static struct dead_names dead_names(const struct policy *p, region_set dead) {
	struct dead_names out = {"no region"};
	size_t len = 0;
	for (; dead; dead &= dead - 1)
		len += (size_t)snprintf(out.text + len, sizeof out.text - len, "%s%s",
		                        len ? " and " : "", p->regions[__builtin_ctzll(dead)].name);
	return out;
}

static const char *reason_of(const struct prove_dark *d) {
	return d->reason.reason == REASON_COUNT ? "too few copies to acknowledge"
	                                        : reason_name((enum reason)d->reason.reason);
}

static void print_leaks(const struct policy *p, const struct prove *v) {
	for (uint64_t i = 0; i < v->leak_count && i < PROVE_LEAKS_MAX; i++) {
		const struct prove_leak *l = &v->leaks[i];
		printf("LEAVES ITS CLASS: tenant %s, %s at %s with %s dead (%s): %s\n",
		       p->tenants[l->tenant].name, grid_name(l->kind), p->regions[l->here].name,
		       dead_names(p, l->dead).text, l->world, p->regions[l->region].name);
	}
}

static void print_dark(const struct policy *p, const struct prove *v) {
	if (v->dark_count) puts("\nwho goes dark:");
	for (uint64_t i = 0; i < v->dark_count && i < PROVE_DARK_MAX; i++) {
		const struct prove_dark *d = &v->dark[i];
		printf("  with %s dead: cell %s serves no %s of %llu tenant%s; for example %s",
		       dead_names(p, d->dead).text, p->cells[d->cell].name,
		       d->write ? "writes" : "reads", (unsigned long long)d->tenants,
		       d->tenants == 1 ? "" : "s", p->tenants[d->tenant].name);
		if (d->here >= 0) printf(" at %s: %s", p->regions[d->here].name, reason_of(d));
		putchar('\n');
	}
	if (v->dark_count > PROVE_DARK_MAX)
		printf("  and %llu more\n", (unsigned long long)(v->dark_count - PROVE_DARK_MAX));
}

static void print_text(const struct policy *p, const struct prove *v) {
	print_leaks(p, v);
	printf("%llu decisions over %llu sets of dead regions: ", (unsigned long long)v->decisions,
	       (unsigned long long)v->sets);
	if (v->leak_count)
		printf("%llu leave their residency class\n", (unsigned long long)v->leak_count);
	else
		puts("no route leaves its residency class");
	print_dark(p, v);
}

static json_t *set_json(const struct policy *p, region_set set) {
	json_t *all = json_array();
	for (; set; set &= set - 1)
		json_array_append_new(all, json_string(p->regions[__builtin_ctzll(set)].name));
	return all;
}

static json_t *leaks_json(const struct policy *p, const struct prove *v) {
	json_t *all = json_array();
	for (uint64_t i = 0; i < v->leak_count && i < PROVE_LEAKS_MAX; i++) {
		const struct prove_leak *l = &v->leaks[i];
		json_array_append_new(all, json_pack("{s:s,s:s,s:s,s:o,s:s,s:s}", "tenant",
		                                     p->tenants[l->tenant].name, "request",
		                                     grid_name(l->kind), "region",
		                                     p->regions[l->here].name, "dead",
		                                     set_json(p, l->dead), "world", l->world, "to",
		                                     p->regions[l->region].name));
	}
	return all;
}

static json_t *dark_json(const struct policy *p, const struct prove *v) {
	json_t *all = json_array();
	for (uint64_t i = 0; i < v->dark_count && i < PROVE_DARK_MAX; i++) {
		const struct prove_dark *d = &v->dark[i];
		json_array_append_new(all, json_pack("{s:o,s:s,s:s,s:I,s:{s:s,s:s*,s:s}}", "dead",
		                                     set_json(p, d->dead), "cell",
		                                     p->cells[d->cell].name, "what",
		                                     d->write ? "writes" : "reads", "tenants",
		                                     (json_int_t)d->tenants, "example", "tenant",
		                                     p->tenants[d->tenant].name, "region",
		                                     d->here < 0 ? NULL : p->regions[d->here].name,
		                                     "reason", reason_of(d)));
	}
	return all;
}

static void print_json(const struct policy *p, const struct prove *v) {
	json_print(json_pack("{s:I,s:I,s:I,s:o,s:I,s:o}", "decisions", (json_int_t)v->decisions,
	                     "sets", (json_int_t)v->sets, "leak_count", (json_int_t)v->leak_count,
	                     "leaks", leaks_json(p, v), "dark_count", (json_int_t)v->dark_count,
	                     "dark", dark_json(p, v)));
}

static int prove(const struct policy *p, int dead, bool json, bool bar) {
	struct prove *v;
	struct progress progress;
	int status = EXIT_NO;
	enum err e = prove_new(p, dead, &v);
	if (e) {
		complain("policy prove: %s", err_text(e));
	} else {
		progress_start(&progress, bar, "prove", v->sets);
		while (prove_step(v)) progress_at(&progress, v->sets_done);
		progress_end(&progress);
		if (json)
			print_json(p, v);
		else
			print_text(p, v);
		status = v->leak_count ? EXIT_NO : EXIT_YES;
	}
	prove_free(v);
	return status;
}

int policy_prove(int argc, char **argv) {
	const char *dead = NULL, *json = NULL, *bar = NULL;
	uint64_t most = 2;
	struct policy *p;
	const struct option_spec specs[] = {
		{"dead", true, &dead}, {"json", false, &json}, {"progress", false, &bar}, {0}};
	int words = options_parse(argc, argv, specs, help);
	if (words < 0) return EXIT_USAGE;
	if (words != 1) {
		complain("policy prove: needs a policy: see holdfast policy prove --help");
		return EXIT_USAGE;
	}
	if (dead && parse_u64(slice_str(dead), PROVE_DEAD_MAX, &most)) {
		complain("policy prove: --dead %s: expected 0 to %d", dead, PROVE_DEAD_MAX);
		return EXIT_USAGE;
	}
	int status = EXIT_NO;
	if (config_load_policy(argv[0], &p) == ERR_OK) status = prove(p, (int)most, json, bar);
	policy_free(p);
	return status;
}
