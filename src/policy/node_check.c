/* holdfast.yaml against policy.yaml: what neither shows alone. */
#include "policy/mistake.h"
#include "policy/node_private.h"

static void check_known(const struct node_config *c, const struct policy *p, struct mistakes *m) {
	const struct node_private *own = c->private;
	for (int i = 0; i < c->region_count; i++) {
		struct slice name = slice_str(c->regions[i].name);
		if (policy_find_region(p, name) >= 0) continue;
		struct suggestion guess = suggestion_start(name);
		for (int j = 0; j < p->region_count; j++)
			suggestion_offer(&guess, slice_str(p->regions[j].name));
		mistake_add(m, own->regions[i].line, own->regions[i].column,
		            "regions.%s: the policy has no such region%s; expected the regions of "
		            "the policy",
		            c->regions[i].name, suggestion_text(&guess).text);
	}
}

static bool config_names(const struct node_config *c, const char *region) {
	for (int i = 0; i < c->region_count; i++)
		if (strcmp(c->regions[i].name, region) == 0) return true;
	return false;
}

static void check_complete(const struct node_config *c, const struct policy *p,
                           struct mistakes *m) {
	const struct node_position at = c->private->section;
	for (int j = 0; j < p->region_count; j++)
		if (!config_names(c, p->regions[j].name))
			mistake_add(
				m, at.line, at.column,
				"regions: '%s' of the policy is missing; expected its addresses",
				p->regions[j].name);
}

/* The first one out of order is said; those that follow it are out of order too. */
static void check_order(const struct node_config *c, const struct policy *p, struct mistakes *m) {
	for (int i = 0; i < c->region_count; i++) {
		if (strcmp(c->regions[i].name, p->regions[i].name) == 0) continue;
		const struct node_position at = c->private->regions[i];
		mistake_add(
			m, at.line, at.column,
			"regions.%s: found where the policy has '%s'; expected the policy's order",
			c->regions[i].name, p->regions[i].name);
		return;
	}
}

/* Wherever the members of an etcd stand, more than half are in one of two places: when that one is
 * gone, the other cannot tell whether it is gone or only cut off. */
static void check_voters(const struct node_config *c, struct mistakes *m) {
	if (c->etcd.endpoint_count == 0 || c->region_count != 2 || c->has_witness) return;
	const struct node_position at = c->private->section;
	mistake_add(
		m, at.line, at.column,
		"regions: two have no third voter: when one is gone, the other cannot know whether "
		"it is gone or cut off, and no failover can be automatic; expected a `witness` in "
	        "a "
		"third place, where a member of etcd is, too");
}

enum err node_config_check(const struct node_config *c, const char *file, const struct policy *p,
                           void (*report)(void *arg, const struct policy_error *e), void *arg) {
	struct mistakes m;
	mistakes_init(&m, file);
	check_known(c, p, &m);
	check_complete(c, p, &m);
	if (m.count == 0) check_order(c, p, &m);
	check_voters(c, &m);
	return mistakes_report(&m, report, arg);
}
