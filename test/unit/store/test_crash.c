/* Crashes at every call of the disk: a workload of everything that writes is run again and
 * again, and each time another call is where the power goes, or where the disk fails once,
 * or where room runs out. Afterwards what was acknowledged is there, what is there is a
 * prefix of what was written, chained and replayable, and the store works on. */
#include "rig.h"

enum { TRIES_MAX = 4 };

/* What the store may hold after a crash: records up to one of these. */
struct allowed {
	uint64_t min, max;   /* a prefix of the history between these */
	uint64_t or_exactly; /* or up to here; UINT64_MAX: no */
};
struct world {
	struct rig *g;
	struct history h;
	struct allowed allowed;
	uint64_t promised;
	struct buf tail; /* must be in quarantine once `tail_saved` */
	bool tail_saved;
	bool retry;   /* ERR_NO_SPACE is answered by trying again */
	enum err err; /* the first that was not OK: the workload stops there */
};

static bool step(struct world *w, enum err err) {
	if (err == ERR_NO_SPACE && w->retry) return true;
	w->err = err;
	return false;
}
/* Does a step, again while there is no room; leaves the function when it fails. */
#define STEP(w, call)                                                                              \
	for (int tries_ = 0;; tries_++) {                                                          \
		assert_true(tries_ < TRIES_MAX);                                                   \
		if (!step(w, call)) break;                                                         \
	}                                                                                          \
	if ((w)->err) return

static void settle_on(struct world *w, uint64_t seq) {
	w->allowed = (struct allowed){seq, seq, UINT64_MAX};
}

static void write_some(struct world *w, uint64_t epoch, int count, size_t bytes) {
	uint64_t first = (uint64_t)w->h.count + 1;
	char key[16];
	for (int i = 0; i < count; i++) {
		snprintf(key, sizeof(key), "key-%d", w->h.count * 5 % 17);
		history_put_sized(&w->h, epoch, key, bytes);
	}
	uint64_t last = (uint64_t)w->h.count;
	w->allowed.max = last;
	STEP(w, rig_append(w->g, history_slice(&w->h, first, last)));
	settle_on(w, last);
	STEP(w, rig_apply(w->g, last));
}

/* Several in flight; each is acknowledged on its own. */
static void write_at_once(struct world *w, uint64_t epoch) {
	struct rig_op ops[4];
	uint64_t first = (uint64_t)w->h.count + 1;
	for (int i = 0; i < 4; i++) history_put_sized(&w->h, epoch, "at-once", 1500);
	w->allowed.max = (uint64_t)w->h.count;
	for (int from = 0, tries = 0; from < 4; tries++) {
		assert_true(tries < TRIES_MAX);
		for (int i = from; i < 4; i++) {
			rig_op_init(w->g, &ops[i]);
			w->g->store->ops->append(
				w->g->store, epoch,
				history_slice(&w->h, first + (uint64_t)i, first + (uint64_t)i),
				&ops[i].op);
		}
		for (int i = from; i < 4; i++) {
			enum err err = rig_wait(w->g, &ops[i]);
			if (!err) {
				assert_int_equal(
					i, from); /* none may succeed behind one that failed */
				from = i + 1;
				w->allowed.min = first + (uint64_t)i;
			} else if (err != ERR_NO_SPACE || !w->retry) {
				w->err = err;
				return;
			}
		}
	}
	settle_on(w, (uint64_t)w->h.count);
}

static void diverge(struct world *w, uint64_t keep) {
	buf_reset(&w->tail);
	w->tail_saved = false;
	CHECK(buf_append_slice(&w->tail, history_slice(&w->h, keep + 1, (uint64_t)w->h.count)));
	STEP(w, rig_quarantine(w->g, &w->h.at[keep]));
	w->tail_saved = true;
	w->allowed.or_exactly = keep;
	STEP(w, rig_truncate(w->g, &w->h.at[keep]));
	history_cut(&w->h, keep);
	settle_on(w, keep);
}

static void promise(struct world *w, uint64_t epoch) {
	STEP(w, rig_promise(w->g, epoch));
	w->promised = epoch;
}

static enum err import_try(struct world *w, const struct position *at, struct slice snapshot) {
	enum err err = rig_import_begin(w->g, at);
	if (!err) err = rig_import_chunk(w->g, snapshot);
	return err ? err : rig_import_commit(w->g, (struct epoch_start[]){{1, 1}}, 1);
}

static void import_own_past(struct world *w, const struct position *at, struct slice snapshot) {
	w->allowed.or_exactly = at->seq;
	STEP(w, import_try(w, at, snapshot));
	history_cut(&w->h, at->seq);
	settle_on(w, at->seq);
}

static void reopen(struct world *w) {
	rig_close(w->g);
	STEP(w, rig_open(w->g));
}

/* Everything that writes, small, with segments that roll, checkpoints and pruning. */
static void workload(struct world *w) {
	struct buf snapshot;
	struct position at;
	buf_init(&snapshot, 16 << 20);
	if (!w->err) write_some(w, 1, 3, 100);
	if (!w->err) w->err = rig_export(w->g, 1 << 20, &at, &snapshot);
	if (!w->err) write_at_once(w, 1);
	if (!w->err) promise(w, 2);
	if (!w->err) write_some(w, 2, 8, 3000);
	if (!w->err) diverge(w, 9);
	if (!w->err) write_some(w, 3, 6, 2500);
	if (!w->err) reopen(w);
	if (!w->err) write_some(w, 3, 6, 2500);
	if (!w->err) w->g->store->ops->release(w->g->store, 12);
	if (!w->err) rig_settle(w->g, 1);
	if (!w->err) import_own_past(w, &at, buf_slice(&snapshot));
	if (!w->err) write_some(w, 4, 2, 500);
	if (!w->err) diverge(w, 4);
	if (!w->err) write_some(w, 5, 2, 500);
	buf_done(&snapshot);
}

/* --- what must hold afterwards -------------------------------------------------------------------- */

static void item_read(void *arg, const struct quarantine_item *item) {
	struct world *w = arg;
	struct buf one;
	buf_init(&one, 16 << 20);
	CHECK(quarantine_read(w->g->files, w->g->dir, item->id, &one));
	if (slice_eq(buf_slice(&one), buf_slice(&w->tail))) w->tail_saved = false; /* found */
	buf_done(&one);
}

static void log_is_history(struct world *w, uint64_t last) {
	struct buf b;
	struct store_info info = rig_info(w->g);
	buf_init(&b, 64 << 20);
	assert_true(rig_last_is(w->g, &w->h.at[last]));
	if (info.first_seq <= last) {
		CHECK(w->g->store->ops->read_log(w->g->store, info.first_seq, 1 << 30, &b));
		assert_true(slice_eq(buf_slice(&b), history_slice(&w->h, info.first_seq, last)));
	}
	buf_done(&b);
}

static void view_is_history(struct world *w, uint64_t last) {
	struct buf is, want;
	buf_init(&is, 16 << 20);
	buf_init(&want, 16 << 20);
	uint64_t hash = history_dump(&w->h, last, &want);
	CHECK(rig_apply(w->g, last));
	rig_dump(w->g, &is);
	assert_true(slice_eq(buf_slice(&is), buf_slice(&want)));
	assert_int_equal(rig_info(w->g).state_hash, hash);
	buf_done(&is);
	buf_done(&want);
}

static void world_check(struct world *w) {
	enum err err = rig_open(w->g);
	if (err) print_error("%s\n", w->g->fault.text);
	CHECK(err);
	uint64_t last = rig_info(w->g).last.seq;
	if (last != w->allowed.or_exactly) assert_in_range(last, w->allowed.min, w->allowed.max);
	assert_true(rig_info(w->g).promised_epoch >= w->promised);
	log_is_history(w, last);
	view_is_history(w, last);
	if (w->tail_saved) {
		CHECK(quarantine_list(w->g->files, w->g->dir, item_read, w));
		assert_false(w->tail_saved);
	}
	/* It works on, and all of that is still so the next time. */
	history_cut(&w->h, last);
	w->err = ERR_OK;
	settle_on(w, last);
	write_some(w, 9, 2, 4000);
	CHECK(w->err);
	rig_reopen(w->g);
	log_is_history(w, last + 2);
	view_is_history(w, last + 2);
}

/* --- where it happens ------------------------------------------------------------------------------- */

enum way { POWER_LOSS, KILLED, FAIL_ONCE, NO_ROOM_ONCE };

/* False when the workload has fewer calls than that. */
static bool crash_at(enum way way, uint64_t call, uint64_t seed) {
	struct world *w = calloc(1, sizeof(*w));
	assert_non_null(w);
	w->g = rig_new(RIG_LOCAL_SIM, seed + call * 1000);
	w->g->options.segment_bytes = 16 << 10;
	w->g->options.checkpoint_bytes = 12 << 10;
	w->g->options.retain_bytes = 40 << 10;
	w->retry = way == NO_ROOM_ONCE;
	history_init(&w->h);
	buf_init(&w->tail, 16 << 20);
	settle_on(w, 0);
	enum err how = way == NO_ROOM_ONCE ? ERR_NO_SPACE : ERR_IO;
	uint64_t before = sim_disk_calls(w->g->files);
	sim_disk_fail(w->g->files, SIM_ANY, call, how, way == POWER_LOSS || way == KILLED);
	do w->err = rig_open(w->g);
	while (w->err == ERR_NO_SPACE && w->retry);
	if (!w->err) workload(w);
	bool hit = sim_disk_calls(w->g->files) - before >= call;
	if (!hit && w->err) print_error("history %d: %s\n", w->h.count, err_text(w->err));
	if (!hit) CHECK(w->err); /* nothing failed: it went to its end */
	sim_disk_fail(w->g->files, SIM_ANY, 0, ERR_OK, false);
	if (way == POWER_LOSS || way == KILLED)
		rig_crash(w->g, way == POWER_LOSS);
	else
		rig_close(w->g);
	world_check(w);
	rig_free(w->g);
	history_done(&w->h);
	buf_done(&w->tail);
	free(w);
	return hit;
}

static void every_call(enum way way, uint64_t seed) {
	uint64_t call = 1;
	while (crash_at(way, call, seed)) call++;
	print_message("%d calls of the disk\n", (int)call - 1);
	assert_true(call > 100);
}

static void power_lost_at_every_call(void **state) {
	every_call(POWER_LOSS, 1);
}
static void power_lost_otherwise_at_every_call(void **state) {
	every_call(POWER_LOSS, 2);
}
static void killed_at_every_call(void **state) {
	every_call(KILLED, 5);
}
static void failing_once_at_every_call(void **state) {
	every_call(FAIL_ONCE, 3);
}
static void no_room_once_at_every_call(void **state) {
	every_call(NO_ROOM_ONCE, 4);
}

/* argv[1]: which of them, so that they can run side by side. */
int main(int argc, char **argv) {
	log_set_level(LOG_OFF);
	if (argc > 1) cmocka_set_test_filter(argv[1]);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(power_lost_at_every_call),
		cmocka_unit_test(power_lost_otherwise_at_every_call),
		cmocka_unit_test(killed_at_every_call),
		cmocka_unit_test(failing_once_at_every_call),
		cmocka_unit_test(no_room_once_at_every_call),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
