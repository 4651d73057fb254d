/* Opening and writing the LMDB view: see view.h. May not know of the log's files.
 *
 * Without sync: the log is the truth, and after a power loss the view is made anew. No
 * MDB_WRITEMAP: a full disk would be a SIGBUS. Buffers are zeroed by LMDB (no
 * MDB_NOMEMINIT), so that nothing of the heap reaches the disk.
 */
#include "store/view.h"

#include <errno.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/hash.h"
#include "io/files.h"
#include "store/entry.h"
#include "store/view_row.h"

enum err view_err(int rc) {
	switch (rc) {
	case MDB_SUCCESS: return ERR_OK;
	case MDB_NOTFOUND: return ERR_NOT_FOUND;
	case MDB_MAP_FULL: return ERR_NO_SPACE;
	case MDB_READERS_FULL: return ERR_TOO_MANY;
	case MDB_CORRUPTED:
	case MDB_PAGE_NOTFOUND:
	case MDB_INVALID:
	case MDB_VERSION_MISMATCH:
	case MDB_INCOMPATIBLE:
	case MDB_BAD_VALSIZE: return ERR_CORRUPT;
	default: return rc > 0 ? err_from_errno(rc) : ERR_IO;
	}
}

/* LMDB maps what the meta page says; a shorter file would be a SIGBUS later. */
static enum err length_check(struct view *v, const char *path) {
	MDB_envinfo info;
	MDB_stat stat;
	uint64_t bytes = 0;
	struct file *f;
	struct files *fs = files_posix();
	int rc = mdb_env_info(v->env, &info);
	if (!rc) rc = mdb_env_stat(v->env, &stat);
	enum err err = view_err(rc);
	if (!err) err = fs->ops->open(fs, path, FILE_READ, &f);
	if (err) return err;
	err = fs->ops->size(f, &bytes);
	fs->ops->close(f);
	uint64_t pages = (uint64_t)info.me_last_pgno + 1;
	/* A new file is empty until its first commit. */
	if (!err && bytes && info.me_last_txnid && pages * stat.ms_psize > bytes) err = ERR_CORRUPT;
	return err;
}

static int tables_open(struct view *v, bool read_only) {
	MDB_txn *txn;
	unsigned create = read_only ? 0 : MDB_CREATE;
	int rc = mdb_txn_begin(v->env, NULL, read_only ? MDB_RDONLY : 0, &txn);
	if (rc) return rc;
	rc = mdb_dbi_open(txn, "keys", create, &v->keys);
	if (!rc) rc = mdb_dbi_open(txn, "expiry", create | MDB_DUPSORT, &v->expiry);
	if (!rc) rc = mdb_dbi_open(txn, "meta", create, &v->meta);
	if (!rc) rc = view_row_read(txn, v->meta, &v->state);
	if (rc) {
		mdb_txn_abort(txn);
		return rc;
	}
	return mdb_txn_commit(txn);
}

enum err view_open(struct view *v, const char *path, uint64_t map_bytes, bool read_only) {
	*v = (struct view){0};
	unsigned flags = MDB_NOSUBDIR | MDB_NOTLS | MDB_NOSYNC;
	if (read_only) flags |= MDB_RDONLY | MDB_NOLOCK;
	int rc = mdb_env_create(&v->env);
	if (rc) return view_err(rc);
	rc = mdb_env_set_mapsize(v->env, map_bytes);
	if (!rc) rc = mdb_env_set_maxreaders(v->env, VIEW_READERS_MAX);
	if (!rc) rc = mdb_env_set_maxdbs(v->env, 3);
	if (!rc) rc = mdb_env_open(v->env, path, flags, 0600);
	int dead;
	if (!rc && !read_only) rc = mdb_reader_check(v->env, &dead);
	enum err err = view_err(rc);
	if (!err) err = length_check(v, path);
	if (!err) err = view_err(tables_open(v, read_only));
	if (err == ERR_NOT_FOUND) err = ERR_CORRUPT;
	if (err) view_close(v);
	return err;
}

void view_close(struct view *v) {
	if (!v || !v->env) return;
	view_abort(v);
	mdb_env_close(v->env);
	v->env = NULL;
}

uint64_t view_bytes(const struct view *v) {
	MDB_envinfo info;
	MDB_stat stat;
	if (mdb_env_info(v->env, &info) || mdb_env_stat(v->env, &stat)) return 0;
	return ((uint64_t)info.me_last_pgno + 1) * stat.ms_psize;
}

enum err view_sync(struct view *v) {
	return view_err(mdb_env_sync(v->env, 1));
}

/* --- the writer's transaction -------------------------------------------------------- */

enum err view_begin(struct view *v) {
	int rc = mdb_txn_begin(v->env, NULL, 0, &v->txn);
	if (!rc) rc = mdb_cursor_open(v->txn, v->keys, &v->cursor);
	v->next = v->state;
	if (rc) view_abort(v);
	return view_err(rc);
}

void view_abort(struct view *v) {
	if (v->cursor) mdb_cursor_close(v->cursor);
	if (v->txn) mdb_txn_abort(v->txn);
	v->cursor = NULL;
	v->txn = NULL;
}

enum err view_commit(struct view *v, const struct position *at) {
	v->next.at = *at;
	int rc = view_row_write(v->txn, v->meta, &v->next);
	mdb_cursor_close(v->cursor);
	v->cursor = NULL;
	if (rc)
		mdb_txn_abort(v->txn);
	else
		rc = mdb_txn_commit(v->txn);
	v->txn = NULL;
	if (!rc) v->state = v->next;
	return view_err(rc);
}

/* The index: big-endian time, so that it sorts, with the keys as duplicates. */
static int expiry_change(struct view *v, uint64_t expires_ms, struct slice key, bool add) {
	if (expires_ms == 0) return 0;
	uint64_t when = __builtin_bswap64(expires_ms);
	MDB_val k = {sizeof(when), &when}, d = {key.len, (void *)key.ptr};
	v->next.expiring += add ? 1 : UINT64_MAX;
	return add ? mdb_put(v->txn, v->expiry, &k, &d, 0) : mdb_del(v->txn, v->expiry, &k, &d);
}

/* Takes an entry's share out of the totals. */
static int entry_forget(struct view *v, struct slice key, MDB_val old, uint64_t next_expiry) {
	if (old.mv_size < ENTRY_HEADER_BYTES) return MDB_CORRUPTED;
	uint64_t expires_ms = get_u64((uint8_t *)old.mv_data + 24);
	v->next.state_hash -= entry_sum(key, old.mv_data);
	v->next.entries--;
	return expires_ms == next_expiry ? 0 : expiry_change(v, expires_ms, key, false);
}

enum err view_put(struct view *v, struct slice key, const struct entry *e) {
	size_t bytes = ENTRY_HEADER_BYTES + e->value.len;
	MDB_val k = {key.len, (void *)key.ptr}, d = {bytes, NULL};
	uint64_t had_expiry = 0;
	/* One search either way: a found key leaves the cursor on it and gives the old entry. */
	int rc = mdb_cursor_put(v->cursor, &k, &d, MDB_NOOVERWRITE | MDB_RESERVE);
	if (rc == MDB_KEYEXIST) {
		if (d.mv_size >= ENTRY_HEADER_BYTES)
			had_expiry = get_u64((uint8_t *)d.mv_data + 24);
		rc = entry_forget(v, key, d, e->expires_ms);
		d.mv_size = bytes;
		if (!rc) rc = mdb_cursor_put(v->cursor, &k, &d, MDB_CURRENT | MDB_RESERVE);
	}
	if (rc) return view_err(rc);
	v->next.state_hash += entry_encode(d.mv_data, key, e);
	v->next.entries++;
	if (had_expiry != e->expires_ms) rc = expiry_change(v, e->expires_ms, key, true);
	return view_err(rc);
}

enum err view_delete(struct view *v, struct slice key) {
	MDB_val k = {key.len, (void *)key.ptr}, d;
	int rc = mdb_cursor_get(v->cursor, &k, &d, MDB_SET);
	if (rc == MDB_NOTFOUND) return ERR_OK; /* deleting what is not there is a fact too */
	if (!rc) rc = entry_forget(v, key, d, 0);
	if (!rc) rc = mdb_cursor_del(v->cursor, 0);
	return view_err(rc);
}

enum err view_apply(struct view *v, const struct record *record) {
	struct record_cursor c = record_cursor(record);
	struct op op;
	enum err err;
	while (!(err = record_next_op(&c, &op))) {
		const struct entry e = {op.value, record->at.epoch, record->at.seq, op.expires_ms};
		err = op.type == OP_PUT ? view_put(v, op.key, &e) : view_delete(v, op.key);
		if (err) return err;
	}
	return err == ERR_NOT_FOUND ? ERR_OK : err;
}
