/* The lists extension: parts, flattening, sorting, ranges. */
#include "cel/cel_room.h"
#include "cel/cel_sort.h"

static void slice(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	const struct cel_list *l = args[0].list;
	int64_t start = args[1].i, end = args[2].i;
	if (start < 0 || end < start || end > l->count) {
		*out = cel_error(CEL_FAULT_INDEX);
		return;
	}
	struct cel_list *part = cel_room_bytes(c, sizeof *part, out);
	if (!part) return;
	*part = (struct cel_list){.count = (uint32_t)(end - start), .items = l->items + start};
	*out = (struct cel_value){.kind = CEL_LIST, .list = part};
}

/* --- flatten ----------------------------------------------------------------------------------- */

/* Lists deeper than this would be nested by an expression longer than any that compiles. */
enum { FLATTEN_DEPTH_MAX = 500 };

/* Counts into *count where `items` is NULL, else writes there; false: over the cost. */
static bool flatten_into(struct cel_call *c, const struct cel_list *l, int64_t depth,
                         struct cel_value *items, size_t *count) {
	if (!cel_charge(c, l->count)) return false;
	for (uint32_t i = 0; i < l->count; i++) {
		const struct cel_value *v = &l->items[i];
		if (v->kind == CEL_LIST && depth > 0) {
			if (!flatten_into(c, v->list, depth - 1, items, count)) return false;
			continue;
		}
		if (items) items[*count] = *v;
		++*count;
	}
	return true;
}

static void flatten_to(struct cel_call *c, const struct cel_list *l, int64_t depth,
                       struct cel_value *out) {
	size_t count = 0;
	if (depth < 0) {
		*out = cel_error(CEL_FAULT_ARGUMENT);
		return;
	}
	if (depth > FLATTEN_DEPTH_MAX) depth = FLATTEN_DEPTH_MAX;
	*out = cel_error(CEL_FAULT_COST);
	if (!flatten_into(c, l, depth, NULL, &count)) return;
	struct cel_value *items = cel_room_list(c, count, out);
	count = 0;
	if (items && !flatten_into(c, l, depth, items, &count)) *out = cel_error(CEL_FAULT_COST);
}

static void flatten(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	flatten_to(c, args[0].list, 1, out);
}

static void flatten_deep(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	flatten_to(c, args[0].list, args[1].i, out);
}

/* --- sort ---------------------------------------------------------------------------------------- */

static bool comparable(const struct cel_value *v) {
	switch (v->kind) {
	case CEL_BOOL:
	case CEL_INT:
	case CEL_UINT:
	case CEL_DOUBLE:
	case CEL_STRING:
	case CEL_BYTES:
	case CEL_TIMESTAMP:
	case CEL_DURATION: return true;
	default: return false;
	}
}

/* Long texts are paid for once each: most comparisons end at their first bytes. */
static bool check_keys(struct cel_call *c, const struct cel_list *keys, struct cel_value *out) {
	for (uint32_t i = 0; i < keys->count; i++) {
		const struct cel_value *key = &keys->items[i];
		bool text = key->kind == CEL_STRING || key->kind == CEL_BYTES;
		if (!cel_pay(c, 1 + (text ? key->extra / CEL_TEXT_PER_UNIT : 0), out)) return false;
		if (comparable(key) && key->kind == keys->items[0].kind) continue;
		*out = cel_error(CEL_FAULT_ARGUMENT);
		return false;
	}
	return true;
}

static bool key_precedes(const void *keys, uint32_t a, uint32_t b) {
	const struct cel_value *items = keys;
	return cel_compare(&items[a], &items[b]) == -1;
}

static void sort_by(struct cel_call *c, const struct cel_list *l, const struct cel_list *keys,
                    struct cel_value *out) {
	if (l->count != keys->count) {
		*out = cel_error(CEL_FAULT_ARGUMENT);
		return;
	}
	if (!check_keys(c, keys, out)) return;
	const uint32_t *order = cel_sort(c, keys->count, key_precedes, keys->items, out);
	struct cel_value *items = order ? cel_room_list(c, l->count, out) : NULL;
	for (uint32_t i = 0; items && i < l->count; i++) items[i] = l->items[order[i]];
}

static void sort(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	sort_by(c, args[0].list, args[0].list, out);
}

static void sort_by_keys(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	sort_by(c, args[0].list, args[1].list, out);
}

/* --- range, reverse, distinct ------------------------------------------------------------------ */

static void range(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	int64_t n = args[0].i > 0 ? args[0].i : 0;
	if (n > UINT32_MAX) n = UINT32_MAX; /* more than any cost or arena allows */
	struct cel_value *items = cel_room_list(c, (size_t)n, out);
	for (int64_t i = 0; items && i < n; i++) items[i] = cel_int(i);
}

static void reverse(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	const struct cel_list *l = args[0].list;
	struct cel_value *items = cel_room_list(c, l->count, out);
	for (uint32_t i = 0; items && i < l->count; i++) items[i] = l->items[l->count - 1 - i];
}

/* 1, 0, or -1: over the cost. */
static int contains(struct cel_call *c, const struct cel_value *items, uint32_t count,
                    const struct cel_value *v) {
	for (uint32_t i = 0; i < count; i++) {
		int same = cel_charge(c, 1) ? cel_equal_charged(c, &items[i], v) : -1;
		if (same != 0) return same;
	}
	return 0;
}

static void distinct(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	const struct cel_list *l = args[0].list;
	struct cel_value *items = cel_room_list(c, l->count, out);
	uint32_t count = 0;
	for (uint32_t i = 0; items && i < l->count; i++) {
		int seen = contains(c, items, count, &l->items[i]);
		if (seen < 0) {
			*out = cel_error(CEL_FAULT_COST);
			return;
		}
		if (!seen) items[count++] = l->items[i];
	}
	if (items) ((struct cel_list *)out->list)->count = count;
}

#define SORT_ROW(id, type)                                                                         \
	{ "list_" id "_sort", "sort", "list(" type ").() -> list(" type ")", sort, .cost = 1 }
#define SORT_BY_ROW(id, type)                                                                      \
	{                                                                                          \
		"list_" id "_sortByAssociatedKeys", "@sortByAssociatedKeys",                       \
			"list(T).(list(" type ")) -> list(T)", sort_by_keys, .cost = 1             \
	}
#define ALL_COMPARABLE(ROW)                                                                        \
	ROW("int", "int"), ROW("uint", "uint"), ROW("double", "double"), ROW("bool", "bool"),      \
		ROW("google.protobuf.Duration", "google.protobuf.Duration"),                       \
		ROW("google.protobuf.Timestamp", "google.protobuf.Timestamp"),                     \
		ROW("string", "string"), ROW("bytes", "bytes")

static const struct cel_overload overloads[] = {
	{"list_slice", "slice", "list(T).(int, int) -> list(T)", slice, .cost = 1},
	{"list_flatten", "flatten", "list(list(T)).() -> list(T)", flatten, .cost = 1},
	{"list_flatten_int", "flatten", "list(dyn).(int) -> list(dyn)", flatten_deep, .cost = 1},
	{"lists_range", "lists.range", "(int) -> list(int)", range, .cost = 1},
	{"list_reverse", "reverse", "list(T).() -> list(T)", reverse, .cost = 1},
	{"list_distinct", "distinct", "list(T).() -> list(T)", distinct, .cost = 1},
	ALL_COMPARABLE(SORT_ROW),
	ALL_COMPARABLE(SORT_BY_ROW),
};

const struct cel_library cel_library_lists = {"lists", overloads, CEL_COUNT(overloads)};
