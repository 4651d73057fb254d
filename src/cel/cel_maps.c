/* What the two-variable macros make maps with: m with an entry more, or with all of another's. */
#include "cel/cel_room.h"

static void insert_all(struct cel_call *c, const struct cel_map *m, const struct cel_entry *more,
                       uint32_t count, struct cel_value *out) {
	if (m->count && !m->entries) {
		*out = cel_error(CEL_FAULT_ARGUMENT);
		return;
	}
	size_t total = (size_t)m->count + count;
	if (!cel_pay(c, total, out)) return;
	struct cel_entry *entries = cel_room_bytes(c, total * sizeof *entries, out);
	if (!entries) return;
	if (m->count) memcpy(entries, m->entries, m->count * sizeof *entries);
	if (count) memcpy(entries + m->count, more, count * sizeof *entries);
	*out = cel_make_map(c->arena, entries, (uint32_t)total);
}

static void insert(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	struct cel_entry entry = {args[1], args[2]};
	insert_all(c, args[0].map, &entry, 1, out);
}

static void insert_map(struct cel_call *c, const struct cel_value *args, struct cel_value *out) {
	const struct cel_map *more = args[1].map;
	if (more->count && !more->entries)
		*out = cel_error(CEL_FAULT_ARGUMENT);
	else
		insert_all(c, args[0].map, more->entries, more->count, out);
}

static const struct cel_overload overloads[] = {
	{"@mapInsert_map_key_value", "cel.@mapInsert", "(map(K, V), K, V) -> map(K, V)", insert,
         .cost = 1},
	{"@mapInsert_map_map", "cel.@mapInsert", "(map(K, V), map(K, V)) -> map(K, V)", insert_map,
         .cost = 1},
};

const struct cel_library cel_library_maps = {"maps", overloads, CEL_COUNT(overloads)};
