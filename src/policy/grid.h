/* Requests made up where none were recorded: a tenant at an edge, writing or reading at each consistency.
 * What conditions commonly ask is known: the client is beside the edge, in the tenant's country, at an
 * address and a time that are always the same. Pure. */
#pragma once
#include "policy/decide.h"

enum { GRID_WRITE, GRID_STRONG, GRID_SESSION, GRID_BOUNDED, GRID_EVENTUAL, GRID_KINDS };
struct decide_request grid_request(const struct policy *p, int tenant, int here, int kind);
const char *grid_name(int kind); /* "write", "strong read" */
