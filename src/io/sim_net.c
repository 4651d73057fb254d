/* Connections of the simulated network, once made. Each direction is a queue of segments with
 * a time of arrival: in order, split at random, held back by cuts and by receivers that do not
 * read. What two kernels would hold is bounded by a window; the rest is pending in the sender,
 * so that back-pressure works as it does on a real network. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/sim_driver.h"

/* What is not as usual from one node to another. */
struct sim_path {
	struct list_node node; /* first: sim_free frees by it */
	const struct sim_node *from, *to;
	bool cut;
	uint64_t slow_ns;
	uint32_t loss_ppm;
};

enum { SPLIT_ONE_IN = 8, PPM = 1000000 };
static const uint64_t RESEND_NS = 200000000u; /* Linux' least retransmission timeout */

uint64_t sim_net_delay(struct sim *s) {
	return sim_rng_between(&s->net, s->options.net_delay_min_ns, s->options.net_delay_max_ns);
}

static struct sim_path *path_find(struct sim *s, const struct sim_node *from,
                                  const struct sim_node *to) {
	LIST_EACH (&s->paths, n) {
		struct sim_path *path = CONTAINER_OF(n, struct sim_path, node);
		if (path->from == from && path->to == to) return path;
	}
	return NULL;
}

static struct sim_path *path_get(struct sim *s, const char *from, const char *to) {
	const struct sim_node *a = sim_node_get(s, from), *b = sim_node_get(s, to);
	struct sim_path *path = path_find(s, a, b);
	if (path) return path;
	path = sim_alloc(sizeof *path);
	path->from = a;
	path->to = b;
	list_push_back(&s->paths, &path->node);
	return path;
}

bool sim_is_cut(struct sim *s, const struct sim_node *from, const struct sim_node *to) {
	const struct sim_path *path = path_find(s, from, to);
	return path && path->cut;
}

/* TCP hides loss behind waits. */
static uint64_t path_delay(struct sim *s, const struct sim_node *from, const struct sim_node *to) {
	const struct sim_path *path = path_find(s, from, to);
	uint64_t delay_ns = sim_net_delay(s);
	if (!path) return delay_ns;
	delay_ns += path->slow_ns;
	for (uint64_t wait_ns = RESEND_NS;
	     path->loss_ppm && sim_rng_below(&s->net, PPM) < path->loss_ppm; wait_ns *= 2)
		delay_ns += wait_ns;
	return delay_ns;
}

/* --- segments ------------------------------------------------------------------------ */

static void drop_inbox(struct sim_end *e) {
	for (struct list_node *n; (n = list_pop_front(&e->inbox));)
		free(CONTAINER_OF(n, struct sim_segment, node));
	e->inbox_bytes = 0;
	sim_event_cancel(e->link->sim, &e->deliver);
}

/* Has the next segment delivered when it is there, unless nobody reads. Only the first counts:
 * one that would have been faster waits behind it, which keeps the order. Once the end is gone
 * the kernel (no loop) takes what still comes. */
static void arm_deliver(struct sim_end *e) {
	struct list_node *first = list_first(&e->inbox);
	if (!first || sim_event_waits(&e->deliver)) return;
	if (!e->gone && (!e->opened || e->paused)) return;
	e->deliver.io = e->gone ? NULL : e->io;
	sim_event_at(e->link->sim, &e->deliver,
	             CONTAINER_OF(first, struct sim_segment, node)->arrival_ns);
}

static struct sim_segment *segment_to(struct sim_end *to, enum sim_segment_kind kind,
                                      uint64_t arrival_ns, const void *bytes, size_t len) {
	struct sim_segment *seg = sim_alloc(sizeof *seg + len);
	seg->arrival_ns = arrival_ns;
	seg->kind = kind;
	seg->len = len;
	if (len) memcpy(seg->bytes, bytes, len);
	list_push_back(&to->inbox, &seg->node);
	to->inbox_bytes += len;
	arm_deliver(to);
	return seg;
}

static void send_segment(struct sim_end *from, enum sim_segment_kind kind, struct slice data) {
	struct sim *s = from->link->sim;
	struct sim_end *to = sim_peer(from);
	segment_to(to, kind, s->now_ns + path_delay(s, from->node, to->node), data.ptr, data.len);
}

/* Hands to the kernel what the window allows. */
static void move_out(struct sim_end *e) {
	struct sim *s = e->link->sim;
	struct sim_end *to = sim_peer(e);
	while (e->pending.len && to->inbox_bytes < SIM_WINDOW_BYTES) {
		size_t len = SIM_WINDOW_BYTES - to->inbox_bytes;
		if (len > e->pending.len) len = e->pending.len;
		if (len > IO_READ_BUFFER_BYTES) len = IO_READ_BUFFER_BYTES;
		if (len > 1 && sim_rng_below(&s->net, SPLIT_ONE_IN) == 0)
			len = 1 + sim_rng_below(&s->net, len - 1);
		send_segment(e, SIM_DATA, slice_of(buf_slice(&e->pending).ptr, len));
		buf_consume(&e->pending, len);
	}
}

static void arm_pump(struct sim_end *e) {
	struct sim *s = e->link->sim;
	if (e->pending.len == 0 || sim_event_waits(&e->pump)) return;
	sim_event_at(s, &e->pump, s->now_ns + sim_net_delay(s));
}

/* --- ends ---------------------------------------------------------------------------- */

static void link_try_free(struct sim_link *l) {
	for (int i = 0; i < 2; i++)
		if (!l->end[i].released || l->end[i].flushing) return;
	sim_link_free(l);
}

static void drop_pending(struct sim_end *e) {
	buf_done(&e->pending);
	e->flushing = false;
	sim_event_cancel(e->link->sim, &e->pump);
	sim_event_cancel(e->link->sim, &e->linger);
}

static void end_break(struct sim_end *e) {
	e->broken = true;
	drop_inbox(e);
	drop_pending(e);
	if (e->ended) return;
	e->ended = true;
	if (e->base.handler.on_end) e->base.handler.on_end(e->base.arg, ERR_CLOSED);
}

static void end_take(struct sim_end *e, struct sim_segment *seg) {
	if (seg->kind == SIM_RESET) {
		end_break(e);
	} else if (seg->kind == SIM_DATA) {
		e->base.handler.on_data(e->base.arg, slice_of(seg->bytes, seg->len));
	} else if (!e->ended) {
		e->ended = true;
		if (e->base.handler.on_end) e->base.handler.on_end(e->base.arg, ERR_OK);
	}
}

static void on_deliver(struct sim_event *ev) {
	struct sim_end *e = CONTAINER_OF(ev, struct sim_end, deliver);
	struct sim_end *from = sim_peer(e);
	struct sim_segment *seg = CONTAINER_OF(list_first(&e->inbox), struct sim_segment, node);
	if (!seg->local && sim_is_cut(e->link->sim, from->node, e->node)) return; /* woken later */
	list_remove(&e->inbox, &seg->node);
	e->inbox_bytes -= seg->len;
	arm_pump(from);
	arm_deliver(e);
	if (!e->gone)
		end_take(e, seg); /* the owner may close: e is not touched again */
	else if (seg->kind == SIM_DATA && !e->discards)
		send_segment(e, SIM_RESET, (struct slice){0});
	free(seg);
}

static void finish_flush(struct sim_end *e) {
	drop_pending(e);
	send_segment(e, SIM_FIN, (struct slice){0});
	link_try_free(e->link);
}

/* The receiver has taken something and its acknowledgement has come back. */
static void on_pump(struct sim_event *ev) {
	struct sim_end *e = CONTAINER_OF(ev, struct sim_end, pump);
	if (sim_is_cut(e->link->sim, sim_peer(e)->node, e->node)) return; /* woken later */
	move_out(e);
	if (e->pending.len) return;
	if (e->flushing)
		finish_flush(e);
	else if (e->base.handler.on_drain)
		e->base.handler.on_drain(e->base.arg);
}

static void on_linger_due(struct sim_event *ev) {
	struct sim_end *e = CONTAINER_OF(ev, struct sim_end, linger);
	drop_pending(e);
	send_segment(e, SIM_RESET, (struct slice){0});
	link_try_free(e->link);
}

/* --- the connection as its owner sees it ------------------------------------------------ */

void sim_conn_open(struct io_conn *base) {
	struct sim_end *e = (struct sim_end *)base;
	e->opened = true;
	arm_deliver(e);
}

void sim_conn_pause(struct io_conn *base) {
	struct sim_end *e = (struct sim_end *)base;
	e->paused = true;
	if (!e->gone) sim_event_cancel(e->link->sim, &e->deliver);
}

void sim_conn_resume(struct io_conn *base) {
	struct sim_end *e = (struct sim_end *)base;
	e->paused = false;
	arm_deliver(e);
}

size_t sim_conn_pending(const struct io_conn *base) {
	return ((const struct sim_end *)base)->pending.len;
}

enum err sim_conn_write(struct io_conn *base, const struct slice *parts, int count) {
	struct sim_end *e = (struct sim_end *)base;
	if (e->broken || e->gone) return ERR_CLOSED;
	size_t bytes = 0;
	for (int i = 0; i < count; i++) bytes += parts[i].len;
	if (!io_conn_fits(base, e->pending.len, bytes)) return ERR_OVERLOADED;
	bool was_empty = e->pending.len == 0;
	for (int i = 0; i < count; i++) ASSERT(buf_append_slice(&e->pending, parts[i]) == ERR_OK);
	if (was_empty) move_out(e);
	buf_shrink(&e->pending);
	return ERR_OK;
}

void sim_conn_close(struct io_conn *base, bool flush) {
	struct sim_end *e = (struct sim_end *)base;
	struct sim *s = e->link->sim;
	e->released = true;
	if (!e->gone) {
		sim_event_cancel(s, &e->deliver);
		sim_event_cancel(s, &e->accept);
		e->gone = true;
		e->discards = flush;
		e->flushing = flush && e->pending.len && !e->broken;
		if (e->flushing) {
			sim_event_at(s, &e->linger,
			             s->now_ns + (uint64_t)IO_FLUSH_MAX_MS * 1000000u);
		} else {
			/* Unread bytes make a kernel answer with a reset, and so do we when we cut
			 * off what is pending. */
			bool is_rude = !flush && (e->inbox_bytes || e->pending.len);
			drop_pending(e);
			send_segment(e, is_rude ? SIM_RESET : SIM_FIN, (struct slice){0});
		}
		arm_deliver(e);
	}
	link_try_free(e->link);
}

void sim_end_drop(struct sim_end *e) {
	sim_conn_close(&e->base, false);
}

/* --- links -------------------------------------------------------------------------------- */

static void end_init(struct sim_link *l, int side, struct sim_io *io) {
	struct sim_end *e = &l->end[side];
	e->base.ops = &sim_ops;
	e->base.limit_bytes = IO_CONN_LIMIT_DEFAULT_BYTES;
	e->link = l;
	e->io = io;
	e->node = io->node;
	list_init(&e->inbox);
	buf_init(&e->pending, SIZE_MAX / 8); /* the bound is the connection's limit */
	sim_event_init(&e->deliver, io, on_deliver);
	sim_event_init(&e->pump, io, on_pump);
	sim_event_init(&e->linger, io, on_linger_due);
	sim_event_init(&e->accept, io, NULL);
}

struct sim_link *sim_link_new(struct sim_io *client, struct sim_io *server, uint16_t port) {
	struct sim *s = client->sim;
	struct sim_link *l = sim_alloc(sizeof *l);
	l->sim = s;
	l->port = port;
	end_init(l, 0, client);
	end_init(l, 1, server);
	snprintf(l->end[0].base.peer, IO_PEER_BYTES, "%s:%u", server->node->host, port);
	snprintf(l->end[1].base.peer, IO_PEER_BYTES, "%s:%u", client->node->host, s->next_port++);
	list_push_back(&s->links, &l->node);
	return l;
}

void sim_link_free(struct sim_link *l) {
	for (int i = 0; i < 2; i++) {
		struct sim_end *e = &l->end[i];
		drop_inbox(e);
		drop_pending(e);
		sim_event_cancel(l->sim, &e->accept);
	}
	list_remove(&l->sim->links, &l->node);
	free(l);
}

/* With the power some of what the dead machine sent last never left it. */
static void lose_sent(struct sim_end *to) {
	struct sim *s = to->link->sim;
	size_t keep = sim_rng_below(&s->net, to->inbox.count + 1);
	LIST_EACH (&to->inbox, n) {
		struct sim_segment *seg = CONTAINER_OF(n, struct sim_segment, node);
		if (seg->arrival_ns <= s->now_ns || keep) {
			if (keep) keep--;
			continue;
		}
		list_remove(&to->inbox, n);
		to->inbox_bytes -= seg->len;
		free(seg);
	}
}

static void end_die(struct sim_end *e, bool power_loss) {
	bool was_gone = e->gone && !e->flushing;
	if (!e->given) e->released = true;
	drop_pending(e);
	sim_event_cancel(e->link->sim, &e->accept);
	if (was_gone) return;
	sim_event_cancel(e->link->sim, &e->deliver);
	e->gone = true;
	arm_deliver(e);
	struct sim_end *peer = sim_peer(e);
	if (power_loss) {
		lose_sent(peer);
		if (list_empty(&peer->inbox)) sim_event_cancel(e->link->sim, &peer->deliver);
	}
	send_segment(e, SIM_RESET, (struct slice){0});
}

void sim_links_die(struct sim_io *io, bool power_loss) {
	LIST_EACH (&io->sim->links, n) {
		struct sim_link *l = CONTAINER_OF(n, struct sim_link, node);
		if (l->end[0].io != io && l->end[1].io != io) continue;
		for (int i = 0; i < 2; i++)
			if (l->end[i].io == io) end_die(&l->end[i], power_loss);
		link_try_free(l);
	}
}

void sim_links_wake(struct sim *s) {
	LIST_EACH (&s->links, n) {
		struct sim_link *l = CONTAINER_OF(n, struct sim_link, node);
		for (int i = 0; i < 2; i++) {
			struct sim_end *e = &l->end[i];
			struct list_node *first = list_first(&e->inbox);
			if (first && !sim_event_waits(&e->deliver))
				CONTAINER_OF(first, struct sim_segment, node)->arrival_ns =
					s->now_ns + sim_net_delay(s);
			arm_deliver(e);
			arm_pump(e);
		}
	}
}

void sim_cut(struct sim *s, const char *from, const char *to, bool cut) {
	struct sim_path *path = path_get(s, from, to);
	bool opens = path->cut && !cut;
	path->cut = cut;
	if (!opens) return;
	sim_links_wake(s);
	sim_connects_wake(s);
}

void sim_slow(struct sim *s, const char *from, const char *to, uint64_t slow_ns,
              uint32_t loss_ppm) {
	struct sim_path *path = path_get(s, from, to);
	ASSERT(loss_ppm < PPM / 2);
	path->slow_ns = slow_ns;
	path->loss_ppm = loss_ppm;
}

void sim_reset(struct sim *s, const char *a, const char *b) {
	LIST_EACH (&s->links, n) {
		struct sim_link *l = CONTAINER_OF(n, struct sim_link, node);
		const char *one = l->end[0].node->host, *two = l->end[1].node->host;
		bool is_between = (strcmp(one, a) == 0 && strcmp(two, b) == 0) ||
		                  (strcmp(one, b) == 0 && strcmp(two, a) == 0);
		if (!is_between) continue;
		for (int i = 0; i < 2; i++) {
			struct sim_end *e = &l->end[i];
			drop_inbox(e);
			segment_to(e, SIM_RESET, s->now_ns, NULL, 0)->local = true;
		}
	}
}
