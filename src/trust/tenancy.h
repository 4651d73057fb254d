/* The tenants that a node serves: those of its policy file, and those that were made since and are
 * in the directory. What the policy says of a tenant stands, but for what that tenant prefers:
 * where the directory has a row of its name too, the row's preferences count.
 *
 * Any thread that has entered the directory; never blocks. */
#pragma once
#include "base/arena.h"
#include "policy/directory.h"

struct tenancy {
	struct directory *directory;  /* NULL: the policy's tenants alone */
	const _Atomic bool *complete; /* false: the directory lacks changes yet; NULL: never */
};
struct tenancy_found {
	int index;                          /* among the policy's; -1: made since */
	const struct policy_tenant *tenant; /* of the policy, or in the arena */
};
/* ERR_NOT_FOUND. ERR_UNAVAILABLE: not among those that are known, and the directory is not complete;
 * or the tenant does not fit this policy. ERR_NO_MEMORY. */
MUST enum err tenancy_find(const struct tenancy *t, const struct policy *p, struct slice name,
                           struct arena *a, struct tenancy_found *out);
MUST enum err tenancy_find_key(const struct tenancy *t, const struct policy *p,
                               const uint8_t sha256[SHA256_BYTES], struct arena *a,
                               struct tenancy_found *out);
