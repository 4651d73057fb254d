/* Writes from any thread: a lock-free queue to the owner, which gives them to the cores in
 * order and ends the batch with the turn; answers go to the asker's loop in the proposal's
 * own memory, so that nothing of ours has to outlive it. */
#include "base/assert.h"
#include "cell/host_private.h"

static struct host_ticket *ticket_of(struct proposal *p) {
	return (struct host_ticket *)(void *)&p->private[HOST_TICKET_AT];
}

static struct proposal *proposal_of(struct host_ticket *t) {
	return CONTAINER_OF((void **)(void *)t, struct proposal, private[HOST_TICKET_AT]);
}

/* --- the answer --------------------------------------------------------------------- */

static void on_reply(struct io_post *post) {
	struct proposal *p = proposal_of(CONTAINER_OF(post, struct host_ticket, reply));
	p->done(p);
}

static void answer(struct host_ticket *t) {
	t->reply.fn = on_reply;
	io_post(t->reply_to, &t->reply);
}

void host_reply(struct proposal *p) {
	struct host_ticket *t = ticket_of(p);
	struct host_cell *c = t->cell;
	list_remove(&c->in_flight, &t->node);
	/* The turn may have begun before it was asked. */
	uint64_t now_ns = io_loop_ns(c->host->io);
	uint64_t took_ns = now_ns > t->since_ns ? now_ns - t->since_ns : 0;
	histogram_record_us(c->metrics.propose_seconds, took_ns / 1000);
	answer(t);
}

static void refuse(struct proposal *p, enum err err) {
	p->err = err;
	answer(ticket_of(p));
}

/* --- the way in ---------------------------------------------------------------------- */

void host_propose(struct host *h, int cell, struct proposal *p, struct io *reply_to) {
	struct host_ticket *t = ticket_of(p);
	ASSERT(cell >= 0 && cell < h->cell_count);
	t->cell = &h->cells[cell];
	t->reply_to = reply_to;
	p->failed_condition = -1;
	p->replayed = false;
	if (!t->cell->store) return refuse(p, ERR_NOT_HOME);
	t->since_ns = io_now_ns(h->io);
	if (queue_push(&h->inbox, &t->in)) io_post(h->io, &h->inbox_post);
}

static void take(struct host_ticket *t, uint64_t wall_ms) {
	struct host_cell *c = t->cell;
	list_push_back(&c->in_flight, &t->node);
	c->proposed = true;
	const struct cell_event event = {
		.type = CELL_EV_PROPOSE, .proposal = proposal_of(t), .wall_ms = wall_ms};
	host_feed(c, &event);
}

static void on_inbox(struct io_post *post) {
	struct host *h = CONTAINER_OF(post, struct host, inbox_post);
	uint64_t wall_ms = io_wall_ms(h->io);
	queue_begin(&h->inbox);
	for (int i = 0; i < HOST_INBOX_PER_TURN; i++) {
		struct queue_node *node = queue_pop(&h->inbox);
		if (!node) return; /* the next push posts again */
		take(CONTAINER_OF(node, struct host_ticket, in), wall_ms);
		/* The disk begins with these while the rest is encoded; what comes while it is busy
		 * still becomes one write. */
		if ((i + 1) % HOST_FLUSH_EVERY == 0) host_flush(h);
	}
	if (queue_tell(&h->inbox)) io_post(h->io, &h->inbox_post);
}

void host_flush(struct host *h) {
	static const struct cell_event flush = {.type = CELL_EV_FLUSH};
	for (int i = 0; i < h->cell_count; i++) {
		struct host_cell *c = &h->cells[i];
		if (!c->proposed) continue;
		c->proposed = false;
		host_feed(c, &flush);
	}
}

void host_propose_init(struct host *h) {
	queue_init(&h->inbox);
	h->inbox_post.fn = on_inbox;
}

/* Our own loop runs no more: what is posted to it would only be left lying in its queue, in
 * memory that is about to go. */
static void refuse_at_end(const struct host *h, struct host_ticket *t, enum err err) {
	if (t->reply_to != h->io) refuse(proposal_of(t), err);
}

void host_propose_end(struct host *h) {
	for (struct queue_node *node; (node = queue_pop(&h->inbox));)
		refuse_at_end(h, CONTAINER_OF(node, struct host_ticket, in), ERR_NOT_HOME);
	for (int i = 0; i < h->cell_count; i++) {
		struct list *in_flight = &h->cells[i].in_flight;
		for (struct list_node *node; (node = list_pop_front(in_flight));)
			refuse_at_end(h, CONTAINER_OF(node, struct host_ticket, node),
			              ERR_OUTCOME_UNKNOWN);
	}
}
