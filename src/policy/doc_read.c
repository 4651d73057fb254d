/* Reading a tree by tables of fields, and the wording of what is wrong with it.
 * Knows no key by name. */
#include "policy/doc.h"

#include <stdio.h>

#include "base/assert.h"
#include "base/parse.h"

enum { PATH_BYTES = 120, LIST_BYTES = 110, FIELDS_MAX = 32 };

struct text {
	char chars[PATH_BYTES];
	size_t len;
};

/* Appends; once full, what follows is cut off. */
static void PRINTF_LIKE(2, 3) text_add(struct text *t, const char *format, ...) {
	va_list args;
	va_start(args, format);
	int n = vsnprintf(t->chars + t->len, sizeof t->chars - t->len, format, args);
	va_end(args);
	if (n < 0) return;
	size_t room = sizeof t->chars - 1 - t->len;
	t->len += (size_t)n < room ? (size_t)n : room;
}

/* --- paths and mistakes --------------------------------------------------------------- */

static void path_add(struct text *t, const struct doc_node *n) {
	if (!n->parent) return;
	path_add(t, n->parent);
	if (n->parent->kind == DOC_MAPPING) {
		struct shown key = show(n->key);
		text_add(t, "%s%.*s", t->len ? "." : "", (int)strlen(key.text) - 2, key.text + 1);
		return;
	}
	uint32_t index = 0;
	for (const struct doc_node *c = n->parent->first; c != n; c = c->next) index++;
	text_add(t, "[%u]", index);
}

static void PRINTF_LIKE(5, 0) error_at(struct doc *d, uint32_t line, uint32_t column,
                                       const struct doc_node *n, const char *format, va_list args) {
	if (mistakes_full(&d->mistakes)) return;
	struct text path = {.len = 0};
	path_add(&path, n);
	char what[sizeof((struct policy_error *)0)->text];
	vsnprintf(what, sizeof what, format, args);
	mistake_add(&d->mistakes, line, column, "%.*s%s%s", (int)path.len, path.chars,
	            path.len ? ": " : "", what);
}

void doc_error(struct doc *d, const struct doc_node *n, const char *format, ...) {
	va_list args;
	va_start(args, format);
	error_at(d, n->line, n->column, n, format, args);
	va_end(args);
}

void doc_error_key(struct doc *d, const struct doc_node *n, const char *format, ...) {
	bool has_key = n->parent && n->parent->kind == DOC_MAPPING;
	va_list args;
	va_start(args, format);
	error_at(d, has_key ? n->key_line : n->line, has_key ? n->key_column : n->column, n, format,
	         args);
	va_end(args);
}

struct shown doc_found(const struct doc_node *n) {
	if (n->kind == DOC_SEQUENCE) return (struct shown){"a list"};
	if (n->kind == DOC_MAPPING) return (struct shown){"a mapping"};
	return doc_null(n) ? (struct shown){"nothing"} : show(n->text);
}

bool doc_null(const struct doc_node *n) {
	return n->kind == DOC_SCALAR && n->plain &&
	       (n->text.len == 0 || slice_is(n->text, "~") || slice_is(n->text, "null"));
}

const struct doc_node *doc_child(const struct doc_node *map, const char *key) {
	if (!map || map->kind != DOC_MAPPING) return NULL;
	for (const struct doc_node *c = map->first; c; c = c->next)
		if (slice_is(c->key, key)) return c;
	return NULL;
}

const char *doc_keep(struct doc *d, struct slice s) {
	const char *copy = arena_strdup(d->keep, s);
	if (copy) return copy;
	d->no_memory = true;
	return "";
}

/* One more of what there is; "..." once where the list gets long. */
static void list_add(struct text *known, struct slice name) {
	bool fits = known->len + name.len + 2 < LIST_BYTES - 4;
	if (fits)
		text_add(known, "%s" SLICE_FMT, known->len ? ", " : "", SLICE_ARG(name));
	else if (known->len && known->chars[known->len - 1] != '.')
		text_add(known, ", ...");
}

void doc_error_reference(struct doc *d, const struct doc_node *n, const char *what,
                         const struct doc_node *section) {
	if (mistakes_full(&d->mistakes)) return;
	struct suggestion guess = suggestion_start(n->text);
	struct text known = {.len = 0};
	for (const struct doc_node *c = section ? section->first : NULL; c; c = c->next) {
		suggestion_offer(&guess, c->key);
		list_add(&known, c->key);
	}
	doc_error(d, n, "no %s is named %s%s; expected one of: %s", what, show(n->text).text,
	          suggestion_text(&guess).text, known.len ? known.chars : "(there is none)");
}

void doc_check_name(struct doc *d, const struct doc_node *n) {
	if (name_valid(n->key, POLICY_NAME_MAX)) return;
	doc_error_key(d, n, "%s is no name; expected " NAME_EXPECTED, show(n->key).text);
}

/* --- what a field expects, in words --------------------------------------------------- */

struct unit {
	const char *name;
	uint64_t factor;
};

/* In the largest unit that divides it: 90000 → "90s". */
static void add_with_unit(struct text *t, uint64_t value, const struct unit *units) {
	while (units->factor > 1 && (value == 0 || value % units->factor)) units++;
	text_add(t, "%llu%s", (unsigned long long)(value / units->factor), units->name);
}

static void add_range(struct text *t, const struct field *f) {
	static const struct unit times[] = {
		{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};
	static const struct unit sizes[] = {
		{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"", 1}};
	static const struct unit none[] = {{"", 1}};
	const struct unit *units = f->type == FIELD_DURATION ? times
	                           : f->type == FIELD_SIZE   ? sizes
	                                                     : none;
	add_with_unit(t, f->min, units);
	text_add(t, " to ");
	add_with_unit(t, f->max, units);
}

static struct text expectation(const struct field *f) {
	struct text t = {.len = 0};
	if (f->expected) {
		text_add(&t, "%s", f->expected);
		return t;
	}
	switch (f->type) {
	case FIELD_NAME: text_add(&t, NAME_EXPECTED); break;
	case FIELD_TEXT:
		add_range(&t, f);
		text_add(&t, " bytes of text");
		break;
	case FIELD_NUMBER:
		text_add(&t, "a whole number, ");
		add_range(&t, f);
		break;
	case FIELD_DURATION:
		text_add(&t, "a duration such as 500ms, 30s or 5m, ");
		add_range(&t, f);
		break;
	case FIELD_SIZE:
		text_add(&t, "a size such as 64KiB or 16MiB, ");
		add_range(&t, f);
		break;
	case FIELD_CHOICE:
		for (int i = 0; f->choices[i]; i++)
			text_add(&t, "%s%s",
			         i == 0              ? ""
			         : f->choices[i + 1] ? ", "
			                             : " or ",
			         f->choices[i]);
		break;
	case FIELD_SCALAR: text_add(&t, "a text"); break;
	case FIELD_SEQUENCE: text_add(&t, "a list"); break;
	case FIELD_MAPPING:
	case FIELD_GROUP: text_add(&t, "a mapping"); break;
	case FIELD_ANY: text_add(&t, "a value"); break;
	}
	return t;
}

/* --- reading ------------------------------------------------------------------------------- */

static bool read_choice(const struct field *f, struct slice word, int *out) {
	for (int i = 0; f->choices[i]; i++) {
		if (!slice_is(word, f->choices[i])) continue;
		*out = i;
		return true;
	}
	return false;
}

static bool read_amount(const struct field *f, struct slice text, uint64_t *out) {
	uint64_t value;
	enum err e = f->type == FIELD_DURATION ? parse_duration_ms(text, f->max, &value)
	             : f->type == FIELD_SIZE   ? parse_bytes(text, f->max, &value)
	                                       : parse_u64(text, f->max, &value);
	if (e || value < f->min) return false;
	*out = value;
	return true;
}

static bool read_text(struct doc *d, const struct field *f, struct slice text, const char **out) {
	bool good = f->type == FIELD_NAME
	                    ? name_valid(text, POLICY_NAME_MAX)
	                    : text.len >= f->min && text.len <= f->max && text_clean(text);
	if (good && f->check) good = f->check(text);
	if (good) *out = doc_keep(d, text);
	return good;
}

static bool kind_fits(const struct doc_node *n, enum field_type type) {
	switch (type) {
	case FIELD_SEQUENCE: return n->kind == DOC_SEQUENCE;
	case FIELD_MAPPING:
	case FIELD_GROUP: return n->kind == DOC_MAPPING || doc_null(n);
	case FIELD_ANY: return true;
	default: return n->kind == DOC_SCALAR && !doc_null(n);
	}
}

static bool store_value(struct doc *d, const struct doc_node *n, const struct field *f, void *to) {
	switch (f->type) {
	case FIELD_NAME:
	case FIELD_TEXT: return read_text(d, f, n->text, to);
	case FIELD_NUMBER:
	case FIELD_DURATION:
	case FIELD_SIZE: return read_amount(f, n->text, to);
	case FIELD_CHOICE: return read_choice(f, n->text, to);
	case FIELD_GROUP: return true;
	default: *(const struct doc_node **)to = n; return true;
	}
}

bool doc_read_value(struct doc *d, const struct doc_node *n, const struct field *f, void *out) {
	if (kind_fits(n, f->type) && store_value(d, n, f, (char *)out + f->offset)) return true;
	struct suggestion guess = suggestion_start(n->text);
	for (int i = 0; f->type == FIELD_CHOICE && f->choices[i]; i++)
		suggestion_offer(&guess, slice_str(f->choices[i]));
	struct text want = expectation(f);
	doc_error(d, n, "found %s%s; expected %s", doc_found(n).text, suggestion_text(&guess).text,
	          want.chars);
	return false;
}

static void note_unknown(struct doc *d, const struct doc_node *child, const struct field *fields) {
	if (mistakes_full(&d->mistakes)) return;
	struct suggestion guess = suggestion_start(child->key);
	struct text known = {.len = 0};
	for (const struct field *f = fields; f->key; f++) {
		suggestion_offer(&guess, slice_str(f->key));
		list_add(&known, slice_str(f->key));
	}
	doc_error_key(d, child, "unknown key%s; expected one of: %s", suggestion_text(&guess).text,
	              known.chars);
}

void doc_read(struct doc *d, const struct doc_node *map, const struct field *fields, void *out) {
	bool seen[FIELDS_MAX] = {false};
	for (const struct doc_node *c = map->first; c; c = c->next) {
		int i = 0;
		while (fields[i].key && !slice_is(c->key, fields[i].key)) i++;
		const struct field *f = &fields[i];
		if (!f->key) {
			note_unknown(d, c, fields);
			continue;
		}
		ASSERT(i < FIELDS_MAX);
		seen[i] = true;
		bool fits = doc_read_value(d, c, f, out);
		if (fits && f->type == FIELD_GROUP) doc_read(d, c, f->fields, out);
	}
	for (int i = 0; fields[i].key; i++) {
		if (!fields[i].required || seen[i]) continue;
		struct text want = expectation(&fields[i]);
		doc_error_key(d, map, "the key '%s' is missing; expected %s", fields[i].key,
		              want.chars);
	}
}
