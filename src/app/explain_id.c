/* A remembered decision: asks the admin port of the region that gave the id out. */
#include "app/explain_id.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
	"usage: holdfast explain --id ID [--json]\n\n"
	"Why a running region decided as it did: ID is Holdfast-Decision or X-Decision-Id of an "
	"answer.\nEach worker remembers its last (`decisions` in the node's file).\n\n" TARGET_HELP
	"      --json                as the region tells it\n\n"
	"example: holdfast explain --id 0.0.5f3a9c01.2a --dir .playground\n";

static const char *text(const json_t *object, const char *name) {
	const char *s = json_string_value(json_object_get(object, name));
	return s ? s : "";
}

static void print_outcome(const json_t *decision) {
	size_t i;
	const json_t *one;
	printf("%s", text(decision, "verdict"));
	if (*text(decision, "region")) printf(" %s", text(decision, "region"));
	json_array_foreach(json_object_get(decision, "fallbacks"), i, one)
		printf("%s%s", i ? ", " : ", else ", json_string_value(one));
	const json_t *refusal = json_object_get(decision, "refusal");
	if (refusal)
		printf(" with %lld: %s",
		       (long long)json_integer_value(json_object_get(refusal, "status")),
		       text(refusal, "reason"));
	putchar('\n');
}

static void print_request(const json_t *request) {
	const char *ip = text(json_object_get(request, "client"), "ip");
	printf("asked by %s at %s: %s%s%s (%s, %s)%s%s\n", text(request, "tenant"),
	       text(request, "region"), text(request, "method"),
	       *text(request, "method") ? " " : "", text(request, "path"),
	       json_is_true(json_object_get(request, "write")) ? "write" : "read",
	       text(request, "consistency"), *ip ? " from " : "", ip);
}

static void print(const json_t *told) {
	size_t i;
	const json_t *reason, *decision = json_object_get(told, "decision");
	print_outcome(decision);
	print_request(json_object_get(told, "request"));
	json_array_foreach(json_object_get(decision, "reasons"), i, reason)
		printf("  %s\n", text(reason, "text"));
	printf("policy %s, world %lld\n", text(told, "policy"),
	       (long long)json_integer_value(json_object_get(told, "world")));
}

/* Which endpoint to ask: an id begins with the region's index, in hexadecimal. -1: after a complaint. */
static int endpoint_of(const struct target *t, const char *id) {
	char *end;
	unsigned long region = strtoul(id, &end, 16);
	if (end == id || *end != '.' || strspn(id, "0123456789abcdef.") != strlen(id)) {
		complain("explain: %s: no id of a decision: Holdfast-Decision of an answer has one",
		         id);
		return -1;
	}
	if (t->count == 1) return 0;
	if (region < (unsigned long)t->count) return (int)region;
	complain("explain: %s: of a region that is not here: choose another --dir", id);
	return -1;
}

static int show(const struct client_answer *a, const char *id, bool as_json) {
	struct slice body = buf_slice(&a->body);
	json_t *told = json_loadb((const char *)body.ptr, body.len, 0, NULL);
	int status = EXIT_NO;
	if (a->status != 200) {
		const char *why = text(told, "detail");
		complain("explain: %s: %s", id, *why ? why : "no answer that can be read");
	} else if (as_json) {
		fwrite(body.ptr, 1, body.len, stdout);
		status = EXIT_YES;
	} else {
		print(told);
		status = EXIT_YES;
	}
	json_decref(told);
	return status;
}

static int ask(struct target *t, const char *id, bool as_json) {
	char path[160];
	int at = endpoint_of(t, id);
	if (at < 0) return EXIT_NO;
	snprintf(path, sizeof(path), "/admin/v1/decisions/%s", id);
	struct client_request r = {.method = "GET",
	                           .target = path,
	                           .first = at,
	                           .only_first = true,
	                           .repeatable = true};
	struct client_answer a;
	struct fault fault = {0};
	int status = EXIT_NO;
	if (client_send(t->client, &r, &a, &fault) != ERR_OK)
		complain("explain: %s", fault.text);
	else
		status = show(&a, id, as_json);
	client_answer_done(&a);
	return status;
}

bool explain_id_asked(int argc, char **argv) {
	for (int i = 0; i < argc; i++)
		if (strcmp(argv[i], "--id") == 0 || strncmp(argv[i], "--id=", 5) == 0) return true;
	return false;
}

int command_explain_id(int argc, char **argv) {
	struct target_options where = {0};
	const char *id = NULL, *json = NULL;
	const struct option_spec specs[] = {
		TARGET_OPTIONS(where), {"id", true, &id}, {"json", false, &json}, {0}};
	int words = options_parse(argc, argv, specs, help);
	if (words < 0) return EXIT_USAGE;
	if (words > 0 || !id) {
		complain("explain: with --id no file is read: see holdfast explain --help");
		return EXIT_USAGE;
	}
	struct target t;
	int status = EXIT_NO;
	if (target_open(&where, TARGET_ADMIN, false, 5000, &t) == ERR_OK)
		status = ask(&t, id, json != NULL);
	target_close(&t);
	return status;
}
