/* Values of the cel-spec suites: proto-JSON, as tools/cel_spec.mjs leaves them. */
#pragma once
#include <jansson.h>

#include "base/buf.h"
#include "cel/cel.h"

/* {"int64Value": "1"} → 1. In the arena; aborts where the suite has what it cannot have. */
struct cel_value spec_value(struct arena *a, const json_t *json);
/* Same kind and equal, all the way down; NaN is NaN here. */
bool spec_same(const struct cel_value *a, const struct cel_value *b);
/* "[1, \"a\"]": for people who read why a test fails. */
void spec_print(struct buf *out, const struct cel_value *v);
