/* Metric registry: counters, gauges and log-bucketed latency histograms, rendered
 * as Prometheus text 0.0.4. Register at start-up; handles live as long as the
 * registry. Updates are relaxed atomics, any thread, never blocking.
 * Names: holdfast_<part>_<what>_<unit>[_total]; labels as one finished string
 * such as `cell="eu-1",peer="us-east"` (copied; values must need no escaping). */
#pragma once
#include <stdatomic.h>
#include "base/buf.h"

struct metric {
	_Atomic int64_t value; /* counter: only grows */
};
/* Buckets grow by 1/8 of a power of two from 1 µs to over 1 h: ≤ 12.5 % error. */
enum { HISTOGRAM_BUCKETS = 264 };
struct histogram {
	_Atomic uint64_t buckets[HISTOGRAM_BUCKETS];
	_Atomic uint64_t count, sum_us;
};
struct registry;

struct registry *registry_new(void); /* NULL: no memory */
void registry_free(struct registry *r);
/* Registering the same name and labels again returns the same handle. Never NULL: aborts when memory is out at start-up. */
struct metric *metric_counter(struct registry *r, const char *name, const char *help, const char *labels);
struct metric *metric_gauge(struct registry *r, const char *name, const char *help, const char *labels);
struct histogram *metric_histogram(struct registry *r, const char *name, const char *help, const char *labels);

static inline void metric_add(struct metric *m, int64_t delta) {
	atomic_fetch_add_explicit(&m->value, delta, memory_order_relaxed);
}
static inline void metric_inc(struct metric *m) { metric_add(m, 1); }
static inline void metric_set(struct metric *m, int64_t value) {
	atomic_store_explicit(&m->value, value, memory_order_relaxed);
}
static inline int64_t metric_get(const struct metric *m) {
	return atomic_load_explicit(&m->value, memory_order_relaxed);
}

void histogram_init(struct histogram *h); /* for one outside a registry: bench, tests */
void histogram_record_us(struct histogram *h, uint64_t us);
/* Upper edge of the bucket that holds the quantile q in [0,1]; 0 when empty. */
uint64_t histogram_quantile_us(const struct histogram *h, double q);

/* Histograms render as cumulative `_bucket{le="…"}` in seconds (at most 20 edges), `_sum`, `_count`. */
MUST enum err registry_render(struct registry *r, struct buf *out);
