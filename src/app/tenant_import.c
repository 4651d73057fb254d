/* `holdfast tenant import`: sends a file to one region, waits while it is checked and made visible,
 * and says what came of it. */
#include "app/place.h"
#include "app/progress.h"
#include "app/tenant.h"
#include "io/files.h"

#include <stdio.h>
#include <stdlib.h>

enum { PIECE_BYTES = 1 << 20, PIPED_MAX = 256 << 20, POLL_MS = 50 };

struct import {
	struct target *target;
	const struct tenant_import_options *options;
	struct file *file; /* NULL: it came by a pipe */
	struct buf piped;
	uint64_t bytes;
	char id[32];
	bool csv;
};

static bool ends_with(const char *text, const char *end) {
	size_t n = strlen(text), m = strlen(end);
	return n >= m && strcmp(text + n - m, end) == 0;
}

/* False after a complaint. */
static bool format_of(struct import *im) {
	const char *format = im->options->format, *file = im->options->file;
	bool json = format ? strcmp(format, "json") == 0
	                   : ends_with(file, ".json") || ends_with(file, ".jsonl") ||
	                             ends_with(file, ".ndjson");
	im->csv = format ? strcmp(format, "csv") == 0 : ends_with(file, ".csv");
	if (im->csv || json) return true;
	complain("tenant import: %s: is it CSV or JSON lines? say --format csv or --format json",
	         format ? format : file);
	return false;
}

/* What comes by a pipe is kept first: its size must be known. */
static enum err read_pipe(struct import *im) {
	char chunk[65536];
	size_t n;
	enum err e = ERR_OK;
	while (!e && (n = fread(chunk, 1, sizeof(chunk), stdin)) > 0)
		e = buf_append(&im->piped, chunk, n);
	im->bytes = buf_slice(&im->piped).len;
	return e;
}

static bool open_file(struct import *im) {
	const char *path = im->options->file;
	const struct files_ops *ops = files_posix()->ops;
	bool piped = strcmp(path, "-") == 0;
	enum err e = piped ? read_pipe(im) : ops->open(files_posix(), path, FILE_READ, &im->file);
	if (!e && !piped) e = ops->size(im->file, &im->bytes);
	if (e) {
		complain("tenant import: %s: %s: give a file that can be read, or at most 256 MiB "
		         "by a pipe",
		         path, err_text(e));
		return false;
	}
	if (im->bytes) return true;
	complain("tenant import: %s: the file is empty: there is nothing to import", path);
	return false;
}

static size_t read_piece(struct import *im, uint64_t at, uint8_t *out) {
	size_t got = 0;
	if (im->file) {
		enum err e = files_posix()->ops->read(im->file, at, out, PIECE_BYTES, &got);
		return e ? 0 : got;
	}
	got = im->bytes - at < PIECE_BYTES ? (size_t)(im->bytes - at) : PIECE_BYTES;
	memcpy(out, buf_slice(&im->piped).ptr + at, got);
	return got;
}

/* All of it goes to the region that took the first. */
static bool send_it(struct import *im, const char *method, const char *path, struct slice body,
                    struct client_answer *a) {
	bool begins = strcmp(method, "POST") == 0;
	struct client_request r = {.method = method,
	                           .target = path,
	                           .body = body,
	                           .first = begins ? im->target->first : -1,
	                           .only_first = !begins,
	                           .repeatable = strcmp(method, "GET") == 0};
	struct fault fault = {0};
	if (client_send(im->target->client, &r, a, &fault) == ERR_OK) return true;
	complain("tenant import: %s", fault.text);
	client_answer_done(a);
	return false;
}

static bool begin(struct import *im) {
	char path[160];
	struct client_answer a;
	snprintf(path, sizeof(path), "/admin/v1/tenants-import?format=%s&keep_going=%d&bytes=%llu",
	         im->csv ? "csv" : "json", im->options->keep_going != NULL,
	         (unsigned long long)im->bytes);
	if (!send_it(im, "POST", path, slice_of(NULL, 0), &a)) return false;
	json_t *begun = a.status == 201 ? tenant_answer_json(&a) : NULL;
	const char *id = json_string_value(json_object_get(begun, "id"));
	if (id)
		snprintf(im->id, sizeof(im->id), "%s", id);
	else
		tenant_refused("import", &a);
	json_decref(begun);
	client_answer_done(&a);
	return *im->id != 0;
}

static bool send_pieces(struct import *im) {
	uint8_t *piece = malloc(PIECE_BYTES);
	struct progress bar;
	bool good = piece != NULL;
	progress_start(&bar, true, "sending", im->bytes);
	for (uint64_t at = 0; good && at < im->bytes;) {
		size_t n = read_piece(im, at, piece);
		char path[128];
		struct client_answer a;
		snprintf(path, sizeof(path), "/admin/v1/tenants-import/%s?offset=%llu", im->id,
		         (unsigned long long)at);
		good = n > 0 && send_it(im, "PUT", path, slice_of(piece, n), &a);
		if (n == 0)
			complain("tenant import: the file cannot be read to its end: import it "
			         "again");
		if (!good) break;
		good = a.status == 204;
		if (!good) tenant_refused("import", &a);
		client_answer_done(&a);
		at += n;
		progress_at(&bar, at);
	}
	progress_end(&bar);
	free(piece);
	return good;
}

static json_t *status_of(struct import *im) {
	char path[96];
	struct client_answer a;
	snprintf(path, sizeof(path), "/admin/v1/tenants-import/%s", im->id);
	if (!send_it(im, "GET", path, slice_of(NULL, 0), &a)) return NULL;
	json_t *status = a.status == 200 ? tenant_answer_json(&a) : NULL;
	if (!status) tenant_refused("import", &a);
	client_answer_done(&a);
	return status;
}

static const char *state_of(const json_t *status) {
	const char *state = json_string_value(json_object_get(status, "state"));
	return state ? state : "";
}

static uint64_t number(const json_t *o, const char *name) {
	return (uint64_t)json_integer_value(json_object_get(o, name));
}

/* Until it is done or has failed: a bar for each of the states between. */
static json_t *wait_for_it(struct import *im) {
	struct progress bar = {.shown = -1};
	char shown[32] = "";
	for (;;) {
		json_t *status = status_of(im);
		const char *state = state_of(status);
		bool ended = !status || strcmp(state, "done") == 0 || strcmp(state, "failed") == 0;
		if (ended || strcmp(state, shown) != 0) progress_end(&bar);
		if (ended) return status;
		if (strcmp(state, shown) != 0) {
			snprintf(shown, sizeof(shown), "%s", state);
			progress_start(&bar, true, shown, number(status, "total"));
		}
		progress_at(&bar, number(status, "done"));
		json_decref(status);
		place_wait_ms(POLL_MS);
	}
}

/* As compilers say it: what is wrong goes to standard error. */
static void print_errors(const struct import *im, const json_t *status) {
	json_t *errors = json_object_get(status, "errors"), *one;
	size_t i;
	json_array_foreach(errors, i, one) fprintf(stderr, "%s:%llu:%llu: %s\n", im->options->file,
	                                           (unsigned long long)number(one, "line"),
	                                           (unsigned long long)number(one, "column"),
	                                           json_string_value(json_object_get(one, "text")));
	uint64_t more = number(status, "rejected") - json_array_size(errors);
	if (more) fprintf(stderr, "… and %llu more\n", (unsigned long long)more);
}

static int report(const struct import *im, const json_t *status) {
	bool done = strcmp(state_of(status), "done") == 0;
	if (im->options->json) {
		json_dumpf(status, stdout, JSON_COMPACT);
		putchar('\n');
	} else {
		print_errors(im, status);
	}
	const char *error = json_string_value(json_object_get(status, "error"));
	if (!done) complain("tenant import: %s: %s", im->options->file, error ? error : "failed");
	if (done && !im->options->json)
		printf("imported: %llu new, %llu changed, %llu left out\n",
		       (unsigned long long)number(status, "created"),
		       (unsigned long long)number(status, "changed"),
		       (unsigned long long)number(status, "rejected"));
	return done ? EXIT_YES : EXIT_NO;
}

int tenant_import(struct target *t, const struct tenant_import_options *o) {
	struct import im = {.target = t, .options = o};
	int status = EXIT_NO;
	if (!format_of(&im)) return EXIT_USAGE;
	buf_init(&im.piped, PIPED_MAX);
	if (open_file(&im) && begin(&im) && send_pieces(&im)) {
		json_t *end = wait_for_it(&im);
		if (end) status = report(&im, end);
		json_decref(end);
	}
	files_posix()->ops->close(im.file);
	buf_done(&im.piped);
	return status;
}
