/* holdfast.yaml from an enemy: it loads or says why. */
#include <stdlib.h>

#include "policy/node.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void check_report(void *arg, const struct policy_error *e) {
	int *count = arg;
	++*count;
	if (e->line < 1 || e->column < 1 || !e->text[0] || *count > 50) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len) {
	struct node_config *c;
	int mistakes = 0;
	enum err e = node_config_load(slice_of(bytes, len), "fuzz", check_report, &mistakes, &c);
	if ((e == ERR_OK) != (c != NULL) || (e == ERR_OK) != (mistakes == 0)) abort();
	if (c && (c->self < 0 || c->self >= c->region_count)) abort();
	node_config_free(c);
	return 0;
}
