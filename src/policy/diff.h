/* What changes when one policy takes the place of another. Tenants, regions and rules of the same name
 * are the same. Decisions are compared over requests made up, all being well: every tenant of both, at
 * every region of both, writing and reading at each consistency, plain and as the rules' conditions ask
 * for it (grid.h). Pure, one thread. */
#pragma once
#include "policy/moves.h"
#include "policy/whatif.h"

enum { DIFF_TENANTS_MAX = 200 }; /* told by name; all are counted */

enum diff_bit {
	DIFF_ADDED = 1,
	DIFF_REMOVED = 2,
	DIFF_CLASS = 4,
	DIFF_CELL = 8,
	DIFF_HOME = 16,
	DIFF_PREFERRED = 32,
	DIFF_DECISIONS = 64,
	DIFF_BITS = 7,
};
struct diff_tenant {
	const char *name;
	int old_tenant, new_tenant; /* -1: not there */
	unsigned bits;
	uint64_t moved; /* of the requests made up */
};
enum rule_change { RULE_ADDED, RULE_REMOVED, RULE_CHANGED };
struct diff_rule {
	const char *name;
	enum rule_change change;
	int old_rule, new_rule; /* -1: not there */
};
struct diff {
	struct moves moves;
	uint64_t counts[DIFF_BITS]; /* tenants, by bit */
	uint64_t tenants_changed;
	struct diff_tenant
		tenants[DIFF_TENANTS_MAX]; /* the first that changed, as the new file has them */
	int tenant_count;
	struct diff_rule *rules;
	int rule_count;
	int done; /* tenants of both compared */
	struct diff_private *private;
};
/* The policies are borrowed. ERR_NO_MEMORY; diff_free in any case. */
MUST enum err diff_new(const struct policy *old, const struct policy *new_policy,
                       struct diff **out);
void diff_free(struct diff *d);
/* Compares up to so many tenants more; false: all are. */
bool diff_step(struct diff *d, int tenants);
const char *diff_bit_name(int i); /* "residency", of bit 1 << i */
/* "exclude eu-west; consistency strong": what the rule does, in one order and with names. */
MUST enum err rule_describe(const struct policy *p, const struct policy_rule *r, struct buf *out);
