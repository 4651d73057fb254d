/* The record of drills: a file of JSON lines, one a drill. */
#include "app/drill.h"
#include "io/files.h"

#include <jansson.h>
#include <stdio.h>

enum { RECORD_MAX = 16 << 20 };

static enum err load(const char *path, struct buf *text) {
	buf_init(text, RECORD_MAX);
	enum err e = files_read_all(files_posix(), path, text);
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

/* The whole file is written anew and put in its place: a crash leaves the old one or the new. */
bool drill_record(const char *path, const char *line) {
	struct buf text;
	enum err e = load(path, &text);
	if (!e) e = buf_append_str(&text, line);
	if (!e) e = buf_append_str(&text, "\n");
	if (!e) e = files_replace(files_posix(), path, buf_slice(&text));
	buf_done(&text);
	if (e)
		complain(
			"drill: %s: %s: the result is not recorded: check the path, or begin a new "
			"file",
			path, err_text(e));
	return e == ERR_OK;
}

static const char *text_of(const json_t *row, const char *name) {
	const char *s = json_string_value(json_object_get(row, name));
	return s ? s : "?";
}

static long long number_of(const json_t *row, const char *name) {
	return (long long)json_integer_value(json_object_get(row, name));
}

static void print_row(const json_t *row) {
	printf("%-21s %-10s %-12s %-10s %7lld ms %8lld %6lld %6lld  %s\n", text_of(row, "at"),
	       text_of(row, "act"), text_of(row, "region"), text_of(row, "tenant"),
	       number_of(row, "outage_ms"), number_of(row, "written"), number_of(row, "failed"),
	       number_of(row, "lost"),
	       json_is_true(json_object_get(row, "held")) ? "held" : "BROKEN");
}

int drill_report(const char *path, bool as_json) {
	struct buf text;
	enum err e = load(path, &text);
	struct slice rest = buf_slice(&text);
	int line_number = 0;
	if (e) complain("drill: %s: %s: check the path", path, err_text(e));
	if (!e && !as_json)
		printf("%-21s %-10s %-12s %-10s %10s %8s %6s %6s  %s\n", "AT", "ACT", "REGION",
		       "TENANT", "OUTAGE", "WRITTEN", "FAILED", "LOST", "PROMISES");
	while (!e && rest.len) {
		struct slice line = slice_cut(&rest, '\n');
		line_number++;
		json_t *row = json_loadb((const char *)line.ptr, line.len, 0, NULL);
		if (!json_is_object(row)) {
			complain("drill: %s:%d: not a record of a drill: remove the line", path,
			         line_number);
			e = ERR_CORRUPT;
		} else if (as_json) {
			printf(SLICE_FMT "\n", (int)line.len, (const char *)line.ptr);
		} else {
			print_row(row);
		}
		json_decref(row);
	}
	buf_done(&text);
	return e ? EXIT_NO : EXIT_YES;
}
