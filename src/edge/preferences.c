/* GET and PUT /v1/preferences: what a tenant says of itself. They count as rules of that tenant at
 * every region, wherever they were put.
 *
 *   {"regions": ["us-west"], "consistency": "session", "explicit_failover": false,
 *    "maintenance": {"from": "02:00", "to": "04:00", "zone": "+02:00"}}
 *
 * PUT replaces all of them: what is left out is as if never said. */
#include "base/bytes.h"
#include "edge/edge_private.h"
#include "edge/json.h"
#include "edge/tenants.h"
#include "io/http_problem.h"
#include "policy/tenant_print.h"

#include <stdio.h>
#include <stdlib.h>

enum { BODY_BYTES_MAX = 4096, BODY_DEPTH_MAX = 3, BODY_PARTS_MAX = 64 };

struct preferring {
	struct tenants_change change;
	struct edge *edge;
	struct http_exchange *x;
	json_t *wish;
	char if_match[20];
};

static void answer(struct edge *e, struct http_exchange *x, int status, const json_t *object) {
	char etag[17], quoted[24];
	char *text = json_dumps(object, JSON_COMPACT);
	tenants_etag(object, etag);
	snprintf(quoted, sizeof quoted, "\"%s\"", etag);
	struct http_header fields[] = {
		http_field("Content-Type", SLICE_LIT("application/json")),
		http_field("ETag", slice_str(quoted)),
		http_field("Holdfast-Region", slice_str(e->here_name)),
	};
	http_respond(x, status, fields, 3, slice_str(text ? text : ""));
	free(text);
}

static void problem(struct http_exchange *x, enum err code, const char *detail) {
	struct buf body;
	struct http_header fields[3] = {http_field("Content-Type", SLICE_LIT(HTTP_PROBLEM_TYPE))};
	int n = 1;
	buf_init(&body, 8192);
	if (http_problem_render(&body, code, detail, NULL) != ERR_OK) buf_reset(&body);
	if (code == ERR_UNAUTHENTICATED)
		fields[n++] =
			http_field("WWW-Authenticate", SLICE_LIT("Bearer realm=\"holdfast\""));
	if (code == ERR_METHOD) fields[n++] = http_field("Allow", SLICE_LIT("GET, HEAD, PUT"));
	http_respond(x, err_http_status(code), fields, n, buf_slice(&body));
	buf_done(&body);
}

/* --- what is preferred --------------------------------------------------------------------------- */

/* In the shape of an answer, from a row. */
static json_t *shape(const json_t *row) {
	json_t *p = json_object_get(row, "preferences");
	json_t *regions = json_object_get(p, "regions"),
	       *window = json_object_get(p, "maintenance");
	return json_pack("{s:o,s:O,s:b,s:o}", "regions",
	                 regions ? json_incref(regions) : json_array(), "consistency",
	                 json_object_get(row, "consistency"), "explicit_failover",
	                 json_is_true(json_object_get(p, "explicit_failover")), "maintenance",
	                 window ? json_incref(window) : json_null());
}

/* On the owner loop. */
static enum err on_make(struct tenants_change *change, json_t *row, bool exists, struct fault *f) {
	struct preferring *w = CONTAINER_OF(change, struct preferring, change);
	json_t *now = exists ? shape(row) : NULL;
	char etag[17] = "";
	if (!exists) return fault_set(f, ERR_NOT_FOUND, "there is no such tenant any more");
	if (!now) return ERR_NO_MEMORY;
	tenants_etag(now, etag);
	json_decref(now);
	if (*w->if_match && strcmp(w->if_match, etag) != 0)
		return fault_set(
			f, ERR_PRECONDITION,
			"the preferences have changed meanwhile (they are now \"%s\"): read "
			"them again",
			etag);
	json_t *wish = json_deep_copy(w->wish), *consistency;
	if (!wish) return ERR_NO_MEMORY;
	consistency = json_object_get(wish, "consistency");
	json_object_set(row, "consistency", consistency);
	if (!consistency) json_object_del(row, "consistency");
	json_object_del(wish, "consistency");
	json_object_set(row, "preferences", wish);
	if (json_object_size(wish) == 0) json_object_del(row, "preferences");
	json_decref(wish);
	return ERR_OK;
}

static void on_done(struct tenants_change *change) {
	struct preferring *w = CONTAINER_OF(change, struct preferring, change);
	json_t *now = change->err ? NULL : shape(change->row);
	if (now)
		answer(w->edge, w->x, 200, now);
	else
		problem(w->x, change->err ? change->err : ERR_NO_MEMORY, change->fault.text);
	json_decref(now);
	json_decref(change->row);
	json_decref(w->wish);
	free(w);
}

/* --- asking ------------------------------------------------------------------------------------- */

static enum err read_match(const struct http1_head *head, char out[20], struct fault *f) {
	struct slice text = http1_header(head, FIELD_IF_MATCH);
	if (http1_header(head, FIELD_IF_NONE_MATCH).len)
		return fault_set(f, ERR_PRECONDITION,
		                 "there are always preferences: use If-Match with their ETag");
	if (text.len == 0 || slice_is(text, "*")) return ERR_OK;
	if (text.len != 18 || text.ptr[0] != '"' || text.ptr[17] != '"')
		return fault_set(f, ERR_INVALID, "If-Match must be one ETag, as an answer had it");
	memcpy(out, text.ptr + 1, 16);
	return ERR_OK;
}

/* Only what is about the text; whether regions exist and may be preferred is the row's to say. null
 * stands for what is not said. */
static enum err read_wish(struct slice body, json_t **out, struct fault *f) {
	static const char *const known[] = {"regions", "consistency", "explicit_failover",
	                                    "maintenance"};
	struct json_size size = json_measure(body);
	json_error_t where = {0};
	const char *name;
	json_t *value;
	void *next;
	if (body.len > BODY_BYTES_MAX || size.depth > BODY_DEPTH_MAX || size.parts > BODY_PARTS_MAX)
		return fault_set(f, ERR_TOO_LARGE, "preferences are smaller than this");
	*out = json_loadb((const char *)body.ptr, body.len, JSON_REJECT_DUPLICATES, &where);
	if (!json_is_object(*out))
		return fault_set(f, ERR_INVALID,
		                 "the body must be a JSON object: line %d, column %d",
		                 *out ? 1 : where.line, *out ? 1 : where.column);
	json_object_foreach_safe(*out, next, name, value) {
		bool is_known = false;
		for (int i = 0; i < 4; i++) is_known |= strcmp(name, known[i]) == 0;
		if (!is_known)
			return fault_set(f, ERR_INVALID,
			                 "unknown member '%.40s'; expected regions, consistency, "
			                 "explicit_failover and maintenance",
			                 name);
		if (json_is_null(value)) json_object_del(*out, name);
	}
	if (json_array_size(json_object_get(*out, "regions")) == 0 &&
	    json_is_array(json_object_get(*out, "regions")))
		json_object_del(*out, "regions");
	if (json_is_false(json_object_get(*out, "explicit_failover")))
		json_object_del(*out, "explicit_failover");
	return ERR_OK;
}

static enum err put(struct edge *e, struct http_exchange *x, const struct identity *id,
                    struct fault *f) {
	struct preferring *w = calloc(1, sizeof *w);
	if (!w) return fault_set(f, ERR_NO_MEMORY, "no memory for this; try again later");
	enum err err = read_match(http_exchange_head(x), w->if_match, f);
	if (!err) err = read_wish(http_exchange_body(x), &w->wish, f);
	if (err) {
		json_decref(w->wish);
		free(w);
		return err;
	}
	w->edge = e;
	w->x = x;
	snprintf(w->change.name, sizeof w->change.name, "%s", id->who.tenant->name);
	w->change.make = on_make;
	w->change.done = on_done;
	w->change.reply_to = e->io;
	tenants_change(e->options.tenants, &w->change);
	return ERR_OK;
}

static enum err get(struct edge *e, struct http_exchange *x, const struct identity *id,
                    struct fault *f) {
	struct tenant_row row;
	tenant_row_of_policy(id->who.tenant, &row);
	json_t *now = tenant_preferences_json(e->policy, &row.profile);
	if (!now) return fault_set(f, ERR_NO_MEMORY, "no memory for this; try again later");
	answer(e, x, 200, now);
	json_decref(now);
	return ERR_OK;
}

bool preferences_takes(struct edge *e, struct http_exchange *x) {
	const struct http1_head *head = http_exchange_head(x);
	if (!slice_is(head->path, "/v1/preferences") || !e->options.tenants) return false;
	struct fault f = {0};
	struct identity id;
	const char *detail = NULL;
	enum err err = identity_find(&e->options.tenancy, e->policy,
	                             http1_header(head, FIELD_AUTHORIZATION), http_exchange_memo(x),
	                             http_exchange_arena(x), &id, &detail);
	if (err)
		err = fault_set(&f, err, "%s", detail ? detail : err_text(err));
	else if (head->method == METHOD_PUT)
		err = put(e, x, &id, &f);
	else if (head->method == METHOD_GET || head->method == METHOD_HEAD)
		err = get(e, x, &id, &f);
	else
		err = fault_set(&f, ERR_METHOD, "/v1/preferences takes GET and PUT");
	if (err) problem(x, err, f.text);
	return true;
}
