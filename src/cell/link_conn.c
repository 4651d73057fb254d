/* One connection of a link: takes bytes apart into frames, writes what a turn gathered, and
 * notices when the peer is silent or stuck. It never closes itself inside a call of the
 * owner's: it is marked, and links_flush closes it. */
#include <stdlib.h>

#include "base/bytes.h"
#include "cell/link_private.h"

/* --- giving up -------------------------------------------------------------------- */

void link_conn_doom(struct link_conn *c, const char *why) {
	if (c->state == LINK_DOOMED) return;
	/* Who has not proved to be a region is counted as a stranger, whatever he says. */
	bool known = c->state == LINK_OPEN || c->connector;
	c->state = LINK_DOOMED;
	c->links->any_doomed = true;
	if (!why) return;
	link_complain(c->links, known ? c->region : LINK_PEER_UNKNOWN, io_conn_peer(c->conn), why);
}

/* Silence means nothing on a link without heartbeats. Where they came and stopped for so
 * long, or where bytes wait and none is taken, the path is dead although no one said so:
 * what TCP itself would notice after many minutes. */
static const char *idle_reason(struct link_conn *c, uint64_t now_ns) {
	size_t pending = io_conn_pending(c->conn);
	uint64_t taken = c->written_bytes - pending;
	if (pending == 0 || taken != c->taken_bytes) c->moved_ns = now_ns;
	c->taken_bytes = taken;
	if (now_ns - c->moved_ns > LINK_IDLE_NS) return "it takes no bytes any more";
	if (c->beating && now_ns - c->heard_ns > LINK_IDLE_NS) return "it has gone silent";
	return NULL;
}

static void on_timer(void *arg) {
	struct link_conn *c = arg;
	if (c->state == LINK_DOOMED) return;
	if (c->state != LINK_OPEN) return link_conn_doom(c, "its handshake took too long");
	const char *why = idle_reason(c, io_now_ns(c->links->io));
	if (why) return link_conn_doom(c, why);
	if (c->in.cap > LINK_KEEP_BYTES) buf_shrink(&c->in);
	if (c->out.cap > LINK_KEEP_BYTES) buf_shrink(&c->out);
	io_timer_start(c->timer, LINK_CHECK_NS);
}

/* --- bytes ------------------------------------------------------------------------ */

static void on_frame(struct link_conn *c, const struct frame *f) {
	struct links *l = c->links;
	bool hello = f->type == FRAME_HELLO;
	if (hello != (c->state != LINK_OPEN)) {
		link_conn_doom(c, hello ? "it greets twice" : "it speaks before its proof");
		return;
	}
	if (hello) return link_handshake_frame(c, f->bytes);
	if (f->type == FRAME_HEARTBEAT) c->beating = true;
	metric_inc(l->peers[c->region].frames_in);
	l->on_frame(l->arg, c->region, f);
}

/* How many bytes of `in` are done with. */
static size_t take_frames(struct link_conn *c, struct slice in) {
	size_t taken = 0;
	while (c->state != LINK_DOOMED) {
		struct frame f = {0};
		size_t used = 0;
		struct slice rest = slice_of(in.ptr + taken, in.len - taken);
		if (rest.len >= 4 && get_u32(rest.ptr) > c->in.max) {
			link_conn_doom(c, "it sent an over-long frame or no frame at all");
			break;
		}
		enum err err = frame_decode(rest, &f, &used);
		if (err == ERR_NOT_FOUND) break;
		if (err != ERR_OK) {
			link_conn_doom(c, "it sent a malformed frame");
			break;
		}
		taken += used;
		on_frame(c, &f);
	}
	return taken;
}

static void on_data(void *arg, struct slice data) {
	struct link_conn *c = arg;
	if (c->state == LINK_DOOMED) return;
	c->heard_ns = io_now_ns(c->links->io);
	if (c->state == LINK_OPEN)
		metric_add(c->links->peers[c->region].bytes_in, (int64_t)data.len);
	bool direct = c->in.len == 0; /* most frames come whole: no copy */
	if (!direct && buf_append_slice(&c->in, data) != ERR_OK)
		return link_conn_doom(c, "it sent an over-long frame");
	size_t taken = take_frames(c, direct ? data : buf_slice(&c->in));
	if (c->state == LINK_DOOMED) return;
	if (!direct)
		buf_consume(&c->in, taken);
	else if (buf_append(&c->in, data.ptr + taken, data.len - taken) != ERR_OK)
		link_conn_doom(c, "it sent an over-long frame");
}

static void on_end(void *arg, enum err why) {
	link_conn_doom(arg, NULL); /* a peer that went is no offence; link.c tells of it */
}

static void on_drain(void *arg) {
	struct link_conn *c = arg;
	if (c->state == LINK_OPEN) c->links->on_room(c->links->arg, c->region);
}

void link_conn_flush(struct link_conn *c) {
	if (c->state == LINK_DOOMED || c->out.len == 0) return;
	struct slice all = buf_slice(&c->out);
	enum err err = io_conn_write(c->conn, &all, 1);
	if (err == ERR_OVERLOADED)
		link_conn_doom(c, "it lets too much pile up");
	else if (err != ERR_OK)
		link_conn_doom(c, NULL);
	c->written_bytes += all.len;
	if (c->state == LINK_OPEN)
		metric_add(c->links->peers[c->region].bytes_out, (int64_t)all.len);
	buf_reset(&c->out);
}

/* --- life ------------------------------------------------------------------------- */

struct link_conn *link_conn_new(struct links *l, struct io_conn *conn, int region, bool connector) {
	static const struct io_conn_handler handler = {
		.on_data = on_data, .on_end = on_end, .on_drain = on_drain};
	struct link_conn *c = calloc(1, sizeof *c);
	struct io_timer *timer = c ? io_timer_new(l->io, on_timer, c) : NULL;
	if (!timer) {
		free(c);
		io_conn_close(conn, false);
		return NULL;
	}
	c->links = l;
	c->conn = conn;
	c->connector = connector;
	c->state = LINK_HELLO;
	c->region = region;
	c->timer = timer;
	c->opened_ns = c->heard_ns = c->moved_ns = io_now_ns(l->io);
	buf_init(&c->in, LINK_HELLO_MAX_BYTES);
	buf_init(&c->out, LINK_BACKLOG_BYTES);
	io_conn_set_limit(conn, LINK_BACKLOG_BYTES);
	io_conn_open(conn, &handler, c);
	io_timer_start(timer, LINK_HANDSHAKE_NS);
	return c;
}

void link_conn_free(struct link_conn *c) {
	if (!c) return;
	io_conn_close(c->conn, false);
	io_timer_free(c->timer);
	buf_done(&c->in);
	buf_done(&c->out);
	free(c);
}
