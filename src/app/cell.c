/* `holdfast cell`: where cells are at home, and planned moves. */
#include "app/move.h"

#include <stdio.h>

static const char help[] =
	"usage: holdfast cell list [--json]\n"
	"       holdfast cell move CELL --to REGION\n"
	"       holdfast cell failback [CELL...]\n\n"
	"  list      every cell: its home, and how far each copy is behind\n"
	"  move      make another copy's region the home: nothing is lost, no request fails, "
        "writes\n"
	"            wait for some milliseconds\n"
	"  failback  move cells (default: all) to the first region of their replicas, if its copy "
        "has\n"
	"            been close behind for long enough. A region that came back gets its homes "
        "back\n"
	"            only by this: never by itself\n\n" TARGET_HELP
	"      --to REGION           the new home, one of the cell's replicas\n"
	"      --wait DURATION       for the copy to be close behind (default 10s, at most 60s)\n"
	"      --caught-up DURATION  it must have been close behind for so long (default 0 for "
        "move,\n"
	"                            60s for failback)\n"
	"      --json                machine-readable list\n\n"
	"Exit status: 0 every cell is where it was wished, 1 some are not.\n\n"
	"example: holdfast cell move us-1 --to us-west\n";

enum { WAIT_MAX_MS = 60000, CAUGHT_UP_MAX_MS = 24 * 3600 * 1000, FAILBACK_CAUGHT_UP_MS = 60000 };

static void print_cell(json_t *cell) {
	json_t *r;
	size_t i;
	const char *home = view_text(cell, "home", "none");
	bool seen = view_has_home(cell);
	printf("%-12s %-6s %-12s %5lld  ", view_text(cell, "name", "?"),
	       view_text(cell, "mode", "?"), seen ? home : "NO HOME",
	       (long long)json_integer_value(json_object_get(cell, "epoch")));
	json_array_foreach(json_object_get(cell, "replicas"), i, r) {
		const char *region = view_text(r, "region", "?");
		if (!seen || strcmp(region, home) == 0) continue;
		if (json_is_true(json_object_get(r, "connected")))
			printf(" %s(%lld ms, for %lld s)", region,
			       (long long)json_integer_value(json_object_get(r, "lag_ms")),
			       (long long)json_integer_value(json_object_get(r, "caught_up_ms")) /
			               1000);
		else
			printf(" %s(GONE)", region);
	}
	printf("\n");
}

static int list(struct target *t, bool as_json) {
	json_t *all = view_all(t), *cell, *out = json_array();
	size_t i;
	json_array_foreach(view_cells(all), i, cell)
		json_array_append(out, view_cell(all, view_text(cell, "name", "?")));
	int status = view_cells(all) ? EXIT_YES : EXIT_NO;
	if (as_json) {
		json_dumpf(out, stdout, JSON_INDENT(2));
		putchar('\n');
	} else if (status == EXIT_YES) {
		printf("%-12s %-6s %-12s %5s   %s\n", "CELL", "MODE", "HOME", "EPOCH",
		       "COPIES (BEHIND, CAUGHT UP)");
		json_array_foreach(out, i, cell) print_cell(cell);
	}
	if (status == EXIT_NO) complain("cell: no region answers: is it running?");
	json_decref(out);
	json_decref(all);
	return status;
}

static int move_one(struct target *t, const struct move_wish *wish) {
	struct move_outcome out;
	if (move_make(t, wish, &out) != ERR_OK) return EXIT_NO;
	move_print(wish, &out);
	return EXIT_YES;
}

static bool is_named(const char *cell, char **names, int count) {
	for (int i = 0; i < count; i++)
		if (strcmp(names[i], cell) == 0) return true;
	return count == 0;
}

static int failback(struct target *t, struct move_wish wish, char **names, int count) {
	json_t *all = view_all(t), *cell;
	size_t i;
	int status = view_cells(all) ? EXIT_YES : EXIT_NO, found = 0;
	if (status == EXIT_NO) complain("cell: no region answers: is it running?");
	json_array_foreach(view_cells(all), i, cell) {
		wish.cell = view_text(cell, "name", "?");
		if (!is_named(wish.cell, names, count)) continue;
		found++;
		json_t *replicas = json_object_get(view_cell(all, wish.cell), "replicas");
		wish.to = view_text(json_array_get(replicas, 0), "region", "");
		if (move_one(t, &wish) != EXIT_YES) status = EXIT_NO;
	}
	if (status == EXIT_YES && found < count) {
		complain("cell: some of the cells named do not exist: see holdfast cell list");
		status = EXIT_NO;
	}
	json_decref(all);
	return status;
}

/* The words after `cell`; EXIT_USAGE unless they make sense. */
static int check_words(int words, char **argv, const char *to) {
	bool is_list = words == 1 && strcmp(argv[0], "list") == 0;
	bool is_move = words == 2 && strcmp(argv[0], "move") == 0;
	bool is_failback = words >= 1 && strcmp(argv[0], "failback") == 0;
	if (is_move && !to)
		complain("cell: move: give --to REGION: see holdfast cell --help");
	else if (!is_move && to)
		complain("cell: --to is for move: see holdfast cell --help");
	else if (is_list || is_move || is_failback)
		return EXIT_YES;
	else
		complain("cell: must be list, move CELL, or failback: see holdfast cell --help");
	return EXIT_USAGE;
}

int command_cell(int argc, char **argv) {
	struct target_options where = {0};
	const char *json = NULL, *to = NULL, *wait = NULL, *caught_up = NULL;
	const struct option_spec specs[] = {
		TARGET_OPTIONS(where), {"json", false, &json},          {"to", true, &to},
		{"wait", true, &wait}, {"caught-up", true, &caught_up}, {0}};
	int words = options_parse(argc, argv, specs, help);
	if (words < 0 || check_words(words, argv, to) != EXIT_YES) return EXIT_USAGE;
	struct move_wish wish = {.cell = words == 2 ? argv[1] : "", .to = to, .wait_ms = 10000};
	if (strcmp(argv[0], "failback") == 0) wish.caught_up_ms = FAILBACK_CAUGHT_UP_MS;
	if (move_duration("--wait", wait, WAIT_MAX_MS, &wish.wait_ms) != ERR_OK ||
	    move_duration("--caught-up", caught_up, CAUGHT_UP_MAX_MS, &wish.caught_up_ms) != ERR_OK)
		return EXIT_USAGE;
	struct target t;
	int status = EXIT_NO;
	if (target_open(&where, TARGET_ADMIN, false, 0, &t) != ERR_OK)
		status = EXIT_NO;
	else if (strcmp(argv[0], "list") == 0)
		status = list(&t, json != NULL);
	else if (strcmp(argv[0], "move") == 0)
		status = move_one(&t, &wish);
	else
		status = failback(&t, wish, argv + 1, words - 1);
	target_close(&t);
	return status;
}
