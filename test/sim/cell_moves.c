/* Changes of home, one crash at a time, in a world without other faults and under load.
 * Planned moves: one side is killed at the first, second, third… thing that happens after the home was
 * asked, until the move is long over. Without a crash it must be made, and the pause be short.
 * Failovers: the home is killed, and then likewise whoever is about to be home: another goes on where
 * it was. Whenever it is, there must be one home and equal copies soon, and nothing acknowledged may
 * be missing that was promised to be kept.
 * Flapping: the home goes down and comes up every two seconds for ten minutes, which must not take the
 * cell along; then the one that has it dies for good, and another must take over at once.
 *
 *   holdfast-sim-moves [--verbose] */
#include <stdio.h>
#include <stdlib.h>

#include "cell_world.h"

static const uint64_t MOVE_AT_NS = MS(900), DOWN_NS = MS(400), SETTLE_NS = MS(12000);
static const uint64_t AFTER_NS = MS(1000), PAUSE_MAX_NS = MS(100);
enum { STEPS_MAX = 2000, STEPS_WAITING = 100 };
enum victim { NOBODY, HOME, TARGET, BOTH, CANDIDATE, CANDIDATE_FOR_GOOD };

struct plan {
	int nodes, k;
	bool sync, availability;
	enum victim victim;
	int crash_after; /* steps */
};

static void setup(struct world *w, const struct plan *p, bool verbose) {
	memset(w, 0, sizeof *w);
	w->seed = w->random = 77 + (uint64_t)p->crash_after;
	w->verbose = verbose;
	w->n = p->nodes;
	w->k = p->k;
	w->sync = p->sync;
	w->availability = p->availability;
	w->faults_over = true;
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
}

static void teardown(struct world *w) {
	for (int i = 0; i < w->n; i++) {
		struct node *n = &w->nodes[i];
		for (int x = 0; x < NODES_MAX; x++) view_clear(&n->exports[x].view);
		cell_free(n->core);
		disk_done(&n->disk);
		free(n->deferred);
	}
	for (size_t i = 0; i < w->heap_count; i++) free(w->heap[i].memory);
	free(w->heap);
	load_done(w);
	check_done(w);
}

static int home_of(const struct world *w) {
	bool active = w->revision && w->placement.state == PLACEMENT_ACTIVE;
	return active ? w->placement.home[1] - '0' : -1;
}

static void until(struct world *w, uint64_t ns) {
	while (!w->failed && w->now_ns < ns && world_step(w)) continue;
}

/* Whoever is on its way to be home, or is it. -1: nobody yet. */
static int acting(const struct world *w) {
	for (int i = 0; i < w->n; i++) {
		struct cell_status s;
		if (!w->nodes[i].running) continue;
		cell_status(w->nodes[i].core, node_now(w, i), &s);
		if (s.role >= CELL_CLAIMING && s.role <= CELL_HOME) return i;
	}
	return -1;
}

static void kill_now(struct world *w, enum victim victim, int home, int target) {
	bool power = w->seed % 2;
	int candidate = acting(w);
	if (victim >= CANDIDATE && candidate >= 0) {
		w->moves_made += home_of(w) == candidate; /* it was done before */
		node_crash(w, candidate, power);
		/* A disk is gone at the worst moment: the others have everything. */
		if (victim == CANDIDATE_FOR_GOOD) disk_wipe(w, candidate);
		return;
	}
	if (victim == HOME || victim == BOTH) node_crash(w, home, power);
	if (victim == TARGET || victim == BOTH) node_crash(w, target, power);
}

static void bring_back(struct world *w) {
	for (int i = 0; i < w->n; i++)
		if (!w->nodes[i].running) node_start(w, i);
}

/* Nobody died: the target is home, at the next epoch, and the pause was short. */
static void check_made(struct world *w, int target, uint64_t asked_ns) {
	uint64_t epoch = w->placement.epoch;
	while (!w->failed && w->now_ns < asked_ns + MS(500) && world_step(w))
		if (home_of(w) == target) break;
	if (home_of(w) != target) return world_fail(w, "the move was not made");
	if (w->placement.epoch > epoch + 1) world_fail(w, "more than one epoch for one move");
	if (w->now_ns - asked_ns > PAUSE_MAX_NS)
		world_fail(w, "the move took %llu us",
		           (unsigned long long)(w->now_ns - asked_ns) / 1000);
}

/* Until there is something to interrupt. */
static void begin(struct world *w, const struct plan *p, int home, int target) {
	if (p->victim < CANDIDATE) {
		node_move(w, target, 1000);
		return;
	}
	node_crash(w, home, true);
	uint64_t end_ns = w->now_ns + MS(3000);
	while (!w->failed && acting(w) < 0 && w->now_ns < end_ns && world_step(w)) continue;
	if (acting(w) < 0) world_fail(w, "nobody takes over");
}

static void run(struct world *w, const struct plan *p) {
	until(w, MOVE_AT_NS);
	int home = home_of(w), target = (home + 1) % w->n;
	if (home < 0) return world_fail(w, "no home to begin with");
	uint64_t asked_ns = w->now_ns;
	begin(w, p, home, target);
	for (int i = 0; i < p->crash_after && !w->failed; i++) world_step(w);
	if (p->victim == NOBODY) check_made(w, target, asked_ns);
	kill_now(w, p->victim, home, target);
	until(w, w->now_ns + DOWN_NS);
	bring_back(w);
	until(w, w->now_ns + AFTER_NS);
	w->load_over = true;
	uint64_t end_ns = w->now_ns + SETTLE_NS;
	while (!w->failed && w->now_ns < end_ns && world_step(w))
		if (w->steps % 64 == 0 && check_converged(w)) break;
	if (w->failed) return;
	if (!check_converged(w)) return world_fail(w, "no home or no equal copies");
	check_end(w);
	if (!w->failed && p->victim == NOBODY && w->quarantined)
		world_fail(w, "%llu records were lost by a move",
		           (unsigned long long)w->quarantined);
}

/* Crashes later and later, until a move is over before. */
static int sweep(struct plan p, bool verbose) {
	static struct world w;
	int runs = 0, made = 0;
	/* Every copy must acknowledge, so nobody is home before the dead one is back. */
	bool waits = p.victim >= CANDIDATE && p.k == p.nodes && !p.availability;
	int most = p.victim == NOBODY ? 1 : waits ? STEPS_WAITING : STEPS_MAX;
	for (p.crash_after = 0; p.crash_after < most; p.crash_after++) {
		setup(&w, &p, verbose);
		run(&w, &p);
		runs++;
		bool failed = w.failed;
		/* Its home may hear of the next epoch first, and then does not know; but check_made does. */
		made += w.moves_made > 0 || (p.victim == NOBODY && !failed);
		if (failed)
			printf("%d nodes k %d %s victim %d after %d steps: %s\n", p.nodes, p.k,
			       p.sync ? "sync" : "async", p.victim, p.crash_after, w.why);
		teardown(&w);
		if (failed) return 1;
		if (made >= 8) break; /* long over */
	}
	printf("%d nodes k %d %s victim %d: %d runs, %d moves made\n", p.nodes, p.k,
	       p.sync ? "sync" : "async", p.victim, runs, made);
	return made || waits ? 0 : 1;
}

/* --- flapping ------------------------------------------------------------------------------------ */

static void flap_run(struct world *w) {
	until(w, MS(2000));
	int first = home_of(w);
	if (first < 0) return world_fail(w, "no home to begin with");
	uint64_t epoch = w->placement.epoch;
	for (int i = 0; i < 300 && !w->failed; i++) {
		if (i % 2 == 0) node_crash(w, first, true);
		if (i % 2 == 1) node_start(w, first);
		w->load_over = i > 20; /* what matters is who is home */
		until(w, w->now_ns + MS(2000));
	}
	if (w->failed) return;
	if (w->placement.epoch > epoch + 3)
		return world_fail(w, "%llu epochs for one region that flaps",
		                  (unsigned long long)(w->placement.epoch - epoch));
	int home = home_of(w);
	if (home < 0 || home == first) return world_fail(w, "the one that flaps is home");
	uint64_t died_ns = w->now_ns;
	node_crash(w, home, true);
	while (!w->failed && w->now_ns < died_ns + MS(5000) && world_step(w))
		if (home_of(w) >= 0 && home_of(w) != home) break;
	if (w->failed) return;
	int next = home_of(w);
	if (next < 0 || next == home) return world_fail(w, "a true death was not recovered from");
	if (w->n > 2 && next == first) return world_fail(w, "the one that flaps went first");
	if (w->now_ns - died_ns > MS(1500))
		return world_fail(w, "a true death took %llu ms",
		                  (unsigned long long)(w->now_ns - died_ns) / 1000000);
}

static int flap(int nodes, bool verbose) {
	static struct world w;
	const struct plan p = {.nodes = nodes, .k = 2, .sync = true, .availability = true};
	setup(&w, &p, verbose);
	flap_run(&w);
	bool failed = w.failed;
	printf("%d nodes, flapping: %s\n", nodes, failed ? w.why : "fine");
	teardown(&w);
	return failed;
}

int main(int argc, char **argv) {
	bool verbose = argc > 1 && strcmp(argv[1], "--verbose") == 0;
	static const struct plan cells[] = {
		{.nodes = 2, .k = 2, .sync = true, .availability = true},
		{.nodes = 3, .k = 2, .sync = true},
		{.nodes = 3, .k = 3, .sync = true},
		{.nodes = 3, .k = 1},
	};
	int failed = 0;
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; i < sizeof cells / sizeof *cells; i++)
		for (int victim = NOBODY; victim <= CANDIDATE_FOR_GOOD; victim++) {
			struct plan p = cells[i];
			p.victim = (enum victim)victim;
			/* That costs two of three logs, or half of an async cell's. */
			if (victim == CANDIDATE_FOR_GOOD && (p.nodes < 3 || !p.sync)) continue;
			failed |= sweep(p, verbose);
		}
	return failed | flap(3, verbose) | flap(2, verbose);
}
