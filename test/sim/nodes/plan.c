/* Faults: a list made from the seed before the run begins, so that one can be left out and the
 * rest stays what it was. */
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "disks.h"
#include "spy.h"
#include "world.h"

const char *const fault_names[FAULT_KINDS] = {
	[FAULT_KILL] = "kill",
	[FAULT_POWER] = "power loss",
	[FAULT_KILL_STEP] = "kill at a step",
	[FAULT_PAUSE] = "pause",
	[FAULT_FREEZE] = "sleep of the home",
	[FAULT_CUT] = "one-way cut",
	[FAULT_CUT_BOTH] = "cut",
	[FAULT_ISOLATE] = "isolation",
	[FAULT_COORD] = "loss of coordination",
	[FAULT_COORD_ALL] = "outage of coordination",
	[FAULT_COORD_ANSWER] = "lost answer of coordination",
	[FAULT_BREAK] = "broken connection",
	[FAULT_SLOW] = "slow and lossy path",
	[FAULT_NO_SPACE] = "full disk",
	[FAULT_IO] = "failing disk",
	[FAULT_HANG] = "hanging disk",
	[FAULT_WALL] = "wall clock jumps",
	[FAULT_ROGUE] = "old policy",
	[FAULT_WIPE] = "wiped disk",
	[FAULT_ROT] = "rot on the disk",
};
enum { D_MS = 600, CLOCK_PPM = 10000 };

int home_of(const struct world *w, int cell) {
	for (int i = 0; i < NODES; i++) {
		struct host_cell_state s;
		const struct node *n = &w->node[i];
		if (!n->host || n->doomed) continue;
		host_cell_state(n->host, cell, &s);
		if (s.is_home && io_now_ns(n->io) < s.lease_until_ns) return i;
	}
	return -1;
}

/* --- making it ----------------------------------------------------------------------------- */

static uint64_t lasts_ns(struct world *w, const struct trouble *f) {
	static const uint64_t pauses_ms[] = {D_MS / 2, 2 * D_MS, 700, 60000};
	switch (f->kind) {
	case FAULT_PAUSE: return MS(pauses_ms[world_random(w, w->options.seed % 50 ? 3 : 4)]);
	case FAULT_FREEZE: return MS(630) + world_random(w, MS(330));
	case FAULT_COORD_ANSWER: return US(200) + world_random(w, MS(4));
	default: break;
	}
	return world_random(w, 3) ? MS(20) + world_random(w, MS(700))
	                          : MS(500) + world_random(w, MS(3000));
}

static void fault_make(struct world *w, struct trouble *f) {
	static const enum fault_kind often[] = {FAULT_KILL,     FAULT_POWER, FAULT_KILL_STEP,
	                                        FAULT_PAUSE,    FAULT_CUT,   FAULT_ISOLATE,
	                                        FAULT_KILL_STEP};
	f->kind = world_random(w, 2) ? (enum fault_kind)world_random(w, FAULT_KINDS)
	                             : often[world_random(w, sizeof often / sizeof *often)];
	f->node = (int)world_random(w, NODES);
	f->other = (f->node + 1 + (int)world_random(w, NODES - 1)) % NODES;
	f->cell = f->kind >= FAULT_WIPE ? 0 : (int)world_random(w, CELLS);
	f->number = world_random(w, 1 << 30);
	f->at_ns = world_random(w, w->run_ns);
	f->lasts_ns = lasts_ns(w, f);
	f->world = w;
}

static int by_time(const void *a, const void *b) {
	const struct trouble *x = a, *y = b;
	return x->at_ns < y->at_ns ? -1 : x->at_ns > y->at_ns;
}

/* From a storm to a drizzle. */
void plan_make(struct world *w) {
	static const int most[] = {4, 10, 20, 40};
	w->clocks_lie = w->options.clocks_lie || w->options.seed % 8 == 5;
	w->local = w->options.local || w->options.seed % 4 == 3;
	w->run_ns = MS(6000) + world_random(w, MS(9000));
	w->fault_count = 1 + (int)world_random(w, (uint64_t)most[w->options.seed % 4]);
	for (int i = 0; i < w->fault_count; i++) fault_make(w, &w->plan[i]);
	qsort(w->plan, (size_t)w->fault_count, sizeof *w->plan, by_time);
	for (int i = 0; i < w->fault_count; i++) w->plan[i].dropped = w->options.without >> i & 1;
	for (int i = 0; i < NODES && w->options.seed % 3 == 0; i++)
		sim_set_rate(w->sim, regions[i],
		             (int)world_random(w, 2 * CLOCK_PPM + 1) - CLOCK_PPM);
}

void fault_text(const struct world *w, const struct trouble *f, char out[200]) {
	bool two = f->kind == FAULT_CUT || f->kind == FAULT_CUT_BOTH || f->kind == FAULT_BREAK ||
	           f->kind == FAULT_SLOW;
	snprintf(out, 200, "%s at %s%s%s, cell %s, from %.3f s for %.3f s, %llu",
	         fault_names[f->kind], regions[f->node], two ? " and " : "",
	         two ? regions[f->other] : "", w->cell[f->cell].name, (double)f->at_ns / 1e9,
	         (double)f->lasts_ns / 1e9, (unsigned long long)f->number);
}

/* --- doing it -------------------------------------------------------------------------------- */

static bool is_up(const struct world *w, int i) {
	return w->node[i].io && !w->node[i].doomed;
}

static void set_cut(struct world *w, int from, int to, bool cut) {
	w->cut[from][to] = cut;
	sim_cut(w->sim, regions[from], regions[to], cut);
}

static void isolate(struct world *w, int i, bool cut) {
	for (int j = 0; j < NODES; j++) {
		if (j == i) continue;
		set_cut(w, i, j, cut);
		set_cut(w, j, i, cut);
	}
}

static void cut_coord(struct world *w, int i, bool cut) {
	w->coord_cut[i] = cut;
	coord_memory_cut(w->coordination, regions[i], cut);
}

static void pause_node(struct world *w, int i, bool paused) {
	struct node *n = &w->node[i];
	if (n->paused && !paused && w->clocks_lie)
		sim_lose_time(w->sim, regions[i], sim_now_ns(w->sim) - n->paused_ns);
	if (!n->paused) n->paused_ns = sim_now_ns(w->sim);
	n->paused = paused;
	sim_pause(w->sim, regions[i], paused);
}

static void slow_path(struct world *w, const struct trouble *f, bool slow) {
	uint64_t ns = slow ? MS(20) + f->number % MS(150) : 0;
	uint32_t loss_ppm = slow && f->number & 1 ? 20000 : 0;
	sim_slow(w->sim, regions[f->node], regions[f->other], ns, loss_ppm);
	sim_slow(w->sim, regions[f->other], regions[f->node], ns, loss_ppm);
}

static void arm_kill(struct world *w, const struct trouble *f) {
	struct node *n = &w->node[f->node];
	if (!is_up(w, f->node) || !n->spy[f->cell]) return;
	bool often = f->number >> 1 & 1;
	enum spy_step step = (enum spy_step)(f->number >> 2) % (often ? SPY_PROMISE : SPY_STEPS);
	spy_kill_at(n->spy[f->cell], step, 1 + f->number / 64 % (often ? 20 : 2),
	            f->number >> 5 & 1);
}

static void rogue_start(struct world *w, const struct trouble *f) {
	if (cell_at(w, f->cell, f->node) || !is_up(w, f->node)) return;
	w->node[f->node].rogue = f->cell;
	node_crash(w, f->node, false);
	node_start(w, f->node);
}

static void freeze(struct world *w, const struct trouble *f) {
	for (int j = 0; j < NODES; j++) {
		if (j == f->node || j == f->other) continue;
		set_cut(w, f->node, j, true);
		set_cut(w, j, f->node, true);
	}
	cut_coord(w, f->node, true);
	if (is_up(w, f->node)) pause_node(w, f->node, true);
}

/* Half of them strike the home, and one of its copies. */
static void aim(struct world *w, struct trouble *f) {
	const struct placing *p = &w->cell[f->cell];
	int home = home_of(w, f->cell);
	if (home < 0 || (f->number & 1 && f->kind != FAULT_FREEZE)) return;
	f->node = home;
	int other = p->replicas[f->number / 2 % (unsigned)p->replica_count];
	if (other != home) f->other = other;
	if (f->other == home) f->other = (home + 1) % NODES;
}

/* One copy that is not the home: then the others have every write, and one of them is enough with
 * the home's. */
static bool may_lose(const struct world *w, const struct trouble *f) {
	const struct placing *p = &w->cell[f->cell];
	int home = home_of(w, f->cell);
	return !w->wiped && p->sync && p->replica_count > 2 && !p->availability && home >= 0 &&
	       home != f->node && cell_at(w, f->cell, f->node) && is_up(w, f->node);
}

static void lose_disk(struct world *w, const struct trouble *f) {
	if (!may_lose(w, f)) return;
	w->wiped = true;
	node_crash(w, f->node, true);
	if (f->kind == FAULT_WIPE)
		disk_wipe(w, f->node, f->cell);
	else
		disk_rot(w, f->node, f->cell, f->number);
}

static void begin(struct world *w, struct trouble *f) {
	if (f->kind != FAULT_ROGUE && f->kind < FAULT_WIPE) aim(w, f);
	int i = f->node, j = f->other;
	switch (f->kind) {
	case FAULT_KILL:
	case FAULT_POWER:
		if (is_up(w, i)) node_crash(w, i, f->kind == FAULT_POWER);
		break;
	case FAULT_KILL_STEP: arm_kill(w, f); break;
	case FAULT_PAUSE:
		if (is_up(w, i)) pause_node(w, i, true);
		break;
	case FAULT_FREEZE: freeze(w, f); break;
	case FAULT_CUT: set_cut(w, i, j, true); break;
	case FAULT_CUT_BOTH:
		set_cut(w, i, j, true);
		set_cut(w, j, i, true);
		break;
	case FAULT_ISOLATE: isolate(w, i, true); break;
	case FAULT_COORD:
	case FAULT_COORD_ANSWER: cut_coord(w, i, true); break;
	case FAULT_COORD_ALL:
		for (int n = 0; n < NODES; n++) cut_coord(w, n, true);
		break;
	case FAULT_BREAK: sim_reset(w->sim, regions[i], regions[j]); break;
	case FAULT_SLOW: slow_path(w, f, true); break;
	case FAULT_NO_SPACE: disk_break(w, i, f->cell, f->number, ERR_NO_SPACE, true); break;
	case FAULT_IO: disk_break(w, i, f->cell, f->number, ERR_IO, false); break;
	case FAULT_HANG: sim_hang(w->sim, regions[i], true); break;
	case FAULT_WALL:
		sim_set_wall(w->sim, regions[i], (int64_t)(f->number % 7200000) - 3600000);
		break;
	case FAULT_ROGUE: rogue_start(w, f); break;
	case FAULT_WIPE:
	case FAULT_ROT: lose_disk(w, f); break;
	case FAULT_KINDS: break;
	}
}

static void revive(struct world *w, int i) {
	if (!w->node[i].io) node_start(w, i);
}

static void end(struct world *w, struct trouble *f) {
	int i = f->node, j = f->other;
	switch (f->kind) {
	case FAULT_KILL:
	case FAULT_WIPE:
	case FAULT_ROT:
	case FAULT_POWER: revive(w, i); break;
	case FAULT_KILL_STEP:
		if (is_up(w, i) && w->node[i].spy[f->cell])
			spy_kill_at(w->node[i].spy[f->cell], SPY_APPEND, 0, false);
		revive(w, i);
		break;
	case FAULT_PAUSE:
		if (w->node[i].paused) pause_node(w, i, false);
		break;
	case FAULT_FREEZE:
		if (f->half_over) {
			isolate(w, i, false);
			cut_coord(w, i, false);
			break;
		}
		if (w->node[i].paused) pause_node(w, i, false);
		f->half_over = true;
		io_timer_start(f->end, MS(700));
		break;
	case FAULT_CUT: set_cut(w, i, j, false); break;
	case FAULT_CUT_BOTH:
		set_cut(w, i, j, false);
		set_cut(w, j, i, false);
		break;
	case FAULT_ISOLATE: isolate(w, i, false); break;
	case FAULT_COORD:
	case FAULT_COORD_ANSWER: cut_coord(w, i, false); break;
	case FAULT_COORD_ALL:
		for (int n = 0; n < NODES; n++) cut_coord(w, n, false);
		break;
	case FAULT_SLOW: slow_path(w, f, false); break;
	case FAULT_NO_SPACE: /* and who could not start for want of room does now */
		disk_mend(w, i);
		revive(w, i);
		break;
	case FAULT_IO: /* a fenced copy is out until a restart */
		disk_mend(w, i);
		if (is_up(w, i)) node_crash(w, i, false);
		revive(w, i);
		break;
	case FAULT_HANG: sim_hang(w->sim, regions[i], false); break;
	case FAULT_ROGUE:
		if (w->node[i].rogue < 0) break;
		w->node[i].rogue = -1;
		if (is_up(w, i)) node_crash(w, i, false);
		revive(w, i);
		break;
	case FAULT_BREAK:
	case FAULT_WALL:
	case FAULT_KINDS: break;
	}
}

static void say(struct world *w, const struct trouble *f, const char *what) {
	if (!w->options.tell) return;
	char text[200];
	fault_text(w, f, text);
	world_tell(w, -1, -1, "fault %d %s: %s", (int)(f - w->plan), what, text);
}

static void on_begin(void *arg) {
	struct trouble *f = arg;
	struct world *w = f->world;
	if (w->healed || f->dropped) return;
	begin(w, f);
	say(w, f, "begins");
	io_timer_start(f->end, f->lasts_ns);
}

static void on_end(void *arg) {
	struct trouble *f = arg;
	struct world *w = f->world;
	if (w->healed) return;
	say(w, f, "ends");
	end(w, f);
}

void plan_start(struct world *w) {
	for (int i = 0; i < w->fault_count; i++) {
		struct trouble *f = &w->plan[i];
		f->begin = io_timer_new(w->outside, on_begin, f);
		f->end = io_timer_new(w->outside, on_end, f);
		io_timer_start(f->begin, f->at_ns);
	}
}

void plan_heal(struct world *w) {
	w->healed = true;
	world_tell(w, -1, -1, "everything is well again");
	for (int i = 0; i < NODES; i++) {
		isolate(w, i, false);
		cut_coord(w, i, false);
		sim_hang(w->sim, regions[i], false);
		disk_mend(w, i);
		for (int j = 0; j < NODES; j++)
			if (i != j) sim_slow(w->sim, regions[i], regions[j], 0, 0);
		if (is_up(w, i)) pause_node(w, i, false);
		bool restart = w->node[i].rogue >= 0;
		w->node[i].rogue = -1;
		for (int c = 0; c < CELLS && is_up(w, i); c++) {
			struct host_cell_state s;
			host_cell_state(w->node[i].host, c, &s);
			restart |= s.fenced;
			if (w->node[i].spy[c]) spy_kill_at(w->node[i].spy[c], SPY_APPEND, 0, false);
		}
		if (restart && is_up(w, i)) node_crash(w, i, false);
		revive(w, i);
	}
}

void plan_done(struct world *w) {
	for (int i = 0; i < w->fault_count; i++) {
		if (!w->plan[i].begin) continue;
		io_timer_free(w->plan[i].begin);
		io_timer_free(w->plan[i].end);
	}
}
