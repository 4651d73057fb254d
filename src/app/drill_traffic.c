/* The traffic of a drill: a thread with a client of its own. */
#include "app/drill_traffic.h"
#include "app/place.h"
#include "base/bytes.h"
#include "io/io.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

/* One write each PAUSE_MS at most; a drill that has made WRITES_MAX goes on reading only. */
enum { WRITES_MAX = 1 << 18, PAUSE_MS = 5, TRIES_MS = 20000, RUN_BYTES = 6 };

struct drill_traffic {
	pthread_t thread;
	struct io *io; /* for time and randomness */
	struct target target;
	char run[2 * RUN_BYTES + 1];
	atomic_bool ended;
	_Atomic uint64_t mark_ns; /* 0: not yet */
	/* the thread's until it has ended */
	uint64_t last_ack_ns, tried;
	uint8_t *acknowledged; /* bit n: write n */
	struct drill_counts counts;
};

/* Values are made from the number: what a key must hold is known without keeping it. */
static void name_of(const struct drill_traffic *t, uint64_t n, char path[96], char value[96]) {
	snprintf(path, 96, "/v1/data/drill/%s-%llu", t->run, (unsigned long long)n);
	snprintf(value, 96, "%s wrote %llu", t->run, (unsigned long long)n);
}

static bool put(struct drill_traffic *t, uint64_t n) {
	char path[96], value[96];
	struct client_answer a;
	struct fault fault;
	struct http_header ttl = {.name = SLICE_LIT("Holdfast-TTL"), .value = SLICE_LIT("1d")};
	name_of(t, n, path, value);
	struct client_request r = {.method = "PUT",
	                           .target = path,
	                           .fields = &ttl,
	                           .field_count = 1,
	                           .body = slice_str(value),
	                           .first = -1,
	                           .repeatable = true,
	                           .once = true};
	bool done = client_send(t->target.client, &r, &a, &fault) == ERR_OK && a.status == 204;
	client_answer_done(&a);
	return done;
}

/* 1: it holds what was written, 0: it does not, -1: nobody can tell. */
static int look(struct drill_traffic *t, uint64_t n) {
	char path[96], value[96];
	struct client_answer a;
	struct fault fault;
	struct http_header strong = {.name = SLICE_LIT("Holdfast-Consistency"),
	                             .value = SLICE_LIT("strong")};
	name_of(t, n, path, value);
	struct client_request r = {.method = "GET",
	                           .target = path,
	                           .fields = &strong,
	                           .field_count = 1,
	                           .first = -1,
	                           .repeatable = true};
	int found = -1;
	if (client_send(t->target.client, &r, &a, &fault) == ERR_OK &&
	    (a.status == 200 || a.status == 404))
		found = a.status == 200 && slice_eq(buf_slice(&a.body), slice_str(value));
	client_answer_done(&a);
	return found;
}

static void note_gap(struct drill_traffic *t, uint64_t now) {
	uint64_t mark = t->mark_ns, from = t->last_ack_ns > mark ? t->last_ack_ns : mark;
	if (mark && now > from && (now - from) / 1000000 > t->counts.outage_ms)
		t->counts.outage_ms = (now - from) / 1000000;
}

static void turn(struct drill_traffic *t) {
	uint64_t n = t->tried++;
	bool done = put(t, n);
	uint64_t now = io_now_ns(t->io);
	note_gap(t, now); /* a write that failed was an outage, too, and it goes on */
	if (!done) {
		t->counts.failed++;
		return;
	}
	t->last_ack_ns = now;
	t->counts.written++;
	t->acknowledged[n / 8] |= (uint8_t)(1u << n % 8);
	if (look(t, n) == 0) t->counts.stale++;
}

static void *work(void *arg) {
	struct drill_traffic *t = arg;
	while (!t->ended && t->tried < WRITES_MAX) {
		turn(t);
		place_wait_ms(PAUSE_MS);
	}
	return NULL;
}

static void forget(struct drill_traffic *t) {
	target_close(&t->target);
	if (t->io) io_free(t->io);
	free(t->acknowledged);
	free(t);
}

struct drill_traffic *drill_traffic_start(const struct target_options *where, const char *skip) {
	struct drill_traffic *t = calloc(1, sizeof(*t));
	if (!t) return NULL;
	struct target_options o = *where;
	o.skip = skip;
	t->io = io_uv_new();
	t->acknowledged = calloc(WRITES_MAX / 8, 1);
	bool fine = t->io && t->acknowledged &&
	            target_open(&o, TARGET_HTTP, true, TRIES_MS, &t->target) == ERR_OK;
	if (fine) {
		uint8_t random[RUN_BYTES];
		io_random(t->io, random, sizeof(random));
		hex_encode(slice_of(random, sizeof(random)), t->run);
		t->last_ack_ns = io_now_ns(t->io);
		fine = pthread_create(&t->thread, NULL, work, t) == 0;
		if (!fine)
			complain("drill: no thread can be started: raise the limit on processes");
	}
	if (fine) return t;
	forget(t);
	return NULL;
}

void drill_traffic_mark(struct drill_traffic *t) {
	uint64_t none = 0;
	atomic_compare_exchange_strong(&t->mark_ns, &none, io_now_ns(t->io));
}

bool drill_traffic_end(struct drill_traffic *t, struct drill_counts *out) {
	bool known = true;
	t->ended = true;
	pthread_join(t->thread, NULL);
	for (uint64_t n = 0; known && n < t->tried; n++) {
		if (!(t->acknowledged[n / 8] & 1u << n % 8)) continue;
		int found = look(t, n);
		known = found >= 0;
		t->counts.lost += found == 0;
	}
	*out = t->counts;
	forget(t);
	return known;
}
