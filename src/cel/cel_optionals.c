/* Optional values: making, asking, unwrapping, and looking into what may not be there. */
#include "cel/cel_index.h"
#include "cel/cel_room.h"

static const struct cel_value none = {.kind = CEL_OPTIONAL};

/* --- making ---------------------------------------------------------------------------------- */

static void of(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	*out = cel_make_optional(c->arena, &args[0]);
}

static bool is_zero(const struct cel_value *v) {
	switch (v->kind) {
	case CEL_NULL: return true;
	case CEL_BOOL: return !v->b;
	case CEL_INT:
	case CEL_UINT:
	case CEL_DURATION: return v->i == 0;
	case CEL_DOUBLE: return v->d == 0;
	case CEL_STRING:
	case CEL_BYTES: return v->extra == 0;
	case CEL_TIMESTAMP: return v->i == 0 && v->extra == 0;
	case CEL_LIST: return v->list->count == 0;
	case CEL_MAP: return v->map->count == 0;
	default: return false;
	}
}

static void of_non_zero(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	*out = is_zero(&args[0]) ? none : cel_make_optional(c->arena, &args[0]);
}

static void make_none(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	*out = none;
}

/* --- asking ------------------------------------------------------------------------------------ */

static void has_value(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	*out = cel_bool(args[0].optional != NULL);
}

static void value(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	*out = args[0].optional ? *args[0].optional : cel_error(CEL_FAULT_NO_VALUE);
}

static void or_other(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	*out = args[0].optional ? args[0] : args[1];
}

static void or_value(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	*out = args[0].optional ? *args[0].optional : args[1];
}

/* --- looking into ---------------------------------------------------------------------------------- */

/* What is not there is none; what cannot be looked into is an error. */
static void index_optional(struct cel_call *c, const struct cel_value *args,
                           struct cel_value *out) {
	const struct cel_value *container = &args[0];
	struct cel_value found;
	if (container->kind == CEL_OPTIONAL) container = container->optional;
	enum cel_fault fault =
		container ? cel_index(c, container, &args[1], &found) : CEL_FAULT_NO_KEY;
	if (fault == CEL_FAULT_NONE)
		*out = cel_make_optional(c->arena, &found);
	else if (fault == CEL_FAULT_INDEX || fault == CEL_FAULT_NO_KEY)
		*out = none;
	else
		*out = cel_error(fault);
}

/* --- lists --------------------------------------------------------------------------------------- */

static void first(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	const struct cel_list *l = args[0].list;
	*out = cel_make_optional(c->arena, l->count ? &l->items[0] : NULL);
}

static void last(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	const struct cel_list *l = args[0].list;
	*out = cel_make_optional(c->arena, l->count ? &l->items[l->count - 1] : NULL);
}

static void unwrap(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	const struct cel_list *l = args[0].list;
	struct cel_value *items = cel_room_list(c, l->count, out);
	uint32_t count = 0;
	for (uint32_t i = 0; items && i < l->count; i++) {
		if (l->items[i].kind != CEL_OPTIONAL) {
			*out = cel_error(CEL_FAULT_NO_OVERLOAD);
			return;
		}
		if (l->items[i].optional) items[count++] = *l->items[i].optional;
	}
	if (items) ((struct cel_list *)out->list)->count = count;
}

static const struct cel_overload overloads[] = {
	{"optional_of", "optional.of", "(V) -> optional_type(V)", of, .cost = 1},
	{"optional_ofNonZeroValue", "optional.ofNonZeroValue", "(V) -> optional_type(V)",
         of_non_zero, .cost = 1},
	{"optional_none", "optional.none", "() -> optional_type(V)", make_none, .cost = 1},
	{"optional_hasValue", "hasValue", "optional_type(V).() -> bool", has_value, .cost = 1},
	{"optional_value", "value", "optional_type(V).() -> V", value, .cost = 1},
	{"optional_or_optional", "or", "optional_type(V).(optional_type(V)) -> optional_type(V)",
         or_other, .cost = 1},
	{"optional_orValue_value", "orValue", "optional_type(V).(V) -> V", or_value, .cost = 1},
	{"select_optional_field", "_?._", "(dyn, string) -> optional_type(V)", index_optional,
         .cost = 1},
	{"list_optindex_optional_int", "_[?_]", "(list(V), int) -> optional_type(V)",
         index_optional, .cost = 1, .lenient = true},
	{"optional_list_optindex_optional_int", "_[?_]",
         "(optional_type(list(V)), int) -> optional_type(V)", index_optional, .cost = 1,
         .lenient = true},
	{"map_optindex_optional_value", "_[?_]", "(map(K, V), K) -> optional_type(V)",
         index_optional, .cost = 1},
	{"optional_map_optindex_optional_value", "_[?_]",
         "(optional_type(map(K, V)), K) -> optional_type(V)", index_optional, .cost = 1},
	{"optional_list_index_int", "_[_]", "(optional_type(list(V)), int) -> optional_type(V)",
         index_optional, .cost = 1, .lenient = true},
	{"optional_map_index_value", "_[_]", "(optional_type(map(K, V)), K) -> optional_type(V)",
         index_optional, .cost = 1},
	{"list_first", "first", "list(V).() -> optional_type(V)", first, .cost = 1},
	{"list_last", "last", "list(V).() -> optional_type(V)", last, .cost = 1},
	{"optional_unwrap", "optional.unwrap", "(list(optional_type(V))) -> list(V)", unwrap,
         .cost = 1},
	{"optional_unwrapOpt", "unwrapOpt", "list(optional_type(V)).() -> list(V)", unwrap,
         .cost = 1},
};

const struct cel_library cel_library_optionals = {"optionals", overloads, CEL_COUNT(overloads)};
