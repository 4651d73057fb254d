/* Clients: each wants one thing at a time, from the region next to it, and tries again as a
 * careful program would: what may have happened is repeated only under an idempotency key. */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"

const char *const call_kind_names[CALL_KINDS] = {"read",   "put", "delete", "swap",
                                                 "create", "add", "pair",   "read pair"};
const char *const level_names[LEVELS] = {"strong", "session", "bounded", "eventual"};
static const uint64_t PATIENCE_NS = MS(700), GIVE_UP_NS = MS(4000);

struct session { /* of one client with one cell */
	uint64_t epoch, seq;
	/* what it last read of each key, to swap it */
	int64_t value[KEYS];
	uint64_t version_epoch[KEYS], version_seq[KEYS];
};
struct client {
	struct world *w;
	int number, region;
	struct call *call; /* NULL: it thinks */
	bool waits;        /* for an answer; else, with a call, to try again */
	struct ask *ask;   /* NULL: it waits in vain */
	bool home_only;
	int hint; /* where the home may be, -1 */
	struct io_timer *next, *patience;
	struct session sessions[CELLS];
};

void call_text(const struct world *w, const struct call *c, char out[240]) {
	static const char *const ends[] = {"open", "done", "refused", "unknown",
	                                   "nothing happened"};
	bool read = c->kind == CALL_READ || c->kind == CALL_PAIR_READ;
	int len = snprintf(out, 240, "#%d client %d %s k%d%s%s", c->id, c->client,
	                   call_kind_names[c->kind], c->key, read ? " " : "",
	                   read ? level_names[c->level] : "");
	snprintf(out + len, 240 - (size_t)len,
	         ": %s, value %lld, expects %lld, record %llu/%llu, snapshot %llu/%llu, token "
	         "%llu/%llu, %.3f to %.3f ms at %s",
	         ends[c->end], (long long)c->value, (long long)c->expect,
	         (unsigned long long)c->epoch, (unsigned long long)c->seq,
	         (unsigned long long)c->at_epoch, (unsigned long long)c->at_seq,
	         (unsigned long long)c->token_epoch, (unsigned long long)c->token_seq,
	         (double)c->call_ns / 1e6, (double)c->return_ns / 1e6, regions[c->node]);
}

static bool is_read(const struct call *c) {
	return c->kind == CALL_READ || c->kind == CALL_PAIR_READ;
}

/* --- what it wants -------------------------------------------------------------------------- */

static void think(struct client *k) {
	uint64_t most = k->number % 2 ? MS(50) : MS(25);
	if (k->w->options.seed % 3) most *= 5; /* a crowd in each third */
	io_timer_start(k->next, US(500) + world_random(k->w, most));
}

static void choose(struct client *k, struct call *c) {
	struct world *w = k->w;
	static const enum call_kind mix[] = {
		CALL_READ, CALL_READ, CALL_READ,   CALL_READ, CALL_PUT,  CALL_PUT,
		CALL_PUT,  CALL_SWAP, CALL_DELETE, CALL_ADD,  CALL_PAIR, CALL_PAIR_READ,
	};
	static const uint64_t bounds[] = {MS(100), MS(500), MS(2000)};
	c->kind = mix[world_random(w, sizeof mix / sizeof *mix)];
	if (c->kind == CALL_SWAP && world_random(w, 3) == 0) c->kind = CALL_CREATE;
	c->key = (int)world_random(w, REGISTERS);
	if (c->kind == CALL_ADD || (c->kind == CALL_READ && world_random(w, 8) == 0))
		c->key = REGISTERS + (int)world_random(w, COUNTERS);
	if (c->kind == CALL_PAIR || c->kind == CALL_PAIR_READ) c->key = PAIR;
	c->level = (enum level)world_random(w, LEVELS + 2);
	if (c->level >= LEVELS) c->level = LEVEL_STRONG;
	c->bound_ns = bounds[world_random(w, 3)];
	/* Deletes and adds carry a key so that their records name them. */
	c->with_key = c->kind == CALL_DELETE || c->kind == CALL_ADD || world_random(w, 3) != 0;
	c->value = c->kind == CALL_DELETE || is_read(c) || c->kind == CALL_ADD ? 0 : c->id;
	if (c->kind == CALL_SWAP) {
		const struct session *s = &k->sessions[c->cell];
		c->expect = s->value[c->key];
		c->expect_epoch = s->version_epoch[c->key];
		c->expect_seq = s->version_seq[c->key];
	}
}

static struct call *want(struct client *k) {
	struct world *w = k->w;
	if (w->call_count + 1 >= CALLS_MAX) return NULL;
	struct call *c = &w->calls[++w->call_count]; /* number 0 is nobody's */
	*c = (struct call){.id = w->call_count,
	                   .client = k->number,
	                   .cell = (int)world_random(w, CELLS),
	                   .call_ns = world_now(w)};
	c->until_ns = c->call_ns + GIVE_UP_NS;
	choose(k, c);
	return c;
}

/* --- where to --------------------------------------------------------------------------------- */

/* The node next to it says who is home, if it can. */
static int believed_home(struct client *k, int cell) {
	struct world *w = k->w;
	const struct node *near = &w->node[k->region];
	if (near->io && !near->doomed && !near->paused) {
		struct host_cell_state s;
		host_cell_state(near->host, cell, &s);
		if (s.home >= 0 && s.active) return s.home;
	}
	const struct placing *p = &w->cell[cell];
	return p->replicas[world_random(w, (uint64_t)p->replica_count)];
}

static int choose_node(struct client *k) {
	struct world *w = k->w;
	const struct call *c = k->call;
	const struct placing *p = &w->cell[c->cell];
	bool home = k->home_only || !is_read(c) || c->level == LEVEL_STRONG;
	if (home && world_random(w, 8)) return believed_home(k, c->cell);
	if (!home && cell_at(w, c->cell, k->region) && world_random(w, 2)) return k->region;
	return p->replicas[world_random(w, (uint64_t)p->replica_count)];
}

/* --- trying --------------------------------------------------------------------------------------- */

static void try_it(struct client *k) {
	struct call *c = k->call;
	const struct session *s = &k->sessions[c->cell];
	bool token = c->level == LEVEL_SESSION;
	c->tries++;
	k->ask = ask_send(k->w, c, k, k->region, choose_node(k), k->home_only, token ? s->epoch : 0,
	                  token ? s->seq : 0, PATIENCE_NS);
	k->waits = true;
	io_timer_start(k->patience, PATIENCE_NS);
}

static void finish(struct client *k, enum call_end end) {
	struct world *w = k->w;
	struct call *c = k->call;
	c->end = end;
	c->return_ns = world_now(w);
	w->counts.acked += end == CALL_DONE && !is_read(c);
	w->counts.reads += end == CALL_DONE && is_read(c);
	w->counts.unknown += end == CALL_UNKNOWN;
	w->counts.refused += end == CALL_REFUSED;
	if (w->options.tell) {
		char text[240];
		call_text(w, c, text);
		world_tell(w, k->region, c->cell, "%s", text);
	}
	k->call = NULL;
	k->home_only = false;
	think(k);
}

/* Nothing can be known from here on. */
static void give_up(struct client *k) {
	struct call *c = k->call;
	finish(k, !is_read(c) && c->clouded ? CALL_UNKNOWN : CALL_NOTHING);
}

static void again(struct client *k) {
	if (world_now(k->w) >= k->call->until_ns) return give_up(k);
	io_timer_start(k->next, MS(2) + world_random(k->w, MS(40)));
}

static void on_next(void *arg) {
	struct client *k = arg;
	if (k->call) return try_it(k);
	if (k->w->load_over) return;
	k->call = want(k);
	if (!k->call) return;
	try_it(k);
}

static void clouded(struct client *k) {
	struct call *c = k->call;
	if (is_read(c)) return again(k);
	c->clouded = true;
	if (!c->with_key) return give_up(k);
	again(k);
}

static void stop_waiting(struct client *k) {
	k->ask = NULL;
	k->waits = false;
	io_timer_stop(k->patience);
}

void load_lost(struct client *k) {
	ASSERT(k->waits);
	k->ask = NULL;
}

static void on_patience_over(void *arg) {
	struct client *k = arg;
	if (k->ask) k->ask->client = NULL;
	k->ask = NULL;
	k->waits = false;
	clouded(k);
}

/* --- answers ------------------------------------------------------------------------------------------ */

static void see(struct session *s, uint64_t epoch, uint64_t seq) {
	s->epoch = epoch;
	s->seq = seq;
}

static void got_read(struct client *k, const struct ask *a) {
	struct call *c = k->call;
	struct session *s = &k->sessions[c->cell];
	c->value = a->got[0];
	c->epoch = a->version_epoch;
	c->seq = a->version_seq;
	c->at_epoch = a->at.epoch;
	c->at_seq = a->at.seq;
	c->asked_ns = a->sent_ns;
	c->token_epoch = a->token_epoch;
	c->token_seq = a->token_seq;
	c->node = a->to;
	if (c->kind == CALL_PAIR_READ && a->got[0] != a->got[1])
		world_fail(k->w,
		           "a transaction is seen in half: call %d reads %lld and %lld in one "
		           "snapshot at %llu/%llu",
		           c->id, (long long)a->got[0], (long long)a->got[1],
		           (unsigned long long)a->at.epoch, (unsigned long long)a->at.seq);
	if (c->kind == CALL_READ) {
		s->value[c->key] = c->value;
		s->version_epoch[c->key] = c->epoch;
		s->version_seq[c->key] = c->seq;
	}
	if (c->level == LEVEL_SESSION) see(s, a->at.epoch, a->at.seq);
	finish(k, CALL_DONE);
}

static void got_write(struct client *k, const struct ask *a) {
	struct call *c = k->call;
	c->epoch = a->p.epoch;
	c->seq = a->p.seq;
	c->asked_ns = a->sent_ns;
	c->node = a->to;
	if (c->kind == CALL_ADD) c->value = a->add.result;
	see(&k->sessions[c->cell], c->epoch, c->seq);
	check_acked(k->w, c, a->to);
	finish(k, CALL_DONE);
}

void load_answered(struct client *k, struct ask *a) {
	struct call *c = k->call;
	ASSERT(k->ask == a && c == a->call);
	stop_waiting(k);
	switch (a->err) {
	case ERR_OK:
		if (is_read(c)) return got_read(k, a);
		return got_write(k, a);
	case ERR_PRECONDITION:
		/* An earlier try may come yet, and then the condition may hold. */
		return c->clouded ? give_up(k) : finish(k, CALL_REFUSED);
	case ERR_DIVERGED:
		k->sessions[c->cell].epoch = k->sessions[c->cell].seq = 0;
		return finish(k, CALL_NOTHING);
	case ERR_OUTCOME_UNKNOWN: return clouded(k);
	case ERR_NOT_HOME: k->home_only = true; return again(k);
	case ERR_CLOSED:
	case ERR_UNAVAILABLE:
	case ERR_OVERLOADED:
	case ERR_NO_SPACE:
	case ERR_FENCED:
	case ERR_DEADLINE: return again(k);
	default:
		world_fail(k->w, "call %d is answered by %s: %s", c->id, regions[a->to],
		           err_name(a->err));
	}
}

/* What was there is gone with the process, or was it done? The client's connection breaks. */
void load_node_gone(struct world *w, int node) {
	LIST_EACH (&w->asks, n) {
		struct ask *a = CONTAINER_OF(n, struct ask, node);
		if (!a->there || a->to != node) continue;
		struct client *k = a->client;
		ask_free(a);
		if (!k) continue;
		stop_waiting(k);
		clouded(k);
	}
}

/* --- all of them ------------------------------------------------------------------------------------------ */

void load_init(struct world *w) {
	w->clients = calloc(CLIENTS, sizeof *w->clients);
	ASSERT(w->clients);
	for (int i = 0; i < CLIENTS; i++) {
		struct client *k = &w->clients[i];
		*k = (struct client){.w = w, .number = i, .region = i % NODES};
		k->next = io_timer_new(w->outside, on_next, k);
		k->patience = io_timer_new(w->outside, on_patience_over, k);
	}
}

void load_start(struct world *w) {
	for (int i = 0; i < CLIENTS; i++) think(&w->clients[i]);
}

bool load_idle(const struct world *w) {
	for (int i = 0; i < CLIENTS; i++)
		if (w->clients[i].call) return false;
	return list_empty(&w->asks);
}

void load_done(struct world *w) {
	LIST_EACH (&w->asks, n) ask_free(CONTAINER_OF(n, struct ask, node));
	for (int i = 0; i < CLIENTS; i++) {
		io_timer_free(w->clients[i].next);
		io_timer_free(w->clients[i].patience);
	}
	free(w->clients);
}
