/* Values of a decision as conditions see them: see rule_slots.h. Nothing is copied but the
 * sixteen bytes of a value. May not know which rules there are. */
#include "policy/rule_slots.h"

#include "policy/load.h"

_Static_assert(SLOT_COUNT <= 64, "which slots are used is one word");

struct cel_env *rule_env_new(void) {
	static const char *const table[][2] = {
#define RULE_SLOT_ROW(slot, name, type) {name, type},
		RULE_SLOTS(RULE_SLOT_ROW)
#undef RULE_SLOT_ROW
	};
	struct cel_env *e = cel_env_new();
	for (int i = 0; e && i < SLOT_COUNT; i++) {
		if (cel_env_variable_text(e, table[i][0], table[i][1], NULL) == ERR_OK) continue;
		cel_env_free(e);
		e = NULL;
	}
	return e;
}

static struct cel_value text(const char *s) {
	return cel_string(slice_str(s));
}

/* Empty: not known, so without a value. */
static struct cel_value text_or_none(struct slice s) {
	return s.len ? cel_string(s) : cel_error(CEL_FAULT_UNSET);
}

/* --- maps ------------------------------------------------------------------------------------ */

static const struct rule_inputs *inputs_of(const struct cel_map *m) {
	return ((const struct rule_map *)m)->inputs;
}

static bool header_find(const struct cel_map *m, const struct cel_value *key,
                        struct cel_value *out) {
	const struct decide_request *r = inputs_of(m)->request;
	if (key->kind != CEL_STRING || !key->extra) return false;
	struct slice name = cel_slice(key);
	for (int i = 0; i < r->header_count; i++) {
		struct slice has = r->headers[i].name;
		if (has.len != name.len || has.ptr[0] != name.ptr[0]) continue; /* most */
		if (!slice_eq(has, name)) continue;
		*out = cel_string(r->headers[i].value);
		return true;
	}
	return false;
}

static bool attribute_find(const struct cel_map *m, const struct cel_value *key,
                           struct cel_value *out) {
	const struct rule_inputs *in = inputs_of(m);
	const struct policy_tenant *t = in->who;
	if (key->kind != CEL_STRING) return false;
	for (int i = 0; i < t->attribute_count; i++) {
		if (!slice_is(cel_slice(key), t->attributes[i].name)) continue;
		*out = text(t->attributes[i].value);
		return true;
	}
	return false;
}

static bool state_find(const struct cel_map *m, const struct cel_value *key,
                       struct cel_value *out) {
	static const char *const words[] = {
		[REGION_ACTIVE] = "active", [REGION_DRAINING] = "draining", [REGION_DOWN] = "down"};
	const struct rule_inputs *in = inputs_of(m);
	if (key->kind != CEL_STRING) return false;
	int region = policy_find_region(in->policy, cel_slice(key));
	if (region < 0) return false;
	*out = text(words[in->world->regions[region].state]);
	return true;
}

static bool lag_find(const struct cel_map *m, const struct cel_value *key, struct cel_value *out) {
	const struct rule_inputs *in = inputs_of(m);
	const struct policy *p = in->policy;
	int index = in->who->cell;
	const struct policy_cell *cell = &p->cells[index];
	const struct world_cell *w = &in->world->cells[index];
	if (key->kind != CEL_STRING) return false;
	for (int i = 0; i < cell->replica_count; i++) {
		if (!slice_is(cel_slice(key), p->regions[cell->replicas[i]].name)) continue;
		bool known = w->lag_ms[i] != UINT32_MAX && w->lag_age_ms[i] <= p->signals.lag_ms;
		*out = known ? cel_int(w->lag_ms[i]) : cel_error(CEL_FAULT_UNSET);
		return true;
	}
	return false;
}

static struct cel_value map_value(struct rule_map *m, const struct rule_inputs *in, int count,
                                  bool (*find)(const struct cel_map *m, const struct cel_value *key,
                                               struct cel_value *out)) {
	*m = (struct rule_map){{.count = (uint32_t)count, .find = find}, in};
	return (struct cel_value){.kind = CEL_MAP, .map = &m->map};
}

/* --- by group ----------------------------------------------------------------------------------- */

static const char *const consistency_words[] = {
	[CONSISTENCY_STRONG] = "strong",
	[CONSISTENCY_SESSION] = "session",
	[CONSISTENCY_BOUNDED] = "bounded",
	[CONSISTENCY_EVENTUAL] = "eventual",
};

static void fill_request(struct rule_inputs *in) {
	const struct decide_request *r = in->request;
	struct cel_value *v = in->slots;
	v[SLOT_REQUEST_METHOD] = cel_string(r->method);
	v[SLOT_REQUEST_PATH] = cel_string(r->path);
	v[SLOT_REQUEST_HOST] = cel_string(r->host);
	v[SLOT_REQUEST_DOMAIN] = cel_string(r->domain);
	v[SLOT_REQUEST_HEADERS] = map_value(&in->headers, in, r->header_count, header_find);
	v[SLOT_REQUEST_SIZE] = cel_int((int64_t)r->body_bytes);
	v[SLOT_REQUEST_WRITE] = cel_bool(r->write);
	v[SLOT_REQUEST_CONSISTENCY] = text(consistency_words[r->consistency]);
	v[SLOT_REQUEST_REGION] = text(in->policy->regions[r->here].name);
	v[SLOT_REQUEST_FORWARDED] = cel_bool(r->forwarded);
	v[SLOT_REQUEST_TIME] = r->time_ms ? cel_timestamp((int64_t)(r->time_ms / 1000),
	                                                  (uint32_t)(r->time_ms % 1000) * 1000000u)
	                                  : cel_error(CEL_FAULT_UNSET);
	v[SLOT_REQUEST_KEY] = text_or_none(r->sticky);
}

static void fill_client(struct rule_inputs *in) {
	const struct decide_client *c = &in->request->client;
	struct cel_value *v = in->slots;
	v[SLOT_CLIENT_IP] = c->ip ? (struct cel_value){.kind = CEL_IP, .net = c->ip}
	                          : cel_error(CEL_FAULT_UNSET);
	v[SLOT_CLIENT_COUNTRY] = text_or_none(c->country);
	v[SLOT_CLIENT_LATITUDE] = c->located ? cel_double(c->latitude) : cel_error(CEL_FAULT_UNSET);
	v[SLOT_CLIENT_LONGITUDE] =
		c->located ? cel_double(c->longitude) : cel_error(CEL_FAULT_UNSET);
}

void rule_tenant_texts(const struct policy *p, const struct policy_tenant *t,
                       struct cel_value out[SLOT_TENANT_TEXTS]) {
	out[0] = text(t->name);
	out[1] = text(t->tier);
	out[2] = text(t->country);
	out[3] = text(p->residencies[t->residency].name);
	out[4] = text(p->cells[t->cell].name);
}

static void fill_tenant(struct rule_inputs *in) {
	const struct policy *p = in->policy;
	struct cel_value *texts = &in->slots[SLOT_TENANT_FIRST];
	if (in->tenant >= 0)
		memcpy(texts, p->private->tenant_texts[in->tenant],
		       sizeof p->private->tenant_texts[in->tenant]);
	else
		rule_tenant_texts(p, in->who, texts);
	in->slots[SLOT_TENANT_ATTRIBUTES] =
		map_value(&in->attributes, in, in->who->attribute_count, attribute_find);
}

static void fill_world(struct rule_inputs *in) {
	const struct policy *p = in->policy;
	int index = in->who->cell;
	const struct world_cell *w = &in->world->cells[index];
	bool known = w->home >= 0 && w->home < p->region_count;
	struct cel_value *v = in->slots;
	v[SLOT_WORLD_HOME] = text(known ? p->regions[w->home].name : "");
	v[SLOT_WORLD_PROMOTING] = cel_bool(w->promoting);
	v[SLOT_WORLD_STATE] = map_value(&in->state, in, p->region_count, state_find);
	v[SLOT_WORLD_LAG_MS] = map_value(&in->lag_ms, in, p->cells[index].replica_count, lag_find);
}

static bool any_of(uint64_t used, int first, int last) {
	return used >> first & (((uint64_t)2 << (last - first)) - 1);
}

void rule_inputs_fill(struct rule_inputs *in, const struct policy *p, const struct world *w,
                      const struct decide_request *r, uint64_t used, int variables) {
	in->policy = p;
	in->world = w;
	in->request = r;
	in->tenant = r->tenant;
	in->who = decide_tenant(p, r);
	if (any_of(used, SLOT_REQUEST_METHOD, SLOT_REQUEST_KEY)) fill_request(in);
	if (any_of(used, SLOT_TENANT_ID, SLOT_TENANT_ATTRIBUTES)) fill_tenant(in);
	if (any_of(used, SLOT_CLIENT_IP, SLOT_CLIENT_LONGITUDE)) fill_client(in);
	if (any_of(used, SLOT_WORLD_HOME, SLOT_WORLD_LAG_MS)) fill_world(in);
	for (int i = 0; i < variables; i++) in->slots[SLOT_COUNT + i] = cel_error(CEL_FAULT_UNSET);
}

void rule_inputs_fill_tenant(struct rule_inputs *in, const struct policy *p, int tenant) {
	memset(in->slots, 0, sizeof in->slots);
	in->policy = p;
	in->world = NULL;
	in->request = NULL;
	in->tenant = tenant;
	in->who = &p->tenants[tenant];
	fill_tenant(in);
}
