/* Serving from snapshots: what readers call, and how the writer publishes and reclaims. */
#include <stdlib.h>

#include "base/assert.h"
#include "policy/directory_delta.h"
#include "policy/directory_rcu.h"

/* --- life ------------------------------------------------------------------------------- */

enum err directory_new(struct tenant_image *image, struct directory **out) {
	struct directory *d = *out = calloc(1, sizeof *d);
	struct directory_snapshot *s = calloc(1, sizeof *s);
	if (!d || !s) {
		free(d);
		free(s);
		*out = NULL;
		return ERR_NO_MEMORY;
	}
	s->image = image;
	s->revision = image->header.revision;
	atomic_init(&d->current, s);
	return ERR_OK;
}

static void limbo_free(struct directory_limbo *l) {
	for (struct directory_snapshot *s; (s = l->snapshots);) {
		l->snapshots = s->limbo_next;
		free(s);
	}
	for (struct delta_bucket *b; (b = l->buckets);) {
		l->buckets = b->limbo_next;
		free(b);
	}
	for (struct delta_tenant *t; (t = l->tenants);) {
		l->tenants = t->limbo_next;
		delta_tenant_drop(t);
	}
	l->bytes = 0;
}

void directory_reclaim(struct directory *d) {
	if (d->limbo.bytes == 0) return;
	rcu_wait(&d->readers_done);
	limbo_free(&d->limbo);
}

struct tenant_image *directory_free(struct directory *d) {
	if (!d) return NULL;
	ASSERT(!d->merge);
	directory_reclaim(d);
	struct directory_snapshot *s = directory_current(d);
	struct tenant_image *image = s->image;
	struct change last = {.directory = d, .next = s};
	s->sequence++; /* its buckets count as replaced: nobody is left to see them */
	change_clear(&last);
	limbo_free(&last.replaced);
	free(s);
	free(d);
	return image;
}

/* Lists are short and of this one change: walking them costs what making them did. */
#define LIMBO_APPEND(to, from, type)                                                               \
	do {                                                                                       \
		type **end = &(from);                                                              \
		while (*end) end = &(*end)->limbo_next;                                            \
		*end = (to);                                                                       \
		(to) = (from);                                                                     \
	} while (0)

void change_publish(struct change *c) {
	struct directory *d = c->directory;
	struct directory_snapshot *old = directory_current(d);
	atomic_store_explicit(&d->current, c->next, memory_order_release);
	old->limbo_next = d->limbo.snapshots;
	d->limbo.snapshots = old;
	LIMBO_APPEND(d->limbo.buckets, c->replaced.buckets, struct delta_bucket);
	LIMBO_APPEND(d->limbo.tenants, c->replaced.tenants, struct delta_tenant);
	d->limbo.bytes += sizeof *old + c->replaced.bytes;
	if (d->limbo.bytes > DIRECTORY_LIMBO_BYTES_MAX) directory_reclaim(d);
}

/* --- reading ---------------------------------------------------------------------------- */

void directory_thread_enter(void) {
	urcu_memb_register_thread();
}

void directory_thread_leave(void) {
	urcu_memb_unregister_thread();
}

const struct directory_snapshot *directory_read_begin(const struct directory *d) {
	rcu_read_start();
	return atomic_load_explicit(&d->current, memory_order_acquire);
}

void directory_read_end(const struct directory *d) {
	rcu_read_end(&d->readers_done);
}

static bool found_change(const struct delta_tenant *t, struct tenant *out) {
	if (t->gone) return false;
	*out = delta_tenant_view(t);
	return true;
}

static bool peek_hashed(const struct directory_snapshot *s, struct slice name, uint64_t hash,
                        struct tenant *out) {
	const struct delta_tenant *t = s->pending ? delta_find(s, name, hash) : NULL;
	return t ? found_change(t, out) : image_peek_hashed(s->image, name, hash, out);
}

bool directory_peek(const struct directory_snapshot *s, struct slice name, struct tenant *out) {
	if (!peek_hashed(s, name, image_hash(s->image, name), out)) return false;
	__builtin_prefetch(out->row.ptr);
	return true;
}

bool directory_find(const struct directory_snapshot *s, struct slice name, struct tenant *out) {
	return directory_peek(s, name, out) && tenant_is_named(out, name);
}

static bool is_changed(const struct directory_snapshot *s, const struct tenant *t) {
	struct slice name = tenant_name(t);
	return s->pending && delta_find(s, name, image_hash(s->image, name));
}

/* The keys of a changed tenant are all among the changes: if the image knows the key but its
 * tenant has changed, the tenant no longer has it. */
bool directory_find_key(const struct directory_snapshot *s, const uint8_t sha256[SHA256_BYTES],
                        struct tenant *out) {
	if (s->pending) {
		uint64_t hash = image_hash(s->image, slice_of(sha256, SHA256_BYTES));
		const struct delta_tenant *t;
		for (uint32_t at = 0; (t = delta_next(s, hash, &at));)
			if (found_change(t, out) && tenant_has_key(out, sha256)) return true;
	}
	return tenant_image_find_key(s->image, sha256, out) && !is_changed(s, out);
}

/* Three rounds, each asking memory for what the next one reads. */
void directory_find_batch(const struct directory_snapshot *s, const struct slice *names, int count,
                          struct tenant *out, bool *found) {
	const struct tenant_image *image = s->image;
	uint64_t hashes[DIRECTORY_BATCH_MAX];
	ASSERT(count >= 0 && count <= DIRECTORY_BATCH_MAX);
	for (int i = 0; i < count; i++) {
		hashes[i] = image_hash(image, names[i]);
		struct table_cursor c = table_start(&image->tenants, hashes[i]);
		__builtin_prefetch(image->tenants.slots + c.at * SLOT_BYTES);
	}
	for (int i = 0; i < count; i++) {
		found[i] = peek_hashed(s, names[i], hashes[i], &out[i]);
		if (found[i]) __builtin_prefetch(out[i].row.ptr);
	}
	for (int i = 0; i < count; i++) found[i] = found[i] && tenant_is_named(&out[i], names[i]);
}

/* The entry under a tenant's name, not those under its keys, in the order of the hash. */
static bool next_change(const struct directory_snapshot *s, struct directory_cursor *cursor,
                        struct tenant *out) {
	uint32_t i = (uint32_t)(cursor->hash >> (64 - DELTA_BUCKET_BITS));
	for (; s->pending && i < DELTA_BUCKETS; i++) {
		const struct delta_bucket *b = s->buckets[i];
		for (uint32_t k = 0; b && k < b->count; k++) {
			const struct delta_entry *e = &b->entries[k];
			if (e->hash < cursor->hash || !found_change(e->tenant, out)) continue;
			if (image_hash(s->image, tenant_name(out)) != e->hash) continue;
			cursor->hash = e->hash + 1;
			if (cursor->hash == 0) cursor->part = CURSOR_END;
			return true;
		}
	}
	cursor->part = CURSOR_END;
	return false;
}

bool directory_next(const struct directory_snapshot *s, struct directory_cursor *cursor,
                    struct tenant *out) {
	while (cursor->part == CURSOR_IMAGE) {
		if (!tenant_image_next(s->image, &cursor->row, out))
			cursor->part = CURSOR_CHANGES;
		else if (!is_changed(s, out))
			return true;
	}
	return cursor->part == CURSOR_CHANGES && next_change(s, cursor, out);
}

struct directory_facts directory_facts(const struct directory_snapshot *s) {
	return (struct directory_facts){.image = tenant_image_facts(s->image),
	                                .revision = s->revision,
	                                .pending = s->pending,
	                                .merges = s->merges};
}

const struct policy *directory_policy(const struct directory_snapshot *s) {
	return s->image->policy;
}
