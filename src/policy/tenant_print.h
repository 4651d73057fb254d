/* Rows as JSON, as tenant_read.h reads them: what is printed can be imported. One thread. */
#pragma once
#include <jansson.h>

#include "policy/tenant.h"

/* Fresh, for json_decref; NULL: no memory. What is not given is left out. */
json_t *tenant_row_json(const struct policy *p, const struct tenant_row *row);
/* The four things a tenant may say of itself, all of them there: regions, consistency,
 * explicit_failover, and maintenance or null. */
json_t *tenant_preferences_json(const struct policy *p, const struct tenant_profile *t);
/* One row from an object of that shape, by a reader of JSON lines, from which it borrows until the
 * next. ERR_INVALID, ERR_TOO_LARGE, ERR_NO_MEMORY, with the fault. */
struct tenant_reader;
MUST enum err tenant_row_from_json(struct tenant_reader *r, const json_t *object,
                                   struct tenant_row *row, struct fault *f);
/* As RFC 7396: members of `patch` replace those of *to, null takes away, objects are merged. */
MUST enum err tenant_json_merge(json_t *to, const json_t *patch);
/* The row of a tenant of the policy, without its keys, attributes, tier and country. */
void tenant_row_of_policy(const struct policy_tenant *t, struct tenant_row *row);
