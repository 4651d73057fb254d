/* The section tenants. There may be very many: whatever is done per tenant costs the
 * same for the last as for the first. */
#include "policy/key.h"
#include "policy/load.h"
#include "policy/tenant.h"

struct tenant_source {
	const struct doc_node *residency, *cell, *consistency, *preferences, *attributes, *keys;
	const char *tier, *country;
};

#define TENANT_FIELD(name, kind, member, ...)                                                      \
	{ .key = name, .type = kind, .offset = offsetof(struct tenant_source, member), __VA_ARGS__ }

static const struct field tenant_fields[] = {
	TENANT_FIELD("residency", FIELD_SCALAR, residency, .required = true,
                     .expected = "a residency class"),
	TENANT_FIELD("cell", FIELD_SCALAR, cell, .required = true, .expected = "a cell"),
	TENANT_FIELD("tier", FIELD_NAME, tier, .min = 0),
	TENANT_FIELD("country", FIELD_TEXT, country, .min = 2, .max = 2,
                     .check = tenant_country_valid,
                     .expected = "two capital letters (ISO 3166-1), such as US"),
	TENANT_FIELD("consistency", FIELD_SCALAR, consistency, .expected = CONSISTENCY_EXPECTED),
	TENANT_FIELD("preferences", FIELD_MAPPING, preferences, .min = 0),
	TENANT_FIELD("attributes", FIELD_MAPPING, attributes, .min = 0),
	TENANT_FIELD("keys", FIELD_ANY, keys, .required = false),
	{NULL},
};

/* A cell whose copies are in regions that may not have the tenant's bytes. */
static void check_residency(struct load *l, const struct doc_node *at,
                            const struct policy_tenant *t) {
	const struct policy *p = l->policy;
	const struct policy_cell *cell = &p->cells[t->cell];
	const struct policy_residency *class = &p->residencies[t->residency];
	region_set outside = cell->replica_set & ~class->regions;
	/* A class whose list is wrong was noted there; it would make every tenant look wrong. */
	if (!outside || !class->regions) return;
	doc_error(
		&l->doc, at,
		"cell '%s' keeps copies in %s, outside residency class '%s' (%s); expected a cell "
		"within the class",
		cell->name, load_region_names(p, outside).text, class->name,
		load_region_names(p, class->regions).text);
}

static void load_attributes(struct load *l, const struct doc_node *map, struct policy_tenant *t) {
	static const struct field value = {.type = FIELD_TEXT, .max = TENANT_ATTRIBUTE_BYTES_MAX};
	if (map->count > TENANT_ATTRIBUTES_MAX) {
		doc_error_key(&l->doc, map, "%u attributes; expected at most %d", map->count,
		              TENANT_ATTRIBUTES_MAX);
		return;
	}
	struct policy_attribute *all = load_alloc(l, map->count, sizeof *all);
	if (!all) return;
	t->attributes = all;
	for (const struct doc_node *c = map->first; c; c = c->next) {
		struct policy_attribute *a = &all[t->attribute_count++];
		if (!tenant_attribute_name_valid(c->key))
			doc_error_key(&l->doc, c,
			              "%s is no attribute; expected " ATTRIBUTE_NAME_EXPECTED,
			              show(c->key).text);
		a->name = doc_keep(&l->doc, c->key);
		a->value = "";
		IGNORE(doc_read_value(&l->doc, c, &value, &a->value)); /* noted there */
	}
}

/* --- API keys --------------------------------------------------------------------------------- */

static void load_key(struct load *l, const struct doc_node *n, int tenant) {
	struct policy_private *own = l->own;
	uint8_t *hash = own->key_hashes[own->key_count];
	if (!key_hash_read(&l->doc, n, hash)) return;
	uint32_t slot = policy_key_slot(own, hash);
	if (own->key_slots[slot]) {
		int other = own->key_tenants[own->key_slots[slot] - 1];
		doc_error(&l->doc, n,
		          "this key belongs to tenant '%s' already; expected each key once",
		          l->policy->tenants[other].name);
		return;
	}
	own->key_tenants[own->key_count++] = tenant;
	own->key_slots[slot] = own->key_count;
}

static void load_keys(struct load *l, const struct doc_node *list, struct policy_tenant *t,
                      int tenant) {
	if (list->kind != DOC_SEQUENCE) {
		doc_error(&l->doc, list,
		          "found no list (not shown, it may be a key); expected a list of "
		          "\"sha256:\" and 64 digits 0-9 a-f");
		return;
	}
	if (list->count > TENANT_KEYS_MAX)
		doc_error_key(&l->doc, list, "%u keys; expected at most %d", list->count,
		              TENANT_KEYS_MAX);
	uint32_t first = l->own->key_count;
	for (const struct doc_node *c = list->first; c; c = c->next) load_key(l, c, tenant);
	t->key_hashes = (const uint8_t(*)[32])l->own->key_hashes + first;
	t->key_count = (int)(l->own->key_count - first);
}

/* Room for all keys of the file, before the first is read. */
static bool reserve_keys(struct load *l) {
	size_t count = 0;
	for (const struct doc_node *c = l->tenants->first; c; c = c->next) {
		const struct doc_node *keys = doc_child(c, "keys");
		if (keys) count += keys->count;
	}
	struct policy_private *own = l->own;
	own->key_slot_count = 4;
	while (own->key_slot_count <= 2 * count) own->key_slot_count *= 2;
	own->key_slots = load_alloc(l, own->key_slot_count, sizeof *own->key_slots);
	own->key_hashes = load_alloc(l, count + 1, sizeof *own->key_hashes);
	own->key_tenants = load_alloc(l, count + 1, sizeof *own->key_tenants);
	return own->key_slots && own->key_hashes && own->key_tenants;
}

bool load_consistency(struct load *l, const struct doc_node *n, enum consistency *out,
                      uint64_t *bounded_ms) {
	if (consistency_parse(n->text, out, bounded_ms) == ERR_OK) return true;
	struct suggestion guess = suggestion_start(n->text);
	suggestion_offer(&guess, SLICE_LIT("strong"));
	suggestion_offer(&guess, SLICE_LIT("session"));
	suggestion_offer(&guess, SLICE_LIT("eventual"));
	doc_error(&l->doc, n, "found %s%s; expected " CONSISTENCY_EXPECTED, show(n->text).text,
	          suggestion_text(&guess).text);
	return false;
}

/* --- tenants ------------------------------------------------------------------------------------ */

static void load_tenant(struct load *l, const struct doc_node *map, struct policy_tenant *t,
                        int index) {
	struct policy_private *own = l->own;
	struct tenant_source source = {.tier = "", .country = ""};
	doc_read(&l->doc, map, tenant_fields, &source);
	t->tier = source.tier;
	t->country = source.country;
	if (source.residency)
		t->residency = load_reference(l, source.residency, "residency class",
		                              &own->residencies, l->residencies);
	if (source.cell)
		t->cell = load_reference(l, source.cell, "cell", &own->cells, l->cells);
	bool placed = t->residency >= 0 && t->cell >= 0;
	if (placed) check_residency(l, source.cell, t);
	if (source.consistency)
		load_consistency(l, source.consistency, &t->consistency, &t->bounded_ms);
	if (source.preferences) load_preferences(l, source.preferences, t, placed);
	if (source.attributes) load_attributes(l, source.attributes, t);
	if (source.keys) load_keys(l, source.keys, t, index);
}

void load_tenant_section(struct load *l) {
	static const struct field entry = {.type = FIELD_MAPPING};
	static const struct policy_tenant unread = {.residency = -1,
	                                            .cell = -1,
	                                            .consistency = CONSISTENCY_SESSION,
	                                            .tier = "",
	                                            .country = ""};
	if (!l->tenants || !reserve_keys(l)) return;
	struct policy_tenant *tenants = load_alloc(l, l->tenants->count, sizeof *tenants);
	if (!tenants) return;
	l->policy->tenants = tenants;
	for (const struct doc_node *c = l->tenants->first; c; c = c->next) {
		int index = l->policy->tenant_count++;
		tenants[index] = unread;
		tenants[index].name = load_name(l, c, &l->own->tenants, index);
		const struct doc_node *map = NULL;
		if (doc_read_value(&l->doc, c, &entry, &map))
			load_tenant(l, map, &tenants[index], index);
	}
}
