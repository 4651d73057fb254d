/* Policy versions and drained regions, as one node takes part: what was agreed upon through coordination
 * is made ready here, kept on disk, and put in force in every edge. docs/decisions/0014 has the protocol
 * in full; in short:
 *
 *   1. who activates proposes version N+1 by compare-and-put, and has its text
 *   2. every node fetches the text, checks hash and content, keeps it, and says "ready"
 *   3. when all regions that live are ready, the proposal becomes the active version by compare-and-put
 *   4. every node swaps, and says which version it serves
 *
 * Without coordination a node serves by the last version and the last drains it knew.
 * Everything on the owner loop, but for what is marked [start], which blocks. */
#pragma once
#include "edge/edge.h"
#include "policy/versions.h"

enum { ROLLOUT_TEXT_MAX = 4 << 20 }; /* bytes of a policy that can be activated */

struct rollout;
struct rollout_options {
	const struct policy *boot; /* of the node's own file: the places it serves by, for good */
	const char *boot_path;     /* that file */
	const struct node_config *config;
	struct files *files;
	const char *dir; /* where policies and the last good world are kept */
	struct registry *registry;
};
/* [start] Reads what was kept. Damaged files are told in the log, set aside and not used. */
MUST enum err rollout_new(struct io *io, const struct rollout_options *options,
                          struct rollout **out, struct fault *fault);
/* What to begin with: the last active version, or the node's own file. */
const struct policy *rollout_policy(const struct rollout *r);
const struct region_signals *rollout_signals(const struct rollout *r);
/* From now on it follows coordination. on_change: a region began or ended to drain. */
MUST enum err rollout_start(struct rollout *r, struct coord *coord, struct host *host,
                            struct edge *const *edges, int edge_count, void (*on_change)(void *arg),
                            void *arg, struct fault *fault);
/* A region came or went. */
void rollout_world_changed(struct rollout *r);
/* The loops have stopped. Changes under way end ERR_CLOSED. */
void rollout_free(struct rollout *r);

/* One wish of an operator. Caller-owned until `done`, which is never called before the return. */
enum change_kind { CHANGE_ACTIVATE, CHANGE_ROLLBACK, CHANGE_DRAIN, CHANGE_RESTORE };
struct change {
	enum change_kind kind;
	struct slice text; /* ACTIVATE: the policy; borrowed until done */
	bool to_given;     /* ROLLBACK: to `to`; else to the last version with another content */
	uint64_t to;
	int region; /* DRAIN, RESTORE */
	char by[VERSIONS_BY_MAX + 1], note[VERSIONS_NOTE_MAX + 1], override[VERSIONS_NOTE_MAX + 1];

	/* ERR_OK; ERR_INVALID: the policy is wrong, each mistake in `detail`; ERR_UNSUPPORTED: it changes
	 * what cannot change; ERR_PRECONDITION: a safety rule; ERR_CONFLICT: another change came first, or a
	 * region cannot take it; ERR_NOT_FOUND: no such version; ERR_DEADLINE: a region that lives did not
	 * get ready; ERR_UNAVAILABLE, ERR_OUTCOME_UNKNOWN: coordination. */
	enum err err;
	struct buf detail; /* the caller's to free */
	uint64_t version;  /* ACTIVATE, ROLLBACK: the new one */
	void (*done)(struct change *c);

	struct io_post post; /* private */
	void *private;
};
/* ERR_NO_MEMORY: `done` is not called. */
MUST enum err rollout_change(struct rollout *r, struct change *c);

/* JSON. Of the versions: which is active, the history, what each region serves. */
MUST enum err rollout_tell(const struct rollout *r, struct buf *out);
MUST enum err rollout_tell_regions(const struct rollout *r, struct buf *out);
/* `"policy_version":7,"policy_source":"coordination","world_age_ms":12`, for the status. */
MUST enum err rollout_tell_short(const struct rollout *r, struct buf *out);
/* Where the text of a policy is kept; false: this is no hash. Any thread. */
bool rollout_path(const char *dir, struct slice hash, char out[1200]);
