/* The feed of a secondary source: what was written comes back; nothing else is believed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "feed_replay.h"

static struct buf out;

static struct feed_change put(const char *key, const char *value, uint64_t epoch, uint64_t seq) {
	return (struct feed_change){OP_PUT, slice_str(key), {slice_str(value), epoch, seq, 0}};
}

static struct feed_head head_of(enum feed_kind kind, uint64_t epoch, uint64_t seq) {
	return (struct feed_head){.kind = kind,
	                          .epoch = epoch,
	                          .through_epoch = epoch,
	                          .through_seq = seq,
	                          .age_ms = 7};
}

/* Whether an answer of these changes is taken. */
static enum err decode(struct feed_head *h, const struct feed_change *changes, int count) {
	static struct feed_head got;
	struct feed_cursor c;
	buf_done(&out);
	buf_init(&out, FEED_BYTES_MAX);
	h->change_count = (uint32_t)count;
	assert_int_equal(feed_begin(&out, h), ERR_OK);
	for (int i = 0; i < count; i++) assert_int_equal(feed_add(&out, &changes[i]), ERR_OK);
	feed_end(&out, h);
	feed_replay(buf_slice(&out));
	return feed_decode(buf_slice(&out), &got, &c);
}

static void comes_back(void **state) {
	static struct feed_head got;
	struct feed_head h = head_of(FEED_CHANGES, 9, 120);
	h.epochs[0] = (struct epoch_start){7, 100};
	h.epochs[1] = (struct epoch_start){9, 110};
	h.epoch_count = 2;
	const struct feed_change changes[] = {
		{OP_PUT, SLICE_LIT("t\0d\0k"), {SLICE_LIT("value\0"), 7, 101, 12345}},
		{OP_DELETE, SLICE_LIT("t\0d\0k"), {{NULL, 0}, 9, 119, 0}},
	};
	struct feed_cursor c;
	struct feed_change change;
	assert_int_equal(decode(&h, changes, 2), ERR_OK);
	assert_int_equal(feed_decode(buf_slice(&out), &got, &c), ERR_OK);
	assert_true(got.kind == FEED_CHANGES && got.epoch == 9 && got.through_seq == 120);
	assert_true(got.age_ms == 7 && got.epoch_count == 2 && got.epochs[1].seq == 110);
	assert_true(feed_next(&c, &change) && change.type == OP_PUT);
	assert_true(slice_eq(change.entry.value, changes[0].entry.value));
	assert_true(change.entry.expires_ms == 12345 && change.entry.seq == 101);
	assert_true(feed_next(&c, &change) && change.type == OP_DELETE);
	assert_true(slice_eq(change.key, changes[1].key));
	assert_false(feed_next(&c, &change));
}

static void every_flipped_bit_and_every_cut_is_refused(void **state) {
	static struct feed_head got;
	struct feed_cursor c;
	struct feed_head h = head_of(FEED_CHANGES, 9, 120);
	const struct feed_change changes[] = {put("a", "1", 9, 119), put("b", "2", 9, 120)};
	assert_int_equal(decode(&h, changes, 2), ERR_OK);
	for (size_t i = 0; i < out.len * 8; i++) {
		out.mem[out.start + i / 8] ^= (uint8_t)(1 << i % 8);
		assert_int_equal(feed_decode(buf_slice(&out), &got, &c), ERR_CORRUPT);
		out.mem[out.start + i / 8] ^= (uint8_t)(1 << i % 8);
	}
	for (size_t len = 0; len < out.len; len++)
		assert_int_equal(feed_decode(slice_of(out.mem + out.start, len), &got, &c),
		                 ERR_CORRUPT);
}

static void what_cannot_be_is_refused(void **state) {
	struct feed_head h = head_of(FEED_CHANGES, 9, 120);
	const struct feed_change good[] = {put("b", "1", 9, 119), put("a", "2", 9, 120)};
	assert_int_equal(decode(&h, good, 2), ERR_OK);
	const struct feed_change beyond = put("a", "1", 9, 121), later = put("a", "1", 10, 120);
	const struct feed_change back[] = {put("a", "1", 9, 120), put("b", "1", 9, 119)};
	assert_int_equal(decode(&h, &beyond, 1), ERR_CORRUPT);
	assert_int_equal(decode(&h, &later, 1), ERR_CORRUPT);
	assert_int_equal(decode(&h, back, 2), ERR_CORRUPT);
	struct feed_change no_key = put("", "1", 9, 120), valued = put("a", "1", 9, 120);
	valued.type = OP_DELETE;
	assert_int_equal(decode(&h, &no_key, 1), ERR_CORRUPT);
	assert_int_equal(decode(&h, &valued, 1), ERR_CORRUPT);
	h.through_epoch = 10; /* of a cell at epoch 9 */
	assert_int_equal(decode(&h, NULL, 0), ERR_CORRUPT);
	/* A page is in order of keys, within its cursor, and deletes nothing. */
	struct feed_head page = head_of(FEED_PAGE, 9, 120);
	const struct feed_change sorted[] = {good[1], good[0]};
	assert_int_equal(decode(&page, sorted, 2), ERR_OK);
	assert_int_equal(decode(&page, good, 2), ERR_CORRUPT);
	page.cursor = SLICE_LIT("a");
	page.more = true;
	assert_int_equal(decode(&page, sorted, 2), ERR_CORRUPT);
	const struct feed_change gone = {OP_DELETE, SLICE_LIT("a"), {{NULL, 0}, 9, 120, 0}};
	assert_int_equal(decode(&page, &gone, 1), ERR_CORRUPT);
	struct feed_head anew = head_of(FEED_ANEW, 9, 120);
	assert_int_equal(decode(&anew, good, 1), ERR_CORRUPT);
	anew.kind = (enum feed_kind)5;
	assert_int_equal(decode(&anew, NULL, 0), ERR_CORRUPT);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comes_back),
		cmocka_unit_test(every_flipped_bit_and_every_cut_is_refused),
		cmocka_unit_test(what_cannot_be_is_refused),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	buf_done(&out);
	return failed;
}
