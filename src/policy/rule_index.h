/* Which rules can match at all, given a decision's values: 1,000 rules must not cost a thousand
 * evaluations. A rule whose condition asks for certain values of a slot is filed under them.
 * Private to src/policy. */
#pragma once
#include "policy/rule_slots.h"
#include "policy/rules.h"

enum { RULE_WORDS_MAX = (RULES_MAX + 63) / 64 };

struct rule_index;
/* In the policy's memory; NULL without it. The policy's tenant_texts are there already. */
struct rule_index *rule_index_new(struct arena *a, const struct policy *p);
/* Sets bit i of `out` (RULE_WORDS_MAX words, the first (rule_count + 63) / 64 are written) for
 * each rule that may match or fail. */
void rule_index_candidates(const struct rule_index *x, const struct rule_inputs *in, uint64_t *out);
