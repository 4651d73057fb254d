/* Command line options: one small parser for all commands, so that all behave alike. */
#include "app/command.h"

#include <stdio.h>
#include <stdlib.h>

void complain(const char *format, ...) {
	va_list args;
	va_start(args, format);
	fputs("holdfast: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
}

/* Is `text` (without dashes) this option? long: by its name, else by its letter. */
static bool names(const struct option_spec *s, struct slice text, bool is_long) {
	struct slice rest = slice_str(s->name);
	struct slice name = slice_cut(&rest, '|');
	return slice_eq(text, is_long ? name : rest);
}

static const struct option_spec *find(const struct option_spec *specs, struct slice text,
                                      bool is_long) {
	for (; specs && specs->name; specs++)
		if (text.len && names(specs, text, is_long)) return specs;
	return NULL;
}

int options_parse(int argc, char **argv, const struct option_spec *specs, const char *help) {
	int words = 0;
	bool only_words = false;
	for (int i = 0; i < argc; i++) {
		char *a = argv[i];
		if (only_words || a[0] != '-' || a[1] == 0) {
			argv[words++] = a;
			continue;
		}
		if (strcmp(a, "--") == 0) {
			only_words = true;
			continue;
		}
		if (strcmp(a, "--help") == 0 || strcmp(a, "-h") == 0) {
			fputs(help, stdout);
			exit(EXIT_YES);
		}
		bool is_long = a[1] == '-';
		char *text = a + (is_long ? 2 : 1);
		char *equals = is_long ? strchr(text, '=') : NULL;
		size_t len = equals ? (size_t)(equals - text) : strlen(text);
		const struct option_spec *s = find(specs, slice_of(text, len), is_long);
		if (!s || (equals && !s->takes_value)) {
			complain("%s: unknown option: see --help", a);
			return -1;
		}
		if (!s->takes_value) {
			*s->value = "";
		} else if (equals) {
			*s->value = equals + 1;
		} else if (i + 1 < argc) {
			*s->value = argv[++i];
		} else {
			complain("%s: needs a value: see --help", a);
			return -1;
		}
	}
	return words;
}
