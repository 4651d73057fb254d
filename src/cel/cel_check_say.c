/* Issues of the checker, worded as cel-go words them, with a guess where a word is misspelt. */
#include <stdio.h>

#include "base/wording.h"
#include "cel/cel_check_private.h"
#include "cel/cel_lex.h"
#include "cel/cel_tree.h"

const struct cel_type *cel_check_fail(struct cel_checker *c, uint32_t at, const char *format, ...) {
	va_list args;
	va_start(args, format);
	cel_issue_vadd(c->issues, c->source, at, format, args);
	va_end(args);
	c->failed = true;
	return &cel_type_error;
}

struct cel_type_text cel_check_type_text(struct cel_checker *c, const struct cel_type *t) {
	struct cel_type_text out;
	struct buf text;
	buf_init(&text, sizeof out.chars - sizeof "…");
	enum err e = cel_type_print(cel_unify_resolve(&c->unifier, t, true), &text);
	snprintf(out.chars, sizeof out.chars, SLICE_FMT "%s", SLICE_ARG(buf_slice(&text)),
	         e ? "…" : "");
	buf_done(&text);
	return out;
}

const struct cel_type *cel_check_mismatch(struct cel_checker *c, uint32_t at,
                                          const struct cel_type *expected,
                                          const struct cel_type *found) {
	return cel_check_fail(c, at, "expected type '%s' but found '%s'",
	                      cel_check_type_text(c, expected).chars,
	                      cel_check_type_text(c, found).chars);
}

/* What cannot be written, "@result" and "_+_", nobody meant. */
static void offer(struct suggestion *guess, struct slice name) {
	bool letter = name.len && name.ptr[0] != '_' && cel_lex_is_name(slice_of(name.ptr, 1));
	if (letter) suggestion_offer(guess, name);
}

static void offer_names(const struct cel_checker *c, struct suggestion *guess) {
	struct slice name;
	size_t cursor = 0;
	for (const struct cel_scope_name *s = c->scope; s; s = s->outer) offer(guess, s->name);
	while (cel_env_next_name(c->env, &cursor, &name)) offer(guess, name);
}

static void offer_functions(const struct cel_checker *c, struct suggestion *guess) {
	struct slice name;
	size_t cursor = 0;
	while (cel_env_next_function(c->env, &cursor, &name)) offer(guess, name);
}

const struct cel_type *cel_check_undeclared(struct cel_checker *c, uint32_t at, struct slice name,
                                            bool function) {
	char chain[CEL_NAME_MAX];
	struct suggestion guess = suggestion_start(name);
	(function ? offer_functions : offer_names)(c, &guess);
	if (c->chain && !function && guess.best.len == 0) {
		guess = suggestion_start(slice_of(chain, cel_tree_name(c->chain, chain)));
		offer_names(c, &guess);
	}
	struct slice container = cel_env_container_of(c->env);
	const char *in = container.len ? " in container " : "";
	return cel_check_fail(c, at, "undeclared reference to %s%s" SLICE_FMT "%s", show(name).text,
	                      in, SLICE_ARG(container), suggestion_text(&guess).text);
}
