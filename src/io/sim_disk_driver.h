/* The simulated disk's own shapes, shared by sim_disk*.c and sim_image.c. A disk is two file
 * systems at once: what a process sees now, and what would be there after a power loss. */
#pragma once
#include "base/list.h"
#include "io/files.h"
#include "io/sim_driver.h"

/* --- contents (sim_image.c): sparse, so that preallocated segments cost nothing --------- */

struct sim_image {
	uint8_t **pages; /* NULL: zeros */
	size_t page_count;
	uint64_t bytes;
};

void sim_image_done(struct sim_image *im);
void sim_image_resize(struct sim_image *im, uint64_t bytes);
void sim_image_write(struct sim_image *im, uint64_t offset, const void *bytes, size_t len);
size_t sim_image_read(const struct sim_image *im, uint64_t offset, void *out, size_t len);
void sim_image_copy(struct sim_image *to, const struct sim_image *from);

/* --- files ----------------------------------------------------------------------------------- */

/* One step from `durable` to `now` that no sync has confirmed. */
struct sim_change {
	struct list_node node;
	bool is_resize; /* to `offset`; else a write at it */
	uint64_t offset;
	size_t len;
	uint8_t bytes[];
};

struct sim_inode {
	struct list_node node; /* disk->inodes */
	bool is_dir;
	unsigned refs; /* names of both file systems, unsynced name changes, open files */
	struct sim_image now, durable;
	struct list changes; /* oldest first */
	uint64_t allocated_bytes;
};

struct sim_disk;
struct sim_file { /* what struct file points at */
	struct list_node node;
	struct sim_disk *disk;
	struct sim_inode *inode; /* NULL: stale since a crash */
	int flags;
};

/* --- names (sim_disk_names.c) -------------------------------------------------------------- */

struct sim_name {
	struct list_node node;
	char *path;
	struct sim_inode *inode;
};

enum sim_name_op { SIM_LINK, SIM_UNLINK, SIM_MOVE };
struct sim_name_change {
	struct list_node node;
	enum sim_name_op op;
	char *path, *to;         /* to: SIM_MOVE only */
	char *dirs[4];           /* in whose order it stands; NULL: fewer */
	struct sim_inode *inode; /* SIM_LINK only */
	bool chosen;             /* while it is decided what becomes durable */
};

struct sim_fault {
	uint64_t countdown; /* 0: none */
	enum err err;
	bool sticky;
};

struct sim_disk {
	struct files base;
	struct sim_rng rng;
	struct list names, durable_names; /* of sim_name */
	struct list name_changes;         /* unsynced, oldest first */
	struct list inodes, files;
	uint64_t free_bytes, calls;
	struct sim_fault faults[SIM_ANY + 1];
};

char *sim_path(const char *path); /* owned copy without doubled or trailing slashes */
struct sim_name *sim_name_find(struct list *names, const char *path);
bool sim_dir_exists(struct sim_disk *d, const char *path);
bool sim_parent_exists(struct sim_disk *d, const char *path);
bool sim_is_inside(const char *path, const char *dir); /* directly */
/* Changes what is seen now, and remembers the change until it is durable. */
void sim_name_change(struct sim_disk *d, enum sim_name_op op, const char *path, const char *to,
                     struct sim_inode *inode);
void sim_names_mkdir(struct sim_disk *d, const char *path); /* in both, at once */
void sim_names_sync(struct sim_disk *d, const char *dir);   /* changes of dir become durable */
void sim_names_lose(struct sim_disk *d);                    /* power loss */
void sim_names_clear(struct sim_disk *d, struct list *names);
void sim_name_changes_clear(struct sim_disk *d);

struct sim_inode *sim_inode_new(struct sim_disk *d, bool is_dir); /* refs 0 */
void sim_inode_hold(struct sim_inode *inode);
void sim_inode_drop(struct sim_disk *d, struct sim_inode *inode);

/* --- durability (sim_disk_loss.c) ------------------------------------------------------------- */

void sim_inode_change(struct sim_inode *inode, bool is_resize, uint64_t offset, const void *bytes,
                      size_t len); /* remembers; `now` is the caller's */
void sim_inode_sync(struct sim_inode *inode);
void sim_inode_gamble(struct sim_disk *d, struct sim_inode *inode); /* a part becomes durable */
void sim_changes_free(struct sim_inode *inode);
