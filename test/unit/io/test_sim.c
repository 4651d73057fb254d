/* The simulated world itself: the same seed gives the same run; cuts, resets, pauses and crashes
 * do what they say. */
#include "port.h"

#include <stdio.h>
#include <string.h>

/* Two nodes that play ping-pong over a connection, with a lane and a disk in between; each move
 * is one line of the trace. */
struct player {
	struct game *game;
	char name;
	struct io *io;
	struct io_lane *lane;
	struct io_job job;
	struct io_conn *conn;
	bool is_busy;
};
struct game {
	struct sim *sim;
	struct player players[2];
	struct io_listener *listener;
	struct buf trace;
	int moves, ends;
};

static void trace(struct game *g, char who, const char *what, size_t number) {
	assert_int_equal(buf_printf(&g->trace, "%llu %c %s %zu\n",
	                            (unsigned long long)sim_now_ns(g->sim), who, what, number),
	                 ERR_OK);
}

static void game_data(void *arg, struct slice data) {
	struct player *p = arg;
	trace(p->game, p->name, "got", data.len);
	if (p->is_busy) return;
	p->is_busy = true;
	io_lane_submit(p->lane, &p->job);
}

static void game_end(void *arg, enum err why) {
	struct player *p = arg;
	trace(p->game, p->name, "end", (size_t)why);
	p->game->ends++;
}

static const struct io_conn_handler game_handler = {game_data, game_end, NULL};

static void game_run(struct io_job *job) {
	struct player *p = CONTAINER_OF(job, struct player, job);
	trace(p->game, p->name, "run", 0);
}

static void game_done(struct io_job *job) {
	struct player *p = CONTAINER_OF(job, struct player, job);
	uint64_t salt;
	p->is_busy = false;
	io_random(p->io, &salt, sizeof salt);
	trace(p->game, p->name, "done", salt % 1000);
	p->game->moves++;
	static const uint8_t ball[5000];
	struct slice part = slice_of(ball, 1 + salt % sizeof ball);
	IGNORE(io_conn_write(p->conn, &part, 1)); /* it may be broken by now */
}

static void game_accept(void *arg, struct io_conn *conn) {
	struct game *g = arg;
	g->players[1].conn = conn;
	io_conn_open(conn, &game_handler, &g->players[1]);
}

static void game_connect(void *arg, struct io_conn *conn, enum err err) {
	struct game *g = arg;
	assert_int_equal(err, ERR_OK);
	g->players[0].conn = conn;
	io_conn_open(conn, &game_handler, &g->players[0]);
	struct slice part = SLICE_LIT("go");
	assert_int_equal(io_conn_write(conn, &part, 1), ERR_OK);
}

static void game_init(struct game *g, uint64_t seed) {
	*g = (struct game){0};
	buf_init(&g->trace, 16 << 20);
	const struct sim_options options = {seed, MS / 10, 3 * MS, MS / 100, MS};
	g->sim = sim_new(&options);
	const char *hosts[] = {"a", "b"};
	for (int i = 0; i < 2; i++) {
		struct player *p = &g->players[i];
		*p = (struct player){
			.game = g, .name = hosts[i][0], .io = sim_node(g->sim, hosts[i])};
		p->lane = io_lane_new(p->io, "lane");
		p->job.run = game_run;
		p->job.done = game_done;
	}
	assert_int_equal(
		io_tcp_listen(g->players[1].io, "b", 80, game_accept, g, &g->listener, NULL),
		ERR_OK);
	assert_non_null(io_tcp_connect(g->players[0].io, "b", 80, 1000 * MS, game_connect, g));
}

static void game_done_with(struct game *g) {
	sim_free(g->sim);
	buf_done(&g->trace);
}

static void one_seed_is_one_run(void **state) {
	struct game a, b, c;
	game_init(&a, 42);
	game_init(&b, 42);
	game_init(&c, 43);
	sim_run_for(a.sim, 500 * MS);
	while (sim_now_ns(b.sim) < sim_now_ns(a.sim))
		sim_run_for(b.sim, MS); /* in other portions: the same */
	sim_run_for(c.sim, 500 * MS);
	assert_true(a.moves > 50);
	assert_int_equal(a.trace.len, b.trace.len);
	assert_memory_equal(buf_slice(&a.trace).ptr, buf_slice(&b.trace).ptr, a.trace.len);
	assert_true(sim_digest(a.sim) == sim_digest(b.sim));
	assert_true(sim_digest(a.sim) != sim_digest(c.sim));
	game_done_with(&a);
	game_done_with(&b);
	game_done_with(&c);
}

static void a_cut_holds_bytes_back_one_way(void **state) {
	struct game g;
	game_init(&g, 1);
	sim_run_for(g.sim, 50 * MS);
	sim_cut(g.sim, "b", "a", true);
	sim_run_for(g.sim, 100 * MS);
	int stuck = g.moves;
	sim_run_for(g.sim, 1000 * MS);
	assert_int_equal(g.moves, stuck);
	assert_int_equal(g.ends, 0);
	sim_cut(g.sim, "b", "a", false);
	sim_run_for(g.sim, 100 * MS);
	assert_true(g.moves > stuck + 5);
	assert_int_equal(g.ends, 0);
	game_done_with(&g);
}

static void a_reset_breaks_both_ends(void **state) {
	struct game g;
	game_init(&g, 2);
	sim_run_for(g.sim, 50 * MS);
	sim_cut(g.sim, "b", "a", true); /* even then */
	sim_reset(g.sim, "b", "a");
	sim_run_for(g.sim, 10 * MS);
	assert_int_equal(g.ends, 2);
	struct slice part = SLICE_LIT("x");
	assert_int_equal(io_conn_write(g.players[0].conn, &part, 1), ERR_CLOSED);
	game_done_with(&g);
}

static void a_paused_node_runs_late(void **state) {
	struct game g;
	game_init(&g, 3);
	sim_run_for(g.sim, 50 * MS);
	sim_pause(g.sim, "b", true);
	sim_run_for(g.sim, 10 * MS);
	int stuck = g.moves;
	sim_run_for(g.sim, 1000 * MS);
	assert_int_equal(g.moves, stuck);
	assert_false(sim_step(g.sim)); /* nobody else has anything to do */
	sim_pause(g.sim, "b", false);
	sim_run_for(g.sim, 100 * MS);
	assert_true(g.moves > stuck + 5);
	game_done_with(&g);
}

static void a_crash_breaks_connections_and_forgets_jobs(void **state) {
	for (uint64_t seed = 0; seed < 50; seed++) {
		struct game g;
		game_init(&g, seed);
		sim_run_for(g.sim, 20 * MS + seed * MS / 7);
		sim_crash(g.sim, "b", seed % 2);
		buf_reset(&g.trace);
		sim_run_for(g.sim, 100 * MS);
		assert_int_equal(g.ends, 1);
		const char *text;
		assert_int_equal(buf_cstr(&g.trace, &text), ERR_OK);
		assert_null(strstr(text, " b ")); /* the dead do nothing */
		assert_non_null(strstr(text, " a end"));

		/* Closing what belonged to the dead does no harm, and the node comes back. */
		if (seed % 3 == 0) {
			io_conn_close(g.players[1].conn, true);
			io_lane_free(g.players[1].lane);
			io_listener_close(g.listener);
		}
		struct io *again = sim_node(g.sim, "b");
		assert_ptr_not_equal(again, g.players[1].io);
		assert_int_equal(io_tcp_listen(again, "b", 80, game_accept, &g, &g.listener, NULL),
		                 ERR_OK);
		game_done_with(&g);
	}
}

struct knock {
	int calls;
	enum err err;
};

static void on_knocked(void *arg, struct io_conn *conn, enum err err) {
	struct knock *k = arg;
	k->calls++;
	k->err = err;
	io_conn_close(conn, false);
}

static void the_dead_refuse_and_the_dark_are_silent(void **state) {
	struct game g;
	game_init(&g, 5);
	sim_run_for(g.sim, 20 * MS);
	struct knock k = {0};
	sim_crash(g.sim, "b", false);
	io_tcp_connect(g.players[0].io, "b", 80, 100 * MS, on_knocked, &k);
	sim_run_for(g.sim, 50 * MS);
	assert_int_equal(k.calls, 1);
	assert_int_equal(k.err, ERR_UNAVAILABLE);
	sim_crash(g.sim, "b", true);
	io_tcp_connect(g.players[0].io, "b", 80, 100 * MS, on_knocked, &k);
	sim_run_for(g.sim, 50 * MS);
	assert_int_equal(k.calls, 1);
	sim_run_for(g.sim, 60 * MS);
	assert_int_equal(k.calls, 2);
	assert_int_equal(k.err, ERR_TIMEOUT);
	io_tcp_connect(g.players[0].io, "b", 81, 100 * MS, on_knocked, &k);
	sim_node(g.sim, "b"); /* back in time to refuse */
	sim_run_for(g.sim, 50 * MS);
	assert_int_equal(k.calls, 3);
	assert_int_equal(k.err, ERR_UNAVAILABLE);
	game_done_with(&g);
}

static void wall_clocks_differ(void **state) {
	const struct sim_options options = {.seed = 1};
	struct sim *s = sim_new(&options);
	struct io *a = sim_node(s, "a"), *b = sim_node(s, "b");
	assert_ptr_equal(sim_node(s, "a"), a); /* as long as it lives */
	sim_set_wall(s, "b", -3600000);
	assert_true(io_wall_ms(a) - io_wall_ms(b) == 3600000);
	assert_true(io_now_ns(a) == io_now_ns(b));
	sim_free(s);
}

static void note_time(void *arg) {
	struct io **io = arg;
	*io = NULL;
}

static void monotonic_clocks_differ_in_rate(void **state) {
	const struct sim_options options = {.seed = 1};
	struct sim *s = sim_new(&options);
	struct io *fast = sim_node(s, "fast"), *slow = sim_node(s, "slow");
	struct io *fast_waits = fast, *slow_waits = slow;
	sim_run_for(s, 1000 * MS);
	sim_set_rate(s, "fast", 10000);
	sim_set_rate(s, "slow", -10000);
	assert_true(io_now_ns(fast) == io_now_ns(slow)); /* a new rate is no jump */
	uint64_t start_ns = io_now_ns(fast);
	io_timer_start(io_timer_new(fast, note_time, &fast_waits), 1000 * MS);
	io_timer_start(io_timer_new(slow, note_time, &slow_waits), 1000 * MS);
	sim_run_for(s, 990 * MS);
	assert_ptr_equal(fast_waits, fast); /* 999.9 ms by its own clock */
	sim_run_for(s, 2 * MS);
	assert_null(fast_waits);
	assert_true(io_now_ns(fast) >= start_ns + 1000 * MS);
	sim_run_for(s, 18 * MS);
	assert_ptr_equal(slow_waits, slow);
	sim_run_for(s, 2 * MS);
	assert_null(slow_waits);
	assert_true(io_now_ns(slow) >= start_ns + 1000 * MS);
	assert_true(io_now_ns(fast) - io_now_ns(slow) > 20 * MS);
	sim_free(s);
}

static void a_frozen_machine_loses_time(void **state) {
	const struct sim_options options = {.seed = 1};
	struct sim *s = sim_new(&options);
	struct io *a = sim_node(s, "a"), *b = sim_node(s, "b");
	struct io *soon = a, *later = a;
	io_timer_start(io_timer_new(a, note_time, &soon), 100 * MS);
	io_timer_start(io_timer_new(a, note_time, &later), 3000 * MS);
	sim_run_for(s, 50 * MS);
	sim_pause(s, "a", true);
	sim_run_for(s, 1000 * MS);
	sim_lose_time(s, "a", 1000 * MS);
	sim_pause(s, "a", false);
	assert_true(io_now_ns(b) - io_now_ns(a) == 1000 * MS);
	sim_run_for(s, 49 * MS);
	assert_ptr_equal(soon, a); /* it is not late: it slept */
	sim_run_for(s, 2 * MS);
	assert_null(soon);
	sim_run_for(s, 2890 * MS);
	assert_ptr_equal(later, a);
	sim_run_for(s, 20 * MS);
	assert_null(later);
	sim_free(s);
}

static void a_slow_path_delays_and_loses(void **state) {
	struct game usual, slow, lossy;
	game_init(&usual, 7);
	game_init(&slow, 7);
	game_init(&lossy, 7);
	sim_slow(slow.sim, "a", "b", 100 * MS, 0);
	sim_slow(lossy.sim, "a", "b", 0, 100000);
	sim_run_for(usual.sim, 5000 * MS);
	sim_run_for(slow.sim, 5000 * MS);
	sim_run_for(lossy.sim, 5000 * MS);
	assert_true(slow.moves < usual.moves / 3 && slow.moves > 50);
	assert_true(lossy.moves < usual.moves / 3 && lossy.moves > 50);
	assert_int_equal(lossy.ends, 0);
	sim_slow(slow.sim, "a", "b", 0, 0);
	sim_run_for(slow.sim, 5000 * MS);
	assert_true(slow.moves > usual.moves * 3 / 4);
	game_done_with(&usual);
	game_done_with(&slow);
	game_done_with(&lossy);
}

static void a_disk_hangs_alone(void **state) {
	struct game g;
	game_init(&g, 8);
	sim_run_for(g.sim, 50 * MS);
	sim_hang(g.sim, "b", true);
	sim_run_for(g.sim, 50 * MS);
	int stuck = g.moves;
	sim_run_for(g.sim, 1000 * MS);
	assert_int_equal(g.moves, stuck);
	struct knock k = {0};
	io_tcp_connect(g.players[0].io, "b", 81, 100 * MS, on_knocked, &k);
	sim_run_for(g.sim, 50 * MS);
	assert_int_equal(k.err, ERR_UNAVAILABLE); /* refused at once: its network is well */
	sim_hang(g.sim, "b", false);
	sim_run_for(g.sim, 100 * MS);
	assert_true(g.moves > stuck + 5);
	game_done_with(&g);
}

static void the_plan_has_its_own_random(void **state) {
	const struct sim_options options = {.seed = 1};
	struct sim *a = sim_new(&options), *b = sim_new(&options);
	uint8_t bytes[100];
	io_random(sim_node(a, "a"), bytes, sizeof bytes);
	for (int i = 0; i < 100; i++) {
		uint64_t x = sim_random(a, 10);
		assert_true(x < 10 && x == sim_random(b, 10));
	}
	sim_free(a);
	sim_free(b);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_seed_is_one_run),
		cmocka_unit_test(a_cut_holds_bytes_back_one_way),
		cmocka_unit_test(a_reset_breaks_both_ends),
		cmocka_unit_test(a_paused_node_runs_late),
		cmocka_unit_test(a_crash_breaks_connections_and_forgets_jobs),
		cmocka_unit_test(the_dead_refuse_and_the_dark_are_silent),
		cmocka_unit_test(wall_clocks_differ),
		cmocka_unit_test(monotonic_clocks_differ_in_rate),
		cmocka_unit_test(a_frozen_machine_loses_time),
		cmocka_unit_test(a_slow_path_delays_and_loses),
		cmocka_unit_test(a_disk_hangs_alone),
		cmocka_unit_test(the_plan_has_its_own_random),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
