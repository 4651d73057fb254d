/* What the two halves of a suite share: loading and running. Private to src/policy. */
#pragma once
#include "policy/doc.h"
#include "policy/suite.h"

struct suite_private {
	struct arena arena; /* texts of cases */
};
/* Reads `output:`; mistakes are noted in d. */
void suite_output_load(struct doc *d, const struct policy *p, const struct doc_node *n,
                       struct suite_output *out);
