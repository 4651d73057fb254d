/* What a tenant may be. Knows the policy's names; not where tenants come from or are kept. */
#include "policy/tenant.h"

#include "base/bytes.h"
#include "base/parse.h"
#include "policy/load.h"
#include "policy/mistake.h"

void tenant_row_init(struct tenant_row *row) {
	row->name = slice_of(NULL, 0);
	row->profile = (struct tenant_profile){
		.residency = -1, .cell = -1, .consistency = CONSISTENCY_SESSION};
	row->key_count = row->attribute_count = 0;
}

bool tenant_country_valid(struct slice s) {
	return s.len == 2 && s.ptr[0] >= 'A' && s.ptr[0] <= 'Z' && s.ptr[1] >= 'A' &&
	       s.ptr[1] <= 'Z';
}

bool tenant_attribute_name_valid(struct slice s) {
	if (s.len == 0 || s.len > TENANT_ATTRIBUTE_NAME_MAX) return false;
	for (size_t i = 0; i < s.len; i++) {
		uint8_t c = s.ptr[i], lower = c | 0x20;
		bool letter = lower >= 'a' && lower <= 'z';
		bool later = (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
		if (!letter && (i == 0 || !later)) return false;
	}
	return true;
}

/* "02:30" in minutes; -1: it is none. */
static int minutes_of(struct slice text) {
	static const uint8_t most[5] = {'9', '9', ':', '5', '9'},
			     least[5] = {'0', '0', ':', '0', '0'};
	if (text.len != sizeof most) return -1;
	for (size_t i = 0; i < sizeof most; i++)
		if (text.ptr[i] < least[i] || text.ptr[i] > most[i]) return -1;
	return ((text.ptr[0] - '0') * 10 + text.ptr[1] - '0') * 60 + (text.ptr[3] - '0') * 10 +
	       text.ptr[4] - '0';
}

bool clock_parse(struct slice text, uint16_t *minutes) {
	int found = minutes_of(text);
	if (found < 0 || found >= DAY_MINUTES) return false;
	*minutes = (uint16_t)found;
	return true;
}

bool zone_parse(struct slice text, int16_t *minutes) {
	bool is_signed = text.len > 0 && (text.ptr[0] == '+' || text.ptr[0] == '-');
	int found = is_signed ? minutes_of(slice_of(text.ptr + 1, text.len - 1)) : -1;
	if (found < 0 || found > ZONE_MINUTES_MAX) return false;
	*minutes = (int16_t)(text.ptr[0] == '-' ? -found : found);
	return true;
}

bool tenant_key_parse(struct slice text, uint8_t hash[SHA256_BYTES]) {
	if (!slice_starts(text, SLICE_LIT("sha256:"))) return false;
	size_t skip = sizeof "sha256:" - 1;
	return !hex_decode(slice_of(text.ptr + skip, text.len - skip), hash, SHA256_BYTES);
}

/* --- profile ---------------------------------------------------------------------------- */

static enum err check_placement(const struct policy *p, const struct tenant_profile *t,
                                struct fault *f) {
	const struct policy_residency *class = &p->residencies[t->residency];
	const struct policy_cell *cell = &p->cells[t->cell];
	region_set outside = cell->replica_set & ~class->regions;
	if (outside)
		return fault_set(f, ERR_INVALID,
		                 "cell '%s' keeps copies in %s, outside residency class '%s' (%s); "
		                 "expected a cell within the class",
		                 cell->name, load_region_names(p, outside).text, class->name,
		                 load_region_names(p, class->regions).text);
	region_set seen = 0;
	for (int i = 0; i < t->preferred_count; i++) {
		int region = t->preferred[i];
		if (region >= p->region_count)
			return fault_set(f, ERR_INVALID, "the policy has no region %d", region);
		region_set bit = (region_set)1 << region;
		const char *name = p->regions[region].name;
		if (!(class->regions & bit))
			return fault_set(f, ERR_INVALID,
			                 "%s is outside residency class '%s'; expected one of: %s",
			                 name, class->name,
			                 load_region_names(p, class->regions).text);
		if (!(cell->replica_set & bit))
			return fault_set(f, ERR_INVALID,
			                 "%s holds no copy of cell '%s'; expected one of: %s", name,
			                 cell->name, load_region_names(p, cell->replica_set).text);
		if (seen & bit)
			return fault_set(f, ERR_INVALID,
			                 "%s is preferred twice; expected each region once", name);
		seen |= bit;
	}
	return ERR_OK;
}

/* A window says which regions to leave alone meanwhile: those that are preferred. */
static enum err check_maintenance(const struct tenant_profile *t, struct fault *f) {
	const struct policy_maintenance *m = &t->maintenance;
	bool never = m->from == m->to;
	if (never && (m->from || m->zone))
		return fault_set(f, ERR_INVALID,
		                 "the maintenance window is over when it begins; expected another "
		                 "time");
	if (m->from >= DAY_MINUTES || m->to >= DAY_MINUTES || m->zone > ZONE_MINUTES_MAX ||
	    m->zone < -ZONE_MINUTES_MAX)
		return fault_set(f, ERR_INVALID, "no maintenance window; expected times of a day");
	if (!never && t->preferred_count == 0)
		return fault_set(f, ERR_INVALID,
		                 "no regions are preferred that could be left alone during "
		                 "maintenance; expected regions");
	return ERR_OK;
}

/* The text of a fixed array, or false when it does not end within it. */
static bool fixed_text(const char *chars, size_t size, struct slice *out) {
	*out = slice_of(chars, strnlen(chars, size));
	return out->len < size;
}

enum err tenant_profile_check(const struct policy *p, const struct tenant_profile *t,
                              struct fault *f) {
	struct slice country, tier;
	if (t->residency < 0 || t->residency >= p->residency_count)
		return fault_set(f, ERR_INVALID, "no residency; expected a residency class");
	if (t->cell < 0 || t->cell >= p->cell_count)
		return fault_set(f, ERR_INVALID, "no cell; expected a cell");
	if (t->preferred_count > POLICY_REPLICAS_MAX)
		return fault_set(f, ERR_INVALID, "%d preferred regions; expected at most %d",
		                 t->preferred_count, POLICY_REPLICAS_MAX);
	if (t->consistency > CONSISTENCY_EVENTUAL ||
	    (t->bounded_ms != 0) != (t->consistency == CONSISTENCY_BOUNDED) ||
	    t->bounded_ms > CONSISTENCY_BOUNDED_MS_MAX)
		return fault_set(f, ERR_INVALID,
		                 "no consistency of ours; expected " CONSISTENCY_EXPECTED);
	if (!fixed_text(t->country, sizeof t->country, &country) ||
	    (country.len && !tenant_country_valid(country)))
		return fault_set(f, ERR_INVALID, "no country; expected two capital letters");
	if (!fixed_text(t->tier, sizeof t->tier, &tier) ||
	    (tier.len && !name_valid(tier, POLICY_NAME_MAX)))
		return fault_set(f, ERR_INVALID, "no tier; expected a name");
	enum err e = check_maintenance(t, f);
	return e ? e : check_placement(p, t, f);
}

enum err tenant_profile_rebind(struct tenant_profile *t, const struct policy *from,
                               const struct policy *to, struct fault *f) {
	const char *class = from->residencies[t->residency].name, *cell = from->cells[t->cell].name;
	t->residency = policy_find_residency(to, slice_str(class));
	t->cell = policy_find_cell(to, slice_str(cell));
	if (t->residency < 0 || t->cell < 0)
		return fault_set(f, ERR_INVALID,
		                 "tenants are of %s '%s', which the policy does not have",
		                 t->residency < 0 ? "residency class" : "cell",
		                 t->residency < 0 ? class : cell);
	for (int i = 0; i < t->preferred_count; i++) {
		const char *name = from->regions[t->preferred[i]].name;
		int region = policy_find_region(to, slice_str(name));
		if (region < 0)
			return fault_set(
				f, ERR_INVALID,
				"tenants prefer region '%s', which the policy does not have", name);
		t->preferred[i] = (uint8_t)region;
	}
	return tenant_profile_check(to, t, f);
}

/* --- row -------------------------------------------------------------------------------- */

static enum err check_keys(const struct tenant_row *row, struct fault *f) {
	if (row->key_count > TENANT_KEYS_MAX)
		return fault_set(f, ERR_INVALID, "%d keys; expected at most %d", row->key_count,
		                 TENANT_KEYS_MAX);
	for (int i = 1; i < row->key_count; i++)
		for (int j = 0; j < i; j++)
			if (slice_eq_secret(slice_of(row->keys[i], SHA256_BYTES),
			                    slice_of(row->keys[j], SHA256_BYTES)))
				return fault_set(f, ERR_INVALID,
				                 "keys %d and %d are the same; expected each key "
				                 "once",
				                 j + 1, i + 1);
	return ERR_OK;
}

static enum err check_attribute(const struct tenant_row *row, int i, struct fault *f) {
	const struct tenant_attribute *a = &row->attributes[i];
	if (!tenant_attribute_name_valid(a->name))
		return fault_set(f, ERR_INVALID,
		                 "%s is no attribute; expected " ATTRIBUTE_NAME_EXPECTED,
		                 show(a->name).text);
	if (a->value.len > TENANT_ATTRIBUTE_BYTES_MAX || !text_clean(a->value))
		return fault_set(
			f, ERR_INVALID, "attribute %s: found %s; expected 0 to %d bytes of text",
			show(a->name).text, show(a->value).text, TENANT_ATTRIBUTE_BYTES_MAX);
	for (int j = 0; j < i; j++)
		if (slice_eq(row->attributes[j].name, a->name))
			return fault_set(f, ERR_INVALID, "attribute %s stands twice",
			                 show(a->name).text);
	return ERR_OK;
}

enum err tenant_row_check(const struct policy *p, const struct tenant_row *row, struct fault *f) {
	if (row->name.len == 0) return fault_set(f, ERR_INVALID, "no id; expected " NAME_EXPECTED);
	if (!name_valid(row->name, POLICY_NAME_MAX))
		return fault_set(f, ERR_INVALID, "%s is no id; expected " NAME_EXPECTED,
		                 show(row->name).text);
	enum err e = tenant_profile_check(p, &row->profile, f);
	if (!e) e = check_keys(row, f);
	if (!e && row->attribute_count > TENANT_ATTRIBUTES_MAX)
		return fault_set(f, ERR_INVALID, "%d attributes; expected at most %d",
		                 row->attribute_count, TENANT_ATTRIBUTES_MAX);
	for (int i = 0; !e && i < row->attribute_count; i++) e = check_attribute(row, i, f);
	return e;
}
