/* Texts about versions, drains and nodes from an enemy: refused, or read; and what was read is written
 * and read again as the same. */
#include <stdlib.h>

#include "policy/versions.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void again(struct buf *text, struct slice was, enum err written) {
	if (written != ERR_OK || !slice_eq(buf_slice(text), was)) abort();
	buf_reset(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len) {
	static struct policy_versions versions;
	static struct region_drains drains;
	static struct node_serving node;
	struct slice in = slice_of(bytes, len);
	struct buf text;
	buf_init(&text, 2 * VERSIONS_TEXT_MAX); /* numbers may be read with zeros in front */
	if (versions_read(in, &versions) == ERR_OK && !memmem(bytes, len, "\t0", 2))
		again(&text, in, versions_write(&versions, &text));
	if (drains_read(in, &drains) == ERR_OK && !memmem(bytes, len, "\t0", 2))
		again(&text, in, drains_write(&drains, &text));
	if (serving_read(in, &node) == ERR_OK && !memmem(bytes, len, "\t0", 2))
		again(&text, in, serving_write(&node, &text));
	buf_done(&text);
	return 0;
}
