/* Every record of one cell that was ever durable anywhere: a tree, since homes that are cut off
 * grow branches. Answers what a history holds. Knows no node.
 */
#pragma once
#include "store/record.h"

struct past;
struct past *past_new(int cell);
void past_free(struct past *p);

struct past_note {
	uint8_t hash[RECORD_HASH_BYTES];
	int call;      /* whose write it is; -1: nobody's */
	uint16_t keys; /* which it writes, by bits */
	int64_t value; /* what it makes them; 0: absent */
	bool quarantined;
	uint64_t state_hash; /* of the view there; valid when has_state */
	bool has_state;
};
/* Notes one; `prev` is the one it follows. false: `why` says what it breaks. */
bool past_add(struct past *p, const struct record *r, const struct position *prev, char why[300]);
struct past_note *past_find(struct past *p, uint64_t epoch, uint64_t seq); /* NULL: never was */
/* Is a in the history that ends with b? Everything has (0, 0). */
bool past_has(struct past *p, uint64_t a_epoch, uint64_t a_seq, uint64_t b_epoch, uint64_t b_seq);
/* What the history that ends there makes of a key. */
int64_t past_value(struct past *p, int key, uint64_t epoch, uint64_t seq);
/* Walks a history backwards: false when *epoch, *seq was its first. */
bool past_prev(struct past *p, uint64_t *epoch, uint64_t *seq);

/* Keys and values as clients write them: `t<cell> NUL d NUL <key>`, numbers in decimal; an idempotency
 * key is `i<call>`. */
size_t past_key(int cell, int key, char out[24]);
int past_key_parse(int cell, struct slice key); /* -1: none of ours */
size_t past_idem_key(int cell, int call, char out[24]);
