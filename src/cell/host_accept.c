/* An operator's word that a loss is accepted: put into coordination by any node, heard by all. */
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/log.h"
#include "cell/host_private.h"

struct accept_ticket {
	struct io_post post;
	struct host_cell *cell;
};
_Static_assert(sizeof(struct accept_ticket) <= sizeof((struct host_accept_request *)0)->private,
               "the ticket fits");

/* --- hearing of it ------------------------------------------------------------------------------ */

static void heard(struct host_cell *c, struct slice value, uint64_t revision) {
	struct host *h = c->host;
	struct acceptance a;
	if (revision <= c->accept.revision) return;
	c->accept.revision = revision;
	if (acceptance_decode(value, &a) != ERR_OK) {
		LOG(LOG_ERROR, "host", "cannot read what an operator accepted: accept it anew",
		    {"cell", c->name}, LOG_NUM("revision", revision));
		return;
	}
	LOG(LOG_WARN, "host", "an operator accepts the loss of a failover", {"cell", c->name},
	    {"by", a.by}, {"reason", a.reason}, {"region", a.region}, LOG_NUM("epoch", a.epoch),
	    LOG_NUM("for_ms", a.for_ms), LOG_NUM("at_ms", a.at_ms));
	if (!c->core) return;
	const struct cell_event event = {.type = CELL_EV_ACCEPT,
	                                 .seq = a.epoch,
	                                 .valid_until_ns = io_now_ns(h->io) + a.for_ms * 1000000};
	host_feed(c, &event);
}

static void on_watched(void *arg, const char *key, struct slice value, uint64_t revision) {
	struct host *h = arg;
	for (int i = 0; i < h->cell_count; i++)
		if (strcmp(h->cells[i].accept.key, key) == 0) heard(&h->cells[i], value, revision);
}

enum err host_accept_start(struct host *h) {
	for (int i = 0; i < h->cell_count; i++) {
		char key[COORD_KEY_MAX];
		int len = snprintf(key, sizeof key, "accept/%s", h->cells[i].name);
		if (len < 0 || (size_t)len >= sizeof key) return ERR_TOO_LARGE;
		h->cells[i].accept.key = strdup(key);
		if (!h->cells[i].accept.key) return ERR_NO_MEMORY;
	}
	return h->coord->ops->watch(h->coord, "accept/", on_watched, h);
}

/* --- saying it ------------------------------------------------------------------------------------ */

static void on_answered(struct io_post *post) {
	struct host_accept_request *r = CONTAINER_OF(post, struct host_accept_request, post);
	r->done(r);
}

static void answer(struct host_accept_request *r, enum err err) {
	r->err = err;
	r->post.fn = on_answered;
	io_post(r->reply_to, &r->post);
}

static void on_put(struct coord_op *op, enum err err) {
	struct host_cell *c = CONTAINER_OF(op, struct host_cell, accept.op);
	struct host_accept_request *r = c->accept.request;
	c->accept.request = NULL;
	answer(r, err == ERR_CONFLICT ? ERR_EXISTS : err);
}

static enum err put(struct host_cell *c, struct host_accept_request *r) {
	struct host *h = c->host;
	struct buf text;
	buf_init(&text, COORD_VALUE_MAX);
	enum err err = acceptance_encode(&r->acceptance, &text);
	if (err == ERR_OK) {
		c->accept.request = r;
		c->accept.op.done = on_put;
		h->coord->ops->put(h->coord, c->accept.key, c->accept.revision, buf_slice(&text),
		                   &c->accept.op);
	}
	buf_done(&text);
	return err;
}

static void on_asked(struct io_post *post) {
	struct accept_ticket *t = CONTAINER_OF(post, struct accept_ticket, post);
	struct host_accept_request *r =
		CONTAINER_OF((void **)(void *)t, struct host_accept_request, private[0]);
	struct host_cell *c = t->cell;
	struct host *h = c->host;
	bool has_home = c->state.active && host_region_up(h, c->state.home);
	if (has_home) return answer(r, ERR_PRECONDITION);
	if (c->accept.request) return answer(r, ERR_EXISTS);
	r->acceptance.epoch = c->state.epoch;
	r->acceptance.at_ms = io_wall_ms(h->io);
	snprintf(r->acceptance.region, sizeof r->acceptance.region, "%s", h->regions[h->self]);
	enum err err = put(c, r);
	if (err != ERR_OK) answer(r, err);
}

void host_accept(struct host *h, int cell, struct host_accept_request *r) {
	ASSERT(cell >= 0 && cell < h->cell_count && r->acceptance.for_ms <= ACCEPTANCE_FOR_MAX_MS);
	struct accept_ticket *t = (struct accept_ticket *)(void *)r->private;
	t->cell = &h->cells[cell];
	t->post.fn = on_asked;
	io_post(h->io, &t->post);
}
