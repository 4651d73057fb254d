/* Readers and exports of the memory driver: under the disk's lock, so that what a callback
 * sees is one state.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "store/entry.h"
#include "store/memory_state.h"

struct store_reader {
	struct memory *memory;
};

struct store_reader *memory_reader_new(struct store *s) {
	struct memory *m = CONTAINER_OF(s, struct memory, store);
	struct store_reader *r = calloc(1, sizeof(*r));
	if (!r) return NULL;
	r->memory = m;
	pthread_mutex_lock(&m->disk->lock);
	m->readers++;
	pthread_mutex_unlock(&m->disk->lock);
	return r;
}

void memory_reader_free(struct store_reader *r) {
	if (!r) return;
	pthread_mutex_lock(&r->memory->disk->lock);
	r->memory->readers--;
	pthread_mutex_unlock(&r->memory->disk->lock);
	free(r);
}

void memory_get(struct store_reader *r, struct slice key,
                void (*done)(void *arg, enum err err, const struct entry *e,
                             const struct position *at),
                void *arg) {
	struct memory *m = r->memory;
	struct entry e = {0};
	pthread_mutex_lock(&m->disk->lock);
	struct position at = m->view.at;
	enum err err = memory_view_get(&m->view, key, &e);
	if (err) e = (struct entry){0};
	done(arg, err, &e, &at);
	pthread_mutex_unlock(&m->disk->lock);
}

enum err memory_scan(struct store_reader *r, const struct store_scan *scan, struct position *at) {
	struct memory *m = r->memory;
	const struct memory_view *v = &m->view;
	enum err err = ERR_OK;
	pthread_mutex_lock(&m->disk->lock);
	*at = v->at;
	bool resume = scan->after.len && slice_cmp(scan->after, scan->prefix) >= 0;
	size_t i = memory_view_find(v, resume ? scan->after : scan->prefix, resume);
	for (; i < v->count; i++) {
		struct entry e;
		struct slice key = v->entries[i]->key;
		if (!slice_starts(key, scan->prefix)) break;
		err = entry_decode(key, v->entries[i]->stored, &e);
		if (err || !scan->each(scan->arg, key, &e)) break;
	}
	pthread_mutex_unlock(&m->disk->lock);
	return err;
}

/* --- expiry ------------------------------------------------------------------------------------------ */

struct due {
	uint64_t expires_ms;
	const struct memory_entry *entry;
};

static int due_cmp(const void *a, const void *b) {
	const struct due *x = a, *y = b;
	if (x->expires_ms != y->expires_ms) return x->expires_ms < y->expires_ms ? -1 : 1;
	return slice_cmp(x->entry->key, y->entry->key);
}

enum err memory_expired(struct store_reader *r, uint64_t now_ms, int max,
                        void (*each)(void *arg, struct slice key), void *arg) {
	struct memory *m = r->memory;
	const struct memory_view *v = &m->view;
	pthread_mutex_lock(&m->disk->lock);
	struct due *due = malloc((v->count + 1) * sizeof(*due));
	enum err err = due ? ERR_OK : ERR_NO_MEMORY;
	size_t count = 0;
	for (size_t i = 0; !err && i < v->count; i++) {
		struct entry e;
		err = entry_decode(v->entries[i]->key, v->entries[i]->stored, &e);
		if (!err && e.expires_ms && e.expires_ms <= now_ms)
			due[count++] = (struct due){e.expires_ms, v->entries[i]};
	}
	if (!err && count) qsort(due, count, sizeof(*due), due_cmp);
	for (size_t i = 0; !err && i < count && i < (size_t)(max < 0 ? 0 : max); i++)
		each(arg, due[i].entry->key);
	free(due);
	pthread_mutex_unlock(&m->disk->lock);
	return err;
}

/* --- exports ------------------------------------------------------------------------------------------ */

struct export {
	struct memory *memory;
	struct buf all; /* every item; given out from the front */
};

static enum err items_put(struct export *x, const struct memory_view *v) {
	enum err err = ERR_OK;
	for (size_t i = 0; !err && i < v->count; i++) {
		struct entry e;
		err = entry_decode(v->entries[i]->key, v->entries[i]->stored, &e);
		if (!err) err = snapshot_put_entry(&x->all, v->entries[i]->key, &e);
	}
	const struct snapshot_total total = {v->at, v->count, v->state_hash};
	return err ? err : snapshot_put_end(&x->all, &total);
}

enum err memory_export_begin(struct store *s, struct position *at, void **out) {
	struct memory *m = CONTAINER_OF(s, struct memory, store);
	struct export *x = calloc(1, sizeof(*x));
	if (!x) return ERR_NO_MEMORY;
	buf_init(&x->all, MEMORY_MAX_BYTES);
	x->memory = m;
	pthread_mutex_lock(&m->disk->lock);
	m->readers++;
	enum err err = items_put(x, &m->view);
	*at = m->view.at;
	pthread_mutex_unlock(&m->disk->lock);
	if (err)
		memory_export_end(x);
	else
		*out = x;
	return err;
}

enum err memory_export_next(void *export, size_t max_bytes, struct buf *out) {
	struct export *x = export;
	struct slice all = buf_slice(&x->all), rest = all;
	struct snapshot_item item;
	if (all.len == 0) return ERR_NOT_FOUND;
	enum err err = ERR_OK;
	do err = snapshot_next(&rest, &item);
	while (!err && rest.len && all.len - rest.len < max_bytes);
	if (!err) err = buf_append(out, all.ptr, all.len - rest.len);
	if (!err) buf_consume(&x->all, all.len - rest.len);
	return err;
}

void memory_export_end(void *export) {
	struct export *x = export;
	if (!x) return;
	pthread_mutex_lock(&x->memory->disk->lock);
	x->memory->readers--;
	pthread_mutex_unlock(&x->memory->disk->lock);
	buf_done(&x->all);
	free(x);
}
