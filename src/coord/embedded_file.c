/* The coordination file in use: areas, syncs, locks. The driver of the coordination port:
 * calls the kernel itself (pread, pwrite, fcntl, mmap), as io/ does for its own port. */
#include "coord/embedded_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"

bool coord_file_in_place(const struct coord_file *f) {
	struct stat st;
	return stat(f->path, &st) == 0 && st.st_dev == f->device && st.st_ino == f->inode &&
	       st.st_size >= COORD_FILE_MAPPED;
}

bool coord_file_slot_named(const struct coord_file *f, int slot) {
	const struct coord_slot *s = &f->shared->slots[slot];
	if (!atomic_load(&s->used)) return false;
	return s->name[COORD_NAME_BYTES - 1] == '\0' &&
	       s->name_crc == crc32c(0, s->name, COORD_NAME_BYTES);
}

enum err coord_file_find(const struct coord_file *f, const char *name, int *slot) {
	for (int i = 0; i < COORD_NODES_MAX; i++) {
		if (!coord_file_slot_named(f, i)) continue;
		if (strcmp(f->shared->slots[i].name, name) != 0) continue;
		*slot = i;
		return ERR_OK;
	}
	return ERR_NOT_FOUND;
}

/* When the kernel cannot say, nothing is proven. */
bool coord_file_alive(const struct coord_file *f, int slot) {
	struct flock lock = {
		.l_type = F_WRLCK,
		.l_whence = SEEK_SET,
		.l_start = COORD_FILE_PAGE + slot * (off_t)sizeof(struct coord_slot),
		.l_len = 1,
	};
	return fcntl(f->fd, F_OFD_GETLK, &lock) != 0 || lock.l_type != F_UNLCK;
}

static off_t area_offset(uint32_t area) {
	return COORD_FILE_MAPPED + (off_t)area * COORD_AREA_BYTES;
}

/* The file is short: ERR_CORRUPT. */
static enum err read_at(int fd, uint8_t *out, size_t len, off_t offset) {
	while (len > 0) {
		ssize_t n = pread(fd, out, len, offset);
		if (n < 0 && errno == EINTR) continue;
		if (n < 0) return err_from_errno(errno);
		if (n == 0) return ERR_CORRUPT;
		out += n;
		offset += n;
		len -= (size_t)n;
	}
	return ERR_OK;
}

enum err coord_file_load(const struct coord_file *f, uint64_t word, struct table *out) {
	uint32_t area = coord_word_area(word);
	if (word == coord_word(0, COORD_NO_AREA)) return ERR_OK;
	if (area >= 2 * COORD_NODES_MAX) return ERR_CORRUPT;

	uint8_t header[TABLE_HEADER_BYTES];
	size_t len = 0;
	enum err e = read_at(f->fd, header, sizeof header, area_offset(area));
	if (!e) e = table_header_bytes(header, COORD_AREA_BYTES, &len);
	if (e) return e;
	uint8_t *bytes = malloc(len);
	if (!bytes) return ERR_NO_MEMORY;
	e = read_at(f->fd, bytes, len, area_offset(area));
	if (!e) return table_decode(out, bytes, len, area, coord_word_revision(word));
	free(bytes);
	return e;
}

enum err coord_file_store(const struct coord_file *f, uint32_t area, const uint8_t *bytes,
                          size_t len) {
	off_t offset = area_offset(area);
	while (len > 0) {
		ssize_t n = pwrite(f->fd, bytes, len, offset);
		if (n < 0 && errno == EINTR) continue;
		if (n < 0) return err_from_errno(errno);
		bytes += n;
		offset += n;
		len -= (size_t)n;
	}
	return ERR_OK;
}

/* Covers the mapped pages too: they are pages of the same file. */
enum err coord_file_sync(const struct coord_file *f) {
	return fdatasync(f->fd) == 0 ? ERR_OK : ERR_IO;
}

void coord_file_advance(const struct coord_file *f, uint64_t word) {
	_Atomic uint64_t *synced = &f->shared->header.synced;
	uint64_t now = atomic_load(synced);
	while (coord_word_revision(now) < coord_word_revision(word))
		if (atomic_compare_exchange_weak(synced, &now, word)) return;
}
