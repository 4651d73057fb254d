/* Planned moves as asked from outside: one a cell at a time. The core hands over; whether the
 * target then became active is seen in the cell's state like by everybody else. */
#include <stdio.h>

#include "base/assert.h"
#include "cell/host_private.h"

enum { WHY_MAX = sizeof((struct host_move_request *)0)->why };
/* Draining, handing over and taking over have bounds of their own in the core; this is for what
 * those do not see. */
static const uint64_t OVER_NS = 15000000000u;

struct move_ticket {
	struct io_post post;
	struct host_cell *cell;
};
_Static_assert(sizeof(struct move_ticket) <= sizeof((struct host_move_request *)0)->private,
               "the ticket fits");

static void on_answered(struct io_post *post) {
	struct host_move_request *r = CONTAINER_OF(post, struct host_move_request, post);
	r->done(r);
}

static void answer(struct host_move_request *r, enum err err, const char *why) {
	r->err = err;
	snprintf(r->why, WHY_MAX, "%s", why);
	r->post.fn = on_answered;
	io_post(r->reply_to, &r->post);
}

void host_move_drop(struct host_cell *c) {
	io_timer_free(c->move.timer);
	c->move.timer = NULL;
	c->move.request = NULL;
}

static void finish(struct host_cell *c, enum err err, const char *why) {
	struct host_move_request *r = c->move.request;
	uint64_t now_ns = io_now_ns(c->host->io);
	r->epoch = c->state.epoch;
	r->paused_ns = c->move.drained_ns ? now_ns - c->move.drained_ns : 0;
	if (err != ERR_OK) metric_inc(c->metrics.moves_failed);
	if (err == ERR_OK && c->move.drained_ns) {
		metric_inc(c->metrics.moves);
		histogram_record_us(c->metrics.move_seconds, r->paused_ns / 1000);
	}
	host_move_drop(c);
	answer(r, err, why);
}

/* Only while the core has ended its part: before, what it says comes first. */
void host_move_check(struct host_cell *c, bool draining) {
	if (!c->move.request) return;
	if (draining && !c->move.drained_ns) c->move.drained_ns = io_now_ns(c->host->io);
	if (!c->move.handed || !c->state.active) return;
	bool there = c->state.home == c->move.request->region;
	finish(c, there ? ERR_OK : ERR_UNAVAILABLE,
	       there ? "" : "the region did not take over; another one is home now");
}

void host_moved(struct host_cell *c, const struct cell_action *a) {
	if (!c->move.request) return;
	if (a->err != ERR_OK && a->err != ERR_OUTCOME_UNKNOWN) return finish(c, a->err, a->text);
	c->move.handed = true;
	host_move_check(c, false);
}

static void on_over(void *arg) {
	struct host_cell *c = arg;
	finish(c, ERR_OUTCOME_UNKNOWN, "it took too long: see which region is home now");
}

static void on_asked(struct io_post *post) {
	struct move_ticket *t = CONTAINER_OF(post, struct move_ticket, post);
	struct host_move_request *r =
		CONTAINER_OF((void **)(void *)t, struct host_move_request, private[0]);
	struct host_cell *c = t->cell;
	int replica = host_replica(c, r->region);
	if (replica < 0)
		return answer(r, ERR_FORBIDDEN,
		              "the policy allows no copy of this cell there: choose one of its "
		              "replicas");
	if (!c->core) return answer(r, ERR_NOT_HOME, "this region has no copy of the cell");
	if (c->move.request) return answer(r, ERR_EXISTS, "a move of this cell is under way");
	c->move.timer = io_timer_new(c->host->io, on_over, c);
	if (!c->move.timer) return answer(r, ERR_NO_MEMORY, "no memory for this; try again later");
	io_timer_start(c->move.timer, OVER_NS + r->wait_ms * 1000000ull);
	c->move.request = r;
	c->move.drained_ns = 0;
	c->move.handed = false;
	const struct cell_event event = {.type = CELL_EV_MOVE,
	                                 .replica = replica,
	                                 .wait_ms = (uint32_t)r->wait_ms,
	                                 .caught_up_ms = (uint32_t)r->caught_up_ms};
	host_feed(c, &event);
}

void host_move(struct host *h, int cell, struct host_move_request *r) {
	ASSERT(cell >= 0 && cell < h->cell_count && r->wait_ms <= HOST_MOVE_WAIT_MAX_MS &&
	       r->caught_up_ms <= HOST_MOVE_CAUGHT_UP_MAX_MS);
	struct move_ticket *t = (struct move_ticket *)(void *)r->private;
	r->paused_ns = 0;
	r->epoch = 0;
	t->cell = &h->cells[cell];
	t->post.fn = on_asked;
	io_post(h->io, &t->post);
}
