/* Flipped bits: in every file that a store leaves behind, and in the tail of a log. Either
 * what is read is right, or an error is reported; never other data. */
#include "rig.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES_MAX = 64, RECORDS = 24, KEEP = 20 };

struct kept_file {
	char path[1024];
	uint8_t *bytes;
	size_t len;
};
struct kept { /* a directory as it was */
	struct kept_file files[FILES_MAX];
	int count;
};

static void dir_keep(struct kept *k, const char *dir) {
	DIR *d = opendir(dir);
	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d));) {
		if (e->d_name[0] == '.') continue;
		assert_true(k->count < FILES_MAX);
		struct kept_file *f = &k->files[k->count];
		snprintf(f->path, sizeof(f->path), "%s/%s", dir, e->d_name);
		struct stat st;
		assert_int_equal(stat(f->path, &st), 0);
		if (S_ISDIR(st.st_mode)) {
			char sub[1024];
			memcpy(sub, f->path, sizeof(sub));
			dir_keep(k, sub);
			continue;
		}
		f->len = (size_t)st.st_size;
		f->bytes = malloc(f->len + 1);
		int fd = open(f->path, O_RDONLY);
		assert_int_equal(pread(fd, f->bytes, f->len, 0), f->len);
		close(fd);
		k->count++;
	}
	closedir(d);
}

static bool is_kept(const struct kept *k, const char *path) {
	for (int i = 0; i < k->count; i++)
		if (strcmp(k->files[i].path, path) == 0) return true;
	return false;
}

static void dir_prune(const struct kept *k, const char *dir) {
	DIR *d = opendir(dir);
	for (struct dirent *e; (e = readdir(d));) {
		char path[1024];
		struct stat st;
		if (e->d_name[0] == '.') continue;
		assert_true(snprintf(path, sizeof(path), "%s/%s", dir, e->d_name) < 1024);
		if (stat(path, &st)) continue;
		if (S_ISDIR(st.st_mode))
			dir_prune(k, path);
		else if (!is_kept(k, path))
			unlink(path);
	}
	closedir(d);
}

static void dir_restore(const struct kept *k, const char *dir) {
	dir_prune(k, dir);
	for (int i = 0; i < k->count; i++) {
		const struct kept_file *f = &k->files[i];
		int fd = open(f->path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
		assert_int_equal(pwrite(fd, f->bytes, f->len, 0), f->len);
		close(fd);
	}
}

static void kept_done(struct kept *k) {
	for (int i = 0; i < k->count; i++) free(k->files[i].bytes);
	free(k);
}

static void flip(const struct kept_file *f, size_t at, uint8_t bits) {
	uint8_t byte = f->bytes[at] ^ bits;
	int fd = open(f->path, O_WRONLY);
	assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
	close(fd);
}

/* --- a small store with one of everything ----------------------------------------------------------- */

struct scene {
	struct rig *g;
	struct history h;
	struct buf tail; /* in quarantine */
};

static void scene_init(struct scene *s) {
	s->g = rig_new(RIG_LOCAL_UV, 1);
	s->g->options.segment_bytes = 16 << 10;
	s->g->options.checkpoint_bytes = 8 << 10;
	history_init(&s->h);
	buf_init(&s->tail, 1 << 20);
	rig_reopen(s->g);
	for (int i = 0; i < RECORDS; i++) {
		char key[16];
		snprintf(key, sizeof(key), "key-%d", i % 10);
		history_put_sized(&s->h, 1, key, i % 3 ? 900 : 50);
		const struct op op = {OP_PUT, SLICE_LIT("mortal"), SLICE_LIT("x"), 5000};
		if (i == 7) history_ops(&s->h, 1, &op, 1);
	}
	for (uint64_t i = 1; i <= (uint64_t)s->h.count; i++) {
		CHECK(rig_append(s->g, history_slice(&s->h, i, i)));
		CHECK(rig_apply(s->g, i));
	}
	CHECK(rig_promise(s->g, 2));
	CHECK(rig_quarantine(s->g, &s->h.at[KEEP]));
	CHECK(buf_append_slice(&s->tail, history_slice(&s->h, KEEP + 1, (uint64_t)s->h.count)));
	CHECK(rig_truncate(s->g, &s->h.at[KEEP]));
	history_cut(&s->h, KEEP);
	rig_settle(s->g, 20);
}

static void scene_done(struct scene *s) {
	rig_free(s->g);
	history_done(&s->h);
	buf_done(&s->tail);
}

/* The promise, the log and the view, each by value. */
static void scene_is_right(struct scene *s) {
	struct store_info info = rig_info(s->g);
	struct buf is, want;
	buf_init(&is, 1 << 20);
	buf_init(&want, 1 << 20);
	assert_true(rig_last_is(s->g, &s->h.at[KEEP]));
	assert_int_equal(info.promised_epoch, 2);
	enum err err = s->g->store->ops->read_log(s->g->store, info.first_seq, 1 << 30, &is);
	if (!err)
		assert_true(slice_eq(buf_slice(&is), history_slice(&s->h, info.first_seq, KEEP)));
	else
		assert_true(err == ERR_CORRUPT);
	buf_reset(&is);
	history_dump(&s->h, KEEP, &want);
	err = rig_apply(s->g, KEEP);
	if (!err) {
		rig_dump(s->g, &is);
		assert_true(slice_eq(buf_slice(&is), buf_slice(&want)));
	} else {
		assert_true(err == ERR_CORRUPT);
	}
	buf_done(&is);
	buf_done(&want);
}

static void item_is_right(void *arg, const struct quarantine_item *item) {
	struct scene *s = arg;
	struct buf one;
	buf_init(&one, 1 << 20);
	enum err err = quarantine_read(s->g->files, s->g->dir, item->id, &one);
	if (!err)
		assert_true(slice_eq(buf_slice(&one), buf_slice(&s->tail)));
	else
		assert_true(err == ERR_CORRUPT || err == ERR_FORMAT);
	buf_done(&one);
}

static void open_and_look(struct scene *s, int *opened, int *refused) {
	enum err err = rig_open(s->g);
	if (!err) {
		scene_is_right(s);
		(*opened)++;
	} else {
		assert_true(err == ERR_CORRUPT || err == ERR_FORMAT);
		assert_non_null(strstr(s->g->fault.text, s->g->dir)); /* says where */
		(*refused)++;
	}
	CHECK(quarantine_list(s->g->files, s->g->dir, item_is_right, s));
	rig_close(s->g);
}

/* Every byte of small files, every header and a sample of the rest of large ones. */
static size_t next_at(const struct kept_file *f, size_t at) {
	if (f->len < 600) return at + 1;
	size_t stride = f->len / 100 + 1;
	return at + (at < 64 ? 1 : stride % 8 ? stride : stride + 1);
}

static void every_file_flipped(struct scene *s, const char *skip) {
	struct kept *k = calloc(1, sizeof(*k));
	int opened = 0, refused = 0;
	dir_keep(k, s->g->dir);
	for (int i = 0; i < k->count; i++) {
		const struct kept_file *f = &k->files[i];
		if (skip && strstr(f->path, skip)) continue;
		for (size_t at = 0; at < f->len; at = next_at(f, at)) {
			dir_restore(k, s->g->dir);
			flip(f, at, (uint8_t)(1 << at % 8));
			open_and_look(s, &opened, &refused);
		}
	}
	print_message("%d files: %d opened and right, %d refused\n", k->count, opened, refused);
	assert_true(opened > 100 && refused > 100);
	dir_restore(k, s->g->dir);
	open_and_look(s, &opened, &refused);
	kept_done(k);
}

static void flips_in_a_closed_store(void **state) {
	struct scene s;
	scene_init(&s);
	rig_close(s.g);
	every_file_flipped(&s, NULL);
	scene_done(&s);
}

/* As kill -9 leaves it: the files while the store is open, in the same boot. */
static void flips_after_a_kill(void **state) {
	struct scene s;
	struct kept *k = calloc(1, sizeof(*k));
	scene_init(&s);
	dir_keep(k, s.g->dir);
	rig_close(s.g);
	dir_restore(k, s.g->dir);
	kept_done(k);
	every_file_flipped(&s, NULL);
	scene_done(&s);
}

/* --- the end of the log -------------------------------------------------------------------------------- */

enum { BATCHES = 20 };

/* BATCHES batches of one record each in one segment, then the power goes: *k is the directory,
 * and which of its files is the segment is returned. */
static struct kept_file *tail_scene(struct scene *s, struct kept **k) {
	s->g = rig_new(RIG_LOCAL_UV, 1);
	history_init(&s->h);
	rig_reopen(s->g);
	for (uint64_t i = 1; i <= BATCHES; i++) {
		history_put_sized(&s->h, 1, "key", 500);
		CHECK(rig_append(s->g, history_slice(&s->h, i, i)));
	}
	*k = calloc(1, sizeof(**k));
	dir_keep(*k, s->g->dir);
	rig_close(s->g);
	snprintf(s->g->boot_id, sizeof(s->g->boot_id), "after-the-loss");
	for (int i = 0; i < (*k)->count; i++)
		if (strstr((*k)->files[i].path, ".seg")) return &(*k)->files[i];
	fail();
	return NULL;
}

static void tail_scene_done(struct scene *s, struct kept *k) {
	kept_done(k);
	rig_free(s->g);
	history_done(&s->h);
}

static size_t record_offset(const struct scene *s, const struct kept_file *segment, uint64_t seq) {
	struct slice r = history_slice(&s->h, seq, seq);
	const uint8_t *at = memmem(segment->bytes, segment->len, r.ptr, r.len);
	assert_non_null(at);
	return (size_t)(at - segment->bytes);
}

/* It was never acknowledged for all we know: it goes, and what was before it stays. */
static void a_torn_tail_is_cut(void **state) {
	struct scene s;
	struct kept *k;
	struct kept_file *segment = tail_scene(&s, &k);
	size_t from = record_offset(&s, segment, BATCHES) - 32; /* with its head */
	size_t len = history_slice(&s.h, BATCHES, BATCHES).len + 32;
	for (size_t at = from; at < from + len; at += 7) {
		dir_restore(k, s.g->dir);
		flip(segment, at, 16);
		CHECK(rig_open(s.g));
		assert_true(rig_last_is(s.g, &s.h.at[BATCHES - 1]));
		CHECK(rig_append(s.g, history_slice(&s.h, BATCHES, BATCHES)));
		rig_reopen(s.g);
		assert_true(rig_last_is(s.g, &s.h.at[BATCHES]));
		rig_close(s.g);
	}
	tail_scene_done(&s, k);
}

/* A later batch proves that it had been durable: never dropped in silence. */
static void damage_before_a_later_batch_is_refused(void **state) {
	struct scene s;
	struct kept *k;
	struct kept_file *segment = tail_scene(&s, &k);
	for (uint64_t seq = 1; seq < BATCHES; seq++) {
		size_t from = record_offset(&s, segment, seq) - 32;
		for (size_t at = from; at < from + 500; at += 83) {
			dir_restore(k, s.g->dir);
			flip(segment, at, 2);
			CHECK_ERR(rig_open(s.g), CORRUPT);
			assert_non_null(strstr(s.g->fault.text, segment->path));
			assert_non_null(strstr(s.g->fault.text, "offset"));
		}
	}
	tail_scene_done(&s, k);
}

/* What lies after the end without being of this log: another segment's batch, old records. */
static void leftovers_are_no_records(void **state) {
	struct scene s;
	struct kept *k;
	struct kept_file *segment = tail_scene(&s, &k);
	size_t first = record_offset(&s, segment, 1),
	       end = record_offset(&s, segment, BATCHES) +
	             history_slice(&s.h, BATCHES, BATCHES).len;
	assert_true(end + (end - first) + 100 < segment->len);
	for (size_t shift = 0; shift < 100; shift += 33) {
		memset(segment->bytes + end, 0, segment->len - end);
		memcpy(segment->bytes + end + shift, segment->bytes + first - 32, end - first);
		dir_restore(k, s.g->dir);
		CHECK(rig_open(s.g));
		assert_true(rig_last_is(s.g, &s.h.at[BATCHES]));
		rig_reopen(s.g);
		assert_true(rig_last_is(s.g, &s.h.at[BATCHES]));
		rig_close(s.g);
	}
	tail_scene_done(&s, k);
}

/* --- under a running store ---------------------------------------------------------------------------- */

static bool entry_count(void *arg, struct slice key, const struct entry *e) {
	++*(int *)arg;
	return true;
}

/* The page goes bad while the store is open: what is read of it is an error. */
static void a_bad_entry_is_not_served(void **state) {
	struct rig *g = rig_new(RIG_LOCAL_UV, 1);
	struct history h;
	struct position at;
	struct buf snapshot;
	static uint8_t file[1 << 20];
	char path[600];
	int seen = 0;
	history_init(&h);
	buf_init(&snapshot, 1 << 20);
	rig_reopen(g);
	history_put(&h, 1, "a", "before");
	history_put(&h, 1, "b", "a value that can be found");
	history_put(&h, 1, "c", "after");
	CHECK(rig_append(g, history_slice(&h, 1, 3)));
	CHECK(rig_apply(g, 3));
	snprintf(path, sizeof(path), "%s/a/view/data.mdb", g->dir);
	int fd = open(path, O_RDWR);
	ssize_t len = pread(fd, file, sizeof(file), 0);
	const uint8_t *value = memmem(file, (size_t)len, "can be found", 12);
	assert_non_null(value);
	assert_int_equal(pwrite(fd, "C", 1, value - file), 1);
	close(fd);
	CHECK_ERR(rig_get(g, "b", NULL), CORRUPT);
	CHECK(rig_get(g, "a", NULL));
	CHECK(rig_get(g, "c", NULL));
	struct store_reader *r = g->store->ops->reader_new(g->store);
	const struct store_scan scan = {.each = entry_count, .arg = &seen};
	CHECK_ERR(g->store->ops->scan(r, &scan, &at), CORRUPT);
	assert_int_equal(seen, 1);
	g->store->ops->reader_free(r);
	CHECK_ERR(rig_export(g, 1, &at, &snapshot), CORRUPT);
	rig_reopen(g); /* made anew from the log */
	CHECK(rig_apply(g, 3));
	CHECK(rig_get(g, "b", NULL));
	buf_done(&snapshot);
	rig_free(g);
	history_done(&h);
}

int main(void) {
	if (access("/dev/shm", W_OK) == 0) setenv("TMPDIR", "/dev/shm", 1);
	log_set_level(LOG_OFF);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flips_in_a_closed_store),
		cmocka_unit_test(flips_after_a_kill),
		cmocka_unit_test(a_torn_tail_is_cut),
		cmocka_unit_test(damage_before_a_later_batch_is_refused),
		cmocka_unit_test(leftovers_are_no_records),
		cmocka_unit_test(a_bad_entry_is_not_served),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
