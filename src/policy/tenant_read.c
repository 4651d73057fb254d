/* The front of both readers: bounds on a record, skipping what was given up, positions. Knows
 * neither format. */
#include "policy/tenant_read.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "policy/tenant_read_private.h"

struct tenant_reader *tenant_reader_new(enum tenant_format format, const struct policy *policy,
                                        const char *file) {
	struct tenant_reader *r = calloc(1, sizeof *r);
	if (!r) return NULL;
	r->format = format;
	r->policy = policy;
	r->file = file;
	r->line = 1;
	return r;
}

void tenant_reader_free(struct tenant_reader *r) {
	if (!r) return;
	json_decref(r->json);
	free(r);
}

enum err read_error(const struct tenant_reader *r, struct policy_error *error, enum err code,
                    struct place place, const char *format, ...) {
	*error = (struct policy_error){
		.file = r->file, .line = (int)place.line, .column = (int)place.column};
	va_list args;
	va_start(args, format);
	vsnprintf(error->text, sizeof error->text, format, args);
	va_end(args);
	return code;
}

struct place place_after(struct place from, struct slice text) {
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.ptr[i];
		if (c == '\n')
			from = (struct place){from.line + 1, 1};
		else if ((c & 0xc0) != 0x80)
			from.column++;
	}
	return from;
}

/* Up to and with the next end of a line, or all there is. */
static size_t skip_line(struct tenant_reader *r, struct slice in) {
	const uint8_t *end = in.len ? memchr(in.ptr, '\n', in.len) : NULL;
	r->skipping = !end;
	return end ? (size_t)(end - in.ptr) + 1 : in.len;
}

/* Spreadsheets write it in front; RFC 3629 section 6 lets a reader drop it there. */
static size_t skip_mark(struct tenant_reader *r, struct slice in) {
	size_t mark = slice_starts(in, SLICE_LIT("\xef\xbb\xbf")) ? 3 : 0;
	r->started = in.len > 0;
	return mark;
}

uint32_t tenant_reader_line(const struct tenant_reader *r) {
	return r->line;
}

static enum err next_record(struct tenant_reader *r, struct slice in, bool at_end, size_t *used,
                            struct tenant_row *row, struct policy_error *error) {
	enum err e = r->format == TENANT_CSV ? csv_next(r, in, at_end, used, row, error)
	                                     : json_line_next(r, in, at_end, used, row, error);
	if (!e && *used == 0 && in.len >= TENANT_RECORD_BYTES_MAX)
		e = read_error(r, error, ERR_INVALID, (struct place){r->line, 1},
		               "the record does not end within %d bytes; expected a shorter one",
		               TENANT_RECORD_BYTES_MAX);
	if (e == ERR_INVALID && *used == 0) *used = skip_line(r, in);
	r->failed = e == ERR_FORMAT;
	r->line = place_after((struct place){r->line, 1}, slice_of(in.ptr, *used)).line;
	return e;
}

enum err tenant_reader_next(struct tenant_reader *r, struct slice in, bool at_end, size_t *used,
                            struct tenant_row *row, struct policy_error *error) {
	enum { MARK_BYTES = 3 };
	ASSERT(!r->failed);
	*used = 0;
	tenant_row_init(row);
	if (!r->started && !at_end && in.len < MARK_BYTES) return ERR_OK;
	size_t before = r->started ? 0 : skip_mark(r, in);
	*used = before;
	if (r->skipping) {
		before += skip_line(r, slice_of(in.ptr + before, in.len - before));
		if (!r->skipping) r->line++;
		*used = before;
	}
	if (before == in.len) return ERR_OK;
	struct slice rest = slice_of(in.ptr + before, in.len - before);
	if (rest.len > TENANT_RECORD_BYTES_MAX) {
		rest.len = TENANT_RECORD_BYTES_MAX;
		at_end = false;
	}
	size_t more = 0;
	enum err e = next_record(r, rest, at_end, &more, row, error);
	*used += more;
	if (e) row->name = slice_of(NULL, 0);
	return e;
}
