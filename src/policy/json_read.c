/* Reading JSON by tables of fields, and the wording of what is wrong with it. Knows no key by name. */
#include "policy/json_read.h"

#include <stdio.h>

#include "policy/mistake.h"

enum { LIST_BYTES = 160 };

size_t json_enter(struct json_mistake *m, const char *key) {
	size_t before = strlen(m->path), room = sizeof m->path - before;
	snprintf(m->path + before, room, "%s%.60s", before ? "." : "", key);
	return before;
}

void json_leave(struct json_mistake *m, size_t before) {
	m->path[before] = 0;
}

enum err json_refuse(struct json_mistake *m, const char *format, ...) {
	va_list args;
	va_start(args, format);
	vsnprintf(m->text, sizeof m->text, format, args);
	va_end(args);
	return ERR_INVALID;
}

/* "a, b, c, …": what there is to choose from. */
struct names {
	char text[LIST_BYTES];
	size_t len;
	bool cut;
};
static void names_add(struct names *n, const char *name) {
	size_t need = strlen(name) + sizeof ", , ...";
	if (n->cut) return;
	n->cut = n->len + need > sizeof n->text;
	if (n->cut) name = "...";
	n->len += (size_t)snprintf(n->text + n->len, sizeof n->text - n->len, "%s%s",
	                           n->len ? ", " : "", name);
}

enum err json_refuse_name(struct json_mistake *m, const char *what, struct slice name,
                          const char *(*name_of)(const void *arg, int i), const void *arg,
                          int count) {
	struct suggestion guess = suggestion_start(name);
	struct names known = {.len = 0};
	for (int i = 0; i < count; i++) {
		suggestion_offer(&guess, slice_str(name_of(arg, i)));
		names_add(&known, name_of(arg, i));
	}
	return json_refuse(m, "no %s is named %s%s; expected one of: %s", what, show(name).text,
	                   suggestion_text(&guess).text,
	                   known.len ? known.text : "(there is none)");
}

static enum err refuse_key(struct json_mistake *m, const char *key,
                           const struct json_field *fields) {
	struct suggestion guess = suggestion_start(slice_str(key));
	struct names known = {.len = 0};
	for (const struct json_field *f = fields; f->key; f++) {
		suggestion_offer(&guess, slice_str(f->key));
		names_add(&known, f->key);
	}
	return json_refuse(m, "unknown key%s; expected one of: %s", suggestion_text(&guess).text,
	                   known.text);
}

/* What stands there, for a message. */
static struct shown found(const json_t *v) {
	static const char *const kinds[] = {
		[JSON_OBJECT] = "an object", [JSON_ARRAY] = "a list", [JSON_REAL] = "a fraction",
		[JSON_TRUE] = "true",        [JSON_FALSE] = "false",  [JSON_NULL] = "null",
	};
	struct shown out = {""};
	if (json_is_string(v)) return show(slice_of(json_string_value(v), json_string_length(v)));
	if (json_is_integer(v))
		snprintf(out.text, sizeof out.text, "%lld", (long long)json_integer_value(v));
	else
		snprintf(out.text, sizeof out.text, "%s", kinds[json_typeof(v)]);
	return out;
}

static enum err refuse_value(struct json_mistake *m, const json_t *v, const struct json_field *f) {
	struct names words = {.len = 0};
	struct suggestion guess =
		suggestion_start(slice_of(json_string_value(v), json_string_length(v)));
	unsigned long long max = f->max;
	char want[LIST_BYTES + 32];
	switch (f->type) {
	case JSON_FIELD_TEXT:
		snprintf(want, sizeof want, "a text of at most %llu bytes", max);
		break;
	case JSON_FIELD_BOOL: snprintf(want, sizeof want, "true or false"); break;
	case JSON_FIELD_U32:
	case JSON_FIELD_U64: snprintf(want, sizeof want, "a whole number, 0 to %llu", max); break;
	case JSON_FIELD_DEGREES:
		snprintf(want, sizeof want, "degrees, -%llu to %llu", max, max);
		break;
	case JSON_FIELD_OBJECT:
	case JSON_FIELD_ANY: snprintf(want, sizeof want, "an object"); break;
	case JSON_FIELD_CHOICE:
		for (int i = 0; f->choices[i]; i++) {
			suggestion_offer(&guess, slice_str(f->choices[i]));
			names_add(&words, f->choices[i]);
		}
		snprintf(want, sizeof want, "one of: %s", words.text);
	}
	return json_refuse(m, "found %s%s; expected %s", found(v).text,
	                   suggestion_text(&guess).text, want);
}

static bool store_text(const json_t *v, const struct json_field *f, struct slice *out) {
	if (!json_is_string(v) || json_string_length(v) > f->max) return false;
	*out = slice_of(json_string_value(v), json_string_length(v));
	return true;
}

static bool store_number(const json_t *v, const struct json_field *f, uint64_t *out) {
	if (!json_is_integer(v) || json_integer_value(v) < 0) return false;
	*out = (uint64_t)json_integer_value(v);
	return *out <= f->max;
}

static bool store_u32(const json_t *v, const struct json_field *f, uint32_t *out) {
	uint64_t value = UINT32_MAX;
	if (!json_is_null(v) && !store_number(v, f, &value)) return false;
	*out = (uint32_t)value;
	return true;
}

static bool store_degrees(const json_t *v, const struct json_field *f, double *out) {
	*out = json_number_value(v);
	return json_is_number(v) && *out >= -(double)f->max && *out <= (double)f->max;
}

static bool store_choice(const json_t *v, const struct json_field *f, int *out) {
	if (!json_is_string(v)) return false;
	for (int i = 0; f->choices[i]; i++) {
		*out = i;
		if (strcmp(json_string_value(v), f->choices[i]) == 0) return true;
	}
	return false;
}

static bool store(const json_t *v, const struct json_field *f, void *to) {
	switch (f->type) {
	case JSON_FIELD_TEXT: return store_text(v, f, to);
	case JSON_FIELD_BOOL: *(bool *)to = json_is_true(v); return json_is_boolean(v);
	case JSON_FIELD_U32: return store_u32(v, f, to);
	case JSON_FIELD_U64: return store_number(v, f, to);
	case JSON_FIELD_DEGREES: return store_degrees(v, f, to);
	case JSON_FIELD_CHOICE: return store_choice(v, f, to);
	case JSON_FIELD_OBJECT: *(const json_t **)to = v; return json_is_object(v);
	case JSON_FIELD_ANY: *(const json_t **)to = v; return true;
	}
	return false;
}

enum err json_read(const json_t *object, const struct json_field *fields, void *out,
                   struct json_mistake *m) {
	if (!json_is_object(object))
		return json_refuse(m, "found %s; expected an object", found(object).text);
	const char *key;
	json_t *value;
	json_object_foreach((json_t *)object, key, value) {
		const struct json_field *f = fields;
		while (f->key && strcmp(f->key, key) != 0) f++;
		size_t before = json_enter(m, key);
		if (!f->key) return refuse_key(m, key, fields);
		if (!store(value, f, (char *)out + f->offset)) return refuse_value(m, value, f);
		json_leave(m, before);
	}
	return ERR_OK;
}
