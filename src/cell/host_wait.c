/* Waiting until a position is applied here, and the answer to a status request. Both come
 * from any thread as a message in the asker's own memory. */
#include "base/assert.h"
#include "cell/host_private.h"

/* --- waits ------------------------------------------------------------------------------ */

_Static_assert(sizeof(struct host_wait_ticket) <= sizeof((struct host_wait *)0)->private,
               "the ticket fits");

static struct host_wait *wait_of(struct host_wait_ticket *t) {
	return CONTAINER_OF((void **)(void *)t, struct host_wait, private[0]);
}

static void fire(struct host_wait *w) {
	io_post(w->reply_to, &w->post);
}

/* A fenced copy applies nothing any more. */
static bool is_over(const struct host_cell *c, const struct host_wait *w, uint64_t epoch,
                    uint64_t now_ns) {
	return c->state.applied_seq >= w->seq || c->state.epoch != epoch || c->state.fenced ||
	       now_ns >= w->deadline_ns;
}

static void remember_least(struct host_cell *c, const struct host_wait *w) {
	if (w->seq < c->wait_seq) c->wait_seq = w->seq;
	if (w->deadline_ns < c->wait_until_ns) c->wait_until_ns = w->deadline_ns;
}

static void on_wait(struct io_post *post) {
	struct host_wait_ticket *t = CONTAINER_OF(post, struct host_wait_ticket, post);
	struct host_cell *c = t->cell;
	struct host_wait *w = wait_of(t);
	bool full = c->waits.count >= HOST_WAITS_MAX;
	if (full || !c->store || is_over(c, w, t->epoch, io_now_ns(c->host->io))) return fire(w);
	list_push_back(&c->waits, &t->node);
	remember_least(c, w);
	const struct cell_event wanted = {.type = CELL_EV_WANTED, .seq = w->seq};
	host_feed(c, &wanted);
}

void host_wait_applied(struct host *h, int cell, struct host_wait *w) {
	ASSERT(cell >= 0 && cell < h->cell_count);
	struct host_wait_ticket *t = (struct host_wait_ticket *)(void *)w->private;
	struct host_cell_state state;
	host_cell_state(h, cell, &state);
	t->cell = &h->cells[cell];
	t->epoch = state.epoch;
	t->post.fn = on_wait;
	io_post(h->io, &t->post);
}

static void sweep(struct host_cell *c) {
	uint64_t now_ns = io_now_ns(c->host->io);
	c->wait_seq = c->wait_until_ns = UINT64_MAX;
	LIST_EACH (&c->waits, node) {
		struct host_wait_ticket *t = CONTAINER_OF(node, struct host_wait_ticket, node);
		struct host_wait *w = wait_of(t);
		if (is_over(c, w, t->epoch, now_ns)) {
			list_remove(&c->waits, node);
			fire(w);
		} else {
			remember_least(c, w);
		}
	}
}

void host_waits_check(struct host_cell *c) {
	if (list_empty(&c->waits)) return;
	struct host_wait_ticket *first =
		CONTAINER_OF(list_first(&c->waits), struct host_wait_ticket, node);
	/* All waits are of one epoch: a change of it fires every one. */
	if (c->state.applied_seq >= c->wait_seq || c->state.epoch != first->epoch ||
	    c->state.fenced || io_now_ns(c->host->io) >= c->wait_until_ns)
		sweep(c);
}

void host_waits_end(struct host_cell *c) {
	for (struct list_node *node; (node = list_pop_front(&c->waits));) {
		struct host_wait *w = wait_of(CONTAINER_OF(node, struct host_wait_ticket, node));
		/* Our own loop runs no more. */
		if (w->reply_to != c->host->io) fire(w);
	}
}

/* --- status ------------------------------------------------------------------------------- */

struct status_ticket {
	struct io_post post;
	struct host *host;
};
_Static_assert(sizeof(struct status_ticket) <= sizeof((struct host_status_request *)0)->private,
               "the ticket fits");

static void on_status_done(struct io_post *post) {
	struct host_status_request *r = CONTAINER_OF(post, struct host_status_request, post);
	r->done(r);
}

static void fill(struct host_cell *c, struct cell_status *status, struct store_info *store) {
	*status = (struct cell_status){.home = -1};
	*store = (struct store_info){0};
	if (c->core) {
		cell_status(c->core, io_now_ns(c->host->io), status);
		c->store->ops->info(c->store, store);
		store->epochs = NULL; /* borrowed from this thread's store */
		store->epoch_count = 0;
		return;
	}
	status->home = host_replica(c, c->state.home);
	status->active = c->state.active;
	status->epoch = c->state.epoch;
	status->revision = c->revision;
}

static void on_status(struct io_post *post) {
	struct status_ticket *t = CONTAINER_OF(post, struct status_ticket, post);
	struct host *h = t->host;
	struct host_status_request *r =
		CONTAINER_OF((void **)(void *)t, struct host_status_request, private[0]);
	for (int i = 0; i < h->cell_count; i++) fill(&h->cells[i], &r->cells[i], &r->stores[i]);
	r->post.fn = on_status_done;
	io_post(r->reply_to, &r->post);
}

void host_status(struct host *h, struct host_status_request *r) {
	struct status_ticket *t = (struct status_ticket *)(void *)r->private;
	t->host = h;
	t->post.fn = on_status;
	io_post(h->io, &t->post);
}
