/* The host with one cell on a real loop, used by several threads as a node's workers use it.
 * Runs under ThreadSanitizer too. */
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "cell/host.h"
#include "coord/embedded.h"
#include "store/memory.h"

enum { WORKERS = 4, WINDOW = 16, WRITES = 500, MS = 1000000, PORT = 17391 };

/* --- a node ------------------------------------------------------------------------------- */

struct node {
	struct io *io;
	struct registry *registry;
	struct memory_disk *disk;
	struct coord_memory *coordination;
	struct host *host;
	pthread_t thread;
	bool running;
	_Atomic int changes;
};

static void on_change(void *arg) {
	atomic_fetch_add(&((struct node *)arg)->changes, 1);
}

static void *loop_main(void *io) {
	io_run(io);
	return NULL;
}

static void node_open(struct node *n) {
	static const char *const regions[] = {"here"};
	static const int replicas[] = {0};
	static const uint16_t ports[] = {PORT};
	struct host_cell_options cells[] = {
		{.name = "one", .replicas = replicas, .replica_count = 1, .copies = 1},
		{.name = "elsewhere"}};
	struct host_options o = {
		.cluster = "test",
		.regions = regions,
		.region_count = 1,
		.hosts = regions,
		.ports = ports,
		.secret = SLICE_LIT("between us"),
		.cells = cells,
		.cell_count = 2,
		.lease_length_ns = 600 * MS,
		.lease_renew_ns = 100 * MS,
		.registry = n->registry,
		.on_change = on_change,
		.arg = n,
	};
	struct fault fault = {0};
	assert_int_equal(store_memory_open(n->io, n->disk, &cells[0].store), ERR_OK);
	assert_int_equal(coord_memory_open(n->coordination, n->io, "here", MS, &o.coord), ERR_OK);
	enum err err = host_new(n->io, &o, &n->host, &fault);
	if (err != ERR_OK) fail_msg("%s", fault.text);
}

static void node_run(struct node *n) {
	assert_int_equal(pthread_create(&n->thread, NULL, loop_main, n->io), 0);
	n->running = true;
}

static void node_stop(struct node *n) {
	if (!n->running) return;
	io_stop(n->io);
	pthread_join(n->thread, NULL);
	n->running = false;
}

static int set_up(void **state) {
	struct node *n = calloc(1, sizeof *n);
	log_set_level(LOG_OFF);
	n->io = io_uv_new();
	n->registry = registry_new();
	n->disk = memory_disk_new(1);
	n->coordination = coord_memory_new();
	node_open(n);
	*state = n;
	return 0;
}

static int tear_down(void **state) {
	struct node *n = *state;
	node_stop(n);
	host_free(n->host);
	io_free(n->io);
	coord_memory_free(n->coordination);
	memory_disk_free(n->disk);
	registry_free(n->registry);
	free(n);
	return 0;
}

static void wait_home(struct node *n) {
	struct host_cell_state s;
	for (int i = 0; i < 10000; i++, usleep(1000)) {
		host_cell_state(n->host, 0, &s);
		if (s.is_home) return;
	}
	fail_msg("it did not become home");
}

/* --- a worker --------------------------------------------------------------------------------- */

struct write {
	struct worker *worker;
	struct proposal p;
	struct op op;
	struct bounded_add add;
	char key[32], value[32];
};
struct worker {
	struct node *node;
	struct io *io;
	pthread_t thread;
	struct io_post start;
	int id, begun, ended, wanted;
	int errors[ERR_COUNT];
	uint64_t max_seq;
	struct write writes[WINDOW];
};

static void on_written(struct proposal *p);

static void write_next(struct write *w) {
	struct worker *k = w->worker;
	if (k->begun == k->wanted) return;
	int n = k->begun++;
	int key_len = snprintf(w->key, sizeof w->key, "t%cd%c%d-%d", 0, 0, k->id, n);
	int value_len = snprintf(w->value, sizeof w->value, "value %d of %d", n, k->id);
	w->op = (struct op){.type = OP_PUT,
	                    .key = slice_of(w->key, (size_t)key_len),
	                    .value = slice_of(w->value, (size_t)value_len)};
	w->add = (struct bounded_add){
		.key = SLICE_LIT("t\0d\0sum"), .delta = 1, .min = 0, .max = 1000000};
	w->p = (struct proposal){.ops = &w->op,
	                         .op_count = 1,
	                         .adds = &w->add,
	                         .add_count = 1,
	                         .deadline_ns = UINT64_MAX,
	                         .done = on_written};
	host_propose(k->node->host, 0, &w->p, k->io);
}

static void on_written(struct proposal *p) {
	struct write *w = CONTAINER_OF(p, struct write, p);
	struct worker *k = w->worker;
	k->errors[p->err]++;
	if (p->err == ERR_OK) {
		if (p->seq > k->max_seq) k->max_seq = p->seq;
		/* Whoever was answered is told how far a read has to wait, in any thread. */
		struct host_cell_state s;
		host_cell_state(k->node->host, 0, &s);
		if (s.committed_seq < p->seq || s.epoch != p->epoch) abort();
	}
	if (++k->ended == k->wanted) return io_stop(k->io);
	write_next(w);
}

static void on_start(struct io_post *post) {
	struct worker *k = CONTAINER_OF(post, struct worker, start);
	for (int i = 0; i < WINDOW; i++) write_next(&k->writes[i]);
}

static void worker_start(struct worker *k, struct node *n, int id, int wanted) {
	memset(k, 0, sizeof *k);
	k->node = n;
	k->id = id;
	k->wanted = wanted;
	k->io = io_uv_new();
	k->start.fn = on_start;
	for (int i = 0; i < WINDOW; i++) k->writes[i].worker = k;
	io_post(k->io, &k->start);
	assert_int_equal(pthread_create(&k->thread, NULL, loop_main, k->io), 0);
}

static void worker_join(struct worker *k) {
	pthread_join(k->thread, NULL);
	io_free(k->io);
}

/* --- reading ------------------------------------------------------------------------------------ */

struct found {
	int count, wrong;
	char sum[32];
};

static bool on_each(void *arg, struct slice key, const struct entry *e) {
	struct found *f = arg;
	char expected[32];
	int id, n;
	if (slice_eq(key, SLICE_LIT("t\0d\0sum"))) {
		memcpy(f->sum, e->value.ptr, e->value.len);
		return true;
	}
	f->count++;
	char name[32] = {0};
	memcpy(name, key.ptr + 4, key.len - 4);
	if (sscanf(name, "%d-%d", &id, &n) != 2) f->wrong++;
	snprintf(expected, sizeof expected, "value %d of %d", n, id);
	if (!slice_is(e->value, expected)) f->wrong++;
	return true;
}

/* What was acknowledged reaches the view a little later. */
static void wait_applied(struct node *n) {
	struct host_cell_state s;
	do {
		poll(NULL, 0, 1);
		host_cell_state(n->host, 0, &s);
	} while (s.applied_seq < s.committed_seq);
}

static struct found scan(struct node *n) {
	struct found f = {0};
	wait_applied(n);
	struct store *s = host_store(n->host, 0);
	struct store_reader *r = s->ops->reader_new(s);
	struct position at;
	const struct store_scan all = {.prefix = SLICE_LIT("t"), .each = on_each, .arg = &f};
	assert_int_equal(s->ops->scan(r, &all, &at), ERR_OK);
	s->ops->reader_free(r);
	return f;
}

/* --- tests ------------------------------------------------------------------------------------------ */

static void writes_from_many_threads_are_all_there(void **state) {
	struct node *n = *state;
	static struct worker workers[WORKERS];
	node_run(n);
	wait_home(n);
	for (int i = 0; i < WORKERS; i++) worker_start(&workers[i], n, i, WRITES);
	uint64_t max_seq = 0;
	for (int i = 0; i < WORKERS; i++) {
		worker_join(&workers[i]);
		assert_int_equal(workers[i].errors[ERR_OK], WRITES);
		if (workers[i].max_seq > max_seq) max_seq = workers[i].max_seq;
	}
	struct found f = scan(n);
	assert_int_equal(f.count, WORKERS * WRITES);
	assert_int_equal(f.wrong, 0);
	char sum[32];
	snprintf(sum, sizeof sum, "%d", WORKERS * WRITES);
	assert_string_equal(f.sum, sum);
	assert_int_equal(max_seq, WORKERS * WRITES + 1); /* the epoch's start, and one each */
	assert_true(atomic_load(&n->changes) > 0);
}

/* The words of one state belong together, whatever the owner does meanwhile. */
static void *watch_state(void *arg) {
	struct node *n = arg;
	struct host_cell_state before = {0};
	for (;;) {
		struct host_cell_state s;
		host_cell_state(n->host, 0, &s);
		if (s.applied_seq < before.applied_seq || s.epoch < before.epoch) abort();
		if (s.applied_seq && s.applied_epoch != s.epoch) abort();
		if (s.is_home && (s.home != 0 || !s.active)) abort();
		if (s.applied_seq > WRITES) return NULL;
		before = s;
	}
}

static void the_state_is_consistent(void **state) {
	struct node *n = *state;
	static struct worker worker;
	pthread_t watchers[2];
	node_run(n);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&watchers[i], NULL, watch_state, n), 0);
	wait_home(n);
	worker_start(&worker, n, 0, WRITES);
	worker_join(&worker);
	for (int i = 0; i < 2; i++) pthread_join(watchers[i], NULL);
}

static void history_knows_what_may_come_and_what_never(void **state) {
	struct node *n = *state;
	static struct worker worker;
	node_run(n);
	wait_home(n);
	worker_start(&worker, n, 0, 10);
	worker_join(&worker);
	wait_applied(n);
	struct host_cell_state s;
	host_cell_state(n->host, 0, &s);
	struct host *h = n->host;
	assert_int_equal(host_history_check(h, 0, s.epoch, worker.max_seq), ERR_OK);
	assert_int_equal(host_history_check(h, 0, s.epoch, 0), ERR_OK);
	assert_int_equal(host_history_check(h, 0, s.epoch, worker.max_seq + 1), ERR_TIMEOUT);
	assert_int_equal(host_history_check(h, 0, s.epoch + 1, worker.max_seq + 1), ERR_TIMEOUT);
	assert_int_equal(host_history_check(h, 0, s.epoch - 1, worker.max_seq), ERR_DIVERGED);
}

/* A caller that waits on a loop of its own. */
struct waiter {
	struct io *io;
	struct host_wait wait;
	struct host_status_request status;
	struct proposal proposal;
	int fired;
};

static void on_fired(struct io_post *post) {
	struct waiter *w = CONTAINER_OF(post, struct waiter, wait.post);
	w->fired++;
	io_stop(w->io);
}

static void wait_for(struct waiter *w, struct node *n, int cell, uint64_t seq, uint64_t ns) {
	w->wait = (struct host_wait){.post.fn = on_fired,
	                             .reply_to = w->io,
	                             .seq = seq,
	                             .deadline_ns = io_now_ns(w->io) + ns};
	host_wait_applied(n->host, cell, &w->wait);
}

static void waits_end_with_the_write_or_the_deadline(void **state) {
	struct node *n = *state;
	static struct worker worker;
	struct waiter w = {.io = io_uv_new()};
	node_run(n);
	wait_home(n);
	uint64_t began_ns = io_now_ns(w.io);
	wait_for(&w, n, 0, 5, 60000ull * MS);
	worker_start(&worker, n, 0, 10);
	io_run(w.io);
	worker_join(&worker);
	assert_true(io_now_ns(w.io) - began_ns < 30000ull * MS);
	wait_for(&w, n, 0, 1, 60000ull * MS); /* is there already */
	io_run(w.io);
	wait_for(&w, n, 1, 1, 60000ull * MS); /* can never be here */
	io_run(w.io);
	began_ns = io_now_ns(w.io);
	wait_for(&w, n, 0, 1000, 30 * MS);
	io_run(w.io);
	assert_true(io_now_ns(w.io) - began_ns >= 30 * MS);
	assert_int_equal(w.fired, 4);
	io_free(w.io);
}

static void on_status(struct host_status_request *r) {
	io_stop(r->reply_to);
}

static void status_tells_all(void **state) {
	struct node *n = *state;
	struct cell_status cells[2];
	struct store_info stores[2];
	struct waiter w = {.io = io_uv_new()};
	node_run(n);
	wait_home(n);
	w.status = (struct host_status_request){
		.reply_to = w.io, .cells = cells, .stores = stores, .done = on_status};
	host_status(n->host, &w.status);
	io_run(w.io);
	assert_int_equal(cells[0].role, CELL_HOME);
	assert_int_equal(cells[0].home, 0);
	assert_int_equal(stores[0].applied.seq, cells[0].applied.seq);
	assert_int_equal(cells[1].home, -1);
	assert_true(host_region_up(n->host, 0));
	assert_false(host_region_up(n->host, 1));
	io_free(w.io);
}

static void on_refused(struct proposal *p) {
	struct waiter *w = CONTAINER_OF(p, struct waiter, proposal);
	w->fired++;
	io_stop(w->io);
}

static void a_cell_without_a_copy_is_not_written(void **state) {
	struct node *n = *state;
	struct waiter w = {.io = io_uv_new()};
	struct host_cell_state s;
	node_run(n);
	w.proposal.done = on_refused;
	host_propose(n->host, 1, &w.proposal, w.io);
	io_run(w.io);
	assert_int_equal(w.proposal.err, ERR_NOT_HOME);
	assert_null(host_store(n->host, 1));
	host_cell_state(n->host, 1, &s);
	assert_int_equal(s.home, -1);
	io_free(w.io);
}

static void what_has_expired_goes_away(void **state) {
	struct node *n = *state;
	struct waiter w = {.io = io_uv_new()};
	node_run(n);
	wait_home(n);
	static const char *const keys[] = {"t\0d\0"
	                                   "1-1",
	                                   "t\0d\0"
	                                   "1-2"};
	static const char *const values[] = {"value 1 of 1", "value 2 of 1"};
	for (int i = 0; i < 2; i++) {
		uint64_t soon_ms = io_wall_ms(w.io) + (i == 0 ? 1 : 3600000);
		struct op op = {OP_PUT, slice_of(keys[i], 7), slice_str(values[i]), soon_ms};
		w.proposal = (struct proposal){
			.ops = &op, .op_count = 1, .deadline_ns = UINT64_MAX, .done = on_refused};
		host_propose(n->host, 0, &w.proposal, w.io);
		io_run(w.io);
		assert_int_equal(w.proposal.err, ERR_OK);
	}
	for (int i = 0; i < 500 && scan(n).count != 1; i++) usleep(10000);
	assert_int_equal(scan(n).count, 1); /* and the other stays */
	io_free(w.io);
}

static void who_is_cut_off_is_told(void **state) {
	struct node *n = *state;
	static struct worker worker;
	node_run(n);
	wait_home(n);
	worker_start(&worker, n, 0, 1 << 30);
	usleep(20000);
	/* The loop stops first, then the workers' proposals are answered by host_free: each asks
	 * no more than what it is told, so its loop may end. */
	node_stop(n);
	usleep(20000);
	io_stop(worker.io);
	pthread_join(worker.thread, NULL);
	worker.wanted = worker.begun;
	host_free(n->host);
	n->host = NULL;
	assert_int_equal(pthread_create(&worker.thread, NULL, loop_main, worker.io), 0);
	worker_join(&worker);
	int unknown = worker.errors[ERR_OUTCOME_UNKNOWN], none = worker.errors[ERR_NOT_HOME];
	assert_int_equal(worker.errors[ERR_OK] + unknown + none, worker.begun);
	assert_true(unknown + none > 0);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(writes_from_many_threads_are_all_there),
		TEST(the_state_is_consistent),
		TEST(history_knows_what_may_come_and_what_never),
		TEST(waits_end_with_the_write_or_the_deadline),
		TEST(status_tells_all),
		TEST(a_cell_without_a_copy_is_not_written),
		TEST(what_has_expired_goes_away),
		TEST(who_is_cut_off_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
