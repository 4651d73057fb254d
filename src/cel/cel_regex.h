/* Regular expressions in RE2's syntax, which CEL prescribes: matching takes time linear in the
 * text whatever the pattern. Thread-safe once made. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
	CEL_REGEX_MAX = 2000,                 /* bytes of a pattern */
	CEL_REGEX_MEMORY_BYTES = 1024 * 1024, /* program and state cache of one expression */
};

struct cel_regex;
/* NULL: not valid, too large, or no memory. */
struct cel_regex *cel_regex_new(const char *pattern, size_t len);
void cel_regex_free(struct cel_regex *r);
/* Whether it matches anywhere in the text. */
bool cel_regex_matches(const struct cel_regex *r, const char *text, size_t len);
/* Instructions of the compiled program: what a byte of text costs at worst. */
int cel_regex_size(const struct cel_regex *r);

#ifdef __cplusplus
}
#endif
