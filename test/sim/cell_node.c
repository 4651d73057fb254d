/* A node: the shell around the core, as thin as host_actions.c is in spirit: feeds events,
 * does what comes back in order, answers what is asked on the spot. */
#include <stdio.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "cell_world.h"

uint64_t node_now(const struct world *w, int node) {
	const struct node *n = &w->nodes[node];
	return (n->frozen ? n->frozen_at_ns : w->now_ns) + n->clock_offset_ns;
}

uint64_t world_wall_ms(const struct world *w) {
	return 1700000000000u + w->now_ns / 1000000;
}

/* --- answers on the spot ---------------------------------------------------------------------- */

struct request {
	enum cell_action_type type;
	int replica;
	uint64_t seq;
	size_t limit;
};

static bool export_next(struct export *e, size_t limit, struct buf *out) {
	size_t before = out->len;
	for (; e->bucket < VIEW_BUCKETS && out->len < limit; e->bucket++)
		for (const struct view_entry *v = e->view.buckets[e->bucket]; v; v = v->next) {
			uint8_t *room;
			if (buf_reserve(out, 30 + v->key_len + v->value_len, &room)) return false;
			put_u16(room, (uint16_t)v->key_len);
			memcpy(room + 2, v->key, v->key_len);
			uint8_t *p = room + 2 + v->key_len;
			put_u32(p, (uint32_t)v->value_len);
			if (v->value_len) memcpy(p + 4, v->value, v->value_len);
			p += 4 + v->value_len;
			put_u64(p, v->epoch);
			put_u64(p + 8, v->seq);
			put_u64(p + 16, v->expires_ms);
			buf_commit(out, 30 + v->key_len + v->value_len);
		}
	return out->len > before;
}

static void export_end(struct export *e) {
	view_clear(&e->view);
	e->open = false;
}

static struct cell_event answer(struct world *w, int node, const struct request *r,
                                struct buf *bytes) {
	struct node *n = &w->nodes[node];
	struct export *x = &n->exports[r->replica];
	struct cell_event e = {.type = CELL_EV_EXPORT, .replica = r->replica};
	if (r->type == CELL_DO_READ_LOG) {
		e.type = CELL_EV_LOG;
		e.err = disk_read(&n->disk, r->seq, r->limit, bytes);
	} else if (r->type == CELL_DO_EXPORT_BEGIN) {
		view_copy(&x->view, &n->disk.view);
		x->open = true;
		x->bucket = 0;
		e.at = x->view.at;
	} else if (!x->open) {
		e.err = ERR_CLOSED;
	} else {
		/* Small chunks, so that there are many. */
		e.err = export_next(x, 600, bytes) ? ERR_OK : ERR_NOT_FOUND;
	}
	e.bytes = buf_slice(bytes);
	return e;
}

/* --- feeding ------------------------------------------------------------------------------------- */

struct feeding {
	struct cell_actions actions;
	struct request requests[2 * CELL_ACTIONS_MAX];
	int first, count;
};

static void act(struct world *w, int node, struct feeding *f, const struct cell_action *a) {
	struct node *n = &w->nodes[node];
	switch (a->type) {
	case CELL_DO_READ_LOG:
	case CELL_DO_EXPORT_BEGIN:
	case CELL_DO_EXPORT_NEXT:
		f->requests[(f->first + f->count++) % (2 * CELL_ACTIONS_MAX)] =
			(struct request){a->type, a->replica, a->seq, a->limit};
		break;
	case CELL_DO_EXPORT_END: export_end(&n->exports[a->replica]); break;
	case CELL_DO_SEND: net_send(w, node, a->replica, &a->frame); break;
	case CELL_DO_PLACE: coord_put(w, node, &a->placement, a->revision); break;
	case CELL_DO_REPLY:
		check_reply(w, node, a->proposal);
		load_answered(w, node, a->proposal);
		break;
	case CELL_DO_RELEASE: n->disk.released = a->seq; break;
	case CELL_DO_TELL: world_say(w, "node %d: %s", node, a->text); break;
	case CELL_DO_MOVED:
		world_say(w, "node %d: move: %s %s", node, err_name(a->err), a->text);
		if (++w->moves_answered > w->moves_asked)
			world_fail(w, "node %d answers a move twice", node);
		w->moves_made += a->err == ERR_OK;
		break;
	case CELL_DO_REFUSE:
		world_say(w, "node %d refuses %d: %s", node, a->replica, a->text);
		net_break(w, node, a->replica);
		break;
	default: disk_do(w, node, a); break;
	}
}

static void step(struct world *w, int node, struct feeding *f, const struct cell_event *event) {
	static const struct cell_event tick = {.type = CELL_EV_TICK};
	do {
		f->actions.count = 0;
		f->actions.again = false;
		cell_step(w->nodes[node].core, event, node_now(w, node), &f->actions);
		for (int i = 0; i < f->actions.count; i++) act(w, node, f, &f->actions.list[i]);
		event = &tick;
	} while (f->actions.again);
}

static void ticked(struct world *w, const struct happening *h) {
	struct node *n = &w->nodes[h->node];
	if (n->tick_at_ns != h->x) return;
	n->tick_at_ns = UINT64_MAX;
	const struct cell_event tick = {.type = CELL_EV_TICK};
	node_feed(w, h->node, &tick);
}

static void arm(struct world *w, int node) {
	struct node *n = &w->nodes[node];
	uint64_t at = cell_deadline_ns(n->core), now = node_now(w, node);
	if (at == UINT64_MAX || at == n->tick_at_ns) return;
	n->tick_at_ns = at;
	uint64_t in = at > now ? at - now : 0;
	world_at(w, in + world_random(w, US(300)),
	         (struct happening){.node = node, .fn = ticked, .x = at});
}

void node_feed(struct world *w, int node, const struct cell_event *event) {
	static struct feeding f;
	struct node *n = &w->nodes[node];
	if (!n->running || w->failed) return;
	f.first = f.count = 0;
	step(w, node, &f, event);
	while (f.count) {
		struct request r = f.requests[f.first];
		f.first = (f.first + 1) % (2 * CELL_ACTIONS_MAX);
		f.count--;
		struct buf bytes;
		buf_init(&bytes, FRAME_MAX_BYTES);
		struct cell_event e = answer(w, node, &r, &bytes);
		step(w, node, &f, &e);
		buf_done(&bytes);
	}
	arm(w, node);
	check_step(w, node);
}

bool node_move(struct world *w, int to, uint64_t wait_ms) {
	int home = w->revision ? w->placement.home[1] - '0' : -1;
	if (home < 0 || !w->nodes[home].running || w->nodes[home].paused) return false;
	const struct cell_event e = {.type = CELL_EV_MOVE, .replica = to, .wait_ms = (uint32_t)wait_ms};
	world_say(w, "node %d is asked to hand over to %d", home, to);
	w->moves_asked++;
	node_feed(w, home, &e);
	return true;
}

/* --- writes ------------------------------------------------------------------------------------------ */

static void flush(struct world *w, const struct happening *h) {
	static const struct cell_event e = {.type = CELL_EV_FLUSH};
	w->nodes[h->node].flush_due = false;
	node_feed(w, h->node, &e);
}

static void proposed(struct world *w, const struct happening *h) {
	struct node *n = &w->nodes[h->node];
	const struct cell_event e = {.type = CELL_EV_PROPOSE,
	                             .wall_ms = world_wall_ms(w),
	                             .proposal = (struct proposal *)(uintptr_t)h->x};
	if (!n->flush_due) {
		n->flush_due = true;
		world_at(w, world_random(w, MS(1)),
		         (struct happening){.node = h->node, .fn = flush});
	}
	node_feed(w, h->node, &e);
}

void node_propose(struct world *w, int node, struct proposal *p) {
	world_at(w, US(20), (struct happening){.node = node, .fn = proposed, .x = (uintptr_t)p});
}

/* --- life ---------------------------------------------------------------------------------------------- */

void node_start(struct world *w, int node) {
	static const char *const names[NODES_MAX] = {"r0", "r1", "r2", "r3", "r4"};
	struct node *n = &w->nodes[node];
	struct store_info info;
	disk_info(&n->disk, &info);
	const struct cell_config config = {
		.name = "cell",
		.replicas = names,
		.replica_count = w->n,
		.self = node,
		.sync = w->sync,
		.copies = w->k,
		.availability = w->availability,
		.heartbeat_ns = MS(20),
		.seal_wait_ns = MS(200),
		.rank_delay_ns = MS(150),
		.degrade_after_ns = MS(1000),
		.window_bytes = 4096,
		.apply_pause_ns = MS(50),
		.apply_bytes = 4096,
		.inflight_bytes = 1 << 20,
		.failsafe = w->failsafe ? coord_terms() : (struct lease_terms){0},
		.lookup = disk_lookup,
		.arg = &n->disk,
	};
	n->running = true;
	n->life++;
	n->tick_at_ns = UINT64_MAX;
	n->flush_due = n->placing = false;
	n->core = cell_new(&config, &info);
	world_say(w, "node %d starts at seq %llu", node, (unsigned long long)info.last.seq);
	coord_join(w, node);
}

void node_crash(struct world *w, int node, bool power) {
	struct node *n = &w->nodes[node];
	if (!n->running) return;
	world_say(w, "node %d %s", node, power ? "loses power" : "is killed");
	n->running = n->paused = false;
	n->life++;
	disk_crash(w, node, power);
	for (int i = 0; i < NODES_MAX; i++) export_end(&n->exports[i]);
	cell_free(n->core);
	n->core = NULL;
	n->lease_until_ns = 0;
	world_resume(w, node); /* to drop what was deferred */
	net_node_gone(w, node);
	load_node_gone(w, node);
	coord_node_gone(w, node, !power && world_chance(w, 50));
}

void node_freeze(struct world *w, int node, bool frozen) {
	struct node *n = &w->nodes[node];
	if (frozen == n->frozen) return;
	if (frozen) {
		n->frozen_at_ns = w->now_ns;
		w->clocks_lied = true;
	} else {
		n->clock_offset_ns -= w->now_ns - n->frozen_at_ns;
	}
	n->frozen = frozen;
}
