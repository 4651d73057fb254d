/* Rows to JSON and back, for interfaces. */
#include "policy/tenant_print.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "policy/tenant_read.h"

enum { TEXT_MAX = 100, KEY_TEXT_BYTES = 7 + 2 * SHA256_BYTES + 1 };

static const char *consistency_of(const struct tenant_profile *t, char out[TEXT_MAX]) {
	static const char *const words[] = {
		[CONSISTENCY_STRONG] = "strong",
		[CONSISTENCY_SESSION] = "session",
		[CONSISTENCY_EVENTUAL] = "eventual",
	};
	if (t->consistency != CONSISTENCY_BOUNDED) return words[t->consistency];
	snprintf(out, TEXT_MAX, "bounded=%ums", t->bounded_ms);
	return out;
}

static json_t *regions_of(const struct policy *p, const struct tenant_profile *t) {
	json_t *list = json_array();
	for (int i = 0; i < t->preferred_count; i++)
		json_array_append_new(list, json_string(p->regions[t->preferred[i]].name));
	return list;
}

static json_t *clock_of(int minutes, const char *sign) {
	char text[TEXT_MAX];
	snprintf(text, sizeof text, "%s%02d:%02d", sign, minutes / 60, minutes % 60);
	return json_string(text);
}

/* NULL: never. */
static json_t *window_of(const struct policy_maintenance *m) {
	if (m->from == m->to) return NULL;
	json_t *o = json_object();
	json_object_set_new(o, "from", clock_of(m->from, ""));
	json_object_set_new(o, "to", clock_of(m->to, ""));
	json_object_set_new(o, "zone", clock_of(abs(m->zone), m->zone < 0 ? "-" : "+"));
	return o;
}

json_t *tenant_preferences_json(const struct policy *p, const struct tenant_profile *t) {
	char text[TEXT_MAX];
	json_t *window = window_of(&t->maintenance);
	return json_pack("{s:o, s:s, s:b, s:o}", "regions", regions_of(p, t), "consistency",
	                 consistency_of(t, text), "explicit_failover", t->explicit_failover,
	                 "maintenance", window ? window : json_null());
}

static void put_preferences(const struct policy *p, const struct tenant_profile *t, json_t *o) {
	json_t *window = window_of(&t->maintenance), *preferences = json_object();
	if (t->preferred_count) json_object_set_new(preferences, "regions", regions_of(p, t));
	if (t->explicit_failover)
		json_object_set_new(preferences, "explicit_failover", json_true());
	if (window) json_object_set_new(preferences, "maintenance", window);
	if (json_object_size(preferences)) json_object_set(o, "preferences", preferences);
	json_decref(preferences);
}

static void put_attributes(const struct tenant_row *row, json_t *o) {
	json_t *all = json_object();
	for (int i = 0; i < row->attribute_count; i++) {
		const struct tenant_attribute *a = &row->attributes[i];
		char name[TENANT_ATTRIBUTE_NAME_MAX + 1];
		snprintf(name, sizeof name, SLICE_FMT, SLICE_ARG(a->name));
		json_object_set_new(all, name,
		                    json_stringn((const char *)a->value.ptr, a->value.len));
	}
	if (row->attribute_count) json_object_set(o, "attributes", all);
	json_decref(all);
}

static void put_keys(const struct tenant_row *row, json_t *o) {
	json_t *all = json_array();
	for (int i = 0; i < row->key_count; i++) {
		char text[KEY_TEXT_BYTES] = "sha256:";
		hex_encode(slice_of(row->keys[i], SHA256_BYTES), text + 7);
		json_array_append_new(all, json_string(text));
	}
	if (row->key_count) json_object_set(o, "keys", all);
	json_decref(all);
}

json_t *tenant_row_json(const struct policy *p, const struct tenant_row *row) {
	const struct tenant_profile *t = &row->profile;
	char text[TEXT_MAX];
	json_t *o = json_object();
	json_object_set_new(o, "id", json_stringn((const char *)row->name.ptr, row->name.len));
	json_object_set_new(o, "residency", json_string(p->residencies[t->residency].name));
	json_object_set_new(o, "cell", json_string(p->cells[t->cell].name));
	if (*t->tier) json_object_set_new(o, "tier", json_string(t->tier));
	if (*t->country) json_object_set_new(o, "country", json_string(t->country));
	json_object_set_new(o, "consistency", json_string(consistency_of(t, text)));
	put_preferences(p, t, o);
	put_attributes(row, o);
	put_keys(row, o);
	return o;
}

enum err tenant_row_from_json(struct tenant_reader *r, const json_t *object, struct tenant_row *row,
                              struct fault *f) {
	struct policy_error error;
	size_t used;
	char *text = json_dumps(object, JSON_COMPACT);
	if (!text) return fault_set(f, ERR_NO_MEMORY, "no memory for a tenant");
	struct slice in = slice_str(text);
	enum err e =
		in.len > TENANT_RECORD_BYTES_MAX
			? fault_set(f, ERR_TOO_LARGE, "a tenant of %zu bytes; expected at most %d",
	                            in.len, TENANT_RECORD_BYTES_MAX)
			: tenant_reader_next(r, in, true, &used, row, &error);
	free(text);
	return e == ERR_INVALID ? fault_set(f, e, "%s", error.text) : e;
}

enum err tenant_json_merge(json_t *to, const json_t *patch) {
	const char *name;
	json_t *value;
	json_object_foreach((json_t *)(uintptr_t)patch, name, value) {
		json_t *own = json_object_get(to, name);
		if (json_is_null(value)) {
			json_object_del(to, name);
		} else if (json_is_object(value) && json_is_object(own)) {
			enum err e = tenant_json_merge(own, value);
			if (e) return e;
		} else if (json_object_set_new(to, name, json_deep_copy(value)) != 0) {
			return ERR_NO_MEMORY;
		}
	}
	return ERR_OK;
}

void tenant_row_of_policy(const struct policy_tenant *t, struct tenant_row *row) {
	tenant_row_init(row);
	row->name = slice_str(t->name);
	row->profile.residency = t->residency;
	row->profile.cell = t->cell;
	row->profile.consistency = (uint8_t)t->consistency;
	row->profile.bounded_ms = (uint32_t)t->bounded_ms;
	row->profile.explicit_failover = t->explicit_failover;
	row->profile.maintenance = t->maintenance;
	for (int i = 0; i < t->preferred_count; i++)
		row->profile.preferred[row->profile.preferred_count++] = (uint8_t)t->preferred[i];
}
