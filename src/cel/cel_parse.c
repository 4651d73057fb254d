/* Recursive descent over the grammar of cel-spec (doc/langdef.md, "Syntax"). The first mistake
 * ends it: what follows a mistake of grammar is guesswork. Every function that returns an
 * expression returns NULL once tree.error is set. */
#include "cel/cel_parse.h"

#include <stdlib.h>

#include "base/parse.h"
#include "base/wording.h"
#include "cel/cel_literal.h"

struct parser {
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

static const struct cel_expr *parse_expr(struct parser *p);

/* --- tokens ---------------------------------------------------------------------------------- */

static void advance(struct parser *p) {
	p->token = cel_lex(&p->lexer);
}

static const struct cel_expr *unexpected(struct parser *p, const char *wanted) {
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

static bool take(struct parser *p, enum cel_token_kind kind) {
	if (p->token.kind != kind) return false;
	advance(p);
	return true;
}

static bool expect(struct parser *p, enum cel_token_kind kind, const char *wanted) {
	if (take(p, kind)) return true;
	unexpected(p, wanted);
	return false;
}

static bool reserved(struct slice word) {
	static const char *const words[] = {
		"as",       "break",  "const",  "continue", "else",  "for",
		"function", "if",     "import", "let",      "loop",  "namespace",
		"package",  "return", "var",    "void",     "while",
	};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (slice_is(word, words[i])) return true;
	return false;
}

/* --- lists of anything ------------------------------------------------------------------------- */

static bool push(struct parser *p, struct cel_item item) {
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

/* Reads elements up to `close` onto the pending ones. A trailing comma is part of literals,
 * not of arguments. */
static bool read_list(struct parser *p, bool (*element)(struct parser *p),
                      enum cel_token_kind close, const char *wanted, bool trailing) {
	bool comma = false;
	while (p->token.kind != close || (comma && !trailing)) {
		if (trailing && p->token.kind == CEL_TOKEN_COMMA && !comma) {
			advance(p); /* a lone comma: [,] */
			break;
		}
		if (!element(p)) return false;
		comma = take(p, CEL_TOKEN_COMMA);
		if (!comma) break;
	}
	return expect(p, close, wanted);
}

static bool read_arg(struct parser *p) {
	return push(p, (struct cel_item){.value = parse_expr(p)});
}

static bool read_element(struct parser *p) {
	bool optional = take(p, CEL_TOKEN_QUESTION);
	return push(p, (struct cel_item){.value = parse_expr(p), .optional = optional});
}

static bool read_value(struct parser *p, struct cel_item item) {
	item.at = p->token.at;
	if (p->tree.error || !expect(p, CEL_TOKEN_COLON, "':'")) return false;
	item.value = parse_expr(p);
	return push(p, item);
}

static bool read_entry(struct parser *p) {
	struct cel_item item = {.optional = take(p, CEL_TOKEN_QUESTION)};
	item.key = parse_expr(p);
	return read_value(p, item);
}

/* A field after '.' or in a message: a word, or anything in backquotes. */
static bool read_field_name(struct parser *p, struct slice *out) {
	struct slice text = p->token.text;
	bool quoted = p->token.kind == CEL_TOKEN_QUOTED;
	if (!quoted && p->token.kind != CEL_TOKEN_IDENT) {
		unexpected(p, "a name");
		return false;
	}
	*out = quoted ? slice_of(text.ptr + 1, text.len - 2) : text;
	advance(p);
	return true;
}

static bool read_field(struct parser *p) {
	struct cel_item item = {.optional = take(p, CEL_TOKEN_QUESTION)};
	return read_field_name(p, &item.field) && read_value(p, item);
}

/* --- calls ----------------------------------------------------------------------------------------- */

/* At '('. */
static const struct cel_expr *parse_call(struct parser *p, struct slice function,
                                         const struct cel_expr *target) {
	uint32_t at = p->token.at;
	size_t base = p->pending_count;
	advance(p);
	bool read = read_list(p, read_arg, CEL_TOKEN_PAREN_CLOSE, "',' or ')'", false);
	size_t count = p->pending_count - base;
	p->pending_count = base;
	if (!read) return NULL;
	const struct cel_expr **args = arena_alloc(p->tree.arena, count * sizeof *args);
	if (!args) return cel_tree_no_memory(&p->tree);
	for (size_t i = 0; i < count; i++) args[i] = p->pending[base + i].value;
	struct cel_macro_call call = {
		.tree = &p->tree,
		.at = at,
		.function = function,
		.target = target,
		.args = args,
		.count = count,
	};
	const struct cel_expr *expanded;
	if (cel_macro_expand(&call, p->known, &expanded)) return expanded;
	return cel_tree_call(&p->tree, at, function, target, args, count);
}

/* At '[', '{' or a message's '{'. */
static const struct cel_expr *parse_items(struct parser *p, enum cel_expr_kind kind,
                                          struct slice message) {
	static const struct {
		bool (*read)(struct parser *p);
		enum cel_token_kind close;
		const char *wanted;
	} forms[] = {
		[CEL_EXPR_LIST] = {read_element, CEL_TOKEN_BRACKET_CLOSE, "',' or ']'"},
		[CEL_EXPR_MAP] = {read_entry, CEL_TOKEN_BRACE_CLOSE, "',' or '}'"},
		[CEL_EXPR_STRUCT] = {read_field, CEL_TOKEN_BRACE_CLOSE, "',' or '}'"},
	};
	uint32_t at = p->token.at;
	size_t base = p->pending_count;
	advance(p);
	bool read = read_list(p, forms[kind].read, forms[kind].close, forms[kind].wanted, true);
	size_t count = p->pending_count - base;
	p->pending_count = base;
	if (!read) return NULL;
	const struct cel_item *items = count ? p->pending + base : NULL;
	return cel_tree_items(&p->tree, at, kind, items, count, message);
}

/* --- primaries ----------------------------------------------------------------------------------------- */

static const struct cel_expr *parse_literal(struct parser *p, uint32_t at, bool negative) {
	struct cel_value value;
	const char *wrong;
	struct cel_token token = p->token;
	enum err e = cel_literal_read(p->tree.arena, &token, negative, &value, &wrong);
	if (e == ERR_NO_MEMORY) return cel_tree_no_memory(&p->tree);
	if (e) return cel_tree_fail(&p->tree, e, at, "%s", wrong);
	advance(p);
	return cel_tree_const(&p->tree, at, value);
}

/* A name, or a call of it. *name: it may go on to be the name of a message. */
static const struct cel_expr *parse_name(struct parser *p, bool *name) {
	struct cel_token token = p->token;
	struct slice text = token.text;
	if (take(p, CEL_TOKEN_DOT)) {
		token = p->token;
		/* ".x" as one word, also where a space is between. */
		char *rooted = arena_alloc(p->tree.arena, token.text.len + 1);
		if (!rooted) return cel_tree_no_memory(&p->tree);
		rooted[0] = '.';
		memcpy(rooted + 1, token.text.ptr, token.text.len);
		text = slice_of(rooted, token.text.len + 1);
	}
	if (!expect(p, CEL_TOKEN_IDENT, "a name")) return NULL;
	if (reserved(token.text))
		return cel_tree_fail(&p->tree, ERR_INVALID, token.at,
		                     "reserved identifier: " SLICE_FMT, SLICE_ARG(token.text));
	if (p->token.kind == CEL_TOKEN_PAREN_OPEN) return parse_call(p, text, NULL);
	*name = true;
	return cel_tree_ident(&p->tree, token.at, text);
}

static const struct cel_expr *parse_nested(struct parser *p) {
	advance(p);
	const struct cel_expr *e = parse_expr(p);
	if (!e || !expect(p, CEL_TOKEN_PAREN_CLOSE, "')'")) return NULL;
	return e;
}

/* '-' is part of a number only where it comes right before it, and not where it is one of several
 * (parse_unary). */
static const struct cel_expr *parse_negative(struct parser *p) {
	uint32_t at = p->token.at;
	advance(p);
	if (p->token.kind == CEL_TOKEN_INT || p->token.kind == CEL_TOKEN_DOUBLE)
		return parse_literal(p, at, true);
	return unexpected(p, "a number");
}

static const struct cel_expr *parse_primary(struct parser *p, bool *name) {
	switch (p->token.kind) {
	case CEL_TOKEN_IDENT:
	case CEL_TOKEN_DOT: return parse_name(p, name);
	case CEL_TOKEN_PAREN_OPEN: return parse_nested(p);
	case CEL_TOKEN_BRACKET_OPEN: return parse_items(p, CEL_EXPR_LIST, SLICE_LIT(""));
	case CEL_TOKEN_BRACE_OPEN: return parse_items(p, CEL_EXPR_MAP, SLICE_LIT(""));
	case CEL_TOKEN_MINUS: return parse_negative(p);
	case CEL_TOKEN_INT:
	case CEL_TOKEN_UINT:
	case CEL_TOKEN_DOUBLE:
	case CEL_TOKEN_STRING:
	case CEL_TOKEN_BYTES:
	case CEL_TOKEN_TRUE:
	case CEL_TOKEN_FALSE:
	case CEL_TOKEN_NULL: return parse_literal(p, p->token.at, false);
	default: return unexpected(p, "an expression");
	}
}

/* --- members ------------------------------------------------------------------------------------------- */

/* At '{' after what can be its name. */
static const struct cel_expr *parse_message(struct parser *p, const struct cel_expr *name) {
	char text[CEL_NAME_MAX];
	size_t len = cel_tree_name(name, text);
	if (len == 0)
		return cel_tree_fail(&p->tree, ERR_TOO_LARGE, name->at,
		                     "the name of a message is longer than %d bytes", CEL_NAME_MAX);
	struct slice kept = arena_copy(p->tree.arena, slice_of(text, len));
	return kept.ptr ? parse_items(p, CEL_EXPR_STRUCT, kept) : cel_tree_no_memory(&p->tree);
}

/* At '.'. *name: as in parse_name, before and after. */
static const struct cel_expr *parse_select(struct parser *p, const struct cel_expr *operand,
                                           bool *name) {
	uint32_t at = p->token.at;
	advance(p);
	uint32_t field_at = p->token.at;
	bool optional = take(p, CEL_TOKEN_QUESTION);
	bool word = p->token.kind == CEL_TOKEN_IDENT;
	struct slice field;
	*name = *name && word && !optional;
	if (!read_field_name(p, &field)) return NULL;
	if (word && !optional && p->token.kind == CEL_TOKEN_PAREN_OPEN) {
		*name = false;
		return parse_call(p, field, operand);
	}
	if (!optional) return cel_tree_select(&p->tree, at, operand, field, false);
	return CEL_TREE_CALL(&p->tree, at, "_?._", NULL, operand,
	                     cel_tree_const(&p->tree, field_at, cel_string(field)));
}

/* At '['. */
static const struct cel_expr *parse_index(struct parser *p, const struct cel_expr *operand) {
	uint32_t at = p->token.at;
	advance(p);
	const char *function = take(p, CEL_TOKEN_QUESTION) ? "_[?_]" : "_[_]";
	const struct cel_expr *index = parse_expr(p);
	if (!index || !expect(p, CEL_TOKEN_BRACKET_CLOSE, "']'")) return NULL;
	return CEL_TREE_CALL(&p->tree, at, function, NULL, operand, index);
}

static const struct cel_expr *parse_member(struct parser *p) {
	bool name = false;
	const struct cel_expr *e = parse_primary(p, &name);
	while (e) {
		switch (p->token.kind) {
		case CEL_TOKEN_DOT: e = parse_select(p, e, &name); break;
		case CEL_TOKEN_BRACKET_OPEN:
			e = parse_index(p, e);
			name = false;
			break;
		case CEL_TOKEN_BRACE_OPEN:
			if (!name) return e;
			e = parse_message(p, e);
			name = false;
			break;
		default: return e;
		}
	}
	return NULL;
}

/* --- operators ----------------------------------------------------------------------------------------- */

static bool number_follows(const struct parser *p) {
	struct cel_lexer ahead = p->lexer;
	struct cel_token t = cel_lex(&ahead);
	return t.kind == CEL_TOKEN_INT || t.kind == CEL_TOKEN_DOUBLE;
}

/* Pairs of the same sign cancel out, as in cel-go. */
static const struct cel_expr *parse_unary(struct parser *p) {
	enum cel_token_kind sign = p->token.kind;
	if (sign != CEL_TOKEN_NOT && (sign != CEL_TOKEN_MINUS || number_follows(p)))
		return parse_member(p);
	uint32_t at = p->token.at;
	bool odd = false;
	while (take(p, sign)) odd = !odd;
	const struct cel_expr *e = parse_member(p);
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

static const struct cel_expr *parse_binary(struct parser *p, int level) {
	if (level > TIGHTEST) return parse_unary(p);
	const struct cel_expr *e = parse_binary(p, level + 1);
	while (e) {
		const char *function = binary_function(p->token.kind, level);
		if (!function) return e;
		uint32_t at = p->token.at;
		advance(p);
		const struct cel_expr *right = parse_binary(p, level + 1);
		e = CEL_TREE_CALL(&p->tree, at, function, NULL, e, right);
	}
	return NULL;
}

/* The pending terms from `low` to `high` as a tree whose height is the logarithm of their number:
 * order does not matter to && and ||, depth does. Divides where cel-go does. */
static const struct cel_expr *balance(struct parser *p, const char *function, size_t low,
                                      size_t high) {
	if (low == high) return p->pending[low].value;
	size_t middle = (low + high) / 2;
	const struct cel_expr *left = balance(p, function, low, middle);
	const struct cel_expr *right = balance(p, function, middle + 1, high);
	return CEL_TREE_CALL(&p->tree, p->pending[middle + 1].at, function, NULL, left, right);
}

/* A chain of `sign`, which binds looser than what `term` reads. */
static const struct cel_expr *parse_chain(struct parser *p, enum cel_token_kind sign,
                                          const char *function,
                                          const struct cel_expr *(*term)(struct parser *p)) {
	size_t base = p->pending_count;
	uint32_t at = p->token.at;
	while (push(p, (struct cel_item){.at = at, .value = term(p)})) {
		at = p->token.at;
		if (!take(p, sign)) break;
	}
	const struct cel_expr *e =
		p->tree.error ? NULL : balance(p, function, base, p->pending_count - 1);
	p->pending_count = base;
	return e;
}

static const struct cel_expr *parse_relation(struct parser *p) {
	return parse_binary(p, LOOSEST);
}
static const struct cel_expr *parse_and(struct parser *p) {
	return parse_chain(p, CEL_TOKEN_AND, "_&&_", parse_relation);
}
static const struct cel_expr *parse_or(struct parser *p) {
	return parse_chain(p, CEL_TOKEN_OR, "_||_", parse_and);
}

/* At '?'. */
static const struct cel_expr *parse_choice(struct parser *p, const struct cel_expr *condition) {
	uint32_t at = p->token.at;
	advance(p);
	const struct cel_expr *yes = parse_or(p);
	if (!yes || !expect(p, CEL_TOKEN_COLON, "':'")) return NULL;
	const struct cel_expr *no = parse_expr(p);
	return CEL_TREE_CALL(&p->tree, at, "_?_:_", NULL, condition, yes, no);
}

static const struct cel_expr *parse_expr(struct parser *p) {
	if (p->depth == CEL_DEPTH_MAX)
		return cel_tree_fail(&p->tree, ERR_TOO_LARGE, p->token.at, "nested deeper than %d",
		                     CEL_DEPTH_MAX);
	p->depth++;
	const struct cel_expr *e = parse_or(p);
	if (e && p->token.kind == CEL_TOKEN_QUESTION) e = parse_choice(p, e);
	p->depth--;
	return e;
}

/* --- the whole ------------------------------------------------------------------------------------------- */

static bool source_fits(struct parser *p, struct slice source) {
	if (source.len > CEL_SOURCE_MAX)
		cel_tree_fail(&p->tree, ERR_TOO_LARGE, 0, "longer than %d bytes", CEL_SOURCE_MAX);
	else if (!utf8_valid(source))
		cel_tree_fail(&p->tree, ERR_INVALID, 0, "not valid UTF-8");
	return !p->tree.error;
}

enum err cel_parse(struct arena *a, struct slice source, enum cel_macros known,
                   struct cel_issues *issues, const struct cel_expr **out) {
	struct parser p = {
		.tree = {.arena = a, .source = source, .issues = issues},
		.lexer = {.source = source},
		.known = known,
	};
	*out = NULL;
	if (!source_fits(&p, source)) return p.tree.error;
	advance(&p);
	const struct cel_expr *e = parse_expr(&p);
	if (e && p.token.kind != CEL_TOKEN_END) unexpected(&p, "an operator or the end");
	free(p.pending);
	if (!p.tree.error) *out = e;
	return p.tree.error;
}
