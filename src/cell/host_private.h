/* What the files of the host share:
 *   host.c          start, stop, the end of a turn, timers
 *   host_actions.c  feeds events to a cell and does what it returns
 *   host_members.c  lease, canary, peers, placements
 *   host_propose.c  writes from any thread, and the answers
 *   host_state.c    what other threads see of a cell
 *   host_move.c     planned moves: asked, watched until they are over
 *   host_accept.c   that an operator accepts a loss
 *   host_room.c     whose turn it is to send much to a region
 *   host_witness.c  promises of a node that holds no data
 *   host_wait.c     waiting for a position; status
 *   host_sweep.c    removes what has expired
 * Everything belongs to the owner's loop, except what is said to be shared. */
#pragma once
#include <stdatomic.h>

#include "base/list.h"
#include "base/queue.h"
#include "cell/failsafe.h"
#include "cell/host.h"
#include "cell/link.h"
#include "coord/member.h"

enum {
	HOST_INBOX_PER_TURN = 4096,               /* proposals taken, then sockets get their turn */
	HOST_FLUSH_EVERY = 16,                    /* proposals; and at the end of the turn */
	HOST_WAITS_MAX = 4096,                    /* a cell; those beyond fire at once */
	HOST_REQUESTS_MAX = 2 * CELL_ACTIONS_MAX, /* answers owed to a cell inside one feed */
	HOST_OPS_KEPT = 16,                       /* idle store operations kept by a cell */
	HOST_EPOCHS_MAX = 256,                    /* newest epochs shown to other threads */
	HOST_BULK_BYTES = 1 << 20,                /* on a link: who lags behind there waits */
	HOST_LIVE_BYTES = LINK_BACKLOG_BYTES / 4, /* likewise: who does not */
	HOST_REMOVALS_MAX = 64, /* cells in which what has expired is removed at once */
	HOST_SCRATCH_KEEP_BYTES = 1 << 20,
};
static const uint64_t HOST_SWEEP_NS = 1000000000u;
static const uint64_t HOST_LOOK_AGAIN_NS = 100000000u; /* coordination did not answer */

/* --- shared with other threads ------------------------------------------------------ */

/* A seqlock over atomic words: one writer, any readers, no lock. `turn` is odd while the
 * words change. Words are stored with release and loaded with acquire, so that no fence is
 * needed (which ThreadSanitizer does not know): a reader that saw a new word sees the turn
 * odd or later. */
struct host_shared_state {
	_Atomic uint64_t turn;
	_Atomic uint64_t words[sizeof(struct host_cell_state) / 8];
};
_Static_assert(sizeof(struct host_cell_state) % 8 == 0, "the state is whole words");

/* The epochs of a copy's history and how far its view is, likewise. */
struct host_shared_history {
	_Atomic uint64_t turn;
	_Atomic uint64_t applied_seq, count;
	struct {
		_Atomic uint64_t epoch, seq;
	} starts[HOST_EPOCHS_MAX];
};

/* --- what rides in other people's memory ------------------------------------------- */

/* In proposal->private, behind the core's four words. */
struct host_ticket {
	union {
		struct queue_node in; /* host->inbox */
		struct io_post reply;
	};
	struct list_node node; /* cell->in_flight: the core has it */
	struct host_cell *cell;
	struct io *reply_to;
	uint64_t since_ns;
};
enum { HOST_TICKET_AT = 4 };
_Static_assert(sizeof(struct host_ticket) <=
                       sizeof((struct proposal *)0)->private - HOST_TICKET_AT * sizeof(void *),
               "the ticket fits beside the core's words");

/* In host_wait->private. */
struct host_wait_ticket {
	union {
		struct io_post post;   /* on its way to the owner */
		struct list_node node; /* cell->waits */
	};
	struct host_cell *cell;
	uint64_t epoch; /* when it was asked */
};

struct host_sweep;   /* host_sweep.c */
struct host_removal; /* likewise */

/* A cell that waits for room on its link to a replica. */
struct host_want {
	struct list_node node;  /* host->wants of the region */
	struct host_cell *cell; /* NULL: it does not wait */
};

/* --- the cell's shell ----------------------------------------------------------------- */

/* One operation of the store; everything it was given lives here until it is done. */
struct host_op {
	struct store_op op;
	struct list_node node; /* cell->idle_ops or busy_ops */
	struct host_cell *cell;
	enum cell_store_op kind;
	uint64_t since_ns;
	struct position at;
	struct buf bytes;
	char why[160];
};

struct host_cell_metrics {
	struct metric *role, *epoch, *failsafe, *committed, *applied, *quarantined, *refused, *failovers;
	struct metric *appends, *lag[CELL_REPLICAS_MAX], *moves, *moves_failed, *possible_loss, *exposed,
		*degraded, *sla_broken, *sla_kept_ms, *sla_broken_ms, *sla_breaches, *sla_budget;
	struct histogram *append_seconds, *propose_seconds, *copy_seconds, *move_seconds;
};

/* One record a copy is timed on: durable here since, acknowledged by it when. */
struct host_copy_mark {
	uint64_t seq; /* 0: none */
	uint64_t since_ns;
};

struct host_cell {
	struct host *host;
	int index;
	char *name, *key;                                     /* key: in coordination */
	/* Regions; the witness, where there is one, behind the copies. self -1: no copy here */
	int replicas[CELL_REPLICAS_MAX + 1], replica_count, self;
	struct vouch vouch; /* at the witness */

	struct store *store; /* NULL, and so all down to `proposed`, where there is no copy */
	struct cell *core;
	struct store_reader *reader;
	struct buf looked_up;
	void *exports[CELL_REPLICAS_MAX];
	struct list idle_ops, busy_ops;
	struct list in_flight; /* host_ticket */
	bool proposed;         /* in this turn: a flush is owed */

	uint64_t revision; /* of the placement last heard of */
	struct coord_op read_op, place_op;
	bool placing, reading;
	uint64_t look_again_ns; /* 0: not owed */

	struct {
		struct host_move_request *request; /* NULL: none under way */
		struct io_timer *timer;
		uint64_t drained_ns; /* 0: not yet */
		bool handed;         /* now it is the target's turn */
	} move;

	struct {
		char *key;                           /* in coordination */
		uint64_t revision;                   /* last heard of */
		struct host_accept_request *request; /* NULL: none under way */
		struct coord_op op;
	} accept;

	struct list waits;                /* host_wait_ticket */
	uint64_t wait_seq, wait_until_ns; /* the least of any */

	struct host_cell_state state; /* as shared */
	struct host_removal *removal; /* host_sweep.c; NULL: none under way */
	struct position swept;        /* the last one's record */

	struct host_shared_state shared;
	struct host_shared_history history;
	struct epoch_start newest; /* of the history, as shared */
	int epoch_count;
	struct host_cell_metrics metrics;
	struct host_copy_mark copy_marks[CELL_REPLICAS_MAX];
	struct host_want wants[CELL_REPLICAS_MAX];
};

enum host_request_kind {
	REQUEST_LOG,
	REQUEST_EXPORT_BEGIN,
	REQUEST_EXPORT_NEXT,
	REQUEST_FAILED,       /* a store operation that could not even be begun */
	REQUEST_PLACE_FAILED, /* likewise a compare-and-put */
};
struct host_request {
	enum host_request_kind kind;
	int replica;
	uint64_t seq;
	size_t limit;
	enum cell_store_op op; /* REQUEST_FAILED */
};

struct host {
	struct io *io;
	char **regions;
	int region_count, self, witness;
	struct host_cell *cells;
	int cell_count;
	struct coord *coord;
	struct links *links;
	struct registry *registry;
	void (*on_change)(void *arg);
	void *arg;
	bool changed; /* on_change is owed */
	bool started;
	void (*crash_store)(struct store *s); /* see host_crash; NULL: close */

	/* host_actions.c: one cell is fed at a time */
	bool feeding;
	struct cell_actions *actions;
	struct host_request requests[HOST_REQUESTS_MAX];
	int request_first, request_count;
	struct buf scratch;

	/* host_room.c */
	struct list *wants; /* by region: host_want */
	const struct host_want *served;

	/* host_propose.c */
	struct queue inbox; /* host_ticket */
	struct io_post inbox_post;

	struct lease_terms failsafe; /* for the cores */

	/* host_members.c */
	struct member *member;
	atomic_bool *region_up;
	struct files *files;
	char *canary_path;
	struct file *canary; /* the lane's */
	struct io_lane *canary_lane;
	struct io_job canary_job;
	enum err canary_err;
	struct io_post proved_post;
	struct metric *renewals, *proof_failures;

	struct io_timer *timer;
	uint64_t armed_ns; /* what the timer waits for; UINT64_MAX: nothing */
	struct host_sweep *sweep;
};

/* --- host_actions.c --- */
void host_feed(struct host_cell *c, const struct cell_event *event);
void host_feed_store(struct host_cell *c, enum cell_store_op op, enum err err);
enum err host_lookup(void *arg, struct slice key, struct entry *out); /* for the core */
void host_ops_free(struct host_cell *c);
int host_replica(const struct host_cell *c, int region); /* -1: holds no copy */
int host_voter(const struct host_cell *c, int region);   /* likewise, or the witness */

/* --- host_copies.c --- */
void host_copies_durable(struct host_cell *c, uint64_t seq);
void host_copies_frame(struct host_cell *c, int replica, const struct frame *f);

/* --- host_members.c --- */
MUST enum err host_members_start(struct host *h, const struct host_options *o, struct fault *fault);
void host_members_stop(struct host *h);
struct lease_terms host_lease_terms(const struct host_options *o);
void host_placement_read(struct host_cell *c); /* asks coordination anew */
/* A frame may be the first to tell of a new home: the watch can take its time. */
void host_placement_hint(struct host_cell *c, const struct frame *f);

/* --- host_move.c --- */
void host_moved(struct host_cell *c, const struct cell_action *a);
void host_move_check(struct host_cell *c, bool draining); /* the state may have moved */
void host_move_drop(struct host_cell *c);                 /* unanswered */

/* --- host_accept.c --- */
MUST enum err host_accept_start(struct host *h);

/* --- host_propose.c --- */
void host_propose_init(struct host *h);
void host_flush(struct host *h); /* the turn ends: cells make a batch of what they were given */
void host_reply(struct proposal *p);
void host_propose_end(struct host *h); /* answers everything that is left */

/* --- host_room.c --- */
MUST enum err host_room_init(struct host *h);
bool host_room(void *arg, int replica, bool live); /* for the core */
void host_room_serve(struct host *h, int region);  /* something has left */
bool host_room_due(const struct host *h);          /* somebody waits, and needs not */

/* --- host_state.c --- */
void host_state_init(struct host_cell *c);
void host_state_publish(struct host_cell *c);                          /* from the core */
void host_state_place(struct host_cell *c, const struct placement *p); /* without one */
void host_history_publish(struct host_cell *c, const struct store_info *info);

/* --- host_witness.c --- */
void host_witness_start(struct host *h);
/* A frame of a home; at the witness. */
void host_witness_frame(struct host_cell *c, int region, const struct frame *f);

/* --- host_wait.c --- */
void host_waits_check(struct host_cell *c); /* the state moved, or time passed */
void host_waits_end(struct host_cell *c);

/* --- host_sweep.c --- */
MUST enum err host_sweep_start(struct host *h);
void host_sweep_free(struct host *h);
