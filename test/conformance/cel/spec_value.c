/* Reading, comparing and showing values of the cel-spec suites. */
#include "spec_value.h"

#include <math.h>
#include <stdlib.h>

#define CHECK(condition) ((condition) ? (void)0 : abort())

/* --- reading ------------------------------------------------------------------------------ */

static struct slice text_of(struct arena *a, const json_t *json) {
	CHECK(json_is_string(json));
	struct slice s = slice_of(json_string_value(json), json_string_length(json));
	struct slice copy = arena_copy(a, s);
	CHECK(copy.len == s.len);
	return copy;
}

/* Base64 with padding, valid: the suite's own. */
static struct slice bytes_of(struct arena *a, const json_t *json) {
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	struct slice s = text_of(a, json);
	uint8_t *out = arena_alloc(a, s.len + 1);
	CHECK(out);
	size_t len = 0;
	uint32_t bits = 0, count = 0;
	for (size_t i = 0; i < s.len && s.ptr[i] != '='; i++) {
		bits = bits << 6 | (uint32_t)(strchr(alphabet, s.ptr[i]) - alphabet);
		count += 6;
		if (count < 8) continue;
		count -= 8;
		out[len++] = (uint8_t)(bits >> count);
	}
	return slice_of(out, len);
}

static double double_of(const json_t *json) {
	return json_is_string(json) ? strtod(json_string_value(json), NULL)
	                            : json_number_value(json);
}

static struct cel_value list_of(struct arena *a, const json_t *json) {
	const json_t *values = json_object_get(json, "values");
	uint32_t count = (uint32_t)json_array_size(values);
	struct cel_value *items = arena_alloc(a, count * sizeof *items);
	CHECK(items);
	for (uint32_t i = 0; i < count; i++) items[i] = spec_value(a, json_array_get(values, i));
	return cel_make_list(a, items, count);
}

static struct cel_value map_of(struct arena *a, const json_t *json) {
	const json_t *pairs = json_object_get(json, "entries");
	uint32_t count = (uint32_t)json_array_size(pairs);
	struct cel_entry *entries = arena_alloc(a, count * sizeof *entries);
	CHECK(entries);
	for (uint32_t i = 0; i < count; i++) {
		const json_t *pair = json_array_get(pairs, i);
		entries[i].key = spec_value(a, json_object_get(pair, "key"));
		entries[i].value = spec_value(a, json_object_get(pair, "value"));
	}
	return cel_make_map(a, entries, count);
}

/* "list" is the type of any list. */
static struct cel_value type_of(struct arena *a, const json_t *json) {
	static const struct cel_type *const bare[] = {&cel_type_list_dyn, &cel_type_map_dyn,
	                                              &cel_type_optional_dyn};
	static const char *const names[] = {"list", "map", "optional_type"};
	struct slice name = text_of(a, json);
	for (int i = 0; i < 3; i++)
		if (slice_is(name, names[i])) return cel_type_value(bare[i]);
	const struct cel_type *type;
	CHECK(cel_type_parse(a, name, &type) == ERR_OK);
	return cel_type_value(type);
}

struct cel_value spec_value(struct arena *a, const json_t *json) {
	const char *kind = json_object_iter_key(json_object_iter((json_t *)json));
	const json_t *v = json_object_get(json, kind);
	struct slice k = slice_str(kind);
	if (slice_is(k, "nullValue")) return cel_null();
	if (slice_is(k, "boolValue")) return cel_bool(json_is_true(v));
	if (slice_is(k, "int64Value")) return cel_int(strtoll(json_string_value(v), NULL, 10));
	if (slice_is(k, "uint64Value")) return cel_uint(strtoull(json_string_value(v), NULL, 10));
	if (slice_is(k, "doubleValue")) return cel_double(double_of(v));
	if (slice_is(k, "stringValue")) return cel_string(text_of(a, v));
	if (slice_is(k, "bytesValue")) return cel_bytes(bytes_of(a, v));
	if (slice_is(k, "listValue")) return list_of(a, v);
	if (slice_is(k, "mapValue")) return map_of(a, v);
	CHECK(slice_is(k, "typeValue"));
	return type_of(a, v);
}

/* --- comparing ------------------------------------------------------------------------------ */

static bool same_lists(const struct cel_list *a, const struct cel_list *b) {
	if (a->count != b->count) return false;
	for (uint32_t i = 0; i < a->count; i++)
		if (!spec_same(&a->items[i], &b->items[i])) return false;
	return true;
}

static bool same_maps(const struct cel_map *a, const struct cel_map *b) {
	struct cel_value other;
	if (a->count != b->count) return false;
	for (uint32_t i = 0; i < a->count; i++)
		if (!cel_map_get(b, &a->entries[i].key, &other) ||
		    !spec_same(&a->entries[i].value, &other))
			return false;
	return true;
}

bool spec_same(const struct cel_value *a, const struct cel_value *b) {
	if (a->kind != b->kind) return false;
	if (a->kind == CEL_DOUBLE && isnan(a->d)) return isnan(b->d);
	if (a->kind == CEL_LIST) return same_lists(a->list, b->list);
	if (a->kind == CEL_MAP) return same_maps(a->map, b->map);
	return cel_equal(a, b);
}

/* --- showing ---------------------------------------------------------------------------------- */

static void print_list(struct buf *out, const struct cel_list *l) {
	for (uint32_t i = 0; i < l->count; i++) {
		CHECK(buf_append_str(out, i ? ", " : "[") == ERR_OK);
		spec_print(out, &l->items[i]);
	}
	CHECK(buf_append_str(out, l->count ? "]" : "[]") == ERR_OK);
}

static void print_map(struct buf *out, const struct cel_map *m) {
	for (uint32_t i = 0; i < m->count; i++) {
		CHECK(buf_append_str(out, i ? ", " : "{") == ERR_OK);
		spec_print(out, &m->entries[i].key);
		CHECK(buf_append_str(out, ": ") == ERR_OK);
		spec_print(out, &m->entries[i].value);
	}
	CHECK(buf_append_str(out, m->count ? "}" : "{}") == ERR_OK);
}

static enum err print_scalar(struct buf *out, const struct cel_value *v) {
	switch (v->kind) {
	case CEL_ERROR: return buf_printf(out, "error: %s", cel_fault_text(v->extra));
	case CEL_NULL: return buf_append_str(out, "null");
	case CEL_BOOL: return buf_append_str(out, v->b ? "true" : "false");
	case CEL_INT: return buf_printf(out, "%lld", (long long)v->i);
	case CEL_UINT: return buf_printf(out, "%lluu", (unsigned long long)v->u);
	case CEL_DOUBLE: return buf_printf(out, "%.17g (double)", v->d);
	case CEL_STRING: return buf_printf(out, "\"" SLICE_FMT "\"", SLICE_ARG(cel_slice(v)));
	case CEL_BYTES: return buf_printf(out, "bytes of %u", v->extra);
	case CEL_TYPE: return cel_type_print(v->type, out);
	case CEL_OPTIONAL: return buf_append_str(out, v->optional ? "optional of " : "none");
	default: return buf_printf(out, "kind %u: %lld", v->kind, (long long)v->i);
	}
}

void spec_print(struct buf *out, const struct cel_value *v) {
	if (v->kind == CEL_LIST) {
		print_list(out, v->list);
	} else if (v->kind == CEL_MAP) {
		print_map(out, v->map);
	} else {
		CHECK(print_scalar(out, v) == ERR_OK);
	}
	if (v->kind == CEL_OPTIONAL && v->optional) spec_print(out, v->optional);
}
