/* `holdfast decide` and `holdfast explain`: the decision on one request, from files alone. What a running
 * region decided under an id is asked of that region (explain_id.c). */
#include "app/command.h"
#include "app/config.h"
#include "app/explain.h"
#include "app/explain_id.h"

#include <stdio.h>

#define REQUEST_HELP                                                                               \
	"  REQUEST is a JSON object, - reads standard input:\n"                                    \
	"    {\"tenant\": \"acme\", \"region\": \"us-east\", \"write\": true, \"path\": "          \
	"\"/v1/x\",\n"                                                                             \
	"     \"consistency\": \"bounded=500ms\", \"client\": {\"country\": \"DE\"},\n"             \
	"     \"flags\": [\"api-version\"]}\n"                                                     \
	"      --world FILE          what is believed of regions and cells (default: all is "      \
	"well)\n"                                                                                  \
	"                            {\"regions\": {\"us-east\": {\"state\": \"down\", "           \
	"\"age_ms\": 900}}}\n"                                                                     \
	"      --json                machine-readable output\n\n"                                  \
	"Exit status: 0 a region serves it, 1 it is held or refused, or the files are wrong, 2 "   \
	"usage.\n\n"

static const char decide_help[] =
	"usage: holdfast decide POLICY REQUEST|- [--world FILE] [--json]\n\n"
	"Which region serves a request, decided here as every region would. Asks "
	"nobody.\n\n" REQUEST_HELP "example: echo '{\"tenant\":\"acme\",\"region\":\"us-west\"}' | "
	"holdfast decide policy.yaml -\n"
	"example: holdfast decide examples/policy.yaml request.json --world outage.json\n";
static const char explain_help[] =
	"usage: holdfast explain POLICY REQUEST|- [--world FILE] [--json]\n"
	"       holdfast explain --id ID [--dir DIR] [--json]\n\n"
	"Which region serves a request, and for every other why not. Asks nobody.\n\n" REQUEST_HELP
	"example: holdfast explain examples/policy.yaml request.json\n"
	"example: holdfast explain --id 0.0.5f3a9c01.2a --dir .playground\n";

struct ask {
	const char *name, *world_path;
	bool json, explained;
	struct policy *policy;
	json_t *request, *world;
	struct decide_input input;
	struct whatif whatif;
	struct decision decision;
};

static json_t *load_json(const char *path) {
	struct buf text;
	json_error_t error;
	json_t *value = NULL;
	if (config_read_file(path, &text) == ERR_OK) {
		struct slice s = buf_slice(&text);
		value = json_loadb(s.len ? (const char *)s.ptr : "", s.len, JSON_REJECT_DUPLICATES,
		                   &error);
		if (!value)
			fprintf(stderr, "%s:%d:%d: %s\n", path, error.line, error.column,
			        error.text);
	}
	buf_done(&text);
	return value;
}

static bool say_mistake(const char *path, const struct json_mistake *m) {
	complain("%s: %s%s%s", path, m->path, m->path[0] ? ": " : "", m->text);
	return false;
}

static bool load(struct ask *a, char **words) {
	struct json_mistake m = {{0}};
	if (config_load_policy(words[0], &a->policy)) return false;
	if (whatif_init(&a->whatif, a->policy)) return false;
	a->request = load_json(words[1]);
	if (a->world_path) a->world = load_json(a->world_path);
	if (!a->request || (a->world_path && !a->world)) return false;
	decide_input_init(&a->input, -1, -1);
	if (decide_input_read(a->policy, a->request, &a->input, &m))
		return say_mistake(words[1], &m);
	if (a->world && decide_world_read(a->policy, a->world, &a->whatif, &m))
		return say_mistake(a->world_path, &m);
	return true;
}

/* Into the decision's object. */
static enum err add_flags(const struct ask *a, struct buf *out) {
	const struct decide_input *in = &a->input;
	if (!in->flag_count) return ERR_OK;
	buf_truncate(out, out->len - 1);
	enum err e = buf_append_str(out, ",\"flags\":");
	if (!e)
		e = flags_json(a->policy, &a->whatif.world, &in->request, in->flags, in->flag_count,
		               out);
	return e ? e : buf_append_str(out, "}");
}

static void print_flags(const struct ask *a) {
	for (int i = 0; i < a->input.flag_count; i++) {
		const struct policy_flag *f = &a->policy->flags[a->input.flags[i]];
		struct flag_answer answer;
		flag_evaluate(a->policy, &a->whatif.world, &a->input.request, a->input.flags[i],
		              &answer);
		printf("flag %s: %s", f->name, f->variants[answer.variant].name);
		if (answer.rule >= 0)
			printf(" (%s, line %d)\n", flag_reason_name(answer.reason),
			       f->rules[answer.rule].line);
		else
			printf(" (%s)\n", flag_reason_name(answer.reason));
	}
}

static void print_json(const struct ask *a) {
	struct buf out;
	buf_init(&out, 1 << 20);
	if (decision_json(a->policy, &a->decision, a->explained, &out) || add_flags(a, &out))
		complain("%s: the decision cannot be shown: there is no memory for it", a->name);
	else
		printf(SLICE_FMT "\n", SLICE_ARG(buf_slice(&out)));
	buf_done(&out);
}

static int answer(struct ask *a) {
	whatif_decide(&a->whatif, a->policy, &a->input.request, &a->decision, NULL);
	if (a->json)
		print_json(a);
	else if (a->explained)
		explain_table(a->policy, &a->whatif.world, &a->input.request, &a->decision);
	else
		explain_verdict(a->policy, &a->decision);
	if (!a->json) print_flags(a);
	bool served = a->decision.verdict == VERDICT_HERE || a->decision.verdict == VERDICT_FORWARD;
	return served ? EXIT_YES : EXIT_NO;
}

static int run(int argc, char **argv, const char *help, const char *name, bool explained) {
	static struct ask a;
	const char *json = NULL;
	const struct option_spec specs[] = {
		{"world", true, &a.world_path}, {"json", false, &json}, {0}};
	int words = options_parse(argc, argv, specs, help);
	if (words < 0) return EXIT_USAGE;
	if (words != 2) {
		complain("%s: needs a policy and a request: see holdfast %s --help", name, name);
		return EXIT_USAGE;
	}
	a.name = name;
	a.json = json != NULL;
	a.explained = explained;
	int status = load(&a, argv) ? answer(&a) : EXIT_NO;
	json_decref(a.request);
	json_decref(a.world);
	whatif_done(&a.whatif);
	policy_free(a.policy);
	return status;
}

int command_decide(int argc, char **argv) {
	return run(argc, argv, decide_help, "decide", false);
}

int command_explain(int argc, char **argv) {
	if (explain_id_asked(argc, argv)) return command_explain_id(argc, argv);
	return run(argc, argv, explain_help, "explain", true);
}
