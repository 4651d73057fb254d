/* Whose acknowledgements count (failover.md 2.6). The set in force is in the placement, for what was
 * acknowledged under it must be found by a seal even when another is configured by now. Adding makes
 * seals larger: recorded, then counted. Removing makes them smaller: the rest has everything, then it
 * is recorded. A cell's set is changed as it begins an epoch. */
#include <stdio.h>

#include "cell/cell_state.h"

/* Nothing recorded: nothing was acknowledged, or everything under what is configured. */
static bool is_recorded(const struct cell *c) {
	return c->config.sync && c->revision && c->placement.copies && c->placement.set_count;
}

static bool names(const struct placement *p, const char *name) {
	for (int i = 0; i < p->set_count; i++)
		if (strcmp(p->set[i], name) == 0) return true;
	return false;
}

bool members_has(const struct cell *c, int replica) {
	return !is_recorded(c) || names(&c->placement, c->names[replica]);
}

int members_count(const struct cell *c) {
	return is_recorded(c) ? c->placement.set_count : c->n;
}

bool members_recorded(const struct cell *c) {
	if (!is_recorded(c)) return true;
	for (int r = 0; r < c->n; r++)
		if (!names(&c->placement, c->names[r])) return false;
	return (int)c->placement.copies <= c->n;
}

static void add(struct placement *p, const char *name) {
	if (names(p, name) || p->set_count == PLACEMENT_SET_MAX) return;
	snprintf(p->set[p->set_count++], sizeof p->set[0], "%s", name);
}

/* Who is active has its beginning on enough of those configured, and so everything before it. Who
 * begins counts them beside the old ones, and who claims changes nothing. */
void members_put(const struct cell *c, struct placement *p) {
	bool active = p->state == PLACEMENT_ACTIVE, begins = c->role == CELL_STARTING;
	if (!c->config.sync) return;
	if (!active) {
		p->set_count = c->placement.set_count;
		memcpy(p->set, c->placement.set, sizeof p->set);
	}
	for (int r = 0; r < c->n && (active || begins); r++) add(p, c->names[r]);
}
