/* The embedded driver's file: what is refused at open and with which reason, damage of every
 * byte, a full disk, a file that goes away. What all drivers promise is in test/conformance. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/list.h"
#include "base/log.h"
#include "coord/embedded.h"
#include "coord/embedded_file.h"

static const uint64_t MS = 1000000;
static char dir[64], path[96], copy[96];
static struct io *io;
static struct fault fault;

static int set_up(void **state) {
	snprintf(dir, sizeof dir, "/tmp/holdfast-coord-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/coord", dir);
	snprintf(copy, sizeof copy, "%s/coord.kept", dir);
	io = io_uv_new();
	assert_non_null(io);
	log_set_level(LOG_OFF); /* the damage is ours */
	return 0;
}

static int tear_down(void **state) {
	io_free(io);
	umount(dir); /* where a test that failed left it */
	unlink(path);
	unlink(copy);
	assert_int_equal(rmdir(dir), 0);
	return 0;
}

static enum err open_as(const char *cluster, const char *node, struct coord **out) {
	struct coord_embedded_options o = {path, cluster, node, MS};
	fault = (struct fault){0};
	enum err e = coord_embedded_open(io, &o, out, &fault);
	if (e) {
		assert_int_equal(fault.code, e);
		assert_non_null(strstr(fault.text, "coord"));
	}
	return e;
}

static struct coord *open_node(const char *node) {
	struct coord *c = NULL;
	assert_int_equal(open_as("test", node, &c), ERR_OK);
	return c;
}

static void open_refused(const char *cluster, enum err expected, const char *why) {
	struct coord *c;
	assert_int_equal(open_as(cluster, "a", &c), expected);
	if (!strstr(fault.text, why)) fail_msg("%s", fault.text);
}

struct call {
	struct coord_op op;
	enum err err;
	char value[64];
};

static void on_done(struct coord_op *op, enum err err) {
	struct call *c = CONTAINER_OF(op, struct call, op);
	c->err = err;
	snprintf(c->value, sizeof c->value, SLICE_FMT, SLICE_ARG(op->value));
	io_stop(io);
}

static struct call call;

static enum err put(struct coord *c, const char *key, uint64_t expected, const char *value) {
	call.op = (struct coord_op){.done = on_done};
	c->ops->put(c, key, expected, slice_str(value), &call.op);
	io_run(io);
	return call.err;
}
static enum err get(struct coord *c, const char *key) {
	call.op = (struct coord_op){.done = on_done};
	c->ops->read(c, key, &call.op);
	io_run(io);
	return call.err;
}
static enum err node_op(struct coord *c, void (*op)(struct coord *c, struct coord_op *op)) {
	call.op = (struct coord_op){.done = on_done};
	op(c, &call.op);
	io_run(io);
	return call.err;
}

static void write_at(off_t at, const void *bytes, size_t len) {
	int fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, len, at), len);
	close(fd);
}
static void flip(off_t at, uint8_t bits) {
	uint8_t byte = 0;
	int fd = open(path, O_RDWR);
	assert_int_equal(pread(fd, &byte, 1, at), 1);
	byte ^= bits;
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	close(fd);
}
static off_t area_at(int area) {
	return COORD_FILE_MAPPED + (off_t)area * COORD_AREA_BYTES;
}

/* Two puts by node a, then closed: area 0 holds "one", area 1 the newest. */
static void make_file(void) {
	struct coord *a = open_node("a");
	assert_int_equal(node_op(a, a->ops->join), ERR_OK);
	assert_int_equal(put(a, "k", 0, "one"), ERR_OK);
	assert_int_equal(put(a, "k", call.op.revision, "two"), ERR_OK);
	a->ops->close(a);
}

/* --- refused at open --------------------------------------------------------------------- */

static void foreign_files_are_refused(void **state) {
	char garbage[20000];
	memset(garbage, 'g', sizeof garbage);
	write_at(0, garbage, sizeof garbage);
	open_refused("test", ERR_FORMAT, "not a coordination file");
	assert_int_equal(truncate(path, 100), 0);
	open_refused("test", ERR_FORMAT, "not a coordination file");
	unlink(path);
	assert_int_equal(mkdir(path, 0700), 0);
	open_refused("test", ERR_IO, path);
	assert_int_equal(rmdir(path), 0);
	snprintf(path, sizeof path, "%s/nowhere/coord", dir);
	open_refused("test", ERR_NOT_FOUND, "cannot open it");
}

static void other_cluster_and_newer_format_are_refused(void **state) {
	make_file();
	open_refused("prod", ERR_FORMAT, "belongs to cluster test");
	uint32_t format = COORD_FILE_FORMAT + 1;
	write_at(offsetof(struct coord_header, format), &format, sizeof format);
	open_refused("test", ERR_FORMAT, "format 2");
}

static void odd_names_are_refused(void **state) {
	struct coord *c;
	const char *names[] = {"", "A", "a_b", "-a", "0123456789012345678901234567890123"};
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		assert_int_equal(open_as("test", names[i], &c), ERR_INVALID);
	assert_int_equal(open_as("", "a", &c), ERR_INVALID);
	assert_int_not_equal(access(path, F_OK), 0); /* and nothing was made */
}

static void a_live_name_is_refused(void **state) {
	struct coord *a = open_node("a"), *again;
	assert_int_equal(open_as("test", "a", &again), ERR_EXISTS);
	char pid[32];
	snprintf(pid, sizeof pid, "process %d", (int)getpid());
	assert_non_null(strstr(fault.text, pid));
	a->ops->close(a);
	a = open_node("a");
	a->ops->close(a);
}

static void nodes_are_bounded(void **state) {
	struct coord *c;
	for (int i = 0; i < COORD_NODES_MAX; i++) {
		char name[16];
		snprintf(name, sizeof name, "n%d", i);
		c = open_node(name);
		c->ops->close(c);
	}
	assert_int_equal(open_as("test", "one-more", &c), ERR_TOO_MANY);
	c = open_node("n7");
	c->ops->close(c);
}

static void what_died_while_making_the_file_is_made_again(void **state) {
	write_at(0, "", 0);
	make_file();
	unlink(path);
	static const char zeros[COORD_FILE_MAPPED];
	write_at(0, zeros, sizeof zeros);
	make_file();
}

/* --- damage --------------------------------------------------------------------------------- */

/* Never anything but the newest state, or a refusal. */
static void opens_right_or_not_at_all(const char *what, off_t at) {
	struct coord *a;
	enum err e = open_as("test", "a", &a);
	if (e) {
		if (e != ERR_CORRUPT && e != ERR_FORMAT)
			fail_msg("%s %ld: %s", what, (long)at, fault.text);
		return;
	}
	assert_int_equal(get(a, "k"), ERR_OK);
	if (strcmp(call.value, "two") != 0) fail_msg("%s %ld: %s", what, (long)at, call.value);
	a->ops->close(a);
}

static size_t newest_bytes(void) {
	return TABLE_HEADER_BYTES + TABLE_ENTRY_BYTES + strlen("k") + strlen("two");
}

static void each_byte_of_the_newest_table(void **state) {
	make_file();
	for (size_t i = 0; i < newest_bytes(); i++) {
		flip(area_at(1) + (off_t)i, 1 << i % 8);
		open_refused("test", ERR_CORRUPT, "newest table");
		flip(area_at(1) + (off_t)i, 1 << i % 8);
	}
	opens_right_or_not_at_all("healed", 0);
}

/* A put that was torn by a power loss hurts an area that nothing names. */
static void each_byte_of_the_other_table(void **state) {
	make_file();
	for (size_t i = 0; i < newest_bytes(); i++) {
		struct coord *a;
		flip(area_at(0) + (off_t)i, 0xff);
		a = open_node("a");
		assert_int_equal(get(a, "k"), ERR_OK);
		assert_string_equal(call.value, "two");
		a->ops->close(a);
	}
}

static void each_byte_of_the_header(void **state) {
	static uint8_t page[COORD_FILE_PAGE];
	make_file();
	int fd = open(path, O_RDONLY);
	assert_int_equal(pread(fd, page, sizeof page, 0), sizeof page);
	close(fd);
	for (off_t at = 0; at < (off_t)offsetof(struct coord_header, opened); at++)
		for (int bit = 0; bit < 8; bit += 3) {
			flip(at, (uint8_t)(1 << bit));
			opens_right_or_not_at_all("header", at);
			write_at(0, page, sizeof page); /* an open may have healed it by itself */
		}
	opens_right_or_not_at_all("healed", 0);
}

static void each_byte_of_a_name(void **state) {
	make_file();
	for (off_t at = 0; at < (off_t)offsetof(struct coord_slot, used); at++) {
		flip(COORD_FILE_PAGE + at, 0x10);
		open_refused("test", ERR_CORRUPT, "name");
		flip(COORD_FILE_PAGE + at, 0x10);
	}
	opens_right_or_not_at_all("healed", 0);
}

static void a_file_that_was_cut_is_refused(void **state) {
	make_file();
	off_t sizes[] = {100,
	                 COORD_FILE_PAGE,
	                 COORD_FILE_MAPPED - 1,
	                 COORD_FILE_MAPPED,
	                 area_at(1) + 20,
	                 area_at(1) + (off_t)newest_bytes() - 1};
	for (int i = (int)(sizeof sizes / sizeof sizes[0]) - 1; i >= 0; i--) {
		assert_int_equal(truncate(path, sizes[i]), 0);
		opens_right_or_not_at_all("cut at", sizes[i]);
	}
}

/* --- in use ------------------------------------------------------------------------------------ */

static void damage_in_use_is_reported_and_not_spread(void **state) {
	make_file();
	struct coord *a = open_node("a"), *b = open_node("b");
	assert_int_equal(get(a, "k"), ERR_OK);
	uint64_t revision = call.op.revision;
	flip(area_at(1) + TABLE_HEADER_BYTES, 1);
	/* Who has read it knows it still; nobody builds a new table on a damaged one. */
	assert_int_equal(get(a, "k"), ERR_OK);
	assert_string_equal(call.value, "two");
	assert_int_equal(put(a, "k", revision, "three"), ERR_CORRUPT);
	assert_int_equal(put(b, "k", revision, "three"), ERR_CORRUPT);
	flip(area_at(1) + TABLE_HEADER_BYTES, 1);
	assert_int_equal(put(b, "k", revision, "three"), ERR_OK);
	assert_int_equal(get(a, "k"), ERR_OK);
	assert_string_equal(call.value, "three");
	a->ops->close(a);
	b->ops->close(b);
}

static void nothing_is_decided_without_the_file(struct coord *a, uint64_t revision) {
	struct coord_node n, b = {.name = "b", .generation = 1, .beat = 1};
	assert_int_equal(put(a, "k", revision, "three"), ERR_UNAVAILABLE);
	assert_int_equal(get(a, "k"), ERR_UNAVAILABLE);
	assert_int_equal(node_op(a, a->ops->beat), ERR_UNAVAILABLE);
	assert_int_equal(node_op(a, a->ops->join), ERR_UNAVAILABLE);
	call.op = (struct coord_op){.done = on_done};
	a->ops->expire(a, &b, &call.op);
	io_run(io);
	assert_int_equal(call.err, ERR_UNAVAILABLE);
	assert_true(
		a->ops->node(a, "b", &n)); /* what was known last: nobody looks like never seen */
	assert_int_equal(n.generation, 1);
}

static void a_file_that_goes_away(void **state) {
	make_file();
	struct coord *a = open_node("a"), *b = open_node("b");
	assert_int_equal(node_op(a, a->ops->join), ERR_OK);
	assert_int_equal(node_op(b, b->ops->join), ERR_OK);
	assert_int_equal(get(a, "k"), ERR_OK);
	uint64_t revision = call.op.revision;

	assert_int_equal(rename(path, copy), 0);
	nothing_is_decided_without_the_file(a, revision);
	struct coord *stranger = open_node("c"); /* makes a new one there */
	nothing_is_decided_without_the_file(a, revision);
	stranger->ops->close(stranger);
	assert_int_equal(rename(copy, path), 0);
	assert_int_equal(node_op(a, a->ops->beat), ERR_OK);
	assert_int_equal(put(a, "k", revision, "three"), ERR_OK);

	assert_int_equal(truncate(path, 0), 0); /* touching the mapping would be a SIGBUS */
	nothing_is_decided_without_the_file(a, revision);
	a->ops->close(a);
	b->ops->close(b);
}

static void a_full_table_changes_nothing(void **state) {
	static char big[COORD_VALUE_MAX + 1];
	memset(big, 'v', COORD_VALUE_MAX);
	struct coord *a = open_node("a");
	enum err e = ERR_OK;
	int count = 0;
	for (; !e && count < 100; count++) {
		char key[16];
		snprintf(key, sizeof key, "k%d", count);
		e = put(a, key, 0, big);
	}
	assert_int_equal(e, ERR_NO_SPACE);
	assert_int_equal(count, 64);
	assert_int_equal(get(a, "k63"), ERR_OK);
	assert_int_equal(call.op.revision, 0);
	assert_int_equal(get(a, "k0"), ERR_OK);
	assert_int_equal(put(a, "k0", call.op.revision, "smaller"), ERR_OK);
	assert_int_equal(put(a, "k63", 0, big), ERR_OK);
	a->ops->close(a);
}

/* Needs a small file system of its own: as root only. */
static void a_full_disk_changes_nothing(void **state) {
	if (mount("tmpfs", dir, "tmpfs", 0, "size=12m") != 0) skip();
	struct coord *a = open_node("a"), *c;
	assert_int_equal(put(a, "k", 0, "one"), ERR_OK);
	uint64_t revision = call.op.revision;
	/* As a copy without its holes, or a disk that copies on write, would be. */
	int fd = open(path, O_WRONLY);
	assert_int_equal(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, area_at(1),
	                           COORD_AREA_BYTES),
	                 0);
	close(fd);
	char filler[96];
	snprintf(filler, sizeof filler, "%s/filler", dir);
	fd = open(filler, O_WRONLY | O_CREAT, 0600);
	static char block[4096];
	while (write(fd, block, sizeof block) > 0) {}
	close(fd);
	assert_int_equal(put(a, "k", revision, "two"), ERR_NO_SPACE);
	assert_int_equal(get(a, "k"), ERR_OK);
	assert_string_equal(call.value, "one");
	assert_int_equal(node_op(a, a->ops->join), ERR_OK); /* leases go on */
	assert_int_equal(node_op(a, a->ops->beat), ERR_OK);
	assert_int_equal(open_as("test", "b", &c), ERR_NO_SPACE);
	unlink(filler);
	assert_int_equal(put(a, "k", revision, "two"), ERR_OK);
	a->ops->close(a);
	assert_int_equal(umount(dir), 0);
}

int main(void) {
#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		CASE(foreign_files_are_refused),
		CASE(other_cluster_and_newer_format_are_refused),
		CASE(odd_names_are_refused),
		CASE(a_live_name_is_refused),
		CASE(nodes_are_bounded),
		CASE(what_died_while_making_the_file_is_made_again),
		CASE(each_byte_of_the_newest_table),
		CASE(each_byte_of_the_other_table),
		CASE(each_byte_of_the_header),
		CASE(each_byte_of_a_name),
		CASE(a_file_that_was_cut_is_refused),
		CASE(damage_in_use_is_reported_and_not_spread),
		CASE(a_file_that_goes_away),
		CASE(a_full_table_changes_nothing),
		CASE(a_full_disk_changes_nothing),
	};
	return cmocka_run_group_tests_name("coord-embedded", tests, NULL, NULL);
}
