/* The promise on lag: what counts as broken, what is left of the budget. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cell/sla.h"

#define MS(n) ((uint64_t)(n)*1000000u)
static const uint64_t DAY_NS = SLA_BUCKETS * SLA_BUCKET_NS;

static void a_breach_counts_from_when_it_began(void **state) {
	struct sla s;
	sla_init(&s, MS(500));
	assert_int_equal(sla_note(&s, 0, MS(1000)), SLA_SAME);
	assert_int_equal(sla_note(&s, MS(500), MS(1600)), SLA_SAME);
	assert_int_equal(sla_note(&s, MS(900), MS(2000)), SLA_BREACHED); /* since 1600 */
	assert_int_equal(s.broken_ns, MS(1600));
	assert_int_equal(sla_note(&s, MS(1900), MS(3000)), SLA_SAME);
	assert_int_equal(sla_note(&s, 0, MS(3100)), SLA_RECOVERED);
	assert_int_equal(s.breaches, 1);
	assert_int_equal(s.broken_total_ns, MS(1400));
	assert_int_equal(s.kept_total_ns, MS(700));
}

static void nothing_is_missed_between_two_looks(void **state) {
	struct sla s;
	sla_init(&s, MS(500));
	assert_int_equal(sla_note(&s, 0, MS(1000)), SLA_SAME);
	assert_int_equal(sla_note(&s, MS(10000), MS(61000)), SLA_BREACHED);
	assert_int_equal(s.broken_total_ns, MS(9500));
	assert_int_equal(s.kept_total_ns, MS(50500));
}

static void a_pause_is_nobodys(void **state) {
	struct sla s;
	sla_init(&s, MS(500));
	assert_int_equal(sla_note(&s, MS(9000), MS(10000)), SLA_BREACHED);
	sla_pause(&s);
	assert_int_equal(sla_note(&s, 0, MS(99000)), SLA_SAME);
	assert_int_equal(s.broken_total_ns + s.kept_total_ns, 0);
}

static void the_budget_is_of_one_day(void **state) {
	struct sla s;
	sla_init(&s, MS(500));
	uint64_t now = DAY_NS * 3, tenth = DAY_NS / 1000 / 10;
	assert_int_equal(sla_note(&s, 0, now), SLA_SAME);
	assert_int_equal(sla_budget_left(&s), 100);
	now += tenth;
	assert_int_equal(sla_note(&s, tenth + MS(500), now), SLA_BREACHED);
	assert_int_equal(sla_budget_left(&s), 90);
	now += 10 * tenth;
	assert_int_equal(sla_note(&s, 11 * tenth + MS(500), now), SLA_SAME);
	assert_int_equal(sla_budget_left(&s), 0);
	assert_int_equal(sla_note(&s, 0, now + DAY_NS - SLA_BUCKET_NS), SLA_RECOVERED);
	assert_int_equal(sla_budget_left(&s), 0);
	assert_int_equal(sla_note(&s, 0, now + DAY_NS + SLA_BUCKET_NS), SLA_SAME);
	assert_int_equal(sla_budget_left(&s), 100);
}

static void a_clock_that_stands_or_leaps_is_fine(void **state) {
	struct sla s;
	sla_init(&s, MS(500));
	assert_int_equal(sla_note(&s, UINT64_MAX, MS(1)), SLA_BREACHED);
	assert_int_equal(sla_note(&s, UINT64_MAX, MS(1)), SLA_SAME);
	assert_int_equal(sla_note(&s, 0, UINT64_MAX), SLA_RECOVERED);
	assert_int_equal(sla_budget_left(&s), 100);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_breach_counts_from_when_it_began),
		cmocka_unit_test(nothing_is_missed_between_two_looks),
		cmocka_unit_test(a_pause_is_nobodys),
		cmocka_unit_test(the_budget_is_of_one_day),
		cmocka_unit_test(a_clock_that_stands_or_leaps_is_fine),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
