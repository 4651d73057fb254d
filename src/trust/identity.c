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

enum err identity_find(const struct policy *p, struct slice authorization,
                       struct identity_memo *memo, int *tenant, const char **detail) {
	if (authorization.len == 0)
		return refuse(detail,
		              "send 'Authorization: Bearer KEY' with an API key of the tenant");
	if (memo->len == authorization.len && memo->policy_stamp == policy_stamp(p) &&
	    slice_eq_secret(authorization, slice_of(memo->text, memo->len))) {
		*tenant = memo->tenant;
		return ERR_OK;
	}
	struct slice key = authorization;
	struct slice scheme = slice_cut(&key, ' ');
	key = slice_trim(key);
	if (!slice_eq_nocase(scheme, SLICE_LIT("bearer")))
		return refuse(detail, "the Authorization header must be 'Bearer KEY'");
	if (key.len < KEY_MIN_BYTES || key.len > KEY_MAX_LEN)
		return refuse(detail, "this is not an API key: it is too short or too long");
	uint8_t digest[SHA256_BYTES];
	sha256(&key, 1, digest);
	int found = policy_find_key(p, digest);
	if (found < 0) return refuse(detail, "no tenant has this API key; was it rotated?");
	*tenant = found;
	if (authorization.len <= sizeof(memo->text)) {
		memo->policy_stamp = policy_stamp(p);
		memo->tenant = found;
		memo->len = (uint16_t)authorization.len;
		memcpy(memo->text, authorization.ptr, authorization.len);
	}
	return ERR_OK;
}
