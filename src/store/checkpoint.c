/* Making, finding and restoring checkpoints: see checkpoint.h. May not know of the log.
 */
#include "store/checkpoint.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "base/log.h"

enum { CHUNK_BYTES = 256 << 10, META_BYTES = 28 + RECORD_HASH_BYTES, MAP_SLACK_BYTES = 1 << 20 };

static enum err copy_path(const char *dir, uint64_t seq, char out[PATH_BYTES]) {
	return path_make(out, "%s/%020" PRIu64 ".mdb", dir, seq);
}

static enum err meta_path(const char *dir, uint64_t seq, char out[PATH_BYTES]) {
	return path_make(out, "%s/%020" PRIu64 ".meta", dir, seq);
}

void view_remove(const char *path) {
	struct files *real = files_posix();
	char lock[PATH_BYTES];
	IGNORE(real->ops->unlink(real, path)); /* what stays is not opened: it is replaced first */
	if (!path_make(lock, "%s-lock", path)) IGNORE(real->ops->unlink(real, lock));
}

/* Reads a real file once, handing each chunk to `to` (NULL: only the checksum). */
static enum err file_pass(const char *path, struct file *to, uint32_t *crc, uint64_t *bytes) {
	struct files *real = files_posix();
	struct file *f;
	*crc = 0;
	*bytes = 0;
	enum err err = real->ops->open(real, path, FILE_READ, &f);
	if (err) return err;
	uint8_t *chunk = malloc(CHUNK_BYTES);
	if (!chunk) err = ERR_NO_MEMORY;
	for (size_t got = CHUNK_BYTES; !err && got == CHUNK_BYTES;) {
		err = real->ops->read(f, *bytes, chunk, CHUNK_BYTES, &got);
		if (err) break;
		*crc = crc32c(*crc, chunk, got);
		if (to && got) err = real->ops->write(to, *bytes, chunk, got);
		*bytes += got;
	}
	free(chunk);
	real->ops->close(f);
	return err;
}

enum err file_checksum(const char *path, uint32_t *crc, uint64_t *bytes) {
	return file_pass(path, NULL, crc, bytes);
}

static enum err real_sync(const char *path) {
	struct files *real = files_posix();
	struct file *f;
	enum err err = real->ops->open(real, path, FILE_READ | FILE_WRITE, &f);
	if (err) return err;
	err = real->ops->sync(f);
	real->ops->close(f);
	return err;
}

/* --- taking --------------------------------------------------------------------------------- */

static enum err meta_write(struct files *files, const char *dir, const struct checkpoint *c) {
	uint8_t p[META_BYTES];
	char path[PATH_BYTES];
	put_u64(p, c->at.epoch);
	put_u64(p + 8, c->at.seq);
	put_u64(p + 16, c->bytes);
	put_u32(p + 24, c->crc);
	memcpy(p + 28, c->at.hash, RECORD_HASH_BYTES);
	enum err err = meta_path(dir, c->at.seq, path);
	return err ? err : sealed_write(files, path, "CKP1", slice_of(p, META_BYTES));
}

/* A checkpoint that cannot be read back is none. */
static enum err copy_verify(const char *path, struct checkpoint *out) {
	struct view copy;
	enum err err = file_checksum(path, &out->crc, &out->bytes);
	if (!err) err = view_open(&copy, path, out->bytes + MAP_SLACK_BYTES, true);
	if (err) return err;
	err = view_verify(&copy);
	out->at = copy.state.at;
	view_close(&copy);
	return err;
}

enum err checkpoint_take(struct files *files, const char *dir, struct view *v,
                         struct checkpoint *out) {
	struct files *real = files_posix();
	char tmp[PATH_BYTES], path[PATH_BYTES];
	enum err err = path_make(tmp, "%s/copy.tmp", dir);
	if (err) return err;
	IGNORE(real->ops->unlink(real, tmp)); /* of an attempt that a crash ended */
	err = view_err(mdb_env_copy2(v->env, tmp, MDB_CP_COMPACT));
	if (!err) err = real_sync(tmp);
	if (!err) err = copy_verify(tmp, out);
	if (!err) err = copy_path(dir, out->at.seq, path);
	if (!err) err = real->ops->rename(real, tmp, path);
	if (!err) err = real->ops->sync_dir(real, dir);
	if (!err) err = meta_write(files, dir, out);
	if (err) IGNORE(real->ops->unlink(real, tmp)); /* only space */
	return err;
}

/* --- finding ----------------------------------------------------------------------------------- */

static enum err meta_read(struct files *files, const char *dir, uint64_t seq,
                          struct checkpoint *out) {
	uint8_t p[SEALED_MAX_BYTES];
	size_t len;
	char path[PATH_BYTES];
	enum err err = meta_path(dir, seq, path);
	if (!err) err = sealed_read(files, path, "CKP1", p, &len);
	if (!err && len != META_BYTES) err = ERR_CORRUPT;
	if (err) return err;
	out->at.epoch = get_u64(p);
	out->at.seq = get_u64(p + 8);
	out->bytes = get_u64(p + 16);
	out->crc = get_u32(p + 24);
	memcpy(out->at.hash, p + 28, RECORD_HASH_BYTES);
	return out->at.seq == seq ? ERR_OK : ERR_CORRUPT;
}

struct name_list {
	uint64_t seqs[CHECKPOINTS_MAX]; /* newest first */
	int count;
};

static void name_note(void *arg, const char *name) {
	struct name_list *l = arg;
	uint64_t seq;
	char tail[8];
	if (strlen(name) != 25 || sscanf(name, "%20" SCNu64 "%7s", &seq, tail) != 2) return;
	if (strcmp(tail, ".meta") != 0) return;
	if (l->count == CHECKPOINTS_MAX) l->count--; /* names come ascending: drop the oldest */
	memmove(l->seqs + 1, l->seqs, (size_t)l->count * sizeof(l->seqs[0]));
	l->seqs[0] = seq;
	l->count++;
}

static enum err names_read(struct files *files, const char *dir, struct name_list *out) {
	out->count = 0;
	return files->ops->list(files, dir, name_note, out);
}

enum err checkpoint_list(struct files *files, const char *dir,
                         struct checkpoint out[CHECKPOINTS_MAX], int *count) {
	struct name_list names;
	*count = 0;
	enum err err = names_read(files, dir, &names);
	for (int i = 0; !err && i < names.count; i++) {
		enum err one = meta_read(files, dir, names.seqs[i], &out[*count]);
		if (!one)
			(*count)++;
		else
			LOG(LOG_WARN, "store", "a checkpoint's description is damaged and left out",
			    {"dir", dir}, LOG_NUM("seq", names.seqs[i]), {"why", err_text(one)});
	}
	return err;
}

enum err checkpoint_restore(const char *dir, const struct checkpoint *c, const char *path) {
	struct files *real = files_posix();
	char from[PATH_BYTES];
	struct file *to;
	uint32_t crc;
	uint64_t bytes;
	view_remove(path);
	enum err err = copy_path(dir, c->at.seq, from);
	if (!err) err = real->ops->open(real, path, FILE_READ | FILE_WRITE | FILE_CREATE, &to);
	if (err) return err;
	err = file_pass(from, to, &crc, &bytes);
	real->ops->close(to);
	if (!err && (crc != c->crc || bytes != c->bytes)) err = ERR_CORRUPT;
	return err;
}

enum err checkpoint_prune(struct files *files, const char *dir, uint64_t above_seq, int keep) {
	struct files *real = files_posix();
	struct name_list names;
	enum err err = names_read(files, dir, &names);
	for (int i = 0, kept = 0; !err && i < names.count; i++) {
		char path[PATH_BYTES];
		if (names.seqs[i] <= above_seq && kept++ < keep) continue;
		err = meta_path(dir, names.seqs[i], path);
		if (!err) err = file_remove(files, dir, path);
		if (!err) err = copy_path(dir, names.seqs[i], path);
		if (!err)
			IGNORE(real->ops->unlink(real, path)); /* undescribed, it does not count */
	}
	return err;
}
