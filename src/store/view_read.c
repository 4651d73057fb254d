/* Reading the LMDB view: snapshots, single keys, walks, and the check of everything.
 * Whatever fails its checksum is reported, never handed on.
 */
#include "base/bytes.h"
#include "base/hash.h"
#include "store/entry.h"
#include "store/view_row.h"

/* --- the state row ---------------------------------------------------------------------- */

/* u32 crc of [4, end), u32 version, epoch, seq, hash[16], state hash, entries, expiring. */
enum { ROW_VERSION = 1, ROW_BYTES = 64 };
static const char row_name[] = "state";

int view_row_read(MDB_txn *txn, MDB_dbi meta, struct view_state *out) {
	MDB_val k = {sizeof(row_name), (void *)row_name}, d;
	*out = (struct view_state){0};
	int rc = mdb_get(txn, meta, &k, &d);
	if (rc == MDB_NOTFOUND) return 0;
	if (rc) return rc;
	const uint8_t *p = d.mv_data;
	if (d.mv_size != ROW_BYTES || get_u32(p) != crc32c(0, p + 4, ROW_BYTES - 4))
		return MDB_CORRUPTED;
	if (get_u32(p + 4) != ROW_VERSION) return MDB_VERSION_MISMATCH;
	out->at.epoch = get_u64(p + 8);
	out->at.seq = get_u64(p + 16);
	memcpy(out->at.hash, p + 24, RECORD_HASH_BYTES);
	out->state_hash = get_u64(p + 40);
	out->entries = get_u64(p + 48);
	out->expiring = get_u64(p + 56);
	return 0;
}

int view_row_write(MDB_txn *txn, MDB_dbi meta, const struct view_state *state) {
	uint8_t p[ROW_BYTES];
	MDB_val k = {sizeof(row_name), (void *)row_name}, d = {ROW_BYTES, p};
	put_u32(p + 4, ROW_VERSION);
	put_u64(p + 8, state->at.epoch);
	put_u64(p + 16, state->at.seq);
	memcpy(p + 24, state->at.hash, RECORD_HASH_BYTES);
	put_u64(p + 40, state->state_hash);
	put_u64(p + 48, state->entries);
	put_u64(p + 56, state->expiring);
	put_u32(p, crc32c(0, p + 4, ROW_BYTES - 4));
	return mdb_put(txn, meta, &k, &d, 0);
}

/* --- snapshots ---------------------------------------------------------------------------- */

enum err view_snapshot(struct view_reader *r, struct view_state *state) {
	int rc = r->txn ? mdb_txn_renew(r->txn)
	                : mdb_txn_begin(r->view->env, NULL, MDB_RDONLY, &r->txn);
	if (rc) return view_err(rc);
	r->open = true;
	rc = view_row_read(r->txn, r->view->meta, state);
	if (rc) view_release(r);
	return view_err(rc);
}

void view_release(struct view_reader *r) {
	if (r->open) mdb_txn_reset(r->txn);
	r->open = false;
}

void view_reader_done(struct view_reader *r) {
	if (r->txn) mdb_txn_abort(r->txn);
	r->txn = NULL;
	r->open = false;
}

static struct slice val_slice(MDB_val v) {
	return slice_of(v.mv_data, v.mv_size);
}

enum err view_get(struct view_reader *r, struct slice key, struct entry *e) {
	if (key.len == 0 || key.len > KEY_MAX_BYTES) return ERR_NOT_FOUND;
	MDB_val k = {key.len, (void *)key.ptr}, d;
	int rc = mdb_get(r->txn, r->view->keys, &k, &d);
	return rc ? view_err(rc) : entry_decode(key, val_slice(d), e);
}

/* --- walks ---------------------------------------------------------------------------------- */

/* Puts the cursor on the first key of the scan. */
static int scan_first(MDB_cursor *c, const struct store_scan *scan, MDB_val *k, MDB_val *d) {
	bool resume = scan->after.len && slice_cmp(scan->after, scan->prefix) >= 0;
	struct slice from = resume ? scan->after : scan->prefix;
	if (from.len == 0) return mdb_cursor_get(c, k, d, MDB_FIRST);
	if (from.len > KEY_MAX_BYTES) return MDB_NOTFOUND;
	*k = (MDB_val){from.len, (void *)from.ptr};
	int rc = mdb_cursor_get(c, k, d, MDB_SET_RANGE);
	if (!rc && resume && slice_eq(val_slice(*k), from)) rc = mdb_cursor_get(c, k, d, MDB_NEXT);
	return rc;
}

enum err view_scan(struct view_reader *r, const struct store_scan *scan) {
	MDB_cursor *c;
	MDB_val k, d;
	int rc = mdb_cursor_open(r->txn, r->view->keys, &c);
	if (rc) return view_err(rc);
	enum err err = ERR_OK;
	for (rc = scan_first(c, scan, &k, &d); !rc; rc = mdb_cursor_get(c, &k, &d, MDB_NEXT)) {
		struct entry e;
		struct slice key = val_slice(k);
		err = entry_decode(key, val_slice(d), &e);
		if (err || !slice_starts(key, scan->prefix) || !scan->each(scan->arg, key, &e))
			break;
	}
	mdb_cursor_close(c);
	return err ? err : rc == MDB_NOTFOUND ? ERR_OK : view_err(rc);
}

/* The index has no checksum of its own: the entry it points to must agree. */
static enum err expired_check(struct view_reader *r, uint64_t when, struct slice key) {
	struct entry e;
	enum err err = view_get(r, key, &e);
	if (err == ERR_NOT_FOUND || (!err && e.expires_ms != when)) return ERR_CORRUPT;
	return err;
}

enum err view_expired(struct view_reader *r, uint64_t now_ms, int max,
                      void (*each)(void *arg, struct slice key), void *arg) {
	MDB_cursor *c;
	MDB_val k, d;
	int rc = mdb_cursor_open(r->txn, r->view->expiry, &c);
	if (rc) return view_err(rc);
	enum err err = ERR_OK;
	rc = mdb_cursor_get(c, &k, &d, MDB_FIRST);
	for (int given = 0; !rc && given < max; given++) {
		if (k.mv_size != sizeof(uint64_t)) err = ERR_CORRUPT;
		uint64_t when = err ? 0 : __builtin_bswap64(get_u64(k.mv_data));
		if (err || when > now_ms) break;
		err = expired_check(r, when, val_slice(d));
		if (err) break;
		each(arg, val_slice(d));
		rc = mdb_cursor_get(c, &k, &d, MDB_NEXT);
	}
	mdb_cursor_close(c);
	return err ? err : rc == MDB_NOTFOUND ? ERR_OK : view_err(rc);
}

/* --- the check of everything ------------------------------------------------------------------ */

static enum err index_has(MDB_cursor *index, uint64_t expires_ms, struct slice key) {
	uint64_t when = __builtin_bswap64(expires_ms);
	MDB_val k = {sizeof(when), &when}, d = {key.len, (void *)key.ptr};
	int rc = mdb_cursor_get(index, &k, &d, MDB_GET_BOTH);
	return rc == MDB_NOTFOUND ? ERR_CORRUPT : view_err(rc);
}

static enum err entries_total(MDB_cursor *keys, MDB_cursor *index, struct view_state *total) {
	MDB_val k, d;
	int rc;
	for (rc = mdb_cursor_get(keys, &k, &d, MDB_FIRST); !rc;
	     rc = mdb_cursor_get(keys, &k, &d, MDB_NEXT)) {
		struct entry e;
		enum err err = entry_decode(val_slice(k), val_slice(d), &e);
		if (!err && e.expires_ms) err = index_has(index, e.expires_ms, val_slice(k));
		if (err) return err;
		total->state_hash += entry_sum(val_slice(k), d.mv_data);
		total->entries++;
		if (e.expires_ms) total->expiring++;
	}
	return rc == MDB_NOTFOUND ? ERR_OK : view_err(rc);
}

enum err view_verify(struct view *v) {
	MDB_txn *txn;
	MDB_cursor *keys = NULL, *index = NULL;
	MDB_stat index_stat;
	struct view_state want, total = {0};
	int rc = mdb_txn_begin(v->env, NULL, MDB_RDONLY, &txn);
	if (rc) return view_err(rc);
	rc = view_row_read(txn, v->meta, &want);
	if (!rc) rc = mdb_cursor_open(txn, v->keys, &keys);
	if (!rc) rc = mdb_cursor_open(txn, v->expiry, &index);
	if (!rc) rc = mdb_stat(txn, v->expiry, &index_stat);
	enum err err = rc ? view_err(rc) : entries_total(keys, index, &total);
	if (!err && (total.state_hash != want.state_hash || total.entries != want.entries ||
	             total.expiring != want.expiring || index_stat.ms_entries != want.expiring))
		err = ERR_CORRUPT;
	if (keys) mdb_cursor_close(keys);
	if (index) mdb_cursor_close(index);
	mdb_txn_abort(txn);
	return err == ERR_NOT_FOUND ? ERR_CORRUPT : err;
}
