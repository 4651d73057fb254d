/* What the policy's tests share: a loader that keeps what was reported. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/decide.h"
#include "policy/node.h"

struct reported {
	char text[32 << 10]; /* "line:column: text\n" each */
	size_t len;
	int count;
};

static inline void report_keep(void *arg, const struct policy_error *e) {
	struct reported *r = arg;
	assert_string_equal(e->file, "p.yaml");
	r->count++;
	int n = snprintf(r->text + r->len, sizeof r->text - r->len, "%d:%d: %s\n", e->line,
	                 e->column, e->text);
	r->len += (size_t)n;
	assert_true(r->len < sizeof r->text);
}

static inline enum err load_text(const char *yaml, struct reported *r, struct policy **out) {
	r->len = 0;
	r->count = 0;
	r->text[0] = '\0';
	return policy_load(slice_str(yaml), "p.yaml", report_keep, r, out);
}

static inline struct policy *load_good(const char *yaml) {
	static struct reported r;
	struct policy *p;
	enum err e = load_text(yaml, &r, &p);
	if (e) print_error("%s", r.text);
	assert_int_equal(e, ERR_OK);
	assert_non_null(p);
	return p;
}

/* The whole file, NUL after it; free() it. Fails the test when it cannot be read. */
static inline char *read_file(const char *path, size_t *len) {
	FILE *f = fopen(path, "rb");
	if (!f) fail_msg("%s cannot be read", path);
	char *text = malloc(1 << 20);
	assert_non_null(text);
	*len = fread(text, 1, (1 << 20) - 1, f);
	text[*len] = '\0';
	fclose(f);
	return text;
}
