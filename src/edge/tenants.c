/* Follows the log of tenants: takes what coordination says of its places, and applies what is next. */
#include "base/assert.h"
#include "base/bytes.h"
#include "base/log.h"
#include "base/parse.h"
#include "edge/tenants_import.h"
#include "edge/tenants_private.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { SCRATCH_MAX = 1 << 20 };
static const uint64_t TICK_NS = 200000000;

/* --- the log, in order -------------------------------------------------------------------------- */

/* Chunks first … newest of the head. False: an archive is not there yet, or older than the head. */
static bool gather(const struct tenants *t, struct tenant_chunk chunks[TENANT_ARCHIVES + 1]) {
	const struct tenant_head *h = &t->head;
	uint64_t expected = h->newest.before;
	chunks[h->newest.number - h->first] = h->newest;
	for (uint64_t n = h->newest.number; n-- > h->first;) {
		const struct tenants_place *p = &t->archives[n % TENANT_ARCHIVES];
		struct tenant_chunk *c = &chunks[n - h->first];
		if (tenant_chunk_decode(slice_of(p->value, p->len), c) != ERR_OK) return false;
		if (c->number != n || tenant_chunk_last(c) != expected) return false;
		expected = c->before;
	}
	return expected <= h->image_revision;
}

enum err tenants_walk(struct tenants *t, uint64_t from,
                      void (*fn)(struct tenants *t, struct slice change, uint64_t revision)) {
	struct tenant_chunk chunks[TENANT_ARCHIVES + 1];
	if (!gather(t, chunks)) return ERR_UNAVAILABLE;
	for (uint64_t i = 0; i <= t->head.newest.number - t->head.first; i++) {
		struct tenant_chunk *c = &chunks[i];
		struct slice change;
		while (tenant_chunk_next(c, &change))
			if (c->before > from) fn(t, change, c->before);
	}
	return ERR_OK;
}

/* A row that this policy does not allow is not served; the log keeps it for one that does. */
static void apply(struct tenants *t, struct slice change, uint64_t revision) {
	struct tenant_row row;
	struct fault f = {0};
	enum err e = tenant_change_decode(change, t->options.policy, &row, &f);
	if (!e) e = directory_put(t->directory, &row, revision, &f);
	if (e)
		LOG(LOG_ERROR, "tenants", "a change of a tenant cannot be served here",
		    {"why", f.text}, LOG_NUM("revision", revision));
	t->applied = revision;
}

static bool has_image(const struct tenants *t) {
	return t->head.image_bytes == 0 ||
	       memcmp(t->head.image, t->current.hash, SHA256_BYTES) == 0;
}

void tenants_advance(struct tenants *t) {
	bool complete = false;
	if (t->head_known && !t->head_bad) {
		if (!has_image(t))
			tenants_image_want(t);
		else
			complete = tenants_walk(t, t->applied, apply) == ERR_OK && t->heard;
	}
	atomic_store(&t->complete, complete);
	if (complete) tenants_change_next(t);
}

/* --- coordination ------------------------------------------------------------------------------- */

static void read_head(struct tenants *t) {
	const struct tenants_place *p = &t->head_place;
	t->head_known = true;
	t->head_bad = tenant_head_decode(slice_of(p->value, p->len), &t->head) != ERR_OK;
	if (t->head_bad)
		LOG(LOG_ERROR, "tenants",
		    "the log of tenants in coordination is damaged or of a newer version: tenants "
		    "stay as they are known here");
}

void tenants_saw(struct tenants *t, struct tenants_place *p, struct slice value,
                 uint64_t revision) {
	if (value.len > sizeof p->value) value.len = 0; /* no value of ours */
	if (revision < p->revision || (revision && revision == p->revision)) return;
	p->revision = revision;
	p->len = value.len;
	if (value.len) memmove(p->value, value.ptr, value.len);
	if (p == &t->head_place) read_head(t);
}

static void on_watched(void *arg, const char *key, struct slice value, uint64_t revision) {
	struct tenants *t = arg;
	struct slice rest = slice_str(key);
	uint64_t number;
	if (strcmp(key, TENANTS_HEAD_KEY) == 0) {
		t->heard = true;
		tenants_saw(t, &t->head_place, value, revision);
	} else if (slice_starts(rest, SLICE_LIT(TENANTS_ARCHIVE_KEY))) {
		size_t skip = sizeof(TENANTS_ARCHIVE_KEY) - 1;
		rest = slice_of(rest.ptr + skip, rest.len - skip);
		if (parse_u64(rest, TENANT_ARCHIVES - 1, &number) != ERR_OK) return;
		tenants_saw(t, &t->archives[number], value, revision);
	} else if (strcmp(key, TENANTS_NEXT_KEY) == 0) {
		tenants_next_saw(t, value, revision);
	} else if (slice_starts(rest, SLICE_LIT(TENANTS_HAS_KEY))) {
		size_t skip = sizeof(TENANTS_HAS_KEY) - 1;
		tenants_has_saw(t, slice_of(rest.ptr + skip, rest.len - skip), value, revision);
		return;
	}
	tenants_advance(t);
}

static void on_read(struct coord_op *op, enum err err) {
	struct tenants *t = CONTAINER_OF(op, struct tenants, read_op);
	t->refreshing = false;
	if (err == ERR_OK) t->heard = true;
	if (err == ERR_OK) tenants_saw(t, &t->head_place, op->value, op->revision);
	tenants_advance(t); /* after an error: the tick asks again */
}

void tenants_refresh(struct tenants *t) {
	if (t->refreshing) return;
	t->refreshing = true;
	t->read_op = (struct coord_op){.done = on_read};
	t->options.coord->ops->read(t->options.coord, TENANTS_HEAD_KEY, &t->read_op);
}

static void on_tick(void *arg) {
	struct tenants *t = arg;
	if (!t->heard) tenants_refresh(t);
	tenants_keep_tick(t);
	tenants_image_tick(t);
	tenants_build_tick(t);
	tenants_change_tick(t);
	io_timer_start(t->timer, TICK_NS);
}

/* --- life ---------------------------------------------------------------------------------------- */

static enum err write_none(void *arg, uint64_t offset, struct slice bytes) {
	struct buf *b = arg;
	uint8_t *room;
	size_t end = (size_t)offset + bytes.len, have = buf_slice(b).len;
	if (end > have) {
		enum err e = buf_reserve(b, end - have, &room);
		if (e) return e;
		memset(room, 0, end - have);
		buf_commit(b, end - have);
	}
	if (bytes.len)
		memcpy((uint8_t *)(uintptr_t)buf_slice(b).ptr + offset, bytes.ptr, bytes.len);
	return ERR_OK;
}

static enum err read_none(void *arg, uint64_t offset, void *out, size_t len) {
	struct slice have = buf_slice(arg);
	if (offset > have.len || len > have.len - offset) return ERR_IO;
	memcpy(out, have.ptr + offset, len);
	return ERR_OK;
}

/* The directory begins with an image of nobody. */
static enum err open_none(struct tenants *t, struct fault *f) {
	struct tenant_sink sink = {write_none, read_none, &t->none};
	struct tenant_builder *b = NULL;
	uint64_t seed[2];
	io_random(t->io, seed, sizeof seed);
	enum err e = tenant_builder_new(t->options.policy, seed, 0, &sink, &b);
	if (!e) e = tenant_builder_finish(b, NULL, f);
	tenant_builder_free(b);
	if (!e) e = tenant_image_open(buf_slice(&t->none), t->options.policy, &t->current.image, f);
	if (!e) e = directory_new(t->current.image, &t->directory);
	return e ? fault_set(f, e, "no memory for the directory of tenants") : ERR_OK;
}

enum err tenants_new(struct io *io, const struct tenants_options *options, struct tenants **out,
                     struct fault *f) {
	struct tenants *t = *out = calloc(1, sizeof *t);
	if (!t) return fault_set(f, ERR_NO_MEMORY, "no memory for the tenants");
	t->io = io;
	t->options = *options;
	list_init(&t->queue);
	buf_init(&t->none, 1 << 20);
	buf_init(&t->fetch.piece, TENANTS_PIECE_BYTES);
	arena_init(&t->scratch, SCRATCH_MAX);
	t->reader = tenant_reader_new(TENANT_JSON_LINES, options->policy, "tenant");
	t->timer = io_timer_new(io, on_tick, t);
	t->client = http_client_new(io, &(struct http_client_options){.connections_per_host = 2});
	t->lane = io_lane_new(io, "hf-tenants");
	if (!t->reader || !t->timer || !t->client || !t->lane)
		return fault_set(f, ERR_NO_MEMORY, "no memory for the tenants");
	enum err e = options->files->ops->mkdir(options->files, options->dir);
	if (e) return fault_set(f, e, "%s: %s", options->dir, err_text(e));
	e = open_none(t, f);
	if (e) return e;
	tenants_keep_load(t);
	tenants_advance(t);
	e = options->coord->ops->watch(options->coord, "tenants/", on_watched, t);
	if (e) return fault_set(f, e, "cannot watch the tenants: %s", err_text(e));
	on_tick(t);
	return ERR_OK;
}

void tenants_free(struct tenants *t) {
	if (!t) return;
	io_lane_free(t->lane);
	tenants_import_end(t);
	http_client_free(t->client);
	io_timer_free(t->timer);
	tenant_reader_free(t->reader);
	struct tenant_image *image = directory_free(t->directory);
	if (image) tenants_image_close(t, &t->current);
	buf_done(&t->none);
	buf_done(&t->fetch.piece);
	buf_done(&t->keep.bytes);
	arena_done(&t->scratch);
	free(t);
}

struct tenancy tenants_tenancy(const struct tenants *t) {
	return (struct tenancy){t->directory, &t->complete};
}

struct tenants_facts tenants_facts(const struct tenants *t) {
	const struct directory_snapshot *s = directory_read_begin(t->directory);
	struct directory_facts d = directory_facts(s);
	directory_read_end(t->directory);
	struct tenants_facts out = {.revision = t->applied,
	                            .count = d.image.tenant_count + d.pending,
	                            .complete = atomic_load(&t->complete)};
	if (t->current.bytes.len) hex_encode(slice_of(t->current.hash, 8), out.image);
	return out;
}
