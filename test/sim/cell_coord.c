/* Coordination: one register with compare-and-put and watch, and leases of nodes: the
 * holder counts from before it asked, the challenger from when it saw (failover.md 2.1). */
#include <stdlib.h>

#include "cell_world.h"

static const uint64_t lease_ns = MS(600), renew_ns = MS(100), margin_ns = MS(20);

struct lease_terms coord_terms(void) {
	return (struct lease_terms){
		.length_ns = lease_ns, .margin_ns = margin_ns, .rate_error_ppm = 10000};
}

/* --- the register -------------------------------------------------------------------------- */

static void watched(struct world *w, const struct happening *h) {
	struct node *n = &w->nodes[h->node];
	if (n->cut_off) return;
	const struct cell_event e = {
		.type = CELL_EV_PLACEMENT, .placement = &w->placement, .revision = w->revision};
	node_feed(w, h->node, &e);
}

static void notify(struct world *w, int node) {
	if (!w->nodes[node].running) return;
	world_at(w, world_between(w, US(200), MS(12)),
	         (struct happening){.node = node, .fn = watched});
}

static void placed(struct world *w, const struct happening *h) {
	struct node *n = &w->nodes[h->node];
	n->placing = false;
	const struct cell_event e = {
		.type = CELL_EV_PLACED, .err = (enum err)h->a, .revision = h->x};
	node_feed(w, h->node, &e);
}

struct put {
	struct placement placement;
	uint64_t expected;
	uint32_t life;
};

static void put_arrives(struct world *w, const struct happening *h) {
	const struct put *put = h->memory;
	enum err err = ERR_OK;
	if (put->expected != w->revision) {
		err = ERR_CONFLICT;
	} else {
		w->placement = put->placement;
		w->revision++;
		world_say(w, "placement %llu: epoch %llu %s by %d copies %u from %s",
		          (unsigned long long)w->revision, (unsigned long long)w->placement.epoch,
		          w->placement.state == PLACEMENT_ACTIVE ? "ACTIVE" : "promoting", h->a,
		          w->placement.copies, w->placement.from);
		for (int i = 0; i < w->n; i++) notify(w, i);
	}
	if (w->nodes[h->a].life != put->life) return;
	uint64_t revision = w->revision;
	/* The answer may get lost: then the asker knows nothing. */
	if (w->nodes[h->a].cut_off || world_chance(w, 2)) err = ERR_UNAVAILABLE;
	uint64_t delay = err == ERR_UNAVAILABLE ? MS(300) : world_between(w, US(100), MS(5));
	world_at(w, delay,
	         (struct happening){.node = h->a, .fn = placed, .a = (int)err, .x = revision});
}

void coord_put(struct world *w, int node, const struct placement *p, uint64_t revision) {
	struct node *n = &w->nodes[node];
	if (n->placing) return world_fail(w, "node %d puts while it puts", node);
	n->placing = true;
	if (n->cut_off) {
		world_at(w, MS(300),
		         (struct happening){.node = node, .fn = placed, .a = ERR_UNAVAILABLE});
		return;
	}
	struct put *put = malloc(sizeof *put);
	*put = (struct put){*p, revision, n->life};
	world_at(w, world_between(w, US(100), MS(5)),
	         (struct happening){.node = -1, .fn = put_arrives, .a = node, .memory = put});
}

/* --- who lives --------------------------------------------------------------------------------- */

static void peer_told(struct world *w, const struct happening *h) {
	struct node *n = &w->nodes[h->node];
	if (n->cut_off) return;
	const struct member_slot *m = &w->members[h->a];
	const struct cell_event e = {
		.type = CELL_EV_PEER, .replica = h->a, .up = m->live, .generation = m->generation};
	node_feed(w, h->node, &e);
}

static void spread(struct world *w, int about) {
	for (int i = 0; i < w->n; i++)
		if (i != about && w->nodes[i].running)
			world_at(w, world_between(w, US(200), MS(12)),
			         (struct happening){.node = i, .fn = peer_told, .a = about});
}

static void expire(struct world *w, int node) {
	struct member_slot *m = &w->members[node];
	if (!m->live) return;
	m->live = false;
	m->generation++;
	world_say(w, "node %d expired", node);
	spread(w, node);
}

static void reap(struct world *w, const struct happening *h) {
	bool witness = false;
	for (int i = 0; i < w->n; i++)
		witness |= w->nodes[i].running && !w->nodes[i].paused && !w->nodes[i].cut_off;
	uint64_t wait = lease_ns * 101 / 100 + margin_ns + MS(10);
	for (int i = 0; i < w->n && witness; i++)
		if (w->members[i].live && w->now_ns >= w->members[i].beat_ns + wait) expire(w, i);
	world_at(w, MS(15), (struct happening){.node = -1, .fn = reap});
}

bool coord_is_expired(const struct world *w, int node, uint32_t generation) {
	const struct member_slot *m = &w->members[node];
	return !m->live || m->generation != generation;
}

/* --- a node's lease -------------------------------------------------------------------------------- */

static void lease_say(struct world *w, int node, uint32_t generation, uint64_t until_ns) {
	struct node *n = &w->nodes[node];
	n->generation = generation;
	n->lease_until_ns = until_ns;
	const struct cell_event e = {
		.type = CELL_EV_LEASE, .generation = generation, .valid_until_ns = until_ns};
	node_feed(w, node, &e);
}

static void renewed(struct world *w, const struct happening *h) {
	struct node *n = &w->nodes[h->node];
	if ((uint32_t)h->a != n->generation || !n->joined) return;
	if (h->b) {
		n->joined = false;
		lease_say(w, h->node, n->generation, 0);
		return;
	}
	lease_say(w, h->node, n->generation, h->x + lease_ns * 99 / 100 - margin_ns);
}

static void beat_arrives(struct world *w, const struct happening *h) {
	struct member_slot *m = &w->members[h->a];
	bool lost = !m->live || m->generation != (uint32_t)h->b;
	if (!lost) m->beat_ns = w->now_ns;
	struct node *n = &w->nodes[h->a];
	if (n->life != (uint32_t)h->y || n->cut_off) return;
	world_at(w, world_between(w, US(100), MS(4)),
	         (struct happening){.node = h->a, .fn = renewed, .a = h->b, .b = lost, .x = h->x});
}

static void joined(struct world *w, const struct happening *h) {
	struct node *n = &w->nodes[h->node];
	struct member_slot *m = &w->members[h->node];
	if (n->cut_off) return;
	m->generation++;
	m->live = true;
	m->beat_ns = w->now_ns;
	n->joined = true;
	lease_say(w, h->node, m->generation, h->x + lease_ns * 99 / 100 - margin_ns);
	spread(w, h->node);
}

static void renew(struct world *w, const struct happening *h) {
	struct node *n = &w->nodes[h->node];
	uint64_t sent = node_now(w, h->node);
	world_at(w, renew_ns, (struct happening){.node = h->node, .fn = renew});
	if (n->cut_off) return;
	if (n->joined)
		world_at(w, world_between(w, US(100), MS(4)),
		         (struct happening){.node = -1,
		                            .fn = beat_arrives,
		                            .a = h->node,
		                            .b = (int)n->generation,
		                            .x = sent,
		                            .y = n->life});
	else
		world_at(w, US(100), (struct happening){.node = h->node, .fn = joined, .x = sent});
}

void coord_join(struct world *w, int node) {
	w->nodes[node].joined = false;
	world_at(w, world_between(w, US(100), MS(10)),
	         (struct happening){.node = node, .fn = renew});
	notify(w, node);
	for (int i = 0; i < w->n; i++)
		if (i != node)
			world_at(w, world_between(w, US(200), MS(12)),
			         (struct happening){.node = node, .fn = peer_told, .a = i});
}

void coord_heal(struct world *w, int node) {
	w->nodes[node].cut_off = false;
	if (!w->nodes[node].running) return;
	notify(w, node);
	for (int i = 0; i < w->n; i++)
		if (i != node)
			world_at(w, world_between(w, US(200), MS(12)),
			         (struct happening){.node = node, .fn = peer_told, .a = i});
}

/* The kernel may prove a death at once. */
void coord_node_gone(struct world *w, int node, bool proof) {
	if (proof) expire(w, node);
}

void coord_init(struct world *w) {
	world_at(w, MS(15), (struct happening){.node = -1, .fn = reap});
}
