/* The replicated cell: one log, one home, copies in other regions. Pure: a step
 * function over state, event and time that returns what to do. No clock, random, socket,
 * file or log call in here; the shell (host.h) does what the actions say and feeds the
 * outcomes back as events. The same object runs in production and in the simulation.
 *
 * Protocol: failover.md section 2 of the design notes, in short
 *  - A home may act while now < lease end, in the epoch that coordination names for it.
 *  - write: check lease → encode, append (durable) → copies acknowledge → committed
 *    → check lease again → reply. Records stream to copies once durable here.
 *  - commit: sync: k copies (home included) have it durable, and it is of this epoch;
 *    async: durable here. Only committed records are applied, here and on the copies.
 *  - promotion: CAS (e, home) → (e+1, me, promoting) → seal n-k+1 copies (async: all that are
 *    reachable) → fetch what the best of them, by (epoch, seq), has more → append an
 *    epoch-start record → applied → CAS active. Any step may be taken up by anyone after a crash.
 *  - a home that restarts takes a new epoch the same way.
 *  - a copy asks its home with its last position; where histories differ it goes back to the
 *    last common record, quarantines what it has beyond, truncates, and follows.
 *  - coordination is silent: the home goes on while every copy promises to follow no other
 *    (failsafe.h); otherwise it stops when its lease is over. A conflict there ends it at once.
 *  - planned move: the home admits no more writes, waits until the target has durably all that it
 *    wrote (the marker), and names it by CAS (e, me) → (e+1, target, promoting, marker): who is
 *    named so and has the marker begins its epoch at once, with no lease to wait for and nobody
 *    to seal. Before that CAS the home may take it back, after a CAS that proves it still holds.
 *  - members: whose acknowledgements count is recorded beside k. A copy that is configured anew is
 *    recorded before it counts; one that is configured no more counts no more at once, and is
 *    forgotten when the others have everything. Seals go by the record.
 *  - limits of loss: an async cell is not taken over by itself where more might be lost than
 *    max_loss or max_lag allow: HELD, until the old home is back or an operator accepts it.
 *  - degrade: k lives in coordination. `availability` lowers it (recorded, then used) when
 *    copies are gone; it is raised again (enforced, then recorded) when they have caught up.
 *    While lowered, the seal rule by itself forbids automatic promotion of another copy.
 */
#pragma once
#include "base/err.h"
#include "base/slice.h"
#include "cell/frame.h"
#include "cell/placement.h"
#include "cell/sla.h"
#include "coord/lease.h"
#include "store/store.h"

enum { CELL_REPLICAS_MAX = 8, CELL_ACTIONS_MAX = 256 };

/* --- what is proposed --------------------------------------------------------- */

enum condition_kind { CONDITION_ABSENT, CONDITION_EXISTS, CONDITION_VERSION };
struct condition {
	enum condition_kind kind;
	struct slice key;
	uint64_t epoch, seq; /* CONDITION_VERSION: the record that wrote it */
};
/* Adds delta to a decimal integer value (absent: 0) if the sum stays within [min, max];
 * ERR_PRECONDITION otherwise, ERR_INVALID when the value is no such integer. */
struct bounded_add {
	struct slice key;
	int64_t delta, min, max;
	uint64_t expires_ms;
	int64_t result; /* out */
};
/* One write. The caller owns it and everything it points at until `done`. */
struct proposal {
	const struct condition *conditions;
	int condition_count;
	const struct op *ops; /* no key twice among ops and adds */
	int op_count;
	struct bounded_add *adds;
	int add_count;
	const struct event *events;
	int event_count;
	/* Idempotency: full key `tenant NUL NUL name` or empty. A second proposal with the same key
	 * and fingerprint changes nothing and is answered as the first was, with `replayed`;
	 * another fingerprint is ERR_IDEMPOTENCY. Remembered until idem_expires_ms. */
	struct slice idem_key;
	uint8_t fingerprint[32];
	uint64_t idem_expires_ms;
	uint64_t deadline_ns; /* not started after this: ERR_DEADLINE; not waited for: ERR_OUTCOME_UNKNOWN */

	/* out, valid in done */
	enum err err;        /* ERR_OK; ERR_PRECONDITION, ERR_INVALID, ERR_IDEMPOTENCY: nothing happened;
	                      * ERR_NOT_HOME, ERR_LAGGING, ERR_OVERLOADED, ERR_NO_SPACE, ERR_DEADLINE, ERR_FENCED: nothing
	                      * happened, may be tried again; ERR_OUTCOME_UNKNOWN: may or may not happen */
	uint64_t epoch, seq; /* the record; of a replay: the first one's */
	int failed_condition; /* index, for ERR_PRECONDITION; -1: an add */
	bool replayed;
	void (*done)(struct proposal *p); /* called by the shell */
	void *private[12]; /* 0..3: the cell's; the rest: the shell's */
};

/* --- configuration -------------------------------------------------------------- */

struct cell_config {
	const char *name;
	const char *const *replicas; /* region names in order of succession; copied */
	int replica_count, self;     /* self: index in replicas */
	bool sync;
	int copies;                  /* k wanted (sync), home included */
	bool availability;           /* on_partition */
	/* async: more than so many records, or what was written over so long, may not get lost by an
	 * automatic failover; 0: no limit */
	uint64_t max_loss, max_lag_ns;
	bool throttle;               /* async: rather no write than to exceed max_lag_ns: ERR_LAGGING */
	uint64_t failover_after_ns;  /* a home is gone for so long before another takes over; 0: at once */
	uint64_t replication_sla_ns; /* every copy is at most so far behind; 0: nothing is promised */
	uint64_t heartbeat_ns;       /* 20 ms */
	uint64_t seal_wait_ns;       /* async: wait for reachable copies, 200 ms */
	uint64_t rank_delay_ns;      /* successor number i waits i times this, 150 ms */
	struct lease_terms failsafe; /* of promises while coordination is silent; length 0: the home stops
	                              * with its lease (coordination that a machine's processes share) */
	bool witness;                /* is asked for those promises too, as replica replica_count */
	uint64_t degrade_after_ns;   /* availability: no ack from a needed copy for so long, 1 s */
	size_t window_bytes;         /* unacknowledged stream per copy, 4 MiB */
	uint64_t apply_pause_ns;     /* between two steps of the view that nobody waits for, 50 ms */
	size_t apply_bytes;          /* not applied yet: then no pause, 1 MiB */
	size_t inflight_bytes;       /* proposed, not yet applied, 32 MiB: then ERR_OVERLOADED */
	/* Current state of a key in the view; entry borrowed until the next call. ERR_OK/ERR_NOT_FOUND/…
	 * This and `room` are all that a step asks back: deterministic, no waiting. */
	enum err (*lookup)(void *arg, struct slice key, struct entry *out);
	/* Whether the link to replica, which all cells share, takes more records or chunks now; live:
	 * records that were just written. NULL: always. After a no the cell is stepped when there is. */
	bool (*room)(void *arg, int replica, bool live);
	void *arg; /* of both */
};

/* --- events ------------------------------------------------------------------------ */

enum cell_event_type {
	CELL_EV_TICK,        /* time passed */
	CELL_EV_PROPOSE,     /* proposal; wall_ms stamps the record (any event may carry it: the
	                      * epoch-start record has the last one seen) */
	CELL_EV_FLUSH,       /* end of a turn: submit what was proposed as one batch */
	CELL_EV_STORE,       /* a store operation ended: op, err; info is the store's state now */
	CELL_EV_LOG,         /* answer to CELL_DO_READ_LOG: replica, bytes, err */
	CELL_EV_EXPORT,      /* answer to CELL_DO_EXPORT_*: replica, bytes, err, at */
	CELL_EV_FRAME,       /* from replica */
	CELL_EV_LINK,        /* the stream with replica came up or went down */
	CELL_EV_PEER,        /* coordination says replica is up or expired for good */
	CELL_EV_LEASE,       /* this node's lease: generation, valid_until_ns (0: deposed) */
	CELL_EV_PLACEMENT,   /* the cell's entry in coordination, with revision (0: none yet) */
	CELL_EV_WANTED,      /* somebody waits for the view to have seq */
	CELL_EV_PLACED,      /* answer to CELL_DO_PLACE: err, revision */
	CELL_EV_MOVE,        /* hand the cell over to replica: answered by one CELL_DO_MOVED; wait_ms: for
	                      * it to be close behind, and so for caught_up_ms */
	CELL_EV_ACCEPT,      /* an operator accepts what is lost with the home of epoch `seq`, until
	                      * valid_until_ns */
};
enum cell_store_op { CELL_APPEND, CELL_APPLY, CELL_PROMISE, CELL_QUARANTINE, CELL_TRUNCATE, CELL_IMPORT };
struct cell_event {
	enum cell_event_type type;
	int replica;
	bool up;
	enum err err;
	enum cell_store_op op;
	const struct store_info *info;
	struct proposal *proposal;
	uint64_t wall_ms, seq;
	const struct frame *frame;
	struct slice bytes;
	struct position at;
	uint32_t generation;
	uint64_t valid_until_ns;
	const struct placement *placement;
	uint64_t revision;
	uint32_t wait_ms, caught_up_ms;
};

/* --- actions -------------------------------------------------------------------------- */

enum cell_action_type {
	CELL_DO_APPEND,     /* bytes: whole records, valid until its CELL_EV_STORE; epoch: of the
	                     * home that writes or sent them */
	CELL_DO_APPLY,      /* seq */
	CELL_DO_PROMISE,    /* epoch */
	CELL_DO_QUARANTINE, /* at: keep up to here; text: why */
	CELL_DO_TRUNCATE,   /* at */
	CELL_DO_READ_LOG,   /* replica (maybe this one), seq, limit bytes: answered by CELL_EV_LOG
	                     * before any other event of that replica */
	CELL_DO_EXPORT_BEGIN, CELL_DO_EXPORT_NEXT, CELL_DO_EXPORT_END, /* for replica; END is not answered */
	/* A chunk's bytes and a commit's epochs are valid until the step's actions are done. */
	CELL_DO_IMPORT_BEGIN, CELL_DO_IMPORT_CHUNK, CELL_DO_IMPORT_COMMIT,
	CELL_DO_SEND,       /* frame to replica; frame's slices valid until the step's actions are done */
	CELL_DO_PLACE,      /* compare-and-put placement, expecting revision; one at a time */
	CELL_DO_REPLY,      /* proposal has its outcome */
	CELL_DO_RELEASE,    /* seq: log below is on every copy */
	CELL_DO_TELL,       /* text: a trace line (state moves, alarms); level in `seq` as enum log_level */
	CELL_DO_MOVED,      /* the move ended here: err, text (why not). ERR_OK: handed over (it is the
	                     * target's to become active), or it was home already; ERR_OUTCOME_UNKNOWN:
	                     * coordination will tell; else this home goes on */
	CELL_DO_REFUSE,     /* replica sent what it may not (older epoch, nonsense): close its link, count */
};
struct cell_action {
	enum cell_action_type type;
	int replica;
	struct slice bytes;
	uint64_t seq, epoch, revision;
	size_t limit;
	struct position at;
	const struct epoch_start *epochs;
	int epoch_count;
	struct frame frame;
	struct placement placement;
	struct proposal *proposal;
	enum err err;
	char text[160];
};
struct cell_actions {
	struct cell_action list[CELL_ACTIONS_MAX];
	int count;
	bool again; /* the list was full: do these, then step CELL_EV_TICK again at once */
};

/* --- the cell ----------------------------------------------------------------------------- */

enum cell_role {
	CELL_WAITING,   /* has not yet heard from coordination */
	CELL_FOLLOWER,  /* a copy; see `follow` in cell_status */
	CELL_CLAIMING,  /* CAS to e+1 under way */
	CELL_SEALING, CELL_FETCHING, CELL_STARTING, /* promotion steps */
	CELL_HOME,
	CELL_HELD,      /* promotion refused: held_reason says why */
	CELL_FENCED,    /* the store failed: this copy is out until restart */
};
struct cell_status {
	enum cell_role role;
	bool active;             /* coordination says ACTIVE in this epoch */
	int home;                /* replica index, -1: not known */
	uint64_t epoch, revision;
	int copies;              /* k in force */
	int moving_to;           /* replica it is being handed over to; -1: none */
	bool draining;           /* and so admits nothing until that has ended */
	bool degraded;
	struct position last, applied;
	uint64_t committed;      /* seq */
	uint64_t lease_until_ns; /* 0 when not home: a home serves strong reads while now < this */
	bool failsafe;           /* a home: by its copies' promises, for coordination is silent */
	bool copy_connected[CELL_REPLICAS_MAX]; /* home's view of its copies */
	uint64_t copy_seq[CELL_REPLICAS_MAX];   /* durable there */
	uint64_t caught_up_ms[CELL_REPLICAS_MAX]; /* at home: so long it has been close behind; 0: it is not */
	uint32_t lag_ms[CELL_REPLICAS_MAX];     /* as the home measures it; copies learn it by heartbeat */
	uint64_t fresh_at_ns;    /* a copy: its view has everything that was committed at home when the
	                          * heartbeat received at this time was sent; home: now */
	uint64_t quarantined;    /* records quarantined since start */
	uint64_t refused_frames;
	uint64_t lost_estimate;  /* records of the last home that are not here: at most so many */
	uint64_t possible_loss;  /* async copy: as many would be, were the home gone by now; UINT64_MAX: not
	                          * known */
	uint32_t exposed_ms;     /* async home: the oldest write that no copy has is at most so old */
	uint8_t strikes[CELL_REPLICAS_MAX]; /* see placement.h; of those that are held down */
	/* As measured here while this was home. */
	bool sla_broken;
	uint64_t sla_kept_ms, sla_broken_ms, sla_breaches;
	uint32_t sla_budget_left; /* percent */
	char held_reason[256];
};
struct cell *cell_new(const struct cell_config *config, const struct store_info *info); /* NULL: no memory */
void cell_free(struct cell *c);
/* Adds to `out` (emptied by the caller). Order matters: do them in sequence. */
void cell_step(struct cell *c, const struct cell_event *event, uint64_t now_ns,
               struct cell_actions *out);
/* When cell_step wants a CELL_EV_TICK at the latest; UINT64_MAX: not by itself. */
uint64_t cell_deadline_ns(const struct cell *c);
void cell_status(const struct cell *c, uint64_t now_ns, struct cell_status *out);
/* True when (epoch, seq) is in this copy's history as far as it knows; false also when the point
 * lies on a branch that was truncated: the token is then diverged. */
bool cell_history_has(const struct cell *c, uint64_t epoch, uint64_t seq);
/* The same, told apart: ERR_OK: in this copy's durable history; ERR_TIMEOUT: may still come;
 * ERR_DIVERGED: on a branch that was truncated. Points before the epochs that this copy
 * remembers count as history. */
enum err cell_history_check(const struct cell *c, uint64_t epoch, uint64_t seq);
/* The epoch table behind it, ascending; valid until the next step. `last` as in cell_status. */
const struct epoch_start *cell_epochs(const struct cell *c, int *count);
/* The rule of cell_history_check over a copy of that table: for other threads. */
enum err history_check(const struct epoch_start *epochs, int count, const struct position *last,
                       uint64_t epoch, uint64_t seq);
