/* Flags of a policy: a value for whoever asks, chosen by rules. An experiment is a flag that splits; which
 * version of an API a tenant gets is one as well. Loaded with the policy, then read-only.
 *
 *   flags:
 *     api-version:
 *       variants: {stable: "2025-06", next: "2026-01"}   # all texts, all numbers, or true and false
 *       default: stable
 *       rules:                                           # in order; the first that matches decides
 *         - {when: tenant.tier == 'gold', variant: next}
 *         - {when: tenant.country == 'DE', split: {by: tenant.id, weights: {stable: 90, next: 10}}}
 *
 * A split hashes the text that `by` gives, so that the same one gets the same variant in every region; a
 * change of weights moves only as many as it must. Flags of one `salt` (the flag's name unless said) put the
 * same text at the same point. */
#pragma once
#include "policy/decide.h"

enum {
	FLAGS_MAX = 1000,
	FLAG_VARIANTS_MAX = 32,
	FLAG_RULES_MAX = 100, /* of one flag */
	FLAG_TEXT_MAX = 1024,
	FLAG_BUCKETS = 10000,
};

enum flag_type { FLAG_TEXT, FLAG_NUMBER, FLAG_BOOL };
struct flag_variant {
	const char *name;
	const char *text; /* its value, by the flag's type */
	double number;
	bool truth;
};
struct flag_rule {
	int line, column; /* in the policy's file */
	struct cel_program *when; /* NULL: always */
	int variant;              /* -1: a split */
	struct cel_program *by;   /* a text */
	uint64_t variables;       /* of `variables:` that both read */
	const char *salt;
	uint16_t weights[FLAG_VARIANTS_MAX];
	uint32_t weight_sum;
};
struct policy_flag {
	const char *name;
	enum flag_type type;
	const struct flag_variant *variants;
	int variant_count;
	int fallback; /* its default */
	const struct flag_rule *rules;
	int rule_count;
};

enum flag_reason {
	FLAG_STATIC,  /* there are no rules */
	FLAG_MATCH,   /* a rule named it */
	FLAG_SPLIT,   /* a rule's hash chose it */
	FLAG_DEFAULT, /* no rule matched */
};
struct flag_answer {
	int variant; /* always one */
	enum flag_reason reason;
	int rule;       /* index; -1 */
	int bucket;     /* 0..FLAG_BUCKETS-1 where a hash chose; -1 */
	uint32_t failed; /* rules before it whose condition or `by` had no value: as no match */
};
/* Pure, and allocates nothing but in request->scratch. flag: 0..policy->flag_count-1. */
void flag_evaluate(const struct policy *p, const struct world *w, const struct decide_request *r,
                   int flag, struct flag_answer *out);
const char *flag_reason_name(enum flag_reason r); /* "TARGETING_MATCH", as OpenFeature has it */
