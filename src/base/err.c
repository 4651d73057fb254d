/* The error table as functions, and faults: a code with its sentence. */
#include "base/err.h"

#include <errno.h>
#include <stdio.h>

#include "base/assert.h"

struct err_row {
	const char *name, *slug, *text;
	int status;
};

static const struct err_row err_rows[ERR_COUNT] = {
#define ERR_ROW(code, http, slug_text, sentence) {#code, slug_text, sentence, http},
	ERR_TABLE(ERR_ROW)
#undef ERR_ROW
};

static const struct err_row *err_row(enum err e) {
	ASSERT((unsigned)e < ERR_COUNT);
	return &err_rows[e];
}

const char *err_name(enum err e) {
	return err_row(e)->name;
}

const char *err_slug(enum err e) {
	return err_row(e)->slug;
}

const char *err_text(enum err e) {
	return err_row(e)->text;
}

int err_http_status(enum err e) {
	return err_row(e)->status;
}

enum err fault_set(struct fault *f, enum err code, const char *format, ...) {
	if (!f) return code;
	f->code = code;
	va_list args;
	va_start(args, format);
	int len = vsnprintf(f->text, sizeof f->text, format, args);
	va_end(args);
	if (len < 0) f->text[0] = '\0';
	return code;
}

enum err err_from_errno(int errnum) {
	switch (errnum) {
	case ENOSPC:
	case EDQUOT: return ERR_NO_SPACE;
	case ENOMEM: return ERR_NO_MEMORY;
	case ENOENT: return ERR_NOT_FOUND;
	case EEXIST: return ERR_EXISTS;
	case EACCES:
	case EPERM: return ERR_FORBIDDEN;
	case ETIMEDOUT: return ERR_TIMEOUT;
	default: return ERR_IO;
	}
}
