/* Collecting mistakes. Allocates nothing: a mistake must be reportable when memory is what is
 * missing. */
#include "policy/mistake.h"

#include <stdio.h>
#include <stdlib.h>

void mistakes_init(struct mistakes *m, const char *file) {
	m->file = file;
	m->count = 0;
}

void mistake_add(struct mistakes *m, uint32_t line, uint32_t column, const char *format, ...) {
	if (mistakes_full(m)) return;
	struct policy_error *e = &m->items[m->count++];
	*e = (struct policy_error){.file = m->file, .line = (int)line, .column = (int)column};
	va_list args;
	va_start(args, format);
	vsnprintf(e->text, sizeof e->text, format, args);
	va_end(args);
}

static int mistake_cmp(const void *a, const void *b) {
	const struct policy_error *x = a, *y = b;
	if (x->line != y->line) return x->line < y->line ? -1 : 1;
	if (x->column != y->column) return x->column < y->column ? -1 : 1;
	return strcmp(x->text, y->text);
}

enum err mistakes_report(struct mistakes *m,
                         void (*report)(void *arg, const struct policy_error *e), void *arg) {
	qsort(m->items, (size_t)m->count, sizeof *m->items, mistake_cmp);
	for (int i = 0; report && i < m->count; i++) report(arg, &m->items[i]);
	return m->count ? ERR_INVALID : ERR_OK;
}
