/* Merging changes into a new image while the directory serves, and putting an image in place
 * of another. A merge holds on to the tenants it writes; nothing else of a snapshot, so that
 * the writer's reclaiming never waits for it. */
#include <stdlib.h>

#include "base/assert.h"
#include "policy/directory_delta.h"

struct directory_merge {
	struct directory *directory; /* the writer's; a run leaves it alone */
	const struct tenant_image *base;
	uint64_t sequence, revision;
	struct delta_tenant **tenants;
	size_t count;
};

enum err directory_merge_new(struct directory *d, struct directory_merge **out) {
	const struct directory_snapshot *s = directory_current(d);
	*out = NULL;
	if (d->merge) return ERR_CONFLICT;
	struct directory_merge *m = malloc(sizeof *m);
	if (!m) return ERR_NO_MEMORY;
	*m = (struct directory_merge){d, s->image, s->sequence, s->revision, NULL, 0};
	enum err e = delta_collect(s, 0, &m->tenants, &m->count);
	if (e) {
		free(m);
		return e;
	}
	for (size_t i = 0; i < m->count; i++) m->tenants[i]->holders++;
	*out = d->merge = m;
	return ERR_OK;
}

void directory_merge_free(struct directory_merge *m) {
	if (!m) return;
	for (size_t i = 0; i < m->count; i++) delta_tenant_drop(m->tenants[i]);
	m->directory->merge = NULL;
	free(m->tenants);
	free(m);
}

/* --- writing the image -------------------------------------------------------------------- */

static enum err map_changes(const struct directory_merge *m, struct map *changed) {
	enum err e = ERR_OK;
	for (size_t i = 0; !e && i < m->count; i++) {
		struct tenant view = delta_tenant_view(m->tenants[i]);
		e = map_put(changed, tenant_name(&view), m->tenants[i]);
	}
	return e;
}

static enum err add(struct tenant_builder *b, const struct tenant *t, struct fault *f) {
	struct tenant_row row;
	tenant_to_row(t, &row);
	return tenant_builder_add(b, &row, f);
}

static enum err add_unchanged(const struct directory_merge *m, struct tenant_builder *b,
                              const struct map *changed, const struct tenant_progress *progress,
                              struct fault *f) {
	uint64_t cursor = 0, done = 0;
	struct tenant t;
	enum err e = ERR_OK;
	while (!e && tenant_image_next(m->base, &cursor, &t)) {
		if (!map_get(changed, tenant_name(&t))) e = add(b, &t, f);
		progress_tell(progress, ++done, m->base->header.tenant_count);
	}
	/* Damage ends the walk early: then the rest would be lost without a word. */
	if (!e && done != m->base->header.tenant_count)
		e = fault_set(f, ERR_CORRUPT, "the image ends after %llu tenants; expected %llu",
		              (unsigned long long)done,
		              (unsigned long long)m->base->header.tenant_count);
	return e;
}

static enum err add_changed(const struct directory_merge *m, struct tenant_builder *b,
                            struct fault *f) {
	enum err e = ERR_OK;
	for (size_t i = 0; !e && i < m->count; i++) {
		struct tenant view = delta_tenant_view(m->tenants[i]);
		if (!m->tenants[i]->gone) e = add(b, &view, f);
	}
	return e;
}

enum err directory_merge_run(struct directory_merge *m, const struct tenant_sink *sink,
                             const struct tenant_progress *progress, struct fault *f) {
	struct tenant_builder *b;
	struct map changed;
	const uint64_t *seed = m->base->header.seed;
	enum err e = tenant_builder_new(m->base->policy, seed, m->revision, sink, &b);
	if (e) return fault_set(f, e, "%s", err_text(e));
	map_init(&changed, seed);
	e = map_changes(m, &changed);
	if (e) fault_set(f, e, "%s", err_text(e));
	if (!e) e = add_unchanged(m, b, &changed, progress, f);
	if (!e) e = add_changed(m, b, f);
	if (!e) e = tenant_builder_finish(b, NULL, f);
	map_done(&changed);
	tenant_builder_free(b);
	return e;
}

/* --- putting it in place ------------------------------------------------------------------ */

static enum err carry(struct change *c, const struct delta_tenant *t, const struct policy *from,
                      struct delta_tenant **out, struct fault *f) {
	struct tenant view = delta_tenant_view(t);
	struct tenant_row row;
	tenant_to_row(&view, &row);
	enum err e = ERR_OK;
	if (!t->gone) e = tenant_profile_rebind(&row.profile, from, c->next->image->policy, f);
	if (e) return e;
	*out = delta_tenant_new(&row, t->gone);
	e = *out ? change_put(c, *out) : ERR_NO_MEMORY;
	return e ? fault_set(f, e, "%s", err_text(e)) : ERR_OK;
}

/* On error those that were made are freed, and `c` is only good for giving up. */
static enum err carry_all(struct change *c, struct delta_tenant **kept, size_t count,
                          const struct policy *from, struct fault *f) {
	struct delta_tenant **made = calloc(count + 1, sizeof *made);
	enum err e = made ? ERR_OK : fault_set(f, ERR_NO_MEMORY, "%s", err_text(ERR_NO_MEMORY));
	for (size_t i = 0; !e && i < count; i++) e = carry(c, kept[i], from, &made[i], f);
	for (size_t i = 0; e && made && i < count && made[i]; i++) delta_tenant_drop(made[i]);
	free(made);
	return e;
}

enum err directory_swap(struct directory *d, struct tenant_image *image,
                        const struct directory_merge *m, struct tenant_image **old,
                        struct fault *f) {
	const struct directory_snapshot *s = directory_current(d);
	struct change c;
	struct delta_tenant **kept;
	size_t count;
	if (m != d->merge)
		return fault_set(f, ERR_CONFLICT, "a merge is under way; expected its image");
	ASSERT(!m || m->base == s->image);
	enum err e = delta_collect(s, m ? m->sequence : 0, &kept, &count);
	if (!e) e = change_begin(d, &c);
	if (e) {
		free(kept);
		return fault_set(f, e, "%s", err_text(e));
	}
	struct tenant_image *before = s->image;
	change_clear(&c);
	c.next->image = image;
	c.next->merges++;
	if (c.next->revision < image->header.revision) c.next->revision = image->header.revision;
	e = carry_all(&c, kept, count, before->policy, f);
	free(kept);
	if (e) {
		change_give_up(&c);
		return e;
	}
	change_publish(&c);
	directory_reclaim(d);
	*old = before;
	return ERR_OK;
}
