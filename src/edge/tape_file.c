/* Names, sizes and ends of a tape's files. */
#include "edge/tape_file.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/parse.h"

enum { PATH_BYTES = 1200, FILES_MAX = 1 << 18, SAME_MS_TRIES = 16 };
#define SUFFIX ".hfr"

/* --- old files ---------------------------------------------------------------------------- */

bool tape_file_owns(const struct tape_file *t, struct slice name, uint64_t *stamp) {
	char prefix[64];
	uint64_t worker;
	size_t suffix = sizeof(SUFFIX) - 1;
	snprintf(prefix, sizeof(prefix), "%s-w", t->region);
	struct slice begin = slice_str(prefix);
	if (!slice_starts(name, begin) || name.len < begin.len + suffix) return false;
	if (!slice_is(slice_of(name.ptr + name.len - suffix, suffix), SUFFIX)) return false;
	struct slice rest = slice_of(name.ptr + begin.len, name.len - begin.len - suffix);
	struct slice number = slice_cut(&rest, '-');
	if (parse_u64(number, INT32_MAX, &worker) || parse_u64(rest, UINT64_MAX, stamp))
		return false;
	bool orphan = worker >= (uint64_t)t->workers;
	return worker == (uint64_t)t->worker || (orphan && t->worker == 0);
}

struct old_file {
	uint64_t stamp, bytes;
	char path[PATH_BYTES];
};
struct old_files {
	const struct tape_file *of;
	struct old_file *all;
	size_t count;
	enum err err;
};

static enum err size_of(struct files *fs, const char *path, uint64_t *bytes) {
	struct file *f;
	enum err e = fs->ops->open(fs, path, FILE_READ, &f);
	if (e) return e;
	e = fs->ops->size(f, bytes);
	fs->ops->close(f);
	return e;
}

static void note(void *arg, const char *name) {
	struct old_files *o = arg;
	uint64_t stamp, bytes;
	char path[PATH_BYTES];
	if (o->err || !tape_file_owns(o->of, slice_str(name), &stamp)) return;
	snprintf(path, sizeof(path), "%s/%s", o->of->dir, name);
	if (size_of(o->of->fs, path, &bytes) != ERR_OK) return; /* somebody deleted it */
	struct old_file *all =
		o->count < FILES_MAX ? realloc(o->all, (o->count + 1) * sizeof(*all)) : NULL;
	if (!all) {
		o->err = ERR_NO_MEMORY;
		return;
	}
	o->all = all;
	struct old_file *f = &all[o->count++];
	f->stamp = stamp;
	f->bytes = bytes;
	memcpy(f->path, path, sizeof(path));
}

static int older(const void *a, const void *b) {
	uint64_t x = ((const struct old_file *)a)->stamp, y = ((const struct old_file *)b)->stamp;
	return (x > y) - (x < y);
}

/* So that `more` bytes have room in what all may take. */
static enum err make_room(const struct tape_file *t, uint64_t more) {
	struct old_files o = {.of = t};
	enum err e = t->fs->ops->list(t->fs, t->dir, note, &o);
	uint64_t sum = more;
	if (!e) e = o.err;
	for (size_t i = 0; i < o.count; i++) sum += o.all[i].bytes;
	if (o.count) qsort(o.all, o.count, sizeof(*o.all), older);
	for (size_t i = 0; !e && i < o.count && sum > t->all_bytes_max; i++) {
		e = t->fs->ops->unlink(t->fs, o.all[i].path);
		if (e == ERR_NOT_FOUND) e = ERR_OK;
		sum -= o.all[i].bytes;
	}
	free(o.all);
	return e;
}

enum err tape_file_open(const struct tape_file *t) {
	enum err e = t->fs->ops->mkdir(t->fs, t->dir);
	return e ? e : make_room(t, 0);
}

/* --- the file under way ---------------------------------------------------------------------- */

static enum err begin(struct tape_file *t) {
	char path[PATH_BYTES];
	enum err e = t->fs->ops->mkdir(t->fs, t->dir);
	if (!e) e = make_room(t, t->bytes_max);
	if (e) return e;
	for (int i = 0; i < SAME_MS_TRIES; i++) {
		snprintf(path, sizeof(path), "%s/%s-w%d-%013llu" SUFFIX, t->dir, t->region,
		         t->worker, (unsigned long long)t->stamp_ms + (unsigned)i);
		e = t->fs->ops->open(t->fs, path, FILE_WRITE | FILE_CREATE | FILE_EXCLUSIVE,
		                     &t->file);
		if (e != ERR_EXISTS) break;
	}
	if (e) t->file = NULL;
	t->bytes = 0;
	return e ? e : t->fs->ops->sync_dir(t->fs, t->dir);
}

static enum err check_room(const struct tape_file *t, size_t bytes) {
	uint64_t room;
	enum err e = t->fs->ops->free_bytes(t->fs, t->dir, &room);
	if (e) return e;
	return room < t->free_bytes_min + bytes ? ERR_NO_SPACE : ERR_OK;
}

enum err tape_file_write(struct tape_file *t, struct slice bytes, bool last) {
	enum err e = t->file ? ERR_OK : begin(t);
	if (!e) e = check_room(t, bytes.len);
	if (!e) e = t->fs->ops->write(t->file, t->bytes, bytes.ptr, bytes.len);
	if (!e) e = t->fs->ops->start(t->file, t->bytes, bytes.len);
	t->bytes += bytes.len;
	if (!e && last) e = t->fs->ops->sync(t->file);
	if (e || last) tape_file_end(t);
	return e;
}

void tape_file_end(struct tape_file *t) {
	if (t->file) t->fs->ops->close(t->file);
	t->file = NULL;
	t->bytes = 0;
}
