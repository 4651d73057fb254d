/* What the files of the cell's core share; nobody else includes it.
 *   cell.c            birth, dispatch, the end of a step, status
 *   cell_act.c        actions, traces, role moves, answers
 *   cell_batch.c      appends in flight, applies, what the store answers
 *   cell_overlay.c    writes on their way to the view
 *   cell_propose.c    conditions, adds, idempotency, encoding
 *   cell_serve.c      one copy's stream as its source sees it: ask, match, records
 *   cell_commit.c     acknowledgements, commit, heartbeats, lag, release
 *   cell_copies.c     k in force: degrade, raise
 *   cell_members.c    whose acknowledgements count
 *   cell_loss.c       what a failover might lose, and whether that is allowed
 *   cell_damp.c       who died lately goes last
 *   cell_promote.c    when and how a copy becomes home
 *   cell_seal.c       promises: asked for, given, counted
 *   cell_failsafe.c   going on while coordination is silent
 *   cell_move.c       planned moves, at the home that hands over
 *   cell_place.c      coordination: placement, lease, peers
 *   cell_follow.c     a copy's side of the stream
 *   cell_reconcile.c  where histories differ: look, quarantine, truncate
 *   cell_export.c, cell_import.c  snapshots, both sides
 */
#pragma once
#include "base/arena.h"
#include "base/assert.h"
#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "cell/cell.h"
#include "cell/failsafe.h"
#include "cell/mutant.h"

enum {
	EPOCHS_MAX = FRAME_EPOCHS_MAX,
	APPENDS_MAX = 8, /* the home's own batches in flight; more gather in the next */
	APPLIES_MAX = 2,
	BATCH_BYTES_MAX = RECORD_MAX_BYTES,
	BATCH_KEEP_BYTES = 64 << 10, /* a batch larger than this is not kept for reuse */
	BATCHES_KEPT = 32,
	STREAM_FRAMES_MAX = 64, /* unacknowledged RECORDS per copy */
	STREAM_FRAMES_PER_STEP = 4,
	STREAM_READ_BYTES = 512 << 10,
	CHUNK_BYTES = 256 << 10,
	CHUNK_WINDOW = 4,
	ACTIONS_RESERVED = 128,   /* of the list: answers leave so many to everything else */
	FAILSAFE_ASKS = 6,        /* for promises, in the length of a lease */
	SILENT_HEARTBEATS = 50,   /* a stream this quiet is asked for anew */
	CAUGHT_UP_HEARTBEATS = 5, /* copies this long up to date may raise k */
};
#define MS(n) ((uint64_t)(n)*1000000u)
#define ASK_AGAIN_NS MS(300)   /* no answer to an ask, a seal, a pull */
#define ASK_DOUBLINGS 5        /* an ask's patience grows so often, to 9.6 s */
#define RETRY_NS MS(50)        /* refused for now */
#define SPACE_RETRY_NS MS(250) /* disk full */
#define OVERDUE_PAUSE_NS MS(10) /* between two looks for whose deadline has passed */
#define PLACE_RETRY_NS MS(100) /* coordination did not say how a put ended */
#define HOLD_AFTER_NS MS(500)  /* sealing: then say what is missing */
#define PATIENCE_NS MS(2000)   /* a promotion that takes longer may be taken over */
#define EXPORT_NS MS(10000)    /* a copy takes no chunk so long: its view of ours is closed */
#define FETCH_NS MS(2000)      /* the best copy is silent so long: seal anew */
#define MOVE_PAUSE_NS MS(2000) /* drained so long: the home takes it back */
#define FAR_BEHIND_MS 100      /* a copy is no target of a move then: it would be waited for */
#define EPOCH_LEAP_MAX ((uint64_t)1 << 32) /* above what was ever heard of */
#define FIRST_CLAIM 10 /* no placement yet: replica i waits i x this x rank delay */

/* --- writes on their way ------------------------------------------------------------ */

/* A key's pending value, in its batch's arena. */
struct pending_op {
	struct pending_op *next; /* of the same batch */
	struct slice key;
	struct batch *batch;
	size_t value_at, value_len; /* in the batch's bytes */
	uint64_t epoch, seq, expires_ms;
	bool deleted;
};
struct batch {
	struct list_node node; /* c->appends, then c->kept, then c->idle */
	struct buf bytes;
	struct arena arena;
	struct pending_op *ops;
	struct position before; /* its first record */
	uint64_t first_seq, last_seq;
	bool doomed; /* an append before it failed: so will this one */
};
/* The cell's part of proposal->private. */
struct ticket {
	struct proposal *next;
	uint64_t wait_seq;
	enum err verdict; /* once wait_seq is committed */
};
static inline struct ticket *ticket_of(struct proposal *p) {
	_Static_assert(sizeof(struct ticket) <= 4 * sizeof(void *), "fits in the cell's words");
	return (struct ticket *)(void *)p->private;
}
struct proposals {
	struct proposal *head, *tail;
};

/* --- a copy, as the source of its stream sees it --------------------------------------- */

enum copy_state {
	COPY_SILENT,   /* has not asked, or its link is down */
	COPY_ASKED,    /* cannot be answered yet */
	COPY_CHECKING, /* reading the record that follows its position */
	COPY_STREAMING,
	COPY_SNAPSHOT,
};
struct copy {
	enum copy_state state;
	bool pull; /* it is the candidate, and this the best copy */
	bool guess, snapshot_wanted, reading;
	uint64_t epoch; /* of the frames to it */
	struct position asked;
	uint64_t need; /* an empty copy: what a snapshot must have, as of its ask */
	uint64_t number;
	uint64_t next_seq, durable_seq;
	struct {
		uint64_t last_seq;
		size_t bytes;
	} frames[STREAM_FRAMES_MAX]; /* sent, not acknowledged */
	int frame_first, frame_count;
	size_t unacked_bytes;
	uint64_t committed_sent, next_heartbeat_ns, stamp;
	uint64_t progress_ns;       /* acknowledged more, or all there was */
	uint64_t caught_up_ns;      /* since when it has all; 0: it has not */
	uint64_t mark_seq, mark_ns; /* lag: when this seq, still missing there, was durable here */
	uint64_t gone_ns, gone_seq; /* not streaming: since when, and what it had then */
	uint32_t lag_ms;
	bool exporting, export_begun, export_asked, export_ended;
	uint64_t chunks_sent, chunks_taken;
};

/* --- a copy's own side ------------------------------------------------------------------- */

enum follow_state {
	FOLLOW_IDLE,
	FOLLOW_ASKING,
	FOLLOW_LOOKING, /* reading own log for the next guess */
	FOLLOW_MATCHED, /* at a guess: quarantine when nothing is in flight */
	FOLLOW_QUARANTINE,
	FOLLOW_TRUNCATE,
	FOLLOW_STREAMING,
	FOLLOW_OFFERED, /* a snapshot: likewise */
	FOLLOW_IMPORTING,
	FOLLOW_COMMITTING,
};
struct follow {
	enum follow_state state;
	int leader; /* replica; -1: nobody */
	uint64_t epoch;
	bool pull;
	uint64_t number;               /* of the last ask */
	int unanswered;                /* asks since the last answer */
	struct position asked, target; /* target: last common record */
	bool snapshot_wanted;
	uint64_t retry_ns, deadline_ns;
	uint64_t acked_seq, acked_ns, leader_committed;
	uint64_t home_committed; /* the last that a home said; what it may have had more is lost */
	/* What heartbeats prove: waiting for the view to get there; next: the latest since. */
	struct {
		uint64_t seq, stamp;
	} fresh_wait, fresh_next;
	uint64_t fresh_ns;
	uint32_t lag_ms[CELL_REPLICAS_MAX];
	/* snapshot: held until the tail is safe; at most CHUNK_WINDOW */
	struct position import_at;
	struct epoch_start import_epochs[EPOCHS_MAX];
	int import_epoch_count;
	struct buf chunks[CHUNK_WINDOW];
	uint64_t chunks_held, chunks_given, chunks_done; /* numbers: received, to the store, done */
	bool import_ended, tail_safe;
};

enum failsafe_say { FAILSAFE_QUIET, FAILSAFE_GOES_ON, FAILSAFE_STOPPED };
enum move_stage {
	MOVE_NONE,
	MOVE_NEARING,  /* until the target is close behind; writes go on */
	MOVE_DRAINING, /* until all that was admitted is final, and durable at the target */
	MOVE_HANDING,  /* the compare-and-put is under way, or nobody knows how it ended */
	MOVE_ABORTING, /* likewise the one that proves that this home still holds */
};
struct move {
	enum move_stage stage;
	int to;
	bool handed;       /* the target may have been named: nothing here counts any more */
	uint64_t until_ns; /* of the stage */
	uint32_t caught_up_ms;
	uint64_t epoch;    /* as handed over */
	enum err err;      /* aborting: why */
	char why[120];
};

/* What the home wrote lately, as a copy hears of it: the most in any of the last bins is taken for
 * the rate, so that a guess of what was not heard is not too low. */
enum { RATE_BINS = 8 };
#define RATE_BIN_NS MS(250)
struct loss {
	uint64_t heard_ns; /* when the home last said how far it is; 0: never in this life */
	uint64_t bin, counts[RATE_BINS];
	uint64_t unheard;  /* of a claim: may have been written since */
	bool complete;     /* of a claim: the last home's own log was sealed */
	uint64_t accepted_epoch, accepted_until_ns;
	/* As home: some record up to `seq` is on no copy; none of those is older than from_ns. */
	uint64_t seq, from_ns, noted_ns;
};

struct peer {
	bool known, up;
	uint32_t generation;
};
enum misc_op { MISC_NONE, MISC_QUARANTINE, MISC_TRUNCATE, MISC_IMPORT };

struct cell {
	struct cell_config config;
	char name[64], names[CELL_REPLICAS_MAX][32];
	int n, self;
	struct cell_actions *out; /* during a step */
	uint64_t now, wall_ms, wake_ns;
	bool again;

	enum cell_role role;
	char held_reason[256];

	/* the store */
	struct position last, applied;
	uint64_t first_seq, promised;
	struct epoch_start epochs[EPOCHS_MAX];
	int epoch_count;
	uint64_t promising; /* epoch in flight, 0: none */
	enum misc_op misc;  /* what is in flight of these */
	int misc_count;
	uint64_t misc_keep_seq;

	/* the log's end as submitted, and what is on its way */
	struct position tail;
	struct batch *gathering;
	struct list appends, kept, idle;
	struct map overlay;
	uint64_t overlay_seed[2];
	size_t inflight_bytes;
	bool doomed;     /* some of appends are */
	bool flush_owed; /* too many appends in flight when the turn ended */
	uint64_t committed, apply_sent, apply_floor, apply_retry_ns;
	uint64_t apply_wanted, apply_pause_ns; /* until when the next step may be put off */
	int applies;
	bool view_full; /* the last apply found no room: reads here would miss what is acknowledged */
	struct proposals pending, outbox;
	uint64_t overdue_ns; /* when to look whose deadline has passed */
	struct scratch *scratch; /* cell_propose.c */

	/* coordination */
	bool placed; /* has heard */
	struct placement placement;
	uint64_t revision, placed_ns;
	int home; /* of the placement; -1: none of ours */
	struct placement proposed;
	bool placing, giving_up;
	uint64_t place_retry_ns;
	uint32_t generation;
	uint64_t lease_until_ns;
	struct peer peers[CELL_REPLICAS_MAX];
	bool links[CELL_REPLICAS_MAX + 1]; /* the last of them: the witness */
	/* A SEAL told of a home before coordination did. */
	int hint;
	uint64_t hint_epoch, hint_until_ns;

	/* acting: as candidate or home, of `epoch`, in `acting_generation` */
	uint64_t epoch, heard; /* heard: highest epoch anybody spoke of */
	uint32_t acting_generation;
	struct move move; /* as home */
	bool claimed;     /* the placement says PROMOTING by us, in this life */
	bool handed;      /* it was handed over to us: nobody need promise */
	bool fresh;       /* nothing was ever acknowledged in this cell */
	uint64_t over_ns; /* since when the home is over; 0: it is not */
	uint64_t claim_after_ns;
	struct failsafe failsafe; /* as home: who lets it go on */
	enum failsafe_say failsafe_said;
	struct vouch vouch; /* as copy: whom it lets go on */
	bool vouch_started;
	bool sealed[CELL_REPLICAS_MAX];
	struct position sealed_at[CELL_REPLICAS_MAX];
	uint64_t seal_began_ns, seal_again_ns;
	int best;
	uint64_t fetch_until_ns;
	uint64_t start_seq, start_retry_ns, starting_ns, recovered_seq;
	int copies;         /* k in force here: placement.copies or, while raising, more */
	bool put_asked;     /* a record of `copies` was asked for: it may be there */
	uint64_t raise_seq; /* raising: recorded once k copies have this; 0: not raising */
	struct copy copy[CELL_REPLICAS_MAX];
	uint64_t released_seq;
	uint8_t epoch_table[EPOCHS_MAX * 16]; /* of a SNAPSHOT_BEGIN in this step */

	struct follow follow;
	struct loss loss;
	struct sla sla;
	uint64_t strike_ns[CELL_REPLICAS_MAX]; /* when the placement's count was first seen */
	uint64_t quarantined, refused_frames, lost_estimate;
};

/* --- cell.c --- */
void cell_take_info(struct cell *c, const struct store_info *info);
uint64_t cell_epoch_of(const struct cell *c, uint64_t seq); /* 0: before what we know */
/* The last seq of the largest own epoch <= epoch (and which); false: none known. */
bool cell_epoch_end(const struct cell *c, uint64_t epoch, struct epoch_start *out);
static inline void cell_wake_at(struct cell *c, uint64_t ns) {
	if (ns > c->now && ns < c->wake_ns) c->wake_ns = ns;
}
/* May more of the log or of a snapshot be sent? */
static inline bool cell_room(const struct cell *c, int replica, bool live) {
	return !c->config.room || c->config.room(c->config.arg, replica, live);
}
static inline bool cell_acting(const struct cell *c) {
	return (c->role >= CELL_CLAIMING && c->role <= CELL_HOME) ||
	       (c->role == CELL_HELD && c->claimed);
}
static inline bool cell_lease_holds(const struct cell *c) {
	return c->now < c->lease_until_ns;
}
/* Streams its log as the home: may be before coordination says active. */
static inline bool cell_leading(const struct cell *c) {
	return c->role == CELL_STARTING || c->role == CELL_HOME;
}
static inline bool cell_placement_is_mine(const struct cell *c) {
	return c->revision && c->home == c->self &&
	       c->placement.generation == c->acting_generation && c->placement.epoch == c->epoch;
}
/* When a home has to stop: the lease's end, or later by the word of all copies. */
uint64_t cell_lease_end(const struct cell *c);
static inline bool cell_serving(const struct cell *c) {
	return c->role == CELL_HOME && c->now < cell_lease_end(c) &&
	       c->generation == c->acting_generation && !c->move.handed;
}

/* --- cell_act.c --- */
struct cell_action *cell_act(struct cell *c, enum cell_action_type type);
void cell_send(struct cell *c, int replica, const struct frame *f);
void cell_tell(struct cell *c, enum log_level level, const char *format, ...) PRINTF_LIKE(3, 4);
void cell_refuse(struct cell *c, int replica, const char *why);
void cell_move(struct cell *c, enum cell_role role, const char *format, ...) PRINTF_LIKE(3, 4);
void cell_fence(struct cell *c, const char *what, enum err err);
/* Stops acting: what was not submitted did not happen, the rest is unknown. */
void cell_resign(struct cell *c, const char *why);
void proposals_push(struct proposals *list, struct proposal *p);
struct proposal *proposals_pop(struct proposals *list);
void cell_wait(struct cell *c, struct proposal *p);
void cell_answer(struct cell *c, struct proposal *p, enum err err);
void cell_answer_overdue(struct cell *c);
void cell_answer_all(struct cell *c, uint64_t after_seq, enum err write_err);
void cell_outbox_drain(struct cell *c);

/* --- cell_batch.c --- */
struct batch *batch_take(struct cell *c); /* NULL: no memory */
/* Its bytes end at c->tail; epoch: whose word it is appended on. */
void batch_submit(struct cell *c, struct batch *b, uint64_t epoch);
void batch_drop(struct cell *c, struct batch *b);
void batch_drop_gathering(struct cell *c); /* as if nothing of it had been proposed */
void batch_reap(struct cell *c);
void batch_free_all(struct cell *c);
void cell_flush(struct cell *c);
void cell_append_done(struct cell *c, enum err err);
void cell_apply_done(struct cell *c, enum err err);
void cell_apply_more(struct cell *c);
void cell_answer_committed(struct cell *c);
const struct batch *batch_with(const struct cell *c, uint64_t first_seq);

/* --- cell_overlay.c --- */
MUST enum err overlay_add(struct cell *c, struct batch *b, size_t record_at);
void overlay_remove(struct cell *c, struct batch *b); /* what it still says; then it says nothing */
void overlay_rebuild(struct cell *c);
void overlay_clear(struct cell *c);

/* --- cell_propose.c --- */
void cell_propose(struct cell *c, struct proposal *p);

/* --- cell_serve.c --- */
void serve_ask(struct cell *c, int replica, const struct frame *f);
void serve_log(struct cell *c, int replica, enum err err, struct slice bytes);
void serve_more(struct cell *c);
void serve_stop(struct cell *c, int replica);
void serve_stop_all(struct cell *c);
void serve_records(struct cell *c, int replica, struct slice bytes, uint64_t last_seq);

/* --- cell_commit.c --- */
void commit_ack(struct cell *c, int replica, const struct frame *f);
void commit_durable(struct cell *c, int replica, uint64_t seq);
void commit_advance(struct cell *c);
void commit_measure(struct cell *c); /* how far behind all are, against what is promised */
uint64_t commit_quorum(const struct cell *c); /* the seq that k copies have */
void commit_heartbeats(struct cell *c);
uint32_t commit_lag_ms(const struct cell *c, int replica);
uint64_t commit_caught_up_ms(const struct cell *c, int replica);

/* --- cell_copies.c --- */
void copies_check(struct cell *c);
void copies_begin(struct cell *c);
void copies_placed(struct cell *c);

/* --- cell_move.c --- */
void move_asked(struct cell *c, const struct cell_event *e);
void move_go_on(struct cell *c);
void move_placed(struct cell *c, enum err err); /* a put ended, and this is still home */
void move_end(struct cell *c, enum err err, const char *why); /* NONE: nothing to end */
static inline bool move_drains(const struct cell *c) {
	return c->move.stage >= MOVE_DRAINING;
}

/* --- cell_loss.c --- */
void loss_heard(struct cell *c, uint64_t before); /* follow.home_committed, which was `before` */
uint64_t loss_possible(const struct cell *c);     /* UINT64_MAX: not known */
bool loss_allowed(const struct cell *c, char why[160]);
void loss_claim(struct cell *c);
void loss_recovered(struct cell *c); /* the log is what it will be: sets lost_estimate */
void loss_expose(struct cell *c);
uint64_t loss_exposed_ns(const struct cell *c);

/* --- cell_damp.c --- */
bool damp_holds_down(const struct cell *c, int replica);
void damp_seen(struct cell *c, const struct placement *next); /* before it is the placement */
void damp_inherit(const struct cell *c, struct placement *p, bool claims);

/* --- cell_members.c --- */
bool members_has(const struct cell *c, int replica); /* by the record */
int members_count(const struct cell *c);             /* likewise */
bool members_recorded(const struct cell *c);         /* all that would count are */
void members_put(const struct cell *c, struct placement *p);

/* --- cell_promote.c --- */
bool promote_home_is_over(const struct cell *c);
uint64_t promote_next_epoch(const struct cell *c);
void promote_consider(struct cell *c);
void promote_claimed(struct cell *c);
void promote_go_on(struct cell *c);
void promote_sealed(struct cell *c);

/* --- cell_seal.c --- */
int seal_need(const struct cell *c);
int seal_last_home(const struct cell *c);
bool seal_reachable(const struct cell *c);
bool seal_has_log(const struct cell *c, const struct position *at);
void seal_begin(struct cell *c);
void seal_ask(struct cell *c, int replica);
void seal_go_on(struct cell *c);
void seal_asked(struct cell *c, int replica, const struct frame *f);
void seal_answered(struct cell *c, int replica, const struct frame *f);
void seal_promised(struct cell *c, enum err err);

/* --- cell_failsafe.c --- */
static inline int failsafe_voters(const struct cell *c) {
	return c->n + c->config.witness;
}
void failsafe_begin(struct cell *c);
bool failsafe_forbids(struct cell *c, uint64_t epoch); /* sealing it, for now */
void failsafe_asked(struct cell *c, int replica, const struct frame *f);
void failsafe_answered(struct cell *c, int replica, const struct frame *f);
void failsafe_go_on(struct cell *c);

/* --- cell_place.c --- */
bool place_put(struct cell *c, enum placement_state state, uint32_t copies);
bool place_hand(struct cell *c, int replica, uint64_t epoch); /* likewise */
void place_event(struct cell *c, const struct placement *p, uint64_t revision);
void place_done(struct cell *c, enum err err, uint64_t revision);
void place_lease(struct cell *c, uint32_t generation, uint64_t valid_until_ns);
void place_give_up(struct cell *c);
int cell_replica_of(const struct cell *c, const char *name);

/* --- cell_follow.c --- */
void follow_choose(struct cell *c);
void follow_go_on(struct cell *c);
void follow_reset(struct cell *c, uint64_t retry_ns);
void follow_frame(struct cell *c, int replica, const struct frame *f);
void follow_ask(struct cell *c, const struct position *at, bool guess);
void follow_streaming(struct cell *c);
bool follow_quiet(const struct cell *c); /* nothing of the log is in flight */

/* --- cell_reconcile.c --- */
void reconcile_matched(struct cell *c);
void reconcile_diverged(struct cell *c, const struct frame *f);
void reconcile_log(struct cell *c, enum err err, struct slice bytes);
void reconcile_done(struct cell *c, enum cell_store_op op, enum err err);
void reconcile_quarantine(struct cell *c, const struct position *keep);
void reconcile_go_on(struct cell *c);

/* --- cell_export.c --- */
void export_more(struct cell *c, int replica);
void export_begin(struct cell *c, int replica);
void export_answer(struct cell *c, int replica, enum err err, const struct position *at,
                   struct slice bytes);
void export_taken(struct cell *c, int replica, const struct frame *f);
void export_stop(struct cell *c, int replica);

/* --- cell_import.c --- */
void import_offered(struct cell *c, const struct frame *f);
void import_chunk(struct cell *c, const struct frame *f);
void import_end(struct cell *c, const struct frame *f);
void import_go_on(struct cell *c);
void import_done(struct cell *c, enum err err);
