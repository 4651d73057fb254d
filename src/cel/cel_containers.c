/* Lists and maps: size, membership, index. */
#include "cel/cel_index.h"
#include "cel/cel_room.h"
#include "cel/cel_text.h"

/* --- index --------------------------------------------------------------------------------- */

/* Whole numbers of any type; -1: outside every list, -2: no index. */
static int64_t index_of(const struct cel_value *v) {
	switch (v->kind) {
	case CEL_INT: return v->i < 0 ? -1 : v->i;
	case CEL_UINT: return v->u > INT64_MAX ? -1 : (int64_t)v->u;
	case CEL_DOUBLE:
		if (!(v->d >= -0x1p53 && v->d <= 0x1p53) || v->d != (double)(int64_t)v->d)
			return -2;
		return v->d < 0 ? -1 : (int64_t)v->d;
	default: return -2;
	}
}

static enum cel_fault index_list(const struct cel_list *l, const struct cel_value *at,
                                 struct cel_value *out) {
	int64_t i = index_of(at);
	if (i == -2) return CEL_FAULT_NO_OVERLOAD;
	if (i < 0 || i >= l->count) return CEL_FAULT_INDEX;
	*out = l->items[i];
	return CEL_FAULT_NONE;
}

enum cel_fault cel_index(struct cel_call *c, const struct cel_value *container,
                         const struct cel_value *at, struct cel_value *out) {
	if (container->kind == CEL_LIST) return index_list(container->list, at, out);
	if (container->kind != CEL_MAP) return CEL_FAULT_NO_OVERLOAD;
	const struct cel_map *m = container->map;
	if (!m->find && !cel_charge(c, m->count)) return CEL_FAULT_COST;
	return cel_map_get(m, at, out) ? CEL_FAULT_NONE : CEL_FAULT_NO_KEY;
}

static void index_any(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	enum cel_fault fault = cel_index(c, &args[0], &args[1], out);
	if (fault) *out = cel_error(fault);
}

/* --- in -------------------------------------------------------------------------------------- */

static void in_list(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	const struct cel_list *l = args[1].list;
	*out = cel_bool(false);
	for (uint32_t i = 0; i < l->count; i++) {
		if (!cel_pay(c, 1, out)) return;
		int same = cel_equal_charged(c, &l->items[i], &args[0]);
		if (same == 0) continue;
		*out = same < 0 ? cel_error(CEL_FAULT_COST) : cel_bool(true);
		return;
	}
}

static void in_map(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	struct cel_value found;
	enum cel_fault fault = cel_index(c, &args[1], &args[0], &found);
	*out = fault == CEL_FAULT_COST ? cel_error(fault) : cel_bool(fault == CEL_FAULT_NONE);
}

/* --- size ------------------------------------------------------------------------------------ */

static void size_string(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	if (!cel_pay(c, args[0].extra / CEL_TEXT_PER_UNIT, out)) return;
	*out = cel_int((int64_t)cel_text_count(cel_slice(&args[0])));
}

static void size_bytes(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	*out = cel_int(args[0].extra);
}

static void size_list(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	*out = cel_int(args[0].list->count);
}

static void size_map(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	*out = cel_int(args[0].map->count);
}

static const struct cel_overload overloads[] = {
	{"index_list", "_[_]", "(list(A), int) -> A", index_any, .cost = 1, .lenient = true},
	{"index_map", "_[_]", "(map(A, B), A) -> B", index_any, .cost = 1},
	{"in_list", "@in", "(A, list(A)) -> bool", in_list, .cost = 1},
	{"in_map", "@in", "(A, map(A, B)) -> bool", in_map, .cost = 1},
	{"size_string", "size", "(string) -> int", size_string, .cost = 1},
	{"size_bytes", "size", "(bytes) -> int", size_bytes, .cost = 1},
	{"size_list", "size", "(list(A)) -> int", size_list, .cost = 1},
	{"size_map", "size", "(map(A, B)) -> int", size_map, .cost = 1},
	{"string_size", "size", "string.() -> int", size_string, .cost = 1},
	{"bytes_size", "size", "bytes.() -> int", size_bytes, .cost = 1},
	{"list_size", "size", "list(A).() -> int", size_list, .cost = 1},
	{"map_size", "size", "map(A, B).() -> int", size_map, .cost = 1},
};

const struct cel_library cel_library_containers = {"containers", overloads, CEL_COUNT(overloads)};
