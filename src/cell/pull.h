/* What a secondary source knows of one cell, and what it makes of an answer. Pure: no clock, disk
 * or socket; edge/secondary_pull.c moves the bytes and mirror.h keeps them.
 *
 * A state is of one disk image. It has all changes of the log up to `from`, and maybe some of what
 * comes up to `seen`: while it fills, pages of the view are taken at later and later points. It is
 * whole when the log has been followed from the first page's point to the last one's. Every
 * question names `seen`: only who has it in its history may answer, so that nothing of a tail that
 * was truncated survives in what is whole. Whose history lacks it says so, and a new image is
 * filled beside the old one, which serves until then.
 *
 * Staleness is proved without any agreement on time: an answer says how old its knowledge is, and
 * the own monotonic clock since before it was asked is added. Over a restart only the wall clock
 * is there to tell: it is said so, and where it went back, only "at least".
 */
#pragma once
#include "cell/feed.h"

enum { PULL_SOURCES_MAX = 8, PULL_STATE_MAX = 16384 };

struct point {
	uint64_t epoch, seq;
};
struct pull_state {
	uint64_t generation; /* of the image: the later one is newer */
	uint64_t scope;      /* of whom it has keys: a hash of the owner's; with another it is void */
	bool whole;
	bool paged;          /* filling: all pages are there, the log is being followed */
	struct point from, seen;
	uint64_t epoch;      /* the highest heard of: who knows only a lower one is not believed */
	struct epoch_start epochs[FEED_EPOCHS_MAX];
	int epoch_count;
	uint64_t as_of_ms, stored_ms; /* wall clock: of the last proof, and when that was written; 0: none */
	uint8_t cursor[KEY_MAX_BYTES];
	size_t cursor_len;
};
void pull_state_init(struct pull_state *s, uint64_t generation, uint64_t scope, uint64_t epoch);
MUST enum err pull_state_encode(const struct pull_state *s, struct buf *out);
MUST enum err pull_state_decode(struct slice in, struct pull_state *s); /* ERR_CORRUPT */

enum pull_verdict {
	PULL_TAKE,  /* write its changes, then pull_advance */
	PULL_ANEW,  /* this image cannot go on: begin another */
	PULL_OTHER, /* ask another source: it knows less, or an older epoch only */
	PULL_WRONG, /* it is no answer to what was asked: the source is at fault */
};
enum pull_verdict pull_judge(const struct pull_state *s, const struct feed_head *head);
/* After PULL_TAKE. True when the image is up to what the source had: its age is a proof then. */
bool pull_advance(struct pull_state *s, const struct feed_head *head);

/* --- whom to ask ------------------------------------------------------------------------------ */

struct pull_sources {
	int count, next;
	struct {
		uint64_t rest_until_ns, rest_ns;
	} list[PULL_SOURCES_MAX];
};
/* Each in turn, so that none needs to be known as the home; -1: all rest, until *due_ns. */
int pull_choose(struct pull_sources *s, uint64_t now_ns, uint64_t *due_ns);
/* It answered; or it rests, longer each time, at most 5 s. */
void pull_answered(struct pull_sources *s, int source);
void pull_failed(struct pull_sources *s, int source, uint64_t now_ns);

/* --- how old ------------------------------------------------------------------------------------- */

enum age_kind {
	AGE_MEASURED, /* proved by the monotonic clock */
	AGE_BY_CLOCK, /* nobody was heard since the start: as the wall clock has it */
	AGE_AT_LEAST, /* and that went back, or the proof was never written: it may be more */
};
struct age {
	enum age_kind kind;
	uint64_t ms;
};
/* fresh_ns: what was committed then, by the monotonic clock, is here; 0: not known since start_ns. */
struct age pull_age(const struct pull_state *s, uint64_t fresh_ns, uint64_t start_ns,
                    uint64_t now_ns, uint64_t wall_ms);
const char *age_word(enum age_kind kind); /* "measured", "clock", "at-least" */
