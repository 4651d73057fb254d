/* The environment: names of variables, of constants and of functions. Built once, then only read.
 * Knows nothing of expressions. */
#include <stdlib.h>

#include "base/assert.h"
#include "base/map.h"
#include "cel/cel_env_private.h"
#include "cel/cel_lex.h"

enum {
	ENV_BYTES_MAX = 16 << 20,
	NAME_BYTES_MAX = 256, /* with its container */
};

struct cel_env {
	struct arena arena;
	struct map names;     /* struct cel_name */
	struct map functions; /* struct cel_group */
	const struct cel_name *slots[CEL_SLOTS_MAX];
	int slot_count;
	struct slice container;
	const struct cel_zones *zones;
};

/* --- names -------------------------------------------------------------------------------- */

/* One name or several with dots between. */
static bool is_qualified(struct slice name) {
	if (name.len > NAME_BYTES_MAX / 2) return false;
	while (cel_lex_is_name(slice_cut(&name, '.')))
		if (!name.ptr) return true;
	return false;
}

static enum err declare(struct cel_env *e, struct cel_name declared) {
	if (map_get(&e->names, declared.full)) return ERR_EXISTS;
	struct cel_name *kept = arena_alloc(&e->arena, sizeof *kept);
	if (!kept) return ERR_NO_MEMORY;
	*kept = declared;
	kept->full = arena_copy(&e->arena, declared.full);
	if (!kept->full.ptr) return ERR_NO_MEMORY;
	if (!declared.constant) e->slots[declared.slot] = kept;
	return map_put(&e->names, kept->full, kept);
}

enum err cel_env_variable(struct cel_env *e, struct slice name, const struct cel_type *type,
                          int *slot) {
	if (!is_qualified(name)) return ERR_INVALID;
	if (e->slot_count == CEL_SLOTS_MAX) return ERR_TOO_MANY;
	struct cel_name declared = {
		.full = name,
		.type = cel_type_copy(&e->arena, type),
		.slot = e->slot_count,
	};
	if (!declared.type) return ERR_NO_MEMORY;
	enum err err = declare(e, declared);
	if (err) return err;
	if (slot) *slot = e->slot_count;
	e->slot_count++;
	return ERR_OK;
}

enum err cel_env_variable_text(struct cel_env *e, const char *name, const char *type, int *slot) {
	const struct cel_type *parsed;
	enum err err = cel_type_parse(&e->arena, slice_str(type), &parsed);
	return err ? err : cel_env_variable(e, slice_str(name), parsed, slot);
}

static enum err add_constant(struct cel_env *e, struct slice name, const struct cel_type *type,
                             struct cel_value value) {
	struct cel_value *kept = arena_alloc(&e->arena, sizeof *kept);
	if (!kept || !type) return ERR_NO_MEMORY;
	*kept = value;
	return declare(e,
	               (struct cel_name){.full = name, .type = type, .constant = kept, .slot = -1});
}

enum err cel_env_constant(struct cel_env *e, struct slice name, const struct cel_value *v) {
	if (!is_qualified(name)) return ERR_INVALID;
	return add_constant(e, name, cel_type_of(v), *v);
}

/* --- functions ---------------------------------------------------------------------------- */

static struct cel_group *group_of(struct cel_env *e, const char *function) {
	struct slice name = slice_str(function);
	struct cel_group *g = map_get(&e->functions, name);
	if (g) return g;
	g = arena_alloc(&e->arena, sizeof *g);
	if (!g) return NULL;
	g->function = name;
	return map_put(&e->functions, name, g) ? NULL : g;
}

static bool group_grow(struct cel_env *e, struct cel_group *g) {
	uint32_t room = g->room ? g->room * 2 : 4;
	const struct cel_overload **overloads = arena_alloc(&e->arena, room * sizeof *overloads);
	struct cel_signature *signatures = arena_alloc(&e->arena, room * sizeof *signatures);
	if (!overloads || !signatures) return false;
	for (uint32_t i = 0; i < g->count; i++) {
		overloads[i] = g->overloads[i];
		signatures[i] = g->signatures[i];
	}
	g->overloads = overloads;
	g->signatures = signatures;
	g->room = room;
	return true;
}

static enum err add_overload(struct cel_env *e, const struct cel_overload *o) {
	struct cel_group *g = group_of(e, o->function);
	if (!g || (g->count == g->room && !group_grow(e, g))) return ERR_NO_MEMORY;
	enum err err = cel_signature_parse(&e->arena, o->signature, &g->signatures[g->count]);
	if (!err) g->overloads[g->count++] = o;
	return err;
}

enum err cel_env_library(struct cel_env *e, const struct cel_library *l) {
	enum err err = ERR_OK;
	for (int i = 0; i < l->count && !err; i++) err = add_overload(e, &l->overloads[i]);
	return err;
}

/* --- the whole ---------------------------------------------------------------------------- */

/* Never called, since they do not evaluate all they are given: here for their signatures. */
static const struct cel_overload logic[] = {
	{.id = "logical_and", .function = "_&&_", .signature = "(bool, bool) -> bool"},
	{.id = "logical_or", .function = "_||_", .signature = "(bool, bool) -> bool"},
	{.id = "conditional", .function = "_?_:_", .signature = "(bool, A, A) -> A"},
	{.id = "not_strictly_false",
         .function = "@not_strictly_false",
         .signature = "(bool) -> bool"},
};

/* The types are values too: type(x) == list. */
static enum err add_types(struct cel_env *e) {
	static const struct {
		const char *name;
		const struct cel_type *type;
	} types[] = {
		{"bool", &cel_type_bool},
		{"bytes", &cel_type_bytes},
		{"double", &cel_type_double},
		{"google.protobuf.Duration", &cel_type_duration},
		{"google.protobuf.Timestamp", &cel_type_timestamp},
		{"int", &cel_type_int},
		{"list", &cel_type_list_dyn},
		{"map", &cel_type_map_dyn},
		{"net.CIDR", &cel_type_cidr},
		{"net.IP", &cel_type_ip},
		{"null_type", &cel_type_null},
		{"optional_type", &cel_type_optional_dyn},
		{"string", &cel_type_string},
		{"type", &cel_type_type},
		{"uint", &cel_type_uint},
	};
	enum err err = ERR_OK;
	for (size_t i = 0; i < sizeof types / sizeof *types && !err; i++)
		err = add_constant(e, slice_str(types[i].name),
		                   cel_type_type_of(&e->arena, types[i].type),
		                   cel_type_value(types[i].type));
	return err;
}

struct cel_env *cel_env_new(void) {
	static const uint64_t seed[2] = {0}; /* names are the embedder's: nobody attacks */
	struct cel_env *e = calloc(1, sizeof *e);
	if (!e) return NULL;
	arena_init(&e->arena, ENV_BYTES_MAX);
	map_init(&e->names, seed);
	map_init(&e->functions, seed);
	const struct cel_library own = {"logic", logic, sizeof logic / sizeof *logic};
	enum err err = add_types(e);
	if (!err) err = cel_env_library(e, &own);
	for (int i = 0; i < CEL_LIBRARIES && !err; i++) err = cel_env_library(e, cel_libraries[i]);
	ASSERT(!err || err == ERR_NO_MEMORY);
	if (!err) return e;
	cel_env_free(e);
	return NULL;
}

void cel_env_free(struct cel_env *e) {
	if (!e) return;
	map_done(&e->names);
	map_done(&e->functions);
	arena_done(&e->arena);
	free(e);
}

enum err cel_env_container(struct cel_env *e, struct slice container) {
	if (container.len && !is_qualified(container)) return ERR_INVALID;
	struct slice copy = arena_copy(&e->arena, container);
	if (container.len && !copy.ptr) return ERR_NO_MEMORY;
	e->container = copy;
	return ERR_OK;
}

void cel_env_zones(struct cel_env *e, const struct cel_zones *z) {
	e->zones = z;
}

/* --- looking up --------------------------------------------------------------------------- */

/* The container without its last part; ptr NULL after the root. */
static struct slice parent_of(struct slice container) {
	if (container.len == 0) return slice_of(NULL, 0);
	size_t len = container.len;
	while (len && container.ptr[len - 1] != '.') len--;
	return slice_of(container.ptr, len ? len - 1 : 0);
}

static void *find_in(const struct map *m, struct slice container, struct slice name) {
	char text[NAME_BYTES_MAX];
	if (name.len && name.ptr[0] == '.') return map_get(m, slice_of(name.ptr + 1, name.len - 1));
	while (container.len) {
		size_t len = container.len + 1 + name.len;
		void *found = NULL;
		if (len <= sizeof text) {
			memcpy(text, container.ptr, container.len);
			text[container.len] = '.';
			memcpy(text + container.len + 1, name.ptr, name.len);
			found = map_get(m, slice_of(text, len));
		}
		if (found) return found;
		container = parent_of(container);
	}
	return map_get(m, name);
}

const struct cel_name *cel_env_find(const struct cel_env *e, struct slice name) {
	return find_in(&e->names, e->container, name);
}

const struct cel_name *cel_env_find_full(const struct cel_env *e, struct slice full) {
	return map_get(&e->names, full);
}

const struct cel_group *cel_env_group_full(const struct cel_env *e, struct slice function) {
	return map_get(&e->functions, function);
}

const struct cel_group *cel_env_group(const struct cel_env *e, struct slice function) {
	return find_in(&e->functions, e->container, function);
}

const struct cel_signature *cel_env_signature(const struct cel_env *e,
                                              const struct cel_overload *o) {
	const struct cel_group *g = map_get(&e->functions, slice_str(o->function));
	ASSERT(g);
	uint32_t i = 0;
	while (g->overloads[i] != o) ASSERT(++i < g->count);
	return &g->signatures[i];
}

const struct cel_type *cel_env_slot_type(const struct cel_env *e, int slot) {
	ASSERT(slot >= 0 && slot < e->slot_count);
	return e->slots[slot]->type;
}

const struct cel_zones *cel_env_zones_of(const struct cel_env *e) {
	return e->zones;
}

struct slice cel_env_container_of(const struct cel_env *e) {
	return e->container;
}

bool cel_env_next_name(const struct cel_env *e, size_t *cursor, struct slice *name) {
	void *value;
	return map_next(&e->names, cursor, name, &value);
}

bool cel_env_next_function(const struct cel_env *e, size_t *cursor, struct slice *name) {
	void *value;
	return map_next(&e->functions, cursor, name, &value);
}
