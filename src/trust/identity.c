/* Bearer API keys. A key is looked up by its SHA-256, so that neither the policy file nor
 * this process's memory of it holds a usable credential; only the memo of a connection keeps
 * the text that its client itself sent. */
#include "trust/identity.h"
#include "base/hash.h"

enum { KEY_MIN_BYTES = 16, KEY_MAX_LEN = 512 };

static enum err refuse(const char **detail, const char *why) {
	*detail = why;
	return ERR_UNAUTHENTICATED;
}

static bool memo_holds(const struct identity_memo *memo, struct slice authorization) {
	return memo->len == authorization.len &&
	       slice_eq_secret(authorization, slice_of(memo->text, memo->len));
}

static void memo_keep(struct identity_memo *memo, struct slice authorization,
                      const uint8_t digest[SHA256_BYTES]) {
	if (authorization.len > sizeof(memo->text)) return;
	memo->len = (uint16_t)authorization.len;
	memcpy(memo->text, authorization.ptr, authorization.len);
	memcpy(memo->digest, digest, SHA256_BYTES);
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

static enum err digest_once(struct slice authorization, struct identity_memo *memo,
                            uint8_t out[SHA256_BYTES], const char **detail) {
	if (memo_holds(memo, authorization)) {
		memcpy(out, memo->digest, SHA256_BYTES);
		return ERR_OK;
	}
	enum err e = digest_of(authorization, out, detail);
	if (!e) memo_keep(memo, authorization, out);
	return e;
}

enum err identity_find_any(const struct tenancy *t, const struct policy *p,
                           const uint8_t (*any)[32], int any_count, struct slice authorization,
                           struct identity_memo *memo, struct arena *a, struct identity *out,
                           const char **detail) {
	uint8_t digest[SHA256_BYTES];
	*out = (struct identity){{-1, NULL}, false};
	if (authorization.len == 0)
		return refuse(detail,
		              "send 'Authorization: Bearer KEY' with an API key of the tenant");
	enum err e = digest_once(authorization, memo, digest, detail);
	if (e) return e;
	e = tenancy_find_key(t, p, digest, a, &out->who);
	if (!e) return ERR_OK;
	out->any = among(any, any_count, digest);
	if (out->any) return ERR_OK;
	if (e == ERR_NOT_FOUND)
		return refuse(detail, "no tenant has this API key; was it rotated?");
	*detail = "this region does not know all tenants yet; try again in a moment";
	return e;
}

enum err identity_find(const struct tenancy *t, const struct policy *p, struct slice authorization,
                       struct identity_memo *memo, struct arena *a, struct identity *out,
                       const char **detail) {
	return identity_find_any(t, p, NULL, 0, authorization, memo, a, out, detail);
}
