/* Paths, queries and percent-encoding; see http_uri.h. May know only base and the
 * byte classes of the codec beside it. */
#include "io/http_uri.h"

#include "io/http1_chars.h"

bool http_path_next(struct slice *path, struct slice *segment) {
	if (path->len == 0 || path->ptr[0] != '/') return false;
	const uint8_t *start = path->ptr + 1, *end = path->ptr + path->len;
	const uint8_t *slash = memchr(start, '/', (size_t)(end - start));
	if (!slash) slash = end;
	*segment = slice_of(start, (size_t)(slash - start));
	*path = slice_of(slash, (size_t)(end - slash));
	return true;
}

bool http_query_next(struct slice *query, struct slice *name, struct slice *value) {
	while (query->len > 0) {
		struct slice pair = slice_cut(query, '&');
		if (pair.len == 0) continue;
		*name = slice_cut(&pair, '=');
		*value = pair;
		return true;
	}
	return false;
}

MUST enum err http_uri_decode(struct slice in, enum http_uri_part part, uint8_t *out, size_t cap,
                              size_t *len) {
	size_t written = 0;
	for (size_t i = 0; i < in.len; i++) {
		uint8_t c = in.ptr[i];
		if (c == '%') {
			if (in.len - i < 3) return ERR_INVALID;
			int high = char_hex(in.ptr[i + 1]), low = char_hex(in.ptr[i + 2]);
			if (high < 0 || low < 0) return ERR_INVALID;
			c = (uint8_t)(high << 4 | low);
			i += 2;
		} else if (c == '+' && part == HTTP_URI_QUERY) {
			c = ' ';
		}
		if (written == cap) return ERR_TOO_LARGE;
		out[written++] = c;
	}
	*len = written;
	return ERR_OK;
}

MUST enum err http_uri_encode(struct buf *out, struct slice in, bool keep_slash) {
	static const char digits[] = "0123456789ABCDEF";
	size_t encoded = 0;
	for (size_t i = 0; i < in.len; i++)
		if (!char_is(in.ptr[i], CHAR_PLAIN) && !(keep_slash && in.ptr[i] == '/')) encoded++;
	if (in.len > SIZE_MAX / 4) return ERR_TOO_LARGE;
	uint8_t *p;
	enum err e = buf_reserve(out, in.len + 2 * encoded, &p);
	if (e) return e;
	for (size_t i = 0; i < in.len; i++) {
		uint8_t c = in.ptr[i];
		if (char_is(c, CHAR_PLAIN) || (keep_slash && c == '/')) {
			*p++ = c;
			continue;
		}
		*p++ = '%';
		*p++ = (uint8_t)digits[c >> 4];
		*p++ = (uint8_t)digits[c & 15];
	}
	buf_commit(out, in.len + 2 * encoded);
	return ERR_OK;
}

bool http_uri_dots(struct slice segment) {
	size_t dots = 0, i = 0;
	while (i < segment.len) {
		const uint8_t *p = segment.ptr + i;
		if (*p == '.')
			i += 1;
		else if (segment.len - i >= 3 && *p == '%' && p[1] == '2' && (p[2] | 0x20) == 'e')
			i += 3;
		else
			return false;
		dots++;
	}
	return dots == 1 || dots == 2;
}
