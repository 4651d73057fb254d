/* An expression as tokens. Knows where a token begins and ends and of what kind it is; what a
 * literal stands for is read by cel_literal.h. */
#pragma once
#include "base/slice.h"

enum cel_token_kind {
	CEL_TOKEN_END,
	CEL_TOKEN_WRONG, /* no token; cel_lexer.wrong says why */
	CEL_TOKEN_IDENT,
	CEL_TOKEN_QUOTED, /* `a-b` */
	CEL_TOKEN_INT,
	CEL_TOKEN_UINT,
	CEL_TOKEN_DOUBLE,
	CEL_TOKEN_STRING,
	CEL_TOKEN_BYTES,
	CEL_TOKEN_TRUE,
	CEL_TOKEN_FALSE,
	CEL_TOKEN_NULL,
	CEL_TOKEN_IN,
	CEL_TOKEN_EQUAL,
	CEL_TOKEN_UNEQUAL,
	CEL_TOKEN_LESS,
	CEL_TOKEN_LESS_EQUAL,
	CEL_TOKEN_GREATER,
	CEL_TOKEN_GREATER_EQUAL,
	CEL_TOKEN_AND,
	CEL_TOKEN_OR,
	CEL_TOKEN_BRACKET_OPEN,
	CEL_TOKEN_BRACKET_CLOSE,
	CEL_TOKEN_BRACE_OPEN,
	CEL_TOKEN_BRACE_CLOSE,
	CEL_TOKEN_PAREN_OPEN,
	CEL_TOKEN_PAREN_CLOSE,
	CEL_TOKEN_DOT,
	CEL_TOKEN_COMMA,
	CEL_TOKEN_MINUS,
	CEL_TOKEN_NOT,
	CEL_TOKEN_QUESTION,
	CEL_TOKEN_COLON,
	CEL_TOKEN_PLUS,
	CEL_TOKEN_STAR,
	CEL_TOKEN_SLASH,
	CEL_TOKEN_PERCENT,
};

struct cel_token {
	uint8_t kind; /* enum cel_token_kind */
	uint32_t at;
	struct slice text; /* within the source */
};

struct cel_lexer {
	struct slice source; /* borrowed; at most UINT32_MAX bytes */
	size_t at;
	const char *wrong;
};

/* The next token; END again and again at the end. */
struct cel_token cel_lex(struct cel_lexer *l);
/* Whether it is a word of letters, digits and '_' that does not begin with a digit. */
bool cel_lex_is_name(struct slice s);
