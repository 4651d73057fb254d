/* Lease arithmetic: exact values, the ends of the number range, and the one property that
 * everything else stands on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hash.h"
#include "coord/lease.h"

static const uint64_t MS = 1000000;

static void fast_terms(void **state) {
	struct lease_terms t = {600 * MS, 50 * MS, 10000};
	assert_int_equal(lease_valid_until(&t, 1000 * MS), (1000 + 594 - 50) * MS);
	assert_int_equal(lease_over_at(&t, 1000 * MS), (1000 + 606 + 50) * MS);
}

static void roundings_go_to_the_safe_side(void **state) {
	struct lease_terms t = {1001, 0, 1}; /* 0.001001 ns of error */
	assert_int_equal(lease_valid_until(&t, 0), 1000);
	assert_int_equal(lease_over_at(&t, 0), 1002);
	t.rate_error_ppm = 0;
	assert_int_equal(lease_valid_until(&t, 0), 1001);
	assert_int_equal(lease_over_at(&t, 0), 1001);
}

static void margins_over_the_length_leave_nothing(void **state) {
	struct lease_terms t = {100, 100, 10000};
	assert_int_equal(lease_valid_until(&t, 7), 7);
	t = (struct lease_terms){0, 0, 0};
	assert_int_equal(lease_valid_until(&t, 7), 7);
	assert_int_equal(lease_over_at(&t, 7), 7);
	t = (struct lease_terms){1000, 0, 2000000}; /* 200 % */
	assert_int_equal(lease_valid_until(&t, 7), 7);
	assert_int_equal(lease_over_at(&t, 7), 3007);
}

static void nothing_wraps(void **state) {
	struct lease_terms t = {UINT64_MAX, UINT64_MAX, UINT32_MAX};
	assert_int_equal(lease_valid_until(&t, UINT64_MAX), UINT64_MAX);
	assert_true(lease_over_at(&t, 5) == UINT64_MAX);
	t = (struct lease_terms){600 * MS, 50 * MS, 10000};
	assert_true(lease_over_at(&t, UINT64_MAX - 1) == UINT64_MAX);
	assert_true(lease_valid_until(&t, UINT64_MAX - 1) == UINT64_MAX);
}

static void a_watch_waits_anew_after_each_change(void **state) {
	struct lease_terms t = {600 * MS, 50 * MS, 10000};
	struct lease_watch w = {0};
	assert_true(lease_watch_see(&w, 3, 1, 0));
	assert_false(lease_watch_see(&w, 3, 1, 500 * MS));
	assert_false(lease_watch_over(&w, &t, 656 * MS - 1));
	assert_true(lease_watch_over(&w, &t, 656 * MS));
	assert_true(lease_watch_see(&w, 3, 2, 656 * MS));
	assert_false(lease_watch_over(&w, &t, 1312 * MS - 1));
	assert_true(lease_watch_see(&w, 4, 2, 1311 * MS)); /* the same beat of another life */
	assert_false(lease_watch_over(&w, &t, 1900 * MS));
}

/* --- the property: in true time the holder stops before any challenger starts ------- */

static uint64_t below(uint64_t *seed, uint64_t n) {
	return mix64(++*seed) % n;
}

/* A clock that runs at 1 + ppm/10⁶ of true time, from an arbitrary start. */
struct clock {
	uint64_t start_ns;
	int64_t ppm;
};
static long double true_time(const struct clock *c, uint64_t reading_ns) {
	return (long double)(reading_ns - c->start_ns) / (1 + (long double)c->ppm / 1e6L);
}
static uint64_t reading(const struct clock *c, long double true_ns) {
	return c->start_ns + (uint64_t)(true_ns * (1 + (long double)c->ppm / 1e6L));
}
static struct clock any_clock(uint64_t *seed, uint32_t rate_error_ppm) {
	int64_t ppm = (int64_t)below(seed, 2 * (uint64_t)rate_error_ppm + 1) - rate_error_ppm;
	if (below(seed, 4) == 0) ppm = below(seed, 2) ? rate_error_ppm : -(int64_t)rate_error_ppm;
	return (struct clock){below(seed, 1ull << 50), ppm};
}

static void holder_ends_before_challenger_starts(void **state) {
	uint64_t seed = 20261123;
	for (int i = 0; i < 200000; i++) {
		struct lease_terms t = {1 + below(&seed, 5000 * MS), 2 + below(&seed, 100 * MS),
		                        (uint32_t)below(&seed, 100000)};
		struct clock holder = any_clock(&seed, t.rate_error_ppm);
		struct clock challenger = any_clock(&seed, t.rate_error_ppm);
		/* It is sent, takes effect, is seen: in this order, with any delay, also none. */
		long double sent = 1e12L + (long double)below(&seed, 1000 * MS);
		long double seen = sent + (below(&seed, 2) ? (long double)below(&seed, MS) : 0);
		uint64_t until = lease_valid_until(&t, reading(&holder, sent));
		uint64_t over = lease_over_at(&t, reading(&challenger, seen) + 1);
		assert_true(true_time(&holder, until) < true_time(&challenger, over));
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fast_terms),
		cmocka_unit_test(roundings_go_to_the_safe_side),
		cmocka_unit_test(margins_over_the_length_leave_nothing),
		cmocka_unit_test(nothing_wraps),
		cmocka_unit_test(a_watch_waits_anew_after_each_change),
		cmocka_unit_test(holder_ends_before_challenger_starts),
	};
	return cmocka_run_group_tests_name("coord-lease", tests, NULL, NULL);
}
