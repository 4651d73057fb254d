/* Renders problem documents; the error table is base/err.h's, the escaping is here so
 * that no caller builds JSON by hand. Knows nothing of connections. */
#include "io/http_problem.h"
#include "base/parse.h"

#define PROBLEM_BASE "https://holdfast.dev/problems/"

static size_t utf8_unit(struct slice s) {
	for (size_t n = 1; n <= 4 && n <= s.len; n++)
		if (utf8_valid(slice_of(s.ptr, n))) return n;
	return 0;
}

enum err http_json_string(struct buf *out, struct slice text) {
	enum err e = buf_append_str(out, "\"");
	while (!e && text.len) {
		uint8_t c = text.ptr[0];
		size_t n = c < 0x80 ? 1 : utf8_unit(text);
		if (c == '"' || c == '\\')
			e = buf_printf(out, "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			e = buf_printf(out, "\\u%04x", c);
		else if (n)
			e = buf_append(out, text.ptr, n);
		else
			e = buf_append_str(out, "\xef\xbf\xbd");
		if (!n) n = 1;
		text = slice_of(text.ptr + n, text.len - n);
	}
	return e ? e : buf_append_str(out, "\"");
}

enum err http_problem_render(struct buf *out, enum err code, const char *detail,
                             const char *extra) {
	enum err e = buf_printf(out, "{\"type\":\"%s%s\",\"title\":", PROBLEM_BASE, err_slug(code));
	if (!e) e = http_json_string(out, slice_str(err_text(code)));
	if (!e) e = buf_printf(out, ",\"status\":%d", err_http_status(code));
	if (!e && detail) e = buf_append_str(out, ",\"detail\":");
	if (!e && detail) e = http_json_string(out, slice_str(detail));
	if (!e && extra) e = buf_printf(out, ",%s", extra);
	return e ? e : buf_append_str(out, "}\n");
}
