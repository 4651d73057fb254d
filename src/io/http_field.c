/* Look-up of methods, field names and status texts. A name is found by one table
 * read (length, first letter) and one comparison. May know only base. */
#include "io/http_field.h"

enum { NAME_BYTES_MAX = 24, LENGTHS = 32, LETTERS = 32 };

struct field_row {
	char name[NAME_BYTES_MAX];
	uint8_t len;
	bool once;
};

static const struct field_row field_rows[FIELD_COUNT] = {
#define FIELD_ROW(id, text, first, once) [FIELD_##id] = {text, sizeof(text) - 1, once},
	HTTP_FIELD_TABLE(FIELD_ROW)
#undef FIELD_ROW
};

/* Letters differ in their low five bits, whatever their case. */
#define FIELD_KEY(len, first) ((len)*LETTERS + ((first) & (LETTERS - 1)))

static const uint8_t field_index[LENGTHS * LETTERS] = {
#define FIELD_INDEX(id, text, first, once) [FIELD_KEY(sizeof(text) - 1, first)] = FIELD_##id,
	HTTP_FIELD_TABLE(FIELD_INDEX)
#undef FIELD_INDEX
};

static inline uint64_t lowered_8(const void *p) {
	uint64_t v;
	memcpy(&v, p, 8);
	return v | 0x2020202020202020u;
}

static inline uint32_t lowered_4(const void *p) {
	uint32_t v;
	memcpy(&v, p, 4);
	return v | 0x20202020u;
}

/* Setting bit 5 folds case; among token bytes nothing but letters lands on a
 * letter and nothing lands on '-', so equality is exact. The last load overlaps
 * the one before instead of reading past the name. */
static bool name_matches(const uint8_t *p, const char *known, size_t len) {
	if (len >= 8) {
		for (size_t i = 0; i + 8 < len; i += 8)
			if (lowered_8(p + i) != lowered_8(known + i)) return false;
		return lowered_8(p + len - 8) == lowered_8(known + len - 8);
	}
	if (len >= 4)
		return lowered_4(p) == lowered_4(known) &&
		       lowered_4(p + len - 4) == lowered_4(known + len - 4);
	for (size_t i = 0; i < len; i++)
		if ((p[i] | 0x20) != known[i]) return false;
	return true;
}

enum http_field http_field_find(struct slice name) {
	if (name.len == 0 || name.len >= LENGTHS) return FIELD_OTHER;
	uint8_t id = field_index[FIELD_KEY(name.len, name.ptr[0])];
	if (id == FIELD_OTHER || !name_matches(name.ptr, field_rows[id].name, name.len))
		return FIELD_OTHER;
	return (enum http_field)id;
}

struct slice http_field_name(enum http_field id) {
	return slice_of(field_rows[id].name, field_rows[id].len);
}

bool http_field_once(enum http_field id) {
	return field_rows[id].once;
}

enum http_method http_method_find(struct slice method) {
#define METHOD_FIND(id)                                                                            \
	if (method.len == sizeof(#id) - 1 && memcmp(method.ptr, #id, sizeof(#id) - 1) == 0)        \
		return METHOD_##id;
	HTTP_METHOD_TABLE(METHOD_FIND)
#undef METHOD_FIND
	return METHOD_OTHER;
}

const char *http_method_name(enum http_method method) {
	switch (method) {
#define METHOD_NAME(id)                                                                            \
	case METHOD_##id: return #id;
		HTTP_METHOD_TABLE(METHOD_NAME)
#undef METHOD_NAME
	case METHOD_OTHER: break;
	}
	return "";
}

/* clang-format off */
/* RFC 9110 section 15, RFC 6585, RFC 4918 (507), RFC 7725 (451). */
#define STATUS_TABLE(X)                                                                            \
	X(100, "Continue") X(200, "OK") X(201, "Created") X(202, "Accepted")                       \
	X(204, "No Content") X(206, "Partial Content") X(301, "Moved Permanently")                 \
	X(302, "Found") X(303, "See Other") X(304, "Not Modified")                                 \
	X(307, "Temporary Redirect") X(308, "Permanent Redirect") X(400, "Bad Request")            \
	X(401, "Unauthorized") X(402, "Payment Required") X(403, "Forbidden")                      \
	X(404, "Not Found") X(405, "Method Not Allowed") X(406, "Not Acceptable")                  \
	X(408, "Request Timeout") X(409, "Conflict") X(410, "Gone") X(411, "Length Required")      \
	X(412, "Precondition Failed") X(413, "Content Too Large") X(414, "URI Too Long")           \
	X(415, "Unsupported Media Type") X(416, "Range Not Satisfiable")                           \
	X(417, "Expectation Failed") X(421, "Misdirected Request")                                 \
	X(422, "Unprocessable Content") X(426, "Upgrade Required")                                 \
	X(428, "Precondition Required") X(429, "Too Many Requests")                                \
	X(431, "Request Header Fields Too Large") X(451, "Unavailable For Legal Reasons")          \
	X(500, "Internal Server Error") X(501, "Not Implemented") X(502, "Bad Gateway")            \
	X(503, "Service Unavailable") X(504, "Gateway Timeout")                                    \
	X(505, "HTTP Version Not Supported") X(507, "Insufficient Storage")
/* clang-format on */

const char *http_status_text(int status) {
	switch (status) {
#define STATUS_TEXT(code, text)                                                                    \
	case code: return text;
		STATUS_TABLE(STATUS_TEXT)
#undef STATUS_TEXT
	default: return "";
	}
}
