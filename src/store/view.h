/* The view in LMDB: key → entry, an index by expiry, and one state row saying up to
 * which record it is made and what the set of entries hashes to.
 *
 * LMDB needs a real file: paths here are the kernel's, whatever drives the log.
 * Threads: one writer at a time; each view_reader one thread at a time.
 */
#pragma once
#include <lmdb.h>

#include "base/buf.h"
#include "store/store.h"

enum { VIEW_READERS_MAX = 512 };

struct view_state {
	struct position at;
	uint64_t state_hash, entries, expiring; /* counts: of all, of those that expire */
};
struct view {
	MDB_env *env;
	MDB_dbi keys, expiry, meta;
	struct view_state state; /* committed; the writer's */
	/* The transaction under way. */
	MDB_txn *txn;
	MDB_cursor *cursor;
	struct view_state next;
};

/* Opens or creates `path`. read_only for checkpoints. ERR_CORRUPT: not a view, or cut short. */
MUST enum err view_open(struct view *v, const char *path, uint64_t map_bytes, bool read_only);
void view_close(struct view *v); /* readers must be gone; half-opened is fine */
uint64_t view_bytes(const struct view *v);
MUST enum err view_sync(struct view *v);
/* Reads everything: every entry's checksum, the index, and the totals in the state row. */
MUST enum err view_verify(struct view *v);

/* A transaction of the writer. After an error it must be aborted. ERR_NO_SPACE leaves the view
 * usable; ERR_IO means that LMDB gave up on the file. */
MUST enum err view_begin(struct view *v);
MUST enum err view_apply(struct view *v, const struct record *record);
MUST enum err view_put(struct view *v, struct slice key, const struct entry *e);
/* Deleting what is not there is fine. */
MUST enum err view_delete(struct view *v, struct slice key);
MUST enum err view_commit(struct view *v, const struct position *at);
void view_abort(struct view *v);

/* A snapshot that is kept allocated between uses but pins nothing then. */
struct view_reader {
	struct view *view;
	MDB_txn *txn;
	bool open;
};
MUST enum err view_snapshot(struct view_reader *r, struct view_state *state);
void view_release(struct view_reader *r);
void view_reader_done(struct view_reader *r);
MUST enum err view_get(struct view_reader *r, struct slice key, struct entry *e);
MUST enum err view_scan(struct view_reader *r, const struct store_scan *scan);
MUST enum err view_expired(struct view_reader *r, uint64_t now_ms, int max,
                           void (*each)(void *arg, struct slice key), void *arg);
enum err view_err(int rc); /* LMDB's code in our words */
