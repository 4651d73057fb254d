/* One disk image of a secondary source: keys of a cell, and a row that says how far it is. Unlike
 * a view it has no log behind it: each commit is synced, and a crash leaves the one before or
 * after it, whole. What the row means is the owner's.
 *
 * Threads: writing, one thread at a time; reading, the thread that opened it, at the same time.
 */
#pragma once
#include "store/store.h"

enum { MIRROR_ROW_MAX = 16384 };
struct mirror;

/* One process per directory, until it ends. ERR_EXISTS: another has it. */
MUST enum err mirror_lock(const char *dir);
/* Opens or creates `path`. ERR_CORRUPT: not one of ours, or cut short. */
MUST enum err mirror_open(const char *path, struct mirror **out);
void mirror_close(struct mirror *m);
/* The row as last committed, appended; nothing for a new image. ERR_CORRUPT. */
MUST enum err mirror_row(struct mirror *m, struct buf *out);
uint64_t mirror_bytes(const struct mirror *m);
uint64_t mirror_keys(const struct mirror *m); /* as last committed; the writer's thread */

/* A transaction. After an error it must be aborted; ERR_NO_SPACE leaves the image usable. */
MUST enum err mirror_begin(struct mirror *m);
/* entry NULL: the key goes. */
MUST enum err mirror_set(struct mirror *m, struct slice key, const struct entry *entry);
MUST enum err mirror_commit(struct mirror *m, struct slice row); /* durable when ERR_OK */
void mirror_abort(struct mirror *m);

/* What the key holds, given to `each` during the call. ERR_NOT_FOUND, ERR_CORRUPT. */
MUST enum err mirror_get(struct mirror *m, struct slice key,
                         void (*each)(void *arg, const struct entry *e), void *arg);
MUST enum err mirror_scan(struct mirror *m, const struct store_scan *scan);
