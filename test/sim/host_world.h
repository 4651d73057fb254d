/* Four regions with a sync and an async cell in the simulated world, and what may happen to
 * them; shared by the tests of whole nodes. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cell/host.h"
#include "coord/embedded.h"
#include "io/sim.h"
#include "store/memory.h"

enum { NODES = 4, CELLS = 2, WRITES_MAX = 20000, MS = 1000000, SYNC = 0, ASYNC = 1 };
extern const char *const regions[NODES];

struct node {
	struct io *io; /* NULL: down */
	struct host *host;
	struct registry *registry;
	struct memory_disk *disk[CELLS];
	struct store *store[CELLS];
};
enum outcome { WRITE_OPEN, WRITE_DONE, WRITE_REFUSED, WRITE_UNKNOWN };
struct write {
	struct proposal p;
	struct op op;
	int cell;
	enum outcome outcome;
	char key[24], value[24];
};
struct world {
	struct sim *sim;
	struct coord_memory *coordination;
	struct node node[NODES];
	struct write *writes;
	int write_count;
	bool cut[NODES];
};
extern struct world w;

bool holds(int node, int cell); /* does the node have a copy? */
void node_start(int i);
void node_crash(int i, bool proof); /* power loss; proof: the others learn of it at once */
void node_cut(int i, bool cut);     /* from every node, and from coordination */
void world_open(uint64_t seed);     /* and starts all nodes */
void world_close(void);
void run_ms(uint64_t ms);
/* Who may answer strong reads now; nobody: -1. Fails when there are two. */
int home_of(int cell);
int wait_home(int cell, uint64_t max_ms);
void wait_converged(void); /* all copies of each cell have the same view */
bool is_there(int node, const struct write *write);
struct write *put(int node, int cell); /* NULL: the node is down */
void put_many(int node, int cell, int count);
/* Call when everything is up and the same: what was acknowledged is there or, in the async cell,
 * in quarantine; what was refused is not. */
void check_writes(void);
