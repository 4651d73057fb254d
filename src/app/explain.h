/* A decision in words for people: a table of regions with what became of each and why. */
#pragma once
#include "policy/decide_json.h"

/* One line: "forward to eu-west, then eu-central". */
void explain_verdict(const struct policy *p, const struct decision *d);
void explain_table(const struct policy *p, const struct world *w, const struct decide_request *r,
                   const struct decision *d);
/* Every reason as a line that begins with `indent`. */
void explain_lines(const struct policy *p, const struct decision *d, const char *indent);
