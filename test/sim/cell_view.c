/* A node's key-value view: chained buckets and the sum of its entries. */
#include <stdlib.h>

#include "base/hash.h"
#include "cell_world.h"

static const uint64_t seed[2] = {1, 2};

static struct view_entry **place(struct view *v, struct slice key) {
	struct view_entry **p = &v->buckets[siphash13(seed, key.ptr, key.len) % VIEW_BUCKETS];
	while (*p && !slice_eq(slice_of((*p)->key, (*p)->key_len), key)) p = &(*p)->next;
	return p;
}

const struct view_entry *view_find(const struct view *v, struct slice key) {
	return *place((struct view *)v, key);
}

static void entry_drop(struct view *v, struct view_entry **p) {
	struct view_entry *e = *p;
	*p = e->next;
	v->hash -= e->sum;
	free(e);
}

void view_put(struct view *v, struct slice key, struct slice value, uint64_t epoch, uint64_t seq,
              uint64_t expires_ms) {
	struct view_entry **p = place(v, key);
	if (*p) entry_drop(v, p);
	struct view_entry *e = calloc(1, sizeof *e + key.len + value.len);
	e->key = (uint8_t *)(e + 1);
	e->value = e->key + key.len;
	memcpy(e->key, key.ptr, key.len);
	if (value.len) memcpy(e->value, value.ptr, value.len);
	e->key_len = key.len;
	e->value_len = value.len;
	e->epoch = epoch;
	e->seq = seq;
	e->expires_ms = expires_ms;
	e->sum = mix64(siphash13(seed, e->key, key.len + value.len) ^ mix64(epoch << 32 ^ seq) ^
	               expires_ms);
	v->hash += e->sum;
	e->next = *p;
	*p = e;
}

void view_apply(struct view *v, const struct record *r) {
	struct record_cursor c = record_cursor(r);
	struct op op;
	while (!record_next_op(&c, &op)) {
		if (op.type == OP_PUT) {
			view_put(v, op.key, op.value, r->at.epoch, r->at.seq, op.expires_ms);
			continue;
		}
		struct view_entry **p = place(v, op.key);
		if (*p) entry_drop(v, p);
	}
	v->at = r->at;
}

void view_clear(struct view *v) {
	for (int i = 0; i < VIEW_BUCKETS; i++)
		while (v->buckets[i]) entry_drop(v, &v->buckets[i]);
	memset(v, 0, sizeof *v);
}

void view_copy(struct view *to, const struct view *from) {
	view_clear(to);
	for (int i = 0; i < VIEW_BUCKETS; i++)
		for (const struct view_entry *e = from->buckets[i]; e; e = e->next)
			view_put(to, slice_of(e->key, e->key_len), slice_of(e->value, e->value_len),
			         e->epoch, e->seq, e->expires_ms);
	to->at = from->at;
}
