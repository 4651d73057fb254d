/* What the parts that load policy.yaml share: the object under construction and the
 * tree it is made from. Private to src/policy. */
#pragma once
#include "base/arena.h"
#include "base/map.h"
#include "cel/cel.h"
#include "policy/doc.h"

/* Behind struct policy: its memory and what finds things in it. */
struct policy_private {
	struct arena arena;
	struct map regions, residencies, cells, tenants, flags; /* name → index + 1, as a pointer */
	uint64_t seed[2];
	/* API keys of all tenants, and an open-addressing table over them. The base map would
	 * compare with memcmp; this one compares in constant time. */
	uint8_t (*key_hashes)[32];
	int32_t *key_tenants;
	uint32_t *key_slots;                /* index + 1; 0: free */
	uint32_t key_count, key_slot_count; /* slots: power of two, more than twice the keys */
	/* What rules need; NULL and 0 without rules. */
	struct cel_env *env;
	struct cel_zones *zones; /* that conditions name */
	uint64_t slots_used; /* bit per enum rule_slot, by any rule or variable */
	uint64_t flag_slots_used; /* by flags, besides */
	struct cel_value (*tenant_texts)[5]; /* id, tier, country, residency, cell */
	struct rule_variable *variables;
	int variable_count;
	struct rule_index *index;
	struct rule_gate *gates; /* as many as rules */
	/* Regions by distance from each: [r][0] is r itself. */
	uint8_t (*near)[POLICY_REGIONS_MAX];
	double (*unit)[3]; /* where a region is, on the unit sphere */
};
/* The place of the hash: its slot, or the free one where it belongs. */
uint32_t policy_key_slot(const struct policy_private *own, const uint8_t sha256[32]);
int policy_map_find(const struct map *m, struct slice name); /* index or -1 */

/* One of `variables:`: evaluated at most once a decision, when the first rule needs it. */
struct rule_variable {
	const char *name;
	struct cel_program *program;
	uint64_t reads; /* variables, itself included: those before it that must be there */
};

/* What a decision asks of each rule that may match, apart from the rest so that a thousand rules stay
 * in the cache. */
struct rule_gate {
	const struct cel_program *when; /* NULL: always */
	uint64_t variables;
	unsigned effects;
	bool skips_unknown;
};

struct load {
	struct doc doc;
	struct policy *policy;
	struct policy_private *own;
	const struct policy_zones *zones; /* NULL: none can be had */
	/* Sections; NULL: absent. */
	const struct doc_node *regions, *residencies, *cells, *tenants, *variables, *rules, *signals,
		*safety, *flags;
};

/* Zeroed, in the policy's memory; NULL, and noted in the doc, without memory. */
void *load_alloc(struct load *l, size_t count, size_t size);
/* The child's key as the name of entry `index`: checked, kept, registered in m. */
const char *load_name(struct load *l, const struct doc_node *child, struct map *m, int index);
/* Index of what the scalar names, or -1 and noted. */
int load_reference(struct load *l, const struct doc_node *n, const char *what, const struct map *m,
                   const struct doc_node *section);
/* A list of region names; wrong ones are noted and left out. items: where each one stands, or NULL. */
int load_regions(struct load *l, const struct doc_node *list, int max, int *out,
                 const struct doc_node **items);
/* "us-east, us-west", cut where it gets long. */
struct region_names {
	char text[100];
};
struct region_names load_region_names(const struct policy *p, region_set set);

/* Each reads its section into l->policy. In this order. */
void load_region_section(struct load *l);
void load_residency_section(struct load *l);
void load_cell_section(struct load *l);
void load_tenant_section(struct load *l);
/* placed: the tenant's residency and cell are known. */
void load_preferences(struct load *l, const struct doc_node *map, struct policy_tenant *t,
                      bool placed);
void load_rule_section(struct load *l); /* with variables; needs all of the above */
void load_flag_section(struct load *l); /* after the rules */
/* Of struct cel_options; arg: the load. */
const char *load_zone_named(void *arg, struct slice name);
/* A value such as "bounded=500ms"; noted when it is none. */
bool load_consistency(struct load *l, const struct doc_node *n, enum consistency *out,
                      uint64_t *bounded_ms);
/* Digits with a sign and a point only: strtod would also take hexadecimal, "inf" and "nan". */
bool load_number(struct slice text, double min, double max, double *out);
void load_secondary_section(struct load *l); /* of the cells; needs the tenants */
void load_signal_section(struct load *l);
void load_safety_section(struct load *l);
/* Who is near whom; after the regions. */
void load_distances(struct load *l);
void load_unit(double latitude, double longitude, double out[3]);
