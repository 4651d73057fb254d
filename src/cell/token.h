/* Session tokens: signed {cell, epoch, seq}. Text: base64url of 4+8+8 bytes and a
 * truncated HMAC-SHA256 (16 bytes); the key is the cluster's secret. Pure; any thread.
 * The cell is named by a hash of its name, so that an index may change. */
#pragma once
#include "base/err.h"
#include "base/slice.h"

enum { TOKEN_TEXT_MAX = 56 };
struct token {
	uint32_t cell_hash;
	uint64_t epoch, seq;
};
uint32_t token_cell_hash(const char *cell);
size_t token_encode(const struct token *t, struct slice secret, char out[TOKEN_TEXT_MAX]);
/* ERR_INVALID for anything that we did not sign. */
MUST enum err token_decode(struct slice text, struct slice secret, struct token *out);
/* What a token says, whoever made it: for who has not the secret, and lets the token only narrow
 * what he does. */
MUST enum err token_peek(struct slice text, struct token *out);
