/* Puts of the embedded driver, on its lane: evaluate, write, sync, swap, sync. See
 * embedded_file.h for why nobody waits for anybody. Touches no state of the loop. */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "coord/embedded_private.h"

static struct pending *pending_of(struct list_node *n) {
	return CONTAINER_OF(n, struct pending, node);
}

static enum err sync_file(struct work *w) {
	if (w->sync_failed) return ERR_IO;
	enum err e = coord_file_sync(w->file);
	if (e) w->sync_failed = true;
	return e;
}

/* Makes sure that what we answer from, also "somebody else was first", stays true. */
static enum err settle(struct work *w, uint64_t word) {
	uint64_t synced = atomic_load(&w->file->shared->header.synced);
	if (coord_word_revision(synced) >= coord_word_revision(word)) return ERR_OK;
	enum err e = sync_file(w);
	if (!e) coord_file_advance(w->file, word);
	return e;
}

static enum err put_one(struct table *t, struct pending *p, uint64_t revision) {
	struct slice key = slice_str(p->key);
	const struct table_entry *old = table_find(t, key);
	p->revision = old ? old->revision : 0;
	if (p->revision != p->expected || p->revision == revision) return ERR_CONFLICT;
	size_t bytes = table_bytes(t) + TABLE_ENTRY_BYTES + key.len + p->value.len;
	if (old) bytes -= TABLE_ENTRY_BYTES + old->key.len + old->value.len;
	if (bytes > COORD_AREA_BYTES) return ERR_NO_SPACE;
	enum err e = table_set(t, key, p->value, revision);
	if (!e) p->revision = revision;
	return e;
}

/* Returns how many changed the table. */
static int put_all(struct work *w, struct table *t, uint64_t revision) {
	int changed = 0;
	LIST_EACH (&w->batch, n) {
		struct pending *p = pending_of(n);
		if (p->kind != PENDING_PUT) continue;
		p->err = put_one(t, p, revision);
		if (!p->err) changed++;
	}
	return changed;
}

static void fail_puts(struct work *w, enum err e) {
	LIST_EACH (&w->batch, n)
		if (pending_of(n)->kind == PENDING_PUT) pending_of(n)->err = e;
}

static enum err write_table(struct work *w, const struct table *t, uint32_t area) {
	size_t len = table_bytes(t);
	uint8_t *bytes = malloc(len);
	if (!bytes) return ERR_NO_MEMORY;
	table_encode(t, area, bytes);
	enum err e = coord_file_store(w->file, area, bytes, len);
	free(bytes);
	return e;
}

/* ERR_CONFLICT: another node's table came first, start over from it. */
static enum err publish(struct work *w, struct table *t, uint64_t word) {
	/* Then the word on disk is `word` or newer, and names no other area of ours. */
	enum err e = settle(w, word);
	uint32_t area = 2 * (uint32_t)w->file->self;
	if (area == coord_word_area(word)) area++;
	t->revision = coord_word_revision(word) + 1;
	if (!e) e = write_table(w, t, area);
	if (!e) e = sync_file(w);
	if (!e && !coord_file_in_place(w->file)) e = ERR_UNAVAILABLE;
	if (e) return e;
	uint64_t next = coord_word(t->revision, area);
	if (!atomic_compare_exchange_strong(&w->file->shared->header.head, &word, next))
		return ERR_CONFLICT;
	e = settle(w, next);
	if (!e && !coord_file_in_place(w->file)) e = ERR_UNAVAILABLE;
	return e;
}

/* False: somebody else was faster. */
static bool try_puts(struct work *w) {
	const _Atomic uint64_t *head = &w->file->shared->header.head;
	uint64_t word = atomic_load(head);
	struct table t = {0};
	enum err e = coord_file_load(w->file, word, &t);
	if (e == ERR_CORRUPT && atomic_load(head) != word) return false;
	if (!e)
		e = put_all(w, &t, coord_word_revision(word) + 1) ? publish(w, &t, word)
		                                                  : settle(w, word);
	table_done(&t);
	if (e == ERR_CONFLICT) return false;
	if (e) fail_puts(w, e);
	return true;
}

static void run_puts(struct work *w) {
	for (int i = 0; i < EMBEDDED_PUT_TRIES; i++)
		if (try_puts(w)) return;
	fail_puts(w, ERR_UNAVAILABLE);
}

/* A generation that was joined must never be given again, also after a power loss. */
static void run_joins(struct work *w) {
	enum err e = sync_file(w);
	LIST_EACH (&w->batch, n)
		if (pending_of(n)->kind == PENDING_JOIN) pending_of(n)->err = e;
}

void embedded_work_run(struct io_job *job) {
	struct work *w = CONTAINER_OF(job, struct work, job);
	bool has_puts = false, has_joins = false;
	LIST_EACH (&w->batch, n) {
		struct pending *p = pending_of(n);
		has_puts |= p->kind == PENDING_PUT;
		has_joins |= p->kind == PENDING_JOIN;
		p->err = ERR_UNAVAILABLE;
	}
	if (!coord_file_in_place(w->file)) return;
	if (has_joins) run_joins(w);
	if (has_puts) run_puts(w);
}
