/* The port's loop, on both drivers: clocks, timers, posts, turn ends and lanes. */
#include "port.h"

#include <string.h>

/* --- clocks and randomness --------------------------------------------------- */

static void clocks_go_on(void **state) {
	struct port *p = *state;
	uint64_t before = io_now_ns(p->client), loop = io_loop_ns(p->client);
	assert_true(before > 0 && loop >= before);
	assert_true(io_wall_ms(p->client) > 1700000000000u);
	port_run_for(p, 20 * MS);
	assert_true(io_now_ns(p->client) >= before + 20 * MS);
	assert_true(io_loop_ns(p->client) >= before + 20 * MS);
}

static void random_differs(void **state) {
	struct port *p = *state;
	uint8_t a[37] = {0}, b[37] = {0};
	io_random(p->client, a, sizeof a);
	io_random(p->client, b, sizeof b);
	assert_memory_not_equal(a, b, sizeof a);
}

/* --- timers ---------------------------------------------------------------------- */

struct ticker {
	struct port *p;
	struct io_timer *timer;
	char name;
	char *order;
	uint64_t due_ns;
	int again;
};

static void tick(void *arg) {
	struct ticker *t = arg;
	assert_true(io_now_ns(t->p->client) >= t->due_ns);
	size_t len = strlen(t->order);
	t->order[len] = t->name;
	t->order[len + 1] = 0;
	if (t->again-- > 0) {
		t->due_ns = io_now_ns(t->p->client) + MS / 3;
		io_timer_start(t->timer, MS / 3);
	}
}

static void ticker_start(struct ticker *t, struct port *p, char name, char *order, uint64_t delay) {
	*t = (struct ticker){.p = p, .name = name, .order = order};
	t->timer = io_timer_new(p->client, tick, t);
	t->due_ns = io_now_ns(p->client) + delay;
	io_timer_start(t->timer, delay);
}

static void timers_fire_in_order_and_never_early(void **state) {
	struct port *p = *state;
	struct ticker t[5];
	char order[16] = "";
	ticker_start(&t[0], p, 'c', order, 30 * MS);
	ticker_start(&t[1], p, 'a', order, 1);
	ticker_start(&t[2], p, 'x', order, 5 * MS);
	ticker_start(&t[3], p, 'b', order, 10 * MS + MS / 2);
	ticker_start(&t[4], p, 'y', order, 5 * MS);
	io_timer_stop(t[2].timer);
	io_timer_free(t[4].timer);
	t[1].due_ns = io_now_ns(p->client) + 2 * MS;
	io_timer_start(t[1].timer, 2 * MS); /* restarts */
	port_run_for(p, 60 * MS);
	assert_string_equal(order, "abc");
	for (int i = 0; i < 4; i++) io_timer_free(t[i].timer);
}

static void a_timer_restarts_itself(void **state) {
	struct port *p = *state;
	struct ticker t;
	char order[16] = "";
	ticker_start(&t, p, 't', order, MS / 3);
	t.again = 4;
	port_run_for(p, 40 * MS);
	assert_string_equal(order, "ttttt");
	io_timer_free(t.timer);
}

static void far_timers_wait(void **state) {
	struct port *p = *state;
	struct ticker t;
	char order[16] = "";
	ticker_start(&t, p, 't', order, UINT64_MAX);
	port_run_for(p, 10 * MS);
	assert_string_equal(order, "");
	io_timer_free(t.timer);
}

static void free_self(void *arg) {
	struct ticker *t = arg;
	io_timer_free(t->timer);
	port_stop(t->p);
}

static void a_timer_may_free_itself(void **state) {
	struct ticker t = {.p = *state};
	t.timer = io_timer_new(t.p->client, free_self, &t);
	io_timer_start(t.timer, MS);
	port_run(t.p);
}

/* --- posts and turns ----------------------------------------------------------------- */

struct note {
	struct io_post post;
	struct port *p;
	int *log, *count;
	int number, left;
};

static void on_note(struct io_post *post) {
	struct note *n = CONTAINER_OF(post, struct note, post);
	n->log[(*n->count)++] = n->number;
	if (n->left-- > 0)
		io_post(n->p->client, post); /* reused from inside */
	else if (n->number == 3)
		port_stop(n->p);
}

static void posts_run_in_order(void **state) {
	struct port *p = *state;
	int log[16], count = 0;
	struct note notes[3];
	for (int i = 0; i < 3; i++) {
		notes[i] = (struct note){{.fn = on_note}, p, log, &count, i + 1, i == 2 ? 2 : 0};
		io_post(p->client, &notes[i].post);
	}
	port_run(p);
	const int expected[] = {1, 2, 3, 3, 3};
	assert_int_equal(count, 5);
	assert_memory_equal(log, expected, sizeof expected);
}

struct turns {
	int ends, seen_by_second;
};

static void count_end(void *arg) {
	((struct turns *)arg)->ends++;
}

static void second_hook(void *arg) {
	struct turns *t = arg;
	t->seen_by_second = t->ends;
}

static void nothing(void *arg) {}

static void a_turn_ends_once_after_it_ran(void **state) {
	struct port *p = *state;
	struct turns t = {0};
	io_on_turn_end(p->client, count_end, &t);
	io_on_turn_end(p->client, second_hook, &t);
	port_run_for(p, 20 * MS);
	assert_true(t.ends >= 1 && t.ends <= 3); /* the first turn, and the timer that stopped it */
	assert_int_equal(t.seen_by_second, t.ends);
	int before = t.ends;
	struct io_timer *timer = io_timer_new(p->client, nothing, NULL);
	io_timer_start(timer, 5 * MS);
	port_run_for(p, 30 * MS);
	assert_true(t.ends >= before + 2 && t.ends <= before + 4);
	io_timer_free(timer);
}

/* --- lanes --------------------------------------------------------------------------------- */

struct work {
	struct io_job job;
	struct port *p;
	int number, *runs, *log, *count;
	bool is_last;
};

static void work_run(struct io_job *job) {
	struct work *w = CONTAINER_OF(job, struct work, job);
	w->runs[w->number] = 1;
}

static void work_done(struct io_job *job) {
	struct work *w = CONTAINER_OF(job, struct work, job);
	assert_int_equal(w->runs[w->number], 1);
	w->log[(*w->count)++] = w->number;
	if (w->is_last) port_stop(w->p);
}

enum { WORKS = 50 };

static void submit_all(struct port *p, struct io_lane *lane, struct work *works, int *runs,
                       int *log, int *count) {
	for (int i = 0; i < WORKS; i++) {
		works[i] = (struct work){{.run = work_run, .done = work_done},
		                         p,
		                         i,
		                         runs,
		                         log,
		                         count,
		                         i == WORKS - 1};
		io_lane_submit(lane, &works[i].job);
	}
}

static void a_lane_keeps_order(void **state) {
	struct port *p = *state;
	struct io_lane *lane = io_lane_new(p->client, "test-lane");
	struct work works[WORKS];
	int runs[WORKS] = {0}, log[WORKS], count = 0;
	submit_all(p, lane, works, runs, log, &count);
	assert_int_equal(count, 0); /* never before the loop runs */
	port_run(p);
	assert_int_equal(count, WORKS);
	for (int i = 0; i < WORKS; i++) assert_int_equal(log[i], i);
	io_lane_free(lane);
}

static void freeing_a_lane_finishes_its_jobs(void **state) {
	struct port *p = *state;
	struct io_lane *lane = io_lane_new(p->client, "test-lane");
	struct work works[WORKS];
	int runs[WORKS] = {0}, log[WORKS], count = 0;
	submit_all(p, lane, works, runs, log, &count);
	io_lane_free(lane);
	for (int i = 0; i < WORKS; i++) assert_int_equal(runs[i], 1);
	port_run_for(p, 20 * MS);
	assert_int_equal(count, 0); /* done is not called any more */
}

static void free_lane_done(struct io_job *job) {
	struct work *w = CONTAINER_OF(job, struct work, job);
	io_lane_free(job->lane);
	w->log[(*w->count)++] = w->number;
}

static void a_lane_may_be_freed_in_done(void **state) {
	struct port *p = *state;
	struct io_lane *lane = io_lane_new(p->client, "test-lane");
	struct work works[WORKS];
	int runs[WORKS] = {0}, log[WORKS], count = 0;
	submit_all(p, lane, works, runs, log, &count);
	works[3].job.done = free_lane_done;
	port_run_for(p, 50 * MS);
	assert_int_equal(count, 4);
	for (int i = 0; i < WORKS; i++) assert_int_equal(runs[i], 1);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		ON_BOTH(clocks_go_on),
		ON_BOTH(random_differs),
		ON_BOTH(timers_fire_in_order_and_never_early),
		ON_BOTH(a_timer_restarts_itself),
		ON_BOTH(far_timers_wait),
		ON_BOTH(a_timer_may_free_itself),
		ON_BOTH(posts_run_in_order),
		ON_BOTH(a_turn_ends_once_after_it_ran),
		ON_BOTH(a_lane_keeps_order),
		ON_BOTH(freeing_a_lane_finishes_its_jobs),
		ON_BOTH(a_lane_may_be_freed_in_done),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
