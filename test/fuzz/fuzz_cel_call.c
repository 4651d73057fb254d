/* Functions of CEL with arguments that are as their signatures say and otherwise anything. The
 * first bytes pick the overload, the rest becomes values. Whatever is given back must be a whole,
 * valid value, and a call may not work on when its cost is gone. The remaining bytes are read
 * once more as a time zone's file. */
#include <stdlib.h>

#include "base/assert.h"
#include "base/parse.h"
#include "cel/cel_function.h"
#include "cel/cel_time.h"
#include "cel/cel_zone.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ARGS_MAX = 4, DEPTH_MAX = 4, ITEMS_MAX = 12, ARENA_BYTES = 64 << 10, COST = 20000 };

struct input {
	struct slice rest;
	struct arena arena;
};

static uint8_t next_byte(struct input *in) {
	if (in->rest.len == 0) return 0;
	in->rest.len--;
	return *in->rest.ptr++;
}

static struct slice next_run(struct input *in) {
	size_t len = next_byte(in);
	if (len > in->rest.len) len = in->rest.len;
	struct slice run = slice_of(in->rest.ptr, len);
	in->rest = slice_of(in->rest.ptr + len, in->rest.len - len);
	return run;
}

/* Small numbers often, any number sometimes. */
static uint64_t next_number(struct input *in) {
	uint8_t first = next_byte(in);
	if (first < 240) return (uint64_t)(int64_t)(int8_t)first;
	uint64_t number = 0;
	for (int i = 0; i < 8; i++) number = number << 8 | next_byte(in);
	return number;
}

/* --- values of a kind ------------------------------------------------------------------------- */

static struct cel_value any_value(struct input *in, int depth);

static struct cel_value text_value(struct input *in) {
	struct slice s = arena_copy(&in->arena, next_run(in));
	return utf8_valid(s) ? cel_string(s) : cel_string(SLICE_LIT("\xce\xb1"));
}

static struct cel_value list_value(struct input *in, int depth) {
	struct cel_value items[ITEMS_MAX];
	uint32_t count = next_byte(in) % ITEMS_MAX;
	bool alike = next_byte(in) & 1;
	uint8_t kind = next_byte(in);
	for (uint32_t i = 0; i < count; i++) {
		items[i] = any_value(in, depth + 1);
		if (alike) items[i] = kind & 1 ? text_value(in) : cel_int((int8_t)next_byte(in));
	}
	return cel_make_list(&in->arena, items, count);
}

static struct cel_value map_value(struct input *in, int depth) {
	struct cel_entry entries[ITEMS_MAX];
	uint32_t count = next_byte(in) % ITEMS_MAX;
	for (uint32_t i = 0; i < count; i++)
		entries[i] = (struct cel_entry){any_value(in, DEPTH_MAX), any_value(in, depth + 1)};
	struct cel_value map = cel_make_map(&in->arena, entries, count);
	return map.kind == CEL_ERROR ? cel_make_map(&in->arena, entries, 0) : map;
}

static struct cel_value net_value(struct input *in, enum cel_kind kind) {
	struct cel_net *n = arena_alloc(&in->arena, sizeof *n);
	bool v6 = next_byte(in) & 1;
	for (int i = 0; i < (v6 ? 16 : 4); i++) n->bytes[i] = next_byte(in);
	n->family = v6 ? 6 : 4;
	n->prefix = v6 ? 128 : 32;
	if (kind == CEL_CIDR) n->prefix = (uint8_t)(next_byte(in) % (n->prefix + 1));
	return (struct cel_value){.kind = (uint8_t)kind, .net = n};
}

static struct cel_value optional_value(struct input *in, int depth) {
	struct cel_value v = any_value(in, depth + 1);
	return cel_make_optional(&in->arena, next_byte(in) & 1 ? &v : NULL);
}

static struct cel_value timestamp_value(struct input *in) {
	int64_t span = CEL_TIMESTAMP_MAX - CEL_TIMESTAMP_MIN;
	return cel_timestamp(CEL_TIMESTAMP_MIN + (int64_t)(next_number(in) % (uint64_t)span),
	                     (uint32_t)(next_number(in) % 1000000000));
}

static struct cel_value value_of(struct input *in, enum cel_kind kind, int depth) {
	uint64_t bits;
	switch (kind) {
	case CEL_BOOL: return cel_bool(next_byte(in) & 1);
	case CEL_INT: return cel_int((int64_t)next_number(in));
	case CEL_UINT: return cel_uint(next_number(in));
	case CEL_DOUBLE:
		bits = next_number(in);
		return (struct cel_value){.kind = CEL_DOUBLE, .u = bits};
	case CEL_STRING: return text_value(in);
	case CEL_BYTES: return cel_bytes(arena_copy(&in->arena, next_run(in)));
	case CEL_TIMESTAMP: return timestamp_value(in);
	case CEL_DURATION: return cel_duration((int64_t)next_number(in));
	case CEL_TYPE: return cel_type_value(cel_type_of(&(struct cel_value){.kind = CEL_INT}));
	case CEL_IP:
	case CEL_CIDR: return net_value(in, kind);
	case CEL_LIST: return depth < DEPTH_MAX ? list_value(in, depth) : text_value(in);
	case CEL_MAP: return depth < DEPTH_MAX ? map_value(in, depth) : text_value(in);
	case CEL_OPTIONAL: return depth < DEPTH_MAX ? optional_value(in, depth) : text_value(in);
	default: return cel_null();
	}
}

static struct cel_value any_value(struct input *in, int depth) {
	return value_of(in, next_byte(in) % (CEL_KIND_COUNT - 1) + 1, depth);
}

/* --- a call -------------------------------------------------------------------------------------- */

/* The kind that a parameter's text begins with; CEL_ERROR: any. */
static enum cel_kind kind_named(const char *text) {
	static const struct {
		const char *name;
		enum cel_kind kind;
	} names[] = {
		{"bool", CEL_BOOL},         {"int", CEL_INT},
		{"uint", CEL_UINT},         {"double", CEL_DOUBLE},
		{"string", CEL_STRING},     {"bytes", CEL_BYTES},
		{"list", CEL_LIST},         {"map", CEL_MAP},
		{"optional", CEL_OPTIONAL}, {"google.protobuf.Timestamp", CEL_TIMESTAMP},
		{"net.IP", CEL_IP},         {"google.protobuf.Duration", CEL_DURATION},
		{"net.CIDR", CEL_CIDR},
	};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strncmp(text, names[i].name, strlen(names[i].name)) == 0) return names[i].kind;
	return CEL_ERROR;
}

/* Past one type and what follows it: ", ", ".(" or the end. */
static const char *skip_type(const char *p) {
	for (int depth = 0; *p; p++) {
		if (depth == 0 && (*p == ',' || *p == ')' || (*p == '.' && p[1] == '('))) return p;
		depth += (*p == '(') - (*p == ')');
	}
	return p;
}

static int make_args(struct input *in, const struct cel_overload *o, struct cel_value *args) {
	int count = 0;
	const char *p = o->signature;
	bool receiver = *p != '(';
	if (!receiver) p++;
	while (*p && *p != ')') {
		ASSERT(count < ARGS_MAX);
		enum cel_kind kind = kind_named(p);
		bool free_choice = kind == CEL_ERROR || (o->lenient && count > 0);
		args[count++] = free_choice ? any_value(in, 0) : value_of(in, kind, 0);
		p = skip_type(p);
		if (*p == ',') p += 2;
		if (*p == '.') p += 2;
	}
	return count;
}

static const struct cel_overload *pick(struct input *in) {
	const struct cel_library *l = cel_libraries[next_byte(in) % CEL_LIBRARIES];
	return &l->overloads[next_byte(in) % l->count];
}

/* --- what comes back ------------------------------------------------------------------------------- */

static void check_value(const struct cel_value *v) {
	switch (v->kind) {
	case CEL_ERROR: ASSERT(v->extra > CEL_FAULT_NONE && v->extra < CEL_FAULT_COUNT); break;
	case CEL_STRING: ASSERT(v->s && utf8_valid(cel_slice(v))); break;
	case CEL_BYTES: ASSERT(v->s); break;
	case CEL_TIMESTAMP:
		ASSERT(v->i >= CEL_TIMESTAMP_MIN && v->i <= CEL_TIMESTAMP_MAX);
		ASSERT(v->extra < 1000000000);
		break;
	case CEL_LIST:
		for (uint32_t i = 0; i < v->list->count; i++) check_value(&v->list->items[i]);
		break;
	case CEL_MAP:
		for (uint32_t i = 0; i < v->map->count; i++) {
			struct cel_value found;
			ASSERT(cel_map_get(v->map, &v->map->entries[i].key, &found));
			check_value(&v->map->entries[i].value);
		}
		break;
	case CEL_OPTIONAL:
		if (v->optional) check_value(v->optional);
		break;
	default: ASSERT(v->kind < CEL_KIND_COUNT);
	}
}

static void call(struct input *in) {
	const struct cel_overload *o = pick(in);
	struct cel_value args[ARGS_MAX] = {0}, out = {.kind = CEL_KIND_COUNT};
	struct cel_call c = {.arena = &in->arena, .cost_left = COST};
	make_args(in, o, args);
	if (o->prepare && next_byte(in) & 1) c.data = o->prepare(args);
	o->call(&c, args, &out);
	check_value(&out);
	ASSERT(c.cost_left >= 0 || (out.kind == CEL_ERROR && out.extra == CEL_FAULT_COST));
	if (c.data) o->release(c.data);
}

static void read_zone(struct slice tzif) {
	struct cel_zones *z = cel_zones_new();
	int32_t offset = 0;
	if (z && cel_zones_add(z, SLICE_LIT("x"), tzif) == ERR_OK)
		for (int64_t at = CEL_TIMESTAMP_MIN; at < CEL_TIMESTAMP_MAX; at += 86400 * 3000) {
			ASSERT(cel_zones_offset(z, SLICE_LIT("x"), at, &offset));
			ASSERT(offset > -8 * 86400 && offset < 8 * 86400);
		}
	cel_zones_free(z);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct input in = {.rest = slice_of(data, size)};
	arena_init(&in.arena, ARENA_BYTES + size * 1024);
	call(&in);
	arena_done(&in.arena);
	read_zone(slice_of(data, size));
	return 0;
}
