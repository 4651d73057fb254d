/* Types: constants, making, comparing, text. Recursion is bounded: what makes types bounds their
 * depth, the parser of text by TEXT_DEPTH_MAX, the checker by what an expression can nest. */
#include "cel/cel_type.h"

#include "base/assert.h"

enum { TEXT_DEPTH_MAX = 16 };

#define OPTIONAL "optional_type"

const struct cel_type cel_type_dyn = {.kind = CEL_TYPE_DYN, .name = "dyn"};
const struct cel_type cel_type_null = {.kind = CEL_TYPE_NULL, .name = "null"};
const struct cel_type cel_type_bool = {.kind = CEL_TYPE_BOOL, .name = "bool"};
const struct cel_type cel_type_int = {.kind = CEL_TYPE_INT, .name = "int"};
const struct cel_type cel_type_uint = {.kind = CEL_TYPE_UINT, .name = "uint"};
const struct cel_type cel_type_double = {.kind = CEL_TYPE_DOUBLE, .name = "double"};
const struct cel_type cel_type_string = {.kind = CEL_TYPE_STRING, .name = "string"};
const struct cel_type cel_type_bytes = {.kind = CEL_TYPE_BYTES, .name = "bytes"};
const struct cel_type cel_type_timestamp = {.kind = CEL_TYPE_TIMESTAMP, .name = "timestamp"};
const struct cel_type cel_type_duration = {.kind = CEL_TYPE_DURATION, .name = "duration"};
const struct cel_type cel_type_type = {.kind = CEL_TYPE_TYPE, .name = "type"};
const struct cel_type cel_type_ip = {.kind = CEL_TYPE_OPAQUE, .name = "net.IP"};
const struct cel_type cel_type_cidr = {.kind = CEL_TYPE_OPAQUE, .name = "net.CIDR"};
const struct cel_type cel_type_error = {.kind = CEL_TYPE_ERROR, .name = "!error!"};
const struct cel_type cel_type_list_dyn = {
	.kind = CEL_TYPE_LIST, .name = "list", .param_count = 1, .params = {&cel_type_dyn}};
const struct cel_type cel_type_map_dyn = {.kind = CEL_TYPE_MAP,
                                          .name = "map",
                                          .param_count = 2,
                                          .params = {&cel_type_dyn, &cel_type_dyn}};
const struct cel_type cel_type_optional_dyn = {
	.kind = CEL_TYPE_OPAQUE, .name = OPTIONAL, .param_count = 1, .params = {&cel_type_dyn}};

static const struct cel_type wrapper = {
	.kind = CEL_TYPE_WRAPPER, .name = "wrapper", .param_count = 1, .params = {&cel_type_dyn}};
static const struct cel_type type_dyn = {
	.kind = CEL_TYPE_TYPE, .name = "type", .param_count = 1, .params = {&cel_type_dyn}};

/* --- making ------------------------------------------------------------------------------- */

const struct cel_type *cel_type_with(struct arena *a, const struct cel_type *t,
                                     const struct cel_type *const params[CEL_TYPE_PARAMS_MAX]) {
	bool same = true;
	for (int i = 0; i < t->param_count; i++) {
		if (!params[i]) return NULL;
		same = same && params[i] == t->params[i];
	}
	if (same) return t;
	struct cel_type *made = arena_alloc(a, sizeof *made);
	if (!made) return NULL;
	*made = *t;
	for (int i = 0; i < t->param_count; i++) made->params[i] = params[i];
	return made;
}

const struct cel_type *cel_type_list(struct arena *a, const struct cel_type *of) {
	return cel_type_with(a, &cel_type_list_dyn, (const struct cel_type *const[3]){of});
}

const struct cel_type *cel_type_map(struct arena *a, const struct cel_type *key,
                                    const struct cel_type *value) {
	return cel_type_with(a, &cel_type_map_dyn, (const struct cel_type *const[3]){key, value});
}

const struct cel_type *cel_type_optional(struct arena *a, const struct cel_type *of) {
	return cel_type_with(a, &cel_type_optional_dyn, (const struct cel_type *const[3]){of});
}

const struct cel_type *cel_type_type_of(struct arena *a, const struct cel_type *of) {
	return cel_type_with(a, &type_dyn, (const struct cel_type *const[3]){of});
}

/* The constant that a type without parameters is, or NULL. */
static const struct cel_type *constant_of(const struct cel_type *t) {
	static const struct cel_type *const constants[] = {
		&cel_type_dyn,       &cel_type_null,     &cel_type_bool,   &cel_type_int,
		&cel_type_uint,      &cel_type_double,   &cel_type_string, &cel_type_bytes,
		&cel_type_timestamp, &cel_type_duration, &cel_type_type,   &cel_type_ip,
		&cel_type_cidr,      &cel_type_error,
	};
	for (size_t i = 0; i < sizeof constants / sizeof *constants; i++)
		if (cel_type_eq(t, constants[i])) return constants[i];
	return NULL;
}

const struct cel_type *cel_type_copy(struct arena *a, const struct cel_type *t) {
	const struct cel_type *constant = constant_of(t);
	if (constant) return constant;
	struct cel_type *copy = arena_alloc(a, sizeof *copy);
	if (!copy) return NULL;
	*copy = *t;
	copy->name = arena_strdup(a, slice_str(t->name));
	if (!copy->name) return NULL;
	for (int i = 0; i < t->param_count; i++) {
		copy->params[i] = cel_type_copy(a, t->params[i]);
		if (!copy->params[i]) return NULL;
	}
	return copy;
}

/* --- comparing ---------------------------------------------------------------------------- */

bool cel_type_is_optional(const struct cel_type *t) {
	return t->kind == CEL_TYPE_OPAQUE && strcmp(t->name, OPTIONAL) == 0;
}

bool cel_type_eq(const struct cel_type *a, const struct cel_type *b) {
	if (a == b) return true;
	if (a->kind != b->kind || a->param_count != b->param_count) return false;
	if (strcmp(a->name, b->name) != 0) return false;
	for (int i = 0; i < a->param_count; i++)
		if (!cel_type_eq(a->params[i], b->params[i])) return false;
	return true;
}

/* --- text --------------------------------------------------------------------------------- */

enum err cel_type_print(const struct cel_type *t, struct buf *out) {
	enum err e = buf_append_str(out, t->name);
	for (int i = 0; i < t->param_count && !e; i++) {
		e = buf_append_str(out, i ? ", " : "(");
		if (!e) e = cel_type_print(t->params[i], out);
	}
	if (e || t->param_count == 0) return e;
	return buf_append_str(out, ")");
}

/* Names as they are written, and what they are without and with parameters. */
static const struct known {
	const char *name;
	const struct cel_type *plain, *of;
} known_types[] = {
	{"dyn", &cel_type_dyn, NULL},
	{"null", &cel_type_null, NULL},
	{"null_type", &cel_type_null, NULL},
	{"bool", &cel_type_bool, NULL},
	{"int", &cel_type_int, NULL},
	{"uint", &cel_type_uint, NULL},
	{"double", &cel_type_double, NULL},
	{"string", &cel_type_string, NULL},
	{"bytes", &cel_type_bytes, NULL},
	{"timestamp", &cel_type_timestamp, NULL},
	{"google.protobuf.Timestamp", &cel_type_timestamp, NULL},
	{"duration", &cel_type_duration, NULL},
	{"google.protobuf.Duration", &cel_type_duration, NULL},
	{"net.IP", &cel_type_ip, NULL},
	{"net.CIDR", &cel_type_cidr, NULL},
	{"type", &cel_type_type, &type_dyn},
	{"list", &cel_type_list_dyn, &cel_type_list_dyn},
	{"map", &cel_type_map_dyn, &cel_type_map_dyn},
	{OPTIONAL, &cel_type_optional_dyn, &cel_type_optional_dyn},
	{"wrapper", NULL, &wrapper},
};

struct type_reader {
	struct arena *arena;
	struct slice rest;
	enum err error;
};

static bool take_char(struct type_reader *r, char c) {
	r->rest = slice_trim(r->rest);
	if (r->rest.len == 0 || r->rest.ptr[0] != c) return false;
	r->rest = slice_of(r->rest.ptr + 1, r->rest.len - 1);
	return true;
}

static struct slice take_name(struct type_reader *r) {
	r->rest = slice_trim(r->rest);
	size_t len = 0;
	while (len < r->rest.len && !strchr("(), \t", r->rest.ptr[len])) len++;
	struct slice name = slice_of(r->rest.ptr, len);
	r->rest = slice_of(r->rest.ptr + len, r->rest.len - len);
	return name;
}

/* A parameter where it is one capital letter, opaque otherwise. */
static const struct cel_type *named(struct type_reader *r, struct slice name, int params) {
	bool letter = name.len == 1 && name.ptr[0] >= 'A' && name.ptr[0] <= 'Z';
	bool opaque = params > 0 || (name.len && memchr(name.ptr, '.', name.len));
	if (name.len == 0 || letter == opaque) {
		r->error = ERR_INVALID;
		return NULL;
	}
	struct cel_type *made = arena_alloc(r->arena, sizeof *made);
	if (!made) return NULL;
	made->kind = letter ? CEL_TYPE_PARAM : CEL_TYPE_OPAQUE;
	made->param_count = (uint8_t)params;
	made->name = arena_strdup(r->arena, name);
	return made->name ? made : NULL;
}

static const struct cel_type *read_type(struct type_reader *r, int depth) {
	struct slice name = take_name(r);
	const struct cel_type *params[CEL_TYPE_PARAMS_MAX] = {0};
	int count = 0;
	if (take_char(r, '(')) {
		do {
			if (count == CEL_TYPE_PARAMS_MAX || depth == TEXT_DEPTH_MAX) {
				r->error = ERR_INVALID;
				return NULL;
			}
			params[count] = read_type(r, depth + 1);
			if (!params[count++]) return NULL;
		} while (take_char(r, ','));
		if (!take_char(r, ')')) r->error = ERR_INVALID;
	}
	const struct cel_type *base = NULL;
	for (size_t i = 0; i < sizeof known_types / sizeof *known_types; i++)
		if (slice_is(name, known_types[i].name)) {
			base = count ? known_types[i].of : known_types[i].plain;
			if (!base || (count && base->param_count != count)) r->error = ERR_INVALID;
		}
	if (!base && !r->error) base = named(r, name, count);
	if (!base || r->error) return NULL;
	return count ? cel_type_with(r->arena, base, params) : base;
}

enum err cel_type_parse(struct arena *a, struct slice text, const struct cel_type **out) {
	struct type_reader r = {.arena = a, .rest = text};
	*out = read_type(&r, 0);
	if (r.error) return r.error;
	if (!*out) return ERR_NO_MEMORY;
	return slice_trim(r.rest).len ? ERR_INVALID : ERR_OK;
}
