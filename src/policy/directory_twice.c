/* What was added twice: where sorted hashes are equal, the rows themselves decide. Read back
 * from the sink, for they are no longer in memory; almost never is there one to read. */
#include "policy/directory_private.h"

struct row_back {
	uint8_t bytes[ROW_BYTES_MAX];
	struct tenant tenant;
};

static enum err read_row(const struct tenant_builder *b, uint32_t row, struct row_back *out) {
	const struct tenant_sink *sink = &b->out.sink;
	uint64_t at = (uint64_t)row * ROW_UNIT;
	enum err e = sink->read_at(sink->arg, at, out->bytes, ROW_HEAD_BYTES);
	if (e) return e;
	size_t bytes = (size_t)get_u16(out->bytes + 4) * ROW_UNIT;
	if (bytes > ROW_BYTES_MAX) return ERR_CORRUPT;
	e = sink->read_at(sink->arg, at, out->bytes, bytes);
	out->tenant.row = slice_of(out->bytes, bytes);
	out->tenant.profile_index = row_profile(out->tenant.row);
	return e;
}

static bool share_name(const struct tenant *a, const struct tenant *b) {
	return slice_eq(tenant_name(a), tenant_name(b));
}

static bool share_key(const struct tenant *a, const struct tenant *b) {
	for (int i = 0; i < tenant_key_count(a); i++)
		if (tenant_has_key(b, tenant_key(a, i).ptr)) return true;
	return false;
}

/* The first two that share what `shared` looks at, in a and b; ERR_EXISTS when there are. */
static enum err find_twice(const struct tenant_builder *b, const struct entry_list *l,
                           bool (*shared)(const struct tenant *, const struct tenant *),
                           struct row_back *first, struct row_back *second) {
	for (size_t i = 1; i < l->count; i++)
		for (size_t j = i; j > 0 && l->items[j - 1].hash == l->items[i].hash; j--) {
			enum err e = read_row(b, l->items[j - 1].row, first);
			if (!e) e = read_row(b, l->items[i].row, second);
			if (e) return e;
			if (shared(&first->tenant, &second->tenant)) return ERR_EXISTS;
		}
	return ERR_OK;
}

enum err builder_find_twice(const struct tenant_builder *b, struct fault *f) {
	struct row_back first, second;
	enum err e = find_twice(b, &b->tenants, share_name, &first, &second);
	if (e == ERR_EXISTS)
		return fault_set(f, e, "tenant '" SLICE_FMT "' is there twice; expected each once",
		                 SLICE_ARG(tenant_name(&first.tenant)));
	if (!e) e = find_twice(b, &b->keys, share_key, &first, &second);
	if (e == ERR_EXISTS)
		return fault_set(f, e,
		                 "tenants '" SLICE_FMT "' and '" SLICE_FMT
		                 "' have a key in common; expected each key once",
		                 SLICE_ARG(tenant_name(&first.tenant)),
		                 SLICE_ARG(tenant_name(&second.tenant)));
	return e;
}
