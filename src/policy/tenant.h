/* A tenant of the directory: what it is made of, its limits, and what must hold before it
 * may be stored. The part that many tenants have in common, the profile, is all that the
 * decision looks at; names, keys and attributes are each tenant's own.
 *
 * Pure: no clock, no file, no allocation. Any thread.
 */
#pragma once
#include "base/hash.h"
#include "policy/policy.h"

enum {
	TENANT_KEYS_MAX = 16,
	TENANT_ATTRIBUTES_MAX = 32,
	TENANT_ATTRIBUTE_NAME_MAX = 63,
	TENANT_ATTRIBUTE_BYTES_MAX = 256,
};

struct tenant_profile {
	int32_t residency, cell; /* indexes into the policy it was checked against; -1: not given */
	uint32_t bounded_ms;     /* for CONSISTENCY_BOUNDED; 0 otherwise */
	uint8_t consistency;     /* enum consistency */
	uint8_t preferred_count;
	uint8_t preferred[POLICY_REPLICAS_MAX]; /* region indexes it wants reads from */
	bool explicit_failover;                 /* as in struct policy_tenant, and so is the next */
	struct policy_maintenance maintenance;
	char country[3];                /* two capital letters, or "" */
	char tier[POLICY_NAME_MAX + 1]; /* a name, or "" */
};

struct tenant_attribute {
	struct slice name, value;
};

/* One tenant as it is written down; slices are borrowed from whoever filled it in. */
struct tenant_row {
	struct slice name;
	struct tenant_profile profile;
	int key_count, attribute_count;
	uint8_t keys[TENANT_KEYS_MAX][SHA256_BYTES]; /* SHA-256 of its API keys */
	struct tenant_attribute attributes[TENANT_ATTRIBUTES_MAX];
};
/* Nothing given yet: no name, no place, CONSISTENCY_SESSION. */
void tenant_row_init(struct tenant_row *row);

/* Every rule that policy.yaml holds its tenants to: the cell keeps its copies within the
 * residency class, preferences are within both, names and texts are well-formed, nothing
 * stands twice. ERR_INVALID, and the fault says what was found and what was expected. */
MUST enum err tenant_profile_check(const struct policy *p, const struct tenant_profile *profile,
                                   struct fault *f);
MUST enum err tenant_row_check(const struct policy *p, const struct tenant_row *row,
                               struct fault *f);

/* The same profile by the names of another policy: indexes may have moved. ERR_INVALID when
 * `to` lacks a name, or no longer allows the combination. */
MUST enum err tenant_profile_rebind(struct tenant_profile *profile, const struct policy *from,
                                    const struct policy *to, struct fault *f);

/* The rules of single texts, for policy.yaml and imports alike. */
bool tenant_country_valid(struct slice s); /* two capital letters */
#define ATTRIBUTE_NAME_EXPECTED "a letter, then letters, digits, '_', '-' or '.', at most 63"
bool tenant_attribute_name_valid(
	struct slice s); /* a letter first: rules write tenant.attributes.plan */
#define CLOCK_EXPECTED "a time of the day such as \"02:00\""
bool clock_parse(struct slice text, uint16_t *minutes);
#define ZONE_EXPECTED "an offset from UTC such as \"+02:00\", at most 14 hours"
bool zone_parse(struct slice text, int16_t *minutes);
/* "sha256:" and 64 digits 0-9 a-f. */
bool tenant_key_parse(struct slice text, uint8_t hash[SHA256_BYTES]);
