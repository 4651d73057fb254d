/* What the files of the link share: link.c (peers: connect, listen, send), link_conn.c (one
 * connection: bytes, frames, when it is given up) and link_handshake.c (who is it?). One
 * loop. Nothing here knows what frames mean. */
#pragma once
#include "base/hash.h"
#include "base/list.h"
#include "cell/link.h"

enum {
	LINK_HELLO_MAX_BYTES = 256 << 10, /* all that is held of a peer that has proved nothing */
	LINK_STRANGERS_MAX = 32,          /* accepted and not yet proved; the oldest gives way */
	LINK_KEEP_BYTES = 256 << 10,      /* what an idle link's buffers may keep */
	LINK_NONCE_BYTES = 32,
	LINK_PEER_UNKNOWN = -1,
};
static const uint64_t LINK_HANDSHAKE_NS = 2000000000u;
static const uint64_t LINK_CONNECT_NS = 2000000000u;
static const uint64_t LINK_RETRY_MIN_NS = 20000000u, LINK_RETRY_MAX_NS = 1000000000u;
static const uint64_t LINK_IDLE_NS = 5000000000u; /* see link_conn_idle */
static const uint64_t LINK_CHECK_NS = 1000000000u;
static const uint64_t LINK_LOG_EVERY_NS = 60000000000u;

/* Closed, counted and logged at most so often: one for each peer and one for strangers. */
struct link_complaint {
	uint64_t logged_ns;
	int64_t unlogged;
	struct metric *refused;
};

enum link_state {
	LINK_HELLO,  /* the peer's first HELLO is awaited */
	LINK_PROOF,  /* its proof is awaited */
	LINK_OPEN,   /* proved: frames */
	LINK_DOOMED, /* to be closed by links_flush: never inside a call of the owner's */
};

struct link_conn {
	struct links *links;
	struct list_node node; /* links->strangers until open */
	struct io_conn *conn;
	bool connector; /* this side connected */
	enum link_state state;
	int region; /* LINK_PEER_UNKNOWN: a stranger who has not said */
	uint8_t own_nonce[LINK_NONCE_BYTES], peer_nonce[LINK_NONCE_BYTES];
	struct buf in, out;
	struct io_timer *timer; /* handshake, then idle check */
	bool beating;           /* heartbeats came: silence means something */
	uint64_t opened_ns;
	uint64_t heard_ns;      /* last bytes */
	uint64_t written_bytes; /* given to the connection in all */
	uint64_t taken_bytes;   /* of them gone when last looked */
	uint64_t moved_ns;      /* when taken_bytes last grew, or nothing was pending */
};

struct link_peer {
	struct links *links;
	int region;
	struct link_conn *link;   /* open or doomed; NULL: down */
	struct link_conn *trying; /* connected by us, in its handshake */
	struct io_connect *connect;
	struct io_timer *retry; /* only where we connect */
	uint64_t backoff_ns;
	struct link_complaint complaint;
	struct metric *up, *frames_in, *frames_out, *bytes_in, *bytes_out, *connects;
};

struct links {
	struct io *io;
	struct registry *registry;
	char *cluster, **regions, **hosts;
	uint16_t *ports;
	int region_count, self;
	struct buf cells; /* the names as they go into the handshake */
	int cell_count;
	uint8_t cells_hash[SHA256_BYTES];
	uint8_t *secret;
	size_t secret_len;
	struct io_listener *listener;
	struct link_peer *peers; /* by region; own is unused */
	struct list strangers;   /* link_conn that are not open yet, oldest first */
	struct link_complaint stranger_complaint;
	bool any_doomed;
	void (*on_link)(void *arg, int region, bool up);
	void (*on_room)(void *arg, int region);
	void (*on_frame)(void *arg, int region, const struct frame *frame);
	void *arg;
};

/* link.c */
/* The handshake is done: becomes the link of its region, in place of an older one. */
void link_established(struct link_conn *c);
/* Counts; logs once a minute at most. `why` says what the peer did. */
void link_complain(struct links *l, int region, const char *peer, const char *why);

/* link_conn.c */
struct link_conn *link_conn_new(struct links *l, struct io_conn *conn, int region,
                                bool connector); /* closes conn and gives NULL without memory */
void link_conn_free(struct link_conn *c);        /* forgets it wherever it is listed; closes */
/* Marks it to be closed by links_flush. why NULL: nothing that is worth a complaint. */
void link_conn_doom(struct link_conn *c, const char *why);
void link_conn_flush(struct link_conn *c);

/* link_handshake.c */
void link_handshake_start(struct link_conn *c);
/* One FRAME_HELLO of the peer; moves the state on, dooms the connection or establishes it. */
void link_handshake_frame(struct link_conn *c, struct slice body);
/* Writes the names and their hash once; ERR_TOO_LARGE when they do not fit a HELLO. */
MUST enum err link_handshake_cells(struct links *l, const char *const *cells, int count);
