/* A decision as JSON with what it was made from: in answers, and from memory. */
#pragma once
#include "edge/ring.h"

/* `{"id":…,"policy":…,"world":…`, to be gone on with. */
MUST enum err told_begin(const struct policy *p, struct slice id, uint64_t world_version,
                         struct buf *out);
/* The whole of what is remembered: request, decision, every reason. */
MUST enum err told_entry(struct slice id, const struct ring_entry *e, struct buf *out);
