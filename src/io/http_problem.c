/* Renders problem documents; the error table is base/err.h's, the escaping is here so
 * that no caller builds JSON by hand. Knows nothing of connections. */
#include "io/http_problem.h"
#include "base/parse.h"

#define PROBLEM_BASE "https://holdfast.dev/problems/"

/* Bytes of the UTF-8 sequence at the front, 0: it is none. */
static size_t utf8_unit(struct slice s) {
	for (size_t n = 1; n <= 4 && n <= s.len; n++)
		if (utf8_valid(slice_of(s.ptr, n))) return n;
	return 0;
}

/* How many bytes from the front stand for themselves in a JSON string. */
static size_t plain_bytes(struct slice s) {
	size_t n = 0;
	while (n < s.len) {
		uint8_t c = s.ptr[n];
		if (c < 0x20 || c == '"' || c == '\\' || c == 0x7f) break;
		size_t unit = c < 0x80 ? 1 : utf8_unit(slice_of(s.ptr + n, s.len - n));
		if (!unit) break;
		n += unit;
	}
	return n;
}

enum err http_json_string(struct buf *out, struct slice text) {
	enum err e = buf_append_str(out, "\"");
	while (!e && text.len) {
		size_t n = plain_bytes(text);
		e = buf_append(out, text.ptr, n);
		text = slice_of(text.ptr + n, text.len - n);
		if (e || !text.len) break;
		uint8_t c = text.ptr[0];
		if (c == '"' || c == '\\')
			e = buf_printf(out, "\\%c", c);
		else if (c < 0x80)
			e = buf_printf(out, "\\u%04x", c);
		else
			e = buf_append_str(out, "\xef\xbf\xbd");
		text = slice_of(text.ptr + 1, text.len - 1);
	}
	return e ? e : buf_append_str(out, "\"");
}

enum err http_problem_render_as(struct buf *out, enum err code, int status, const char *detail,
                                const char *extra) {
	enum err e = buf_printf(out, "{\"type\":\"%s%s\",\"title\":", PROBLEM_BASE, err_slug(code));
	if (!e) e = http_json_string(out, slice_str(err_text(code)));
	if (!e) e = buf_printf(out, ",\"status\":%d", status);
	if (!e && detail) e = buf_append_str(out, ",\"detail\":");
	if (!e && detail) e = http_json_string(out, slice_str(detail));
	if (!e && extra) e = buf_printf(out, ",%s", extra);
	return e ? e : buf_append_str(out, "}\n");
}

enum err http_problem_render(struct buf *out, enum err code, const char *detail,
                             const char *extra) {
	return http_problem_render_as(out, code, err_http_status(code), detail, extra);
}
