/* The life of the world: nodes that start, crash and are cleared away; its one loop; its story. */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "disks.h"
#include "load.h"
#include "past.h"
#include "spy.h"

const char *const regions[NODES] = {"north", "east", "south", "west"};
static const uint16_t ports[NODES] = {7301, 7302, 7303, 7304};
enum { STORY_BYTES = 64 << 20, COORD_DELAY_MS = 2 };
static const uint64_t LEASE_NS = MS(600), RENEW_NS = MS(100);

/* --- story and verdict ------------------------------------------------------------------------ */

uint64_t world_now(const struct world *w) {
	return sim_now_ns(w->sim) - w->start_ns;
}

uint64_t world_random(struct world *w, uint64_t below) {
	return sim_random(w->sim, below);
}

void world_tell(struct world *w, int node, int cell, const char *format, ...) {
	if (!w->options.tell) return;
	char text[600];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	uint64_t us = world_now(w) / 1000;
	IGNORE(buf_printf(&w->story, "%6llu.%06llu  %-6s %-6s %s\n",
	                  (unsigned long long)(us / 1000000), (unsigned long long)(us % 1000000),
	                  node < 0 ? "-" : regions[node], cell < 0 ? "-" : w->cell[cell].name,
	                  text));
}

void world_fail(struct world *w, const char *format, ...) {
	if (w->failed) return;
	w->failed = true;
	va_list args;
	va_start(args, format);
	vsnprintf(w->why, sizeof w->why, format, args);
	va_end(args);
	world_tell(w, -1, -1, "VIOLATED %s", w->why);
}

/* --- who may hold what -------------------------------------------------------------------------- */

bool cell_at(const struct world *w, int cell, int node) {
	const struct placing *c = &w->cell[cell];
	for (int i = 0; i < c->replica_count; i++)
		if (c->replicas[i] == node) return true;
	return false;
}

bool reaches(const struct world *w, int from, int to) {
	return !w->cut[from][to];
}

/* Which regions, in which order, is the seed's. */
static void cells_place(struct world *w) {
	static const struct placing shapes[CELLS] = {
		{.name = "sync", .replica_count = 3, .sync = true, .copies = 2},
		{.name = "pair", .replica_count = 2, .sync = true, .copies = 2},
		{.name = "async", .replica_count = 3, .copies = 1}};
	for (int c = 0; c < CELLS; c++) {
		struct placing *p = &w->cell[c];
		*p = shapes[c];
		int first = (int)world_random(w, NODES), leap = world_random(w, 2) ? 1 : 3;
		for (int i = 0; i < p->replica_count; i++)
			p->replicas[i] = (first + i * leap) % NODES;
		p->availability = p->sync && world_random(w, 3) == 0;
	}
}

/* --- nodes ---------------------------------------------------------------------------------------- */

static void on_change(void *arg) {
	struct node *n = arg;
	struct world *w = n->world;
	check_change(w, (int)(n - w->node));
}

/* false: its copy cannot be opened now. */
static bool cell_open(struct world *w, int i, int c, struct host_cell_options *o) {
	struct node *n = &w->node[i];
	const struct placing *p = &w->cell[c];
	static int rogue[NODES];
	*o = (struct host_cell_options){.name = p->name,
	                                .replicas = p->replicas,
	                                .replica_count = p->replica_count,
	                                .sync = p->sync,
	                                .availability = p->availability,
	                                .copies = p->copies};
	if (n->rogue == c) { /* an old policy, by which it was the last copy */
		memcpy(rogue, p->replicas, sizeof rogue);
		rogue[p->replica_count - 1] = i;
		o->replicas = rogue;
	} else if (!cell_at(w, c, i)) {
		return true;
	}
	struct fault fault = {0};
	struct store *real = disk_store(w, i, c, &fault);
	if (!real && fault.code == ERR_CORRUPT && w->wiped) { /* the operator does what it says */
		world_tell(w, i, c, "is damaged, and begins anew: %s", fault.text);
		disk_wipe(w, i, c);
		real = disk_store(w, i, c, &fault);
	}
	bool may_fail = fault.code == ERR_NO_SPACE || fault.code == ERR_IO;
	if (!real) {
		world_tell(w, i, c, "does not open: %s", fault.text);
		if (w->healed || !may_fail)
			world_fail(w, "%s cannot open its copy of cell %s: %s: %s", regions[i],
			           p->name, err_name(fault.code), fault.text);
		return false;
	}
	o->store = spy_new(w, i, c, real);
	n->spy[c] = spy_of(o->store);
	n->reader[c] = o->store->ops->reader_new(o->store);
	return true;
}

/* As a process that ends at start-up with a message. */
static void give_up_start(struct world *w, int i, const struct host_cell_options *cells) {
	struct node *n = &w->node[i];
	sim_crash(w->sim, regions[i], false);
	for (int c = 0; c < CELLS; c++) {
		if (!n->spy[c]) continue;
		cells[c].store->ops->reader_free(n->reader[c]);
		spy_crash(cells[c].store);
		n->spy[c] = NULL;
		n->reader[c] = NULL;
	}
	n->io = NULL;
}

void node_start(struct world *w, int i) {
	struct node *n = &w->node[i];
	struct host_cell_options cells[CELLS];
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
		.files = sim_disk(w->sim, regions[i]),
		.canary_path = "/canary",
		.lease_length_ns = LEASE_NS,
		.lease_renew_ns = RENEW_NS,
		.registry = n->registry,
		.on_change = on_change,
		.arg = n,
	};
	struct fault fault = {0};
	n->io = sim_node(w->sim, regions[i]);
	n->life++;
	n->world = w;
	memset(n->told, 0, sizeof n->told);
	bool opens = true;
	for (int c = 0; c < CELLS; c++) opens = opens && cell_open(w, i, c, &cells[c]);
	if (!opens) return give_up_start(w, i, cells);
	ASSERT(coord_memory_open(w->coordination, n->io, regions[i], MS(COORD_DELAY_MS),
	                         &o.coord) == ERR_OK);
	coord_memory_cut(w->coordination, regions[i], w->coord_cut[i]);
	enum err err = host_new(n->io, &o, &n->host, &fault);
	ASSERT(err == ERR_OK);
	world_tell(w, i, -1, "starts%s",
	           n->rogue >= 0 ? ", with a policy that is out of date" : "");
}

/* What is left of a node whose loop is dead. */
static void clear_away(struct world *w, int i) {
	struct node *n = &w->node[i];
	for (int c = 0; c < CELLS; c++) {
		struct store *s = n->spy[c] ? host_store(n->host, c) : NULL;
		if (s) s->ops->reader_free(n->reader[c]);
		n->reader[c] = NULL;
		n->spy[c] = NULL;
	}
	host_crash(n->host, spy_crash);
	n->host = NULL;
	n->io = NULL;
	n->paused = n->doomed = false;
	load_node_gone(w, i);
}

static void die(struct world *w, int i, bool power) {
	w->counts.kills++;
	if (power) disk_power_lost(w, i);
	sim_crash(w->sim, regions[i], power);
	/* A machine that lost its power is no process whose death a kernel proves. */
	coord_memory_crash(w->coordination, regions[i], !power && world_random(w, 2));
}

void node_crash(struct world *w, int i, bool power) {
	world_tell(w, i, -1, power ? "loses power" : "is killed");
	die(w, i, power);
	clear_away(w, i);
}

void node_doom(struct world *w, int i, bool power) {
	struct node *n = &w->node[i];
	if (n->doomed) return;
	n->doomed = true;
	n->doomed_power = power;
	/* The rest of the turn runs against a dead loop. */
	die(w, i, power);
}

/* --- the world ------------------------------------------------------------------------------------- */

void world_open(struct world *w, const struct options *o) {
	const struct sim_options options = {.seed = o->seed,
	                                    .net_delay_min_ns = US(200),
	                                    .net_delay_max_ns = MS(3),
	                                    .job_delay_min_ns = US(100),
	                                    .job_delay_max_ns = MS(3)};
	memset(w, 0, sizeof *w);
	w->options = *o;
	w->sim = sim_new(&options);
	w->start_ns = sim_now_ns(w->sim);
	w->outside = sim_node(w->sim, "outside");
	w->coordination = coord_memory_new();
	w->calls = calloc(CALLS_MAX, sizeof *w->calls);
	ASSERT(w->calls);
	buf_init(&w->story, STORY_BYTES);
	list_init(&w->asks);
	cells_place(w);
	for (int c = 0; c < CELLS; c++) w->past[c] = past_new(c);
	plan_make(w);
	disks_open(w);
	for (int i = 0; i < NODES; i++) {
		w->node[i].registry = registry_new();
		w->node[i].rogue = -1;
	}
	for (int i = 0; i < NODES; i++) node_start(w, i);
	load_init(w);
}

void world_close(struct world *w) {
	for (int i = 0; i < NODES; i++)
		if (w->node[i].io) {
			if (!w->node[i].doomed) die(w, i, false);
			clear_away(w, i);
		}
	load_done(w);
	plan_done(w);
	for (int i = 0; i < NODES; i++) registry_free(w->node[i].registry);
	disks_close(w);
	for (int c = 0; c < CELLS; c++) past_free(w->past[c]);
	sim_free(w->sim);
	coord_memory_free(w->coordination);
	free(w->calls);
	buf_done(&w->story);
}

void world_step_until(struct world *w, uint64_t at_ns) {
	while (world_now(w) < at_ns && !w->failed) {
		if (!sim_step(w->sim)) return;
		for (int i = 0; i < NODES; i++)
			if (w->node[i].doomed) clear_away(w, i);
	}
}

enum { SETTLE_MS = 2000, CONVERGE_MS = 30000, LOOK_MS = 100 };

void world_run(struct world *w) {
	world_step_until(w, MS(SETTLE_MS));
	load_start(w);
	plan_start(w);
	world_step_until(w, MS(SETTLE_MS) + w->run_ns);
	if (w->failed) return;
	plan_heal(w);
	world_step_until(w, world_now(w) + MS(SETTLE_MS));
	w->load_over = true;
	uint64_t until = world_now(w) + MS(CONVERGE_MS);
	while (!w->failed && world_now(w) < until && !check_converged(w))
		world_step_until(w, world_now(w) + MS(LOOK_MS));
	if (w->failed) return;
	if (!check_converged(w)) return check_unwell(w);
	check_end(w);
}
