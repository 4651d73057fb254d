/* Finds tenants in the policy and in the directory, and makes one shape of both. */
#include "trust/tenancy.h"

#include <stdatomic.h>

static const char *keep(struct arena *a, struct slice text) {
	char *copy = arena_alloc(a, text.len + 1); /* zeroed */
	if (copy && text.len) memcpy(copy, text.ptr, text.len);
	return copy;
}

static void set_preferences(struct policy_tenant *t, const struct tenant_profile *p) {
	t->consistency = (enum consistency)p->consistency;
	t->bounded_ms = p->bounded_ms;
	t->preferred_count = p->preferred_count;
	for (int i = 0; i < p->preferred_count; i++) t->preferred[i] = p->preferred[i];
	t->explicit_failover = p->explicit_failover;
	t->maintenance = p->maintenance;
}

static bool keep_attributes(struct arena *a, const struct tenant *row, struct policy_tenant *t) {
	struct tenant_attribute one;
	struct policy_attribute *all = NULL;
	for (size_t at = 0; tenant_attribute_next(row, &at, &one);) {
		if (t->attribute_count == TENANT_ATTRIBUTES_MAX) break;
		if (!all) all = arena_alloc(a, TENANT_ATTRIBUTES_MAX * sizeof *all);
		if (!all) return false;
		struct policy_attribute *to = &all[t->attribute_count++];
		to->name = keep(a, one.name);
		to->value = keep(a, one.value);
		if (!to->name || !to->value) return false;
	}
	t->attributes = all;
	return true;
}

static enum err copy(const struct tenant *row, const struct tenant_profile *profile,
                     struct arena *a, struct tenancy_found *out) {
	struct policy_tenant *t = arena_alloc(a, sizeof *t);
	if (!t) return ERR_NO_MEMORY;
	*t = (struct policy_tenant){.residency = profile->residency, .cell = profile->cell};
	t->name = keep(a, tenant_name(row));
	t->tier = keep(a, slice_str(profile->tier));
	t->country = keep(a, slice_str(profile->country));
	set_preferences(t, profile);
	if (!t->name || !t->tier || !t->country || !keep_attributes(a, row, t))
		return ERR_NO_MEMORY;
	*out = (struct tenancy_found){-1, t};
	return ERR_OK;
}

/* With the indexes of `p`, which may be another policy than the directory's for a moment. */
static bool fit(const struct directory_snapshot *s, const struct policy *p,
                const struct tenant *row, struct tenant_profile *out) {
	struct fault f;
	*out = *row->profile;
	return directory_policy(s) == p ||
	       tenant_profile_rebind(out, directory_policy(s), p, &f) == ERR_OK;
}

static enum err made_since(const struct directory_snapshot *s, const struct policy *p,
                           const struct tenant *row, struct arena *a, struct tenancy_found *out) {
	struct tenant_profile profile;
	if (tenant_name(row).len == 0 || !fit(s, p, row, &profile)) return ERR_UNAVAILABLE;
	return copy(row, &profile, a, out);
}

static enum err of_policy(const struct tenancy *t, const struct policy *p, int index,
                          struct arena *a, struct tenancy_found *out) {
	const struct policy_tenant *own = &p->tenants[index];
	*out = (struct tenancy_found){index, own};
	if (!t->directory) return ERR_OK;
	const struct directory_snapshot *s = directory_read_begin(t->directory);
	struct tenant row;
	struct tenant_profile profile;
	enum err e = ERR_OK;
	if (directory_find(s, slice_str(own->name), &row) && fit(s, p, &row, &profile) &&
	    profile.residency == own->residency && profile.cell == own->cell) {
		struct policy_tenant *now = arena_alloc(a, sizeof *now);
		e = now ? ERR_OK : ERR_NO_MEMORY;
		if (now) {
			*now = *own;
			set_preferences(now, &profile);
			out->tenant = now;
		}
	}
	directory_read_end(t->directory);
	return e;
}

static enum err unknown(const struct tenancy *t) {
	return t->complete && !atomic_load(t->complete) ? ERR_UNAVAILABLE : ERR_NOT_FOUND;
}

enum err tenancy_find(const struct tenancy *t, const struct policy *p, struct slice name,
                      struct arena *a, struct tenancy_found *out) {
	int index = policy_find_tenant(p, name);
	if (index >= 0) return of_policy(t, p, index, a, out);
	if (!t->directory) return unknown(t);
	const struct directory_snapshot *s = directory_read_begin(t->directory);
	struct tenant row;
	enum err e = directory_find(s, name, &row) ? made_since(s, p, &row, a, out) : unknown(t);
	directory_read_end(t->directory);
	return e;
}

enum err tenancy_find_key(const struct tenancy *t, const struct policy *p,
                          const uint8_t sha256[SHA256_BYTES], struct arena *a,
                          struct tenancy_found *out) {
	int index = policy_find_key(p, sha256);
	if (index >= 0) return of_policy(t, p, index, a, out);
	if (!t->directory) return unknown(t);
	const struct directory_snapshot *s = directory_read_begin(t->directory);
	struct tenant row;
	enum err e =
		directory_find_key(s, sha256, &row) ? made_since(s, p, &row, a, out) : unknown(t);
	directory_read_end(t->directory);
	return e;
}
