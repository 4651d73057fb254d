/* Files through the port: what a durable store needs and nothing else. Calls block:
 * make them on a lane or at start-up. The posix driver calls the kernel; the
 * simulated disk keeps every write since the last sync apart, so that a power loss
 * keeps any subset of them, torn, and faults can be set at each call.
 *
 * Error codes: ERR_NO_SPACE, ERR_NOT_FOUND, ERR_EXISTS, ERR_IO. Thread: one file, one
 * thread at a time; the table itself any thread.
 */
#pragma once
#include "base/err.h"
#include "base/slice.h"

enum file_flags { FILE_READ = 1, FILE_WRITE = 2, FILE_CREATE = 4, FILE_EXCLUSIVE = 8 };

struct file;
struct files {
	const struct files_ops *ops;
};
struct files_ops {
	enum err (*open)(struct files *fs, const char *path, int flags, struct file **out);
	void (*close)(struct file *f); /* NULL is fine */
	/* Whole or error: short reads and writes are repeated inside. A read past the end
	 * fills *got with less. */
	enum err (*read)(struct file *f, uint64_t offset, void *out, size_t len, size_t *got);
	enum err (*write)(struct file *f, uint64_t offset, const void *bytes, size_t len);
	enum err (*sync)(struct file *f); /* fdatasync */
	/* Gives the disk what was written to [offset, offset + len) and does not wait for it. Promises
	 * nothing: only sync does. An error is one that sync would have given. */
	enum err (*start)(struct file *f, uint64_t offset, uint64_t len);
	enum err (*size)(struct file *f, uint64_t *out);
	enum err (*resize)(struct file *f, uint64_t bytes);  /* ftruncate */
	/* Space for `bytes` in all is allocated; the file grows to it and reads as zeros there. */
	enum err (*reserve)(struct file *f, uint64_t bytes);
	/* A new, renamed or unlinked name is durable after sync_dir of its directory, not after
	 * sync of the file. */
	enum err (*rename)(struct files *fs, const char *from, const char *to);
	enum err (*unlink)(struct files *fs, const char *path);
	/* With parents; existing is fine. Durable when it returns: the parents are synced. */
	enum err (*mkdir)(struct files *fs, const char *path);
	enum err (*sync_dir)(struct files *fs, const char *path);
	/* Bytes that this process may still allocate on the disk that holds path. */
	enum err (*free_bytes)(struct files *fs, const char *path, uint64_t *out);
	/* Calls fn for each name in the directory (not . and ..), sorted bytewise. */
	enum err (*list)(struct files *fs, const char *path,
	                 void (*fn)(void *arg, const char *name), void *arg);
};

struct files *files_posix(void); /* static, any thread */

/* A whole file as memory, read-only and shared; it stays as it is when the name goes. Not for the
 * simulation. ERR_NOT_FOUND, ERR_NO_MEMORY, ERR_IO; an empty file is ERR_CORRUPT. */
MUST enum err file_map(const char *path, struct slice *out);
void file_unmap(struct slice mapped); /* an empty one is fine */

/* Replaces a small file so that a crash leaves the old or the new content whole:
 * PATH.tmp, write, sync, rename, sync of the directory. ERR_NO_SPACE: the old one, whole. ERR_IO
 * may also mean that the new one is there but not durable. */
MUST enum err files_replace(struct files *fs, const char *path, struct slice content);
/* Reads a whole small file; ERR_TOO_LARGE over out's max. */
struct buf;
MUST enum err files_read_all(struct files *fs, const char *path, struct buf *out);
