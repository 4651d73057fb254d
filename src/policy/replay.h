/* Recordings decided again under another policy: what moves, and what load every region would get.
 * Names are what both have in common: a tenant, a region, a cell of the same name is the same one. A copy
 * that the recording does not know counts as fresh; a home that is no copy any more, as the first
 * replica. Pure, one thread. */
#pragma once
#include "base/arena.h"
#include "base/map.h"
#include "policy/moves.h"
#include "policy/peaks.h"
#include "policy/recording.h"
#include "policy/whatif.h"

enum { REPLAY_GROUPS_MAX = 256, REPLAY_EXAMPLES_MAX = 20 };

/* Tenants of one residency class and tier, as the new policy has them. */
struct replay_group {
	const char *residency, *tier;
	uint64_t decisions, moved;
};
/* Decisions that end at a region. */
struct replay_load {
	uint64_t total;    /* recorded */
	uint64_t requests; /* that they stand for */
	uint64_t peak;     /* of those in one second */
};
struct replay_example {
	struct slice tenant, method, path, here, from, to;
	bool write;
};
struct replay_side;
struct replay {
	struct recording recording; /* the one under way */
	int recordings;
	uint64_t decisions, requests; /* recorded; that they stand for */
	uint64_t torn_bytes;          /* cut off at ends of recordings */
	uint32_t tenant_count;
	uint64_t first_ms, last_ms; /* time of requests; 0: none has one */
	struct moves moves;
	struct replay_load old_load[MOVES_PLACES_MAX], new_load[MOVES_PLACES_MAX]; /* regions' */
	struct replay_group groups[REPLAY_GROUPS_MAX]; /* the last one takes what has no room */
	int group_count;
	struct replay_example examples[REPLAY_EXAMPLES_MAX]; /* the first that moved */
	int example_count;
	/* private */
	struct replay_side *fresh, *before;
	struct recorded *record;
	struct peaks peaks;
	struct map tenants;
	struct arena names;
};
/* old: decide what was, too, instead of believing the recordings; NULL: believe them. Both policies are
 * borrowed. ERR_NO_MEMORY; replay_free in any case, NULL is fine. */
MUST enum err replay_new(const struct policy *policy, const struct policy *old, struct replay **out);
void replay_free(struct replay *r);
/* Begins the next recording; the bytes are borrowed until it is done. ERR_FORMAT, ERR_CORRUPT,
 * ERR_NO_MEMORY; ERR_TOO_MANY: more than MOVES_PLACES_MAX regions in all. */
MUST enum err replay_open(struct replay *r, struct slice bytes);
/* Goes on for up to so many records; *done at the end of the recording. ERR_CORRUPT, ERR_NO_MEMORY: what
 * was counted so far stands. */
MUST enum err replay_run(struct replay *r, int records, bool *done);
size_t replay_position(const struct replay *r,
                       size_t bytes); /* of the recording's bytes: for a bar */
