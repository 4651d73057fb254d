/* Rules of a policy: ordered, each with a condition in CEL and effects. Compiled and indexed when
 * the policy is loaded; then read-only.
 *
 * What effects do when several rules match, in the order of the file:
 *   deny                  the first one ends it
 *   allow, exclude        each narrows further; never widens
 *   prefer, weights, pin, consistency, hold, deadline
 *                         the first rule that sets one decides it
 * A condition that fails counts as no match; for deny as a match, unless the rule says that what is not known
 * is to be skipped.
 * A rule in a group matches when its own condition and those of all groups around it do.
 */
#pragma once
#include "cel/cel.h"
#include "policy/policy.h"

enum {
	RULES_MAX = 10000,
	RULE_DEPTH_MAX = 8,      /* groups in groups */
	RULE_COST_MAX = 100000,  /* bound of one condition, a few ms; over it the policy is refused */
	RULE_VARIABLES_MAX = 64, /* under `variables:`: names for conditions to share */
};

enum prefer_by { PREFER_LIST, PREFER_HOME, PREFER_NEAREST, PREFER_CHEAPEST, PREFER_GREENEST };
struct rule_prefer {
	enum prefer_by by;
	int region; /* PREFER_LIST: one entry each */
};
enum rule_effect { /* bits of policy_rule.effects */
	RULE_DENY = 1, RULE_ALLOW = 2, RULE_EXCLUDE = 4, RULE_PREFER = 8, RULE_WEIGHTS = 16,
	RULE_PIN = 32, RULE_CONSISTENCY = 64, RULE_HOLD = 128, RULE_DEADLINE = 256,
};
/* Whether a rule whose condition failed so denies. */
static inline bool rule_denies_failed(unsigned effects, bool skips_unknown, enum cel_fault fault) {
	bool unknown = fault == CEL_FAULT_UNSET || fault == CEL_FAULT_NO_KEY;
	return effects & RULE_DENY && !(skips_unknown && unknown);
}

struct policy_rule {
	const char *name;
	int line, column; /* of the rule, in the policy's file */
	unsigned effects;
	struct cel_program *when; /* with its groups' conditions; NULL: always */
	uint64_t variables;       /* which of `variables:` it reads, and those read by them */
	const char *when_text;          /* as written, groups joined by && */
	uint64_t cost_max;

	int status;         /* deny: 400..599; 403 unless said */
	const char *reason; /* deny: for the client; "" */
	bool skips_unknown; /* deny: what the condition asks for being unknown is no match */
	region_set regions; /* allow: those; exclude: all but those. Both: what is left */
	struct rule_prefer prefer[POLICY_REPLICAS_MAX];
	int prefer_count;
	uint16_t weights[POLICY_REGIONS_MAX]; /* by region, out of their sum */
	uint32_t weight_sum;
	int pin; /* region */
	enum consistency consistency;
	uint32_t bounded_ms, hold_ms, deadline_ms;
};
