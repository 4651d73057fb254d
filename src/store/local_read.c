/* Readers of the view on any thread, and exports on the owner's. A reader holds its own
 * lock while it looks, so that a lane can take the view away without a mixture being seen.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "store/local_state.h"

struct store_reader *local_reader_new(struct store *s) {
	struct local *l = CONTAINER_OF(s, struct local, store);
	struct store_reader *r = calloc(1, sizeof(*r));
	if (!r) return NULL;
	r->local = l;
	pthread_mutex_init(&r->lock, NULL);
	pthread_mutex_lock(&l->readers_lock);
	list_push_back(&l->readers, &r->node);
	pthread_mutex_unlock(&l->readers_lock);
	return r;
}

void local_reader_free(struct store_reader *r) {
	if (!r) return;
	struct local *l = r->local;
	pthread_mutex_lock(&l->readers_lock);
	list_remove(&l->readers, &r->node);
	pthread_mutex_unlock(&l->readers_lock);
	view_reader_done(&r->view);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

/* Opens the snapshot, or joins the one that the callback we are in looks at. */
static enum err reader_enter(struct store_reader *r) {
	struct local *l = r->local;
	if (r->depth > 0) {
		r->depth++;
		return ERR_OK;
	}
	pthread_mutex_lock(&r->lock);
	struct view_state state;
	enum err err = l->view ? ERR_OK : ERR_UNAVAILABLE;
	if (!err) {
		/* A replacer has ended our transaction before it changed either. */
		r->view.view = l->view;
		r->view_number = l->view_number;
		err = view_snapshot(&r->view, &state);
	}
	if (err) {
		pthread_mutex_unlock(&r->lock);
		return err;
	}
	r->at = state.at;
	r->depth = 1;
	return ERR_OK;
}

static void reader_leave(struct store_reader *r) {
	if (--r->depth > 0) return;
	view_release(&r->view);
	pthread_mutex_unlock(&r->lock);
}

void local_get(struct store_reader *r, struct slice key,
               void (*done)(void *arg, enum err err, const struct entry *e,
                            const struct position *at),
               void *arg) {
	static const struct position nowhere;
	struct entry e = {0};
	enum err err = reader_enter(r);
	if (err) {
		done(arg, err, &e, &nowhere);
		return;
	}
	err = view_get(&r->view, key, &e);
	if (err) e = (struct entry){0};
	done(arg, err, &e, &r->at);
	reader_leave(r);
}

enum err local_scan(struct store_reader *r, const struct store_scan *scan, struct position *at) {
	enum err err = reader_enter(r);
	if (err) return err;
	*at = r->at;
	err = view_scan(&r->view, scan);
	reader_leave(r);
	return err;
}

enum err local_expired(struct store_reader *r, uint64_t now_ms, int max,
                       void (*each)(void *arg, struct slice key), void *arg) {
	enum err err = reader_enter(r);
	if (err) return err;
	err = view_expired(&r->view, now_ms, max, each, arg);
	reader_leave(r);
	return err;
}

/* --- exports ------------------------------------------------------------------------------------- */

/* A reader whose snapshot stays open between calls. */
struct export {
	struct store_reader *reader;
	uint64_t view_number;
	struct snapshot_total total;
	uint8_t key[EXPORT_KEY_BYTES]; /* the last one given */
	size_t key_bytes;
	bool entries_done, ended;
	size_t stop_at; /* length of out at which a chunk is full */
	struct buf *out;
	enum err err;
};

enum err local_export_begin(struct store *s, struct position *at, void **out) {
	struct export *x = calloc(1, sizeof(*x));
	if (!x) return ERR_NO_MEMORY;
	x->reader = local_reader_new(s);
	enum err err = x->reader ? ERR_OK : ERR_NO_MEMORY;
	if (!err) {
		struct store_reader *r = x->reader;
		struct local *l = r->local;
		struct view_state state = {0};
		pthread_mutex_lock(&r->lock);
		r->view.view = l->view;
		x->view_number = l->view_number;
		err = l->view ? view_snapshot(&r->view, &state) : ERR_UNAVAILABLE;
		pthread_mutex_unlock(&r->lock);
		x->total = (struct snapshot_total){state.at, state.entries, state.state_hash};
	}
	if (err) {
		local_export_end(x);
		return err;
	}
	*at = x->total.at;
	*out = x;
	return ERR_OK;
}

static bool entry_export(void *arg, struct slice key, const struct entry *e) {
	struct export *x = arg;
	x->err = snapshot_put_entry(x->out, key, e);
	if (x->err) return false;
	memcpy(x->key, key.ptr, key.len);
	x->key_bytes = key.len;
	return x->out->len < x->stop_at;
}

static enum err export_more(struct export *x, size_t max_bytes, struct buf *out) {
	size_t before = out->len;
	x->out = out;
	x->stop_at = before + max_bytes;
	x->err = ERR_OK;
	if (!x->entries_done) {
		const struct store_scan scan = {
			.after = slice_of(x->key, x->key_bytes), .each = entry_export, .arg = x};
		enum err err = view_scan(&x->reader->view, &scan);
		if (err || x->err) return err ? err : x->err;
		x->entries_done = out->len < x->stop_at;
	}
	if (!x->entries_done) return ERR_OK;
	x->ended = true;
	return snapshot_put_end(out, &x->total);
}

enum err local_export_next(void *export, size_t max_bytes, struct buf *out) {
	struct export *x = export;
	struct store_reader *r = x->reader;
	if (x->ended) return ERR_NOT_FOUND;
	pthread_mutex_lock(&r->lock);
	enum err err = ERR_UNAVAILABLE; /* replaced under us: begin anew */
	if (r->view.open && x->view_number == r->local->view_number)
		err = export_more(x, max_bytes, out);
	pthread_mutex_unlock(&r->lock);
	return err;
}

void local_export_end(void *export) {
	struct export *x = export;
	if (!x) return;
	local_reader_free(x->reader);
	free(x);
}
