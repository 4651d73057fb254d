/* Commands that ask or change something through the admin port of any region. */
#pragma once
#include "app/target.h"

#include <jansson.h>

/* Who asks and why: goes into the history. */
struct control_words {
	const char *by, *note, *override;
	const char *to; /* a rollback's version */
};
#define CONTROL_HELP                                                                               \
	"      --by NAME             who does this, for the history (default: $USER)\n"            \
	"      --override REASON     do it against the safety rules; the reason is recorded\n"

/* NULL after it has complained, as `what: …`. The caller's to json_decref. */
json_t *control_get(struct target *t, const char *what, const char *path);
json_t *control_post(struct target *t, const char *what, const char *path,
                     const struct control_words *words, struct slice body);
const char *control_text(const json_t *o, const char *name, const char *otherwise);
/* "2026-01-02 03:04:05Z" of a member in ms since 1970; "-" when there is none. */
struct control_time {
	char text[32];
};
struct control_time control_time(const json_t *o, const char *name);
