/* Images of tenants as files: opening the one that the head names, fetching it from a region that has
 * it, and putting it in the place of the old one. Files are touched on the lane. */
#include "base/bytes.h"
#include "base/log.h"
#include "edge/tenants_private.h"
#include "io/http_field.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PROOF_BYTES = 24 };
static const uint64_t PIECE_TIMEOUT_NS = 5000000000;

void tenants_image_path(const struct tenants *t, const uint8_t hash[SHA256_BYTES],
                        char out[TENANTS_PATH_MAX]) {
	char hex[TENANTS_HEX_BYTES];
	hex_encode(slice_of(hash, SHA256_BYTES), hex);
	snprintf(out, TENANTS_PATH_MAX, "%s/%s.image", t->options.dir, hex);
}

void tenants_image_close(struct tenants *t, struct tenants_image *image) {
	tenant_image_close(image->image);
	file_unmap(image->bytes);
	*image = (struct tenants_image){0};
}

/* --- using -------------------------------------------------------------------------------------- */

/* Once more, so that it counts as later than the image. */
static void keep(struct tenants *t, struct slice change, uint64_t revision) {
	struct tenant_row row;
	struct fault f = {0};
	if (revision > t->applied) return; /* it comes in its turn */
	if (tenant_change_decode(change, t->options.policy, &row, &f) == ERR_OK)
		IGNORE(directory_put(t->directory, &row, t->applied,
		                     &f)); /* logged the first time */
}

static void sweep_one(void *arg, const char *name) {
	struct tenants *t = arg;
	struct files *files = t->options.files;
	char path[TENANTS_PATH_MAX];
	struct slice n = slice_str(name), end = SLICE_LIT(".image");
	if (n.len < end.len || !slice_eq(slice_of(n.ptr + n.len - end.len, end.len), end)) return;
	snprintf(path, sizeof path, "%s/%s", t->options.dir, name);
	for (int i = 0; i < 3; i++)
		if (strcmp(path, t->sweep.keep[i]) == 0) return;
	IGNORE(files->ops->unlink(files, path)); /* it only takes room */
}

static void on_sweep_run(struct io_job *job) {
	struct tenants_sweep *w = CONTAINER_OF(job, struct tenants_sweep, job);
	struct tenants *t = CONTAINER_OF(w, struct tenants, sweep);
	IGNORE(t->options.files->ops->list(t->options.files, t->options.dir, sweep_one, t));
}

static void on_sweep_done(struct io_job *job) {
	CONTAINER_OF(job, struct tenants_sweep, job)->running = false;
}

void tenants_image_sweep(struct tenants *t) {
	struct tenants_sweep *w = &t->sweep;
	if (w->running || t->build) return;
	w->running = true;
	tenants_image_path(t, t->current.hash, w->keep[0]);
	tenants_image_path(t, t->head.image, w->keep[1]);
	tenants_image_path(t, t->next.hash, w->keep[2]);
	w->job.run = on_sweep_run;
	w->job.done = on_sweep_done;
	io_lane_submit(t->lane, &w->job);
}

void tenants_image_use(struct tenants *t, struct tenants_image *fresh) {
	struct tenants_image old = t->current;
	struct tenant_image *replaced = NULL;
	struct directory_merge *merge = NULL;
	struct fault f = {0};
	uint64_t revision = t->head.image_revision;
	enum err e = directory_merge_new(t->directory, &merge);
	if (!e && t->applied > revision) e = tenants_walk(t, revision, keep);
	if (!e) e = directory_swap(t->directory, fresh->image, merge, &replaced, &f);
	directory_merge_free(merge);
	if (e) {
		LOG(LOG_ERROR, "tenants", "a new image of the tenants cannot be served",
		    {"why", *f.text ? f.text : err_text(e)});
		tenants_image_close(t, fresh);
		return;
	}
	t->current = *fresh;
	old.image = replaced;
	tenants_image_close(t, &old);
	if (t->applied < revision) t->applied = revision;
	LOG(LOG_INFO, "tenants", "serving a new image", LOG_NUM("revision", revision));
}

/* --- opening ------------------------------------------------------------------------------------ */

/* The sums of an image are enough: a file that was renamed to its hash had that hash. */
static void on_open_run(struct io_job *job) {
	struct tenants_opening *o = CONTAINER_OF(job, struct tenants_opening, job);
	struct tenants *t = CONTAINER_OF(o, struct tenants, opening);
	struct tenants_image *image = &o->image;
	o->err = file_map(o->path, &image->bytes);
	if (!o->err)
		o->err = tenant_image_open(image->bytes, t->options.policy, &image->image,
		                           &o->fault);
	if (!o->err) o->err = tenant_image_verify_sums(image->image, &o->fault);
}

static void on_open_done(struct io_job *job) {
	struct tenants_opening *o = CONTAINER_OF(job, struct tenants_opening, job);
	struct tenants *t = CONTAINER_OF(o, struct tenants, opening);
	o->running = false;
	bool wanted = memcmp(o->image.hash, t->head.image, SHA256_BYTES) == 0;
	if (!o->err && wanted) {
		tenants_image_use(t, &o->image);
		tenants_image_sweep(t);
		tenants_advance(t);
		return;
	}
	enum err e = o->err;
	tenants_image_close(t, &o->image);
	if (!wanted)
		tenants_advance(t);
	else if (e == ERR_NOT_FOUND || e == ERR_CORRUPT || e == ERR_FORMAT)
		tenants_fetch_start(t, t->head.image, t->head.image_bytes);
	else if (memcmp(t->unopened, t->head.image, SHA256_BYTES) != 0) {
		memcpy(t->unopened, t->head.image, SHA256_BYTES);
		LOG(LOG_ERROR, "tenants", "the image of the tenants cannot be opened",
		    {"path", o->path}, {"why", *o->fault.text ? o->fault.text : err_text(e)});
	}
}

void tenants_image_want(struct tenants *t) {
	struct tenants_opening *o = &t->opening;
	if (o->running || t->fetch.running) return;
	*o = (struct tenants_opening){.running = true};
	memcpy(o->image.hash, t->head.image, SHA256_BYTES);
	tenants_image_path(t, t->head.image, o->path);
	o->job.run = on_open_run;
	o->job.done = on_open_done;
	io_lane_submit(t->lane, &o->job);
}

/* --- fetching ------------------------------------------------------------------------------------ */

static void proof_make(struct slice secret, struct slice hex, char out[TENANTS_PROOF_BYTES]) {
	const struct slice parts[] = {SLICE_LIT("an image of tenants: "), hex};
	uint8_t mac[SHA256_BYTES];
	hmac_sha256(secret, parts, 2, mac);
	base64url_encode(slice_of(mac, PROOF_BYTES), out);
}

static void fetch_next(struct tenants *t);

/* The next region that is not this one; after all of them the tick begins anew. */
static void fetch_failed(struct tenants *t) {
	struct tenants_fetch *x = &t->fetch;
	const struct node_config *c = t->options.config;
	do x->region = (x->region + 1) % c->region_count;
	while (x->region == c->self && c->region_count > 1);
	if (++x->failures < c->region_count)
		fetch_next(t);
	else
		x->running = false;
}

static enum err hash_part(struct tenants_fetch *x, bool *same) {
	struct slice bytes;
	uint8_t digest[SHA256_BYTES];
	enum err e = file_map(x->part, &bytes);
	if (e) return e;
	sha256(&bytes, 1, digest);
	file_unmap(bytes);
	*same = memcmp(digest, x->hash, SHA256_BYTES) == 0;
	return ERR_OK;
}

/* A piece to the disk; after the last one the whole is checked and gets its name. */
static void on_piece_run(struct io_job *job) {
	struct tenants_fetch *x = CONTAINER_OF(job, struct tenants_fetch, job);
	struct tenants *t = CONTAINER_OF(x, struct tenants, fetch);
	struct files *files = t->options.files;
	struct slice piece = buf_slice(&x->piece);
	struct file *file;
	bool same = false;
	x->err = files->ops->open(files, x->part, FILE_WRITE | FILE_CREATE, &file);
	if (x->err) return;
	if (x->offset == 0) x->err = files->ops->resize(file, 0);
	if (!x->err) x->err = files->ops->write(file, x->offset, piece.ptr, piece.len);
	x->whole = x->offset + piece.len == x->bytes;
	if (!x->err && x->whole) x->err = files->ops->sync(file);
	files->ops->close(file);
	if (x->err || !x->whole) return;
	x->err = hash_part(x, &same);
	if (!x->err && !same) x->err = ERR_CORRUPT;
	if (!x->err) x->err = files->ops->rename(files, x->part, x->path);
	if (!x->err) x->err = files->ops->sync_dir(files, t->options.dir);
}

static void on_piece_done(struct io_job *job) {
	struct tenants_fetch *x = CONTAINER_OF(job, struct tenants_fetch, job);
	struct tenants *t = CONTAINER_OF(x, struct tenants, fetch);
	x->offset += buf_slice(&x->piece).len;
	if (x->err) {
		LOG(LOG_ERROR, "tenants", "an image of the tenants cannot be kept",
		    {"path", x->part}, {"why", err_text(x->err)});
		x->offset = 0;
		fetch_failed(t);
	} else if (x->whole) {
		x->running = false;
		tenants_next_have(t, x->hash);
		tenants_advance(t);
	} else if (memcmp(x->hash, t->head.image, SHA256_BYTES) != 0 &&
	           memcmp(x->hash, t->next.hash, SHA256_BYTES) != 0) {
		x->running = false; /* another one is wanted by now */
		tenants_advance(t);
	} else {
		fetch_next(t);
	}
}

static void on_piece(struct http_call *call, enum err err, const struct http1_head *head,
                     struct slice body) {
	struct tenants_fetch *x = CONTAINER_OF(call, struct tenants_fetch, call);
	struct tenants *t = CONTAINER_OF(x, struct tenants, fetch);
	if (err == ERR_CLOSED) return;
	bool good = !err && head->status == 200 && body.len > 0 &&
	            body.len <= TENANTS_PIECE_BYTES && body.len <= x->bytes - x->offset;
	buf_reset(&x->piece);
	if (!good || buf_append_slice(&x->piece, body) != ERR_OK) {
		fetch_failed(t);
		return;
	}
	x->failures = 0;
	x->job.run = on_piece_run;
	x->job.done = on_piece_done;
	io_lane_submit(t->lane, &x->job);
}

static void fetch_next(struct tenants *t) {
	struct tenants_fetch *x = &t->fetch;
	const struct node_address *at = &t->options.config->regions[x->region].admin;
	snprintf(x->target, sizeof x->target, "/admin/v1/tenants-image/%s?offset=%llu", x->hex,
	         (unsigned long long)x->offset);
	snprintf(x->host, sizeof x->host, "%s", at->host);
	x->field = (struct http_header){.name = SLICE_LIT("Holdfast-Proof"),
	                                .value = slice_str(x->proof)};
	x->call = (struct http_call){.host = x->host,
	                             .port = at->port,
	                             .method = SLICE_LIT("GET"),
	                             .target = slice_str(x->target),
	                             .fields = &x->field,
	                             .field_count = 1,
	                             .timeout_ns = PIECE_TIMEOUT_NS,
	                             .done = on_piece,
	                             .repeatable = true};
	http_call_start(t->client, &x->call);
}

void tenants_fetch_start(struct tenants *t, const uint8_t hash[SHA256_BYTES], uint64_t bytes) {
	struct tenants_fetch *x = &t->fetch;
	if (x->running || t->options.config->region_count < 2) return;
	x->running = true;
	x->failures = 0;
	x->offset = 0;
	x->bytes = bytes;
	memcpy(x->hash, hash, SHA256_BYTES);
	hex_encode(slice_of(x->hash, SHA256_BYTES), x->hex);
	proof_make(t->options.secret, slice_str(x->hex), x->proof);
	tenants_image_path(t, x->hash, x->path);
	snprintf(x->part, sizeof x->part, "%s/fetched.part", t->options.dir);
	if (x->region == t->options.config->self)
		x->region = (x->region + 1) % t->options.config->region_count;
	fetch_next(t);
}

void tenants_image_tick(struct tenants *t) {
	bool wanted = t->head_known && !t->head_bad && t->head.image_bytes &&
	              memcmp(t->head.image, t->current.hash, SHA256_BYTES) != 0;
	if (wanted) tenants_image_want(t);
	tenants_next_step(t);
}

/* --- giving it to others ------------------------------------------------------------------------- */

enum err tenants_piece(const struct tenants *t, struct slice hash, struct slice proof,
                       uint64_t offset, struct slice *out) {
	char known[TENANTS_PROOF_BYTES], hex[TENANTS_HEX_BYTES];
	proof_make(t->options.secret, hash, known);
	if (!slice_eq_secret(proof, slice_str(known))) return ERR_FORBIDDEN;
	const struct tenants_image *all[] = {&t->current, t->build ? &t->build->image : NULL};
	bool ready = t->build && t->build->spreading; /* before, it is the lane's */
	for (int i = 0; i < 1 + ready; i++) {
		struct slice bytes = all[i]->bytes;
		hex_encode(slice_of(all[i]->hash, SHA256_BYTES), hex);
		if (!slice_is(hash, hex) || offset >= bytes.len) continue;
		size_t left = bytes.len - (size_t)offset;
		*out = slice_of(bytes.ptr + offset,
		                left < TENANTS_PIECE_BYTES ? left : TENANTS_PIECE_BYTES);
		return ERR_OK;
	}
	return ERR_NOT_FOUND;
}
