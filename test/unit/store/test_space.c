/* Room: a disk that fills, really (a small tmpfs, where we may mount one) and in the
 * simulation; and what housekeeping frees: checkpoints and pruning. */
#include "rig.h"
#include "store/quarantine.h"

#include <sys/mount.h>
#include <unistd.h>

static void fill_until_full(struct rig *g, struct history *h, uint64_t *acked) {
	enum err err = ERR_OK;
	while (!err) {
		uint64_t seq = (uint64_t)h->count + 1;
		char key[16];
		assert_true(h->count < 4000);
		snprintf(key, sizeof(key), "key-%d", h->count);
		history_put_sized(h, 1, key, 8000);
		err = rig_append(g, history_slice(h, seq, seq));
		if (!err) *acked = seq;
		if (!err) err = rig_apply(g, seq);
		if (err) CHECK_ERR(err, NO_SPACE);
	}
	history_cut(h, *acked);
}

static void view_equals(struct rig *g, const struct history *h, uint64_t seq) {
	struct buf is, want;
	buf_init(&is, 64 << 20);
	buf_init(&want, 64 << 20);
	assert_int_equal(history_dump(h, seq, &want), rig_info(g).state_hash);
	rig_dump(g, &is);
	assert_true(slice_eq(buf_slice(&is), buf_slice(&want)));
	buf_done(&is);
	buf_done(&want);
}

/* Full: writes say so, reads go on; with room again everything goes on. */
static void full_and_back(struct rig *g, void (*make_room)(struct rig *g)) {
	struct history h;
	uint64_t acked = 0;
	history_init(&h);
	fill_until_full(g, &h, &acked);
	assert_true(acked > 10);
	assert_false(rig_info(g).fenced);
	CHECK(rig_get(g, "key-3", NULL));
	for (int i = 0; i < 20; i++) { /* still full, still well */
		history_put_sized(&h, 1, "more", 8000);
		CHECK_ERR(rig_append(g, history_slice(&h, acked + 1, acked + 1)), NO_SPACE);
		history_cut(&h, acked);
	}
	assert_true(rig_last_is(g, &h.at[acked]));
	make_room(g);
	CHECK(rig_apply(g, acked));
	view_equals(g, &h, acked);
	history_put_sized(&h, 1, "after", 8000);
	CHECK(rig_append(g, history_slice(&h, acked + 1, acked + 1)));
	CHECK(rig_apply(g, acked + 1));
	rig_reopen(g);
	assert_true(rig_last_is(g, &h.at[acked + 1]));
	view_equals(g, &h, acked + 1);
	history_done(&h);
}

/* --- no room after the deed --------------------------------------------------------------------- */

static void acknowledge(struct rig *g, struct history *h, uint64_t epoch, int count) {
	for (int i = 0; i < count; i++) {
		uint64_t seq = (uint64_t)h->count + 1;
		history_put(h, epoch, "k", "v");
		CHECK(rig_append(g, history_slice(h, seq, seq)));
	}
}

/* Who was told that nothing happened goes on, and what it acknowledges then must last. */
static void go_on_and_reopen(struct rig *g, struct history *h, enum err err) {
	bool unknown = err == ERR_IO;
	assert_true(unknown || err == ERR_NO_SPACE || err == ERR_OK);
	assert_int_equal(rig_info(g).fenced, unknown);
	if (err == ERR_NO_SPACE) acknowledge(g, h, 7, 5);
	rig_reopen(g);
	if (err == ERR_NO_SPACE) assert_true(rig_last_is(g, &h->at[h->count]));
}

static void a_cut_without_room_did_nothing(void **state) {
	for (uint64_t point = 1; point <= 4; point++) {
		struct rig *g = rig_new(RIG_LOCAL_SIM, point);
		struct history h;
		history_init(&h);
		CHECK(rig_open(g));
		acknowledge(g, &h, 1, 10);
		CHECK(rig_quarantine(g, &h.at[5]));
		sim_disk_fail(g->files, SIM_SYNC, point, ERR_NO_SPACE, false);
		enum err err = rig_truncate(g, &h.at[5]);
		sim_disk_fail(g->files, SIM_SYNC, 0, ERR_OK, false);
		go_on_and_reopen(g, &h, err);
		history_done(&h);
		rig_free(g);
	}
}

static void an_import_without_room_did_nothing(void **state) {
	for (uint64_t point = 1; point <= 12; point++) {
		struct rig *g = rig_new(RIG_LOCAL_SIM, point);
		struct history h;
		struct buf snapshot;
		struct position at;
		history_init(&h);
		buf_init(&snapshot, 1 << 20);
		CHECK(rig_open(g));
		acknowledge(g, &h, 1, 10);
		CHECK(rig_apply(g, 10));
		CHECK(rig_export(g, 1 << 20, &at, &snapshot));
		acknowledge(g, &h, 1, 5);
		CHECK(rig_import_begin(g, &at));
		CHECK(rig_import_chunk(g, buf_slice(&snapshot)));
		sim_disk_fail(g->files, SIM_SYNC, point, ERR_NO_SPACE, false);
		enum err err = rig_import_commit(g, (struct epoch_start[]){{1, 1}}, 1);
		sim_disk_fail(g->files, SIM_SYNC, 0, ERR_OK, false);
		go_on_and_reopen(g, &h, err);
		buf_done(&snapshot);
		history_done(&h);
		rig_free(g);
	}
}

/* --- found again after a crash ------------------------------------------------------------------- */

static void count_item(void *arg, const struct quarantine_item *item) {
	++*(int *)arg;
}

/* A manifest that is there after the process died may not be durable yet: who goes on because of
 * it makes it so, before the log is cut. */
static void a_manifest_found_again_is_made_durable(void **state) {
	for (uint64_t seed = 1; seed <= 8; seed++) {
		for (uint64_t point = 1; point <= 8; point++) {
			struct rig *g = rig_new(RIG_LOCAL_SIM, seed);
			struct history h;
			int items = 0;
			history_init(&h);
			CHECK(rig_open(g));
			acknowledge(g, &h, 1, 10);
			sim_disk_fail(g->files, SIM_SYNC, point, ERR_IO, false);
			IGNORE(rig_quarantine(g, &h.at[5]));
			sim_disk_fail(g->files, SIM_SYNC, 0, ERR_OK, false);
			rig_crash(g, false);
			CHECK(rig_open(g));
			CHECK(rig_quarantine(g, &h.at[5]));
			rig_crash(g, true);
			CHECK(rig_open(g));
			CHECK(quarantine_list(g->files, g->dir, count_item, &items));
			assert_int_equal(items, 1);
			history_done(&h);
			rig_free(g);
		}
	}
}

/* --- a real small disk ------------------------------------------------------------------------------ */

static char small_disk[64];

static bool small_disk_mount(const char *options) {
	snprintf(small_disk, sizeof(small_disk), "/tmp/hf-small-XXXXXX");
	if (!mkdtemp(small_disk)) return false;
	if (mount("small", small_disk, "tmpfs", 0, options) == 0) return true;
	rmdir(small_disk);
	return false;
}

static void small_disk_grow(struct rig *g) {
	assert_int_equal(mount("small", small_disk, "tmpfs", MS_REMOUNT, "size=64m"), 0);
}

static void real_disk(struct store_local_options with) {
	if (!small_disk_mount("size=4m")) skip(); /* only root may mount */
	setenv("TMPDIR", small_disk, 1);
	struct rig *g = rig_new(RIG_LOCAL_UV, 1);
	g->options.segment_bytes = with.segment_bytes;
	g->options.min_free_bytes = with.min_free_bytes;
	rig_reopen(g);
	full_and_back(g, small_disk_grow);
	rig_free(g);
	unsetenv("TMPDIR");
	assert_int_equal(umount(small_disk), 0);
	rmdir(small_disk);
}

static void a_full_disk_with_a_reserve(void **state) {
	real_disk((struct store_local_options){.segment_bytes = 64 << 10,
	                                       .min_free_bytes = 512 << 10});
}

/* Down to the last byte: then it is LMDB that meets the end first. */
static void a_full_disk_to_the_last_byte(void **state) {
	real_disk((struct store_local_options){.segment_bytes = 64 << 10, .min_free_bytes = 1});
}

/* --- a simulated one ---------------------------------------------------------------------------------- */

static void simulated_grow(struct rig *g) {
	sim_disk_set_free(g->files, 64 << 20);
}

static void a_full_simulated_disk(void **state) {
	struct rig *g = rig_new(RIG_LOCAL_SIM, 1);
	sim_disk_set_free(g->files, 3 << 20);
	rig_reopen(g);
	full_and_back(g, simulated_grow);
	rig_free(g);
}

/* What is kept back is for the records of a failover, a promise and the quarantine. */
static void the_reserve_is_for_a_failover(void **state) {
	struct rig *g = rig_new(RIG_LOCAL_SIM, 1);
	struct history h;
	uint64_t acked = 0;
	history_init(&h);
	sim_disk_set_free(g->files, 3 << 20);
	rig_reopen(g);
	fill_until_full(g, &h, &acked);
	history_epoch(&h, 2);
	CHECK(rig_promise(g, 2));
	CHECK(rig_append(g, history_slice(&h, acked + 1, acked + 1)));
	CHECK(rig_quarantine(g, &h.at[acked - 3]));
	CHECK(rig_truncate(g, &h.at[acked - 3]));
	rig_free(g);
	history_done(&h);
}

/* A disk that takes the first half of a write and then is full. */
static struct files_ops half_ops;
static struct files half_disk = {&half_ops};
static bool half_next;

static enum err half_write(struct file *f, uint64_t offset, const void *bytes, size_t len) {
	if (!half_next) return files_posix()->ops->write(f, offset, bytes, len);
	half_next = false;
	CHECK(files_posix()->ops->write(f, offset, bytes, len / 2));
	return ERR_NO_SPACE;
}

static void half_a_batch_is_taken_back(void **state) {
	struct rig *g = rig_new(RIG_LOCAL_UV, 1);
	struct history h;
	history_init(&h);
	half_ops = *files_posix()->ops;
	half_ops.write = half_write;
	g->files = &half_disk;
	rig_reopen(g);
	for (int i = 0; i < 12; i++) history_put_sized(&h, 1, "key", 500);
	CHECK(rig_append(g, history_slice(&h, 1, 2)));
	half_next = true;
	CHECK_ERR(rig_append(g, history_slice(&h, 3, 12)), NO_SPACE);
	rig_reopen(g);
	assert_true(rig_last_is(g, &h.at[2])); /* nothing of it happened */
	CHECK(rig_append(g, history_slice(&h, 3, 12)));
	rig_free(g);
	history_done(&h);
}

/* --- housekeeping --------------------------------------------------------------------------------------- */

static void write_many(struct rig *g, struct history *h, int count) {
	for (int i = 0; i < count; i++) {
		uint64_t seq = (uint64_t)h->count + 1;
		char key[16];
		snprintf(key, sizeof(key), "key-%d", h->count % 50);
		history_put_sized(h, 1 + seq / 200, key, 2000);
		CHECK(rig_append(g, history_slice(h, seq, seq)));
		CHECK(rig_apply(g, seq));
	}
	rig_settle(g, 5);
}

static void view_spoil(struct rig *g) {
	char path[600];
	snprintf(path, sizeof(path), "%s/a/view/data.mdb", g->dir);
	assert_int_equal(truncate(path, 5000), 0);
}

/* Housekeeping takes its time on a busy machine. */
#define EVENTUALLY(condition)                                                                      \
	for (int tries_ = 0; !(condition); tries_++) {                                             \
		assert_true(tries_ < 5000);                                                        \
		rig_settle(g, 1);                                                                  \
	}

static void old_log_goes_when_released(void **state) {
	struct rig *g = rig_new(RIG_LOCAL_UV, 1);
	struct history h;
	struct buf b;
	history_init(&h);
	buf_init(&b, 16 << 20);
	g->options.checkpoint_bytes = 200 << 10;
	rig_reopen(g);
	write_many(g, &h, 500);
	EVENTUALLY(rig_info(g).checkpoint_seq > 0);
	uint64_t first_checkpoint = rig_info(g).checkpoint_seq;
	write_many(g, &h, 150); /* and a second one, which the first stands behind */
	EVENTUALLY(rig_info(g).checkpoint_seq > first_checkpoint);
	assert_int_equal(rig_info(g).first_seq, 1); /* a replica may still need it */
	g->store->ops->release(g->store, 250);
	EVENTUALLY(rig_info(g).first_seq > 1);
	struct store_info info = rig_info(g);
	assert_in_range(info.first_seq, 2, 250);
	CHECK_ERR(g->store->ops->read_log(g->store, info.first_seq - 1, 1, &b), NOT_FOUND);
	CHECK(g->store->ops->read_log(g->store, info.first_seq, 1, &b));
	struct position at;
	CHECK(g->store->ops->position_of(g->store, info.first_seq - 1, &at));
	assert_true(position_eq(&at, &h.at[info.first_seq - 1]));
	assert_true(info.epochs[0].seq <= info.first_seq);
	uint64_t first = info.first_seq;
	rig_close(g);
	view_spoil(g); /* it is made anew from a checkpoint */
	CHECK(rig_open(g));
	assert_int_equal(rig_info(g).first_seq, first);
	assert_in_range(rig_info(g).applied.seq, first_checkpoint, 649);
	CHECK(rig_apply(g, 650));
	view_equals(g, &h, 650);
	buf_done(&b);
	rig_free(g);
	history_done(&h);
}

static void retained_log_is_bounded(void **state) {
	struct rig *g = rig_new(RIG_LOCAL_UV, 1);
	struct history h;
	history_init(&h);
	g->options.checkpoint_bytes = 100 << 10;
	g->options.retain_bytes = 300 << 10;
	rig_reopen(g);
	write_many(g, &h, 600); /* 1.2 MB, and nobody releases anything */
	EVENTUALLY(rig_info(g).checkpoint_seq > 0);
	write_many(g, &h, 100);
	EVENTUALLY(rig_info(g).first_seq > 1 && rig_info(g).log_bytes < 600 << 10);
	rig_reopen(g);
	view_equals(g, &h, 700);
	rig_free(g);
	history_done(&h);
}

/* --- whose directory ---------------------------------------------------------------------------------------- */

static void only_one_has_it_open(void **state) {
	struct rig *g = rig_new(RIG_LOCAL_UV, 1);
	struct store *second;
	struct fault fault;
	rig_reopen(g);
	CHECK_ERR(store_local_open(g->io, g->files, &g->options, &second, &fault), EXISTS);
	assert_non_null(strstr(fault.text, "another process"));
	rig_free(g);
}

static void others_directories_are_refused(void **state) {
	struct rig *g = rig_new(RIG_LOCAL_UV, 1);
	rig_reopen(g);
	rig_close(g);
	g->options.cell = "cell-2";
	CHECK_ERR(rig_open(g), FORMAT);
	assert_non_null(strstr(g->fault.text, "cell-1"));
	g->options.cell = "cell-1";
	g->options.node = "node-2";
	CHECK_ERR(rig_open(g), FORMAT);
	g->options.node = "";
	CHECK_ERR(rig_open(g), INVALID);
	g->options.node = "node-1";
	CHECK(rig_open(g));
	rig_close(g);
	char path[600];
	snprintf(path, sizeof(path), "%s/store", g->dir);
	assert_int_equal(unlink(path), 0);
	CHECK_ERR(rig_open(g), CORRUPT); /* never a silent new beginning */
	rig_free(g);
}

int main(void) {
	log_set_level(LOG_OFF);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_disk_with_a_reserve),
		cmocka_unit_test(a_full_disk_to_the_last_byte),
		cmocka_unit_test(a_full_simulated_disk),
		cmocka_unit_test(the_reserve_is_for_a_failover),
		cmocka_unit_test(half_a_batch_is_taken_back),
		cmocka_unit_test(a_cut_without_room_did_nothing),
		cmocka_unit_test(an_import_without_room_did_nothing),
		cmocka_unit_test(a_manifest_found_again_is_made_durable),
		cmocka_unit_test(old_log_goes_when_released),
		cmocka_unit_test(retained_log_is_bounded),
		cmocka_unit_test(only_one_has_it_open),
		cmocka_unit_test(others_directories_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
