/* Who is asking: from the credential alone, never from a header that names a tenant.
 * API keys are kept as SHA-256 and compared in constant time; each belongs to one tenant. */
#pragma once
#include "base/err.h"
#include "policy/policy.h"

/* Remembers the last credential of a connection, so that a hot one costs a compare, not a hash.
 * Zeroed means empty; valid for one policy object. */
struct identity_memo {
	uint64_t policy_stamp;
	int32_t tenant;
	uint16_t len; /* of the header's value; 0: empty */
	uint8_t text[80];
};
enum { IDENTITY_ANY = -1 }; /* for no tenant of its own: may ask about any */
/* authorization: value of the Authorization header ("Bearer KEY"; scheme in any case).
 * ERR_UNAUTHENTICATED when absent, malformed or unknown; *detail says which, for a problem document,
 * without repeating the credential. */
MUST enum err identity_find(const struct policy *p, struct slice authorization,
                            struct identity_memo *memo, int *tenant, const char **detail);
/* The same; *tenant is IDENTITY_ANY for a key whose SHA-256 is among `any`. */
MUST enum err identity_find_any(const struct policy *p, const uint8_t (*any)[32], int any_count,
                                struct slice authorization, struct identity_memo *memo, int *tenant,
                                const char **detail);
