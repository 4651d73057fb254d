/* Reading the hash of an API key. */
#include "policy/key.h"

#include "policy/tenant.h"

bool key_hash_read(struct doc *d, const struct doc_node *n, uint8_t hash[32]) {
	if (n->kind == DOC_SCALAR && tenant_key_parse(n->text, hash)) return true;
	doc_error(d, n,
	          "no hash of an API key (%zu characters, not shown); expected \"sha256:\" and 64 "
	          "digits 0-9 a-f",
	          n->text.len);
	return false;
}
