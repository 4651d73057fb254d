/* What one policy may change of another while regions serve. Data lies where cells say, and a node
 * opens its disks by them at its start: regions, cells and which cell a tenant is in stay. Rules,
 * variables, preferences, attributes, signals, safety rules and what is said of regions may change;
 * tenants may come and go. That a residency class leaves no data outside is held by policy_load: every
 * cell's copies lie within the class of each of its tenants. Pure. */
#pragma once
#include "policy/policy.h"

/* ERR_UNSUPPORTED, with what stands in the way and what to do instead. */
MUST enum err policy_change_check(const struct policy *now, const struct policy *next,
                                  struct fault *fault);
/* The same without tenants: could a node that opened its disks by `now` serve by `next`? */
MUST enum err policy_places_check(const struct policy *now, const struct policy *next,
                                  struct fault *fault);
