/* Private to edge/: one request on its way through the edge.
 *
 * edge.c takes it in and finds its handler; request.c reads what it asks; facts.c and world.c gather
 * what route.c decides upon, and it holds; forward.c passes on; detour.c goes round; read.c, scan.c, write.c, tx.c serve it
 * here; respond.c answers. A request is answered exactly once, by respond_*; after that its memory is
 * gone. Who asks for the decision alone is answered by mouth_*.c. */
#pragma once
#include "cell/pull.h"
#include "cell/token.h"
#include "edge/edge.h"
#include "edge/ring.h"
#include "edge/tape.h"
#include "trust/identity.h"

enum { EDGE_DOMAIN_MAX = 32, EDGE_SCAN_LIMIT_MAX = 1000 };

/* Faces of the decision alone; see mouth.h. */
enum { MOUTH_DECIDE, MOUTH_EXPLAIN, MOUTH_AUTH_REQUEST, MOUTH_EXT_AUTHZ, MOUTH_OFREP, MOUTH_COUNT };

/* Says of an answer that nothing happened. Between edges and to clients. */
#define RETRY_FIELD "Holdfast-Retry"
#define RETRY_SAFE "safe"

#define REQUEST_TTL_MAX_MS (3650ull * 24 * 3600 * 1000)

struct request {
	struct edge *edge;
	struct list_node node; /* of edge->requests, until it is answered */
	struct http_exchange *x;
	const struct http1_head *head;
	/* Serves it in this region; called anew when an attempt could not be finished. */
	void (*serve)(struct request *r);

	const struct policy_tenant *tenant; /* NULL: the policy in force does not know it any more */
	int tenant_index;                   /* among the policy's; -1: made since */
	int cell;
	struct slice domain, key; /* decoded */
	struct slice full_key;    /* tenant NUL domain NUL key */
	bool write;
	bool repeatable; /* reads, and writes with a key: safe after an unknown outcome */
	struct slice hop_key; /* the key this edge gave it, when it passed it on; empty: none */
	bool unknown;    /* an attempt at this write may have happened: nobody may deny it later */
	bool forwarded;  /* came from another region's edge */
	bool proven;     /* and that edge is one of ours: it obeyed the rules already */
	enum consistency consistency;
	uint32_t bounded_ms;
	uint64_t floor_epoch, floor_seq; /* a read at the home: its snapshot must have reached this */
	bool has_token;
	struct token token;
	uint64_t ttl_ms;      /* 0: none */
	uint64_t deadline_ns; /* held and tried again until then */
	struct decide_request ask;
	struct cel_net ip; /* what ask.client.ip points at */
	struct decision decision;
	bool decided;
	uint64_t arrived_ns;
	int attempts;

	bool detour_refused;   /* the secondary source cannot answer this one */
	const struct age *age; /* by a secondary source: of what it serves */

	/* held */
	struct list_node held_node;
	bool held;
	size_t held_bytes;
	uint64_t try_at_ns, held_since_ns; /* since: 0: never was */

	/* passing on */
	struct http_call call;
	struct list_node call_node;
	struct http_header *call_fields;
	int call_field_count, call_region;
	char call_consistency[32]; /* HOP_CONSISTENCY_MAX */
	uint64_t call_epoch; /* of the cell, as known when it was sent */

	/* waiting for a token's point */
	struct host_wait wait;

	/* writing */
	struct proposal proposal;
	struct condition *conditions;
	struct op *ops;
	struct bounded_add *adds;
	struct event *events;
	void *json;         /* tx: the parsed document; its strings are borrowed */
	struct buf decoded; /* tx: base64 values */

	/* scanning */
	struct slice prefix, after;
	uint64_t limit;
};

/* What an edge remembers of a cell. */
struct edge_cell {
	struct store_reader *reader;     /* NULL: no copy here */
	uint64_t token_epoch, token_seq; /* what `token` says: reads between writes share it */
	char token[TOKEN_TEXT_MAX];
	size_t token_len;
	uint32_t name_hash;
	int self_replica; /* -1: no copy here */
	/* While this region is home: what every read from now on must see. 0 elsewhere. */
	uint64_t floor_epoch, floor_seq;
	/* detour.c */
	uint64_t detour_rest_ns;                 /* its secondary source did not answer: until then */
	uint64_t degraded_ns, degraded_until_ns; /* the primary hangs; 0: no */
	int detours;                             /* under way */
};

/* What an edge says of and to a region. */
struct edge_region {
	char upstream[264]; /* HOST:PORT of its edges */
	char proof[48];     /* in Holdfast-Forwarded: that an edge of it passed a request on */
};

struct edge {
	struct io *io;
	struct edge_options options;
	const struct policy *policy;
	struct http_server *server;
	struct http_client *client;
	struct edge_cell *cells;
	struct edge_region *regions;
	char hop[96]; /* our Holdfast-Forwarded */
	struct world world;
	struct world_region *world_regions;
	struct world_cell *world_cells;
	uint64_t *breaker_until_ns; /* per region: its edge did not answer */
	uint64_t world_ns;          /* when world_regions was looked up */
	struct ring ring;
	struct tape *tape;    /* NULL: decisions are not recorded */
	struct arena scratch; /* of the decision that is being made */
	int here;
	const char *here_name;
	struct list requests; /* that were taken and are not answered */
	struct list held;
	size_t held_bytes;
	struct list calls; /* passed on, not yet answered */
	struct io_timer *retry;
	struct io_post wake, drain;
	struct io_timer *drain_timer;
	uint64_t drain_until_ns;
	bool draining;
	_Atomic bool wake_posted;
	_Atomic bool closing;
	struct metric *verdicts[4], *held_now, *held_refused, *held_expired, *forwards,
		*forward_errors;
	struct metric *reads, *writes, *detours, *detour_errors;
	struct histogram *held_time;
	struct metric *asked[MOUTH_COUNT];
};

/* --- request.c ----------------------------------------------------------------- */
/* Reads credential, path, consistency, token and so on into r; ERR_OK, or the error with `fault`'s
 * text for the client. */
MUST enum err request_read(struct request *r, struct fault *fault);
/* Makes `tenant NUL domain NUL key` in the request's arena; ERR_TOO_LARGE, ERR_INVALID with fault. */
MUST enum err request_full_key(struct request *r, struct slice domain, struct slice key,
                               struct slice *out, struct fault *fault);
MUST enum err request_check_domain(struct slice domain, struct fault *fault);
/* "7-1234" → epoch, seq, with or without the quotes of an ETag. */
MUST enum err version_parse(struct slice text, uint64_t *epoch, uint64_t *seq);

/* --- preferences.c --- */
/* Answers it, if its path is /v1/preferences. */
bool preferences_takes(struct edge *e, struct http_exchange *x);

/* --- hop.c --------------------------------------------------------------------------- */
enum { HOP_CONSISTENCY_MAX = 32 };
void hop_init(struct edge *e);     /* of e->regions and e->hop */
void hop_read(struct request *r); /* sets forwarded and proven */
/* As the next edge must serve it: what the rules here made of what the client asked. */
struct slice hop_consistency(const struct request *r, char out[HOP_CONSISTENCY_MAX]);

/* --- facts.c, world.c -------------------------------------------------------------- */
/* Fills all of *ask (zeroed) but tenant, write, forwarded, consistency and domain. ip: room. */
void facts_read(struct edge *e, struct http_exchange *x, struct cel_net *ip,
                struct decide_request *ask);
/* Brings e->world up to this moment as far as the tenant asked for is concerned, and gives ask the edge's
 * scratch memory, until the next call. */
void world_look(struct edge *e, struct decide_request *ask);
/* The same, and decides. */
void world_decide(struct edge *e, struct decide_request *ask, struct decision *out);

/* --- route.c --------------------------------------------------------------------- */
void route(struct request *r); /* decide, then serve, pass on, hold or refuse */
/* Not finished here and nothing happened (or it is repeatable): decide again a little later;
 * past its deadline it is answered with `err`. */
void route_again(struct request *r, enum err err, const char *why);
void route_wake(struct edge *e);     /* all held requests, now */
void route_drop_all(struct edge *e); /* at shutdown */
void route_timer(void *edge);        /* for edge->retry */

/* --- forward.c ---------------------------------------------------------------------- */
void forward(struct request *r, int region); /* within decision.allowed, not this one */
void forward_home(struct request *r);        /* this copy cannot; the home can */
void forward_wake(struct edge *e);           /* the world changed: who waits for a dead region? */

bool forward_passes(enum http_field id);     /* a header that goes on with a request */

/* --- detour.c ------------------------------------------------------------------------ */
/* Asks the cell's secondary source, if there is one for this; false: not now, nothing was done. */
bool detour(struct request *r);
/* Before a read is passed on: true when the primary hangs and it went round instead. */
bool detour_first(struct request *r);
void detour_primary(struct request *r, bool answered); /* what became of one passed on */
uint64_t detour_patience_ns(const struct request *r, uint64_t left_ns);

/* --- read.c, scan.c, write.c, tx.c -------------------------------------------------- */
void read_serve(struct request *r);
/* Is this copy good enough for what r asks, in this very moment? Serves, waits, or passes on:
 * true when the caller may read now. */
bool read_ready(struct request *r);
/* After the snapshot was opened at `at`: is it what r asked for? Else r is on its way again. */
bool read_holds(struct request *r, const struct position *at);
/* What was found, e NULL: nothing, at `at` (seq 0: no token is given): conditions, then the value. */
void read_answer(struct request *r, const struct entry *e, const struct position *at);
bool entry_live(const struct request *r, const struct entry *e);
void scan_serve(struct request *r);
/* The page that r asks for, by a walk of the caller's over one snapshot. */
MUST enum err scan_page(struct request *r,
                        enum err (*walk)(void *arg, const struct store_scan *scan), void *arg,
                        struct buf *body);
MUST enum err scan_read(struct request *r, struct fault *fault);
void write_serve(struct request *r);
void write_propose(struct request *r); /* what request or tx prepared in r->proposal */
MUST enum err write_idempotency(struct request *r, struct fault *fault);
bool write_key_make(struct request *r); /* false: no memory */
void tx_serve(struct request *r);
MUST enum err tx_read(struct request *r, struct fault *fault);
void tx_respond(struct request *r);
void tx_done(struct request *r); /* frees what tx_read made; also for other requests */

/* --- deny.c -------------------------------------------------------------------------- */
/* What a decision that is no region means to whoever asked. */
struct denial {
	enum err code;
	int status;
	const char *detail; /* may point into `text` */
	const char *extra;  /* members of the problem document; NULL: none. May point into `more` */
	int region;         /* where to go instead; -1 */
	char text[256], more[400];
};
/* d: VERDICT_REFUSE or VERDICT_HOLD. */
void denial_of(const struct edge *e, const struct decision *d, struct denial *out);

/* --- respond.c ------------------------------------------------------------------------ */
void respond_problem(struct request *r, enum err code, const char *detail);
/* No such key at that position, which the client's next reads may not fall behind. */
void respond_absent(struct request *r, const struct position *at);
/* As the decision says: by a rule, for want of a region, or because another region must be asked. */
void respond_refused(struct request *r);
/* Version, token, region, staleness as they apply, then the fields given. at NULL: no token. */
void respond(struct request *r, int status, const struct position *at, const struct entry *version,
             const char *content_type, struct slice body);
/* An answer of another region, passed on as it is. */
void respond_relay(struct request *r, const struct http1_head *head, struct slice body);
