/* The etcd driver's handle: birth, time, close, and coord.h's table of its operations. */
#include "coord/etcd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "coord/etcd_private.h"

/* --- time ------------------------------------------------------------------------------- */

static void on_tick(void *arg) {
	struct etcd *c = arg;
	uint64_t now = io_now_ns(c->io);
	c->tick_ns = 0;
	etcd_enter(c);
	etcd_refusals_tell(c);
	etcd_asks_tick(c, now);
	if (!c->closing) etcd_stream_tick(c, now);
	etcd_leave(c);
}

void etcd_tick_at(struct etcd *c, uint64_t ns) {
	if (c->closing || (c->tick_ns && c->tick_ns <= ns)) return;
	uint64_t now = io_now_ns(c->io);
	c->tick_ns = ns ? ns : 1;
	io_timer_start(c->timer, ns > now ? ns - now : 0);
}

void etcd_complain(struct etcd *c, const char *what, const char *why) {
	uint64_t now = io_now_ns(c->io);
	if (c->complained_ns && now - c->complained_ns < ETCD_REFUSED_NS) return;
	c->complained_ns = now;
	c->reached = false;
	LOG(LOG_WARN, "coord", what, {"why", why && *why ? why : "not said"});
}

/* --- death ---------------------------------------------------------------------------------- */

static void release(struct etcd *c) {
	etcd_ops_drop(c); /* what is refused lies in requests that may be gone already */
	etcd_stream_done(c);
	etcd_login_done(c);
	fetch_free(c->fetch);
	io_timer_free(c->timer);
	for (int i = 0; i < c->endpoint_count; i++) free(c->endpoints[i]);
	free(c);
}

void etcd_leave(struct etcd *c) {
	if (--c->calling == 0 && c->closing) release(c);
}

static void close_handle(struct coord *base) {
	struct etcd *c = etcd_of(base);
	if (c->closing) return;
	c->closing = true;
	etcd_farewell(c);
	if (!c->calling) release(c);
}

/* --- birth ------------------------------------------------------------------------------------ */

static const struct coord_ops etcd_ops = {
	.put = etcd_put,
	.read = etcd_read,
	.watch = etcd_watch,
	.join = etcd_join,
	.beat = etcd_beat,
	.expire = etcd_expire,
	.node = etcd_node,
	.on_node = etcd_on_node,
	.close = close_handle,
};

static bool keep(char **out, const char *text) {
	*out = text ? strdup(text) : NULL;
	return !text || *out;
}

/* A '/' at its end would make the path that follows another one. */
static bool keep_endpoint(struct etcd *c, const char *url) {
	char **out = &c->endpoints[c->endpoint_count];
	if (!keep(out, url)) return false;
	size_t len = strlen(url);
	if (len && url[len - 1] == '/') (*out)[len - 1] = '\0';
	c->endpoint_count++;
	return true;
}

static enum err check(const struct coord_etcd_options *o, struct fault *fault) {
	size_t prefix = strlen(o->prefix), node = strlen(o->node);
	if (o->endpoint_count < 1 || o->endpoint_count > ETCD_ENDPOINTS_MAX)
		return fault_set(fault, ERR_INVALID, "etcd: %d endpoints: expected 1 to %d",
		                 o->endpoint_count, ETCD_ENDPOINTS_MAX);
	for (int i = 0; i < o->endpoint_count; i++)
		if (strlen(o->endpoints[i]) > ETCD_URL_MAX)
			return fault_set(fault, ERR_INVALID,
			                 "etcd: an endpoint is longer than %d bytes", ETCD_URL_MAX);
	if (prefix < 2 || prefix > ETCD_PREFIX_MAX || o->prefix[prefix - 1] != '/')
		return fault_set(fault, ERR_INVALID,
		                 "etcd: the prefix %s: expected 2 to %d bytes that end with '/'",
		                 o->prefix, ETCD_PREFIX_MAX);
	if (node < 1 || node >= sizeof((struct etcd *)0)->self)
		return fault_set(fault, ERR_INVALID,
		                 "etcd: the node's name %s: expected 1 to 31 bytes", o->node);
	if (!o->user != !o->password)
		return fault_set(fault, ERR_INVALID, "etcd: a user needs a password");
	return ERR_OK;
}

/* Half built on an error. */
static enum err fill(struct etcd *c, const struct coord_etcd_options *o, struct fault *fault) {
	const struct fetch_options fetch = {.ca = o->ca,
	                                    .cert = o->cert,
	                                    .key = o->key,
	                                    .connections_max = ETCD_CONNECTIONS_MAX,
	                                    .answer_max_bytes = ETCD_ANSWER_MAX};
	bool kept = keep(&c->user, o->user) && keep(&c->password, o->password);
	for (int i = 0; i < o->endpoint_count && kept; i++)
		kept = keep_endpoint(c, o->endpoints[i]);
	c->timer = io_timer_new(c->io, on_tick, c);
	if (!kept || !c->timer)
		return fault_set(fault, ERR_NO_MEMORY, "coordination: memory ran out");
	return fetch_new(c->io, &fetch, &c->fetch, fault);
}

enum err coord_etcd_open(struct io *io, const struct coord_etcd_options *o, struct coord **out,
                         struct fault *fault) {
	enum err e = check(o, fault);
	if (e) return e;
	struct etcd *c = calloc(1, sizeof *c);
	if (!c) return fault_set(fault, ERR_NO_MEMORY, "coordination: memory ran out");
	c->base.ops = &etcd_ops;
	c->io = io;
	c->timeout_ns = o->timeout_ns;
	memcpy(c->prefix, o->prefix, strlen(o->prefix));
	memcpy(c->self, o->node, strlen(o->node));
	io_random(io, &c->writer, sizeof c->writer);
	list_init(&c->waiting);
	list_init(&c->flying);
	list_init(&c->ops);
	list_init(&c->refused);
	e = fill(c, o, fault);
	if (e) {
		release(c);
		return e;
	}
	etcd_stream_init(c);
	*out = &c->base;
	return ERR_OK;
}
