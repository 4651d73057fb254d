/* JSON lines: one object a line. Read with jansson, which knows where the text is malformed but
 * not where a value stood: that is found again in the text when a value is wrong. */
#include <stdio.h>

#include "base/parse.h"
#include "policy/mistake.h"
#include "policy/tenant_read_private.h"

/* --- where a member stands ------------------------------------------------------------------ */

static size_t string_end(struct slice text, size_t at) {
	for (at++; at < text.len && text.ptr[at] != '"'; at++)
		if (text.ptr[at] == '\\') at++;
	return at + 1;
}

/* The column of the value of the outermost object's member, in text that is well-formed JSON;
 * 1 when there is none. An escaped spelling of a name is not recognised: then it is the line. */
static uint32_t member_column(struct slice text, struct slice name) {
	int depth = 0;
	for (size_t at = 0; at < text.len; at++) {
		uint8_t c = text.ptr[at];
		if (c == '{' || c == '[') depth++;
		if (c == '}' || c == ']') depth--;
		if (c != '"') continue;
		size_t end = string_end(text, at), value = end;
		struct slice word = slice_of(text.ptr + at + 1, end - at - 2);
		while (value < text.len && strchr(" \t\r", text.ptr[value])) value++;
		bool is_member = depth == 1 && value < text.len && text.ptr[value] == ':';
		if (is_member && slice_eq(word, name)) {
			for (value++; value < text.len && strchr(" \t\r", text.ptr[value]);)
				value++;
			return place_after((struct place){1, 1}, slice_of(text.ptr, value)).column;
		}
		at = end - 1;
	}
	return 1;
}

/* --- values ----------------------------------------------------------------------------- */

struct line {
	const struct tenant_reader *reader;
	struct slice text;
	struct tenant_row *row;
	struct policy_error *error;
};

static enum err PRINTF_LIKE(3, 4)
	member_error(const struct line *l, const char *name, const char *format, ...) {
	char text[sizeof l->error->text];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	struct place at = {l->reader->line, member_column(l->text, slice_str(name))};
	return read_error(l->reader, l->error, ERR_INVALID, at, "%s: %s", name, text);
}

static const char *type_name(const json_t *v) {
	static const char *const names[] = {
		[JSON_OBJECT] = "an object", [JSON_ARRAY] = "a list",  [JSON_STRING] = "a text",
		[JSON_INTEGER] = "a number", [JSON_REAL] = "a number", [JSON_TRUE] = "true",
		[JSON_FALSE] = "false",      [JSON_NULL] = "null",
	};
	return names[json_typeof(v)];
}

static struct slice json_text(const json_t *v) {
	return slice_of(json_string_value(v), json_string_length(v));
}

static enum err set_text(const struct line *l, const char *name, const json_t *v,
                         const struct tenant_field *field) {
	struct fault f;
	if (!json_is_string(v))
		return member_error(l, name, "found %s; expected a text", type_name(v));
	enum err e = field->set(l->reader->policy, json_text(v), l->row, &f);
	return e ? member_error(l, name, "%s", f.text) : ERR_OK;
}

static enum err set_texts(const struct line *l, const char *name, const json_t *v,
                          const struct tenant_field *field) {
	if (!json_is_array(v))
		return member_error(l, name, "found %s; expected a list of texts", type_name(v));
	enum err e = ERR_OK;
	for (size_t i = 0; !e && i < json_array_size(v); i++)
		e = set_text(l, name, json_array_get(v, i), field);
	return e;
}

/* A text within `maintenance`; absent is fine where `parse` may be left out. */
static enum err window_text(const struct line *l, const char *name, const json_t *window,
                            const char *key, struct slice *out) {
	const json_t *v = json_object_get(window, key);
	*out = slice_of(NULL, 0);
	if (!v) return ERR_OK;
	if (!json_is_string(v))
		return member_error(l, name, "maintenance.%s: found %s; expected a text", key,
		                    type_name(v));
	*out = json_text(v);
	return ERR_OK;
}

static enum err set_window(const struct line *l, const char *name, const json_t *v) {
	struct policy_maintenance *m = &l->row->profile.maintenance;
	struct slice from, to, zone;
	size_t known = 2u + (json_object_get(v, "zone") != NULL);
	if (!json_object_get(v, "from") || !json_object_get(v, "to") ||
	    json_object_size(v) != known)
		return member_error(l, name,
		                    "maintenance: found %s; expected from and to, and zone if it "
		                    "is not UTC",
		                    json_is_object(v) ? "other members" : type_name(v));
	enum err e = window_text(l, name, v, "from", &from);
	if (!e) e = window_text(l, name, v, "to", &to);
	if (!e) e = window_text(l, name, v, "zone", &zone);
	if (e) return e;
	if (!clock_parse(from, &m->from) || !clock_parse(to, &m->to))
		return member_error(l, name,
		                    "maintenance: found %s to %s; expected " CLOCK_EXPECTED,
		                    show(from).text, show(to).text);
	if (zone.ptr && !zone_parse(zone, &m->zone))
		return member_error(l, name, "maintenance.zone: found %s; expected " ZONE_EXPECTED,
		                    show(zone).text);
	if (m->from == m->to)
		return member_error(l, name,
		                    "maintenance: the window is over when it begins; expected "
		                    "another time");
	return ERR_OK;
}

static enum err set_preferences(const struct line *l, const char *name, const json_t *v,
                                const struct tenant_field *field) {
	const char *key;
	json_t *value;
	enum err e = ERR_OK;
	if (!json_is_object(v))
		return member_error(l, name, "found %s; expected an object", type_name(v));
	json_object_foreach((json_t *)(uintptr_t)v, key, value) {
		if (strcmp(key, "regions") == 0)
			e = set_texts(l, name, value, field);
		else if (strcmp(key, "maintenance") == 0)
			e = set_window(l, name, value);
		else if (strcmp(key, "explicit_failover") != 0)
			e = member_error(l, name,
			                 "unknown member %s; expected regions, explicit_failover "
			                 "and maintenance",
			                 show(slice_str(key)).text);
		else if (json_is_boolean(value))
			l->row->profile.explicit_failover = json_is_true(value);
		else
			e = member_error(l, name,
			                 "explicit_failover: found %s; expected true or false",
			                 type_name(value));
		if (e) return e;
	}
	return ERR_OK;
}

static enum err set_attributes(const struct line *l, const char *name, const json_t *v,
                               const struct tenant_field *field) {
	if (!json_is_object(v))
		return member_error(l, name, "found %s; expected an object of texts", type_name(v));
	struct fault f;
	const char *key;
	json_t *value;
	json_object_foreach((json_t *)(uintptr_t)v, key, value) {
		if (!json_is_string(value))
			return member_error(l, name, "%s: found %s; expected a text",
			                    show(slice_str(key)).text, type_name(value));
		if (tenant_set_attribute(l->row, slice_str(key), json_text(value), &f))
			return member_error(l, name, "%s", f.text);
	}
	return ERR_OK;
}

/* --- members ---------------------------------------------------------------------------- */

static const struct member {
	const char *name;
	enum err (*set)(const struct line *l, const char *name, const json_t *v,
	                const struct tenant_field *field);
	const struct tenant_field *field;
} members[] = {
	{"id", set_text, &tenant_fields[TENANT_ID]},
	{"residency", set_text, &tenant_fields[TENANT_RESIDENCY]},
	{"cell", set_text, &tenant_fields[TENANT_CELL]},
	{"tier", set_text, &tenant_fields[TENANT_TIER]},
	{"country", set_text, &tenant_fields[TENANT_COUNTRY]},
	{"consistency", set_text, &tenant_fields[TENANT_CONSISTENCY]},
	{"preferences", set_preferences, &tenant_fields[TENANT_PREFERENCES]},
	{"attributes", set_attributes, NULL},
	{"keys", set_texts, &tenant_fields[TENANT_KEY]},
};
enum { MEMBERS = sizeof members / sizeof *members };

static enum err member_unknown(const struct line *l, const char *name) {
	struct suggestion guess = suggestion_start(slice_str(name));
	for (int i = 0; i < MEMBERS; i++) suggestion_offer(&guess, slice_str(members[i].name));
	struct place at = {l->reader->line, member_column(l->text, slice_str(name))};
	return read_error(l->reader, l->error, ERR_INVALID, at,
	                  "unknown member %s%s; expected id, residency, cell, tier, country, "
	                  "consistency, preferences, attributes or keys",
	                  show(slice_str(name)).text, suggestion_text(&guess).text);
}

static enum err read_object(const struct line *l, json_t *object) {
	const char *name;
	json_t *value;
	json_object_foreach(object, name, value) {
		int i = 0;
		while (i < MEMBERS && strcmp(members[i].name, name) != 0) i++;
		if (i == MEMBERS) return member_unknown(l, name);
		enum err e = members[i].set(l, name, value, members[i].field);
		if (e) return e;
	}
	for (int i = 0; i < TENANT_FIELDS; i++)
		if (tenant_fields[i].required && !json_object_get(object, tenant_fields[i].name))
			return read_error(l->reader, l->error, ERR_INVALID,
			                  (struct place){l->reader->line, 1},
			                  "the member '%s' is missing; expected id, residency and "
			                  "cell at least",
			                  tenant_fields[i].name);
	struct fault f;
	if (tenant_row_check(l->reader->policy, l->row, &f))
		return read_error(l->reader, l->error, ERR_INVALID,
		                  (struct place){l->reader->line, 1}, "%s", f.text);
	return ERR_OK;
}

/* Without the words it is near to: they may be a key, or move the reader's cursor. */
static enum err syntax_error(const struct line *l, const json_error_t *syntax) {
	const char *near = strstr(syntax->text, " near ");
	int len = near ? (int)(near - syntax->text) : (int)strlen(syntax->text);
	uint32_t column = syntax->column > 0 ? (uint32_t)syntax->column : 1;
	return read_error(l->reader, l->error, ERR_INVALID, (struct place){l->reader->line, column},
	                  "malformed: %.*s; expected one JSON object a line", len, syntax->text);
}

/* The line without its end; *used 0 when it has none yet. */
static struct slice take_line(struct slice in, bool at_end, size_t *used) {
	const uint8_t *end = memchr(in.ptr, '\n', in.len);
	if (!end && !at_end) return slice_of(NULL, *used = 0);
	size_t len = end ? (size_t)(end - in.ptr) : in.len;
	*used = len + (end != NULL);
	return slice_of(in.ptr, len);
}

enum err json_line_next(struct tenant_reader *r, struct slice in, bool at_end, size_t *used,
                        struct tenant_row *row, struct policy_error *error) {
	struct line l = {r, take_line(in, at_end, used), row, error};
	json_error_t syntax;
	if (*used == 0) return ERR_OK;
	if (!utf8_valid(l.text))
		return read_error(r, error, ERR_INVALID, (struct place){r->line, 1},
		                  "bytes that are no UTF-8; expected UTF-8");
	json_decref(r->json);
	r->json = json_loadb((const char *)l.text.ptr, l.text.len, JSON_REJECT_DUPLICATES, &syntax);
	if (!r->json) return syntax_error(&l, &syntax);
	if (!json_is_object(r->json))
		return read_error(r, error, ERR_INVALID, (struct place){r->line, 1},
		                  "found %s; expected an object", type_name(r->json));
	return read_object(&l, r->json);
}
