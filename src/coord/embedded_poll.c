/* What the embedded driver looks at every poll: has the table moved, has a node's life, has
 * a process died? Then answers, watches and on_node. Runs on the loop, never waits. */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/log.h"
#include "coord/embedded_private.h"

static void check_place(struct embedded *c) {
	bool misplaced = !coord_file_in_place(&c->file);
	if (misplaced == c->misplaced) return;
	c->misplaced = misplaced;
	if (misplaced)
		LOG(LOG_ERROR, "coord",
		    "the coordination file was removed, replaced or cut: nothing can be decided "
		    "and "
		    "leases run out; put it back, or stop all nodes of this machine and start them",
		    {"path", c->file.path});
	else
		LOG(LOG_WARN, "coord", "the coordination file is back", {"path", c->file.path});
}

/* --- the table ------------------------------------------------------------------------ */

static void refresh_table(struct embedded *c) {
	const _Atomic uint64_t *synced = &c->file.shared->header.synced;
	uint64_t word = atomic_load(synced);
	if (word == c->table_word && !c->table_err) return;
	struct table t = {0};
	enum err e = ERR_CORRUPT, before = c->table_err;
	for (int i = 0; i < EMBEDDED_LOAD_TRIES && e == ERR_CORRUPT; i++) {
		word = atomic_load(synced);
		e = coord_file_load(&c->file, word, &t);
		if (e == ERR_CORRUPT && atomic_load(synced) == word) break;
	}
	c->table_err = e;
	if (e && e != before)
		LOG(LOG_ERROR, "coord", "the coordination file cannot be read",
		    {"path", c->file.path}, {"why", err_text(e)});
	if (e) return;
	table_done(&c->table);
	c->table = t;
	c->table_word = word;
}

static void tell_watch(struct embedded *c, struct watch *w) {
	uint64_t seen = w->seen;
	w->seen = c->table.revision;
	for (int i = 0; i < c->table.count && !c->closing; i++) {
		const struct table_entry *entry = &c->table.entries[i];
		if (entry->revision <= seen) continue;
		if (!slice_starts(entry->key, slice_str(w->prefix))) continue;
		char key[COORD_KEY_MAX + 1] = {0};
		memcpy(key, entry->key.ptr, entry->key.len);
		w->changed(w->arg, key, entry->value, entry->revision);
	}
}

static void answer_read(struct embedded *c, struct pending *p) {
	p->err = c->misplaced ? ERR_UNAVAILABLE : c->table_err;
	if (p->err) return;
	const struct table_entry *entry = table_find(&c->table, slice_str(p->key));
	p->revision = entry ? entry->revision : 0;
	p->op->value = entry ? entry->value : slice_of(NULL, 0);
}

static void answer_all(struct embedded *c) {
	struct list due;
	list_init(&due);
	for (struct list_node *n; (n = list_pop_front(&c->answers));) list_push_back(&due, n);
	while (!list_empty(&due)) {
		struct pending *p = CONTAINER_OF(list_pop_front(&due), struct pending, node);
		struct coord_op *op = p->op;
		if (!c->closing) {
			if (p->kind == PENDING_READ) answer_read(c, p);
			op->revision = p->revision;
		}
		enum err e = p->err;
		pending_free(p);
		if (!c->closing) op->done(op, e); /* closed in an earlier one: only memory goes */
	}
}

/* --- nodes ------------------------------------------------------------------------------ */

/* The file must be in its place. False: the slot was never used; later ones neither. */
static bool look(struct embedded *c, int slot) {
	struct known *k = &c->known[slot];
	if (!k->node.name[0]) {
		if (!coord_file_slot_named(&c->file, slot)) return false;
		memcpy(k->node.name, c->file.shared->slots[slot].name, sizeof k->node.name);
	}
	uint64_t life = atomic_load(&c->file.shared->slots[slot].life);
	uint32_t generation = (uint32_t)(life >> 32);
	if (generation != k->node.generation) k->node.proven_dead = false;
	k->node.generation = generation;
	k->node.beat = (uint32_t)life;
	return true;
}

bool embedded_node(struct embedded *c, const char *name, struct coord_node *out) {
	bool in_place = coord_file_in_place(&c->file);
	for (int i = 0; i < COORD_NODES_MAX; i++) {
		struct known *k = &c->known[i];
		if (in_place ? !look(c, i) : !k->node.name[0]) return false;
		if (strcmp(k->node.name, name) != 0) continue;
		*out = k->node;
		return true;
	}
	return false;
}

/* The life was read before the lock is asked for: whoever joined it held the lock then, so
 * if nobody holds it now, that life's process is gone. */
static void look_for_death(struct embedded *c, int slot) {
	struct coord_node *node = &c->known[slot].node;
	if (slot == c->file.self || node->beat == 0 || node->proven_dead) return;
	node->proven_dead = !coord_file_alive(&c->file, slot);
}

static void look_at_nodes(struct embedded *c) {
	for (int i = 0; i < COORD_NODES_MAX && !c->closing; i++) {
		struct known *k = &c->known[i];
		if (!look(c, i)) return;
		look_for_death(c, i);
		bool told = k->told_generation == k->node.generation &&
		            k->told_proven == k->node.proven_dead;
		if (told) continue;
		k->told_generation = k->node.generation;
		k->told_proven = k->node.proven_dead;
		if (c->on_node) c->on_node(c->on_node_arg, k->node.name);
	}
}

void embedded_tick(void *arg) {
	struct embedded *c = arg;
	check_place(c);
	if (!c->misplaced) refresh_table(c);
	c->calling++;
	answer_all(c);
	if (!c->misplaced) look_at_nodes(c);
	for (int i = 0; i < c->watch_count && !c->misplaced && !c->closing; i++)
		if (!c->table_err) tell_watch(c, &c->watches[i]);
	c->calling--;
	if (c->closing)
		embedded_release(c);
	else
		io_timer_start(c->timer, list_empty(&c->answers) ? c->poll_ns : 0);
}
