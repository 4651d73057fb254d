/* The changes on top of an image, and snapshots of both. Private to src/policy.
 *
 * A snapshot is a root of buckets; a bucket is a sorted array of (hash, tenant). Nothing that
 * was published changes: a change copies the root and the few buckets it touches, and shares
 * the rest with the snapshot before. With 100,000 changes that is some 10 KiB.
 */
#pragma once
#include <stdatomic.h>

#include "policy/directory_private.h"

enum { DELTA_BUCKET_BITS = 9, DELTA_BUCKETS = 1 << DELTA_BUCKET_BITS };

/* A changed tenant. Readers see it as immutable; what only the writer touches comes first. */
struct delta_tenant {
	struct delta_tenant *limbo_next;
	uint32_t holders; /* the changes, a merge */
	/* --- below: immutable */
	uint64_t sequence;
	bool gone; /* deleted; the row has its name only */
	struct tenant_profile profile;
	uint32_t row_bytes;
	uint8_t row[];
};
/* Under the hash of its name, and under that of each of its keys. */
struct delta_entry {
	uint64_t hash;
	struct delta_tenant *tenant;
};
struct delta_bucket {
	struct delta_bucket *limbo_next; /* writer's, and so are the next two */
	uint64_t made_by;                /* sequence of the change that made it */
	uint32_t cap;
	uint32_t count;
	struct delta_entry entries[];
};
struct directory_snapshot {
	struct directory_snapshot *limbo_next; /* writer's */
	struct tenant_image *image;
	uint64_t sequence, revision, merges;
	uint64_t pending;                            /* tenants among the entries */
	struct delta_bucket *buckets[DELTA_BUCKETS]; /* NULL: empty */
};

/* What was replaced, and who may still see it: freed after a grace period. */
struct directory_limbo {
	struct directory_snapshot *snapshots;
	struct delta_bucket *buckets;
	struct delta_tenant *tenants;
	size_t bytes;
};
struct directory {
	_Atomic(struct directory_snapshot *) current;
	/* --- below: writer's */
	struct directory_limbo limbo;
	struct directory_merge *merge;
	char readers_done; /* its address: what ThreadSanitizer is told about grace periods */
};
struct directory_snapshot *directory_current(struct directory *d); /* writer */

/* Entries with this hash, from *at = 0 on; NULL at the end. */
struct delta_tenant *delta_next(const struct directory_snapshot *s, uint64_t hash, uint32_t *at);
/* The entry of the name, a deleted one too; NULL when the tenant has not changed. */
struct delta_tenant *delta_find(const struct directory_snapshot *s, struct slice name,
                                uint64_t hash);
static inline struct tenant delta_tenant_view(const struct delta_tenant *t) {
	return (struct tenant){&t->profile, slice_of(t->row, t->row_bytes), 0};
}
/* All that changed after the change `since`, in an array that the caller frees. */
MUST enum err delta_collect(const struct directory_snapshot *s, uint64_t since,
                            struct delta_tenant ***out, size_t *count);
struct delta_tenant *delta_tenant_new(const struct tenant_row *row, bool gone);
void delta_tenant_drop(struct delta_tenant *t); /* frees it when nobody holds it */

/* A snapshot under construction. Begin, edit, then publish or give up; after an edit that
 * failed only giving up is left. */
struct change {
	struct directory *directory;
	struct directory_snapshot *next;
	struct directory_limbo replaced;
};
MUST enum err change_begin(struct directory *d, struct change *c);
void change_give_up(struct change *c);
/* Frees nothing that a reader may see; waits for readers only when the limbo is full. */
void change_publish(struct change *c);
/* Puts t in the place of what the snapshot has under its name. Its sequence is set here. */
MUST enum err change_put(struct change *c, struct delta_tenant *t);
/* Drops all entries: what follows starts from the image alone. */
void change_clear(struct change *c);
