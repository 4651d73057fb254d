/* What is said to etcd and what it answers: version 3 of its JSON gateway; and how our values
 * look inside. Pure; what it answers is hostile: bounded, strict, nothing guessed.
 *
 * A value is stored behind a mark: who wrote it, in which of its operations. A put whose answer
 * was lost is found again by its mark, and not by what it says, which others may say too.
 *   MARK = 16 hex digits of the writer, '/', the operation in hex, newline
 */
#pragma once
#include "base/buf.h"
#include "coord/coord.h"

enum {
	ETCD_PREFIX_MAX = 128,
	ETCD_KEY_MAX = ETCD_PREFIX_MAX + 8 + COORD_KEY_MAX,
	ETCD_MARK_MAX = 34,
	ETCD_STORED_MAX = ETCD_MARK_MAX + COORD_VALUE_MAX,
	ETCD_PAGE = 128, /* keys of one answer to a list */
	ETCD_ANSWER_MAX = 4 << 20,
	ETCD_REQUEST_MAX = 64 << 10,
	ETCD_TOKEN_MAX = 4096,
	ETCD_ENTRIES_MAX = 1 << 16, /* of one answer */
};

/* --- our values ------------------------------------------------------------------------- */

struct etcd_mark {
	uint64_t writer, number; /* number 0: no mark */
};
MUST enum err etcd_store_value(const struct etcd_mark *mark, struct slice value, struct buf *out);
/* What an operator wrote by hand has no mark and is a value all the same. */
void etcd_stored_value(struct slice stored, struct etcd_mark *mark, struct slice *value);
/* "generation=3 beat=17" */
MUST enum err etcd_life_encode(uint32_t generation, uint32_t beat, struct buf *out);
MUST enum err etcd_life_decode(struct slice value, uint32_t *generation, uint32_t *beat);

/* --- requests: bodies of POST -------------------------------------------------------------- */

#define ETCD_RANGE_PATH "/v3/kv/range"
#define ETCD_TXN_PATH "/v3/kv/txn"
#define ETCD_WATCH_PATH "/v3/watch"
#define ETCD_LOGIN_PATH "/v3/auth/authenticate"
/* One key, linearizable. */
MUST enum err etcd_ask_read(struct slice key, struct buf *out);
/* A page of the keys from `from` on that begin with prefix, as of `revision` (0: now). */
MUST enum err etcd_ask_list(struct slice prefix, struct slice from, uint64_t revision,
                            struct buf *out);
/* Puts if the key's revision is `expected` (0: absent); otherwise reads it. */
MUST enum err etcd_ask_put(struct slice key, uint64_t expected, struct slice stored,
                           struct buf *out);
MUST enum err etcd_ask_watch(struct slice prefix, uint64_t from_revision, struct buf *out);
MUST enum err etcd_ask_login(const char *user, const char *password, struct buf *out);

/* --- answers ------------------------------------------------------------------------------- */

struct etcd_entry {
	struct slice key, value; /* value: as stored */
	uint64_t revision;       /* mod_revision */
	bool deleted;
};
struct etcd_answer {
	/* What the answer is: an error (and then nothing else), with its words.
	 *   ERR_UNAUTHENTICATED  log in (anew)
	 *   ERR_FORBIDDEN        this user may not, or the password is wrong
	 *   ERR_NOT_FOUND        the revision asked for is compacted
	 *   ERR_NO_SPACE         its quota is used up: only an operator helps
	 *   ERR_INVALID          it does not like the request
	 *   ERR_UNAVAILABLE      everything else, also what is not known: says nothing */
	enum err error;
	char text[160];
	uint64_t cluster, revision; /* of the header; 0: absent */
	bool succeeded;             /* a put happened */
	bool more;                  /* a list goes on */
	/* a message of a watch */
	bool created, canceled, fragment;
	struct etcd_entry *entries;
	int count;
	char token[ETCD_TOKEN_MAX + 1];
	void *memory; /* private */
};
/* ERR_CORRUPT: not what etcd says; ERR_TOO_LARGE, ERR_NO_MEMORY. The answer of any request, or one
 * message of a watch. */
MUST enum err etcd_answer_read(struct slice text, struct etcd_answer *out);
void etcd_answer_done(struct etcd_answer *a);
