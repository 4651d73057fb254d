/* Files of the kernel. Blocks: lanes and start-up only. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include "io/files.h"

struct file {
	int fd;
};

static enum err posix_open(struct files *fs, const char *path, int flags, struct file **out) {
	*out = NULL;
	struct file *f = malloc(sizeof *f);
	if (!f) return ERR_NO_MEMORY;
	int how = flags & FILE_WRITE ? (flags & FILE_READ ? O_RDWR : O_WRONLY) : O_RDONLY;
	if (flags & FILE_CREATE) how |= O_CREAT;
	if (flags & FILE_EXCLUSIVE) how |= O_EXCL;
	f->fd = open(path, how | O_CLOEXEC, 0600);
	if (f->fd < 0) {
		int why = errno;
		free(f);
		return err_from_errno(why);
	}
	*out = f;
	return ERR_OK;
}

static void posix_close(struct file *f) {
	if (!f) return;
	close(f->fd);
	free(f);
}

static enum err posix_read(struct file *f, uint64_t offset, void *out, size_t len, size_t *got) {
	*got = 0;
	while (*got < len) {
		ssize_t n = pread(f->fd, (uint8_t *)out + *got, len - *got, (off_t)(offset + *got));
		if (n < 0 && errno == EINTR) continue;
		if (n < 0) return err_from_errno(errno);
		if (n == 0) break;
		*got += (size_t)n;
	}
	return ERR_OK;
}

static enum err posix_write(struct file *f, uint64_t offset, const void *bytes, size_t len) {
	for (size_t done = 0; done < len;) {
		ssize_t n = pwrite(f->fd, (const uint8_t *)bytes + done, len - done,
		                   (off_t)(offset + done));
		if (n < 0 && errno == EINTR) continue;
		if (n < 0) return err_from_errno(errno);
		done += (size_t)n;
	}
	return ERR_OK;
}

static enum err posix_start(struct file *f, uint64_t offset, uint64_t len) {
	int failed = sync_file_range(f->fd, (off64_t)offset, (off64_t)len, SYNC_FILE_RANGE_WRITE);
	return failed ? err_from_errno(errno) : ERR_OK;
}

static enum err posix_sync(struct file *f) {
	return fdatasync(f->fd) == 0 ? ERR_OK : err_from_errno(errno);
}

static enum err posix_size(struct file *f, uint64_t *out) {
	struct stat at;
	if (fstat(f->fd, &at) != 0) return err_from_errno(errno);
	*out = (uint64_t)at.st_size;
	return ERR_OK;
}

static enum err posix_resize(struct file *f, uint64_t bytes) {
	return ftruncate(f->fd, (off_t)bytes) == 0 ? ERR_OK : err_from_errno(errno);
}

static enum err posix_reserve(struct file *f, uint64_t bytes) {
	if (bytes == 0) return ERR_OK;
	int why;
	do why = posix_fallocate(f->fd, 0, (off_t)bytes);
	while (why == EINTR);
	return why == 0 ? ERR_OK : err_from_errno(why);
}

static enum err posix_rename(struct files *fs, const char *from, const char *to) {
	return rename(from, to) == 0 ? ERR_OK : err_from_errno(errno);
}

static enum err posix_unlink(struct files *fs, const char *path) {
	return unlink(path) == 0 ? ERR_OK : err_from_errno(errno);
}

static enum err posix_sync_dir(struct files *fs, const char *path) {
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) return err_from_errno(errno);
	enum err err = fsync(fd) == 0 ? ERR_OK : err_from_errno(errno);
	close(fd);
	return err;
}

/* The parent is synced for each directory made, so that a name written into it later can be
 * made durable by syncing that directory alone. `path` is changed while at work. */
static enum err make_one(struct files *fs, char *path) {
	if (mkdir(path, 0700) != 0) {
		struct stat at;
		if (errno != EEXIST) return err_from_errno(errno);
		if (stat(path, &at) != 0) return err_from_errno(errno);
		return S_ISDIR(at.st_mode) ? ERR_OK : ERR_EXISTS;
	}
	char *slash = strrchr(path, '/');
	if (!slash) return posix_sync_dir(fs, ".");
	if (slash == path) return posix_sync_dir(fs, "/");
	*slash = 0;
	enum err err = posix_sync_dir(fs, path);
	*slash = '/';
	return err;
}

static enum err posix_mkdir(struct files *fs, const char *path) {
	char work[PATH_MAX];
	size_t len = strlen(path);
	if (len == 0 || len >= sizeof work) return ERR_INVALID;
	memcpy(work, path, len + 1);
	while (len > 1 && work[len - 1] == '/') work[--len] = 0;
	for (char *p = work + 1; *p; p++) {
		if (*p != '/') continue;
		*p = 0;
		enum err err = make_one(fs, work);
		*p = '/';
		if (err != ERR_OK) return err;
	}
	return make_one(fs, work);
}

/* --- listing ------------------------------------------------------------------- */

struct names {
	char **items;
	size_t count, cap;
};

static void names_free(struct names *n) {
	for (size_t i = 0; i < n->count; i++) free(n->items[i]);
	free(n->items);
}

static enum err names_add(struct names *n, const char *name) {
	if (n->count == n->cap) {
		size_t cap = n->cap ? n->cap * 2 : 32;
		char **items = realloc(n->items, cap * sizeof *items);
		if (!items) return ERR_NO_MEMORY;
		n->items = items;
		n->cap = cap;
	}
	n->items[n->count] = strdup(name);
	if (!n->items[n->count]) return ERR_NO_MEMORY;
	n->count++;
	return ERR_OK;
}

static int by_bytes(const void *a, const void *b) {
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static enum err read_names(DIR *dir, struct names *names) {
	for (;;) {
		errno = 0;
		const struct dirent *entry = readdir(dir);
		if (!entry) return errno ? err_from_errno(errno) : ERR_OK;
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
		enum err err = names_add(names, entry->d_name);
		if (err != ERR_OK) return err;
	}
}

static enum err posix_list(struct files *fs, const char *path,
                           void (*fn)(void *arg, const char *name), void *arg) {
	DIR *dir = opendir(path);
	if (!dir) return err_from_errno(errno);
	struct names names = {0};
	enum err err = read_names(dir, &names);
	closedir(dir);
	if (err == ERR_OK && names.count) qsort(names.items, names.count, sizeof(char *), by_bytes);
	for (size_t i = 0; err == ERR_OK && i < names.count; i++) fn(arg, names.items[i]);
	names_free(&names);
	return err;
}

/* What an unprivileged process may take: root's reserve is not ours to promise. */
static enum err posix_free_bytes(struct files *fs, const char *path, uint64_t *out) {
	struct statvfs at;
	if (statvfs(path, &at) != 0) return err_from_errno(errno);
	*out = (uint64_t)at.f_bavail * at.f_frsize;
	return ERR_OK;
}

struct files *files_posix(void) {
	static const struct files_ops ops = {
		.open = posix_open,
		.close = posix_close,
		.read = posix_read,
		.write = posix_write,
		.sync = posix_sync,
		.start = posix_start,
		.size = posix_size,
		.resize = posix_resize,
		.reserve = posix_reserve,
		.rename = posix_rename,
		.unlink = posix_unlink,
		.mkdir = posix_mkdir,
		.sync_dir = posix_sync_dir,
		.free_bytes = posix_free_bytes,
		.list = posix_list,
	};
	static struct files fs = {&ops};
	return &fs;
}

enum err file_map(const char *path, struct slice *out) {
	struct stat at;
	*out = slice_of(NULL, 0);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) return err_from_errno(errno);
	enum err e = fstat(fd, &at) == 0 ? ERR_OK : err_from_errno(errno);
	if (!e && at.st_size == 0) e = ERR_CORRUPT;
	void *p = e ? MAP_FAILED : mmap(NULL, (size_t)at.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (!e && p == MAP_FAILED) e = err_from_errno(errno);
	close(fd);
	if (!e) *out = slice_of(p, (size_t)at.st_size);
	return e;
}

void file_unmap(struct slice mapped) {
	if (mapped.len) munmap((void *)(uintptr_t)mapped.ptr, mapped.len);
}
