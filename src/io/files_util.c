/* What every user of files needs once: whole small files, replaced and read. Works on any
 * driver. */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "io/files.h"

static enum err write_whole(struct files *fs, const char *path, struct slice content) {
	struct file *f;
	enum err err = fs->ops->open(fs, path, FILE_WRITE | FILE_CREATE, &f);
	if (err != ERR_OK) return err;
	err = fs->ops->resize(f, 0); /* a crash may have left one */
	if (err == ERR_OK) err = fs->ops->write(f, 0, content.ptr, content.len);
	if (err == ERR_OK) err = fs->ops->sync(f);
	fs->ops->close(f);
	return err;
}

static enum err sync_parent(struct files *fs, const char *path) {
	char dir[PATH_MAX];
	const char *slash = strrchr(path, '/');
	if (!slash) return fs->ops->sync_dir(fs, ".");
	if (slash == path) return fs->ops->sync_dir(fs, "/");
	memcpy(dir, path, (size_t)(slash - path));
	dir[slash - path] = 0;
	return fs->ops->sync_dir(fs, dir);
}

enum err files_replace(struct files *fs, const char *path, struct slice content) {
	char tmp[PATH_MAX];
	int len = snprintf(tmp, sizeof tmp, "%s.tmp", path);
	if (len < 0 || (size_t)len >= sizeof tmp) return ERR_INVALID;
	enum err err = write_whole(fs, tmp, content);
	if (err == ERR_OK) err = fs->ops->rename(fs, tmp, path);
	if (err != ERR_OK) {
		IGNORE(fs->ops->unlink(fs, tmp)); /* the first error is the one to tell */
		return err;
	}
	/* The new content is there, maybe not for good: no room is no longer "nothing happened". */
	return sync_parent(fs, path) == ERR_OK ? ERR_OK : ERR_IO;
}

enum err files_read_all(struct files *fs, const char *path, struct buf *out) {
	struct file *f;
	enum err err = fs->ops->open(fs, path, FILE_READ, &f);
	if (err != ERR_OK) return err;
	uint64_t bytes = 0;
	uint8_t *room;
	size_t got = 0;
	err = fs->ops->size(f, &bytes);
	if (err == ERR_OK && bytes > out->max) err = ERR_TOO_LARGE;
	if (err == ERR_OK) err = buf_reserve(out, (size_t)bytes, &room);
	if (err == ERR_OK) err = fs->ops->read(f, 0, room, (size_t)bytes, &got);
	if (err == ERR_OK) buf_commit(out, got);
	fs->ops->close(f);
	return err;
}
