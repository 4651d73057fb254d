/* Histograms keep their error bound; the registry renders what Prometheus reads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/metric.h"

static void each_value_is_within_an_eighth(void **state) {
	uint64_t limit = 3600ull * 1000000; /* 1 h */
	for (uint64_t us = 1; us <= limit; us += us / 50 + 1) {
		struct histogram h;
		histogram_init(&h);
		histogram_record_us(&h, us);
		uint64_t edge = histogram_quantile_us(&h, 0.5);
		assert_true(edge >= us);
		assert_true((double)edge <= (double)us * 1.125);
	}
}

static void extremes_are_clamped(void **state) {
	struct histogram h;
	histogram_init(&h);
	assert_true(histogram_quantile_us(&h, 0.5) == 0);
	histogram_record_us(&h, 0);
	assert_true(histogram_quantile_us(&h, 1) == 1);
	histogram_record_us(&h, UINT64_MAX);
	assert_true(histogram_quantile_us(&h, 1) == (1ull << 33) - 1);
	assert_true(histogram_quantile_us(&h, 0) == 1);
	assert_true(histogram_quantile_us(&h, -3) == 1);
	assert_true(histogram_quantile_us(&h, 7) == (1ull << 33) - 1);
}

static int compare_u64(const void *a, const void *b) {
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

static void quantiles_of_a_mixed_load(void **state) {
	enum { N = 10000 };
	static uint64_t values[N];
	struct histogram h;
	histogram_init(&h);
	uint64_t rng = 1;
	for (int i = 0; i < N; i++) {
		rng = rng * 6364136223846793005u + 1442695040888963407u;
		values[i] = 1 + (rng >> 40) % (i % 100 ? 2000 : 3000000); /* with a long tail */
		histogram_record_us(&h, values[i]);
	}
	qsort(values, N, sizeof *values, compare_u64);
	const double quantiles[] = {0.001, 0.25, 0.5, 0.9, 0.99, 0.999, 1};
	for (int i = 0; i < 7; i++) {
		uint64_t exact = values[(int)(quantiles[i] * N + 0.999999) - 1];
		uint64_t got = histogram_quantile_us(&h, quantiles[i]);
		assert_true(got >= exact && (double)got <= (double)exact * 1.125);
	}
}

static char *render(struct registry *r) {
	struct buf out;
	const char *text;
	buf_init(&out, 1 << 20);
	assert_int_equal(registry_render(r, &out), ERR_OK);
	assert_int_equal(buf_cstr(&out, &text), ERR_OK);
	char *copy = strdup(text);
	buf_done(&out);
	return copy;
}

static void counters_and_gauges_render(void **state) {
	struct registry *r = registry_new();
	struct metric *a =
		metric_counter(r, "holdfast_edge_requests_total", "Requests.", "code=\"200\"");
	struct metric *gauge = metric_gauge(r, "holdfast_cell_lag_bytes", "Lag.", NULL);
	struct metric *b =
		metric_counter(r, "holdfast_edge_requests_total", "Requests.", "code=\"404\"");
	metric_inc(a);
	metric_add(a, 41);
	metric_inc(b);
	metric_set(gauge, -5);
	char *text = render(r);
	assert_string_equal(text, "# HELP holdfast_edge_requests_total Requests.\n"
	                          "# TYPE holdfast_edge_requests_total counter\n"
	                          "holdfast_edge_requests_total{code=\"200\"} 42\n"
	                          "holdfast_edge_requests_total{code=\"404\"} 1\n"
	                          "# HELP holdfast_cell_lag_bytes Lag.\n"
	                          "# TYPE holdfast_cell_lag_bytes gauge\n"
	                          "holdfast_cell_lag_bytes -5\n");
	free(text);
	registry_free(r);
	registry_free(NULL);
}

static void same_name_and_labels_is_the_same_handle(void **state) {
	struct registry *r = registry_new();
	struct metric *a = metric_counter(r, "a_total", "A.", "x=\"1\"");
	assert_ptr_equal(metric_counter(r, "a_total", "A.", "x=\"1\""), a);
	assert_ptr_not_equal(metric_counter(r, "a_total", "A.", "x=\"2\""), a);
	struct histogram *h = metric_histogram(r, "h_seconds", "H.", "");
	assert_ptr_equal(metric_histogram(r, "h_seconds", "H.", NULL), h);
	registry_free(r);
}

static void histograms_render_cumulative(void **state) {
	struct registry *r = registry_new();
	struct histogram *h = metric_histogram(r, "h_seconds", "H.", "cell=\"eu\"");
	const uint64_t values[] = {1, 31, 32, 1000, 1500000, 3600000000u};
	for (int i = 0; i < 6; i++) histogram_record_us(h, values[i]);
	char *text = render(r);
	assert_non_null(strstr(text, "# TYPE h_seconds histogram\n"));
	assert_non_null(strstr(text, "h_seconds_bucket{cell=\"eu\",le=\"3.2e-05\"} 2\n"));
	assert_non_null(strstr(text, "h_seconds_bucket{cell=\"eu\",le=\"6.4e-05\"} 3\n"));
	assert_non_null(strstr(text, "h_seconds_bucket{cell=\"eu\",le=\"0.001024\"} 4\n"));
	assert_non_null(strstr(text, "h_seconds_bucket{cell=\"eu\",le=\"2.097152\"} 5\n"));
	assert_non_null(strstr(text, "h_seconds_bucket{cell=\"eu\",le=\"+Inf\"} 6\n"));
	assert_non_null(strstr(text, "h_seconds_sum{cell=\"eu\"} 3601.501064\n"));
	assert_non_null(strstr(text, "h_seconds_count{cell=\"eu\"} 6\n"));
	int edges = 0;
	for (const char *at = text; (at = strstr(at, "le=\"")); at++) edges++;
	assert_int_equal(edges, 20);
	free(text);
	registry_free(r);
}

static void histogram_without_labels(void **state) {
	struct registry *r = registry_new();
	metric_histogram(r, "h_seconds", "H.", "");
	char *text = render(r);
	assert_non_null(strstr(text, "h_seconds_bucket{le=\"+Inf\"} 0\n"));
	assert_non_null(strstr(text, "h_seconds_sum 0.000000\nh_seconds_count 0\n"));
	free(text);
	registry_free(r);
}

static void full_buffer_is_an_error(void **state) {
	struct registry *r = registry_new();
	metric_counter(r, "a_total", "A.", NULL);
	struct buf out;
	buf_init(&out, 20);
	assert_int_equal(registry_render(r, &out), ERR_TOO_LARGE);
	buf_done(&out);
	registry_free(r);
}

enum { THREADS = 4, ROUNDS = 20000 };

static void *update(void *arg) {
	struct registry *r = arg;
	struct metric *m = metric_counter(r, "shared_total", "S.", NULL);
	struct histogram *h = metric_histogram(r, "shared_seconds", "S.", NULL);
	for (uint64_t i = 0; i < ROUNDS; i++) {
		metric_inc(m);
		histogram_record_us(h, i);
	}
	return NULL;
}

static void threads_lose_no_update(void **state) {
	struct registry *r = registry_new();
	pthread_t threads[THREADS];
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, update, r), 0);
	for (int i = 0; i < 20; i++) free(render(r)); /* rendering runs beside updates */
	for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
	assert_int_equal(metric_get(metric_counter(r, "shared_total", "S.", NULL)),
	                 THREADS * ROUNDS);
	char *text = render(r);
	assert_non_null(strstr(text, "shared_seconds_count 80000\n"));
	free(text);
	registry_free(r);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_value_is_within_an_eighth),
		cmocka_unit_test(extremes_are_clamped),
		cmocka_unit_test(quantiles_of_a_mixed_load),
		cmocka_unit_test(counters_and_gauges_render),
		cmocka_unit_test(same_name_and_labels_is_the_same_handle),
		cmocka_unit_test(histograms_render_cumulative),
		cmocka_unit_test(histogram_without_labels),
		cmocka_unit_test(full_buffer_is_an_error),
		cmocka_unit_test(threads_lose_no_update),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
