/* /admin/v1/tenants-import: a file of tenants, sent in pieces of at most 1 MiB.
 *
 *   POST /admin/v1/tenants-import?format=csv|json&keep_going=0|1&bytes=N   {"id": "…"}
 *   PUT  /admin/v1/tenants-import/ID?offset=N                              204, when it is on the disk
 *   GET  /admin/v1/tenants-import/ID                                       how far it is, and what came of it */
#include "base/parse.h"
#include "edge/admin_private.h"
#include "edge/tenants_import.h"
#include "io/http_uri.h"

#include <stdio.h>
#include <stdlib.h>

static void answer(struct http_exchange *x, int status, json_t *object) {
	char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
	if (text)
		admin_answer(x, status, "application/json", slice_str(text));
	else
		admin_problem(x, ERR_NO_MEMORY, "no memory for the answer; try again later");
	free(text);
	json_decref(object);
}

static void begin(struct admin *a, struct http_exchange *x) {
	struct slice query = http_exchange_head(x)->query, name, value;
	uint64_t bytes = 0, keep_going = 0, id;
	bool csv = false, json = false, good = true;
	struct fault f = {0};
	while (http_query_next(&query, &name, &value)) {
		if (slice_is(name, "format")) {
			csv = slice_is(value, "csv");
			json = slice_is(value, "json");
		} else if (slice_is(name, "bytes")) {
			good &= parse_u64(value, UINT64_MAX, &bytes) == ERR_OK;
		} else {
			good &= slice_is(name, "keep_going") &&
			        parse_u64(value, 1, &keep_going) == ERR_OK;
		}
	}
	if (!good || csv == json) {
		admin_problem(x, ERR_INVALID,
		              "an import takes format=csv or json, bytes, and keep_going=1");
		return;
	}
	enum err e = tenants_import_begin(a->options.tenants, csv, keep_going, bytes, &id, &f);
	char text[24];
	snprintf(text, sizeof text, "%llu", (unsigned long long)id);
	if (e)
		admin_problem(x, e, f.text);
	else
		answer(x, 201, json_pack("{s:s}", "id", text));
}

static void on_piece(void *arg, enum err err) {
	struct http_exchange *x = arg;
	if (err)
		admin_problem(x, err, "the piece cannot be kept: is the disk full?");
	else
		http_respond(x, 204, NULL, 0, slice_of(NULL, 0));
}

static void piece(struct admin *a, struct http_exchange *x, uint64_t id) {
	struct slice query = http_exchange_head(x)->query, name, value;
	uint64_t offset = UINT64_MAX;
	struct fault f = {0};
	while (http_query_next(&query, &name, &value))
		if (slice_is(name, "offset") && parse_u64(value, UINT64_MAX, &offset) != ERR_OK)
			offset = UINT64_MAX;
	enum err e = tenants_import_piece(a->options.tenants, id, offset, http_exchange_body(x),
	                                  on_piece, x, &f);
	if (e) admin_problem(x, e, f.text);
}

void admin_tenants_import(struct admin *a, struct http_exchange *x, struct slice rest) {
	enum http_method method = http_exchange_head(x)->method;
	struct slice text;
	uint64_t id = 0;
	if (rest.len == 0 && method == METHOD_POST) {
		begin(a, x);
		return;
	}
	if (!http_path_next(&rest, &text) || rest.len ||
	    parse_u64(text, UINT64_MAX, &id) != ERR_OK) {
		admin_problem(x, rest.len ? ERR_NOT_FOUND : ERR_METHOD,
		              "there is POST /admin/v1/tenants-import, and PUT and GET "
		              "/admin/v1/tenants-import/ID");
		return;
	}
	if (method == METHOD_PUT) {
		piece(a, x, id);
		return;
	}
	json_t *status =
		method == METHOD_GET ? tenants_import_status(a->options.tenants, id) : NULL;
	if (status)
		answer(x, 200, status);
	else
		admin_problem(x, method == METHOD_GET ? ERR_NOT_FOUND : ERR_METHOD,
		              "there is no such import, or not any more");
}
