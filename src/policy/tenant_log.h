/* How changes of tenants reach every region: as a numbered log of whole rows, small enough for
 * coordination, on top of an image that is too large for it.
 *
 *   head      which image (by its SHA-256), which change it is up to date with, which chunks
 *             follow, and the newest chunk itself
 *   archive   a chunk that was full: its place is its number modulo TENANT_ARCHIVES
 *
 * The head alone is compared and put, so two who change at once cannot both succeed: a chunk is
 * archived before the head that needs it, and counts only from then on. A reader takes the image,
 * then the chunks in order; each says which change came before it, so that what is not there yet
 * is noticed and waited for.
 *
 * Bounds: 16 KiB a chunk, 17 of them: some 1,500 changes of 150 bytes. Then a new image is due,
 * which costs what there are tenants (a second and 100 MB a million).
 *
 * Pure. Bytes are not believed: they may be of another version. */
#pragma once
#include "policy/tenant.h"

enum {
	TENANT_LOG_VALUE_MAX = 16384, /* of coordination */
	TENANT_ARCHIVES = 16,
	TENANT_CHANGE_BYTES_MAX = 13 << 10,
};

/* --- one change: the whole row as it is from now on ---------------------------------------- */

/* By the policy's names, so that it outlives the policy. The row must have passed tenant_row_check. */
struct slice tenant_change_encode(const struct policy *p, const struct tenant_row *row,
                                  uint8_t out[TENANT_CHANGE_BYTES_MAX]);
/* The row borrows from `bytes`. ERR_CORRUPT; ERR_INVALID: it does not fit the policy. */
MUST enum err tenant_change_decode(struct slice bytes, const struct policy *p,
                                   struct tenant_row *row, struct fault *f);

/* --- chunks and the head -------------------------------------------------------------------- */

struct tenant_chunk {
	uint64_t number;
	uint64_t before;      /* revision of the last change before it */
	uint64_t count;       /* of changes: before + 1 … before + count */
	struct slice records; /* u16 length and bytes each; borrowed */
};
struct tenant_head {
	uint8_t image[SHA256_BYTES];
	uint64_t image_bytes;    /* 0: no image */
	uint64_t image_revision; /* changes up to this are in it */
	uint64_t first;          /* chunks first … newest.number - 1 are archived */
	struct tenant_chunk newest;
};
/* An empty value is the empty log. ERR_CORRUPT. What is decoded borrows from `value`. */
MUST enum err tenant_head_decode(struct slice value, struct tenant_head *out);
MUST enum err tenant_chunk_decode(struct slice value, struct tenant_chunk *out);
struct slice tenant_head_encode(const struct tenant_head *h, uint8_t out[TENANT_LOG_VALUE_MAX]);
struct slice tenant_chunk_encode(const struct tenant_chunk *c, uint8_t out[TENANT_LOG_VALUE_MAX]);
/* Takes one change from the front of c->records and moves c->before on; false at the end. */
bool tenant_chunk_next(struct tenant_chunk *c, struct slice *change);
static inline uint64_t tenant_chunk_last(const struct tenant_chunk *c) {
	return c->before + c->count;
}

/* What must be put so that `change` is the next one. */
struct tenant_append {
	bool archives; /* then `archive` first */
	struct tenant_chunk archive;
	struct tenant_head head;
	uint8_t records[TENANT_LOG_VALUE_MAX]; /* the head's; so it must not move */
};
/* ERR_OVERLOADED: no place is left before a new image is made. */
MUST enum err tenant_log_append(const struct tenant_head *now, struct slice change,
                                struct tenant_append *out);
/* The log on an image that was made when the head was `then`; what came since stays. */
struct tenant_head tenant_log_rebase(const struct tenant_head *now, const struct tenant_head *then,
                                     const uint8_t image[SHA256_BYTES], uint64_t image_bytes);
