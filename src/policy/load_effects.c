/* What follows when a rule matches: its effects, read and checked. May not know conditions. */
#include "policy/load_rules.h"

struct deny_source {
	uint64_t status;
	const char *reason;
};
static const struct field deny_fields[] = {
	{.key = "status",
         .type = FIELD_NUMBER,
         .offset = offsetof(struct deny_source, status),
         .min = 400,
         .max = 599},
	{.key = "reason",
         .type = FIELD_TEXT,
         .offset = offsetof(struct deny_source, reason),
         .max = 200},
	{NULL},
};

static void load_deny(struct load *l, const struct doc_node *n, struct policy_rule *r) {
	struct deny_source d = {.status = 403, .reason = ""};
	if (!n) return;
	r->effects |= RULE_DENY;
	if (n->kind == DOC_MAPPING)
		doc_read(&l->doc, n, deny_fields, &d);
	else if (n->kind != DOC_SCALAR || !slice_is(n->text, "true"))
		doc_error(&l->doc, n, "found %s; expected true, or {status: 403, reason: ...}",
		          doc_found(n).text);
	r->status = (int)d.status;
	r->reason = d.reason;
}

static region_set region_list(struct load *l, const struct doc_node *list) {
	int regions[POLICY_REGIONS_MAX];
	int count = load_regions(l, list, POLICY_REGIONS_MAX, regions, NULL);
	region_set set = 0;
	for (int i = 0; i < count; i++) set |= (region_set)1 << regions[i];
	return set;
}

static void load_narrowing(struct load *l, const struct rule_source *s, struct policy_rule *r) {
	r->regions = ~(region_set)0;
	if (s->allow) {
		r->effects |= RULE_ALLOW;
		r->regions &= region_list(l, s->allow);
	}
	if (s->exclude) {
		r->effects |= RULE_EXCLUDE;
		r->regions &= ~region_list(l, s->exclude);
	}
	r->pin = -1;
	if (!s->pin) return;
	r->effects |= RULE_PIN;
	r->pin = load_reference(l, s->pin, "region", &l->own->regions, l->regions);
}

static void load_prefer(struct load *l, const struct doc_node *list, struct policy_rule *r) {
	static const char *const words[] = {[PREFER_HOME] = "home",
	                                    [PREFER_NEAREST] = "nearest",
	                                    [PREFER_CHEAPEST] = "cheapest",
	                                    [PREFER_GREENEST] = "greenest"};
	if (!list) return;
	r->effects |= RULE_PREFER;
	if (list->count == 0 || list->count > POLICY_REPLICAS_MAX)
		doc_error(&l->doc, list,
		          "found a list of %u; expected 1 to %d of: a region, home, "
		          "nearest, cheapest, greenest",
		          list->count, POLICY_REPLICAS_MAX);
	for (const struct doc_node *c = list->first; c && r->prefer_count < POLICY_REPLICAS_MAX;
	     c = c->next) {
		struct rule_prefer *to = &r->prefer[r->prefer_count++];
		*to = (struct rule_prefer){PREFER_LIST, -1};
		for (int w = PREFER_HOME; w <= PREFER_GREENEST; w++)
			if (slice_is(c->text, words[w])) to->by = (enum prefer_by)w;
		if (to->by == PREFER_LIST)
			to->region = load_reference(l, c,
			                            "region (or home, nearest, cheapest, "
			                            "greenest)",
			                            &l->own->regions, l->regions);
	}
}

static void load_weights(struct load *l, const struct doc_node *map, struct policy_rule *r) {
	static const struct field weight = {.type = FIELD_NUMBER, .min = 0, .max = 10000};
	if (!map) return;
	r->effects |= RULE_WEIGHTS;
	for (const struct doc_node *c = map->first; c; c = c->next) {
		uint64_t w = 0;
		int region = policy_map_find(&l->own->regions, c->key);
		if (region < 0)
			doc_error_key(&l->doc, c,
			              "%s is no region; expected regions and their "
			              "weights, such as {us-east: 90, us-west: 10}",
			              show(c->key).text);
		else if (doc_read_value(&l->doc, c, &weight, &w))
			r->weights[region] = (uint16_t)w;
		r->weight_sum += region < 0 ? 0 : (uint32_t)w;
	}
	if (!r->weight_sum)
		doc_error(&l->doc, map, "the weights add up to 0; expected at least one above");
}

void load_effects(struct load *l, const struct rule_source *s, struct policy_rule *r) {
	load_deny(l, s->deny, r);
	load_narrowing(l, s, r);
	load_prefer(l, s->prefer, r);
	load_weights(l, s->weights, r);
	uint64_t bounded_ms = 0;
	if (s->consistency && load_consistency(l, s->consistency, &r->consistency, &bounded_ms))
		r->effects |= RULE_CONSISTENCY;
	r->bounded_ms = (uint32_t)bounded_ms;
	r->hold_ms = (uint32_t)s->hold_ms;
	r->deadline_ms = (uint32_t)s->deadline_ms;
	if (s->hold_ms) r->effects |= RULE_HOLD;
	if (s->deadline_ms) r->effects |= RULE_DEADLINE;
}
