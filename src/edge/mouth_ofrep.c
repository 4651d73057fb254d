/* OpenFeature's remote evaluation protocol (OFREP 0.3): the decision as flags, so that any
 * OpenFeature client asks without knowing us.
 *
 *   POST /ofrep/v1/evaluate/flags/{key}  one flag; errors as the protocol types them
 *   POST /ofrep/v1/evaluate/flags        all; ETag, If-None-Match → 304
 *   {"context":{"targetingKey":"acme","path":"/pay","method":"POST"}}
 *
 * There are three flags of every decision, and those of the policy.
 *
 * targetingKey is whom weights stick to. For a caller that may ask about any tenant it also names
 * the tenant, unless the context has a member `tenant`. */
#include "base/hash.h"
#include "edge/json.h"
#include "edge/mouth.h"
#include "io/http_problem.h"
#include "policy/decide_json.h"

#include <jansson.h>
#include <stdio.h>

/* A context is a few attributes; a larger or deeper one is a mistake or an attack. */
enum {
	CONTEXT_MAX_BYTES = 64 << 10,
	CONTEXT_DEPTH_MAX = 16,
	CONTEXT_HEADERS_MAX = 64,
	ANSWER_MAX = 4 << 20
};

struct ofrep {
	struct mouth *m;
	struct slice key; /* of the flag; empty: all */
	json_t *body;     /* what the context's texts point into */
};

/* --- errors --------------------------------------------------------------------------- */

static void fail(struct ofrep *o, int status, const char *code, const char *why) {
	struct buf out;
	buf_init(&out, ANSWER_MAX);
	enum err e = buf_append_str(&out, "{");
	if (!e && o->key.len) e = buf_append_str(&out, "\"key\":");
	if (!e && o->key.len) e = http_json_string(&out, o->key);
	if (!e)
		e = buf_printf(&out,
		               "%s\"errorCode\":\"%s\",\"errorDetails\":", o->key.len ? "," : "",
		               code);
	if (!e) e = http_json_string(&out, slice_str(why));
	if (!e) e = buf_append_str(&out, "}\n");
	if (e) buf_reset(&out);
	mouth_json(o->m, status, buf_slice(&out));
	buf_done(&out);
}

/* --- the context ------------------------------------------------------------------------- */

static bool member(const json_t *context, const char *name, struct slice *out) {
	const json_t *v = json_object_get(context, name);
	if (!json_is_string(v)) return false;
	*out = slice_of(json_string_value(v), json_string_length(v));
	return true;
}

/* Null, or its reason is answered already. */
static const json_t *context_of(struct ofrep *o) {
	struct slice body = http_exchange_body(o->m->x);
	if (body.len > CONTEXT_MAX_BYTES) {
		fail(o, 400, "INVALID_CONTEXT", "the context is larger than 64 KiB");
		return NULL;
	}
	if (json_measure(body).depth > CONTEXT_DEPTH_MAX) {
		fail(o, 400, "INVALID_CONTEXT", "the context is nested deeper than 16 levels");
		return NULL;
	}
	o->body = json_loadb((const char *)body.ptr, body.len, JSON_REJECT_DUPLICATES, NULL);
	const json_t *context = json_object_get(o->body, "context");
	if (!json_is_object(o->body))
		fail(o, 400, "PARSE_ERROR", "the body is no JSON object");
	else if (!json_is_object(context))
		fail(o, 400, "INVALID_CONTEXT", "there is no object `context`");
	else
		return context;
	return NULL;
}

/* The tenant, from the caller or by name. False: answered. */
static bool read_tenant(struct ofrep *o, const json_t *context) {
	struct mouth *m = o->m;
	struct fault fault = {0};
	struct slice name = {0};
	bool named = member(context, "tenant", &name);
	if (!member(context, "targetingKey", &m->ask.sticky) || m->ask.sticky.len == 0) {
		fail(o, 400, "TARGETING_KEY_MISSING",
		     "the context has no targetingKey: the tenant, or whom weights stick to");
		return false;
	}
	if (!named && m->caller.any) name = m->ask.sticky;
	bool by_name = named || m->caller.any;
	enum err e = by_name ? mouth_tenant_named(m, name, &fault) : mouth_tenant(m, &fault);
	if (e == ERR_FORBIDDEN)
		mouth_fault(m, &fault);
	else if (e)
		fail(o, 400, "INVALID_CONTEXT", fault.text);
	return e == ERR_OK;
}

/* Of the request that it is about. False: answered. */
static bool read_headers(struct ofrep *o, const json_t *object) {
	struct arena *a = http_exchange_arena(o->m->x);
	size_t count = json_object_size(object), n = 0;
	const char *name;
	json_t *value;
	struct decide_header *all = arena_alloc(a, count * sizeof(*all));
	bool good = json_is_object(object) && count <= CONTEXT_HEADERS_MAX && (all || !count);
	json_object_foreach((json_t *)object, name, value) {
		struct slice lower = arena_copy(a, slice_str(name));
		good = good && json_is_string(value) && lower.ptr;
		if (!good) break;
		for (size_t i = 0; i < lower.len; i++) {
			uint8_t *c = (uint8_t *)lower.ptr + i;
			if (*c >= 'A' && *c <= 'Z') *c |= 0x20;
		}
		all[n++] = (struct decide_header){
			lower, slice_of(json_string_value(value), json_string_length(value))};
	}
	if (!good) fail(o, 400, "INVALID_CONTEXT", "`headers` is no object of at most 64 texts");
	o->m->ask.headers = all;
	o->m->ask.header_count = (int)n;
	return good;
}

static bool read_context(struct ofrep *o) {
	struct mouth *m = o->m;
	const json_t *context = context_of(o);
	if (!context || !read_tenant(o, context)) return false;
	struct slice method = SLICE_LIT("GET"), path = SLICE_LIT("/"), address, country;
	member(context, "method", &method);
	member(context, "path", &path);
	ask_target(&m->ask, method, path);
	member(context, "host", &m->ask.host);
	/* Asked on behalf of a client: the caller's own address says nothing. */
	m->ask.client = (struct decide_client){0};
	if (member(context, "ip", &address)) {
		if (!client_address(address, &m->ip)) {
			fail(o, 400, "INVALID_CONTEXT", "`ip` is no address");
			return false;
		}
		m->ask.client.ip = &m->ip;
	}
	if (member(context, "country", &country) && client_country(country))
		m->ask.client.country = country;
	const json_t *headers = json_object_get(context, "headers");
	return !headers || read_headers(o, headers);
}

/* --- flags -------------------------------------------------------------------------------- */

static enum err put_region(const struct mouth *m, struct buf *out) {
	return buf_printf(out, "\"value\":\"%s\",\"variant\":\"%s\"",
	                  m->edge->policy->regions[m->decision.region].name,
	                  m->edge->policy->regions[m->decision.region].name);
}

static enum err put_fallbacks(const struct mouth *m, struct buf *out) {
	const struct decision *d = &m->decision;
	enum err e = buf_append_str(out, "\"value\":[");
	for (int i = 0; !e && i < d->fallback_count; i++)
		e = buf_printf(out, "%s\"%s\"", i ? "," : "",
		               m->edge->policy->regions[d->fallbacks[i]].name);
	return e ? e : buf_append_str(out, "]");
}

static enum err put_residency(const struct mouth *m, struct buf *out) {
	const struct policy *p = m->edge->policy;
	const char *name = p->residencies[decide_tenant(p, &m->ask)->residency].name;
	return buf_printf(out, "\"value\":\"%s\",\"variant\":\"%s\"", name, name);
}

/* Flags of every decision. */
static const struct own_flag {
	const char *key;
	enum err (*put)(const struct mouth *m, struct buf *out);
	bool fixed; /* of the tenant alone */
} own_flags[] = {
	{"region", put_region},
	{"fallbacks", put_fallbacks},
	{"residency", put_residency, true},
};
enum { OWN_COUNT = sizeof(own_flags) / sizeof(own_flags[0]) };

static const char *reason_of(const struct mouth *m, const struct own_flag *f) {
	return f->fixed ? "STATIC" : m->decision.bucket >= 0 ? "SPLIT" : "TARGETING_MATCH";
}

/* id: empty in bulk answers, which must be the same as long as the values are. */
static enum err put_own(const struct mouth *m, const struct own_flag *f, struct slice id,
                        struct buf *out) {
	enum err e = buf_printf(out, "{\"key\":\"%s\",", f->key);
	if (!e && (f->fixed || mouth_has_region(m))) {
		e = f->put(m, out);
		if (!e) e = buf_printf(out, ",\"reason\":\"%s\"", reason_of(m, f));
	} else if (!e) {
		e = buf_printf(out, "\"errorCode\":\"GENERAL\",\"errorDetails\":\"no region: %s\"",
		               mouth_why(m));
	}
	if (!e) e = buf_printf(out, ",\"metadata\":{\"why\":\"%s\"", mouth_why(m));
	if (!e && id.len) e = buf_printf(out, ",\"decision\":\"" SLICE_FMT "\"", SLICE_ARG(id));
	return e ? e : buf_append_str(out, "}}");
}

/* One of the policy; the decision does not matter to it. */
static enum err put_named(const struct mouth *m, int flag, struct buf *out) {
	const struct policy *p = m->edge->policy;
	struct flag_answer a;
	flag_evaluate(p, &m->edge->world, &m->ask, flag, &a);
	enum err e = buf_printf(out, "{\"key\":\"%s\",", p->flags[flag].name);
	if (!e) e = flag_json(p, flag, &a, out);
	if (!e) e = buf_printf(out, ",\"metadata\":{\"failed\":%u", a.failed);
	if (!e && a.rule >= 0)
		e = buf_printf(out, ",\"line\":%d", p->flags[flag].rules[a.rule].line);
	if (!e && a.bucket >= 0) e = buf_printf(out, ",\"bucket\":%d", a.bucket);
	return e ? e : buf_append_str(out, "}}");
}

/* own, else the policy's. */
static void answer_one(struct ofrep *o, const struct own_flag *own, int flag) {
	struct buf out;
	buf_init(&out, ANSWER_MAX);
	bool good = !own || own->fixed || mouth_has_region(o->m);
	enum err e = own ? put_own(o->m, own, o->m->id, &out) : put_named(o->m, flag, &out);
	if (e)
		fail(o, 500, "GENERAL", "no memory for the answer");
	else
		mouth_json(o->m, good ? 200 : 400, buf_slice(&out));
	buf_done(&out);
}

static enum err put_all(const struct mouth *m, struct buf *out) {
	enum err e = buf_append_str(out, "{\"flags\":[");
	int count = OWN_COUNT + m->edge->policy->flag_count;
	for (int i = 0; !e && i < count; i++) {
		if (i) e = buf_append_str(out, ",");
		if (e) break;
		e = i < OWN_COUNT ? put_own(m, &own_flags[i], slice_of(NULL, 0), out)
		                  : put_named(m, i - OWN_COUNT, out);
	}
	return e ? e : buf_append_str(out, "]}\n");
}

static void answer_tagged(struct ofrep *o, struct slice body) {
	struct mouth *m = o->m;
	uint8_t digest[SHA256_BYTES];
	uint64_t hash;
	char tag[24];
	sha256(&body, 1, digest);
	memcpy(&hash, digest, sizeof(hash));
	int n = snprintf(tag, sizeof(tag), "\"%016llx\"", (unsigned long long)hash);
	const struct http_header fields[] = {
		http_field("ETag", slice_of(tag, (size_t)n)),
		http_field("Content-Type", SLICE_LIT("application/json")),
	};
	bool same = slice_eq(http1_header(m->head, FIELD_IF_NONE_MATCH), fields[0].value);
	http_respond(m->x, same ? 304 : 200, fields, same ? 1 : 2, same ? slice_of(NULL, 0) : body);
}

static void answer_all(struct ofrep *o) {
	struct buf out;
	buf_init(&out, ANSWER_MAX);
	if (put_all(o->m, &out) != ERR_OK)
		fail(o, 500, "GENERAL", "no memory for the answer");
	else
		answer_tagged(o, buf_slice(&out));
	buf_done(&out);
}

static const struct own_flag *own_find(struct slice key) {
	for (int i = 0; i < OWN_COUNT; i++)
		if (slice_is(key, own_flags[i].key)) return &own_flags[i];
	return NULL;
}

void mouth_ofrep(struct mouth *m) {
	static const size_t skip = sizeof("/ofrep/v1/evaluate/flags/") - 1;
	struct slice path = m->head->path;
	struct ofrep o = {.m = m};
	if (path.len > skip) o.key = slice_of(path.ptr + skip, path.len - skip);
	const struct own_flag *own = own_find(o.key);
	int flag = policy_find_flag(m->edge->policy, o.key);
	if (o.key.len && !own && flag < 0) {
		fail(&o, 404, "FLAG_NOT_FOUND",
		     "there is no such flag: there is region, fallbacks, residency, and those of "
		     "the policy");
	} else if (read_context(&o)) {
		if (flag >= 0)
			world_look(m->edge, &m->ask);
		else
			mouth_decide(m);
		if (o.key.len)
			answer_one(&o, own, flag);
		else
			answer_all(&o);
	}
	json_decref(o.body);
}
