/* Lanes of a simulated node. A job takes a random time; its `run` happens all at once at the
 * end of that time, and `done` a little later, as two events: a crash before the first loses
 * the effect, one between them loses only the news. */
#include <stdlib.h>

#include "io/sim_driver.h"

struct sim_lane {
	struct io_lane base;
	struct sim_io *io;
	struct list_node node;
	struct list waiting, finished;
	struct sim_event run, done;
};

static struct io_job *job_pop(struct list *from) {
	return CONTAINER_OF(list_pop_front(from), struct io_job, node);
}

static void start_next(struct sim_lane *lane) {
	struct sim *s = lane->io->sim;
	uint64_t delay =
		sim_rng_between(&s->jobs, s->options.job_delay_min_ns, s->options.job_delay_max_ns);
	sim_event_at(s, &lane->run, s->now_ns + delay);
}

static void on_run(struct sim_event *ev) {
	struct sim_lane *lane = CONTAINER_OF(ev, struct sim_lane, run);
	struct sim_io *io = lane->io;
	if (io->node->hangs) {
		sim_event_at(io->sim, ev, io->sim->now_ns + SIM_HANG_LOOK_NS);
		return;
	}
	struct io_job *job = job_pop(&lane->waiting);
	job->run(job);
	if (io->dead) return; /* the job crashed its own node */
	list_push_back(&lane->finished, &job->node);
	if (!sim_event_waits(&lane->done))
		sim_event_at(io->sim, &lane->done, io->sim->now_ns + SIM_DONE_DELAY_NS);
	if (!list_empty(&lane->waiting)) start_next(lane);
}

static void on_done(struct sim_event *ev) {
	struct sim_lane *lane = CONTAINER_OF(ev, struct sim_lane, done);
	struct io_job *job = job_pop(&lane->finished);
	if (!list_empty(&lane->finished)) sim_event_at(lane->io->sim, ev, 0);
	job->done(job); /* may free the lane */
}

struct io_lane *sim_lane_new(struct io *io, const char *name) {
	struct sim_lane *lane = sim_alloc(sizeof *lane);
	lane->base.ops = &sim_ops;
	lane->io = (struct sim_io *)io;
	list_init(&lane->waiting);
	list_init(&lane->finished);
	sim_event_init(&lane->run, lane->io, on_run);
	sim_event_init(&lane->done, lane->io, on_done);
	list_push_back(&lane->io->lanes, &lane->node);
	return &lane->base;
}

void sim_lane_submit(struct io_lane *base, struct io_job *job) {
	struct sim_lane *lane = (struct sim_lane *)base;
	if (lane->io->dead) return;
	job->lane = base;
	list_push_back(&lane->waiting, &job->node);
	if (!sim_event_waits(&lane->run)) start_next(lane);
}

/* News take their own time here, whatever the lane does next. */
void sim_lane_tell(struct io_lane *base) {}

void sim_lane_free(struct io_lane *base) {
	struct sim_lane *lane = (struct sim_lane *)base;
	sim_event_cancel(lane->io->sim, &lane->run);
	sim_event_cancel(lane->io->sim, &lane->done);
	while (!list_empty(&lane->waiting)) {
		struct io_job *job = job_pop(&lane->waiting);
		job->run(job);
	}
	list_remove(&lane->io->lanes, &lane->node);
	free(lane);
}

void sim_lanes_forget(struct sim_io *io) {
	LIST_EACH (&io->lanes, n) {
		struct sim_lane *lane = CONTAINER_OF(n, struct sim_lane, node);
		list_init(&lane->waiting);
		list_init(&lane->finished);
	}
}

void sim_lanes_release(struct sim_io *io) {
	for (struct list_node *n; (n = list_first(&io->lanes));)
		sim_lane_free(&CONTAINER_OF(n, struct sim_lane, node)->base);
}
