/* The memory driver: coord.h for the nodes of one simulation. This file has the handles and
 * what reaches them without being asked: every change, after the handle's delay. */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "coord/memory_private.h"

/* --- news: what changed reaches each node after its delay -------------------------- */

static void news_for(struct memory_handle *h) {
	if (h->news_due || h->cut) return;
	h->news_due = true;
	io_timer_start(h->news, h->delay_ns);
}

void memory_news_for_all(struct coord_memory *m) {
	LIST_EACH (&m->handles, n) news_for(CONTAINER_OF(n, struct memory_handle, node));
}

static void tell_nodes(struct memory_handle *h) {
	struct memory_state *s = &h->memory->state;
	bool changed[COORD_NODES_MAX] = {false};
	int count = s->node_count;
	for (int i = 0; i < count; i++) {
		const struct coord_node *now = &s->nodes[i], *before = &h->known[i];
		changed[i] = now->generation != before->generation ||
		             now->proven_dead != before->proven_dead;
		h->known[i] = *now;
	}
	h->known_count = count;
	for (int i = 0; i < count && !h->closing; i++)
		if (changed[i] && h->on_node) h->on_node(h->on_node_arg, h->known[i].name);
}

static void tell_watch(struct memory_handle *h, struct memory_watch *w) {
	struct memory_state *s = &h->memory->state;
	uint64_t seen = w->seen;
	w->seen = s->revision;
	for (int i = 0; i < s->key_count && !h->closing; i++) {
		const struct memory_key *k = &s->keys[i];
		if (k->revision <= seen || strncmp(k->key, w->prefix, strlen(w->prefix)) != 0)
			continue;
		w->changed(w->arg, k->key, slice_of(k->value, k->value_bytes), k->revision);
	}
}

static void on_news(void *arg) {
	struct memory_handle *h = arg;
	h->news_due = false;
	if (h->cut) return;
	h->calling++;
	tell_nodes(h);
	for (int i = 0; i < h->watch_count && !h->closing; i++) tell_watch(h, &h->watches[i]);
	h->calling--;
	if (h->closing) memory_handle_release(h);
}

/* --- the rest of coord.h --------------------------------------------------------------- */

static enum err watch(struct coord *c, const char *prefix,
                      void (*changed)(void *arg, const char *key, struct slice value,
                                      uint64_t revision),
                      void *arg) {
	struct memory_handle *h = memory_handle_of(c);
	if (strlen(prefix) > COORD_KEY_MAX) return ERR_INVALID;
	if (h->watch_count == MEMORY_WATCHES_MAX) return ERR_TOO_MANY;
	struct memory_watch *w = &h->watches[h->watch_count++];
	*w = (struct memory_watch){.changed = changed, .arg = arg};
	memcpy(w->prefix, prefix, strlen(prefix));
	news_for(h);
	return ERR_OK;
}

static bool node(struct coord *c, const char *name, struct coord_node *out) {
	struct memory_handle *h = memory_handle_of(c);
	for (int i = 0; i < h->known_count; i++) {
		if (strcmp(h->known[i].name, name) != 0) continue;
		*out = h->known[i];
		return true;
	}
	return false;
}

static void on_node(struct coord *c, void (*changed)(void *arg, const char *name), void *arg) {
	struct memory_handle *h = memory_handle_of(c);
	h->on_node = changed;
	h->on_node_arg = arg;
	news_for(h);
}

void memory_handle_release(struct memory_handle *h) {
	io_timer_free(h->step);
	io_timer_free(h->news);
	memory_op_drop(&h->asked);
	memory_op_drop(&h->applied);
	free(h);
}

static void handle_end(struct memory_handle *h, bool proof) {
	struct coord_memory *m = h->memory;
	list_remove(&m->handles, &h->node);
	if (proof && memory_prove_dead(&m->state, h->name)) memory_news_for_all(m);
	h->closing = true;
	if (!h->calling) memory_handle_release(h);
}

/* As the embedded driver: whoever closes lets go of its lock. */
static void close_handle(struct coord *c) {
	handle_end(memory_handle_of(c), true);
}

static const struct coord_ops memory_ops = {
	.put = memory_op_put,
	.read = memory_op_read,
	.watch = watch,
	.join = memory_op_join,
	.beat = memory_op_beat,
	.expire = memory_op_expire,
	.node = node,
	.on_node = on_node,
	.close = close_handle,
};

/* --- the world's side -------------------------------------------------------------------- */

struct coord_memory *coord_memory_new(void) {
	struct coord_memory *m = calloc(1, sizeof *m);
	if (m) list_init(&m->handles);
	return m;
}

void coord_memory_free(struct coord_memory *m) {
	if (!m) return;
	ASSERT(list_empty(&m->handles));
	memory_state_done(&m->state);
	free(m);
}

static struct memory_handle *handle_find(struct coord_memory *m, const char *name) {
	LIST_EACH (&m->handles, n) {
		struct memory_handle *h = CONTAINER_OF(n, struct memory_handle, node);
		if (strcmp(h->name, name) == 0) return h;
	}
	return NULL;
}

enum err coord_memory_open(struct coord_memory *m, struct io *io, const char *name,
                           uint64_t delay_ns, struct coord **out) {
	if (handle_find(m, name)) return ERR_EXISTS;
	enum err e = memory_node_add(&m->state, name);
	if (e) return e;
	struct memory_handle *h = calloc(1, sizeof *h);
	if (!h) return ERR_NO_MEMORY;
	h->base.ops = &memory_ops;
	h->memory = m;
	h->io = io;
	h->delay_ns = delay_ns;
	memcpy(h->name, name, strlen(name));
	list_init(&h->asked);
	list_init(&h->applied);
	h->step = io_timer_new(io, memory_op_step, h);
	h->news = io_timer_new(io, on_news, h);
	if (!h->step || !h->news) {
		memory_handle_release(h);
		return ERR_NO_MEMORY;
	}
	list_push_back(&m->handles, &h->node);
	h->known_count = m->state.node_count; /* known from the start, hence no news */
	memcpy(h->known, m->state.nodes, sizeof h->known);
	*out = &h->base;
	return ERR_OK;
}

void coord_memory_crash(struct coord_memory *m, const char *name, bool proof) {
	struct memory_handle *h = handle_find(m, name);
	if (h) handle_end(h, proof);
}

void coord_memory_cut(struct coord_memory *m, const char *name, bool cut) {
	struct memory_handle *h = handle_find(m, name);
	if (!h) return;
	h->cut = cut;
	if (!cut) news_for(h);
}

void coord_memory_stall(struct coord_memory *m, bool stalled) {
	m->stalled = stalled;
	LIST_EACH (&m->handles, n)
		io_timer_start(CONTAINER_OF(n, struct memory_handle, node)->step, 0);
}
