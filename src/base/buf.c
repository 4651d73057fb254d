/* The bounded buffer. Memory is always one byte more than the content may need,
 * so that text can be terminated without a copy. Knows nothing of its users. */
#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"

enum { BUF_CAP_MIN = 64 };

void buf_init(struct buf *b, size_t max) {
	ASSERT(max < SIZE_MAX / 4);
	*b = (struct buf){.max = max};
}

void buf_done(struct buf *b) {
	if (!b) return;
	free(b->mem);
	*b = (struct buf){.max = b->max};
}

void buf_reset(struct buf *b) {
	b->start = b->len = 0;
}

void buf_shrink(struct buf *b) {
	if (b->len == 0) buf_done(b);
}

/* Makes cap - start >= need. Content moves to the front only when at least as
 * much was consumed as must be moved, so each byte is moved O(1) times; only a buffer
 * that has its full size and cannot grow moves whatever it holds. */
static enum err buf_make_room(struct buf *b, size_t need) {
	if (b->cap - b->start >= need) return ERR_OK;
	bool cheap_to_move = b->start >= b->len;
	if (b->cap >= need && (cheap_to_move || b->cap > b->max)) {
		memmove(b->mem, b->mem + b->start, b->len);
		b->start = 0;
		return ERR_OK;
	}
	size_t cap = b->cap * 2;
	if (cap < BUF_CAP_MIN) cap = BUF_CAP_MIN;
	if (cap > b->max + 1) cap = b->max + 1;
	if (cap < need) cap = need;
	uint8_t *mem = malloc(cap);
	if (!mem) return ERR_NO_MEMORY;
	if (b->len) memcpy(mem, b->mem + b->start, b->len);
	free(b->mem);
	b->mem = mem;
	b->cap = cap;
	b->start = 0;
	return ERR_OK;
}

enum err buf_reserve(struct buf *b, size_t len, uint8_t **out) {
	if (len > b->max || b->len > b->max - len) return ERR_TOO_LARGE;
	enum err e = buf_make_room(b, b->len + len + 1);
	if (e) return e;
	*out = b->mem + b->start + b->len;
	return ERR_OK;
}

void buf_commit(struct buf *b, size_t len) {
	ASSERT(b->len + len <= b->max && b->start + b->len + len <= b->cap);
	b->len += len;
}

enum err buf_append(struct buf *b, const void *bytes, size_t len) {
	if (len == 0) return ERR_OK;
	uint8_t *room;
	enum err e = buf_reserve(b, len, &room);
	if (e) return e;
	memcpy(room, bytes, len);
	b->len += len;
	return ERR_OK;
}

enum err buf_append_slice(struct buf *b, struct slice s) {
	return buf_append(b, s.ptr, s.len);
}

enum err buf_append_str(struct buf *b, const char *s) {
	return buf_append(b, s, strlen(s));
}

enum err buf_vprintf(struct buf *b, const char *format, va_list args) {
	va_list again;
	va_copy(again, args);
	int len = vsnprintf(NULL, 0, format, again);
	va_end(again);
	if (len < 0) return ERR_INVALID;
	uint8_t *room;
	enum err e = buf_reserve(b, (size_t)len, &room);
	if (e) return e;
	vsnprintf((char *)room, (size_t)len + 1, format, args);
	b->len += (size_t)len;
	return ERR_OK;
}

enum err buf_printf(struct buf *b, const char *format, ...) {
	va_list args;
	va_start(args, format);
	enum err e = buf_vprintf(b, format, args);
	va_end(args);
	return e;
}

void buf_consume(struct buf *b, size_t len) {
	ASSERT(len <= b->len);
	b->len -= len;
	b->start = b->len ? b->start + len : 0;
}

void buf_truncate(struct buf *b, size_t len) {
	ASSERT(len <= b->len);
	b->len = len;
}

struct slice buf_slice(const struct buf *b) {
	return slice_of(b->len ? b->mem + b->start : NULL, b->len);
}

enum err buf_cstr(struct buf *b, const char **out) {
	uint8_t *end;
	enum err e = buf_reserve(b, 0, &end);
	if (e) return e;
	*end = '\0';
	*out = (const char *)b->mem + b->start;
	return ERR_OK;
}
