/* Requests and worlds from JSON. */
#include "policy/decide_json.h"

#include "cel/cel_net.h"
#include "cel/cel_time.h"
#include "policy/flags.h"

#define INPUT_FIELD(name, kind, in, member, ...)                                                   \
	{                                                                                          \
		.key = name, .type = JSON_FIELD_##kind, .offset = offsetof(struct in, member),     \
		__VA_ARGS__                                                                        \
	}

static const char *region_name_of(const void *policy, int i) {
	return ((const struct policy *)policy)->regions[i].name;
}
static const char *cell_name_of(const void *policy, int i) {
	return ((const struct policy *)policy)->cells[i].name;
}
static const char *tenant_name_of(const void *policy, int i) {
	return ((const struct policy *)policy)->tenants[i].name;
}

static const char *flag_name_of(const void *policy, int i) {
	return ((const struct policy *)policy)->flags[i].name;
}

/* What things are called in messages, how they are found, and how they are listed. */
struct kind {
	const char *what;
	int (*find)(const struct policy *p, struct slice name);
	const char *(*name_of)(const void *policy, int i);
	size_t count_at; /* in struct policy */
};
#define KIND(name)                                                                                 \
	{ #name, policy_find_##name, name##_name_of, offsetof(struct policy, name##_count) }
static const struct kind region_kind = KIND(region), cell_kind = KIND(cell),
			 tenant_kind = KIND(tenant), flag_kind = KIND(flag);

/* Only so many are gone through for a suggestion: there may be millions of tenants. */
enum { SUGGESTED_FROM_MAX = 1000 };

static enum err refuse_unknown(const struct policy *p, const struct kind *k, struct slice name,
                               struct json_mistake *m) {
	int count;
	memcpy(&count, (const char *)p + k->count_at, sizeof count);
	if (count > SUGGESTED_FROM_MAX) count = SUGGESTED_FROM_MAX;
	return json_refuse_name(m, k->what, name, k->name_of, p, count);
}

/* What the key names; not given: the default. */
static enum err read_reference(const struct policy *p, const struct kind *k, const char *key,
                               struct slice name, int *out, struct json_mistake *m) {
	if (name.ptr) {
		*out = k->find(p, name);
		if (*out >= 0) return ERR_OK;
		size_t before = json_enter(m, key);
		IGNORE(before); /* the path stays: it says where */
		return refuse_unknown(p, k, name, m);
	}
	if (*out >= 0) return ERR_OK;
	return json_refuse(m, "the key '%s' is missing; expected the name of a %s", key, k->what);
}

/* --- the request -------------------------------------------------------------------------- */

struct input_source {
	struct slice tenant, region, consistency, time, ip;
	const json_t *headers, *client, *flags;
	struct decide_request *request;
	double latitude, longitude;
	bool write, forwarded;
	struct slice domain, method, path, host, sticky, country;
	uint64_t body_bytes;
};

#define TEXT(name, member, most) INPUT_FIELD(name, TEXT, input_source, member, .max = most)
static const struct json_field request_fields[] = {
	TEXT("tenant", tenant, POLICY_NAME_MAX),
	TEXT("region", region, POLICY_NAME_MAX),
	INPUT_FIELD("write", BOOL, input_source, write),
	INPUT_FIELD("forwarded", BOOL, input_source, forwarded),
	TEXT("consistency", consistency, 64),
	TEXT("domain", domain, INPUT_TEXT_MAX),
	TEXT("method", method, 64),
	TEXT("path", path, INPUT_TEXT_MAX),
	TEXT("host", host, 256),
	INPUT_FIELD("headers", OBJECT, input_source, headers),
	INPUT_FIELD("size", U64, input_source, body_bytes, .max = INT64_MAX),
	TEXT("time", time, 64),
	INPUT_FIELD("client", OBJECT, input_source, client),
	TEXT("sticky", sticky, 1024),
	INPUT_FIELD("flags", ANY, input_source, flags),
	{NULL},
};
static const struct json_field client_fields[] = {
	TEXT("ip", ip, 64),
	TEXT("country", country, 2),
	INPUT_FIELD("latitude", DEGREES, input_source, latitude, .max = 90),
	INPUT_FIELD("longitude", DEGREES, input_source, longitude, .max = 180),
	{NULL},
};

void decide_input_init(struct decide_input *in, int tenant, int here) {
	in->request = (struct decide_request){.tenant = tenant, .here = here};
	in->flag_count = 0;
}

/* Under `key`, which is wrong. */
static enum err refuse_text(struct json_mistake *m, const char *key, const char *expected) {
	IGNORE(json_enter(m, key)); /* the path stays: it says where */
	return json_refuse(m, "expected %s", expected);
}

static enum err read_headers(const json_t *object, struct decide_input *in,
                             struct json_mistake *m) {
	size_t before = json_enter(m, "headers"), used = 0;
	const char *name;
	json_t *value;
	in->request.headers = in->headers;
	in->request.header_count = 0;
	json_object_foreach((json_t *)object, name, value) {
		size_t len = strlen(name);
		if (in->request.header_count == INPUT_HEADERS_MAX || used + len > sizeof in->names)
			return json_refuse(m, "expected at most %d headers, with names of %d bytes",
			                   INPUT_HEADERS_MAX, INPUT_NAMES_BYTES);
		if (!json_is_string(value) || json_string_length(value) > INPUT_TEXT_MAX) {
			IGNORE(json_enter(m, name)); /* the path stays: it says where */
			return json_refuse(m, "expected a text of at most %d bytes",
			                   INPUT_TEXT_MAX);
		}
		char *lower = in->names + used;
		for (size_t i = 0; i < len; i++)
			lower[i] = name[i] >= 'A' && name[i] <= 'Z' ? name[i] | 0x20 : name[i];
		used += len;
		in->headers[in->request.header_count++] = (struct decide_header){
			.name = slice_of(lower, len),
			.value = slice_of(json_string_value(value), json_string_length(value))};
	}
	json_leave(m, before);
	return ERR_OK;
}

static enum err read_client(const json_t *object, struct input_source *s, struct decide_input *in,
                            struct json_mistake *m) {
	size_t before = json_enter(m, "client");
	enum err e = json_read(object, client_fields, s, m);
	if (e) return e;
	bool latitude = json_object_get(object, "latitude") != NULL;
	if (latitude != (json_object_get(object, "longitude") != NULL))
		return json_refuse(m, "expected latitude and longitude together");
	if (s->ip.ptr && !cel_ip_parse(s->ip, true, &in->ip))
		return refuse_text(m, "ip", "an address such as 192.0.2.1 or 2001:db8::1");
	in->request.client = (struct decide_client){.ip = s->ip.ptr ? &in->ip : NULL,
	                                            .country = s->country,
	                                            .located = latitude,
	                                            .latitude = s->latitude,
	                                            .longitude = s->longitude};
	json_leave(m, before);
	return ERR_OK;
}

static enum err read_flags(const struct policy *p, const json_t *list, struct decide_input *in,
                           struct json_mistake *m) {
	size_t i;
	const json_t *name;
	if (!json_is_array(list) || json_array_size(list) > INPUT_FLAGS_MAX)
		return json_refuse(m, "`flags`: expected a list of at most %d names of flags",
		                   INPUT_FLAGS_MAX);
	json_array_foreach(list, i, name) {
		struct slice text = slice_of(json_string_value(name), json_string_length(name));
		if (!text.ptr) text = slice_of("", 0);
		int flag = -1;
		enum err e = read_reference(p, &flag_kind, "flags", text, &flag, m);
		if (e) return e;
		in->flags[in->flag_count++] = flag;
	}
	return ERR_OK;
}

static enum err read_time(struct slice text, uint64_t *ms, struct json_mistake *m) {
	struct cel_value t = cel_timestamp_parse(text);
	if (t.kind != CEL_TIMESTAMP || t.i < 0)
		return refuse_text(m, "time", "a time since 1970 such as 2026-03-01T12:00:00Z");
	*ms = (uint64_t)t.i * 1000 + t.extra / 1000000;
	return ERR_OK;
}

static enum err read_consistency(const struct policy *p, struct slice text,
                                 struct decide_request *r, struct json_mistake *m) {
	const struct policy_tenant *t = decide_tenant(p, r);
	uint64_t bounded_ms = t->bounded_ms;
	r->consistency = t->consistency;
	if (text.ptr && consistency_parse(text, &r->consistency, &bounded_ms))
		return refuse_text(m, "consistency",
		                   "strong, session, eventual, or bounded=500ms (1ms to 1d)");
	r->bounded_ms = (uint32_t)bounded_ms;
	return ERR_OK;
}

enum err decide_input_read(const struct policy *p, const json_t *object, struct decide_input *in,
                           struct json_mistake *m) {
	struct decide_request *r = &in->request;
	struct input_source s = {
		.write = r->write,
		.forwarded = r->forwarded,
		.domain = r->domain,
		.method = r->method,
		.path = r->path,
		.host = r->host,
		.sticky = r->sticky,
		.body_bytes = r->body_bytes,
	};
	enum err e = json_read(object, request_fields, &s, m);
	if (!e && !r->who) e = read_reference(p, &tenant_kind, "tenant", s.tenant, &r->tenant, m);
	if (!e) e = read_reference(p, &region_kind, "region", s.region, &r->here, m);
	if (!e) e = read_consistency(p, s.consistency, r, m);
	if (!e && s.time.ptr) e = read_time(s.time, &r->time_ms, m);
	if (!e && s.headers) e = read_headers(s.headers, in, m);
	if (!e && s.client) e = read_client(s.client, &s, in, m);
	if (!e && s.flags) e = read_flags(p, s.flags, in, m);
	if (e) return e;
	r->write = s.write;
	r->forwarded = s.forwarded;
	r->domain = s.domain;
	r->method = s.method;
	r->path = s.path;
	r->host = s.host;
	r->sticky = s.sticky;
	r->body_bytes = s.body_bytes;
	return ERR_OK;
}

/* --- the world ------------------------------------------------------------------------------- */

struct world_source {
	const json_t *regions, *cells;
	uint64_t version;
};
static const struct json_field world_fields[] = {
	INPUT_FIELD("version", U64, world_source, version, .max = INT64_MAX),
	INPUT_FIELD("regions", OBJECT, world_source, regions),
	INPUT_FIELD("cells", OBJECT, world_source, cells),
	{NULL},
};

static const char *const state_words[] = {
	[REGION_ACTIVE] = "active", [REGION_DRAINING] = "draining", [REGION_DOWN] = "down", NULL};
struct region_source {
	int state;
	struct world_region seen;
};
#define AGE(name, in, member) INPUT_FIELD(name, U32, in, member, .max = UINT32_MAX)
static const struct json_field region_fields[] = {
	INPUT_FIELD("state", CHOICE, region_source, state, .choices = state_words),
	AGE("age_ms", region_source, seen.state_age_ms),
	INPUT_FIELD("breaker", BOOL, region_source, seen.breaker_open),
	AGE("breaker_age_ms", region_source, seen.breaker_age_ms),
	INPUT_FIELD("over_capacity", BOOL, region_source, seen.over_capacity),
	AGE("capacity_age_ms", region_source, seen.capacity_age_ms),
	{NULL},
};

static enum err read_region(const struct policy *p, int region, const json_t *object,
                            struct whatif *w, struct json_mistake *m) {
	struct world_region *r = &w->regions[region];
	struct region_source s = {.state = (int)r->state, .seen = *r};
	enum err e = json_read(object, region_fields, &s, m);
	if (e) return e;
	*r = s.seen;
	r->state = (unsigned)s.state;
	return ERR_OK;
}

struct cell_source {
	const json_t *home, *lag, *lag_age;
	uint64_t epoch;
	bool promoting;
};
static const struct json_field cell_fields[] = {
	INPUT_FIELD("home", ANY, cell_source, home),
	INPUT_FIELD("epoch", U64, cell_source, epoch, .max = INT64_MAX),
	INPUT_FIELD("promoting", BOOL, cell_source, promoting),
	INPUT_FIELD("lag_ms", OBJECT, cell_source, lag),
	INPUT_FIELD("lag_age_ms", OBJECT, cell_source, lag_age),
	{NULL},
};

/* One number per replica of the cell, by its region. */
static enum err read_replicas(const struct policy *p, const struct policy_cell *cell,
                              const char *key, const json_t *object, uint32_t *out,
                              struct json_mistake *m) {
	struct json_field fields[POLICY_REPLICAS_MAX + 1] = {{NULL}};
	for (int i = 0; i < cell->replica_count; i++)
		fields[i] = (struct json_field){.key = p->regions[cell->replicas[i]].name,
		                                .type = JSON_FIELD_U32,
		                                .offset = (size_t)i * sizeof *out,
		                                .max = UINT32_MAX};
	if (!object) return ERR_OK;
	size_t before = json_enter(m, key);
	enum err e = json_read(object, fields, out, m);
	if (!e) json_leave(m, before);
	return e;
}

static enum err read_cell(const struct policy *p, int cell, const json_t *object, struct whatif *w,
                          struct json_mistake *m) {
	struct world_cell *c = &w->cells[cell];
	struct cell_source s = {.epoch = c->epoch, .promoting = c->promoting};
	enum err e = json_read(object, cell_fields, &s, m);
	if (e) return e;
	c->epoch = s.epoch;
	c->promoting = s.promoting;
	if (json_is_null(s.home)) {
		c->home = -1;
	} else if (s.home) {
		if (!json_is_string(s.home))
			return refuse_text(m, "home", "the name of a region, or null");
		struct slice name = slice_of(json_string_value(s.home), json_string_length(s.home));
		e = read_reference(p, &region_kind, "home", name, &c->home, m);
	}
	if (!e) e = read_replicas(p, &p->cells[cell], "lag_ms", s.lag, c->lag_ms, m);
	if (!e) e = read_replicas(p, &p->cells[cell], "lag_age_ms", s.lag_age, c->lag_age_ms, m);
	return e;
}

/* Each member of `object` is named for a thing of the policy. */
static enum err read_each(const struct policy *p, const char *section, const struct kind *k,
                          const json_t *object,
                          enum err (*take)(const struct policy *p, int i, const json_t *value,
                                           struct whatif *w, struct json_mistake *m),
                          struct whatif *w, struct json_mistake *m) {
	if (!object) return ERR_OK;
	size_t outside = json_enter(m, section);
	const char *name;
	json_t *value;
	json_object_foreach((json_t *)object, name, value) {
		size_t before = json_enter(m, name);
		int i = k->find(p, slice_str(name));
		enum err e =
			i < 0 ? refuse_unknown(p, k, slice_str(name), m) : take(p, i, value, w, m);
		if (e) return e;
		json_leave(m, before);
	}
	json_leave(m, outside);
	return ERR_OK;
}

enum err decide_world_read(const struct policy *p, const json_t *object, struct whatif *w,
                           struct json_mistake *m) {
	struct world_source s = {.version = w->world.version};
	enum err e = json_read(object, world_fields, &s, m);
	if (!e) e = read_each(p, "regions", &region_kind, s.regions, read_region, w, m);
	if (!e) e = read_each(p, "cells", &cell_kind, s.cells, read_cell, w, m);
	if (!e) w->world.version = s.version;
	return e;
}
