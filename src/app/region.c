/* `holdfast region`: what is done with a region as a whole. */
#include "app/move.h"
#include "app/place.h"

#include <stdio.h>

static const char help[] =
	"usage: holdfast region evacuate REGION [--to REGION]\n\n"
	"  evacuate  move every cell that is at home there to another of its replicas, one after "
        "the\n"
	"            other: the next in order of succession that is close behind. Copies stay. "
        "What\n"
	"            cannot be moved stays and is named; asked again, it goes on where it "
        "was\n\n" TARGET_HELP "      --to REGION           all of them there\n"
	"      --wait DURATION       for each copy to be close behind (default 10s, at most 60s)\n"
	"      --caught-up DURATION  it must have been close behind for so long (default 0)\n"
	"      --pace DURATION       rest between two cells (default 100ms)\n\n"
	"Exit status: 0 nothing is at home there any more, 1 something is.\n\n"
	"example: holdfast region evacuate us-east\n";

enum { WAIT_MAX_MS = 60000, CAUGHT_UP_MAX_MS = 24 * 3600 * 1000, PACE_MAX_MS = 3600 * 1000 };

struct evacuation {
	const char *from, *to; /* to NULL: by order of succession */
	uint64_t pace_ms;
	struct move_wish wish;
};

/* The first that the home has a connection with; it refuses those that are behind. NULL: none. */
static const char *target_of(json_t *cell, const struct evacuation *e) {
	json_t *r;
	size_t i;
	if (e->to) return e->to;
	json_array_foreach(json_object_get(cell, "replicas"), i, r) {
		const char *region = view_text(r, "region", "");
		bool connected = json_is_true(json_object_get(r, "connected"));
		if (connected && strcmp(region, e->from) != 0) return region;
	}
	return NULL;
}

static bool is_there(json_t *all, const char *name, const char *region) {
	return strcmp(view_text(view_cell(all, name), "home", ""), region) == 0;
}

static bool move_away(struct target *t, json_t *all, const char *name, struct evacuation *e) {
	struct move_outcome out;
	e->wish.cell = name;
	e->wish.to = target_of(view_cell(all, name), e);
	if (!e->wish.to) {
		complain("%s: stays at %s: no other region has a copy that can be reached: see "
		         "holdfast status",
		         name, e->from);
		return false;
	}
	if (move_make(t, &e->wish, &out) != ERR_OK) return false;
	move_print(&e->wish, &out);
	return true;
}

static int evacuate(struct target *t, struct evacuation *e) {
	json_t *all = view_all(t), *cell;
	size_t i;
	int total = 0, moved = 0, done = 0;
	if (!view_cells(all)) {
		complain("region: no region answers: is it running?");
		json_decref(all);
		return EXIT_NO;
	}
	json_array_foreach(view_cells(all), i, cell) total +=
		is_there(all, view_text(cell, "name", "?"), e->from);
	json_array_foreach(view_cells(all), i, cell) {
		const char *name = view_text(cell, "name", "?");
		if (!is_there(all, name, e->from)) continue;
		if (done++) place_wait_ms((int)e->pace_ms);
		printf("[%d/%d] ", done, total);
		fflush(stdout);
		moved += move_away(t, all, name, e);
	}
	json_decref(all);
	printf("%d of %d homes moved away from %s\n", moved, total, e->from);
	return moved == total ? EXIT_YES : EXIT_NO;
}

int command_region(int argc, char **argv) {
	struct target_options where = {0};
	const char *wait = NULL, *caught_up = NULL, *pace = NULL;
	struct evacuation e = {.pace_ms = 100, .wish = {.wait_ms = 10000}};
	const struct option_spec specs[] = {TARGET_OPTIONS(where), {"to", true, &e.to},
	                                    {"wait", true, &wait}, {"caught-up", true, &caught_up},
	                                    {"pace", true, &pace}, {0}};
	int words = options_parse(argc, argv, specs, help);
	if (words < 0) return EXIT_USAGE;
	if (words != 2 || strcmp(argv[0], "evacuate") != 0) {
		complain("region: must be evacuate REGION: see holdfast region --help");
		return EXIT_USAGE;
	}
	e.from = argv[1];
	if (move_duration("--wait", wait, WAIT_MAX_MS, &e.wish.wait_ms) != ERR_OK ||
	    move_duration("--caught-up", caught_up, CAUGHT_UP_MAX_MS, &e.wish.caught_up_ms) !=
	            ERR_OK ||
	    move_duration("--pace", pace, PACE_MAX_MS, &e.pace_ms) != ERR_OK)
		return EXIT_USAGE;
	struct target t;
	int status = EXIT_NO;
	if (target_open(&where, TARGET_ADMIN, false, 0, &t) == ERR_OK) {
		if (!where.endpoint && view_region(&t, e.from) < 0)
			complain("region: %s: no such region: see holdfast status", e.from);
		else if (e.to && strcmp(e.to, e.from) == 0)
			complain("region: --to %s: that is the region to leave: choose another",
			         e.to);
		else
			status = evacuate(&t, &e);
	}
	target_close(&t);
	return status;
}
