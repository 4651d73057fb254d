/* Single changes: what must hold before one is taken. */
#include "policy/directory_delta.h"
#include "policy/mistake.h"

static enum err check_revision(const struct directory_snapshot *s, uint64_t revision,
                               struct fault *f) {
	if (revision >= s->revision) return ERR_OK;
	return fault_set(f, ERR_CONFLICT, "change %llu comes after change %llu",
	                 (unsigned long long)revision, (unsigned long long)s->revision);
}

static enum err check_keys_free(const struct directory_snapshot *s, const struct tenant_row *row,
                                struct fault *f) {
	for (int i = 0; i < row->key_count; i++) {
		struct tenant other;
		if (!directory_find_key(s, row->keys[i], &other)) continue;
		if (slice_eq(tenant_name(&other), row->name)) continue;
		return fault_set(f, ERR_EXISTS,
		                 "a key of tenant %s belongs to tenant '" SLICE_FMT
		                 "' already; expected each key once",
		                 show(row->name).text, SLICE_ARG(tenant_name(&other)));
	}
	return ERR_OK;
}

static enum err apply(struct directory *d, const struct tenant_row *row, bool gone,
                      uint64_t revision, struct fault *f) {
	struct change c;
	struct delta_tenant *t = delta_tenant_new(row, gone);
	enum err e = t ? change_begin(d, &c) : ERR_NO_MEMORY;
	if (!e && (e = change_put(&c, t))) change_give_up(&c);
	if (e) {
		if (t) delta_tenant_drop(t);
		return fault_set(f, e, "tenant %s cannot be changed: %s", show(row->name).text,
		                 e == ERR_OVERLOADED ? "too many changes; merge first"
		                                     : err_text(e));
	}
	c.next->revision = revision;
	change_publish(&c);
	return ERR_OK;
}

enum err directory_put(struct directory *d, const struct tenant_row *row, uint64_t revision,
                       struct fault *f) {
	const struct directory_snapshot *s = directory_current(d);
	enum err e = check_revision(s, revision, f);
	if (!e) e = tenant_row_check(s->image->policy, row, f);
	if (!e) e = check_keys_free(s, row, f);
	return e ? e : apply(d, row, false, revision, f);
}

enum err directory_delete(struct directory *d, struct slice name, uint64_t revision,
                          struct fault *f) {
	const struct directory_snapshot *s = directory_current(d);
	struct tenant found;
	enum err e = check_revision(s, revision, f);
	if (e) return e;
	if (!directory_find(s, name, &found))
		return fault_set(f, ERR_NOT_FOUND, "there is no tenant %s", show(name).text);
	/* Remembered even when the image does not have it: the one that a merge writes may. */
	struct tenant_row row;
	tenant_row_init(&row);
	row.name = name;
	return apply(d, &row, true, revision, f);
}
