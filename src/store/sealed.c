/* Small files with a checksum: see sealed.h. May not know what they mean.
 *
 * Layout: kind[4], u32 version, u32 payload bytes, u32 crc of all the rest, payload.
 */
#include "store/sealed.h"

#include <stdio.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/bytes.h"
#include "base/hash.h"

enum { HEADER_BYTES = 16 };

static uint32_t sealed_crc(const uint8_t *p, size_t len) {
	return crc32c(crc32c(0, p, 12), p + HEADER_BYTES, len - HEADER_BYTES);
}

enum err sealed_write(struct files *fs, const char *path, const char kind[5],
                      struct slice payload) {
	ASSERT(payload.len <= SEALED_MAX_BYTES);
	uint8_t bytes[HEADER_BYTES + SEALED_MAX_BYTES];
	size_t len = HEADER_BYTES + payload.len;
	memcpy(bytes, kind, 4);
	put_u32(bytes + 4, SEALED_VERSION);
	put_u32(bytes + 8, (uint32_t)payload.len);
	if (payload.len) memcpy(bytes + HEADER_BYTES, payload.ptr, payload.len);
	put_u32(bytes + 12, sealed_crc(bytes, len));
	return files_replace(fs, path, slice_of(bytes, len));
}

static enum err sealed_open(struct slice all, const char kind[5], uint8_t *out, size_t *len) {
	if (all.len < HEADER_BYTES || memcmp(all.ptr, kind, 4) != 0) return ERR_CORRUPT;
	if (get_u32(all.ptr + 12) != sealed_crc(all.ptr, all.len)) return ERR_CORRUPT;
	if (get_u32(all.ptr + 4) != SEALED_VERSION) return ERR_FORMAT;
	*len = get_u32(all.ptr + 8);
	if (*len != all.len - HEADER_BYTES) return ERR_CORRUPT;
	memcpy(out, all.ptr + HEADER_BYTES, *len);
	return ERR_OK;
}

enum err sealed_read(struct files *fs, const char *path, const char kind[5], uint8_t *out,
                     size_t *len) {
	struct buf all;
	buf_init(&all, HEADER_BYTES + SEALED_MAX_BYTES);
	enum err err = files_read_all(fs, path, &all);
	if (err == ERR_TOO_LARGE) err = ERR_CORRUPT;
	if (!err) err = sealed_open(buf_slice(&all), kind, out, len);
	buf_done(&all);
	return err;
}

enum err file_remove(struct files *fs, const char *dir, const char *path) {
	enum err err = fs->ops->unlink(fs, path);
	if (err == ERR_NOT_FOUND) return ERR_OK;
	return err ? err : fs->ops->sync_dir(fs, dir);
}

enum err path_make(char out[PATH_BYTES], const char *format, ...) {
	va_list args;
	va_start(args, format);
	int n = vsnprintf(out, PATH_BYTES, format, args);
	va_end(args);
	return n >= 0 && n < PATH_BYTES ? ERR_OK : ERR_TOO_LARGE;
}
