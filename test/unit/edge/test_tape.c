/* Decisions on disk: bounded, in files that stand by themselves, and no wait but a count when the disk
 * does not take them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "edge/tape.h"
#include "edge/tape_file.h"
#include "io/sim.h"
#include "policy/replay.h"

static const uint64_t MS = 1000000;
enum { MIB = 1 << 20, ALL_MAX = 12 * MIB, PATH_LEN = 4000 };

static const char yaml[] =
	"regions:\n"
	"  aa: {jurisdiction: us, location: [0, 0]}\n"
	"  bb: {jurisdiction: eu, location: [1, 1]}\n"
	"residency: {any: {regions: all}, eu: {regions: [bb], transit: allow}}\n"
	"cells: {c: {replicas: [aa, bb]}, d: {replicas: [bb]}}\n"
	"tenants: {one: {residency: any, cell: c}, two: {residency: eu, cell: d}}\n";

struct bench {
	struct sim *sim;
	struct io *io;
	struct files *disk;
	struct policy *policy;
	struct whatif world;
	struct registry *registry;
	struct tape *tape;
	uint64_t all_max;
};

static void open_tape(struct bench *b) {
	struct fault fault = {0};
	struct tape_options o = {.region = "aa",
	                         .worker = 0,
	                         .workers = 1,
	                         .files = b->disk,
	                         .dir = "/tapes",
	                         .bytes_max = b->all_max,
	                         .file_bytes_max = 4 * MIB,
	                         .free_bytes_min = MIB,
	                         .registry = b->registry};
	recordable_init(&o.what, b->policy, 0, 1);
	if (tape_new(b->io, &o, &b->tape, &fault) != ERR_OK) fail_msg("%s", fault.text);
}

static int set_up(void **state) {
	const struct sim_options options = {
		.seed = 5, .job_delay_min_ns = MS, .job_delay_max_ns = 2 * MS};
	struct bench *b = calloc(1, sizeof *b);
	log_set_level(LOG_OFF);
	b->sim = sim_new(&options);
	b->io = sim_node(b->sim, "aa");
	b->disk = sim_disk(b->sim, "aa");
	b->registry = registry_new();
	assert_int_equal(policy_load(SLICE_LIT(yaml), "y", NULL, NULL, &b->policy), ERR_OK);
	assert_int_equal(whatif_init(&b->world, b->policy), ERR_OK);
	b->all_max = ALL_MAX;
	open_tape(b);
	*state = b;
	return 0;
}

static int tear_down(void **state) {
	struct bench *b = *state;
	tape_free(b->tape);
	whatif_done(&b->world);
	policy_free(b->policy);
	registry_free(b->registry);
	sim_free(b->sim);
	free(b);
	return 0;
}

static void add(struct bench *b, int tenant, size_t path_bytes) {
	static char path[PATH_LEN];
	static struct decision d;
	memset(path, 'x', sizeof path);
	const struct decide_request q = {.tenant = tenant,
	                                 .here = 0,
	                                 .method = SLICE_LIT("GET"),
	                                 .path = slice_of(path, path_bytes),
	                                 .time_ms = io_wall_ms(b->io)};
	whatif_decide(&b->world, b->policy, &q, &d, NULL);
	tape_add(b->tape, &b->world.world, &q, &d);
}

struct found {
	struct bench *b;
	struct replay *replay;
	int files;
	uint64_t bytes;
};

/* Every file by itself is a recording without damage. */
static void read_one(void *arg, const char *name) {
	struct found *f = arg;
	char path[300];
	struct buf content;
	bool done = false;
	snprintf(path, sizeof path, "/tapes/%s", name);
	buf_init(&content, 64 * MIB);
	assert_int_equal(files_read_all(f->b->disk, path, &content), ERR_OK);
	f->files++;
	f->bytes += content.len;
	if (content.len) {
		assert_int_equal(replay_open(f->replay, buf_slice(&content)), ERR_OK);
		while (!done) assert_int_equal(replay_run(f->replay, 1000, &done), ERR_OK);
	}
	buf_done(&content);
}

static struct found found(struct bench *b) {
	struct found f = {.b = b};
	assert_int_equal(replay_new(b->policy, NULL, &f.replay), ERR_OK);
	IGNORE(b->disk->ops->list(b->disk, "/tapes", read_one, &f));
	return f;
}

static int64_t counted(struct bench *b, const char *name) {
	char full[64];
	snprintf(full, sizeof full, "holdfast_recording_%s_total", name);
	return metric_get(metric_counter(b->registry, full, "", ""));
}

static void a_second_later_it_is_on_disk(void **state) {
	struct bench *b = *state;
	for (int i = 0; i < 10; i++) add(b, 0, 10);
	sim_run_for(b->sim, 500 * MS);
	struct found f = found(b);
	assert_int_equal(f.files, 0);
	replay_free(f.replay);
	sim_run_for(b->sim, 700 * MS);
	f = found(b);
	assert_true(f.files == 1 && f.replay->decisions == 10);
	assert_int_equal(moves_moved(&f.replay->moves), 0);
	replay_free(f.replay);
	add(b, 0, 10); /* ends before the next second */
	tape_free(b->tape);
	b->tape = NULL;
	f = found(b);
	assert_true(f.files == 1 && f.replay->decisions == 11 && f.replay->torn_bytes == 0);
	assert_int_equal(counted(b, "decisions"), 11);
	replay_free(f.replay);
	open_tape(b); /* another life, another file */
	add(b, 0, 10);
	sim_run_for(b->sim, 1200 * MS);
	f = found(b);
	assert_true(f.files == 2 && f.replay->decisions == 12);
	replay_free(f.replay);
}

static void no_byte_of_who_may_not_live_here(void **state) {
	struct bench *b = *state;
	for (int i = 0; i < 10; i++) add(b, i % 2, 10);
	sim_run_for(b->sim, 1200 * MS);
	struct found f = found(b);
	assert_true(f.replay->decisions == 5 && f.replay->tenant_count == 1);
	assert_int_equal(counted(b, "withheld"), 5);
	replay_free(f.replay);
}

static void the_oldest_are_deleted(void **state) {
	struct bench *b = *state;
	struct found f;
	uint64_t first_ms = 0, decisions = 0;
	for (int i = 0; i < 100; i++) {
		for (int j = 0; j < 100; j++) add(b, 0, PATH_LEN);
		sim_run_for(b->sim, 50 * MS);
		if (i % 10 != 9) continue;
		f = found(b);
		assert_true(f.bytes <= ALL_MAX);
		assert_true(f.files <= 4);
		assert_true(f.replay->first_ms >= first_ms);
		first_ms = f.replay->first_ms;
		decisions = f.replay->decisions;
		replay_free(f.replay);
	}
	assert_true(first_ms > 0 && decisions > 1000 && decisions < 3200);
	assert_int_equal(counted(b, "dropped"), 0);
}

/* Also of a worker that has nothing to write, when less is allowed than was. */
static void too_much_is_deleted_at_the_beginning(void **state) {
	struct bench *b = *state;
	for (int i = 0; i < 30; i++) {
		for (int j = 0; j < 100; j++) add(b, 0, PATH_LEN);
		sim_run_for(b->sim, 50 * MS);
	}
	tape_free(b->tape);
	b->all_max = 5 * MIB;
	open_tape(b);
	struct found f = found(b);
	assert_true(f.bytes > MIB && f.bytes <= 5 * MIB);
	replay_free(f.replay);
}

static void a_slow_disk_costs_decisions_and_no_time(void **state) {
	struct bench *b = *state;
	for (int i = 0; i < 2000; i++) add(b, 0, PATH_LEN); /* 8 MiB before the disk gets a turn */
	int64_t dropped = counted(b, "dropped");
	assert_in_range(dropped, 1, 1999);
	sim_run_for(b->sim, 3000 * MS);
	struct found f = found(b);
	assert_int_equal(f.replay->decisions, 2000 - dropped);
	assert_int_equal(counted(b, "decisions"), 2000 - dropped);
	replay_free(f.replay);
}

static void a_full_disk_is_counted_and_got_over(void **state) {
	struct bench *b = *state;
	add(b, 0, 10);
	sim_run_for(b->sim, 1200 * MS);
	sim_disk_fail(b->disk, SIM_WRITE, 1, ERR_NO_SPACE, true);
	for (int i = 0; i < 5; i++) add(b, 0, 10);
	sim_run_for(b->sim, 1200 * MS);
	assert_int_equal(counted(b, "dropped"), 5);
	sim_disk_fail(b->disk, SIM_WRITE, 0, ERR_OK, false);
	for (int i = 0; i < 3; i++) add(b, 0, 10);
	sim_run_for(b->sim, 1200 * MS);
	assert_int_equal(counted(b, "decisions"), 4);
	sim_disk_set_free(b->disk, MIB / 2); /* not to the last byte: the data is there, too */
	add(b, 0, 10);
	sim_run_for(b->sim, 1200 * MS);
	assert_int_equal(counted(b, "dropped"), 6);
	struct found f = found(b); /* what the failed write left is no damage */
	assert_int_equal(f.replay->decisions, 4);
	replay_free(f.replay);
}

static void a_crash_leaves_what_was_written(void **state) {
	struct bench *b = *state;
	for (int i = 0; i < 3; i++) {
		add(b, 0, 1000);
		sim_run_for(b->sim, 1200 * MS);
	}
	add(b, 0, 1000); /* gathered, and lost */
	sim_crash(b->sim, "aa", false);
	tape_free(b->tape);
	b->tape = NULL;
	b->io = sim_node(b->sim, "aa");
	b->disk = sim_disk(b->sim, "aa");
	struct found f = found(b);
	assert_int_equal(f.replay->decisions, 3);
	replay_free(f.replay);
}

static void names_say_whose_file_it_is(void **state) {
	struct tape_file t = {.region = "aa", .worker = 0, .workers = 2};
	uint64_t stamp;
	assert_true(tape_file_owns(&t, SLICE_LIT("aa-w0-0000000000123.hfr"), &stamp));
	assert_int_equal(stamp, 123);
	assert_false(tape_file_owns(&t, SLICE_LIT("aa-w1-0000000000123.hfr"), &stamp));
	assert_true(tape_file_owns(&t, SLICE_LIT("aa-w2-0000000000123.hfr"), &stamp));
	t.worker = 1;
	assert_true(tape_file_owns(&t, SLICE_LIT("aa-w1-0000000000123.hfr"), &stamp));
	assert_false(tape_file_owns(&t, SLICE_LIT("aa-w2-0000000000123.hfr"), &stamp));
	static const char *const others[] = {"",
	                                     "x",
	                                     ".hfr",
	                                     "aa-w",
	                                     "aa-w.hfr",
	                                     "aa-w1.hfr",
	                                     "aa-w1-.hfr",
	                                     "aa-w1-1.hfr.tmp",
	                                     "aa-w1-1x.hfr",
	                                     "ab-w1-1.hfr",
	                                     "aa-wx-1.hfr",
	                                     "traffic.hfr"};
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		assert_false(tape_file_owns(&t, slice_str(others[i]), &stamp));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(a_second_later_it_is_on_disk),
		TEST(no_byte_of_who_may_not_live_here),
		TEST(the_oldest_are_deleted),
		TEST(too_much_is_deleted_at_the_beginning),
		TEST(a_slow_disk_costs_decisions_and_no_time),
		TEST(a_full_disk_is_counted_and_got_over),
		TEST(a_crash_leaves_what_was_written),
		cmocka_unit_test(names_say_whose_file_it_is),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
