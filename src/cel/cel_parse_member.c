/* The parser's lower half: literals, names, calls, and what follows on them. */
#include "cel/cel_literal.h"
#include "cel/cel_parse_private.h"

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

/* --- lists of anything ---------------------------------------------------------------------- */

/* What may stand in a list, and what ends it. A comma before the end belongs to literals only, and
 * it may even be alone: [,] */
struct list_form {
	bool (*element)(struct cel_parser *p);
	uint8_t close; /* enum cel_token_kind */
	bool literal;
	const char *wanted;
};

/* Reads elements onto the pending ones, and what ends the list. */
static bool read_list(struct cel_parser *p, const struct list_form *form) {
	bool more = p->token.kind != form->close;
	if (form->literal && cel_parser_take(p, CEL_TOKEN_COMMA)) more = false;
	while (more) {
		if (!form->element(p)) return false;
		more = cel_parser_take(p, CEL_TOKEN_COMMA);
		if (form->literal && p->token.kind == form->close) more = false;
	}
	return cel_parser_expect(p, form->close, form->wanted);
}

static bool read_arg(struct cel_parser *p) {
	return cel_parser_push(p, (struct cel_item){.value = cel_parse_expr(p)});
}

static bool read_element(struct cel_parser *p) {
	bool optional = cel_parser_take(p, CEL_TOKEN_QUESTION);
	return cel_parser_push(p,
	                       (struct cel_item){.value = cel_parse_expr(p), .optional = optional});
}

static bool read_value(struct cel_parser *p, struct cel_item item) {
	item.at = p->token.at;
	if (p->tree.error || !cel_parser_expect(p, CEL_TOKEN_COLON, "':'")) return false;
	item.value = cel_parse_expr(p);
	return cel_parser_push(p, item);
}

static bool read_entry(struct cel_parser *p) {
	struct cel_item item = {.optional = cel_parser_take(p, CEL_TOKEN_QUESTION)};
	item.key = cel_parse_expr(p);
	return read_value(p, item);
}

/* A field after '.' or in a message: a word, or anything in backquotes. */
static bool read_field_name(struct cel_parser *p, struct slice *out) {
	struct slice text = p->token.text;
	bool quoted = p->token.kind == CEL_TOKEN_QUOTED;
	if (!quoted && p->token.kind != CEL_TOKEN_IDENT) {
		cel_parser_unexpected(p, "a name");
		return false;
	}
	*out = quoted ? slice_of(text.ptr + 1, text.len - 2) : text;
	cel_parser_advance(p);
	return true;
}

static bool read_field(struct cel_parser *p) {
	struct cel_item item = {.optional = cel_parser_take(p, CEL_TOKEN_QUESTION)};
	return read_field_name(p, &item.field) && read_value(p, item);
}

/* --- calls -------------------------------------------------------------------------------- */

/* At '('. */
static const struct cel_expr *parse_call(struct cel_parser *p, struct slice function,
                                         const struct cel_expr *target) {
	static const struct list_form form = {read_arg, CEL_TOKEN_PAREN_CLOSE, false, "',' or ')'"};
	uint32_t at = p->token.at;
	size_t base = p->pending_count;
	cel_parser_advance(p);
	bool read = read_list(p, &form);
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
static const struct cel_expr *parse_items(struct cel_parser *p, enum cel_expr_kind kind,
                                          struct slice message) {
	static const struct list_form forms[] = {
		[CEL_EXPR_LIST] = {read_element, CEL_TOKEN_BRACKET_CLOSE, true, "',' or ']'"},
		[CEL_EXPR_MAP] = {read_entry, CEL_TOKEN_BRACE_CLOSE, true, "',' or '}'"},
		[CEL_EXPR_STRUCT] = {read_field, CEL_TOKEN_BRACE_CLOSE, true, "',' or '}'"},
	};
	uint32_t at = p->token.at;
	size_t base = p->pending_count;
	cel_parser_advance(p);
	bool read = read_list(p, &forms[kind]);
	size_t count = p->pending_count - base;
	p->pending_count = base;
	if (!read) return NULL;
	const struct cel_item *items = count ? p->pending + base : NULL;
	return cel_tree_items(&p->tree, at, kind, items, count, message);
}

/* --- primaries ---------------------------------------------------------------------------- */

static const struct cel_expr *parse_literal(struct cel_parser *p, uint32_t at, bool negative) {
	struct cel_value value;
	const char *wrong;
	struct cel_token token = p->token;
	enum err e = cel_literal_read(p->tree.arena, &token, negative, &value, &wrong);
	if (e == ERR_NO_MEMORY) return cel_tree_no_memory(&p->tree);
	if (e) return cel_tree_fail(&p->tree, e, at, "%s", wrong);
	cel_parser_advance(p);
	return cel_tree_const(&p->tree, at, value);
}

/* A name, or a call of it. *name: it may go on to be the name of a message. */
static const struct cel_expr *parse_name(struct cel_parser *p, bool *name) {
	struct cel_token token = p->token;
	struct slice text = token.text;
	if (cel_parser_take(p, CEL_TOKEN_DOT)) {
		token = p->token;
		/* ".x" as one word, also where a space is between. */
		char *rooted = arena_alloc(p->tree.arena, token.text.len + 1);
		if (!rooted) return cel_tree_no_memory(&p->tree);
		rooted[0] = '.';
		memcpy(rooted + 1, token.text.ptr, token.text.len);
		text = slice_of(rooted, token.text.len + 1);
	}
	if (!cel_parser_expect(p, CEL_TOKEN_IDENT, "a name")) return NULL;
	if (reserved(token.text))
		return cel_tree_fail(&p->tree, ERR_INVALID, token.at,
		                     "reserved identifier: " SLICE_FMT, SLICE_ARG(token.text));
	if (p->token.kind == CEL_TOKEN_PAREN_OPEN) return parse_call(p, text, NULL);
	*name = true;
	return cel_tree_ident(&p->tree, token.at, text);
}

static const struct cel_expr *parse_nested(struct cel_parser *p) {
	cel_parser_advance(p);
	const struct cel_expr *e = cel_parse_expr(p);
	if (!e || !cel_parser_expect(p, CEL_TOKEN_PAREN_CLOSE, "')'")) return NULL;
	return e;
}

/* '-' is part of a number only where it comes right before it, and not where it is one of several
 * (parse_unary). */
static const struct cel_expr *parse_negative(struct cel_parser *p) {
	uint32_t at = p->token.at;
	cel_parser_advance(p);
	if (p->token.kind == CEL_TOKEN_INT || p->token.kind == CEL_TOKEN_DOUBLE)
		return parse_literal(p, at, true);
	return cel_parser_unexpected(p, "a number");
}

static const struct cel_expr *parse_primary(struct cel_parser *p, bool *name) {
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
	default: return cel_parser_unexpected(p, "an expression");
	}
}

/* --- members ------------------------------------------------------------------------------ */

/* At '{' after what can be its name. */
static const struct cel_expr *parse_message(struct cel_parser *p, const struct cel_expr *name) {
	char text[CEL_NAME_MAX];
	size_t len = cel_tree_name(name, text);
	if (len == 0)
		return cel_tree_fail(&p->tree, ERR_TOO_LARGE, name->at,
		                     "the name of a message is longer than %d bytes", CEL_NAME_MAX);
	struct slice kept = arena_copy(p->tree.arena, slice_of(text, len));
	return kept.ptr ? parse_items(p, CEL_EXPR_STRUCT, kept) : cel_tree_no_memory(&p->tree);
}

/* At '.'. *name: as in parse_name, before and after. */
static const struct cel_expr *parse_select(struct cel_parser *p, const struct cel_expr *operand,
                                           bool *name) {
	uint32_t at = p->token.at;
	cel_parser_advance(p);
	uint32_t field_at = p->token.at;
	bool optional = cel_parser_take(p, CEL_TOKEN_QUESTION);
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
static const struct cel_expr *parse_index(struct cel_parser *p, const struct cel_expr *operand) {
	uint32_t at = p->token.at;
	cel_parser_advance(p);
	const char *function = cel_parser_take(p, CEL_TOKEN_QUESTION) ? "_[?_]" : "_[_]";
	const struct cel_expr *index = cel_parse_expr(p);
	if (!index || !cel_parser_expect(p, CEL_TOKEN_BRACKET_CLOSE, "']'")) return NULL;
	return CEL_TREE_CALL(&p->tree, at, function, NULL, operand, index);
}

const struct cel_expr *cel_parse_member(struct cel_parser *p) {
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
