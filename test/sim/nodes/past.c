/* See past.h. Inside an epoch records form one line, for an epoch has one writer; epochs form a
 * tree by where they begin. */
#include "past.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/parse.h"

struct line {
	uint64_t epoch, first; /* seq of notes[0] */
	struct position prev;
	struct past_note *notes;
	size_t count, cap;
};
struct past {
	int cell;
	struct line *lines; /* ascending by epoch */
	size_t count, cap;
};

struct past *past_new(int cell) {
	struct past *p = calloc(1, sizeof *p);
	ASSERT(p);
	p->cell = cell;
	return p;
}

void past_free(struct past *p) {
	if (!p) return;
	for (size_t i = 0; i < p->count; i++) free(p->lines[i].notes);
	free(p->lines);
	free(p);
}

/* --- keys ----------------------------------------------------------------------------------- */

/* By hand: this is the simulation's own hot path. */
size_t past_key(int cell, int key, char out[24]) {
	const char text[] = {'t', (char)('0' + cell), 0, 'd', 0, 'k', (char)('0' + key)};
	memcpy(out, text, sizeof text);
	return sizeof text;
}

size_t past_idem_key(int cell, int call, char out[24]) {
	return (size_t)snprintf(out, 24, "t%d%c%ci%d", cell, 0, 0, call);
}

int past_key_parse(int cell, struct slice key) {
	char first[24];
	size_t len = past_key(cell, 0, first);
	if (key.len != len || memcmp(key.ptr, first, len - 1) != 0) return -1;
	return key.ptr[len - 1] - '0';
}

static int idem_parse(int cell, struct slice key) {
	const char prefix[] = {'t', (char)('0' + cell), 0, 0, 'i'};
	int64_t number;
	if (!slice_starts(key, slice_of(prefix, sizeof prefix))) return -1;
	if (parse_i64(slice_of(key.ptr + sizeof prefix, key.len - sizeof prefix), &number) !=
	    ERR_OK)
		return -1;
	return (int)number;
}

/* --- notes ------------------------------------------------------------------------------------ */

static struct line *line_find(struct past *p, uint64_t epoch) {
	for (size_t i = p->count; i-- > 0;)
		if (p->lines[i].epoch == epoch) return &p->lines[i];
	return NULL;
}

static struct line *line_add(struct past *p, uint64_t epoch, uint64_t first,
                             const struct position *prev) {
	if (p->count == p->cap) {
		p->cap = p->cap ? 2 * p->cap : 16;
		p->lines = realloc(p->lines, p->cap * sizeof *p->lines);
		ASSERT(p->lines);
	}
	size_t at = p->count++;
	for (; at > 0 && p->lines[at - 1].epoch > epoch; at--) p->lines[at] = p->lines[at - 1];
	p->lines[at] = (struct line){.epoch = epoch, .first = first, .prev = *prev};
	return &p->lines[at];
}

struct past_note *past_find(struct past *p, uint64_t epoch, uint64_t seq) {
	struct line *l = line_find(p, epoch);
	if (!l || seq < l->first || seq - l->first >= l->count) return NULL;
	return &l->notes[seq - l->first];
}

/* Values are the numbers of calls, and those of counters are sums. */
static bool read_ops(const struct past *p, const struct record *r, struct past_note *n) {
	struct record_cursor cursor = record_cursor(r);
	struct op op;
	n->call = -1;
	while (record_next_op(&cursor, &op) == ERR_OK) {
		int key = past_key_parse(p->cell, op.key), idem = idem_parse(p->cell, op.key);
		if (key < 0 && idem < 0) return false;
		if (idem >= 0 && op.type == OP_PUT) n->call = idem;
		if (key < 0) continue;
		n->keys |= (uint16_t)(1u << key);
		n->value = 0;
		if (op.type == OP_PUT && parse_i64(op.value, &n->value) != ERR_OK) return false;
	}
	if (n->call < 0 && n->keys && n->value) n->call = (int)n->value;
	return true;
}

bool past_add(struct past *p, const struct record *r, const struct position *prev, char why[300]) {
	struct past_note *known = past_find(p, r->at.epoch, r->at.seq);
	if (known) {
		if (memcmp(known->hash, r->at.hash, sizeof known->hash) == 0) return true;
		snprintf(why, 300, "A: two records at (epoch %llu, seq %llu)",
		         (unsigned long long)r->at.epoch, (unsigned long long)r->at.seq);
		return false;
	}
	struct line *l = line_find(p, r->at.epoch);
	if (!l) l = line_add(p, r->at.epoch, r->at.seq, prev);
	if (r->at.seq != l->first + l->count) {
		snprintf(why, 300,
		         "A: epoch %llu has records %llu to %llu, and now %llu: two lines of one "
		         "epoch",
		         (unsigned long long)l->epoch, (unsigned long long)l->first,
		         (unsigned long long)(l->first + l->count - 1),
		         (unsigned long long)r->at.seq);
		return false;
	}
	if (l->count == l->cap) {
		l->cap = l->cap ? 2 * l->cap : 64;
		l->notes = realloc(l->notes, l->cap * sizeof *l->notes);
		ASSERT(l->notes);
	}
	struct past_note *n = &l->notes[l->count++];
	*n = (struct past_note){0};
	memcpy(n->hash, r->at.hash, sizeof n->hash);
	if (read_ops(p, r, n)) return true;
	snprintf(why, 300, "H: the record at (epoch %llu, seq %llu) is of another tenant",
	         (unsigned long long)r->at.epoch, (unsigned long long)r->at.seq);
	return false;
}

/* --- histories -------------------------------------------------------------------------------- */

bool past_has(struct past *p, uint64_t a_epoch, uint64_t a_seq, uint64_t b_epoch, uint64_t b_seq) {
	if (a_seq == 0) return true;
	while (b_epoch > a_epoch) {
		const struct line *l = line_find(p, b_epoch);
		if (!l) return false;
		b_epoch = l->prev.epoch;
		b_seq = l->prev.seq;
	}
	return b_epoch == a_epoch && a_seq <= b_seq && past_find(p, a_epoch, a_seq);
}

bool past_prev(struct past *p, uint64_t *epoch, uint64_t *seq) {
	const struct line *l = line_find(p, *epoch);
	if (!l || *seq <= 1) return false;
	if (*seq > l->first) {
		--*seq;
		return true;
	}
	*epoch = l->prev.epoch;
	*seq = l->prev.seq;
	return *seq != 0;
}

int64_t past_value(struct past *p, int key, uint64_t epoch, uint64_t seq) {
	if (seq == 0) return 0;
	do {
		const struct past_note *n = past_find(p, epoch, seq);
		if (n && (n->keys >> key & 1)) return n->value;
	} while (past_prev(p, &epoch, &seq));
	return 0;
}
