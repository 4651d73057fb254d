/* What the suite of coord.h needs of a driver: a place, handles of nodes in it, and time that
 * passes. The embedded driver runs on a real loop and a real file, memory on the simulation. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/list.h"
#include "coord/embedded.h"
#include "io/sim.h"

static const uint64_t MS = 1000000;

struct place {
	struct sim *sim; /* memory only */
	struct coord_memory *memory;
	struct io *io; /* embedded only */
	struct io_timer *timer;
	char dir[64], path[96];
	bool (*until)(void *arg);
	void *until_arg;
	int turns_left;
};
struct driver {
	const char *name;
	/* Deaths are not proven, and nobody sees at once that a name is in use. */
	bool across_machines;
	void (*start)(struct place *p);
	enum err (*open)(struct place *p, const char *node, struct coord **out);
	/* Until the condition holds; false: it did not within 5 s. */
	bool (*run)(struct place *p, bool (*until)(void *arg), void *arg);
	void (*stop)(struct place *p);
};

/* --- embedded --------------------------------------------------------------------------- */

static void on_turn(void *arg) {
	struct place *p = arg;
	if (p->until(p->until_arg) || --p->turns_left == 0)
		io_stop(p->io);
	else
		io_timer_start(p->timer, MS);
}

static void embedded_start(struct place *p) {
	*p = (struct place){.io = io_uv_new()};
	assert_non_null(p->io);
	snprintf(p->dir, sizeof p->dir, "/tmp/holdfast-coord-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	snprintf(p->path, sizeof p->path, "%s/coord", p->dir);
	p->timer = io_timer_new(p->io, on_turn, p);
}

static enum err embedded_open(struct place *p, const char *node, struct coord **out) {
	struct coord_embedded_options o = {p->path, "test", node, MS};
	struct fault fault;
	return coord_embedded_open(p->io, &o, out, &fault);
}

static bool embedded_run(struct place *p, bool (*until)(void *arg), void *arg) {
	p->until = until;
	p->until_arg = arg;
	p->turns_left = 5000;
	io_timer_start(p->timer, 0);
	io_run(p->io);
	return p->turns_left > 0;
}

static void embedded_stop(struct place *p) {
	io_timer_free(p->timer);
	io_free(p->io);
	unlink(p->path);
	rmdir(p->dir);
}

static const struct driver embedded_driver = {.name = "coord-embedded",
                                              .start = embedded_start,
                                              .open = embedded_open,
                                              .run = embedded_run,
                                              .stop = embedded_stop};

/* --- memory ------------------------------------------------------------------------------- */

static void memory_start(struct place *p) {
	struct sim_options o = {.seed = 7};
	*p = (struct place){.sim = sim_new(&o), .memory = coord_memory_new()};
}

static enum err memory_open(struct place *p, const char *node, struct coord **out) {
	return coord_memory_open(p->memory, sim_node(p->sim, node), node, 3 * MS, out);
}

static bool memory_run(struct place *p, bool (*until)(void *arg), void *arg) {
	for (int i = 0; i < 5000; i++) {
		if (until(arg)) return true;
		sim_run_for(p->sim, MS);
	}
	return false;
}

static void memory_stop(struct place *p) {
	coord_memory_free(p->memory);
	sim_free(p->sim);
}

static const struct driver memory_driver = {.name = "coord-memory",
                                            .start = memory_start,
                                            .open = memory_open,
                                            .run = memory_run,
                                            .stop = memory_stop};
