/* Writing heads and chunks. Every byte that came from outside is checked against the
 * same classes the parser uses, so nothing can be written that would be read as more than
 * one message. May know only the buffer it fills. */
#include "base/assert.h"
#include "io/http1.h"
#include "io/http1_chars.h"

enum {
	LENGTH_DIGITS_MAX = 20,
	/* "Transfer-Encoding: chunked" or "Content-Length: " and digits, "Connection: …" */
	FRAMING_BYTES_MAX = 96,
};

static uint8_t *put(uint8_t *p, struct slice s) {
	memcpy(p, s.ptr, s.len);
	return p + s.len;
}
#define PUT_LIT(p, s) put((p), SLICE_LIT(s))

static uint8_t *put_number(uint8_t *p, uint64_t n) {
	uint8_t digits[LENGTH_DIGITS_MAX];
	size_t i = LENGTH_DIGITS_MAX;
	do digits[--i] = (uint8_t)('0' + n % 10);
	while (n /= 10);
	return put(p, slice_of(digits + i, LENGTH_DIGITS_MAX - i));
}

static uint8_t *put_framing(uint8_t *p, struct http1_framing framing) {
	if (framing.body == HTTP1_BODY_CHUNKED) {
		p = PUT_LIT(p, "Transfer-Encoding: chunked\r\n");
	} else if (framing.body == HTTP1_BODY_LENGTH) {
		p = put_number(PUT_LIT(p, "Content-Length: "), framing.content_length);
		p = PUT_LIT(p, "\r\n");
	}
	if (framing.connection == HTTP1_CLOSE || framing.body == HTTP1_BODY_UNTIL_CLOSE)
		p = PUT_LIT(p, "Connection: close\r\n");
	else if (framing.connection == HTTP1_KEEP_ALIVE)
		p = PUT_LIT(p, "Connection: keep-alive\r\n");
	return p;
}

static bool field_valid(const struct http_header *field) {
	struct slice name = field->name, value = field->value;
	if (name.len == 0 ||
	    scan_class(name.ptr, name.ptr + name.len, CHAR_TOKEN) != name.ptr + name.len)
		return false;
	enum http_field id = http_field_find(name);
	if (id == FIELD_CONTENT_LENGTH || id == FIELD_TRANSFER_ENCODING || id == FIELD_CONNECTION)
		return false;
	return value.len == 0 ||
	       scan_value(value.ptr, value.ptr + value.len) == value.ptr + value.len;
}

/* Checks the fields and adds up what they take on the wire. */
static bool fields_measure(const struct http_header *fields, int count, size_t *bytes) {
	for (int i = 0; i < count; i++) {
		if (!field_valid(&fields[i])) return false;
		*bytes += fields[i].name.len + fields[i].value.len + sizeof(": \r\n") - 1;
	}
	return true;
}

/* The three parts of a first line with what stands between and after them, then the rest. */
static enum err head_encode(struct buf *out, const struct slice line[3],
                            struct http1_framing framing, const struct http_header *fields,
                            int count) {
	size_t bytes = line[0].len + line[1].len + line[2].len + sizeof("  \r\n") - 1 +
	               FRAMING_BYTES_MAX + sizeof("\r\n") - 1;
	if (!fields_measure(fields, count, &bytes)) return ERR_INVALID;
	uint8_t *start;
	enum err e = buf_reserve(out, bytes, &start);
	if (e) return e;
	uint8_t *p = PUT_LIT(put(start, line[0]), " ");
	p = PUT_LIT(put(p, line[1]), " ");
	p = PUT_LIT(put(p, line[2]), "\r\n");
	p = put_framing(p, framing);
	for (int i = 0; i < count; i++) {
		p = PUT_LIT(put(p, fields[i].name), ": ");
		if (fields[i].value.len) p = put(p, fields[i].value);
		p = PUT_LIT(p, "\r\n");
	}
	p = PUT_LIT(p, "\r\n");
	ASSERT((size_t)(p - start) <= bytes);
	buf_commit(out, (size_t)(p - start));
	return ERR_OK;
}

enum err http1_encode_request(struct buf *out, struct slice method, struct slice target,
                              struct http1_framing framing, const struct http_header *fields,
                              int count) {
	const uint8_t *method_end = method.ptr + method.len, *target_end = target.ptr + target.len;
	if (method.len == 0 || scan_class(method.ptr, method_end, CHAR_TOKEN) != method_end)
		return ERR_INVALID;
	if (target.len == 0 || scan_target(target.ptr, target_end) != target_end)
		return ERR_INVALID;
	if (framing.body == HTTP1_BODY_UNTIL_CLOSE) return ERR_INVALID;
	const struct slice line[3] = {method, target, SLICE_LIT("HTTP/1.1")};
	return head_encode(out, line, framing, fields, count);
}

enum err http1_encode_response(struct buf *out, int status, struct http1_framing framing,
                               const struct http_header *fields, int count) {
	if (status < 100 || status > 999) return ERR_INVALID;
	const uint8_t digits[3] = {(uint8_t)('0' + status / 100), (uint8_t)('0' + status / 10 % 10),
	                           (uint8_t)('0' + status % 10)};
	const struct slice line[3] = {SLICE_LIT("HTTP/1.1"), slice_of(digits, 3),
	                              slice_str(http_status_text(status))};
	return head_encode(out, line, framing, fields, count);
}

size_t http1_chunk_head(uint64_t bytes, char out[HTTP1_CHUNK_HEAD_BYTES]) {
	ASSERT(bytes > 0); /* a chunk of none would end the body */
	int digits = (67 - __builtin_clzll(bytes)) / 4;
	for (int i = 0; i < digits; i++)
		out[i] = "0123456789abcdef"[bytes >> (4 * (digits - 1 - i)) & 15];
	out[digits] = '\r';
	out[digits + 1] = '\n';
	return (size_t)digits + 2;
}

enum err http1_encode_chunk(struct buf *out, struct slice data) {
	if (data.len == 0) return ERR_OK;
	if (data.len > SIZE_MAX / 2) return ERR_TOO_LARGE;
	uint8_t *start;
	enum err e =
		buf_reserve(out, HTTP1_CHUNK_HEAD_BYTES + data.len + HTTP1_CHUNK_END.len, &start);
	if (e) return e;
	char head[HTTP1_CHUNK_HEAD_BYTES];
	uint8_t *p = put(start, slice_of(head, http1_chunk_head(data.len, head)));
	p = put(put(p, data), HTTP1_CHUNK_END);
	buf_commit(out, (size_t)(p - start));
	return ERR_OK;
}
