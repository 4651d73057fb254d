/* Reading the hash of an API key. */
#include "policy/key.h"

#include "base/bytes.h"

static bool parse(struct slice text, uint8_t hash[32]) {
	if (!slice_starts(text, SLICE_LIT("sha256:"))) return false;
	size_t skip = sizeof "sha256:" - 1;
	return hex_decode(slice_of(text.ptr + skip, text.len - skip), hash, 32) == ERR_OK;
}

bool key_hash_read(struct doc *d, const struct doc_node *n, uint8_t hash[32]) {
	if (n->kind == DOC_SCALAR && parse(n->text, hash)) return true;
	doc_error(d, n,
	          "no hash of an API key (%zu characters, not shown); expected \"sha256:\" and 64 "
	          "digits 0-9 a-f",
	          n->text.len);
	return false;
}
