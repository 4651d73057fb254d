/* Reading tenants for people: one, or a page of all. */
#include "base/bytes.h"
#include "base/parse.h"
#include "edge/tenants_private.h"
#include "policy/tenant_print.h"

#include <stdio.h>
#include <stdlib.h>

static const char source_policy[] = "policy.yaml";

/* One of the policy's, with all that stands there, and what it prefers by now. */
static json_t *policy_row(const struct policy *p, const struct policy_tenant *own,
                          const struct policy_tenant *now) {
	struct tenant_row row;
	tenant_row_of_policy(now, &row);
	snprintf(row.profile.tier, sizeof row.profile.tier, "%s", own->tier);
	snprintf(row.profile.country, sizeof row.profile.country, "%s", own->country);
	for (; row.key_count < own->key_count; row.key_count++)
		memcpy(row.keys[row.key_count], own->key_hashes[row.key_count], SHA256_BYTES);
	for (; row.attribute_count < own->attribute_count; row.attribute_count++) {
		const struct policy_attribute *a = &own->attributes[row.attribute_count];
		row.attributes[row.attribute_count] =
			(struct tenant_attribute){slice_str(a->name), slice_str(a->value)};
	}
	json_t *o = tenant_row_json(p, &row);
	json_object_set_new(o, "source", json_string(source_policy));
	return o;
}

static json_t *view_json(const struct tenants *t, const struct tenant *view) {
	struct tenant_row row;
	tenant_to_row(view, &row);
	return tenant_row_json(t->options.policy, &row);
}

json_t *tenants_show(const struct tenants *t, struct slice name, enum err *e) {
	const struct policy *p = t->options.policy;
	struct tenancy tenancy = tenants_tenancy(t);
	struct tenancy_found found;
	struct arena scratch;
	json_t *out = NULL;
	arena_init(&scratch, 64 << 10);
	*e = tenancy_find(&tenancy, p, name, &scratch, &found);
	if (!*e && found.index >= 0) {
		out = policy_row(p, &p->tenants[found.index], found.tenant);
	} else if (!*e) {
		struct tenant view;
		const struct directory_snapshot *s = directory_read_begin(t->directory);
		if (directory_find(s, name, &view)) out = view_json(t, &view);
		directory_read_end(t->directory);
	}
	arena_done(&scratch);
	if (!*e && !out) *e = ERR_NO_MEMORY;
	return out;
}

/* --- a page --------------------------------------------------------------------------------------- */

/* Where a page begins: p.N among the policy's, or d.PART.ROW.HASH.MERGES in the directory. After a merge
 * rows stand elsewhere: then the directory is begun anew, so that nobody is left out. */
struct page {
	bool directory;
	uint64_t index;
	struct directory_cursor at;
	uint64_t merges;
};

static bool number(struct slice *text, uint64_t *out) {
	struct slice part = slice_cut(text, '.');
	return parse_u64(part, UINT64_MAX, out) == ERR_OK;
}

static struct page page_read(struct slice cursor) {
	struct page page = {0};
	struct slice kind = slice_cut(&cursor, '.');
	uint64_t part;
	if (slice_is(kind, "p") && number(&cursor, &page.index)) return page;
	if (!slice_is(kind, "d") || !number(&cursor, &part) || part > CURSOR_END ||
	    !number(&cursor, &page.at.row) || !number(&cursor, &page.at.hash) ||
	    !number(&cursor, &page.merges))
		return (struct page){0};
	page.directory = true;
	page.at.part = (int)part;
	return page;
}

static void page_write(const struct page *page, char out[64]) {
	if (!page->directory)
		snprintf(out, 64, "p.%llu", (unsigned long long)page->index);
	else
		snprintf(out, 64, "d.%d.%llu.%llu.%llu", (int)page->at.part,
		         (unsigned long long)page->at.row, (unsigned long long)page->at.hash,
		         (unsigned long long)page->merges);
}

static void list_policy(const struct tenants *t, struct page *page, size_t limit, json_t *items) {
	const struct policy *p = t->options.policy;
	for (; page->index < (uint64_t)p->tenant_count && json_array_size(items) < limit;
	     page->index++) {
		enum err e;
		json_t *one = tenants_show(t, slice_str(p->tenants[page->index].name), &e);
		if (one) json_array_append_new(items, one);
	}
	page->directory = page->index >= (uint64_t)p->tenant_count;
}

/* Rows that only say what a tenant of the policy prefers have been listed there. */
static void list_directory(const struct tenants *t, struct page *page, size_t limit,
                           json_t *items) {
	struct tenant view;
	const struct directory_snapshot *s = directory_read_begin(t->directory);
	uint64_t merges = directory_facts(s).merges;
	if (page->merges != merges) page->at = (struct directory_cursor){0};
	page->merges = merges;
	while (json_array_size(items) < limit && directory_next(s, &page->at, &view))
		if (policy_find_tenant(t->options.policy, tenant_name(&view)) < 0)
			json_array_append_new(items, view_json(t, &view));
	directory_read_end(t->directory);
}

json_t *tenants_list(const struct tenants *t, struct slice cursor, size_t limit, char next[64]) {
	struct page page = page_read(cursor);
	json_t *items = json_array();
	if (!page.directory) list_policy(t, &page, limit, items);
	if (page.directory && json_array_size(items) < limit)
		list_directory(t, &page, limit, items);
	*next = 0;
	if (json_array_size(items) == limit) page_write(&page, next);
	return items;
}

void tenants_etag(const json_t *object, char out[17]) {
	uint8_t digest[SHA256_BYTES];
	char *text = json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS);
	struct slice part = slice_str(text ? text : "");
	sha256(&part, 1, digest);
	hex_encode(slice_of(digest, 8), out);
	free(text);
}
