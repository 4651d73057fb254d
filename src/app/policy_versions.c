/* `holdfast policy activate|rollback|status|history`: which policy all regions serve by. */
#include "app/config.h"
#include "app/control.h"
#include "app/policy.h"
#include "app/policy_moves.h"
#include "base/buf.h"
#include "base/parse.h"

#include <stdio.h>

static const char activate_help[] =
	"usage: holdfast policy activate FILE [--by NAME] [--note TEXT] [--override REASON]\n\n"
	"Makes FILE the policy that all regions serve by, at once and without a restart: it is "
        "checked,\n"
	"judged by the `safety:` rules of the policy in force, made ready in every region that "
        "lives, and\n"
	"only then put in force. Regions that are down take it when they return.\n\n"
	"      --note TEXT           what it is for, for the history\n" CONTROL_HELP TARGET_HELP
	"\nexample: holdfast policy activate policy.yaml --note 'gold tenants prefer eu-west'\n";
static const char rollback_help[] =
	"usage: holdfast policy rollback [--to VERSION] [--by NAME] [--note TEXT]\n\n"
	"Puts the last policy with another content in force again, under a new version. It is "
        "ready in\n"
	"every region; no safety rule and no slow region bars the way back.\n\n"
	"      --to VERSION          or one that holdfast policy history lists\n"
	"      --note TEXT           what it is for, for the history\n"
	"      --by NAME             who does this, for the history (default: $USER)\n" TARGET_HELP
	"\nexample: holdfast policy rollback --note 'too many 403'\n";
static const char status_help[] =
	"usage: holdfast policy status [--json]\n\n"
	"Which policy version is active, and which one each region serves by.\n\n"
	"      --json                machine-readable output\n" TARGET_HELP
	"\nexample: holdfast policy status\n";
static const char history_help[] =
	"usage: holdfast policy history [--json]\n\n"
	"The last versions: who activated what, when, why, and against which safety rules.\n\n"
	"      --json                machine-readable output\n" TARGET_HELP
	"\nexample: holdfast policy history\n";

/* --- changing -------------------------------------------------------------------------------- */

static int say_active(json_t *answer) {
	if (!answer) return EXIT_NO;
	printf("version %lld is active\n",
	       (long long)json_integer_value(json_object_get(answer, "version")));
	const char *detail = control_text(answer, "detail", "");
	if (*detail) printf("%s\n", detail);
	json_decref(answer);
	return EXIT_YES;
}

int policy_activate(int argc, char **argv) {
	struct target_options where = {0};
	struct control_words words = {0};
	const struct option_spec specs[] = {TARGET_OPTIONS(where),
	                                    {"by", true, &words.by},
	                                    {"note", true, &words.note},
	                                    {"override", true, &words.override},
	                                    {0}};
	int count = options_parse(argc, argv, specs, activate_help);
	if (count < 0) return EXIT_USAGE;
	if (count != 1 || (words.override && !*words.override)) {
		complain(count != 1 ? "policy activate: needs one file: see holdfast policy "
		                      "activate --help"
		                    : "policy activate: --override needs a reason");
		return EXIT_USAGE;
	}
	/* Here, too: mistakes are told with the file's name, and nobody is bothered. */
	struct policy *p = NULL;
	struct buf text;
	struct target t = {0};
	int status = EXIT_NO;
	enum err e = config_read_file(argv[0], &text);
	int mistakes = 0;
	if (!e) e = policy_load(buf_slice(&text), argv[0], config_say, &mistakes, &p);
	if (!e) e = target_open(&where, TARGET_ADMIN, false, 20000, &t);
	if (!e)
		status = say_active(control_post(&t, "policy activate", "/admin/v1/policy/activate",
		                                 &words, buf_slice(&text)));
	target_close(&t);
	policy_free(p);
	buf_done(&text);
	return status;
}

int policy_rollback(int argc, char **argv) {
	struct target_options where = {0};
	struct control_words words = {0};
	uint64_t to;
	const struct option_spec specs[] = {TARGET_OPTIONS(where),
	                                    {"by", true, &words.by},
	                                    {"note", true, &words.note},
	                                    {"to", true, &words.to},
	                                    {0}};
	int count = options_parse(argc, argv, specs, rollback_help);
	if (count < 0) return EXIT_USAGE;
	if (count > 0 || (words.to && parse_u64(slice_str(words.to), UINT64_MAX, &to) != ERR_OK)) {
		complain(count > 0 ? "policy rollback: takes no words: see holdfast policy "
		                     "rollback --help"
		                   : "policy rollback: --to takes the number of a version");
		return EXIT_USAGE;
	}
	struct target t;
	int status = EXIT_NO;
	if (target_open(&where, TARGET_ADMIN, false, 20000, &t) == ERR_OK)
		status = say_active(control_post(&t, "policy rollback", "/admin/v1/policy/rollback",
		                                 &words, slice_of(NULL, 0)));
	target_close(&t);
	return status;
}

/* --- asking ------------------------------------------------------------------------------------ */

static void print_status(json_t *p) {
	json_int_t age = json_integer_value(json_object_get(p, "world_age_ms"));
	const char *source = control_text(p, "policy_source", "?");
	json_t *r;
	size_t i;
	printf("version %lld  %.16s  from %s, %lld ms ago\n\n%-14s %8s  %-16s  %s\n",
	       (long long)json_integer_value(json_object_get(p, "policy_version")),
	       control_text(p, "hash", "?"), source, (long long)age, "REGION", "VERSION", "HASH",
	       "STATE");
	json_array_foreach(json_object_get(p, "regions"), i, r) {
		bool up = json_is_true(json_object_get(r, "up"));
		const char *why = control_text(r, "why_not", "");
		printf("%-14s %8lld  %-16.16s  %s%s%s\n", control_text(r, "region", "?"),
		       (long long)json_integer_value(json_object_get(r, "version")),
		       control_text(r, "hash", "-"), up ? "up" : "DOWN",
		       *why ? "  NOT READY: " : "", why);
	}
	if (strcmp(source, "saved") == 0)
		puts("\ncoordination is silent: this is what was kept on disk");
}

static void print_history(json_t *p) {
	json_t *v;
	size_t i;
	printf("%8s  %-16s  %-20s  %-12s  %s\n", "VERSION", "HASH", "WHEN", "WHO", "NOTE");
	json_array_foreach(json_object_get(p, "history"), i, v) {
		const char *override = control_text(v, "override", "");
		printf("%8lld  %-16.16s  %-20s  %-12s  %s%s%s\n",
		       (long long)json_integer_value(json_object_get(v, "version")),
		       control_text(v, "hash", "?"), control_time(v, "time_ms").text,
		       control_text(v, "by", ""), control_text(v, "note", ""),
		       *override ? "  OVERRIDE: " : "", override);
	}
	if (i == 0) puts("nothing was activated yet: every region serves by its own policy file");
}

static int ask(int argc, char **argv, const char *what, const char *help,
               void (*print)(json_t *p)) {
	struct target_options where = {0};
	const char *json = NULL;
	const struct option_spec specs[] = {TARGET_OPTIONS(where), {"json", false, &json}, {0}};
	int count = options_parse(argc, argv, specs, help);
	if (count > 0) complain("%s: takes no words: see holdfast %s --help", what, what);
	if (count != 0) return EXIT_USAGE;
	struct target t;
	json_t *answer = NULL;
	if (target_open(&where, TARGET_ADMIN, false, 5000, &t) == ERR_OK)
		answer = control_get(&t, what, "/admin/v1/policy");
	target_close(&t);
	if (!answer) return EXIT_NO;
	if (json) {
		json_print(answer);
	} else {
		print(answer);
		json_decref(answer);
	}
	return EXIT_YES;
}

int policy_status(int argc, char **argv) {
	return ask(argc, argv, "policy status", status_help, print_status);
}
int policy_history(int argc, char **argv) {
	return ask(argc, argv, "policy history", history_help, print_history);
}
