/* `role: secondary` of holdfast.yaml. Such a node agrees with nobody about anything: what of
 * coordination it does not have, it cannot come to depend on. */
#include "policy/node_private.h"

struct secondary_source {
	const char *name;
	const struct doc_node *admin;
};
static const struct field secondary_fields[] = {
	{.key = "name",
         .type = FIELD_NAME,
         .offset = offsetof(struct secondary_source, name),
         .required = true},
	{.key = "admin",
         .type = FIELD_SCALAR,
         .offset = offsetof(struct secondary_source, admin),
         .required = true,
         .expected = "HOST:PORT of its admin port, such as \"127.0.0.1:7291\""},
	{NULL},
};

void node_secondary_read(struct doc *d, const struct doc_node *section, struct node_config *c) {
	const struct doc_node *role = doc_child(d->root, "role");
	const struct doc_node *coordination = doc_child(d->root, "coordination");
	bool is_one = c->role == ROLE_SECONDARY;
	struct secondary_source s = {.name = ""};
	if (section) doc_read(d, section, secondary_fields, &s);
	node_address_read(d, s.admin, &c->secondary_admin);
	c->secondary = s.name;
	if (is_one && !section)
		doc_error(d, role,
		          "the key 'secondary' is missing; expected {name: its name in the policy, "
		          "admin: HOST:PORT}");
	if (is_one && coordination)
		doc_error_key(d, coordination,
		              "a secondary source does without; expected no such key");
	if (!is_one && section)
		doc_error_key(d, section,
		              "a region's node is none; expected role: secondary with it");
}
