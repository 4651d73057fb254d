/* What regions tell each other of policies and drains: small texts, kept in coordination and on
 * each region's disk. Pure. A text is a line of format, then lines of words apart by tabs:
 *
 *   holdfast-policy 1                                      which versions there were, newest first
 *   version  7  HASH  TIME_MS  REGION  BY  NOTE  OVERRIDE  the first is the active one
 *   proposed 8  HASH  …                                    at most one: regions make ready for it
 *
 *   holdfast-regions 1                                     which take no traffic of their own accord
 *   draining  eu-west  TIME_MS  BY  OVERRIDE
 *
 *   holdfast-node 1                                        what one region's node has and does
 *   serving  7  HASH  READY_HASH  WHY_NOT
 *
 * Reading is strict: what this does not write is ERR_FORMAT, and *out is then not to be used. */
#pragma once
#include "base/buf.h"
#include "policy/policy.h"

enum {
	VERSIONS_KEPT = 16,
	VERSIONS_BY_MAX = 63,
	VERSIONS_NOTE_MAX = 159,
	VERSIONS_WHY_MAX = 255,
	VERSIONS_TEXT_MAX = 16384, /* of any of the texts; COORD_VALUE_MAX */
};
struct policy_version {
	uint64_t version; /* 0: what the node found in its file, before anything was activated */
	uint8_t hash[32];
	uint64_t time_ms;
	char region[POLICY_NAME_MAX + 1]; /* where it was asked for; has the text */
	char by[VERSIONS_BY_MAX + 1], note[VERSIONS_NOTE_MAX + 1];
	char override[VERSIONS_NOTE_MAX +
	              1]; /* why the safety rules did not count; "": they held */
};
struct policy_versions {
	struct policy_version list[VERSIONS_KEPT]; /* [0]: active */
	int count;                                 /* 0: none was ever activated */
	bool proposing;
	struct policy_version proposed;
};
/* The proposed one becomes the active one; the oldest goes where there is no room. */
void versions_flip(struct policy_versions *v);
/* NULL: not remembered. */
const struct policy_version *versions_find(const struct policy_versions *v, uint64_t version);
MUST enum err versions_write(const struct policy_versions *v, struct buf *out);
MUST enum err versions_read(struct slice text, struct policy_versions *out);

struct region_drain {
	char region[POLICY_NAME_MAX + 1];
	uint64_t time_ms;
	char by[VERSIONS_BY_MAX + 1], override[VERSIONS_NOTE_MAX + 1];
};
struct region_drains {
	struct region_drain list[POLICY_REGIONS_MAX];
	int count;
};
int drains_find(const struct region_drains *d, const char *region); /* index or -1 */
/* ERR_TOO_LARGE: so many with so long words do not fit VERSIONS_TEXT_MAX. */
MUST enum err drains_write(const struct region_drains *d, struct buf *out);
MUST enum err drains_read(struct slice text, struct region_drains *out);

struct node_serving {
	uint64_t version;
	uint8_t hash[32];                   /* of the policy it decides by */
	uint8_t ready[32];                  /* of the one it last made ready */
	char why_not[VERSIONS_WHY_MAX + 1]; /* it cannot be made ready; "": it is */
};
MUST enum err serving_write(const struct node_serving *n, struct buf *out);
MUST enum err serving_read(struct slice text, struct node_serving *out);

/* A word for any of these: cut at its room, control characters taken out. */
void versions_word(char *out, size_t room, struct slice text);
