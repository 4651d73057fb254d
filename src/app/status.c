/* `holdfast status`: one screen that says what is wrong. Asks every region and puts their
 * answers side by side; a region that does not answer is a line, not an error. */
#include "app/view.h"

#include <jansson.h>
#include <stdio.h>

static const char help[] = "usage: holdfast status [--dir DIR | -c FILE | --endpoint HOST:PORT] "
			   "[--json]\n\n" TARGET_HELP
			   "      --json                the regions' own answers, one object\n\n"
			   "Exit status: 0 every cell has a home that serves and all copies are "
			   "there, 1 something is wrong.\n\n"
			   "example: holdfast status --dir .playground\n";

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
		printf("%-14s %-10s %-10s %.8s\n", view_text(a, "region", "?"),
		       ready ? "ready" : "NOT READY", uptime, view_text(a, "policy", ""));
	}
}

static void print_copy(json_t *r, const char *home, json_int_t last) {
	const char *region = view_text(r, "region", "?");
	bool connected = json_is_true(json_object_get(r, "connected"));
	json_int_t behind = last - json_integer_value(json_object_get(r, "durable"));
	if (strcmp(region, home) == 0) return;
	if (connected)
		printf(" %s(%lld behind, %lld ms)", region, (long long)(behind > 0 ? behind : 0),
		       (long long)json_integer_value(json_object_get(r, "lag_ms")));
	else
		printf(" %s(GONE)", region);
}

static void print_secondary(const json_t *s) {
	if (!s) return;
	printf("             secondary source %s in %s: ", view_text(s, "name", "?"),
	       view_text(s, "region", "?"));
	if (view_secondary_fine(s))
		printf("%lld behind, asked %lld ms ago\n",
		       (long long)json_integer_value(json_object_get(s, "behind")),
		       (long long)json_integer_value(json_object_get(s, "asked_ms_ago")));
	else
		printf("SILENT: it does not ask for what is new\n");
}

static void print_cell(json_t *answers, const char *name) {
	json_t *c = view_cell(answers, name), *r;
	const char *home = view_text(c, "home", "none");
	bool home_view = strcmp(view_text(c, "role", ""), "home") == 0;
	const char *held = view_text(c, "held", "");
	json_int_t quarantined = view_quarantined(answers, name);
	size_t i;
	printf("%-12s %-6s %-12s %5lld  %-9s %10lld %6lld ", name, view_text(c, "mode", "?"), home,
	       (long long)json_integer_value(json_object_get(c, "epoch")), view_state(c),
	       (long long)json_integer_value(json_object_get(c, "committed")),
	       (long long)quarantined);
	unsigned long long epoch = 0, last = 0;
	IGNORE(sscanf(view_text(c, "last", "0-0"), "%llu-%llu", &epoch, &last)); /* then 0 */
	if (home_view)
		json_array_foreach(json_object_get(c, "replicas"), i, r)
			print_copy(r, home, (json_int_t)last);
	printf("\n");
	print_secondary(view_secondary(answers, name));
	if (held[0]) printf("             HELD: %s\n", held);
}

static void print_table(const struct target *t, json_t *answers) {
	size_t i;
	json_t *c;
	print_regions(t, answers);
	if (!view_cells(answers)) {
		complain("status: no region answers: is it running?");
		return;
	}
	printf("\n%-12s %-6s %-12s %5s  %-9s %10s %6s  %s\n", "CELL", "MODE", "HOME", "EPOCH",
	       "STATE", "COMMITTED", "QUAR.", "COPIES");
	json_array_foreach(view_cells(answers), i, c)
		print_cell(answers, view_text(c, "name", "?"));
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
		json_t *answers = view_all(&t);
		fine = view_all_fine(answers);
		if (json)
			print_json(&t, answers);
		else
			print_table(&t, answers);
		json_decref(answers);
	}
	target_close(&t);
	return fine ? EXIT_YES : EXIT_NO;
}
