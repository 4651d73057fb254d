/* Rules that can never decide anything. Only what is certain is said: a rule that is not named here may
 * still never match. Pure. */
#pragma once
#include "policy/rules.h"

enum reach {
	REACH_MAY_DECIDE,
	REACH_NEVER_TRUE, /* its condition is false, or asks for two values of one thing */
	REACH_DENIED,     /* whenever it matches, an earlier rule has denied */
	REACH_SHADOWED,   /* whenever it matches, earlier rules have settled all that it sets */
};
struct rule_reach {
	enum reach reach;
	int by; /* the earlier rule (the last of them); -1 */
};
/* out: one a rule. ERR_NO_MEMORY. */
MUST enum err reach_check(const struct policy *p, struct rule_reach *out);
