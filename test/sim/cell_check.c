/* What must hold (failover.md 3): A one content per (epoch, seq), one server per epoch;
 * B acknowledged sync writes are all there; C what an async cell lost is in quarantine;
 * D reads see what was acknowledged before them; G equal positions, equal state. */
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/parse.h"
#include "cell_world.h"

struct record_note {
	struct record_note *next;
	struct position at;
	uint64_t prev_epoch, prev_seq;
	int64_t write; /* -1: not a client's */
	bool quarantined, in_chain;
};
struct state_note {
	struct state_note *next;
	struct position at;
	uint64_t state_hash;
};
enum { NOTE_BUCKETS = 1 << 14 };
static const uint64_t seed[2] = {3, 4};

void check_init(struct world *w) {
	w->note_cap = NOTE_BUCKETS;
	w->notes = calloc(w->note_cap, sizeof *w->notes);
	map_init(&w->states, seed);
}

void check_done(struct world *w) {
	for (size_t i = 0; i < w->note_cap; i++)
		for (struct record_note *n = w->notes[i], *next; n; n = next) {
			next = n->next;
			free(n);
		}
	free(w->notes);
	for (struct state_note *s = w->state_list, *next; s; s = next) {
		next = s->next;
		free(s);
	}
	map_done(&w->states);
}

/* --- records --------------------------------------------------------------------------------- */

static struct record_note **note_place(const struct world *w, uint64_t epoch, uint64_t seq) {
	return &w->notes[mix64(epoch << 40 ^ seq) % w->note_cap];
}

static struct record_note *note_find(const struct world *w, uint64_t epoch, uint64_t seq) {
	struct record_note *n = *note_place(w, epoch, seq);
	while (n && (n->at.epoch != epoch || n->at.seq != seq)) n = n->next;
	return n;
}

/* The client's number is in the name of its idempotency key. */
static int64_t write_of(const struct record *r) {
	struct record_cursor c = record_cursor(r);
	struct op op;
	while (!record_next_op(&c, &op)) {
		struct slice key = op.key;
		if (key.len < 4 || key.ptr[1] != 0 || key.ptr[2] != 0) continue;
		uint64_t id;
		if (!parse_u64(slice_of(key.ptr + 4, key.len - 4), WRITES_MAX, &id))
			return (int64_t)id;
	}
	return -1;
}

void check_durable(struct world *w, int node, const struct record *r, const struct position *prev) {
	struct record_note *n = note_find(w, r->at.epoch, r->at.seq);
	if (n) {
		if (!position_eq(&n->at, &r->at))
			world_fail(
				w,
				"A: two records are (epoch %llu, seq %llu); node %d has the second",
				(unsigned long long)r->at.epoch, (unsigned long long)r->at.seq,
				node);
		return;
	}
	n = calloc(1, sizeof *n);
	n->at = r->at;
	n->prev_epoch = prev->epoch;
	n->prev_seq = prev->seq;
	n->write = write_of(r);
	struct record_note **place = note_place(w, r->at.epoch, r->at.seq);
	n->next = *place;
	*place = n;
}

bool check_is_write(const struct world *w, const struct position *at) {
	const struct record_note *n = note_find(w, at->epoch, at->seq);
	return n && n->write >= 0;
}

void check_quarantined(struct world *w, const struct record *r) {
	struct record_note *n = note_find(w, r->at.epoch, r->at.seq);
	if (n && !n->quarantined) w->quarantined++;
	if (n) n->quarantined = true;
}

void check_state(struct world *w, int node) {
	const struct view *v = &w->nodes[node].disk.view;
	struct slice key = slice_of(&v->at, sizeof v->at);
	struct state_note *s = map_get(&w->states, key);
	if (s) {
		if (s->state_hash != v->hash)
			world_fail(w, "G: node %d has another state at (epoch %llu, seq %llu)",
			           node, (unsigned long long)v->at.epoch,
			           (unsigned long long)v->at.seq);
		return;
	}
	s = calloc(1, sizeof *s);
	s->at = v->at;
	s->state_hash = v->hash;
	s->next = w->state_list;
	w->state_list = s;
	IGNORE(map_put(&w->states, slice_of(&s->at, sizeof s->at), s));
}

/* --- who serves --------------------------------------------------------------------------------- */

static bool serves(const struct world *w, int node, uint64_t *epoch) {
	const struct node *n = &w->nodes[node];
	if (!n->running) return false;
	struct cell_status s;
	uint64_t now = node_now(w, node);
	cell_status(n->core, now, &s);
	*epoch = s.epoch;
	return s.lease_until_ns > now;
}

void check_step(struct world *w, int node) {
	uint64_t epoch, other;
	if (!serves(w, node, &epoch)) return;
	int *server = &w->serving[epoch % 4096];
	if (*server && *server != node + 1)
		world_fail(w, "A: nodes %d and %d both serve epoch %llu", *server - 1, node,
		           (unsigned long long)epoch);
	*server = node + 1;
	for (int i = 0; i < w->n && !w->clocks_lied; i++)
		if (i != node && serves(w, i, &other))
			world_fail(w, "A: nodes %d and %d serve at once, epochs %llu and %llu",
			           node, i, (unsigned long long)epoch, (unsigned long long)other);
}

void check_reply(struct world *w, int node, const struct proposal *p) {
	if (p->err != ERR_OK || w->clocks_lied) return;
	/* By its copies' promises it may act on after that: then check_step says who else does. */
	if (w->failsafe) {
		w->went_on += node_now(w, node) >= w->nodes[node].lease_until_ns;
		return;
	}
	if (coord_is_expired(w, node, w->nodes[node].generation))
		world_fail(w, "D: node %d acknowledged seq %llu after it was deposed", node,
		           (unsigned long long)p->seq);
}

/* A strong read: the view's entry, then the lease. One that comes before the view has what
 * is committed says that it waits. */
void check_read(struct world *w, int node, int key) {
	uint64_t epoch;
	if (!serves(w, node, &epoch) || w->clocks_lied) return;
	struct cell_status s;
	cell_status(w->nodes[node].core, node_now(w, node), &s);
	if (s.applied.seq < s.committed) {
		const struct cell_event wanted = {.type = CELL_EV_WANTED, .seq = s.committed};
		return node_feed(w, node, &wanted);
	}
	char text[32];
	const struct view_entry *e = view_find(&w->nodes[node].disk.view, load_key(key, text));
	uint64_t seq = e ? e->seq : 0;
	bool comparable = w->sync || w->acked_epoch[key] == epoch;
	if (comparable && seq < w->acked_seq[key])
		world_fail(w,
		           "D: node %d at epoch %llu reads key %d of seq %llu, seq %llu was "
		           "acknowledged",
		           node, (unsigned long long)epoch, key, (unsigned long long)seq,
		           (unsigned long long)w->acked_seq[key]);
}

void check_acked(struct world *w, size_t id) {
	struct client_write *c = &w->writes[id];
	w->acks++;
	bool is_register = c->kind == WRITE_PUT || c->kind == WRITE_IF_VERSION;
	if (!is_register) return;
	/* An answer may come late: another write of the key was acknowledged meanwhile. */
	bool later = w->sync ? c->seq > w->acked_seq[c->key]
	                     : c->epoch > w->acked_epoch[c->key] ||
	                               (c->epoch == w->acked_epoch[c->key] &&
	                                c->seq > w->acked_seq[c->key]);
	if (!later) return;
	w->acked_seq[c->key] = c->seq;
	w->acked_epoch[c->key] = c->epoch;
}

/* --- the end ---------------------------------------------------------------------------------------- */

static int home_of(const struct world *w) {
	uint64_t epoch;
	for (int i = 0; i < w->n; i++)
		if (serves(w, i, &epoch)) return i;
	return -1;
}

bool check_converged(const struct world *w) {
	int home = home_of(w);
	if (home < 0 || w->outstanding) return false;
	const struct position *last = &w->nodes[home].disk.last;
	for (int i = 0; i < w->n; i++) {
		const struct disk *d = &w->nodes[i].disk;
		if (!position_eq(&d->last, last) || !position_eq(&d->view.at, last)) return false;
		if (d->writes.count || d->applies.count) return false;
	}
	struct cell_status s;
	cell_status(w->nodes[home].core, node_now(w, home), &s);
	return s.active && s.copies == (w->sync ? w->k : 1);
}

struct model {
	uint64_t epoch[KEYS], seq[KEYS];
	int64_t counters[COUNTERS];
};

static void model_take(struct world *w, struct model *m, const struct record_note *n,
                       uint8_t *seen) {
	if (n->write < 0) return;
	const struct client_write *c = &w->writes[n->write];
	if (seen[n->write]++)
		world_fail(w, "write %lld happened twice, the second time at seq %llu",
		           (long long)n->write, (unsigned long long)n->at.seq);
	if (c->kind == WRITE_ADD) m->counters[c->key]++;
	if (c->kind != WRITE_PUT && c->kind != WRITE_IF_VERSION) return;
	bool held = m->epoch[c->key] == c->expect_epoch && m->seq[c->key] == c->expect_seq;
	if (c->kind == WRITE_IF_VERSION && !held)
		world_fail(w, "write %lld at seq %llu: its condition did not hold there",
		           (long long)n->write, (unsigned long long)n->at.seq);
	m->epoch[c->key] = n->at.epoch;
	m->seq[c->key] = n->at.seq;
}

static void compare_view(struct world *w, const struct view *v, const struct model *m) {
	char text[32];
	for (int k = 0; k < KEYS; k++) {
		const struct view_entry *e = view_find(v, load_key(k, text));
		if ((e ? e->seq : 0) != m->seq[k] || (e ? e->epoch : 0) != m->epoch[k])
			world_fail(w, "key %d: the view is not what the log makes", k);
	}
	for (int k = 0; k < COUNTERS; k++) {
		const struct view_entry *e = view_find(v, load_counter(k, text));
		int64_t value = 0;
		if (e && parse_i64(slice_of(e->value, e->value_len), &value)) value = -1;
		if (value != m->counters[k])
			world_fail(w, "counter %d is %lld, %lld adds are in the log", k,
			           (long long)value, (long long)m->counters[k]);
	}
}

/* The final history, oldest first; NULL when it has a hole. */
static struct record_note **chain_of(struct world *w, const struct position *last) {
	struct record_note **chain = calloc(last->seq + 1, sizeof(struct record_note *));
	uint64_t epoch = last->epoch, seq = last->seq;
	while (seq) {
		struct record_note *n = note_find(w, epoch, seq);
		if (!n) {
			world_fail(w, "the history has a hole at seq %llu",
			           (unsigned long long)seq);
			break;
		}
		n->in_chain = true;
		chain[seq] = n;
		epoch = n->prev_epoch;
		seq = n->prev_seq;
	}
	return chain;
}

static void check_writes(struct world *w) {
	for (size_t i = 0; i < w->write_count; i++) {
		const struct client_write *c = &w->writes[i];
		if (!c->acked) continue;
		const struct record_note *n = note_find(w, c->epoch, c->seq);
		if (!n || n->write != (int64_t)i) {
			world_fail(w, "write %zu was acknowledged as another record", i);
		} else if (!n->in_chain && w->sync) {
			world_fail(w, "B: acknowledged write %zu (epoch %llu, seq %llu) is lost", i,
			           (unsigned long long)c->epoch, (unsigned long long)c->seq);
		} else if (!n->in_chain && !n->quarantined) {
			world_fail(w,
			           "C: acknowledged write %zu (epoch %llu, seq %llu) is lost and "
			           "not in quarantine",
			           i, (unsigned long long)c->epoch, (unsigned long long)c->seq);
		}
	}
}

void check_end(struct world *w) {
	int home = home_of(w);
	const struct disk *d = &w->nodes[home].disk;
	struct record_note **chain = chain_of(w, &d->last);
	uint8_t *seen = calloc(w->write_count + 1, 1);
	struct model m = {0};
	for (uint64_t seq = 1; seq <= d->last.seq && !w->failed; seq++)
		model_take(w, &m, chain[seq], seen);
	if (!w->failed) check_writes(w);
	if (!w->failed) compare_view(w, &d->view, &m);
	for (int i = 0; i < w->n; i++)
		if (w->nodes[i].disk.view.hash != d->view.hash)
			world_fail(w, "G: node %d ends with another state", i);
	free(seen);
	free(chain);
}
