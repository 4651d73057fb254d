/* The local driver's small files and its two halves of a directory.
 */
#include "store/local_state.h"

#include <ctype.h>
#include <stdio.h>

#include "base/bytes.h"

enum { NUMBERS_MAX = 8 };

/* --- identity, session, promise ------------------------------------------------------------------ */

static enum err dir_file(const char *dir, const char *name, char out[PATH_BYTES]) {
	return path_make(out, "%s/%s", dir, name);
}

static enum err read_exact(struct files *files, const char *dir, const char *name,
                           const char kind[5], uint8_t out[SEALED_MAX_BYTES], size_t want) {
	char path[PATH_BYTES];
	size_t len;
	enum err err = dir_file(dir, name, path);
	if (!err) err = sealed_read(files, path, kind, out, &len);
	return !err && len != want ? ERR_CORRUPT : err;
}

static enum err write_named(struct local *l, const char *name, const char kind[5],
                            const uint8_t *bytes, size_t len) {
	char path[PATH_BYTES];
	enum err err = dir_file(l->dir, name, path);
	return err ? err : sealed_write(l->files, path, kind, slice_of(bytes, len));
}

enum { IDENTITY_BYTES = 16 + 2 * LOG_NAME_BYTES };

enum err identity_write(struct local *l, const struct identity *id) {
	uint8_t p[IDENTITY_BYTES];
	put_u64(p, id->incarnation);
	put_u64(p + 8, id->generation);
	memcpy(p + 16, id->cell, LOG_NAME_BYTES);
	memcpy(p + 16 + LOG_NAME_BYTES, id->node, LOG_NAME_BYTES);
	return write_named(l, "store", "STO1", p, IDENTITY_BYTES);
}

enum err identity_read(struct files *files, const char *dir, struct identity *id) {
	uint8_t p[SEALED_MAX_BYTES];
	enum err err = read_exact(files, dir, "store", "STO1", p, IDENTITY_BYTES);
	if (err) return err;
	id->incarnation = get_u64(p);
	id->generation = get_u64(p + 8);
	memcpy(id->cell, p + 16, LOG_NAME_BYTES);
	memcpy(id->node, p + 16 + LOG_NAME_BYTES, LOG_NAME_BYTES);
	id->cell[LOG_NAME_BYTES - 1] = id->node[LOG_NAME_BYTES - 1] = 0;
	return ERR_OK;
}

enum { SESSION_BYTES = 36 + BOOT_ID_BYTES };

enum err session_write(struct local *l, const struct session *s) {
	uint8_t p[SESSION_BYTES];
	put_u32(p, s->clean);
	put_u64(p + 4, s->generation);
	put_u64(p + 12, s->last_seq);
	put_u64(p + 20, s->view_bytes);
	put_u32(p + 28, s->view_crc);
	put_u32(p + 32, 0);
	memcpy(p + 36, s->boot_id, BOOT_ID_BYTES);
	return write_named(l, "session", "SES1", p, SESSION_BYTES);
}

enum err session_read(struct files *files, const char *dir, struct session *s) {
	uint8_t p[SEALED_MAX_BYTES];
	enum err err = read_exact(files, dir, "session", "SES1", p, SESSION_BYTES);
	if (err) return err;
	s->clean = get_u32(p) != 0;
	s->generation = get_u64(p + 4);
	s->last_seq = get_u64(p + 12);
	s->view_bytes = get_u64(p + 20);
	s->view_crc = get_u32(p + 28);
	memcpy(s->boot_id, p + 36, BOOT_ID_BYTES);
	s->boot_id[BOOT_ID_BYTES - 1] = 0;
	return ERR_OK;
}

enum err promise_write(struct local *l, uint64_t epoch) {
	uint8_t p[8];
	put_u64(p, epoch);
	return write_named(l, "promise", "PRM1", p, sizeof(p));
}

enum err promise_read(struct files *files, const char *dir, uint64_t *epoch) {
	uint8_t p[SEALED_MAX_BYTES];
	*epoch = 0;
	enum err err = read_exact(files, dir, "promise", "PRM1", p, 8);
	if (!err) *epoch = get_u64(p);
	return err;
}

enum err boot_id_read(char out[BOOT_ID_BYTES]) {
	struct files *real = files_posix();
	struct file *f;
	size_t got = 0;
	memset(out, 0, BOOT_ID_BYTES);
	enum err err = real->ops->open(real, "/proc/sys/kernel/random/boot_id", FILE_READ, &f);
	if (err) return err;
	err = real->ops->read(f, 0, out, BOOT_ID_BYTES - 1, &got);
	real->ops->close(f);
	while (got && isspace((unsigned char)out[got - 1])) out[--got] = 0;
	return err ? err : got ? ERR_OK : ERR_IO;
}

/* --- the two halves ------------------------------------------------------------------------------- */

enum err generation_dir(const struct local *l, uint64_t generation, const char *name,
                        char out[PATH_BYTES]) {
	return path_make(out, "%s/%c%s%s", l->dir, generation & 1 ? 'b' : 'a', name[0] ? "/" : "",
	                 name);
}

struct clearing {
	struct files *fs;
	const char *dir;
	enum err err;
};

static void name_unlink(void *arg, const char *name) {
	struct clearing *c = arg;
	char path[PATH_BYTES];
	enum err err = path_make(path, "%s/%s", c->dir, name);
	if (!err) err = c->fs->ops->unlink(c->fs, path);
	if (err && err != ERR_NOT_FOUND && !c->err) c->err = err;
}

static enum err dir_clear(struct files *fs, const char *dir) {
	struct clearing c = {fs, dir, ERR_OK};
	enum err err = fs->ops->list(fs, dir, name_unlink, &c);
	if (err == ERR_NOT_FOUND) return ERR_OK;
	if (!err) err = c.err;
	return err ? err : fs->ops->sync_dir(fs, dir);
}

enum err generation_clear(struct local *l, uint64_t generation) {
	char dir[PATH_BYTES];
	enum err err = generation_dir(l, generation, "log", dir);
	if (!err) err = dir_clear(l->files, dir);
	if (!err) err = generation_dir(l, generation, "checkpoint", dir);
	if (!err) err = dir_clear(l->files, dir);
	if (!err) err = dir_clear(l->real, dir);
	if (!err) err = generation_dir(l, generation, "view", dir);
	return err ? err : dir_clear(l->real, dir);
}

enum err generation_make(struct local *l, uint64_t generation) {
	char dir[PATH_BYTES];
	enum err err = generation_dir(l, generation, "log", dir);
	if (!err) err = l->files->ops->mkdir(l->files, dir);
	if (!err) err = generation_dir(l, generation, "checkpoint", dir);
	if (!err) err = l->files->ops->mkdir(l->files, dir);
	if (!err) err = l->real->ops->mkdir(l->real, dir);
	if (!err) err = generation_dir(l, generation, "view", dir);
	return err ? err : l->real->ops->mkdir(l->real, dir);
}

struct log_header local_log_header(const struct local *l, const struct position *prev,
                                   struct epoch_start start, uint64_t random) {
	struct log_header h = {
		.incarnation = l->id.incarnation, .nonce = random, .prev = *prev, .start = start};
	memcpy(h.cell, l->id.cell, LOG_NAME_BYTES);
	memcpy(h.node, l->id.node, LOG_NAME_BYTES);
	return h;
}
