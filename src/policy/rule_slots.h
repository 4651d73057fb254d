/* What conditions can ask: the variables of the language, their types, and how a decision fills
 * them. One table; docs/policy.md says the same to people. Private to src/policy. */
#pragma once
#include "policy/decide.h"

/*        slot               name                  type */
#define RULE_SLOTS(X)                                                                              \
	X(REQUEST_METHOD, "request.method", "string")                                              \
	X(REQUEST_PATH, "request.path", "string")                                                  \
	X(REQUEST_HOST, "request.host", "string")                                                  \
	X(REQUEST_DOMAIN, "request.domain", "string")                                              \
	X(REQUEST_HEADERS, "request.headers", "map(string, string)")                               \
	X(REQUEST_SIZE, "request.size", "int")                                                     \
	X(REQUEST_WRITE, "request.write", "bool")                                                  \
	X(REQUEST_CONSISTENCY, "request.consistency", "string")                                    \
	X(REQUEST_REGION, "request.region", "string")                                              \
	X(REQUEST_FORWARDED, "request.forwarded", "bool")                                          \
	X(REQUEST_TIME, "request.time", "google.protobuf.Timestamp")                               \
	X(REQUEST_KEY, "request.key", "string")                                                    \
	X(TENANT_ID, "tenant.id", "string")                                                        \
	X(TENANT_TIER, "tenant.tier", "string")                                                    \
	X(TENANT_COUNTRY, "tenant.country", "string")                                              \
	X(TENANT_RESIDENCY, "tenant.residency", "string")                                          \
	X(TENANT_CELL, "tenant.cell", "string")                                                    \
	X(TENANT_ATTRIBUTES, "tenant.attributes", "map(string, string)")                           \
	X(CLIENT_IP, "client.ip", "net.IP")                                                        \
	X(CLIENT_COUNTRY, "client.country", "string")                                              \
	X(CLIENT_LATITUDE, "client.latitude", "double")                                            \
	X(CLIENT_LONGITUDE, "client.longitude", "double")                                          \
	X(WORLD_HOME, "world.home", "string")                                                      \
	X(WORLD_PROMOTING, "world.promoting", "bool")                                              \
	X(WORLD_STATE, "world.state", "map(string, string)")                                       \
	X(WORLD_LAG_MS, "world.lag_ms", "map(string, int)")

enum rule_slot {
#define RULE_SLOT_ENUM(slot, name, type) SLOT_##slot,
	RULE_SLOTS(RULE_SLOT_ENUM)
#undef RULE_SLOT_ENUM
		SLOT_COUNT
};
enum {
	SLOT_TENANT_FIRST = SLOT_TENANT_ID,
	SLOT_TENANT_TEXTS = SLOT_TENANT_CELL - SLOT_TENANT_ID + 1,
	SLOTS_MAX = SLOT_COUNT + RULE_VARIABLES_MAX, /* then `variables:` in their order */
};

/* A map that is looked up where its content lies. */
struct rule_map {
	struct cel_map map; /* first */
	const struct rule_inputs *inputs;
};
/* One decision's values. Slots point into it, so it stays where it is. */
struct rule_inputs {
	const struct policy *policy;
	const struct world *world;
	const struct decide_request *request;
	int tenant; /* -1: none of the policy's */
	const struct policy_tenant *who;
	struct cel_value slots[SLOTS_MAX];
	struct rule_map headers, attributes, state, lag_ms;
};

/* NULL: no memory. */
struct cel_env *rule_env_new(void);
/* Fills what `used` (bit per slot) asks for; every other slot, and the first `variables` of
 * `variables:`, are without a value. request->tenant's cell must be in the world. */
void rule_inputs_fill(struct rule_inputs *in, const struct policy *p, const struct world *w,
                      const struct decide_request *r, uint64_t used, int variables);
/* id, tier, country, residency, cell: in the order of their slots; borrowed. */
void rule_tenant_texts(const struct policy *p, const struct policy_tenant *t,
                       struct cel_value out[SLOT_TENANT_TEXTS]);
/* As much as is known of a tenant without a request: for checks while loading. */
void rule_inputs_fill_tenant(struct rule_inputs *in, const struct policy *p, int tenant);
