/* /admin/v1/tenants: what `holdfast tenant` and people's scripts use.
 *
 *   GET    /admin/v1/tenants?limit=&cursor=   {"items": [row…], "cursor": "…"}
 *   POST   /admin/v1/tenants                  a row: made, with a key of its own unless it has keys
 *   GET    /admin/v1/tenants/NAME             the row, ETag
 *   PATCH  /admin/v1/tenants/NAME             what shall be different (RFC 7396); If-Match
 *   POST   /admin/v1/tenants/NAME/keys        one more key; the oldest beyond the limit is refused
 *
 * A row is as policy/tenant_read.h says. A key is shown in the answer that made it, and never again:
 * only its hash is kept. */
#include "base/bytes.h"
#include "base/parse.h"
#include "edge/admin_private.h"
#include "edge/json.h"
#include "io/http_problem.h"
#include "io/http_uri.h"
#include "policy/tenant_print.h"

#include <stdio.h>
#include <stdlib.h>

enum { BODY_DEPTH_MAX = 4, BODY_PARTS_MAX = 256, KEY_RANDOM_BYTES = 24 };

struct tenant_call {
	struct tenants_change change;
	struct http_exchange *x;
	json_t *body; /* NULL: one more key alone */
	char key[POLICY_NAME_MAX + 64];
	char if_match[20];
	bool creates;
};

/* --- answers ------------------------------------------------------------------------------------- */

static void answer_json(struct http_exchange *x, int status, const json_t *object,
                        const char *etag) {
	char *text = json_dumps(object, JSON_COMPACT);
	char quoted[24];
	struct http_header fields[2] = {http_field("Content-Type", SLICE_LIT("application/json"))};
	if (etag) {
		snprintf(quoted, sizeof quoted, "\"%s\"", etag);
		fields[1] = http_field("ETag", slice_str(quoted));
	}
	if (text)
		http_respond(x, status, fields, etag ? 2 : 1, slice_str(text));
	else
		admin_problem(x, ERR_NO_MEMORY, "no memory for the answer; try again later");
	free(text);
}

static void call_free(struct tenant_call *c) {
	json_decref(c->body);
	json_decref(c->change.row);
	free(c);
}

static void on_done(struct tenants_change *change) {
	struct tenant_call *c = CONTAINER_OF(change, struct tenant_call, change);
	char etag[17];
	if (change->err) {
		admin_problem(c->x, change->err, change->fault.text);
	} else {
		tenants_etag(change->row, etag);
		if (*c->key) json_object_set_new(change->row, "key", json_string(c->key));
		answer_json(c->x, c->creates ? 201 : 200, change->row, etag);
	}
	call_free(c);
}

/* --- changes ------------------------------------------------------------------------------------- */

static enum err add_key(json_t *row, const char *key) {
	uint8_t digest[SHA256_BYTES];
	char text[7 + 2 * SHA256_BYTES + 1] = "sha256:";
	struct slice part = slice_str(key);
	sha256(&part, 1, digest);
	hex_encode(slice_of(digest, sizeof digest), text + 7);
	json_t *keys = json_object_get(row, "keys");
	if (!keys) {
		keys = json_array();
		if (json_object_set_new(row, "keys", keys) != 0) return ERR_NO_MEMORY;
	}
	return json_array_append_new(keys, json_string(text)) == 0 ? ERR_OK : ERR_NO_MEMORY;
}

static enum err on_make(struct tenants_change *change, json_t *row, bool exists, struct fault *f) {
	struct tenant_call *c = CONTAINER_OF(change, struct tenant_call, change);
	char etag[17];
	if (c->creates && exists)
		return fault_set(
			f, ERR_EXISTS,
			"there is a tenant '%s' already: change it with holdfast tenant set",
			change->name);
	if (!c->creates && !exists)
		return fault_set(f, ERR_NOT_FOUND, "there is no tenant '%s'", change->name);
	tenants_etag(row, etag);
	if (*c->if_match && strcmp(c->if_match, etag) != 0)
		return fault_set(f, ERR_PRECONDITION,
		                 "tenant '%s' has changed meanwhile (it is now \"%s\"): look again",
		                 change->name, etag);
	enum err e = c->body ? tenant_json_merge(row, c->body) : ERR_OK;
	return e || !*c->key ? e : add_key(row, c->key);
}

static void make_key(struct admin *a, struct tenant_call *c) {
	uint8_t random[KEY_RANDOM_BYTES];
	char text[2 * KEY_RANDOM_BYTES + 1];
	io_random(a->io, random, sizeof random);
	hex_encode(slice_of(random, sizeof random), text);
	snprintf(c->key, sizeof c->key, "hf_%s_%s", c->change.name, text);
}

static json_t *read_body(struct http_exchange *x) {
	struct slice body = http_exchange_body(x);
	struct json_size size = json_measure(body);
	json_error_t where;
	char text[300];
	if (size.depth > BODY_DEPTH_MAX || size.parts > BODY_PARTS_MAX) {
		admin_problem(x, ERR_TOO_LARGE, "a tenant has fewer and flatter members than this");
		return NULL;
	}
	json_t *o = json_loadb((const char *)body.ptr, body.len, JSON_REJECT_DUPLICATES, &where);
	if (json_is_object(o)) return o;
	snprintf(text, sizeof text, "the body must be a JSON object: line %d, column %d",
	         o ? 1 : where.line, o ? 1 : where.column);
	json_decref(o);
	admin_problem(x, ERR_INVALID, text);
	return NULL;
}

static bool read_match(struct http_exchange *x, char out[20]) {
	struct slice text = http1_header(http_exchange_head(x), FIELD_IF_MATCH);
	*out = 0;
	if (text.len == 0) return true;
	if (text.len != 18 || text.ptr[0] != '"' || text.ptr[17] != '"') {
		admin_problem(x, ERR_INVALID, "If-Match must be one ETag, as an answer had it");
		return false;
	}
	memcpy(out, text.ptr + 1, 16);
	out[16] = 0;
	return true;
}

/* Takes over `body`. */
static void start(struct admin *a, struct http_exchange *x, struct slice name, json_t *body,
                  bool creates, bool new_key) {
	struct tenant_call *c = calloc(1, sizeof *c);
	if (!c || !read_match(x, c->if_match)) {
		if (!c) admin_problem(x, ERR_NO_MEMORY, "no memory for this; try again later");
		json_decref(body);
		free(c);
		return;
	}
	c->x = x;
	c->body = body;
	c->creates = creates;
	memcpy(c->change.name, name.ptr, name.len);
	if (new_key) make_key(a, c);
	c->change.make = on_make;
	c->change.done = on_done;
	c->change.reply_to = a->io;
	tenants_change(a->options.tenants, &c->change);
}

static void create(struct admin *a, struct http_exchange *x) {
	json_t *body = read_body(x);
	if (!body) return;
	const json_t *id = json_object_get(body, "id");
	struct slice name = slice_of(json_string_value(id), json_string_length(id));
	if (name_valid(name, POLICY_NAME_MAX)) {
		start(a, x, name, body, true, !json_object_get(body, "keys"));
		return;
	}
	admin_problem(x, ERR_INVALID,
	              "`id` must be 1 to 31 of a-z, 0-9 and '-', not beginning with '-'");
	json_decref(body);
}

/* --- reading ------------------------------------------------------------------------------------- */

static void show(struct admin *a, struct http_exchange *x, struct slice name) {
	enum err e;
	char etag[17], text[120];
	json_t *row = tenants_show(a->options.tenants, name, &e);
	if (row) {
		const json_t *source = json_object_get(row, "source");
		json_t *bare = json_deep_copy(row);
		if (source) json_object_del(bare, "source");
		tenants_etag(bare, etag);
		answer_json(x, 200, row, source ? NULL : etag);
		json_decref(bare);
		json_decref(row);
		return;
	}
	snprintf(text, sizeof text,
	         e == ERR_NOT_FOUND ? "there is no tenant '%.*s'"
	                            : "tenant '%.*s' cannot be told yet; try again",
	         SLICE_ARG(name));
	admin_problem(x, e, text);
}

static void list(struct admin *a, struct http_exchange *x) {
	struct slice query = http_exchange_head(x)->query, name, value;
	struct slice cursor = {0};
	uint64_t limit = 100;
	char next[64];
	while (http_query_next(&query, &name, &value)) {
		if (slice_is(name, "cursor")) {
			cursor = value;
		} else if (!slice_is(name, "limit") ||
		           parse_u64(value, TENANTS_PAGE_MAX, &limit) != ERR_OK || limit == 0) {
			admin_problem(x, ERR_INVALID, "a list takes limit (1 to 1000) and cursor");
			return;
		}
	}
	json_t *page = json_object();
	json_object_set_new(page, "items",
	                    tenants_list(a->options.tenants, cursor, (size_t)limit, next));
	if (*next) json_object_set_new(page, "cursor", json_string(next));
	answer_json(x, 200, page, NULL);
	json_decref(page);
}

void admin_tenants(struct admin *a, struct http_exchange *x, struct slice rest) {
	enum http_method method = http_exchange_head(x)->method;
	struct slice name = {0}, more = {0};
	bool reads = method == METHOD_GET || method == METHOD_HEAD;
	bool named = http_path_next(&rest, &name);
	bool keys = named && http_path_next(&rest, &more) && slice_is(more, "keys") && !rest.len;
	if (!named && reads) {
		list(a, x);
	} else if (!named && method == METHOD_POST) {
		create(a, x);
	} else if (!named || (more.ptr && !keys) || rest.len) {
		admin_problem(x, named ? ERR_NOT_FOUND : ERR_METHOD,
		              "there is GET and POST /admin/v1/tenants, GET and PATCH "
		              "/admin/v1/tenants/NAME, and POST /admin/v1/tenants/NAME/keys");
	} else if (!name_valid(name, POLICY_NAME_MAX)) {
		admin_problem(x, ERR_NOT_FOUND, "there is no such tenant: this is no id");
	} else if (keys && method == METHOD_POST) {
		start(a, x, name, NULL, false, true);
	} else if (reads && !keys) {
		show(a, x, name);
	} else if (method == METHOD_PATCH && !keys) {
		json_t *body = read_body(x);
		if (body) start(a, x, name, body, false, false);
	} else {
		admin_problem(x, ERR_METHOD, "a tenant takes GET and PATCH, its keys take POST");
	}
}

/* --- images, for other regions --------------------------------------------------------------------- */

void admin_tenants_image(struct admin *a, struct http_exchange *x, struct slice rest) {
	const struct http1_head *head = http_exchange_head(x);
	struct slice query = head->query, name, value, proof = {0}, piece;
	struct slice hash = slice_of(rest.ptr + 1, rest.len ? rest.len - 1 : 0);
	uint64_t offset = 0;
	for (int i = 0; i < head->header_count; i++)
		if (slice_eq_nocase(head->headers[i].name, SLICE_LIT("Holdfast-Proof")))
			proof = head->headers[i].value;
	while (http_query_next(&query, &name, &value))
		if (slice_is(name, "offset") && parse_u64(value, INT64_MAX, &offset) != ERR_OK)
			offset = INT64_MAX;
	enum err e = tenants_piece(a->options.tenants, hash, proof, offset, &piece);
	if (e)
		admin_problem(x, e,
		              e == ERR_FORBIDDEN ? "images go to regions of this cluster only"
		                                 : "this region does not have that image");
	else
		admin_answer(x, 200, "application/octet-stream", piece);
}
