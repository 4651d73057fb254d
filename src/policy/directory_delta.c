/* Persistent buckets of changed tenants: reading them, and making the next snapshot. Frees
 * nothing that was published: what is replaced goes to the limbo. */
#include "policy/directory_delta.h"

#include <stdlib.h>

#include "base/assert.h"

enum { GROWTH = 8 };

/* --- reading ---------------------------------------------------------------------------- */

static uint32_t bucket_of(uint64_t hash) {
	return (uint32_t)(hash >> (64 - DELTA_BUCKET_BITS));
}

/* The first entry that is not below `hash`. */
static uint32_t lower_bound(const struct delta_bucket *b, uint64_t hash) {
	uint32_t low = 0, high = b->count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (b->entries[middle].hash < hash)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct delta_tenant *delta_next(const struct directory_snapshot *s, uint64_t hash, uint32_t *at) {
	const struct delta_bucket *b = s->buckets[bucket_of(hash)];
	if (!b) return NULL;
	uint32_t i = lower_bound(b, hash) + (*at)++;
	return i < b->count && b->entries[i].hash == hash ? b->entries[i].tenant : NULL;
}

struct delta_tenant *delta_find(const struct directory_snapshot *s, struct slice name,
                                uint64_t hash) {
	struct delta_tenant *t;
	for (uint32_t at = 0; (t = delta_next(s, hash, &at));) {
		struct tenant view = delta_tenant_view(t);
		if (slice_eq(tenant_name(&view), name)) return t;
	}
	return NULL;
}

/* A tenant has several entries; this is the one under its name. */
static bool is_named(const struct directory_snapshot *s, const struct delta_entry *e) {
	struct tenant view = delta_tenant_view(e->tenant);
	return image_hash(s->image, tenant_name(&view)) == e->hash;
}

enum err delta_collect(const struct directory_snapshot *s, uint64_t since,
                       struct delta_tenant ***out, size_t *count) {
	struct delta_tenant **all = *out = malloc((s->pending + 1) * sizeof *all);
	*count = 0;
	if (!all) return ERR_NO_MEMORY;
	for (int i = 0; i < DELTA_BUCKETS; i++) {
		const struct delta_bucket *b = s->buckets[i];
		for (uint32_t k = 0; b && k < b->count; k++)
			if (b->entries[k].tenant->sequence > since && is_named(s, &b->entries[k]))
				all[(*count)++] = b->entries[k].tenant;
	}
	ASSERT(*count <= s->pending);
	return ERR_OK;
}

/* --- tenants ---------------------------------------------------------------------------- */

struct delta_tenant *delta_tenant_new(const struct tenant_row *row, bool gone) {
	uint8_t bytes[ROW_BYTES_MAX];
	struct slice encoded = row_encode(row, 0, bytes);
	struct delta_tenant *t = malloc(sizeof *t + encoded.len);
	if (!t) return NULL;
	*t = (struct delta_tenant){.holders = 1,
	                           .gone = gone,
	                           .profile = row->profile,
	                           .row_bytes = (uint32_t)encoded.len};
	memcpy(t->row, encoded.ptr, encoded.len);
	return t;
}

void delta_tenant_drop(struct delta_tenant *t) {
	ASSERT(t->holders > 0);
	if (--t->holders == 0) free(t);
}

/* --- the next snapshot -------------------------------------------------------------------- */

struct directory_snapshot *directory_current(struct directory *d) {
	return atomic_load_explicit(&d->current, memory_order_relaxed);
}

enum err change_begin(struct directory *d, struct change *c) {
	const struct directory_snapshot *now = directory_current(d);
	*c = (struct change){.directory = d, .next = malloc(sizeof *c->next)};
	if (!c->next) return ERR_NO_MEMORY;
	*c->next = *now;
	c->next->sequence++;
	return ERR_OK;
}

static void give_away_bucket(struct change *c, struct delta_bucket *b) {
	if (!b) return;
	if (b->made_by == c->next->sequence) { /* nobody has seen it */
		free(b);
		return;
	}
	b->limbo_next = c->replaced.buckets;
	c->replaced.buckets = b;
	c->replaced.bytes += sizeof *b + b->cap * sizeof *b->entries;
}

static void give_away_tenant(struct change *c, struct delta_tenant *t) {
	t->limbo_next = c->replaced.tenants;
	c->replaced.tenants = t;
	c->replaced.bytes += sizeof *t + t->row_bytes;
}

void change_give_up(struct change *c) {
	for (int i = 0; i < DELTA_BUCKETS; i++) {
		struct delta_bucket *b = c->next->buckets[i];
		if (b && b->made_by == c->next->sequence) free(b);
	}
	free(c->next);
}

/* A bucket of this change's own, with room for one more. */
static struct delta_bucket *own_bucket(struct change *c, uint32_t index) {
	struct delta_bucket *old = c->next->buckets[index];
	uint32_t count = old ? old->count : 0;
	bool own = old && old->made_by == c->next->sequence;
	if (own && count < old->cap) return old;
	/* One entry is the rule; whoever adds a second in the same change adds many. */
	uint32_t cap = own ? 2 * count + GROWTH : count + 1;
	struct delta_bucket *b = malloc(sizeof *b + cap * sizeof *b->entries);
	if (!b) return NULL;
	*b = (struct delta_bucket){.made_by = c->next->sequence, .cap = cap, .count = count};
	if (old) memcpy(b->entries, old->entries, count * sizeof *b->entries);
	give_away_bucket(c, old);
	c->next->buckets[index] = b;
	return b;
}

static enum err insert(struct change *c, uint64_t hash, struct delta_tenant *t) {
	struct delta_bucket *b = own_bucket(c, bucket_of(hash));
	if (!b) return ERR_NO_MEMORY;
	uint32_t at = lower_bound(b, hash);
	memmove(&b->entries[at + 1], &b->entries[at], (b->count - at) * sizeof *b->entries);
	b->entries[at] = (struct delta_entry){hash, t};
	b->count++;
	return ERR_OK;
}

static enum err take_out(struct change *c, uint64_t hash, const struct delta_tenant *t) {
	struct delta_bucket *b = own_bucket(c, bucket_of(hash));
	if (!b) return ERR_NO_MEMORY;
	uint32_t at = lower_bound(b, hash);
	while (at < b->count && b->entries[at].tenant != t) at++;
	ASSERT(at < b->count);
	b->count--;
	memmove(&b->entries[at], &b->entries[at + 1], (b->count - at) * sizeof *b->entries);
	return ERR_OK;
}

/* One edit for the name and one for each key. */
static enum err for_each_hash(struct change *c, struct delta_tenant *t, bool put) {
	struct tenant view = delta_tenant_view(t);
	const struct tenant_image *image = c->next->image;
	enum err e = ERR_OK;
	for (int i = -1; !e && i < tenant_key_count(&view); i++) {
		uint64_t hash =
			image_hash(image, i < 0 ? tenant_name(&view) : tenant_key(&view, i));
		e = put ? insert(c, hash, t) : take_out(c, hash, t);
	}
	return e;
}

enum err change_put(struct change *c, struct delta_tenant *t) {
	struct tenant view = delta_tenant_view(t);
	struct slice name = tenant_name(&view);
	struct delta_tenant *old = delta_find(c->next, name, image_hash(c->next->image, name));
	if (!old && c->next->pending == DIRECTORY_PENDING_MAX) return ERR_OVERLOADED;
	enum err e = old ? for_each_hash(c, old, false) : ERR_OK;
	t->sequence = c->next->sequence;
	if (!e) e = for_each_hash(c, t, true);
	if (e) return e;
	if (old)
		give_away_tenant(c, old);
	else
		c->next->pending++;
	return ERR_OK;
}

void change_clear(struct change *c) {
	for (int i = 0; i < DELTA_BUCKETS; i++) {
		struct delta_bucket *b = c->next->buckets[i];
		for (uint32_t k = 0; b && k < b->count; k++)
			if (is_named(c->next, &b->entries[k]))
				give_away_tenant(c, b->entries[k].tenant);
		give_away_bucket(c, b);
		c->next->buckets[i] = NULL;
	}
	c->next->pending = 0;
}
