/* Private to the admin port. */
#pragma once
#include "edge/edge.h"
#include "store/local.h"

struct admin {
	struct io *io;
	struct admin_options options;
	struct http_server *server;
	uint64_t started_ns;
};

/* Answers with everything this node knows of itself and its cells, as JSON. */
void admin_status(struct admin *a, struct http_exchange *x, bool ready);
/* Quarantined records as JSON lines, one a mutation or event. */
MUST enum err quarantine_render(struct slice records, struct buf *out);
