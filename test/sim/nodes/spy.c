/* See spy.h. The functions of readers are the driver's own; the owner's are ours, and pass on. */
#include "spy.h"

#include <stdlib.h>

#include "base/assert.h"
#include "cell/mutant.h"
#include "disks.h"
#include "past.h"

struct spy {
	struct store base; /* first */
	struct store_ops ops;
	struct store *real;
	struct world *w;
	int node, cell;
	struct list busy;      /* spy_op */
	struct position *last; /* the node's `durable` */
	enum spy_step kill_step;
	uint64_t kill_in;
	bool kill_power;
};
struct spy_op {
	struct store_op op;
	struct list_node node;
	struct spy *spy;
	struct store_op *outer;
	enum spy_step step; /* that it begins with; the next one ends it */
	struct slice bytes;
	struct position at;
	uint64_t number;
};

const char *spy_step_name(enum spy_step step) {
	static const char *const names[SPY_STEPS] = {
		"append",   "append done",   "apply",      "apply done",
		"promise",  "promise done",  "quarantine", "quarantine done",
		"truncate", "truncate done", "import",     "import done"};
	return names[step];
}

struct spy *spy_of(struct store *s) {
	return CONTAINER_OF(s, struct spy, base);
}

void spy_kill_at(struct spy *s, enum spy_step step, uint64_t countdown, bool power) {
	s->kill_step = step;
	s->kill_in = countdown;
	s->kill_power = power;
}

static bool is_over(const struct spy *s) {
	return s->w->node[s->node].doomed;
}

static void step(struct spy *s, enum spy_step now) {
	if (!s->kill_in || s->kill_step != now || --s->kill_in || is_over(s)) return;
	world_tell(s->w, s->node, s->cell, "is killed at: %s", spy_step_name(now));
	node_doom(s->w, s->node, s->kill_power);
}

/* --- what is seen --------------------------------------------------------------------------- */

static void note(struct spy *s, const struct record *r) {
	char why[300];
	if (!cell_at(s->w, s->cell, s->node) && !s->w->failed)
		world_fail(s->w, "H: %s holds a record of cell %s, which may not be there",
		           regions[s->node], s->w->cell[s->cell].name);
	if (!past_add(s->w->past[s->cell], r, s->last, why))
		world_fail(s->w, "%s: cell %s at %s", why, s->w->cell[s->cell].name,
		           regions[s->node]);
	*s->last = r->at;
}

static void see_records(struct spy *s, struct slice records) {
	while (records.len) {
		struct record r;
		if (record_decode(records, &r) != ERR_OK) {
			world_fail(s->w, "%s appended what is no record", regions[s->node]);
			return;
		}
		note(s, &r);
		records.ptr += r.bytes.len;
		records.len -= r.bytes.len;
	}
}

static void see_state(struct spy *s) {
	struct store_info info;
	s->real->ops->info(s->real, &info);
	struct past_note *n = past_find(s->w->past[s->cell], info.applied.epoch, info.applied.seq);
	if (!n) return;
	if (n->has_state && n->state_hash != info.state_hash)
		world_fail(s->w,
		           "G: %s has another state of cell %s at (epoch %llu, seq %llu) than was "
		           "seen elsewhere",
		           regions[s->node], s->w->cell[s->cell].name,
		           (unsigned long long)info.applied.epoch,
		           (unsigned long long)info.applied.seq);
	n->has_state = true;
	n->state_hash = info.state_hash;
}

static void see_quarantine(struct spy *s, const struct position *keep) {
	uint64_t epoch = s->last->epoch, seq = s->last->seq, count = 0;
	while (seq > keep->seq) {
		struct past_note *n = past_find(s->w->past[s->cell], epoch, seq);
		if (n && !n->quarantined) s->w->counts.quarantined++;
		if (n) n->quarantined = true;
		count++;
		s->w->quarantined[s->cell]++;
		if (!past_prev(s->w->past[s->cell], &epoch, &seq)) break;
	}
	world_tell(s->w, s->node, s->cell, "has %llu records in quarantine, those after %llu/%llu",
	           (unsigned long long)count, (unsigned long long)keep->epoch,
	           (unsigned long long)keep->seq);
}

/* Whatever is cut off must be in quarantine. */
static void see_truncate(struct spy *s, const struct position *to) {
	uint64_t epoch = s->last->epoch, seq = s->last->seq;
	while (seq > to->seq) {
		const struct past_note *n = past_find(s->w->past[s->cell], epoch, seq);
		if (n && !n->quarantined)
			world_fail(s->w,
			           "C: %s cuts record (epoch %llu, seq %llu) of cell %s off, which "
			           "is not in quarantine",
			           regions[s->node], (unsigned long long)epoch,
			           (unsigned long long)seq, s->w->cell[s->cell].name);
		if (!past_prev(s->w->past[s->cell], &epoch, &seq)) break;
	}
	*s->last = *to;
	world_tell(s->w, s->node, s->cell, "goes back to %llu/%llu", (unsigned long long)to->epoch,
	           (unsigned long long)to->seq);
}

static void see(struct spy *s, struct spy_op *o) {
	switch (o->step) {
	case SPY_APPEND: see_records(s, o->bytes); break;
	case SPY_APPLY: see_state(s); break;
	case SPY_PROMISE:
		world_tell(s->w, s->node, s->cell, "has promised epoch %llu",
		           (unsigned long long)o->number);
		break;
	case SPY_QUARANTINE: see_quarantine(s, &o->at); break;
	case SPY_TRUNCATE: see_truncate(s, &o->at); break;
	default: break;
	}
}

static void see_import(struct spy *s) {
	struct store_info info;
	s->real->ops->info(s->real, &info);
	if (!past_has(s->w->past[s->cell], info.last.epoch, info.last.seq, info.last.epoch,
	              info.last.seq))
		world_fail(s->w, "A: %s imports a state that nobody had", regions[s->node]);
	*s->last = info.last;
	see_state(s);
	world_tell(s->w, s->node, s->cell, "has imported a snapshot at %llu/%llu",
	           (unsigned long long)s->last->epoch, (unsigned long long)s->last->seq);
}

/* --- operations ------------------------------------------------------------------------------- */

static void on_done(struct store_op *op, enum err err) {
	struct spy_op *o = CONTAINER_OF(op, struct spy_op, op);
	struct spy *s = o->spy;
	struct store_op *outer = o->outer;
	list_remove(&s->busy, &o->node);
	if (err == ERR_OK)
		see(s, o);
	else
		world_tell(s->w, s->node, s->cell, "%s failed: %s", spy_step_name(o->step),
		           err_text(err));
	if (err == ERR_OK && o->step == SPY_IMPORT && o->number) see_import(s);
	step(s, o->step + 1);
	free(o);
	if (!is_over(s)) outer->done(outer, err);
}

static struct spy_op *op_new(struct store *base, enum spy_step now, struct store_op *outer) {
	struct spy *s = spy_of(base);
	struct spy_op *o = calloc(1, sizeof *o);
	ASSERT(o);
	o->op.done = on_done;
	o->spy = s;
	o->outer = outer;
	o->step = now;
	list_push_back(&s->busy, &o->node);
	step(s, now);
	return o;
}

static void append(struct store *b, uint64_t epoch, struct slice records, struct store_op *op) {
	struct spy_op *o = op_new(b, SPY_APPEND, op);
	o->bytes = records;
	if (MUTANT(EPOCH)) epoch = UINT64_MAX; /* the store's own compare too */
	if (!is_over(o->spy)) o->spy->real->ops->append(o->spy->real, epoch, records, &o->op);
}

static void apply(struct store *b, uint64_t seq, struct store_op *op) {
	struct spy_op *o = op_new(b, SPY_APPLY, op);
	if (!is_over(o->spy)) o->spy->real->ops->apply(o->spy->real, seq, &o->op);
}

static void promise(struct store *b, uint64_t epoch, struct store_op *op) {
	struct spy_op *o = op_new(b, SPY_PROMISE, op);
	o->number = epoch;
	if (!is_over(o->spy)) o->spy->real->ops->promise(o->spy->real, epoch, &o->op);
}

static void quarantine(struct store *b, const struct position *keep, const char *why,
                       struct store_op *op) {
	struct spy_op *o = op_new(b, SPY_QUARANTINE, op);
	o->at = *keep;
	if (!is_over(o->spy)) o->spy->real->ops->quarantine(o->spy->real, keep, why, &o->op);
}

static void truncate_to(struct store *b, const struct position *to, struct store_op *op) {
	struct spy_op *o = op_new(b, SPY_TRUNCATE, op);
	o->at = *to;
	if (!is_over(o->spy)) o->spy->real->ops->truncate(o->spy->real, to, &o->op);
}

static void import_begin(struct store *b, const struct position *at, struct store_op *op) {
	struct spy_op *o = op_new(b, SPY_IMPORT, op);
	if (!is_over(o->spy)) o->spy->real->ops->import_begin(o->spy->real, at, &o->op);
}

static void import_chunk(struct store *b, struct slice chunk, struct store_op *op) {
	struct spy_op *o = op_new(b, SPY_IMPORT, op);
	if (!is_over(o->spy)) o->spy->real->ops->import_chunk(o->spy->real, chunk, &o->op);
}

static void import_commit(struct store *b, const struct epoch_start *epochs, int count,
                          struct store_op *op) {
	struct spy_op *o = op_new(b, SPY_IMPORT, op);
	o->number = 1;
	if (!is_over(o->spy)) o->spy->real->ops->import_commit(o->spy->real, epochs, count, &o->op);
}

/* --- passed on ----------------------------------------------------------------------------------- */

void spy_info(struct spy *s, struct store_info *out) {
	s->real->ops->info(s->real, out);
}

static void info(struct store *b, struct store_info *out) {
	spy_info(spy_of(b), out);
}

static enum err read_log(struct store *b, uint64_t from, size_t max, struct buf *out) {
	struct spy *s = spy_of(b);
	return s->real->ops->read_log(s->real, from, max, out);
}

static enum err position_of(struct store *b, uint64_t seq, struct position *out) {
	struct spy *s = spy_of(b);
	return s->real->ops->position_of(s->real, seq, out);
}

static void release(struct store *b, uint64_t seq) {
	struct spy *s = spy_of(b);
	s->real->ops->release(s->real, seq);
}

static enum err export_begin(struct store *b, struct position *at, void **out) {
	struct spy *s = spy_of(b);
	return s->real->ops->export_begin(s->real, at, out);
}

static struct store_reader *reader_new(struct store *b) {
	struct spy *s = spy_of(b);
	return s->real->ops->reader_new(s->real);
}

static void spy_free(struct spy *s) {
	for (struct list_node *n; (n = list_pop_front(&s->busy));)
		free(CONTAINER_OF(n, struct spy_op, node));
	free(s);
}

static void close_store(struct store *b) {
	struct spy *s = spy_of(b);
	s->real->ops->close(s->real);
	spy_free(s);
}

void spy_crash(struct store *b) {
	struct spy *s = spy_of(b);
	disk_store_crash(s->w, s->real);
	spy_free(s);
}

/* --- birth ------------------------------------------------------------------------------------- */

/* The last record on the disk that has been noted: what is beyond became durable in the moment
 * of a crash. */
static void note_what_is_there(struct spy *s) {
	struct store_info now;
	struct buf records;
	s->real->ops->info(s->real, &now);
	uint64_t seq = now.last.seq;
	for (; seq >= now.first_seq; seq--) {
		ASSERT(s->real->ops->position_of(s->real, seq, s->last) == ERR_OK);
		const struct past_note *n =
			past_find(s->w->past[s->cell], s->last->epoch, s->last->seq);
		if (n && memcmp(n->hash, s->last->hash, sizeof n->hash) == 0) break;
	}
	ASSERT(s->real->ops->position_of(s->real, seq, s->last) == ERR_OK);
	buf_init(&records, RECORD_MAX_BYTES);
	while (s->last->seq < now.last.seq && !s->w->failed) {
		buf_reset(&records);
		ASSERT(s->real->ops->read_log(s->real, s->last->seq + 1, 1 << 20, &records) ==
		       ERR_OK);
		see_records(s, buf_slice(&records));
	}
	buf_done(&records);
}

struct store *spy_new(struct world *w, int node, int cell, struct store *real) {
	struct spy *s = calloc(1, sizeof *s);
	ASSERT(s);
	*s = (struct spy){.real = real,
	                  .w = w,
	                  .node = node,
	                  .cell = cell,
	                  .last = &w->node[node].durable[cell]};
	list_init(&s->busy);
	s->ops = *real->ops;
	s->ops.info = info;
	s->ops.append = append;
	s->ops.apply = apply;
	s->ops.promise = promise;
	s->ops.quarantine = quarantine;
	s->ops.truncate = truncate_to;
	s->ops.import_begin = import_begin;
	s->ops.import_chunk = import_chunk;
	s->ops.import_commit = import_commit;
	s->ops.read_log = read_log;
	s->ops.position_of = position_of;
	s->ops.release = release;
	s->ops.export_begin = export_begin;
	s->ops.reader_new = reader_new;
	s->ops.close = close_store;
	s->base.ops = &s->ops;
	note_what_is_there(s);
	return &s->base;
}
