/* Decisions gathered on the loop, handed over once a second or when they are many. */
#include "edge/tape.h"

#include <stdlib.h>

#include "base/log.h"
#include "edge/tape_file.h"

enum { MANY_BYTES = 256 << 10, TAKEN_MAX = RECORDING_BLOCK_MAX + RECORDING_HEADER_MAX + 64 };
static const uint64_t TICK_NS = 1000000000, SAY_NS = 60000000000;

struct tape {
	struct io_job job;
	struct io *io;
	struct io_lane *lane;
	struct io_timer *tick;
	struct recordable what;
	struct recorder *recorder;
	/* The lane's while `writing`: */
	struct tape_file file;
	struct buf taken;
	bool last; /* of the file */
	enum err err;
	bool writing;
	uint64_t gathered, under_way; /* decisions: in the recorder; in `taken` */
	uint64_t unsaid, said_ns;     /* dropped, and not said yet; when it was said */
	struct metric *recorded, *dropped, *withheld;
};

/* In the log at most once a minute: it must not get more than the recording would have. */
static void drop(struct tape *t, uint64_t decisions, enum err why) {
	uint64_t now = io_loop_ns(t->io);
	metric_add(t->dropped, (int64_t)decisions);
	t->unsaid += decisions;
	if (t->said_ns && now - t->said_ns < SAY_NS) return;
	LOG(LOG_WARN, "recording", "decisions are not recorded", {"why", err_text(why)},
	    LOG_NUM("decisions", t->unsaid));
	t->unsaid = 0;
	t->said_ns = now;
}

/* --- writing -------------------------------------------------------------------------------- */

static void write_taken(struct tape *t) {
	t->err = tape_file_write(&t->file, buf_slice(&t->taken), t->last);
}

static void on_lane(struct io_job *job) {
	write_taken(CONTAINER_OF(job, struct tape, job));
}

/* Names that the lost bytes told are missing to all that came after: begin again. */
static void account(struct tape *t) {
	if (t->err) {
		drop(t, t->under_way + t->gathered, t->err);
		t->gathered = 0;
		recorder_restart(t->recorder);
	} else {
		metric_add(t->recorded, (int64_t)t->under_way);
	}
	t->under_way = 0;
}

/* Into `taken`; the file may be asked, since the lane is idle. False: there is nothing. */
static bool take(struct tape *t) {
	if (!recorder_waiting(t->recorder)) return false;
	buf_reset(&t->taken);
	t->err = recorder_take(t->recorder, &t->taken);
	t->under_way = t->gathered;
	t->gathered = 0;
	t->last = t->file.bytes + t->taken.len + TAKEN_MAX > t->file.bytes_max;
	t->file.stamp_ms = io_wall_ms(t->io);
	if (t->err)
		account(t);
	else if (t->last)
		recorder_restart(t->recorder);
	return !t->err;
}

static void flush(void *arg) {
	struct tape *t = arg;
	if (t->writing || !take(t)) return;
	t->writing = true;
	io_lane_submit(t->lane, &t->job);
}

static void on_written(struct io_job *job) {
	struct tape *t = CONTAINER_OF(job, struct tape, job);
	t->writing = false;
	account(t);
	if (recorder_waiting(t->recorder) >= MANY_BYTES)
		flush(t);
	else if (t->gathered)
		io_timer_start(t->tick, TICK_NS);
}

/* --- gathering -------------------------------------------------------------------------------- */

void tape_add(struct tape *t, const struct world *w, const struct decide_request *q,
              const struct decision *d) {
	struct recordable_request kept;
	if (!t) return;
	enum recordable_answer answer = recordable(&t->what, q);
	if (answer == RECORDABLE_SKIPPED) return;
	if (answer == RECORDABLE_ELSEWHERE) {
		metric_inc(t->withheld);
		return;
	}
	recordable_reduce(&t->what, q, &kept);
	enum err e = recorder_add(t->recorder, w, &kept.request, d);
	if (e) {
		drop(t, 1, e);
		return;
	}
	if (t->gathered++ == 0 && !t->writing) io_timer_start(t->tick, TICK_NS);
	if (recorder_waiting(t->recorder) >= MANY_BYTES) flush(t);
}

/* --- beginning and ending ------------------------------------------------------------------------ */

static void make_metrics(struct tape *t, struct registry *r) {
	t->recorded = metric_counter(r, "holdfast_recording_decisions_total",
	                             "Decisions written to recordings.", "");
	t->dropped = metric_counter(r, "holdfast_recording_dropped_total",
	                            "Decisions that the disk did not take.", "");
	t->withheld =
		metric_counter(r, "holdfast_recording_withheld_total",
	                       "Decisions not recorded: the tenant's bytes may not lie here.", "");
}

enum err tape_new(struct io *io, const struct tape_options *o, struct tape **out,
                  struct fault *fault) {
	uint64_t share = o->bytes_max / (uint64_t)o->workers;
	if (share < TAPE_FILE_BYTES_MIN)
		return fault_set(fault, ERR_TOO_LARGE,
		                 "recording.max_bytes: %d workers need %d MiB each: give more, or "
		                 "have fewer workers",
		                 o->workers, TAPE_FILE_BYTES_MIN >> 20);
	struct tape *t = *out = calloc(1, sizeof(*t));
	if (!t) return fault_set(fault, ERR_NO_MEMORY, "no memory for recordings");
	t->io = io;
	t->job = (struct io_job){.run = on_lane, .done = on_written};
	t->what = o->what;
	t->file = (struct tape_file){.fs = o->files,
	                             .dir = o->dir,
	                             .region = o->region,
	                             .worker = o->worker,
	                             .workers = o->workers,
	                             .all_bytes_max = share,
	                             .bytes_max =
	                                     o->file_bytes_max < share ? o->file_bytes_max : share,
	                             .free_bytes_min = o->free_bytes_min};
	buf_init(&t->taken, TAKEN_MAX);
	enum err e = tape_file_open(&t->file);
	if (e) {
		tape_free(t);
		*out = NULL;
		return fault_set(fault, e,
		                 "recording.dir: %s: %s: check the path and its permissions",
		                 o->dir, err_text(e));
	}
	make_metrics(t, o->registry);
	t->recorder = recorder_new(o->what.policy, o->what.one_of);
	t->tick = io_timer_new(io, flush, t);
	t->lane = io_lane_new(io, "recording");
	if (t->recorder && t->tick && t->lane) return ERR_OK;
	tape_free(t);
	*out = NULL;
	return fault_set(fault, ERR_NO_MEMORY, "no memory or thread for recordings");
}

void tape_free(struct tape *t) {
	if (!t) return;
	if (t->lane) io_lane_free(t->lane); /* done with what was under way */
	if (t->writing) account(t);
	if (t->recorder && take(t)) {
		t->last = true;
		write_taken(t);
		account(t);
	}
	tape_file_end(&t->file);
	if (t->tick) io_timer_free(t->tick);
	recorder_free(t->recorder);
	buf_done(&t->taken);
	free(t);
}
