/* What a tenant wishes for itself, checked against where its bytes may be. */
#include "policy/load.h"
#include "policy/tenant.h"

static const char *const yes_words[] = {"false", "true", NULL};

struct preference_source {
	const struct doc_node *regions, *maintenance;
	int explicit_failover;
};
static const struct field preference_fields[] = {
	{.key = "regions",
         .type = FIELD_SEQUENCE,
         .offset = offsetof(struct preference_source, regions),
         .expected = "a list of regions"},
	{.key = "explicit_failover",
         .type = FIELD_CHOICE,
         .offset = offsetof(struct preference_source, explicit_failover),
         .choices = yes_words},
	{.key = "maintenance",
         .type = FIELD_MAPPING,
         .offset = offsetof(struct preference_source, maintenance),
         .expected = "{from: \"02:00\", to: \"04:00\"}"},
	{NULL},
};

struct window_source {
	const struct doc_node *from, *to, *zone;
};
#define WINDOW_FIELD(name, member, ...)                                                            \
	{                                                                                          \
		.key = name, .type = FIELD_SCALAR,                                                 \
		.offset = offsetof(struct window_source, member), .expected = __VA_ARGS__          \
	}
static const struct field window_fields[] = {
	WINDOW_FIELD("from", from, CLOCK_EXPECTED, .required = true),
	WINDOW_FIELD("to", to, CLOCK_EXPECTED, .required = true),
	WINDOW_FIELD("zone", zone, ZONE_EXPECTED),
	{NULL},
};

static void load_preferred(struct load *l, const struct doc_node *list, struct policy_tenant *t,
                           bool placed) {
	const struct policy *p = l->policy;
	int regions[POLICY_REPLICAS_MAX];
	const struct doc_node *items[POLICY_REPLICAS_MAX];
	int count = load_regions(l, list, POLICY_REPLICAS_MAX, regions, items);
	for (int i = 0; placed && i < count; i++) {
		const struct policy_residency *class = &p->residencies[t->residency];
		const struct policy_cell *cell = &p->cells[t->cell];
		region_set bit = (region_set)1 << regions[i];
		if (!(class->regions & bit))
			doc_error(&l->doc, items[i],
			          "%s is outside residency class '%s'; expected one of: %s",
			          show(items[i]->text).text, class->name,
			          load_region_names(p, class->regions).text);
		else if (!(cell->replica_set & bit))
			doc_error(&l->doc, items[i],
			          "%s holds no copy of cell '%s'; expected one of: %s",
			          show(items[i]->text).text, cell->name,
			          load_region_names(p, cell->replica_set).text);
		else
			t->preferred[t->preferred_count++] = regions[i];
	}
}

/* --- the maintenance window ------------------------------------------------------------------------ */

static uint16_t load_clock(struct load *l, const struct doc_node *n) {
	uint16_t minutes;
	if (clock_parse(n->text, &minutes)) return minutes;
	doc_error(&l->doc, n, "found %s; expected " CLOCK_EXPECTED, show(n->text).text);
	return 0;
}

static int16_t load_zone(struct load *l, const struct doc_node *n) {
	struct slice text = n->text;
	int16_t minutes;
	if (zone_parse(text, &minutes)) return minutes;
	doc_error(&l->doc, n, "found %s; expected " ZONE_EXPECTED, show(text).text);
	return 0;
}

static void load_maintenance(struct load *l, const struct doc_node *map, struct policy_tenant *t) {
	struct window_source source = {0};
	doc_read(&l->doc, map, window_fields, &source);
	if (!source.from || !source.to) return;
	t->maintenance =
		(struct policy_maintenance){load_clock(l, source.from), load_clock(l, source.to),
	                                    source.zone ? load_zone(l, source.zone) : 0};
	if (slice_eq(source.from->text, source.to->text))
		doc_error(&l->doc, source.to,
		          "the window is over when it begins; expected another time");
}

void load_preferences(struct load *l, const struct doc_node *map, struct policy_tenant *t,
                      bool placed) {
	struct preference_source source = {0};
	doc_read(&l->doc, map, preference_fields, &source);
	t->explicit_failover = source.explicit_failover;
	if (source.regions) load_preferred(l, source.regions, t, placed);
	if (source.maintenance) load_maintenance(l, source.maintenance, t);
	if (source.maintenance && !source.regions)
		doc_error(&l->doc, source.maintenance,
		          "no regions are preferred that could be left alone meanwhile; expected "
		          "preferences.regions");
}
