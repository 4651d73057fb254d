/* The head parser: entry, header lines, resumption. One pass, each byte once, however
 * the bytes arrive. May know only the bytes it is given. */
#include "base/assert.h"
#include "io/http1_parse.h"

void http1_head_init(struct http1_head *h, enum http1_kind kind, size_t head_bytes_max) {
	ASSERT(head_bytes_max > 0 && head_bytes_max <= HTTP1_HEAD_BYTES_MAX);
	memset(h, 0, offsetof(struct http1_head, headers));
	h->kind = kind;
	h->state = kind == HTTP1_REQUEST ? STATE_START : STATE_STATUS;
	h->limit = (uint32_t)head_bytes_max;
}

static inline enum step name_parse(struct http1_head *h, struct cursor *c) {
	c->at = scan_class(c->at, c->end, CHAR_TOKEN);
	if (c->at == c->end) return STEP_NEED;
	uint32_t name_bytes = cursor_offset(c) - h->mark;
	if (*c->at != ':') {
		bool blank = *c->at == ' ' || *c->at == '\t';
		return head_fail(h, c, c->at, blank ? HTTP1_RULE_NAME_BLANK : HTTP1_RULE_NAME_BYTE);
	}
	if (name_bytes == 0) return head_fail(h, c, c->at, HTTP1_RULE_NAME_EMPTY);
	struct http_header *field = &h->headers[h->header_count];
	field->name = slice_of(c->start + h->mark, name_bytes);
	field->id = http_field_find(field->name);
	c->at++;
	h->state = STATE_BLANK;
	return STEP_ON;
}

static inline enum step blank_parse(struct http1_head *h, struct cursor *c) {
	while (c->at < c->end && (*c->at == ' ' || *c->at == '\t')) c->at++;
	if (c->at == c->end) return STEP_NEED;
	h->mark = cursor_offset(c);
	h->state = STATE_VALUE;
	return STEP_ON;
}

static inline enum step value_parse(struct http1_head *h, struct cursor *c) {
	c->at = scan_value(c->at, c->end);
	if (c->at == c->end) return STEP_NEED;
	if (*c->at == '\n') return head_fail(h, c, c->at, HTTP1_RULE_BARE_LF);
	if (*c->at != '\r') return head_fail(h, c, c->at, HTTP1_RULE_VALUE_BYTE);
	const uint8_t *start = c->start + h->mark, *end = c->at;
	while (end > start && (end[-1] == ' ' || end[-1] == '\t')) end--;
	h->headers[h->header_count].value = slice_of(start, (size_t)(end - start));
	c->at++;
	h->state = STATE_VALUE_LF;
	return STEP_ON;
}

static inline enum step value_lf_parse(struct http1_head *h, struct cursor *c) {
	enum step s = lf_take(h, c, STATE_FIELD);
	if (s != STEP_ON) return s;
	struct http_header *field = &h->headers[h->header_count];
	if (field->id != FIELD_OTHER) {
		bool at_name = false;
		enum http1_rule rule = http1_field_accept(h, h->header_count, &at_name);
		if (rule)
			return head_fail(h, c, at_name ? field->name.ptr : field->value.ptr, rule);
	}
	h->header_count++;
	return STEP_ON;
}

static inline enum step field_parse(struct http1_head *h, struct cursor *c) {
	if (c->at == c->end) return STEP_NEED;
	if (*c->at == '\r') {
		c->at++;
		h->state = STATE_END_LF;
		return STEP_ON;
	}
	if (*c->at == '\n') return head_fail(h, c, c->at, HTTP1_RULE_BARE_LF);
	if (*c->at == ' ' || *c->at == '\t') return head_fail(h, c, c->at, HTTP1_RULE_FOLD);
	if (h->header_count == HTTP1_HEADERS_MAX)
		return head_fail(h, c, c->at, HTTP1_RULE_HEADER_COUNT);
	h->mark = cursor_offset(c);
	h->state = STATE_NAME;
	return STEP_ON;
}

static enum step end_parse(struct http1_head *h, struct cursor *c) {
	enum step s = lf_take(h, c, STATE_DONE);
	if (s != STEP_ON) return s;
	enum http1_rule rule = http1_head_finish(h);
	return rule ? head_fail(h, c, c->at, rule) : STEP_ON;
}

/* A common header line runs straight through the cases from top to bottom. */
static enum step fields_parse(struct http1_head *h, struct cursor *given) {
	struct cursor c = *given; /* a copy whose address stays here lives in registers */
	enum step s = STEP_ON;
	while (s == STEP_ON && h->state != STATE_DONE) {
		switch (h->state) {
		case STATE_FIELD:
			if ((s = field_parse(h, &c)) || h->state != STATE_NAME) break;
			__attribute__((fallthrough));
		case STATE_NAME:
			if ((s = name_parse(h, &c))) break;
			__attribute__((fallthrough));
		case STATE_BLANK:
			if ((s = blank_parse(h, &c))) break;
			__attribute__((fallthrough));
		case STATE_VALUE:
			if ((s = value_parse(h, &c))) break;
			__attribute__((fallthrough));
		case STATE_VALUE_LF: s = value_lf_parse(h, &c); break;
		default: s = end_parse(h, &c); break;
		}
	}
	given->at = c.at;
	return s;
}

static void slice_move(struct slice *s, uintptr_t from, uintptr_t to, size_t seen) {
	uintptr_t p = (uintptr_t)s->ptr;
	if (p >= from && p <= from + seen) s->ptr = (const uint8_t *)(p - from + to);
}

/* The caller's buffer moved between two calls: so do the slices made so far. */
static void head_move(struct http1_head *h, const uint8_t *to) {
	uintptr_t old = (uintptr_t)h->base, new = (uintptr_t)to;
	struct slice *const slices[] = {&h->method_text, &h->target, &h->path,
	                                &h->query,       &h->host,   &h->reason};
	for (size_t i = 0; i < sizeof(slices) / sizeof(slices[0]); i++)
		slice_move(slices[i], old, new, h->at);
	/* of the header under way, what it has by now */
	bool named = h->state >= STATE_BLANK && h->state <= STATE_VALUE_LF;
	bool valued = h->state == STATE_VALUE_LF;
	for (int i = 0; i < h->header_count + named; i++)
		slice_move(&h->headers[i].name, old, new, h->at);
	for (int i = 0; i < h->header_count + valued; i++)
		slice_move(&h->headers[i].value, old, new, h->at);
}

enum err http1_head_parse(struct http1_head *h, struct slice in, size_t *used) {
	*used = 0;
	if (h->state == STATE_FAILED) return http1_rule_code(h->rule);
	ASSERT(in.len >= h->at);
	if (in.len == 0) return ERR_OK;
	if (h->at > 0 && in.ptr != h->base) head_move(h, in.ptr);
	h->base = in.ptr;
	size_t visible = in.len < h->limit ? in.len : h->limit;
	struct cursor c = {in.ptr, in.ptr + h->at, in.ptr + visible};
	enum step s = STEP_ON;
	if (h->state < STATE_FIELD) s = http1_line_parse(h, &c);
	if (s == STEP_ON) s = fields_parse(h, &c);
	h->at = cursor_offset(&c);
	if (s == STEP_NEED && in.len >= h->limit)
		s = head_fail(h, &c, c.end, HTTP1_RULE_HEAD_BYTES);
	if (s == STEP_FAIL) return http1_rule_code(h->rule);
	if (s == STEP_ON) *used = h->at;
	return ERR_OK;
}
