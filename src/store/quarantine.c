/* The quarantine area: saving a divergent tail, listing and reading what was saved. What
 * asynchronous replication lost is here or nowhere: everything is synced, names too,
 * before anyone is told that it is safe. May not know why a tail diverged.
 */
#include "store/quarantine.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "store/local.h"

enum { ITEMS_MAX = 4096, MANIFEST_MAX_BYTES = 16 << 10, WRITE_BYTES = 256 << 10, TWINS_MAX = 9 };
static const size_t SAVED_MAX_BYTES = (size_t)4 << 30; /* read back at once to compare */

enum err quarantine_path(const char *dir, const char *id, const char *name, char out[PATH_BYTES]) {
	return path_make(out, "%s/quarantine/%s/%s", dir, id, name);
}

enum err manifest_read(struct files *files, const char *dir, const char *id,
                       struct quarantine_manifest *m) {
	char path[PATH_BYTES];
	struct buf text;
	buf_init(&text, MANIFEST_MAX_BYTES);
	enum err err = quarantine_path(dir, id, "manifest.json", path);
	if (!err) err = files_read_all(files, path, &text);
	if (err == ERR_TOO_LARGE) err = ERR_CORRUPT;
	if (!err) err = manifest_decode(buf_slice(&text), m);
	if (!err && strcmp(m->id, id) != 0) err = ERR_CORRUPT;
	buf_done(&text);
	return err;
}

/* --- saving ------------------------------------------------------------------------------------ */

struct saving {
	struct files *files;
	struct file *file;
	struct buf buf; /* not yet written */
	uint64_t written;
	struct quarantine_manifest m;
	enum err err;
};

static enum err saving_flush(struct saving *s) {
	struct slice bytes = buf_slice(&s->buf);
	if (bytes.len == 0) return ERR_OK;
	enum err err = s->files->ops->write(s->file, s->written, bytes.ptr, bytes.len);
	s->m.crc = crc32c(s->m.crc, bytes.ptr, bytes.len);
	s->written += bytes.len;
	buf_reset(&s->buf);
	return err;
}

static bool saving_take(void *arg, const struct record *r) {
	struct saving *s = arg;
	s->m.count++;
	s->m.bytes += r->bytes.len;
	if (s->buf.len + r->bytes.len > WRITE_BYTES) s->err = saving_flush(s);
	if (!s->err) s->err = buf_append_slice(&s->buf, r->bytes);
	return s->err == ERR_OK;
}

static enum err records_save(struct saving *s, const char *path, struct log_reader *reader) {
	const struct files_ops *ops = s->files->ops;
	enum err err = ops->open(s->files, path, FILE_READ | FILE_WRITE | FILE_CREATE, &s->file);
	if (err) return err;
	buf_init(&s->buf, RECORD_MAX_BYTES + WRITE_BYTES);
	err = ops->resize(s->file, 0);
	if (!err) err = log_each(reader, s->m.keep.seq + 1, s->m.last.seq, saving_take, s);
	if (!err) err = s->err;
	if (!err) err = saving_flush(s);
	if (!err) err = ops->sync(s->file);
	buf_done(&s->buf);
	ops->close(s->file);
	return err;
}

static enum err manifest_save(struct saving *s, const char *dir) {
	char path[PATH_BYTES];
	struct buf text;
	buf_init(&text, MANIFEST_MAX_BYTES);
	enum err err = manifest_encode(&s->m, &text);
	if (!err) err = quarantine_path(dir, s->m.id, "manifest.json", path);
	if (!err) err = files_replace(s->files, path, buf_slice(&text));
	buf_done(&text);
	return err;
}

/* The same tail again, or another one with the same numbers: then the name gets a letter. */
static enum err id_choose(struct files *files, const char *dir, struct quarantine_manifest *m,
                          bool *saved) {
	*saved = false;
	for (int twin = 0; twin <= TWINS_MAX; twin++) {
		struct quarantine_manifest other;
		char suffix[4] = "";
		if (twin) snprintf(suffix, sizeof(suffix), "-%c", 'a' + twin);
		snprintf(m->id, sizeof(m->id), "e%" PRIu64 "-s%" PRIu64 "-s%" PRIu64 "%s",
		         m->last.epoch, m->keep.seq + 1, m->last.seq, suffix);
		enum err err = manifest_read(files, dir, m->id, &other);
		if (err == ERR_NOT_FOUND) return ERR_OK;
		if (err && err != ERR_CORRUPT && err != ERR_FORMAT) return err;
		if (err || !position_eq(&other.keep, &m->keep) ||
		    !position_eq(&other.last, &m->last))
			continue;
		struct buf records;
		buf_init(&records, SAVED_MAX_BYTES);
		*saved = quarantine_read(files, dir, m->id, &records) == ERR_OK;
		buf_done(&records);
		if (*saved) return ERR_OK;
	}
	return ERR_TOO_MANY;
}

enum err quarantine_write(struct files *files, const char *dir, const struct quarantine_tail *tail,
                          struct log_reader *reader) {
	struct saving s = {.files = files};
	char area[PATH_BYTES], home[PATH_BYTES], path[PATH_BYTES];
	bool saved;
	snprintf(s.m.cell, sizeof(s.m.cell), "%s", tail->cell);
	snprintf(s.m.node, sizeof(s.m.node), "%s", tail->node);
	snprintf(s.m.why, sizeof(s.m.why), "%s", tail->why);
	s.m.time_ms = tail->time_ms;
	s.m.keep = tail->keep;
	s.m.last = tail->last;
	enum err err = id_choose(files, dir, &s.m, &saved);
	if (!err) err = path_make(area, "%s/quarantine", dir);
	if (!err) err = path_make(home, "%s/%s", area, s.m.id);
	if (!err && saved) { /* before a crash, which may have come before the names were durable */
		err = files->ops->sync_dir(files, home);
		return err ? err : files->ops->sync_dir(files, area);
	}
	if (!err) err = quarantine_path(dir, s.m.id, "records", path);
	if (!err) err = files->ops->mkdir(files, home);
	if (!err) err = records_save(&s, path, reader);
	if (!err) err = files->ops->sync_dir(files, home);
	if (!err) err = files->ops->sync_dir(files, area);
	return err ? err : manifest_save(&s, dir);
}

/* --- reading ---------------------------------------------------------------------------------- */

struct item_list {
	struct files *files;
	const char *dir;
	struct quarantine_item *items;
	int count, cap;
	enum err err;
};

static void item_note(void *arg, const char *name) {
	struct item_list *l = arg;
	struct quarantine_manifest m;
	if (l->err || l->count == ITEMS_MAX || strlen(name) >= QUARANTINE_ID_BYTES) return;
	enum err err = manifest_read(l->files, l->dir, name, &m);
	if (err == ERR_NOT_FOUND) return; /* a crash came before it counted */
	if (l->count == l->cap) {
		int cap = l->cap ? l->cap * 2 : 16;
		void *more = realloc(l->items, (size_t)cap * sizeof(*l->items));
		if (!more) {
			l->err = ERR_NO_MEMORY;
			return;
		}
		l->items = more;
		l->cap = cap;
	}
	struct quarantine_item *item = &l->items[l->count++];
	*item = (struct quarantine_item){.epoch = m.last.epoch,
	                                 .first_seq = m.keep.seq + 1,
	                                 .last_seq = m.last.seq,
	                                 .count = m.count,
	                                 .bytes = m.bytes,
	                                 .time_ms = m.time_ms};
	snprintf(item->id, sizeof(item->id), "%s", name);
	snprintf(item->why, sizeof(item->why), "%s", err ? "its manifest is damaged" : m.why);
}

static int item_cmp(const void *a, const void *b) {
	const struct quarantine_item *x = a, *y = b;
	if (x->time_ms != y->time_ms) return x->time_ms < y->time_ms ? -1 : 1;
	if (x->last_seq != y->last_seq) return x->last_seq < y->last_seq ? -1 : 1;
	return strcmp(x->id, y->id);
}

enum err quarantine_list(struct files *files, const char *dir,
                         void (*each)(void *arg, const struct quarantine_item *item), void *arg) {
	struct item_list l = {.files = files, .dir = dir};
	char area[PATH_BYTES];
	enum err err = path_make(area, "%s/quarantine", dir);
	if (!err) err = files->ops->list(files, area, item_note, &l);
	if (err == ERR_NOT_FOUND) err = ERR_OK; /* nothing was ever saved */
	if (!err) err = l.err;
	if (!err && l.count) qsort(l.items, (size_t)l.count, sizeof(*l.items), item_cmp);
	for (int i = 0; !err && i < l.count; i++) each(arg, &l.items[i]);
	free(l.items);
	return err;
}

static enum err chain_check(const struct quarantine_manifest *m, struct slice rest) {
	struct position at = m->keep;
	uint64_t count = 0;
	while (rest.len) {
		struct record r;
		if (record_decode(rest, &r) || record_follows(&r, &at)) return ERR_CORRUPT;
		at = r.at;
		rest.ptr += r.bytes.len;
		rest.len -= r.bytes.len;
		count++;
	}
	return count == m->count && position_eq(&at, &m->last) ? ERR_OK : ERR_CORRUPT;
}

enum err quarantine_read(struct files *files, const char *dir, const char *id,
                         struct buf *records) {
	struct quarantine_manifest m = {0}; /* its id tells below whether it was there */
	char path[PATH_BYTES];
	if (strchr(id, '/') || id[0] == '.' || strlen(id) >= QUARANTINE_ID_BYTES)
		return ERR_NOT_FOUND;
	size_t before = records->len;
	enum err err = manifest_read(files, dir, id, &m);
	if (!err) err = quarantine_path(dir, id, "records", path);
	if (!err) err = files_read_all(files, path, records);
	if (err) return err == ERR_NOT_FOUND && m.id[0] ? ERR_CORRUPT : err;
	struct slice all = buf_slice(records);
	all.ptr += before;
	all.len -= before;
	if (all.len != m.bytes || crc32c(0, all.ptr, all.len) != m.crc) err = ERR_CORRUPT;
	if (!err) err = chain_check(&m, all);
	if (err) buf_truncate(records, before);
	return err;
}
