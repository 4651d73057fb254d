/* The first line of a message: request line with its target (RFC 9112 3), or status
 * line (RFC 9112 4). May know only the head it fills. */
#include "io/http1_parse.h"

static bool starts_nocase(struct slice s, struct slice prefix) {
	return s.len >= prefix.len && slice_eq_nocase(slice_of(s.ptr, prefix.len), prefix);
}

/* Length of the scheme with its "://"; 0 when it is not ours (RFC 9110 4.2). */
static size_t scheme_bytes(struct slice target) {
	const struct slice http = SLICE_LIT("http://"), https = SLICE_LIT("https://");
	if (starts_nocase(target, http)) return http.len;
	return starts_nocase(target, https) ? https.len : 0;
}

/* scheme "://" authority [ path ] [ "?" query ]: no user information, no empty host. */
static bool target_absolute(struct http1_head *h, struct slice t) {
	size_t scheme = scheme_bytes(t);
	if (!scheme) return false;
	const uint8_t *host = t.ptr + scheme, *end = t.ptr + t.len;
	const uint8_t *p = scan_class(host, end, CHAR_HOST);
	if (p == host || *host == ':') return false;
	if (p < end && *p != '/' && *p != '?') return false;
	h->host = slice_of(host, (size_t)(p - host));
	if (p < end && *p == '/') {
		h->path = slice_of(p, (size_t)(end - p));
		return true;
	}
	/* RFC 9112 3.2.4: OPTIONS of a whole server through a proxy */
	h->path = p == end && h->method == METHOD_OPTIONS ? SLICE_LIT("*") : SLICE_LIT("/");
	if (p < end) h->query = slice_of(p + 1, (size_t)(end - p) - 1);
	return true;
}

/* Splits h->target into path and query; false when its form is not for us. CONNECT names
 * an authority to tunnel to, and nobody tunnels through here. */
static bool target_split(struct http1_head *h) {
	struct slice t = h->target;
	if (h->method == METHOD_CONNECT) return false;
	if (t.ptr[0] == '/')
		h->path = t;
	else if (slice_is(t, "*"))
		h->path = t;
	else if (!target_absolute(h, t))
		return false;
	if (h->path.ptr[0] == '*') return h->method == METHOD_OPTIONS;
	const uint8_t *mark = memchr(h->path.ptr, '?', h->path.len);
	if (mark) {
		const uint8_t *end = h->path.ptr + h->path.len;
		h->query = slice_of(mark + 1, (size_t)(end - mark) - 1);
		h->path.len = (size_t)(mark - h->path.ptr);
	}
	return true;
}

static enum step start_parse(struct http1_head *h, struct cursor *c) {
	if (c->at == c->end) return STEP_NEED;
	if (*c->at == '\n') return head_fail(h, c, c->at, HTTP1_RULE_BARE_LF);
	h->state = *c->at == '\r' ? STATE_START_LF : STATE_METHOD;
	if (*c->at == '\r') c->at++;
	return STEP_ON;
}

static enum step start_lf_parse(struct http1_head *h, struct cursor *c) {
	enum step s = lf_take(h, c, STATE_METHOD);
	if (s == STEP_ON) h->line_at = cursor_offset(c);
	return s;
}

static enum step method_parse(struct http1_head *h, struct cursor *c) {
	c->at = scan_class(c->at, c->end, CHAR_TOKEN);
	if (c->at == c->end) return STEP_NEED;
	const uint8_t *start = c->start + h->line_at;
	if (*c->at != ' ' || c->at == start) return head_fail(h, c, c->at, HTTP1_RULE_METHOD);
	h->method_text = slice_of(start, (size_t)(c->at - start));
	h->method = http_method_find(h->method_text);
	c->at++;
	h->mark = cursor_offset(c);
	h->state = STATE_TARGET;
	return STEP_ON;
}

static enum step target_parse(struct http1_head *h, struct cursor *c) {
	c->at = scan_target(c->at, c->end);
	if (c->at == c->end) return STEP_NEED;
	const uint8_t *start = c->start + h->mark;
	if (*c->at == '\n') return head_fail(h, c, c->at, HTTP1_RULE_BARE_LF);
	if (*c->at == '\r' && c->at > start) return head_fail(h, c, c->at, HTTP1_RULE_VERSION);
	if (*c->at != ' ' || c->at == start) return head_fail(h, c, c->at, HTTP1_RULE_TARGET_BYTE);
	h->target = slice_of(start, (size_t)(c->at - start));
	if (!target_split(h)) return head_fail(h, c, start, HTTP1_RULE_TARGET_FORM);
	c->at++;
	h->mark = cursor_offset(c);
	h->state = STATE_REQUEST_VERSION;
	return STEP_ON;
}

static const char version_prefix[] = "HTTP/1.";
enum { VERSION_MINOR = sizeof(version_prefix) - 1, VERSION_BYTES };

/* One byte of "HTTP/1.x"; i is its place. */
static bool version_take(struct http1_head *h, size_t i, uint8_t byte) {
	if (i < VERSION_MINOR) return byte == version_prefix[i];
	h->minor = byte - '0';
	return byte == '0' || byte == '1';
}

static enum step request_version_parse(struct http1_head *h, struct cursor *c) {
	const uint8_t *start = c->start + h->mark;
	for (; c->at < c->end; c->at++) {
		size_t i = (size_t)(c->at - start);
		if (i == VERSION_BYTES + 1) return lf_take(h, c, STATE_FIELD);
		if (i < VERSION_BYTES ? version_take(h, i, *c->at) : *c->at == '\r') continue;
		bool bare = i == VERSION_BYTES && *c->at == '\n';
		return head_fail(h, c, c->at, bare ? HTTP1_RULE_BARE_LF : HTTP1_RULE_VERSION);
	}
	return STEP_NEED;
}

/* "HTTP/1.x SSS", then SP and the reason; a missing SP without reason is let through, since
 * servers of good name leave it out and nothing can be read two ways. */
static enum step status_parse(struct http1_head *h, struct cursor *c) {
	for (; c->at < c->end; c->at++) {
		size_t i = cursor_offset(c);
		uint8_t byte = *c->at;
		if (i < VERSION_BYTES) {
			if (!version_take(h, i, byte))
				return head_fail(h, c, c->at, HTTP1_RULE_VERSION);
		} else if (i == VERSION_BYTES) {
			if (byte != ' ') return head_fail(h, c, c->at, HTTP1_RULE_STATUS);
		} else if (i <= VERSION_BYTES + 3) {
			if (!char_is(byte, CHAR_DIGIT) || (byte == '0' && h->status == 0))
				return head_fail(h, c, c->at, HTTP1_RULE_STATUS);
			h->status = h->status * 10 + (byte - '0');
		} else {
			if (byte == '\n') return head_fail(h, c, c->at, HTTP1_RULE_BARE_LF);
			if (byte != ' ' && byte != '\r')
				return head_fail(h, c, c->at, HTTP1_RULE_STATUS);
			if (byte == ' ') c->at++;
			h->mark = cursor_offset(c);
			h->state = STATE_REASON;
			return STEP_ON;
		}
	}
	return STEP_NEED;
}

static enum step reason_parse(struct http1_head *h, struct cursor *c) {
	c->at = scan_value(c->at, c->end);
	if (c->at == c->end) return STEP_NEED;
	if (*c->at == '\n') return head_fail(h, c, c->at, HTTP1_RULE_BARE_LF);
	if (*c->at != '\r') return head_fail(h, c, c->at, HTTP1_RULE_STATUS);
	h->reason = slice_of(c->start + h->mark, cursor_offset(c) - h->mark);
	c->at++;
	h->state = STATE_REASON_LF;
	return STEP_ON;
}

static enum step line_step(struct http1_head *h, struct cursor *c) {
	switch (h->state) {
	case STATE_START: return start_parse(h, c);
	case STATE_START_LF: return start_lf_parse(h, c);
	case STATE_METHOD: return method_parse(h, c);
	case STATE_TARGET: return target_parse(h, c);
	case STATE_REQUEST_VERSION: return request_version_parse(h, c);
	case STATE_STATUS: return status_parse(h, c);
	case STATE_REASON: return reason_parse(h, c);
	default: return lf_take(h, c, STATE_FIELD);
	}
}

/* The line's own limit hides the rest of the input from its elements, so that the fault
 * is the same however the bytes arrive. */
enum step http1_line_parse(struct http1_head *h, struct cursor *c) {
	const uint8_t *end = c->end;
	enum step s = STEP_ON;
	while (s == STEP_ON && h->state < STATE_FIELD) {
		size_t line_end = (size_t)h->line_at + HTTP1_LINE_BYTES_MAX;
		bool cut = (size_t)(end - c->start) >= line_end;
		c->end = cut ? c->start + line_end : end;
		s = line_step(h, c);
		if (s == STEP_NEED && cut) s = head_fail(h, c, c->at, HTTP1_RULE_LINE_BYTES);
	}
	c->end = end;
	return s;
}
