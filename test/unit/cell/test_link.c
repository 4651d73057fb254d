/* Links over the simulated network: two regions that should get to speak with each other. */
#include <stdlib.h>

#include "link_world.h"

static void send_records(struct side *from, int to, uint64_t seq, size_t len) {
	uint8_t *bytes = malloc(len + 1);
	memset(bytes, (uint8_t)seq, len + 1);
	const struct frame f = {.type = FRAME_RECORDS,
	                        .cell = 1,
	                        .epoch = 3,
	                        .seq = seq,
	                        .bytes = slice_of(bytes, len)};
	links_send(from->links, to, &f);
	free(bytes);
}

static void frames_arrive_whole_and_in_order(void **state) {
	struct world *w = *state;
	open_both(w);
	run_ms(w, 100);
	assert_up(w, true);
	uint64_t bytes = 0;
	for (uint64_t i = 0; i < 300; i++) {
		size_t len = sim_random(w->sim, 100) == 0 ? sim_random(w->sim, 8 << 20)
		                                          : sim_random(w->sim, 9000);
		bytes += len;
		send_records(&w->side[0], 1, i, len);
		send_records(&w->side[1], 0, i, len);
		links_flush(w->side[0].links);
		links_flush(w->side[1].links);
		run_ms(w, sim_random(w->sim, 3));
	}
	run_ms(w, 1000);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(w->side[i].frames, 300);
		assert_int_equal(w->side[i].bytes, bytes);
		assert_int_equal(w->side[i].ups, 1);
		assert_int_equal(w->side[i].downs, 0);
	}
}

static void room_is_told_of(void **state) {
	struct world *w = *state;
	open_both(w);
	run_ms(w, 100);
	send_records(&w->side[0], 1, 0, 100);
	links_flush(w->side[0].links);
	run_ms(w, 100);
	assert_int_equal(w->side[0].rooms, 0); /* it never had to wait */
	send_records(&w->side[0], 1, 1, 4 << 20);
	links_flush(w->side[0].links);
	assert_true(links_pending(w->side[0].links, 1) > 0);
	run_ms(w, 1000);
	assert_int_equal(w->side[0].rooms, 1);
}

static void a_broken_link_comes_back(void **state) {
	struct world *w = *state;
	open_both(w);
	run_ms(w, 100);
	for (int i = 1; i < 5; i++) {
		sim_reset(w->sim, "east", "west");
		run_ms(w, 3000);
		assert_up(w, true);
		assert_int_equal(w->side[0].ups, i + 1);
		assert_int_equal(w->side[1].ups, i + 1);
		assert_int_equal(w->side[0].downs, i);
	}
	assert_int_equal(refused(&w->side[0], "west"), 0); /* nobody's offence */
}

static void who_starts_later_is_found(void **state) {
	struct world *w = *state;
	struct links_options o = options_of(&w->side[0], 0);
	open_side(w, 0, &o);
	run_ms(w, 10000);
	o = options_of(&w->side[1], 1);
	open_side(w, 1, &o);
	run_ms(w, 1100); /* the longest pause, and the way */
	assert_up(w, true);
}

static void a_refused_peer_is_closed_and_counted(void **state) {
	struct world *w = *state;
	open_both(w);
	run_ms(w, 100);
	w->side[1].refuse = true;
	send_records(&w->side[0], 1, 0, 10);
	send_records(&w->side[0], 1, 1, 10);
	links_flush(w->side[0].links); /* both in one write */
	run_ms(w, 10);
	assert_int_equal(w->side[1].frames, 1); /* nothing is read behind it */
	assert_int_equal(w->side[1].downs, 1);
	assert_int_equal(refused(&w->side[1], "east"), 1);
	run_ms(w, 3000);
	assert_up(w, true);
}

static void silence_after_heartbeats_closes(void **state) {
	struct world *w = *state;
	open_both(w);
	run_ms(w, 100);
	const struct frame beat = {.type = FRAME_HEARTBEAT, .epoch = 1};
	links_send(w->side[0].links, 1, &beat);
	links_flush(w->side[0].links);
	run_ms(w, 100);
	sim_cut(w->sim, "east", "west", true);
	run_ms(w, 4000);
	assert_true(links_up(w->side[1].links, 0));
	run_ms(w, 3000);
	assert_false(links_up(w->side[1].links, 0));
	sim_cut(w->sim, "east", "west", false);
	run_ms(w, 5000);
	assert_up(w, true);
	run_ms(w, 60000); /* without heartbeats silence means nothing */
	assert_up(w, true);
}

static void what_piles_up_closes(void **state) {
	struct world *w = *state;
	open_both(w);
	run_ms(w, 100);
	sim_cut(w->sim, "east", "west", true);
	for (uint64_t i = 0; i < 9 && links_up(w->side[0].links, 1); i++) {
		send_records(&w->side[0], 1, i, 8 << 20);
		assert_true(links_pending(w->side[0].links, 1) <= 64 << 20);
	}
	assert_false(links_up(w->side[0].links, 1));
	assert_int_equal(refused(&w->side[0], "west"), 1);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(frames_arrive_whole_and_in_order), TEST(a_broken_link_comes_back),
		TEST(who_starts_later_is_found),        TEST(a_refused_peer_is_closed_and_counted),
		TEST(silence_after_heartbeats_closes),  TEST(what_piles_up_closes),
		TEST(room_is_told_of),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
