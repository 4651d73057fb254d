/* Opening the coordination file: making it when it is new, refusing what is not ours, and
 * taking this node's name. Blocks; part of the driver of the coordination port, so it calls
 * the kernel itself. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/parse.h"
#include "coord/embedded_file.h"

enum {
	NAMING_TRIES = 250, /* for the lock that guards names: 5 s */
	NAMING_STEP_MS = 20,
	HEADER_FIXED_BYTES = offsetof(struct coord_header, head),
};
static const char magic[8] = "HFCOORD";

static enum err says(struct fault *fault, enum err code, const char *path, const char *why) {
	return fault_set(fault, code, "coordination file %s: %s", path, why);
}

static enum err system_says(struct fault *fault, const char *path, const char *what) {
	enum err e = err_from_errno(errno);
	char why[128];
	return fault_set(fault, e, "coordination file %s: cannot %s it: %s", path, what,
	                 strerror_r(errno, why, sizeof why));
}

static struct flock byte_lock(off_t at) {
	return (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = at, .l_len = 1};
}

/* --- who may change names and make the file: one at a time ------------------------- */

static enum err naming_lock(const struct coord_file *f, const char *path, struct fault *fault) {
	struct flock lock = byte_lock(0);
	for (int i = 0; i < NAMING_TRIES; i++) {
		if (fcntl(f->fd, F_OFD_SETLK, &lock) == 0) return ERR_OK;
		if (errno != EAGAIN && errno != EACCES) return system_says(fault, path, "lock");
		struct timespec step = {.tv_nsec = NAMING_STEP_MS * 1000000L};
		nanosleep(&step, NULL);
	}
	return says(fault, ERR_UNAVAILABLE, path,
	            "another process holds its opening lock and does not let go; look for a "
	            "stopped holdfast process (fuser names it)");
}

static void naming_unlock(const struct coord_file *f) {
	struct flock lock = byte_lock(0);
	lock.l_type = F_UNLCK;
	IGNORE(fcntl(f->fd, F_OFD_SETLK, &lock)); /* it goes with the descriptor at the latest */
}

/* --- the header ---------------------------------------------------------------------- */

static uint32_t header_crc(const struct coord_header *h) {
	uint8_t fixed[HEADER_FIXED_BYTES];
	memcpy(fixed, h, sizeof fixed);
	memset(fixed + offsetof(struct coord_header, crc), 0, sizeof h->crc);
	return crc32c(0, fixed, sizeof fixed);
}

static enum err sync_directory(const char *path) {
	char *copy = strdup(path);
	if (!copy) return ERR_NO_MEMORY;
	char *slash = strrchr(copy, '/');
	if (slash) slash[slash == copy ? 1 : 0] = '\0';
	int fd = open(slash ? copy : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(copy);
	if (fd < 0) return err_from_errno(errno);
	enum err e = fsync(fd) == 0 ? ERR_OK : ERR_IO;
	close(fd);
	return e;
}

static enum err make_file(struct coord_file *f, const char *path, const char *cluster,
                          struct fault *fault) {
	struct coord_header h = {.format = COORD_FILE_FORMAT,
	                         .nodes_max = COORD_NODES_MAX,
	                         .area_bytes = COORD_AREA_BYTES};
	memcpy(h.magic, magic, sizeof magic);
	memcpy(h.cluster, cluster, strlen(cluster));
	atomic_init(&h.head, coord_word(0, COORD_NO_AREA));
	atomic_init(&h.synced, coord_word(0, COORD_NO_AREA));
	h.crc = header_crc(&h);
	/* Blocks for the mapped pages must exist: a store to them cannot report a full disk. */
	int failed = posix_fallocate(f->fd, 0, COORD_FILE_MAPPED);
	if (failed) {
		errno = failed;
		return system_says(fault, path, "make room for");
	}
	if (pwrite(f->fd, &h, sizeof h, 0) != (ssize_t)sizeof h)
		return system_says(fault, path, "write");
	enum err e = coord_file_sync(f);
	if (!e) e = sync_directory(path);
	return e ? says(fault, e, path, "a sync of it or its directory failed: check the disk")
	         : ERR_OK;
}

/* Made, but never written to the end: by a process or machine that died in make_file. */
static bool is_blank(int fd, off_t size) {
	static const uint8_t zeros[COORD_FILE_PAGE];
	uint8_t page[COORD_FILE_PAGE];
	if (size > COORD_FILE_MAPPED) return false;
	for (off_t at = 0; at < size; at += (off_t)sizeof page) {
		ssize_t n = pread(fd, page, sizeof page, at);
		if (n <= 0 || memcmp(page, zeros, (size_t)n) != 0) return false;
	}
	return true;
}

static enum err check_header(const struct coord_header *h, const char *path, const char *cluster,
                             struct fault *fault) {
	if (memcmp(h->magic, magic, sizeof magic) != 0)
		return says(fault, ERR_FORMAT, path,
		            "it is not a coordination file; give another path, or move it away");
	if (h->format > COORD_FILE_FORMAT)
		return fault_set(
			fault, ERR_FORMAT,
			"coordination file %s: it has format %u and this program knows up to "
			"%d; start the newer program",
			path, h->format, COORD_FILE_FORMAT);
	if (h->crc != header_crc(h) || h->cluster[COORD_CLUSTER_BYTES - 1] != '\0' ||
	    h->nodes_max != COORD_NODES_MAX || h->area_bytes != COORD_AREA_BYTES)
		return says(fault, ERR_CORRUPT, path,
		            "its header fails its checksum; restore it from a backup");
	if (strcmp(h->cluster, cluster) != 0)
		return fault_set(
			fault, ERR_FORMAT,
			"coordination file %s: it belongs to cluster %s and this node to %s; "
			"give the path of this cluster's file",
			path, h->cluster, cluster);
	return ERR_OK;
}

static enum err read_header(const struct coord_file *f, const char *path, const char *cluster,
                            struct fault *fault) {
	struct coord_header h;
	memset(&h, 0, sizeof h);
	ssize_t n = pread(f->fd, &h, sizeof h, 0);
	if (n < 0) return system_says(fault, path, "read");
	enum err e = check_header(&h, path, cluster, fault);
	struct stat st;
	if (!e && (fstat(f->fd, &st) != 0 || st.st_size < COORD_FILE_MAPPED))
		e = says(fault, ERR_CORRUPT, path, "it was cut short; restore it from a backup");
	return e;
}

/* --- descriptor and mapping ------------------------------------------------------------- */

/* Mappings and locks of these are not shared between machines as one would hope. */
static bool is_remote(int fd) {
	static const unsigned remote[] = {0x6969 /* NFS */, 0x517b /* SMB */, 0xff534d42 /* CIFS */,
	                                  0xfe534d42 /* SMB2 */, 0x00c36400 /* Ceph */};
	struct statfs fs;
	if (fstatfs(fd, &fs) != 0) return false;
	for (size_t i = 0; i < sizeof remote / sizeof remote[0]; i++)
		if ((unsigned)fs.f_type == remote[i]) return true;
	return false;
}

static enum err open_descriptor(struct coord_file *f, const char *path, struct fault *fault) {
	f->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0600);
	if (f->fd < 0) return system_says(fault, path, "open");
	struct stat st;
	if (fstat(f->fd, &st) != 0) return system_says(fault, path, "examine");
	if (!S_ISREG(st.st_mode)) return says(fault, ERR_FORMAT, path, "it is not a regular file");
	if (is_remote(f->fd))
		return says(
			fault, ERR_UNSUPPORTED, path,
			"it is on a network file system, where nodes would not see each other; put "
			"it on a local disk");
	f->device = st.st_dev;
	f->inode = st.st_ino;
	f->path = realpath(path, NULL);
	return f->path ? ERR_OK : system_says(fault, path, "find");
}

static enum err map(struct coord_file *f, const char *path, struct fault *fault) {
	void *at = mmap(NULL, COORD_FILE_MAPPED, PROT_READ | PROT_WRITE, MAP_SHARED, f->fd, 0);
	if (at == MAP_FAILED) return system_says(fault, path, "map");
	f->shared = at;
	return ERR_OK;
}

/* --- the name --------------------------------------------------------------------------- */

static enum err check_slots(const struct coord_file *f, const char *path, struct fault *fault) {
	for (int i = 0; i < COORD_NODES_MAX; i++)
		if (atomic_load(&f->shared->slots[i].used) && !coord_file_slot_named(f, i))
			return says(
				fault, ERR_CORRUPT, path,
				"a node's name in it fails its checksum; restore it from a backup");
	return ERR_OK;
}

static enum err new_slot(struct coord_file *f, const char *path, const char *node,
                         struct fault *fault) {
	for (int i = 0; i < COORD_NODES_MAX; i++) {
		struct coord_slot *s = &f->shared->slots[i];
		if (atomic_load(&s->used)) continue;
		memset(s->name, 0, sizeof s->name);
		memcpy(s->name, node, strlen(node));
		s->name_crc = crc32c(0, s->name, COORD_NAME_BYTES);
		atomic_store(&s->used, 1);
		f->self = i;
		return ERR_OK;
	}
	return fault_set(fault, ERR_TOO_MANY, "coordination file %s: it knows %d nodes, its limit",
	                 path, COORD_NODES_MAX);
}

static enum err take_slot(struct coord_file *f, const char *path, const char *node,
                          struct fault *fault) {
	enum err e = check_slots(f, path, fault);
	if (!e && coord_file_find(f, node, &f->self)) e = new_slot(f, path, node, fault);
	if (e) return e;
	struct coord_slot *s = &f->shared->slots[f->self];
	struct flock lock = byte_lock(COORD_FILE_PAGE + f->self * (off_t)sizeof *s);
	if (fcntl(f->fd, F_OFD_SETLK, &lock) != 0) {
		if (errno != EAGAIN && errno != EACCES) return system_says(fault, path, "lock");
		return fault_set(fault, ERR_EXISTS,
		                 "coordination file %s: node %s is running already, as process %d; "
		                 "stop that one, or give this one another name",
		                 path, node, (int)atomic_load(&s->process));
	}
	atomic_store(&s->process, (int32_t)getpid());
	return ERR_OK;
}

static enum err reserve_areas(const struct coord_file *f, const char *path, struct fault *fault) {
	off_t from = COORD_FILE_MAPPED + 2 * f->self * (off_t)COORD_AREA_BYTES;
	int failed = posix_fallocate(f->fd, from, 2 * (off_t)COORD_AREA_BYTES);
	if (!failed) return ERR_OK;
	errno = failed;
	return system_says(fault, path, "make room in");
}

/* The table that `head` names, whatever others do to it meanwhile. */
static enum err check_table(const struct coord_file *f, uint64_t *head) {
	const struct coord_header *h = &f->shared->header;
	for (;;) {
		uint64_t synced = atomic_load(&h->synced);
		*head = atomic_load(&h->head);
		bool behind = coord_word_revision(synced) < coord_word_revision(*head);
		if (!behind && synced != *head) return ERR_CORRUPT;
		struct table t = {0};
		enum err e = coord_file_load(f, *head, &t);
		table_done(&t);
		if (e != ERR_CORRUPT || *head == atomic_load(&h->head)) return e;
	}
}

/* What another process or a power loss left half done is settled: `head` is on disk. */
static enum err settle(struct coord_file *f, const char *path, struct fault *fault) {
	uint64_t head;
	enum err e = check_table(f, &head);
	if (e)
		return says(
			fault, e, path,
			"its newest table cannot be read or fails its checksum; restore it from "
			"a backup (going back to an older table would undo decisions)");
	atomic_fetch_add(&f->shared->header.opened, 1);
	e = coord_file_sync(f);
	if (e) return says(fault, e, path, "a sync of it failed: check the disk");
	coord_file_advance(f, head);
	return ERR_OK;
}

static enum err open_locked(struct coord_file *f, const char *path, const char *cluster,
                            const char *node, struct fault *fault) {
	struct stat st;
	if (fstat(f->fd, &st) != 0) return system_says(fault, path, "examine");
	enum err e = ERR_OK;
	if (is_blank(f->fd, st.st_size)) e = make_file(f, path, cluster, fault);
	if (!e) e = read_header(f, path, cluster, fault);
	if (!e) e = map(f, path, fault);
	if (!e) e = take_slot(f, path, node, fault);
	return e;
}

enum err coord_file_open(struct coord_file *f, const char *path, const char *cluster,
                         const char *node, struct fault *fault) {
	*f = (struct coord_file){.fd = -1, .self = -1};
	if (!name_valid(slice_str(node), COORD_NAME_BYTES - 1) || !*cluster ||
	    strlen(cluster) >= COORD_CLUSTER_BYTES)
		return fault_set(fault, ERR_INVALID,
		                 "coordination: the node's name \"%.40s\" or the cluster's name "
		                 "\"%.80s\" is empty, too long, or not of a-z 0-9 -",
		                 node, cluster);
	enum err e = open_descriptor(f, path, fault);
	if (!e) e = naming_lock(f, path, fault);
	if (!e) {
		e = open_locked(f, path, cluster, node, fault);
		naming_unlock(f);
	}
	if (!e) e = reserve_areas(f, path, fault);
	if (!e) e = settle(f, path, fault);
	if (!e && !coord_file_in_place(f))
		e = says(fault, ERR_UNAVAILABLE, path,
		         "it was removed while it was opened; try again");
	if (e) coord_file_close(f);
	return e;
}

void coord_file_close(struct coord_file *f) {
	if (f->shared) munmap(f->shared, COORD_FILE_MAPPED);
	if (f->fd >= 0) close(f->fd);
	free(f->path);
	*f = (struct coord_file){.fd = -1, .self = -1};
}
