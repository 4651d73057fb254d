/* The witness of holdfast.yaml: a third place that has a vote and no data. It stands behind the
 * regions, of which it is none: no policy knows it, no copy is ever there. */
#include "policy/node_private.h"

enum { ROLE_WITNESS = 1 };

struct witness_source {
	const char *name;
	const struct doc_node *admin, *replication;
};
#define ADDRESS(member)                                                                            \
	{                                                                                          \
		.key = #member, .type = FIELD_SCALAR,                                              \
		.offset = offsetof(struct witness_source, member), .required = true,               \
		.expected = "HOST:PORT, such as \"127.0.0.1:7209\""                                \
	}
static const struct field witness_fields[] = {
	{.key = "name",
         .type = FIELD_NAME,
         .offset = offsetof(struct witness_source, name),
         .required = true},
	ADDRESS(admin),
	ADDRESS(replication),
	{NULL},
};

static bool is_region(const struct node_config *c, struct slice name) {
	for (int i = 0; i < c->region_count; i++)
		if (slice_is(name, c->regions[i].name)) return true;
	return false;
}

static void check_role(struct doc *d, bool named, int role, const struct doc_node *region,
                       const struct node_config *c) {
	const struct doc_node *at = doc_child(d->root, "role");
	if (role == ROLE_WITNESS && !c->has_witness)
		doc_error(d, at, "there is no `witness` below; expected its name and addresses");
	else if (role == ROLE_WITNESS && !named)
		doc_error(d, region, "the role is witness; expected its name, %s",
		          c->regions[c->region_count].name);
	else if (role != ROLE_WITNESS && named)
		doc_error(d, region, "this is the witness; expected `role: witness`, too");
}

void node_witness_read(struct doc *d, const struct doc_node *section, int role,
                       const struct doc_node *region, struct node_region *regions,
                       struct node_config *c) {
	struct witness_source s = {NULL};
	struct node_region *w = &regions[c->region_count];
	*w = (struct node_region){.name = "", .http = {.host = ""}};
	if (section) {
		doc_read(d, section, witness_fields, &s);
		node_address_read(d, s.admin, &w->admin);
		node_address_read(d, s.replication, &w->replication);
		if (s.name) w->name = s.name;
		c->has_witness = true;
		if (s.name && is_region(c, slice_str(s.name)))
			doc_error(d, doc_child(section, "name"),
			          "'%s' is a region; expected a third place", s.name);
	}
	bool named = section && region && *w->name && slice_is(region->text, w->name);
	check_role(d, named, role, region, c);
	c->is_witness = named && role == ROLE_WITNESS;
	if (named) c->self = c->region_count; /* right or wrong, it is not an unknown region */
}
