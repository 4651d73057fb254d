/* Where in the file a byte of a scalar's text stands. YAML folds lines, drops indentation and
 * unescapes, but whatever is no blank stands in the file as often and in the same order as in the
 * text: so those are counted on both sides, and no rule of folding has to be known. */
#include "policy/doc.h"

struct walk {
	const uint8_t *p, *end;
	uint32_t line, column;
};

static uint32_t code_bytes(uint8_t lead) {
	return lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

/* The text was checked to be UTF-8. */
static uint32_t code_at(const uint8_t *p) {
	uint32_t bytes = code_bytes(*p);
	uint32_t code = bytes == 1 ? *p : *p & (0x3fu >> (bytes - 1));
	for (uint32_t i = 1; i < bytes; i++) code = code << 6 | (p[i] & 0x3f);
	return code;
}

static bool is_break(uint32_t code) {
	return code == '\n' || code == '\r' || code == 0x85 || code == 0x2028 || code == 0x2029;
}

static bool is_blank(uint32_t code) {
	return code == ' ' || code == '\t' || is_break(code);
}

static void step(struct walk *w) {
	uint32_t code = code_at(w->p);
	w->p += code_bytes(*w->p);
	w->column++;
	if (!is_break(code)) return;
	w->line++;
	w->column = 1;
	if (code == '\r' && w->p < w->end && *w->p == '\n') w->p++;
}

static void step_over(struct walk *w, int codes) {
	for (; codes > 0 && w->p < w->end; codes--) step(w);
}

/* Over an escape of a text in double quotes; whether what it stands for is no blank. */
static bool step_escape(struct walk *w) {
	static const char hex[] = "xuU";
	step(w);
	if (w->p == w->end) return false;
	const char *digits = *w->p ? strchr(hex, *w->p) : NULL;
	if (!digits) {
		bool blank = is_blank(code_at(w->p)) || memchr("tnrNLP", *w->p, 6);
		step(w);
		return !blank;
	}
	uint32_t code = 0;
	step(w);
	for (int left = 2 << (digits - hex); left > 0 && w->p < w->end; left--, step(w))
		code = code << 4 | ((*w->p & 0xfu) + (*w->p > '9' ? 9 : 0));
	return !is_blank(code);
}

/* Over what one code point of the text is written as; whether that is no blank. */
static bool step_written(struct walk *w, uint8_t style) {
	if (w->p == w->end) return true;
	bool visible = !is_blank(code_at(w->p));
	if (style == '"' && *w->p == '\\') return step_escape(w);
	step_over(w, style == '\'' && *w->p == '\'' ? 2 : 1);
	return visible;
}

static void to_visible(struct walk *w, uint8_t style) {
	for (struct walk next = *w; !step_written(&next, style);) *w = next;
}

/* To the first byte of the content: behind a quote, or below the line of `|` or `>`. */
static void skip_opening(struct walk *w, uint8_t style) {
	bool block = style == '|' || style == '>';
	if (style == '"' || style == '\'') step(w);
	while (block && w->p < w->end && !is_break(code_at(w->p))) step(w);
}

static uint32_t visible_before(struct slice text, size_t at) {
	uint32_t count = 0;
	for (size_t i = 0; i < at && i < text.len; i += code_bytes(text.ptr[i]))
		count += !is_blank(code_at(text.ptr + i));
	return count;
}

struct doc_place doc_place_within(const struct doc *d, const struct doc_node *n, size_t at) {
	struct walk w = {d->source.ptr, d->source.ptr + d->source.len, 1, 1};
	while (w.p < w.end && (w.line < n->line || (w.line == n->line && w.column < n->column)))
		step(&w);
	if (w.p == w.end) return (struct doc_place){n->line, n->column};
	uint8_t style = *w.p;
	skip_opening(&w, style);
	for (uint32_t left = visible_before(n->text, at); left > 0 && w.p < w.end; left--) {
		to_visible(&w, style);
		step_written(&w, style);
	}
	/* At the end what follows the text is not meant. */
	if (at < n->text.len && !is_blank(code_at(n->text.ptr + at))) to_visible(&w, style);
	return (struct doc_place){w.line, w.column};
}
