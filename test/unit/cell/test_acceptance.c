/* An operator's acceptance: there and back, and what is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cell/acceptance.h"

#define GOOD "epoch=7 for_ms=600000 at_ms=1700000000000 region=us-west by=ann reason="

static void comes_back(void **state) {
	const struct acceptance a = {
		.epoch = UINT64_MAX,
		.for_ms = ACCEPTANCE_FOR_MAX_MS,
		.at_ms = 5,
		.region = "us-west",
		.by = "Ann.B-c_d@example.org",
		.reason = "disk gone: epoch=9 by=mallory reason=\"\xc3\xa4\"",
	};
	struct acceptance b;
	struct buf text;
	buf_init(&text, 4096);
	assert_int_equal(acceptance_encode(&a, &text), ERR_OK);
	assert_int_equal(acceptance_decode(buf_slice(&text), &b), ERR_OK);
	assert_true(b.epoch == a.epoch && b.for_ms == a.for_ms && b.at_ms == a.at_ms);
	assert_string_equal(b.region, a.region);
	assert_string_equal(b.by, a.by);
	assert_string_equal(b.reason, a.reason);
	buf_done(&text);
}

static void refuses_everything_else(void **state) {
	static const char *const bad[] = {
		"",
		GOOD,
		GOOD " ",
		GOOD "a\nb",
		GOOD "\xff",
		"epoch=7 for_ms=86400001 at_ms=1 region=us-west by=ann reason=x",
		"epoch=7 for_ms=1 at_ms=1 region=us-west by= reason=x",
		"epoch=7 for_ms=1 at_ms=1 region=US by=ann reason=x",
		"epoch=7 for_ms=1 at_ms=1 region=us-west by=a/b reason=x",
		"epoch=-7 for_ms=1 at_ms=1 region=us-west by=ann reason=x",
		"for_ms=1 epoch=7 at_ms=1 region=us-west by=ann reason=x",
		"epoch=7 for_ms=1 at_ms=1 region=us-west by=ann",
	};
	struct acceptance a = {.epoch = 99};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(acceptance_decode(slice_str(bad[i]), &a), ERR_INVALID);
	assert_int_equal(a.epoch, 99);
	char reason[ACCEPTANCE_REASON_MAX + 2], by[ACCEPTANCE_BY_MAX + 2];
	memset(reason, 'x', sizeof reason);
	memset(by, 'x', sizeof by);
	struct slice long_reason = slice_of(reason, sizeof reason - 1);
	assert_int_equal(
		acceptance_check(slice_of(by, sizeof by - 1), slice_of(reason, sizeof reason - 2)),
		ERR_INVALID);
	assert_int_equal(acceptance_check(SLICE_LIT("ann"), long_reason), ERR_INVALID);
	assert_int_equal(
		acceptance_check(slice_of(by, sizeof by - 2), slice_of(reason, sizeof reason - 2)),
		ERR_OK);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comes_back),
		cmocka_unit_test(refuses_everything_else),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
