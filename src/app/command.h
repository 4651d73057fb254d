/* The commands of the one program. Each is a row in main.c's table: a function that
 * takes its own arguments and returns the exit status: 0 success, 1 the answer is no, 2 usage.
 * Errors go to standard error as `holdfast: what: why: what to do`. */
#pragma once
#include "base/err.h"
#include "base/slice.h"

#define HOLDFAST_VERSION "0.1.0"

enum { EXIT_YES = 0, EXIT_NO = 1, EXIT_USAGE = 2 };

int command_serve(int argc, char **argv);
int command_check(int argc, char **argv);
int command_playground(int argc, char **argv);
int command_status(int argc, char **argv);
int command_data(int argc, char **argv);
int command_drill(int argc, char **argv);
int command_decide(int argc, char **argv);
int command_explain(int argc, char **argv);
int command_policy(int argc, char **argv);
int command_quarantine(int argc, char **argv);
int command_cell(int argc, char **argv);
int command_region(int argc, char **argv);

/* --- options.c: `--name VALUE`, `--name=VALUE`, `-c VALUE`, flags; the rest are words ------- */

struct option_spec {
	const char *name; /* "dir"; a one-letter alias may follow after '|': "config|c" */
	bool takes_value;
	const char **value; /* set when given (last wins); for flags to "" */
};
/* Moves words to the front of argv and returns how many there are; -1 after it has said what is
 * wrong. --help prints `help` on standard output and exits 0. */
int options_parse(int argc, char **argv, const struct option_spec *specs, const char *help);
void complain(const char *format, ...) PRINTF_LIKE(1, 2); /* "holdfast: …" on standard error */
