/* The cell's simulation: random faults under load from a seed, invariants after every step,
 * and in the end, when the faults are over, one home and equal copies within ten seconds.
 *
 *   holdfast-sim-cell [--seed N] [--count M] [--verbose] [--mutant BITS] [--seconds S] [--clocks-lie]
 *
 * --clocks-lie: in every run, not in each tenth, a node's clock may stand still while it sleeps,
 * so that it believes in a lease that is over. What copies promised must hold even then.
 *
 * Prints the seed of what failed; that and the commit are the bug report. With --mutant a
 * rule of the core is switched off and success means that the violation was seen. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/parse.h"
#include "cell_world.h"

extern unsigned cell_mutants;

/* --- the plan --------------------------------------------------------------------------------- */

enum fault_kind {
	FAULT_KILL,
	FAULT_POWER,
	FAULT_PAUSE,
	FAULT_CUT,
	FAULT_ISOLATE,
	FAULT_STALL,
	FAULT_BREAK,
	FAULT_COORD,
	FAULT_COORD_ALL,
	FAULT_SILENCE,
	FAULT_FULL,
	FAULT_IO,
	FAULT_SLOW,
	FAULT_CHECKPOINT,
	FAULT_WIPE,
	FAULT_MOVE,
	FAULT_FREEZE,
	FAULT_KINDS
};

static bool placement_names(const struct world *w, int node) {
	return w->placement.home[1] == '0' + node || w->placement.from[1] == '0' + node;
}

static int cell_sim_home(const struct world *w) {
	int node = w->placement.home[1] - '0';
	return w->revision && w->placement.state == PLACEMENT_ACTIVE ? node : -1;
}

static void fault_end(struct world *w, const struct happening *h) {
	struct node *n = &w->nodes[h->a];
	switch ((enum fault_kind)h->b) {
	case FAULT_KILL:
	case FAULT_POWER:
	case FAULT_WIPE:
	case FAULT_IO:
		if (n->running) node_crash(w, h->a, false);
		node_start(w, h->a);
		break;
	case FAULT_FREEZE:
	case FAULT_PAUSE:
		if (!n->paused) break;
		node_freeze(w, h->a, false);
		n->paused = false;
		world_resume(w, h->a);
		break;
	case FAULT_CUT: net_cut(w, h->a, (int)h->x, false); break;
	case FAULT_ISOLATE:
		for (int i = 0; i < w->n; i++)
			if (i != h->a) net_cut(w, h->a, i, false);
		break;
	case FAULT_STALL: net_stall(w, h->a, (int)h->x, false); break;
	case FAULT_COORD: coord_heal(w, h->a); break;
	case FAULT_COORD_ALL:
		for (int i = 0; i < w->n; i++) coord_heal(w, i);
		break;
	case FAULT_FULL: n->disk.full = false; break;
	case FAULT_SLOW: n->slow_ns = 0; break;
	default: break;
	}
}

static bool fault_may(const struct world *w, enum fault_kind kind, int node) {
	const struct node *n = &w->nodes[node];
	bool kills = kind <= FAULT_PAUSE || kind == FAULT_WIPE || kind == FAULT_FREEZE ||
	             kind == FAULT_IO;
	if (kills && (!n->running || n->paused || n->disk.io_error_in || n->disk.fenced))
		return false;
	if (kind == FAULT_FREEZE) return w->clocks_may_lie;
	if (kind == FAULT_SILENCE) return false;
	if (kind == FAULT_COORD_ALL) return w->failsafe;
	if (kind != FAULT_WIPE) return true;
	/* One wiped disk is survivable where two others have every write. */
	return w->sync && !w->availability && w->n >= 3 && w->k >= 2 && !w->wiped && w->revision &&
	       w->seed % 4 == 1 && !placement_names(w, node);
}

static void fault_begin(struct world *w, enum fault_kind kind, int a, int b) {
	struct node *n = &w->nodes[a];
	switch (kind) {
	case FAULT_KILL: node_crash(w, a, false); break;
	case FAULT_POWER: node_crash(w, a, true); break;
	case FAULT_WIPE:
		w->wiped = true;
		node_crash(w, a, true);
		disk_wipe(w, a);
		world_say(w, "node %d is wiped", a);
		break;
	case FAULT_FREEZE: node_freeze(w, a, true); /* fall through */
	case FAULT_PAUSE:
		n->paused = true;
		world_say(w, "node %d pauses", a);
		break;
	case FAULT_CUT: net_cut(w, a, b, true); break;
	case FAULT_ISOLATE:
		for (int i = 0; i < w->n; i++)
			if (i != a) net_cut(w, a, i, true);
		world_say(w, "node %d is isolated", a);
		break;
	case FAULT_STALL: net_stall(w, a, b, true); break;
	case FAULT_BREAK: net_break(w, a, b); break;
	case FAULT_COORD:
		n->cut_off = true;
		world_say(w, "node %d loses coordination", a);
		break;
	case FAULT_COORD_ALL:
		for (int i = 0; i < w->n; i++) w->nodes[i].cut_off = true;
		world_say(w, "coordination is gone");
		break;
	case FAULT_FULL:
		n->disk.full = true;
		world_say(w, "node %d: disk full", a);
		break;
	case FAULT_IO: n->disk.io_error_in = 1 + (int)world_random(w, 20); break;
	case FAULT_SLOW: n->slow_ns = world_between(w, MS(5), MS(150)); break;
	case FAULT_MOVE: node_move(w, a, world_between(w, 0, 1000)); break;
	case FAULT_CHECKPOINT:
		if (n->running) disk_checkpoint(w, a);
		break;
	default: break;
	}
}

/* The worst of clocks: the home sleeps through its own succession, with a clock that stood
 * still, and wakes in touch with one copy alone. */
static void fault_freeze_home(struct world *w, int b) {
	int a = cell_sim_home(w);
	if (a < 0 || a == b || !fault_may(w, FAULT_FREEZE, a)) return;
	world_say(w, "node %d, the home, sleeps; it will reach %d alone", a, b);
	for (int i = 0; i < w->n; i++)
		if (i != a && i != b) net_cut(w, a, i, true);
	w->nodes[a].cut_off = true;
	fault_begin(w, FAULT_FREEZE, a, b);
	uint64_t lasts = world_between(w, MS(630), MS(960)), after = lasts + MS(700);
	world_at(w, lasts,
	         (struct happening){.node = -1, .fn = fault_end, .a = a, .b = FAULT_FREEZE});
	world_at(w, after,
	         (struct happening){.node = -1, .fn = fault_end, .a = a, .b = FAULT_ISOLATE});
	world_at(w, after,
	         (struct happening){.node = -1, .fn = fault_end, .a = a, .b = FAULT_COORD});
}

static void isolate(struct world *w, const struct happening *h) {
	fault_begin(w, FAULT_ISOLATE, h->a, h->a);
}

/* What promises are for: the home loses coordination, goes on by the word of its copies, and then
 * loses them, too, while they choose another. */
static void fault_silence_home(struct world *w) {
	int a = cell_sim_home(w);
	if (a < 0 || !w->nodes[a].running || w->nodes[a].paused) return;
	uint64_t alone = world_between(w, MS(350), MS(800)), lasts = alone + MS(1200);
	fault_begin(w, FAULT_COORD, a, a);
	world_at(w, alone, (struct happening){.node = -1, .fn = isolate, .a = a});
	world_at(w, lasts,
	         (struct happening){.node = -1, .fn = fault_end, .a = a, .b = FAULT_ISOLATE});
	world_at(w, lasts,
	         (struct happening){.node = -1, .fn = fault_end, .a = a, .b = FAULT_COORD});
}

static void fault_next(struct world *w, const struct happening *h) {
	if (w->faults_over) return;
	enum fault_kind kind = (enum fault_kind)world_random(w, FAULT_KINDS);
	int a = (int)world_random(w, (uint64_t)w->n);
	int b = (a + 1 + (int)world_random(w, (uint64_t)w->n - 1)) % w->n;
	if (kind == FAULT_FREEZE && w->clocks_may_lie) {
		fault_freeze_home(w, b);
	} else if (kind == FAULT_SILENCE && w->failsafe) {
		fault_silence_home(w);
	} else if (fault_may(w, kind, a)) {
		fault_begin(w, kind, a, b);
		uint64_t lasts = world_chance(w, 70) ? world_between(w, MS(10), MS(500))
		                                     : world_between(w, MS(500), MS(2500));
		world_at(w, lasts,
		         (struct happening){
				 .node = -1, .fn = fault_end, .a = a, .b = kind, .x = (uint64_t)b});
	}
	uint64_t most = MS(60) << (w->seed % 4); /* from a storm to a drizzle */
	world_at(w, world_between(w, MS(5), most),
	         (struct happening){.node = -1, .fn = fault_next});
}

static void heal(struct world *w) {
	w->faults_over = true;
	world_say(w, "faults are over");
	for (int a = 0; a < w->n; a++) {
		struct node *n = &w->nodes[a];
		n->disk.full = false;
		n->disk.io_error_in = 0;
		n->slow_ns = 0;
		fault_end(w, &(struct happening){.a = a, .b = FAULT_PAUSE});
		if (n->running && n->disk.fenced) node_crash(w, a, false);
		if (!n->running) node_start(w, a);
		coord_heal(w, a);
		for (int b = 0; b < w->n; b++) {
			if (a == b) continue;
			net_cut(w, a, b, false);
			net_stall(w, a, b, false);
		}
	}
}

/* --- a run --------------------------------------------------------------------------------------- */

static void world_setup(struct world *w, uint64_t seed, bool verbose, bool clocks_lie) {
	memset(w, 0, sizeof *w);
	w->clocks_may_lie = clocks_lie || seed % 10 == 0;
	w->seed = w->random = seed;
	w->verbose = verbose;
	w->n = 2 + (int)world_random(w, 10) / 3;
	if (w->n > NODES_MAX) w->n = NODES_MAX;
	w->sync = world_chance(w, 70);
	w->availability = world_chance(w, 50);
	w->failsafe = seed % 2 == 0;
	w->k = w->sync ? 2 + (int)world_random(w, (uint64_t)w->n - 1) : 1;
	if (w->k > 2 && world_chance(w, 50)) w->k = 2;
	world_say(w, "n %d k %d %s %s%s", w->n, w->k, w->sync ? "sync" : "async",
	          w->availability ? "availability" : "consistency", w->failsafe ? " failsafe" : "");
	check_init(w);
	load_init(w);
	coord_init(w);
	for (int i = 0; i < w->n; i++) {
		disk_init(w, i);
		w->nodes[i].clock_offset_ns = world_between(w, MS(1000), MS(100000));
		node_start(w, i);
	}
	net_init(w);
	load_start(w);
	world_at(w, world_between(w, MS(100), MS(900)),
	         (struct happening){.node = -1, .fn = fault_next});
}

static void world_teardown(struct world *w) {
	for (int i = 0; i < w->n; i++) {
		struct node *n = &w->nodes[i];
		for (int x = 0; x < NODES_MAX; x++) view_clear(&n->exports[x].view);
		cell_free(n->core);
		disk_done(&n->disk);
		for (size_t d = 0; d < n->deferred_count; d++) free(n->deferred[d].memory);
		free(n->deferred);
		for (int b = i + 1; b < w->n; b++)
			for (int side = 0; side < 2; side++)
				for (int h = 0; h < w->conns[i][b].held[side].count; h++)
					free(w->conns[i][b].held[side].frames[h].memory);
	}
	for (size_t i = 0; i < w->heap_count; i++) free(w->heap[i].memory);
	free(w->heap);
	load_done(w);
	check_done(w);
}

static void say_stuck(struct world *w) {
	for (int i = 0; i < w->n; i++) {
		struct cell_status s;
		cell_status(w->nodes[i].core, node_now(w, i), &s);
		world_say(w,
		          "node %d role %d epoch %llu last %llu/%llu applied %llu committed %llu "
		          "copies %d held '%s'",
		          i, s.role, (unsigned long long)s.epoch, (unsigned long long)s.last.epoch,
		          (unsigned long long)s.last.seq, (unsigned long long)s.applied.seq,
		          (unsigned long long)s.committed, s.copies, s.held_reason);
	}
}

static void world_run(struct world *w, uint64_t fault_ns) {
	while (!w->failed && w->now_ns < fault_ns && world_step(w)) continue;
	if (w->failed) return;
	heal(w);
	uint64_t until = w->now_ns + MS(10000);
	uint64_t quiet = w->now_ns + MS(1000); /* some load on the healed cell */
	while (!w->failed && w->now_ns < until && world_step(w)) {
		w->load_over = w->now_ns > quiet;
		if (w->load_over && w->steps % 64 == 0 && check_converged(w)) break;
	}
	if (w->failed) return;
	if (!check_converged(w)) {
		say_stuck(w);
		return world_fail(w, "I: no home or no equal copies ten seconds after the faults");
	}
	check_end(w);
}

/* --- command line ------------------------------------------------------------------------------------ */

static uint64_t number(int argc, char **argv, const char *name, uint64_t otherwise) {
	uint64_t value = otherwise;
	for (int i = 1; i + 1 < argc; i++)
		if (slice_is(slice_str(argv[i]), name) &&
		    parse_u64(slice_str(argv[i + 1]), UINT64_MAX, &value)) {
			fprintf(stderr, "holdfast-sim-cell: %s: not a number: '%s'\n", name,
			        argv[i + 1]);
			exit(2);
		}
	return value;
}

static bool flag(int argc, char **argv, const char *name) {
	for (int i = 1; i < argc; i++)
		if (slice_is(slice_str(argv[i]), name)) return true;
	return false;
}

int main(int argc, char **argv) {
	static struct world w;
	uint64_t first = number(argc, argv, "--seed", 1), count = number(argc, argv, "--count", 1);
	uint64_t seconds = number(argc, argv, "--seconds", 4);
	bool verbose = flag(argc, argv, "--verbose"), clocks_lie = flag(argc, argv, "--clocks-lie");
	cell_mutants = (unsigned)number(argc, argv, "--mutant", 0);
	uint64_t steps = 0, acks = 0, quarantined = 0, moves = 0, failed = 0, epochs = 0, went_on = 0;
	for (uint64_t seed = first; seed < first + count; seed++) {
		world_setup(&w, seed, verbose, clocks_lie);
		world_run(&w, MS(1000) * seconds);
		steps += w.steps;
		acks += w.acks;
		moves += w.moves_made;
		quarantined += w.quarantined;
		epochs += w.placement.epoch;
		went_on += w.went_on;
		if (w.failed) {
			failed++;
			printf("seed %llu: %s\n", (unsigned long long)seed, w.why);
		}
		world_teardown(&w);
		if (failed && (cell_mutants || failed >= 10)) break;
	}
	printf("%llu steps, %llu acknowledged writes, %llu epochs, %llu moves, %llu records "
	       "quarantined, %llu failed, %llu acknowledged without coordination\n",
	       (unsigned long long)steps, (unsigned long long)acks, (unsigned long long)epochs,
	       (unsigned long long)moves, (unsigned long long)quarantined,
	       (unsigned long long)failed, (unsigned long long)went_on);
	if (cell_mutants) return failed ? 0 : 1;
	return failed ? 1 : 0;
}
