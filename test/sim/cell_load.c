/* Clients: registers, counters, conditions; every write carries an idempotency key and is
 * tried again elsewhere until it is answered or given up. */
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/list.h"
#include "cell_world.h"

enum { TRIES_MAX = 60, OUTSTANDING_MAX = 48, WRITE_AT = 4 };

struct wire {
	struct proposal p;
	struct condition condition;
	struct op op;
	struct bounded_add add;
	char key[32], idem[32], value[32];
};

static struct slice key_make(char out[32], const char *domain, const char *name, size_t number) {
	int len = snprintf(out, 32, "t%c%s%c%s%zu", 0, domain, 0, name, number);
	return slice_of(out, (size_t)len);
}

struct slice load_key(int key, char out[32]) {
	return key_make(out, "d", "k", (size_t)key);
}
struct slice load_counter(int key, char out[32]) {
	return key_make(out, "d", "c", (size_t)key);
}
struct slice load_idem(size_t id, char out[32]) {
	return key_make(out, "", "i", id);
}

static struct proposal *wire_make(struct world *w, size_t id) {
	const struct client_write *c = &w->writes[id];
	struct wire *x = calloc(1, sizeof *x);
	struct proposal *p = &x->p;
	struct slice key = c->kind == WRITE_ADD         ? load_counter(c->key, x->key)
	                   : c->kind == WRITE_IF_ABSENT ? key_make(x->key, "d", "u", (size_t)c->key)
	                                                : load_key(c->key, x->key);
	x->condition = (struct condition){.kind = c->kind == WRITE_IF_ABSENT ? CONDITION_ABSENT
	                                                                     : CONDITION_VERSION,
	                                  .key = key,
	                                  .epoch = c->expect_epoch,
	                                  .seq = c->expect_seq};
	if (c->kind == WRITE_IF_VERSION && !c->expect_seq) x->condition.kind = CONDITION_ABSENT;
	p->conditions = &x->condition;
	p->condition_count = c->kind == WRITE_IF_ABSENT || c->kind == WRITE_IF_VERSION;
	int len = snprintf(x->value, sizeof x->value, "v%zu", id);
	x->op = (struct op){.type = OP_PUT, .key = key, .value = slice_of(x->value, (size_t)len)};
	x->add = (struct bounded_add){.key = key, .delta = 1, .min = 0, .max = 1000000};
	p->ops = &x->op;
	p->op_count = c->kind != WRITE_ADD;
	p->adds = &x->add;
	p->add_count = c->kind == WRITE_ADD;
	p->idem_key = load_idem(id, x->idem);
	for (int i = 0; i < 4; i++) {
		uint64_t part = mix64(id * 4 + (size_t)i);
		memcpy(p->fingerprint + 8 * i, &part, 8);
	}
	p->idem_expires_ms = world_wall_ms(w) + 3600000;
	p->private[WRITE_AT] = (void *)(uintptr_t)id;
	return p;
}

/* --- trying -------------------------------------------------------------------------------------- */

static int node_pick(struct world *w) {
	if (world_chance(w, 75) && w->revision)
		for (int i = 0; i < w->n; i++)
			if (w->placement.home[1] == '0' + i && w->nodes[i].running) return i;
	return (int)world_random(w, (uint64_t)w->n);
}

static void try_again(struct world *w, const struct happening *h);

static void later(struct world *w, size_t id) {
	struct client_write *c = &w->writes[id];
	c->p = NULL;
	if (++c->tries > TRIES_MAX) {
		c->state = CLIENT_DONE;
		w->outstanding--;
		return;
	}
	world_at(w, world_between(w, MS(3), MS(60)),
	         (struct happening){.node = -1, .fn = try_again, .x = id});
}

static void try_again(struct world *w, const struct happening *h) {
	size_t id = h->x;
	struct client_write *c = &w->writes[id];
	int node = node_pick(w);
	struct node *n = &w->nodes[node];
	if (!n->running) return later(w, id);
	c->node = node;
	c->life = n->life;
	c->p = wire_make(w, id);
	node_propose(w, node, c->p);
}

/* The client gives up waiting sometimes, and asks elsewhere: the first try goes on. */
void load_answered(struct world *w, int node, struct proposal *p) {
	size_t id = (size_t)(uintptr_t)p->private[WRITE_AT];
	struct client_write *c = &w->writes[id];
	enum err err = p->err;
	if (err == ERR_OK) {
		if (c->acked && (c->epoch != p->epoch || c->seq != p->seq))
			world_fail(w, "write %zu was answered with two versions", id);
		c->acked = true;
		c->epoch = p->epoch;
		c->seq = p->seq;
		if (c->kind == WRITE_ADD && p->adds[0].result < 1)
			world_fail(w, "write %zu: an add without its result", id);
		check_acked(w, id);
	}
	free(CONTAINER_OF(p, struct wire, p));
	switch (err) {
	case ERR_OK:
	case ERR_PRECONDITION:
		c->p = NULL;
		c->state = CLIENT_DONE;
		w->outstanding--;
		return;
	case ERR_NOT_HOME:
	case ERR_OUTCOME_UNKNOWN:
	case ERR_OVERLOADED:
	case ERR_NO_SPACE:
	case ERR_FENCED:
	case ERR_DEADLINE: return later(w, id);
	default: world_fail(w, "write %zu at node %d: %s", id, node, err_name(err));
	}
}

void load_node_gone(struct world *w, int node) {
	for (size_t i = 0; i < w->write_count; i++) {
		struct client_write *c = &w->writes[i];
		if (!c->p || c->node != node) continue;
		free(CONTAINER_OF(c->p, struct wire, p));
		later(w, i);
	}
}

/* --- a stream of writes ------------------------------------------------------------------------------ */

static void write_new(struct world *w) {
	if (w->write_count == WRITES_MAX || w->outstanding >= OUTSTANDING_MAX) return;
	size_t id = w->write_count++;
	struct client_write *c = &w->writes[id];
	*c = (struct client_write){.kind = (enum write_kind)world_random(w, 4)};
	c->key = (int)world_random(w, c->kind == WRITE_ADD ? COUNTERS : KEYS);
	if (c->kind == WRITE_IF_ABSENT) c->key = (int)(id / 3);
	if (c->kind == WRITE_IF_VERSION) {
		c->expect_epoch = w->acked_epoch[c->key];
		c->expect_seq = w->acked_seq[c->key];
	}
	w->outstanding++;
	struct happening h = {.node = -1, .fn = try_again, .x = id};
	world_at(w, world_random(w, MS(1)), h);
}

static void more(struct world *w, const struct happening *h) {
	if (w->load_over) return;
	int burst = world_chance(w, 10) ? 8 : 1;
	for (int i = 0; i < burst; i++) write_new(w);
	for (int i = 0; i < 2; i++)
		check_read(w, (int)world_random(w, (uint64_t)w->n), (int)world_random(w, KEYS));
	world_at(w, world_between(w, MS(1), MS(12)), (struct happening){.node = -1, .fn = more});
}

void load_init(struct world *w) {
	w->writes = calloc(WRITES_MAX, sizeof *w->writes);
}

void load_start(struct world *w) {
	world_at(w, MS(20), (struct happening){.node = -1, .fn = more});
}

void load_done(struct world *w) {
	for (size_t i = 0; i < w->write_count; i++)
		if (w->writes[i].p) free(CONTAINER_OF(w->writes[i].p, struct wire, p));
	free(w->writes);
}
