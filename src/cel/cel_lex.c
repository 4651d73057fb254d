/* The lexer, as the grammar of cel-spec (doc/langdef.md, "Syntax") has it: at each place the
 * longest token. */
#include "cel/cel_lex.h"

static bool is_digit(uint8_t c) {
	return c >= '0' && c <= '9';
}
static bool is_hex(uint8_t c) {
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
static bool is_letter(uint8_t c) {
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
static bool is_name_part(uint8_t c) {
	return is_letter(c) || is_digit(c);
}
static bool is_quoted_part(uint8_t c) {
	return is_name_part(c) || c == '.' || c == '-' || c == '/' || c == ' ';
}

/* 0 past the end: no token contains one outside a text. */
static uint8_t peek(const struct cel_lexer *l, size_t ahead) {
	return l->at + ahead < l->source.len ? l->source.ptr[l->at + ahead] : 0;
}

static void skip_while(struct cel_lexer *l, bool (*is)(uint8_t c)) {
	while (l->at < l->source.len && is(l->source.ptr[l->at])) l->at++;
}

static void skip_space(struct cel_lexer *l) {
	for (; l->at < l->source.len; l->at++) {
		uint8_t c = l->source.ptr[l->at];
		bool comment = c == '/' && peek(l, 1) == '/';
		while (comment && peek(l, 1) != '\n' && l->at + 1 < l->source.len) l->at++;
		if (!comment && c != ' ' && c != '\t' && c != '\r' && c != '\n' && c != '\f')
			return;
	}
}

static enum cel_token_kind wrong(struct cel_lexer *l, const char *why) {
	l->wrong = why;
	return CEL_TOKEN_WRONG;
}

/* --- numbers ------------------------------------------------------------------------------ */

static bool skip_exponent(struct cel_lexer *l) {
	if (peek(l, 0) != 'e' && peek(l, 0) != 'E') return false;
	size_t sign = peek(l, 1) == '+' || peek(l, 1) == '-';
	if (!is_digit(peek(l, 1 + sign))) return false;
	l->at += 1 + sign;
	skip_while(l, is_digit);
	return true;
}

static enum cel_token_kind lex_number(struct cel_lexer *l) {
	bool is_double = false;
	if (peek(l, 0) == '0' && peek(l, 1) == 'x' && is_hex(peek(l, 2))) {
		l->at += 2;
		skip_while(l, is_hex);
	} else {
		skip_while(l, is_digit);
		if (peek(l, 0) == '.' && is_digit(peek(l, 1))) {
			is_double = true;
			l->at++;
			skip_while(l, is_digit);
		}
		if (skip_exponent(l)) is_double = true;
	}
	if (is_double) return CEL_TOKEN_DOUBLE;
	if (peek(l, 0) != 'u' && peek(l, 0) != 'U') return CEL_TOKEN_INT;
	l->at++;
	return CEL_TOKEN_UINT;
}

/* --- texts -------------------------------------------------------------------------------- */

/* Past b and r before a quote; 0: there is no quote. */
static size_t text_prefix(const struct cel_lexer *l, bool *bytes, bool *raw) {
	size_t n = 0;
	*bytes = peek(l, n) == 'b' || peek(l, n) == 'B';
	n += *bytes;
	*raw = peek(l, n) == 'r' || peek(l, n) == 'R';
	return n + *raw;
}

static bool is_text(const struct cel_lexer *l) {
	bool bytes, raw;
	uint8_t quote = peek(l, text_prefix(l, &bytes, &raw));
	return quote == '"' || quote == '\'';
}

static enum cel_token_kind lex_text(struct cel_lexer *l) {
	bool bytes, raw;
	l->at += text_prefix(l, &bytes, &raw);
	uint8_t quote = peek(l, 0);
	size_t quotes = peek(l, 1) == quote && peek(l, 2) == quote ? 3 : 1;
	for (l->at += quotes; l->at < l->source.len; l->at++) {
		uint8_t c = peek(l, 0);
		if (quotes == 1 && (c == '\n' || c == '\r')) break;
		if (c == '\\' && !raw) {
			l->at++; /* whether it is an escape is for whoever reads the literal */
			continue;
		}
		bool closed = c == quote && (quotes == 1 || (peek(l, 1) == c && peek(l, 2) == c));
		if (!closed) continue;
		l->at += quotes;
		return bytes ? CEL_TOKEN_BYTES : CEL_TOKEN_STRING;
	}
	if (l->at > l->source.len) l->at = l->source.len;
	return wrong(l, "the text is not closed");
}

/* --- words and signs ---------------------------------------------------------------------- */

static enum cel_token_kind lex_word(struct cel_lexer *l) {
	static const struct {
		const char *word;
		enum cel_token_kind kind;
	} keywords[] = {
		{"true", CEL_TOKEN_TRUE},
		{"false", CEL_TOKEN_FALSE},
		{"null", CEL_TOKEN_NULL},
		{"in", CEL_TOKEN_IN},
	};
	size_t start = l->at;
	skip_while(l, is_name_part);
	struct slice word = slice_of(l->source.ptr + start, l->at - start);
	for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++)
		if (slice_is(word, keywords[i].word)) return keywords[i].kind;
	return CEL_TOKEN_IDENT;
}

static enum cel_token_kind lex_quoted(struct cel_lexer *l) {
	size_t start = ++l->at;
	skip_while(l, is_quoted_part);
	if (peek(l, 0) != '`')
		return wrong(l, "a quoted name may have letters, digits and _.-/ only");
	if (l->at++ == start) return wrong(l, "the quoted name is empty");
	return CEL_TOKEN_QUOTED;
}

static enum cel_token_kind lex_sign(struct cel_lexer *l) {
	static const struct {
		char text[3];
		enum cel_token_kind kind;
	} signs[] = {
		{"==", CEL_TOKEN_EQUAL},       {"!=", CEL_TOKEN_UNEQUAL},
		{"<=", CEL_TOKEN_LESS_EQUAL},  {">=", CEL_TOKEN_GREATER_EQUAL},
		{"&&", CEL_TOKEN_AND},         {"||", CEL_TOKEN_OR},
		{"<", CEL_TOKEN_LESS},         {">", CEL_TOKEN_GREATER},
		{"[", CEL_TOKEN_BRACKET_OPEN}, {"]", CEL_TOKEN_BRACKET_CLOSE},
		{"{", CEL_TOKEN_BRACE_OPEN},   {"}", CEL_TOKEN_BRACE_CLOSE},
		{"(", CEL_TOKEN_PAREN_OPEN},   {")", CEL_TOKEN_PAREN_CLOSE},
		{".", CEL_TOKEN_DOT},          {",", CEL_TOKEN_COMMA},
		{"-", CEL_TOKEN_MINUS},        {"!", CEL_TOKEN_NOT},
		{"?", CEL_TOKEN_QUESTION},     {":", CEL_TOKEN_COLON},
		{"+", CEL_TOKEN_PLUS},         {"*", CEL_TOKEN_STAR},
		{"/", CEL_TOKEN_SLASH},        {"%", CEL_TOKEN_PERCENT},
	};
	struct slice rest = slice_of(l->source.ptr + l->at, l->source.len - l->at);
	for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
		struct slice sign = slice_str(signs[i].text);
		if (!slice_starts(rest, sign)) continue;
		l->at += sign.len;
		return signs[i].kind;
	}
	l->at++;
	while (l->at < l->source.len && (peek(l, 0) & 0xc0) == 0x80)
		l->at++; /* the whole character */
	return wrong(l, "no operator begins with this character");
}

static enum cel_token_kind lex_kind(struct cel_lexer *l) {
	uint8_t c = peek(l, 0);
	if (l->at == l->source.len) return CEL_TOKEN_END;
	if (is_text(l)) return lex_text(l);
	if (is_letter(c)) return lex_word(l);
	if (is_digit(c) || (c == '.' && is_digit(peek(l, 1)))) return lex_number(l);
	return c == '`' ? lex_quoted(l) : lex_sign(l);
}

struct cel_token cel_lex(struct cel_lexer *l) {
	skip_space(l);
	size_t start = l->at;
	enum cel_token_kind kind = lex_kind(l);
	return (struct cel_token){
		.kind = (uint8_t)kind,
		.at = (uint32_t)start,
		.text = slice_of(l->source.ptr + start, l->at - start),
	};
}

bool cel_lex_is_name(struct slice s) {
	if (s.len == 0 || !is_letter(s.ptr[0])) return false;
	for (size_t i = 1; i < s.len; i++)
		if (!is_name_part(s.ptr[i])) return false;
	return true;
}
