/* `holdfast`: finds the command and runs it. */
#include "app/command.h"

#include <signal.h>
#include <stdio.h>

static const struct command {
	const char *name, *summary;
	int (*run)(int argc, char **argv);
} commands[] = {
	{"serve", "run this region's node", command_serve},
	{"check", "check configuration and policy files, open nothing", command_check},
	{"playground", "four regions on this machine", command_playground},
	{"status", "regions, cells, homes, copies and lag", command_status},
	{"decide", "which region a request belongs to, under a policy", command_decide},
	{"explain", "the same, and for each region why or why not", command_explain},
	{"policy", "test, compare, prove and replay a policy", command_policy},
	{"data", "get, put, delete and scan keys", command_data},
	{"cell", "homes of cells, planned moves, failback", command_cell},
	{"region", "move all homes away from a region", command_region},
	{"drill", "kill, pause or restore a region of a playground", command_drill},
	{"quarantine", "list and export what a failover could not keep", command_quarantine},
};
enum { COMMAND_COUNT = sizeof(commands) / sizeof(commands[0]) };

static void print_usage(FILE *out) {
	fputs("Holdfast " HOLDFAST_VERSION
	      ": keeps every customer's requests, data and events in the right "
	      "region,\nand keeps serving them when a region is gone.\n\n"
	      "usage: holdfast COMMAND [ARGUMENTS]\n\n",
	      out);
	for (int i = 0; i < COMMAND_COUNT; i++)
		fprintf(out, "  %-11s %s\n", commands[i].name, commands[i].summary);
	fputs("\nEvery command has --help with an example. To see it work: holdfast playground\n",
	      out);
}

int main(int argc, char **argv) {
	signal(SIGPIPE, SIG_IGN);
	if (argc < 2) {
		print_usage(stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
	    strcmp(argv[1], "help") == 0) {
		print_usage(stdout);
		return EXIT_YES;
	}
	if (strcmp(argv[1], "--version") == 0) {
		puts("holdfast " HOLDFAST_VERSION);
		return EXIT_YES;
	}
	for (int i = 0; i < COMMAND_COUNT; i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 2, argv + 2);
	complain("%s: no such command: see holdfast --help", argv[1]);
	return EXIT_USAGE;
}
