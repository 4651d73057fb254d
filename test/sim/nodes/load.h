/* Clients, and what they asked for and got: the history that is checked at the end. */
#pragma once
#include "world.h"

enum call_kind {
	CALL_READ,
	CALL_PUT,
	CALL_DELETE,
	CALL_SWAP,   /* put if the version is what was last read */
	CALL_CREATE, /* put if absent */
	CALL_ADD,
	CALL_PAIR,      /* both keys in one transaction */
	CALL_PAIR_READ, /* both in one snapshot */
	CALL_KINDS
};
enum level { LEVEL_STRONG, LEVEL_SESSION, LEVEL_BOUNDED, LEVEL_EVENTUAL, LEVELS };
enum call_end { CALL_OPEN, CALL_DONE, CALL_REFUSED, CALL_UNKNOWN, CALL_NOTHING };
extern const char *const call_kind_names[CALL_KINDS], *const level_names[LEVELS];

/* One thing a client wants; its number is the value it writes. */
struct call {
	int id, client, cell, key;
	enum call_kind kind;
	enum level level;
	enum call_end end;
	uint64_t call_ns, return_ns;
	uint64_t until_ns; /* gives up then */
	bool with_key;     /* an idempotency key: it may be tried again whatever happened */
	bool clouded;      /* a try that got no answer may still happen */
	int tries;
	uint64_t bound_ns;
	/* what the write expects, and what was got */
	int64_t expect;
	uint64_t expect_epoch, expect_seq;
	int64_t value;
	uint64_t epoch, seq;             /* of the write's record */
	uint64_t at_epoch, at_seq;       /* of the read's snapshot */
	uint64_t asked_ns;               /* the try that was answered */
	uint64_t token_epoch, token_seq; /* that it carried */
	int node;                        /* which answered */
};

void load_init(struct world *w);
void load_start(struct world *w);
void load_done(struct world *w);
void load_node_gone(struct world *w, int node);
bool load_idle(const struct world *w); /* nobody waits for anything */
void call_text(const struct world *w, const struct call *c, char out[240]);

/* --- one try (ask.c) -------------------------------------------------------------------------- */

struct ask {
	struct list_node node; /* w->asks */
	struct world *w;
	struct call *call;
	struct client *client; /* NULL: it does not wait any more */
	int from, to;          /* regions */
	uint32_t life;         /* of `to`, once it is there */
	bool there;            /* at the node, not answered */
	bool home_only;        /* a copy could not, now the home is asked */
	struct io_timer *travel;
	struct io_post post;
	struct io_timer *pause; /* the node's: between a snapshot and the look at the lease */
	struct host_wait wait;
	struct proposal p;
	struct condition condition;
	struct op ops[2];
	struct bounded_add add;
	char keys[2][KEY_BYTES], idem[KEY_BYTES], value[KEY_BYTES];
	uint64_t deadline_ns; /* in the node's time */
	/* the read */
	uint64_t floor_seq, floor_epoch, token_epoch, token_seq;
	int waits;
	bool token_waited;
	struct position at;
	uint64_t version_epoch, version_seq;
	int64_t got[2];
	enum err err;
	uint64_t sent_ns;
};
/* Sends; load_answered comes later, once, unless the client gave up (client NULL) or nothing
 * ever comes back. */
struct ask *ask_send(struct world *w, struct call *c, struct client *client, int from, int to,
                     bool home_only, uint64_t token_epoch, uint64_t token_seq,
                     uint64_t patience_ns);
void ask_free(struct ask *a);
void load_answered(struct client *client, struct ask *a);
void load_lost(struct client *client); /* the ask is gone; the client waits in vain */
