/* The operations of coord.h. Each that changes something is the same thing: a compare-and-put
 * with a mark of its own. Did it not happen, the answer has the entry as it is, and the kind of
 * operation says what follows: somebody else's change, or another try on top of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "coord/etcd_private.h"

enum kind { PUT, READ, JOIN, BEAT, EXPIRE };
#define NO_REVISION ((uint64_t)INT64_MAX) /* no entry has it: only looks */

struct etcd_op {
	struct etcd_ask ask;
	struct list_node node; /* etcd->ops */
	struct coord_op *op;
	enum kind kind;
	char key[ETCD_KEY_MAX + 1];
	char name[32]; /* of the node, for the three about nodes */
	uint64_t expected;
	struct etcd_mark mark;
	uint32_t generation, beat; /* what is being put; of EXPIRE: what was observed */
	int tries;
	struct buf stored;
};

/* --- what could not be begun ------------------------------------------------------------------ */

/* In op->driver: needs no memory. */
struct refusal {
	struct list_node node;
	struct coord_op *op;
	enum err err;
};
_Static_assert(sizeof(struct refusal) <= sizeof((struct coord_op *)0)->driver, "fits an op");

static void refuse(struct etcd *c, struct coord_op *op, enum err err) {
	struct refusal *r = (struct refusal *)(void *)op->driver;
	*r = (struct refusal){.op = op, .err = err};
	list_push_back(&c->refused, &r->node);
	etcd_tick_at(c, io_now_ns(c->io));
}

void etcd_refusals_tell(struct etcd *c) {
	for (size_t left = c->refused.count; left > 0 && !c->closing; left--) {
		struct refusal *r = CONTAINER_OF(list_pop_front(&c->refused), struct refusal, node);
		r->op->done(r->op, r->err);
	}
}

/* --- life ---------------------------------------------------------------------------------------- */

static void op_free(struct etcd_op *o) {
	list_remove(&o->ask.etcd->ops, &o->node);
	etcd_ask_done(&o->ask);
	buf_done(&o->stored);
	free(o);
}

void etcd_ops_drop(struct etcd *c) {
	for (struct list_node *n; (n = list_first(&c->ops));)
		op_free(CONTAINER_OF(n, struct etcd_op, node));
}

static void finish(struct etcd_op *o, enum err err, uint64_t revision, struct slice value) {
	struct coord_op *op = o->op;
	op->revision = revision;
	op->value = value;
	op_free(o);
	op->done(op, err);
}

static void fail(struct etcd_op *o, enum err err) {
	finish(o, err, 0, slice_of(NULL, 0));
}

/* --- asking ------------------------------------------------------------------------------------- */

static enum err put_life(struct etcd_op *o, uint32_t generation, uint32_t beat) {
	struct buf life;
	buf_init(&life, 64);
	buf_reset(&o->stored);
	enum err e = etcd_life_encode(generation, beat, &life);
	if (!e) e = etcd_store_value(&o->mark, buf_slice(&life), &o->stored);
	buf_done(&life);
	return e;
}

/* What is to be put follows from the kind, on top of the entry that has `expected`. */
static void try_put(struct etcd_op *o) {
	struct slice key = slice_str(o->key);
	enum err e = ERR_OK;
	if (++o->tries > ETCD_TRIES_MAX) return fail(o, ERR_UNAVAILABLE);
	if (o->kind == JOIN || o->kind == BEAT) e = put_life(o, o->generation, o->beat);
	if (o->kind == EXPIRE) e = put_life(o, o->generation + 1, 0);
	buf_reset(&o->ask.body);
	if (!e) e = etcd_ask_put(key, o->expected, buf_slice(&o->stored), &o->ask.body);
	if (e) return fail(o, e);
	etcd_ask_start(&o->ask);
}

/* --- outcomes -------------------------------------------------------------------------------------- */

static void saw(struct etcd_op *o, const struct etcd_entry *e) {
	if (o->kind == JOIN || o->kind == BEAT || o->kind == EXPIRE)
		etcd_node_saw(o->ask.etcd, slice_str(o->name), e);
}

/* `stored` is what is there now at `revision`, by us. */
static void happened(struct etcd_op *o, uint64_t revision, struct slice stored) {
	struct etcd *c = o->ask.etcd;
	uint64_t answer = revision;
	const struct etcd_entry entry = {.value = stored, .revision = revision};
	if (o->kind == JOIN) c->generation = o->generation;
	if (o->kind != PUT) answer = o->generation;
	etcd_stream_owes(c, revision);
	saw(o, &entry);
	if (!c->closing) finish(o, ERR_OK, answer, slice_of(NULL, 0));
}

/* Another process of our name, that joined after us and lives. */
static bool has_twin(struct etcd *c) {
	const struct etcd_node *n = etcd_node_find(c, c->self);
	return n && n->is.beat > 0 && n->writer != c->writer && c->generation &&
	       n->is.generation > c->generation && io_now_ns(c->io) - n->changed_ns < ETCD_TWIN_NS;
}

static void join_again(struct etcd_op *o) {
	struct etcd *c = o->ask.etcd;
	if (has_twin(c)) {
		etcd_complain(c,
		              "coordination: another process joined under this node's name: stop "
		              "one of them",
		              c->self);
		return fail(o, ERR_EXISTS);
	}
	const struct etcd_node *n = etcd_node_find(c, c->self);
	uint32_t newest = c->newest_generation;
	if (newest == UINT32_MAX) return fail(o, ERR_TOO_MANY);
	o->expected = n ? n->revision : 0;
	o->generation = newest + 1;
	try_put(o);
}

/* A renewal whose answer was lost, in an operation before this one, is no reason to die. */
static void beat_again(struct etcd_op *o, const struct etcd_entry *e, uint64_t writer) {
	struct etcd *c = o->ask.etcd;
	const struct etcd_node *n = etcd_node_find(c, c->self);
	bool same_life = e && n && n->revision == e->revision && writer == c->writer &&
	                 n->is.generation == o->generation && n->is.beat > 0;
	if (!same_life || n->is.beat == UINT32_MAX)
		return finish(o, ERR_CONFLICT, o->generation, slice_of(NULL, 0));
	o->expected = e->revision;
	o->beat = n->is.beat + 1;
	try_put(o);
}

static void expire_again(struct etcd_op *o, const struct etcd_entry *e) {
	const struct etcd_node *n = etcd_node_find(o->ask.etcd, o->name);
	if (!e) return fail(o, ERR_NOT_FOUND);
	bool as_observed = n && n->revision == e->revision && n->is.generation == o->generation &&
	                   n->is.beat == o->beat && n->is.beat > 0;
	if (!as_observed) return fail(o, ERR_CONFLICT);
	o->expected = e->revision;
	try_put(o);
}

/* The compare failed, and e is what is there; NULL: nothing. */
static void other(struct etcd_op *o, const struct etcd_entry *e) {
	struct etcd_mark mark = {0};
	struct slice value = {NULL, 0};
	if (e) etcd_stored_value(e->value, &mark, &value);
	bool ours = mark.number && mark.writer == o->mark.writer && mark.number == o->mark.number;
	if (ours) return happened(o, e->revision, e->value);
	if (e) saw(o, e);
	if (o->ask.etcd->closing) return;
	switch (o->kind) {
	case JOIN: return join_again(o);
	case BEAT: return beat_again(o, e, mark.writer);
	case EXPIRE: return expire_again(o, e);
	default: return finish(o, ERR_CONFLICT, e ? e->revision : 0, slice_of(NULL, 0));
	}
}

static const struct etcd_entry *entry_of(const struct etcd_op *o, const struct etcd_answer *said) {
	const struct etcd_entry *e = said->count == 1 ? &said->entries[0] : NULL;
	return e && slice_is(e->key, o->key) ? e : NULL;
}

static void on_put(struct etcd_ask *a, enum err err, const struct etcd_answer *said) {
	struct etcd_op *o = CONTAINER_OF(a, struct etcd_op, ask);
	if (err) return fail(o, err);
	if (said->succeeded) return happened(o, said->revision, buf_slice(&o->stored));
	const struct etcd_entry *e = entry_of(o, said);
	if (said->count && !e) return fail(o, ERR_UNAVAILABLE); /* another key than was asked for */
	other(o, e);
}

static void on_read(struct etcd_ask *a, enum err err, const struct etcd_answer *said) {
	struct etcd_op *o = CONTAINER_OF(a, struct etcd_op, ask);
	if (err) return fail(o, err == ERR_OUTCOME_UNKNOWN ? ERR_UNAVAILABLE : err);
	const struct etcd_entry *e = entry_of(o, said);
	if (said->count && !e) return fail(o, ERR_UNAVAILABLE);
	if (!e) return finish(o, ERR_OK, 0, slice_of(NULL, 0));
	struct etcd_mark mark;
	struct slice value;
	etcd_stored_value(e->value, &mark, &value);
	if (value.len > COORD_VALUE_MAX) return fail(o, ERR_TOO_LARGE);
	finish(o, ERR_OK, e->revision, value);
}

/* --- coord.h ----------------------------------------------------------------------------------------- */

static struct etcd_op *begin(struct etcd *c, struct coord_op *op, enum kind kind) {
	op->revision = 0;
	op->value = slice_of(NULL, 0);
	struct etcd_op *o = c->ops.count < ETCD_OPS_MAX ? calloc(1, sizeof *o) : NULL;
	if (!o) {
		refuse(c, op, c->ops.count < ETCD_OPS_MAX ? ERR_NO_MEMORY : ERR_OVERLOADED);
		return NULL;
	}
	etcd_ask_init(c, &o->ask, kind == READ ? ETCD_RANGE_PATH : ETCD_TXN_PATH);
	o->ask.answered = kind == READ ? on_read : on_put;
	o->ask.urgent = kind == JOIN || kind == BEAT || kind == EXPIRE;
	o->op = op;
	o->kind = kind;
	o->mark = (struct etcd_mark){c->writer, ++c->number};
	buf_init(&o->stored, ETCD_STORED_MAX);
	list_push_back(&c->ops, &o->node);
	return o;
}

/* Begun wrongly: answered from the loop. */
static void take_back(struct etcd_op *o, enum err err) {
	struct etcd *c = o->ask.etcd;
	struct coord_op *op = o->op;
	op_free(o);
	refuse(c, op, err);
}

static enum err set_key(struct etcd_op *o, const char *folder, const char *key, size_t max) {
	size_t len = strlen(key);
	if (len < 1 || len > max) return ERR_INVALID;
	snprintf(o->key, sizeof o->key, "%s%s/%s", o->ask.etcd->prefix, folder, key);
	return ERR_OK;
}

void etcd_read(struct coord *base, const char *key, struct coord_op *op) {
	struct etcd_op *o = begin(etcd_of(base), op, READ);
	if (!o) return;
	enum err e = set_key(o, "key", key, COORD_KEY_MAX);
	if (!e) e = etcd_ask_read(slice_str(o->key), &o->ask.body);
	if (e) return take_back(o, e);
	etcd_ask_start(&o->ask);
}

void etcd_put(struct coord *base, const char *key, uint64_t expected, struct slice value,
              struct coord_op *op) {
	struct etcd_op *o = begin(etcd_of(base), op, PUT);
	if (!o) return;
	o->expected = expected;
	enum err e = set_key(o, "key", key, COORD_KEY_MAX);
	if (!e && value.len > COORD_VALUE_MAX) e = ERR_TOO_LARGE;
	if (!e) e = etcd_store_value(&o->mark, value, &o->stored);
	if (!e) e = etcd_ask_put(slice_str(o->key), expected, buf_slice(&o->stored), &o->ask.body);
	if (e) return take_back(o, e);
	etcd_ask_start(&o->ask);
}

static struct etcd_op *begin_node(struct etcd *c, struct coord_op *op, enum kind kind,
                                  const char *name) {
	struct etcd_op *o = begin(c, op, kind);
	enum err e = o ? set_key(o, "node", name, sizeof o->name - 1) : ERR_OK;
	if (e) {
		take_back(o, e);
		return NULL;
	}
	if (o) memcpy(o->name, name, strlen(name));
	return o;
}

void etcd_join(struct coord *base, struct coord_op *op) {
	struct etcd *c = etcd_of(base);
	struct etcd_op *o = begin_node(c, op, JOIN, c->self);
	if (!o) return;
	const struct etcd_node *n = etcd_node_find(c, c->self);
	o->expected = n ? n->revision : 0;
	o->generation = c->newest_generation + 1; /* what is there may say more: then again */
	o->beat = 1;
	if (has_twin(c) || c->newest_generation == UINT32_MAX)
		return take_back(o, has_twin(c) ? ERR_EXISTS : ERR_TOO_MANY);
	try_put(o);
}

void etcd_beat(struct coord *base, struct coord_op *op) {
	struct etcd *c = etcd_of(base);
	struct etcd_op *o = begin_node(c, op, BEAT, c->self);
	if (!o) return;
	const struct etcd_node *n = etcd_node_find(c, c->self);
	bool lives = n && c->generation && n->is.generation == c->generation && n->is.beat > 0 &&
	             n->is.beat < UINT32_MAX && n->writer == c->writer;
	if (!lives) return take_back(o, ERR_CONFLICT);
	o->generation = c->generation;
	o->beat = n->is.beat + 1;
	o->expected = n->revision;
	try_put(o);
}

void etcd_expire(struct coord *base, const struct coord_node *observed, struct coord_op *op) {
	struct etcd *c = etcd_of(base);
	struct etcd_op *o = begin_node(c, op, EXPIRE, observed->name);
	if (!o) return;
	bool possible = observed->beat > 0 && observed->generation < UINT32_MAX;
	if (!possible) return take_back(o, ERR_CONFLICT);
	const struct etcd_node *n = etcd_node_find(c, observed->name);
	o->generation = observed->generation;
	o->beat = observed->beat;
	/* The entry that was observed has one revision only; not known here: the answer has it. */
	bool known = n && n->is.generation == o->generation && n->is.beat == o->beat;
	o->expected = known ? n->revision : NO_REVISION;
	try_put(o);
}

/* --- the last word ---------------------------------------------------------------------------------------- */

static enum err farewell_text(struct etcd *c, const struct etcd_node *n, struct buf *out) {
	const struct etcd_mark mark = {c->writer, ++c->number};
	char key[ETCD_KEY_MAX + 1];
	struct buf life, stored;
	buf_init(&life, 64);
	buf_init(&stored, ETCD_STORED_MAX);
	snprintf(key, sizeof key, "%snode/%s", c->prefix, c->self);
	enum err e = etcd_life_encode(n->is.generation + 1, 0, &life);
	if (!e) e = etcd_store_value(&mark, buf_slice(&life), &stored);
	if (!e) e = etcd_ask_put(slice_str(key), n->revision, buf_slice(&stored), out);
	buf_done(&life);
	buf_done(&stored);
	return e;
}

void etcd_farewell(struct etcd *c) {
	const struct etcd_node *n = etcd_node_find(c, c->self);
	bool lives = n && c->generation && n->is.generation == c->generation && n->is.beat > 0 &&
	             n->is.generation < UINT32_MAX && n->writer == c->writer && etcd_logged_in(c);
	if (!lives) return;
	char url[ETCD_URL_MAX + 32];
	struct http_header fields[ETCD_FIELDS_MAX];
	struct buf body;
	buf_init(&body, ETCD_REQUEST_MAX);
	enum err e = farewell_text(c, n, &body);
	snprintf(url, sizeof url, "%s%s", c->endpoints[c->endpoint], ETCD_TXN_PATH);
	const struct fetch_call call = {.url = url,
	                                .fields = fields,
	                                .field_count = etcd_fields(c, fields),
	                                .body = buf_slice(&body),
	                                .timeout_ns = ETCD_FAREWELL_NS};
	/* Not heard: then the lease runs out. */
	if (!e) IGNORE(fetch_wait(c->fetch, &call));
	buf_done(&body);
}
