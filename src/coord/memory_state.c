/* The memory driver's truth: keys and lives of nodes. */
#include "coord/memory_state.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

void memory_state_done(struct memory_state *s) {
	for (int i = 0; i < s->key_count; i++) free(s->keys[i].value);
	free(s->keys);
	*s = (struct memory_state){0};
}

/* --- keys ----------------------------------------------------------------------- */

struct memory_key *memory_key_find(struct memory_state *s, const char *key) {
	for (int i = 0; i < s->key_count; i++)
		if (strcmp(s->keys[i].key, key) == 0) return &s->keys[i];
	return NULL;
}

static struct memory_key *key_add(struct memory_state *s, const char *key) {
	if (s->key_count == s->key_cap) {
		int cap = s->key_cap ? 2 * s->key_cap : 16;
		struct memory_key *keys = realloc(s->keys, (size_t)cap * sizeof *keys);
		if (!keys) return NULL;
		s->keys = keys;
		s->key_cap = cap;
	}
	struct memory_key *k = &s->keys[s->key_count++];
	*k = (struct memory_key){0};
	memcpy(k->key, key, strlen(key));
	return k;
}

enum err memory_put(struct memory_state *s, const char *key, uint64_t expected, struct slice value,
                    uint64_t *revision) {
	struct memory_key *k = memory_key_find(s, key);
	*revision = k ? k->revision : 0;
	if (*revision != expected) return ERR_CONFLICT;
	uint8_t *copy = malloc(value.len + 1);
	if (copy && !k) k = key_add(s, key);
	if (!copy || !k) {
		free(copy);
		return ERR_NO_MEMORY;
	}
	if (value.len) memcpy(copy, value.ptr, value.len);
	free(k->value);
	k->value = copy;
	k->value_bytes = value.len;
	k->revision = *revision = ++s->revision;
	return ERR_OK;
}

/* --- nodes ------------------------------------------------------------------------ */

struct coord_node *memory_node_find(struct memory_state *s, const char *name) {
	for (int i = 0; i < s->node_count; i++)
		if (strcmp(s->nodes[i].name, name) == 0) return &s->nodes[i];
	return NULL;
}

enum err memory_node_add(struct memory_state *s, const char *name) {
	if (memory_node_find(s, name)) return ERR_OK;
	if (strlen(name) >= sizeof s->nodes[0].name) return ERR_INVALID;
	if (s->node_count == COORD_NODES_MAX) return ERR_TOO_MANY;
	struct coord_node *n = &s->nodes[s->node_count++];
	*n = (struct coord_node){0};
	memcpy(n->name, name, strlen(name));
	return ERR_OK;
}

enum err memory_join(struct memory_state *s, const char *name, uint32_t *generation) {
	struct coord_node *n = memory_node_find(s, name);
	ASSERT(n);
	*generation = ++n->generation;
	n->beat = 1;
	n->proven_dead = false;
	return ERR_OK;
}

/* Only the life itself is compared: an answer that was lost must not make its node believe
 * that somebody expired it. */
enum err memory_beat(struct memory_state *s, const char *name, uint32_t generation) {
	struct coord_node *n = memory_node_find(s, name);
	ASSERT(n);
	if (generation == 0 || n->generation != generation || n->beat == 0) return ERR_CONFLICT;
	n->beat++;
	return ERR_OK;
}

enum err memory_expire(struct memory_state *s, const char *name, uint32_t generation,
                       uint32_t beat) {
	struct coord_node *n = memory_node_find(s, name);
	if (!n) return ERR_NOT_FOUND;
	if (beat == 0 || n->generation != generation || n->beat != beat) return ERR_CONFLICT;
	n->generation++;
	n->beat = 0;
	n->proven_dead = false;
	return ERR_OK;
}

bool memory_prove_dead(struct memory_state *s, const char *name) {
	struct coord_node *n = memory_node_find(s, name);
	if (!n || n->beat == 0 || n->proven_dead) return false;
	n->proven_dead = true;
	return true;
}
