/* One try of a call: it travels to a node, is served there as an edge serves it (edge/read.c,
 * edge/write.c), and the answer travels back. What crosses a cut is lost. */
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/parse.h"
#include "load.h"
#include "past.h"
#include "spy.h"

static const uint64_t TOKEN_WAIT_NS = MS(250), IDEM_MS = 400ull * 24 * 3600 * 1000;
enum { FLOOR_WAITS = 4 };

static void serve_read(struct ask *a);

/* --- travelling ------------------------------------------------------------------------------ */

static uint64_t travel_ns(struct world *w) {
	return US(200) + world_random(w, MS(3));
}

void ask_free(struct ask *a) {
	list_remove(&a->w->asks, &a->node);
	io_timer_free(a->travel);
	io_timer_free(a->pause);
	free(a);
}

static void ask_lost(struct ask *a) {
	if (a->client) load_lost(a->client);
	ask_free(a);
}

static void on_back(void *arg) {
	struct ask *a = arg;
	if (!reaches(a->w, a->to, a->from)) return ask_lost(a);
	if (a->client) load_answered(a->client, a);
	ask_free(a);
}

static void go_back(struct ask *a, enum err err) {
	a->err = err;
	a->there = false;
	io_timer_stop(a->travel);
	io_timer_free(a->travel);
	a->travel = io_timer_new(a->w->outside, on_back, a);
	io_timer_start(a->travel, travel_ns(a->w));
}

static struct node *node_of(struct ask *a) {
	return &a->w->node[a->to];
}

/* --- writing --------------------------------------------------------------------------------------- */

static void on_proposed(struct proposal *p) {
	struct ask *a = CONTAINER_OF(p, struct ask, p);
	if (p->err == ERR_OK) check_reply(a->w, a->call, a->to);
	go_back(a, p->err);
}

static void add_op(struct ask *a, int slot, int key, enum op_type type) {
	const struct call *c = a->call;
	size_t len = past_key(c->cell, key, a->keys[slot]);
	int value = snprintf(a->value, sizeof a->value, "%d", c->id);
	a->ops[slot] = (struct op){.type = type, .key = slice_of(a->keys[slot], len)};
	if (type == OP_PUT) a->ops[slot].value = slice_of(a->value, (size_t)value);
	a->p.op_count = slot + 1;
}

static void make_add(struct ask *a) {
	const struct call *c = a->call;
	size_t len = past_key(c->cell, c->key, a->keys[0]);
	a->add = (struct bounded_add){
		.key = slice_of(a->keys[0], len), .delta = c->id % 3 ? 1 : -1, .min = 0, .max = 20};
	a->p.adds = &a->add;
	a->p.add_count = 1;
}

static void make_condition(struct ask *a) {
	const struct call *c = a->call;
	bool absent = c->kind == CALL_CREATE || c->expect == 0;
	a->condition = (struct condition){.kind = absent ? CONDITION_ABSENT : CONDITION_VERSION,
	                                  .key = a->ops[0].key,
	                                  .epoch = c->expect_epoch,
	                                  .seq = c->expect_seq};
	a->p.conditions = &a->condition;
	a->p.condition_count = 1;
}

static void make_proposal(struct ask *a) {
	const struct call *c = a->call;
	a->p.ops = a->ops;
	a->p.done = on_proposed;
	a->p.deadline_ns = a->deadline_ns;
	if (c->kind == CALL_ADD)
		make_add(a);
	else
		add_op(a, 0, c->key, c->kind == CALL_DELETE ? OP_DELETE : OP_PUT);
	if (c->kind == CALL_PAIR) add_op(a, 1, c->key + 1, OP_PUT);
	if (c->kind == CALL_SWAP || c->kind == CALL_CREATE) make_condition(a);
	if (!c->with_key) return;
	a->p.idem_key = slice_of(a->idem, past_idem_key(c->cell, c->id, a->idem));
	a->p.idem_expires_ms = io_wall_ms(node_of(a)->io) + IDEM_MS;
	for (int i = 0; i < 4; i++) {
		uint64_t part = mix64((uint64_t)c->id * 4 + (uint64_t)i);
		memcpy(a->p.fingerprint + 8 * i, &part, 8);
	}
}

/* --- reading ------------------------------------------------------------------------------------------ */

static bool is_home(const struct host_cell_state *s, uint64_t now_ns) {
	return s->is_home && now_ns < s->lease_until_ns;
}

static void on_reached(struct io_post *post) {
	struct host_wait *wait = CONTAINER_OF(post, struct host_wait, post);
	struct ask *a = CONTAINER_OF(wait, struct ask, wait);
	if (io_now_ns(node_of(a)->io) >= a->deadline_ns) return go_back(a, ERR_DEADLINE);
	serve_read(a);
}

static void wait_for(struct ask *a, uint64_t seq, uint64_t until_ns) {
	a->wait.post.fn = on_reached;
	a->wait.reply_to = node_of(a)->io;
	a->wait.seq = seq;
	a->wait.deadline_ns = until_ns < a->deadline_ns ? until_ns : a->deadline_ns;
	host_wait_applied(node_of(a)->host, a->call->cell, &a->wait);
}

static void take_value(struct ask *a, int slot, const struct entry *e) {
	int64_t value;
	if (parse_i64(e->value, &value) != ERR_OK) value = -1;
	a->got[slot] = value;
	a->version_epoch = e->epoch;
	a->version_seq = e->seq;
}

/* Later, in a turn of its own: whatever stops this node may stop it between the two. */
static void on_pause_over(void *arg) {
	struct ask *a = arg;
	struct node *n = node_of(a);
	struct host_cell_state s;
	host_cell_state(n->host, a->call->cell, &s);
	if (a->at.seq < a->floor_seq) {
		if (a->waits++ >= FLOOR_WAITS) return go_back(a, ERR_UNAVAILABLE);
		return wait_for(a, a->floor_seq, UINT64_MAX);
	}
	if (a->at.seq > s.committed_seq) return go_back(a, ERR_NOT_HOME);
	bool still = is_home(&s, io_now_ns(n->io)) && s.epoch == a->at.epoch;
	if (a->call->level == LEVEL_STRONG && !still) return go_back(a, ERR_NOT_HOME);
	if (a->call->level == LEVEL_SESSION && a->at.seq < a->token_seq)
		return go_back(a, ERR_NOT_HOME);
	go_back(a, ERR_OK);
}

static void pause_then_check(struct ask *a) {
	if (!a->pause) a->pause = io_timer_new(node_of(a)->io, on_pause_over, a);
	io_timer_start(a->pause, world_random(a->w, 8) ? US(20) : US(500));
}

static void on_entry(void *arg, enum err err, const struct entry *e, const struct position *at) {
	struct ask *a = arg;
	a->got[0] = 0;
	a->at = *at;
	if (err == ERR_OK) take_value(a, 0, e);
	a->err = err == ERR_NOT_FOUND ? ERR_OK : err;
}

static bool on_scanned(void *arg, struct slice key, const struct entry *e) {
	struct ask *a = arg;
	int k = past_key_parse(a->call->cell, key);
	if (k >= PAIR && k <= PAIR + 1) take_value(a, k - PAIR, e);
	return true;
}

static void look(struct ask *a) {
	const struct call *c = a->call;
	struct node *n = node_of(a);
	const struct store_ops *ops = host_store(n->host, c->cell)->ops;
	char key[KEY_BYTES], after[KEY_BYTES];
	a->got[0] = a->got[1] = 0;
	if (c->kind == CALL_PAIR_READ) {
		size_t len = past_key(c->cell, PAIR, key) - 1;
		struct store_scan scan = {
			.prefix = slice_of(key, len),
			.after = slice_of(after, past_key(c->cell, PAIR - 1, after)),
			.each = on_scanned,
			.arg = a};
		a->err = ops->scan(n->reader[c->cell], &scan, &a->at);
	} else {
		ops->get(n->reader[c->cell], slice_of(key, past_key(c->cell, c->key, key)),
		         on_entry, a);
	}
	if (a->err) return go_back(a, a->err == ERR_UNAVAILABLE ? ERR_NOT_HOME : a->err);
	pause_then_check(a);
}

/* Good enough here? false: answered, or on its way again. */
static bool session_ready(struct ask *a, const struct host_cell_state *s, uint64_t now_ns) {
	if (a->call->level != LEVEL_SESSION || !a->token_seq) return true;
	switch (host_history_check(node_of(a)->host, a->call->cell, a->token_epoch, a->token_seq)) {
	case ERR_OK: return true;
	case ERR_DIVERGED: go_back(a, ERR_DIVERGED); return false;
	default: break;
	}
	if (a->floor_seq >= a->token_seq && a->floor_epoch == a->token_epoch) return true;
	if (a->token_waited || s->is_home) {
		go_back(a, ERR_NOT_HOME);
	} else {
		a->token_waited = true;
		wait_for(a, a->token_seq, now_ns + TOKEN_WAIT_NS);
	}
	return false;
}

static void serve_read(struct ask *a) {
	struct node *n = node_of(a);
	const struct call *c = a->call;
	struct host_cell_state s;
	uint64_t now_ns = io_now_ns(n->io);
	host_cell_state(n->host, c->cell, &s);
	if ((c->level == LEVEL_STRONG || a->home_only) && !is_home(&s, now_ns))
		return go_back(a, ERR_NOT_HOME);
	if (c->level != LEVEL_EVENTUAL && s.is_home &&
	    !(a->floor_seq && a->floor_epoch == s.epoch)) {
		a->floor_epoch = s.epoch;
		a->floor_seq = s.committed_seq;
	}
	if (c->level == LEVEL_BOUNDED && !is_home(&s, now_ns) &&
	    (!s.fresh_at_ns || now_ns - s.fresh_at_ns > c->bound_ns))
		return go_back(a, ERR_NOT_HOME);
	if (!session_ready(a, &s, now_ns)) return;
	look(a);
}

/* --- there ----------------------------------------------------------------------------------------- */

static bool is_read(const struct call *c) {
	return c->kind == CALL_READ || c->kind == CALL_PAIR_READ;
}

static void on_arrived(struct io_post *post) {
	struct ask *a = CONTAINER_OF(post, struct ask, post);
	struct node *n = node_of(a);
	/* What the client allows counts from when it sent it: the header says how long. */
	a->deadline_ns = io_now_ns(n->io) + a->deadline_ns;
	if (!n->spy[a->call->cell]) return go_back(a, ERR_NOT_HOME); /* no copy here */
	if (is_read(a->call)) return serve_read(a);
	make_proposal(a);
	host_propose(n->host, a->call->cell, &a->p, n->io);
}

static void on_there(void *arg) {
	struct ask *a = arg;
	struct node *n = node_of(a);
	if (!reaches(a->w, a->from, a->to)) return ask_lost(a);
	if (!n->io || n->doomed) return go_back(a, ERR_CLOSED); /* refused: nothing happened */
	a->there = true;
	a->life = n->life;
	a->post.fn = on_arrived;
	io_post(n->io, &a->post);
}

struct ask *ask_send(struct world *w, struct call *c, struct client *client, int from, int to,
                     bool home_only, uint64_t token_epoch, uint64_t token_seq,
                     uint64_t patience_ns) {
	struct ask *a = calloc(1, sizeof *a);
	ASSERT(a);
	*a = (struct ask){.w = w,
	                  .call = c,
	                  .client = client,
	                  .from = from,
	                  .to = to,
	                  .home_only = home_only,
	                  .token_epoch = token_epoch,
	                  .token_seq = token_seq,
	                  .deadline_ns = patience_ns,
	                  .sent_ns = world_now(w)};
	list_push_back(&w->asks, &a->node);
	a->travel = io_timer_new(w->outside, on_there, a);
	io_timer_start(a->travel, travel_ns(w));
	return a;
}
