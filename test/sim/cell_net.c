/* Connections between nodes: bytes in order while a connection lives, none after; both ends
 * learn of its end at their own time, and of the next one after that. */
#include <stdlib.h>

#include "cell_world.h"

static struct conn *conn_of(struct world *w, int a, int b, int *side) {
	*side = a < b ? 0 : 1;
	return a < b ? &w->conns[a][b] : &w->conns[b][a];
}

static void told(struct world *w, const struct happening *h) {
	int side;
	struct conn *c = conn_of(w, h->node, h->a, &side);
	bool up = h->b != 0;
	if (up && (!c->up || c->number != h->x)) return;
	if (c->up_here[side] == up) return;
	c->up_here[side] = up;
	const struct cell_event e = {.type = CELL_EV_LINK, .replica = h->a, .up = up};
	node_feed(w, h->node, &e);
}

static void tell(struct world *w, int node, int other, bool up, uint32_t number, uint64_t in_ns) {
	if (!w->nodes[node].running) return;
	world_at(w, in_ns,
	         (struct happening){.node = node, .fn = told, .a = other, .b = up, .x = number});
}

static void try_connect(struct world *w, const struct happening *h) {
	int a = h->a, b = h->b;
	struct conn *c = &w->conns[a][b];
	if (c->up) return;
	bool able = w->nodes[a].running && w->nodes[b].running && !w->nodes[a].paused &&
	            !w->nodes[b].paused && !c->cut && !c->up_here[0] && !c->up_here[1];
	if (!able) {
		world_at(w, world_between(w, MS(5), MS(40)),
		         (struct happening){.node = -1, .fn = try_connect, .a = a, .b = b});
		return;
	}
	c->up = true;
	c->number++;
	c->last_arrival_ns[0] = c->last_arrival_ns[1] = w->now_ns;
	tell(w, a, b, true, c->number, US(10));
	tell(w, b, a, true, c->number, US(10));
}

static void reconnect_later(struct world *w, int a, int b) {
	world_at(w, world_between(w, MS(2), MS(30)),
	         (struct happening){.node = -1, .fn = try_connect, .a = a, .b = b});
}

void net_init(struct world *w) {
	for (int a = 0; a < w->n; a++)
		for (int b = a + 1; b < w->n; b++) reconnect_later(w, a, b);
}

void net_break(struct world *w, int a, int b) {
	if (a > b) return net_break(w, b, a);
	struct conn *c = &w->conns[a][b];
	if (!c->up) return;
	c->up = false;
	tell(w, a, b, false, c->number, world_between(w, US(50), MS(20)));
	tell(w, b, a, false, c->number, world_between(w, US(50), MS(20)));
	reconnect_later(w, a, b);
}

void net_cut(struct world *w, int a, int b, bool cut) {
	if (a > b) return net_cut(w, b, a, cut);
	w->conns[a][b].cut = cut;
	if (cut) net_break(w, a, b);
}

void net_node_gone(struct world *w, int node) {
	for (int other = 0; other < w->n; other++) {
		if (other == node) continue;
		int side;
		conn_of(w, node, other, &side)->up_here[side] = false;
		net_break(w, node, other);
	}
}

/* --- frames ------------------------------------------------------------------------------------ */

static void arrive(struct world *w, const struct happening *h) {
	int side;
	struct conn *c = conn_of(w, h->node, h->a, &side);
	if (!c->up || c->number != h->x || !c->up_here[side]) return;
	if (c->stalled[1 - side]) {
		/* Held back in the network; what follows waits behind it. */
		struct held *held = &c->held[1 - side];
		if (held->count == HELD_MAX) return net_break(w, h->node, h->a);
		struct happening *kept = &held->frames[held->count++];
		*kept = *h;
		kept->memory = malloc(h->y);
		memcpy(kept->memory, h->memory, h->y);
		return;
	}
	struct frame f;
	size_t used;
	if (frame_decode(slice_of(h->memory, h->y), &f, &used) || used != h->y)
		return world_fail(w, "a frame does not decode");
	const struct cell_event e = {
		.type = CELL_EV_FRAME, .replica = h->a, .frame = &f, .wall_ms = world_wall_ms(w)};
	node_feed(w, h->node, &e);
}

void net_send(struct world *w, int from, int to, const struct frame *f) {
	int side;
	struct conn *c = conn_of(w, from, to, &side);
	if (!c->up || !c->up_here[side]) return;
	struct buf bytes;
	buf_init(&bytes, FRAME_MAX_BYTES);
	if (frame_encode(f, &bytes)) return world_fail(w, "a frame does not encode");
	uint64_t at = w->now_ns + world_between(w, US(50), MS(2));
	if (world_chance(w, 2)) at += world_random(w, MS(30));
	if (at <= c->last_arrival_ns[side]) at = c->last_arrival_ns[side] + 1;
	c->last_arrival_ns[side] = at;
	world_at(w, at - w->now_ns,
	         (struct happening){.node = to,
	                            .fn = arrive,
	                            .a = from,
	                            .x = c->number,
	                            .y = bytes.len,
	                            .memory = bytes.mem});
}

void net_stall(struct world *w, int from, int to, bool stalled) {
	int side;
	struct conn *c = conn_of(w, from, to, &side);
	c->stalled[side] = stalled;
	struct held *held = &c->held[side];
	if (stalled) return;
	for (int i = 0; i < held->count; i++) {
		struct happening h = held->frames[i];
		uint32_t life = h.life;
		if (life == w->nodes[h.node].life)
			world_at(w, 0, h);
		else
			free(h.memory);
	}
	held->count = 0;
}
