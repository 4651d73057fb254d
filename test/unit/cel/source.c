/* One arena for all, emptied at each call. */
#include "source.h"

#include <ctype.h>
#include <stdio.h>

#include "tree_text.h"

enum { TEXT_MAX = 1 << 20, ARENA_MAX = 64 << 20 };

static char shown[TEXT_MAX];

static const char *issues_text(const struct cel_issues *issues) {
	size_t len = 0;
	shown[0] = '\0';
	for (int i = 0; i < issues->count; i++) {
		const struct cel_issue *issue = &issues->items[i];
		len += (size_t)snprintf(shown + len, sizeof shown - len, "%s%u:%u: %s",
		                        i ? "; " : "", issue->line, issue->column, issue->text);
	}
	return shown;
}

/* Line ends and what indents lines are left out. */
static const char *tree_line(const struct cel_expr *e, enum tree_adorn adorn) {
	struct buf text;
	buf_init(&text, TEXT_MAX);
	assert_int_equal(tree_text(e, adorn, &text), ERR_OK);
	size_t len = 0;
	bool start = false;
	for (size_t i = 0; i < text.len; i++) {
		char c = (char)text.mem[text.start + i];
		start = c == '\n' || (start && c == ' ');
		if (!start) shown[len++] = c;
	}
	shown[len] = '\0';
	buf_done(&text);
	return shown;
}

const char *parsed(const char *source) {
	struct arena arena;
	struct cel_issues issues = {0};
	const struct cel_expr *e;
	arena_init(&arena, ARENA_MAX);
	enum err err = cel_parse(&arena, slice_str(source), CEL_MACROS_ALL, &issues, &e);
	assert_true((err != ERR_OK) == (issues.count > 0));
	const char *text = err ? issues_text(&issues) : tree_line(e, TREE_PLAIN);
	arena_done(&arena);
	return text;
}

static const char *type_line(const struct cel_type *type) {
	struct buf text;
	buf_init(&text, TEXT_MAX);
	assert_int_equal(cel_type_print(type, &text), ERR_OK);
	snprintf(shown, sizeof shown, SLICE_FMT, SLICE_ARG(buf_slice(&text)));
	buf_done(&text);
	return shown;
}

static const char *check(const struct cel_env *env, const char *source, bool tree) {
	struct arena arena;
	struct cel_issues issues = {0};
	const struct cel_expr *e;
	const struct cel_type *type;
	struct slice s = slice_str(source);
	arena_init(&arena, ARENA_MAX);
	assert_int_equal(cel_parse(&arena, s, CEL_MACROS_ALL, &issues, &e), ERR_OK);
	enum err err = cel_check(env, &arena, s, NULL, &issues, e, &type);
	assert_true((err != ERR_OK) == (issues.count > 0));
	const char *text = err    ? issues_text(&issues)
	                   : tree ? tree_line(e, TREE_TYPES)
	                          : type_line(type);
	arena_done(&arena);
	return text;
}

const char *checked(const struct cel_env *e, const char *source) {
	return check(e, source, false);
}

const char *settled(const struct cel_env *e, const char *source) {
	return check(e, source, true);
}

enum err parse_code(struct slice source) {
	struct arena arena;
	struct cel_issues issues = {0};
	const struct cel_expr *e;
	arena_init(&arena, ARENA_MAX);
	enum err err = cel_parse(&arena, source, CEL_MACROS_ALL, &issues, &e);
	assert_true((err != ERR_OK) == (issues.count > 0));
	assert_true((err == ERR_OK) == (e != NULL));
	arena_done(&arena);
	return err;
}
