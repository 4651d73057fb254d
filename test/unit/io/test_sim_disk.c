/* What the simulated disk keeps, loses and refuses. */
#include "port.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"

enum { SEEDS = 300, SECTOR = 512 };

static struct file *open_ok(struct files *fs, const char *path, int flags) {
	struct file *f;
	assert_int_equal(fs->ops->open(fs, path, flags, &f), ERR_OK);
	return f;
}

static struct file *create(struct files *fs, const char *path) {
	return open_ok(fs, path, FILE_READ | FILE_WRITE | FILE_CREATE);
}

static struct files *disk_with_dir(uint64_t seed) {
	struct files *fs = sim_disk_new(seed);
	assert_int_equal(fs->ops->mkdir(fs, "/d"), ERR_OK);
	return fs;
}

static size_t read_all(struct file *f, const struct files_ops *ops, void *out, size_t max) {
	size_t got;
	assert_int_equal(ops->read(f, 0, out, max, &got), ERR_OK);
	return got;
}

/* --- power loss ------------------------------------------------------------------- */

static void synced_is_kept_and_unsynced_may_be_torn(void **state) {
	int kept = 0, lost = 0, torn = 0;
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct files *fs = disk_with_dir(seed);
		const struct files_ops *ops = fs->ops;
		struct file *f = create(fs, "/d/f");
		uint8_t old[4 * SECTOR], new[4 * SECTOR], out[5 * SECTOR];
		memset(old, 'o', sizeof old);
		memset(new, 'n', sizeof new);
		assert_int_equal(ops->write(f, 0, old, sizeof old), ERR_OK);
		assert_int_equal(ops->sync(f), ERR_OK);
		assert_int_equal(ops->sync_dir(fs, "/d"), ERR_OK);
		assert_int_equal(ops->write(f, SECTOR, new, 3 * SECTOR), ERR_OK);
		sim_disk_power_loss(fs, seed);
		assert_int_equal(ops->write(f, 0, "x", 1), ERR_IO); /* of before the loss */
		ops->close(f);
		f = open_ok(fs, "/d/f", FILE_READ);
		assert_int_equal(read_all(f, ops, out, sizeof out), 4 * SECTOR);
		assert_memory_equal(out, old, SECTOR);
		int news = 0;
		for (int s = 1; s < 4; s++) {
			bool is_new = out[s * SECTOR] == 'n';
			assert_memory_equal(out + s * SECTOR, is_new ? new : old, SECTOR);
			news += is_new;
		}
		kept += news == 3;
		lost += news == 0;
		torn += news == 1 || news == 2;
		ops->close(f);
		sim_disk_free(fs);
	}
	assert_true(kept > 20 && lost > 20 && torn > 20);
}

static void later_writes_may_survive_earlier_ones(void **state) {
	int reordered = 0, holes = 0;
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct files *fs = disk_with_dir(seed);
		const struct files_ops *ops = fs->ops;
		struct file *f = create(fs, "/d/f");
		assert_int_equal(ops->reserve(f, 2 * SECTOR), ERR_OK);
		assert_int_equal(ops->sync(f), ERR_OK);
		assert_int_equal(ops->sync_dir(fs, "/d"), ERR_OK);
		assert_int_equal(ops->write(f, 0, "1", 1), ERR_OK);
		assert_int_equal(ops->write(f, SECTOR, "2", 1), ERR_OK);
		assert_int_equal(ops->write(f, 4 * SECTOR, "3", 1), ERR_OK);
		sim_disk_power_loss(fs, seed);
		ops->close(f);
		f = open_ok(fs, "/d/f", FILE_READ);
		uint8_t out[6 * SECTOR] = {0};
		size_t got = read_all(f, ops, out, sizeof out);
		assert_true(got == 2 * SECTOR || got == 4 * SECTOR + 1);
		reordered += out[0] == 0 && out[SECTOR] == '2';
		holes += got == 4 * SECTOR + 1 && out[4 * SECTOR] == 0; /* size without data */
		ops->close(f);
		sim_disk_free(fs);
	}
	assert_true(reordered > 10 && holes > 5);
}

static bool exists(struct files *fs, const char *path) {
	struct file *f;
	if (fs->ops->open(fs, path, FILE_READ, &f) != ERR_OK) return false;
	fs->ops->close(f);
	return true;
}

static void names_need_a_synced_directory(void **state) {
	int kept = 0, lost = 0;
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct files *fs = disk_with_dir(seed);
		const struct files_ops *ops = fs->ops;
		ops->close(create(fs, "/d/old"));
		assert_int_equal(ops->sync_dir(fs, "/d"), ERR_OK);
		struct file *f = create(fs, "/d/first");
		assert_int_equal(ops->sync(f), ERR_OK); /* of the file: does not keep its name */
		ops->close(f);
		ops->close(create(fs, "/d/second"));
		assert_int_equal(ops->unlink(fs, "/d/old"), ERR_OK);
		sim_disk_power_loss(fs, seed);
		bool first = exists(fs, "/d/first"), second = exists(fs, "/d/second");
		bool old = exists(fs, "/d/old");
		assert_true(first || !second); /* the order of a directory is kept */
		assert_true(second || old);
		kept += first;
		lost += !first;
		sim_disk_free(fs);
	}
	assert_true(kept > 20 && lost > 20);
}

static void synced_names_stay(void **state) {
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct files *fs = disk_with_dir(seed);
		const struct files_ops *ops = fs->ops;
		assert_int_equal(ops->mkdir(fs, "/d/tmp"), ERR_OK);
		ops->close(create(fs, "/d/tmp/part"));
		ops->close(create(fs, "/d/gone"));
		assert_int_equal(ops->rename(fs, "/d/tmp", "/d/whole"), ERR_OK);
		assert_int_equal(ops->unlink(fs, "/d/gone"), ERR_OK);
		assert_int_equal(ops->sync_dir(fs, "/d"), ERR_OK);
		sim_disk_power_loss(fs, seed);
		assert_true(exists(fs, "/d/whole/part"));
		assert_false(exists(fs, "/d/tmp/part"));
		assert_false(exists(fs, "/d/gone"));
		sim_disk_free(fs);
	}
}

static void a_crash_alone_loses_nothing(void **state) {
	const struct sim_options options = {.seed = 1};
	struct sim *s = sim_new(&options);
	sim_node(s, "n");
	struct files *fs = sim_disk(s, "n");
	struct file *f = create(fs, "/f");
	assert_int_equal(fs->ops->write(f, 0, "unsynced", 8), ERR_OK);
	sim_crash(s, "n", false);
	assert_ptr_equal(sim_disk(s, "n"), fs);
	size_t got;
	char out[8];
	assert_int_equal(fs->ops->read(f, 0, out, 8, &got), ERR_IO);
	f = open_ok(fs, "/f", FILE_READ);
	assert_int_equal(read_all(f, fs->ops, out, 8), 8);
	assert_memory_equal(out, "unsynced", 8);
	sim_free(s); /* open files go with the disk */
}

/* files_replace at every write point, with every fault and a power loss after it: the old
 * content or the new one, whole. */
static void replacing_is_atomic_at_every_point(void **state) {
	int olds = 0, news = 0;
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct files *fs = disk_with_dir(seed);
		assert_int_equal(files_replace(fs, "/d/f", SLICE_LIT("old content")), ERR_OK);
		sim_disk_fail(fs, SIM_ANY, 1 + seed % 8, ERR_IO, true);
		enum err err = files_replace(fs, "/d/f", SLICE_LIT("the new content"));
		sim_disk_fail(fs, SIM_ANY, 0, ERR_OK, false);
		sim_disk_power_loss(fs, seed);
		struct buf out;
		buf_init(&out, 100);
		assert_int_equal(files_read_all(fs, "/d/f", &out), ERR_OK);
		bool is_old = slice_is(buf_slice(&out), "old content");
		assert_true(is_old || slice_is(buf_slice(&out), "the new content"));
		if (err == ERR_OK) assert_false(is_old);
		olds += is_old;
		news += !is_old;
		buf_done(&out);
		sim_disk_free(fs);
	}
	assert_true(olds > 20 && news > 20);
}

/* Once the new name is there, no room is no longer "nothing happened": who goes on with the old
 * content would lose what comes after it. */
static void replacing_says_no_space_only_of_the_old(void **state) {
	struct files *fs = disk_with_dir(1);
	struct buf out;
	buf_init(&out, 100);
	assert_int_equal(files_replace(fs, "/d/f", SLICE_LIT("old")), ERR_OK);
	for (uint64_t sync = 1; sync <= 2; sync++) { /* of the file, of the directory */
		sim_disk_fail(fs, SIM_SYNC, sync, ERR_NO_SPACE, false);
		enum err err = files_replace(fs, "/d/f", SLICE_LIT("new"));
		assert_int_equal(err, sync == 1 ? ERR_NO_SPACE : ERR_IO);
		buf_reset(&out);
		assert_int_equal(files_read_all(fs, "/d/f", &out), ERR_OK);
		assert_true(slice_is(buf_slice(&out), sync == 1 ? "old" : "new"));
	}
	buf_done(&out);
	sim_disk_free(fs);
}

/* --- faults ------------------------------------------------------------------------- */

static void faults_count_down(void **state) {
	struct files *fs = disk_with_dir(1);
	const struct files_ops *ops = fs->ops;
	struct file *f = create(fs, "/d/f");
	sim_disk_fail(fs, SIM_WRITE, 3, ERR_IO, false);
	assert_int_equal(ops->write(f, 0, "a", 1), ERR_OK);
	assert_int_equal(ops->sync(f), ERR_OK); /* of another kind */
	assert_int_equal(ops->write(f, 0, "a", 1), ERR_OK);
	assert_int_equal(ops->write(f, 0, "a", 1), ERR_IO);
	assert_int_equal(ops->write(f, 0, "a", 1), ERR_OK);
	sim_disk_fail(fs, SIM_SYNC, 1, ERR_IO, true);
	assert_int_equal(ops->sync(f), ERR_IO);
	assert_int_equal(ops->sync_dir(fs, "/d"), ERR_IO);
	sim_disk_fail(fs, SIM_SYNC, 0, ERR_OK, false);
	assert_int_equal(ops->sync(f), ERR_OK);
	char out[1];
	size_t got;
	sim_disk_fail(fs, SIM_READ, 1, ERR_IO, false);
	assert_int_equal(ops->read(f, 0, out, 1, &got), ERR_IO);
	assert_int_equal(ops->read(f, 0, out, 1, &got), ERR_OK);
	uint64_t calls = sim_disk_calls(fs);
	sim_disk_fail(fs, SIM_ANY, 2, ERR_NO_SPACE, false);
	assert_int_equal(ops->read(f, 0, out, 1, &got), ERR_OK); /* reads do not count */
	assert_int_equal(ops->reserve(f, 10), ERR_OK);
	assert_int_equal(ops->rename(fs, "/d/f", "/d/g"), ERR_NO_SPACE);
	assert_int_equal(sim_disk_calls(fs), calls + 2);
	ops->close(f);
	sim_disk_free(fs);
}

static void a_failed_sync_is_not_repaired_by_the_next(void **state) {
	int lost = 0;
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct files *fs = disk_with_dir(seed);
		const struct files_ops *ops = fs->ops;
		struct file *f = create(fs, "/d/f");
		assert_int_equal(ops->sync_dir(fs, "/d"), ERR_OK);
		assert_int_equal(ops->write(f, 0, "a", 1), ERR_OK);
		sim_disk_fail(fs, SIM_SYNC, 1, ERR_IO, false);
		assert_int_equal(ops->sync(f), ERR_IO);
		assert_int_equal(ops->sync(f), ERR_OK);
		char out[1] = {0};
		assert_int_equal(read_all(f, ops, out, 1), 1); /* the page cache still has it */
		assert_int_equal(out[0], 'a');
		sim_disk_power_loss(fs, seed);
		ops->close(f);
		f = open_ok(fs, "/d/f", FILE_READ);
		out[0] = 0;
		read_all(f, ops, out, 1);
		lost += out[0] != 'a';
		ops->close(f);
		sim_disk_free(fs);
	}
	assert_true(lost > 20 && lost < SEEDS);
}

static void rot_turns_one_bit_and_stays(void **state) {
	struct files *fs = disk_with_dir(3);
	const struct files_ops *ops = fs->ops;
	uint8_t old[SECTOR], out[SECTOR], again[SECTOR];
	memset(old, 'o', sizeof old);
	assert_false(sim_disk_flip(fs, "/d/", 0)); /* nothing is there yet */
	struct file *f = create(fs, "/d/f");
	assert_int_equal(ops->write(f, 0, old, sizeof old), ERR_OK);
	assert_int_equal(ops->sync(f), ERR_OK);
	assert_int_equal(ops->sync_dir(fs, "/d"), ERR_OK);
	assert_false(sim_disk_flip(fs, "/e/", 0));
	assert_true(sim_disk_flip(fs, "/d/", 64 * 100 + 3));
	assert_int_equal(read_all(f, ops, out, sizeof out), SECTOR);
	for (int i = 0; i < SECTOR; i++) assert_int_equal(out[i], i == 100 ? 'o' ^ 8 : 'o');
	ops->close(f);
	sim_disk_power_loss(fs, 1);
	f = open_ok(fs, "/d/f", FILE_READ);
	assert_int_equal(read_all(f, ops, again, sizeof again), SECTOR);
	assert_memory_equal(again, out, SECTOR);
	ops->close(f);
	sim_disk_free(fs);
}

static void a_full_disk_refuses_and_recovers(void **state) {
	struct files *fs = disk_with_dir(1);
	const struct files_ops *ops = fs->ops;
	struct file *f = create(fs, "/d/f"), *g = create(fs, "/d/g");
	static const uint8_t bytes[3000];
	sim_disk_set_free(fs, 4000);
	assert_int_equal(ops->reserve(f, 2000), ERR_OK);
	assert_int_equal(ops->write(f, 0, bytes, 2000), ERR_OK); /* reserved: costs nothing more */
	assert_int_equal(ops->reserve(g, 3000), ERR_NO_SPACE);
	uint64_t size;
	assert_int_equal(ops->size(g, &size), ERR_OK);
	assert_int_equal(size, 0);
	assert_int_equal(ops->write(g, 0, bytes, 3000), ERR_NO_SPACE);
	assert_int_equal(ops->size(g, &size), ERR_OK);
	assert_true(size <= 2000);
	assert_int_equal(ops->resize(g, 0), ERR_OK);
	ops->close(f);
	assert_int_equal(ops->unlink(fs, "/d/f"), ERR_OK); /* room again */
	assert_int_equal(ops->write(g, 0, bytes, 3000), ERR_OK);
	ops->close(g);
	sim_disk_free(fs);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(synced_is_kept_and_unsynced_may_be_torn),
		cmocka_unit_test(later_writes_may_survive_earlier_ones),
		cmocka_unit_test(names_need_a_synced_directory),
		cmocka_unit_test(synced_names_stay),
		cmocka_unit_test(a_crash_alone_loses_nothing),
		cmocka_unit_test(replacing_is_atomic_at_every_point),
		cmocka_unit_test(replacing_says_no_space_only_of_the_old),
		cmocka_unit_test(faults_count_down),
		cmocka_unit_test(a_failed_sync_is_not_repaired_by_the_next),
		cmocka_unit_test(rot_turns_one_bit_and_stays),
		cmocka_unit_test(a_full_disk_refuses_and_recovers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
