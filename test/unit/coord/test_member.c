/* Membership over the simulation: what happens to leases when disks, processes or coordination
 * fail, one at a time; then everything at random, with the invariants of member_world.h. */
#include "member_world.h"

static void all_join_and_stay(void **state) {
	struct world *w = world_of_all(1);
	for (int i = 0; i < 1000; i++) {
		sim_run_for(w->sim, 10 * MS);
		assert_int_equal(holders(w), NODES);
	}
	for (int i = 0; i < NODES; i++) {
		struct node *n = &w->nodes[i];
		assert_int_equal(n->generation, 1);
		assert_int_equal(n->losses, 0);
		assert_int_equal(member_valid_until_ns(n->member), n->valid_until_ns);
		for (int k = 0; k < NODES; k++) {
			if (k == i) continue;
			assert_int_equal(n->ups[k], 1);
			assert_true(n->downs[k] <= 1); /* seen before it joined */
			assert_true(member_peer_up(n->member, node_names[k]));
		}
	}
	world_free(w);
}

static void a_peer_that_never_came_is_down(void **state) {
	struct world *w = world_new(2, 2 * MS);
	node_start(w, 0);
	sim_run_for(w->sim, 30 * MS);
	for (int k = 1; k < NODES; k++) {
		assert_int_equal(w->nodes[0].downs[k], 1);
		assert_int_equal(w->nodes[0].peer_generation[k], 0);
		assert_false(member_peer_up(w->nodes[0].member, node_names[k]));
	}
	sim_run_for(w->sim, 5000 * MS);
	for (int k = 1; k < NODES; k++) assert_int_equal(w->nodes[0].downs[k], 1);
	world_free(w);
}

static void an_expired_peer_is_down_at_start(void **state) {
	struct world *w = world_of_all(3);
	node_crash(w, 1, true);
	node_crash(w, 0, true);
	sim_run_for(w->sim, 100 * MS);
	node_start(w, 0);
	sim_run_for(w->sim, 30 * MS);
	assert_int_equal(w->nodes[0].downs[1], 1);
	assert_int_equal(w->nodes[0].ups[1], 0);
	assert_int_equal(w->nodes[0].peer_generation[1], 1); /* the life that is over */
	world_free(w);
}

/* When the others said so, in ns after `since`; each exactly once more than before. */
static uint64_t latest_down(struct world *w, int dead, int downs_each, uint64_t since) {
	uint64_t latest = 0;
	for (int i = 0; i < NODES; i++) {
		struct node *n = &w->nodes[i];
		if (i == dead || !n->member) continue;
		assert_int_equal(n->downs[dead], downs_each);
		assert_false(member_peer_up(n->member, node_names[dead]));
		if (n->down_ns[dead] - since > latest) latest = n->down_ns[dead] - since;
	}
	return latest;
}

static int downs_before(struct world *w, int dead) {
	int downs = w->nodes[dead ? 0 : 1].downs[dead];
	for (int i = 0; i < NODES; i++)
		if (i != dead)
			w->nodes[i].downs[dead] =
				downs; /* the first report differs by start order */
	return downs;
}

static void proof_stops(enum proof_mode how) {
	struct world *w = world_of_all(4);
	struct node *sick = &w->nodes[0];
	int downs = downs_before(w, 0);
	uint64_t since = sim_now_ns(w->sim);
	sick->proof = how;
	while (holds(sick)) sim_run_for(w->sim, MS);
	/* At most a third of D after the last proof it renewed once more. */
	assert_true(sim_now_ns(w->sim) - since <= (200 + 25 + 600) * MS);
	sim_run_for(w->sim, 1000 * MS);
	assert_true(latest_down(w, 0, downs + 1, since) <= (200 + 25 + 656 + 50) * MS);
	assert_int_equal(sick->losses, 0); /* it does not ask, so it has not heard */
	assert_int_equal(holders(w), NODES - 1);

	sim_run_for(w->sim, 5000 * MS);
	latest_down(w, 0, downs + 1, since);
	sick->proof = PROOF_AT_ONCE;
	if (sick->proof_waits) member_proved(sick->member, ERR_OK); /* took longer than a lease */
	assert_false(holds(sick));
	sim_run_for(w->sim, 500 * MS);
	assert_int_equal(sick->losses, 1);
	assert_int_equal(sick->generation, 3);
	assert_int_equal(holders(w), NODES);
	for (int i = 1; i < NODES; i++) assert_int_equal(w->nodes[i].peer_generation[0], 3);
	world_free(w);
}
static void a_failed_proof_ends_the_lease(void **state) {
	proof_stops(PROOF_FAILS);
}
static void a_proof_that_hangs_ends_the_lease(void **state) {
	proof_stops(PROOF_HANGS);
}

static void without_a_first_proof_nobody_joins(void **state) {
	struct world *w = world_new(5, 2 * MS);
	w->nodes[0].proof = PROOF_HANGS;
	node_start(w, 0);
	node_start(w, 1);
	sim_run_for(w->sim, 3000 * MS);
	assert_int_equal(w->nodes[0].generation, 0);
	assert_int_equal(w->nodes[1].ups[0], 0);
	world_free(w);
}

static void a_short_pause_is_forgiven(void **state) {
	struct world *w = world_of_all(6);
	int downs = downs_before(w, 2);
	sim_pause(w->sim, node_names[2], true);
	sim_run_for(w->sim, 300 * MS);
	sim_pause(w->sim, node_names[2], false);
	sim_run_for(w->sim, 2000 * MS);
	for (int i = 0; i < NODES; i++) assert_int_equal(w->nodes[i].generation, 1);
	for (int i = 0; i < 2; i++) assert_int_equal(w->nodes[i].downs[2], downs);
	world_free(w);
}

static void a_long_pause_is_the_end_of_a_life(void **state) {
	struct world *w = world_of_all(7);
	struct node *stopped = &w->nodes[2];
	int downs = downs_before(w, 2), accused = stopped->downs[0] + stopped->downs[1];
	uint64_t since = sim_now_ns(w->sim);
	sim_pause(w->sim, node_names[2], true);
	sim_run_for(w->sim, 3000 * MS);
	uint64_t took = latest_down(w, 2, downs + 1, since);
	assert_true(took >= 550 * MS && took <= (656 + 40) * MS);

	assert_false(holds(stopped)); /* the deadline says so before anything else runs */
	sim_pause(w->sim, node_names[2], false);
	while (!stopped->losses) {
		assert_false(holds(stopped));
		assert_true(sim_step(w->sim));
	}
	sim_run_for(w->sim, 500 * MS);
	assert_true(holds(stopped));
	assert_int_equal(stopped->generation, 3);
	for (int i = 0; i < NODES; i++) {
		if (i != 2) assert_int_equal(w->nodes[i].peer_generation[2], 3);
	}
	assert_int_equal(stopped->downs[0] + stopped->downs[1], accused);
	world_free(w);
}

static void a_proven_death_is_known_at_once(void **state) {
	struct world *w = world_of_all(8);
	int downs = downs_before(w, 1);
	uint64_t since = sim_now_ns(w->sim);
	node_crash(w, 1, true);
	sim_run_for(w->sim, 2000 * MS);
	assert_true(latest_down(w, 1, downs + 1, since) <= 10 * MS);
	node_start(w, 1);
	sim_run_for(w->sim, 300 * MS);
	assert_int_equal(w->nodes[1].generation, 3); /* three challengers ended it once */
	for (int i = 0; i < NODES; i++)
		if (i != 1) assert_int_equal(w->nodes[i].peer_generation[1], 3);
	world_free(w);
}

static void a_death_without_proof_takes_the_lease(void **state) {
	struct world *w = world_of_all(9);
	int downs = downs_before(w, 1);
	uint64_t since = sim_now_ns(w->sim);
	node_crash(w, 1, false);
	sim_run_for(w->sim, 2000 * MS);
	uint64_t took = latest_down(w, 1, downs + 1, since);
	assert_true(took >= 550 * MS && took <= (656 + 40) * MS);
	world_free(w);
}

/* The process is back before anybody noticed. */
static void a_quick_restart_is_down_then_up(void **state) {
	struct world *w = world_of_all(10);
	int downs = downs_before(w, 1), ups = w->nodes[0].ups[1];
	node_crash(w, 1, false);
	node_start(w, 1);
	sim_run_for(w->sim, 1000 * MS);
	for (int i = 0; i < NODES; i++) {
		if (i == 1) continue;
		assert_int_equal(w->nodes[i].downs[1], downs + 1);
		assert_int_equal(w->nodes[i].ups[1], ups + 1);
		assert_int_equal(w->nodes[i].peer_generation[1], 2);
	}
	world_free(w);
}

static void cut_from_coordination_one_node_steps_down(void **state) {
	struct world *w = world_of_all(11);
	struct node *cut = &w->nodes[3];
	int downs = downs_before(w, 3), accused = cut->downs[0];
	uint64_t since = sim_now_ns(w->sim);
	coord_memory_cut(w->memory, node_names[3], true);
	sim_run_for(w->sim, 5000 * MS);
	assert_true(latest_down(w, 3, downs + 1, since) <= (656 + 40) * MS);
	assert_false(holds(cut));
	assert_int_equal(cut->losses, 0); /* not answered is not lost */
	assert_int_equal(cut->downs[0], accused);
	coord_memory_cut(w->memory, node_names[3], false);
	sim_run_for(w->sim, 1000 * MS);
	assert_int_equal(cut->losses, 1);
	assert_int_equal(cut->generation, 3);
	assert_int_equal(cut->downs[0], accused);
	assert_int_equal(holders(w), NODES);
	world_free(w);
}

static void when_coordination_is_gone_nobody_is_accused(void **state) {
	struct world *w = world_of_all(12);
	for (int i = 0; i < NODES; i++) coord_memory_cut(w->memory, node_names[i], true);
	sim_run_for(w->sim, 5000 * MS);
	assert_int_equal(holders(w), 0);
	for (int i = 0; i < NODES; i++) coord_memory_cut(w->memory, node_names[i], false);
	sim_run_for(w->sim, 2000 * MS);
	assert_int_equal(holders(w), NODES);
	for (int i = 0; i < NODES; i++) {
		assert_int_equal(w->nodes[i].generation, 1);
		assert_int_equal(w->nodes[i].losses, 0);
	}
	world_free(w);
}

/* An election answers nobody: what was asked before takes effect when it is over, in any order. A
 * renewal that could not be made is no sign of death, whoever looks at what moment. */
static void while_coordination_stalls_nobody_is_accused(void **state) {
	for (uint64_t seed = 0; seed < 40; seed++) {
		struct world *w = world_of_all(100 + seed);
		sim_run_for(w->sim, seed * 5 * MS);
		coord_memory_stall(w->memory, true);
		sim_run_for(w->sim, (300 + 20 * seed) * MS);
		coord_memory_stall(w->memory, false);
		sim_run_for(w->sim, 2000 * MS);
		assert_int_equal(holders(w), NODES);
		for (int i = 0; i < NODES; i++) {
			assert_int_equal(w->nodes[i].generation, 1);
			assert_int_equal(w->nodes[i].losses, 0);
		}
		world_free(w);
	}
}

/* --- everything at random ------------------------------------------------------------- */

static void random_fault(struct world *w, bool paused[NODES]) {
	int i = (int)sim_random(w->sim, NODES);
	struct node *n = &w->nodes[i];
	switch (sim_random(w->sim, 8)) {
	case 0:
		if (n->member) node_crash(w, i, sim_random(w->sim, 2));
		paused[i] = false;
		break;
	case 1:
	case 2:
		if (!n->member) node_start(w, i);
		break;
	case 3: coord_memory_cut(w->memory, node_names[i], true); break;
	case 4: coord_memory_cut(w->memory, node_names[i], false); break;
	case 5:
		if (n->member && !n->proof_waits) n->proof = (enum proof_mode)sim_random(w->sim, 3);
		break;
	case 6:
		n->proof = PROOF_AT_ONCE;
		if (n->member && n->proof_waits) member_proved(n->member, ERR_OK);
		n->proof_waits = false;
		break;
	default:
		if (!n->member) break;
		paused[i] = !paused[i];
		sim_pause(w->sim, node_names[i], paused[i]);
	}
}

static void heal(struct world *w, bool paused[NODES]) {
	for (int i = 0; i < NODES; i++) {
		struct node *n = &w->nodes[i];
		if (paused[i]) sim_pause(w->sim, node_names[i], false);
		n->proof = PROOF_AT_ONCE;
		if (!n->member) node_start(w, i);
		coord_memory_cut(w->memory, node_names[i], false);
		if (n->proof_waits) member_proved(n->member, ERR_OK);
		n->proof_waits = false;
	}
}

static void random_run(uint64_t seed) {
	struct world *w = world_new(seed, 0);
	w->delay_ns = sim_random(w->sim, 60 * MS);
	bool paused[NODES] = {false};
	for (int i = 0; i < NODES; i++) node_start(w, i);
	for (int step = 0; step < 80; step++) {
		sim_run_for(w->sim, sim_random(w->sim, 700 * MS));
		random_fault(w, paused);
	}
	heal(w, paused);
	sim_run_for(w->sim, 5000 * MS);
	assert_int_equal(holders(w), NODES);
	for (int i = 0; i < NODES; i++)
		for (int k = 0; k < NODES; k++) {
			if (i == k) continue;
			assert_true(member_peer_up(w->nodes[i].member, node_names[k]));
			assert_int_equal(w->nodes[i].peer_generation[k], w->nodes[k].generation);
		}
	world_free(w);
}

static void nobody_is_over_while_it_holds(void **state) {
	for (uint64_t seed = 1; seed <= 1500; seed++) random_run(seed);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_join_and_stay),
		cmocka_unit_test(a_peer_that_never_came_is_down),
		cmocka_unit_test(an_expired_peer_is_down_at_start),
		cmocka_unit_test(a_failed_proof_ends_the_lease),
		cmocka_unit_test(a_proof_that_hangs_ends_the_lease),
		cmocka_unit_test(without_a_first_proof_nobody_joins),
		cmocka_unit_test(a_short_pause_is_forgiven),
		cmocka_unit_test(a_long_pause_is_the_end_of_a_life),
		cmocka_unit_test(a_proven_death_is_known_at_once),
		cmocka_unit_test(a_death_without_proof_takes_the_lease),
		cmocka_unit_test(a_quick_restart_is_down_then_up),
		cmocka_unit_test(cut_from_coordination_one_node_steps_down),
		cmocka_unit_test(when_coordination_is_gone_nobody_is_accused),
		cmocka_unit_test(while_coordination_stalls_nobody_is_accused),
		cmocka_unit_test(nobody_is_over_while_it_holds),
	};
	return cmocka_run_group_tests_name("coord-member", tests, NULL, NULL);
}
