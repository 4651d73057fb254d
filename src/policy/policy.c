/* Loading a policy as a whole, freeing it, finding things in it. The sections are read
 * in load_*.c. May not know a clock, a file or who asks. */
#include "policy/policy.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/parse.h"
#include "policy/flags.h"
#include "policy/load.h"
#include "policy/rule_index.h"

enum { POLICY_ARENA_MAX = 1 << 30 };

static struct policy *policy_new(struct slice yaml) {
	struct policy *p = calloc(1, sizeof *p);
	struct policy_private *own = calloc(1, sizeof *own);
	if (!p || !own) {
		free(p);
		free(own);
		return NULL;
	}
	p->private = own;
	sha256(&yaml, 1, p->hash);
	/* Whoever could choose colliding names would have to find them in a file that names them. */
	memcpy(own->seed, p->hash, sizeof own->seed);
	arena_init(&own->arena, POLICY_ARENA_MAX);
	map_init(&own->regions, own->seed);
	map_init(&own->residencies, own->seed);
	map_init(&own->cells, own->seed);
	map_init(&own->tenants, own->seed);
	map_init(&own->flags, own->seed);
	return p;
}

/* The arena holds the rest of them. */
static void flags_free(struct policy *p) {
	for (int i = 0; i < p->flag_count; i++) {
		for (int r = 0; r < p->flags[i].rule_count; r++) {
			cel_program_free(p->flags[i].rules[r].when);
			cel_program_free(p->flags[i].rules[r].by);
		}
	}
}

static void rules_free(struct policy *p) {
	struct policy_private *own = p->private;
	for (int i = 0; i < p->rule_count; i++) cel_program_free(p->rules[i].when);
	for (int i = 0; i < own->variable_count; i++) cel_program_free(own->variables[i].program);
	cel_env_free(own->env);
	cel_zones_free(own->zones);
}

void policy_free(struct policy *p) {
	if (!p) return;
	struct policy_private *own = p->private;
	map_done(&own->regions);
	map_done(&own->residencies);
	map_done(&own->cells);
	map_done(&own->tenants);
	map_done(&own->flags);
	flags_free(p);
	rules_free(p);
	arena_done(&own->arena);
	free(own);
	free(p);
}

#define SECTION(name, member, must)                                                                \
	{                                                                                          \
		.key = name, .type = FIELD_MAPPING, .offset = offsetof(struct load, member),       \
		.required = must                                                                   \
	}

static const struct field policy_fields[] = {
	SECTION("regions", regions, true),
	SECTION("residency", residencies, true),
	SECTION("cells", cells, false),
	SECTION("tenants", tenants, false),
	SECTION("signals", signals, false),
	SECTION("safety", safety, false),
	SECTION("variables", variables, false),
	{.key = "rules",
         .type = FIELD_SEQUENCE,
         .offset = offsetof(struct load, rules),
         .expected = "a list of rules"},
	SECTION("flags", flags, false),
	{NULL},
};

static void load_sections(struct load *l) {
	const struct doc_node *root = l->doc.root;
	if (!root || doc_null(root)) {
		mistake_add(&l->doc.mistakes, 1, 1,
		            "the file is empty; expected the keys regions, residency, cells and "
		            "tenants");
		return;
	}
	if (root->kind != DOC_MAPPING) {
		doc_error(&l->doc, root,
		          "found %s; expected the keys regions, residency, cells and tenants",
		          doc_found(root).text);
		return;
	}
	doc_read(&l->doc, root, policy_fields, l);
	load_region_section(l);
	/* With more regions than can be counted every reference would look wrong. */
	if (l->regions && l->regions->count > POLICY_REGIONS_MAX) return;
	load_residency_section(l);
	load_cell_section(l);
	load_tenant_section(l);
	load_secondary_section(l);
	load_signal_section(l);
	load_safety_section(l);
	load_distances(l);
	load_rule_section(l);
	load_flag_section(l);
}

enum err policy_load(struct slice yaml, const char *file,
                     void (*report)(void *arg, const struct policy_error *e), void *arg,
                     struct policy **out) {
	return policy_load_zoned(yaml, file, NULL, report, arg, out);
}

enum err policy_load_zoned(struct slice yaml, const char *file, const struct policy_zones *zones,
                           void (*report)(void *arg, const struct policy_error *e), void *arg,
                           struct policy **out) {
	*out = NULL;
	struct load *l = calloc(1, sizeof *l);
	struct policy *p = l ? policy_new(yaml) : NULL;
	if (!p) {
		free(l);
		return ERR_NO_MEMORY;
	}
	l->policy = p;
	l->own = p->private;
	l->zones = zones;
	doc_init(&l->doc, file, &l->own->arena, l->own->seed);
	enum err parsed = doc_parse(&l->doc, yaml);
	if (!parsed) load_sections(l);
	enum err e = doc_finish(&l->doc, report, arg);
	if (parsed) e = parsed;
	doc_done(&l->doc);
	free(l);
	if (e)
		policy_free(p);
	else
		*out = p;
	return e;
}

enum err consistency_parse(struct slice text, enum consistency *out, uint64_t *bounded_ms) {
	static const char *const words[] = {
		[CONSISTENCY_STRONG] = "strong",
		[CONSISTENCY_SESSION] = "session",
		[CONSISTENCY_EVENTUAL] = "eventual",
	};
	uint64_t bound = 0;
	if (slice_starts(text, SLICE_LIT("bounded="))) {
		size_t skip = sizeof "bounded=" - 1;
		struct slice duration = slice_of(text.ptr + skip, text.len - skip);
		enum err e = parse_duration_ms(duration, CONSISTENCY_BOUNDED_MS_MAX, &bound);
		if (e || bound == 0) return ERR_INVALID;
		*out = CONSISTENCY_BOUNDED;
		*bounded_ms = bound;
		return ERR_OK;
	}
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (!words[i] || !slice_is(text, words[i])) continue;
		*out = (enum consistency)i;
		*bounded_ms = 0;
		return ERR_OK;
	}
	return ERR_INVALID;
}

int policy_map_find(const struct map *m, struct slice name) {
	return (int)(uintptr_t)map_get(m, name) - 1;
}

int policy_find_region(const struct policy *p, struct slice name) {
	return policy_map_find(&p->private->regions, name);
}

int policy_find_residency(const struct policy *p, struct slice name) {
	return policy_map_find(&p->private->residencies, name);
}

int policy_find_cell(const struct policy *p, struct slice name) {
	return policy_map_find(&p->private->cells, name);
}

int policy_find_tenant(const struct policy *p, struct slice name) {
	return policy_map_find(&p->private->tenants, name);
}

int policy_find_flag(const struct policy *p, struct slice name) {
	return policy_map_find(&p->private->flags, name);
}

uint32_t policy_key_slot(const struct policy_private *own, const uint8_t sha256[32]) {
	ASSERT(own->key_slot_count > own->key_count);
	uint32_t mask = own->key_slot_count - 1;
	uint32_t slot = (uint32_t)siphash13(own->seed, sha256, 32) & mask;
	for (; own->key_slots[slot]; slot = (slot + 1) & mask) {
		const uint8_t *known = own->key_hashes[own->key_slots[slot] - 1];
		if (slice_eq_secret(slice_of(known, 32), slice_of(sha256, 32))) break;
	}
	return slot;
}

int policy_find_key(const struct policy *p, const uint8_t sha256[32]) {
	const struct policy_private *own = p->private;
	if (own->key_count == 0) return -1;
	uint32_t found = own->key_slots[policy_key_slot(own, sha256)];
	return found ? own->key_tenants[found - 1] : -1;
}
