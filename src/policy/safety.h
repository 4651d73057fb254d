/* Safety rules: what a change of policy or a drain may take away at most. Asked before anything
 * is published; who overrides them must say why, and that is recorded. Pure.
 *
 * A rule is about what a change takes away: one that takes nothing away breaks none, however
 * little there is already. */
#pragma once
#include "policy/policy.h"

/* A change as the rules see it. Regions are those of the policy that judges it. */
struct safety_effect {
	region_set before, after; /* that take traffic */
	uint64_t tenants,
		moved; /* moved: of `tenants`, some request of theirs is served elsewhere */
};
enum safety_rule { SAFETY_REGIONS, SAFETY_CAPACITY, SAFETY_TENANTS, SAFETY_RULES };
struct safety_breach {
	enum safety_rule rule;
	double limit, found;
	char text
		[200]; /* "max_tenants_moved is 10 %: this would move 3 of 10 tenants (30 %), 20 …" */
};
/* How many rules of p the effect breaks; each is told in `out`, in the order of the enum. */
int safety_check(const struct policy *p, const struct safety_effect *e,
                 struct safety_breach out[SAFETY_RULES]);

/* What happens when `next` takes the place of `now` while the regions `active` take traffic: a
 * region that served some request before and serves none any more counts as taken away. Looks at
 * every tenant: not for a loop. ERR_NO_MEMORY. */
MUST enum err safety_policy_effect(const struct policy *now, const struct policy *next,
                                   region_set active, struct safety_effect *out);
/* What happens when `region` takes no more traffic of its own accord: who had some request served there
 * is moved. Each cell's home is taken to be its preferred one. Looks at every tenant. ERR_NO_MEMORY. */
MUST enum err safety_drain_effect(const struct policy *p, region_set active, int region,
                                  struct safety_effect *out);
