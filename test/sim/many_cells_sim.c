/* Two nodes with many cells, all of them far behind at one of the two when it returns: everything
 * has to pass over the one link between them, which is given up for too much backlog. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "base/log.h"
#include "cell/host.h"
#include "coord/embedded.h"
#include "io/sim.h"
#include "store/memory.h"

/* 20 cells of 5 MB: more than the link's backlog. */
enum { NODES = 2, CELLS = 20, PUTS = 10, VALUE_BYTES = 500000, MS = 1000000 };

static const char *const regions[] = {"a", "b"};
static const uint16_t ports[] = {7301, 7302};
static const int replicas[] = {0, 1};

struct node {
	struct io *io;
	struct host *host;
	struct registry *registry;
	struct memory_disk *disk[CELLS];
	struct store *store[CELLS];
};
struct write {
	struct proposal p;
	struct op op;
	char key[32];
};
static struct node nodes[NODES];
static struct sim *sim;
static struct coord_memory *coordination;
static struct write writes[CELLS][PUTS];
static uint8_t value[VALUE_BYTES];
static int written;

static void node_start(int i) {
	static char names[CELLS][16];
	struct host_cell_options cells[CELLS] = {0};
	struct node *n = &nodes[i];
	n->io = sim_node(sim, regions[i]);
	for (int c = 0; c < CELLS; c++) {
		snprintf(names[c], sizeof names[c], "c%d", c);
		cells[c] = (struct host_cell_options){
			.name = names[c], .replicas = replicas, .replica_count = 2, .copies = 1};
		assert_int_equal(store_memory_open(n->io, n->disk[c], &n->store[c]), ERR_OK);
		cells[c].store = n->store[c];
	}
	struct host_options o = {
		.cluster = "sim",
		.regions = regions,
		.region_count = NODES,
		.self = i,
		.hosts = regions,
		.ports = ports,
		.secret = SLICE_LIT("secret"),
		.cells = cells,
		.cell_count = CELLS,
		.lease_length_ns = 600ull * MS,
		.lease_renew_ns = 100 * MS,
		.registry = n->registry,
	};
	struct fault fault = {0};
	assert_int_equal(coord_memory_open(coordination, n->io, regions[i], 2 * MS, &o.coord),
	                 ERR_OK);
	assert_int_equal(host_new(n->io, &o, &n->host, &fault), ERR_OK);
}

static void node_crash(int i) {
	sim_crash(sim, regions[i], true);
	coord_memory_crash(coordination, regions[i], true);
	host_crash(nodes[i].host, store_memory_crash);
	nodes[i].host = NULL;
}

static void on_done(struct proposal *p) {
	written += p->err == ERR_OK;
}

static void put_everywhere(int number) {
	for (int c = 0; c < CELLS; c++) {
		struct write *x = &writes[c][number];
		int len = snprintf(x->key, sizeof x->key, "t%cd%ckey%d", 0, 0, number);
		x->op = (struct op){.type = OP_PUT,
		                    .key = slice_of(x->key, (size_t)len),
		                    .value = slice_of(value, VALUE_BYTES)};
		x->p = (struct proposal){
			.ops = &x->op, .op_count = 1, .deadline_ns = UINT64_MAX, .done = on_done};
		host_propose(nodes[0].host, c, &x->p, nodes[0].io);
	}
	sim_run_for(sim, 200ull * MS);
}

static uint64_t applied(int node, int cell) {
	struct store_info info;
	nodes[node].store[cell]->ops->info(nodes[node].store[cell], &info);
	return info.applied.seq;
}

static void fall_behind(void) {
	sim_run_for(sim, 3000ull * MS);
	node_crash(1);
	sim_run_for(sim, 3000ull * MS);
	for (int i = 0; i < PUTS; i++) put_everywhere(i);
	assert_int_equal(written, CELLS * PUTS);
}

static void lose_disks(int i) {
	for (int c = 0; c < CELLS; c++) {
		memory_disk_free(nodes[i].disk[c]);
		nodes[i].disk[c] = memory_disk_new((uint64_t)(500 + c));
	}
}

static void all_catch_up_over_one_link(void **state) {
	fall_behind();
	node_start(1);
	sim_run_for(sim, 5000ull * MS);
	for (int c = 0; c < CELLS; c++) assert_int_equal(applied(1, c), applied(0, c));
}

/* An answer is longer on its way than one is waited for at first, and nobody is left behind. */
static void all_catch_up_over_a_slow_link(void **state) {
	uint64_t before[CELLS];
	fall_behind();
	node_start(1);
	for (int c = 0; c < CELLS; c++) before[c] = applied(1, c);
	sim_run_for(sim, 15000ull * MS);
	for (int c = 0; c < CELLS; c++)
		assert_in_range(applied(1, c), before[c] + PUTS / 5, before[c] + PUTS);
	sim_run_for(sim, 25000ull * MS);
	for (int c = 0; c < CELLS; c++) assert_int_equal(applied(1, c), applied(0, c));
}

/* A cell's turn is longer in coming than a chunk is waited for. */
static void all_take_snapshots_over_a_slow_link(void **state) {
	fall_behind();
	lose_disks(1);
	node_start(1);
	sim_run_for(sim, 85000ull * MS);
	for (int c = 0; c < CELLS; c++) assert_int_equal(applied(1, c), applied(0, c));
}

static int world_open(uint64_t delay_min_ns, uint64_t delay_max_ns) {
	const struct sim_options options = {.seed = 3,
	                                    .net_delay_min_ns = delay_min_ns,
	                                    .net_delay_max_ns = delay_max_ns,
	                                    .job_delay_min_ns = MS / 10,
	                                    .job_delay_max_ns = MS};
	log_set_level(LOG_OFF);
	written = 0;
	sim = sim_new(&options);
	coordination = coord_memory_new();
	for (int i = 0; i < NODES; i++) {
		nodes[i].registry = registry_new();
		for (int c = 0; c < CELLS; c++)
			nodes[i].disk[c] = memory_disk_new((uint64_t)(i * 100 + c));
		node_start(i);
	}
	return 0;
}

static int set_up(void **state) {
	return world_open(MS / 5, MS);
}

/* What is under way is bounded, so the delay bounds the speed: some 3 MB/s. */
static int set_up_slow(void **state) {
	return world_open(40ull * MS, 50ull * MS);
}

static int set_up_slower(void **state) {
	return world_open(80ull * MS, 100ull * MS);
}

static int tear_down(void **state) {
	for (int i = 0; i < NODES; i++) {
		if (nodes[i].host) node_crash(i);
		for (int c = 0; c < CELLS; c++) memory_disk_free(nodes[i].disk[c]);
		registry_free(nodes[i].registry);
	}
	coord_memory_free(coordination);
	sim_free(sim);
	return 0;
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(all_catch_up_over_one_link, set_up, tear_down),
		cmocka_unit_test_setup_teardown(all_catch_up_over_a_slow_link, set_up_slow,
	                                        tear_down),
		cmocka_unit_test_setup_teardown(all_take_snapshots_over_a_slow_link, set_up_slower,
	                                        tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
