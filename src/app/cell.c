/* `holdfast cell`: where cells are at home, and planned moves. */
#include "app/move.h"
#include "app/place.h"

#include <stdio.h>
#include <stdlib.h>

static const char help[] =
	"usage: holdfast cell list [--json]\n"
	"       holdfast cell move CELL --to REGION\n"
	"       holdfast cell failback [CELL...]\n"
	"       holdfast cell failover CELL --accept-loss REASON\n\n"
	"  list      every cell: its home, and how far each copy is behind\n"
	"  move      make another copy's region the home: nothing is lost, no request fails, "
	"writes\n"
	"            wait for some milliseconds\n"
	"  failback  move cells (default: all) to the first region of their replicas, if its copy "
	"has\n"
	"            been close behind for long enough. A region that came back gets its homes "
	"back\n"
	"            only by this: never by itself\n"
	"  failover  for a cell that is HELD since its home died with more writes than may be "
	"lost: a\n"
	"            copy takes over all the same. Who accepted it, when and why is kept in\n"
	"            coordination and every region's log; what the old home has more is in "
	"quarantine\n"
	"            when it is back\n\n" TARGET_HELP
	"      --to REGION           the new home, one of the cell's replicas\n"
	"      --wait DURATION       for the copy to be close behind (default 10s, at most 60s)\n"
	"      --caught-up DURATION  it must have been close behind for so long (default 0 for "
	"move,\n"
	"                            60s for failback)\n"
	"      --accept-loss REASON  why, for the record\n"
	"      --as NAME             who, for the record (default: the user)\n"
	"      --for DURATION        how long this is good for (default 10m, at most 24h)\n"
	"      --json                machine-readable list\n\n"
	"Exit status: 0 every cell is where it was wished, 1 some are not.\n\n"
	"example: holdfast cell move us-1 --to us-west\n";

enum {
	WAIT_MAX_MS = 60000,
	CAUGHT_UP_MAX_MS = 24 * 3600 * 1000,
	FAILBACK_CAUGHT_UP_MS = 60000,
	FOR_MAX_MS = 24 * 3600 * 1000,
	FAILOVER_LOOKS = 100,
};

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

/* --- failover ----------------------------------------------------------------------------------- */

struct accept_wish {
	const char *cell, *reason, *by;
	uint64_t for_ms;
};

/* By a region that answers; `why` says what is wrong otherwise. */
static enum err accept_send(struct target *t, int region, const struct accept_wish *wish,
                            char why[512]) {
	char path[128];
	json_t *body = json_pack("{s:s, s:s, s:I}", "accept_loss", wish->reason, "by", wish->by,
	                         "for_ms", (json_int_t)wish->for_ms);
	char *text = body ? json_dumps(body, 0) : NULL;
	json_decref(body);
	snprintf(why, 512, "the reason or the name is no text");
	if (!text) return ERR_INVALID;
	snprintf(path, sizeof path, "/admin/v1/cells/%.64s/failover", wish->cell);
	struct http_header json = {.name = SLICE_LIT("Content-Type"),
	                           .value = SLICE_LIT("application/json")};
	struct client_request r = {.method = "POST",
	                           .target = path,
	                           .fields = &json,
	                           .field_count = 1,
	                           .body = slice_str(text),
	                           .first = region,
	                           .repeatable = true};
	struct client_answer a;
	struct fault fault = {0};
	enum err err = client_send(t->client, &r, &a, &fault);
	if (err) snprintf(why, 512, "%s", fault.text);
	if (!err && a.status != 200) {
		json_t *said =
			json_loadb((const char *)buf_slice(&a.body).ptr, a.body.len, 0, NULL);
		snprintf(why, 512, "%.500s", view_text(said, "detail", "it gave no reason"));
		json_decref(said);
		err = ERR_FORBIDDEN;
	}
	client_answer_done(&a);
	free(text);
	return err;
}

static int failover(struct target *t, const struct accept_wish *wish) {
	char why[512];
	json_t *now = view_all(t);
	int region = view_answering(now);
	json_decref(now);
	if (accept_send(t, region, wish, why) != ERR_OK) {
		complain("%s: nothing was accepted: %s", wish->cell, why);
		return EXIT_NO;
	}
	printf("%s: recorded that %s accepts the loss\n", wish->cell, wish->by);
	fflush(stdout);
	for (int tries = 0; tries < FAILOVER_LOOKS; tries++) {
		json_t *all = view_all(t), *cell = view_cell(all, wish->cell);
		bool there = view_has_home(cell);
		if (there)
			printf("%s: home is %s (epoch %lld), at most %lld records were lost\n",
			       wish->cell, view_text(cell, "home", "?"),
			       (long long)json_integer_value(json_object_get(cell, "epoch")),
			       (long long)json_integer_value(
				       json_object_get(cell, "lost_estimate")));
		json_decref(all);
		if (there) return EXIT_YES;
		place_wait_ms(100);
	}
	complain("%s: accepted, but no copy has taken over: see holdfast status", wish->cell);
	return EXIT_NO;
}

/* --- the command ---------------------------------------------------------------------------------- */

struct options {
	struct target_options where;
	const char *json, *to, *wait, *caught_up, *reason, *by, *for_text;
};

/* The words after `cell`; EXIT_USAGE unless they make sense. */
static int check_words(int words, char **argv, const struct options *o) {
	bool is_list = words == 1 && strcmp(argv[0], "list") == 0;
	bool is_move = words == 2 && strcmp(argv[0], "move") == 0;
	bool is_failover = words == 2 && strcmp(argv[0], "failover") == 0;
	bool is_failback = words >= 1 && strcmp(argv[0], "failback") == 0;
	const char *wrong = NULL;
	if (is_move != (o->to != NULL))
		wrong = "move takes --to REGION, and only move does";
	else if (is_failover != (o->reason != NULL))
		wrong = "failover takes --accept-loss REASON, and only failover does";
	else if (!is_list && !is_move && !is_failover && !is_failback)
		wrong = "must be list, move CELL, failback or failover CELL";
	if (!wrong) return EXIT_YES;
	complain("cell: %s: see holdfast cell --help", wrong);
	return EXIT_USAGE;
}

static int run(const struct options *o, int words, char **argv, struct move_wish wish,
               struct accept_wish accept) {
	struct target t;
	int status = EXIT_NO;
	if (target_open(&o->where, TARGET_ADMIN, false, 0, &t) != ERR_OK)
		status = EXIT_NO;
	else if (strcmp(argv[0], "list") == 0)
		status = list(&t, o->json != NULL);
	else if (strcmp(argv[0], "move") == 0)
		status = move_one(&t, &wish);
	else if (strcmp(argv[0], "failover") == 0)
		status = failover(&t, &accept);
	else
		status = failback(&t, wish, argv + 1, words - 1);
	target_close(&t);
	return status;
}

int command_cell(int argc, char **argv) {
	struct options o = {0};
	const struct option_spec specs[] = {TARGET_OPTIONS(o.where),
	                                    {"json", false, &o.json},
	                                    {"to", true, &o.to},
	                                    {"wait", true, &o.wait},
	                                    {"caught-up", true, &o.caught_up},
	                                    {"accept-loss", true, &o.reason},
	                                    {"as", true, &o.by},
	                                    {"for", true, &o.for_text},
	                                    {0}};
	int words = options_parse(argc, argv, specs, help);
	if (words < 0 || check_words(words, argv, &o) != EXIT_YES) return EXIT_USAGE;
	const char *cell = words == 2 ? argv[1] : "", *user = getenv("USER");
	struct move_wish wish = {.cell = cell, .to = o.to, .wait_ms = 10000};
	struct accept_wish accept = {.cell = cell, .reason = o.reason, .for_ms = 600000};
	accept.by = o.by ? o.by : user && *user ? user : "operator";
	if (strcmp(argv[0], "failback") == 0) wish.caught_up_ms = FAILBACK_CAUGHT_UP_MS;
	if (move_duration("--wait", o.wait, WAIT_MAX_MS, &wish.wait_ms) != ERR_OK ||
	    move_duration("--caught-up", o.caught_up, CAUGHT_UP_MAX_MS, &wish.caught_up_ms) !=
	            ERR_OK ||
	    move_duration("--for", o.for_text, FOR_MAX_MS, &accept.for_ms) != ERR_OK)
		return EXIT_USAGE;
	return run(&o, words, argv, wish, accept);
}
