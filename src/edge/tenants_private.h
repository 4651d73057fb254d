/* What the parts of edge/tenants share.
 *
 * tenants.c follows the log; tenants_change.c appends to it; tenants_image.c opens and fetches images;
 * tenants_build.c makes them; tenants_show.c reads. All on the owner loop but for jobs on the lane. */
#pragma once
#include "base/arena.h"
#include "base/hash.h"
#include "base/list.h"
#include "edge/tenants.h"
#include "io/http_client.h"
#include "policy/tenant_log.h"
#include "policy/tenant_read.h"

#define TENANTS_HEAD_KEY "tenants/head"
#define TENANTS_ARCHIVE_KEY "tenants/log/"
#define TENANTS_NEXT_KEY "tenants/next"
#define TENANTS_HAS_KEY "tenants/has/" /* and a region */
enum { TENANTS_PATH_MAX = 1200, TENANTS_HEX_BYTES = 2 * SHA256_BYTES + 1 };

/* A key of coordination as it was seen last. */
struct tenants_place {
	uint64_t revision; /* of coordination; 0: absent */
	size_t len;
	uint8_t value[TENANT_LOG_VALUE_MAX];
};

/* An open image. */
struct tenants_image {
	uint8_t hash[SHA256_BYTES];
	struct slice bytes; /* mapped; empty: the one without tenants, in memory */
	struct tenant_image *image;
};

struct tenants_opening {
	struct io_job job;
	struct tenants_image image;
	char path[TENANTS_PATH_MAX];
	enum err err;
	struct fault fault;
	bool running;
};

/* Takes images away that are neither used nor wanted. */
struct tenants_sweep {
	struct io_job job;
	char keep[3][TENANTS_PATH_MAX];
	bool running;
};

struct tenants_fetch {
	struct http_call call;
	struct http_header field;
	struct io_job job;
	char target[160], proof[TENANTS_PROOF_BYTES], hex[TENANTS_HEX_BYTES];
	char part[TENANTS_PATH_MAX], path[TENANTS_PATH_MAX], host[256];
	uint8_t hash[SHA256_BYTES];
	struct buf piece;
	uint64_t offset, bytes;
	int region, failures;
	enum err err;
	bool running, whole;
};

/* An image that may become the head's: other regions fetch it before, so that no region has the only
 * copy of what all depend on. */
struct tenants_next {
	uint8_t hash[SHA256_BYTES];
	uint64_t bytes;         /* 0: none was announced */
	uint64_t revision;      /* of its key in coordination */
	uint64_t told_revision; /* of what this region said that it has */
	bool have, telling, told;
	int tries;
	struct coord_op op;
	char key[COORD_KEY_MAX];
};

struct tenants_keep {
	struct io_job job;
	struct buf bytes;
	uint64_t revision; /* of coordination, of the head that is kept */
	bool running;
	enum err err;
};

struct tenants {
	struct io *io;
	struct tenants_options options;
	struct directory *directory;
	struct buf none; /* the image without tenants */
	struct tenants_image current;
	_Atomic bool complete;
	uint64_t applied; /* revision */

	struct tenants_place head_place, archives[TENANT_ARCHIVES];
	struct tenant_head head; /* borrows from head_place */
	bool head_known, head_bad;
	bool heard; /* coordination said which head there is */
	struct tenants_keep keep;
	struct coord_op read_op;
	bool refreshing;

	struct list queue;
	size_t queued;
	struct tenants_change *current_change;
	struct coord_op put_op;
	struct tenant_append append;
	uint8_t change[TENANT_CHANGE_BYTES_MAX], value[TENANT_LOG_VALUE_MAX];
	size_t change_len, value_len;
	json_t *new_row;
	struct tenant_reader *reader;
	struct arena scratch;
	struct io_timer *timer; /* changes that have waited too long; fetches again */

	struct io_lane *lane;
	struct tenants_opening opening;
	struct tenants_sweep sweep;
	uint8_t unopened[SHA256_BYTES]; /* the image of which was logged that it cannot be opened */
	struct tenants_fetch fetch;
	struct tenants_next next;
	struct http_client *client;
	struct tenants_build *build;   /* NULL: none is under way */
	struct tenants_import *import; /* the last one; NULL: there was none */
};

/* --- tenants.c --- */
void tenants_advance(struct tenants *t);
void tenants_refresh(struct tenants *t); /* reads the head, then advances */
/* What was put by this node itself. */
void tenants_saw(struct tenants *t, struct tenants_place *place, struct slice value,
                 uint64_t revision);
/* Calls fn for every change after `from`, in order. ERR_UNAVAILABLE: chunks are missing yet. */
MUST enum err tenants_walk(struct tenants *t, uint64_t from,
                           void (*fn)(struct tenants *t, struct slice change, uint64_t revision));

/* --- tenants_keep.c --- */
void tenants_keep_load(struct tenants *t); /* blocks */
void tenants_keep_tick(struct tenants *t);

/* --- tenants_change.c --- */
void tenants_change_next(struct tenants *t);
void tenants_change_tick(struct tenants *t);
/* What may not change, and whose keys these are; also for imports. `now` NULL: there is none. */
MUST enum err tenants_check_row(const struct tenants *t, const struct tenant_row *now,
                                bool of_policy, const struct tenant_row *row, struct fault *f);

/* --- tenants_build.c: a new image in the place of the old one --- */

/* Names or keys that were seen: by a keyed hash of 64 bits, so that a million cost 16 MiB. */
struct hash_set {
	uint64_t *slots, seed[2];
	size_t count, cap;
};
MUST enum err hash_set_add(struct hash_set *s, struct slice text, bool *fresh);
bool hash_set_has(const struct hash_set *s, struct slice text);
void hash_set_done(struct hash_set *s);

/* From all tenants there are, and from what `add` adds before them. Caller-owned until done. */
struct tenants_build {
	/* On the lane: NULL: nothing is added. What it adds takes the place of rows of that name. */
	enum err (*add)(struct tenants_build *b, struct tenant_builder *to, struct fault *f);
	void (*done)(struct tenants_build *b);
	enum err err; /* ERR_OK: published, and served here */
	struct fault fault;
	_Atomic uint64_t step_done, step_total; /* how far, in rows of those there are */
	_Atomic bool building;                  /* `add` is over */
	uint64_t count;                         /* of tenants, at the end */

	/* private */
	struct tenants *tenants;
	struct io_job job;
	struct coord_op op;
	struct tenants_place then_place;
	struct tenant_head then;
	struct tenants_image image;
	struct hash_set names, keys;
	bool spreading;          /* until another region has it, or until_ns */
	bool announcing, spread; /* the announcement is not answered yet; another region has it */
	uint64_t until_ns;
	uint64_t seed[2];
	uint8_t value[TENANT_LOG_VALUE_MAX];
	size_t value_len;
	int tries;
};
/* False: another is under way, or the directory is not complete. */
bool tenants_build_start(struct tenants *t, struct tenants_build *b);
void tenants_build_tick(struct tenants *t);
/* Another region has the image with this hash. */
void tenants_build_spread(struct tenants *t, const uint8_t hash[SHA256_BYTES]);
/* The log is long: makes an image of what there is. */
void tenants_build_due(struct tenants *t);

/* --- tenants_spread.c: images before they are the head's --- */
void tenants_next_saw(struct tenants *t, struct slice value, uint64_t revision);
void tenants_has_saw(struct tenants *t, struct slice region, struct slice value, uint64_t revision);
/* What was fetched is on the disk under its name. */
void tenants_next_have(struct tenants *t, const uint8_t hash[SHA256_BYTES]);
void tenants_next_step(struct tenants *t);
size_t tenants_next_encode(const uint8_t hash[SHA256_BYTES], uint64_t bytes, uint8_t out[64]);

/* --- tenants_image.c --- */
/* Unless something is being fetched. */
void tenants_fetch_start(struct tenants *t, const uint8_t hash[SHA256_BYTES], uint64_t bytes);
void tenants_image_want(struct tenants *t); /* t->head's */
/* Unless one is being made, which may have its name already. */
void tenants_image_sweep(struct tenants *t);
void tenants_image_tick(struct tenants *t);
void tenants_image_close(struct tenants *t, struct tenants_image *image);
void tenants_image_path(const struct tenants *t, const uint8_t hash[SHA256_BYTES],
                        char out[TENANTS_PATH_MAX]);
/* The image is open: readers see it from now on. */
void tenants_image_use(struct tenants *t, struct tenants_image *image);
