/* The section safety: what no change of policy and no drain may do without an override.
 *
 *   safety: {min_regions_active: 2, min_remaining_capacity: 50%, max_tenants_moved: 0.1} */
#include "policy/load.h"

struct safety_source {
	uint64_t regions;
	const struct doc_node *capacity, *moved;
};
static const struct field safety_fields[] = {
	{.key = "min_regions_active",
         .type = FIELD_NUMBER,
         .offset = offsetof(struct safety_source, regions),
         .max = POLICY_REGIONS_MAX},
	{.key = "min_remaining_capacity",
         .type = FIELD_SCALAR,
         .offset = offsetof(struct safety_source, capacity)},
	{.key = "max_tenants_moved",
         .type = FIELD_SCALAR,
         .offset = offsetof(struct safety_source, moved)},
	{NULL},
};

static void load_share(struct load *l, const struct doc_node *n, double *out) {
	if (!n) return;
	struct slice text = n->text;
	bool percent = text.len > 1 && text.ptr[text.len - 1] == '%';
	if (percent) text.len--;
	double value;
	if (load_number(text, 0, percent ? 100 : 1, &value))
		*out = percent ? value / 100 : value;
	else
		doc_error(&l->doc, n, "found %s; expected a share, from 0%% to 100%% or 0 to 1",
		          doc_found(n).text);
}

void load_safety_section(struct load *l) {
	struct policy_safety *s = &l->policy->safety;
	struct safety_source source = {0};
	s->max_tenants_moved = 1;
	if (!l->safety) return;
	doc_read(&l->doc, l->safety, safety_fields, &source);
	s->min_regions_active = (uint32_t)source.regions;
	load_share(l, source.capacity, &s->min_remaining_capacity);
	load_share(l, source.moved, &s->max_tenants_moved);
	/* Then nothing could ever be drained, and who finds out is in a hurry. */
	if (source.regions > (uint64_t)l->policy->region_count)
		doc_error(&l->doc, l->safety,
		          "min_regions_active is %u, but there are %d regions; expected at most "
		          "that many",
		          s->min_regions_active, l->policy->region_count);
}
