/* Makes a new image of all tenants and publishes it: by an import, or because the log is full.
 *
 * The image is of one moment; changes that come while it is made stay in the log after it. So it may
 * be published over them, unless they are about the very tenants or keys that were imported. */
#include "base/assert.h"
#include "base/bytes.h"
#include "base/log.h"
#include "edge/tenants_private.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint64_t SPREAD_NS = 20000000000, SPREAD_NS_PER_BYTE = 100; /* 10 MB/s */
enum { ROWS_AT_ONCE = 1000, SET_FIRST = 1 << 12 };

/* --- sets ------------------------------------------------------------------------------------------ */

static uint64_t *slot_of(const struct hash_set *s, uint64_t hash) {
	size_t at = hash & (s->cap - 1);
	while (s->slots[at] && s->slots[at] != hash) at = (at + 1) & (s->cap - 1);
	return &s->slots[at];
}

static uint64_t hash_of(const struct hash_set *s, struct slice text) {
	uint64_t hash = siphash13(s->seed, text.ptr, text.len);
	return hash ? hash : 1;
}

static enum err grow(struct hash_set *s) {
	struct hash_set larger = {.cap = s->cap ? 2 * s->cap : SET_FIRST};
	larger.slots = calloc(larger.cap, sizeof *larger.slots);
	if (!larger.slots) return ERR_NO_MEMORY;
	for (size_t i = 0; i < s->cap; i++)
		if (s->slots[i]) *slot_of(&larger, s->slots[i]) = s->slots[i];
	free(s->slots);
	s->slots = larger.slots;
	s->cap = larger.cap;
	return ERR_OK;
}

enum err hash_set_add(struct hash_set *s, struct slice text, bool *fresh) {
	if (2 * s->count >= s->cap && grow(s) != ERR_OK) return ERR_NO_MEMORY;
	uint64_t hash = hash_of(s, text), *slot = slot_of(s, hash);
	*fresh = *slot == 0;
	s->count += *fresh;
	*slot = hash;
	return ERR_OK;
}

bool hash_set_has(const struct hash_set *s, struct slice text) {
	return s->cap && *slot_of(s, hash_of(s, text)) != 0;
}

void hash_set_done(struct hash_set *s) {
	free(s->slots);
	s->slots = NULL;
	s->count = s->cap = 0;
}

/* --- on the lane ------------------------------------------------------------------------------------ */

struct output {
	struct files *files;
	struct file *file;
};

static enum err write_at(void *arg, uint64_t offset, struct slice bytes) {
	struct output *o = arg;
	return o->files->ops->write(o->file, offset, bytes.ptr, bytes.len);
}

static enum err read_at(void *arg, uint64_t offset, void *out, size_t len) {
	struct output *o = arg;
	size_t got = 0;
	enum err e = o->files->ops->read(o->file, offset, out, len, &got);
	return e ? e : got == len ? ERR_OK : ERR_IO;
}

/* Some rows of those there are; they may be newer than the moment, for the log brings them again. */
static enum err add_some(struct tenants_build *b, struct directory_cursor *at, uint64_t merges,
                         struct tenant_builder *to, bool *more, struct fault *f) {
	struct directory *d = b->tenants->directory;
	const struct directory_snapshot *s = directory_read_begin(d);
	enum err e = directory_facts(s).merges == merges
	                     ? ERR_OK
	                     : fault_set(f, ERR_CONFLICT,
	                                 "another image of the tenants came between; try again");
	struct tenant view;
	struct tenant_row row;
	for (int i = 0; !e && i < ROWS_AT_ONCE; i++) {
		*more = directory_next(s, at, &view);
		if (!*more) break;
		atomic_fetch_add(&b->step_done, 1);
		if (hash_set_has(&b->names, tenant_name(&view))) continue;
		tenant_to_row(&view, &row);
		e = tenant_builder_add(to, &row, f);
	}
	directory_read_end(d);
	return e;
}

static enum err add_all(struct tenants_build *b, struct tenant_builder *to, struct fault *f) {
	struct directory_cursor at = {0};
	const struct directory_snapshot *s = directory_read_begin(b->tenants->directory);
	struct directory_facts facts = directory_facts(s);
	directory_read_end(b->tenants->directory);
	bool more = true;
	enum err e = ERR_OK;
	atomic_store(&b->step_total, facts.image.tenant_count + facts.pending);
	atomic_store(&b->building, true);
	while (!e && more) e = add_some(b, &at, facts.merges, to, &more, f);
	return e;
}

static enum err build_file(struct tenants_build *b, struct output *o, struct fault *f) {
	struct tenants *t = b->tenants;
	struct tenant_sink sink = {write_at, read_at, o};
	struct tenant_builder *to = NULL;
	enum err e = tenant_builder_new(t->options.policy, b->seed,
	                                tenant_chunk_last(&b->then.newest), &sink, &to);
	if (!e && b->add) e = b->add(b, to, f);
	if (!e) e = add_all(b, to, f);
	if (!e) e = tenant_builder_finish(to, NULL, f);
	tenant_builder_free(to);
	if (!e) e = o->files->ops->sync(o->file);
	return e;
}

/* The file gets the name of its hash. */
static enum err name_file(struct tenants_build *b, const char *part, struct fault *f) {
	struct tenants *t = b->tenants;
	struct files *files = t->options.files;
	char path[TENANTS_PATH_MAX];
	enum err e = file_map(part, &b->image.bytes);
	if (e) return e;
	sha256(&b->image.bytes, 1, b->image.hash);
	tenants_image_path(t, b->image.hash, path);
	e = files->ops->rename(files, part, path);
	if (!e) e = files->ops->sync_dir(files, t->options.dir);
	if (!e) e = tenant_image_open(b->image.bytes, t->options.policy, &b->image.image, f);
	if (!e) b->count = tenant_image_facts(b->image.image).tenant_count;
	return e;
}

static void on_run(struct io_job *job) {
	struct tenants_build *b = CONTAINER_OF(job, struct tenants_build, job);
	struct output o = {.files = b->tenants->options.files};
	char part[TENANTS_PATH_MAX];
	snprintf(part, sizeof part, "%s/built.part", b->tenants->options.dir);
	directory_thread_enter();
	IGNORE(o.files->ops->unlink(o.files, part)); /* what an earlier one left; or nothing */
	b->err = o.files->ops->open(o.files, part, FILE_READ | FILE_WRITE | FILE_CREATE, &o.file);
	if (!b->err) {
		b->err = build_file(b, &o, &b->fault);
		o.files->ops->close(o.file);
	}
	if (!b->err) b->err = name_file(b, part, &b->fault);
	directory_thread_leave();
	if (b->err && !b->fault.code)
		fault_set(&b->fault, b->err, "the image cannot be written under %s: %s",
		          b->tenants->options.dir, err_text(b->err));
}

/* --- publishing -------------------------------------------------------------------------------------- */

static void end(struct tenants_build *b, enum err err) {
	struct tenants *t = b->tenants;
	b->err = err;
	t->build = NULL;
	tenants_image_close(t, &b->image); /* unless it is in use */
	hash_set_done(&b->names);
	hash_set_done(&b->keys);
	tenants_image_sweep(t);
	b->done(b);
	tenants_advance(t);
}

static void check_change(struct tenants *t, struct slice change, uint64_t revision) {
	struct tenants_build *b = t->build;
	struct tenant_row row;
	struct fault f = {0};
	if (b->err || tenant_change_decode(change, t->options.policy, &row, &f) != ERR_OK) return;
	bool clash = hash_set_has(&b->names, row.name);
	for (int i = 0; i < row.key_count; i++)
		clash |= hash_set_has(&b->keys, slice_of(row.keys[i], SHA256_BYTES));
	if (clash)
		b->err = fault_set(&b->fault, ERR_CONFLICT,
		                   "tenant " SLICE_FMT " was changed meanwhile by somebody else; "
		                   "import again",
		                   SLICE_ARG(row.name));
}

/* It is the head's, unless yet another came; that one is opened in its turn. */
static void use(struct tenants_build *b) {
	struct tenants *t = b->tenants;
	if (memcmp(t->head.image, b->image.hash, SHA256_BYTES) == 0) {
		tenants_image_use(t, &b->image);
		b->image = (struct tenants_image){0};
	}
	end(b, ERR_OK);
}

static void publish(struct tenants_build *b);

static void on_read(struct coord_op *op, enum err err) {
	struct tenants_build *b = CONTAINER_OF(op, struct tenants_build, op);
	struct tenants *t = b->tenants;
	if (!err) tenants_saw(t, &t->head_place, op->value, op->revision);
	if (!err && memcmp(t->head.image, b->image.hash, SHA256_BYTES) == 0 &&
	    t->head.image_bytes) {
		use(b); /* it had been put after all */
	} else if (!err && ++b->tries < TENANTS_TRIES) {
		tenants_advance(t);
		publish(b);
	} else {
		fault_set(&b->fault, ERR_OUTCOME_UNKNOWN,
		          "coordination does not answer: look whether the tenants are there");
		end(b, ERR_OUTCOME_UNKNOWN);
	}
}

static void on_put(struct coord_op *op, enum err err) {
	struct tenants_build *b = CONTAINER_OF(op, struct tenants_build, op);
	struct tenants *t = b->tenants;
	if (err) {
		b->op = (struct coord_op){.done = on_read};
		t->options.coord->ops->read(t->options.coord, TENANTS_HEAD_KEY, &b->op);
		return;
	}
	tenants_saw(t, &t->head_place, slice_of(b->value, b->value_len), op->revision);
	use(b);
}

static void publish(struct tenants_build *b) {
	struct tenants *t = b->tenants;
	bool same_base = t->head.image_bytes == b->then.image_bytes &&
	                 memcmp(t->head.image, b->then.image, SHA256_BYTES) == 0;
	if (!same_base)
		b->err = fault_set(&b->fault, ERR_CONFLICT,
		                   "another image of the tenants came between; try again");
	else if (tenants_walk(t, tenant_chunk_last(&b->then.newest), check_change) != ERR_OK)
		b->err = fault_set(&b->fault, ERR_UNAVAILABLE,
		                   "this region does not know all tenants; try again");
	if (b->err) {
		end(b, b->err);
		return;
	}
	struct tenant_head head =
		tenant_log_rebase(&t->head, &b->then, b->image.hash, b->image.bytes.len);
	b->value_len = tenant_head_encode(&head, b->value).len;
	b->op = (struct coord_op){.done = on_put};
	t->options.coord->ops->put(t->options.coord, TENANTS_HEAD_KEY, t->head_place.revision,
	                           slice_of(b->value, b->value_len), &b->op);
}

/* --- to another region first ------------------------------------------------------------------------- */

static void announce(struct tenants_build *b);

/* Once another region has it. */
static void spread_step(struct tenants_build *b) {
	if (!b->spreading || b->announcing || !b->spread) return;
	b->spreading = false;
	b->tries = 0;
	publish(b);
}

static void on_announced(struct coord_op *op, enum err err) {
	struct tenants_build *b = CONTAINER_OF(op, struct tenants_build, op);
	struct tenants *t = b->tenants;
	b->announcing = false;
	if (!err || err == ERR_CONFLICT) t->next.revision = op->revision;
	if (!err) {
		spread_step(b);
		return;
	}
	if (err == ERR_CONFLICT && ++b->tries < TENANTS_TRIES) {
		announce(b);
		return;
	}
	b->spreading = false;
	fault_set(&b->fault, ERR_UNAVAILABLE, "coordination does not answer; try again");
	end(b, ERR_UNAVAILABLE);
}

static void announce(struct tenants_build *b) {
	struct coord *coord = b->tenants->options.coord;
	b->value_len = tenants_next_encode(b->image.hash, b->image.bytes.len, b->value);
	b->op = (struct coord_op){.done = on_announced};
	b->announcing = true;
	coord->ops->put(coord, TENANTS_NEXT_KEY, b->tenants->next.revision,
	                slice_of(b->value, b->value_len), &b->op);
}

static void on_built(struct io_job *job) {
	struct tenants_build *b = CONTAINER_OF(job, struct tenants_build, job);
	struct tenants *t = b->tenants;
	if (b->err) {
		end(b, b->err);
		return;
	}
	if (t->options.config->region_count < 2) {
		publish(b);
		return;
	}
	b->spreading = true;
	b->until_ns = io_now_ns(t->io) + SPREAD_NS + b->image.bytes.len * SPREAD_NS_PER_BYTE;
	announce(b);
}

void tenants_build_spread(struct tenants *t, const uint8_t hash[SHA256_BYTES]) {
	struct tenants_build *b = t->build;
	if (!b || !b->spreading || memcmp(hash, b->image.hash, SHA256_BYTES) != 0) return;
	b->spread = true;
	spread_step(b);
}

void tenants_build_tick(struct tenants *t) {
	struct tenants_build *b = t->build;
	if (!b || !b->spreading || b->announcing || io_now_ns(t->io) < b->until_ns) return;
	b->spreading = false;
	fault_set(&b->fault, ERR_UNAVAILABLE,
	          "no other region took the image in time: it would be the only copy; try again "
	          "when another region is up");
	end(b, ERR_UNAVAILABLE);
}

/* --- beginning --------------------------------------------------------------------------------------- */

bool tenants_build_start(struct tenants *t, struct tenants_build *b) {
	if (t->build || !atomic_load(&t->complete)) return false;
	t->build = b;
	b->tenants = t;
	b->err = ERR_OK;
	b->tries = 0;
	b->then_place = t->head_place;
	/* It was decoded when it came. */
	ASSERT(tenant_head_decode(slice_of(b->then_place.value, b->then_place.len), &b->then) ==
	       ERR_OK);
	io_random(t->io, b->seed, sizeof b->seed);
	io_random(t->io, b->names.seed, sizeof b->names.seed);
	io_random(t->io, b->keys.seed, sizeof b->keys.seed);
	b->job.run = on_run;
	b->job.done = on_built;
	io_lane_submit(t->lane, &b->job);
	return true;
}

static void on_due_done(struct tenants_build *b) {
	if (b->err)
		LOG(LOG_WARN, "tenants", "the image of the tenants could not be made anew",
		    {"why", b->fault.text});
	else
		LOG(LOG_INFO, "tenants", "made the image of the tenants anew",
		    LOG_NUM("tenants", b->count));
	free(b);
}

void tenants_build_due(struct tenants *t) {
	struct tenants_build *b = t->build ? NULL : calloc(1, sizeof *b);
	if (!b) return;
	b->done = on_due_done;
	if (!tenants_build_start(t, b)) free(b);
}
