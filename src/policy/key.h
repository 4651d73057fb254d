/* API keys as configuration files hold them: by their SHA-256, never themselves. */
#pragma once
#include "policy/doc.h"

/* "sha256:" and 64 digits. False, and noted without repeating what stands there: it may be the
 * key itself. */
bool key_hash_read(struct doc *d, const struct doc_node *n, uint8_t hash[32]);
