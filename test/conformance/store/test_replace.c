/* Going back and taking over: quarantine, truncate, export, import. */
#include "suite.h"

/* --- what is in quarantine, whatever the driver -------------------------------------------------- */

struct collected {
	struct rig *g;
	struct buf bytes;
	int items;
};

static void item_collect(void *arg, const struct quarantine_item *item) {
	struct collected *c = arg;
	struct buf one;
	buf_init(&one, 64 << 20);
	CHECK(quarantine_read(c->g->files, c->g->dir, item->id, &one));
	assert_int_equal(one.len, item->bytes);
	assert_string_equal(item->why, "a test of divergence");
	CHECK(buf_append_slice(&c->bytes, buf_slice(&one)));
	buf_done(&one);
	c->items++;
}

static void quarantined_is(struct rig *g, struct slice want) {
	if (g->memory) {
		assert_true(slice_eq(memory_disk_quarantine(g->memory), want));
		return;
	}
	struct collected c = {.g = g};
	buf_init(&c.bytes, 64 << 20);
	CHECK(quarantine_list(g->files, g->dir, item_collect, &c));
	assert_true(slice_eq(buf_slice(&c.bytes), want));
	buf_done(&c.bytes);
}

static void tail_is_kept_then_cut(void **state) {
	struct rig *g = *state;
	struct history h;
	struct buf tail;
	history_init(&h);
	buf_init(&tail, 64 << 20);
	for (int i = 0; i < 60; i++) history_put_sized(&h, 1, i % 3 ? "a" : "b", 3000);
	suite_fill(g, &h, 1, 60);
	CHECK_ERR(rig_truncate(g, &h.at[20]), PRECONDITION); /* not saved */
	CHECK(rig_quarantine(g, &h.at[20]));
	CHECK(rig_quarantine(g, &h.at[20]));                 /* again is the same item */
	CHECK_ERR(rig_truncate(g, &h.at[19]), PRECONDITION); /* record 20 is not saved */
	CHECK(buf_append_slice(&tail, history_slice(&h, 21, 60)));
	quarantined_is(g, buf_slice(&tail));
	suite_equals(g, &h, 60); /* nothing is cut yet */
	CHECK(rig_truncate(g, &h.at[20]));
	assert_true(rig_last_is(g, &h.at[20]));
	suite_equals(g, &h, 20); /* the view goes back with it */
	quarantined_is(g, buf_slice(&tail));
	history_cut(&h, 20);
	for (int i = 0; i < 60; i++) history_put_sized(&h, 2, i % 3 ? "b" : "c", 2000);
	suite_fill(g, &h, 21, 80);
	suite_equals(g, &h, 80);
	rig_reopen(g);
	assert_true(rig_last_is(g, &h.at[80]));
	suite_equals(g, &h, 80);
	struct buf b;
	buf_init(&b, 64 << 20);
	CHECK(g->store->ops->read_log(g->store, 1, 1 << 30, &b));
	assert_true(slice_eq(buf_slice(&b), buf_slice(&h.bytes)));
	buf_done(&b);
	buf_done(&tail);
	history_done(&h);
}

static void truncate_of_nothing_and_everything(void **state) {
	struct rig *g = *state;
	struct history h;
	struct position other;
	history_init(&h);
	for (int i = 0; i < 5; i++) history_put(&h, 1 + (uint64_t)i / 3, "a", "value");
	suite_fill(g, &h, 1, 5);
	CHECK(rig_truncate(g, &h.at[5]));
	CHECK(rig_quarantine(g, &h.at[5]));
	other = h.at[3];
	other.hash[0] ^= 1;
	CHECK_ERR(rig_quarantine(g, &other), CONFLICT); /* not our history */
	CHECK_ERR(rig_truncate(g, &other), CONFLICT);
	other = h.at[5];
	other.seq = 9;
	CHECK_ERR(rig_quarantine(g, &other), NOT_FOUND);
	CHECK_ERR(rig_truncate(g, &other), NOT_FOUND);
	assert_int_equal(rig_info(g).last.seq, 5);
	CHECK(rig_quarantine(g, &h.at[0]));
	CHECK(rig_truncate(g, &h.at[0]));
	assert_int_equal(rig_info(g).last.seq, 0);
	assert_int_equal(rig_info(g).epoch_count, 0);
	suite_equals(g, &h, 0);
	history_cut(&h, 0);
	history_put(&h, 4, "b", "new");
	suite_fill(g, &h, 1, 1);
	rig_reopen(g);
	suite_equals(g, &h, 1);
	assert_int_equal(rig_info(g).epochs[0].epoch, 4);
	history_done(&h);
}

/* Log first, applied after the quorum: then the view need not go back. */
static void truncate_of_what_was_not_applied(void **state) {
	struct rig *g = *state;
	struct history h;
	history_init(&h);
	for (int i = 0; i < 8; i++) history_put(&h, 1 + (uint64_t)i / 4, "a", "value");
	CHECK(rig_append(g, history_slice(&h, 1, 8)));
	CHECK(rig_apply(g, 4));
	CHECK(rig_quarantine(g, &h.at[4]));
	CHECK(rig_truncate(g, &h.at[4]));
	suite_equals(g, &h, 4);
	assert_int_equal(rig_info(g).epoch_count, 1); /* epochs that the cut emptied go too */
	rig_reopen(g);
	suite_equals(g, &h, 4);
	assert_int_equal(rig_info(g).last.seq, 4);
	history_done(&h);
}

/* What takes the place of the tail is what readers see, also where the tail had files of its own. */
static void what_comes_after_a_cut_is_applied(void **state) {
	enum { KEPT = 20, ALL = 30, BYTES = 2800 }; /* the first segment ends after 21 */
	struct rig *g = *state;
	struct history h;
	history_init(&h);
	for (int i = 0; i < ALL; i++) history_put_sized(&h, 1, "a", BYTES);
	for (uint64_t seq = 1; seq <= ALL; seq++) suite_fill(g, &h, seq, seq);
	CHECK(rig_quarantine(g, &h.at[KEPT]));
	CHECK(rig_truncate(g, &h.at[KEPT]));
	history_cut(&h, KEPT);
	for (int i = KEPT; i < ALL; i++) history_put_sized(&h, 2, "b", BYTES);
	for (uint64_t seq = KEPT + 1; seq <= ALL; seq++) suite_fill(g, &h, seq, seq);
	suite_equals(g, &h, ALL);
	history_done(&h);
}

/* The promise is not part of the tail. */
static void promise_survives_a_truncate(void **state) {
	struct rig *g = *state;
	struct history h;
	history_init(&h);
	for (int i = 0; i < 4; i++) history_put(&h, 1, "a", "value");
	suite_fill(g, &h, 1, 4);
	CHECK(rig_promise(g, 6));
	CHECK(rig_quarantine(g, &h.at[2]));
	CHECK(rig_truncate(g, &h.at[2]));
	rig_reopen(g);
	assert_int_equal(rig_info(g).promised_epoch, 6);
	history_done(&h);
}

/* --- export and import ------------------------------------------------------------------------------ */

struct pair {
	struct rig *from;
	struct history h;
	struct position at;
	struct buf snapshot;
};

/* A donor of the other driver: a snapshot is the same bytes for all. */
static void pair_init(struct pair *p, const struct rig *to) {
	p->from = rig_new(rig_is_local(to) ? RIG_MEMORY_UV : RIG_LOCAL_UV, 7);
	CHECK(rig_open(p->from));
	history_init(&p->h);
	buf_init(&p->snapshot, 64 << 20);
	for (int i = 0; i < 300; i++) {
		char key[16];
		snprintf(key, sizeof(key), "key-%03d", i * 7 % 200);
		const struct op op = {OP_PUT, slice_str(key), SLICE_LIT("value"),
		                      (uint64_t)(i % 4)};
		history_ops(&p->h, 1 + (uint64_t)i / 150, &op, 1);
	}
	suite_fill(p->from, &p->h, 1, 300);
	CHECK(rig_export(p->from, 500, &p->at, &p->snapshot));
	assert_true(position_eq(&p->at, &p->h.at[300]));
}

static void pair_done(struct pair *p) {
	rig_free(p->from);
	history_done(&p->h);
	buf_done(&p->snapshot);
}

static const struct epoch_start pair_epochs[] = {{1, 1}, {2, 151}};

static void import_replaces_everything(void **state) {
	struct rig *g = *state;
	struct pair p;
	struct history own;
	struct position at;
	pair_init(&p, g);
	history_init(&own);
	history_put(&own, 1, "own", "state");
	suite_fill(g, &own, 1, 1);
	CHECK(rig_promise(g, 3));
	uint64_t incarnation = rig_info(g).incarnation;
	CHECK(rig_import_begin(g, &p.at));
	CHECK(rig_import_chunk(g, buf_slice(&p.snapshot)));
	suite_equals(g, &own, 1); /* until the commit the old state stays */
	CHECK(rig_import_commit(g, pair_epochs, 2));
	for (int round = 0; round < 2; round++) {
		struct store_info info = rig_info(g);
		suite_equals(g, &p.h, 300);
		assert_true(position_eq(&info.last, &p.at));
		assert_int_equal(info.first_seq, 301);
		assert_int_equal(info.promised_epoch, 3); /* the promise stays */
		assert_int_equal(info.incarnation, incarnation);
		assert_int_equal(info.epoch_count, 1);
		assert_int_equal(info.epochs[0].epoch, 2);
		assert_int_equal(info.epochs[0].seq, 151);
		CHECK(g->store->ops->position_of(g->store, 300, &at));
		assert_true(position_eq(&at, &p.at));
		CHECK_ERR(g->store->ops->position_of(g->store, 299, &at), NOT_FOUND);
		rig_reopen(g);
	}
	history_put(&p.h, 3, "next", "value"); /* and life goes on from there */
	suite_fill(g, &p.h, 301, 301);
	rig_reopen(g);
	suite_equals(g, &p.h, 301);
	assert_int_equal(rig_info(g).epoch_count, 2);
	history_done(&own);
	pair_done(&p);
}

static enum err import_all(struct rig *g, const struct position *at, struct slice snapshot) {
	enum err err = rig_import_begin(g, at);
	if (!err) err = rig_import_chunk(g, snapshot);
	return err ? err : rig_import_commit(g, pair_epochs, 2);
}

static void half_an_import_changes_nothing(void **state) {
	struct rig *g = *state;
	struct pair p;
	struct history own;
	pair_init(&p, g);
	history_init(&own);
	history_put(&own, 1, "own", "state");
	suite_fill(g, &own, 1, 1);
	CHECK_ERR(rig_import_chunk(g, buf_slice(&p.snapshot)), INVALID); /* none begun */
	CHECK_ERR(rig_import_commit(g, pair_epochs, 2), INVALID);
	struct slice all = buf_slice(&p.snapshot);
	CHECK_ERR(import_all(g, &p.at, slice_of(all.ptr, all.len - 1)), CORRUPT);
	CHECK_ERR(import_all(g, &p.h.at[299], all), CORRUPT); /* of another position */
	for (size_t i = 0; i < all.len; i += 97) {            /* a flipped bit anywhere */
		p.snapshot.mem[p.snapshot.start + i] ^= 4;
		CHECK_ERR(import_all(g, &p.at, all), CORRUPT);
		p.snapshot.mem[p.snapshot.start + i] ^= 4;
	}
	CHECK(rig_import_begin(g, &p.at)); /* cut between two items: nothing but the end shows it */
	CHECK(rig_import_chunk(g, slice_of(NULL, 0)));
	CHECK_ERR(rig_import_commit(g, pair_epochs, 2), CORRUPT);
	CHECK(rig_import_begin(g, &p.at)); /* an abandoned one, then a new one */
	CHECK(rig_import_begin(g, &p.at));
	suite_equals(g, &own, 1);
	rig_reopen(g); /* with one under way */
	suite_equals(g, &own, 1);
	assert_int_equal(rig_info(g).last.seq, 1);
	CHECK(import_all(g, &p.at, all));
	CHECK(import_all(g, &p.at, all)); /* twice is fine */
	suite_equals(g, &p.h, 300);
	history_done(&own);
	pair_done(&p);
}

/* What an export gives is one state, whatever is applied meanwhile. */
static void export_is_one_state(void **state) {
	struct rig *g = *state;
	struct history h;
	struct buf out;
	struct position at;
	void *x;
	history_init(&h);
	buf_init(&out, 64 << 20);
	for (int i = 0; i < 50; i++) {
		char key[16];
		snprintf(key, sizeof(key), "k%d", i % 20);
		history_put(&h, 1, key, i < 25 ? "before" : "after");
	}
	suite_fill(g, &h, 1, 25);
	CHECK(g->store->ops->export_begin(g->store, &at, &x));
	assert_true(position_eq(&at, &h.at[25]));
	CHECK(g->store->ops->export_next(x, 1, &out));
	size_t one = out.len;
	CHECK(rig_append(g, history_slice(&h, 26, 50)));
	CHECK(rig_apply(g, 50));
	enum err err;
	while (!(err = g->store->ops->export_next(x, 100, &out))) continue;
	CHECK_ERR(err, NOT_FOUND);
	g->store->ops->export_end(x);
	assert_true(one < out.len);
	suite_equals(g, &h, 50);
	CHECK(rig_import_begin(g, &at));
	CHECK(rig_import_chunk(g, buf_slice(&out)));
	CHECK(rig_import_commit(g, (struct epoch_start[]){{1, 1}}, 1));
	suite_equals(g, &h, 25);
	buf_done(&out);
	history_done(&h);
}

static void empty_store_exports_and_imports(void **state) {
	struct rig *g = *state;
	struct buf out;
	struct position at;
	buf_init(&out, 1 << 20);
	CHECK(rig_export(g, 100, &at, &out));
	assert_int_equal(at.seq, 0);
	CHECK(rig_import_begin(g, &at));
	CHECK(rig_import_chunk(g, buf_slice(&out)));
	CHECK(rig_import_commit(g, NULL, 0));
	assert_int_equal(rig_info(g).last.seq, 0);
	buf_done(&out);
}

/* A truncate after an import goes back to the snapshot at most. */
static void truncate_ends_at_the_snapshot(void **state) {
	struct rig *g = *state;
	struct pair p;
	pair_init(&p, g);
	CHECK(import_all(g, &p.at, buf_slice(&p.snapshot)));
	history_put(&p.h, 3, "x", "one");
	history_put(&p.h, 3, "x", "two");
	suite_fill(g, &p.h, 301, 302);
	CHECK_ERR(rig_quarantine(g, &p.h.at[299]), NOT_FOUND);
	CHECK_ERR(rig_truncate(g, &p.h.at[299]), NOT_FOUND);
	CHECK(rig_quarantine(g, &p.h.at[300]));
	CHECK(rig_truncate(g, &p.h.at[300]));
	suite_equals(g, &p.h, 300);
	rig_reopen(g);
	suite_equals(g, &p.h, 300);
	pair_done(&p);
}

static const struct suite_case cases[] = {
	CASE(tail_is_kept_then_cut),
	CASE(truncate_of_nothing_and_everything),
	CASE(truncate_of_what_was_not_applied),
	CASE(what_comes_after_a_cut_is_applied),
	CASE(promise_survives_a_truncate),
	CASE(import_replaces_everything),
	CASE(half_an_import_changes_nothing),
	CASE(export_is_one_state),
	CASE(empty_store_exports_and_imports),
	CASE(truncate_ends_at_the_snapshot),
};

int main(void) {
	return suite_run(cases, (int)(sizeof(cases) / sizeof(cases[0])));
}
