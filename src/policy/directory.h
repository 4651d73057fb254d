/* The tenant directory: an image (directory_image.h) and the changes since, which are taken
 * while it serves.
 *
 * Readers see an immutable snapshot: names, keys and profiles of one moment agree with each
 * other. They never block, allocate or write shared memory. One thread, the writer, changes
 * the directory; it publishes a new snapshot for each change, whose cost hardly depends on how
 * many changes there are, and frees what no reader can still see. From time to time the changes
 * are merged into a new image, on any thread, while readers and writer go on.
 *
 * Snapshots are reclaimed by userspace RCU (liburcu, membarrier flavour):
 * docs/decisions/0007-tenant-directory.md says why.
 */
#pragma once
#include "policy/directory_image.h"

enum { DIRECTORY_PENDING_MAX = 1000000 }; /* changed tenants that are not merged yet */

struct directory;
struct directory_snapshot;

/* Takes over `image`; its policy is the directory's. ERR_NO_MEMORY leaves it to the caller. */
MUST enum err directory_new(struct tenant_image *image, struct directory **out);
/* No reader and no merge may be left. Returns the image, for whoever owns its bytes. */
struct tenant_image *directory_free(struct directory *d);

/* --- reading: any thread that has entered ------------------------------------------------- */

/* Once a thread before its first read, and after its last. The writer need not. */
void directory_thread_enter(void);
void directory_thread_leave(void);

/* The snapshot and all that is found in it stay valid until directory_read_end on the same
 * thread. Keep it short, never wait in between: the writer may wait for it. May nest. */
const struct directory_snapshot *directory_read_begin(const struct directory *d);
void directory_read_end(const struct directory *d);

/* The profile, which is all that a decision needs: one cache miss, and the row is on its way to the
 * cache. A name that nobody has passes for somebody's once in 10^12 times at ten million tenants
 * (a keyed hash of 64 bits): before bytes are stored or shown on the strength of it, ask
 * tenant_is_named(). */
bool directory_peek(const struct directory_snapshot *s, struct slice name, struct tenant *out);
/* The same, sure of the whole name. */
bool directory_find(const struct directory_snapshot *s, struct slice name, struct tenant *out);
bool directory_find_key(const struct directory_snapshot *s, const uint8_t sha256[SHA256_BYTES],
                        struct tenant *out);
/* Up to DIRECTORY_BATCH_MAX names at once, their cache misses overlapped: several times faster
 * each than one by one. found[i] tells whether out[i] is set. */
enum { DIRECTORY_BATCH_MAX = 32 };
void directory_find_batch(const struct directory_snapshot *s, const struct slice *names, int count,
                          struct tenant *out, bool *found);

/* Everyone: start with a zeroed cursor; false at the end. A cursor may be carried to a later
 * snapshot: who did not change meanwhile is seen once, unless a merge came between. */
struct directory_cursor {
	uint64_t row, hash;
	enum { CURSOR_IMAGE, CURSOR_CHANGES, CURSOR_END } part;
};
bool directory_next(const struct directory_snapshot *s, struct directory_cursor *cursor,
                    struct tenant *out);

struct directory_facts {
	struct tenant_image_facts image;
	uint64_t revision; /* of the last change, or of the image */
	uint64_t pending;  /* tenants changed since the image */
	uint64_t merges;   /* a cursor outlives a change, not a merge */
};
struct directory_facts directory_facts(const struct directory_snapshot *s);
const struct policy *directory_policy(const struct directory_snapshot *s);

/* --- changing: the writer ------------------------------------------------------------------- */

/* Creates or replaces a tenant. `revision` is the caller's number of the change; it may not go
 * down: ERR_CONFLICT. ERR_INVALID: see tenant_row_check. ERR_EXISTS: a key is another tenant's.
 * ERR_OVERLOADED: DIRECTORY_PENDING_MAX, merge first. ERR_NO_MEMORY. On error nothing changed. */
MUST enum err directory_put(struct directory *d, const struct tenant_row *row, uint64_t revision,
                            struct fault *f);
/* ERR_NOT_FOUND, and as above. */
MUST enum err directory_delete(struct directory *d, struct slice name, uint64_t revision,
                               struct fault *f);
/* Waits for readers that may see what was replaced, and frees it. The writer does so by itself
 * whenever DIRECTORY_LIMBO_BYTES_MAX have gathered. */
enum { DIRECTORY_LIMBO_BYTES_MAX = 8 << 20 };
void directory_reclaim(struct directory *d);

/* --- merging -------------------------------------------------------------------------------- */

struct directory_merge;
/* Writer. Fixes what will be merged: everything up to now. One at a time: ERR_CONFLICT. */
MUST enum err directory_merge_new(struct directory *d, struct directory_merge **out);
/* Any thread. Writes the image to the sink; changes that come meanwhile stay pending. */
MUST enum err directory_merge_run(struct directory_merge *m, const struct tenant_sink *sink,
                                  const struct tenant_progress *progress, struct fault *f);
/* Writer; also when the merge failed or is given up. Its run must be over. */
void directory_merge_free(struct directory_merge *m);

/* Writer. Puts `image` in place of the old one. With a merge: the image it wrote, or one that
 * replaces everything; changes since its begin are carried over. Without: the same tenants,
 * opened again, as for a new policy; all changes are carried over. They are fitted to the image's
 * policy: ERR_INVALID when one cannot be. ERR_CONFLICT: without the merge that is under way. When
 * it returns ERR_OK no reader sees the old image or its policy any more, and *old is
 * the caller's to close. On error nothing changed. */
MUST enum err directory_swap(struct directory *d, struct tenant_image *image,
                             const struct directory_merge *m, struct tenant_image **old,
                             struct fault *f);
