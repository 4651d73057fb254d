/* Requests made up. */
#include "policy/grid.h"

#include "policy/rule_slots.h"

#define GRID_TIME_MS UINT64_C(1767268800000) /* 2026-01-01T12:00:00Z */
enum { GRID_BOUND_MS = 500 };

/* Of a range for documentation: nobody's. */
static const struct cel_net address = {.bytes = {192, 0, 2, 1}, .family = 4, .prefix = 32};

static const struct {
	const char *name;
	enum consistency consistency;
} kinds[GRID_KINDS] = {
	[GRID_WRITE] = {"write", CONSISTENCY_SESSION},
	[GRID_STRONG] = {"strong read", CONSISTENCY_STRONG},
	[GRID_SESSION] = {"session read", CONSISTENCY_SESSION},
	[GRID_BOUNDED] = {"bounded read", CONSISTENCY_BOUNDED},
	[GRID_EVENTUAL] = {"eventual read", CONSISTENCY_EVENTUAL},
};

struct decide_request grid_request(const struct policy *p, int tenant, int here, int kind) {
	bool write = kind == GRID_WRITE;
	const char *country = p->tenants[tenant].country;
	return (struct decide_request){
		.tenant = tenant,
		.here = here,
		.write = write,
		.consistency = kinds[kind].consistency,
		.bounded_ms = kind == GRID_BOUNDED ? GRID_BOUND_MS : 0,
		.method = write ? SLICE_LIT("PUT") : SLICE_LIT("GET"),
		.path = SLICE_LIT("/"),
		.time_ms = GRID_TIME_MS,
		.client = {.ip = &address,
	                   .country = country[0] ? slice_str(country) : SLICE_LIT("ZZ"),
	                   .located = true,
	                   .latitude = p->regions[here].latitude,
	                   .longitude = p->regions[here].longitude},
	};
}

const char *grid_name(int kind) {
	return kinds[kind].name;
}

/* --- what rules ask for ------------------------------------------------------------------------ */

/* Where a sample keeps the value of a slot; NULL: that is not for a request to choose. */
static struct slice *sample_text(struct grid_sample *s, int slot) {
	switch (slot) {
	case SLOT_REQUEST_METHOD: return &s->method;
	case SLOT_REQUEST_PATH: return &s->path;
	case SLOT_REQUEST_HOST: return &s->host;
	case SLOT_REQUEST_DOMAIN: return &s->domain;
	case SLOT_CLIENT_COUNTRY: return &s->country;
	default: return NULL;
	}
}

static bool same_sample(const struct grid_sample *a, const struct grid_sample *b) {
	return slice_eq(a->method, b->method) && slice_eq(a->path, b->path) &&
	       slice_eq(a->host, b->host) && slice_eq(a->domain, b->domain) &&
	       slice_eq(a->country, b->country);
}

/* One that meets the rule's guards; false: it has none that a request could meet. */
static bool sample_of(const struct policy_rule *r, struct grid_sample *out) {
	const struct cel_guard *guards;
	int count = r->when ? cel_program_guards(r->when, &guards) : 0;
	bool some = false;
	*out = (struct grid_sample){0};
	for (int i = 0; i < count; i++) {
		struct slice *text = sample_text(out, guards[i].slot);
		const struct cel_value *v = guards[i].values;
		if (!text || guards[i].count == 0 || v->kind != CEL_STRING) continue;
		*text = slice_of(v->s, v->extra);
		some = true;
	}
	return some;
}

void grid_sample_rules(const struct policy *p, struct grid_sample *samples, int *count) {
	for (int i = 0; i < p->rule_count && *count < GRID_SAMPLES_MAX; i++) {
		struct grid_sample fresh;
		if (!sample_of(&p->rules[i], &fresh)) continue;
		int k = 0;
		while (k < *count && !same_sample(&samples[k], &fresh)) k++;
		if (k == *count) samples[(*count)++] = fresh;
	}
}

void grid_apply(const struct grid_sample *s, struct decide_request *q) {
	if (s->method.ptr) q->method = s->method;
	if (s->path.ptr) q->path = s->path;
	if (s->host.ptr) q->host = s->host;
	if (s->domain.ptr) q->domain = s->domain;
	if (s->country.ptr) q->client.country = s->country;
}
