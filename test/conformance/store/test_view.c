/* The view of store.h: applying, reading, walking, expiring, and hashes that agree. */
#include <pthread.h>
#include <stdatomic.h>

#include "suite.h"

static void applied_is_what_readers_see(void **state) {
	struct rig *g = *state;
	struct history h;
	struct rig_got got;
	history_init(&h);
	history_put(&h, 1, "a", "one");
	history_put(&h, 1, "a", "two");
	history_put(&h, 1, "b", "three");
	CHECK(rig_append(g, history_slice(&h, 1, 3)));
	CHECK_ERR(rig_get(g, "a", NULL), NOT_FOUND); /* durable, not yet visible */
	CHECK(rig_apply(g, 1));
	CHECK(rig_get(g, "a", &got));
	assert_true(slice_is(buf_slice(&got.value), "one"));
	assert_int_equal(got.seq, 1);
	assert_int_equal(got.epoch, 1);
	assert_true(position_eq(&got.at, &h.at[1]));
	buf_done(&got.value);
	CHECK(rig_apply(g, 3));
	CHECK(rig_get(g, "a", &got));
	assert_true(slice_is(buf_slice(&got.value), "two"));
	assert_true(position_eq(&got.at, &h.at[3]));
	buf_done(&got.value);
	CHECK(rig_apply(g, 2));              /* has happened already */
	CHECK_ERR(rig_apply(g, 4), INVALID); /* not durable */
	suite_equals(g, &h, 3);
	rig_reopen(g);
	suite_equals(g, &h, 3);
	CHECK_ERR(rig_get(g, "", NULL), NOT_FOUND);
	history_done(&h);
}

static void applies_finish_in_order(void **state) {
	struct rig *g = *state;
	enum { N = 50 };
	static struct rig_op ops[N];
	struct history h;
	history_init(&h);
	for (int i = 0; i < N; i++) history_put(&h, 1, i % 2 ? "odd" : "even", "value");
	CHECK(rig_append(g, history_slice(&h, 1, N)));
	for (int i = 0; i < N; i++) {
		rig_op_init(g, &ops[i]);
		g->store->ops->apply(g->store, (uint64_t)i + 1, &ops[i].op);
		assert_false(ops[i].done);
	}
	for (int i = 0; i < N; i++) {
		CHECK(rig_wait(g, &ops[i]));
		if (i) assert_true(ops[i].order > ops[i - 1].order);
	}
	suite_equals(g, &h, N);
	history_done(&h);
}

static void put_sized(struct history *h, const char *key, size_t bytes, uint64_t expires_ms) {
	static uint8_t bytes_of[100000];
	memset(bytes_of, h->count, bytes);
	const struct op op = {OP_PUT, slice_str(key), slice_of(bytes_of, bytes), expires_ms};
	history_ops(h, 1, &op, 1);
}

/* Overwrites of other sizes, deletes, several ops on one key in one record, expiry set, moved
 * and taken away: the view is always the replay, and so is its hash. */
static void view_is_the_replay(void **state) {
	struct rig *g = *state;
	static const size_t sizes[] = {0, 1, 30, 31, 900, 1900, 5000, 70000, 3};
	struct history h;
	char key[16];
	unsigned random = 1;
	history_init(&h);
	for (int i = 0; i < 400; i++) {
		random = random * 1103515245 + 12345;
		snprintf(key, sizeof(key), "k%02u", random >> 16 & 31);
		size_t bytes = sizes[(random >> 8 & 0xff) % 9];
		if (i % 5 == 4) {
			const struct op ops[] = {
				{OP_PUT, slice_str(key), SLICE_LIT("x"), 5},
				{OP_DELETE, slice_str(key), {NULL, 0}, 0},
				{OP_DELETE, SLICE_LIT("absent"), {NULL, 0}, 0},
				{OP_PUT, slice_str(key), SLICE_LIT("last"), 0},
				{OP_DELETE, SLICE_LIT("k03"), {NULL, 0}, 0},
			};
			history_ops(&h, 1, ops, 5);
		} else {
			put_sized(&h, key, bytes, random & 64 ? 1 + (random >> 20 & 7) : 0);
		}
	}
	for (uint64_t i = 1; i <= 400; i += 40) {
		suite_fill(g, &h, i, i + 39);
		suite_equals(g, &h, i + 39);
	}
	rig_reopen(g);
	suite_equals(g, &h, 400);
	history_done(&h);
}

struct walked {
	struct buf keys;
	int stop_after;
};

static bool walk_each(void *arg, struct slice key, const struct entry *e) {
	struct walked *w = arg;
	CHECK(buf_printf(&w->keys, SLICE_FMT ",", SLICE_ARG(key)));
	return --w->stop_after != 0;
}

static void walk_is(struct rig *g, const char *prefix, const char *after, int stop_after,
                    const char *want) {
	struct walked w = {.stop_after = stop_after};
	struct store_reader *r = g->store->ops->reader_new(g->store);
	struct position at;
	const char *text;
	buf_init(&w.keys, 1 << 16);
	const struct store_scan scan = {slice_str(prefix), slice_str(after), walk_each, &w};
	CHECK(g->store->ops->scan(r, &scan, &at));
	struct store_info info = rig_info(g);
	assert_true(position_eq(&at, &info.applied));
	CHECK(buf_cstr(&w.keys, &text));
	assert_string_equal(text, want);
	buf_done(&w.keys);
	g->store->ops->reader_free(r);
}

static void scans_walk_in_key_order(void **state) {
	struct rig *g = *state;
	static const char *const keys[] = {"b/2",   "a",   "b/10", "b",
	                                   "c\xff", "b/1", "bb",   "c\xff\xff"};
	struct history h;
	history_init(&h);
	walk_is(g, "", "", 0, "");
	for (int i = 0; i < 8; i++) history_put(&h, 1, keys[i], "v");
	suite_fill(g, &h, 1, 8);
	walk_is(g, "", "", 0, "a,b,b/1,b/10,b/2,bb,c\xff,c\xff\xff,");
	walk_is(g, "b", "", 0, "b,b/1,b/10,b/2,bb,");
	walk_is(g, "b/", "", 0, "b/1,b/10,b/2,");
	walk_is(g, "b/", "b/1", 0, "b/10,b/2,");   /* after: the first beyond */
	walk_is(g, "b/", "b/1x", 0, "b/2,");       /* … which need not exist */
	walk_is(g, "b/", "a", 0, "b/1,b/10,b/2,"); /* before the prefix: from the prefix on */
	walk_is(g, "b/", "b/2", 0, "");
	walk_is(g, "b/", "zzz", 0, "");
	walk_is(g, "b/", "", 2, "b/1,b/10,"); /* false stops */
	walk_is(g, "c\xff", "", 0, "c\xff,c\xff\xff,");
	walk_is(g, "nothing", "", 0, "");
	history_done(&h);
}

static void key_note(void *arg, struct slice key) {
	CHECK(buf_printf(arg, SLICE_FMT ",", SLICE_ARG(key)));
}

static void expired_is(struct rig *g, uint64_t now_ms, int max, const char *want) {
	struct store_reader *r = g->store->ops->reader_new(g->store);
	struct buf keys;
	const char *text;
	buf_init(&keys, 1 << 16);
	CHECK(g->store->ops->expired(r, now_ms, max, key_note, &keys));
	CHECK(buf_cstr(&keys, &text));
	assert_string_equal(text, want);
	buf_done(&keys);
	g->store->ops->reader_free(r);
}

static void expired_keys_come_earliest_first(void **state) {
	struct rig *g = *state;
	struct history h;
	history_init(&h);
	put_sized(&h, "late", 3, 5000);
	put_sized(&h, "early", 3, 1000);
	put_sized(&h, "never", 3, 0);
	put_sized(&h, "middle", 3, 2000);
	put_sized(&h, "gone", 3, 1500);
	put_sized(&h, "moved", 3, 1200);
	const struct op gone = {OP_DELETE, SLICE_LIT("gone"), {NULL, 0}, 0};
	history_ops(&h, 1, &gone, 1);
	put_sized(&h, "moved", 3, 9000);
	suite_fill(g, &h, 1, 8);
	expired_is(g, 999, 10, "");
	expired_is(g, 1000, 10, "early,");
	expired_is(g, 4999, 10, "early,middle,");
	expired_is(g, 100000, 10, "early,middle,late,moved,");
	expired_is(g, 100000, 2, "early,middle,");
	expired_is(g, 100000, 0, "");
	struct rig_got got;
	CHECK(rig_get(g, "early", &got)); /* a store never hides */
	assert_int_equal(got.expires_ms, 1000);
	buf_done(&got.value);
	history_done(&h);
}

struct nested {
	struct rig *g;
	struct store_reader *reader;
	struct history *h;
	struct position outer, inner;
	enum err inner_err;
};

static void nested_inner(void *arg, enum err err, const struct entry *e,
                         const struct position *at) {
	struct nested *n = arg;
	n->inner_err = err;
	n->inner = *at;
}

static void nested_outer(void *arg, enum err err, const struct entry *e,
                         const struct position *at) {
	struct nested *n = arg;
	CHECK(err);
	n->outer = *at;
	n->g->store->ops->get(n->reader, SLICE_LIT("b"), nested_inner, n);
	assert_true(slice_is(e->value, "one")); /* still borrowed */
}

static void a_get_inside_done_sees_the_same(void **state) {
	struct rig *g = *state;
	struct history h;
	struct nested n = {.g = g, .h = &h};
	history_init(&h);
	history_put(&h, 1, "a", "one");
	suite_fill(g, &h, 1, 1);
	n.reader = g->store->ops->reader_new(g->store);
	g->store->ops->get(n.reader, SLICE_LIT("a"), nested_outer, &n);
	assert_true(position_eq(&n.outer, &n.inner));
	CHECK_ERR(n.inner_err, NOT_FOUND);
	g->store->ops->reader_free(n.reader);
	history_done(&h);
}

/* --- readers of other threads -------------------------------------------------------------------- */

enum { PAIRS = 300 };
struct watcher {
	struct rig *g;
	pthread_t thread;
	atomic_bool stop, bad;
	char value[16];
};

static bool pair_each(void *arg, struct slice key, const struct entry *e) {
	struct watcher *w = arg;
	if (!w->value[0]) memcpy(w->value, e->value.ptr, e->value.len);
	/* Both keys of a record change together: one state, never a mixture. */
	else if (!slice_is(e->value, w->value))
		atomic_store(&w->bad, true);
	return true;
}

static void *watch(void *arg) {
	struct watcher *w = arg;
	struct store_reader *r = w->g->store->ops->reader_new(w->g->store);
	uint64_t seen = 0;
	while (!atomic_load(&w->stop)) {
		const struct store_scan scan = {.each = pair_each, .arg = w};
		struct position at;
		memset(w->value, 0, sizeof(w->value));
		if (w->g->store->ops->scan(r, &scan, &at) || at.seq < seen)
			atomic_store(&w->bad, true);
		seen = at.seq;
	}
	w->g->store->ops->reader_free(r);
	return NULL;
}

static void readers_see_one_state(void **state) {
	struct rig *g = *state;
	if (rig_is_sim(g)) return; /* one thread */
	struct history h;
	static struct watcher watchers[2];
	history_init(&h);
	for (int i = 0; i < PAIRS; i++) {
		char value[16];
		snprintf(value, sizeof(value), "%d", i);
		const struct op ops[] = {{OP_PUT, SLICE_LIT("a"), slice_str(value), 0},
		                         {OP_PUT, SLICE_LIT("b"), slice_str(value), 0}};
		history_ops(&h, 1, ops, 2);
	}
	memset(watchers, 0, sizeof(watchers));
	for (int i = 0; i < 2; i++) {
		watchers[i].g = g;
		assert_int_equal(pthread_create(&watchers[i].thread, NULL, watch, &watchers[i]), 0);
	}
	for (uint64_t i = 1; i <= PAIRS; i++) suite_fill(g, &h, i, i);
	for (int i = 0; i < 2; i++) {
		atomic_store(&watchers[i].stop, true);
		pthread_join(watchers[i].thread, NULL);
		assert_false(atomic_load(&watchers[i].bad));
	}
	suite_equals(g, &h, PAIRS);
	history_done(&h);
}

static const struct suite_case cases[] = {
	CASE(applied_is_what_readers_see),
	CASE(applies_finish_in_order),
	CASE(view_is_the_replay),
	CASE(scans_walk_in_key_order),
	CASE(expired_keys_come_earliest_first),
	CASE(a_get_inside_done_sees_the_same),
	CASE(readers_see_one_state),
};

int main(void) {
	return suite_run(cases, (int)(sizeof(cases) / sizeof(cases[0])));
}
