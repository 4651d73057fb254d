/* `holdfast quarantine`: what an old home had that no survivor had. */
#include "app/view.h"

#include <jansson.h>
#include <stdio.h>

static const char help[] =
	"usage: holdfast quarantine list [--json]\n"
	"       holdfast quarantine export REGION CELL ID\n\n"
	"  list     every item in every region\n"
	"  export   one item's changes as JSON lines on standard output\n\n" TARGET_HELP
	"      --json                machine-readable list\n\n"
	"example: holdfast quarantine export us-east global-1 e3-s120-s124 > lost.jsonl\n";

/* All items of one region, each with region and cell added. */
static void collect(struct target *t, int i, json_t *all, int *unreachable) {
	json_t *status = view_fetch(t, i, "/admin/v1/status"), *cell, *item;
	size_t j, k;
	if (!status) {
		complain("quarantine: region %s does not answer: its items are not listed",
		         t->names[i]);
		(*unreachable)++;
		return;
	}
	json_array_foreach(json_object_get(status, "cells"), j, cell) {
		char path[128];
		if (!json_object_get(cell, "role")) continue; /* no copy there */
		snprintf(path, sizeof(path), "/admin/v1/quarantine/%s",
		         json_string_value(json_object_get(cell, "name")));
		json_t *list = view_fetch(t, i, path);
		if (!list) {
			complain("quarantine: region %s: the items of cell %s cannot be read: see "
			         "its log",
			         t->names[i], json_string_value(json_object_get(cell, "name")));
			(*unreachable)++;
		}
		json_array_foreach(json_object_get(list, "items"), k, item) {
			json_object_set(item, "region", json_object_get(status, "region"));
			json_object_set(item, "cell", json_object_get(cell, "name"));
			json_array_append(all, item);
		}
		json_decref(list);
	}
	json_decref(status);
}

static int list(struct target *t, bool as_json) {
	json_t *all = json_array(), *item;
	int unreachable = 0;
	size_t i;
	for (int n = 0; n < t->count; n++) collect(t, n, all, &unreachable);
	if (as_json) {
		json_dumpf(all, stdout, JSON_INDENT(2));
		putchar('\n');
	} else if (json_array_size(all) == 0) {
		printf("nothing is in quarantine\n");
	} else {
		printf("%-12s %-12s %-28s %8s %10s  %s\n", "REGION", "CELL", "ID", "RECORDS",
		       "BYTES", "WHY");
		json_array_foreach(all, i, item)
			printf("%-12s %-12s %-28s %8lld %10lld  %s\n",
		               json_string_value(json_object_get(item, "region")),
		               json_string_value(json_object_get(item, "cell")),
		               json_string_value(json_object_get(item, "id")),
		               (long long)json_integer_value(json_object_get(item, "count")),
		               (long long)json_integer_value(json_object_get(item, "bytes")),
		               json_string_value(json_object_get(item, "why")));
	}
	json_decref(all);
	return unreachable ? EXIT_NO : EXIT_YES;
}

static int export_item(struct target *t, const char *region, const char *cell, const char *id) {
	int at = -1;
	for (int i = 0; i < t->count; i++)
		if (strcmp(t->names[i], region) == 0 || t->count == 1) at = i;
	if (at < 0) {
		complain("quarantine: %s: no such region: see holdfast status", region);
		return EXIT_NO;
	}
	char path[256];
	snprintf(path, sizeof(path), "/admin/v1/quarantine/%s/%s", cell, id);
	struct client_request r = {
		.method = "GET", .target = path, .first = at, .only_first = true};
	struct client_answer a;
	struct fault fault = {0};
	int status = EXIT_NO;
	if (client_send(t->client, &r, &a, &fault) != ERR_OK) {
		complain("quarantine: %s", fault.text);
	} else if (a.status != 200) {
		complain("quarantine: %s %s %s: it is not there or not whole (HTTP %d): see "
		         "holdfast quarantine list",
		         region, cell, id, a.status);
	} else {
		fwrite(buf_slice(&a.body).ptr, 1, a.body.len, stdout);
		status = EXIT_YES;
	}
	client_answer_done(&a);
	return status;
}

int command_quarantine(int argc, char **argv) {
	struct target_options where = {0};
	const char *json = NULL;
	const struct option_spec specs[] = {TARGET_OPTIONS(where), {"json", false, &json}, {0}};
	int words = options_parse(argc, argv, specs, help);
	if (words < 0) return EXIT_USAGE;
	bool listing = words == 1 && strcmp(argv[0], "list") == 0;
	if (!listing && !(words == 4 && strcmp(argv[0], "export") == 0)) {
		complain("quarantine: must be list, or export REGION CELL ID: see holdfast "
		         "quarantine --help");
		return EXIT_USAGE;
	}
	struct target t;
	int status = EXIT_NO;
	if (target_open(&where, TARGET_ADMIN, false, 5000, &t) == ERR_OK)
		status = listing ? list(&t, json != NULL)
		                 : export_item(&t, argv[1], argv[2], argv[3]);
	target_close(&t);
	return status;
}
