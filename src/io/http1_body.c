/* The body decoder: length, chunks, until close. Framing is read byte by byte, data
 * is handed out in place. Nothing is buffered, so however slowly or finely bytes come,
 * each is looked at once. May know only the bytes it is given. */
#include "base/assert.h"
#include "io/http1.h"
#include "io/http1_chars.h"

enum {
	BODY_DATA, /* `left` bytes of content, of the body or of a chunk */
	BODY_SIZE,
	BODY_EXTENSION,
	BODY_SIZE_LF,
	BODY_DATA_CR,
	BODY_DATA_LF,
	BODY_TRAILER, /* the start of a trailer line, or of the empty line that ends the body */
	BODY_TRAILER_NAME,
	BODY_TRAILER_VALUE,
	BODY_TRAILER_LF,
	BODY_END_LF,
	BODY_DONE,
	BODY_FAILED,
};

enum { SIZE_DIGITS_MAX = 16 };

static enum http1_rule body_fail(struct http1_body *b, enum http1_rule rule) {
	b->rule = rule;
	b->fault_offset = b->taken;
	b->state = BODY_FAILED;
	return rule;
}

static void body_finish(struct http1_body *b) {
	b->state = BODY_DONE;
	b->done = true;
}

void http1_body_init(struct http1_body *b, enum http1_body_kind kind, uint64_t content_length,
                     uint64_t max_bytes) {
	*b = (struct http1_body){.kind = kind, .max_bytes = max_bytes};
	switch (kind) {
	case HTTP1_BODY_NONE: body_finish(b); break;
	case HTTP1_BODY_LENGTH:
		b->left = content_length;
		if (content_length > max_bytes)
			body_fail(b, HTTP1_RULE_BODY_BYTES);
		else if (content_length == 0)
			body_finish(b);
		break;
	case HTTP1_BODY_CHUNKED: b->state = BODY_SIZE; break;
	case HTTP1_BODY_UNTIL_CLOSE: b->left = UINT64_MAX; break;
	}
}

/* A CR before `next`, or a complaint that fits the byte. */
static enum http1_rule cr_take(struct http1_body *b, uint8_t byte, uint8_t next,
                               enum http1_rule otherwise) {
	if (byte != '\r') return byte == '\n' ? HTTP1_RULE_BARE_LF : otherwise;
	b->state = next;
	return HTTP1_RULE_NONE;
}

/* Blanks after the size, which RFC 9112 calls bad and lets through before an extension, are
 * refused: nobody sends them but to confuse. */
static enum http1_rule size_take(struct http1_body *b, uint8_t byte) {
	int digit = char_hex(byte);
	if (digit >= 0) {
		bool fits = b->digits < SIZE_DIGITS_MAX && b->left <= (uint64_t)INT64_MAX >> 4;
		if (!fits) return HTTP1_RULE_CHUNK_OVERFLOW;
		b->digits++;
		b->left = b->left << 4 | (uint64_t)digit;
		return HTTP1_RULE_NONE;
	}
	if (b->digits == 0) return HTTP1_RULE_CHUNK_SIZE;
	if (byte == ';') {
		b->state = BODY_EXTENSION;
		return HTTP1_RULE_NONE;
	}
	return cr_take(b, byte, BODY_SIZE_LF, HTTP1_RULE_CHUNK_SIZE);
}

/* No CR or LF can stand in a quoted string, so an extension ends at the first CR. */
static enum http1_rule extension_take(struct http1_body *b, uint8_t byte) {
	if (!char_is(byte, CHAR_VALUE))
		return cr_take(b, byte, BODY_SIZE_LF, HTTP1_RULE_CHUNK_EXTENSION);
	b->line_bytes++;
	b->extension_bytes++;
	bool fits = b->line_bytes <= HTTP1_EXTENSION_BYTES_MAX &&
	            b->extension_bytes <= b->data_bytes + HTTP1_EXTENSION_BYTES_FREE;
	return fits ? HTTP1_RULE_NONE : HTTP1_RULE_EXTENSION_BYTES;
}

static enum http1_rule size_lf_take(struct http1_body *b, uint8_t byte) {
	if (byte != '\n') return HTTP1_RULE_BARE_CR;
	if (b->left > b->max_bytes - b->data_bytes) return HTTP1_RULE_BODY_BYTES;
	b->state = b->left ? BODY_DATA : BODY_TRAILER;
	b->line_bytes = 0;
	b->digits = 0;
	return HTTP1_RULE_NONE;
}

static enum http1_rule data_lf_take(struct http1_body *b, uint8_t byte) {
	if (byte != '\n') return HTTP1_RULE_CHUNK_END;
	b->state = BODY_SIZE;
	return HTTP1_RULE_NONE;
}

/* A trailer line obeys the rules of a header line (http1_head.c); nobody here reads it. */
static enum http1_rule trailer_take(struct http1_body *b, uint8_t byte) {
	bool blank = byte == ' ' || byte == '\t';
	if (b->line_bytes++ == HTTP1_TRAILER_BYTES_MAX) return HTTP1_RULE_TRAILER_BYTES;
	switch (b->state) {
	case BODY_TRAILER:
		if (blank) return HTTP1_RULE_FOLD;
		if (byte == ':') return HTTP1_RULE_NAME_EMPTY;
		if (!char_is(byte, CHAR_TOKEN))
			return cr_take(b, byte, BODY_END_LF, HTTP1_RULE_NAME_BYTE);
		b->state = BODY_TRAILER_NAME;
		return HTTP1_RULE_NONE;
	case BODY_TRAILER_NAME:
		if (byte == ':')
			b->state = BODY_TRAILER_VALUE;
		else if (!char_is(byte, CHAR_TOKEN))
			return blank ? HTTP1_RULE_NAME_BLANK : HTTP1_RULE_NAME_BYTE;
		return HTTP1_RULE_NONE;
	case BODY_TRAILER_VALUE:
		if (char_is(byte, CHAR_VALUE)) return HTTP1_RULE_NONE;
		return cr_take(b, byte, BODY_TRAILER_LF, HTTP1_RULE_VALUE_BYTE);
	default: /* BODY_TRAILER_LF, BODY_END_LF */
		if (byte != '\n') return HTTP1_RULE_BARE_CR;
		if (b->state == BODY_END_LF)
			body_finish(b);
		else
			b->state = BODY_TRAILER;
		return HTTP1_RULE_NONE;
	}
}

static enum http1_rule framing_take(struct http1_body *b, uint8_t byte) {
	switch (b->state) {
	case BODY_SIZE: return size_take(b, byte);
	case BODY_EXTENSION: return extension_take(b, byte);
	case BODY_SIZE_LF: return size_lf_take(b, byte);
	case BODY_DATA_CR: return cr_take(b, byte, BODY_DATA_LF, HTTP1_RULE_CHUNK_END);
	case BODY_DATA_LF: return data_lf_take(b, byte);
	default: return trailer_take(b, byte);
	}
}

/* Hands out as much of `in` as the current run of content has. */
static enum http1_rule data_take(struct http1_body *b, struct slice in, struct slice *data) {
	size_t len = in.len < b->left ? in.len : (size_t)b->left;
	uint64_t room = b->max_bytes - b->data_bytes;
	if (len > room) { /* only until close: other lengths were checked when announced */
		b->taken += room;
		return body_fail(b, HTTP1_RULE_BODY_BYTES);
	}
	*data = slice_of(in.ptr, len);
	b->data_bytes += len;
	b->taken += len;
	if (b->kind == HTTP1_BODY_UNTIL_CLOSE) return HTTP1_RULE_NONE;
	b->left -= len;
	if (b->left == 0) {
		if (b->kind == HTTP1_BODY_CHUNKED)
			b->state = BODY_DATA_CR;
		else
			body_finish(b);
	}
	return HTTP1_RULE_NONE;
}

enum err http1_body_next(struct http1_body *b, struct slice in, struct slice *data, size_t *used) {
	*data = slice_of(NULL, 0);
	*used = 0;
	if (b->state == BODY_FAILED) return http1_rule_code(b->rule);
	size_t i = 0;
	while (i < in.len && b->state != BODY_DATA && b->state != BODY_DONE) {
		enum http1_rule rule = framing_take(b, in.ptr[i]);
		if (rule) return http1_rule_code(body_fail(b, rule));
		b->taken++;
		i++;
	}
	if (i < in.len && b->state == BODY_DATA) {
		enum http1_rule rule = data_take(b, slice_of(in.ptr + i, in.len - i), data);
		if (rule) return http1_rule_code(rule);
		i += data->len;
	}
	*used = i;
	return ERR_OK;
}

enum err http1_body_eof(struct http1_body *b) {
	if (b->state == BODY_FAILED) return http1_rule_code(b->rule);
	if (b->kind == HTTP1_BODY_UNTIL_CLOSE) body_finish(b);
	return b->done ? ERR_OK : http1_rule_code(body_fail(b, HTTP1_RULE_BODY_CUT));
}
