/* Files through the port: the same calls, the same answers, from the kernel and from the
 * simulated disk. */
#include "port.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "io/files.h"

struct place {
	struct files *fs;
	bool is_sim;
	char dir[64];
	char path[8][128];
};

static const char *at(struct place *p, int slot, const char *name) {
	snprintf(p->path[slot], sizeof p->path[slot], "%s/%s", p->dir, name);
	return p->path[slot];
}

static int place_posix(void **state) {
	struct place *p = calloc(1, sizeof *p);
	p->fs = files_posix();
	snprintf(p->dir, sizeof p->dir, "/tmp/hf-test-files-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	*state = p;
	return 0;
}

static int place_sim(void **state) {
	struct place *p = calloc(1, sizeof *p);
	p->fs = sim_disk_new(3);
	p->is_sim = true;
	snprintf(p->dir, sizeof p->dir, "/tmp/place");
	assert_int_equal(p->fs->ops->mkdir(p->fs, p->dir), ERR_OK);
	*state = p;
	return 0;
}

static void remove_name(void *arg, const char *name) {
	struct place *p = arg;
	unlink(at(p, 0, name));
	rmdir(at(p, 0, name));
}

static int place_done(void **state) {
	struct place *p = *state;
	if (p->is_sim) {
		sim_disk_free(p->fs);
	} else {
		IGNORE(p->fs->ops->list(p->fs, p->dir, remove_name, p));
		rmdir(p->dir);
	}
	free(p);
	return 0;
}

static struct file *open_ok(struct place *p, const char *path, int flags) {
	struct file *f;
	assert_int_equal(p->fs->ops->open(p->fs, path, flags, &f), ERR_OK);
	return f;
}

static void read_back_what_was_written(void **state) {
	struct place *p = *state;
	const struct files_ops *ops = p->fs->ops;
	struct file *f = open_ok(p, at(p, 0, "f"), FILE_READ | FILE_WRITE | FILE_CREATE);
	assert_int_equal(ops->write(f, 5000, "hello", 5), ERR_OK);
	assert_int_equal(ops->write(f, 0, "start", 5), ERR_OK);
	assert_int_equal(ops->sync(f), ERR_OK);
	uint64_t bytes;
	assert_int_equal(ops->size(f, &bytes), ERR_OK);
	assert_int_equal(bytes, 5005);
	char out[6000];
	size_t got;
	assert_int_equal(ops->read(f, 0, out, sizeof out, &got), ERR_OK);
	assert_int_equal(got, 5005);
	assert_memory_equal(out, "start\0\0", 7);
	assert_memory_equal(out + 4999, "\0hello", 6);
	assert_int_equal(ops->read(f, 5005, out, 10, &got), ERR_OK);
	assert_int_equal(got, 0);
	ops->close(f);
	ops->close(NULL);
}

static void sizes_change(void **state) {
	struct place *p = *state;
	const struct files_ops *ops = p->fs->ops;
	struct file *f = open_ok(p, at(p, 0, "f"), FILE_READ | FILE_WRITE | FILE_CREATE);
	assert_int_equal(ops->write(f, 0, "abcdefgh", 8), ERR_OK);
	assert_int_equal(ops->resize(f, 4), ERR_OK);
	assert_int_equal(ops->resize(f, 8), ERR_OK);
	char out[8];
	size_t got;
	assert_int_equal(ops->read(f, 0, out, 8, &got), ERR_OK);
	assert_memory_equal(out, "abcd\0\0\0\0", 8);
	uint64_t bytes;
	assert_int_equal(ops->reserve(f, 100000), ERR_OK);
	assert_int_equal(ops->size(f, &bytes), ERR_OK);
	assert_int_equal(bytes, 100000);
	assert_int_equal(ops->reserve(f, 10), ERR_OK); /* never shrinks */
	assert_int_equal(ops->size(f, &bytes), ERR_OK);
	assert_int_equal(bytes, 100000);
	assert_int_equal(ops->read(f, 99992, out, 8, &got), ERR_OK);
	assert_memory_equal(out, "\0\0\0\0\0\0\0\0", 8);
	ops->close(f);
}

static void opening_says_what_is_wrong(void **state) {
	struct place *p = *state;
	const struct files_ops *ops = p->fs->ops;
	struct file *f;
	assert_int_equal(ops->open(p->fs, at(p, 0, "none"), FILE_READ, &f), ERR_NOT_FOUND);
	assert_null(f);
	assert_int_equal(ops->open(p->fs, at(p, 0, "no/dir"), FILE_WRITE | FILE_CREATE, &f),
	                 ERR_NOT_FOUND);
	const int exclusive = FILE_WRITE | FILE_CREATE | FILE_EXCLUSIVE;
	ops->close(open_ok(p, at(p, 0, "f"), exclusive));
	assert_int_equal(ops->open(p->fs, at(p, 0, "f"), exclusive, &f), ERR_EXISTS);
	f = open_ok(p, at(p, 0, "f"), FILE_READ);
	assert_int_not_equal(ops->write(f, 0, "x", 1), ERR_OK);
	ops->close(f);
}

static void collect(void *arg, const char *name) {
	assert_int_equal(buf_printf(arg, "%s ", name), ERR_OK);
}

static void assert_names(struct place *p, const char *dir, const char *expected) {
	struct buf names;
	buf_init(&names, 1000);
	assert_int_equal(p->fs->ops->list(p->fs, dir, collect, &names), ERR_OK);
	const char *text;
	assert_int_equal(buf_cstr(&names, &text), ERR_OK);
	assert_string_equal(text, expected);
	buf_done(&names);
}

static void names_come_and_go(void **state) {
	struct place *p = *state;
	const struct files_ops *ops = p->fs->ops;
	const char *names[] = {"b", "a", "B", "c"};
	for (int i = 0; i < 4; i++)
		ops->close(open_ok(p, at(p, 0, names[i]), FILE_WRITE | FILE_CREATE));
	assert_names(p, p->dir, "B a b c ");
	struct file *f = open_ok(p, at(p, 0, "a"), FILE_READ | FILE_WRITE);
	assert_int_equal(ops->rename(p->fs, at(p, 0, "a"), at(p, 1, "c")), ERR_OK);
	assert_int_equal(ops->unlink(p->fs, at(p, 0, "c")), ERR_OK);
	assert_int_equal(ops->write(f, 0, "still", 5), ERR_OK); /* open files outlive their name */
	ops->close(f);
	assert_int_equal(ops->unlink(p->fs, at(p, 0, "c")), ERR_NOT_FOUND);
	assert_int_equal(ops->rename(p->fs, at(p, 0, "none"), at(p, 1, "c")), ERR_NOT_FOUND);
	assert_int_equal(ops->sync_dir(p->fs, p->dir), ERR_OK);
	assert_names(p, p->dir, "B b ");
}

static void directories(void **state) {
	struct place *p = *state;
	const struct files_ops *ops = p->fs->ops;
	assert_int_equal(ops->mkdir(p->fs, at(p, 0, "x/y//z/")), ERR_OK);
	assert_int_equal(ops->mkdir(p->fs, at(p, 0, "x/y/z")), ERR_OK);
	ops->close(open_ok(p, at(p, 0, "x/y/z/f"), FILE_WRITE | FILE_CREATE));
	assert_names(p, at(p, 0, "x/y"), "z ");
	assert_int_equal(ops->rename(p->fs, at(p, 0, "x/y"), at(p, 1, "x/w")), ERR_OK);
	assert_names(p, at(p, 0, "x/w/z"), "f ");
	assert_int_not_equal(ops->mkdir(p->fs, at(p, 0, "x/w/z/f")), ERR_OK);
	assert_int_equal(ops->list(p->fs, at(p, 0, "none"), collect, NULL), ERR_NOT_FOUND);
	assert_int_equal(ops->sync_dir(p->fs, at(p, 0, "none")), ERR_NOT_FOUND);
	assert_int_equal(ops->unlink(p->fs, at(p, 0, "x/w/z/f")), ERR_OK);
	if (p->is_sim) return;
	const char *made[] = {"x/w/z", "x/w", "x"};
	for (int i = 0; i < 3; i++) assert_int_equal(rmdir(at(p, 0, made[i])), 0);
}

static void whole_files_are_replaced_and_read(void **state) {
	struct place *p = *state;
	assert_int_equal(files_replace(p->fs, at(p, 0, "f"), SLICE_LIT("first, and longer")),
	                 ERR_OK);
	assert_int_equal(files_replace(p->fs, at(p, 0, "f"), SLICE_LIT("second")), ERR_OK);
	assert_names(p, p->dir, "f ");
	struct buf out;
	buf_init(&out, 6);
	assert_int_equal(files_read_all(p->fs, at(p, 0, "f"), &out), ERR_OK);
	assert_true(slice_is(buf_slice(&out), "second"));
	buf_done(&out);
	buf_init(&out, 5);
	assert_int_equal(files_read_all(p->fs, at(p, 0, "f"), &out), ERR_TOO_LARGE);
	assert_int_equal(files_read_all(p->fs, at(p, 0, "none"), &out), ERR_NOT_FOUND);
	buf_done(&out);
}

#define ON_BOTH_DISKS(test)                                                                        \
	{#test " (posix)", test, place_posix, place_done, NULL}, {                                 \
#test " (simulation)", test, place_sim, place_done, NULL                           \
	}

int main(void) {
	const struct CMUnitTest tests[] = {
		ON_BOTH_DISKS(read_back_what_was_written),
		ON_BOTH_DISKS(sizes_change),
		ON_BOTH_DISKS(opening_says_what_is_wrong),
		ON_BOTH_DISKS(names_come_and_go),
		ON_BOTH_DISKS(directories),
		ON_BOTH_DISKS(whole_files_are_replaced_and_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
