/* Refuses what cannot change under traffic. */
#include "policy/change.h"

#define RESTART "put it into the policy file of every region and restart them one after the other"

static enum err refuse(struct fault *fault, const char *what, const char *name, const char *todo) {
	return fault_set(fault, ERR_UNSUPPORTED,
	                 "%s '%s': this cannot change while regions serve: %s", what, name, todo);
}

static enum err check_regions(const struct policy *now, const struct policy *next,
                              struct fault *fault) {
	for (int i = 0; i < next->region_count && i < now->region_count; i++)
		if (strcmp(now->regions[i].name, next->regions[i].name) != 0)
			return refuse(fault, "the region list differs at", next->regions[i].name,
			              RESTART ", with the node files");
	if (now->region_count < next->region_count)
		return refuse(fault, "new region", next->regions[now->region_count].name,
		              RESTART ", with the node files");
	if (now->region_count > next->region_count)
		return refuse(fault, "missing region", now->regions[next->region_count].name,
		              "drain it instead: holdfast region drain");
	return ERR_OK;
}

static enum err check_cell(const struct policy_cell *a, const struct policy_cell *b,
                           struct fault *fault) {
	if (strcmp(a->name, b->name) != 0)
		return refuse(fault, "the cell list differs at", b->name, RESTART);
	bool same = a->replica_count == b->replica_count;
	for (int i = 0; same && i < a->replica_count; i++) same = a->replicas[i] == b->replicas[i];
	if (!same) return refuse(fault, "other replicas of cell", b->name, RESTART);
	if (a->mode != b->mode || a->copies != b->copies)
		return refuse(fault, "other mode or copies of cell", b->name, RESTART);
	if (a->on_partition != b->on_partition)
		return refuse(fault, "other on_partition of cell", b->name, RESTART);
	return ERR_OK;
}

enum err policy_places_check(const struct policy *now, const struct policy *next,
                             struct fault *fault) {
	enum err e = check_regions(now, next, fault);
	for (int i = 0; !e && i < now->cell_count && i < next->cell_count; i++)
		e = check_cell(&now->cells[i], &next->cells[i], fault);
	if (!e && now->cell_count < next->cell_count)
		e = refuse(fault, "new cell", next->cells[now->cell_count].name, RESTART);
	if (!e && now->cell_count > next->cell_count)
		e = refuse(fault, "missing cell", now->cells[next->cell_count].name,
		           "keep it, also without tenants: its data would stay on the disks");
	return e;
}

enum err policy_change_check(const struct policy *now, const struct policy *next,
                             struct fault *fault) {
	enum err e = policy_places_check(now, next, fault);
	for (int i = 0; !e && i < next->tenant_count; i++) {
		int k = policy_find_tenant(now, slice_str(next->tenants[i].name));
		if (k >= 0 && now->tenants[k].cell != next->tenants[i].cell)
			e = refuse(fault, "another cell for tenant", next->tenants[i].name,
			           "its data lies in the old one; move the tenant first");
	}
	return e;
}
