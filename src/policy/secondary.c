/* Who a cell's secondary source is for. Pure. */
#include "policy/policy.h"

static bool has_domain(const struct policy_secondary *s, struct slice domain) {
	for (int i = 0; i < s->domain_count; i++)
		if (slice_is(domain, s->domains[i])) return true;
	return s->domain_count == 0;
}

bool policy_secondary_has(const struct policy_cell *cell, int tenant, struct slice domain) {
	const struct policy_secondary *s = cell->secondary;
	if (!s || !domain.len || !has_domain(s, domain)) return false;
	for (int i = 0; i < s->tenant_count; i++)
		if (s->tenants[i] == tenant) return true;
	return false;
}

bool policy_secondary_has_key(const struct policy *p, const struct policy_cell *cell,
                              struct slice full_key) {
	struct slice rest = full_key;
	struct slice tenant = slice_cut(&rest, '\0');
	struct slice domain = slice_cut(&rest, '\0');
	if (tenant.len + domain.len + 2 > full_key.len) return false;
	int index = policy_find_tenant(p, tenant);
	return index >= 0 && policy_secondary_has(cell, index, domain);
}
