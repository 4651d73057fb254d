/* What of a file is durable: the changes since its last sync, and the gamble over them that a
 * power loss or a failed sync is. */
#include <stdlib.h>
#include <string.h>

#include "io/sim_disk_driver.h"

enum { SECTOR_BYTES = 512 };

void sim_inode_change(struct sim_inode *inode, bool is_resize, uint64_t offset, const void *bytes,
                      size_t len) {
	struct sim_change *c = sim_alloc(sizeof *c + len);
	c->is_resize = is_resize;
	c->offset = offset;
	c->len = len;
	if (len) memcpy(c->bytes, bytes, len);
	list_push_back(&inode->changes, &c->node);
}

void sim_changes_free(struct sim_inode *inode) {
	for (struct list_node *n; (n = list_pop_front(&inode->changes));)
		free(CONTAINER_OF(n, struct sim_change, node));
}

void sim_inode_sync(struct sim_inode *inode) {
	LIST_EACH (&inode->changes, n) {
		const struct sim_change *c = CONTAINER_OF(n, struct sim_change, node);
		if (c->is_resize)
			sim_image_resize(&inode->durable, c->offset);
		else
			sim_image_write(&inode->durable, c->offset, c->bytes, c->len);
	}
	sim_changes_free(inode);
}

static bool coin(struct sim_disk *d) {
	return sim_rng_below(&d->rng, 2) != 0;
}

/* Some sectors reach the disk, in any combination. */
static void keep_torn(struct sim_disk *d, struct sim_image *durable, const struct sim_change *c) {
	for (size_t done = 0; done < c->len;) {
		size_t room = SECTOR_BYTES - (c->offset + done) % SECTOR_BYTES;
		size_t part = room < c->len - done ? room : c->len - done;
		if (coin(d)) sim_image_write(durable, c->offset + done, c->bytes + done, part);
		done += part;
	}
	/* The new size may be there without the data: zeros where they should be. */
	uint64_t end = c->offset + c->len;
	if (durable->bytes < end && coin(d)) sim_image_resize(durable, end);
}

enum gamble { LOSE_ALL, KEEP_ALL, MIXED, GAMBLES = 4 /* half of them mixed */ };

void sim_inode_gamble(struct sim_disk *d, struct sim_inode *inode) {
	uint64_t kind = sim_rng_below(&d->rng, GAMBLES);
	if (kind == KEEP_ALL) sim_inode_sync(inode);
	LIST_EACH (&inode->changes, n) {
		const struct sim_change *c = CONTAINER_OF(n, struct sim_change, node);
		if (kind == LOSE_ALL) break;
		uint64_t fate = sim_rng_below(&d->rng, 3);
		if (fate == LOSE_ALL) continue;
		if (c->is_resize)
			sim_image_resize(&inode->durable, c->offset);
		else if (fate == KEEP_ALL)
			sim_image_write(&inode->durable, c->offset, c->bytes, c->len);
		else
			keep_torn(d, &inode->durable, c);
	}
	sim_changes_free(inode);
}

static void recount(struct sim_disk *d, struct sim_inode *inode) {
	uint64_t before = inode->allocated_bytes;
	inode->allocated_bytes = inode->now.bytes < before ? inode->now.bytes : before;
	if (d->free_bytes != UINT64_MAX) d->free_bytes += before - inode->allocated_bytes;
}

void sim_disk_crash(struct files *fs, bool power_loss) {
	struct sim_disk *d = (struct sim_disk *)fs;
	LIST_EACH (&d->files, n) {
		struct sim_file *f = CONTAINER_OF(n, struct sim_file, node);
		if (f->inode) sim_inode_drop(d, f->inode);
		f->inode = NULL;
	}
	if (!power_loss) return;
	LIST_EACH (&d->inodes, n) {
		struct sim_inode *inode = CONTAINER_OF(n, struct sim_inode, node);
		sim_inode_gamble(d, inode);
		sim_image_copy(&inode->now, &inode->durable);
		recount(d, inode);
	}
	sim_names_lose(d);
}

static void flip(struct sim_image *im, uint64_t offset, unsigned bit) {
	uint8_t byte;
	if (sim_image_read(im, offset, &byte, 1) != 1) return;
	byte ^= (uint8_t)(1u << bit);
	sim_image_write(im, offset, &byte, 1);
}

static bool may_rot(const struct sim_name *n, const char *prefix) {
	return strncmp(n->path, prefix, strlen(prefix)) == 0 && n->inode->durable.bytes != 0;
}

bool sim_disk_flip(struct files *fs, const char *prefix, uint64_t number) {
	struct sim_disk *d = (struct sim_disk *)fs;
	uint64_t count = 0;
	LIST_EACH (&d->names, n) count += may_rot(CONTAINER_OF(n, struct sim_name, node), prefix);
	if (!count) return false;
	uint64_t chosen = number % count;
	LIST_EACH (&d->names, n) {
		struct sim_name *name = CONTAINER_OF(n, struct sim_name, node);
		if (!may_rot(name, prefix) || chosen--) continue;
		uint64_t offset = number / 64 % name->inode->durable.bytes;
		flip(&name->inode->durable, offset, number % 8);
		flip(&name->inode->now, offset, number % 8);
		break;
	}
	return true;
}

void sim_disk_power_loss(struct files *fs, uint64_t seed) {
	((struct sim_disk *)fs)->rng.state = seed;
	sim_disk_crash(fs, true);
}
