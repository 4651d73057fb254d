/* Test help: drives the HTTP/1.1 head parser over bytes that arrive in any pieces, each
 * time in fresh memory of exactly their size, and writes down all that came of it as
 * text, so that two ways of arrival can be compared. Also used by the fuzz target. */
#pragma once
#include <stdlib.h>

#include "base/assert.h"
#include "io/http1.h"

struct outcome {
	enum err err;
	enum http1_rule rule;
	size_t at; /* bytes used, or the offset of the fault; 0: more was needed */
	struct buf text;
};

static inline void text_add(struct buf *text, const char *name, struct slice s) {
	enum err e =
		buf_printf(text, "%s%s[" SLICE_FMT "]\n", name, s.ptr ? "" : "-", SLICE_ARG(s));
	if (!e) e = buf_append_slice(text, s); /* once more, for what printf stops at */
	ASSERT(!e);
}

static inline void head_describe(const struct http1_head *h, struct buf *text) {
	enum err e = buf_printf(text, "%d.%d %d %d %d %d %llu %d\n", h->method, h->minor, h->status,
	                        h->keep_alive, h->expect_continue, h->body,
	                        (unsigned long long)h->content_length, h->header_count);
	ASSERT(!e);
	text_add(text, "method", h->method_text);
	text_add(text, "target", h->target);
	text_add(text, "path", h->path);
	text_add(text, "query", h->query);
	text_add(text, "host", h->host);
	text_add(text, "reason", h->reason);
	for (int i = 0; i < h->header_count; i++) {
		text_add(text, "name", h->headers[i].name);
		text_add(text, http_field_name(h->headers[i].id).len ? "known" : "other",
		         h->headers[i].value);
	}
	for (int id = FIELD_OTHER + 1; id < FIELD_COUNT; id++)
		if (http1_header(h, id).ptr) text_add(text, "first", http1_header(h, id));
}

/* Feeds bytes[0..cuts[0]), bytes[0..cuts[1]), …, then all. */
static inline struct outcome head_replay(enum http1_kind kind, size_t limit, struct slice bytes,
                                         const size_t *cuts, size_t cut_count) {
	struct http1_head h;
	struct outcome o = {0};
	uint8_t *last = NULL;
	http1_head_init(&h, kind, limit);
	buf_init(&o.text, 1 << 20);
	for (size_t i = 0; i <= cut_count && !o.err && o.at == 0; i++) {
		size_t len = i < cut_count ? cuts[i] : bytes.len;
		uint8_t *copy = malloc(len ? len : 1);
		ASSERT(copy && len <= bytes.len);
		if (len) memcpy(copy, bytes.ptr, len);
		o.err = http1_head_parse(&h, slice_of(copy, len), &o.at);
		ASSERT(o.at <= len);
		free(last);
		last = copy;
	}
	o.rule = h.rule;
	if (o.err)
		o.at = h.fault_offset;
	else if (o.at > 0)
		head_describe(&h, &o.text);
	free(last);
	return o;
}

static inline bool outcome_same(const struct outcome *a, const struct outcome *b) {
	return a->err == b->err && a->rule == b->rule && a->at == b->at &&
	       slice_eq(buf_slice(&a->text), buf_slice(&b->text));
}

static inline void outcome_done(struct outcome *o) {
	buf_done(&o->text);
}
