/* Typed reading of a JSON object by a table of fields, as doc.h does for YAML: the same strictness,
 * the same wording. The first mistake ends it. Knows no key by name. One thread. */
#pragma once
#include <jansson.h>

#include "base/err.h"
#include "base/slice.h"

/* Where, and what: `client.ip`, "found '10.0.0'; expected …". Path "": the value as a whole. */
struct json_mistake {
	char path[160];
	char text[300];
};

enum json_type {
	JSON_FIELD_TEXT,    /* struct slice into the value: at most `max` bytes */
	JSON_FIELD_BOOL,    /* bool */
	JSON_FIELD_U32,     /* uint32_t: 0..max; null is UINT32_MAX, not known */
	JSON_FIELD_U64,     /* uint64_t: 0..max */
	JSON_FIELD_DEGREES, /* double: -max..max */
	JSON_FIELD_CHOICE,  /* int: index of the word in `choices` */
	JSON_FIELD_OBJECT,  /* const json_t * */
	JSON_FIELD_ANY,     /* const json_t *, of any kind */
};
struct json_field {
	const char *key;
	enum json_type type;
	size_t offset; /* in the struct handed to json_read */
	uint64_t max;
	const char *const *choices; /* ends with NULL */
};

/* The table ends with key NULL. What is absent leaves *out as it was. ERR_INVALID: *m says why; m may
 * already hold the path of `object`, which is then put in front. */
MUST enum err json_read(const json_t *object, const struct json_field *fields, void *out,
                        struct json_mistake *m);

/* Adds `.key` to the path before something inside is read; returns what json_leave takes back. */
size_t json_enter(struct json_mistake *m, const char *key);
void json_leave(struct json_mistake *m, size_t before);
/* Says what is wrong at the path; ERR_INVALID. */
MUST enum err json_refuse(struct json_mistake *m, const char *format, ...) PRINTF_LIKE(2, 3);
/* Nothing in `what` is named so; `name_of(arg, i)` for 0..count-1 are the names there are. */
MUST enum err json_refuse_name(struct json_mistake *m, const char *what, struct slice name,
                               const char *(*name_of)(const void *arg, int i), const void *arg,
                               int count);
