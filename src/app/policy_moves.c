/* Matrices for people and for machines. */
#include "app/policy_moves.h"

#include <stdio.h>

static bool row_used(const struct moves *m, int i) {
	for (int j = 0; j < m->count; j++)
		if (m->counts[i][j]) return true;
	return false;
}

static bool column_used(const struct moves *m, int j) {
	for (int i = 0; i < m->count; i++)
		if (m->counts[i][j]) return true;
	return false;
}

void moves_print(const struct moves *m) {
	printf("%-14s", "FROM \\ TO");
	for (int j = 0; j < m->count; j++)
		if (column_used(m, j)) printf(" %12.*s", SLICE_ARG(m->names[j]));
	putchar('\n');
	for (int i = 0; i < m->count; i++) {
		if (!row_used(m, i)) continue;
		printf("%-14.*s", SLICE_ARG(m->names[i]));
		for (int j = 0; j < m->count; j++) {
			if (!column_used(m, j)) continue;
			if (m->counts[i][j])
				printf(" %12llu", (unsigned long long)m->counts[i][j]);
			else
				printf(" %12s", ".");
		}
		putchar('\n');
	}
}

json_t *slice_json(struct slice s) {
	json_t *text = json_stringn((const char *)s.ptr, s.len);
	return text ? text : json_null();
}

json_t *moves_json(const struct moves *m) {
	json_t *all = json_array();
	for (int i = 0; i < m->count; i++)
		for (int j = 0; j < m->count; j++)
			if (m->counts[i][j])
				json_array_append_new(all,
				                      json_pack("{s:o,s:o,s:I}", "from",
				                                slice_json(m->names[i]), "to",
				                                slice_json(m->names[j]), "count",
				                                (json_int_t)m->counts[i][j]));
	return all;
}

void json_print(json_t *o) {
	json_dumpf(o, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(o);
}
