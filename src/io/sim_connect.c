/* How connections come about in the simulated network: a knock travels to the target, the
 * answer travels back; a cut or a machine without power leaves the knock unanswered. The
 * target's kernel answers, so a paused process is connected to and accepts later. */
#include <stdlib.h>
#include <string.h>

#include "io/sim_driver.h"

struct sim_connect {
	struct io_connect base;
	struct sim_io *io;
	struct list_node node;
	struct sim_node *target; /* NULL: no such name */
	uint16_t port;
	struct sim_event travel, timeout;
	bool answered; /* the answer is on its way back */
	enum err result;
	struct sim_link *link;
	void (*on_connect)(void *arg, struct io_conn *conn, enum err err);
	void *arg;
};

static bool is_any(const char *host) {
	return strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
}

static bool is_loopback(const char *host) {
	return strcmp(host, "127.0.0.1") == 0 || strcmp(host, "::1") == 0 ||
	       strcmp(host, "localhost") == 0;
}

/* --- listening --------------------------------------------------------------------------- */

enum err sim_tcp_listen(struct io *base, const char *host, uint16_t port,
                        void (*on_accept)(void *arg, struct io_conn *conn), void *arg,
                        struct io_listener **out, struct fault *fault) {
	struct sim_io *io = (struct sim_io *)base;
	if (!is_any(host) && !is_loopback(host) && strcmp(host, io->node->host) != 0)
		return fault_set(fault, ERR_UNAVAILABLE,
		                 "cannot listen on %s:%u: this node is %s: give its own name", host,
		                 port, io->node->host);
	struct sim_listener *l = sim_alloc(sizeof *l);
	l->base.ops = &sim_ops;
	l->base.port = port ? port : io->sim->next_port++;
	l->io = io;
	l->on_accept = on_accept;
	l->arg = arg;
	list_push_back(&io->listeners, &l->node);
	*out = &l->base;
	return ERR_OK;
}

void sim_listener_close(struct io_listener *base) {
	struct sim_listener *l = (struct sim_listener *)base;
	list_remove(&l->io->listeners, &l->node);
	free(l);
}

static struct sim_listener *listener_find(struct sim_io *io, uint16_t port) {
	LIST_EACH (&io->listeners, n) {
		struct sim_listener *l = CONTAINER_OF(n, struct sim_listener, node);
		if (l->base.port == port) return l;
	}
	return NULL;
}

static void on_accept_due(struct sim_event *ev) {
	struct sim_end *e = CONTAINER_OF(ev, struct sim_end, accept);
	struct sim_listener *l = listener_find(e->io, e->link->port);
	if (!l) {
		sim_end_drop(e);
		return;
	}
	e->given = true;
	l->on_accept(l->arg, &e->base);
}

/* --- connecting ---------------------------------------------------------------------------- */

/* What becomes of the link is the caller's. */
static void connect_free(struct sim_connect *c) {
	sim_event_cancel(c->io->sim, &c->travel);
	sim_event_cancel(c->io->sim, &c->timeout);
	list_remove(&c->io->connects, &c->node);
	free(c);
}

static void fail(struct sim_connect *c, enum err err) {
	void (*on_connect)(void *arg, struct io_conn *conn, enum err err) = c->on_connect;
	void *arg = c->arg;
	if (c->link) sim_end_drop(&c->link->end[0]);
	connect_free(c);
	on_connect(arg, NULL, err);
}

static void on_answer(struct sim_event *ev) {
	struct sim_connect *c = CONTAINER_OF(ev, struct sim_connect, travel);
	struct sim *s = c->io->sim;
	if (c->target && sim_is_cut(s, c->target, c->io->node)) return; /* woken later */
	if (!c->link) {
		fail(c, c->result);
		return;
	}
	void (*on_connect)(void *arg, struct io_conn *conn, enum err err) = c->on_connect;
	void *arg = c->arg;
	struct sim_end *e = &c->link->end[0];
	e->given = true;
	connect_free(c);
	on_connect(arg, &e->base, ERR_OK);
}

static void send_answer(struct sim_connect *c) {
	struct sim *s = c->io->sim;
	c->answered = true;
	sim_event_init(&c->travel, c->io, on_answer);
	sim_event_at(s, &c->travel, s->now_ns + sim_net_delay(s));
}

static void on_knock(struct sim_event *ev) {
	struct sim_connect *c = CONTAINER_OF(ev, struct sim_connect, travel);
	struct sim *s = c->io->sim;
	if (c->target->off || sim_is_cut(s, c->io->node, c->target)) return; /* woken later */
	struct sim_io *server = c->target->io;
	if (server && listener_find(server, c->port)) {
		c->link = sim_link_new(c->io, server, c->port);
		c->link->end[1].accept.fn = on_accept_due;
		sim_event_at(s, &c->link->end[1].accept, 0);
	}
	c->result = ERR_UNAVAILABLE;
	send_answer(c);
}

static void on_timeout(struct sim_event *ev) {
	fail(CONTAINER_OF(ev, struct sim_connect, timeout), ERR_TIMEOUT);
}

struct io_connect *
sim_tcp_connect(struct io *base, const char *host, uint16_t port, uint64_t timeout_ns,
                void (*on_connect)(void *arg, struct io_conn *conn, enum err err), void *arg) {
	struct sim_io *io = (struct sim_io *)base;
	struct sim *s = io->sim;
	struct sim_connect *c = sim_alloc(sizeof *c);
	c->base.ops = &sim_ops;
	c->io = io;
	c->target = is_loopback(host) ? io->node : sim_node_find(s, host);
	c->port = port;
	c->result = ERR_NOT_FOUND;
	c->on_connect = on_connect;
	c->arg = arg;
	list_push_back(&io->connects, &c->node);
	sim_event_init(&c->timeout, io, on_timeout);
	sim_event_init(&c->travel, NULL, on_knock);
	if (io->dead) return &c->base;
	sim_event_at(s, &c->timeout,
	             timeout_ns < UINT64_MAX - s->now_ns ? s->now_ns + timeout_ns : UINT64_MAX);
	if (c->target)
		sim_event_at(s, &c->travel, s->now_ns + sim_net_delay(s));
	else
		send_answer(c);
	return &c->base;
}

void sim_connect_cancel(struct io_connect *base) {
	struct sim_connect *c = (struct sim_connect *)base;
	if (c->link) sim_end_drop(&c->link->end[0]);
	connect_free(c);
}

/* The links' ends die by themselves (sim_links_die). */
void sim_connects_die(struct sim_io *io) {
	LIST_EACH (&io->connects, n) {
		struct sim_connect *c = CONTAINER_OF(n, struct sim_connect, node);
		sim_event_cancel(io->sim, &c->travel);
		c->link = NULL;
	}
}

void sim_connects_wake(struct sim *s) {
	LIST_EACH (&s->ios, m) {
		struct sim_io *io = CONTAINER_OF(m, struct sim_io, all);
		if (io->dead) continue;
		LIST_EACH (&io->connects, n) {
			struct sim_connect *c = CONTAINER_OF(n, struct sim_connect, node);
			if (sim_event_waits(&c->travel)) continue;
			sim_event_at(s, &c->travel, s->now_ns + sim_net_delay(s));
		}
	}
}

void sim_net_release(struct sim_io *io) {
	for (struct list_node *n; (n = list_first(&io->connects));) {
		struct sim_connect *c = CONTAINER_OF(n, struct sim_connect, node);
		c->link = NULL;
		connect_free(c);
	}
	for (struct list_node *n; (n = list_first(&io->listeners));)
		sim_listener_close(&CONTAINER_OF(n, struct sim_listener, node)->base);
}
