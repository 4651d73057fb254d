/* The tenants that are made and changed while nodes run, in every region.
 *
 * Truth is a log in coordination (policy/tenant_log.h): a head that is compared and put, so that no
 * change is lost to another, and chunks before it. What coordination cannot carry, an image of all
 * tenants, is a file: named by its hash, kept under `dir`, and fetched from another region's admin
 * port by who lacks it. A node that comes back reads its file, or fetches the newest, and then the
 * log; where coordination is silent, the log as it last knew it.
 *
 * Bounds: TENANTS_QUEUE_MAX changes wait here, each for TENANTS_WAIT_MS; a change is tried
 * TENANTS_TRIES times against others; one import at a time and node (edge/tenants_import.h).
 *
 * One per process, on the owner loop, whose thread has entered the directory. */
#pragma once
#include <jansson.h>

#include "coord/coord.h"
#include "io/files.h"
#include "io/io.h"
#include "policy/node.h"
#include "trust/tenancy.h"

enum { TENANTS_QUEUE_MAX = 1024, TENANTS_WAIT_MS = 5000, TENANTS_TRIES = 32 };

struct tenants;
struct tenants_options {
	const struct policy *policy; /* outlive it */
	const struct node_config *config;
	struct coord *coord;
	struct files *files;
	const char *dir;     /* for images; made if absent */
	struct slice secret; /* of the cluster */
};
/* Starts to follow. The fault says why not. */
MUST enum err tenants_new(struct io *io, const struct tenants_options *options,
                          struct tenants **out, struct fault *fault);
/* The loop has stopped and coordination is still open; no reader is left. */
void tenants_free(struct tenants *t);
/* For edges: valid until tenants_free. */
struct tenancy tenants_tenancy(const struct tenants *t);

struct tenants_facts {
	uint64_t revision; /* of the last change that is served here */
	uint64_t count;    /* at most so many were made since the policy */
	bool complete;     /* nothing is known of that is not served */
	char image[17];    /* first digits of its hash; "": none */
};
struct tenants_facts tenants_facts(const struct tenants *t);

/* One change. Caller-owned until `done`, which runs on reply_to's loop. */
struct tenants_change {
	char name[POLICY_NAME_MAX + 1]; /* whose */
	/* On the owner loop, and again when somebody else was quicker: turns the newest row, in the
	 * shape of policy/tenant_print.h, into the one that shall be. Where there is no such tenant it
	 * has an id alone and exists is false. An error ends the change; the row's own rules (residency
	 * class, cell, keys) are checked afterwards. */
	enum err (*make)(struct tenants_change *c, json_t *row, bool exists, struct fault *f);
	void (*done)(struct tenants_change *c);
	struct io *reply_to;
	enum err err; /* ERR_OK: durable, and served in this region */
	struct fault fault;
	json_t *row; /* as it is now; the caller's */

	/* private */
	struct io_post post;
	struct list_node node;
	struct tenants *tenants;
	uint64_t until_ns;
	int tries;
	bool refreshed;
};
/* Any thread. */
void tenants_change(struct tenants *t, struct tenants_change *c);

/* The row of a tenant now, with `"source": "policy.yaml"` where it stands there. The owner loop. Fresh;
 * NULL with ERR_NOT_FOUND, ERR_UNAVAILABLE, ERR_NO_MEMORY in *e. */
json_t *tenants_show(const struct tenants *t, struct slice name, enum err *e);
/* A page in no order that means anything: *cursor begins and ends as NULL; free() it. Tenants of the
 * policy come first. */
enum { TENANTS_PAGE_MAX = 1000 };
json_t *tenants_list(const struct tenants *t, struct slice cursor, size_t limit, char next[64]);
/* The version of a row or of preferences: 16 hexadecimal digits. */
void tenants_etag(const json_t *object, char out[17]);

/* A piece of the image with this hash (hexadecimal) from `offset` on, at most TENANTS_PIECE_BYTES;
 * `proof` is what the asking region sent. ERR_FORBIDDEN, ERR_NOT_FOUND. Borrowed for this turn. */
enum { TENANTS_PIECE_BYTES = 1 << 20, TENANTS_PROOF_BYTES = 48 };
MUST enum err tenants_piece(const struct tenants *t, struct slice hash, struct slice proof,
                            uint64_t offset, struct slice *out);
