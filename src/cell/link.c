/* The links of this region: connects to the regions behind it in the order, listens for
 * those before it, keeps one proved connection for each, and queues frames on it. Knows
 * nothing of what frames mean, nor of the handshake's contents. */
#include "cell/link.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/log.h"
#include "cell/link_private.h"

enum { NAME_MAX_BYTES = 255, FRAME_FIXED_MAX_BYTES = 256 };

/* --- complaints ------------------------------------------------------------------- */

void link_complain(struct links *l, int region, const char *peer, const char *why) {
	bool known = region != LINK_PEER_UNKNOWN;
	struct link_complaint *c = known ? &l->peers[region].complaint : &l->stranger_complaint;
	metric_inc(c->refused);
	uint64_t now_ns = io_now_ns(l->io);
	if (c->logged_ns && now_ns - c->logged_ns < LINK_LOG_EVERY_NS) {
		c->unlogged++;
		return;
	}
	LOG(LOG_WARN, "link", "closed a replication connection", {"peer", peer},
	    {"region", known ? l->regions[region] : "unproved"}, {"why", why},
	    LOG_NUM("not_logged_before", c->unlogged));
	c->logged_ns = now_ns;
	c->unlogged = 0;
}

/* --- connecting ------------------------------------------------------------------- */

static void retry_later(struct link_peer *p) {
	if (!p->retry) return; /* the other side connects */
	uint64_t random = 0;
	io_random(p->links->io, &random, sizeof random);
	uint64_t half = p->backoff_ns / 2;
	io_timer_start(p->retry, half + random % (half + 1));
	p->backoff_ns *= 2;
	if (p->backoff_ns > LINK_RETRY_MAX_NS) p->backoff_ns = LINK_RETRY_MAX_NS;
}

static void on_connect(void *arg, struct io_conn *conn, enum err err) {
	struct link_peer *p = arg;
	p->connect = NULL;
	p->trying = conn ? link_conn_new(p->links, conn, p->region, true) : NULL;
	if (p->trying)
		link_handshake_start(p->trying);
	else
		retry_later(p);
}

static void connect_now(void *arg) {
	struct link_peer *p = arg;
	struct links *l = p->links;
	if (p->connect || p->trying || p->link) return;
	metric_inc(p->connects);
	p->connect = io_tcp_connect(l->io, l->hosts[p->region], l->ports[p->region],
	                            LINK_CONNECT_NS, on_connect, p);
	if (!p->connect) retry_later(p);
}

static void on_accept(void *arg, struct io_conn *conn) {
	struct links *l = arg;
	if (l->strangers.count >= LINK_STRANGERS_MAX) {
		struct list_node *oldest = list_pop_front(&l->strangers);
		struct link_conn *victim = CONTAINER_OF(oldest, struct link_conn, node);
		link_complain(l, LINK_PEER_UNKNOWN, io_conn_peer(victim->conn),
		              "too many connections wait to prove who they are");
		link_conn_free(victim);
	}
	struct link_conn *c = link_conn_new(l, conn, LINK_PEER_UNKNOWN, false);
	if (!c) return;
	list_push_back(&l->strangers, &c->node);
	link_handshake_start(c);
}

/* --- up and down ------------------------------------------------------------------- */

static void go_down(struct link_peer *p) {
	struct links *l = p->links;
	/* A link that was refused at once must not be tried again as if it had worked. */
	if (io_now_ns(l->io) - p->link->opened_ns > LINK_RETRY_MAX_NS)
		p->backoff_ns = LINK_RETRY_MIN_NS;
	link_conn_free(p->link);
	p->link = NULL;
	metric_set(p->up, 0);
	LOG(LOG_INFO, "link", "link is down", {"region", l->regions[p->region]});
	l->on_link(l->arg, p->region, false);
}

void link_established(struct link_conn *c) {
	struct links *l = c->links;
	struct link_peer *p = &l->peers[c->region];
	if (c->connector)
		p->trying = NULL;
	else
		list_remove(&l->strangers, &c->node);
	if (p->link) go_down(p); /* the peer knows that it broke before we do */
	c->state = LINK_OPEN;
	c->in.max = FRAME_MAX_BYTES + LINK_KEEP_BYTES;
	c->opened_ns = io_now_ns(l->io);
	io_timer_start(c->timer, LINK_CHECK_NS);
	p->link = c;
	metric_set(p->up, 1);
	LOG(LOG_INFO, "link", "link is up", {"region", l->regions[p->region]},
	    {"peer", io_conn_peer(c->conn)});
	l->on_link(l->arg, p->region, true);
}

static void reap_peer(struct link_peer *p) {
	if (p->trying && p->trying->state == LINK_DOOMED) {
		link_conn_free(p->trying);
		p->trying = NULL;
		retry_later(p);
	}
	if (p->link && p->link->state == LINK_DOOMED) {
		go_down(p);
		retry_later(p);
	}
}

static void reap(struct links *l) {
	l->any_doomed = false;
	LIST_EACH (&l->strangers, node) {
		struct link_conn *c = CONTAINER_OF(node, struct link_conn, node);
		if (c->state != LINK_DOOMED) continue;
		list_remove(&l->strangers, node);
		link_conn_free(c);
	}
	for (int i = 0; i < l->region_count; i++) reap_peer(&l->peers[i]);
}

/* --- use --------------------------------------------------------------------------- */

static struct link_conn *open_link(const struct links *l, int region) {
	ASSERT(region >= 0 && region < l->region_count);
	struct link_conn *c = l->peers[region].link;
	return c && c->state == LINK_OPEN ? c : NULL;
}

bool links_up(const struct links *l, int region) {
	return open_link(l, region) != NULL;
}

size_t links_pending(const struct links *l, int region) {
	const struct link_conn *c = open_link(l, region);
	return c ? c->out.len + io_conn_pending(c->conn) : 0;
}

void links_send(struct links *l, int region, const struct frame *frame) {
	struct link_conn *c = open_link(l, region);
	if (!c) return;
	size_t bytes = FRAME_FIXED_MAX_BYTES + frame->bytes.len;
	if (links_pending(l, region) + bytes > LINK_BACKLOG_BYTES)
		return link_conn_doom(c, "it lets too much pile up");
	enum err err = frame_encode(frame, &c->out);
	if (err != ERR_OK) return link_conn_doom(c, "a frame for it could not be made");
	metric_inc(l->peers[region].frames_out);
}

void links_refuse(struct links *l, int region, const char *why) {
	struct link_conn *c = open_link(l, region);
	if (c) link_conn_doom(c, why);
}

void links_flush(struct links *l) {
	do { /* ends: each round closes a connection for good */
		while (l->any_doomed) reap(l);
		for (int i = 0; i < l->region_count; i++)
			if (l->peers[i].link) link_conn_flush(l->peers[i].link);
	} while (l->any_doomed);
}

/* --- life --------------------------------------------------------------------------- */

static struct metric *labelled(const struct links *l, const char *region, bool gauge,
                               const char *name, const char *help) {
	char labels[320];
	snprintf(labels, sizeof labels, "peer=\"%s\"", region);
	struct registry *r = l->registry;
	return gauge ? metric_gauge(r, name, help, labels) : metric_counter(r, name, help, labels);
}

static struct metric *refused_metric(const struct links *l, const char *region) {
	return labelled(l, region, false, "holdfast_link_refused_total",
	                "Replication connections closed because of what the peer did.");
}

static void register_peer(struct links *l, struct link_peer *p) {
	const char *region = l->regions[p->region];
	p->complaint.refused = refused_metric(l, region);
	p->up = labelled(l, region, true, "holdfast_link_up",
	                 "Whether the replication link is up.");
	p->connects = labelled(l, region, false, "holdfast_link_connects_total",
	                       "Connections tried to the peer.");
	p->frames_in = labelled(l, region, false, "holdfast_link_frames_in_total",
	                        "Replication frames received.");
	p->frames_out = labelled(l, region, false, "holdfast_link_frames_out_total",
	                         "Replication frames sent.");
	p->bytes_in = labelled(l, region, false, "holdfast_link_bytes_in_total",
	                       "Replication bytes received.");
	p->bytes_out = labelled(l, region, false, "holdfast_link_bytes_out_total",
	                        "Replication bytes sent.");
}

static enum err copy_options(struct links *l, const struct links_options *o, struct fault *fault) {
	size_t n = (size_t)o->region_count;
	l->cluster = strdup(o->cluster);
	l->regions = calloc(n, sizeof *l->regions);
	l->hosts = calloc(n, sizeof *l->hosts);
	l->ports = calloc(n, sizeof *l->ports);
	l->peers = calloc(n, sizeof *l->peers);
	l->secret = malloc(o->secret.len);
	bool ok = l->cluster && l->regions && l->hosts && l->ports && l->peers && l->secret;
	for (size_t i = 0; ok && i < n; i++) {
		l->regions[i] = strdup(o->regions[i]);
		l->hosts[i] = strdup(o->hosts[i]);
		l->ports[i] = o->ports[i];
		ok = l->regions[i] && l->hosts[i] && strlen(o->regions[i]) <= NAME_MAX_BYTES;
	}
	if (!ok) return fault_set(fault, ERR_NO_MEMORY, "cannot set up the links: no memory");
	memcpy(l->secret, o->secret.ptr, o->secret.len);
	l->secret_len = o->secret.len;
	enum err err = link_handshake_cells(l, o->cells, o->cell_count);
	if (err == ERR_OK) return ERR_OK;
	return fault_set(fault, err,
	                 "cannot set up the links: the names of %d cells are over %d bytes",
	                 o->cell_count, LINK_HELLO_MAX_BYTES / 2);
}

static enum err set_up_peers(struct links *l, struct fault *fault) {
	for (int i = 0; i < l->region_count; i++) {
		struct link_peer *p = &l->peers[i];
		p->links = l;
		p->region = i;
		p->backoff_ns = LINK_RETRY_MIN_NS;
		if (i == l->self) continue;
		register_peer(l, p);
		if (i < l->self) continue;
		p->retry = io_timer_new(l->io, connect_now, p);
		if (!p->retry)
			return fault_set(fault, ERR_NO_MEMORY,
			                 "cannot set up the links: no memory");
	}
	return ERR_OK;
}

enum err links_new(struct io *io, const struct links_options *o, struct links **out,
                   struct fault *fault) {
	*out = NULL;
	if (o->secret.len == 0 || strlen(o->cluster) > NAME_MAX_BYTES)
		return fault_set(fault, ERR_INVALID,
		                 "cannot set up the links: the cluster needs a "
		                 "secret, and a name of at most 255 bytes");
	struct links *l = calloc(1, sizeof *l);
	if (!l) return fault_set(fault, ERR_NO_MEMORY, "cannot set up the links: no memory");
	l->io = io;
	l->registry = o->registry;
	l->region_count = o->region_count;
	l->self = o->self;
	l->on_link = o->on_link;
	l->on_room = o->on_room;
	l->on_frame = o->on_frame;
	l->arg = o->arg;
	list_init(&l->strangers);
	l->stranger_complaint.refused = refused_metric(l, "unproved");
	enum err err = copy_options(l, o, fault);
	if (err == ERR_OK) err = set_up_peers(l, fault);
	if (err == ERR_OK && l->self > 0) /* the first region is nobody's to connect to */
		err = io_tcp_listen(io, o->listen_host, o->listen_port, on_accept, l, &l->listener,
		                    fault);
	if (err != ERR_OK) {
		links_free(l);
		return err;
	}
	for (int i = l->self + 1; i < l->region_count; i++) connect_now(&l->peers[i]);
	*out = l;
	return ERR_OK;
}

void links_free(struct links *l) {
	if (!l) return;
	io_listener_close(l->listener);
	LIST_EACH (&l->strangers, node) link_conn_free(CONTAINER_OF(node, struct link_conn, node));
	for (int i = 0; i < l->region_count; i++) {
		if (l->peers) {
			io_connect_cancel(l->peers[i].connect);
			io_timer_free(l->peers[i].retry);
			link_conn_free(l->peers[i].trying);
			link_conn_free(l->peers[i].link);
		}
		if (l->regions) free(l->regions[i]);
		if (l->hosts) free(l->hosts[i]);
	}
	buf_done(&l->cells);
	free(l->cluster);
	free(l->regions);
	free(l->hosts);
	free(l->ports);
	free(l->peers);
	free(l->secret);
	free(l);
}
