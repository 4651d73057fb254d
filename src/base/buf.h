/* A growable byte buffer that must name its maximum. Bytes live at
 * [start, start+len); consuming from the front moves start. One thread. */
#pragma once
#include "base/err.h"
#include "base/slice.h"

struct buf {
	uint8_t *mem;
	size_t start, len, cap, max;
};

void buf_init(struct buf *b, size_t max); /* allocates nothing yet */
void buf_done(struct buf *b);             /* NULL and half-built are fine */
void buf_reset(struct buf *b);            /* length 0, memory kept */
void buf_shrink(struct buf *b);           /* frees memory when empty: idle connections cost nothing */
/* ERR_TOO_LARGE over max, ERR_NO_MEMORY; the buffer is unchanged on error. */
MUST enum err buf_append(struct buf *b, const void *bytes, size_t len);
MUST enum err buf_append_slice(struct buf *b, struct slice s);
MUST enum err buf_append_str(struct buf *b, const char *s);
MUST enum err buf_printf(struct buf *b, const char *format, ...) PRINTF_LIKE(2, 3);
MUST enum err buf_vprintf(struct buf *b, const char *format, va_list args) PRINTF_LIKE(2, 0);
/* Room for `len` more bytes; *out points at it until the next call on b. Then buf_commit. */
MUST enum err buf_reserve(struct buf *b, size_t len, uint8_t **out);
void buf_commit(struct buf *b, size_t len);
void buf_consume(struct buf *b, size_t len); /* drops from the front; len <= b->len */
void buf_truncate(struct buf *b, size_t len); /* keeps the first len */
struct slice buf_slice(const struct buf *b); /* valid until the next change of b */
/* NUL-terminated text of the content without changing the length; valid until the next change. */
MUST enum err buf_cstr(struct buf *b, const char **out);
