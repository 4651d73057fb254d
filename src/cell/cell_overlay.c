/* Writes on their way to the view: what conditions and adds must see before the view has
 * it. Keys live in their batch's arena, values in its bytes, so that nothing is copied
 * twice and all of it goes with the batch. */
#include "cell/cell_state.h"

static enum err overlay_put(struct cell *c, struct pending_op *op) {
	return map_put(&c->overlay, op->key, op);
}

static struct pending_op *pending_new(struct batch *b, const struct op *op) {
	struct pending_op *p = arena_alloc(&b->arena, sizeof *p + op->key.len);
	if (!p) return NULL;
	memcpy(p + 1, op->key.ptr, op->key.len);
	p->key = slice_of(p + 1, op->key.len);
	p->batch = b;
	p->deleted = op->type == OP_DELETE;
	p->expires_ms = op->expires_ms;
	p->value_len = op->value.len;
	return p;
}

/* The record just encoded, at this offset of the batch's bytes. On error what was added
 * must be taken back by overlay_rebuild. */
enum err overlay_add(struct cell *c, struct batch *b, size_t record_at) {
	struct slice bytes = buf_slice(&b->bytes);
	struct record r;
	enum err err = record_decode(slice_of(bytes.ptr + record_at, bytes.len - record_at), &r);
	ASSERT(!err);
	struct record_cursor cursor = record_cursor(&r);
	struct op op;
	while (!record_next_op(&cursor, &op)) {
		struct pending_op *p = pending_new(b, &op);
		if (!p) return ERR_NO_MEMORY;
		p->value_at = op.value.len ? (size_t)(op.value.ptr - bytes.ptr) : 0;
		p->epoch = r.at.epoch;
		p->seq = r.at.seq;
		p->next = b->ops;
		b->ops = p;
		err = overlay_put(c, p);
		if (err) return err;
	}
	return ERR_OK;
}

void overlay_remove(struct cell *c, struct batch *b) {
	for (struct pending_op *p = b->ops; p; p = p->next) map_remove_if(&c->overlay, p->key, p);
	b->ops = NULL;
}

void overlay_clear(struct cell *c) {
	LIST_EACH (&c->kept, node) CONTAINER_OF(node, struct batch, node)->ops = NULL;
	LIST_EACH (&c->appends, node) CONTAINER_OF(node, struct batch, node)->ops = NULL;
	if (c->gathering) c->gathering->ops = NULL;
	map_done(&c->overlay);
	map_init(&c->overlay, c->overlay_seed);
}

/* Of a batch's ops the newest comes first; with equal keys the highest seq must win. */
static void overlay_put_batch(struct cell *c, struct batch *b) {
	for (struct pending_op *p = b->ops; p; p = p->next) {
		struct pending_op *there = map_get(&c->overlay, p->key);
		if (there && there->seq > p->seq) continue;
		/* The map had this many entries a moment ago: its memory is there. */
		enum err err = overlay_put(c, p);
		ASSERT(!err);
	}
}

void overlay_rebuild(struct cell *c) {
	size_t cursor = 0;
	struct slice key;
	void *value;
	while (cursor = 0, map_next(&c->overlay, &cursor, &key, &value))
		map_remove(&c->overlay, key);
	LIST_EACH (&c->kept, node) overlay_put_batch(c, CONTAINER_OF(node, struct batch, node));
	LIST_EACH (&c->appends, node) {
		struct batch *b = CONTAINER_OF(node, struct batch, node);
		if (b->doomed)
			b->ops = NULL;
		else
			overlay_put_batch(c, b);
	}
	if (c->gathering) overlay_put_batch(c, c->gathering);
}
