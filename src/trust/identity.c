/* Bearer API keys. A key is looked up by its SHA-256, so that neither the policy file nor
 * this process's memory of it holds a usable credential; only the memo of a connection keeps
 * the text that its client itself sent. */
#include "trust/identity.h"
#include "base/hash.h"

enum { KEY_MIN_BYTES = 16, KEY_MAX_LEN = 512 };

static uint64_t policy_stamp(const struct policy *p) {
	uint64_t stamp;
	memcpy(&stamp, p->hash, sizeof(stamp));
	return stamp;
}

static enum err refuse(const char **detail, const char *why) {
	*detail = why;
	return ERR_UNAUTHENTICATED;
}

static bool memo_holds(const struct identity_memo *memo, const struct policy *p,
                       struct slice authorization) {
	return memo->len == authorization.len && memo->policy_stamp == policy_stamp(p) &&
	       slice_eq_secret(authorization, slice_of(memo->text, memo->len));
}

static void memo_keep(struct identity_memo *memo, const struct policy *p,
                      struct slice authorization, int tenant) {
	if (authorization.len > sizeof(memo->text)) return;
	memo->policy_stamp = policy_stamp(p);
	memo->tenant = tenant;
	memo->len = (uint16_t)authorization.len;
	memcpy(memo->text, authorization.ptr, authorization.len);
}

static enum err digest_of(struct slice authorization, uint8_t out[SHA256_BYTES],
                          const char **detail) {
	struct slice key = authorization;
	struct slice scheme = slice_cut(&key, ' ');
	key = slice_trim(key);
	if (!slice_eq_nocase(scheme, SLICE_LIT("bearer")))
		return refuse(detail, "the Authorization header must be 'Bearer KEY'");
	if (key.len < KEY_MIN_BYTES || key.len > KEY_MAX_LEN)
		return refuse(detail, "this is not an API key: it is too short or too long");
	sha256(&key, 1, out);
	return ERR_OK;
}

static bool among(const uint8_t (*any)[32], int count, const uint8_t digest[SHA256_BYTES]) {
	bool found = false;
	for (int i = 0; i < count; i++)
		found |= slice_eq_secret(slice_of(any[i], 32), slice_of(digest, SHA256_BYTES));
	return found;
}

enum err identity_find_any(const struct policy *p, const uint8_t (*any)[32], int any_count,
                           struct slice authorization, struct identity_memo *memo, int *tenant,
                           const char **detail) {
	if (authorization.len == 0)
		return refuse(detail,
		              "send 'Authorization: Bearer KEY' with an API key of the tenant");
	/* Who asked with a key for any tenant before may ask here only if this place takes one. */
	if (memo_holds(memo, p, authorization) && (memo->tenant != IDENTITY_ANY || any_count)) {
		*tenant = memo->tenant;
		return ERR_OK;
	}
	uint8_t digest[SHA256_BYTES];
	enum err e = digest_of(authorization, digest, detail);
	if (e) return e;
	int found = policy_find_key(p, digest);
	if (found < 0 && !among(any, any_count, digest))
		return refuse(detail, "no tenant has this API key; was it rotated?");
	*tenant = found < 0 ? IDENTITY_ANY : found;
	memo_keep(memo, p, authorization, *tenant);
	return ERR_OK;
}

enum err identity_find(const struct policy *p, struct slice authorization,
                       struct identity_memo *memo, int *tenant, const char **detail) {
	return identity_find_any(p, NULL, 0, authorization, memo, tenant, detail);
}
