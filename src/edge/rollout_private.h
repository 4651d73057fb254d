/* Private to rollout_*.c.
 *
 * rollout.c follows coordination; rollout_keep.c is the disk; rollout_ready.c makes policies ready;
 * rollout_swap.c puts one in force; rollout_change.c takes operators' wishes through their steps;
 * rollout_tell.c renders. */
#pragma once
#include "edge/rollout.h"

#define KEY_VERSIONS "control/versions"
#define KEY_REGIONS "control/regions"
#define KEY_NODE "control/node/" /* then the region */

enum {
	ROLLOUT_MADE_MAX =
		6, /* compiled policies at once: active, last, proposed, and what edges leave */
	ROLLOUT_WORKERS_MAX = 64,
	ROLLOUT_DETAIL_MAX = 8192,
};

/* A policy that is compiled and may be put in force. */
struct made {
	struct policy *policy; /* NULL: free */
	uint64_t used;         /* grows with use: the least is let go first */
};

struct node_seen {
	bool known;
	uint64_t revision;
	struct node_serving says;
};

struct rollout {
	struct io *io;
	struct rollout_options options;
	struct io_lane *lane;
	struct http_client *client;
	struct io_timer *tick;
	struct coord *coord;
	struct host *host;
	void (*on_change)(void *arg);
	void *arg;
	bool started;

	/* agreed upon, as last heard */
	struct policy_versions versions;
	uint64_t versions_revision, proposed_since_ns;
	struct region_drains drains;
	uint64_t drains_revision;
	struct node_seen nodes[POLICY_REGIONS_MAX];
	struct region_signals signals;
	bool heard;                  /* of coordination, in this life */
	bool restored;               /* what was kept here was newer and has been put back */
	struct policy_versions kept; /* as found on disk at the start */
	struct coord_op read_op;
	bool reading;

	/* in force */
	const struct policy *policy;
	uint64_t version, since_ms; /* 0: the node's file */
	const struct policy *last;
	struct made made[ROLLOUT_MADE_MAX];
	uint64_t uses;
	const struct policy *pinned, *judging; /* the lane looks at them: for ready, for a change */

	/* swapping */
	struct edge_swap swaps[ROLLOUT_WORKERS_MAX];
	struct edge *const *edges;
	int edge_count, swaps_left;
	const struct policy *swap_to;
	uint64_t swap_version;

	/* making ready */
	struct ready *ready; /* under way; NULL: nothing */
	uint8_t failed[32];  /* this one cannot be made ready, why_not says why */
	char why_not[VERSIONS_WHY_MAX + 1];
	uint64_t retry_ns; /* 0: not for want of trying again */
	int fetch_turn;    /* which region to ask next */

	/* what this node says of itself */
	struct coord_op say_op;
	struct node_serving said;
	bool saying, said_any;
	uint64_t said_revision;

	/* keeping */
	struct io_job keep_job;
	struct buf keep_versions, keep_regions;
	uint64_t keep_time_ms, rekept_ns;
	bool keeping, keep_again, keep_prune;
	enum err keep_err;

	struct list changes; /* under way: one a kind of key, see rollout_change.c */
	struct metric *m_version, *m_failures, *m_age, *m_saved, *m_draining, *m_damaged;
};

static inline bool same_hash(const uint8_t a[32], const uint8_t b[32]) {
	return memcmp(a, b, 32) == 0;
}
static inline const struct policy_version *rollout_active(const struct rollout *r) {
	return r->versions.count ? &r->versions.list[0] : NULL;
}
bool rollout_region_up(const struct rollout *r, int region);
region_set rollout_regions_active(const struct rollout *r); /* that live and are not drained */

/* --- rollout.c */
void rollout_take_versions(struct rollout *r, struct slice text, uint64_t revision);
void rollout_take_drains(struct rollout *r, struct slice text, uint64_t revision);
void rollout_say(struct rollout *r); /* tells the others what this node serves, if that changed */
/* Puts what is agreed upon into force, as far as it is ready; makes ready what is not. */
void rollout_advance(struct rollout *r);

/* --- rollout_keep.c: blocking, but for rollout_keep */
void keep_path(const struct rollout *r, const char *name, char out[1200]);
/* Checked against its checksum. ERR_NOT_FOUND, ERR_CORRUPT, ERR_IO; *time_ms: when it was written. */
MUST enum err keep_read(struct files *fs, const char *path, struct buf *out, uint64_t *time_ms);
/* Reads dir/HASH.yaml, holds it to its hash, compiles. */
MUST enum err keep_policy_read(struct files *fs, const char *dir, const uint8_t hash[32],
                               struct policy **out);
MUST enum err keep_policy_write(struct files *fs, const char *dir, struct slice text);
/* At the start: everything above. */
MUST enum err keep_load(struct rollout *r, struct fault *fault);
/* Later: writes versions and drains as they are now; one job at a time. */
void rollout_keep(struct rollout *r);

/* --- rollout_ready.c */
const struct policy *made_find(struct rollout *r, const uint8_t hash[32]); /* NULL: not made */
/* Takes the policy over; gives the one to use, which is an older of the same hash where there is one. */
const struct policy *made_add(struct rollout *r, struct policy *p);
void ready_start(struct rollout *r, const struct policy_version *v, bool proposed);
void ready_end(struct rollout *r);

/* --- rollout_swap.c */
void swap_start(struct rollout *r, const struct policy *to, uint64_t version);

/* --- rollout_change.c */
void changes_look(struct rollout *r); /* something that a change may wait for has happened */
void changes_end(struct rollout *r);
