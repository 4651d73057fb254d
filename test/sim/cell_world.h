/* A world for the cell's core alone: nodes, disks, a network, coordination, a clock, one
 * seed. Everything is an event in one heap, so a seed is a run, byte for byte. What the
 * files share:
 *   cell_world.c   time, randomness, events, violations
 *   cell_disk.c    a store that is asynchronous, crashes and fails
 *   cell_net.c     connections: order kept inside, lost with the connection
 *   cell_coord.c   one register with compare-and-put and watch; leases
 *   cell_node.c    the shell: does what the core says
 *   cell_check.c   what must hold, always and at the end
 *   cell_load.c    clients
 *   cell_sim.c     fault plans, command line
 */
#pragma once
#include "base/buf.h"
#include "base/map.h"
#include "cell/cell.h"

enum { NODES_MAX = 5, KEYS = 12, COUNTERS = 3, WRITES_MAX = 40000, DISK_OPS_MAX = 4096 };
#define MS(n) ((uint64_t)(n)*1000000u)
#define US(n) ((uint64_t)(n)*1000u)

struct world;
struct happening {
	uint64_t at_ns, order;
	int node; /* -1: the world's; else dropped when that node's life is over */
	uint32_t life;
	void (*fn)(struct world *w, const struct happening *h);
	int a, b;
	uint64_t x, y;
	void *memory; /* freed afterwards, run or not */
};

/* --- disk --- */
struct view_entry {
	struct view_entry *next;
	uint8_t *key, *value;
	size_t key_len, value_len;
	uint64_t epoch, seq, expires_ms, sum;
};
enum { VIEW_BUCKETS = 1024 };
struct view {
	struct view_entry *buckets[VIEW_BUCKETS];
	struct position at;
	uint64_t hash;
};
struct log_record {
	struct position at;
	uint8_t *bytes;
	size_t len;
};
struct disk_op {
	enum cell_action_type type;
	struct slice bytes; /* the core's */
	uint8_t *copy;      /* ours: chunks, epochs */
	uint64_t number;    /* seq, epoch */
	struct position at;
	struct epoch_start epochs[FRAME_EPOCHS_MAX];
	int epoch_count;
};
struct disk_queue {
	struct disk_op *ops[DISK_OPS_MAX];
	int first, count;
	bool busy;
};
struct disk {
	struct log_record *log; /* from first_seq on */
	size_t log_count, log_cap;
	uint64_t first_seq;
	struct position before; /* of first_seq */
	struct position last;
	struct view view, checkpoint, import;
	bool importing;
	struct epoch_start epochs[FRAME_EPOCHS_MAX];
	int epoch_count;
	uint64_t promised, incarnation, released;
	bool fenced, full;
	int io_error_in; /* countdown, 0: none */
	struct disk_queue writes, applies;
	bool quarantine_done; /* the tail beyond quarantine_keep is safe */
	uint64_t quarantine_keep;
	struct position quarantine_last;
};

/* --- node --- */
struct export {
	bool open;
	struct view view;
	int bucket;
};
struct node {
	bool running, paused, cut_off; /* cut_off: from coordination */
	uint32_t life;
	uint64_t clock_offset_ns,
		frozen_at_ns; /* node time = now + offset; a frozen clock's stands */
	bool frozen;
	struct cell *core;
	struct disk disk;
	struct export exports[NODES_MAX];
	bool flush_due;
	uint64_t tick_at_ns;
	uint32_t generation;     /* what it believes */
	uint64_t lease_until_ns; /* in its own time */
	bool joined, placing;
	struct happening *deferred;
	size_t deferred_count, deferred_cap;
	uint64_t slow_ns; /* added to each disk operation */
};

/* --- the world --- */
enum { HELD_MAX = 2048 };
struct held {
	struct happening frames[HELD_MAX];
	int count;
};
struct conn {
	bool up, up_here[2], cut;
	uint32_t number;
	uint64_t last_arrival_ns[2]; /* order inside a direction */
	bool stalled[2];             /* a direction that holds its bytes back */
	struct held held[2];
};
struct member_slot {
	uint32_t generation;
	bool live;
	uint64_t beat_ns;
};
enum write_kind { WRITE_PUT, WRITE_ADD, WRITE_IF_VERSION, WRITE_IF_ABSENT };
struct client_write;
struct record_note; /* cell_check.c */

struct world {
	uint64_t seed, random, now_ns, order, steps;
	struct happening *heap;
	size_t heap_count, heap_cap;
	bool verbose, failed, faults_over, clocks_lied, clocks_may_lie;
	bool wiped;
	uint64_t moves_asked, moves_answered, moves_made;
	char why[400];

	int n, k;
	bool sync, availability;
	bool failsafe;       /* homes go on by their copies' promises */
	uint64_t went_on;    /* acknowledgements of homes whose lease was over */
	struct node nodes[NODES_MAX];
	struct conn conns[NODES_MAX][NODES_MAX]; /* [low][high] */
	struct member_slot members[NODES_MAX];
	struct placement placement;
	uint64_t revision;

	/* checks */
	struct record_note **notes;
	size_t note_cap, note_count;
	struct map states;                           /* position → state hash */
	int serving[4096];                           /* by epoch: node + 1 */
	uint64_t acked_seq[KEYS], acked_epoch[KEYS]; /* the last acknowledged write of a key */
	struct state_note *state_list;
	uint64_t acks, quarantined;
	/* clients */
	struct client_write *writes;
	size_t write_count;
	int outstanding;
	bool load_over;
};

/* cell_world.c */
uint64_t world_random(struct world *w, uint64_t below);
bool world_chance(struct world *w, unsigned percent);
uint64_t world_between(struct world *w, uint64_t low, uint64_t high);
void world_at(struct world *w, uint64_t in_ns, struct happening h);
bool world_step(struct world *w);
void world_fail(struct world *w, const char *format, ...) PRINTF_LIKE(2, 3);
void world_say(struct world *w, const char *format, ...) PRINTF_LIKE(2, 3);
void world_resume(struct world *w, int node); /* gives a node what it slept through */

/* cell_disk.c */
void disk_init(struct world *w, int node);
void disk_done(struct disk *d);
void disk_info(const struct disk *d, struct store_info *out);
void disk_do(struct world *w, int node, const struct cell_action *a);
enum err disk_read(const struct disk *d, uint64_t seq, size_t limit, struct buf *out);
enum err disk_lookup(void *arg, struct slice key, struct entry *out);
void disk_crash(struct world *w, int node, bool power);
void disk_wipe(struct world *w, int node);
void disk_checkpoint(struct world *w, int node); /* and prunes what is below */

/* cell_view.c */
void view_put(struct view *v, struct slice key, struct slice value, uint64_t epoch, uint64_t seq,
              uint64_t expires_ms);
void view_apply(struct view *v, const struct record *r);
const struct view_entry *view_find(const struct view *v, struct slice key);
void view_clear(struct view *v);
void view_copy(struct view *to, const struct view *from);

/* cell_net.c */
void net_init(struct world *w);
void net_send(struct world *w, int from, int to, const struct frame *f);
void net_break(struct world *w, int a, int b);
void net_cut(struct world *w, int a, int b, bool cut);
void net_stall(struct world *w, int from, int to, bool stalled);
void net_node_gone(struct world *w, int node);

/* cell_coord.c */
void coord_init(struct world *w);
struct lease_terms coord_terms(void);
void coord_join(struct world *w, int node);
void coord_put(struct world *w, int node, const struct placement *p, uint64_t revision);
void coord_node_gone(struct world *w, int node, bool proof);
void coord_heal(struct world *w, int node);
bool coord_is_expired(const struct world *w, int node, uint32_t generation);

/* cell_node.c */
uint64_t node_now(const struct world *w, int node);
uint64_t world_wall_ms(const struct world *w);
void node_start(struct world *w, int node);
void node_crash(struct world *w, int node, bool power);
void node_feed(struct world *w, int node, const struct cell_event *e);
void node_propose(struct world *w, int node, struct proposal *p);
/* Asks whoever is home by coordination to hand over; false: nobody runs there. */
bool node_move(struct world *w, int to, uint64_t wait_ms);
void node_freeze(struct world *w, int node, bool frozen);

/* cell_check.c */
void check_init(struct world *w);
void check_done(struct world *w);
void check_durable(struct world *w, int node, const struct record *r, const struct position *prev);
void check_quarantined(struct world *w, const struct record *r);
bool check_is_write(const struct world *w, const struct position *at);
void check_state(struct world *w, int node);
void check_step(struct world *w, int node);
void check_reply(struct world *w, int node, const struct proposal *p);
void check_acked(struct world *w, size_t write);
bool check_converged(const struct world *w);
void check_end(struct world *w);
void check_read(struct world *w, int node, int key);

/* cell_load.c */
enum client_state { CLIENT_OPEN, CLIENT_WAITING, CLIENT_DONE };
struct client_write {
	enum write_kind kind;
	enum client_state state;
	int key, node, tries;
	uint64_t expect_epoch, expect_seq;
	bool acked;
	uint64_t epoch, seq;
	struct proposal *p; /* in a node, or NULL */
	uint32_t life;      /* of that node */
};
void load_init(struct world *w);
void load_start(struct world *w);
void load_done(struct world *w);
void load_answered(struct world *w, int node, struct proposal *p);
void load_node_gone(struct world *w, int node);
struct slice load_key(int key, char out[32]);
struct slice load_counter(int key, char out[32]);
struct slice load_idem(size_t id, char out[32]);
