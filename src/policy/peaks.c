/* An open-addressing table of seconds. */
#include "policy/peaks.h"

#include <stdlib.h>

#include "base/hash.h"

struct peaks_entry {
	uint64_t key, count; /* count 0: free */
};

void peaks_done(struct peaks *p) {
	free(p->entries);
	*p = (struct peaks){0};
}

static struct peaks_entry *find(const struct peaks *p, uint64_t key) {
	uint32_t at = (uint32_t)mix64(key) & (p->cap - 1);
	while (p->entries[at].count && p->entries[at].key != key) at = (at + 1) & (p->cap - 1);
	return &p->entries[at];
}

static enum err grow(struct peaks *p) {
	struct peaks old = *p;
	p->cap = old.cap ? old.cap * 2 : 1024;
	p->entries = calloc(p->cap, sizeof *p->entries);
	if (!p->entries) {
		*p = old;
		return ERR_NO_MEMORY;
	}
	for (uint32_t i = 0; i < old.cap; i++)
		if (old.entries[i].count) *find(p, old.entries[i].key) = old.entries[i];
	free(old.entries);
	return ERR_OK;
}

enum err peaks_add(struct peaks *p, uint64_t time_ms, int key, uint64_t more, uint64_t *now) {
	*now = 0;
	if (p->count >= p->cap / 2 && p->count < PEAKS_ENTRIES_MAX) {
		enum err e = grow(p);
		if (e) return e;
	}
	struct peaks_entry *x = find(p, time_ms / 1000 * PEAKS_KEYS_MAX + (uint64_t)key);
	if (!x->count) {
		if (p->count == PEAKS_ENTRIES_MAX) {
			p->full = true;
			return ERR_OK;
		}
		x->key = time_ms / 1000 * PEAKS_KEYS_MAX + (uint64_t)key;
		p->count++;
	}
	x->count += more;
	*now = x->count;
	return ERR_OK;
}
