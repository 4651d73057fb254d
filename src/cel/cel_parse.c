/* Recursive descent over the grammar of cel-spec (doc/langdef.md, "Syntax"). The first mistake
 * ends it: what follows a mistake of grammar is guesswork. Every function that returns an
 * expression returns NULL once tree.error is set. */
#include <stdlib.h>

#include "base/parse.h"
#include "base/wording.h"
#include "cel/cel_parse_private.h"

/* --- tokens ------------------------------------------------------------------------------- */

void cel_parser_advance(struct cel_parser *p) {
	p->token = cel_lex(&p->lexer);
}

const struct cel_expr *cel_parser_unexpected(struct cel_parser *p, const char *wanted) {
	const struct cel_token *t = &p->token;
	if (t->kind == CEL_TOKEN_WRONG)
		return cel_tree_fail(&p->tree, ERR_INVALID, t->at, "%s: %s", show(t->text).text,
		                     p->lexer.wrong);
	if (t->kind == CEL_TOKEN_END)
		return cel_tree_fail(&p->tree, ERR_INVALID, t->at,
		                     "the expression ends where %s is expected", wanted);
	return cel_tree_fail(&p->tree, ERR_INVALID, t->at, "found %s where %s is expected",
	                     show(t->text).text, wanted);
}

bool cel_parser_take(struct cel_parser *p, enum cel_token_kind kind) {
	if (p->token.kind != kind) return false;
	cel_parser_advance(p);
	return true;
}

bool cel_parser_expect(struct cel_parser *p, enum cel_token_kind kind, const char *wanted) {
	if (cel_parser_take(p, kind)) return true;
	cel_parser_unexpected(p, wanted);
	return false;
}

bool cel_parser_push(struct cel_parser *p, struct cel_item item) {
	if (p->pending_count == p->pending_cap) {
		size_t cap = p->pending_cap ? p->pending_cap * 2 : 64;
		struct cel_item *grown = realloc(p->pending, cap * sizeof *grown);
		if (!grown) {
			cel_tree_no_memory(&p->tree);
			return false;
		}
		p->pending = grown;
		p->pending_cap = cap;
	}
	p->pending[p->pending_count++] = item;
	return !p->tree.error;
}

/* --- operators ---------------------------------------------------------------------------- */

static bool number_follows(const struct cel_parser *p) {
	struct cel_lexer ahead = p->lexer;
	struct cel_token t = cel_lex(&ahead);
	return t.kind == CEL_TOKEN_INT || t.kind == CEL_TOKEN_DOUBLE;
}

/* Pairs of the same sign cancel out, as in cel-go. */
static const struct cel_expr *parse_unary(struct cel_parser *p) {
	enum cel_token_kind sign = p->token.kind;
	if (sign != CEL_TOKEN_NOT && (sign != CEL_TOKEN_MINUS || number_follows(p)))
		return cel_parse_member(p);
	uint32_t at = p->token.at;
	bool odd = false;
	while (cel_parser_take(p, sign)) odd = !odd;
	const struct cel_expr *e = cel_parse_member(p);
	if (!odd) return e;
	return CEL_TREE_CALL(&p->tree, at, sign == CEL_TOKEN_NOT ? "!_" : "-_", NULL, e);
}

enum { LOOSEST = 0, TIGHTEST = 2 };

static const char *binary_function(enum cel_token_kind kind, int level) {
	static const struct {
		uint8_t kind, level;
		const char *function;
	} operators[] = {
		{CEL_TOKEN_EQUAL, 0, "_==_"},  {CEL_TOKEN_UNEQUAL, 0, "_!=_"},
		{CEL_TOKEN_LESS, 0, "_<_"},    {CEL_TOKEN_LESS_EQUAL, 0, "_<=_"},
		{CEL_TOKEN_GREATER, 0, "_>_"}, {CEL_TOKEN_GREATER_EQUAL, 0, "_>=_"},
		{CEL_TOKEN_IN, 0, "@in"},      {CEL_TOKEN_PLUS, 1, "_+_"},
		{CEL_TOKEN_MINUS, 1, "_-_"},   {CEL_TOKEN_STAR, 2, "_*_"},
		{CEL_TOKEN_SLASH, 2, "_/_"},   {CEL_TOKEN_PERCENT, 2, "_%_"},
	};
	for (size_t i = 0; i < sizeof operators / sizeof *operators; i++)
		if (operators[i].kind == kind && operators[i].level == level)
			return operators[i].function;
	return NULL;
}

static const struct cel_expr *parse_binary(struct cel_parser *p, int level) {
	if (level > TIGHTEST) return parse_unary(p);
	const struct cel_expr *e = parse_binary(p, level + 1);
	while (e) {
		const char *function = binary_function(p->token.kind, level);
		if (!function) return e;
		uint32_t at = p->token.at;
		cel_parser_advance(p);
		const struct cel_expr *right = parse_binary(p, level + 1);
		e = CEL_TREE_CALL(&p->tree, at, function, NULL, e, right);
	}
	return NULL;
}

/* The pending terms from `low` to `high` as a tree whose height is the logarithm of their number:
 * order does not matter to && and ||, depth does. Divides where cel-go does. */
static const struct cel_expr *balance(struct cel_parser *p, const char *function, size_t low,
                                      size_t high) {
	if (low == high) return p->pending[low].value;
	size_t middle = (low + high) / 2;
	const struct cel_expr *left = balance(p, function, low, middle);
	const struct cel_expr *right = balance(p, function, middle + 1, high);
	return CEL_TREE_CALL(&p->tree, p->pending[middle + 1].at, function, NULL, left, right);
}

/* A chain of `sign`, which binds looser than what `term` reads. */
static const struct cel_expr *parse_chain(struct cel_parser *p, enum cel_token_kind sign,
                                          const char *function,
                                          const struct cel_expr *(*term)(struct cel_parser *p)) {
	size_t base = p->pending_count;
	uint32_t at = p->token.at;
	while (cel_parser_push(p, (struct cel_item){.at = at, .value = term(p)})) {
		at = p->token.at;
		if (!cel_parser_take(p, sign)) break;
	}
	const struct cel_expr *e =
		p->tree.error ? NULL : balance(p, function, base, p->pending_count - 1);
	p->pending_count = base;
	return e;
}

static const struct cel_expr *parse_relation(struct cel_parser *p) {
	return parse_binary(p, LOOSEST);
}
static const struct cel_expr *parse_and(struct cel_parser *p) {
	return parse_chain(p, CEL_TOKEN_AND, "_&&_", parse_relation);
}
static const struct cel_expr *parse_or(struct cel_parser *p) {
	return parse_chain(p, CEL_TOKEN_OR, "_||_", parse_and);
}

/* At '?'. */
static const struct cel_expr *parse_choice(struct cel_parser *p, const struct cel_expr *condition) {
	uint32_t at = p->token.at;
	cel_parser_advance(p);
	const struct cel_expr *yes = parse_or(p);
	if (!yes || !cel_parser_expect(p, CEL_TOKEN_COLON, "':'")) return NULL;
	const struct cel_expr *no = cel_parse_expr(p);
	return CEL_TREE_CALL(&p->tree, at, "_?_:_", NULL, condition, yes, no);
}

const struct cel_expr *cel_parse_expr(struct cel_parser *p) {
	if (p->depth == CEL_DEPTH_MAX)
		return cel_tree_fail(&p->tree, ERR_TOO_LARGE, p->token.at, "nested deeper than %d",
		                     CEL_DEPTH_MAX);
	p->depth++;
	const struct cel_expr *e = parse_or(p);
	if (e && p->token.kind == CEL_TOKEN_QUESTION) e = parse_choice(p, e);
	p->depth--;
	return e;
}

/* --- the whole ---------------------------------------------------------------------------- */

static bool source_fits(struct cel_parser *p, struct slice source) {
	if (source.len > CEL_SOURCE_MAX)
		cel_tree_fail(&p->tree, ERR_TOO_LARGE, 0, "longer than %d bytes", CEL_SOURCE_MAX);
	else if (!utf8_valid(source))
		cel_tree_fail(&p->tree, ERR_INVALID, 0, "not valid UTF-8");
	return !p->tree.error;
}

enum err cel_parse(struct arena *a, struct slice source, enum cel_macros known,
                   struct cel_issues *issues, const struct cel_expr **out) {
	if (!source.ptr) source = SLICE_LIT("");
	struct cel_parser p = {
		.tree = {.arena = a, .source = source, .issues = issues},
		.lexer = {.source = source},
		.known = known,
	};
	*out = NULL;
	if (!source_fits(&p, source)) return p.tree.error;
	cel_parser_advance(&p);
	const struct cel_expr *e = cel_parse_expr(&p);
	if (e && p.token.kind != CEL_TOKEN_END) cel_parser_unexpected(&p, "an operator or the end");
	free(p.pending);
	if (!p.tree.error) *out = e;
	return p.tree.error;
}
