/* Reading literals, as cel-go does where the specification leaves a choice: a text's line ends
 * are all "\n", escapes of a string are code points and those of bytes are bytes. */
#include "cel/cel_literal.h"

#include "cel/cel_number.h"
#include "cel/cel_text.h"

static int digit_of(uint8_t c) {
	if (c >= '0' && c <= '9') return c - '0';
	if (c >= 'a' && c <= 'f') return c - 'a' + 10;
	if (c >= 'A' && c <= 'F') return c - 'A' + 10;
	return 99;
}

/* --- numbers ------------------------------------------------------------------------------ */

static bool read_hex(struct slice digits, uint64_t *out) {
	*out = 0;
	for (size_t i = 0; i < digits.len; i++) {
		if (*out >> 60) return false;
		*out = *out << 4 | (uint64_t)digit_of(digits.ptr[i]);
	}
	return true;
}

static bool read_magnitude(struct slice text, uint64_t *out) {
	if (slice_starts(text, SLICE_LIT("0x")))
		return read_hex(slice_of(text.ptr + 2, text.len - 2), out);
	return cel_uint_parse(text, out) == CEL_FAULT_NONE;
}

static const char *read_int(struct slice text, bool negative, struct cel_value *out) {
	uint64_t magnitude;
	uint64_t max = (uint64_t)INT64_MAX + negative;
	if (!read_magnitude(text, &magnitude) || magnitude > max) return "invalid int literal";
	*out = cel_int((int64_t)(negative ? -magnitude : magnitude));
	return NULL;
}

static const char *read_uint(struct slice text, struct cel_value *out) {
	uint64_t value;
	text.len--; /* the 'u' */
	if (!read_magnitude(text, &value)) return "invalid uint literal";
	*out = cel_uint(value);
	return NULL;
}

static const char *read_double(struct slice text, bool negative, struct cel_value *out) {
	double value;
	if (cel_double_parse(text, &value)) return "invalid double literal";
	*out = cel_double(negative ? -value : value);
	return NULL;
}

/* --- texts -------------------------------------------------------------------------------- */

struct escape {
	uint8_t digits, base; /* of a number; 0: the character itself */
	char stands_for;
};

static bool escape_find(uint8_t c, struct escape *out) {
	static const char plain[] = "abfnrtv\\'\"`?";
	static const char meant[] = "\a\b\f\n\r\t\v\\'\"`?";
	const char *found = c ? strchr(plain, c) : NULL;
	if (found)
		*out = (struct escape){.stands_for = meant[found - plain]};
	else if (c == 'x' || c == 'X')
		*out = (struct escape){.digits = 2, .base = 16};
	else if (c == 'u')
		*out = (struct escape){.digits = 4, .base = 16};
	else if (c == 'U')
		*out = (struct escape){.digits = 8, .base = 16};
	else
		return false;
	return true;
}

/* The number of an escape, taken off *rest. */
static bool read_number(struct slice *rest, size_t digits, int base, uint32_t *out) {
	if (rest->len < digits) return false;
	*out = 0;
	for (size_t i = 0; i < digits; i++) {
		int digit = digit_of(rest->ptr[i]);
		if (digit >= base) return false;
		*out = *out * (uint32_t)base + (uint32_t)digit;
	}
	*rest = slice_of(rest->ptr + digits, rest->len - digits);
	return true;
}

/* What follows a backslash, taken off *rest; appended to `to`, which has room for it: no escape is
 * shorter than what it stands for. */
static const char *read_escape(struct slice *rest, bool bytes, char *to, size_t *len) {
	uint8_t c = rest->len ? rest->ptr[0] : 0;
	uint32_t number;
	struct escape e = {.digits = 3, .base = 8};
	bool octal = c >= '0' && c <= '3';
	if (!octal && !escape_find(c, &e)) return "the text has an escape that does not exist";
	if (!octal) *rest = slice_of(rest->ptr + 1, rest->len - 1);
	if (e.digits == 0) {
		to[(*len)++] = e.stands_for;
		return NULL;
	}
	if (bytes && e.digits >= 4) return "bytes have no unicode escapes";
	if (!read_number(rest, e.digits, e.base, &number))
		return "the text has an escape with too few digits";
	if (bytes) {
		to[(*len)++] = (char)number;
		return NULL;
	}
	if (number > 0x10ffff || (number >= 0xd800 && number < 0xe000))
		return "invalid unicode code point";
	*len += cel_text_encode(number, to + *len);
	return NULL;
}

static const char *unescape(struct slice rest, bool raw, bool bytes, char *to, size_t *len) {
	const char *wrong = NULL;
	while (rest.len && !wrong) {
		uint8_t c = rest.ptr[0];
		rest = slice_of(rest.ptr + 1, rest.len - 1);
		if (c == '\\' && !raw) {
			wrong = read_escape(&rest, bytes, to, len);
		} else if (c == '\r') {
			if (rest.len == 0 || rest.ptr[0] != '\n') to[(*len)++] = '\n';
		} else {
			to[(*len)++] = (char)c;
		}
	}
	return wrong;
}

static enum err read_text(struct arena *a, struct slice text, bool bytes, struct cel_value *out,
                          const char **wrong) {
	size_t start = bytes;
	bool raw = text.ptr[start] == 'r' || text.ptr[start] == 'R';
	start += raw;
	struct slice body = slice_of(text.ptr + start, text.len - start);
	size_t quotes =
		body.len >= 6 && body.ptr[1] == body.ptr[0] && body.ptr[2] == body.ptr[0] ? 3 : 1;
	body = slice_of(body.ptr + quotes, body.len - 2 * quotes);
	char *to = arena_alloc(a, body.len);
	if (!to) return ERR_NO_MEMORY;
	size_t len = 0;
	*wrong = unescape(body, raw, bytes, to, &len);
	*out = bytes ? cel_bytes(slice_of(to, len)) : cel_string(slice_of(to, len));
	return *wrong ? ERR_INVALID : ERR_OK;
}

enum err cel_literal_read(struct arena *a, const struct cel_token *t, bool negative,
                          struct cel_value *out, const char **wrong) {
	*wrong = NULL;
	switch (t->kind) {
	case CEL_TOKEN_INT: *wrong = read_int(t->text, negative, out); break;
	case CEL_TOKEN_UINT: *wrong = read_uint(t->text, out); break;
	case CEL_TOKEN_DOUBLE: *wrong = read_double(t->text, negative, out); break;
	case CEL_TOKEN_STRING: return read_text(a, t->text, false, out, wrong);
	case CEL_TOKEN_BYTES: return read_text(a, t->text, true, out, wrong);
	case CEL_TOKEN_NULL: *out = cel_null(); break;
	default: *out = cel_bool(t->kind == CEL_TOKEN_TRUE); break;
	}
	return *wrong ? ERR_INVALID : ERR_OK;
}
