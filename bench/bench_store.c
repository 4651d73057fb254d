/* What the local store adds to writing the same batches to a preallocated file with one
 * fdatasync each: encode, append, done, apply, done, several batches in flight. Both take
 * turns, so that the disk's moods hit both. Prints `figure NAME VALUE`.
 *
 *   bench_store [DIR] [ROUNDS] [SECONDS]
 */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "store/local.h"

enum { BATCH = 64, VALUE_BYTES = 128, FLIGHT = 8, KEYS = 100000, RAW_BYTES = 16 << 20 };

struct batch {
	struct store_op append, apply;
	struct bench *bench;
	struct buf records;
	uint64_t last_seq;
};
struct bench {
	struct io *io;
	struct store *store;
	struct position at;
	struct batch batches[FLIGHT];
	uint64_t random, deadline_ns, done_records;
	int in_flight;
};

static void need(enum err err, const char *what) {
	if (!err) return;
	fprintf(stderr, "bench_store: %s: %s\n", what, err_text(err));
	exit(1);
}

static void batch_encode(struct bench *b, struct buf *out) {
	uint8_t value[VALUE_BYTES];
	char key[32];
	buf_reset(out);
	for (int i = 0; i < BATCH; i++) {
		b->random = b->random * 6364136223846793005u + 1442695040888963407u;
		for (size_t j = 0; j < sizeof(value); j += 8) memcpy(value + j, &b->random, 8);
		int len = snprintf(key, sizeof(key), "acme%cdata%ckey-%06d", 0, 0,
		                   (int)(b->random >> 33) % KEYS);
		const struct op op = {OP_PUT, slice_of(key, (size_t)len),
		                      slice_of(value, sizeof(value)), 0};
		need(record_encode(out, &b->at, 1, 1700000000000, RECORD_DATA, &op, 1, NULL, 0),
		     "encode");
	}
}

static void batch_submit(struct batch *t) {
	struct bench *b = t->bench;
	if (io_now_ns(b->io) > b->deadline_ns) {
		if (--b->in_flight == 0) io_stop(b->io);
		return;
	}
	batch_encode(b, &t->records);
	t->last_seq = b->at.seq;
	b->store->ops->append(b->store, 1, buf_slice(&t->records), &t->append);
}

static void on_append(struct store_op *op, enum err err) {
	struct batch *t = CONTAINER_OF(op, struct batch, append);
	need(err, "append");
	t->bench->store->ops->apply(t->bench->store, t->last_seq, &t->apply);
}

static void on_apply(struct store_op *op, enum err err) {
	struct batch *t = CONTAINER_OF(op, struct batch, apply);
	need(err, "apply");
	t->bench->store->ops->release(t->bench->store, t->last_seq);
	t->bench->done_records += BATCH;
	batch_submit(t);
}

static double store_round(struct bench *b, uint64_t ns) {
	uint64_t start = io_now_ns(b->io);
	b->deadline_ns = start + ns;
	b->done_records = 0;
	b->in_flight = FLIGHT;
	for (int i = 0; i < FLIGHT; i++) batch_submit(&b->batches[i]);
	io_run(b->io);
	return (double)b->done_records * 1e9 / (double)(io_now_ns(b->io) - start);
}

/* One thread, one file of zeroed blocks, one batch a sync: nothing can be less. */
static double raw_round(struct bench *b, const char *dir, uint64_t ns) {
	struct files *fs = files_posix();
	struct file *f;
	struct buf batch;
	struct position at = b->at;
	char path[1024];
	static const uint8_t zeros[1 << 20];
	snprintf(path, sizeof(path), "%s/raw", dir);
	buf_init(&batch, 1 << 20);
	batch_encode(b, &batch);
	b->at = at;
	need(fs->ops->open(fs, path, FILE_READ | FILE_WRITE | FILE_CREATE, &f), "raw file");
	need(fs->ops->reserve(f, RAW_BYTES), "raw file");
	for (uint64_t i = 0; i < RAW_BYTES; i += sizeof(zeros))
		need(fs->ops->write(f, i, zeros, sizeof(zeros)), "raw file");
	need(fs->ops->sync(f), "raw file");
	uint64_t start = io_now_ns(b->io), now = start, offset = 0, records = 0;
	while ((now = io_now_ns(b->io)) < start + ns) {
		if (offset + batch.len > RAW_BYTES) offset = 0;
		need(fs->ops->write(f, offset, buf_slice(&batch).ptr, batch.len), "raw write");
		need(fs->ops->sync(f), "raw sync");
		offset += batch.len;
		records += BATCH;
	}
	fs->ops->close(f);
	buf_done(&batch);
	return (double)records * 1e9 / (double)(now - start);
}

static int path_remove(const char *path, const struct stat *st, int type, struct FTW *ftw) {
	return remove(path);
}

static int by_value(const void *a, const void *b) {
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

static double median(double *v, int n) {
	qsort(v, (size_t)n, sizeof(*v), by_value);
	return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

int main(int argc, char **argv) {
	enum { ROUNDS_MAX = 100 };
	char dir[512];
	double raw[ROUNDS_MAX], ours[ROUNDS_MAX], ratio[ROUNDS_MAX];
	struct bench b = {.io = io_uv_new(), .random = 1};
	struct fault fault;
	int rounds = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 5;
	uint64_t ns = (uint64_t)((argc > 3 ? strtod(argv[3], NULL) : 1.0) * 1e9);
	if (rounds < 1 || rounds > ROUNDS_MAX) rounds = 5;
	snprintf(dir, sizeof(dir), "%s/bench-store-XXXXXX", argc > 1 ? argv[1] : "/tmp");
	if (!b.io || !mkdtemp(dir)) need(ERR_IO, dir);
	log_set_level(LOG_WARN);
	const struct store_local_options options = {.dir = dir, .cell = "bench", .node = "bench"};
	if (store_local_open(b.io, files_posix(), &options, &b.store, &fault)) {
		fprintf(stderr, "bench_store: %s\n", fault.text);
		return 1;
	}
	for (int i = 0; i < FLIGHT; i++) {
		b.batches[i] = (struct batch){{on_append, {0}}, {on_apply, {0}}, &b, {0}, 0};
		buf_init(&b.batches[i].records, 1 << 20);
	}
	store_round(&b, ns); /* the view fills, the log gets to its full segments */
	for (int i = 0; i < rounds; i++) {
		raw[i] = raw_round(&b, dir, ns);
		ours[i] = store_round(&b, ns);
		ratio[i] = ours[i] / raw[i];
		printf("round %d: raw %.0f, store %.0f records/s, ratio %.2f\n", i + 1, raw[i],
		       ours[i], ratio[i]);
	}
	printf("figure raw_log_records_per_s %.0f\n", median(raw, rounds));
	printf("figure store_records_per_s %.0f\n", median(ours, rounds));
	printf("figure store_vs_raw_log %.3f\n", median(ratio, rounds));
	b.store->ops->close(b.store);
	for (int i = 0; i < FLIGHT; i++) buf_done(&b.batches[i].records);
	io_free(b.io);
	if (nftw(dir, path_remove, 16, FTW_DEPTH | FTW_PHYS)) printf("left behind: %s\n", dir);
	return 0;
}
