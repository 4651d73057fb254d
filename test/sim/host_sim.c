/* Whole nodes in the simulated world: hosts with their links, leases, stores and cells, while
 * nodes crash, come back and are cut off. After each run every copy must be the same, and
 * every write that was acknowledged in the sync cell must be in it; what the async cell lost
 * must be in quarantine.
 *
 * usage: host-sim [FIRST_SEED [COUNT]]  the random runs only, telling each seed */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/log.h"
#include "cell/host.h"
#include "coord/embedded.h"
#include "io/sim.h"
#include "store/memory.h"

enum { NODES = 4, CELLS = 2, WRITES_MAX = 20000, MS = 1000000, SYNC = 0, ASYNC = 1 };
static const char *const regions[NODES] = {"north", "east", "south", "west"};
static const uint16_t ports[NODES] = {7301, 7302, 7303, 7304};
static const int sync_replicas[] = {0, 1, 2}, async_replicas[] = {1, 2, 3};

/* --- the world ------------------------------------------------------------------------------ */

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
static struct world w;

static bool holds(int node, int cell) {
	const int *replicas = cell == SYNC ? sync_replicas : async_replicas;
	return replicas[0] == node || replicas[1] == node || replicas[2] == node;
}

static void node_start(int i) {
	struct node *n = &w.node[i];
	struct host_cell_options cells[CELLS] = {
		{.name = "sync",
	         .replicas = sync_replicas,
	         .replica_count = 3,
	         .sync = true,
	         .copies = 2},
		{.name = "async", .replicas = async_replicas, .replica_count = 3, .copies = 1}};
	struct host_options o = {
		.cluster = "sim",
		.regions = regions,
		.region_count = NODES,
		.self = i,
		.hosts = regions,
		.ports = ports,
		.secret = SLICE_LIT("of the simulation"),
		.cells = cells,
		.cell_count = CELLS,
		.lease_length_ns = 600 * MS,
		.lease_renew_ns = 100 * MS,
		.registry = n->registry,
	};
	struct fault fault = {0};
	n->io = sim_node(w.sim, regions[i]);
	for (int c = 0; c < CELLS; c++) {
		if (!holds(i, c)) continue;
		assert_int_equal(store_memory_open(n->io, n->disk[c], &n->store[c]), ERR_OK);
		cells[c].store = n->store[c];
	}
	assert_int_equal(coord_memory_open(w.coordination, n->io, regions[i], 2 * MS, &o.coord),
	                 ERR_OK);
	enum err err = host_new(n->io, &o, &n->host, &fault);
	if (err != ERR_OK) fail_msg("%s", fault.text);
}

static void node_crash(int i, bool proof) {
	struct node *n = &w.node[i];
	sim_crash(w.sim, regions[i], true);
	coord_memory_crash(w.coordination, regions[i], proof);
	host_crash(n->host, store_memory_crash);
	n->host = NULL;
	n->io = NULL;
	n->store[SYNC] = n->store[ASYNC] = NULL;
}

static void node_cut(int i, bool cut) {
	for (int j = 0; j < NODES; j++) {
		if (j == i) continue;
		sim_cut(w.sim, regions[i], regions[j], cut);
		sim_cut(w.sim, regions[j], regions[i], cut);
	}
	coord_memory_cut(w.coordination, regions[i], cut);
	w.cut[i] = cut;
}

static void world_open(uint64_t seed) {
	const struct sim_options options = {.seed = seed,
	                                    .net_delay_min_ns = MS / 5,
	                                    .net_delay_max_ns = 3 * MS,
	                                    .job_delay_min_ns = MS / 10,
	                                    .job_delay_max_ns = 3 * MS};
	memset(&w, 0, sizeof w);
	w.sim = sim_new(&options);
	w.coordination = coord_memory_new();
	w.writes = calloc(WRITES_MAX, sizeof *w.writes);
	for (int i = 0; i < NODES; i++) {
		w.node[i].registry = registry_new();
		for (int c = 0; c < CELLS; c++)
			w.node[i].disk[c] =
				memory_disk_new(seed * 100 + (uint64_t)i * 10 + (uint64_t)c);
	}
	for (int i = 0; i < NODES; i++) node_start(i);
}

static void world_close(void) {
	for (int i = 0; i < NODES; i++)
		if (w.node[i].io) node_crash(i, false);
	for (int i = 0; i < NODES; i++) {
		for (int c = 0; c < CELLS; c++) memory_disk_free(w.node[i].disk[c]);
		registry_free(w.node[i].registry);
	}
	sim_free(w.sim);
	coord_memory_free(w.coordination);
	free(w.writes);
}

static void run_ms(uint64_t ms) {
	sim_run_for(w.sim, ms * MS);
}

/* --- looking ----------------------------------------------------------------------------------- */

/* Who may answer strong reads now; nobody: -1. Never two. */
static int home_of(int cell) {
	int home = -1;
	for (int i = 0; i < NODES; i++) {
		struct host_cell_state s;
		if (!w.node[i].host) continue;
		host_cell_state(w.node[i].host, cell, &s);
		if (!s.is_home || s.lease_until_ns <= sim_now_ns(w.sim)) continue;
		if (home >= 0) fail_msg("cell %d has two homes: %d and %d", cell, home, i);
		home = i;
	}
	return home;
}

static int wait_home(int cell, uint64_t max_ms) {
	for (uint64_t ms = 0; ms < max_ms; ms += 5) {
		int home = home_of(cell);
		if (home >= 0) return home;
		run_ms(5);
	}
	fail_msg("cell %d has no home after %d ms", cell, (int)max_ms);
	return -1;
}

static uint64_t state_hash(int node, int cell, uint64_t *applied) {
	struct store_info info;
	struct store *s = w.node[node].store[cell];
	s->ops->info(s, &info);
	*applied = info.applied.seq;
	return info.state_hash;
}

static bool converged(int cell) {
	uint64_t hash = 0, seq = 0;
	bool first = true;
	for (int i = 0; i < NODES; i++) {
		if (!holds(i, cell)) continue;
		uint64_t applied, h = state_hash(i, cell, &applied);
		if (!first && (applied != seq || h != hash)) return false;
		hash = h;
		seq = applied;
		first = false;
	}
	return true;
}

static void wait_converged(void) {
	for (int ms = 0; ms < 30000; ms += 50) {
		run_ms(50);
		if (home_of(SYNC) >= 0 && home_of(ASYNC) >= 0 && converged(SYNC) &&
		    converged(ASYNC))
			return;
	}
	for (int i = 0; i < NODES; i++)
		for (int c = 0; c < CELLS; c++) {
			struct host_cell_state s;
			uint64_t applied = 0;
			if (!w.node[i].store[c]) continue;
			host_cell_state(w.node[i].host, c, &s);
			uint64_t hash = state_hash(i, c, &applied);
			fprintf(stderr, "node %d cell %d: home %d epoch %d applied %d hash %llx\n",
			        i, c, s.home, (int)s.epoch, (int)applied, (unsigned long long)hash);
		}
	fail_msg("the copies do not become the same");
}

struct lookup {
	enum err err;
	char value[24];
};

static void on_get(void *arg, enum err err, const struct entry *e, const struct position *at) {
	struct lookup *l = arg;
	l->err = err;
	if (err == ERR_OK) memcpy(l->value, e->value.ptr, e->value.len);
}

static bool is_there(int node, const struct write *write) {
	struct store *s = w.node[node].store[write->cell];
	struct store_reader *r = s->ops->reader_new(s);
	struct lookup l = {0};
	s->ops->get(r, write->op.key, on_get, &l);
	s->ops->reader_free(r);
	return l.err == ERR_OK && strcmp(l.value, write->value) == 0;
}

static bool contains(struct slice all, struct slice part) {
	return all.len && memmem(all.ptr, all.len, part.ptr, part.len) != NULL;
}

static bool is_quarantined(const struct write *write) {
	for (int i = 0; i < NODES; i++)
		if (contains(memory_disk_quarantine(w.node[i].disk[write->cell]), write->op.key))
			return true;
	return false;
}

/* --- writing -------------------------------------------------------------------------------------- */

static void on_written(struct proposal *p) {
	struct write *write = CONTAINER_OF(p, struct write, p);
	if (p->err == ERR_OK)
		write->outcome = WRITE_DONE;
	else
		write->outcome = p->err == ERR_OUTCOME_UNKNOWN ? WRITE_UNKNOWN : WRITE_REFUSED;
}

static struct write *put(int node, int cell) {
	if (w.write_count == WRITES_MAX || !w.node[node].host) return NULL;
	struct write *write = &w.writes[w.write_count];
	int len = snprintf(write->key, sizeof write->key, "t%cd%ckey%06d.", 0, 0, w.write_count);
	snprintf(write->value, sizeof write->value, "value %d", w.write_count++);
	write->cell = cell;
	write->op = (struct op){.type = OP_PUT,
	                        .key = slice_of(write->key, (size_t)len),
	                        .value = slice_of(write->value, strlen(write->value) + 1)};
	write->p = (struct proposal){
		.ops = &write->op, .op_count = 1, .deadline_ns = UINT64_MAX, .done = on_written};
	host_propose(w.node[node].host, cell, &write->p, w.node[node].io);
	return write;
}

static void put_many(int node, int cell, int count) {
	for (int i = 0; i < count; i++) {
		put(node, cell);
		run_ms(1);
	}
}

/* Call when everything is up and the same: one copy speaks for all. */
static void check_writes(void) {
	int done = 0, lost = 0;
	for (int i = 0; i < w.write_count; i++) {
		struct write *write = &w.writes[i];
		bool there = is_there(1, write);
		done += write->outcome == WRITE_DONE;
		if (write->outcome == WRITE_REFUSED && there)
			fail_msg("write %d was refused, and is there", i);
		if (write->outcome != WRITE_DONE || there) continue;
		lost++;
		if (write->cell == SYNC) fail_msg("write %d was acknowledged and is lost", i);
		if (!is_quarantined(write)) fail_msg("write %d is neither there nor kept", i);
	}
	assert_true(done > 0 && lost <= done);
}

/* --- tests -------------------------------------------------------------------------------------------- */

static int set_up(void **state) {
	log_set_level(LOG_OFF);
	world_open(1);
	return 0;
}

static int tear_down(void **state) {
	world_close();
	return 0;
}

static void writes_reach_all_copies(void **state) {
	for (int c = 0; c < CELLS; c++) put_many(wait_home(c, 5000), c, 200);
	wait_converged();
	check_writes();
	for (int i = 0; i < w.write_count; i++) {
		assert_int_equal(w.writes[i].outcome, WRITE_DONE);
		for (int n = 0; n < NODES; n++)
			if (holds(n, w.writes[i].cell)) assert_true(is_there(n, &w.writes[i]));
	}
}

static void every_node_knows_where_home_is(void **state) {
	int home = wait_home(SYNC, 5000);
	run_ms(500);
	for (int i = 0; i < NODES; i++) { /* also the one that has no copy */
		struct host_cell_state s;
		host_cell_state(w.node[i].host, SYNC, &s);
		assert_int_equal(s.home, home);
		assert_true(s.active);
		assert_int_equal(s.is_home, i == home);
		for (int j = 0; j < NODES; j++) assert_true(host_region_up(w.node[i].host, j));
	}
	node_crash(home, false);
	run_ms(3000);
	assert_false(host_region_up(w.node[3].host, home));
}

static void crash_home(bool proof, uint64_t max_ms) {
	int home = wait_home(SYNC, 5000);
	run_ms(1000);
	put_many(home, SYNC, 200);
	for (int i = 0; i < 20; i++) /* these are under way */
		put(home, SYNC);
	node_crash(home, proof);
	int next = wait_home(SYNC, max_ms);
	assert_int_not_equal(next, home);
	put_many(next, SYNC, 100);
	node_start(home);
	wait_converged();
	put_many(wait_home(SYNC, 5000), SYNC, 100);
	wait_converged();
	check_writes();
}

static void another_takes_over(void **state) {
	crash_home(false, 1500);
}

static void proof_of_death_needs_no_lease(void **state) {
	crash_home(true, 400);
}

static void what_an_async_home_had_alone_is_quarantined(void **state) {
	int home = wait_home(ASYNC, 5000);
	run_ms(1000);
	put_many(home, ASYNC, 100);
	node_cut(home, true); /* goes on until its lease ends */
	put_many(home, ASYNC, 100);
	node_crash(home, false);
	node_cut(home, false);
	int next = wait_home(ASYNC, 3000);
	put_many(next, ASYNC, 100);
	node_start(home);
	wait_converged();
	check_writes();
	assert_true(memory_disk_quarantine(w.node[home].disk[ASYNC]).len > 0);
}

static void a_home_that_is_cut_off_stops_and_rejoins(void **state) {
	int home = wait_home(SYNC, 5000);
	run_ms(1000);
	put_many(home, SYNC, 50);
	node_cut(home, true);
	for (int i = 0; i < 400; i++) {
		put(home, SYNC);
		put(home, ASYNC);
		run_ms(5);
		(void)home_of(SYNC); /* never two */
		(void)home_of(ASYNC);
	}
	assert_int_not_equal(wait_home(SYNC, 1500), home);
	node_cut(home, false);
	wait_converged();
	put_many(wait_home(SYNC, 5000), SYNC, 50);
	wait_converged();
	check_writes();
}

/* --- random runs ------------------------------------------------------------------------------------------ */

enum { DOWN_MAX = 2, CUT_MAX = 2 };
struct trouble {
	int down, cut;
	bool paused[NODES];
};

static void start_all(struct trouble *t) {
	for (int i = 0; i < NODES; i++) {
		if (w.node[i].io) continue;
		node_start(i);
		coord_memory_cut(w.coordination, regions[i], w.cut[i]);
	}
	t->down = 0;
}

static void mend_all(struct trouble *t) {
	for (int i = 0; i < NODES; i++)
		if (w.cut[i]) node_cut(i, false);
	for (int i = 0; i < NODES; i++)
		if (w.node[i].io && t->paused[i]) sim_pause(w.sim, regions[i], false);
	memset(t->paused, 0, sizeof t->paused);
	t->cut = 0;
}

/* The next write of some disk finds no room, or breaks: that copy is out until it restarts. */
static void break_disk(int i) {
	struct memory_disk *d = w.node[i].disk[holds(i, SYNC) ? SYNC : ASYNC];
	enum memory_fault op = sim_random(w.sim, 2) ? MEMORY_APPEND : MEMORY_APPLY;
	bool full = sim_random(w.sim, 4) != 0;
	memory_disk_fail(d, op, 1 + sim_random(w.sim, 5), full ? ERR_NO_SPACE : ERR_IO, false);
}

static void disturb(struct trouble *t) {
	int i = (int)sim_random(w.sim, NODES), j = (int)sim_random(w.sim, NODES);
	bool up = w.node[i].io != NULL;
	switch (sim_random(w.sim, 10)) {
	case 0:
	case 1:
		if (!up || t->down >= DOWN_MAX) break;
		node_crash(i, sim_random(w.sim, 2));
		t->paused[i] = false;
		t->down++;
		break;
	case 2:
	case 3: start_all(t); break;
	case 4:
		if (!up || w.cut[i] || t->cut >= CUT_MAX) break;
		node_cut(i, true);
		t->cut++;
		break;
	case 5:
		if (i != j) sim_reset(w.sim, regions[i], regions[j]);
		break;
	case 6:
		if (!up) break;
		sim_pause(w.sim, regions[i], true);
		t->paused[i] = true;
		break;
	case 7: break_disk(i); break;
	default: mend_all(t);
	}
}

static void random_run(uint64_t seed) {
	struct trouble t = {0};
	world_open(seed);
	run_ms(2000);
	for (int i = 0; i < 2000; i++) {
		int node = (int)sim_random(w.sim, NODES), cell = (int)sim_random(w.sim, CELLS);
		if (holds(node, cell) && !t.paused[node]) put(node, cell);
		(void)home_of(SYNC);
		(void)home_of(ASYNC);
		run_ms(sim_random(w.sim, 10));
		if (sim_random(w.sim, 60) == 0) disturb(&t);
	}
	mend_all(&t);
	start_all(&t);
	run_ms(1000);
	for (int i = 0; i < NODES; i++) { /* a disk that broke is another one after a restart */
		for (int c = 0; c < CELLS; c++) {
			memory_disk_fail(w.node[i].disk[c], MEMORY_APPEND, 0, ERR_OK, false);
			memory_disk_fail(w.node[i].disk[c], MEMORY_APPLY, 0, ERR_OK, false);
		}
		node_crash(i, true);
		node_start(i);
		run_ms(1000);
	}
	wait_converged();
	for (int c = 0; c < CELLS; c++) put_many(wait_home(c, 5000), c, 20);
	wait_converged();
	check_writes();
	world_close();
}

static uint64_t first_seed = 1;
static int seed_count = 30;

static void whatever_happens(void **state) {
	log_set_level(LOG_OFF);
	for (int i = 0; i < seed_count; i++) {
		if (*state)
			print_message("seed %llu\n", (unsigned long long)first_seed + (unsigned)i);
		random_run(first_seed + (uint64_t)i);
	}
}

int main(int argc, char **argv) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(writes_reach_all_copies),
		TEST(every_node_knows_where_home_is),
		TEST(another_takes_over),
		TEST(proof_of_death_needs_no_lease),
		TEST(what_an_async_home_had_alone_is_quarantined),
		TEST(a_home_that_is_cut_off_stops_and_rejoins),
		cmocka_unit_test(whatever_happens),
	};
	static char loud[] = "loud";
	const struct CMUnitTest one[] = {cmocka_unit_test_prestate(whatever_happens, loud)};
	if (argc < 2) return cmocka_run_group_tests(tests, NULL, NULL);
	first_seed = strtoull(argv[1], NULL, 10);
	seed_count = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 1;
	return cmocka_run_group_tests(one, NULL, NULL);
}
