/* An image: all tenants of a directory in one immutable run of bytes, which is used where it
 * lies (a mapped file) and never decoded as a whole. Ten million tenants open in milliseconds.
 *
 *   header · rows · table of tenants · table of keys · profiles
 *
 * Rows are what each tenant has of its own, cold. Tables are hot: 16 bytes a slot, found by a
 * keyed hash, so that nobody can choose ids that collide. Profiles are the combinations of
 * residency class, cell, tier and so on that exist, by name; opening an image finds those
 * names in a policy.
 *
 * Bytes are believed only as far as they were checked: opening checks the header and the
 * profiles, a lookup checks what it reads, verify checks everything. Damage may hide a tenant;
 * nothing is ever read out of bounds, and a row that has the wrong name or another profile than
 * the table says is as good as absent.
 *
 * Pure: whoever maps files hands in the bytes.
 */
#pragma once
#include "policy/tenant.h"

enum { TENANT_PROFILES_MAX = 1 << 20, TENANT_IMAGE_ALIGN = 64 };

/* A tenant that was found; borrows from the image, or the snapshot, that it was found in. A row
 * that is damaged has no name, no keys and no attributes. */
struct tenant {
	const struct tenant_profile *profile;
	/* Private: read the row by the functions below. */
	struct slice row;
	uint32_t profile_index; /* as the table has it; the row must agree */
};
struct slice tenant_name(const struct tenant *t);
bool tenant_is_named(const struct tenant *t, struct slice name);
int tenant_key_count(const struct tenant *t);
struct slice tenant_key(const struct tenant *t, int i); /* SHA256_BYTES of them */
/* Time depends on the number of keys only. */
bool tenant_has_key(const struct tenant *t, const uint8_t sha256[SHA256_BYTES]);
/* Start with *cursor = 0; false at the end. */
bool tenant_attribute_next(const struct tenant *t, size_t *cursor, struct tenant_attribute *out);
/* The value of one attribute; ptr NULL when there is none. */
struct slice tenant_attribute_get(const struct tenant *t, struct slice name);
/* As it could be written again; slices borrow from *t. */
void tenant_to_row(const struct tenant *t, struct tenant_row *out);

/* --- opening ------------------------------------------------------------------------------ */

struct tenant_image;
struct tenant_image_facts {
	uint64_t tenant_count, key_count, profile_count;
	uint64_t revision; /* as told to the builder: what the image is up to date with */
	uint64_t total_bytes, row_bytes, tenant_table_bytes, key_table_bytes;
};

/* Borrows `bytes` (best aligned to TENANT_IMAGE_ALIGN) and `policy` until close. Costs as much
 * as there are profiles, however many the tenants.
 * ERR_FORMAT: not an image, or of a newer version. ERR_CORRUPT: damaged. ERR_INVALID: a profile
 * does not fit the policy. ERR_NO_MEMORY. The fault says which. */
MUST enum err tenant_image_open(struct slice bytes, const struct policy *policy,
                                struct tenant_image **out, struct fault *f);
void tenant_image_close(struct tenant_image *image); /* NULL is fine */
struct tenant_image_facts tenant_image_facts(const struct tenant_image *image);
struct slice tenant_image_bytes(const struct tenant_image *image); /* as handed in */

/* How far a long work is, in rows; called now and then on its own thread. NULL where taken: none. */
struct tenant_progress {
	void (*call)(void *arg, uint64_t done, uint64_t total);
	void *arg;
};
/* The sums alone, over all bytes: a second for ten million. An image that comes from a disk or a
 * network should pass before it serves, for a lookup believes the table. ERR_CORRUPT. */
MUST enum err tenant_image_verify_sums(const struct tenant_image *image, struct fault *f);
/* Everything: sums, every row, that each is found under its name and keys and nothing else is.
 * Seconds for ten million. ERR_CORRUPT. */
MUST enum err tenant_image_verify(const struct tenant_image *image,
                                  const struct tenant_progress *progress, struct fault *f);

/* --- looking up: any thread, no allocation ------------------------------------------------ */

bool tenant_image_find(const struct tenant_image *image, struct slice name, struct tenant *out);
bool tenant_image_find_key(const struct tenant_image *image, const uint8_t sha256[SHA256_BYTES],
                           struct tenant *out);
/* All rows in the order they were added: start with *cursor = 0; false at the end or at a
 * damaged row. */
bool tenant_image_next(const struct tenant_image *image, uint64_t *cursor, struct tenant *out);

/* --- building ------------------------------------------------------------------------------- */

/* Where the image goes, and where what was written can be read back: a file, a buffer. Bytes
 * come in order but for the header, which comes last and makes the image valid. */
struct tenant_sink {
	enum err (*write_at)(void *arg, uint64_t offset, struct slice bytes);
	enum err (*read_at)(void *arg, uint64_t offset, void *out, size_t len);
	void *arg;
};
struct tenant_builder;

/* Holds 16 bytes a tenant and 16 a key in memory, and the profiles. seed: of the hashes; random,
 * kept from whoever chooses ids. `policy` and what the sink points at are borrowed. */
MUST enum err tenant_builder_new(const struct policy *policy, const uint64_t seed[2],
                                 uint64_t revision, const struct tenant_sink *sink,
                                 struct tenant_builder **out);
void tenant_builder_free(struct tenant_builder *b);
/* In any order. ERR_INVALID (see tenant_row_check; the builder goes on), ERR_TOO_MANY,
 * ERR_NO_MEMORY, and what the sink returns. */
MUST enum err tenant_builder_add(struct tenant_builder *b, const struct tenant_row *row,
                                 struct fault *f);
/* Sorts, writes the tables and the header. A name or key that was added twice is ERR_EXISTS,
 * and the fault names who has it; then, and on other errors, there is no image. Once. */
MUST enum err tenant_builder_finish(struct tenant_builder *b,
                                    const struct tenant_progress *progress, struct fault *f);
