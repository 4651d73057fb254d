/* A request for a decision in the words of HTTP: what its method and target say, and which status a
 * decision that is no region means. Shared by all who ask. Pure. */
#pragma once
#include "policy/decide.h"

/* Sets method, path, domain and write. GET, HEAD, OPTIONS and TRACE read; a domain is what our own data
 * calls name. Both borrowed. */
void ask_target(struct decide_request *ask, struct slice method, struct slice target);
/* d: VERDICT_HOLD or VERDICT_REFUSE. */
int ask_status(const struct policy *p, const struct decision *d);
