/* What headers mean for framing and connection, and the table of rules. May know only
 * the parsed head. */
#include "base/parse.h"
#include "io/http1_parse.h"

struct rule_row {
	enum err code;
	const char *text, *source;
};

static const struct rule_row rule_rows[HTTP1_RULE_COUNT] = {
#define RULE_ROW(id, code, text, source) [HTTP1_RULE_##id] = {ERR_##code, text, source},
	HTTP1_RULE_TABLE(RULE_ROW)
#undef RULE_ROW
};

enum err http1_rule_code(enum http1_rule rule) {
	return rule_rows[rule].code;
}
const char *http1_rule_text(enum http1_rule rule) {
	return rule_rows[rule].text;
}
const char *http1_rule_source(enum http1_rule rule) {
	return rule_rows[rule].source;
}

static bool token_valid(struct slice s) {
	const uint8_t *end = s.ptr + s.len;
	return s.len > 0 && scan_class(s.ptr, end, CHAR_TOKEN) == end;
}

/* Empty elements are allowed in lists (RFC 9110 5.6.1.2). */
static enum http1_rule connection_accept(struct http1_head *h, struct slice value) {
	while (value.len > 0) {
		struct slice token = slice_trim(slice_cut(&value, ','));
		if (token.len == 0) continue;
		if (!token_valid(token)) return HTTP1_RULE_CONNECTION_VALUE;
		if (slice_eq_nocase(token, SLICE_LIT("close"))) h->close_said = true;
		if (slice_eq_nocase(token, SLICE_LIT("keep-alive"))) h->keep_alive_said = true;
	}
	return HTTP1_RULE_NONE;
}

static enum http1_rule length_accept(struct http1_head *h, struct slice value) {
	if (h->first[FIELD_TRANSFER_ENCODING]) return HTTP1_RULE_LENGTH_AND_CODING;
	if (parse_u64(value, INT64_MAX, &h->content_length)) return HTTP1_RULE_LENGTH_VALUE;
	return HTTP1_RULE_NONE;
}

static enum http1_rule coding_accept(struct http1_head *h, struct slice value) {
	if (h->first[FIELD_CONTENT_LENGTH]) return HTTP1_RULE_LENGTH_AND_CODING;
	if (h->minor == 0) return HTTP1_RULE_CODING_OLD;
	if (!slice_eq_nocase(value, SLICE_LIT("chunked"))) return HTTP1_RULE_CODING_VALUE;
	return HTTP1_RULE_NONE;
}

static enum http1_rule host_accept(struct http1_head *h, struct slice value) {
	const uint8_t *end = value.ptr + value.len;
	if (scan_class(value.ptr, end, CHAR_HOST) != end) return HTTP1_RULE_HOST_VALUE;
	if (h->host.len == 0) h->host = value;
	return HTTP1_RULE_NONE;
}

static enum http1_rule expect_accept(struct http1_head *h, struct slice value) {
	if (!slice_eq_nocase(value, SLICE_LIT("100-continue"))) return HTTP1_RULE_EXPECT_VALUE;
	h->expect_continue = h->minor == 1; /* RFC 9110 10.1.1: ignored in HTTP/1.0 */
	return HTTP1_RULE_NONE;
}

/* Of a response only the framing must be unambiguous; what else a foreign server repeats
 * is its affair. */
static bool field_once(const struct http1_head *h, enum http_field id) {
	if (h->kind == HTTP1_REQUEST) return http_field_once(id);
	return id == FIELD_CONTENT_LENGTH || id == FIELD_TRANSFER_ENCODING;
}

enum http1_rule http1_field_accept(struct http1_head *h, int index, bool *at_name) {
	enum http_field id = h->headers[index].id;
	struct slice value = h->headers[index].value;
	if (h->first[id] && field_once(h, id)) {
		*at_name = true;
		return HTTP1_RULE_REPEATED;
	}
	if (!h->first[id]) h->first[id] = (uint8_t)(index + 1);
	bool request = h->kind == HTTP1_REQUEST;
	switch (id) {
	case FIELD_CONTENT_LENGTH: return length_accept(h, value);
	case FIELD_TRANSFER_ENCODING: return coding_accept(h, value);
	case FIELD_CONNECTION: return connection_accept(h, value);
	case FIELD_HOST: return request ? host_accept(h, value) : HTTP1_RULE_NONE;
	case FIELD_EXPECT: return request ? expect_accept(h, value) : HTTP1_RULE_NONE;
	default: return HTTP1_RULE_NONE;
	}
}

/* RFC 9112 6.3 and 9.3. */
enum http1_rule http1_head_finish(struct http1_head *h) {
	bool request = h->kind == HTTP1_REQUEST;
	if (request && h->minor == 1 && !h->first[FIELD_HOST]) return HTTP1_RULE_HOST_MISSING;
	h->keep_alive = !h->close_said && (h->minor == 1 || h->keep_alive_said);
	if (h->first[FIELD_TRANSFER_ENCODING])
		h->body = HTTP1_BODY_CHUNKED;
	else if (h->first[FIELD_CONTENT_LENGTH])
		h->body = HTTP1_BODY_LENGTH;
	else
		h->body = request ? HTTP1_BODY_NONE : HTTP1_BODY_UNTIL_CLOSE;
	return HTTP1_RULE_NONE;
}

enum http1_body_kind http1_response_body(const struct http1_head *h, enum http_method asked) {
	bool bare = h->status < 200 || h->status == 204 || h->status == 304;
	return bare || asked == METHOD_HEAD ? HTTP1_BODY_NONE : h->body;
}

static bool connection_names(const struct http1_head *h, struct slice name) {
	if (!h->first[FIELD_CONNECTION]) return false;
	for (int i = h->first[FIELD_CONNECTION] - 1; i < h->header_count; i++) {
		if (h->headers[i].id != FIELD_CONNECTION) continue;
		struct slice list = h->headers[i].value;
		while (list.len > 0)
			if (slice_eq_nocase(slice_trim(slice_cut(&list, ',')), name)) return true;
	}
	return false;
}

bool http1_header_forwards(const struct http1_head *h, const struct http_header *field) {
	switch (field->id) {
	case FIELD_HOST: return true; /* without it the next hop must refuse */
	case FIELD_CONNECTION:
	case FIELD_KEEP_ALIVE:
	case FIELD_PROXY_CONNECTION:
	case FIELD_TE:
	case FIELD_TRAILER:
	case FIELD_TRANSFER_ENCODING:
	case FIELD_CONTENT_LENGTH:
	case FIELD_UPGRADE: return false;
	default: return !connection_names(h, field->name);
	}
}
