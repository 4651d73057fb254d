/* Feeds events to a cell and does what it returns, in order. Some actions are answered on
 * the spot (a part of the log is read): they queue here and are answered after the list is
 * done, until it is quiet; nothing recurs. Decides nothing. */
#include <stdlib.h>

#include "base/assert.h"
#include "base/log.h"
#include "cell/host_private.h"

int host_replica(const struct host_cell *c, int region) {
	for (int i = 0; i < c->replica_count; i++)
		if (c->replicas[i] == region) return i;
	return -1;
}

int host_voter(const struct host_cell *c, int region) {
	bool votes = region >= 0 && region == c->host->witness && c->host->failsafe.length_ns;
	return votes ? c->replica_count : host_replica(c, region);
}

/* --- operations of the store ------------------------------------------------------ */

static void op_release(struct host_op *o) {
	struct host_cell *c = o->cell;
	list_remove(&c->busy_ops, &o->node);
	buf_reset(&o->bytes);
	buf_shrink(&o->bytes);
	if (c->idle_ops.count < HOST_OPS_KEPT)
		list_push_back(&c->idle_ops, &o->node);
	else
		free(o);
}

static void free_all(struct list *ops) {
	for (struct list_node *node; (node = list_pop_front(ops));) {
		struct host_op *o = CONTAINER_OF(node, struct host_op, node);
		buf_done(&o->bytes);
		free(o);
	}
}

void host_ops_free(struct host_cell *c) {
	free_all(&c->idle_ops);
	free_all(&c->busy_ops);
}

void host_feed_store(struct host_cell *c, enum cell_store_op op, enum err err) {
	struct store_info info;
	c->store->ops->info(c->store, &info);
	if (op == CELL_APPEND && err == ERR_OK) host_copies_durable(c, info.last.seq);
	host_history_publish(c, &info);
	const struct cell_event event = {
		.type = CELL_EV_STORE, .op = op, .err = err, .info = &info};
	host_feed(c, &event);
}

static void on_store_done(struct store_op *op, enum err err) {
	struct host_op *o = CONTAINER_OF(op, struct host_op, op);
	struct host_cell *c = o->cell;
	enum cell_store_op kind = o->kind;
	if (kind == CELL_APPEND && err == ERR_OK) {
		uint64_t took_ns = io_now_ns(c->host->io) - o->since_ns;
		histogram_record_us(c->metrics.append_seconds, took_ns / 1000);
		metric_inc(c->metrics.appends);
	}
	op_release(o);
	host_feed_store(c, kind, err);
}

static void request_push(struct host *h, const struct host_request *r) {
	ASSERT(h->request_count < HOST_REQUESTS_MAX);
	int at = (h->request_first + h->request_count++) % HOST_REQUESTS_MAX;
	h->requests[at] = *r;
}

/* NULL: no memory; the cell is told so. */
static struct host_op *op_new(struct host_cell *c, enum cell_store_op kind, struct slice bytes) {
	struct list_node *node = list_pop_front(&c->idle_ops);
	struct host_op *o = node ? CONTAINER_OF(node, struct host_op, node) : calloc(1, sizeof *o);
	if (o) {
		list_push_back(&c->busy_ops, &o->node);
		o->op.done = on_store_done;
		o->cell = c;
		o->kind = kind;
		o->since_ns = io_now_ns(c->host->io);
		buf_init(&o->bytes, FRAME_MAX_BYTES);
		if (buf_append_slice(&o->bytes, bytes) == ERR_OK) return o;
		op_release(o);
	}
	request_push(c->host, &(struct host_request){.kind = REQUEST_FAILED, .op = kind});
	return NULL;
}

static enum cell_store_op store_op_of(enum cell_action_type type) {
	switch (type) {
	case CELL_DO_APPEND: return CELL_APPEND;
	case CELL_DO_APPLY: return CELL_APPLY;
	case CELL_DO_PROMISE: return CELL_PROMISE;
	case CELL_DO_QUARANTINE: return CELL_QUARANTINE;
	case CELL_DO_TRUNCATE: return CELL_TRUNCATE;
	default: return CELL_IMPORT;
	}
}

/* What must be copied: a chunk borrows a frame, and the epochs the list of actions. The
 * bytes of an append stay the core's until it is done. */
static struct slice bytes_to_keep(const struct cell_action *a) {
	if (a->type == CELL_DO_IMPORT_CHUNK) return a->bytes;
	if (a->type == CELL_DO_IMPORT_COMMIT)
		return slice_of(a->epochs, (size_t)a->epoch_count * sizeof *a->epochs);
	return (struct slice){0};
}

static void do_store(struct host_cell *c, const struct cell_action *a) {
	struct host_op *o = op_new(c, store_op_of(a->type), bytes_to_keep(a));
	if (!o) return;
	const struct store_ops *ops = c->store->ops;
	o->at = a->at;
	switch (a->type) {
	case CELL_DO_APPEND: ops->append(c->store, a->epoch, a->bytes, &o->op); break;
	case CELL_DO_APPLY: ops->apply(c->store, a->seq, &o->op); break;
	case CELL_DO_PROMISE: ops->promise(c->store, a->epoch, &o->op); break;
	case CELL_DO_QUARANTINE:
		memcpy(o->why, a->text, sizeof o->why);
		ops->quarantine(c->store, &o->at, o->why, &o->op);
		break;
	case CELL_DO_TRUNCATE: ops->truncate(c->store, &o->at, &o->op); break;
	case CELL_DO_IMPORT_BEGIN: ops->import_begin(c->store, &o->at, &o->op); break;
	case CELL_DO_IMPORT_CHUNK: ops->import_chunk(c->store, buf_slice(&o->bytes), &o->op); break;
	default: {
		struct slice epochs = buf_slice(&o->bytes);
		ops->import_commit(c->store, (const struct epoch_start *)(const void *)epochs.ptr,
		                   a->epoch_count, &o->op);
	}
	}
}

/* --- coordination ------------------------------------------------------------------ */

static void on_placed(struct coord_op *op, enum err err) {
	struct host_cell *c = CONTAINER_OF(op, struct host_cell, place_op);
	c->placing = false;
	const struct cell_event event = {
		.type = CELL_EV_PLACED, .err = err, .revision = op->revision};
	host_feed(c, &event);
}

static void do_place(struct host_cell *c, const struct cell_action *a) {
	struct coord *coord = c->host->coord;
	ASSERT(!c->placing);
	struct buf text;
	buf_init(&text, COORD_VALUE_MAX);
	enum err err = placement_encode(&a->placement, &text);
	if (err == ERR_OK) {
		c->place_op.done = on_placed;
		c->placing = true;
		coord->ops->put(coord, c->key, a->revision, buf_slice(&text), &c->place_op);
	} else {
		request_push(c->host, &(struct host_request){.kind = REQUEST_PLACE_FAILED});
	}
	buf_done(&text);
}

/* --- the rest ------------------------------------------------------------------------ */

static void do_tell(struct host_cell *c, const struct cell_action *a) {
	LOG((enum log_level)a->seq, "cell", a->text, {"cell", c->name},
	    LOG_NUM("epoch", c->state.epoch));
}

static void export_end(struct host_cell *c, int replica) {
	if (c->exports[replica]) c->store->ops->export_end(c->exports[replica]);
	c->exports[replica] = NULL;
}

static void do_later(struct host_cell *c, const struct cell_action *a,
                     enum host_request_kind kind) {
	request_push(c->host, &(struct host_request){.kind = kind,
	                                             .replica = a->replica,
	                                             .seq = a->seq,
	                                             .limit = a->limit});
}

static void act(struct host_cell *c, struct cell_action *a) {
	struct host *h = c->host;
	switch (a->type) {
	case CELL_DO_APPEND:
	case CELL_DO_APPLY:
	case CELL_DO_PROMISE:
	case CELL_DO_QUARANTINE:
	case CELL_DO_TRUNCATE:
	case CELL_DO_IMPORT_BEGIN:
	case CELL_DO_IMPORT_CHUNK:
	case CELL_DO_IMPORT_COMMIT: do_store(c, a); break;
	case CELL_DO_READ_LOG: do_later(c, a, REQUEST_LOG); break;
	case CELL_DO_EXPORT_BEGIN: do_later(c, a, REQUEST_EXPORT_BEGIN); break;
	case CELL_DO_EXPORT_NEXT: do_later(c, a, REQUEST_EXPORT_NEXT); break;
	case CELL_DO_EXPORT_END: export_end(c, a->replica); break;
	case CELL_DO_SEND:
		a->frame.cell = (uint16_t)c->index;
		links_send(h->links, c->replicas[a->replica], &a->frame);
		break;
	case CELL_DO_PLACE: do_place(c, a); break;
	case CELL_DO_REPLY: host_reply(a->proposal); break;
	case CELL_DO_RELEASE: c->store->ops->release(c->store, a->seq); break;
	case CELL_DO_TELL: do_tell(c, a); break;
	case CELL_DO_MOVED: host_moved(c, a); break;
	case CELL_DO_REFUSE:
		links_refuse(h->links, c->replicas[a->replica],
		             a->text[0] ? a->text
		                        : "it sent what it may not: an older epoch or nonsense");
		break;
	}
}

/* --- feeding --------------------------------------------------------------------------- */

static void step(struct host_cell *c, const struct cell_event *event) {
	static const struct cell_event tick = {.type = CELL_EV_TICK};
	struct host *h = c->host;
	struct cell_actions *actions = h->actions;
	do {
		actions->count = 0;
		actions->again = false;
		cell_step(c->core, event, io_now_ns(h->io), actions);
		/* First what other threads see: a lease that ended must not be read for longer, and
		 * who is answered below may ask at once for what was applied. */
		if (event->type != CELL_EV_PROPOSE) host_state_publish(c);
		for (int i = 0; i < actions->count; i++) act(c, &actions->list[i]);
		event = &tick;
	} while (actions->again);
}

static void answer(struct host_cell *c, const struct host_request *r) {
	struct host *h = c->host;
	const struct store_ops *ops = c->store->ops;
	struct cell_event e = {.type = CELL_EV_EXPORT, .replica = r->replica};
	struct store_info info;
	buf_reset(&h->scratch);
	switch (r->kind) {
	case REQUEST_LOG:
		e.type = CELL_EV_LOG;
		e.err = ops->read_log(c->store, r->seq, r->limit, &h->scratch);
		break;
	case REQUEST_EXPORT_BEGIN:
		export_end(c, r->replica);
		e.err = ops->export_begin(c->store, &e.at, &c->exports[r->replica]);
		if (e.err != ERR_OK) c->exports[r->replica] = NULL;
		break;
	case REQUEST_EXPORT_NEXT:
		e.err = c->exports[r->replica]
		                ? ops->export_next(c->exports[r->replica], r->limit, &h->scratch)
		                : ERR_CLOSED;
		break;
	case REQUEST_FAILED:
		ops->info(c->store, &info);
		e = (struct cell_event){
			.type = CELL_EV_STORE, .op = r->op, .err = ERR_NO_MEMORY, .info = &info};
		break;
	case REQUEST_PLACE_FAILED:
		e = (struct cell_event){.type = CELL_EV_PLACED, .err = ERR_NO_MEMORY};
		break;
	}
	e.bytes = buf_slice(&h->scratch);
	step(c, &e);
}

void host_feed(struct host_cell *c, const struct cell_event *event) {
	struct host *h = c->host;
	ASSERT(!h->feeding && c->core);
	h->feeding = true;
	struct cell_event stamped = *event;
	if (!stamped.wall_ms) stamped.wall_ms = io_wall_ms(h->io);
	step(c, &stamped);
	while (h->request_count) {
		struct host_request r = h->requests[h->request_first];
		h->request_first = (h->request_first + 1) % HOST_REQUESTS_MAX;
		h->request_count--;
		answer(c, &r);
	}
	h->feeding = false;
}

/* --- what a step asks back --------------------------------------------------------------- */

struct lookup {
	struct host_cell *cell;
	struct entry *out;
	enum err err;
};

static void on_looked_up(void *arg, enum err err, const struct entry *e,
                         const struct position *at) {
	struct lookup *l = arg;
	struct buf *copy = &l->cell->looked_up;
	l->err = err;
	if (err != ERR_OK) return;
	buf_reset(copy);
	l->err = buf_append_slice(copy, e->value);
	*l->out = *e;
	l->out->value = buf_slice(copy);
}

enum err host_lookup(void *arg, struct slice key, struct entry *out) {
	struct host_cell *c = arg;
	struct lookup l = {c, out, ERR_UNAVAILABLE};
	c->store->ops->get(c->reader, key, on_looked_up, &l);
	return l.err;
}
