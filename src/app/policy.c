/* `holdfast policy …`: finds the part that was asked for. */
#include "app/policy.h"

#include <stdio.h>

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} parts[] = {
	{"test", policy_test},     {"diff", policy_diff},     {"prove", policy_prove},
	{"record", policy_record}, {"replay", policy_replay},
	{"activate", policy_activate}, {"rollback", policy_rollback},
	{"status", policy_status}, {"history", policy_history},
};

static const char help[] =
	"usage: holdfast policy test POLICY TESTS…\n"
	"       holdfast policy diff OLD NEW\n"
	"       holdfast policy prove POLICY\n"
	"       holdfast policy record POLICY REQUESTS RECORDING\n"
	"       holdfast policy replay RECORDING NEW\n"
	"       holdfast policy activate FILE\n"
	"       holdfast policy rollback [--to VERSION]\n"
	"       holdfast policy status | history\n\n"
	"Each has --help of its own. The first five work on files alone, and are made for a check "
	"before a\nmerge; the others speak to running regions.\n\n"
	"example: holdfast policy test examples/policy.yaml examples/policy-tests.yaml\n";

int command_policy(int argc, char **argv) {
	for (size_t i = 0; argc > 0 && i < sizeof parts / sizeof *parts; i++)
		if (strcmp(argv[0], parts[i].name) == 0) return parts[i].run(argc - 1, argv + 1);
	int words = options_parse(argc, argv, NULL, help);
	if (words == 0) complain("policy: what shall be done? see holdfast policy --help");
	if (words > 0) complain("policy: %s: no such part: see holdfast policy --help", argv[0]);
	return EXIT_USAGE;
}
