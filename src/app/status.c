/* `holdfast status`: one screen that says what is wrong. Asks every region and puts their
 * answers side by side; a region that does not answer is a line, not an error. */
#include "app/status.h"

#include <stdio.h>

static const char help[] = "usage: holdfast status [--dir DIR | -c FILE | --endpoint HOST:PORT] "
			   "[--json]\n\n" TARGET_HELP
			   "      --json                the regions' own answers, one object\n\n"
			   "Exit status: 0 every cell has a home that serves and all copies are "
			   "there, 1 something is wrong.\n\n"
			   "example: holdfast status --dir .playground\n";

static json_t *ask(struct target *t, int i) {
	struct client_request r = {
		.method = "GET", .target = "/admin/v1/status", .first = i, .only_first = true};
	struct client_answer a;
	struct fault fault;
	json_t *root = NULL;
	if (client_send(t->client, &r, &a, &fault) == ERR_OK && a.status == 200)
		root = json_loadb((const char *)buf_slice(&a.body).ptr, a.body.len, 0, NULL);
	client_answer_done(&a);
	return root ? root : json_null();
}

json_t *status_ask(struct target *t) {
	json_t *answers = json_array();
	for (int i = 0; i < t->count; i++) json_array_append_new(answers, ask(t, i));
	return answers;
}

static const char *text(const json_t *o, const char *name, const char *absent) {
	const char *s = json_string_value(json_object_get(o, name));
	return s ? s : absent;
}

static void print_regions(const struct target *t, json_t *answers) {
	printf("%-14s %-10s %-10s %s\n", "REGION", "STATE", "UPTIME", "POLICY");
	for (int i = 0; i < t->count; i++) {
		json_t *a = json_array_get(answers, (size_t)i);
		if (!json_is_object(a)) {
			printf("%-14s %-10s\n", t->names[i][0] ? t->names[i] : "?", "DOWN");
			continue;
		}
		bool ready = json_is_true(json_object_get(a, "ready"));
		char uptime[32];
		snprintf(uptime, sizeof(uptime), "%lld s",
		         (long long)json_integer_value(json_object_get(a, "uptime_ms")) / 1000);
		printf("%-14s %-10s %-10s %.8s\n", text(a, "region", "?"),
		       ready ? "ready" : "NOT READY", uptime, text(a, "policy", ""));
	}
}

/* The cell as its home sees it; else as whoever knows it at the highest epoch. */
static json_t *best_view(json_t *answers, const char *cell) {
	json_t *best = NULL, *a, *c;
	size_t i, j;
	json_int_t best_epoch = -1;
	json_array_foreach(answers, i, a) json_array_foreach(json_object_get(a, "cells"), j, c) {
		if (strcmp(text(c, "name", ""), cell) != 0) continue;
		json_int_t epoch = json_integer_value(json_object_get(c, "epoch")) * 2;
		if (strcmp(text(c, "role", ""), "home") == 0) epoch++;
		if (epoch > best_epoch) {
			best_epoch = epoch;
			best = c;
		}
	}
	return best;
}

/* UNSEEN: others say that it has a home, but that region does not answer us. */
static const char *state_name(const json_t *cell) {
	if (!json_is_true(json_object_get(cell, "active"))) return "NO HOME";
	if (strcmp(text(cell, "role", ""), "home") != 0) return "UNSEEN";
	return json_is_true(json_object_get(cell, "degraded")) ? "DEGRADED" : "active";
}

static void print_copy(json_t *r, const char *home, json_int_t last) {
	const char *region = text(r, "region", "?");
	bool connected = json_is_true(json_object_get(r, "connected"));
	json_int_t behind = last - json_integer_value(json_object_get(r, "durable"));
	if (strcmp(region, home) == 0) return;
	if (connected)
		printf(" %s(%lld behind, %lld ms)", region, (long long)(behind > 0 ? behind : 0),
		       (long long)json_integer_value(json_object_get(r, "lag_ms")));
	else
		printf(" %s(GONE)", region);
}

json_int_t status_quarantined(json_t *answers, const char *cell) {
	json_int_t records = 0;
	size_t i, j;
	json_t *a, *c;
	json_array_foreach(answers, i, a) json_array_foreach(json_object_get(a, "cells"), j, c) {
		if (strcmp(text(c, "name", ""), cell) == 0)
			records += json_integer_value(json_object_get(c, "quarantined"));
	}
	return records;
}

static void print_cell(json_t *answers, const char *name) {
	json_t *c = best_view(answers, name), *r;
	const char *home = text(c, "home", "none");
	bool home_view = strcmp(text(c, "role", ""), "home") == 0;
	const char *held = text(c, "held", "");
	json_int_t quarantined = status_quarantined(answers, name);
	size_t i;
	printf("%-12s %-6s %-12s %5lld  %-9s %10lld %6lld ", name, text(c, "mode", "?"), home,
	       (long long)json_integer_value(json_object_get(c, "epoch")), state_name(c),
	       (long long)json_integer_value(json_object_get(c, "committed")),
	       (long long)quarantined);
	unsigned long long epoch = 0, last = 0;
	IGNORE(sscanf(text(c, "last", "0-0"), "%llu-%llu", &epoch, &last)); /* then 0 */
	if (home_view)
		json_array_foreach(json_object_get(c, "replicas"), i, r)
			print_copy(r, home, (json_int_t)last);
	printf("\n");
	if (held[0]) printf("             HELD: %s\n", held);
}

/* Every region knows every cell: the first that answers lists them. NULL: none answers. */
static json_t *cells_of(json_t *answers) {
	size_t i;
	json_t *a;
	json_array_foreach(answers, i, a) if (json_is_object(a)) return json_object_get(a, "cells");
	return NULL;
}

bool status_all_fine(json_t *answers) {
	size_t i, j;
	json_t *a, *c, *r;
	json_array_foreach(answers, i,
	                   a) if (!json_is_true(json_object_get(a, "ready"))) return false;
	json_array_foreach(cells_of(answers), i, c) {
		const json_t *best = best_view(answers, text(c, "name", "?"));
		if (strcmp(state_name(best), "active") != 0) return false;
		json_array_foreach(json_object_get(best, "replicas"), j, r) {
			bool is_home = strcmp(text(r, "region", "?"), text(best, "home", "")) == 0;
			if (!is_home && !json_is_true(json_object_get(r, "connected")))
				return false;
		}
	}
	return cells_of(answers) != NULL;
}

static void print_table(const struct target *t, json_t *answers) {
	size_t i;
	json_t *c;
	print_regions(t, answers);
	if (!cells_of(answers)) {
		complain("status: no region answers: is it running?");
		return;
	}
	printf("\n%-12s %-6s %-12s %5s  %-9s %10s %6s  %s\n", "CELL", "MODE", "HOME", "EPOCH",
	       "STATE", "COMMITTED", "QUAR.", "COPIES");
	json_array_foreach(cells_of(answers), i, c) print_cell(answers, text(c, "name", "?"));
}

static void print_json(const struct target *t, json_t *answers) {
	json_t *root = json_object();
	for (int i = 0; i < t->count; i++)
		json_object_set(root, t->names[i][0] ? t->names[i] : "endpoint",
		                json_array_get(answers, (size_t)i));
	json_dumpf(root, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(root);
}

int command_status(int argc, char **argv) {
	struct target_options where = {0};
	const char *json = NULL;
	const struct option_spec specs[] = {TARGET_OPTIONS(where), {"json", false, &json}, {0}};
	int words = options_parse(argc, argv, specs, help);
	if (words != 0) {
		if (words > 0) complain("status: takes no words: see holdfast status --help");
		return EXIT_USAGE;
	}
	struct target t;
	bool fine = false;
	if (target_open(&where, TARGET_ADMIN, false, 2000, &t) == ERR_OK) {
		json_t *answers = status_ask(&t);
		fine = status_all_fine(answers);
		if (json)
			print_json(&t, answers);
		else
			print_table(&t, answers);
		json_decref(answers);
	}
	target_close(&t);
	return fine ? EXIT_YES : EXIT_NO;
}
