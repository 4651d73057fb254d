/* The coordination file of one machine: its layout, its mapping, its locks. Knows nothing
 * of loops and callbacks.
 *
 *   page 0  header, and two words {revision:56, area:8} that say which area holds the table
 *   page 1  one slot of 64 bytes a node: name, {generation:32, beat:32}, process id
 *   then    two areas a node, each room for the whole table of keys
 *
 * Nothing in here waits for another process: one that is stopped at any instant, also in
 * the middle of a put, holds up nobody.
 *  - Renewal, join and expiry are a compare-and-swap on the node's word.
 *  - A put writes the new table into an area of its own node that no word names, syncs,
 *    swaps `head` from the word it started from, syncs again, and lets `synced` follow.
 *    Who loses the swap starts over from what won.
 *  - Readers follow `synced` only, so nobody acts on what a power loss could take back. An
 *    area is written again only when `synced` has moved to another: what a torn write can
 *    hurt is never what the words name.
 *  - Death is proven by an OFD lock on the byte of the node's slot. The kernel drops it with
 *    the last descriptor of that open file: at the process's end, not before. (A child forked
 *    without exec keeps it: then the lease's time decides, as between machines.)
 * The one lock that is waited for, bounded, is the one for taking a name at open.
 */
#pragma once
#include <stdatomic.h>
#include <sys/types.h>

#include "base/err.h"
#include "coord/coord.h"
#include "coord/embedded_table.h"

enum {
	COORD_FILE_FORMAT = 1,
	COORD_FILE_PAGE = 4096,
	COORD_FILE_MAPPED = 2 * COORD_FILE_PAGE,
	COORD_AREA_BYTES = 1 << 20,
	COORD_NAME_BYTES = 32,    /* with the NUL */
	COORD_CLUSTER_BYTES = 64, /* with the NUL */
	COORD_NO_AREA = 0xff,
};

struct coord_header {
	char magic[8];
	uint32_t format, crc; /* of all up to `head`, with crc 0 */
	char cluster[COORD_CLUSTER_BYTES];
	uint32_t nodes_max, area_bytes;
	uint8_t reserved[40];
	_Atomic uint64_t head;   /* newest table whose bytes are on disk */
	_Atomic uint64_t synced; /* newest table whose word in `head` is on disk too */
	_Atomic uint64_t opened; /* counts opens; makes the page dirty before its sync */
	uint8_t rest[COORD_FILE_PAGE - 152];
};
struct coord_slot {
	char name[COORD_NAME_BYTES];
	uint32_t name_crc;
	_Atomic uint32_t used;   /* set after the name */
	_Atomic uint64_t life;   /* generation << 32 | beat */
	_Atomic int32_t process; /* of who opened it last; for messages only */
	uint8_t reserved[12];
};
struct coord_shared {
	struct coord_header header;
	struct coord_slot slots[COORD_NODES_MAX];
};
_Static_assert(sizeof(struct coord_shared) == COORD_FILE_MAPPED, "the layout of the file");

struct coord_file {
	int fd;
	char *path; /* absolute */
	dev_t device;
	ino_t inode;
	struct coord_shared *shared;
	int self; /* own slot */
};

static inline uint64_t coord_word(uint64_t revision, uint32_t area) {
	return revision << 8 | area;
}
static inline uint64_t coord_word_revision(uint64_t word) {
	return word >> 8;
}
static inline uint32_t coord_word_area(uint64_t word) {
	return word & 0xff;
}
static inline uint64_t coord_life(uint32_t generation, uint32_t beat) {
	return (uint64_t)generation << 32 | beat;
}

/* Opens or makes the file and takes the name. Blocks: for start-up. ERR_FORMAT: not such a
 * file, of another cluster, or newer; ERR_CORRUPT; ERR_EXISTS: a live process has the name;
 * ERR_TOO_MANY nodes; ERR_NO_SPACE; ERR_UNAVAILABLE; ERR_IO. */
MUST enum err coord_file_open(struct coord_file *f, const char *path, const char *cluster,
                              const char *node, struct fault *fault);
void coord_file_close(struct coord_file *f); /* half-opened is fine */

/* Is it still what its path names, and whole? If not, another file may have become the
 * truth for others: nothing here may be believed or changed, and the mapping not touched. */
bool coord_file_in_place(const struct coord_file *f);
/* ERR_NOT_FOUND: no such node ever opened it; else *slot. */
MUST enum err coord_file_find(const struct coord_file *f, const char *name, int *slot);
bool coord_file_slot_named(const struct coord_file *f, int slot); /* in use, its name sound */
/* False: the process that had this slot open is gone. Ask after reading the slot's life. */
bool coord_file_alive(const struct coord_file *f, int slot);

/* Reads the table that `word` names into an empty one. ERR_CORRUPT also when the area was
 * written anew meanwhile: compare the word again. Any thread. */
MUST enum err coord_file_load(const struct coord_file *f, uint64_t word, struct table *out);
/* ERR_NO_SPACE, ERR_IO. */
MUST enum err coord_file_store(const struct coord_file *f, uint32_t area, const uint8_t *bytes,
                               size_t len);
MUST enum err coord_file_sync(const struct coord_file *f);
/* Lets `synced` follow to `word` unless it is further already. */
void coord_file_advance(const struct coord_file *f, uint64_t word);
