/* Private to the secondary source:
 *   secondary.c         start and end
 *   secondary_image.c   which disk images there are, and which one serves
 *   secondary_pull.c    asks the cells' copies for what is lacking, and writes it down
 *   secondary_read.c    answers clients
 *   secondary_status.c  the admin port */
#pragma once
#include "cell/pull.h"
#include "edge/edge_private.h"
#include "edge/secondary.h"
#include "store/mirror.h"

enum { SECONDARY_DIR_MAX = 1152, SECONDARY_PATH_MAX = 1200, SECONDARY_TARGET_MAX = 1200 };

struct secondary_image {
	struct mirror *mirror; /* NULL: there is none */
	struct pull_state state;
	uint64_t keys;
	char path[SECONDARY_PATH_MAX];
};

/* One cell that it follows. */
struct secondary_cell {
	struct secondary *owner;
	const struct policy_cell *policy;
	char dir[SECONDARY_DIR_MAX];
	uint64_t scope; /* hash of the tenants and domains that it is for */
	struct secondary_image serving, fill; /* fill: becomes the serving one when it is whole */
	uint64_t fresh_ns;                    /* see pull_age */

	/* asking */
	struct io_timer *timer;
	struct pull_sources sources;
	int regions[PULL_SOURCES_MAX]; /* of the sources */
	int asked;                     /* source */
	bool calling;
	struct http_call call;
	struct http_header field;
	char target[SECONDARY_TARGET_MAX];
	uint64_t sent_ns, sent_ms;
	uint64_t complained_ns;

	/* writing down, on the lane: an answer to `next`, which is what `image` will be */
	struct io_job job;
	struct secondary_image *image;
	struct buf answer;
	struct pull_state next;
	struct feed_head head;
	enum pull_verdict verdict;
	bool proved;
	enum err err;
	uint64_t stored_ns;

	struct metric *staleness, *applied, *answers, *failures, *fills;
};

struct secondary {
	struct io *io;
	struct secondary_options options;
	struct edge front; /* what reading requests and answering them needs of an edge; no host */
	struct secondary_cell **cells; /* per cell of the policy; NULL: not its business */
	struct http_server *admin;
	struct http_client *client;
	struct io_lane *lane;
	char authorization[160];
	uint64_t start_ns;
	struct io_post drain;
	struct io_timer *drain_timer;
	uint64_t drain_until_ns;
	bool draining;
	struct metric *reads, *refused;
};

/* --- secondary_image.c: blocking, at start and between two fills -------------------------------- */
/* Opens what there is; nothing is an empty cell, not an error. */
MUST enum err secondary_images_open(struct secondary_cell *c, struct fault *fault);
/* A new image to fill, beside the serving one; what was being filled goes. */
MUST enum err secondary_fill_begin(struct secondary_cell *c);
void secondary_fill_done(struct secondary_cell *c); /* it serves; the old one goes */
void secondary_image_close(struct secondary_image *i);

/* --- secondary_pull.c ---------------------------------------------------------------------------- */
MUST enum err secondary_pull_start(struct secondary_cell *c);
void secondary_pull_stop(struct secondary_cell *c); /* before the lane ends */

/* --- secondary_read.c ----------------------------------------------------------------------------- */
void secondary_request(void *secondary, struct http_exchange *x);
/* Of what serves; AGE_AT_LEAST where nothing does. */
struct age secondary_age(const struct secondary_cell *c);

/* --- secondary_status.c ----------------------------------------------------------------------------- */
void secondary_admin_request(void *secondary, struct http_exchange *x);
