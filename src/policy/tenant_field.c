/* The fields of a tenant as texts: each checked against the policy by itself. What only holds
 * between fields is tenant_row_check's. Knows no format. */
#include <stdio.h>

#include "base/parse.h"
#include "policy/mistake.h"
#include "policy/tenant_read_private.h"

/* A section of the policy as names: each of its structs begins with one. */
struct names {
	const char *what;
	const void *items;
	size_t item_bytes;
	int count;
};

static const char *name_at(const struct names *names, int i) {
	const char *name;
	memcpy(&name, (const char *)names->items + (size_t)i * names->item_bytes, sizeof name);
	return name;
}

/* "a, b, c", cut where it gets long. */
struct name_list {
	char text[128];
	size_t len;
	bool full;
};

static void list_add(struct name_list *l, const char *name) {
	if (l->full) return;
	l->full = l->len + strlen(name) + sizeof ", , ..." > sizeof l->text;
	int n = snprintf(l->text + l->len, sizeof l->text - l->len, "%s%s", l->len ? ", " : "",
	                 l->full ? "..." : name);
	l->len += (size_t)n;
}

static enum err unknown_name(const struct names *names, struct slice text, struct fault *f) {
	struct suggestion guess = suggestion_start(text);
	struct name_list known = {.len = 0};
	for (int i = 0; i < names->count; i++) {
		const char *name = name_at(names, i);
		suggestion_offer(&guess, slice_str(name));
		list_add(&known, name);
	}
	return fault_set(f, ERR_INVALID, "no %s is named %s%s; expected one of: %s", names->what,
	                 show(text).text, suggestion_text(&guess).text,
	                 names->count ? known.text : "(there is none)");
}

/* --- setters ---------------------------------------------------------------------------- */

static enum err set_id(const struct policy *p, struct slice text, struct tenant_row *row,
                       struct fault *f) {
	if (!name_valid(text, POLICY_NAME_MAX))
		return fault_set(f, ERR_INVALID, "%s is no id; expected " NAME_EXPECTED,
		                 show(text).text);
	row->name = text;
	return ERR_OK;
}

static enum err set_residency(const struct policy *p, struct slice text, struct tenant_row *row,
                              struct fault *f) {
	const struct names names = {"residency class", p->residencies, sizeof *p->residencies,
	                            p->residency_count};
	row->profile.residency = policy_find_residency(p, text);
	return row->profile.residency < 0 ? unknown_name(&names, text, f) : ERR_OK;
}

static enum err set_cell(const struct policy *p, struct slice text, struct tenant_row *row,
                         struct fault *f) {
	const struct names names = {"cell", p->cells, sizeof *p->cells, p->cell_count};
	row->profile.cell = policy_find_cell(p, text);
	return row->profile.cell < 0 ? unknown_name(&names, text, f) : ERR_OK;
}

static enum err set_tier(const struct policy *p, struct slice text, struct tenant_row *row,
                         struct fault *f) {
	if (!name_valid(text, POLICY_NAME_MAX))
		return fault_set(f, ERR_INVALID, "%s is no tier; expected " NAME_EXPECTED,
		                 show(text).text);
	memcpy(row->profile.tier, text.ptr, text.len);
	row->profile.tier[text.len] = '\0';
	return ERR_OK;
}

static enum err set_country(const struct policy *p, struct slice text, struct tenant_row *row,
                            struct fault *f) {
	if (!tenant_country_valid(text))
		return fault_set(f, ERR_INVALID,
		                 "%s is no country; expected two capital letters (ISO 3166-1), "
		                 "such as US",
		                 show(text).text);
	memcpy(row->profile.country, text.ptr, text.len);
	return ERR_OK;
}

static enum err set_consistency(const struct policy *p, struct slice text, struct tenant_row *row,
                                struct fault *f) {
	enum consistency consistency;
	uint64_t bounded_ms;
	if (consistency_parse(text, &consistency, &bounded_ms))
		return fault_set(f, ERR_INVALID, "found %s; expected " CONSISTENCY_EXPECTED,
		                 show(text).text);
	row->profile.consistency = (uint8_t)consistency;
	row->profile.bounded_ms = (uint32_t)bounded_ms;
	return ERR_OK;
}

static enum err add_preference(const struct policy *p, struct slice text, struct tenant_row *row,
                               struct fault *f) {
	const struct names names = {"region", p->regions, sizeof *p->regions, p->region_count};
	int region = policy_find_region(p, text);
	if (region < 0) return unknown_name(&names, text, f);
	if (row->profile.preferred_count == POLICY_REPLICAS_MAX)
		return fault_set(f, ERR_INVALID,
		                 "more than %d preferred regions; expected at most %d",
		                 POLICY_REPLICAS_MAX, POLICY_REPLICAS_MAX);
	row->profile.preferred[row->profile.preferred_count++] = (uint8_t)region;
	return ERR_OK;
}

static enum err add_key(const struct policy *p, struct slice text, struct tenant_row *row,
                        struct fault *f) {
	if (row->key_count == TENANT_KEYS_MAX)
		return fault_set(f, ERR_INVALID, "more than %d keys; expected at most %d",
		                 TENANT_KEYS_MAX, TENANT_KEYS_MAX);
	/* What stands there may be the key itself: do not repeat it into a log. */
	if (!tenant_key_parse(text, row->keys[row->key_count]))
		return fault_set(f, ERR_INVALID,
		                 "no hash of an API key (%zu characters, not shown); expected "
		                 "\"sha256:\" and 64 digits 0-9 a-f",
		                 text.len);
	row->key_count++;
	return ERR_OK;
}

enum err tenant_set_attribute(struct tenant_row *row, struct slice name, struct slice value,
                              struct fault *f) {
	if (!tenant_attribute_name_valid(name))
		return fault_set(f, ERR_INVALID,
		                 "%s is no attribute; expected " ATTRIBUTE_NAME_EXPECTED,
		                 show(name).text);
	if (value.len > TENANT_ATTRIBUTE_BYTES_MAX || !text_clean(value))
		return fault_set(f, ERR_INVALID,
		                 "attribute %s: found %s; expected 0 to %d bytes of text",
		                 show(name).text, show(value).text, TENANT_ATTRIBUTE_BYTES_MAX);
	if (row->attribute_count == TENANT_ATTRIBUTES_MAX)
		return fault_set(f, ERR_INVALID, "more than %d attributes; expected at most %d",
		                 TENANT_ATTRIBUTES_MAX, TENANT_ATTRIBUTES_MAX);
	row->attributes[row->attribute_count++] = (struct tenant_attribute){name, value};
	return ERR_OK;
}

const struct tenant_field tenant_fields[TENANT_FIELDS] = {
	[TENANT_ID] = {"id", set_id, .required = true},
	[TENANT_RESIDENCY] = {"residency", set_residency, .required = true},
	[TENANT_CELL] = {"cell", set_cell, .required = true},
	[TENANT_TIER] = {"tier", set_tier},
	[TENANT_COUNTRY] = {"country", set_country},
	[TENANT_CONSISTENCY] = {"consistency", set_consistency},
	[TENANT_PREFERENCES] = {"preferences", add_preference, .list = true},
	[TENANT_KEY] = {"key", add_key, .list = true},
};
