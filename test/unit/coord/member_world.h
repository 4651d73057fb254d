/* A world of four members over the simulation, and the one thing that must hold in it at every
 * step: nobody is told that a life is over while that life may still believe in its lease. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "coord/embedded.h"
#include "coord/member.h"
#include "io/sim.h"

enum { NODES = 4, LIVES = 256 };
static const uint64_t MS = 1000000;
static const char *const node_names[NODES] = {"us-east", "us-west", "eu-west", "eu-central"};

enum proof_mode { PROOF_AT_ONCE, PROOF_FAILS, PROOF_HANGS };
struct node {
	struct world *world;
	int index;
	struct io *io;
	struct coord *coord;
	struct member *member; /* NULL: the process is not there */
	enum proof_mode proof;
	bool proof_waits;
	uint32_t generation;
	uint64_t valid_until_ns;
	int losses;                    /* times that a lease was lost for good */
	uint64_t life_until_ns[LIVES]; /* of each of its generations: the last end it was told */
	bool died[LIVES];              /* the generation's process was proven dead */
	bool over[LIVES];              /* somebody was told so */
	int ups[NODES], downs[NODES];  /* what it was told about each peer */
	uint32_t peer_generation[NODES];
	uint64_t down_ns[NODES];
};
struct world {
	struct sim *sim;
	struct coord_memory *memory;
	uint64_t delay_ns;
	struct node nodes[NODES];
};

static int index_of(const char *name) {
	for (int i = 0; i < NODES; i++)
		if (strcmp(node_names[i], name) == 0) return i;
	fail();
	return 0;
}

static void on_lease(void *arg, uint32_t generation, uint64_t valid_until_ns) {
	struct node *n = arg;
	uint64_t now = sim_now_ns(n->world->sim);
	assert_true(generation > 0 && generation < LIVES);
	/* A late answer may still come, but not with a lease that holds. */
	if (n->over[generation]) assert_true(valid_until_ns <= now);
	if (valid_until_ns == 0) n->losses++;
	n->generation = generation;
	n->valid_until_ns = valid_until_ns;
	if (valid_until_ns > n->life_until_ns[generation])
		n->life_until_ns[generation] = valid_until_ns;
}

static void on_peer(void *arg, const char *name, uint32_t generation, bool up) {
	struct node *n = arg;
	int i = index_of(name);
	struct node *peer = &n->world->nodes[i];
	uint64_t now = sim_now_ns(n->world->sim);
	assert_true(generation < LIVES);
	if (up) {
		assert_true(generation > n->peer_generation[i]); /* each life once */
		n->ups[i]++;
	} else {
		n->downs[i]++;
		n->down_ns[i] = now;
		if (!peer->died[generation]) assert_true(peer->life_until_ns[generation] <= now);
		peer->over[generation] = true;
	}
	n->peer_generation[i] = generation;
	assert_true(n->downs[i] <= n->ups[i] + 1); /* at most the first one comes without an up */
}

static void prove(void *arg) {
	struct node *n = arg;
	n->proof_waits = n->proof == PROOF_HANGS;
	if (!n->proof_waits) member_proved(n->member, n->proof == PROOF_FAILS ? ERR_IO : ERR_OK);
}

static void node_start(struct world *w, int i) {
	struct node *n = &w->nodes[i];
	const char *peers[NODES];
	int count = 0;
	for (int k = 0; k < NODES; k++)
		if (k != i) peers[count++] = node_names[k];
	struct member_options o = {.terms = {600 * MS, 50 * MS, 10000},
	                           .renew_ns = 100 * MS,
	                           .self = node_names[i],
	                           .peers = peers,
	                           .peer_count = count,
	                           .prove = prove,
	                           .on_lease = on_lease,
	                           .on_peer = on_peer,
	                           .arg = n};
	n->world = w;
	n->index = i;
	n->io = sim_node(w->sim, node_names[i]);
	memset(n->ups, 0, sizeof n->ups);
	memset(n->downs, 0, sizeof n->downs);
	memset(n->peer_generation, 0, sizeof n->peer_generation);
	assert_int_equal(coord_memory_open(w->memory, n->io, node_names[i], w->delay_ns, &n->coord),
	                 ERR_OK);
	n->member = member_new(n->io, n->coord, &o);
	assert_non_null(n->member);
}

static void node_crash(struct world *w, int i, bool proof) {
	struct node *n = &w->nodes[i];
	if (!n->member) return;
	sim_crash(w->sim, node_names[i], false);
	/* Its last life may have begun without its having heard of it. */
	for (int g = 0; g < LIVES; g++) n->died[g] = true;
	coord_memory_crash(w->memory, node_names[i], proof);
	member_free(n->member);
	n->member = NULL;
	n->valid_until_ns = 0;
}

/* The end: as an orderly process does it. */
static void node_stop(struct node *n) {
	if (!n->member) return;
	n->coord->ops->close(n->coord);
	member_free(n->member);
	n->member = NULL;
}

static struct world *world_new(uint64_t seed, uint64_t delay_ns) {
	static struct world w;
	struct sim_options o = {.seed = seed, .job_delay_min_ns = MS, .job_delay_max_ns = 2 * MS};
	w = (struct world){.sim = sim_new(&o), .memory = coord_memory_new(), .delay_ns = delay_ns};
	return &w;
}

static void world_free(struct world *w) {
	for (int i = 0; i < NODES; i++) node_stop(&w->nodes[i]);
	coord_memory_free(w->memory);
	sim_free(w->sim);
}

static struct world *world_of_all(uint64_t seed) {
	struct world *w = world_new(seed, 2 * MS);
	for (int i = 0; i < NODES; i++) node_start(w, i);
	sim_run_for(w->sim, 200 * MS);
	return w;
}

static bool holds(const struct node *n) {
	return n->member && sim_now_ns(n->world->sim) < n->valid_until_ns;
}

static int holders(const struct world *w) {
	int count = 0;
	for (int i = 0; i < NODES; i++) count += holds(&w->nodes[i]);
	return count;
}
