/* Whole nodes in the simulated world: production's host, cells, links, membership, stores and
 * coordination, on simulated clocks, disks and network; clients that put, delete, swap, add and
 * read at every consistency; faults from a plan. One seed is one run. What the files share:
 *   world.c   the world's life, its nodes, the story it tells
 *   disks.c   what stores stand on
 *   spy.c     stands before each store: what is durable where, and kills at each step
 *   past.c    every record that ever was: histories, branches, what each must hold
 *   load.c    clients: what they want, try, and try again
 *   ask.c     one try: there, at the node as an edge would serve it, and back
 *   plan.c    faults, as a list that the seed makes
 *   check.c   what must hold, always and at the end
 *   main.c    command line, seeds, shrinking
 */
#pragma once
#include "cell/host.h"
#include "coord/embedded.h"
#include "io/sim.h"
#include "store/memory.h"

enum {
	NODES = 4,
	CELLS = 3,
	CLIENTS = 6,
	REGISTERS = 6, /* keys 0..5 of a cell */
	COUNTERS = 2,  /* keys 6, 7 */
	PAIR = 8,      /* keys 8 and 9 are written together, and read together */
	KEYS = 10,
	CALLS_MAX = 40000,
	FAULTS_MAX = 64,
	WHY_BYTES = 800,
	KEY_BYTES = 24,
};
#define MS(n) ((uint64_t)(n)*1000000u)
#define US(n) ((uint64_t)(n)*1000u)

/* --- cells ------------------------------------------------------------------------------------- */

struct placing {
	const char *name;
	int replicas[NODES], replica_count, copies;
	bool sync, availability;
};

/* --- the plan ------------------------------------------------------------------------------------ */

enum fault_kind {
	FAULT_KILL,      /* the process: what it wrote stays */
	FAULT_POWER,     /* the machine: what was not synced is lost, or not */
	FAULT_KILL_STEP, /* at a step of a store: see enum spy_step */
	FAULT_PAUSE,
	FAULT_FREEZE, /* the home sleeps through its succession and wakes in touch with one copy */
	FAULT_CUT,    /* one way */
	FAULT_CUT_BOTH,
	FAULT_ISOLATE,      /* from all others, not from coordination */
	FAULT_COORD,        /* a node from coordination */
	FAULT_COORD_ALL,    /* coordination is down */
	FAULT_COORD_ANSWER, /* an answer is lost: what was asked may have happened */
	FAULT_BREAK,        /* a connection breaks in the middle */
	FAULT_SLOW,         /* delay and loss, both ways */
	FAULT_NO_SPACE,     /* a store finds no room */
	FAULT_IO,           /* a write or sync fails once */
	FAULT_HANG,         /* disks hang */
	FAULT_WALL,         /* wall clock jumps */
	FAULT_ROGUE,        /* a node outside a cell's placement believes it holds a copy */
	FAULT_WIPE,         /* a copy comes back with an empty disk, under its old name */
	FAULT_ROT,          /* a bit turns while the node is down: found, then as above */
	FAULT_KINDS
};
struct trouble {
	enum fault_kind kind;
	int node, other, cell;
	uint64_t at_ns, lasts_ns; /* since the run's start */
	uint64_t number;          /* what it means is the kind's */
	bool dropped;             /* by --without */
	bool half_over;           /* FAULT_FREEZE: it is awake, and still cut off */
	struct world *world;
	struct io_timer *begin, *end;
};

/* --- nodes ----------------------------------------------------------------------------------------- */

struct spy;
struct world;
struct node {
	struct world *world;
	struct io *io; /* NULL: down */
	struct host *host;
	struct registry *registry;
	struct memory_disk *disk[CELLS]; /* NULL: may hold no copy */
	struct spy *spy[CELLS];
	struct store_reader *reader[CELLS]; /* as an edge has one */
	struct position durable[CELLS];     /* as far as it was told, also while it is down */
	uint32_t life;
	int boots;              /* of the machine */
	int disk_number[CELLS]; /* grows when a copy's disk is replaced */
	uint64_t paused_ns;     /* since */
	bool paused, doomed; /* doomed: killed inside its own turn, to be cleared away after it */
	bool doomed_power;
	int rogue; /* cell it wrongly believes it has a copy of; -1 */
	struct host_cell_state told[CELLS];
};

/* --- the world -------------------------------------------------------------------------------------- */

struct past;
struct client;
struct call;
struct options {
	uint64_t seed;
	uint64_t without; /* faults left out: bit by number */
	bool tell;
	bool clocks_lie, local; /* in this run, whatever its seed says */
};
struct counts {
	uint64_t acked, reads, unknown, refused, quarantined, lost, failovers, checked_keys,
		undecided;
	uint64_t kills;
};
struct world {
	struct options options;
	struct sim *sim;
	struct io *outside; /* clients and the plan live here */
	struct coord_memory *coordination;
	struct node node[NODES];
	struct placing cell[CELLS];
	bool cut[NODES][NODES]; /* from, to */
	bool coord_cut[NODES];
	bool local;      /* the local driver, not the memory driver */
	char dir[64];    /* of its views */
	bool wiped;      /* one copy of `sync`: two others have every write */
	bool healed;     /* faults are over */
	bool clocks_lie; /* who pauses is frozen, and believes in a lease that is over */
	struct server {
		uint64_t epoch;
		int node;
	} servers[CELLS][64]; /* who served the last epochs */
	struct past *past[CELLS];
	struct client *clients;
	struct call *calls;
	int call_count;
	struct list asks;
	bool load_over;
	struct trouble plan[FAULTS_MAX];
	int fault_count;
	uint64_t run_ns; /* how long clients and faults last */
	uint64_t start_ns;
	struct counts counts;
	uint64_t quarantined[CELLS]; /* records */
	bool failed;
	char why[WHY_BYTES];
	struct buf story;
};
extern const char *const regions[NODES];

/* world.c */
void world_open(struct world *w, const struct options *o);
void world_close(struct world *w);
void world_step_until(struct world *w, uint64_t at_ns); /* stops when it failed */
void world_run(struct world *w);                        /* all of it, checks included */
void node_start(struct world *w, int i);
void node_crash(struct world *w, int i, bool power);
/* Inside a turn of the node: it does nothing more, and is cleared away after the turn. */
void node_doom(struct world *w, int i, bool power);
bool cell_at(const struct world *w, int cell, int node); /* may its bytes be there? */
uint64_t world_random(struct world *w, uint64_t below);
uint64_t world_now(const struct world *w);
bool reaches(const struct world *w, int from, int to);
/* The first violation counts. */
void world_fail(struct world *w, const char *format, ...) PRINTF_LIKE(2, 3);
/* A line of the story; node, cell: -1 none. */
void world_tell(struct world *w, int node, int cell, const char *format, ...) PRINTF_LIKE(4, 5);

/* plan.c */
void plan_make(struct world *w);
void plan_start(struct world *w);
void plan_heal(struct world *w); /* everything is well from now on */
void plan_done(struct world *w);
int home_of(const struct world *w, int cell); /* who serves it now; -1 */
void fault_text(const struct world *w, const struct trouble *f, char out[200]);
extern const char *const fault_names[FAULT_KINDS];

/* check.c */
void check_change(struct world *w, int node); /* what a node says of its cells has changed */
void check_reply(struct world *w, const struct call *c, int node); /* as it leaves the node */
void check_acked(struct world *w, const struct call *c, int node);
bool check_converged(struct world *w);
void check_unwell(struct world *w); /* fails: says why they do not converge */
void check_end(struct world *w);
