/* An import: receiving its file, checking its rows, adding them to the image that is built. */
#include "edge/tenants_import.h"
#include "base/parse.h"
#include "edge/tenants_private.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

struct rejected {
	int line, column;
	char text[300];
};
struct tenants_import {
	struct tenants *tenants;
	struct tenants_build build;
	uint64_t id, bytes, received, until_ns;
	enum tenant_format format;
	bool keep_going, started, ended;
	char path[TENANTS_PATH_MAX];

	/* a piece on its way to the disk */
	struct io_job job;
	struct buf piece;
	bool writing;
	enum err err;
	void (*done)(void *arg, enum err err);
	void *arg;

	/* the lane's; the loop reads the numbers at any time, the rest when it has ended */
	_Atomic uint64_t checked, rows, created, changed, rejected;
	struct rejected errors[TENANTS_IMPORT_ERRORS_MAX];
};

/* --- rows, on the lane -------------------------------------------------------------------------------- */

static void PRINTF_LIKE(4, 5)
	reject(struct tenants_import *im, int line, int column, const char *format, ...) {
	uint64_t n = atomic_fetch_add(&im->rejected, 1);
	if (n >= TENANTS_IMPORT_ERRORS_MAX) return;
	struct rejected *r = &im->errors[n];
	va_list args;
	r->line = line;
	r->column = column;
	va_start(args, format);
	vsnprintf(r->text, sizeof r->text, format, args);
	va_end(args);
}

/* What a row does not give stays as it is: a file without keys locks nobody out. */
static void keep_own(struct tenant_row *row, const struct tenant_row *now) {
	struct tenant_profile *p = &row->profile;
	bool silent = !p->preferred_count && !p->explicit_failover &&
	              p->maintenance.from == p->maintenance.to;
	if (row->key_count == 0) {
		row->key_count = now->key_count;
		memcpy(row->keys, now->keys, sizeof row->keys);
	}
	if (!silent) return;
	p->preferred_count = now->profile.preferred_count;
	memcpy(p->preferred, now->profile.preferred, sizeof p->preferred);
	p->explicit_failover = now->profile.explicit_failover;
	p->maintenance = now->profile.maintenance;
}

/* Nothing in the file stands twice. */
static enum err check_fresh(struct tenants_import *im, const struct tenant_row *row,
                            struct fault *f) {
	struct tenants_build *b = &im->build;
	bool fresh;
	for (int i = 0; i < row->key_count; i++) {
		struct slice key = slice_of(row->keys[i], SHA256_BYTES);
		if (hash_set_has(&b->keys, key))
			return fault_set(
				f, ERR_INVALID,
				"key %d stands in the file already; expected each key once", i + 1);
	}
	if (hash_set_has(&b->names, row->name))
		return fault_set(f, ERR_INVALID,
		                 "tenant '" SLICE_FMT "' stands in the file already; expected each "
		                 "tenant once",
		                 SLICE_ARG(row->name));
	enum err e = hash_set_add(&b->names, row->name, &fresh);
	for (int i = 0; !e && i < row->key_count; i++)
		e = hash_set_add(&b->keys, slice_of(row->keys[i], SHA256_BYTES), &fresh);
	return e;
}

static enum err add_row(struct tenants_import *im, struct tenant_row *row,
                        struct tenant_builder *to, struct fault *f) {
	struct tenants *t = im->tenants;
	struct tenant view;
	struct tenant_row now;
	if (policy_find_tenant(t->options.policy, row->name) >= 0)
		return fault_set(f, ERR_INVALID,
		                 "tenant '" SLICE_FMT "' stands in policy.yaml: change it there",
		                 SLICE_ARG(row->name));
	const struct directory_snapshot *s = directory_read_begin(t->directory);
	bool exists = directory_find(s, row->name, &view);
	if (exists) tenant_to_row(&view, &now);
	enum err e = tenants_check_row(t, exists ? &now : NULL, false, row, f);
	if (!e && exists) keep_own(row, &now);
	directory_read_end(t->directory);
	if (!e) e = check_fresh(im, row, f);
	if (!e) e = tenant_builder_add(to, row, f);
	if (!e) atomic_fetch_add(exists ? &im->changed : &im->created, 1);
	return e;
}

/* Of the row, not of the world: the next one may be right. */
static bool is_rejection(enum err e) {
	return e == ERR_INVALID || e == ERR_CONFLICT || e == ERR_EXISTS;
}

static enum err read_rows(struct tenants_import *im, struct tenant_reader *r, struct slice file,
                          struct tenant_builder *to, struct fault *f) {
	struct slice rest = file;
	size_t used = 1;
	while (rest.len && used) {
		struct tenant_row row;
		struct policy_error error;
		int line = (int)tenant_reader_line(r);
		enum err e = tenant_reader_next(r, rest, true, &used, &row, &error);
		if (e == ERR_INVALID || e == ERR_FORMAT)
			reject(im, error.line, error.column, "%s", error.text);
		if (e == ERR_FORMAT)
			return fault_set(f, ERR_INVALID, "line %d, column %d: %s", error.line,
			                 error.column, error.text);
		if (e && e != ERR_INVALID) return e;
		if (e || row.name.len) atomic_fetch_add(&im->rows, 1);
		if (!e && row.name.len) {
			struct fault why = {0};
			e = add_row(im, &row, to, &why);
			if (is_rejection(e))
				reject(im, line, 1, "%s", why.text);
			else if (e)
				return fault_set(f, e, "%s", *why.text ? why.text : err_text(e));
		}
		rest = slice_of(rest.ptr + used, rest.len - used);
		atomic_store(&im->checked, file.len - rest.len);
	}
	return ERR_OK;
}

static enum err judge(struct tenants_import *im, struct fault *f) {
	uint64_t rejected = atomic_load(&im->rejected), rows = atomic_load(&im->rows);
	if (rejected && !im->keep_going)
		return fault_set(f, ERR_INVALID,
		                 "%llu of %llu rows are wrong: nothing was imported; mend them, or "
		                 "leave them out with --keep-going",
		                 (unsigned long long)rejected, (unsigned long long)rows);
	if (rejected == rows)
		return fault_set(f, ERR_INVALID,
		                 rows ? "every row is wrong: nothing was imported"
		                      : "the file has no rows");
	return ERR_OK;
}

static enum err on_add(struct tenants_build *b, struct tenant_builder *to, struct fault *f) {
	struct tenants_import *im = CONTAINER_OF(b, struct tenants_import, build);
	struct tenants *t = im->tenants;
	struct slice file;
	enum err e = file_map(im->path, &file);
	if (e) return fault_set(f, e, "the file that was sent cannot be read: %s", err_text(e));
	struct tenant_reader *r = tenant_reader_new(im->format, t->options.policy, "import");
	e = r ? read_rows(im, r, file, to, f) : ERR_NO_MEMORY;
	tenant_reader_free(r);
	file_unmap(file);
	IGNORE(t->options.files->ops->unlink(t->options.files, im->path)); /* it only takes room */
	return e ? e : judge(im, f);
}

/* --- receiving ------------------------------------------------------------------------------------------ */

static void on_end(struct tenants_build *b) {
	struct tenants_import *im = CONTAINER_OF(b, struct tenants_import, build);
	im->ended = true;
}

static void on_piece_run(struct io_job *job) {
	struct tenants_import *im = CONTAINER_OF(job, struct tenants_import, job);
	struct files *files = im->tenants->options.files;
	struct slice piece = buf_slice(&im->piece);
	struct file *file;
	im->err = files->ops->open(files, im->path, FILE_WRITE | FILE_CREATE, &file);
	if (im->err) return;
	if (im->received == 0) im->err = files->ops->resize(file, 0);
	if (!im->err) im->err = files->ops->write(file, im->received, piece.ptr, piece.len);
	files->ops->close(file);
}

static void finish(struct tenants_import *im, enum err e, const char *why) {
	im->started = im->ended = true;
	im->build.err = fault_set(&im->build.fault, e, "%s", why);
}

static void on_piece_done(struct io_job *job) {
	struct tenants_import *im = CONTAINER_OF(job, struct tenants_import, job);
	struct tenants *t = im->tenants;
	im->writing = false;
	if (im->err) {
		finish(im, im->err, "a piece of the file cannot be kept: is the disk full?");
	} else {
		im->received += buf_slice(&im->piece).len;
		im->until_ns = io_now_ns(t->io) + TENANTS_IMPORT_IDLE_MS * 1000000ull;
	}
	if (!im->err && im->received == im->bytes) {
		im->started = true;
		im->build.add = on_add;
		im->build.done = on_end;
		if (!tenants_build_start(t, &im->build))
			finish(im, ERR_OVERLOADED,
			       "another image of the tenants is being made; import again");
	}
	im->done(im->arg, im->err);
}

static bool is_busy(const struct tenants_import *im) {
	if (!im || im->ended) return false;
	return im->started || im->writing || io_now_ns(im->tenants->io) < im->until_ns;
}

enum err tenants_import_begin(struct tenants *t, bool csv, bool keep_going, uint64_t bytes,
                              uint64_t *id, struct fault *f) {
	if (bytes == 0 || bytes > TENANTS_IMPORT_BYTES_MAX)
		return fault_set(f, bytes ? ERR_TOO_LARGE : ERR_INVALID,
		                 "a file to import has 1 byte to 4 GiB");
	if (is_busy(t->import))
		return fault_set(
			f, ERR_CONFLICT,
			"another import is under way in this region: wait for it, or import "
			"elsewhere");
	tenants_import_end(t);
	struct tenants_import *im = t->import = calloc(1, sizeof *im);
	if (!im) return fault_set(f, ERR_NO_MEMORY, "no memory for an import; try again later");
	im->tenants = t;
	im->bytes = bytes;
	im->keep_going = keep_going;
	im->format = csv ? TENANT_CSV : TENANT_JSON_LINES;
	im->until_ns = io_now_ns(t->io) + TENANTS_IMPORT_IDLE_MS * 1000000ull;
	buf_init(&im->piece, TENANTS_IMPORT_PIECE_BYTES);
	snprintf(im->path, sizeof im->path, "%s/imported.part", t->options.dir);
	io_random(t->io, &im->id, sizeof im->id);
	im->id = im->id >> 1 | 1;
	*id = im->id;
	return ERR_OK;
}

enum err tenants_import_piece(struct tenants *t, uint64_t id, uint64_t offset, struct slice bytes,
                              void (*done)(void *arg, enum err err), void *arg, struct fault *f) {
	struct tenants_import *im = t->import;
	if (!im || im->id != id)
		return fault_set(f, ERR_NOT_FOUND, "there is no such import: begin one");
	if (im->started) return fault_set(f, ERR_CONFLICT, "the whole file is here already");
	if (im->writing || offset != im->received)
		return fault_set(f, ERR_CONFLICT, "the next piece begins at byte %llu",
		                 (unsigned long long)im->received);
	if (bytes.len == 0 || bytes.len > im->bytes - im->received)
		return fault_set(f, ERR_INVALID, "the file has %llu bytes, as was said before",
		                 (unsigned long long)im->bytes);
	buf_reset(&im->piece);
	if (buf_append_slice(&im->piece, bytes) != ERR_OK)
		return fault_set(f, ERR_TOO_LARGE, "a piece has at most 1 MiB");
	im->writing = true;
	im->done = done;
	im->arg = arg;
	im->job.run = on_piece_run;
	im->job.done = on_piece_done;
	io_lane_submit(t->lane, &im->job);
	return ERR_OK;
}

/* --- telling ------------------------------------------------------------------------------------------------ */

static json_t *errors_of(const struct tenants_import *im) {
	uint64_t count = atomic_load(&im->rejected);
	json_t *list = json_array();
	for (uint64_t i = 0; i < count && i < TENANTS_IMPORT_ERRORS_MAX; i++) {
		const struct rejected *r = &im->errors[i];
		json_t *text = json_string(r->text);
		json_array_append_new(list, json_pack("{s:i,s:i,s:o}", "line", r->line, "column",
		                                      r->column, "text",
		                                      text ? text : json_string("(not UTF-8)")));
	}
	return list;
}

json_t *tenants_import_status(struct tenants *t, uint64_t id) {
	struct tenants_import *im = t->import;
	if (!im || im->id != id) return NULL;
	struct tenants_build *b = &im->build;
	bool building = atomic_load(&b->building);
	uint64_t done = building      ? atomic_load(&b->step_done)
	                : im->started ? atomic_load(&im->checked)
	                              : im->received;
	const char *state = !im->started ? "receiving"
	                    : im->ended  ? (b->err ? "failed" : "done")
	                    : building   ? "building"
	                                 : "checking";
	json_t *o =
		json_pack("{s:s,s:I,s:I,s:I,s:I,s:I,s:I}", "state", state, "done", (json_int_t)done,
	                  "total", (json_int_t)(building ? atomic_load(&b->step_total) : im->bytes),
	                  "rows", (json_int_t)atomic_load(&im->rows), "created",
	                  (json_int_t)atomic_load(&im->created), "changed",
	                  (json_int_t)atomic_load(&im->changed), "rejected",
	                  (json_int_t)atomic_load(&im->rejected));
	if (o && im->ended) {
		json_object_set_new(o, "errors", errors_of(im));
		if (b->err) json_object_set_new(o, "error", json_string(b->fault.text));
		if (b->err) json_object_set_new(o, "type", json_string(err_slug(b->err)));
	}
	return o;
}

void tenants_import_end(struct tenants *t) {
	if (!t->import) return;
	buf_done(&t->import->piece);
	free(t->import);
	t->import = NULL;
}
