/* What is refused before a parser sees it: too much, what is not UTF-8, directives. */
#include "base/parse.h"
#include "policy/doc.h"

static void note_bad_utf8(struct doc *d, struct slice yaml) {
	uint32_t line = 1;
	struct slice rest = yaml, text;
	while (utf8_valid(text = slice_cut(&rest, '\n'))) line++;
	uint32_t column = 1;
	for (size_t n = 1; text.len; column++) {
		for (n = 1; n <= 4 && n <= text.len && !utf8_valid(slice_of(text.ptr, n));) n++;
		if (n > 4 || n > text.len) break;
		text = slice_of(text.ptr + n, text.len - n);
	}
	mistake_add(&d->mistakes, line, column, "the byte 0x%02x is not UTF-8; expected UTF-8 text",
	            text.ptr[0]);
}

static bool ends_line(struct slice before) {
	if (before.len == 0) return true;
	const uint8_t *end = before.ptr + before.len;
	if (end[-1] == '\n' || end[-1] == '\r') return true;
	if (before.len >= 2 && end[-2] == 0xc2 && end[-1] == 0x85) return true;
	return before.len >= 3 && end[-3] == 0xe2 && end[-2] == 0x80 && (end[-1] & 0xfe) == 0xa8;
}

/* Directives change the meaning of what follows, and libyaml's time for them is quadratic. */
static bool has_directive(struct doc *d, struct slice yaml) {
	const uint8_t *end = yaml.ptr + yaml.len, *p = yaml.ptr;
	while (p < end && (p = memchr(p, '%', (size_t)(end - p)))) {
		if (ends_line(slice_of(yaml.ptr, (size_t)(p - yaml.ptr)))) {
			uint32_t line = 1;
			for (const uint8_t *q = yaml.ptr; q < p; q++) line += *q == '\n';
			mistake_add(&d->mistakes, line, 1,
			            "a line begins with '%%'; directives are not taken here, "
			            "remove it");
			return true;
		}
		p++;
	}
	return false;
}

enum err doc_check_bytes(struct doc *d, struct slice yaml) {
	if (yaml.len > DOC_BYTES_MAX) {
		mistake_add(&d->mistakes, 1, 1, "%zu bytes; expected at most 64 MiB", yaml.len);
		return ERR_TOO_LARGE;
	}
	if (yaml.len == 0) return ERR_OK;
	if (!utf8_valid(yaml)) {
		note_bad_utf8(d, yaml);
		return ERR_INVALID;
	}
	return has_directive(d, yaml) ? ERR_INVALID : ERR_OK;
}
