/* The registry: series are added under a lock and never removed; updates touch only
 * the series' own atomics. Rendering takes no snapshot: each number is right for
 * itself. Knows nothing of what is measured. */
#include "base/metric.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/assert.h"

enum {
	HISTOGRAM_STEPS = 8, /* buckets a power of two */
	HISTOGRAM_STEP_BITS = 3,
	RENDER_FIRST_OCTAVE = 5, /* 32 µs */
	RENDER_LAST_OCTAVE = 23, /* 8.4 s: 19 edges and +Inf */
};

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

struct series {
	struct series *next;
	char *labels;
	struct metric metric;
	struct histogram *histogram; /* kind METRIC_HISTOGRAM only */
};

struct family {
	struct family *next;
	char *name, *help;
	enum metric_kind kind;
	struct series *first, *last;
};

struct registry {
	pthread_mutex_t lock;
	struct family *first, *last;
};

struct registry *registry_new(void) {
	struct registry *r = calloc(1, sizeof *r);
	if (!r) return NULL;
	if (pthread_mutex_init(&r->lock, NULL) != 0) {
		free(r);
		return NULL;
	}
	return r;
}

static void family_free(struct family *f) {
	for (struct series *s = f->first, *next; s; s = next) {
		next = s->next;
		free(s->labels);
		free(s->histogram);
		free(s);
	}
	free(f->name);
	free(f->help);
	free(f);
}

void registry_free(struct registry *r) {
	if (!r) return;
	for (struct family *f = r->first, *next; f; f = next) {
		next = f->next;
		family_free(f);
	}
	pthread_mutex_destroy(&r->lock);
	free(r);
}

static void *or_die(void *mem) {
	ASSERT(mem); /* out of memory at start-up: nothing to fall back to */
	return mem;
}

static bool metric_name_valid(const char *name) {
	if (!*name || (*name >= '0' && *name <= '9')) return false;
	return name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0';
}

static struct family *family_get(struct registry *r, const char *name, const char *help,
                                 enum metric_kind kind) {
	for (struct family *f = r->first; f; f = f->next) {
		if (strcmp(f->name, name) != 0) continue;
		ASSERT(f->kind == kind);
		return f;
	}
	ASSERT(metric_name_valid(name) && !strpbrk(help, "\n\\"));
	struct family *f = or_die(calloc(1, sizeof *f));
	f->name = or_die(strdup(name));
	f->help = or_die(strdup(help));
	f->kind = kind;
	if (r->last)
		r->last->next = f;
	else
		r->first = f;
	r->last = f;
	return f;
}

static struct series *series_get(struct registry *r, const char *name, const char *help,
                                 const char *labels, enum metric_kind kind) {
	if (!labels) labels = "";
	pthread_mutex_lock(&r->lock);
	struct family *f = family_get(r, name, help, kind);
	struct series *s = f->first;
	while (s && strcmp(s->labels, labels) != 0) s = s->next;
	if (!s) {
		s = or_die(calloc(1, sizeof *s));
		s->labels = or_die(strdup(labels));
		if (kind == METRIC_HISTOGRAM) {
			s->histogram = or_die(malloc(sizeof *s->histogram));
			histogram_init(s->histogram);
		}
		if (f->last)
			f->last->next = s;
		else
			f->first = s;
		f->last = s;
	}
	pthread_mutex_unlock(&r->lock);
	return s;
}

struct metric *metric_counter(struct registry *r, const char *name, const char *help,
                              const char *labels) {
	return &series_get(r, name, help, labels, METRIC_COUNTER)->metric;
}

struct metric *metric_gauge(struct registry *r, const char *name, const char *help,
                            const char *labels) {
	return &series_get(r, name, help, labels, METRIC_GAUGE)->metric;
}

struct histogram *metric_histogram(struct registry *r, const char *name, const char *help,
                                   const char *labels) {
	return series_get(r, name, help, labels, METRIC_HISTOGRAM)->histogram;
}

void histogram_init(struct histogram *h) {
	for (int i = 0; i < HISTOGRAM_BUCKETS; i++) atomic_init(&h->buckets[i], 0);
	atomic_init(&h->count, 0);
	atomic_init(&h->sum_us, 0);
}

/* Eight steps in each power of two; below 8 µs a step is narrower than a
 * microsecond and some buckets stay unused. 0 counts as 1. */
static int bucket_of(uint64_t us) {
	if (us == 0) us = 1;
	int octave = 63 - __builtin_clzll(us);
	if (octave >= HISTOGRAM_BUCKETS / HISTOGRAM_STEPS) return HISTOGRAM_BUCKETS - 1;
	uint64_t step = octave >= HISTOGRAM_STEP_BITS ? us >> (octave - HISTOGRAM_STEP_BITS)
	                                              : us << (HISTOGRAM_STEP_BITS - octave);
	return octave * HISTOGRAM_STEPS + (int)(step % HISTOGRAM_STEPS);
}

/* The largest number of microseconds that falls into the bucket. */
static uint64_t bucket_edge_us(int bucket) {
	int octave = bucket / HISTOGRAM_STEPS;
	uint64_t step = HISTOGRAM_STEPS + (uint64_t)bucket % HISTOGRAM_STEPS;
	if (octave < HISTOGRAM_STEP_BITS) return step >> (HISTOGRAM_STEP_BITS - octave);
	return ((step + 1) << (octave - HISTOGRAM_STEP_BITS)) - 1;
}

void histogram_record_us(struct histogram *h, uint64_t us) {
	atomic_fetch_add_explicit(&h->buckets[bucket_of(us)], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&h->count, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&h->sum_us, us, memory_order_relaxed);
}

static uint64_t bucket_count(const struct histogram *h, int bucket) {
	return atomic_load_explicit(&h->buckets[bucket], memory_order_relaxed);
}

uint64_t histogram_quantile_us(const struct histogram *h, double q) {
	/* The buckets' own total, not h->count: recorders may be between the two. */
	uint64_t total = 0, seen = 0;
	for (int i = 0; i < HISTOGRAM_BUCKETS; i++) total += bucket_count(h, i);
	if (total == 0) return 0;
	uint64_t rank = q <= 0 ? 1 : q >= 1 ? total : (uint64_t)ceil(q * (double)total);
	int last = 0;
	for (int i = 0; i < HISTOGRAM_BUCKETS; i++) {
		uint64_t count = bucket_count(h, i);
		if (count == 0) continue;
		last = i;
		seen += count;
		if (seen >= rank) break;
	}
	return bucket_edge_us(last);
}

/* A duration is cut to whole microseconds, so all of octave k are below 2^(k+1) µs. */
static enum err render_histogram(const struct family *f, const struct series *s, struct buf *out) {
	const char *comma = s->labels[0] ? "," : "";
	uint64_t cumulative = 0;
	int bucket = 0;
	for (int octave = RENDER_FIRST_OCTAVE; octave <= RENDER_LAST_OCTAVE; octave++) {
		for (; bucket < octave * HISTOGRAM_STEPS; bucket++)
			cumulative += bucket_count(s->histogram, bucket);
		enum err e = buf_printf(out, "%s_bucket{%s%sle=\"%.9g\"} %llu\n", f->name,
		                        s->labels, comma, (double)(1ull << octave) / 1e6,
		                        (unsigned long long)cumulative);
		if (e) return e;
	}
	for (; bucket < HISTOGRAM_BUCKETS; bucket++)
		cumulative += bucket_count(s->histogram, bucket);
	const char *open = s->labels[0] ? "{" : "", *close = s->labels[0] ? "}" : "";
	uint64_t sum_us = atomic_load_explicit(&s->histogram->sum_us, memory_order_relaxed);
	return buf_printf(out,
	                  "%s_bucket{%s%sle=\"+Inf\"} %llu\n"
	                  "%s_sum%s%s%s %llu.%06llu\n"
	                  "%s_count%s%s%s %llu\n",
	                  f->name, s->labels, comma, (unsigned long long)cumulative, f->name, open,
	                  s->labels, close, (unsigned long long)(sum_us / 1000000),
	                  (unsigned long long)(sum_us % 1000000), f->name, open, s->labels, close,
	                  (unsigned long long)cumulative);
}

static enum err render_series(const struct family *f, const struct series *s, struct buf *out) {
	if (f->kind == METRIC_HISTOGRAM) return render_histogram(f, s, out);
	const char *open = s->labels[0] ? "{" : "", *close = s->labels[0] ? "}" : "";
	return buf_printf(out, "%s%s%s%s %lld\n", f->name, open, s->labels, close,
	                  (long long)metric_get(&s->metric));
}

static enum err render_family(const struct family *f, struct buf *out) {
	static const char *const kinds[] = {"counter", "gauge", "histogram"};
	enum err e = buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", f->name, f->help, f->name,
	                        kinds[f->kind]);
	for (const struct series *s = f->first; s && !e; s = s->next) e = render_series(f, s, out);
	return e;
}

enum err registry_render(struct registry *r, struct buf *out) {
	enum err e = ERR_OK;
	pthread_mutex_lock(&r->lock);
	for (const struct family *f = r->first; f && !e; f = f->next) e = render_family(f, out);
	pthread_mutex_unlock(&r->lock);
	return e;
}
