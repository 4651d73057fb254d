/* Checkpoints: compact copies of the view, each with a description that names its position
 * and checksum. The copy is a real file (LMDB), the description goes through the port.
 * DIR/<seq, 20 digits>.mdb and .meta.
 */
#pragma once
#include "store/sealed.h"
#include "store/view.h"

enum { CHECKPOINTS_KEPT = 2, CHECKPOINTS_MAX = 16 };

struct checkpoint {
	struct position at;
	uint64_t bytes;
	uint32_t crc; /* of the copy's bytes */
};

/* Copies, syncs, reads back and verifies; then it counts. Blocking, long. The view may be
 * written meanwhile. */
MUST enum err checkpoint_take(struct files *files, const char *dir, struct view *v,
                              struct checkpoint *out);
/* Newest first, at most CHECKPOINTS_MAX; those with a damaged description are left out. */
MUST enum err checkpoint_list(struct files *files, const char *dir,
                              struct checkpoint out[CHECKPOINTS_MAX], int *count);
/* Copies it to `path`, checking every byte. ERR_CORRUPT, ERR_NOT_FOUND: not this one. */
MUST enum err checkpoint_restore(const char *dir, const struct checkpoint *c, const char *path);
/* Removes those above `above_seq`, and of the rest all but the newest `keep`. */
MUST enum err checkpoint_prune(struct files *files, const char *dir, uint64_t above_seq, int keep);

/* CRC-32C and length of a real file. */
MUST enum err file_checksum(const char *path, uint32_t *crc, uint64_t *bytes);
/* Unlinks a view and its lock file. */
void view_remove(const char *path);
