/* The decision inside a program of your own: reads a policy and a list of requests, says where each
 * belongs and why. It needs no server, and knows nothing of Holdfast but holdfast/decide.h.
 *
 *   embed POLICY REQUESTS    REQUESTS: lines of TENANT HERE METHOD PATH; "-": standard input
 */
#include "holdfast/decide.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { POLICY_MAX = 1 << 20, LINE_MAX_BYTES = 4096, TEXT_MAX = 8192 };

static void complain(void *arg, const char *mistake) {
	(void)arg;
	fprintf(stderr, "%s\n", mistake);
}

/* Loaded once, at start-up; then read-only, for all threads. */
static struct holdfast_policy *load(const char *path) {
	FILE *file = fopen(path, "r");
	char *text = malloc(POLICY_MAX);
	struct holdfast_policy *policy = NULL;
	if (file && text) {
		size_t bytes = fread(text, 1, POLICY_MAX, file);
		policy = holdfast_policy_load(text, bytes, path, complain, NULL);
	}
	free(text);
	if (file) fclose(file);
	return policy;
}

static void tell(const struct holdfast_policy *policy, const struct holdfast_decision *d) {
	static const char *const verdicts[] = {"here", "forward", "hold", "refuse"};
	char why[TEXT_MAX];
	printf("%s %s %d\n", verdicts[d->verdict], d->region ? d->region : "-", d->status);
	for (int i = 0; i < d->fallback_count; i++) printf("  else %s\n", d->fallbacks[i]);
	holdfast_explain(policy, d, why, sizeof why);
	for (char *line = why, *end; (end = strchr(line, '\n')); line = end + 1)
		printf("  because %.*s\n", (int)(end - line), line);
}

/* For each request: its attributes in, a decision out. Nothing is allocated. */
static int decide_all(const struct holdfast_policy *policy, struct holdfast_world *world,
                      FILE *requests) {
	char line[LINE_MAX_BYTES], tenant[64], here[64], method[16], path[2048];
	while (fgets(line, sizeof line, requests)) {
		struct holdfast_decision decision;
		struct holdfast_request request = {
			.tenant = tenant, .here = here, .method = method, .path = path};
		if (sscanf(line, "%63s %63s %15s %2047s", tenant, here, method, path) != 4) {
			fprintf(stderr, "embed: %sa line is TENANT HERE METHOD PATH\n", line);
			return 2;
		}
		if (holdfast_decide(policy, world, &request, &decision) != HOLDFAST_OK) {
			fprintf(stderr, "embed: the policy has no %s or %s\n", tenant, here);
			return 1;
		}
		tell(policy, &decision);
	}
	return 0;
}

int main(int argc, char **argv) {
	if (argc != 3) {
		fputs("usage: embed POLICY REQUESTS\n", stderr);
		return 2;
	}
	struct holdfast_policy *policy = load(argv[1]);
	struct holdfast_world *world = policy ? holdfast_world_new(policy) : NULL;
	FILE *requests = strcmp(argv[2], "-") == 0 ? stdin : fopen(argv[2], "r");
	int status = 1;
	/* A service would go on telling `world` what it learns of the regions. */
	if (world && requests) status = decide_all(policy, world, requests);
	if (requests && requests != stdin) fclose(requests);
	holdfast_world_free(world);
	holdfast_policy_free(policy);
	return status;
}
