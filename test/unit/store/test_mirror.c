/* The disk image of a secondary source: a commit is whole or not at all, and says how far it is. */
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/mirror.h"

static char dir[64], path[80];

static int begin(void **state) {
	snprintf(dir, sizeof dir, "/tmp/holdfast-mirror-XXXXXX");
	if (!mkdtemp(dir)) return -1;
	snprintf(path, sizeof path, "%s/a.mirror", dir);
	return 0;
}

static int end(void **state) {
	char command[100];
	snprintf(command, sizeof command, "rm -rf %s", dir);
	return system(command);
}

static void set(struct mirror *m, const char *key, const char *value, uint64_t seq) {
	const struct entry e = {slice_str(value), 7, seq, 0};
	assert_int_equal(mirror_set(m, slice_str(key), value ? &e : NULL), ERR_OK);
}

static void row_is(struct mirror *m, const char *want) {
	struct buf row;
	buf_init(&row, MIRROR_ROW_MAX);
	assert_int_equal(mirror_row(m, &row), ERR_OK);
	assert_true(slice_is(buf_slice(&row), want));
	buf_done(&row);
}

static void keep(void *arg, const struct entry *e) {
	snprintf(arg, 100, SLICE_FMT "@%llu-%llu", SLICE_ARG(e->value),
	         (unsigned long long)e->epoch, (unsigned long long)e->seq);
}

static void has(struct mirror *m, const char *key, const char *want) {
	char got[100] = "";
	enum err err = mirror_get(m, slice_str(key), keep, got);
	assert_int_equal(err, want ? ERR_OK : ERR_NOT_FOUND);
	if (want) assert_string_equal(got, want);
}

static void keeps_what_was_committed(void **state) {
	struct mirror *m;
	assert_int_equal(mirror_open(path, &m), ERR_OK);
	row_is(m, "");
	assert_int_equal(mirror_begin(m), ERR_OK);
	set(m, "a", "1", 5);
	set(m, "b", "2", 6);
	has(m, "a", NULL); /* not yet */
	assert_int_equal(mirror_commit(m, SLICE_LIT("first")), ERR_OK);
	has(m, "a", "1@7-5");
	assert_int_equal(mirror_begin(m), ERR_OK);
	set(m, "a", NULL, 0);
	set(m, "none", NULL, 0);
	mirror_abort(m);
	has(m, "a", "1@7-5");
	assert_int_equal(mirror_begin(m), ERR_OK);
	set(m, "a", NULL, 0);
	set(m, "b", "3", 8);
	assert_int_equal(mirror_commit(m, SLICE_LIT("second")), ERR_OK);
	assert_int_equal(mirror_keys(m), 1);
	mirror_close(m);
	assert_int_equal(mirror_open(path, &m), ERR_OK);
	row_is(m, "second");
	has(m, "a", NULL);
	has(m, "b", "3@7-8");
	mirror_close(m);
}

/* Killed at any moment: keys and row are of one commit, never less than what was told. */
static void killed_at_any_moment(void **state) {
	for (int round = 0; round < 8; round++) {
		int told[2];
		assert_int_equal(pipe(told), 0);
		pid_t pid = fork();
		if (pid == 0) {
			struct mirror *m;
			if (mirror_open(path, &m) != ERR_OK) _exit(1);
			for (unsigned i = 1;; i++) {
				char text[16];
				snprintf(text, sizeof text, "%u", i);
				const struct entry e = {slice_str(text), 7, i, 0};
				if (mirror_begin(m) || mirror_set(m, SLICE_LIT("x"), &e) ||
				    mirror_set(m, SLICE_LIT("y"), &e) ||
				    mirror_commit(m, slice_str(text)))
					_exit(1);
				if (write(told[1], &i, sizeof i) != sizeof i) _exit(1);
			}
		}
		close(told[1]);
		unsigned last = 0, i;
		for (int n = 0; n < 20 + 7 * round; n++)
			assert_int_equal(read(told[0], &last, sizeof last), sizeof last);
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		while (read(told[0], &i, sizeof i) == sizeof i) last = i;
		close(told[0]);
		struct mirror *m;
		struct buf row;
		char want[40];
		buf_init(&row, MIRROR_ROW_MAX);
		assert_int_equal(mirror_open(path, &m), ERR_OK);
		assert_int_equal(mirror_row(m, &row), ERR_OK);
		const char *text;
		assert_int_equal(buf_cstr(&row, &text), ERR_OK);
		uint64_t at = strtoull(text, NULL, 10);
		assert_in_range(at, last, last + 1);
		snprintf(want, sizeof want, "%llu@7-%llu", (unsigned long long)at,
		         (unsigned long long)at);
		has(m, "x", want);
		has(m, "y", want);
		buf_done(&row);
		mirror_close(m);
	}
}

static void damage_is_not_served(void **state) {
	struct mirror *m;
	char want[] = "value-to-damage";
	assert_int_equal(mirror_open(path, &m), ERR_OK);
	assert_int_equal(mirror_begin(m), ERR_OK);
	set(m, "d", want, 5);
	assert_int_equal(mirror_commit(m, SLICE_LIT("row")), ERR_OK);
	mirror_close(m);
	FILE *f = fopen(path, "r+b");
	static char bytes[1 << 20];
	size_t len = fread(bytes, 1, sizeof bytes, f);
	char *at = memmem(bytes, len, want, strlen(want));
	assert_non_null(at);
	fseek(f, at - bytes, SEEK_SET);
	fputc('V', f);
	fclose(f);
	assert_int_equal(mirror_open(path, &m), ERR_OK);
	char got[100];
	assert_int_equal(mirror_get(m, SLICE_LIT("d"), keep, got), ERR_CORRUPT);
	mirror_close(m);
	assert_int_equal(truncate(path, 5000), 0);
	assert_int_equal(mirror_open(path, &m), ERR_CORRUPT);
}

static void one_process_a_directory(void **state) {
	assert_int_equal(mirror_lock(dir), ERR_OK);
	assert_int_equal(mirror_lock(dir), ERR_EXISTS);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(keeps_what_was_committed, begin, end),
		cmocka_unit_test_setup_teardown(killed_at_any_moment, begin, end),
		cmocka_unit_test_setup_teardown(damage_is_not_served, begin, end),
		cmocka_unit_test_setup_teardown(one_process_a_directory, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
