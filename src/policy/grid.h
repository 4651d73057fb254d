/* Requests made up where none were recorded: a tenant at an edge, writing or reading at each consistency.
 * What conditions commonly ask is known: the client is beside the edge, in the tenant's country, at an
 * address and a time that are always the same. Pure. */
#pragma once
#include "policy/decide.h"

enum { GRID_SAMPLES_MAX = 64 };
enum { GRID_WRITE, GRID_STRONG, GRID_SESSION, GRID_BOUNDED, GRID_EVENTUAL, GRID_KINDS };
struct decide_request grid_request(const struct policy *p, int tenant, int here, int kind);
const char *grid_name(int kind); /* "write", "strong read" */

/* What else a request may be about: values that conditions ask for by name, so that rules match which a
 * plain request would never meet. */
struct grid_sample {
	struct slice method, path, host, domain,
		country; /* ptr NULL: as the plain request has it */
};
/* Adds those of the policy's rules that are not there yet, to at most GRID_SAMPLES_MAX. Texts belong to
 * the policy. */
void grid_sample_rules(const struct policy *p, struct grid_sample *samples, int *count);
void grid_apply(const struct grid_sample *s, struct decide_request *q);
