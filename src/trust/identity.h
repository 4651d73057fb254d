/* Who is asking: from the credential alone, never from a header that names a tenant.
 * API keys are kept as SHA-256 and compared in constant time; each belongs to one tenant. */
#pragma once
#include "trust/tenancy.h"

/* Remembers the hash of a connection's last credential, so that a hot one costs a compare and a
 * look-up. Zeroed means empty. Whose it is, is asked anew each time: keys come and go. */
struct identity_memo {
	uint8_t digest[SHA256_BYTES];
	uint16_t len; /* of the header's value; 0: empty */
	uint8_t text[94];
};
struct identity {
	struct tenancy_found who;
	bool any; /* no tenant of its own: may ask about any. Then `who` is empty */
};
/* authorization: value of the Authorization header ("Bearer KEY"; scheme in any case).
 * ERR_UNAUTHENTICATED when absent, malformed or unknown; ERR_UNAVAILABLE while the directory is not
 * complete; ERR_NO_MEMORY. *detail says which, for a problem document, without repeating the
 * credential. The tenant may be in the arena. */
MUST enum err identity_find(const struct tenancy *t, const struct policy *p,
                            struct slice authorization, struct identity_memo *memo, struct arena *a,
                            struct identity *out, const char **detail);
/* The same; out->any for a key whose SHA-256 is among `any`. */
MUST enum err identity_find_any(const struct tenancy *t, const struct policy *p,
                                const uint8_t (*any)[32], int any_count, struct slice authorization,
                                struct identity_memo *memo, struct arena *a, struct identity *out,
                                const char **detail);
