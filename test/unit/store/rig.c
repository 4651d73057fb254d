/* See rig.h. Touches the kernel directly: it makes and removes temporary directories. */
#include "rig.h"

#include <dirent.h>
#include <ftw.h>
#include <unistd.h>

#include "store/memory_view.h"

const char *const rig_names[RIG_KINDS] = {"local-uv", "local-sim", "memory-uv", "memory-sim"};

bool rig_is_local(const struct rig *g) {
	return g->kind == RIG_LOCAL_UV || g->kind == RIG_LOCAL_SIM;
}

bool rig_is_sim(const struct rig *g) {
	return g->kind == RIG_LOCAL_SIM || g->kind == RIG_MEMORY_SIM;
}

struct rig *rig_new(enum rig_kind kind, uint64_t seed) {
	struct rig *g = calloc(1, sizeof(*g));
	assert_non_null(g);
	g->kind = kind;
	if (rig_is_sim(g)) {
		const struct sim_options o = {
			.seed = seed, .job_delay_min_ns = 10000, .job_delay_max_ns = 500000};
		g->sim = sim_new(&o);
		g->io = sim_node(g->sim, "node");
		g->files = sim_disk(g->sim, "node");
	} else {
		g->io = io_uv_new();
		g->files = files_posix();
	}
	assert_non_null(g->io);
	if (!rig_is_local(g)) {
		g->memory = memory_disk_new(seed);
		return g;
	}
	const char *tmp = getenv("TMPDIR");
	/* Beside a simulated disk the view's real file has nothing to prove: no waiting for syncs. */
	if (rig_is_sim(g) && access("/dev/shm", W_OK) == 0) tmp = "/dev/shm";
	snprintf(g->dir, sizeof(g->dir), "%s/hf-store-XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(g->dir));
	snprintf(g->boot_id, sizeof(g->boot_id), "boot-0");
	g->options = (struct store_local_options){
		.dir = g->dir,
		.cell = "cell-1",
		.node = "node-1",
		.segment_bytes = 64 << 10,
		.min_free_bytes = 1 << 20,
		.map_bytes = 32 << 20,
		.boot_id = g->boot_id,
	};
	return g;
}

static int path_remove(const char *path, const struct stat *st, int type, struct FTW *ftw) {
	return remove(path);
}

void rig_free(struct rig *g) {
	rig_close(g);
	if (g->sim)
		sim_free(g->sim);
	else
		io_free(g->io);
	if (g->memory) memory_disk_free(g->memory);
	if (g->dir[0]) assert_int_equal(nftw(g->dir, path_remove, 16, FTW_DEPTH | FTW_PHYS), 0);
	free(g);
}

enum err rig_open(struct rig *g) {
	g->fault = (struct fault){0};
	if (rig_is_local(g))
		return store_local_open(g->io, g->files, &g->options, &g->store, &g->fault);
	return store_memory_open(g->io, g->memory, &g->store);
}

void rig_close(struct rig *g) {
	if (g->store) g->store->ops->close(g->store);
	g->store = NULL;
}

void rig_reopen(struct rig *g) {
	rig_close(g);
	enum err err = rig_open(g);
	if (err) print_error("%s\n", g->fault.text);
	CHECK(err);
}

void rig_crash(struct rig *g, bool power_loss) {
	assert_true(rig_is_sim(g));
	sim_crash(g->sim, "node", power_loss);
	if (g->store && rig_is_local(g))
		store_local_crash(g->store);
	else if (g->store)
		store_memory_crash(g->store);
	g->store = NULL;
	if (power_loss) snprintf(g->boot_id, sizeof(g->boot_id), "boot-%d", ++g->boots);
	g->io = sim_node(g->sim, "node");
	g->files = sim_disk(g->sim, "node");
}

/* --- waiting ------------------------------------------------------------------------------------ */

static int done_count;

static void op_done(struct store_op *op, enum err err) {
	struct rig_op *o = CONTAINER_OF(op, struct rig_op, op);
	assert_false(o->done);
	o->done = true;
	o->err = err;
	o->order = ++done_count;
	if (!o->rig->sim) io_stop(o->rig->io);
}

void rig_op_init(struct rig *g, struct rig_op *op) {
	*op = (struct rig_op){.op.done = op_done, .rig = g};
}

enum err rig_wait(struct rig *g, struct rig_op *op) {
	while (!op->done) {
		if (!g->sim)
			io_run(g->io);
		else
			assert_true(sim_step(g->sim));
	}
	return op->err;
}

static void timer_stop(void *arg) {
	io_stop(arg);
}

void rig_settle(struct rig *g, int turns) {
	if (g->sim) {
		for (int i = 0; i < turns * 100 && sim_step(g->sim); i++) continue;
		return;
	}
	struct io_timer *t = io_timer_new(g->io, timer_stop, g->io);
	for (int i = 0; i < turns; i++) {
		io_timer_start(t, 1000000);
		io_run(g->io);
	}
	io_timer_free(t);
}

#define SYNC(call)                                                                                 \
	struct rig_op o;                                                                           \
	rig_op_init(g, &o);                                                                        \
	g->store->ops->call;                                                                       \
	assert_false(o.done);                                                                      \
	return rig_wait(g, &o)

enum err rig_append_by(struct rig *g, uint64_t epoch, struct slice records) {
	SYNC(append(g->store, epoch, records, &o.op));
}
enum err rig_append(struct rig *g, struct slice records) {
	struct record r;
	bool whole = record_decode(records, &r) == ERR_OK;
	return rig_append_by(g, whole ? r.at.epoch : UINT64_MAX, records);
}
enum err rig_apply(struct rig *g, uint64_t seq) {
	SYNC(apply(g->store, seq, &o.op));
}
enum err rig_promise(struct rig *g, uint64_t epoch) {
	SYNC(promise(g->store, epoch, &o.op));
}
enum err rig_quarantine(struct rig *g, const struct position *keep) {
	SYNC(quarantine(g->store, keep, "a test of divergence", &o.op));
}
enum err rig_truncate(struct rig *g, const struct position *to) {
	SYNC(truncate(g->store, to, &o.op));
}
enum err rig_import_begin(struct rig *g, const struct position *at) {
	SYNC(import_begin(g->store, at, &o.op));
}
enum err rig_import_chunk(struct rig *g, struct slice chunk) {
	SYNC(import_chunk(g->store, chunk, &o.op));
}
enum err rig_import_commit(struct rig *g, const struct epoch_start *epochs, int count) {
	SYNC(import_commit(g->store, epochs, count, &o.op));
}

struct store_info rig_info(struct rig *g) {
	struct store_info info;
	g->store->ops->info(g->store, &info);
	return info;
}

bool rig_last_is(struct rig *g, const struct position *at) {
	struct store_info info = rig_info(g);
	return position_eq(&info.last, at);
}

/* --- reading ------------------------------------------------------------------------------------ */

static void got(void *arg, enum err err, const struct entry *e, const struct position *at) {
	struct rig_got *out = arg;
	out->err = err;
	out->at = *at;
	out->epoch = e->epoch;
	out->seq = e->seq;
	out->expires_ms = e->expires_ms;
	if (!err) CHECK(buf_append_slice(&out->value, e->value));
}

enum err rig_get(struct rig *g, const char *key, struct rig_got *out) {
	struct rig_got own;
	struct store_reader *r = g->store->ops->reader_new(g->store);
	assert_non_null(r);
	if (!out) out = &own;
	*out = (struct rig_got){.err = ERR_INTERNAL};
	buf_init(&out->value, VALUE_MAX_BYTES);
	g->store->ops->get(r, slice_str(key), got, out);
	g->store->ops->reader_free(r);
	if (out == &own) buf_done(&own.value);
	return out->err;
}

static void dump_line(struct buf *out, struct slice key, const struct entry *e) {
	/* Long values by length: dumps are compared, not read. */
	CHECK(buf_printf(out, SLICE_FMT "=", SLICE_ARG(key)));
	if (e->value.len < 64)
		CHECK(buf_append_slice(out, e->value));
	else
		CHECK(buf_printf(out, "(%zu bytes)", e->value.len));
	CHECK(buf_printf(out, "@%d/%d!%d\n", (int)e->epoch, (int)e->seq, (int)e->expires_ms));
}

static bool dump_each(void *arg, struct slice key, const struct entry *e) {
	dump_line(arg, key, e);
	return true;
}

void rig_dump(struct rig *g, struct buf *out) {
	struct position at;
	struct store_reader *r = g->store->ops->reader_new(g->store);
	const struct store_scan scan = {.each = dump_each, .arg = out};
	CHECK(g->store->ops->scan(r, &scan, &at));
	g->store->ops->reader_free(r);
}

enum err rig_export(struct rig *g, size_t chunk_bytes, struct position *at, struct buf *out) {
	void *x;
	enum err err = g->store->ops->export_begin(g->store, at, &x);
	if (err) return err;
	while (!(err = g->store->ops->export_next(x, chunk_bytes, out))) continue;
	g->store->ops->export_end(x);
	return err == ERR_NOT_FOUND ? ERR_OK : err;
}

/* --- history ------------------------------------------------------------------------------------- */

void history_init(struct history *h) {
	memset(h, 0, sizeof(*h));
	buf_init(&h->bytes, 256 << 20);
}

void history_done(struct history *h) {
	buf_done(&h->bytes);
}

void history_cut(struct history *h, uint64_t seq) {
	assert_true(seq <= (uint64_t)h->count);
	if (seq < (uint64_t)h->count) buf_truncate(&h->bytes, h->offsets[seq]);
	h->count = (int)seq;
}

static void history_record(struct history *h, uint64_t epoch, enum record_kind kind,
                           const struct op *ops, int count) {
	struct position at = h->at[h->count];
	h->offsets[h->count] = h->bytes.len;
	CHECK(record_encode(&h->bytes, &at, epoch, 1700000000000 + at.seq, kind, ops, count, NULL,
	                    0));
	h->at[++h->count] = at;
}

void history_ops(struct history *h, uint64_t epoch, const struct op *ops, int count) {
	history_record(h, epoch, RECORD_DATA, ops, count);
}

void history_epoch(struct history *h, uint64_t epoch) {
	history_record(h, epoch, RECORD_EPOCH_START, NULL, 0);
}

void history_put(struct history *h, uint64_t epoch, const char *key, const char *value) {
	const struct op op = {.type = OP_PUT, .key = slice_str(key), .value = slice_str(value)};
	history_ops(h, epoch, &op, 1);
}

void history_put_sized(struct history *h, uint64_t epoch, const char *key, size_t bytes) {
	uint8_t *value = malloc(bytes);
	memset(value, 'a' + h->count % 26, bytes);
	const struct op op = {
		.type = OP_PUT, .key = slice_str(key), .value = slice_of(value, bytes)};
	history_ops(h, epoch, &op, 1);
	free(value);
}

struct slice history_slice(const struct history *h, uint64_t first_seq, uint64_t last_seq) {
	struct slice all = buf_slice(&h->bytes);
	size_t from = h->offsets[first_seq - 1];
	size_t to = last_seq < (uint64_t)h->count ? h->offsets[last_seq] : all.len;
	return slice_of(all.ptr + from, to - from);
}

uint64_t history_dump(const struct history *h, uint64_t seq, struct buf *out) {
	struct memory_view v = {0};
	for (uint64_t i = 1; i <= seq; i++) {
		struct record r;
		CHECK(record_decode(history_slice(h, i, i), &r));
		CHECK(memory_view_apply(&v, &r));
	}
	for (size_t i = 0; i < v.count; i++) {
		struct entry e;
		CHECK(memory_view_get(&v, v.entries[i]->key, &e));
		dump_line(out, v.entries[i]->key, &e);
	}
	uint64_t hash = v.state_hash;
	memory_view_done(&v);
	return hash;
}
