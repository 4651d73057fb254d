/* The simulated disk as its users see it: the calls of files.h, their faults, and free space. */
#include <stdlib.h>
#include <string.h>

#include "io/sim_disk_driver.h"

static struct sim_disk *disk_of(struct files *fs) {
	return (struct sim_disk *)fs;
}

/* --- inodes ---------------------------------------------------------------------------- */

struct sim_inode *sim_inode_new(struct sim_disk *d, bool is_dir) {
	struct sim_inode *inode = sim_alloc(sizeof *inode);
	inode->is_dir = is_dir;
	list_init(&inode->changes);
	list_push_back(&d->inodes, &inode->node);
	return inode;
}

void sim_inode_hold(struct sim_inode *inode) {
	inode->refs++;
}

void sim_inode_drop(struct sim_disk *d, struct sim_inode *inode) {
	if (--inode->refs) return;
	if (d->free_bytes != UINT64_MAX) d->free_bytes += inode->allocated_bytes;
	sim_changes_free(inode);
	sim_image_done(&inode->now);
	sim_image_done(&inode->durable);
	list_remove(&d->inodes, &inode->node);
	free(inode);
}

/* Space up to `end`; what was reserved is not paid twice. */
static enum err allocate(struct sim_disk *d, struct sim_inode *inode, uint64_t end) {
	if (end <= inode->allocated_bytes) return ERR_OK;
	uint64_t more = end - inode->allocated_bytes;
	if (more > d->free_bytes) return ERR_NO_SPACE;
	if (d->free_bytes != UINT64_MAX) d->free_bytes -= more;
	inode->allocated_bytes = end;
	return ERR_OK;
}

/* The space of a file is free once nobody can reach it, though a power loss may bring its name
 * back. Ends the hold that the caller took before it changed something. */
static void give_back(struct sim_disk *d, struct sim_inode *inode) {
	bool is_reached = false;
	LIST_EACH (&d->names, n)
		is_reached |= CONTAINER_OF(n, struct sim_name, node)->inode == inode;
	LIST_EACH (&d->files, n)
		is_reached |= CONTAINER_OF(n, struct sim_file, node)->inode == inode;
	if (!is_reached) {
		if (d->free_bytes != UINT64_MAX) d->free_bytes += inode->allocated_bytes;
		inode->allocated_bytes = 0;
	}
	sim_inode_drop(d, inode);
}

/* --- faults ------------------------------------------------------------------------------- */

static enum err fault_due(struct sim_fault *f) {
	if (f->countdown == 0 || --f->countdown > 0) return ERR_OK;
	if (f->sticky) f->countdown = 1;
	return f->err;
}

static enum err call_begins(struct sim_disk *d, enum sim_disk_op kind) {
	enum err own = fault_due(&d->faults[kind]);
	if (kind == SIM_READ) return own;
	d->calls++;
	enum err any = fault_due(&d->faults[SIM_ANY]);
	return own != ERR_OK ? own : any;
}

void sim_disk_fail(struct files *fs, enum sim_disk_op kind, uint64_t countdown, enum err err,
                   bool sticky) {
	disk_of(fs)->faults[kind] = (struct sim_fault){countdown, err, sticky};
}

void sim_disk_set_free(struct files *fs, uint64_t bytes) {
	disk_of(fs)->free_bytes = bytes;
}

uint64_t sim_disk_calls(const struct files *fs) {
	return ((const struct sim_disk *)fs)->calls;
}

/* --- one file ------------------------------------------------------------------------------- */

static enum err create(struct sim_disk *d, const char *path, struct sim_inode **out) {
	if (!sim_parent_exists(d, path)) return ERR_NOT_FOUND;
	enum err err = call_begins(d, SIM_RENAME);
	if (err != ERR_OK) return err;
	*out = sim_inode_new(d, false);
	sim_name_change(d, SIM_LINK, path, NULL, *out);
	return ERR_OK;
}

static enum err find_or_create(struct sim_disk *d, const char *path, int flags,
                               struct sim_inode **out) {
	struct sim_name *name = sim_name_find(&d->names, path);
	if (!name) return flags & FILE_CREATE ? create(d, path, out) : ERR_NOT_FOUND;
	if (flags & FILE_CREATE && flags & FILE_EXCLUSIVE) return ERR_EXISTS;
	if (name->inode->is_dir) return ERR_IO;
	*out = name->inode;
	return ERR_OK;
}

static enum err disk_open(struct files *fs, const char *raw, int flags, struct file **out) {
	struct sim_disk *d = disk_of(fs);
	*out = NULL;
	char *path = sim_path(raw);
	struct sim_inode *inode;
	enum err err = find_or_create(d, path, flags, &inode);
	free(path);
	if (err != ERR_OK) return err;
	struct sim_file *f = sim_alloc(sizeof *f);
	f->disk = d;
	f->inode = inode;
	f->flags = flags;
	sim_inode_hold(inode);
	list_push_back(&d->files, &f->node);
	*out = (struct file *)f;
	return ERR_OK;
}

static void disk_close(struct file *file) {
	struct sim_file *f = (struct sim_file *)file;
	if (!f) return;
	list_remove(&f->disk->files, &f->node);
	if (f->inode) give_back(f->disk, f->inode);
	free(f);
}

static enum err disk_read(struct file *file, uint64_t offset, void *out, size_t len, size_t *got) {
	struct sim_file *f = (struct sim_file *)file;
	*got = 0;
	if (!f->inode) return ERR_IO;
	enum err err = call_begins(f->disk, SIM_READ);
	if (err == ERR_OK) *got = sim_image_read(&f->inode->now, offset, out, len);
	return err;
}

static void write_part(struct sim_file *f, uint64_t offset, const void *bytes, size_t len) {
	if (len == 0) return;
	sim_image_write(&f->inode->now, offset, bytes, len);
	sim_inode_change(f->inode, false, offset, bytes, len);
}

/* Of a write that fails some first part is there: a store must not rely on none. */
static enum err disk_write(struct file *file, uint64_t offset, const void *bytes, size_t len) {
	struct sim_file *f = (struct sim_file *)file;
	if (!f->inode || !(f->flags & FILE_WRITE)) return ERR_IO;
	struct sim_disk *d = f->disk;
	enum err err = call_begins(d, SIM_WRITE);
	if (err == ERR_OK) err = allocate(d, f->inode, offset + len);
	if (err == ERR_OK) {
		write_part(f, offset, bytes, len);
		return ERR_OK;
	}
	size_t part = sim_rng_below(&d->rng, len + 1);
	while (part && allocate(d, f->inode, offset + part) != ERR_OK) part /= 2;
	write_part(f, offset, bytes, part);
	return err;
}

static enum err disk_sync(struct file *file) {
	struct sim_file *f = (struct sim_file *)file;
	if (!f->inode) return ERR_IO;
	enum err err = call_begins(f->disk, SIM_SYNC);
	if (err == ERR_OK)
		sim_inode_sync(f->inode);
	else
		sim_inode_gamble(f->disk, f->inode);
	return err;
}

/* What is not synced may be lost or kept in any part already. */
static enum err disk_start(struct file *file, uint64_t offset, uint64_t len) {
	return ((struct sim_file *)file)->inode ? ERR_OK : ERR_IO;
}

static enum err disk_size(struct file *file, uint64_t *out) {
	struct sim_file *f = (struct sim_file *)file;
	*out = 0;
	if (!f->inode) return ERR_IO;
	*out = f->inode->now.bytes;
	return ERR_OK;
}

static void set_size(struct sim_file *f, uint64_t bytes) {
	sim_image_resize(&f->inode->now, bytes);
	sim_inode_change(f->inode, true, bytes, NULL, 0);
}

static enum err disk_resize(struct file *file, uint64_t bytes) {
	struct sim_file *f = (struct sim_file *)file;
	if (!f->inode || !(f->flags & FILE_WRITE)) return ERR_IO;
	struct sim_disk *d = f->disk;
	enum err err = call_begins(d, SIM_RESERVE);
	if (err != ERR_OK) return err;
	set_size(f, bytes);
	if (bytes >= f->inode->allocated_bytes) return ERR_OK;
	if (d->free_bytes != UINT64_MAX) d->free_bytes += f->inode->allocated_bytes - bytes;
	f->inode->allocated_bytes = bytes;
	return ERR_OK;
}

static enum err disk_reserve(struct file *file, uint64_t bytes) {
	struct sim_file *f = (struct sim_file *)file;
	if (!f->inode || !(f->flags & FILE_WRITE)) return ERR_IO;
	enum err err = call_begins(f->disk, SIM_RESERVE);
	if (err == ERR_OK) err = allocate(f->disk, f->inode, bytes);
	if (err == ERR_OK && bytes > f->inode->now.bytes) set_size(f, bytes);
	return err;
}

/* --- names ------------------------------------------------------------------------------------ */

static enum err move(struct sim_disk *d, const char *from, const char *to) {
	struct sim_name *source = sim_name_find(&d->names, from);
	if (!source || !sim_parent_exists(d, to)) return ERR_NOT_FOUND;
	struct sim_name *target = sim_name_find(&d->names, to);
	if (target && target->inode->is_dir) return ERR_EXISTS;
	enum err err = call_begins(d, SIM_RENAME);
	if (err != ERR_OK || source == target) return err;
	struct sim_inode *replaced = target ? target->inode : NULL;
	if (replaced) sim_inode_hold(replaced);
	sim_name_change(d, SIM_MOVE, from, to, NULL);
	if (replaced) give_back(d, replaced);
	return ERR_OK;
}

static enum err disk_rename(struct files *fs, const char *raw_from, const char *raw_to) {
	char *from = sim_path(raw_from), *to = sim_path(raw_to);
	enum err err = move(disk_of(fs), from, to);
	free(from);
	free(to);
	return err;
}

static enum err disk_unlink(struct files *fs, const char *raw) {
	struct sim_disk *d = disk_of(fs);
	char *path = sim_path(raw);
	struct sim_name *name = sim_name_find(&d->names, path);
	enum err err = !name ? ERR_NOT_FOUND : name->inode->is_dir ? ERR_IO : ERR_OK;
	if (err == ERR_OK) err = call_begins(d, SIM_RENAME);
	if (err == ERR_OK) {
		struct sim_inode *inode = name->inode;
		sim_inode_hold(inode);
		sim_name_change(d, SIM_UNLINK, path, NULL, NULL);
		give_back(d, inode);
	}
	free(path);
	return err;
}

static enum err make_one(struct sim_disk *d, const char *path) {
	if (sim_dir_exists(d, path)) return ERR_OK;
	if (sim_name_find(&d->names, path)) return ERR_EXISTS;
	sim_names_mkdir(d, path);
	return ERR_OK;
}

static enum err disk_mkdir(struct files *fs, const char *raw) {
	struct sim_disk *d = disk_of(fs);
	enum err err = call_begins(d, SIM_RENAME);
	char *path = sim_path(raw);
	for (char *p = path + (*path != 0); err == ERR_OK && *p; p++) {
		if (*p != '/') continue;
		*p = 0;
		err = make_one(d, path);
		*p = '/';
	}
	if (err == ERR_OK) err = make_one(d, path);
	free(path);
	return err;
}

static enum err disk_sync_dir(struct files *fs, const char *raw) {
	struct sim_disk *d = disk_of(fs);
	char *path = sim_path(raw);
	enum err err = sim_dir_exists(d, path) ? call_begins(d, SIM_SYNC) : ERR_NOT_FOUND;
	if (err == ERR_OK) sim_names_sync(d, path);
	free(path);
	return err;
}

static int by_bytes(const void *a, const void *b) {
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names are copied first: fn may change the directory. */
static enum err disk_list(struct files *fs, const char *raw,
                          void (*fn)(void *arg, const char *name), void *arg) {
	struct sim_disk *d = disk_of(fs);
	char *dir = sim_path(raw);
	bool exists = sim_dir_exists(d, dir);
	char **found = sim_alloc(d->names.count * sizeof *found);
	size_t count = 0;
	LIST_EACH (&d->names, n) {
		const char *path = CONTAINER_OF(n, struct sim_name, node)->path;
		const char *slash = strrchr(path, '/');
		if (exists && sim_is_inside(path, dir))
			found[count++] = sim_path(slash ? slash + 1 : path);
	}
	qsort(found, count, sizeof *found, by_bytes);
	for (size_t i = 0; i < count; i++) {
		fn(arg, found[i]);
		free(found[i]);
	}
	free(found);
	free(dir);
	return exists ? ERR_OK : ERR_NOT_FOUND;
}

static enum err disk_free_bytes(struct files *fs, const char *path, uint64_t *out) {
	*out = disk_of(fs)->free_bytes;
	return ERR_OK;
}

struct files *sim_disk_new(uint64_t seed) {
	static const struct files_ops ops = {
		.open = disk_open,
		.close = disk_close,
		.read = disk_read,
		.write = disk_write,
		.sync = disk_sync,
		.start = disk_start,
		.size = disk_size,
		.resize = disk_resize,
		.reserve = disk_reserve,
		.rename = disk_rename,
		.unlink = disk_unlink,
		.mkdir = disk_mkdir,
		.sync_dir = disk_sync_dir,
		.free_bytes = disk_free_bytes,
		.list = disk_list,
	};
	struct sim_disk *d = sim_alloc(sizeof *d);
	d->base.ops = &ops;
	d->rng.state = seed;
	d->free_bytes = UINT64_MAX;
	list_init(&d->names);
	list_init(&d->durable_names);
	list_init(&d->name_changes);
	list_init(&d->inodes);
	list_init(&d->files);
	return &d->base;
}

void sim_disk_free(struct files *fs) {
	if (!fs) return;
	struct sim_disk *d = disk_of(fs);
	for (struct list_node *n; (n = list_first(&d->files));)
		disk_close((struct file *)CONTAINER_OF(n, struct sim_file, node));
	sim_name_changes_clear(d);
	sim_names_clear(d, &d->names);
	sim_names_clear(d, &d->durable_names);
	free(d);
}
