/* `holdfast policy test`: does the policy decide as its authors meant? */
#include "app/config.h"
#include "app/explain.h"
#include "app/policy.h"
#include "base/parse.h"
#include "policy/suite.h"

#include <stdio.h>
#include <stdlib.h>

static const char help[] =
	"usage: holdfast policy test POLICY TESTS.yaml… [--min-coverage PERCENT] [--json]\n\n"
	"Decides every request of the tests under the policy and compares. A failure shows what "
	"was\n"
	"expected, what came, and why. At the end: which rules no test has matched.\n\n"
	"      --min-coverage N      fail when fewer than N percent of the rules were matched\n"
	"      --json                machine-readable output\n\n"
	"Exit status: 0 all passed, 1 not, or a file is wrong, 2 usage. docs/policy-as-code.md "
	"shows the\n"
	"form of the tests.\n\n"
	"example: holdfast policy test examples/policy.yaml examples/policy-tests.yaml "
	"--min-coverage 90\n";

struct run {
	struct policy *policy;
	struct whatif world;
	uint64_t *hits, *case_hits; /* one bit a rule: of all cases, of one */
	size_t words;               /* of each */
	int passed, failed;
	json_t *cases; /* NULL: for people */
	struct suite_result result;
};

static void told_json(struct run *r, const struct suite *s, const struct suite_case *c) {
	json_t *o = json_pack("{s:s,s:i,s:s,s:s,s:b}", "file", s->file, "line", c->line, "section",
	                      c->section, "name", c->name, "passed", !r->result.key);
	if (r->result.key)
		json_object_update_new(o,
		                       json_pack("{s:s,s:s,s:s}", "key", r->result.key, "expected",
		                                 r->result.expected, "got", r->result.got));
	json_array_append_new(r->cases, o);
}

static void told(const struct run *r, const struct suite *s, const struct suite_case *c) {
	if (!r->result.key) {
		printf("ok    %s: %s\n", c->section, c->name);
		return;
	}
	printf("FAIL  %s: %s\n", c->section, c->name);
	printf("      %s:%d:%d: %s: expected %s, got %s\n", s->file, c->line, c->column,
	       r->result.key, r->result.expected, r->result.got);
	printf("      the decision: ");
	explain_verdict(r->policy, &r->result.decision);
	explain_lines(r->policy, &r->result.decision, "        ");
}

static void run_suite(struct run *r, const struct suite *s) {
	for (int i = 0; i < s->count; i++) {
		const struct suite_case *c = &s->cases[i];
		memset(r->case_hits, 0, r->words * sizeof *r->case_hits);
		suite_run(r->policy, c, &r->world, r->case_hits, &r->result);
		for (size_t k = 0; k < r->words; k++) r->hits[k] |= r->case_hits[k];
		if (r->result.key)
			r->failed++;
		else
			r->passed++;
		if (r->cases)
			told_json(r, s, c);
		else
			told(r, s, c);
	}
}

static bool run_file(struct run *r, const char *path) {
	struct buf text;
	struct suite *s = NULL;
	int mistakes = 0;
	enum err e = config_read_file(path, &text);
	bool read = e == ERR_OK;
	if (!e) e = suite_load(buf_slice(&text), path, r->policy, config_say, &mistakes, &s);
	if (read && e && !mistakes) complain("policy test: %s: %s", path, err_text(e));
	if (!e) run_suite(r, s);
	suite_free(s);
	buf_done(&text);
	return e == ERR_OK;
}

static bool hit(const struct run *r, int i) {
	return r->hits[i / 64] >> (i % 64) & 1;
}

static int hit_count(const struct run *r) {
	int count = 0;
	for (size_t k = 0; k < r->words; k++) count += __builtin_popcountll(r->hits[k]);
	return count;
}

static int coverage_percent(const struct run *r) {
	return r->policy->rule_count ? hit_count(r) * 100 / r->policy->rule_count : 100;
}

static void print_coverage(const struct run *r, const char *policy_path) {
	const struct policy *p = r->policy;
	printf("%d passed, %d failed; %d of %d rules matched (%d %%)\n", r->passed, r->failed,
	       hit_count(r), p->rule_count, coverage_percent(r));
	for (int i = 0; i < p->rule_count; i++)
		if (!hit(r, i))
			printf("never matched: rule '%s' (%s:%d)\n", p->rules[i].name, policy_path,
			       p->rules[i].line);
}

static void print_json(struct run *r) {
	json_t *never = json_array();
	for (int i = 0; i < r->policy->rule_count; i++)
		if (!hit(r, i))
			json_array_append_new(never, json_pack("{s:s,s:i}", "name",
			                                       r->policy->rules[i].name, "line",
			                                       r->policy->rules[i].line));
	json_t *root = json_pack("{s:i,s:i,s:O,s:{s:i,s:i,s:i,s:o}}", "passed", r->passed, "failed",
	                         r->failed, "tests", r->cases, "coverage", "rules",
	                         r->policy->rule_count, "matched", hit_count(r), "percent",
	                         coverage_percent(r), "never_matched", never);
	json_dumpf(root, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(root);
}

static bool prepare(struct run *r, const char *policy_path) {
	if (config_load_policy(policy_path, &r->policy)) return false;
	r->words = (size_t)r->policy->rule_count / 64 + 1;
	r->hits = calloc(r->words, sizeof *r->hits);
	r->case_hits = calloc(r->words, sizeof *r->case_hits);
	if (whatif_init(&r->world, r->policy) == ERR_OK && r->hits && r->case_hits) return true;
	complain("policy test: %s", err_text(ERR_NO_MEMORY));
	return false;
}

static int judge(const struct run *r, bool all_read, uint64_t min_coverage) {
	if (!all_read || r->failed) return EXIT_NO;
	if ((uint64_t)coverage_percent(r) >= min_coverage) return EXIT_YES;
	complain("policy test: %d %% of the rules were matched, less than %llu %%: add tests for "
	         "those "
	         "never matched",
	         coverage_percent(r), (unsigned long long)min_coverage);
	return EXIT_NO;
}

int policy_test(int argc, char **argv) {
	static struct run r;
	const char *json = NULL, *coverage = NULL;
	uint64_t min_coverage = 0;
	const struct option_spec specs[] = {
		{"min-coverage", true, &coverage}, {"json", false, &json}, {0}};
	int words = options_parse(argc, argv, specs, help);
	if (words < 0) return EXIT_USAGE;
	if (words < 2) {
		complain("policy test: needs a policy and tests: see holdfast policy test --help");
		return EXIT_USAGE;
	}
	if (coverage && parse_u64(slice_str(coverage), 100, &min_coverage)) {
		complain("policy test: --min-coverage %s: expected 0 to 100", coverage);
		return EXIT_USAGE;
	}
	if (json) r.cases = json_array();
	bool all_read = prepare(&r, argv[0]);
	bool prepared = all_read;
	for (int i = 1; prepared && i < words; i++) all_read &= run_file(&r, argv[i]);
	if (prepared && r.cases)
		print_json(&r);
	else if (all_read)
		print_coverage(&r, argv[0]);
	int status = prepared ? judge(&r, all_read, min_coverage) : EXIT_NO;
	json_decref(r.cases);
	free(r.hits);
	free(r.case_hits);
	whatif_done(&r.world);
	policy_free(r.policy);
	return status;
}
