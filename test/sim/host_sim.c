/* Whole nodes in the simulated world: hosts with their links, leases, stores and cells, while
 * nodes crash, come back and are cut off. After each run every copy must be the same, and
 * every write that was acknowledged in the sync cell must be in it; what the async cell lost
 * must be in quarantine.
 *
 * usage: host-sim [FIRST_SEED [COUNT]]  the random runs only, telling each seed */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "host_world.h"

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
static int seed_count = 100;

static void whatever_happens(void **state) {
	log_set_level(LOG_OFF);
	for (int i = 0; i < seed_count; i++) {
		if (*state)
			print_message("seed %llu\n", (unsigned long long)first_seed + (unsigned)i);
		random_run(first_seed + (uint64_t)i);
	}
}

/* --- what waits ------------------------------------------------------------------------------------ */

static uint64_t last_seq(int node, int cell) {
	struct store_info info;
	w.node[node].store[cell]->ops->info(w.node[node].store[cell], &info);
	return info.last.seq;
}

static void cut_off(int node) {
	for (int other = 0; other < NODES; other++) {
		if (other == node) continue;
		sim_cut(w.sim, regions[node], regions[other], true);
		sim_cut(w.sim, regions[other], regions[node], true);
	}
}

static void put_expiring(int home, int cell, int count, uint64_t in_ms) {
	for (int i = 0; i < count; i++) {
		put(home, cell)->op.expires_ms = io_wall_ms(w.node[home].io) + in_ms;
		if (i % 16 == 0) run_ms(1);
	}
}

static void a_write_that_waits_for_copies_is_told_at_its_deadline(void **state) {
	int home = wait_home(SYNC, 5000);
	run_ms(1000);
	cut_off(home);
	struct write *x = put(home, SYNC);
	x->p.deadline_ns = sim_now_ns(w.sim) + 300ull * MS;
	run_ms(290);
	assert_int_equal(x->outcome, WRITE_OPEN);
	run_ms(50);
	assert_int_equal(x->p.err, ERR_OUTCOME_UNKNOWN);
}

static void what_expired_is_removed_once(void **state) {
	enum { KEYS = 1280 };
	int home = wait_home(ASYNC, 5000);
	run_ms(1000);
	put_expiring(home, ASYNC, KEYS, 2000);
	run_ms(500);
	uint64_t before = last_seq(home, ASYNC);
	run_ms(6000);
	assert_in_range(last_seq(home, ASYNC) - before, KEYS / 256, KEYS / 256 + 1);
}

static void a_sweep_in_flight_does_not_outlive_its_host(void **state) {
	int home = wait_home(SYNC, 5000);
	run_ms(1000);
	put_expiring(home, SYNC, 10, 300);
	run_ms(50);
	cut_off(home);
	run_ms(1500);
	node_crash(home, false);
}

static void a_cell_that_waits_for_copies_stops_no_sweep(void **state) {
	run_ms(3000);
	node_crash(wait_home(SYNC, 5000), true);
	int home = wait_home(SYNC, 5000);
	assert_int_equal(home_of(ASYNC), home);
	run_ms(1000);
	put_expiring(home, SYNC, 5, 300);
	run_ms(50);
	cut_off(home);
	uint64_t sync_before = last_seq(home, SYNC);
	run_ms(3000);
	put_expiring(home, ASYNC, 5, 300);
	run_ms(50);
	uint64_t async_before = last_seq(home, ASYNC);
	run_ms(3000);
	assert_int_equal(last_seq(home, ASYNC), async_before + 1);
	/* Nor does it fill the log of the one that waits. */
	run_ms(10000);
	assert_int_equal(last_seq(home, SYNC), sync_before + 1);
}

static int fired;

static void on_fired(struct io_post *post) {
	fired++;
}

static void who_waits_at_a_copy_that_is_fenced_is_told_at_once(void **state) {
	int home = wait_home(ASYNC, 5000);
	run_ms(1000);
	memory_disk_fail(w.node[home].disk[ASYNC], MEMORY_APPLY, 1, ERR_IO, false);
	node_cut(home, true); /* or another epoch would end the waits */
	put(home, ASYNC);
	fired = 0;
	struct host_wait waits[2];
	for (int i = 0; i < 2; i++) {
		waits[i] = (struct host_wait){.post.fn = on_fired,
		                              .reply_to = w.node[home].io,
		                              .seq = last_seq(home, ASYNC) + 1,
		                              .deadline_ns = UINT64_MAX};
		host_wait_applied(w.node[home].host, ASYNC, &waits[i]);
		run_ms(50);
		assert_int_equal(fired, i + 1);
	}
}

static void a_view_without_room_takes_no_writes(void **state) {
	int home = wait_home(ASYNC, 5000);
	run_ms(1000);
	memory_disk_fail(w.node[home].disk[ASYNC], MEMORY_APPLY, 1, ERR_NO_SPACE, true);
	put_many(home, ASYNC, 100);
	run_ms(1000);
	struct write *late = put(home, ASYNC);
	run_ms(100);
	assert_int_equal(late->p.err, ERR_NO_SPACE);
	memory_disk_fail(w.node[home].disk[ASYNC], MEMORY_APPLY, 0, ERR_OK, false);
	run_ms(1000);
	late = put(home, ASYNC);
	run_ms(100);
	assert_int_equal(late->p.err, ERR_OK);
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
		TEST(a_write_that_waits_for_copies_is_told_at_its_deadline),
		TEST(what_expired_is_removed_once),
		TEST(a_sweep_in_flight_does_not_outlive_its_host),
		TEST(a_cell_that_waits_for_copies_stops_no_sweep),
		TEST(who_waits_at_a_copy_that_is_fenced_is_told_at_once),
		TEST(a_view_without_room_takes_no_writes),
		cmocka_unit_test(whatever_happens),
	};
	static char loud[] = "loud";
	const struct CMUnitTest one[] = {cmocka_unit_test_prestate(whatever_happens, loud)};
	if (argc < 2) return cmocka_run_group_tests(tests, NULL, NULL);
	first_seed = strtoull(argv[1], NULL, 10);
	seed_count = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 1;
	return cmocka_run_group_tests(one, NULL, NULL);
}
