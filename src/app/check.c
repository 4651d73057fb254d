/* `holdfast check`: what serve would refuse, without opening anything. */
#include "app/command.h"
#include "app/config.h"

#include <stdio.h>

static const char help[] = "usage: holdfast check FILE…\n\n"
			   "Checks node files (holdfast.yaml, with the policy they name) and "
			   "policy files. Every mistake is\n"
			   "printed as file:line:column with the offending value and what was "
			   "expected. Opens no data.\n"
			   "Exit status: 0 all are right, 1 there are mistakes, 2 usage.\n\n"
			   "example: holdfast check .playground/us-east.yaml\n";

int command_check(int argc, char **argv) {
	int words = options_parse(argc, argv, NULL, help);
	if (words < 0) return EXIT_USAGE;
	if (words == 0) {
		complain("check: name at least one file: see holdfast check --help");
		return EXIT_USAGE;
	}
	int wrong = 0;
	for (int i = 0; i < words; i++) {
		if (config_check_file(argv[i]))
			wrong++;
		else
			printf("%s: right\n", argv[i]);
	}
	return wrong ? EXIT_NO : EXIT_YES;
}
