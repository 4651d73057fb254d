/* Room on the links, which all cells share. What lags behind waits in one queue for each link and
 * gets its turn when what was sent before has left: a link is kept busy, but what waits in it is
 * little, so that an answer is not late behind the records of others, and every cell gets on. May
 * not know what is sent. */
#include <stdlib.h>

#include "base/assert.h"
#include "cell/host_private.h"

enum err host_room_init(struct host *h) {
	h->wants = calloc((size_t)h->region_count, sizeof *h->wants);
	if (!h->wants) return ERR_NO_MEMORY;
	for (int i = 0; i < h->region_count; i++) list_init(&h->wants[i]);
	return ERR_OK;
}

bool host_room(void *arg, int replica, bool live) {
	struct host_cell *c = arg;
	struct host *h = c->host;
	struct host_want *want = &c->wants[replica];
	struct list *queue = &h->wants[c->replicas[replica]];
	size_t pending = links_pending(h->links, c->replicas[replica]);
	bool turn = live || h->served == want || list_empty(queue);
	if (turn && pending < (live ? HOST_LIVE_BYTES : HOST_BULK_BYTES)) return true;
	if (want->cell) return false;
	want->cell = c;
	list_push_back(queue, &want->node);
	return false;
}

static bool is_due(const struct host *h, int region) {
	return !list_empty(&h->wants[region]) && links_pending(h->links, region) < HOST_BULK_BYTES;
}

void host_room_serve(struct host *h, int region) {
	static const struct cell_event tick = {.type = CELL_EV_TICK};
	ASSERT(!h->served);
	while (is_due(h, region)) {
		struct list_node *first = list_pop_front(&h->wants[region]);
		struct host_want *want = CONTAINER_OF(first, struct host_want, node);
		struct host_cell *c = want->cell;
		want->cell = NULL;
		h->served = want;
		host_feed(c, &tick);
	}
	h->served = NULL;
}

bool host_room_due(const struct host *h) {
	for (int i = 0; i < h->region_count; i++)
		if (is_due(h, i)) return true;
	return false;
}
