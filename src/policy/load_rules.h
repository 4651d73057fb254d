/* What the files that load the sections variables and rules share: load_rules.c reads the list and
 * its groups, load_condition.c the conditions and variables, load_effects.c what follows from them,
 * load_reach.c refuses what leaves a tenant nothing; load_flags.c reads flags, whose expressions are
 * conditions as well. Private to src/policy. */
#pragma once
#include "policy/load.h"
#include "policy/rule_slots.h"
#include "policy/rules.h"

struct rule_source {
	const char *name;
	const struct doc_node *when, *rules;
	const struct doc_node *deny, *allow, *exclude, *prefer, *weights, *pin, *consistency;
	uint64_t hold_ms, deadline_ms;
	int unknown; /* RULE_UNKNOWN_… */
};
enum { RULE_UNKNOWN_DENY, RULE_UNKNOWN_SKIP, RULE_UNKNOWN_UNSAID };

/* A group around rules: what they all need besides. */
struct rule_scope {
	const struct rule_scope *outer;
	struct slice when; /* empty: always */
	int depth;
};

/* In their order: each may use those before it, so there are no circles. */
void load_variables(struct load *l);
/* Whether a condition compiles by itself; its mistakes are noted. */
bool load_condition_valid(struct load *l, const struct doc_node *when);
/* An expression of a flag; *variables and the flags' slots get what it reads besides. NULL: noted. */
struct cel_program *load_flag_expression(struct load *l, const struct doc_node *n,
                                         const struct cel_type *type, uint64_t *variables);
/* The condition of the rule at n together with those of the groups around it. when: NULL: none. */
void load_when(struct load *l, const struct doc_node *n, const struct doc_node *when,
               const struct rule_scope *s, struct policy_rule *r);
void load_effects(struct load *l, const struct rule_source *s, struct policy_rule *r);
/* After the index was made. */
void load_reach_check(struct load *l);
