/* The decision in plain JSON.
 *
 *   POST /v1/decide   one request as policy/decide_json.h reads it, or {"requests": [up to 1,000]}
 *   POST /v1/explain  the same, with every reason
 *   {"id":"0.0.1f2e3d4c.7","policy":"0123456789abcdef","world":7,"decision":{…}}
 *   {"decisions":[{…},…]}
 *   with "flags": ["api-version"] in the request: {…,"flags":{"api-version":{"value":…,…}}}
 *
 * The first mistake refuses a batch as a whole: nobody should act on a part of what was asked. */
#include "edge/json.h"
#include "edge/mouth.h"
#include "edge/told.h"
#include "policy/decide_json.h"

#include <jansson.h>
#include <stdio.h>

enum {
	BATCH_MAX = 1000,
	BODY_MAX_BYTES = 1 << 20,
	BODY_DEPTH_MAX = 8,
	BODY_PARTS_MAX = 100000,
	ANSWER_MAX_BYTES = 64 << 20,
};

/* One POST on its way. */
struct asking {
	struct mouth *m;
	bool told; /* with reasons */
	struct buf out;
	struct fault fault;
};

/* Whom it is about: those made since the policy too, which its reader does not know. Where no
 * tenant is named, or there is none of that name, the reader says so in its own words. */
static enum err find_tenant(struct asking *a, const json_t *object, struct tenancy_found *who) {
	struct mouth *m = a->m;
	const json_t *named = json_object_get(object, "tenant");
	*who = m->caller.who;
	if (!json_is_string(named)) return ERR_OK;
	enum err e = mouth_find(
		m, slice_of(json_string_value(named), json_string_length(named)), who, &a->fault);
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

static enum err read_mistake(struct asking *a, int index, const struct json_mistake *why) {
	char where[64] = "";
	if (index >= 0)
		snprintf(where, sizeof(where), "requests[%d]%s", index, *why->path ? "." : "");
	bool placed = *where || *why->path;
	return fault_set(&a->fault, ERR_INVALID, "%s%s%s%s", where, why->path, placed ? ": " : "",
	                 why->text);
}

static enum err answer_one(struct asking *a, const json_t *object, int index) {
	struct mouth *m = a->m;
	struct decide_input in;
	struct json_mistake why = {{0}, {0}};
	struct tenancy_found who;
	enum err e = find_tenant(a, object, &who);
	if (e) return e;
	decide_input_init(&in, who.index, m->edge->here);
	in.request.who = who.tenant;
	in.request.time_ms = io_wall_ms(m->edge->io);
	if (decide_input_read(m->edge->policy, object, &in, &why) != ERR_OK)
		return read_mistake(a, index, &why);
	m->ask = in.request;
	mouth_decide(m);
	e = index > 0 ? buf_append_str(&a->out, ",\n") : ERR_OK;
	if (!e) e = told_begin(m->edge->policy, m->id, m->edge->world.version, &a->out);
	if (!e) e = buf_append_str(&a->out, ",\"decision\":");
	if (!e) e = decision_json(m->edge->policy, &m->decision, a->told, &a->out);
	if (!e && in.flag_count) {
		e = buf_append_str(&a->out, ",\"flags\":");
		if (!e)
			e = flags_json(m->edge->policy, &m->edge->world, &m->ask, in.flags,
			               in.flag_count, &a->out);
	}
	if (!e) e = buf_append_str(&a->out, "}");
	return e ? fault_set(&a->fault, e, "the answer would be too large; ask for less at once")
	         : ERR_OK;
}

static enum err answer_batch(struct asking *a, const json_t *requests) {
	size_t i;
	const json_t *one;
	if (!json_is_array(requests) || json_array_size(requests) > BATCH_MAX)
		return fault_set(&a->fault, ERR_INVALID, "`requests` must be a list of at most %d",
		                 BATCH_MAX);
	enum err e = buf_append_str(&a->out, "{\"decisions\":[");
	json_array_foreach(requests, i, one) {
		if (!e) e = answer_one(a, one, (int)i);
	}
	return e ? e : buf_append_str(&a->out, "]}\n");
}

static enum err answer(struct asking *a, const json_t *body) {
	const json_t *requests = json_object_get(body, "requests");
	if (!requests) {
		enum err e = answer_one(a, body, -1);
		return e ? e : buf_append_str(&a->out, "\n");
	}
	if (json_object_size(body) != 1)
		return fault_set(&a->fault, ERR_INVALID,
		                 "with `requests` nothing else may stand beside it");
	return answer_batch(a, requests);
}

static enum err check_body(struct asking *a, struct slice body) {
	struct json_size size = json_measure(body);
	if (body.len > BODY_MAX_BYTES)
		return fault_set(&a->fault, ERR_TOO_LARGE, "the body is over 1 MiB");
	if (size.depth > BODY_DEPTH_MAX)
		return fault_set(&a->fault, ERR_INVALID, "the JSON is nested deeper than %d levels",
		                 BODY_DEPTH_MAX);
	if (size.parts > BODY_PARTS_MAX)
		return fault_set(&a->fault, ERR_TOO_LARGE, "the JSON has more than %d parts",
		                 BODY_PARTS_MAX);
	return ERR_OK;
}

static void ask(struct mouth *m, bool told) {
	struct asking a = {.m = m, .told = told};
	struct slice body = http_exchange_body(m->x);
	json_error_t where;
	json_t *root = NULL;
	buf_init(&a.out, ANSWER_MAX_BYTES);
	m->rehearsed = told;
	enum err e = check_body(&a, body);
	if (!e) {
		root = json_loadb((const char *)body.ptr, body.len, JSON_REJECT_DUPLICATES, &where);
		e = root ? answer(&a, root)
		         : fault_set(&a.fault, ERR_INVALID,
		                     "the body is not JSON: line %d, column %d: %s", where.line,
		                     where.column, where.text);
	}
	if (e)
		mouth_fault(m, &a.fault);
	else
		mouth_json(m, 200, buf_slice(&a.out));
	json_decref(root);
	buf_done(&a.out);
}

void mouth_decision(struct mouth *m) {
	ask(m, false);
}

void mouth_explanation(struct mouth *m) {
	ask(m, true);
}
