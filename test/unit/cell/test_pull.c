/* What a secondary source makes of answers: when an image is whole, whom it believes, how old it
 * says that it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cell/cell.h"
#include "cell/pull.h"

static const uint64_t MS = 1000000;
static struct pull_state s;

static struct feed_head page(uint64_t epoch, uint64_t seq, const char *cursor) {
	return (struct feed_head){.kind = FEED_PAGE,
	                          .more = cursor != NULL,
	                          .epoch = epoch,
	                          .through_epoch = epoch,
	                          .through_seq = seq,
	                          .age_ms = UINT32_MAX,
	                          .cursor = slice_str(cursor)};
}

static struct feed_head changes(uint64_t epoch, uint64_t seq, bool more) {
	return (struct feed_head){.kind = FEED_CHANGES,
	                          .more = more,
	                          .epoch = epoch,
	                          .through_epoch = epoch,
	                          .through_seq = seq,
	                          .age_ms = more ? UINT32_MAX : 0};
}

static bool take(struct feed_head h) {
	assert_int_equal(pull_judge(&s, &h), PULL_TAKE);
	return pull_advance(&s, &h);
}

static enum pull_verdict judge(struct feed_head h) {
	return pull_judge(&s, &h);
}

/* Pages at 10, 12 and 15: not whole before the log from 10 was followed to 15. */
static void is_whole_when_the_log_has_caught_up_with_the_pages(void **state) {
	pull_state_init(&s, 1, 2, 0);
	assert_false(take(page(3, 10, "a")));
	assert_false(take(page(3, 12, "b")));
	assert_true(s.from.seq == 10 && s.seen.seq == 12 && !s.paged);
	assert_false(take(page(3, 15, NULL)));
	assert_true(s.paged && !s.whole && s.from.seq == 10 && s.seen.seq == 15);
	assert_int_equal(s.cursor_len, 0);
	assert_false(take(changes(3, 14, true)));
	assert_false(s.whole);
	assert_int_equal(judge(page(3, 16, NULL)), PULL_WRONG);
	assert_true(take(changes(3, 16, false)));
	assert_true(s.whole && s.from.seq == 16 && s.seen.seq == 16);
	assert_false(take(changes(3, 20, true))); /* no proof: there is more */
	assert_true(take(changes(3, 30, false)));
}

static void pages_go_on(void **state) {
	pull_state_init(&s, 1, 2, 0);
	take(page(3, 10, "b"));
	assert_int_equal(judge(page(3, 10, "b")), PULL_WRONG);
	assert_int_equal(judge(page(3, 10, "a")), PULL_WRONG);
	assert_int_equal(judge(page(3, 10, "c")), PULL_TAKE);
	assert_int_equal(judge(changes(3, 10, false)), PULL_WRONG);
	/* What is before the first page's point the log that follows has not. */
	assert_int_equal(judge(page(3, 9, "c")), PULL_OTHER);
}

static void an_older_epoch_is_not_believed(void **state) {
	pull_state_init(&s, 1, 2, 0);
	take(page(3, 10, NULL));
	take(changes(4, 12, false));
	assert_int_equal(judge(changes(3, 13, false)), PULL_OTHER);
	assert_int_equal(judge((struct feed_head){.kind = FEED_ANEW, .epoch = 3}), PULL_OTHER);
	assert_int_equal(judge((struct feed_head){.kind = FEED_ANEW, .epoch = 4}), PULL_ANEW);
	assert_int_equal(judge((struct feed_head){.kind = FEED_BEHIND, .epoch = 4}), PULL_OTHER);
	assert_int_equal(judge(changes(4, 11, false)), PULL_WRONG); /* back */
	/* An image that is filled anew goes on from what was heard. */
	pull_state_init(&s, 2, 2, 4);
	assert_int_equal(judge(page(3, 10, NULL)), PULL_OTHER);
}

static void survives_the_disk(void **state) {
	static struct pull_state back;
	struct buf row;
	pull_state_init(&s, 5, 77, 0);
	struct feed_head h = page(3, 10, "key");
	h.epochs[0] = (struct epoch_start){1, 1};
	h.epochs[1] = (struct epoch_start){3, 8};
	h.epoch_count = 2;
	take(h);
	s.as_of_ms = 1000;
	s.stored_ms = 2000;
	buf_init(&row, PULL_STATE_MAX);
	assert_int_equal(pull_state_encode(&s, &row), ERR_OK);
	assert_int_equal(pull_state_decode(buf_slice(&row), &back), ERR_OK);
	assert_memory_equal(&back, &s, sizeof s);
	for (size_t len = 0; len < row.len; len++)
		assert_int_equal(pull_state_decode(slice_of(row.mem, len), &back), ERR_CORRUPT);
	buf_done(&row);
}

/* The source's table takes the place of what it covers; what it has forgotten stays known. */
static void epochs_are_joined(void **state) {
	pull_state_init(&s, 1, 2, 0);
	struct feed_head h = page(3, 10, NULL);
	h.epochs[0] = (struct epoch_start){1, 1};
	h.epochs[1] = (struct epoch_start){3, 8};
	h.epoch_count = 2;
	take(h);
	h = changes(6, 20, false);
	h.epochs[0] = (struct epoch_start){3, 8};
	h.epochs[1] = (struct epoch_start){6, 15};
	h.epoch_count = 2;
	take(h);
	assert_int_equal(s.epoch_count, 3);
	assert_true(s.epochs[0].epoch == 1 && s.epochs[1].epoch == 3 && s.epochs[2].seq == 15);
	const struct position last = {.epoch = 6, .seq = 20};
	assert_int_equal(history_check(s.epochs, 3, &last, 3, 14), ERR_OK);
	assert_int_equal(history_check(s.epochs, 3, &last, 3, 15), ERR_DIVERGED);
	for (uint64_t e = 7; e < 1000; e++) { /* bounded */
		h = changes(e, e + 20, false);
		h.epochs[0] = (struct epoch_start){e, e + 19};
		h.epoch_count = 1;
		take(h);
	}
	assert_int_equal(s.epoch_count, FEED_EPOCHS_MAX);
	assert_int_equal(s.epochs[FEED_EPOCHS_MAX - 1].epoch, 999);
}

static void sources_take_turns_and_rest(void **state) {
	struct pull_sources list = {.count = 3};
	uint64_t due, now = 1000 * MS;
	assert_int_equal(pull_choose(&list, now, &due), 0);
	assert_int_equal(pull_choose(&list, now, &due), 1);
	assert_int_equal(pull_choose(&list, now, &due), 2);
	pull_failed(&list, 0, now);
	assert_int_equal(pull_choose(&list, now, &due), 1);
	pull_failed(&list, 1, now);
	pull_failed(&list, 2, now);
	pull_failed(&list, 2, now);
	assert_int_equal(pull_choose(&list, now, &due), -1);
	assert_true(due == now + 100 * MS);
	assert_int_equal(pull_choose(&list, due, &due), 0);
	assert_int_equal(pull_choose(&list, now + 199 * MS, &due), 1);
	assert_int_equal(pull_choose(&list, now + 200 * MS, &due), 2);
	for (int i = 0; i < 100; i++) pull_failed(&list, 2, now);
	pull_failed(&list, 0, now);
	pull_failed(&list, 1, now);
	assert_true(list.list[2].rest_until_ns == now + 5000 * MS); /* at most */
	pull_answered(&list, 2);
	assert_int_equal(pull_choose(&list, now, &due), 2);
}

static void expect_age(uint64_t fresh_ns, uint64_t now_ns, uint64_t wall_ms, enum age_kind kind,
                       uint64_t ms) {
	struct age a = pull_age(&s, fresh_ns, 50 * MS, now_ns, wall_ms);
	assert_int_equal(a.kind, kind);
	assert_int_equal(a.ms, ms);
}

static void age_is_honest(void **state) {
	pull_state_init(&s, 1, 2, 0);
	expect_age(100 * MS, 350 * MS, 0, AGE_MEASURED, 250);
	expect_age(0, 350 * MS, 999999, AGE_AT_LEAST, 300); /* there never was a proof */
	s.as_of_ms = 10000;
	s.stored_ms = 10400;
	expect_age(0, 60 * MS, 70000, AGE_BY_CLOCK, 60000);
	expect_age(100 * MS, 350 * MS, 70000, AGE_MEASURED, 250); /* heard again */
	/* The wall clock went back behind what was written, or stands still while this one runs. */
	expect_age(0, 60 * MS, 10399, AGE_AT_LEAST, 410);
	expect_age(0, 60 * MS, 5, AGE_AT_LEAST, 410);
	expect_age(0, 5050 * MS, 10400, AGE_AT_LEAST, 5400);
	assert_string_equal(age_word(AGE_AT_LEAST), "at-least");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_whole_when_the_log_has_caught_up_with_the_pages),
		cmocka_unit_test(pages_go_on),
		cmocka_unit_test(an_older_epoch_is_not_believed),
		cmocka_unit_test(survives_the_disk),
		cmocka_unit_test(epochs_are_joined),
		cmocka_unit_test(sources_take_turns_and_rest),
		cmocka_unit_test(age_is_honest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
