/* Records per second through a cell, beside a bare loop that writes and fdatasyncs batches of
 * the same size to a preallocated file on the same disk, in turn.
 *
 * usage: bench_cell DIR [WINDOW [SECONDS [KEYS [LOOPS]]]]
 *
 * The cell: one replica, async, the local store. One producer keeps WINDOW puts of 128 B
 * outstanding: on the cell's own loop, as in a node with one worker, or with LOOPS 2 on another,
 * as in a node with several. The size of the bare loop's batches is what the cell wrote per sync. */
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/log.h"
#include "cell/host.h"
#include "coord/embedded.h"
#include "store/local.h"

enum {
	ROUNDS = 15, /* short ones: the disk's moods hit both */
	WINDOW_MAX = 65536,
	VALUE_BYTES = 128,
	KEYS_DEFAULT = 10000,
	WINDOW_DEFAULT = 64, /* as the figure for PUTs over HTTP has connections */
	RAW_FILE_BYTES = 64 << 20,
	PORT = 17491,
	MS = 1000000,
};

static double now_s(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* --- the producer ------------------------------------------------------------------------- */

struct put {
	struct proposal p;
	struct op op;
};
struct producer {
	struct host *host;
	struct io *io;
	struct io_post start;
	struct put *puts;
	int window, outstanding;
	atomic_bool enough;
	sem_t ended;
	uint64_t done, failed, number, key_count;
	char (*keys)[32]; /* made before, all of one length: the producer is not what is measured */
	size_t key_len;
};
static struct producer producer;
static uint8_t value[VALUE_BYTES];

static void put_next(struct put *u) {
	struct producer *d = &producer;
	const char *key = d->keys[d->number++ * 2654435761u % d->key_count];
	u->op = (struct op){OP_PUT, slice_of(key, d->key_len), slice_of(value, VALUE_BYTES), 0};
	u->p.ops = &u->op;
	u->p.op_count = 1;
	u->p.deadline_ns = UINT64_MAX;
	d->outstanding++;
	host_propose(d->host, 0, &u->p, d->io);
}

static void on_put(struct proposal *p) {
	struct producer *d = &producer;
	d->outstanding--;
	if (p->err == ERR_OK)
		d->done++;
	else
		d->failed++;
	if (!atomic_load(&d->enough)) return put_next(CONTAINER_OF(p, struct put, p));
	if (d->outstanding == 0) sem_post(&d->ended);
}

static void on_start(struct io_post *post) {
	for (int i = 0; i < producer.window; i++) {
		producer.puts[i].p.done = on_put;
		put_next(&producer.puts[i]);
	}
}

static void keys_make(uint64_t count) {
	struct producer *d = &producer;
	d->key_count = count;
	d->keys = calloc(count, sizeof *d->keys);
	ASSERT(count && d->keys);
	for (uint64_t i = 0; i < count; i++)
		d->key_len = (size_t)snprintf(d->keys[i], sizeof d->keys[i],
		                              "acme%cbench%ckey-%08u", 0, 0, (unsigned)i);
}

/* --- what reaches the disk ------------------------------------------------------------------- */

static _Atomic uint64_t syncs;
static struct files_ops counting_ops;
static struct files counting = {&counting_ops};

static enum err count_start(struct file *f, uint64_t offset, uint64_t len) {
	syncs++; /* once a batch */
	return files_posix()->ops->start(f, offset, len);
}

static double run_cell(double seconds, double *batch_bytes) {
	uint64_t before = producer.done, syncs_before = syncs;
	double start = now_s();
	atomic_store(&producer.enough, false);
	io_post(producer.io, &producer.start);
	usleep((useconds_t)(seconds * 1e6));
	atomic_store(&producer.enough, true);
	while (sem_wait(&producer.ended) != 0) {}
	double took = now_s() - start;
	uint64_t records = producer.done - before;
	size_t record_bytes =
		RECORD_HEADER_BYTES + 16 + strlen("acme.bench.key-00000000") + VALUE_BYTES;
	*batch_bytes = (double)(records * record_bytes) / (double)(syncs - syncs_before);
	return (double)records / took;
}

static double run_raw(const char *dir, double seconds, double batch_bytes, double rate_bytes) {
	char path[512];
	snprintf(path, sizeof path, "%s/raw", dir);
	int fd = open(path, O_RDWR | O_CREAT, 0600);
	ASSERT(fd >= 0);
	size_t len = (size_t)batch_bytes;
	uint8_t *bytes = calloc(1, RAW_FILE_BYTES);
	ASSERT(bytes && write(fd, bytes, RAW_FILE_BYTES) == RAW_FILE_BYTES && fsync(fd) == 0);
	for (size_t i = 0; i < len; i++) bytes[i] = (uint8_t)(i * 31);
	off_t at = 0;
	uint64_t batches = 0;
	double start = now_s(), took;
	do {
		if (at + (off_t)len > RAW_FILE_BYTES) at = 0;
		ASSERT(pwrite(fd, bytes, len, at) == (ssize_t)len && fdatasync(fd) == 0);
		at += (off_t)len;
		batches++;
		took = now_s() - start;
	} while (took < seconds);
	close(fd);
	free(bytes);
	return (double)batches * batch_bytes / rate_bytes / took;
}

/* --- the node ---------------------------------------------------------------------------------- */

static struct host *open_host(struct io *io, const char *dir, struct coord_memory *coordination,
                              struct registry *registry) {
	static const char *const regions[] = {"here"};
	static const int replicas[] = {0};
	static const uint16_t ports[] = {PORT};
	static char canary[512], store_dir[512];
	struct host_cell_options cell = {
		.name = "bench", .replicas = replicas, .replica_count = 1, .copies = 1};
	struct host_options o = {
		.cluster = "bench",
		.regions = regions,
		.region_count = 1,
		.hosts = regions,
		.ports = ports,
		.secret = SLICE_LIT("bench"),
		.cells = &cell,
		.cell_count = 1,
		.files = files_posix(),
		.canary_path = canary,
		.lease_length_ns = 3000ull * MS,
		.lease_renew_ns = 500 * MS,
		.registry = registry,
	};
	snprintf(canary, sizeof canary, "%s/canary", dir);
	snprintf(store_dir, sizeof store_dir, "%s/store", dir);
	counting_ops = *files_posix()->ops;
	counting_ops.start = count_start;
	const struct store_local_options local = {
		.dir = store_dir, .cell = "bench", .node = "here"};
	struct fault fault = {0};
	struct host *h = NULL;
	enum err err = store_local_open(io, &counting, &local, &cell.store, &fault);
	if (err == ERR_OK) err = coord_memory_open(coordination, io, "here", MS, &o.coord);
	if (err == ERR_OK) err = host_new(io, &o, &h, &fault);
	if (err != ERR_OK) {
		fprintf(stderr, "bench_cell: cannot start: %s: %s\n", err_text(err), fault.text);
		exit(1);
	}
	return h;
}

static void *loop_main(void *io) {
	io_run(io);
	return NULL;
}

static pthread_t loop_start(struct io *io, const char *name) {
	pthread_t thread;
	ASSERT(pthread_create(&thread, NULL, loop_main, io) == 0);
	pthread_setname_np(thread, name); /* for top(1) and perf(1) */
	return thread;
}

static void wait_home(struct host *h) {
	struct host_cell_state s = {0};
	while (!s.is_home) {
		usleep(1000);
		host_cell_state(h, 0, &s);
	}
}

static int compare(const void *a, const void *b) {
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

static double median(double *values) {
	qsort(values, ROUNDS, sizeof *values, compare);
	return values[ROUNDS / 2];
}

static uint64_t median_us(struct registry *registry, const char *name) {
	return histogram_quantile_us(metric_histogram(registry, name, "", "cell=\"bench\""), 0.5);
}

static void measure(const char *dir, double seconds, struct registry *registry) {
	double cell[ROUNDS], raw[ROUNDS], ratio[ROUNDS], batch_bytes = 0;
	double record_bytes = RECORD_HEADER_BYTES + 16 + 23 + VALUE_BYTES;
	run_cell(0.5, &batch_bytes); /* warm */
	for (int i = 0; i < ROUNDS; i++) {
		cell[i] = run_cell(seconds, &batch_bytes);
		raw[i] = run_raw(dir, seconds, batch_bytes, record_bytes);
		ratio[i] = cell[i] / raw[i];
		printf("round %d: cell %.0f records/s, bare loop %.0f, %.0f bytes a sync\n", i + 1,
		       cell[i], raw[i], batch_bytes);
		fflush(stdout);
	}
	printf("half of the batches were durable within %llu us, half of the writes answered "
	       "within "
	       "%llu us\n",
	       (unsigned long long)median_us(registry, "holdfast_cell_append_seconds"),
	       (unsigned long long)median_us(registry, "holdfast_cell_propose_seconds"));
	double c = median(cell), r = median(raw);
	printf("%.0f records/s of 128 B, %d outstanding, %.0f KiB a sync; bare loop %.0f\n", c,
	       producer.window, batch_bytes / 1024, r);
	printf("figure append_vs_raw_log %.2f\n", median(ratio));
}

int main(int argc, char **argv) {
	if (argc < 2) {
		fprintf(stderr, "usage: bench_cell DIR [WINDOW [SECONDS [KEYS]]]\n");
		return 2;
	}
	log_set_level(LOG_WARN);
	mkdir(argv[1], 0700);
	struct io *owner = io_uv_new();
	struct coord_memory *coordination = coord_memory_new();
	struct registry *registry = registry_new();
	struct host *host = open_host(owner, argv[1], coordination, registry);
	struct io *other = argc > 5 && strtol(argv[5], NULL, 10) == 2 ? io_uv_new() : NULL;
	pthread_t owner_thread = loop_start(owner, "owner");
	pthread_t other_thread = other ? loop_start(other, "producer") : owner_thread;
	wait_home(host);
	producer.host = host;
	producer.io = other ? other : owner;
	sem_init(&producer.ended, 0, 0);
	producer.start.fn = on_start;
	producer.window = argc > 2 ? (int)strtol(argv[2], NULL, 10) : WINDOW_DEFAULT;
	ASSERT(producer.window > 0 && producer.window <= WINDOW_MAX);
	keys_make(argc > 4 ? strtoull(argv[4], NULL, 10) : KEYS_DEFAULT);
	producer.puts = calloc((size_t)producer.window, sizeof *producer.puts);
	measure(argv[1], argc > 3 ? strtod(argv[3], NULL) : 0.7, registry);
	if (producer.failed) printf("failed: %llu\n", (unsigned long long)producer.failed);
	if (other) {
		io_stop(other);
		pthread_join(other_thread, NULL);
	}
	io_stop(owner);
	pthread_join(owner_thread, NULL);
	host_free(host);
	io_free(owner);
	io_free(other);
	free(producer.puts);
	free(producer.keys);
	coord_memory_free(coordination);
	registry_free(registry);
	return producer.failed != 0;
}
