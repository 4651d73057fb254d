/* An image goes to another region before it becomes the head's: announced in coordination, fetched by
 * all, and each says when it has it. */
#include "base/bytes.h"
#include "edge/tenants_private.h"

#include <stdio.h>
#include <string.h>

enum { NEXT_TRIES_MAX = 100 }; /* then whoever announced it has given it up, or is gone */

size_t tenants_next_encode(const uint8_t hash[SHA256_BYTES], uint64_t bytes, uint8_t out[64]) {
	struct bytes_writer w = bytes_writer(out, 64);
	bytes_put(&w, slice_of(hash, SHA256_BYTES));
	bytes_put_u64(&w, bytes);
	return w.len;
}

void tenants_next_saw(struct tenants *t, struct slice value, uint64_t revision) {
	struct tenants_next *n = &t->next;
	struct bytes_reader r = bytes_reader(value);
	struct slice hash = bytes_take(&r, SHA256_BYTES);
	uint64_t bytes = bytes_u64(&r);
	if (revision < n->revision || r.failed) return;
	n->revision = revision;
	if (n->bytes == bytes && memcmp(n->hash, hash.ptr, SHA256_BYTES) == 0) return;
	memcpy(n->hash, hash.ptr, SHA256_BYTES);
	n->bytes = bytes;
	n->have = n->told = false;
	n->tries = 0;
	tenants_next_step(t);
}

static void on_told(struct coord_op *op, enum err err) {
	struct tenants_next *n = CONTAINER_OF(op, struct tenants_next, op);
	n->telling = false;
	n->told = err == ERR_OK;
	if (!err || err == ERR_CONFLICT) n->told_revision = op->revision; /* the tick tries again */
}

static void tell(struct tenants *t) {
	struct tenants_next *n = &t->next;
	n->telling = true;
	snprintf(n->key, sizeof n->key, TENANTS_HAS_KEY "%s", t->options.config->region);
	n->op = (struct coord_op){.done = on_told};
	t->options.coord->ops->put(t->options.coord, n->key, n->told_revision,
	                           slice_of(n->hash, SHA256_BYTES), &n->op);
}

void tenants_next_have(struct tenants *t, const uint8_t hash[SHA256_BYTES]) {
	if (memcmp(hash, t->next.hash, SHA256_BYTES) != 0) return;
	t->next.have = true;
	tenants_next_step(t);
}

void tenants_next_step(struct tenants *t) {
	struct tenants_next *n = &t->next;
	bool own = t->build && t->build->spreading &&
	           memcmp(t->build->image.hash, n->hash, SHA256_BYTES) == 0;
	bool is_head = memcmp(t->head.image, n->hash, SHA256_BYTES) == 0;
	if (!n->bytes || n->told || n->telling || own || (is_head && t->head.image_bytes)) return;
	if (n->have)
		tell(t);
	else if (!t->fetch.running && !t->opening.running && n->tries++ < NEXT_TRIES_MAX)
		tenants_fetch_start(t, n->hash, n->bytes);
}

void tenants_has_saw(struct tenants *t, struct slice region, struct slice value,
                     uint64_t revision) {
	if (slice_is(region, t->options.config->region))
		t->next.told_revision = revision;
	else if (value.len == SHA256_BYTES)
		tenants_build_spread(t, value.ptr);
}
