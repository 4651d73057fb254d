/* Tests of a policy, written in YAML by those who write the policy; the shape is that of cel-go's policy
 * tests (sections, tests, input, output):
 *
 *   description: what the EU was promised
 *   sections:
 *     - name: residency
 *       tests:
 *         - name: a write that arrives in the US goes home
 *           input:
 *             request: {tenant: globex, region: us-east, write: true}
 *             world: {regions: {eu-west: {state: down, age_ms: 500}}}
 *           output: {verdict: forward, region: eu-central, reason: home}
 *
 * request and world are as in decide_json.h, over a world in which all is well. Pure; one thread. */
#pragma once
#include "policy/decide_json.h"

enum {
	SUITE_CASES_MAX = 100000,
	SUITE_REASONS_MAX = 8,
	SUITE_FLAGS_MAX = 16,
	SUITE_GOT_MAX = 200,
};

/* What must be true of a decision; -1 where nothing is asked. */
struct suite_output {
	int verdict, region;
	int consistency;
	uint64_t bounded_ms;
	int refusal;                                  /* enum err */
	int status;                                   /* of the answer that refuses */
	int reasons[SUITE_REASONS_MAX], reason_count; /* all of them are given */
	const char *rules[SUITE_REASONS_MAX];         /* all of them matched */
	int rule_count;
	bool has_fallbacks;
	int fallbacks[POLICY_REPLICAS_MAX], fallback_count;
	bool has_allowed;
	region_set allowed;
	struct {
		int flag, variant;
	} flags[SUITE_FLAGS_MAX];
	int flag_count;
};
struct suite_case {
	const char *section, *name;
	int line, column;
	json_t *request, *world; /* world: NULL when all is well */
	struct suite_output output;
};
struct suite {
	const char *file, *description;
	struct suite_case *cases;
	int count;
	struct suite_private *private;
};
/* Checks every case against the policy's names, too; reports as policy_load does. ERR_INVALID when there
 * was a mistake, ERR_TOO_LARGE, ERR_NO_MEMORY. `file` is borrowed. */
MUST enum err suite_load(struct slice yaml, const char *file, const struct policy *p,
                         void (*report)(void *arg, const struct policy_error *e), void *arg,
                         struct suite **out);
void suite_free(struct suite *s);

/* What one case came to. */
struct suite_result {
	struct decision decision;
	const char *key; /* of the output that differs; NULL: it passed */
	char expected[SUITE_GOT_MAX], got[SUITE_GOT_MAX];
};
/* hits: one bit a rule, zeroed by the caller: which rules matched here. The world is the caller's
 * scratch. */
void suite_run(const struct policy *p, const struct suite_case *c, struct whatif *w, uint64_t *hits,
               struct suite_result *out);
