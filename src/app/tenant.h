/* What `holdfast tenant` and its import share. */
#pragma once
#include "app/target.h"

#include <jansson.h>

/* Says what an answer refused; EXIT_NO. */
int tenant_refused(const char *what, const struct client_answer *a);
/* A JSON body, or NULL. */
json_t *tenant_answer_json(const struct client_answer *a);
/* `holdfast tenant import FILE`: the words and options that are its own. */
struct tenant_import_options {
	const char *file, *format, *keep_going, *json;
};
int tenant_import(struct target *t, const struct tenant_import_options *o);
