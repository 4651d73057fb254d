/* Session tokens. Pure; knows nothing of what the position means. */
#include "cell/token.h"

#include "base/assert.h"
#include "base/bytes.h"
#include "base/hash.h"

enum {
	TOKEN_BODY_BYTES = 4 + 8 + 8,
	TOKEN_MAC_BYTES = 16, /* truncated: forging takes 2^128 tries at a live server */
	TOKEN_BYTES = TOKEN_BODY_BYTES + TOKEN_MAC_BYTES,
	TOKEN_TEXT_BYTES = TOKEN_BYTES / 3 * 4,
};
_Static_assert(TOKEN_BYTES % 3 == 0, "the text has no odd end, hence one spelling");
_Static_assert((int)TOKEN_TEXT_BYTES < (int)TOKEN_TEXT_MAX, "the text and its NUL fit");

uint32_t token_cell_hash(const char *cell) {
	static const uint64_t seed[2] = {0x686f6c6466617374u, 0x746f6b656e63656cu};
	return (uint32_t)siphash13(seed, cell, strlen(cell));
}

/* The first part keeps tokens and the other uses of the cluster's secret apart. */
static void sign(const uint8_t body[TOKEN_BODY_BYTES], struct slice secret,
                 uint8_t mac[SHA256_BYTES]) {
	const struct slice parts[] = {SLICE_LIT("holdfast token 1"),
	                              slice_of(body, TOKEN_BODY_BYTES)};
	hmac_sha256(secret, parts, 2, mac);
}

size_t token_encode(const struct token *t, struct slice secret, char out[TOKEN_TEXT_MAX]) {
	uint8_t bytes[TOKEN_BYTES], mac[SHA256_BYTES];
	put_u32(bytes, t->cell_hash);
	put_u64(bytes + 4, t->epoch);
	put_u64(bytes + 12, t->seq);
	sign(bytes, secret, mac);
	memcpy(bytes + TOKEN_BODY_BYTES, mac, TOKEN_MAC_BYTES);
	size_t len = base64url_encode(slice_of(bytes, sizeof bytes), out);
	ASSERT(len == TOKEN_TEXT_BYTES);
	return len;
}

static enum err unpack(struct slice text, uint8_t bytes[TOKEN_BYTES], struct token *out) {
	size_t len = 0;
	if (text.len != TOKEN_TEXT_BYTES) return ERR_INVALID;
	if (base64url_decode(text, bytes, TOKEN_BYTES, &len) != ERR_OK) return ERR_INVALID;
	if (len != TOKEN_BYTES) return ERR_INVALID;
	out->cell_hash = get_u32(bytes);
	out->epoch = get_u64(bytes + 4);
	out->seq = get_u64(bytes + 12);
	return ERR_OK;
}

enum err token_peek(struct slice text, struct token *out) {
	uint8_t bytes[TOKEN_BYTES];
	return unpack(text, bytes, out);
}

enum err token_decode(struct slice text, struct slice secret, struct token *out) {
	uint8_t bytes[TOKEN_BYTES], mac[SHA256_BYTES];
	struct token said;
	if (unpack(text, bytes, &said) != ERR_OK) return ERR_INVALID;
	sign(bytes, secret, mac);
	struct slice given = slice_of(bytes + TOKEN_BODY_BYTES, TOKEN_MAC_BYTES);
	if (!slice_eq_secret(given, slice_of(mac, TOKEN_MAC_BYTES))) return ERR_INVALID;
	*out = said;
	return ERR_OK;
}
