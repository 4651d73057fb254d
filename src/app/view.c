/* Asks regions and compares their answers. */
#include "app/view.h"

/* One that hangs keeps nobody from seeing the others. */
enum { LOOK_MS = 2000, SECONDARY_SILENT_MS = 5000 };

json_t *view_fetch(struct target *t, int region, const char *path) {
	struct client_request r = {.method = "GET",
	                           .target = path,
	                           .first = region,
	                           .only_first = true,
	                           .timeout_ms = LOOK_MS};
	struct client_answer a;
	struct fault fault;
	json_t *root = NULL;
	if (client_send(t->client, &r, &a, &fault) == ERR_OK && a.status == 200)
		root = json_loadb((const char *)buf_slice(&a.body).ptr, a.body.len, 0, NULL);
	client_answer_done(&a);
	return root;
}

json_t *view_all(struct target *t) {
	json_t *all = json_array();
	for (int i = 0; i < t->count; i++) {
		json_t *answer = view_fetch(t, i, "/admin/v1/status");
		json_array_append_new(all, answer ? answer : json_null());
	}
	return all;
}

const char *view_text(const json_t *object, const char *name, const char *absent) {
	const char *s = json_string_value(json_object_get(object, name));
	return s ? s : absent;
}

json_t *view_cell(json_t *all, const char *cell) {
	json_t *best = NULL, *a, *c;
	size_t i, j;
	json_int_t best_epoch = -1;
	json_array_foreach(all, i, a) json_array_foreach(json_object_get(a, "cells"), j, c) {
		if (strcmp(view_text(c, "name", ""), cell) != 0) continue;
		json_int_t epoch = json_integer_value(json_object_get(c, "epoch")) * 2;
		if (strcmp(view_text(c, "role", ""), "home") == 0) epoch++;
		if (epoch > best_epoch) {
			best_epoch = epoch;
			best = c;
		}
	}
	return best;
}

json_t *view_cells(json_t *all) {
	size_t i;
	json_t *a;
	json_array_foreach(all, i, a) if (json_is_object(a)) return json_object_get(a, "cells");
	return NULL;
}

int view_answering(const json_t *all) {
	for (size_t i = 0; i < json_array_size(all); i++)
		if (json_is_object(json_array_get(all, i))) return (int)i;
	return -1;
}

bool view_has_home(const json_t *cell) {
	return json_is_true(json_object_get(cell, "active")) &&
	       strcmp(view_text(cell, "role", ""), "home") == 0;
}

int view_region(const struct target *t, const char *name) {
	for (int i = 0; i < t->count; i++)
		if (strcmp(t->names[i], name) == 0) return i;
	return -1;
}

const char *view_state(const json_t *cell) {
	if (!json_is_true(json_object_get(cell, "active"))) return "NO HOME";
	if (strcmp(view_text(cell, "role", ""), "home") != 0) return "UNSEEN";
	if (json_is_true(json_object_get(cell, "failsafe"))) return "FAILSAFE";
	return json_is_true(json_object_get(cell, "degraded")) ? "DEGRADED" : "active";
}

json_int_t view_quarantined(json_t *all, const char *cell) {
	json_int_t records = 0;
	size_t i, j;
	json_t *a, *c;
	json_array_foreach(all, i, a) json_array_foreach(json_object_get(a, "cells"), j, c) {
		if (strcmp(view_text(c, "name", ""), cell) == 0)
			records += json_integer_value(json_object_get(c, "quarantined"));
	}
	return records;
}

/* It asks every copy in turn: whom it asked last knows best. NULL: the cell has none. */
json_t *view_secondary(json_t *answers, const char *cell) {
	json_t *best = NULL, *a, *c, *s;
	size_t i, j;
	json_int_t least = 0;
	json_array_foreach(answers, i, a) json_array_foreach(json_object_get(a, "cells"), j, c) {
		s = json_object_get(c, "secondary");
		if (!s || strcmp(view_text(c, "name", ""), cell) != 0) continue;
		json_t *ago = json_object_get(s, "asked_ms_ago");
		if (best && (!json_is_integer(ago) || json_integer_value(ago) >= least)) continue;
		best = s;
		least = json_is_integer(ago) ? json_integer_value(ago) : INT64_MAX;
	}
	return best;
}

bool view_secondary_fine(const json_t *s) {
	json_t *ago = json_object_get(s, "asked_ms_ago");
	return json_is_integer(ago) && json_integer_value(ago) < SECONDARY_SILENT_MS;
}

/* A home that serves, and all copies are with it. */
static bool cell_fine(json_t *cell) {
	size_t i;
	json_t *r;
	if (!cell || strcmp(view_state(cell), "active") != 0) return false;
	json_array_foreach(json_object_get(cell, "replicas"), i, r) {
		bool is_home =
			strcmp(view_text(r, "region", "?"), view_text(cell, "home", "")) == 0;
		if (!is_home && !json_is_true(json_object_get(r, "connected"))) return false;
	}
	return true;
}

bool view_all_fine(json_t *all) {
	size_t i;
	json_t *a, *c;
	json_array_foreach(all, i, a) if (!json_is_true(json_object_get(a, "ready"))) return false;
	json_array_foreach(view_cells(all), i, c) {
		const char *name = view_text(c, "name", "?");
		const json_t *secondary = view_secondary(all, name);
		if (!cell_fine(view_cell(all, name))) return false;
		if (secondary && !view_secondary_fine(secondary)) return false;
	}
	return view_cells(all) != NULL;
}
