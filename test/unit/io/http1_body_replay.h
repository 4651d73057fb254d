/* Test help: drives the HTTP/1.1 body decoder over bytes that arrive in pieces, each in
 * fresh memory of exactly its size, and gathers the content. Also used by the fuzz target. */
#pragma once
#include <stdlib.h>

#include "base/assert.h"
#include "io/http1.h"

struct body_outcome {
	enum err err;
	enum http1_rule rule;
	uint64_t at; /* bytes taken, or the offset of the fault */
	bool done;
	struct buf content;
};

/* Gives one piece until it is used up; what the decoder promises of `used` and `data` is
 * asserted here. */
static inline void body_feed(struct http1_body *b, struct slice piece, struct body_outcome *o) {
	uint8_t *copy = malloc(piece.len ? piece.len : 1);
	ASSERT(copy);
	if (piece.len) memcpy(copy, piece.ptr, piece.len);
	struct slice rest = slice_of(copy, piece.len), data;
	while (!o->err && !b->done && rest.len > 0) {
		size_t used;
		o->err = http1_body_next(b, rest, &data, &used);
		if (o->err) break;
		ASSERT(used > 0 && used <= rest.len && data.len <= used);
		ASSERT(!data.len ||
		       (data.ptr >= rest.ptr && data.ptr + data.len == rest.ptr + used));
		enum err e = buf_append_slice(&o->content, data);
		ASSERT(!e);
		rest = slice_of(rest.ptr + used, rest.len - used);
	}
	free(copy);
}

/* bytes[0..cuts[0]), then [cuts[0]..cuts[1]), …, then the rest; cuts ascend. */
static inline struct body_outcome body_replay(enum http1_body_kind kind, uint64_t length,
                                              uint64_t max, struct slice bytes, const size_t *cuts,
                                              size_t cut_count) {
	struct http1_body b;
	struct body_outcome o = {0};
	http1_body_init(&b, kind, length, max);
	buf_init(&o.content, 1 << 24);
	size_t from = 0;
	for (size_t i = 0; i <= cut_count && !o.err && !b.done; i++) {
		size_t to = i < cut_count ? cuts[i] : bytes.len;
		ASSERT(from <= to && to <= bytes.len);
		body_feed(&b, slice_of(bytes.ptr + from, to - from), &o);
		from = to;
	}
	o.rule = b.rule;
	o.done = b.done;
	o.at = o.err ? b.fault_offset : b.taken;
	ASSERT(o.at <= bytes.len && b.data_bytes == o.content.len && b.data_bytes <= max);
	return o;
}

/* What was handed out before a fault may differ with the pieces; nothing else may. */
static inline bool body_outcome_same(const struct body_outcome *a, const struct body_outcome *b) {
	if (a->err != b->err || a->rule != b->rule || a->at != b->at || a->done != b->done)
		return false;
	return a->err || slice_eq(buf_slice(&a->content), buf_slice(&b->content));
}

static inline void body_outcome_done(struct body_outcome *o) {
	buf_done(&o->content);
}
