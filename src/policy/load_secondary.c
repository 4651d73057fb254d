/* The key `secondary` of a cell: a copy in a process of its own. Its disk holds bytes of the
 * tenants it is for, so it stands inside their residency classes or is refused here. */
#include <stdlib.h>

#include "policy/key.h"
#include "policy/load.h"
#include "policy/node_private.h"

#define STALENESS_MAX_MS (366ull * 24 * 3600 * 1000)

struct secondary_source {
	const char *name;
	const struct doc_node *region, *address, *key, *tenants, *domains;
	uint64_t max_staleness_ms;
};
#define SECONDARY_FIELD(name, kind, member, ...)                                                   \
	{                                                                                          \
		.key = name, .type = kind, .offset = offsetof(struct secondary_source, member),    \
		__VA_ARGS__                                                                        \
	}
static const struct field secondary_fields[] = {
	SECONDARY_FIELD("name", FIELD_NAME, name, .required = true,
                        .expected = "a name: its holdfast.yaml has it too"),
	SECONDARY_FIELD("region", FIELD_SCALAR, region, .required = true,
                        .expected = "the region where its disk is"),
	SECONDARY_FIELD("address", FIELD_SCALAR, address, .required = true,
                        .expected = "HOST:PORT, such as \"127.0.0.1:7401\""),
	SECONDARY_FIELD("key", FIELD_ANY, key, .required = true,
                        .expected = "\"sha256:\" and 64 digits: the hash of its secret"),
	SECONDARY_FIELD("tenants", FIELD_SEQUENCE, tenants,
                        .expected = "a list of tenants of this cell"),
	SECONDARY_FIELD("domains", FIELD_SEQUENCE, domains, .expected = "a list of domains"),
	SECONDARY_FIELD("max_staleness", FIELD_DURATION, max_staleness_ms, .min = 1,
                        .max = STALENESS_MAX_MS),
	{NULL},
};

/* --- tenants ------------------------------------------------------------------------------- */

static bool may_hold(struct load *l, const struct doc_node *at, int tenant, int region) {
	const struct policy *p = l->policy;
	const struct policy_tenant *t = &p->tenants[tenant];
	const struct policy_residency *class = &p->residencies[t->residency];
	if (!class->regions || (class->regions & (region_set)1 << region)) return true;
	doc_error(&l->doc, at,
	          "it stands in '%s', outside residency class '%s' (%s) of tenant '%s'; expected a "
	          "region within the class",
	          p->regions[region].name, class->name, load_region_names(p, class->regions).text,
	          t->name);
	return false;
}

static bool known(const struct policy_tenant *t) {
	return t->residency >= 0 && t->cell >= 0;
}

static void take_tenant(struct load *l, const struct doc_node *at, int cell, int tenant,
                        struct policy_secondary *s, int *list) {
	const struct policy *p = l->policy;
	if (!known(&p->tenants[tenant])) return; /* noted there */
	if (p->tenants[tenant].cell != cell) {
		doc_error(&l->doc, at, "tenant '%s' is of another cell; expected one of cell '%s'",
		          p->tenants[tenant].name, p->cells[cell].name);
		return;
	}
	for (int i = 0; i < s->tenant_count; i++) {
		if (list[i] != tenant) continue;
		doc_error(&l->doc, at, "%s is listed twice; expected each tenant once",
		          show(at->text).text);
		return;
	}
	if (s->tenant_count == POLICY_SECONDARY_TENANTS_MAX) {
		doc_error(&l->doc, at, "expected at most %d tenants", POLICY_SECONDARY_TENANTS_MAX);
		return;
	}
	if (may_hold(l, at, tenant, s->region)) list[s->tenant_count++] = tenant;
}

static void sort_by_name(const struct policy *p, int *list, int count) {
	for (int i = 1; i < count; i++)
		for (int j = i; j > 0; j--) {
			int a = list[j - 1], b = list[j];
			if (strcmp(p->tenants[a].name, p->tenants[b].name) < 0) break;
			list[j - 1] = b;
			list[j] = a;
		}
}

static void load_tenants(struct load *l, const struct doc_node *at, const struct doc_node *names,
                         int cell, struct policy_secondary *s) {
	static const struct field name = {.type = FIELD_SCALAR, .expected = "the name of a tenant"};
	int *list = load_alloc(l, POLICY_SECONDARY_TENANTS_MAX, sizeof *list);
	if (!list) return;
	s->tenants = list;
	if (!names) { /* all of the cell */
		for (int i = 0; i < l->policy->tenant_count; i++)
			if (l->policy->tenants[i].cell == cell)
				take_tenant(l, at, cell, i, s, list);
		return sort_by_name(l->policy, list, s->tenant_count);
	}
	for (const struct doc_node *c = names->first; c; c = c->next) {
		const struct doc_node *text = NULL;
		if (!doc_read_value(&l->doc, c, &name, &text)) continue;
		int tenant = load_reference(l, text, "tenant", &l->own->tenants, l->tenants);
		if (tenant >= 0) take_tenant(l, c, cell, tenant, s, list);
	}
	sort_by_name(l->policy, list, s->tenant_count);
}

/* --- domains, and the rest ------------------------------------------------------------------ */

static void load_domains(struct load *l, const struct doc_node *names, struct policy_secondary *s) {
	static const struct field name = {.type = FIELD_NAME, .expected = "the name of a domain"};
	if (names->count == 0 || names->count > POLICY_SECONDARY_DOMAINS_MAX) {
		doc_error(&l->doc, names,
		          "%u domains; expected 1 to %d, or no such key for all of them",
		          names->count, POLICY_SECONDARY_DOMAINS_MAX);
		return;
	}
	const char **list = load_alloc(l, names->count, sizeof *list);
	if (!list) return;
	s->domains = list;
	for (const struct doc_node *c = names->first; c; c = c->next)
		if (doc_read_value(&l->doc, c, &name, &list[s->domain_count])) s->domain_count++;
}

/* One process may be for several cells: then it is said alike of each. */
static void check_same(struct load *l, const struct doc_node *at, int cell,
                       const struct policy_secondary *s) {
	for (int i = 0; i < cell; i++) {
		const struct policy_secondary *o = l->policy->cells[i].secondary;
		if (!o || strcmp(o->name, s->name) != 0) continue;
		bool same = o->region == s->region && o->port == s->port &&
		            strcmp(o->host, s->host) == 0 &&
		            memcmp(o->key_hash, s->key_hash, sizeof s->key_hash) == 0;
		if (!same)
			doc_error(&l->doc, at,
			          "cell '%s' has another region, address or key for '%s'; expected "
			          "the same, or another name",
			          l->policy->cells[i].name, s->name);
		return;
	}
}

static const struct policy_secondary *load_secondary(struct load *l, const struct doc_node *map,
                                                     int cell) {
	struct secondary_source source = {.name = ""};
	struct policy_secondary *s = load_alloc(l, 1, sizeof *s);
	if (!s) return NULL;
	doc_read(&l->doc, map, secondary_fields, &source);
	s->name = source.name;
	s->host = "";
	s->region = -1;
	s->max_staleness_ms = source.max_staleness_ms;
	if (source.region)
		s->region =
			load_reference(l, source.region, "region", &l->own->regions, l->regions);
	if (source.address) {
		struct node_address at = {.host = ""};
		node_address_read(&l->doc, source.address, &at);
		s->host = at.host;
		s->port = at.port;
	}
	if (source.key) IGNORE(key_hash_read(&l->doc, source.key, s->key_hash)); /* noted there */
	if (source.domains) load_domains(l, source.domains, s);
	if (s->region < 0) return s;
	load_tenants(l, source.region, source.tenants, cell, s);
	if (source.address && source.key) check_same(l, map, cell, s);
	return s;
}

void load_secondary_section(struct load *l) {
	int cell = 0;
	if (!l->cells || !l->policy->cells) return;
	struct policy_cell *cells = (struct policy_cell *)l->policy->cells;
	for (const struct doc_node *c = l->cells->first; c; c = c->next, cell++) {
		const struct doc_node *map =
			c->kind == DOC_MAPPING ? doc_child(c, "secondary") : NULL;
		if (map && map->kind == DOC_MAPPING)
			cells[cell].secondary = load_secondary(l, map, cell);
	}
}
