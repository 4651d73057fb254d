/* What the files of the etcd driver share. One loop.
 *   etcd_text.h      requests, answers, the inside of values: pure
 *   etcd.c           the handle: birth, close, coord.h's table
 *   etcd_ask.c       one request: endpoints, attempts, deadline, what may be believed
 *   etcd_login.c     the token
 *   etcd_op.c        operations of coord.h as compare-and-put
 *   etcd_node.c      what is known of nodes
 *   etcd_watch.c     list, then watch; again after a compaction
 */
#pragma once
#include "base/list.h"
#include "coord/etcd.h"
#include "coord/etcd_text.h"
#include "io/fetch.h"

enum {
	ETCD_CONNECTIONS_MAX = 16,
	ETCD_FLYING_MAX = 8, /* of operations on keys; those on lives do not wait */
	ETCD_OPS_MAX = 8192, /* then ERR_OVERLOADED */
	ETCD_WATCHES_MAX = 8,
	ETCD_TRIES_MAX = 16, /* of a compare-and-put that always finds another state */
	ETCD_ATTEMPTS = 4,   /* in the time of an operation, if none answers */
	ETCD_FIELDS_MAX = 2,
};
#define ETCD_MS(n) ((uint64_t)(n)*1000000u)
#define ETCD_RETRY_NS ETCD_MS(50)     /* after all endpoints failed */
#define ETCD_LOGIN_NS ETCD_MS(250)    /* between two logins */
#define ETCD_REFUSED_NS ETCD_MS(2000) /* after one that was refused; between two complaints */
#define ETCD_LIST_NS ETCD_MS(5000)    /* a page of a list */
#define ETCD_TWIN_NS ETCD_MS(10000)   /* another process of our name counts so long after a beat */
#define ETCD_FAREWELL_NS ETCD_MS(300)

struct etcd;

/* One request, to whichever endpoint answers. In its owner's memory until answered or dropped. */
struct etcd_ask {
	const char *path;
	struct buf body; /* the owner fills it */
	uint64_t timeout_ns;
	bool urgent; /* does not wait for its turn */
	bool login;  /* needs no token */
	/* Once, not before etcd_ask_start returns. answer NULL on an error. */
	void (*answered)(struct etcd_ask *a, enum err err, const struct etcd_answer *answer);

	/* private */
	struct etcd *etcd;
	struct list_node node; /* etcd->waiting or etcd->flying */
	bool waiting;
	struct fetch_call call;
	struct http_header fields[ETCD_FIELDS_MAX];
	char url[ETCD_URL_MAX + 32];
	int endpoint, failures;
	uint64_t deadline_ns, again_ns, attempt_ns;
	uint64_t floor; /* a revision known when it was sent: an older answer is not believed */
	uint32_t token_turn; /* of the token it was sent with */
	bool may_have_happened;
	enum err err; /* of the last attempt, where it says more than that nobody answered */
};

struct etcd_node {
	struct coord_node is;
	uint64_t revision, writer, changed_ns; /* of its entry; when it was last seen to change */
};
struct etcd_watch {
	char prefix[COORD_KEY_MAX + 1];
	uint64_t seen; /* told of everything up to this revision */
	void (*changed)(void *arg, const char *key, struct slice value, uint64_t revision);
	void *arg;
};
enum etcd_stream_state {
	ETCD_STREAM_OFF,     /* until again_ns: then list */
	ETCD_STREAM_LISTING, /* a page is asked for */
	ETCD_STREAM_OPENING, /* watch asked for, not confirmed */
	ETCD_STREAM_OPEN,
};
struct etcd_stream {
	enum etcd_stream_state state;
	bool list_owed; /* else go on from `next` */
	uint64_t again_ns, since_ns;
	struct etcd_ask page;
	uint64_t page_revision; /* of the list under way; 0: its first page */
	struct buf page_from;   /* its next page's first key */
	struct fetch_call call;
	struct http_header fields[ETCD_FIELDS_MAX];
	char url[ETCD_URL_MAX + 32];
	struct buf body, line;
	struct etcd_answer message; /* the one that is being told */
	int endpoint;
	uint64_t next; /* revision to go on from, itself included */
	/* A change of our own that it has not shown yet: if it takes long, the stream is dead. */
	uint64_t owed, owed_ns;
};

struct etcd {
	struct coord base;
	struct io *io;
	struct fetch *fetch;
	struct io_timer *timer;
	uint64_t tick_ns; /* when it is due; 0: not */
	char *endpoints[ETCD_ENDPOINTS_MAX];
	int endpoint_count, endpoint; /* the one that worked last */
	char prefix[ETCD_PREFIX_MAX + 1], self[32];
	uint64_t timeout_ns;
	uint64_t writer, number; /* of marks: this process, its operations */

	struct list waiting, flying; /* etcd_ask */
	struct list ops;             /* etcd_op, all */
	struct list refused;         /* answers to what could not be begun */
	uint64_t cluster, newest;    /* whom we believe, and what it said at least */
	bool reached;                /* said so in the log */
	uint64_t complained_ns;

	char *user, *password, *token;
	uint32_t token_turn;
	struct etcd_ask login;
	bool logging_in;
	uint64_t login_ns; /* not before */
	enum err login_err;

	struct etcd_node nodes[COORD_NODES_MAX];
	int node_count;
	uint32_t generation,
		newest_generation; /* of this life, 0: none; of any life of this name */
	void (*on_node)(void *arg, const char *name);
	void *on_node_arg;

	struct etcd_watch watches[ETCD_WATCHES_MAX];
	int watch_count;
	struct etcd_stream stream;

	int calling; /* inside our own or an owner's callback */
	bool closing;
};

static inline struct etcd *etcd_of(struct coord *c) {
	return CONTAINER_OF(c, struct etcd, base);
}

/* --- etcd.c --- */
/* Around everything that comes from the loop: the handle may be closed inside. */
static inline void etcd_enter(struct etcd *c) {
	c->calling++;
}
void etcd_leave(struct etcd *c);
void etcd_tick_at(struct etcd *c, uint64_t ns);
void etcd_complain(struct etcd *c, const char *what, const char *why); /* not all too often */

/* --- etcd_ask.c --- */
void etcd_ask_init(struct etcd *c, struct etcd_ask *a, const char *path);
void etcd_ask_done(struct etcd_ask *a); /* also while it is under way: never answered then */
void etcd_ask_start(struct etcd_ask *a);
void etcd_asks_tick(struct etcd *c, uint64_t now);
/* Fields for a request to etcd, with the token if there is one; how many. */
int etcd_fields(const struct etcd *c, struct http_header *out);

/* --- etcd_login.c --- */
bool etcd_logged_in(const struct etcd *c); /* or no need to */
void etcd_login_want(struct etcd *c, uint64_t now);
void etcd_token_bad(struct etcd *c, uint32_t turn); /* the token of that turn was refused */
void etcd_login_done(struct etcd *c);

/* --- etcd_op.c: five of coord.h's operations --- */
void etcd_put(struct coord *c, const char *key, uint64_t expected, struct slice value,
              struct coord_op *op);
void etcd_read(struct coord *c, const char *key, struct coord_op *op);
void etcd_join(struct coord *c, struct coord_op *op);
void etcd_beat(struct coord *c, struct coord_op *op);
void etcd_expire(struct coord *c, const struct coord_node *observed, struct coord_op *op);
void etcd_refusals_tell(struct etcd *c);
void etcd_ops_drop(struct etcd *c);
void etcd_farewell(struct etcd *c); /* ends our own life there, if that takes no time */

/* --- etcd_node.c --- */
struct etcd_node *etcd_node_find(struct etcd *c, const char *name); /* NULL: never seen */
/* An entry of a node as it is or was; what is older than known is ignored. */
void etcd_node_saw(struct etcd *c, struct slice name, const struct etcd_entry *e);
bool etcd_node(struct coord *c, const char *name, struct coord_node *out);
void etcd_on_node(struct coord *c, void (*changed)(void *arg, const char *name), void *arg);

/* --- etcd_watch.c --- */
MUST enum err etcd_watch(struct coord *c, const char *prefix,
                         void (*changed)(void *arg, const char *key, struct slice value,
                                         uint64_t revision),
                         void *arg);
void etcd_stream_init(struct etcd *c);
void etcd_stream_done(struct etcd *c);
void etcd_stream_tick(struct etcd *c, uint64_t now);
/* We made this revision: the stream has to show it. */
void etcd_stream_owes(struct etcd *c, uint64_t revision);
