/* A view that is its own truth; see mirror.h. */
#include "store/mirror.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "store/local_state.h"
#include "store/view.h"

static const uint64_t MAP_BYTES = (uint64_t)64 << 30;
static char row_name[] = "mirror";

struct mirror {
	struct view view;
	struct view_reader reader;
};

enum err mirror_lock(const char *dir) {
	int until_the_end;
	return dir_lock(dir, &until_the_end);
}

enum err mirror_open(const char *path, struct mirror **out) {
	struct mirror *m = calloc(1, sizeof *m);
	*out = NULL;
	if (!m) return ERR_NO_MEMORY;
	enum err err = view_open(&m->view, path, MAP_BYTES, false);
	if (err) {
		free(m);
		return err;
	}
	m->reader.view = &m->view;
	/* A view does without, having a log. What was made until now was not synced either. */
	err = view_err(mdb_env_set_flags(m->view.env, MDB_NOSYNC, 0));
	if (!err) err = view_sync(&m->view);
	if (err)
		mirror_close(m);
	else
		*out = m;
	return err;
}

void mirror_close(struct mirror *m) {
	if (!m) return;
	view_reader_done(&m->reader);
	view_close(&m->view);
	free(m);
}

uint64_t mirror_bytes(const struct mirror *m) {
	return view_bytes(&m->view);
}

uint64_t mirror_keys(const struct mirror *m) {
	return m->view.state.entries;
}

/* --- the row: u32 CRC-32C of what follows ------------------------------------------------------ */

enum err mirror_row(struct mirror *m, struct buf *out) {
	struct view_state state;
	MDB_val k = {sizeof row_name, row_name}, d;
	enum err err = view_snapshot(&m->reader, &state);
	if (err) return err;
	int rc = mdb_get(m->reader.txn, m->view.meta, &k, &d);
	if (rc && rc != MDB_NOTFOUND) err = view_err(rc);
	const uint8_t *p = d.mv_data;
	if (!rc && (d.mv_size < 4 || get_u32(p) != crc32c(0, p + 4, d.mv_size - 4)))
		err = ERR_CORRUPT;
	if (!rc && !err) err = buf_append(out, p + 4, d.mv_size - 4);
	view_release(&m->reader);
	return err;
}

static enum err row_put(struct mirror *m, struct slice row) {
	uint8_t bytes[4 + MIRROR_ROW_MAX];
	if (row.len > MIRROR_ROW_MAX) return ERR_TOO_LARGE;
	put_u32(bytes, crc32c(0, row.ptr, row.len));
	memcpy(bytes + 4, row.ptr, row.len);
	MDB_val k = {sizeof row_name, row_name}, d = {4 + row.len, bytes};
	return view_err(mdb_put(m->view.txn, m->view.meta, &k, &d, 0));
}

/* --- writing ---------------------------------------------------------------------------------------- */

enum err mirror_begin(struct mirror *m) {
	return view_begin(&m->view);
}

enum err mirror_set(struct mirror *m, struct slice key, const struct entry *entry) {
	return entry ? view_put(&m->view, key, entry) : view_delete(&m->view, key);
}

enum err mirror_commit(struct mirror *m, struct slice row) {
	enum err err = row_put(m, row);
	if (err) {
		view_abort(&m->view);
		return err;
	}
	return view_commit(&m->view, &m->view.state.at);
}

void mirror_abort(struct mirror *m) {
	view_abort(&m->view);
}

/* --- reading ---------------------------------------------------------------------------------------- */

enum err mirror_get(struct mirror *m, struct slice key,
                    void (*each)(void *arg, const struct entry *e), void *arg) {
	struct view_state state;
	struct entry e;
	enum err err = view_snapshot(&m->reader, &state);
	if (err) return err;
	err = view_get(&m->reader, key, &e);
	if (!err) each(arg, &e);
	view_release(&m->reader);
	return err;
}

enum err mirror_scan(struct mirror *m, const struct store_scan *scan) {
	struct view_state state;
	enum err err = view_snapshot(&m->reader, &state);
	if (err) return err;
	err = view_scan(&m->reader, scan);
	view_release(&m->reader);
	return err;
}
