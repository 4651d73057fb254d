/* The sections regions and residency, and what all sections share. */
#include <stdio.h>
#include <stdlib.h>

#include "policy/load.h"

void *load_alloc(struct load *l, size_t count, size_t size) {
	void *p = arena_alloc(&l->own->arena, count * size);
	if (!p) l->doc.no_memory = true;
	return p;
}

const char *load_name(struct load *l, const struct doc_node *child, struct map *m, int index) {
	doc_check_name(&l->doc, child);
	const char *name = doc_keep(&l->doc, child->key);
	if (map_put(m, slice_of(name, strlen(name)), (void *)(uintptr_t)(index + 1)))
		l->doc.no_memory = true;
	return name;
}

int load_reference(struct load *l, const struct doc_node *n, const char *what, const struct map *m,
                   const struct doc_node *section) {
	int index = policy_map_find(m, n->text);
	if (index < 0) doc_error_reference(&l->doc, n, what, section);
	return index;
}

int load_regions(struct load *l, const struct doc_node *list, int max, int *out,
                 const struct doc_node **items) {
	static const struct field item = {.type = FIELD_SCALAR, .expected = "the name of a region"};
	if (list->count > (uint32_t)max) {
		doc_error(&l->doc, list, "found %u regions; expected at most %d", list->count, max);
		return 0;
	}
	int count = 0;
	region_set seen = 0;
	for (const struct doc_node *c = list->first; c; c = c->next) {
		const struct doc_node *text = NULL;
		if (!doc_read_value(&l->doc, c, &item, &text)) continue;
		int region = load_reference(l, text, "region", &l->own->regions, l->regions);
		if (region < 0) continue;
		if (seen & (region_set)1 << region) {
			doc_error(&l->doc, c, "%s is listed twice; expected each region once",
			          show(c->text).text);
			continue;
		}
		seen |= (region_set)1 << region;
		if (items) items[count] = c;
		out[count++] = region;
	}
	return count;
}

struct region_names load_region_names(const struct policy *p, region_set set) {
	struct region_names names = {""};
	size_t len = 0;
	for (int i = 0; i < p->region_count; i++) {
		if (!(set & (region_set)1 << i)) continue;
		const char *name = p->regions[i].name;
		if (len + strlen(name) + sizeof ", ..." > sizeof names.text) {
			snprintf(names.text + len, sizeof names.text - len, "...");
			return names;
		}
		len += (size_t)snprintf(names.text + len, sizeof names.text - len, "%s%s",
		                        len ? ", " : "", name);
	}
	return names;
}

/* --- regions ------------------------------------------------------------------------------ */

struct region_source {
	const char *jurisdiction;
	const struct doc_node *location, *cost, *carbon;
	uint64_t capacity;
};
static const struct field region_fields[] = {
	{.key = "jurisdiction",
         .type = FIELD_NAME,
         .offset = offsetof(struct region_source, jurisdiction),
         .required = true,
         .expected = "whose law holds there, such as us or eu"},
	{.key = "location",
         .type = FIELD_SEQUENCE,
         .offset = offsetof(struct region_source, location),
         .required = true,
         .expected = "[latitude, longitude] in degrees, such as [39.0, -77.5]"},
	{.key = "capacity",
         .type = FIELD_NUMBER,
         .offset = offsetof(struct region_source, capacity),
         .min = 1,
         .max = 1000000000},
	{.key = "cost", .type = FIELD_SCALAR, .offset = offsetof(struct region_source, cost)},
	{.key = "carbon", .type = FIELD_SCALAR, .offset = offsetof(struct region_source, carbon)},
	{NULL},
};

bool load_number(struct slice text, double min, double max, double *out) {
	if (text.len == 0 || text.len > 24) return false;
	size_t digits = 0, points = 0;
	for (size_t i = text.ptr[0] == '-' || text.ptr[0] == '+'; i < text.len; i++) {
		if (text.ptr[i] == '.')
			points++;
		else if (text.ptr[i] >= '0' && text.ptr[i] <= '9')
			digits++;
		else
			return false;
	}
	if (digits == 0 || points > 1) return false;
	double value = strtod((const char *)text.ptr, NULL); /* a node's text ends with NUL */
	if (value < min || value > max) return false;
	*out = value;
	return true;
}

static void load_degrees(struct load *l, const struct doc_node *n, const char *what, double limit,
                         double *out) {
	if (n->kind == DOC_SCALAR && load_number(n->text, -limit, limit, out)) return;
	doc_error(&l->doc, n, "found %s; expected the %s in degrees, %.0f to %.0f",
	          doc_found(n).text, what, -limit, limit);
}

static void load_location(struct load *l, const struct doc_node *list, struct policy_region *r) {
	if (list->count != 2) {
		doc_error(&l->doc, list, "found a list of %u; expected [latitude, longitude]",
		          list->count);
		return;
	}
	load_degrees(l, list->first, "latitude", 90, &r->latitude);
	load_degrees(l, list->first->next, "longitude", 180, &r->longitude);
}

static void load_price(struct load *l, const struct doc_node *n, double *out) {
	if (!n || load_number(n->text, 0, 1e9, out)) return;
	doc_error(&l->doc, n, "found %s; expected a number, 0 to 1000000000, lower is better",
	          doc_found(n).text);
}

void load_region_section(struct load *l) {
	static const struct field entry = {.type = FIELD_MAPPING};
	if (!l->regions) return;
	const struct doc_node *section = l->regions;
	if (section->count == 0)
		doc_error_key(&l->doc, section, "names no region; expected at least one");
	if (section->count > POLICY_REGIONS_MAX) {
		doc_error_key(&l->doc, section, "%u regions; expected at most %d", section->count,
		              POLICY_REGIONS_MAX);
		return;
	}
	struct policy_region *regions = load_alloc(l, section->count, sizeof *regions);
	if (!regions) return;
	l->policy->regions = regions;
	for (const struct doc_node *c = section->first; c; c = c->next) {
		int index = l->policy->region_count++;
		struct policy_region *r = &regions[index];
		struct region_source source = {.jurisdiction = ""};
		r->name = load_name(l, c, &l->own->regions, index);
		const struct doc_node *map = NULL;
		if (!doc_read_value(&l->doc, c, &entry, &map)) continue;
		doc_read(&l->doc, map, region_fields, &source);
		r->jurisdiction = source.jurisdiction;
		r->capacity = source.capacity;
		if (source.location) load_location(l, source.location, r);
		load_price(l, source.cost, &r->cost);
		load_price(l, source.carbon, &r->carbon);
	}
}

/* --- residency ----------------------------------------------------------------------------- */

enum { TRANSIT_ALLOW, TRANSIT_REFUSE, TRANSIT_UNSAID };
static const char *const transit_words[] = {"allow", "refuse", NULL};

struct residency_source {
	const struct doc_node *regions;
	int transit;
};
static const struct field residency_fields[] = {
	{.key = "regions",
         .type = FIELD_ANY,
         .offset = offsetof(struct residency_source, regions),
         .required = true,
         .expected = "a list of regions, or all"},
	{.key = "transit",
         .type = FIELD_CHOICE,
         .offset = offsetof(struct residency_source, transit),
         .choices = transit_words},
	{NULL},
};

static region_set all_regions(const struct policy *p) {
	return p->region_count == 64 ? ~(region_set)0 : ((region_set)1 << p->region_count) - 1;
}

static region_set load_residency_regions(struct load *l, const struct doc_node *n) {
	if (n->kind == DOC_SCALAR && slice_is(n->text, "all")) return all_regions(l->policy);
	if (n->kind != DOC_SEQUENCE) {
		doc_error(&l->doc, n, "found %s; expected a list of regions, or all",
		          doc_found(n).text);
		return 0;
	}
	if (n->count == 0) doc_error(&l->doc, n, "the list is empty; expected at least one region");
	int list[POLICY_REGIONS_MAX];
	int count = load_regions(l, n, POLICY_REGIONS_MAX, list, NULL);
	region_set set = 0;
	for (int i = 0; i < count; i++) set |= (region_set)1 << list[i];
	return set;
}

void load_residency_section(struct load *l) {
	static const struct field entry = {.type = FIELD_MAPPING};
	if (!l->residencies) return;
	struct policy_residency *all = load_alloc(l, l->residencies->count, sizeof *all);
	if (!all) return;
	l->policy->residencies = all;
	for (const struct doc_node *c = l->residencies->first; c; c = c->next) {
		int index = l->policy->residency_count++;
		struct policy_residency *r = &all[index];
		struct residency_source source = {.transit = TRANSIT_UNSAID};
		r->name = load_name(l, c, &l->own->residencies, index);
		const struct doc_node *map = NULL;
		if (!doc_read_value(&l->doc, c, &entry, &map)) continue;
		doc_read(&l->doc, map, residency_fields, &source);
		if (source.regions) r->regions = load_residency_regions(l, source.regions);
		r->transit = source.transit == TRANSIT_ALLOW;
		bool wrong_word = doc_child(map, "transit") != NULL;
		/* Nobody should learn from a log that bytes passed through another jurisdiction. */
		if (source.transit == TRANSIT_UNSAID && !wrong_word && source.regions &&
		    r->regions != all_regions(l->policy))
			doc_error_key(&l->doc, c,
			              "the key 'transit' is missing; expected allow or refuse: may "
			              "edges of "
			              "regions outside the class pass requests on in memory?");
	}
}
