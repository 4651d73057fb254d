/* The sorted array behind the memory driver: see memory_view.h.
 */
#include "store/memory_view.h"

#include <stdlib.h>

#include "base/assert.h"
#include "store/entry.h"

void memory_view_done(struct memory_view *v) {
	for (size_t i = 0; i < v->count; i++) free(v->entries[i]);
	free(v->entries);
	*v = (struct memory_view){0};
}

size_t memory_view_find(const struct memory_view *v, struct slice key, bool after) {
	size_t low = 0, high = v->count;
	while (low < high) {
		size_t mid = (low + high) / 2;
		int c = slice_cmp(v->entries[mid]->key, key);
		if (c < 0 || (after && c == 0))
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool is_at(const struct memory_view *v, size_t i, struct slice key) {
	return i < v->count && slice_eq(v->entries[i]->key, key);
}

static void account(struct memory_view *v, const struct memory_entry *e, bool add) {
	uint64_t sum = entry_sum(e->key, e->stored.ptr), bytes = e->key.len + e->stored.len;
	v->state_hash += add ? sum : -sum;
	v->bytes += add ? bytes : -bytes;
}

static enum err room_make(struct memory_view *v) {
	if (v->count < v->cap) return ERR_OK;
	size_t cap = v->cap ? v->cap * 2 : 64;
	void *more = realloc(v->entries, cap * sizeof(*v->entries));
	if (!more) return ERR_NO_MEMORY;
	v->entries = more;
	v->cap = cap;
	return ERR_OK;
}

enum err memory_view_put(struct memory_view *v, struct slice key, const struct entry *e) {
	size_t stored_bytes = ENTRY_HEADER_BYTES + e->value.len;
	struct memory_entry *fresh = malloc(sizeof(*fresh) + key.len + stored_bytes);
	if (!fresh || room_make(v)) {
		free(fresh);
		return ERR_NO_MEMORY;
	}
	memcpy(fresh->bytes, key.ptr, key.len);
	entry_encode(fresh->bytes + key.len, key, e);
	fresh->key = slice_of(fresh->bytes, key.len);
	fresh->stored = slice_of(fresh->bytes + key.len, stored_bytes);
	size_t i = memory_view_find(v, key, false);
	if (is_at(v, i, key)) {
		account(v, v->entries[i], false);
		free(v->entries[i]);
	} else {
		memmove(v->entries + i + 1, v->entries + i, (v->count - i) * sizeof(*v->entries));
		v->count++;
	}
	v->entries[i] = fresh;
	account(v, fresh, true);
	return ERR_OK;
}

static void entry_delete(struct memory_view *v, struct slice key) {
	size_t i = memory_view_find(v, key, false);
	if (!is_at(v, i, key)) return;
	account(v, v->entries[i], false);
	free(v->entries[i]);
	v->count--;
	memmove(v->entries + i, v->entries + i + 1, (v->count - i) * sizeof(*v->entries));
}

enum err memory_view_apply(struct memory_view *v, const struct record *r) {
	struct record_cursor c = record_cursor(r);
	struct op op;
	enum err err;
	while (!(err = record_next_op(&c, &op))) {
		const struct entry e = {op.value, r->at.epoch, r->at.seq, op.expires_ms};
		if (op.type == OP_DELETE)
			entry_delete(v, op.key);
		else if ((err = memory_view_put(v, op.key, &e)))
			return err;
	}
	if (err != ERR_NOT_FOUND) return err;
	v->at = r->at;
	return ERR_OK;
}

enum err memory_view_get(const struct memory_view *v, struct slice key, struct entry *e) {
	size_t i = memory_view_find(v, key, false);
	return is_at(v, i, key) ? entry_decode(key, v->entries[i]->stored, e) : ERR_NOT_FOUND;
}

enum err memory_view_copy(struct memory_view *to, const struct memory_view *from) {
	*to = (struct memory_view){0};
	for (size_t i = 0; i < from->count; i++) {
		struct entry e;
		enum err err = entry_decode(from->entries[i]->key, from->entries[i]->stored, &e);
		if (!err) err = memory_view_put(to, from->entries[i]->key, &e);
		if (err) {
			memory_view_done(to);
			return err;
		}
	}
	to->at = from->at;
	return ERR_OK;
}
