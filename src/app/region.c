/* `holdfast region drain|restore|list`: which regions take traffic; evacuate is region_evacuate.c's. */
#include "app/control.h"
#include "app/policy_moves.h"
#include "base/parse.h"

#include <stdio.h>

static const char help[] =
	"usage: holdfast region drain REGION [--by NAME] [--override REASON]\n"
	"       holdfast region restore REGION [--by NAME]\n"
	"       holdfast region list [--json]\n"
	"       holdfast region evacuate REGION [--to REGION]: see holdfast region evacuate --help\n\n"
	"A drained region gets no traffic of its own accord: decisions choose it last, HAProxy's\n"
	"agent-check says drain, DNS answers with others. It goes on serving whoever still comes, "
        "and the\n"
	"cells it is home of stay; so no request fails. The policy's `safety:` rules judge a "
        "drain.\n\n"
	"      --json                machine-readable output of list\n" CONTROL_HELP TARGET_HELP
	"\nexample: holdfast region drain eu-west\n";

static void print_list(json_t *answer) {
	json_t *r;
	size_t i;
	printf("%-14s %-9s %-20s  %s\n", "REGION", "STATE", "SINCE", "WHO");
	json_array_foreach(json_object_get(answer, "regions"), i, r) {
		const char *override = control_text(r, "override", "");
		printf("%-14s %-9s %-20s  %s%s%s\n", control_text(r, "region", "?"),
		       control_text(r, "state", "?"), control_time(r, "drained_ms").text,
		       control_text(r, "by", ""), *override ? "  OVERRIDE: " : "", override);
	}
}

static int list(struct target *t, bool as_json) {
	json_t *answer = control_get(t, "region list", "/admin/v1/regions");
	if (!answer) return EXIT_NO;
	if (as_json) {
		json_print(answer);
		return EXIT_YES;
	}
	print_list(answer);
	json_decref(answer);
	return EXIT_YES;
}

static int change(struct target *t, const char *verb, const char *region,
                  const struct control_words *words) {
	char path[128], what[32];
	snprintf(path, sizeof path, "/admin/v1/regions/%s/%s", region, verb);
	snprintf(what, sizeof what, "region %s", verb);
	json_t *answer = control_post(t, what, path, words, slice_of(NULL, 0));
	if (!answer) return EXIT_NO;
	json_decref(answer);
	printf("%s %s\n", region,
	       strcmp(verb, "drain") == 0 ? "takes no more traffic of its own accord"
	                                  : "takes traffic again");
	return EXIT_YES;
}

int command_region(int argc, char **argv) {
	if (argc > 0 && strcmp(argv[0], "evacuate") == 0) return region_evacuate(argc, argv);
	struct target_options where = {0};
	struct control_words words = {0};
	const char *json = NULL;
	const struct option_spec specs[] = {TARGET_OPTIONS(where),
	                                    {"by", true, &words.by},
	                                    {"override", true, &words.override},
	                                    {"json", false, &json},
	                                    {0}};
	int count = options_parse(argc, argv, specs, help);
	if (count < 0) return EXIT_USAGE;
	bool lists = count == 1 && strcmp(argv[0], "list") == 0;
	bool changes =
		count == 2 && (strcmp(argv[0], "drain") == 0 || strcmp(argv[0], "restore") == 0);
	if (!lists && (!changes || !name_valid(slice_str(argv[1]), 31))) {
		complain("region: needs drain REGION, restore REGION, evacuate REGION or list: see holdfast region "
		         "--help");
		return EXIT_USAGE;
	}
	if (words.override && !*words.override) {
		complain("region drain: --override needs a reason");
		return EXIT_USAGE;
	}
	struct target t;
	int status = EXIT_NO;
	if (target_open(&where, TARGET_ADMIN, false, 20000, &t) == ERR_OK)
		status = lists ? list(&t, json) : change(&t, argv[0], argv[1], &words);
	target_close(&t);
	return status;
}
