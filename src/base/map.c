/* Open addressing with linear probing; removal shifts back, so there are no
 * tombstones and a map that churns does not decay. Keys may be chosen by an
 * attacker: the hash is keyed. */
#include "base/map.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/hash.h"

enum { MAP_CAP_MIN = 16 };

struct map_entry {
	struct slice key;
	void *value; /* NULL: the place is free */
	uint64_t hash;
};

void map_init(struct map *m, const uint64_t seed[2]) {
	*m = (struct map){.seed = {seed[0], seed[1]}};
}

void map_done(struct map *m) {
	if (!m) return;
	free(m->entries);
	m->entries = NULL;
	m->count = m->cap = 0;
}

static uint64_t map_hash(const struct map *m, struct slice key) {
	return siphash13(m->seed, key.ptr, key.len);
}

/* The entry of the key, or the free place where it belongs. cap > 0. */
static struct map_entry *map_place(const struct map *m, struct slice key, uint64_t hash) {
	for (size_t i = hash & (m->cap - 1);; i = (i + 1) & (m->cap - 1)) {
		struct map_entry *entry = &m->entries[i];
		if (!entry->value) return entry;
		if (entry->hash == hash && slice_eq(entry->key, key)) return entry;
	}
}

static enum err map_grow(struct map *m) {
	struct map bigger = *m;
	bigger.cap = m->cap ? m->cap * 2 : MAP_CAP_MIN;
	bigger.entries = calloc(bigger.cap, sizeof *bigger.entries);
	if (!bigger.entries) return ERR_NO_MEMORY;
	for (size_t i = 0; i < m->cap; i++) {
		struct map_entry *entry = &m->entries[i];
		if (entry->value) *map_place(&bigger, entry->key, entry->hash) = *entry;
	}
	free(m->entries);
	*m = bigger;
	return ERR_OK;
}

void *map_get(const struct map *m, struct slice key) {
	return m->count ? map_place(m, key, map_hash(m, key))->value : NULL;
}

enum err map_put(struct map *m, struct slice key, void *value) {
	ASSERT(value);
	uint64_t hash = map_hash(m, key);
	struct map_entry *entry = m->cap ? map_place(m, key, hash) : NULL;
	bool is_new = !entry || !entry->value;
	if (is_new && m->count >= m->cap / 4 * 3) {
		enum err e = map_grow(m);
		if (e) return e;
		entry = map_place(m, key, hash);
	}
	m->count += is_new;
	*entry = (struct map_entry){key, value, hash};
	return ERR_OK;
}

/* Moves back every follower that the new hole would cut off from its home place. */
static void map_close_hole(struct map *m, size_t hole) {
	size_t mask = m->cap - 1;
	for (size_t i = (hole + 1) & mask; m->entries[i].value; i = (i + 1) & mask) {
		size_t home = m->entries[i].hash & mask;
		if (((i - home) & mask) < ((i - hole) & mask)) continue;
		m->entries[hole] = m->entries[i];
		hole = i;
	}
	m->entries[hole] = (struct map_entry){0};
}

static void remove_at(struct map *m, struct map_entry *entry) {
	map_close_hole(m, (size_t)(entry - m->entries));
	m->count--;
}

void *map_remove(struct map *m, struct slice key) {
	if (!m->count) return NULL;
	struct map_entry *entry = map_place(m, key, map_hash(m, key));
	void *value = entry->value;
	if (value) remove_at(m, entry);
	return value;
}

bool map_remove_if(struct map *m, struct slice key, const void *value) {
	if (!m->count || !value) return false;
	struct map_entry *entry = map_place(m, key, map_hash(m, key));
	if (entry->value != value) return false;
	remove_at(m, entry);
	return true;
}

bool map_next(const struct map *m, size_t *cursor, struct slice *key, void **value) {
	while (*cursor < m->cap) {
		const struct map_entry *entry = &m->entries[(*cursor)++];
		if (!entry->value) continue;
		*key = entry->key;
		*value = entry->value;
		return true;
	}
	return false;
}
