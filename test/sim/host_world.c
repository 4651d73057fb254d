/* Four regions in the simulated world: see host_world.h. */
#include "host_world.h"

#include <stdio.h>
#include <stdlib.h>

const char *const regions[NODES] = {"north", "east", "south", "west"};
static const uint16_t ports[NODES] = {7301, 7302, 7303, 7304};
static const int sync_replicas[] = {0, 1, 2}, async_replicas[] = {1, 2, 3};
struct world w;

bool holds(int node, int cell) {
	const int *replicas = cell == SYNC ? sync_replicas : async_replicas;
	return replicas[0] == node || replicas[1] == node || replicas[2] == node;
}

void node_start(int i) {
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

void node_crash(int i, bool proof) {
	struct node *n = &w.node[i];
	sim_crash(w.sim, regions[i], true);
	coord_memory_crash(w.coordination, regions[i], proof);
	host_crash(n->host, store_memory_crash);
	n->host = NULL;
	n->io = NULL;
	n->store[SYNC] = n->store[ASYNC] = NULL;
}

void node_cut(int i, bool cut) {
	for (int j = 0; j < NODES; j++) {
		if (j == i) continue;
		sim_cut(w.sim, regions[i], regions[j], cut);
		sim_cut(w.sim, regions[j], regions[i], cut);
	}
	coord_memory_cut(w.coordination, regions[i], cut);
	w.cut[i] = cut;
}

void world_open(uint64_t seed) {
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

void world_close(void) {
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

void run_ms(uint64_t ms) {
	sim_run_for(w.sim, ms * MS);
}

/* --- looking ----------------------------------------------------------------------------------- */

int home_of(int cell) {
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

int wait_home(int cell, uint64_t max_ms) {
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

void wait_converged(void) {
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

bool is_there(int node, const struct write *write) {
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

struct write *put(int node, int cell) {
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

void put_many(int node, int cell, int count) {
	for (int i = 0; i < count; i++) {
		put(node, cell);
		run_ms(1);
	}
}

void check_writes(void) {
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
