/* What the parser's files share: its state, and stepping through tokens. */
#pragma once
#include "cel/cel_lex.h"
#include "cel/cel_parse.h"

struct cel_parser {
	struct cel_tree tree;
	struct cel_lexer lexer;
	struct cel_token token; /* the next one */
	enum cel_macros known;
	int depth;
	/* Elements of all open lists and terms of all open chains, one after the other; a term has
	 * its operator's place. */
	struct cel_item *pending;
	size_t pending_count, pending_cap;
};

/* Reads what may stand in parentheses: any expression; within the limit of depth. */
const struct cel_expr *cel_parse_expr(struct cel_parser *p);
/* What operators bind: a literal, a name, a call, and what follows on it with '.' and '['. */
const struct cel_expr *cel_parse_member(struct cel_parser *p);

void cel_parser_advance(struct cel_parser *p);
/* Steps over a token of this kind, if it is the next one. */
bool cel_parser_take(struct cel_parser *p, enum cel_token_kind kind);
/* The same; false: reported, in the words of `wanted`, "a name". */
bool cel_parser_expect(struct cel_parser *p, enum cel_token_kind kind, const char *wanted);
/* Reports the next token. Returns NULL. */
const struct cel_expr *cel_parser_unexpected(struct cel_parser *p, const char *wanted);
/* Adds to the pending ones. False: the tree has failed. */
bool cel_parser_push(struct cel_parser *p, struct cel_item item);
