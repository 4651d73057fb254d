/* The embedded coordination driver: coord.h over one file that all processes of a machine
 * share. This file holds the handle and its operations; the file itself, puts and polling
 * are beside it. As the driver of the coordination port, embedded*.c call the kernel for
 * that file themselves; nothing else in coord/ does. */
#include "coord/embedded.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "coord/embedded_private.h"

static struct embedded *embedded_of(struct coord *c) {
	return CONTAINER_OF(c, struct embedded, base);
}

static struct pending *pending_new(struct coord_op *op, enum pending_kind kind) {
	struct pending *p = malloc(sizeof *p);
	if (!p) p = (struct pending *)(void *)op->driver;
	*p = (struct pending){.op = op, .kind = kind};
	op->revision = 0;
	op->value = slice_of(NULL, 0);
	return p;
}

void pending_free(struct pending *p) {
	free(p->key);
	if ((void *)p != (void *)p->op->driver) free(p);
}

static void soon(struct embedded *c) {
	io_timer_start(c->timer, 0);
}

static void answer_later(struct embedded *c, struct pending *p, enum err e) {
	p->err = e;
	list_push_back(&c->answers, &p->node);
	soon(c);
}

/* --- the lane --------------------------------------------------------------------------- */

static void on_work_done(struct io_job *job) {
	struct embedded *c = CONTAINER_OF(job, struct embedded, work.job);
	c->calling++;
	for (struct list_node *n; (n = list_pop_front(&c->work.batch));) {
		struct pending *p = CONTAINER_OF(n, struct pending, node);
		struct coord_op *op = p->op;
		enum err e = p->err;
		if (!c->closing) op->revision = p->revision;
		pending_free(p);
		if (!c->closing) op->done(op, e);
	}
	c->calling--;
	c->working = false;
	if (c->closing) {
		embedded_release(c);
		return;
	}
	embedded_start_work(c);
	soon(c); /* watches hear of it at once */
}

void embedded_start_work(struct embedded *c) {
	if (c->working || list_empty(&c->puts)) return;
	c->working = true;
	for (struct list_node *n; (n = list_pop_front(&c->puts));)
		list_push_back(&c->work.batch, n);
	io_lane_submit(c->lane, &c->work.job);
}

static void work_later(struct embedded *c, struct pending *p) {
	list_push_back(&c->puts, &p->node);
	embedded_start_work(c);
}

/* --- keys ------------------------------------------------------------------------------- */

static enum err copy_key(struct pending *p, const char *key, struct slice value) {
	size_t len = strlen(key);
	if (len < 1 || len > COORD_KEY_MAX) return ERR_INVALID;
	if (value.len > COORD_VALUE_MAX) return ERR_TOO_LARGE;
	p->key = malloc(len + 1 + value.len);
	if (!p->key) return ERR_NO_MEMORY;
	memcpy(p->key, key, len + 1);
	if (value.len) memcpy(p->key + len + 1, value.ptr, value.len);
	p->value = slice_of(p->key + len + 1, value.len);
	return ERR_OK;
}

static void put(struct coord *base, const char *key, uint64_t expected, struct slice value,
                struct coord_op *op) {
	struct embedded *c = embedded_of(base);
	struct pending *p = pending_new(op, PENDING_PUT);
	p->expected = expected;
	enum err e = c->puts.count < EMBEDDED_PUTS_MAX ? copy_key(p, key, value) : ERR_OVERLOADED;
	if (!e) {
		work_later(c, p);
		return;
	}
	p->kind = PENDING_ANSWER;
	answer_later(c, p, e);
}

static void read_key(struct coord *base, const char *key, struct coord_op *op) {
	struct pending *p = pending_new(op, PENDING_READ);
	enum err e = copy_key(p, key, slice_of(NULL, 0));
	if (e) p->kind = PENDING_ANSWER;
	answer_later(embedded_of(base), p, e);
}

static enum err watch(struct coord *base, const char *prefix,
                      void (*changed)(void *arg, const char *key, struct slice value,
                                      uint64_t revision),
                      void *arg) {
	struct embedded *c = embedded_of(base);
	if (strlen(prefix) > COORD_KEY_MAX) return ERR_INVALID;
	if (c->watch_count == EMBEDDED_WATCHES_MAX) return ERR_TOO_MANY;
	struct watch *w = &c->watches[c->watch_count++];
	*w = (struct watch){.changed = changed, .arg = arg};
	memcpy(w->prefix, prefix, strlen(prefix));
	soon(c);
	return ERR_OK;
}

/* --- nodes ------------------------------------------------------------------------------ */

static _Atomic uint64_t *life_of(struct embedded *c, int slot) {
	return &c->file.shared->slots[slot].life;
}

static void join(struct coord *base, struct coord_op *op) {
	struct embedded *c = embedded_of(base);
	struct pending *p = pending_new(op, PENDING_JOIN);
	uint64_t life = 0;
	bool full = false;
	if (coord_file_in_place(&c->file)) {
		life = atomic_load(life_of(c, c->file.self));
		do {
			full = life >> 32 == UINT32_MAX;
			c->generation = (uint32_t)(life >> 32) + 1;
			c->beat = 1;
		} while (!full && !atomic_compare_exchange_weak(life_of(c, c->file.self), &life,
		                                                coord_life(c->generation, 1)));
		p->revision = c->generation;
		if (!full) {
			work_later(c, p);
			return;
		}
	}
	p->kind = PENDING_ANSWER;
	answer_later(c, p, full ? ERR_TOO_MANY : ERR_UNAVAILABLE);
}

static enum err beat_now(struct embedded *c) {
	if (!coord_file_in_place(&c->file)) return ERR_UNAVAILABLE;
	if (c->generation == 0 || c->beat == UINT32_MAX) return ERR_CONFLICT;
	uint64_t life = coord_life(c->generation, c->beat);
	if (!atomic_compare_exchange_strong(life_of(c, c->file.self), &life, life + 1))
		return ERR_CONFLICT;
	c->beat++;
	return ERR_OK;
}

static void beat(struct coord *base, struct coord_op *op) {
	struct embedded *c = embedded_of(base);
	struct pending *p = pending_new(op, PENDING_ANSWER);
	enum err e = beat_now(c);
	p->revision = c->generation;
	answer_later(c, p, e);
}

static enum err expire_now(struct embedded *c, const struct coord_node *observed) {
	int slot;
	if (!coord_file_in_place(&c->file)) return ERR_UNAVAILABLE;
	if (coord_file_find(&c->file, observed->name, &slot)) return ERR_NOT_FOUND;
	if (observed->beat == 0 || observed->generation == UINT32_MAX) return ERR_CONFLICT;
	uint64_t life = coord_life(observed->generation, observed->beat);
	uint64_t over = coord_life(observed->generation + 1, 0);
	return atomic_compare_exchange_strong(life_of(c, slot), &life, over) ? ERR_OK
	                                                                     : ERR_CONFLICT;
}

static void expire(struct coord *base, const struct coord_node *observed, struct coord_op *op) {
	struct embedded *c = embedded_of(base);
	struct pending *p = pending_new(op, PENDING_ANSWER);
	answer_later(c, p, expire_now(c, observed));
}

static bool node(struct coord *base, const char *name, struct coord_node *out) {
	return embedded_node(embedded_of(base), name, out);
}

static void on_node(struct coord *base, void (*changed)(void *arg, const char *name), void *arg) {
	struct embedded *c = embedded_of(base);
	c->on_node = changed;
	c->on_node_arg = arg;
	soon(c);
}

/* --- life -------------------------------------------------------------------------------- */

static void drop(struct list *pendings) {
	for (struct list_node *n; (n = list_pop_front(pendings));)
		pending_free(CONTAINER_OF(n, struct pending, node));
}

void embedded_release(struct embedded *c) {
	io_timer_free(c->timer);
	if (c->lane) io_lane_free(c->lane); /* waits for the work under way */
	drop(&c->work.batch);
	drop(&c->puts);
	drop(&c->answers);
	table_done(&c->table);
	coord_file_close(&c->file);
	free(c);
}

static void close_handle(struct coord *base) {
	struct embedded *c = embedded_of(base);
	c->closing = true;
	if (!c->calling) embedded_release(c);
}

static const struct coord_ops embedded_ops = {
	.put = put,
	.read = read_key,
	.watch = watch,
	.join = join,
	.beat = beat,
	.expire = expire,
	.node = node,
	.on_node = on_node,
	.close = close_handle,
};

enum err coord_embedded_open(struct io *io, const struct coord_embedded_options *options,
                             struct coord **out, struct fault *fault) {
	struct embedded *c = calloc(1, sizeof *c);
	if (!c) return fault_set(fault, ERR_NO_MEMORY, "coordination: memory ran out");
	c->base.ops = &embedded_ops;
	c->io = io;
	c->poll_ns = options->poll_ns ? options->poll_ns : EMBEDDED_POLL_DEFAULT_NS;
	c->table_word = coord_word(0, COORD_NO_AREA);
	c->work = (struct work){.job = {.run = embedded_work_run, .done = on_work_done},
	                        .file = &c->file};
	list_init(&c->answers);
	list_init(&c->puts);
	list_init(&c->work.batch);
	enum err e =
		coord_file_open(&c->file, options->path, options->cluster, options->node, fault);
	if (!e) {
		c->timer = io_timer_new(io, embedded_tick, c);
		c->lane = io_lane_new(io, "coord");
		if (!c->timer || !c->lane)
			e = fault_set(fault, ERR_NO_MEMORY,
			              "coordination: memory or threads ran out");
	}
	if (e) {
		embedded_release(c);
		return e;
	}
	soon(c);
	*out = &c->base;
	return ERR_OK;
}
