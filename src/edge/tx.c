/* POST /v1/tx: conditions, puts, deletes, bounded adds and events of one tenant, all or
 * nothing.
 *
 *   {"conditions":[{"key":"billing/a","version":"3-120"},{"key":"billing/b","absent":true}],
 *    "put":[{"key":"billing/a","value":"text","ttl":"12h"},{"key":"billing/c","base64":"…"}],
 *    "delete":["billing/d"],
 *    "add":[{"key":"billing/stock","delta":-1,"min":0,"max":100}],
 *    "events":[{"topic":"billing/invoices","value":"…"}]}
 *
 * Keys are domain/key. The answer: {"version":"3-121","added":{"billing/stock":41}}. */
#include "base/bytes.h"
#include "base/parse.h"
#include "edge/edge_private.h"
#include "edge/json.h"
#include "io/http_problem.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

/* A transaction is one record, not an import. */
enum { TX_PARTS_MAX = 256, TX_JSON_PARTS_MAX = 16384 };

struct tx {
	struct request *r;
	struct fault *fault;
	const char *list; /* where we are, for messages; NULL: at the top */
	size_t index;
};

static enum err tx_fail(struct tx *t, const char *format, ...) PRINTF_LIKE(2, 3);
static enum err tx_fail(struct tx *t, const char *format, ...) {
	char text[300];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (!t->list) return fault_set(t->fault, ERR_INVALID, "%s", text);
	return fault_set(t->fault, ERR_INVALID, "%s[%zu]: %s", t->list, t->index, text);
}

void tx_done(struct request *r) {
	if (r->json) json_decref(r->json);
	r->json = NULL;
	buf_done(&r->decoded);
}

static enum err tx_key(struct tx *t, const json_t *v, struct slice *out) {
	if (!json_is_string(v)) return tx_fail(t, "key must be a string domain/key");
	struct slice rest = slice_of(json_string_value(v), json_string_length(v));
	struct slice domain = slice_cut(&rest, '/');
	struct fault why;
	enum err e = request_check_domain(domain, &why);
	if (!e && rest.len == 0) e = fault_set(&why, ERR_INVALID, "the key must be domain/key");
	if (!e) e = request_full_key(t->r, domain, rest, out, &why);
	if (e == ERR_INVALID) return tx_fail(t, "%s", why.text);
	return e ? fault_set(t->fault, e, "%s", why.text) : ERR_OK;
}

/* Refuses members that are not in `known` (NULL-terminated): a misspelt condition must
 * never be a condition that holds. */
static enum err tx_members(struct tx *t, json_t *object, const char *const *known) {
	const char *name;
	json_t *v;
	if (!json_is_object(object)) return tx_fail(t, "must be an object");
	json_object_foreach(object, name, v) {
		const char *const *k = known;
		while (*k && strcmp(*k, name) != 0) k++;
		if (!*k) return tx_fail(t, "unknown member '%.40s'", name);
	}
	return ERR_OK;
}

static enum err tx_condition(struct tx *t, json_t *o, struct condition *c) {
	static const char *const known[] = {"key", "version", "absent", "exists", NULL};
	enum err e = tx_members(t, o, known);
	if (!e) e = tx_key(t, json_object_get(o, "key"), &c->key);
	if (e) return e;
	const json_t *version = json_object_get(o, "version");
	bool absent = json_is_true(json_object_get(o, "absent"));
	bool exists = json_is_true(json_object_get(o, "exists"));
	if ((version != NULL) + absent + exists != 1 || json_object_size(o) != 2)
		return tx_fail(t, "give one of version, absent: true, exists: true");
	c->kind = version ? CONDITION_VERSION : absent ? CONDITION_ABSENT : CONDITION_EXISTS;
	if (version && (!json_is_string(version) ||
	                version_parse(slice_str(json_string_value(version)), &c->epoch, &c->seq)))
		return tx_fail(t, "version must be a string such as \"3-120\"");
	return ERR_OK;
}

/* "value" (text) or "base64" of an object. */
static enum err tx_value(struct tx *t, json_t *o, struct slice *out) {
	const json_t *text = json_object_get(o, "value"), *coded = json_object_get(o, "base64");
	if (!text == !coded) return tx_fail(t, "give either value or base64");
	if (text) {
		if (!json_is_string(text)) return tx_fail(t, "value must be a string");
		*out = slice_of(json_string_value(text), json_string_length(text));
	} else {
		if (!json_is_string(coded)) return tx_fail(t, "base64 must be a string");
		struct slice in = slice_of(json_string_value(coded), json_string_length(coded));
		uint8_t *p;
		size_t len;
		/* The whole body was reserved up front: earlier slices stay where they are. */
		if (buf_reserve(&t->r->decoded, in.len, &p) != ERR_OK ||
		    base64url_decode(in, p, in.len, &len) != ERR_OK)
			return tx_fail(t, "base64 must be base64url without padding");
		buf_commit(&t->r->decoded, len);
		*out = slice_of(p, len);
	}
	return out->len > VALUE_MAX_BYTES ? tx_fail(t, "a value may have 4 MiB at most") : ERR_OK;
}

static enum err tx_put(struct tx *t, json_t *o, struct op *op) {
	static const char *const known[] = {"key", "value", "base64", "ttl", NULL};
	op->type = OP_PUT;
	enum err e = tx_members(t, o, known);
	if (!e) e = tx_key(t, json_object_get(o, "key"), &op->key);
	if (!e) e = tx_value(t, o, &op->value);
	const json_t *ttl = json_object_get(o, "ttl");
	if (e || !ttl) return e;
	uint64_t ms;
	if (!json_is_string(ttl) ||
	    parse_duration_ms(slice_str(json_string_value(ttl)), REQUEST_TTL_MAX_MS, &ms) ||
	    ms == 0)
		return tx_fail(t, "ttl must be a duration from 1ms to 3650d, such as \"12h\"");
	op->expires_ms = io_wall_ms(t->r->edge->io) + ms;
	return ERR_OK;
}

static enum err tx_integer(struct tx *t, json_t *o, const char *name, int64_t absent,
                           int64_t *out) {
	const json_t *v = json_object_get(o, name);
	*out = absent;
	if (!v) return ERR_OK;
	if (!json_is_integer(v)) return tx_fail(t, "%s must be an integer of 64 bits", name);
	*out = json_integer_value(v);
	return ERR_OK;
}

static enum err tx_add(struct tx *t, json_t *o, struct bounded_add *a) {
	static const char *const known[] = {"key", "delta", "min", "max", NULL};
	enum err e = tx_members(t, o, known);
	if (!e) e = tx_key(t, json_object_get(o, "key"), &a->key);
	if (!e && !json_object_get(o, "delta")) return tx_fail(t, "delta is missing");
	if (!e) e = tx_integer(t, o, "delta", 0, &a->delta);
	if (!e) e = tx_integer(t, o, "min", INT64_MIN, &a->min);
	if (!e) e = tx_integer(t, o, "max", INT64_MAX, &a->max);
	if (!e && a->min > a->max) return tx_fail(t, "min is greater than max");
	return e;
}

static enum err tx_event(struct tx *t, json_t *o, struct event *ev) {
	static const char *const known[] = {"topic", "value", "base64", NULL};
	enum err e = tx_members(t, o, known);
	if (!e && !json_object_get(o, "topic")) return tx_fail(t, "topic is missing");
	if (!e) e = tx_key(t, json_object_get(o, "topic"), &ev->topic);
	return e ? e : tx_value(t, o, &ev->body);
}

static int slice_order(const void *a, const void *b) {
	return slice_cmp(*(const struct slice *)a, *(const struct slice *)b);
}

/* No key twice among puts, deletes and adds: their order would matter and is not given. */
static enum err tx_distinct(struct tx *t) {
	struct proposal *p = &t->r->proposal;
	struct slice keys[TX_PARTS_MAX];
	int n = 0;
	for (int i = 0; i < p->op_count; i++) keys[n++] = p->ops[i].key;
	for (int i = 0; i < p->add_count; i++) keys[n++] = p->adds[i].key;
	qsort(keys, (size_t)n, sizeof(keys[0]), slice_order);
	for (int i = 1; i < n; i++)
		if (slice_eq(keys[i - 1], keys[i]))
			return fault_set(t->fault, ERR_INVALID,
			                 "a key may stand only once among put, delete and add");
	return ERR_OK;
}

static size_t list_size(json_t *root, const char *name) {
	return json_array_size(json_object_get(root, name));
}

static const char *const tx_names[] = {"conditions", "put", "delete", "add", "events", NULL};

static enum err tx_lists(struct tx *t, json_t *root) {
	struct request *r = t->r;
	struct proposal *p = &r->proposal;
	enum err e = ERR_OK;
	for (int n = 0; !e && tx_names[n]; n++) {
		json_t *list = json_object_get(root, tx_names[n]), *o;
		t->list = tx_names[n];
		json_array_foreach(list, t->index, o) {
			switch (n) {
			case 0: e = tx_condition(t, o, &r->conditions[p->condition_count++]); break;
			case 1: e = tx_put(t, o, &r->ops[p->op_count++]); break;
			case 2:
				r->ops[p->op_count].type = OP_DELETE;
				e = tx_key(t, o, &r->ops[p->op_count++].key);
				break;
			case 3: e = tx_add(t, o, &r->adds[p->add_count++]); break;
			default: e = tx_event(t, o, &r->events[p->event_count++]);
			}
			if (e) return e;
		}
	}
	p->conditions = r->conditions;
	p->ops = r->ops;
	p->adds = r->adds;
	p->events = r->events;
	return e ? e : tx_distinct(t);
}

static enum err tx_room(struct request *r, json_t *root, struct fault *fault) {
	struct arena *a = http_exchange_arena(r->x);
	size_t c = list_size(root, "conditions"),
	       o = list_size(root, "put") + list_size(root, "delete");
	size_t d = list_size(root, "add"), v = list_size(root, "events");
	const char *name;
	json_t *list;
	json_object_foreach(root, name, list) if (!json_is_array(list)) return fault_set(
		fault, ERR_INVALID, "'%.40s' must be a list", name);
	if (c > TX_PARTS_MAX || o + d > TX_PARTS_MAX || v > TX_PARTS_MAX)
		return fault_set(fault, ERR_TOO_LARGE,
		                 "at most %d conditions, %d changes and %d events fit",
		                 TX_PARTS_MAX, TX_PARTS_MAX, TX_PARTS_MAX);
	if (o + d + v == 0)
		return fault_set(
			fault, ERR_INVALID,
			"the transaction changes nothing: give put, delete, add or events");
	r->conditions = arena_alloc(a, (c + 1) * sizeof(*r->conditions));
	r->ops = arena_alloc(a, (o + 1) * sizeof(*r->ops));
	r->adds = arena_alloc(a, (d + 1) * sizeof(*r->adds));
	r->events = arena_alloc(a, (v + 1) * sizeof(*r->events));
	uint8_t *p;
	if (!r->conditions || !r->ops || !r->adds || !r->events ||
	    buf_reserve(&r->decoded, http_exchange_body(r->x).len, &p) != ERR_OK)
		return fault_set(fault, ERR_NO_MEMORY,
		                 "no memory for this request; try again later");
	return ERR_OK;
}

enum err tx_read(struct request *r, struct fault *fault) {
	struct slice body = http_exchange_body(r->x);
	json_error_t where;
	buf_init(&r->decoded, body.len + 1);
	if (json_measure(body).parts > TX_JSON_PARTS_MAX)
		return fault_set(fault, ERR_TOO_LARGE,
		                 "the JSON has more than %d parts: a transaction is "
		                 "smaller",
		                 TX_JSON_PARTS_MAX);
	json_t *root = json_loadb((const char *)body.ptr, body.len, JSON_REJECT_DUPLICATES, &where);
	if (!root)
		return fault_set(fault, ERR_INVALID, "the body is not JSON: line %d, column %d: %s",
		                 where.line, where.column, where.text);
	r->json = root;
	struct tx t = {.r = r, .fault = fault};
	if (!json_is_object(root))
		return fault_set(fault, ERR_INVALID, "the body must be a JSON object");
	enum err e = tx_members(&t, root, tx_names);
	if (!e) e = tx_room(r, root, fault);
	return e ? e : tx_lists(&t, root);
}

void tx_serve(struct request *r) {
	write_propose(r);
}

void tx_respond(struct request *r) {
	const struct proposal *p = &r->proposal;
	struct buf body;
	buf_init(&body, 1 << 20);
	enum err e = buf_printf(&body, "{\"version\":\"%llu-%llu\",\"added\":{",
	                        (unsigned long long)p->epoch, (unsigned long long)p->seq);
	json_t *adds = json_object_get(r->json, "add");
	for (int i = 0; !e && i < p->add_count; i++) {
		const json_t *key = json_object_get(json_array_get(adds, (size_t)i), "key");
		if (i) e = buf_append_str(&body, ",");
		if (!e) e = http_json_string(&body, slice_str(json_string_value(key)));
		if (!e) e = buf_printf(&body, ":%lld", (long long)p->adds[i].result);
	}
	if (!e) e = buf_append_str(&body, "}}\n");
	struct position at = {.epoch = p->epoch, .seq = p->seq};
	struct entry version = {.epoch = p->epoch, .seq = p->seq};
	if (e)
		respond_problem(r, ERR_NO_MEMORY,
		                "it happened, but there is no memory for the answer");
	else
		respond(r, 200, &at, &version, "application/json", buf_slice(&body));
	buf_done(&body);
}
